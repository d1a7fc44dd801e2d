"""`tls = "tunnel"` before a real Postfix: the sender sees its certificate, and it sees the sender's address."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from peers import wait_until
from peers.clients import SOURCE, Dialogue
from peers.contents import letter, without_received
from peers.gateway import Certificate, RunningGateway
from peers.postfix import Postfix
from peers.recorder import Recorder

Run = Callable[..., RunningGateway]


def start(run_gateway: Run, backend: str) -> RunningGateway:
    """A gateway without a certificate of its own."""
    listener = {"address": "127.0.0.1:0", "tls": "tunnel", "backend": "main"}
    return run_gateway(backend, xclient=True, listener=[listener], inspectors=[{"use": "inspectors:Refusing"}])


@pytest.fixture(scope="module")
def postfix(mailbox: Recorder, certificate: Certificate) -> Iterator[Postfix]:
    """One that takes XCLIENT from the gateway's address alone, and not from the sender's, which is of loopback too."""
    main = {
        "smtpd_tls_security_level": "may",
        "smtpd_tls_cert_file": str(certificate.chain),
        "smtpd_tls_key_file": str(certificate.key),
        "smtpd_authorized_xclient_hosts": "127.0.0.1",
    }
    with Postfix(next_hop=mailbox.address, main=main) as running:
        yield running


def test_a_sender_shakes_hands_with_postfix(
    postfix: Postfix, mailbox: Recorder, certificate: Certificate, run_gateway: Run
) -> None:
    gateway = start(run_gateway, postfix.address)
    message = letter("refuse me, through the tunnel")
    with Dialogue(gateway.port) as client:
        assert client.reply() == b"220 mx1.example.org ESMTP uninspected\r\n"
        # The name is verified, and only Postfix has the certificate.
        client.starttls(certificate.authority)
        # We may say to Postfix who a client is, and whoever comes through us may not.
        assert client.command(b"XCLIENT ADDR=127.0.0.1").startswith(b"5")
        client.command(b"MAIL FROM:<ann@example.net>")
        assert client.command(b"RCPT TO:<bob@example.org>").startswith(b"250 ")
        # Postfix knows that it is a stranger who asks, though we are one of its own networks.
        assert client.command(b"RCPT TO:<bob@elsewhere.example>").startswith(b"554 5.7.1 ")
        assert client.command(b"DATA").startswith(b"354 ")
        client.send(message)
        queued = re.fullmatch(rb"250 2\.0\.0 Ok: queued as (\w+)\r\n", client.command(b"."))
        assert queued
        assert client.command(b"QUIT").startswith(b"221 ")
    postfix.wait_for_log(rf"{queued[1].decode()}: client=unknown\[{re.escape(SOURCE)}\]")
    [arrived] = wait_until(lambda: [d for d in mailbox.deliveries if b"through the tunnel" in d.content], "it arrives")
    assert without_received(arrived.content) == message
    record = gateway.record("connection")
    assert (record["level"], record["end"], record["relayed"]) == ("warning", "tunnel-closed", 0)
    assert record["uninspected"]["to_backend"] > len(message)
    assert record["client_hello"]["versions"][0] == "TLSv1.3"
    assert any("tunnel" in str(notice) for notice in gateway.found("notice"))
    # In clear everything is as always.
    with Dialogue(gateway.port) as client:
        client.open()
        client.command(b"MAIL FROM:<ann@example.net>")
        client.command(b"RCPT TO:<bob@example.org>")
        client.command(b"DATA")
        client.send(letter("refuse me"))
        assert client.command(b".").startswith(b"554 5.7.1")


def test_a_server_without_tls_is_not_pretended_to_have_it(recorder: Recorder, run_gateway: Run) -> None:
    listener = {"address": "127.0.0.1:0", "tls": "tunnel", "backend": "main", "recipient_domains": ["*"]}
    gateway = run_gateway(recorder.address, listener=[listener])
    with Dialogue(gateway.port) as client:
        client.open()
        assert client.command(b"STARTTLS") == b"454 4.7.0 TLS not available, try again later\r\n"
        assert client.command(b"MAIL FROM:<ann@example.net>").startswith(b"250 ")
    assert "STARTTLS" in gateway.record("backend-failed")["error"]
