"""Rule N1: no round trip waits for a timer of TCP.

Nagle's algorithm on one side and delayed acknowledgements on the other cost 40 ms a round trip wherever a peer
writes twice what fits into one segment, or leaves TCP_NODELAY off. Sequential transactions show it in every command.
"""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Callable

import pytest
from peers.clients import Dialogue
from peers.contents import CONTENTS, letter
from peers.gateway import Certificate, RunningGateway
from peers.postfix import Postfix
from peers.recorder import Recorder

ROUNDS = 100
# A stall is 40 ms; a round trip on loopback through gateway and backend takes a fraction of a millisecond. The median
# stands between the two, so that one slow moment of a busy machine proves nothing.
LIMIT_S = 0.020


@pytest.mark.parametrize("tls", [False, True], ids=["clear", "STARTTLS"])
def test_no_command_stalls(
    tls: bool, recorder: Recorder, run_gateway: Callable[..., RunningGateway], certificate: Certificate
) -> None:
    gateway = run_gateway(recorder.address)
    times: dict[str, list[float]] = defaultdict(list)
    with Dialogue(gateway.port) as client:
        client.open(certificate.authority if tls else None)
        for number in range(ROUNDS):
            for verb, line in [
                ("MAIL", b"MAIL FROM:<ann@example.net>"),
                ("RCPT", b"RCPT TO:<bob@example.org>"),
                ("RCPT again", b"RCPT TO:<eve@example.org>"),
                ("DATA", b"DATA"),
                ("dot", letter(f"number {number}") + b"."),
                ("NOOP", b"NOOP"),
                ("RSET", b"RSET"),
            ]:
                reply, seconds = client.timed(line)
                assert reply[:1] in b"23", (verb, reply)
                times[verb].append(seconds)
    medians = {verb: statistics.median(found) for verb, found in times.items()}
    assert max(medians.values()) < LIMIT_S, medians


def test_large_content_does_not_stall(
    recorder: Recorder, run_gateway: Callable[..., RunningGateway], certificate: Certificate
) -> None:
    """Content of many segments, sent in pieces that do not fill them."""
    gateway = run_gateway(recorder.address)
    content = CONTENTS["in the spool file"][:200_000].rpartition(b"\r\n")[0] + b"\r\n"
    times = []
    with Dialogue(gateway.port) as client:
        client.open(certificate.authority)
        for _ in range(20):
            client.command(b"MAIL FROM:<ann@example.net>")
            client.command(b"RCPT TO:<bob@example.org>")
            client.command(b"DATA")
            for at in range(0, len(content), 5_000):
                client.send(content[at : at + 5_000])
            reply, seconds = client.timed(b".")
            assert reply.startswith(b"250 ")
            times.append(seconds)
    assert statistics.median(times) < LIMIT_S * 2, times


def test_new_connections_do_not_stall(
    recorder: Recorder, run_gateway: Callable[..., RunningGateway], certificate: Certificate
) -> None:
    """Greeting, EHLO, STARTTLS, handshake, and the dial of the backend behind MAIL."""
    gateway = run_gateway(recorder.address)
    times: dict[str, list[float]] = defaultdict(list)
    for _ in range(50):
        with Dialogue(gateway.port) as client:
            client.open(certificate.authority)
            for verb, line in [("MAIL", b"MAIL FROM:<ann@example.net>"), ("QUIT", b"QUIT")]:
                times[verb].append(client.timed(line)[1])
    medians = {verb: statistics.median(found) for verb, found in times.items()}
    assert max(medians.values()) < LIMIT_S, medians


def test_postfix_behind_does_not_stall(
    postfix: Postfix, run_gateway: Callable[..., RunningGateway], certificate: Certificate
) -> None:
    """With the real thing as backend: everything but what waits for Postfix's disk."""
    gateway = run_gateway(postfix.address, xclient=True)
    times: dict[str, list[float]] = defaultdict(list)
    with Dialogue(gateway.port) as client:
        client.open(certificate.authority)
        for _ in range(30):
            for verb, line in [
                ("MAIL", b"MAIL FROM:<ann@example.net>"),
                ("RCPT", b"RCPT TO:<bob@example.org>"),
                ("DATA", b"DATA"),
            ]:
                reply, seconds = client.timed(line)
                assert reply[:1] in b"23", (verb, reply)
                times[verb].append(seconds)
            assert client.command(letter("stalls") + b".").startswith(b"250 ")
    medians = {verb: statistics.median(found) for verb, found in times.items()}
    assert max(medians.values()) < LIMIT_S, medians
