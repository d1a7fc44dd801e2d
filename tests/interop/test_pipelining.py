"""Clients that do not wait: RFC 2920, and how little of it may go wrong."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from peers.clients import HELO, Dialogue
from peers.contents import letter, without_received
from peers.gateway import Certificate, RunningGateway
from peers.recorder import Recorder


@pytest.fixture
def gateway(recorder: Recorder, run_gateway: Callable[..., RunningGateway]) -> RunningGateway:
    """In front of a recorder, without inspectors."""
    return run_gateway(recorder.address)


@pytest.mark.parametrize("segment", [1, 7, 64, 100_000])
def test_a_whole_session_sent_at_once(
    segment: int, recorder: Recorder, gateway: RunningGateway, certificate: Certificate
) -> None:
    """Three messages in a stream of segments of any size; replies one to one and in order."""
    recorder.replies[b"VRFY"] = b"252 2.5.0 perhaps\r\n"
    with Dialogue(gateway.port) as client:
        client.open(certificate.authority)
        stream = b""
        for number in range(3):
            # RFC 2920 §3.1 has DATA last in a group; a client that sends the content without waiting for 354 takes a
            # chance, which holds as long as a recipient is accepted.
            stream += b"MAIL FROM:<ann@example.net>\r\nRCPT TO:<bob@example.org>\r\nRCPT TO:<eve@elsewhere.example>\r\n"
            stream += b"RSET\r\n" if number == 1 else b"DATA\r\n" + letter(f"number {number}") + b".\r\n"
        stream += b"NOOP\r\nQUIT\r\n"
        for at in range(0, len(stream), segment):
            client.send(stream[at : at + segment])
        codes = []
        while reply := client.reply():
            codes.append(int(reply[:3]))
    assert codes == [250, 250, 550, 354, 250, 250, 250, 550, 250, 250, 250, 550, 354, 250, 250, 221]
    assert [without_received(delivery.content) for delivery in recorder.deliveries] == [
        letter("number 0"),
        letter("number 2"),
    ]


def test_pipelined_data_without_a_recipient(recorder: Recorder, gateway: RunningGateway) -> None:
    """Never 354 without an accepted recipient (RFC 5321 §3.3)."""
    with Dialogue(gateway.port) as client:
        client.open()
        client.send(b"MAIL FROM:<ann@example.net>\r\nRCPT TO:<eve@elsewhere.example>\r\nDATA\r\nNOOP\r\n")
        codes = [int(client.reply()[:3]) for _ in range(4)]
    assert codes == [250, 550, 554, 250]
    assert not recorder.saw(b"DATA")


def test_plaintext_behind_starttls_is_refused(recorder: Recorder, gateway: RunningGateway) -> None:
    """THREATS: command injection. Nothing sent in clear behind STARTTLS is ever executed."""
    with Dialogue(gateway.port) as client:
        client.open()
        client.send(b"STARTTLS\r\nMAIL FROM:<evil@example.net>\r\nRCPT TO:<bob@example.org>\r\n")
        while reply := client.reply():
            assert not reply.startswith(b"250")
    assert not recorder.saw(b"MAIL")


def test_state_does_not_survive_starttls(recorder: Recorder, gateway: RunningGateway, certificate: Certificate) -> None:
    """RFC 3207 §4.2: the server forgets what it learnt in clear."""
    with Dialogue(gateway.port) as client:
        client.open()
        client.command(b"MAIL FROM:<ann@example.net>")
        client.command(b"RCPT TO:<bob@example.org>")
        client.starttls(certificate.authority)
        assert client.command(b"DATA").startswith(b"503 5.5.1")
        assert b"STARTTLS" not in client.command(b"EHLO " + HELO.encode())
        assert client.command(b"STARTTLS")[:3] in (b"502", b"503")
    assert not recorder.deliveries
