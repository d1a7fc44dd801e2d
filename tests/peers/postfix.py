"""An instance of Postfix of its own: configuration, queue and data in a temporary folder, on loopback, no DNS.

As a *server* it stands behind the gateway: it takes XCLIENT from loopback, refuses some recipients and some content
with replies that tests know, and hands everything else to a `Recorder`, so that what it accepted can be compared
octet for octet. As a *client* it sends everything it is given to one address, over STARTTLS or not at all.

The instance runs in the foreground as a child (`start-fg`) and is ended by its process id. Needs root, as Postfix
does.
"""

from __future__ import annotations

import os
import pwd
import re
import shutil
import signal
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

import pytest

from peers import free_port, program, wait_until

__all__ = [
    "DEFERRED_USER_REPLY",
    "REFUSED_RELAY_REPLY",
    "REFUSED_SUBJECT",
    "REFUSED_SUBJECT_REPLY",
    "REFUSED_USER_REPLY",
    "Postfix",
    "queued_as",
]

REFUSED_USER_REPLY = "550 5.1.1 <nobody@example.org>: Recipient address rejected: nobody of that name lives here"
"""What the server says to RCPT TO:<nobody@example.org>."""
DEFERRED_USER_REPLY = "450 4.2.1 <later@example.org>: Recipient address rejected: come back later"
"""What the server says to RCPT TO:<later@example.org>."""
REFUSED_RELAY_REPLY = "554 5.7.1 <eve@elsewhere.example>: Relay access denied"
"""What it says to RCPT TO:<eve@elsewhere.example>, unless the client is 127.0.0.1."""
REFUSED_SUBJECT = "unwelcome to the server"
REFUSED_SUBJECT_REPLY = "550 5.7.1 the server does not want this subject"
"""What the server says at the end of a message with `REFUSED_SUBJECT`."""


@dataclass(slots=True)
class Postfix:
    """One running instance; a context manager. `main` adds to or replaces settings of main.cf."""

    next_hop: str
    """`host:port` that everything goes to: the recorder behind a server, the gateway before a client."""
    main: dict[str, str] = field(default_factory=dict)
    folder: Path = Path()
    port: int = 0
    _master: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """Where its SMTP server listens."""
        return f"127.0.0.1:{self.port}"

    def __enter__(self) -> Postfix:
        postfix = program("postfix")
        if os.geteuid() != 0:
            pytest.skip("Postfix must be started by root")
        # Postfix's own users must get in, so no place below pytest's private folders.
        self.folder = Path(tempfile.mkdtemp(prefix="smtpgw-postfix-"))
        self.folder.chmod(0o755)
        self.port = free_port()
        self._write_configuration()
        with (self.folder / "start.log").open("wb") as output:
            self._master = subprocess.Popen(
                [postfix, "-c", str(self.folder / "etc"), "start-fg"],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        wait_until(self._ready, f"Postfix listens; see {self.folder}", within_s=20)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        # `start-fg` keeps a shell around the master, which would live on without it.
        os.kill(int((self.folder / "queue" / "pid" / "master.pid").read_text()), signal.SIGTERM)
        assert self._master
        self._master.wait(timeout=20)
        if kind is None:
            shutil.rmtree(self.folder, ignore_errors=True)

    def log(self) -> str:
        """Everything this instance has logged."""
        path = self.folder / "log"
        return path.read_text(errors="replace") if path.exists() else ""

    def wait_for_log(self, pattern: str, *, within_s: float = 10.0) -> re.Match[str]:
        """The first place in the log that matches; fails with the whole log when there is none in time."""
        try:
            return wait_until(lambda: re.search(pattern, self.log(), re.MULTILINE), pattern, within_s=within_s)
        except AssertionError:
            raise AssertionError(f"nothing in the log matches {pattern!r}:\n{self.log()}") from None

    def sendmail(self, message: bytes, *, sender: str, recipients: list[str]) -> None:
        """Queues a message as a local program would. Lines end in LF here."""
        command = [program("sendmail"), "-C", str(self.folder / "etc"), "-i", "-f", sender, "--", *recipients]
        subprocess.run(command, input=message, check=True, capture_output=True)

    def _ready(self) -> bool:
        assert self._master
        assert self._master.poll() is None, (self.folder / "start.log").read_text() + self.log()
        return "daemon started" in self.log()

    def _write_configuration(self) -> None:
        folder = self.folder
        for name in ("etc", "queue", "data"):
            (folder / name).mkdir()
        shutil.chown(folder / "data", pwd.getpwnam("postfix").pw_uid)
        host, _, port = self.next_hop.rpartition(":")
        settings = {
            "compatibility_level": "3.6",
            "queue_directory": f"{folder}/queue",
            "data_directory": f"{folder}/data",
            "maillog_file": f"{folder}/log",
            "maillog_file_prefixes": str(folder.parent),
            "myhostname": "backend.example.org",
            "mydestination": "",
            "local_recipient_maps": "",
            "alias_maps": "",
            "alias_database": "",
            "inet_interfaces": "127.0.0.1",
            "inet_protocols": "ipv4",
            # It trusts the gateway's own address, as servers behind a gateway do, and nobody else.
            "mynetworks": "127.0.0.1/32",
            "smtpd_relay_restrictions": "permit_mynetworks, reject_unauth_destination",
            # No DNS, no waits, no rewriting of what is not ours.
            "smtp_dns_support_level": "disabled",
            "smtpd_peername_lookup": "no",
            "local_header_rewrite_clients": "",
            "smtp_line_length_limit": "0",
            "message_size_limit": "52428800",
            "in_flow_delay": "0",
            "default_transport": f"smtp:[{host}]:{port}",
            "relay_transport": f"smtp:[{host}]:{port}",
            "relay_domains": "example.org",
            "minimal_backoff_time": "3600",
            # The gateway, and none of the clients that it speaks for.
            "smtpd_authorized_xclient_hosts": "127.0.0.1",
            "smtpd_recipient_restrictions": f"check_recipient_access texthash:{folder}/etc/recipients, permit",
            "header_checks": f"regexp:{folder}/etc/header_checks",
            # What Debian leaves off and a site should have on (THREATS: smuggling); ours must pass it.
            "smtpd_forbid_bare_newline": "yes",
            "smtpd_forbid_bare_newline_exclusions": "",
        } | self.main
        (folder / "etc" / "main.cf").write_text("".join(f"{key} = {value}\n" for key, value in settings.items()))
        (folder / "etc" / "master.cf").write_text(MASTER.replace("PORT", str(self.port)))
        access = {REFUSED_USER_REPLY: "nobody", DEFERRED_USER_REPLY: "later"}
        lines = (f"{user}@example.org {_bare(reply)}\n" for reply, user in access.items())
        (folder / "etc" / "recipients").write_text("".join(lines))
        refusal = REFUSED_SUBJECT_REPLY.removeprefix("550 ")
        (folder / "etc" / "header_checks").write_text(f"/^Subject: {REFUSED_SUBJECT}/ REJECT {refusal}\n")


def queued_as(reply: str | bytes) -> str:
    """The queue id in the reply to a message. Of one that came in chunks (BDAT) Postfix says how long it is as well."""
    text = reply.decode() if isinstance(reply, bytes) else reply
    found = re.fullmatch(r"250 2\.0\.0 Ok: (?:\d+ bytes )?queued as (\w+)", text.rstrip("\r\n"))
    assert found, reply
    return found[1]


def _bare(reply: str) -> str:
    """The reply as access(5) wants it: Postfix itself says whose address and that it was rejected."""
    return re.sub(r"<[^>]+>: Recipient address rejected: ", "", reply)


# No service is chrooted; column by column as in master(5).
MASTER = """\
127.0.0.1:PORT inet n - n - - smtpd
pickup    unix  n - n 1    1   pickup
cleanup   unix  n - n -    0   cleanup
qmgr      unix  n - n 1    1   qmgr
tlsmgr    unix  - - n 1000 1   tlsmgr
rewrite   unix  - - n -    -   trivial-rewrite
bounce    unix  - - n -    0   bounce
defer     unix  - - n -    0   bounce
trace     unix  - - n -    0   bounce
verify    unix  - - n -    1   verify
flush     unix  n - n 1000 0   flush
proxymap  unix  - - n -    -   proxymap
smtp      unix  - - n -    -   smtp
relay     unix  - - n -    -   smtp
showq     unix  n - n -    -   showq
error     unix  - - n -    -   error
retry     unix  - - n -    -   error
discard   unix  - - n -    -   discard
anvil     unix  - - n -    1   anvil
scache    unix  - - n -    1   scache
postlog   unix-dgram n - n - 1 postlogd
"""
