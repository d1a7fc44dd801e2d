"""While containers are unpacked at every place there is, nobody else waits for them."""

from __future__ import annotations

import base64
import bz2
import random
import threading
import time
from collections.abc import Callable

from peers.clients import Dialogue, send_by_smtplib
from peers.contents import letter
from peers.gateway import Certificate, RunningGateway
from peers.recorder import Recorder

BOMBS = 10
PLACES = 8
LIMIT_S = 0.5
"""For the greeting. Ten times rule B0: eight threads that unpack, and all clients, share the processors with it."""


def bomb() -> bytes:
    """A letter whose attachment takes long to unpack, and is within all limits: ten of them outlast the neighbours many
    times over, on any machine."""
    packed = base64.encodebytes(bz2.compress(random.Random(1).randbytes(2 << 20))).replace(b"\n", b"\r\n")
    head = letter("bomb", b"").replace(b"\r\n\r\n", b"\r\n")
    return head + b"Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n" + packed


def test_clean_mail_does_not_wait_for_bombs(
    recorder: Recorder, run_gateway: Callable[..., RunningGateway], certificate: Certificate
) -> None:
    decode = {"cpu_s": 600, "archive": {"concurrency": PLACES, "seconds": 600}}
    gateway = run_gateway(recorder.address, decode=decode)
    content = bomb()
    answered: list[tuple[float, bytes]] = []
    all_sent = threading.Barrier(BOMBS + 1)

    def send() -> None:
        with Dialogue(gateway.port, timeout_s=180) as client:
            client.open(certificate.authority)
            client.command(b"MAIL FROM:<ann@example.net>")
            client.command(b"RCPT TO:<bob@example.org>")
            client.command(b"DATA")
            client.send(content)
            all_sent.wait(60)
            reply = client.command(b".")
            answered.append((time.monotonic(), reply))

    senders = [threading.Thread(target=send) for _ in range(BOMBS)]
    for sender in senders:
        sender.start()
    all_sent.wait(60)
    greetings = []
    for _ in range(20):
        begin = time.perf_counter()
        with Dialogue(gateway.port) as client:
            assert client.reply().startswith(b"220 ")
            greetings.append(time.perf_counter() - begin)
    # In memory, and in a file of the spool, where it must be looked at to be known for no container.
    for subject, body in (("small", b"hello\r\n"), ("large", b"hello\r\n" * 60_000)):
        sent = send_by_smtplib(
            gateway.port, certificate.authority, letter(subject, body), "a@example.net", ["b@example.org"]
        )
        assert sent.end_of_data
    clean_done = time.monotonic()
    for sender in senders:
        sender.join(120)
    assert sorted(greetings)[-2] < LIMIT_S, greetings
    assert len(answered) == BOMBS
    assert all(reply.startswith(b"250 ") for _, reply in answered), answered
    assert max(when for when, _ in answered) > clean_done, "the bombs were still at it"
