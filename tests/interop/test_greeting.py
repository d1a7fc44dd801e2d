"""Rule B0: the greeting waits for nobody.

Every inspector runs in an endless loop, the backend takes connections and says nothing, no name can be resolved,
and a thousand clients are there who say nothing: a new client still gets its 220 at once.
"""

from __future__ import annotations

import math
import os
import resource
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from peers import wait_until
from peers.clients import Dialogue
from peers.contents import letter
from peers.gateway import Certificate, RunningGateway
from peers.recorder import Recorder

IDLE = 1_000
SAMPLES = 300
LIMIT_S = 0.050


@pytest.fixture
def descriptors() -> Iterator[None]:
    """Enough of them for the idle clients; both ends of a connection are on this machine."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 4 * IDLE
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, hard), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture
def black_hole() -> Iterator[str]:
    """An address that no connection attempt is ever answered at: its queue is full and nobody accepts."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        while True:
            filler = stack.enter_context(socket.socket())
            filler.settimeout(0.3)
            try:
                filler.connect(listener.getsockname())
            except TimeoutError:
                break
        yield f"127.0.0.1:{listener.getsockname()[1]}"


def percentile(samples: list[float], share: float) -> float:
    """The smallest sample that `share` of all are not above."""
    return sorted(samples)[math.ceil(share * len(samples)) - 1]


def processor_seconds(pid: int) -> float:
    """What a process has used so far, all its threads together."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def greeting_times(port: int, count: int) -> list[float]:
    """Seconds from connect() to the last octet of the greeting."""
    times = []
    for number in range(count):
        begin = time.perf_counter()
        with Dialogue(port, source=f"127.0.1.{number % 250 + 1}") as client:
            assert client.reply().startswith(b"220 mx1.example.org ESMTP")
            times.append(time.perf_counter() - begin)
    return times


@pytest.mark.parametrize("backend", ["silent", "black hole", "refusing", "no such name"])
def test_greeting_waits_for_nobody(
    backend: str,
    descriptors: None,
    black_hole: str,
    recorder: Recorder,
    run_gateway: Callable[..., RunningGateway],
    certificate: Certificate,
) -> None:
    recorder.replies[b""] = None
    with socket.create_server(("127.0.0.1", 0)) as gone:
        refusing = f"127.0.0.1:{gone.getsockname()[1]}"
    addresses = {
        "silent": recorder.address,
        "black hole": black_hole,
        "refusing": refusing,
        "no such name": "backend.invalid:25",
    }
    # One is given up soon and lets mail pass, so that the backend is dialled; its worker spins on all the same.
    endless = [{"use": "inspectors:Endless", "timeout_s": 0.2, "on_timeout": "accept", "on_error": "accept"}]
    gateway = run_gateway(addresses[backend], inspectors=endless, limits={"drain_s": 1, "connections_per_client": 2000})
    with ExitStack() as stack:
        # Each of these is a call of on_connect that never ends.
        idle = [stack.enter_context(Dialogue(gateway.port, source="127.0.0.78")) for _ in range(IDLE)]
        for client in idle:
            assert client.reply().startswith(b"220 ")
        # Some go on to MAIL, so that the backend is being dialled while we measure.
        for client in idle[:20]:
            assert client.command(b"EHLO idle.example.net").startswith(b"250")
            client.send(b"MAIL FROM:<ann@example.net>\r\n")
        if backend == "silent":
            wait_until(lambda: len(recorder.connections) > 1, "the backend is being dialled")
        before = processor_seconds(gateway.process.pid)
        begin = time.perf_counter()
        times = greeting_times(gateway.port, SAMPLES)
        busy = (processor_seconds(gateway.process.pid) - before) / (time.perf_counter() - begin)
    assert busy > 0.2, "the inspectors burn a processor while we measure"
    p99 = percentile(times, 0.99)
    print(f"greeting with {backend} backend: p50 {percentile(times, 0.5) * 1e3:.1f} ms, p99 {p99 * 1e3:.1f} ms")
    assert p99 < LIMIT_S


def test_greeting_while_messages_wait_for_a_hung_inspector(
    recorder: Recorder, run_gateway: Callable[..., RunningGateway], certificate: Certificate
) -> None:
    """The same with messages at their end of data, where the inspector burns a processor over their parts."""
    inspectors = [{"use": "inspectors:EndlessOnParts", "timeout_s": 3600}]
    gateway = run_gateway(recorder.address, inspectors=inspectors, limits={"drain_s": 1})
    with ExitStack() as stack:
        waiting = [stack.enter_context(Dialogue(gateway.port)) for _ in range(10)]
        for client in waiting:
            client.open(certificate.authority)
            client.command(b"MAIL FROM:<ann@example.net>")
            client.command(b"RCPT TO:<bob@example.org>")
            client.command(b"DATA")
            client.send(letter("hangs") + b".\r\n")
        times = greeting_times(gateway.port, SAMPLES)
    assert percentile(times, 0.99) < LIMIT_S
    assert not recorder.deliveries


def unread(client: Dialogue) -> int:
    """Octets of this connection that are in the kernel: those sent at one end and not read at the other."""
    ports = {client.socket.getsockname()[1], client.socket.getpeername()[1]}
    octets = 0
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, here, there, _, queues, *_ = line.split()
        if {int(address.rpartition(":")[2], 16) for address in (here, there)} == ports:
            octets += sum(int(queue, 16) for queue in queues.split(":"))
    return octets


def test_content_comes_in_while_an_inspector_hangs(
    recorder: Recorder, run_gateway: Callable[..., RunningGateway], certificate: Certificate
) -> None:
    """It hangs over the first part while the second arrives: all of that is read, and the dot alone is not answered."""
    inspectors = [{"use": "inspectors:EndlessOnParts", "timeout_s": 3600}]
    gateway = run_gateway(recorder.address, inspectors=inspectors, limits={"drain_s": 1})
    head = letter("hangs", b"").replace(b"\r\n\r\n", b"\r\nContent-Type: multipart/mixed; boundary=next\r\n\r\n")
    more = b"content of a part that nobody has looked at yet\r\n" * 110_000
    assert len(more) > 5 << 20
    with Dialogue(gateway.port, timeout_s=20) as client:
        client.open(certificate.authority)
        client.command(b"MAIL FROM:<ann@example.net>")
        client.command(b"RCPT TO:<bob@example.org>")
        assert client.command(b"DATA").startswith(b"354 ")
        before = processor_seconds(gateway.process.pid)
        client.send(head + b"--next\r\n\r\nThe first part is complete.\r\n--next\r\n\r\n")
        wait_until(lambda: processor_seconds(gateway.process.pid) > before + 0.3, "the inspector is at the first part")
        client.send(more)
        # The kernel may keep megabytes for a program that does not read; it keeps none of them.
        wait_until(lambda: not unread(client), "all content is read", within_s=20)
        client.send(b"--next--\r\n.\r\n")
        client.socket.settimeout(0.5)
        with pytest.raises(TimeoutError):
            client.reply()
    assert not recorder.deliveries


def test_hung_backend_is_answered_in_time(
    recorder: Recorder, run_gateway: Callable[..., RunningGateway], certificate: Certificate
) -> None:
    """Late, then 451; then, known to be down, 421 at once (rule B2). EHLO is unaffected all the while."""
    recorder.replies[b""] = None
    backend = {"main": {"address": recorder.address, "connect_s": 1}}
    gateway = run_gateway(recorder.address, backend=backend)
    with Dialogue(gateway.port) as client:
        client.open(certificate.authority)
        reply, seconds = client.timed(b"MAIL FROM:<ann@example.net>")
        assert reply.startswith(b"451 4.4.1")
        assert 0.9 < seconds < 3
    with Dialogue(gateway.port) as client:
        client.open(certificate.authority)
        reply, seconds = client.timed(b"MAIL FROM:<ann@example.net>")
        assert reply.startswith(b"421 4.3.2")
        assert seconds < 0.5
        assert client.ended()
    assert "connect_s" in gateway.record("backend-failed")["error"]
    # It recovers by itself.
    recorder.replies.clear()

    def works() -> bool:
        with Dialogue(gateway.port) as client:
            client.open(certificate.authority)
            return client.command(b"MAIL FROM:<ann@example.net>").startswith(b"250 ")

    wait_until(works, "the backend is tried again", within_s=15)
