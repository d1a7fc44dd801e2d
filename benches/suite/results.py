"""Everything a run has measured, and what it was to reach."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from .crowd import Crowd
from .memory import Growth, Idle
from .micro import Micro
from .parsers import BOUNDS, OURS, THEIRS, Parsing
from .parsers import compare as compare_parsers
from .steady import RATE, STALL_MS, Steady
from .throughput import Measurement, Summary, compare, summarise

__all__ = ["Gate", "Results"]


@dataclass(frozen=True, slots=True)
class Gate:
    """A figure to reach."""

    what: str
    figure: float
    bound: float
    unit: str
    at_most: bool = False

    @property
    def reached(self) -> bool:
        """Whether it is reached."""
        return self.figure <= self.bound if self.at_most else self.figure >= self.bound

    @property
    def verdict(self) -> str:
        """In words, with the distance if it falls short."""
        if self.reached:
            return "reached"
        return f"missed by {abs(self.figure - self.bound):.2f} {self.unit}".rstrip()


@dataclass(slots=True)
class Results:
    """One run."""

    facts: dict[str, Any]
    measurements: list[Measurement] = field(default_factory=list)
    steady: list[Steady] = field(default_factory=list)
    growth: list[Growth] = field(default_factory=list)
    crowds: list[Crowd] = field(default_factory=list)
    parsing: list[Parsing] = field(default_factory=list)
    idle: list[Idle] = field(default_factory=list)
    micro: list[Micro] = field(default_factory=list)
    hooks: dict[str, Any] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)
    """Contenders and suites that could not take part, and why."""
    skipped: dict[str, str] = field(default_factory=dict)
    """Other people's programs that are not there: no failure."""

    @property
    def summaries(self) -> list[Summary]:
        """Throughput, medians over the rounds."""
        return summarise(self.measurements)

    def failures(self) -> Iterator[str]:
        """Whatever went wrong on the wire. A figure with failures is not a figure."""
        for each in self.summaries:
            if each.failures:
                yield f"{each.contender}, {each.workload}: {each.failures}"
        for steady in self.steady:
            if steady.failures:
                yield f"{steady.contender}, {RATE} connections a second: {steady.failures}"
        for idle in self.idle:
            if idle.alive != idle.connections:
                cut = idle.connections - idle.alive
                yield f"{idle.contender}: {cut} of {idle.connections} idle connections were cut"

    def gates(self) -> Iterator[Gate]:
        """The figures to reach, as far as they were measured."""
        for each in self.summaries:
            bound = RATIOS.get(each.contender)
            if bound and each.ratio is not None and each.workload.startswith("4 KiB, "):
                yield Gate(
                    f"{each.contender}, {each.workload}: messages per CPU second against the relay",
                    each.ratio,
                    bound,
                    "",
                )
        yield from self._against_peers()
        for micro in self.micro:
            if micro.name == "mime/base64-10MiB" and micro.megabytes_per_second:
                what = "decoding a 10 MiB attachment in base64, raw message on one core"
                yield Gate(what, micro.megabytes_per_second, 2_500, "MB/s")
        if self.hooks:
            call = self.hooks["takes-part"]["call_us"]
            yield Gate("a hook call beyond what the hook does, from claim to answer", call, 1.0, "µs", at_most=True)
        for growth in self.growth:
            if growth.contender in RATIOS:
                what = f"{growth.contender}: memory from the 10th to the {growth.messages}th message of 25 MB"
                yield Gate(what, growth.growth / (1 << 20), NOISE, "MiB", at_most=True)
                what = f"{growth.contender}: the second half of that"
                yield Gate(what, growth.late_growth / (1 << 20), NOISE, "MiB", at_most=True)
        for message, bound in BOUNDS.items():
            if (ratio := compare_parsers(self.parsing, message)) is not None:
                yield Gate(f"{OURS}, {message}: MB/s against {THEIRS}", ratio, bound, "")
        for crowd in self.crowds:
            if crowd.messages == max(each.messages for each in self.crowds):
                what = f"{crowd.contender}: memory of each of {crowd.messages} messages of 25 MB at the same time"
                yield Gate(what, crowd.octets_each / 1024, CROWDED, "KiB", at_most=True)
        for idle in self.idle:
            if idle.contender in RATIOS:
                tls = ", TLS" if idle.starttls else ""
                what = f"{idle.contender}{tls}: greeting p99 beside {idle.connections} idle connections"
                yield Gate(what, idle.greeting_ms["p99"], 50, "ms", at_most=True)

    def _against_peers(self) -> Iterator[Gate]:
        """What is to be as good as other people's programs, or better, in the same run."""
        for ours, theirs, bound, workload in AGAINST:
            for name in dict.fromkeys(each.workload for each in self.measurements):
                ratio = compare(self.measurements, ours, theirs, name) if name.startswith(workload) else None
                if ratio is not None:
                    yield Gate(f"{ours}, {name}: messages per CPU second against {theirs}", ratio, bound, "")
        steady = {(each.contender, each.starttls): each for each in self.steady}
        for (name, starttls), each in steady.items():
            if name in RATIOS:
                what = f"{name}{', STARTTLS' if starttls else ''}, {RATE} connections a second: p99 of the slowest step"
                yield Gate(what, each.slowest_step_ms, STALL_MS, "ms", at_most=True)
        if ("run", False) in steady and ("haproxy", False) in steady:
            p99 = [(steady[name, False].latency_ms["greeting"] or {}).get("p99", 0.0) for name in ("run", "haproxy")]
            what = f"run, {RATE} connections a second: greeting p99 against haproxy"
            yield Gate(what, p99[0] / p99[1] if p99[1] else 0.0, 2.0, "", at_most=True)
        idle = {(each.contender, each.starttls): each for each in self.idle}
        for starttls in (False, True):
            ours, theirs = idle.get(("run", starttls)), idle.get(("nginx", starttls))
            # Few connections fit into what either had before.
            if ours and theirs and ours.connections >= 1_000:
                what = f"run{', TLS' if starttls else ''}: memory of an idle connection, no more than nginx's"
                bound = round(theirs.octets_each / 1024, 1)
                yield Gate(what, ours.octets_each / 1024, bound, "KiB", at_most=True)

    def save(self, path: Path) -> None:
        """Writes everything as JSON."""
        everything = {
            "facts": self.facts,
            "throughput": [asdict(each) for each in self.summaries],
            "measurements": [asdict(each) for each in self.measurements],
            "steady": [asdict(each) for each in self.steady],
            "memory": [asdict(each) | {"growth": each.growth, "late": each.late_growth} for each in self.growth],
            "crowds": [asdict(each) | {"octets_each": each.octets_each} for each in self.crowds],
            "parsing": [asdict(each) for each in self.parsing],
            "idle": [asdict(each) for each in self.idle],
            "micro": [asdict(each) | {"megabytes_per_second": each.megabytes_per_second} for each in self.micro],
            "hooks": self.hooks,
            "gates": [asdict(each) | {"reached": each.reached} for each in self.gates()],
            "absent": self.absent,
            "skipped": self.skipped,
        }
        path.write_text(json.dumps(everything, indent=1) + "\n")


# Our own contenders, and their messages of 4 KiB per processor second, relative to the relay's.
RATIOS = {"plain": 0.5, "run": 0.5, "run+yara+urls": 0.4}

# Ours, theirs, the least ratio of messages per processor second, and the workloads that are meant.
AGAINST = (
    ("run", "nginx", 0.9, "4 KiB, STARTTLS, 20 a connection"),
    ("run", "nginx", 1.5, "4 KiB, STARTTLS, 1 a connection"),
    ("run", "haproxy", 0.7, "4 KiB, 1 a connection"),
    ("run+yara+urls", "run", 0.8, "4 KiB, "),
)

# How far two readings of settled memory may be apart, in MiB.
NOISE = 2.0

# What a message of 25 MB may take in memory while it arrives, in KiB: what two spools, the decoder and the
# connection hold of it, whatever its size.
CROWDED = 512.0
