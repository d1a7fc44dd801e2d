"""Thousands of connections that mean no good: afterwards the gateway holds no more than before. And the caps that
keep them few at a time.

As many as fit into some seconds; SMTPGW_ABUSE=100000 makes it that many, however long it takes.
"""

from __future__ import annotations

import itertools
import os
import random
import socket
import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack

import pytest
from peers import wait_until
from peers.clients import Dialogue
from peers.contents import letter, without_received
from peers.gateway import Certificate, RunningGateway, configuration
from peers.recorder import Recorder

NUMBER = int(os.environ.get("SMTPGW_ABUSE", "0"))
"""Connections to make; 0: as many as fit into SECONDS."""
SECONDS = 20.0
ENCRYPTED = 0.05
"""The share of those that shake hands before they do their worst."""
TRUSTING = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
TRUSTING.check_hostname = False
TRUSTING.verify_mode = ssl.CERT_NONE
WARM_UP = 3_000
"""Connections that may fill caches, pools and arenas."""
GROWTH = 8 << 20
"""Octets that memory may differ by: an arena here or there. At 100,000 connections 84 octets each would show."""

SENT = b"EHLO client.example.net\r\nMAIL FROM:<ann@example.net>\r\nRCPT TO:<bob@example.org>\r\n"
HELLO = bytes.fromhex("16030100c8010000c40303") + bytes(60)

KINDS: tuple[tuple[bytes, bool], ...] = (
    (b"", False),
    (b"", True),
    (b"EHLO client.example.net\r\n", False),
    (b"EHLO client.example", True),
    (b"QUIT\r\n", True),
    (SENT, False),
    (SENT + b"DATA\r\n" + letter("half a message")[:-40], True),
    (SENT + b"DATA\r\nbare\nLF\n.\n", False),
    (SENT + b"DATA\r\n" + b"x" * 20_000, True),
    (SENT + b"BDAT 1000000 LAST\r\nnot so much", False),
    (SENT + b"BDAT -1 LAST\r\n", True),
    (b"EHLO client.example.net\r\nSTARTTLS\r\n" + HELLO, False),
    (b"EHLO client.example.net\r\nSTARTTLS\r\n", True),
    (HELLO, True),
    (b"GET / HTTP/1.1\r\nHost: mx1.example.org\r\n\r\n", True),
    (bytes(range(256)) * 4, False),
    (b"X" * 70_000, False),
    (b"NOOP\r\n" * 500, True),
    (b"FOO\r\n" * 40, True),
    (b"RCPT TO:<" + b"@a," * 300 + b":x@example.org>\r\n", False),
    (b"EHLO [" + b"\xff" * 500 + b"]\r\n", True),
)
"""What is sent, and whether the connection is reset at its end instead of closed."""


def handshake(client: socket.socket) -> ssl.SSLSocket:
    """The same connection under TLS; whatever comes then is not ended as TLS is to end."""
    client.recv(512)
    client.sendall(b"EHLO client.example.net\r\n")
    client.recv(4096)
    client.sendall(b"STARTTLS\r\n")
    client.recv(512)
    return TRUSTING.wrap_socket(client)


def abuse(port: int, number: int, dice: random.Random) -> None:
    """One connection."""
    octets, reset = KINDS[number % len(KINDS)]
    encrypted = dice.random() < ENCRYPTED
    client = socket.socket()
    try:
        client.settimeout(10)
        client.bind((f"127.{1 + number % 7}.{number // 7 % 250}.{1 + number % 200}", 0))
        try:
            client.connect(("127.0.0.1", port))
            if encrypted:
                client = handshake(client)
            elif dice.random() < 0.7:
                client.recv(512)
            client.sendall(octets)
            if dice.random() < 0.5:
                client.settimeout(0.05)
                client.recv(4096)
        except OSError:
            pass  # Hung up on, as it deserves.
        if reset and client.fileno() >= 0:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    finally:
        client.close()


def crowd(port: int, count: int | None, seconds: float) -> int:
    """Many of them from several threads, until there are `count` or the time is over; how many there were."""
    numbers, end = itertools.count(), time.monotonic() + seconds
    made: list[int] = []

    def run(seed: int) -> None:
        dice = random.Random(seed)
        for number in numbers:
            if number >= count if count else time.monotonic() > end:
                break
            abuse(port, number, dice)
            made.append(number)

    threads = [threading.Thread(target=run, args=(seed,)) for seed in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return len(made)


@pytest.mark.timeout(120 + NUMBER // 100)
def test_nothing_is_left_of_abuse(
    recorder: Recorder, run_gateway: Callable[..., RunningGateway], certificate: Certificate
) -> None:
    gateway = run_gateway(recorder.address, limits={"connections_per_client": 64, "command_s": 5})

    def settled() -> bool:
        return not recorder.connections and gateway.descriptors <= descriptors

    descriptors = 1 << 20
    send(gateway, certificate, "before")
    wait_until(settled, "the backend is left alone", within_s=30)
    descriptors = gateway.descriptors
    crowd(gateway.port, WARM_UP, 0)
    wait_until(settled, "the warm-up is over", within_s=30)
    before = gateway.resident
    made = crowd(gateway.port, NUMBER or None, SECONDS)
    wait_until(settled, f"{made} connections are over, and so is what they held", within_s=30)
    growth = gateway.resident - before
    print(f"{made} connections: {growth / 1024:+.0f} KiB, {gateway.descriptors} descriptors")
    assert made > 1_000
    ends = Counter(record["end"] for record in gateway.found("connection"))
    assert len(ends) >= 6, f"each kind is to meet its own end: {ends}"
    assert sum(bool(record.get("tls")) for record in gateway.found("connection")) > made * ENCRYPTED / 4
    assert growth < GROWTH, f"{growth} octets after {made} connections"
    # And it serves as before.
    recorder.deliveries.clear()
    send(gateway, certificate, "after")
    assert [without_received(one.content) for one in recorder.deliveries] == [letter("after")]
    assert gateway.stop() == 0


@pytest.mark.parametrize("cap", ["connections_per_client", "connections_per_listener"])
def test_caps_are_answered(
    cap: str, recorder: Recorder, run_gateway: Callable[..., RunningGateway], certificate: Certificate
) -> None:
    """One above the cap: 421 and the end. Who does not share it is greeted, and so is the next once there is room."""
    listeners = configuration(certificate, recorder.address)["listener"] * 2
    gateway = run_gateway(recorder.address, listener=listeners, limits={cap: 3})
    ports = [int(address.rpartition(":")[2]) for address in gateway.record("ready")["listeners"]]
    by_client = cap == "connections_per_client"
    sources = ["127.0.0.1"] * 5 if by_client else [f"127.0.0.{number}" for number in range(1, 6)]

    def greeted(source: str, port: int) -> bool:
        with Dialogue(port, source=source) as client:
            reply = client.reply()
            assert reply.startswith((b"220 ", b"421 4.7.0 ")), reply
            # Turned away, it has nothing to wait for.
            assert reply.startswith(b"220 ") or client.reply() == b""
            return reply.startswith(b"220 ")

    with ExitStack() as stack:
        clients = [stack.enter_context(Dialogue(ports[0], source=source)) for source in sources[:3]]
        for client in clients:
            assert client.reply().startswith(b"220 ")
        assert not greeted(sources[3], ports[0])
        assert gateway.record("refused")["limit"] == cap
        # A client is one on all listeners; a listener is one for all clients.
        assert greeted(sources[3], ports[1]) != by_client
        assert greeted("127.0.0.9", ports[0]) == by_client
        assert clients[0].command(b"QUIT").startswith(b"221 ")
        wait_until(lambda: greeted(sources[4], ports[0]), "there is room again", within_s=5)
        for client in clients[1:]:
            assert client.command(b"NOOP").startswith(b"250 ")


def send(gateway: RunningGateway, certificate: Certificate, subject: str) -> None:
    """One honest message."""
    with Dialogue(gateway.port) as client:
        client.open(certificate.authority)
        client.command(b"MAIL FROM:<ann@example.net>")
        client.command(b"RCPT TO:<bob@example.org>")
        client.command(b"DATA")
        client.send(letter(subject))
        assert client.command(b".").startswith(b"250 ")
