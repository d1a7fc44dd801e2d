"""Messages per second and, what matters more, messages per second of processor time.

All contenders take part in every round, one after the other, so that whatever else the machine does hits all of them
alike; a ratio is taken within a round, and the median over the rounds is reported.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from statistics import median
from typing import Any

from .bench import Bench
from .contenders import Contender, Subject
from .process import Process

__all__ = ["WORKLOADS", "Measurement", "Summary", "Workload", "compare", "measure", "start_sink", "summarise"]


@dataclass(frozen=True, slots=True)
class Workload:
    """A kind of mail traffic."""

    name: str
    arguments: Callable[[Bench], list[str]]
    """For the load generator."""
    starttls: bool = False
    quick: bool = False
    """Whether it is part of the quick run."""
    post_quantum: bool = False
    """Only for those who know X25519MLKEM768."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """One contender under one workload in one round."""

    workload: str
    contender: str
    round: int
    cpu_seconds: float
    report: dict[str, Any]
    """Of the load generator."""

    @property
    def messages_per_cpu_second(self) -> float:
        """The figure that other load on the machine changes least."""
        messages: int = self.report["messages"]
        return messages / self.cpu_seconds if self.cpu_seconds else 0.0


@dataclass(frozen=True, slots=True)
class Summary:
    """All rounds of one contender under one workload: medians."""

    workload: str
    contender: str
    messages_per_second: float
    megabytes_per_second: float
    cpu_seconds_per_1000: float
    messages_per_cpu_second: float
    ratio: float | None
    """Messages per processor second, relative to the relay in the same round; None without a relay."""
    latency_ms: dict[str, dict[str, float] | None]
    failures: dict[str, int]


def _text(octets: int, *more: str) -> Callable[[Bench], list[str]]:
    return lambda bench: ["--size", str(octets), *more]


def _typical(*more: str) -> Callable[[Bench], list[str]]:
    return lambda bench: ["--message", str(bench.typical_message()), *more]


CLASSIC = ("--starttls", "--group", "X25519")
"""The group that all contenders have: handshakes are to be compared that do the same work."""

WORKLOADS = (
    Workload("4 KiB, 1 a connection", _text(4096), quick=True),
    Workload("4 KiB, 20 a connection", _text(4096, "--per-connection", "20", "--pipelining")),
    Workload("75 KiB, 1 a connection", _typical()),
    Workload("4 KiB, STARTTLS, 1 a connection", _text(4096, *CLASSIC), starttls=True, quick=True),
    Workload(
        "4 KiB, STARTTLS, 20 a connection",
        _text(4096, *CLASSIC, "--per-connection", "20", "--pipelining"),
        starttls=True,
    ),
    Workload(
        "4 KiB, STARTTLS post-quantum, 1 a connection",
        _text(4096, "--starttls", "--group", "X25519MLKEM768"),
        starttls=True,
        post_quantum=True,
    ),
    Workload(
        "10 MiB, 1 a connection",
        lambda bench: ["--message", str(bench.large_message(10 << 20)), "--connections", "2"],
    ),
    Workload(
        "25 MiB, 1 a connection",
        lambda bench: ["--message", str(bench.large_message(25_000_000)), "--connections", "2"],
    ),
)


def start_sink(bench: Bench) -> tuple[Process, str]:
    """The backend of every contender, and where it listens."""
    process = Process([bench.program("smtpgw-sink")], log=bench.folder / "sink.err")
    return process, process.expect_line("listening ")


def measure(
    bench: Bench, contenders: Sequence[Contender], workloads: Sequence[Workload], rounds: int, seconds: float
) -> Iterator[Measurement]:
    """Measures every contender under every workload, round by round."""
    for workload in workloads:
        with ExitStack() as stack:
            sink, backend = start_sink(bench)
            stack.enter_context(sink)
            subjects = {
                contender.name: stack.enter_context(contender.start(bench, backend, starttls=workload.starttls))
                for contender in contenders
                if (contender.takes_starttls or not workload.starttls)
                and (contender.post_quantum or not workload.post_quantum)
            }
            for subject in subjects.values():
                # The first messages pay for caches, pools and lazy imports.
                _load(bench, subject, workload, min(1.0, seconds))
            for number in range(rounds):
                # Another order in every round: no contender always follows the same one.
                order = list(subjects)[number % len(subjects) :] + list(subjects)[: number % len(subjects)]
                for name in order:
                    before = subjects[name].process.cpu_seconds()
                    report = _load(bench, subjects[name], workload, seconds)
                    used = subjects[name].process.cpu_seconds() - before
                    yield Measurement(workload.name, name, number, used, report)


def _load(bench: Bench, subject: Subject, workload: Workload, seconds: float) -> dict[str, Any]:
    endless = ["--messages", str(1 << 40), "--seconds", str(seconds)]
    return bench.load("--target", subject.address, *workload.arguments(bench), *endless)


def summarise(measurements: Sequence[Measurement], base: str = "relay") -> list[Summary]:
    """Medians over the rounds, in the order in which things were measured first."""
    keys = dict.fromkeys((each.workload, each.contender) for each in sorted(measurements, key=lambda m: m.round))
    return [_summary(workload, contender, measurements, base) for workload, contender in keys]


def compare(measurements: Sequence[Measurement], ours: str, theirs: str, workload: str) -> float | None:
    """Messages per processor second of one against another's, the median of the ratios within a round."""
    pairs: dict[int, dict[str, float]] = {}
    for each in measurements:
        if each.workload == workload and each.contender in (ours, theirs):
            pairs.setdefault(each.round, {})[each.contender] = each.messages_per_cpu_second
    ratios = [pair[ours] / pair[theirs] for pair in pairs.values() if len(pair) == 2 and pair[theirs]]
    return median(ratios) if ratios else None


def _summary(workload: str, contender: str, measurements: Sequence[Measurement], base: str) -> Summary:
    ours = [each for each in measurements if (each.workload, each.contender) == (workload, contender)]
    failures: dict[str, int] = {}
    for each in ours:
        for kind, count in each.report["failures"].items():
            failures[kind] = failures.get(kind, 0) + count
    per_cpu_second = median(each.messages_per_cpu_second for each in ours)
    return Summary(
        workload=workload,
        contender=contender,
        messages_per_second=median(each.report["messages_per_second"] for each in ours),
        megabytes_per_second=median(each.report["megabytes_per_second"] for each in ours),
        cpu_seconds_per_1000=1000 / per_cpu_second if per_cpu_second else 0.0,
        messages_per_cpu_second=per_cpu_second,
        ratio=1.0 if contender == base else compare(measurements, contender, base, workload),
        latency_ms={kind: _latency(ours, kind) for kind in ("greeting", "handshake", "end_of_data")},
        failures=failures,
    )


def _latency(measurements: Sequence[Measurement], kind: str) -> dict[str, float] | None:
    found = [each.report["latency_ms"][kind] for each in measurements if each.report["latency_ms"][kind]]
    if not found:
        return None
    return {name: median(each[name] for each in found) for name in ("p50", "p90", "p99")} | {
        "max": max(each["max"] for each in found)
    }
