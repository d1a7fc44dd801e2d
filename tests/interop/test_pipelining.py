"""Clients that do not wait: RFC 2920, and how little of it may go wrong."""

from __future__ import annotations

import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

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
    """THREATS: command injection. In the same segment as STARTTLS: no 220 that could be taken for the way to a
    handshake, but 421 and the end; nothing of it is ever executed."""
    with Dialogue(gateway.port) as client:
        client.open()
        client.send(b"STARTTLS\r\nMAIL FROM:<evil@example.net>\r\nRCPT TO:<bob@example.org>\r\n")
        assert client.reply().startswith(b"421 4.7.0 ")
        assert client.reply() == b""
    assert gateway.record("connection")["transactions"] == 0
    assert not recorder.saw(b"MAIL")


def test_state_does_not_survive_starttls(recorder: Recorder, gateway: RunningGateway, certificate: Certificate) -> None:
    """RFC 3207 §4.2: the server forgets what it learnt in clear; a message begun in clear does not go on under TLS."""
    with Dialogue(gateway.port) as client:
        client.open()
        assert client.command(b"MAIL FROM:<ann@example.net>").startswith(b"250 ")
        assert client.command(b"RCPT TO:<bob@example.org>").startswith(b"250 ")
        assert client.command(b"STARTTLS").startswith(b"503 5.5.1")
        assert client.command(b"RSET").startswith(b"250 ")
        client.shake_hands(certificate.authority)
        # The EHLO of before counts no more, and one under TLS opens no transaction.
        assert client.command(b"MAIL FROM:<ann@example.net>").startswith(b"503 5.5.1")
        assert b"STARTTLS" not in client.command(b"EHLO " + HELO.encode())
        assert client.command(b"DATA").startswith(b"503 5.5.1")
        assert client.command(b"STARTTLS").startswith(b"503 5.5.1")
        # It is that one EHLO that was missing.
        assert client.command(b"MAIL FROM:<ann@example.net>").startswith(b"250 ")
    assert not recorder.saw(b"DATA")


GROUP = b"MAIL FROM:<ann@example.net>\r\nRCPT TO:<bob@example.org>\r\nRCPT TO:<joe@example.org>\r\nDATA\r\n"


def test_a_group_stays_a_group(run_gateway: Callable[..., RunningGateway]) -> None:
    """The backend has MAIL and its recipients together: it answers none of them before it has seen all of them."""
    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor(1) as background:
        heard = background.submit(_answer_the_whole_group, listener)
        gateway = run_gateway(f"127.0.0.1:{listener.getsockname()[1]}")
        with Dialogue(gateway.port) as client:
            client.open()
            client.send(GROUP)
            assert [client.reply()[:5] for _ in range(3)] == [b"250 M", b"250 B", b"450 J"]
            assert client.reply().startswith(b"354")
        assert heard.result(10).splitlines()[1:] == GROUP.splitlines()[1:3]


def _answer_the_whole_group(listener: socket.socket) -> bytes:
    while True:
        connection, _ = listener.accept()
        with connection, connection.makefile("rb") as lines:
            connection.settimeout(10)
            connection.sendall(b"220 backend.example\r\n")
            lines.readline()
            connection.sendall(b"250-backend.example\r\n250 PIPELINING\r\n")
            if not (group := lines.readline()).startswith(b"MAIL"):
                continue  # The gateway has only looked what is offered.
            group += lines.readline() + lines.readline()
            connection.sendall(b"250 M\r\n250 B\r\n450 J\r\n")
            lines.readline()
            return group


def test_recipients_of_a_refused_message_are_nobodys(recorder: Recorder, gateway: RunningGateway) -> None:
    """A backend that refuses MAIL and takes its recipients all the same: the next message is not theirs."""
    recorder.replies[b"MAIL"] = b"550 5.7.1 not you\r\n"
    with Dialogue(gateway.port) as client:
        client.open()
        client.send(GROUP)
        assert [int(client.reply()[:3]) for _ in range(4)] == [550, 503, 503, 503]
        recorder.replies.clear()
        client.send(b"MAIL FROM:<eve@example.net>\r\nRCPT TO:<bob@example.org>\r\nDATA\r\n")
        assert [int(client.reply()[:3]) for _ in range(3)] == [250, 250, 354]
        client.send(letter("only for one") + b".\r\n")
        assert client.reply().startswith(b"250 2.0.0 recorded")
    [delivery] = recorder.deliveries
    assert [line[:4] for line in delivery.commands[-4:]] == [b"RSET", b"MAIL", b"RCPT", b"DATA"]


def test_a_backend_without_pipelining_is_asked_one_by_one(
    recorder: Recorder, run_gateway: Callable[..., RunningGateway]
) -> None:
    """What the client may do is not what the backend can (RFC 2920 §3.1)."""
    recorder.extensions = (b"SIZE 1000000",)
    recorder.replies[b"RCPT"] = b"450 4.2.1 later\r\n"
    with Dialogue(run_gateway(recorder.address).port) as client:
        client.open()
        client.send(GROUP)
        assert [int(client.reply()[:3]) for _ in range(4)] == [250, 450, 450, 554]
