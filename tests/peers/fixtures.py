"""The peers as pytest fixtures: started once a session where that is safe, and only by tests that ask for them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import trustme

from peers.exim import Exim
from peers.gateway import Certificate, RunningGateway, configuration
from peers.opensmtpd import OpenSmtpd
from peers.postfix import Postfix
from peers.recorder import Recorder

__all__ = ["Disk", "certificate", "disk", "exim", "mailbox", "opensmtpd", "postfix", "recorder", "run_gateway"]

Disk = Callable[[str], Path]


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """A certificate of mx1.example.org and 127.0.0.1, signed by an authority made for this session."""
    folder = tmp_path_factory.mktemp("certificate")
    authority = trustme.CA()
    leaf = authority.issue_cert("mx1.example.org", "127.0.0.1")
    found = Certificate(folder / "chain.pem", folder / "key.pem", folder / "authority.pem")
    found.chain.write_bytes(b"".join(blob.bytes() for blob in leaf.cert_chain_pems))
    found.key.write_bytes(leaf.private_key_pem.bytes())
    found.key.chmod(0o600)
    authority.cert_pem.write_to_path(str(found.authority))
    return found


@pytest.fixture(scope="session")
def mailbox() -> Iterator[Recorder]:
    """Where the session's Postfix delivers to."""
    with Recorder() as recorder:
        yield recorder


@pytest.fixture(scope="session")
def postfix(mailbox: Recorder, certificate: Certificate) -> Iterator[Postfix]:
    """Postfix as the server we protect: XCLIENT from loopback, opportunistic TLS, everything goes to `mailbox`."""
    tls = {
        "smtpd_tls_security_level": "may",
        "smtpd_tls_cert_file": str(certificate.chain),
        "smtpd_tls_key_file": str(certificate.key),
        "smtpd_tls_loglevel": "1",
    }
    with Postfix(next_hop=mailbox.address, main=tls) as running:
        yield running


@pytest.fixture(scope="session")
def exim(certificate: Certificate) -> Iterator[Exim]:
    """Exim as the server we protect: CHUNKING, STARTTLS, everything is kept (`Exim.kept`)."""
    with Exim(certificate=(certificate.chain, certificate.key)) as running:
        yield running


@pytest.fixture(scope="session")
def opensmtpd() -> Iterator[OpenSmtpd]:
    """OpenSMTPD as the server we protect: no TLS, everything is kept (`OpenSmtpd.kept`)."""
    with OpenSmtpd() as running:
        yield running


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    """A backend of this test alone that keeps what arrives and can misbehave."""
    with Recorder() as running:
        yield running


@pytest.fixture
def run_gateway(tmp_path: Path, certificate: Certificate) -> Iterator[Callable[..., RunningGateway]]:
    """Starts gateways: `run_gateway(backend_address, xclient=…, inspectors=[…], limits={…})`; see `configuration`."""
    with ExitStack() as stack:

        def start(backend: str, /, **changes: Any) -> RunningGateway:
            folder = tmp_path / f"gateway-{len(list(tmp_path.glob('gateway-*')))}"
            folder.mkdir()
            return stack.enter_context(RunningGateway(configuration(certificate, backend, **changes), folder))

        yield start


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    """Makes file systems in memory with these options of mount(8)."""
    mounted: list[Path] = []

    def make(options: str) -> Path:
        folder = tmp_path / f"disk-{len(mounted)}"
        folder.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
        if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode:
            pytest.skip("a full disk: this user cannot mount a file system")
        mounted.append(folder)
        return folder

    yield make
    for folder in mounted:
        subprocess.run(["umount", "-l", str(folder)], check=True)
