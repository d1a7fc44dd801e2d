"""What runs out around the gateway: descriptors, room in the spool. It costs a 4yz, never a message or the service."""

from __future__ import annotations

import os
import resource
import socket
import time
from collections.abc import Callable

from peers import wait_until
from peers.clients import Dialogue, deliver
from peers.contents import CONTENTS, letter, without_received
from peers.fixtures import Disk
from peers.gateway import Certificate, RunningGateway
from peers.recorder import Recorder

Run = Callable[..., RunningGateway]
LONGEST_PAUSE_S = 5
"""How long accepting rests at most, when the system has no descriptor for a connection."""


def limit(gateway: RunningGateway, what: int, value: int) -> None:
    """Sets a resource limit of the running gateway; the hard one stays, so that it can be lifted again."""
    _, hard = resource.prlimit(gateway.process.pid, what)
    resource.prlimit(gateway.process.pid, what, (value, hard))


def test_out_of_descriptors(recorder: Recorder, run_gateway: Run, certificate: Certificate) -> None:
    """Accepting rests, without a storm of attempts; mail under way is deferred; afterwards all is as before."""
    gateway = run_gateway(recorder.address)
    deliver(gateway.port, certificate.authority, letter("before"))
    wait_until(lambda: not recorder.connections, "the backend is left alone")
    with Dialogue(gateway.port).open(certificate.authority) as client:
        limit(gateway, resource.RLIMIT_NOFILE, gateway.descriptors + 20)
        crowd = [socket.create_connection(("127.0.0.1", gateway.port), timeout=10) for _ in range(60)]
        try:
            gateway.record("accept-failed")
            assert all(one.recv(4) == b"220 " for one in crowd[:15])
            # Its transaction needs a connection to the backend, for which there is no descriptor.
            assert client.command(b"MAIL FROM:<ann@example.net>").startswith((b"421 4.", b"451 4."))
            begun = len(gateway.found("accept-failed"))
            time.sleep(LONGEST_PAUSE_S + 1)
            # Twice as long each time: 0.2 + 0.4 + 0.8 + 1.6 + 3.2 seconds are more than that already.
            assert 1 <= len(gateway.found("accept-failed")) - begun <= 6
        finally:
            for one in crowd:
                one.close()
    wait_until(lambda: len(gateway.found("connection")) >= 15, "the crowd is gone")
    to = (gateway.port, certificate.authority)
    assert wait_until(lambda: deliver(*to, letter("after")).startswith(b"250 "), "mail goes through", within_s=30)
    assert [without_received(one.content) for one in recorder.deliveries] == [letter("before"), letter("after")]


def test_out_of_descriptors_for_the_spool(recorder: Recorder, run_gateway: Run, certificate: Certificate) -> None:
    """Content that would need a file, and there is none to be had: deferred, and the backend hears of no end."""
    gateway = run_gateway(recorder.address, spool={"path": ".", "memory": "64 KiB"})
    large = CONTENTS["in the spool file"].replace(b"\r\n.", b"\r\n..")
    with Dialogue(gateway.port).open(certificate.authority) as client:
        assert client.command(b"MAIL FROM:<ann@example.net>").startswith(b"250 ")
        assert client.command(b"RCPT TO:<bob@example.org>").startswith(b"250 ")
        assert client.command(b"DATA").startswith(b"354 ")
        used = {int(number) for number in os.listdir(f"/proc/{gateway.process.pid}/fd")}
        # The next one to be opened has the lowest number that is free.
        limit(gateway, resource.RLIMIT_NOFILE, next(number for number in range(len(used) + 1) if number not in used))
        client.send(large + b".\r\n")
        assert client.reply().startswith(b"452 4.3.1 ")
        assert not recorder.deliveries
        limit(gateway, resource.RLIMIT_NOFILE, resource.getrlimit(resource.RLIMIT_NOFILE)[0])
        client.command(b"MAIL FROM:<ann@example.net>")
        client.command(b"RCPT TO:<bob@example.org>")
        client.command(b"DATA")
        client.send(large + b".\r\n")
        assert client.reply().startswith(b"250 ")
    assert [without_received(one.content) for one in recorder.deliveries] == [CONTENTS["in the spool file"]]


def test_the_share_of_the_spool(recorder: Recorder, run_gateway: Run, certificate: Certificate) -> None:
    """Content beyond `spool.total` is deferred with 452; what others need afterwards is there."""
    gateway = run_gateway(recorder.address, spool={"memory": "1 KiB", "total": "256 KiB"})
    large = letter("large", b"some seventy octets of text that no decoder makes any larger than it is\r\n" * 8_000)
    assert deliver(gateway.port, certificate.authority, large).startswith(b"452 4.3.1 ")
    assert gateway.record("transaction")["outcome"] == "deferred"
    assert deliver(gateway.port, certificate.authority, letter("small", b"x" * 900 + b"\r\n")).startswith(b"250 ")
    assert [without_received(one.content) for one in recorder.deliveries] == [letter("small", b"x" * 900 + b"\r\n")]


def check_no_room(gateway: RunningGateway, certificate: Certificate, recorder: Recorder) -> None:
    """A message too large for the spool is deferred and goes nowhere; one that needs no file still goes through."""
    large = CONTENTS["in the spool file"]
    assert deliver(gateway.port, certificate.authority, large).startswith(b"452 4.3.1 ")
    assert not recorder.deliveries
    assert deliver(gateway.port, certificate.authority, letter("small")).startswith(b"250 ")
    assert [without_received(one.content) for one in recorder.deliveries] == [letter("small")]


def test_spool_on_a_full_disk(disk: Disk, recorder: Recorder, run_gateway: Run, certificate: Certificate) -> None:
    assert len(CONTENTS["in the spool file"]) > 200_000
    small = disk("size=128k")
    gateway = run_gateway(recorder.address, spool={"path": str(small), "memory": "64 KiB"})
    check_no_room(gateway, certificate, recorder)
    assert os.statvfs(small).f_bfree == os.statvfs(small).f_blocks, "what was spooled is given back"


def test_spool_file_beyond_the_limit_of_the_process(
    recorder: Recorder, run_gateway: Run, certificate: Certificate
) -> None:
    """`ulimit -f`: the write fails where it grows; lifted, the same message goes through."""
    gateway = run_gateway(recorder.address, spool={"path": ".", "memory": "64 KiB"})
    limit(gateway, resource.RLIMIT_FSIZE, 100_000)
    check_no_room(gateway, certificate, recorder)
    limit(gateway, resource.RLIMIT_FSIZE, resource.RLIM_INFINITY)
    assert deliver(gateway.port, certificate.authority, CONTENTS["in the spool file"]).startswith(b"250 ")
