"""How things end: a gateway that is killed, one that is told to stop, one that an inspector takes with it, clients and
backends that vanish.

Tenet 1 from outside: no 2yz at the client without the backend's, nothing complete at the backend whose end the
client did not send, and a retry is no duplicate.
"""

from __future__ import annotations

import signal
import socket
import ssl
import time
from collections.abc import Callable

import pytest
from peers import wait_until
from peers.clients import Dialogue
from peers.contents import CONTENTS, letter, without_received
from peers.gateway import Certificate, RunningGateway, streaming
from peers.recorder import Recorder

Run = Callable[..., RunningGateway]


def begin(gateway: RunningGateway, certificate: Certificate) -> Dialogue:
    """A client that has been told to go on with its content."""
    client = Dialogue(gateway.port).open(certificate.authority)
    assert client.command(b"MAIL FROM:<ann@example.net>").startswith(b"250 ")
    assert client.command(b"RCPT TO:<bob@example.org>").startswith(b"250 ")
    assert client.command(b"DATA").startswith(b"354 ")
    return client


def replies_until_end(client: Dialogue) -> list[bytes]:
    """Everything that still comes; a reset ends it like a FIN, silence does not."""
    found = []
    try:
        while reply := client.reply():
            found.append(reply)
    except (ConnectionError, ssl.SSLError):
        pass
    return found


def kill(gateway: RunningGateway) -> None:
    """What a power cut looks like to everybody else."""
    gateway.process.send_signal(signal.SIGKILL)
    gateway.process.wait(timeout=10)


@pytest.mark.parametrize("kind", ["plain", "in the spool file"])
def test_kill_in_mid_content(kind: str, recorder: Recorder, run_gateway: Run, certificate: Certificate) -> None:
    gateway = run_gateway(recorder.address, spool={"path": ".", "memory": "64 KiB"})
    with begin(gateway, certificate) as client:
        content = CONTENTS[kind]
        client.send(content[: len(content) // 2])
        time.sleep(0.2)
        kill(gateway)
        assert replies_until_end(client) == []
    wait_until(lambda: not recorder.connections, "the backend sees the connection end")
    assert not recorder.deliveries
    assert not recorder.saw(b"DATA")
    assert sorted(path.name for path in gateway.folder.iterdir()) == ["smtpgw.toml"], "the spool leaves nothing behind"


def test_kill_between_dot_and_verdict(recorder: Recorder, run_gateway: Run, certificate: Certificate) -> None:
    gateway = run_gateway(recorder.address, inspectors=[{"use": "inspectors:Hung", "timeout_s": 3600}])
    with begin(gateway, certificate) as client:
        client.send(letter("hangs") + b".\r\n")
        time.sleep(0.5)
        kill(gateway)
        assert replies_until_end(client) == []
    wait_until(lambda: not recorder.connections, "the backend sees the connection end")
    assert not recorder.deliveries
    assert not recorder.saw(b"DATA")


@pytest.mark.parametrize("relay", ["store", "stream"])
def test_an_inspector_crashes_the_process(
    relay: str, recorder: Recorder, run_gateway: Run, certificate: Certificate
) -> None:
    """All messages under way end with it and none is answered; without that inspector each is taken, once."""
    streamed = streaming(recorder.address) if relay == "stream" else {}
    gateway = run_gateway(recorder.address, inspectors=[{"use": "inspectors:Aborting"}], **streamed)
    messages = {subject: letter(subject, b"a line of a message\r\n" * 20_000) for subject in ("beside", "abort")}
    with begin(gateway, certificate) as beside, begin(gateway, certificate) as fatal:
        beside.send(messages["beside"])
        fatal.send(messages["abort"])
        if relay == "stream":
            wait_until(lambda: sum(b"DATA" in session for session in recorder.sessions) == 2, "content goes behind")
        assert gateway.process.poll() is None
        fatal.send(b".\r\n")
        assert replies_until_end(fatal) == replies_until_end(beside) == []
    assert gateway.process.wait(timeout=10) == -signal.SIGABRT
    wait_until(lambda: not recorder.connections, "the backend sees the connections end")
    assert not recorder.deliveries
    assert recorder.saw(b"DATA") == (relay == "stream")
    assert sorted(path.name for path in gateway.folder.iterdir()) == ["smtpgw.toml"], "no spool, no core"

    gateway = run_gateway(recorder.address, **streamed)
    for message in messages.values():
        with begin(gateway, certificate) as again:
            again.send(message)
            assert again.command(b".") == b"250 2.0.0 recorded\r\n"
    assert [without_received(one.content) for one in recorder.deliveries] == list(messages.values())


def test_kill_while_the_backend_thinks(recorder: Recorder, run_gateway: Run, certificate: Certificate) -> None:
    """The one moment where a copy may exist at both ends (RFC 1047): still no 2yz at the client."""
    recorder.replies[b"."] = None
    gateway = run_gateway(recorder.address)
    with begin(gateway, certificate) as client:
        client.send(letter("in doubt") + b".\r\n")
        wait_until(lambda: recorder.saw(b"DATA"), "content goes to the backend")
        time.sleep(0.2)
        kill(gateway)
        assert replies_until_end(client) == []


@pytest.mark.parametrize("how", ["FIN", "RST", "half-close"])
def test_client_vanishes_in_content(how: str, recorder: Recorder, run_gateway: Run, certificate: Certificate) -> None:
    gateway = run_gateway(recorder.address)
    client = begin(gateway, certificate)
    # It ends in what looks like the end of data but for its last octet.
    client.send(letter("half a message") + b".\r")
    raw = client.socket
    if how == "RST":
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    if how == "half-close":
        # No close_notify either: a truncated TLS stream.
        socket.socket.shutdown(raw, socket.SHUT_WR)
        assert not [reply for reply in replies_until_end(client) if reply.startswith(b"2")]
    raw.close()
    record = gateway.record("transaction")
    assert record["outcome"] == "abandoned"
    wait_until(lambda: not recorder.connections, "the backend's connection ends")
    assert not recorder.deliveries
    assert not recorder.saw(b"DATA")


@pytest.mark.parametrize("moment", [b"MAIL", b"RCPT", b"DATA", b"."])
def test_backend_vanishes(moment: bytes, recorder: Recorder, run_gateway: Run, certificate: Certificate) -> None:
    """THREATS §3: always 4yz, never a message that only half exists."""
    recorder.replies[moment] = b""
    gateway = run_gateway(recorder.address)
    with Dialogue(gateway.port) as client:
        client.open(certificate.authority)
        reply = client.command(b"MAIL FROM:<ann@example.net>") if moment != b"MAIL" else b""
        if moment == b"MAIL":
            client.send(b"MAIL FROM:<ann@example.net>\r\n")
        elif moment == b"RCPT":
            client.send(b"RCPT TO:<bob@example.org>\r\n")
        else:
            assert reply.startswith(b"250 ")
            client.command(b"RCPT TO:<bob@example.org>")
            assert client.command(b"DATA").startswith(b"354 ")
            client.send(letter("no reply") + b".\r\n")
        wait_until(lambda: recorder.saw(moment if moment != b"." else b"DATA"), "the backend is asked")
        time.sleep(0.2)
        for connection in list(recorder.connections):
            connection.shutdown(socket.SHUT_RDWR)
        assert client.reply().startswith(b"451 4.4.2")
        # The client may go on: the next message gets a connection of its own.
        recorder.replies.clear()
        client.command(b"RSET")
        client.command(b"MAIL FROM:<ann@example.net>")
        client.command(b"RCPT TO:<bob@example.org>")
        client.command(b"DATA")
        client.send(letter("second try"))
        assert client.command(b".") == b"250 2.0.0 recorded\r\n"
    assert [without_received(one.content) for one in recorder.deliveries] == [letter("second try")]


def test_stop_lets_a_message_under_way_end(recorder: Recorder, run_gateway: Run, certificate: Certificate) -> None:
    """SIGTERM: nobody new, the idle are told 421, the message ends, exit status 0."""
    gateway = run_gateway(recorder.address, limits={"drain_s": 20})
    with begin(gateway, certificate) as client, Dialogue(gateway.port) as idle:
        idle.open(certificate.authority)
        client.send(letter("under way"))
        gateway.process.send_signal(signal.SIGTERM)
        assert idle.reply().startswith(b"421 4.3.2")
        assert idle.ended()

        def refused() -> bool:
            try:
                with Dialogue(gateway.port, timeout_s=2) as late:
                    return late.reply()[:3] in (b"", b"421")
            except OSError:
                return True

        wait_until(refused, "new connections are refused")
        assert gateway.process.poll() is None
        assert client.command(b".") == b"250 2.0.0 recorded\r\n"
        assert client.reply().startswith(b"421 4.3.2")
    assert gateway.process.wait(timeout=10) == 0
    assert [without_received(one.content) for one in recorder.deliveries] == [letter("under way")]
    assert gateway.record("transaction")["outcome"] == "relayed"


def test_stop_does_not_wait_for_ever(recorder: Recorder, run_gateway: Run, certificate: Certificate) -> None:
    """A message that does not end within `drain_s` gets no 2yz, a hung inspector holds nothing up, exit status 0."""
    inspectors = [{"use": "inspectors:EndlessOnParts", "timeout_s": 3600}]
    gateway = run_gateway(recorder.address, inspectors=inspectors, limits={"drain_s": 1})
    with begin(gateway, certificate) as client:
        client.send(letter("hangs") + b".\r\n")
        time.sleep(0.3)
        started = time.monotonic()
        assert gateway.stop() == 0
        assert time.monotonic() - started < 8
        assert not [reply for reply in replies_until_end(client) if reply.startswith(b"2")]
    assert not recorder.deliveries


def test_port_is_free_again_at_once(recorder: Recorder, run_gateway: Run) -> None:
    """A restart must not wait for TIME_WAIT."""
    first = run_gateway(recorder.address)
    with Dialogue(first.port) as client:
        client.open()
        assert first.stop() == 0
    listener = first.settings["listener"][0] | {"address": first.address}
    second = run_gateway(recorder.address, listener=[listener])
    assert second.port == first.port
    with Dialogue(second.port) as client:
        client.open()
