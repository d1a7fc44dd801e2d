"""A server behind that stops reading in mid-content, where content goes to it while it comes: its client is held up,
the gateway fills no memory meanwhile, and when its time is over the message is deferred.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from peers.clients import Dialogue
from peers.contents import letter
from peers.gateway import RunningGateway, streaming

SIZE = 48 << 20
PIECE = b"content of which nobody at the other end reads a word\r\n" * 1_200


@pytest.fixture
def deaf() -> Iterator[str]:
    """The address of a server that takes an envelope, says 354, and reads no more."""
    stop = threading.Event()

    def serve(connection: socket.socket) -> None:
        with connection, connection.makefile("rb", buffering=0) as lines:
            connection.sendall(b"220 backend.example ESMTP\r\n")
            while line := lines.readline():
                verb = line[:4].upper()
                if verb == b"EHLO":
                    connection.sendall(b"250-backend.example\r\n250 SIZE 100000000\r\n")
                elif verb == b"DATA":
                    connection.sendall(b"354 go\r\n")
                    stop.wait(60)
                    return
                else:
                    connection.sendall(b"250 2.0.0 ok\r\n")

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=accept, daemon=True).start()
        yield f"127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)
        stop.set()


def test_a_backend_that_does_not_read_holds_its_client_up(
    deaf: str, run_gateway: Callable[..., RunningGateway]
) -> None:
    settings = streaming(deaf)
    settings["backend"]["main"] |= {"data_s": 3}
    gateway = run_gateway(deaf, **settings, limits={"message_size": "64 MiB"})
    with Dialogue(gateway.port, timeout_s=60) as client:
        client.open()
        client.command(b"MAIL FROM:<ann@example.net>")
        assert client.command(b"RCPT TO:<bob@example.org>").startswith(b"250 ")
        assert client.command(b"DATA").startswith(b"354 ")
        before, most, held_up = gateway.resident, 0, 0.0
        client.send(letter("nobody listens"))
        for _ in range(SIZE // len(PIECE)):
            begin = time.perf_counter()
            client.send(PIECE)
            held_up = max(held_up, time.perf_counter() - begin)
            most = max(most, gateway.resident - before)
        reply = client.command(b".")
        assert reply.startswith(b"451 4.4."), reply
        assert held_up > 1, f"it was never waited for: {held_up} s"
        assert most < SIZE // 2, f"{most} octets more in memory"
        assert client.command(b"NOOP").startswith(b"250 ")
    assert gateway.record("transaction")["outcome"] == "deferred"
