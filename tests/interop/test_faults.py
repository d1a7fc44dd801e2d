"""Faults around the gateway, from outside (THREATS §3): reloads under load, peers that are gone without a word, a log
that nobody reads, names that cannot be resolved.

test_ends.py, test_shortage.py and test_faults_of_ours.py have the others.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from peers import free_port, wait_until
from peers.clients import Dialogue, deliver
from peers.contents import letter, without_received
from peers.gateway import SMTPGW, Certificate, RunningGateway, configuration, write
from peers.recorder import Recorder

Run = Callable[..., RunningGateway]


def test_reloads_under_load(recorder: Recorder, run_gateway: Run, certificate: Certificate) -> None:
    """Good configurations and broken ones, ten a second, while mail comes: every message is taken, once."""
    gateway = run_gateway(recorder.address, limits={"connections_per_client": 100})
    replies: list[bytes] = []
    stop = threading.Event()

    def send(sender: int) -> None:
        number = 0
        while not stop.is_set():
            replies.append(deliver(gateway.port, certificate.authority, letter(f"message {number} of sender {sender}")))
            number += 1

    threads = [threading.Thread(target=send, args=(sender,)) for sender in range(4)]
    for thread in threads:
        thread.start()
    number = 0
    # As long as it takes to send more than a few; the last one is good.
    while number < 30 or len(replies) <= 30 or number % 3 == 2:
        broken = {"hostnam": "x"} if number % 3 == 1 else {}
        gateway.configure(gateway.settings | {"hostname": (name := f"mx{number}.example.org")} | broken)
        gateway.process.send_signal(signal.SIGHUP)
        time.sleep(0.1)
        number += 1
    stop.set()
    for thread in threads:
        thread.join()
    assert set(replies) == {b"250 2.0.0 recorded\r\n"}
    contents = [without_received(one.content) for one in recorder.deliveries]
    assert len(contents) == len(set(contents)) == len(replies)
    wait_until(lambda: greets(gateway.port, f"220 {name} ESMTP\r\n".encode()), "the last name greets")
    assert [record for record in gateway.records if record.get("level") == "error"], "broken ones are told"
    assert gateway.stop() == 0


TCP_REPAIR = 19


def vanish(connection: socket.socket) -> None:
    """Ends it here without a word to the other side, as a machine that loses its power does."""
    try:
        connection.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR, 1)
    except PermissionError:
        pytest.skip("needs CAP_NET_ADMIN")
    connection.close()


@pytest.mark.parametrize("moment", ["greeting", "MAIL", "content"])
def test_a_client_is_gone(moment: str, recorder: Recorder, run_gateway: Run, certificate: Certificate) -> None:
    """Its connection is ended in time, the backend's with it, without a dot; nothing is left behind."""
    gateway = run_gateway(recorder.address, limits={"command_s": 1})
    deliver(gateway.port, certificate.authority, letter("before"))
    wait_until(lambda: not recorder.connections, "the backend is left alone")
    before = gateway.descriptors
    client = Dialogue(gateway.port)
    client.reply()
    if moment != "greeting":
        client.command(b"EHLO client.example.net")
        client.command(b"MAIL FROM:<ann@example.net>")
    if moment == "content":
        client.command(b"RCPT TO:<bob@example.org>")
        assert client.command(b"DATA").startswith(b"354")
        client.send(letter("half a message"))
    vanish(client.socket)
    gateway.record("connection", number=2, within_s=10)
    wait_until(lambda: not recorder.connections, "the backend is left alone")
    wait_until(lambda: gateway.descriptors == before, "its descriptors are given back")
    assert len(recorder.deliveries) == 1
    assert not gateway.found("transaction", outcome="relayed")[1:]


def test_a_client_that_never_reads(recorder: Recorder, run_gateway: Run, certificate: Certificate) -> None:
    """Replies that nobody reads hold up their client alone, for the time of a command; it is not read from either."""
    recorder.replies[b"RCPT"] = b"250-2.1.5 " + b"a long line of a reply " * 20 + b"\r\n250 2.1.5 its end\r\n"
    gateway = run_gateway(recorder.address, limits={"command_s": 2, "recipients": 1000})
    client = Dialogue(gateway.port)
    client.open()
    client.socket.settimeout(1)
    sent = 0
    group = b"MAIL FROM:<ann@example.net>\r\n" + b"RCPT TO:<bob@example.org>\r\n" * 900 + b"RSET\r\n"
    with contextlib.suppress(TimeoutError, ConnectionError):
        for _ in range(500):
            client.socket.sendall(group)
            sent += len(group)
            # Others are served meanwhile.
            assert greets(gateway.port)
    record = gateway.record("connection", end="client-does-not-read", within_s=20)
    assert sent < 500 * len(group), "it was not read from"
    assert record["duration_s"] > 2
    wait_until(lambda: not recorder.connections, "the backend is left alone")
    client.socket.close()


def greets(port: int, greeting: bytes = b"220 ") -> bool:
    """Whether a new client is greeted, and so."""
    with Dialogue(port) as other:
        return other.reply().startswith(greeting)


@pytest.mark.parametrize("moment", [b"MAIL", b"RCPT", b"DATA", b"."])
def test_a_backend_is_gone(moment: bytes, recorder: Recorder, run_gateway: Run, certificate: Certificate) -> None:
    """It answers no more, and no packet says that it is gone: 4yz in time, and the next message is served."""
    gateway = run_gateway(recorder.address, backend={"main": backend(recorder.address, reply_s=1, data_s=1)})
    recorder.replies[moment] = None
    begin = time.monotonic()
    with Dialogue(gateway.port) as client:
        client.open(certificate.authority)
        replies = [client.command(b"MAIL FROM:<ann@example.net>"), client.command(b"RCPT TO:<bob@example.org>")]
        if replies[1].startswith(b"250 "):
            replies.append(client.command(b"DATA"))
            client.send(letter("to nobody"))
            replies.append(client.command(b"."))
        assert [reply for reply in replies if reply.startswith(b"451 4.4.")], replies
        assert time.monotonic() - begin < 6
        recorder.replies.clear()
        client.command(b"RSET")
    assert deliver(gateway.port, certificate.authority, letter("the next")).startswith(b"250 ")
    wait_until(lambda: not recorder.connections, "the hung connection is closed")
    assert [without_received(one.content) for one in recorder.deliveries] == [letter("the next")]


def backend(address: str, **more: object) -> dict[str, object]:
    """The table of a backend."""
    return {"address": address, "identity": "none", **more}


@contextmanager
def quiet(settings: dict[str, object], folder: Path, *, wrapper: tuple[str, ...] = ()) -> Iterator[int]:
    """A gateway that says nothing on standard error; its port."""
    port = free_port()
    settings["listener"][0]["address"] = f"127.0.0.1:{port}"  # type: ignore[index]
    config = write(settings, folder)
    with (folder / "output").open("wb") as output:
        process = subprocess.Popen([*wrapper, SMTPGW, "run", "-c", config], cwd=folder, stderr=output)

    def greets() -> bool:
        assert process.poll() is None, (folder / "output").read_text()
        try:
            with Dialogue(port) as client:
                return client.reply().startswith(b"220 ")
        except OSError:
            return False

    try:
        wait_until(greets, "the gateway greets", within_s=30)
        yield port
    finally:
        process.terminate()
        try:
            process.wait(timeout=20)
        finally:
            process.kill()


def many_records(port: int) -> list[float]:
    """Makes far more of them than a pipe and the ring before it hold; the seconds that each session took."""
    times = []
    for _ in range(900):
        begin = time.perf_counter()
        with Dialogue(port) as client:
            # A record for each transaction and one for the connection.
            client.send(b"EHLO client.example.net\r\n" + b"MAIL FROM:<ann@example.net>\r\nRSET\r\n" * 20 + b"QUIT\r\n")
            codes = [client.reply()[:3] for _ in range(43)]
        assert codes == [b"220", *[b"250"] * 41, b"221"]
        times.append(time.perf_counter() - begin)
    return times


def test_a_log_that_nobody_reads(recorder: Recorder, certificate: Certificate, tmp_path: Path) -> None:
    """Mail goes on with its log blocked; what could not be logged is counted, and told when the log is read again."""
    pipe = tmp_path / "log"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    fcntl.fcntl(reader, fcntl.F_SETPIPE_SZ, 4096)
    settings = configuration(certificate, recorder.address, log={"file": str(pipe)})
    with quiet(settings, tmp_path) as port:
        assert max(many_records(port)) < 5
        assert deliver(port, certificate.authority, letter("with a blocked log")) == b"250 2.0.0 recorded\r\n"
        os.set_blocking(reader, True)
        with open(reader, "rb", closefd=False) as lines:
            lost = next(line for line in lines if b'"records-lost"' in line)
        assert int(re.search(rb'"count":(\d+)', lost)[1]) > 0
    os.close(reader)


def test_standard_error_that_nobody_reads(recorder: Recorder, certificate: Certificate, tmp_path: Path) -> None:
    """The same by default: a supervisor that hangs with its end of the pipe must not stop the mail, nor the end."""
    settings = configuration(certificate, recorder.address)
    settings["listener"][0]["address"] = f"127.0.0.1:{(port := free_port())}"
    config = write(settings, tmp_path)
    process = subprocess.Popen([SMTPGW, "run", "-c", config], cwd=tmp_path, stderr=subprocess.PIPE)
    try:
        wait_until(lambda: _connects(port), "it listens", within_s=30)
        many_records(port)
        assert deliver(port, certificate.authority, letter("with nobody at the other end")) == b"250 2.0.0 recorded\r\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == 0
    finally:
        process.kill()
        process.communicate()


def _connects(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_a_name_server_that_is_silent(recorder: Recorder, certificate: Certificate, tmp_path: Path) -> None:
    """The backend's name cannot be resolved, and not refused either: MAIL is answered in time, greetings at once."""
    unshare = shutil.which("unshare")
    if unshare is None or os.geteuid() != 0:
        pytest.skip("needs root and unshare(1), for a resolv.conf of its own")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.97", 53))
        (tmp_path / "resolv.conf").write_text("nameserver 127.0.0.97\n")
        script = f'mount --bind "{tmp_path}/resolv.conf" /etc/resolv.conf && exec "$0" "$@"'
        wrapper = (unshare, "--mount", "sh", "-c", script)
        settings = configuration(certificate, "backend.of.nobody.example:25")
        settings["backend"]["main"] |= {"connect_s": 2}
        with quiet(settings, tmp_path, wrapper=wrapper) as port:
            waits: list[tuple[bytes, float]] = []

            def wait() -> None:
                with Dialogue(port) as client:
                    client.open(certificate.authority)
                    waits.append(client.timed(b"MAIL FROM:<ann@example.net>"))

            threads = [threading.Thread(target=wait) for _ in range(10)]
            for thread in threads:
                thread.start()
            for _ in range(20):
                begin = time.perf_counter()
                with Dialogue(port) as client:
                    assert client.reply().startswith(b"220 ")
                assert time.perf_counter() - begin < 1
            for thread in threads:
                thread.join()
            assert all(reply.startswith((b"451 4.4.", b"421 4.")) for reply, _ in waits), waits
            assert max(seconds for _, seconds in waits) < 6
            assert silent.recv(512), "it was asked"
    assert not recorder.sessions
