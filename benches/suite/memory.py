"""Memory: whether it grows with messages, and what an idle connection costs; greetings beside idle connections."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from .bench import Bench
from .contenders import Contender, warm_up
from .throughput import start_sink

__all__ = ["Growth", "Idle", "measure_growth", "measure_idle"]


@dataclass(frozen=True, slots=True)
class Growth:
    """Memory of a contender that takes 25 MiB messages."""

    contender: str
    messages: int
    rss_start: int
    """Octets before the first message."""
    rss_first: int
    """Octets after the tenth."""
    rss_half: int
    """Octets when half of the rest had been sent."""
    rss_last: int
    """Octets after the last."""
    descriptors_start: int
    descriptors_last: int

    @property
    def growth(self) -> int:
        """Octets that came between the tenth message and the last."""
        return self.rss_last - self.rss_first

    @property
    def late_growth(self) -> int:
        """Octets that came in the second half: what leaks goes on, what is warming up does not."""
        return self.rss_last - self.rss_half


@dataclass(frozen=True, slots=True)
class Idle:
    """A contender with idle connections."""

    contender: str
    starttls: bool
    connections: int
    alive: int
    """Idle connections that still answered at the end."""
    octets_each: float
    """Memory of one idle connection."""
    greeting_ms: dict[str, float]


def measure_growth(bench: Bench, contenders: Sequence[Contender], messages: int) -> Iterator[Growth]:
    """Sends ten messages of 25 MB, then the rest in two halves, and reads memory each time. Two at a time."""
    large = bench.large_message(25_000_000)
    with ExitStack() as stack:
        sink, backend = start_sink(bench)
        stack.enter_context(sink)
        for contender in contenders:
            with contender.start(bench, backend, starttls=False) as subject:
                process = subject.process
                start, descriptors = process.rss(), process.descriptors()
                _send(bench, subject.address, large, 10)
                first = process.rss()
                _send(bench, subject.address, large, (messages - 10) // 2)
                half = process.rss()
                _send(bench, subject.address, large, messages - 10 - (messages - 10) // 2)
                last, left = process.rss(), process.descriptors()
                yield Growth(contender.name, messages, start, first, half, last, descriptors, left)


def _send(bench: Bench, address: str, message: object, count: int) -> None:
    report = bench.load("--target", address, "--message", str(message), "--messages", str(count), "--connections", "2")
    if report["messages"] != count:
        raise RuntimeError(f"{count} large messages were sent, {report['messages']} were taken: {report['failures']}")


def measure_idle(
    bench: Bench, contenders: Sequence[Contender], connections: int, *, starttls: bool = False
) -> Iterator[Idle]:
    """Opens idle connections and measures further greetings meanwhile."""
    with ExitStack() as stack:
        sink, backend = start_sink(bench)
        stack.enter_context(sink)
        for contender in contenders:
            if starttls and not contender.takes_starttls:
                continue
            floor = contender.floor(bench, backend, starttls=starttls)
            with contender.start(bench, backend, starttls=starttls) as subject:
                # What the first connections leave behind is not the idle ones'.
                warm_up(bench, subject.address, starttls=starttls)
                before = subject.process.rss() if floor is None else floor
                command = [
                    bench.program("smtpgw-load"),
                    "--target",
                    subject.address,
                    "--idle",
                    connections,
                    "--messages",
                    2000,
                ]
                command += ["--starttls"] if starttls else []
                words = [str(word) for word in command]
                with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as load:  # noqa: S603 - our own program
                    assert load.stdout is not None  # noqa: S101 - it was asked for
                    opened = json.loads(load.stdout.readline())["idle"]
                    rss = subject.process.rss()
                    report = json.loads(load.stdout.readline())
                each = (rss - before) / max(opened, 1)
                greeting = report["latency_ms"]["greeting"]
                yield Idle(contender.name, starttls, opened, report["idle_alive"], each, greeting)
