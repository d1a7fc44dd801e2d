"""An HAProxy of its own in front of the gateway: it names its clients by the PROXY protocol, and may end TLS.

Runs in the foreground as a child and is ended by its process id.
"""

from __future__ import annotations

import os
import socket
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from peers import free_port, program, unpacked, wait_until
from peers.gateway import Certificate

__all__ = ["Haproxy"]


@dataclass(slots=True)
class Haproxy:
    """One running instance; a context manager."""

    next_hop: str
    """`host:port` of the gateway."""
    send: str
    """How it introduces its clients: the words of its `server` line (`send-proxy`, `send-proxy-v2`, …)."""
    certificate: Certificate | None = None
    """With it TLS from the first octet is ended here; without, octets pass through."""
    port: int = 0
    _child: subprocess.Popen[bytes] | None = None
    _folder: tempfile.TemporaryDirectory[str] | None = None

    def __enter__(self) -> Haproxy:
        haproxy = program("haproxy")
        self.port = free_port()
        self._folder = tempfile.TemporaryDirectory(prefix="smtpgw-haproxy-")
        folder = Path(self._folder.name)
        bind = f"127.0.0.1:{self.port}"
        if self.certificate:
            both = folder / "both.pem"
            both.write_bytes(self.certificate.chain.read_bytes() + self.certificate.key.read_bytes())
            bind += f" ssl crt {both}"
        (folder / "haproxy.cfg").write_text(CONFIGURATION.format(bind=bind, next_hop=self.next_hop, send=self.send))
        # Unpacked, it has its libraries beside it.
        libraries = [str(place) for place in Path(haproxy).parents[1].glob("lib/*-linux-gnu")]
        environment = os.environ | ({"LD_LIBRARY_PATH": ":".join(libraries)} if unpacked("usr/sbin/haproxy") else {})
        log = (folder / "log").open("wb")
        with log:
            self._child = subprocess.Popen(
                [haproxy, "-db", "-f", folder / "haproxy.cfg"],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        wait_until(self._ready, "HAProxy listens")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._child:
            self._child.terminate()
            try:
                self._child.wait(timeout=10)
            except subprocess.TimeoutExpired:
                self._child.kill()
                self._child.wait()
        if self._folder:
            self._folder.cleanup()

    def _ready(self) -> bool:
        assert self._child
        assert self._folder
        assert self._child.poll() is None, (Path(self._folder.name) / "log").read_text()
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


CONFIGURATION = """\
global
    maxconn 200
defaults
    mode tcp
    timeout connect 5s
    timeout client 60s
    timeout server 60s
listen mail
    bind {bind}
    server gateway {next_hop} {send}
"""
