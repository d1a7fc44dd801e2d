"""A fixed number of new connections a second, whatever becomes of those before: waits that a busy loop would hide.

A closed loop slows down with the server and never sees a stall of 40 ms (Nagle's algorithm against a delayed
acknowledgement) for what it is. Here every step of a session is timed while the machine has little to do.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from .bench import Bench
from .contenders import Contender
from .throughput import start_sink

__all__ = ["RATE", "STALL_MS", "Steady", "measure_steady"]

RATE = 40
"""New connections a second, one message of 4 KiB each."""
STALL_MS = 40.0
"""How long the shortest delayed acknowledgement of Linux takes."""


@dataclass(frozen=True, slots=True)
class Steady:
    """A contender at the fixed rate."""

    contender: str
    starttls: bool
    messages: int
    latency_ms: dict[str, dict[str, float] | None]
    """Of greeting, handshake and end of data: percentiles."""
    failures: dict[str, int]

    @property
    def slowest_step_ms(self) -> float:
        """The highest of the 99th percentiles: what a stall of the protocol hits, be it one connection in a hundred."""
        return max(each["p99"] for each in self.latency_ms.values() if each)


def measure_steady(bench: Bench, contenders: Sequence[Contender], seconds: float) -> Iterator[Steady]:
    """Knocks at each contender for so long, plain and with STARTTLS."""
    messages = max(int(RATE * seconds), 1)
    with ExitStack() as stack:
        sink, backend = start_sink(bench)
        stack.enter_context(sink)
        for starttls in (False, True):
            words = ["--rate", str(RATE), "--connections", "400", *(["--starttls"] if starttls else [])]
            for contender in contenders:
                if starttls and not contender.takes_starttls:
                    continue
                with contender.start(bench, backend, starttls=starttls) as subject:
                    report = bench.load("--target", subject.address, "--warm-up", "20", "--messages", messages, *words)
                yield Steady(
                    contender.name, starttls, report["messages"], report["latency_ms"], dict(report["failures"])
                )
