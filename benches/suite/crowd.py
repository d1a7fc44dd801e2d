"""Memory while large messages arrive at the same time: 1, 10, 100, 1,000 of them, all in the midst of their content.

Each connection announces a message of 25 MB, sends the first `HELD` octets of it, and stops there with all others.
Memory is read, further connections come, and so on up to the largest crowd. Then one message goes on to its end and
has to be taken; the others are broken off.

Why a part is enough: what a message takes in memory does not depend on how much of it has come (`HELD` is far beyond
what stays in memory, and the attachment is being decoded), which the suite `memory` shows with whole messages. But what
has come rests on the disk, raw and decoded: 1,000 whole messages would be 43 GB, and are 1.7 GB so.
"""

from __future__ import annotations

import contextlib
import re
import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .bench import Bench
from .contenders import Contender, warm_up
from .process import Process, wait_until
from .throughput import start_sink

__all__ = ["Crowd", "measure_crowd"]

HELD = 1_000_000
"""Octets of each message that come; four times what stays in memory."""
SIZE = 25_000_000


@dataclass(frozen=True, slots=True)
class Crowd:
    """A contender with so many messages at the same time."""

    contender: str
    messages: int
    rss: int
    """Octets in use while all of them wait."""
    rss_start: int
    """The same before the first."""

    @property
    def octets_each(self) -> float:
        """Memory of one message."""
        return (self.rss - self.rss_start) / self.messages


def measure_crowd(bench: Bench, contenders: Sequence[Contender], largest: int) -> Iterator[Crowd]:
    """Lets the crowd grow tenfold from one message to `largest`, and reads memory each time."""
    raw = bench.large_message(SIZE).read_bytes()
    with contextlib.ExitStack() as stack:
        sink, backend = start_sink(bench)
        stack.enter_context(sink)
        for contender in contenders:
            with contender.start(bench, backend, starttls=False) as subject, contextlib.ExitStack() as crowd:
                warm_up(bench, subject.address, starttls=False)
                start = subject.process.rss()
                senders: list[_Sender] = []
                size = 1
                while size <= largest:
                    senders += [_Sender(subject.address, crowd) for _ in range(size - len(senders))]
                    for sender in senders:
                        sender.bring(raw[:HELD])
                    settled = _settled(subject.process)
                    yield Crowd(contender.name, size, settled, start)
                    size *= 10
                if (reply := senders[0].finish(raw[HELD:])) != 250:
                    raise RuntimeError(f"{contender.name}: a message that waited in a crowd was answered {reply}")


def _settled(process: Process) -> int:
    """Memory once two readings in a row agree: the last octets are still being decoded when they have been sent."""
    readings: list[int] = []

    def is_settled() -> bool:
        readings.append(process.rss())
        return len(readings) > 3 and abs(readings[-1] - readings[-4]) < 1 << 16

    wait_until("memory", process, is_settled)
    return readings[-1]


class _Sender:
    """One connection, in the midst of a message."""

    def __init__(self, address: str, stack: contextlib.ExitStack) -> None:
        host, _, port = address.rpartition(":")
        self._stream = stack.enter_context(socket.create_connection((host, int(port)), timeout=60))
        self._replies = stack.enter_context(self._stream.makefile("rb"))
        self._brought = False
        self._expect(220)
        self._say("EHLO client.example.net", 250)
        self._say(f"MAIL FROM:<sender@example.net> SIZE={SIZE}", 250)
        self._say("RCPT TO:<recipient@example.org>", 250)
        self._say("DATA", 354)

    def bring(self, content: bytes) -> None:
        """Sends this, once."""
        if not self._brought:
            self._brought = True
            self._stream.sendall(content)

    def finish(self, content: bytes) -> int:
        """Sends the rest; what comes of it."""
        self._stream.sendall(content + b"\r\n.\r\n")
        return self._reply()

    def _say(self, line: str, code: int) -> None:
        self._stream.sendall(f"{line}\r\n".encode())
        self._expect(code)

    def _expect(self, code: int) -> None:
        if (reply := self._reply()) != code:
            raise RuntimeError(f"a large message among others: {reply} where {code} was due")

    def _reply(self) -> int:
        while match := re.match(rb"(\d{3})([ -]?)", self._replies.readline()):
            if match[2] != b"-":
                return int(match[1])
        return 0
