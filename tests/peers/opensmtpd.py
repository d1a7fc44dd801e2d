"""An instance of OpenSMTPD of its own, in a root folder of its own (`own_root`).

As a *server* it stands behind the gateway: no XCLIENT, no CHUNKING, refusals and deferrals at the step that an address
asks for (`REFUSALS`), and what it accepts is kept. As a *client* it sends everything it is given to `next_hop`, over
verified STARTTLS where an authority is given. As a server it does without TLS: Debian 12's build keeps keys in a way
that OpenSSL 3 does not go along with, and fails every handshake.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path

from peers import free_port, wait_until
from peers.own_root import OwnRoot
from peers.recorder import Recorder

__all__ = ["REFUSALS", "OpenSmtpd"]

REFUSALS = {"MAIL": "mail-from", "RCPT": "rcpt-to", "DATA": "data", ".": "commit"}
"""Where it can be made to refuse, and its own name of that step. A sender such as `deny-data@example.net` or
`defer-commit@example.net` is refused for good or for now at that step."""


@dataclass(slots=True)
class OpenSmtpd:
    """One running instance; a context manager."""

    next_hop: str = ""
    """`host:port` that everything goes to; empty: everything is kept, see `kept`."""
    authority: Path | None = None
    """As a client: STARTTLS is a must, with a certificate of mx1.example.org that this authority has signed."""
    source: str = "127.0.0.81"
    """The address that it sends from."""
    root: OwnRoot = field(init=False)
    port: int = 0
    _keeper: Recorder = field(default_factory=Recorder)

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"127.0.0.1:{self.port}"

    def __enter__(self) -> OpenSmtpd:
        self.root = OwnRoot("smtpd", users=["opensmtpd", "opensmtpq"])
        self.port = free_port()
        self._keeper.__enter__()
        for folder in ("var/spool/smtpd", "var/lib/opensmtpd/empty"):
            (self.root.folder / folder).mkdir(parents=True)
            (self.root.folder / folder).chmod(0o711)
        self._write_configuration()
        try:
            # In the foreground, with its log on standard error.
            self.root.start("-d", "-v")
            wait_until(self._ready, f"OpenSMTPD listens; see {self.root.folder}", within_s=20)
        except BaseException:
            self.__exit__(AssertionError)
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.root.stop(keep=kind is not None)
        self._keeper.__exit__()

    def kept(self, marker: str = "") -> list[bytes]:
        """The messages that it has accepted and handed on within that contain `marker`."""
        return [one.content for one in list(self._keeper.deliveries) if marker.encode() in one.content]

    def log(self) -> str:
        """Everything this instance has logged."""
        return self.root.output()

    def wait_for_log(self, pattern: str, *, within_s: float = 10.0) -> re.Match[str]:
        """The first place in the log that matches; fails with the whole log when there is none in time."""
        try:
            return wait_until(lambda: re.search(pattern, self.log(), re.MULTILINE), pattern, within_s=within_s)
        except AssertionError:
            raise AssertionError(f"nothing in the log matches {pattern!r}:\n{self.log()}") from None

    def _ready(self) -> bool:
        self.root.check_alive()
        return _listens(self.port)

    def _write_configuration(self) -> None:
        lines = ["smtp max-message-size 50M", "queue ttl 1h"]
        filters = []
        for step in REFUSALS.values():
            for kind, reply in {"deny": "550 5.7.1 OpenSMTPD will not", "defer": "451 4.3.2 OpenSMTPD cannot"}.items():
                name = f"{kind}-{step}"
                of = f'mail-from {{ "{name}@example.net" }}'
                lines.append(f'filter "{name}" phase {step} match {of} reject "{reply} at {step}"')
                filters.append(f'"{name}"')
        lines.append(f'filter "all" chain {{ {", ".join(filters)} }}')
        lines.append(f'listen on 127.0.0.1 port {self.port} hostname backend.example.org filter "all"')
        host, _, port = (self.next_hop or self._keeper.address).rpartition(":")
        relay = f'host "smtp://{host}:{port}"'
        if self.authority:
            self.root.write("etc/ssl/certs/ca-certificates.crt", self.authority.read_bytes())
            relay = f'host "smtp+tls://mx1.example.org:{port}" tls'
        lines.append(f'action "on" relay {relay} src {self.source} helo sender.example.net')
        lines.append('match from any for any action "on"')
        self.root.write("etc/smtpd.conf", "\n".join(lines) + "\n")
        os.chmod(self.root.folder / "etc/smtpd.conf", 0o600)


def _listens(port: int) -> bool:
    """Whether somebody listens there, seen without a connection that would stand in its log."""
    return f":{port:04X} 00000000:0000 0A " in Path("/proc/net/tcp").read_text()
