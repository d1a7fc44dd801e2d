"""An instance of Exim of its own, in a root folder of its own (`own_root`).

As a *server* it stands behind the gateway: it offers CHUNKING, knows no XCLIENT, refuses or defers at the step that an
address or a subject asks for (`REFUSALS`), and keeps everything else as files, or hands it on to `next_hop`. As a
*client* it sends everything it is given to `next_hop`, over verified STARTTLS where an authority is given. Its queue
runs every second, and what could not be sent is tried again each time.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path

from peers import free_port, wait_until
from peers.own_root import OwnRoot

__all__ = ["REFUSALS", "Exim"]

USER = "Debian-exim"
"""The user that Debian's build of Exim looks up."""

REFUSALS = {"MAIL": "mail", "RCPT": "rcpt", "DATA": "predata", ".": "data"}
"""Where it can be made to refuse, and its own name of that step. A sender such as `deny-mail@example.net` or
`defer-data@example.net` is refused for good or for now at that step."""


@dataclass(slots=True)
class Exim:
    """One running instance; a context manager. `main` are further lines of the main part of the configuration."""

    next_hop: str = ""
    """`host:port` that everything goes to; empty: everything is kept, see `kept`."""
    authority: Path | None = None
    """As a client: STARTTLS is a must, with a certificate of mx1.example.org that this authority has signed."""
    certificate: tuple[Path, Path] | None = None
    """As a server: STARTTLS is offered, with this chain and key."""
    main: str = ""
    source: str = "127.0.0.80"
    """The address that it sends from."""
    root: OwnRoot = field(init=False)
    port: int = 0

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"127.0.0.1:{self.port}"

    def __enter__(self) -> Exim:
        self.root = OwnRoot("exim4", users=[USER])
        self.port = free_port()
        for folder in ("var/spool/exim4", "var/log/exim4", "run/exim4", "mail"):
            (self.root.folder / folder).mkdir(parents=True)
            _give(self.root.folder / folder, self.root.uid(USER))
        self._write_configuration()
        try:
            self.root.start("-bdf", "-q1s", "-oX", str(self.port))
            wait_until(self._ready, f"Exim listens; see {self.root.folder}", within_s=20)
        except BaseException:
            self.root.stop(keep=True)
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.root.stop(keep=kind is not None)

    def kept(self, marker: str = "") -> list[bytes]:
        """The messages it has accepted that contain `marker`, as they came: with CRLF, a Received field on top."""
        # A file is complete when the log says so; ids sort by time.
        done = sorted(re.findall(r" (\S+) Completed$", self.log(), re.MULTILINE))
        contents = [(self.root.folder / "mail" / f"{id}.eml").read_bytes() for id in done]
        return [content for content in contents if marker.encode() in content]

    def queued(self) -> list[str]:
        """The ids of messages that wait in its queue."""
        return [path.name[:-2] for path in (self.root.folder / "var/spool/exim4/input").rglob("*-H")]

    def log(self) -> str:
        """Its main log."""
        return self.root.read("var/log/exim4/mainlog")

    def wait_for_log(self, pattern: str, *, within_s: float = 10.0) -> re.Match[str]:
        """The first place in the log that matches; fails with the whole log when there is none in time."""
        try:
            return wait_until(lambda: re.search(pattern, self.log(), re.MULTILINE), pattern, within_s=within_s)
        except AssertionError:
            panic = self.root.read("var/log/exim4/paniclog") + self.root.output()
            raise AssertionError(f"nothing in the log matches {pattern!r}:\n{self.log()}{panic}") from None

    def _ready(self) -> bool:
        self.root.check_alive()
        return "listening for SMTP" in self.log()

    def _write_configuration(self) -> None:
        tls = ["tls_advertise_hosts ="]
        if self.certificate:
            for path, name in zip(self.certificate, ("chain", "key"), strict=True):
                self.root.write(f"etc/exim4/{name}.pem", path.read_bytes())
            tls = ["tls_advertise_hosts = *", *(f"tls_{n} = /etc/exim4/{f}.pem" for n, f in CERTIFICATE.items())]
        host, _, port = self.next_hop.rpartition(":")
        name, require = host, ""
        if self.authority:
            self.root.write("etc/exim4/authority.pem", self.authority.read_bytes())
            name, require = "mx1.example.org", TLS_AS_CLIENT
        router = "driver = accept\n  transport = keep"
        if self.next_hop:
            router = f"driver = manualroute\n  route_list = * {name}::{port} byname\n  transport = out\n  self = send"
        values = {
            "MAIN": "\n".join([*tls, self.main]),
            "ACCESS": "\n".join(map(_access_list, REFUSALS.values())),
            "ROUTER": router,
            "SOURCE": self.source,
            "REQUIRE": require,
        }
        text = CONFIGURATION
        for key, value in values.items():
            text = text.replace(f"@{key}@", value)
        self.root.write("etc/exim4/exim4.conf", text)


def _give(folder: Path, user: int) -> None:
    os.chown(folder, user, user)


def _access_list(step: str) -> str:
    return f"""\
acl_{step}:
  deny senders = deny-{step}@example.net
    message = 5.7.1 Exim will not have this at {step}\\nwhatever you say
  defer senders = defer-{step}@example.net
    message = 4.3.2 Exim would rather not at {step}\\nask again
  accept
"""


CERTIFICATE = {"certificate": "chain", "privatekey": "key"}

TLS_AS_CLIENT = """\
  hosts_require_tls = *
  tls_verify_certificates = /etc/exim4/authority.pem
  tls_verify_hosts = *
  tls_verify_cert_hostnames = *
"""

CONFIGURATION = """\
primary_hostname = backend.example.org
# What is not set-uid cannot become root again for deliveries.
deliver_drop_privilege = true
local_interfaces = 127.0.0.1
disable_ipv6 = true
host_lookup =
rfc1413_query_timeout = 0s
dns_again_means_nonexist = *
qualify_domain = example.org
untrusted_set_sender = *
chunking_advertise_hosts = *
dsn_advertise_hosts = *
accept_8bitmime = true
message_size_limit = 50M
smtp_accept_max = 200
smtp_accept_max_per_connection = 10000
smtp_accept_queue_per_connection = 10000
smtp_enforce_sync = true
remote_max_parallel = 10
log_selector = +smtp_confirmation +tls_certificate_verified +tls_sni +received_recipients +incoming_port
acl_smtp_mail = acl_mail
acl_smtp_rcpt = acl_rcpt
acl_smtp_predata = acl_predata
acl_smtp_data = acl_data
@MAIN@
begin acl
@ACCESS@
begin routers
all:
  @ROUTER@
begin transports
keep:
  driver = appendfile
  file = /mail/$message_exim_id.eml
  batch_max = 1000
  use_crlf
  message_prefix =
  message_suffix =
  check_string =
  user = Debian-exim
  mode = 0644
  no_mode_fail_narrower
out:
  driver = smtp
  interface = @SOURCE@
  helo_data = sender.example.net
  message_linelength_limit = 1M
@REQUIRE@
begin retry
* * F,1h,1s
"""
