"""The gateway is killed while Postfix or Exim takes a message from it: half a message is never a message there.

The client's view decides: with a 2yz the server has the message, once; without an end of data it has none; with an
end and no reply it has it once or not at all (RFC 1047).
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable

import pytest
from peers import wait_until
from peers.clients import Dialogue
from peers.contents import letter
from peers.exim import Exim
from peers.gateway import RunningGateway, streaming
from peers.postfix import Postfix
from peers.recorder import Recorder

LINES = b"a line of a large message " * 36 + b"\r\n"


def arrived(server: Postfix | Exim, mailbox: Recorder, subject: str) -> int:
    """How many copies the server has accepted."""
    if isinstance(server, Exim):
        return len(server.kept(f"Subject: {subject}\r\n"))
    return sum(f"Subject: {subject}\r\n".encode() in one.content for one in mailbox.deliveries)


@pytest.mark.parametrize("relay", ["store", "stream"])
@pytest.mark.parametrize("end", [False, True], ids=["before its end", "with its end"])
@pytest.mark.parametrize("name", ["postfix", "exim"])
def test_half_a_message_is_none(
    name: str,
    end: bool,
    relay: str,
    request: pytest.FixtureRequest,
    mailbox: Recorder,
    run_gateway: Callable[..., RunningGateway],
) -> None:
    server: Postfix | Exim = request.getfixturevalue(name)
    moments = random.Random(7)
    doubtful = []
    for number in range(4):
        gateway = run_gateway(server.address, **(streaming(server.address) if relay == "stream" else {}))
        subject = f"killed, {name}, {end}, {relay}, {number}"
        killed = threading.Timer(moments.uniform(0.02, 0.4), gateway.process.kill)
        reply = b""
        with Dialogue(gateway.port) as client:
            client.open()
            client.command(b"MAIL FROM:<ann@example.net>")
            assert client.command(b"RCPT TO:<bob@example.org>").startswith(b"250 ")
            assert client.command(b"DATA").startswith(b"354 ")
            killed.start()
            try:
                client.send(letter(subject, LINES * 8_000) + (b".\r\n" if end else b""))
                reply = client.reply()
            except (OSError, AssertionError):
                pass  # It was killed before.
        killed.join()
        gateway.process.wait()
        assert not reply or (end and reply.startswith((b"250 ", b"250-")))
        if reply:
            wait_until(lambda subject=subject: arrived(server, mailbox, subject) == 1, "it arrives", within_s=20)
        doubtful.append((subject, bool(reply)))
    # A message behind them all has its time; whatever was accepted before it has arrived by then.
    gateway = run_gateway(server.address)
    with Dialogue(gateway.port) as client:
        client.open()
        client.send(b"MAIL FROM:<ann@example.net>\r\nRCPT TO:<bob@example.org>\r\nDATA\r\n")
        assert [client.reply()[:3] for _ in range(3)] == [b"250", b"250", b"354"]
        client.send(letter(f"after, {name}, {end}, {relay}"))
        assert client.command(b".").startswith(b"250 ")
    wait_until(lambda: arrived(server, mailbox, f"after, {name}, {end}, {relay}") == 1, "it arrives", within_s=20)
    copies = [arrived(server, mailbox, subject) for subject, _ in doubtful]
    assert copies == [int(told) for _, told in doubtful] if not end else max(copies) <= 1
