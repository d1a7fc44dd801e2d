"""Postfix as a sender with a certificate of its own: asked for, it shows it; not asked, it keeps it to itself."""

from __future__ import annotations

import hashlib
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import trustme
from peers import free_port
from peers.contents import letter
from peers.gateway import Certificate, RunningGateway
from peers.postfix import Postfix
from peers.recorder import Recorder

Run = Callable[..., RunningGateway]


@pytest.fixture(scope="module")
def identity(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """What the sender shows."""
    folder = tmp_path_factory.mktemp("identity")
    leaf = trustme.CA().issue_cert("sender.example.net", common_name="sender.example.net")
    made = Certificate(folder / "chain.pem", folder / "key.pem", folder / "none.pem")
    made.chain.write_bytes(leaf.cert_chain_pems[0].bytes())
    made.key.write_bytes(leaf.private_key_pem.bytes())
    return made


@pytest.fixture(scope="module")
def port() -> int:
    """Where the gateway of each test listens: Postfix takes long to start, and is told once."""
    return free_port()


@pytest.fixture(scope="module")
def sender(identity: Certificate, certificate: Certificate, port: int) -> Iterator[Postfix]:
    """A Postfix that insists on TLS with the gateway and has a certificate for it."""
    main = {
        "smtp_tls_security_level": "secure",
        "smtp_tls_secure_cert_match": "mx1.example.org",
        "smtp_tls_CAfile": str(certificate.authority),
        "smtp_tls_cert_file": str(identity.chain),
        "smtp_tls_key_file": str(identity.key),
        "smtpd_recipient_restrictions": "permit",
        "header_checks": "",
    }
    with Postfix(next_hop=f"127.0.0.1:{port}", main=main) as running:
        yield running


@pytest.mark.parametrize(("asks", "shown"), [("off", False), ("request", True), ("require", True)])
def test_it_shows_what_it_is_asked_for(
    sender: Postfix, identity: Certificate, port: int, certificate: Certificate, recorder: Recorder, run_gateway: Run,
    asks: str, shown: bool,
) -> None:  # fmt: skip
    listener = {"address": f"127.0.0.1:{port}", "backend": "main", "recipient_domains": ["example.org"],
                "certificates": [certificate.as_settings()], "client_certificate": asks}  # fmt: skip
    gateway = run_gateway(recorder.address, listener=[listener])
    message = letter(f"asked by {asks}").replace(b"\r\n", b"\n")
    sender.sendmail(message, sender="ann@example.net", recipients=["bob@example.org"])
    facts = gateway.record("transaction", outcome="relayed", within_s=30)["tls_facts"]
    assert facts["version"] == "TLSv1.3"
    assert ("client_certificate" in facts) == shown
    if shown:
        found = facts["client_certificate"]
        assert found["sha256"] == sha256(identity.chain)
        assert "sender.example.net" in found["subject"]
        assert (found["expired"], found["self_signed"], found["verified"]) == (False, False, False)
    trace = recorder.deliveries[0].content.partition(b"\r\n\r\n")[0]
    assert (b"client certificate " + sha256(identity.chain).encode() in trace) == shown


def sha256(pem: Path) -> str:
    """Of the certificate in a file."""
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem.read_text())).hexdigest()
