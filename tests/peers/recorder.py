"""A small SMTP server that keeps what arrives, octet for octet, and can be told to misbehave.

It is where Postfix delivers to in the tests, and the backend where a test needs one that hangs, refuses or wants to
see every octet of the wire. It is strict on purpose: only CRLF ends a line and only `CRLF . CRLF` ends content, so
anything else that the gateway let through would show up as a line that is not one.
"""

from __future__ import annotations

import socket
import threading
from dataclasses import dataclass, field

__all__ = ["Delivery", "Recorder"]

RECORDED = b"250 2.0.0 recorded\r\n"


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message that was answered with 250, and what had been said about it."""

    content: bytes
    """What stood between DATA and the dot, dot-stuffing undone, line ends as they came."""
    commands: tuple[bytes, ...]
    """Every command of the session up to that moment, without CRLF."""

    def command(self, verb: bytes) -> bytes:
        """The last command that began with `verb`."""
        return next(line for line in reversed(self.commands) if line.upper().startswith(verb))


@dataclass(slots=True)
class Recorder:
    """Listens on a free port of 127.0.0.1; a context manager.

    `replies` changes what is answered: by verb (`b"MAIL"`, `b"."` for the end of data, `b""` for the greeting), a
    complete reply with its CRLF, or None to never answer. `extensions` are what EHLO offers.
    """

    replies: dict[bytes, bytes | None] = field(default_factory=dict)
    extensions: tuple[bytes, ...] = (b"PIPELINING", b"SIZE 104857600", b"8BITMIME", b"ENHANCEDSTATUSCODES")
    held: dict[bytes, threading.Event] = field(default_factory=dict)
    """Replies by verb that wait for their event; at `b"content"` no more of content is read before it."""
    deliveries: list[Delivery] = field(default_factory=list)
    sessions: list[list[bytes]] = field(default_factory=list)
    """Commands by session, content left out, as they come in."""
    abandoned: list[bytes] = field(default_factory=list)
    """Content whose end never came."""
    connections: set[socket.socket] = field(default_factory=set)
    """Those that are open now."""
    address: str = ""
    _listener: socket.socket = field(init=False)

    def __enter__(self) -> Recorder:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in list(self.connections):
            connection.close()

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self.address.rpartition(":")[2])

    def saw(self, verb: bytes) -> bool:
        """Whether any session has had a command beginning with `verb`."""
        return any(line.upper().startswith(verb) for session in self.sessions for line in session)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.connections.add(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        session: list[bytes] = []
        self.sessions.append(session)
        try:
            with connection:
                _Session(self, connection, session).run()
        except OSError:
            pass  # The peer is gone, or the test is over.
        finally:
            self.connections.discard(connection)


class _Session:
    def __init__(self, recorder: Recorder, connection: socket.socket, commands: list[bytes]) -> None:
        self.recorder, self.connection, self.commands = recorder, connection, commands
        self.buffer = b""
        self.used = 0
        """Octets of `buffer` that have been read as lines: cutting them off a line at a time would take all day."""

    def run(self) -> None:
        self.answer(b"", b"220 recorder.example ESMTP\r\n")
        while (line := self.line()) is not None:
            self.commands.append(line)
            verb = line[:4].upper()
            if verb == b"EHLO":
                lines = [b"recorder.example", *self.recorder.extensions]
                ends = [b"-"] * (len(lines) - 1) + [b" "]
                self.answer(verb, b"".join(b"250%b%b\r\n" % pair for pair in zip(ends, lines, strict=True)))
            elif verb == b"DATA":
                if self.answer(verb, b"354 go on\r\n").startswith(b"354"):
                    self.content()
            elif verb == b"QUIT":
                self.answer(verb, b"221 2.0.0 bye\r\n")
                return
            else:
                self.answer(verb, b"250 2.0.0 ok\r\n")

    def content(self) -> None:
        content = bytearray()
        while (line := self.line()) is not None:
            self.wait(b"content")
            if line == b".":
                reply = self.recorder.replies.get(b".", RECORDED)
                # Before the reply: whoever has read it must find the message here.
                if reply and reply.startswith(b"2"):
                    self.recorder.deliveries.append(Delivery(bytes(content), tuple(self.commands)))
                self.answer(b".", RECORDED)
                return
            content += line.removeprefix(b".") + b"\r\n"
        self.recorder.abandoned.append(bytes(content))

    def answer(self, verb: bytes, reply: bytes) -> bytes:
        """Sends the reply, or what the test wants instead of it."""
        instead = self.recorder.replies.get(verb, reply)
        self.wait(verb)
        if instead is None:
            while self.connection.recv(65536):  # Hung: everything is taken, nothing is answered.
                pass
            raise ConnectionAbortedError
        self.connection.sendall(instead)
        return instead

    def wait(self, what: bytes) -> None:
        """Waits for what the test holds."""
        if event := self.recorder.held.get(what):
            event.wait()

    def line(self) -> bytes | None:
        """The next line without its CRLF; None at the end of the stream."""
        while (end := self.buffer.find(b"\r\n", self.used)) < 0:
            received = self.connection.recv(65536)
            if not received:
                return None
            self.buffer, self.used = self.buffer[self.used :] + received, 0
        line, self.used = self.buffer[self.used : end], end + 2
        return line
