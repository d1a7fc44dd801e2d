"""Everything a run has measured, and what it was to reach."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from .memory import Growth, Idle
from .micro import Micro
from .throughput import Measurement, Summary, summarise

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
    growth: list[Growth] = field(default_factory=list)
    idle: list[Idle] = field(default_factory=list)
    micro: list[Micro] = field(default_factory=list)
    hooks: dict[str, Any] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)
    """Contenders and suites that could not take part, and why."""

    @property
    def summaries(self) -> list[Summary]:
        """Throughput, medians over the rounds."""
        return summarise(self.measurements)

    def failures(self) -> Iterator[str]:
        """Whatever went wrong on the wire. A figure with failures is not a figure."""
        for each in self.summaries:
            if each.failures:
                yield f"{each.contender}, {each.workload}: {each.failures}"
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
        for micro in self.micro:
            if micro.name == "mime/base64-10MiB" and micro.megabytes_per_second:
                what = "decoding a 10 MiB attachment in base64, raw message on one core"
                yield Gate(what, micro.megabytes_per_second, 2_500, "MB/s")
        if self.hooks:
            call = self.hooks["takes-part"]["call_us"]
            yield Gate("a hook call beyond what the hook does, from claim to answer", call, 1.0, "µs", at_most=True)
        for growth in self.growth:
            if growth.contender != "relay":
                what = f"{growth.contender}: memory from the 10th to the {growth.messages}th message of 25 MB"
                yield Gate(what, growth.growth / (1 << 20), NOISE, "MiB", at_most=True)
                what = f"{growth.contender}: the second half of that"
                yield Gate(what, growth.late_growth / (1 << 20), NOISE, "MiB", at_most=True)
        for idle in self.idle:
            if idle.contender != "relay":
                tls = ", TLS" if idle.starttls else ""
                what = f"{idle.contender}{tls}: greeting p99 beside {idle.connections} idle connections"
                yield Gate(what, idle.greeting_ms["p99"], 50, "ms", at_most=True)

    def save(self, path: Path) -> None:
        """Writes everything as JSON."""
        everything = {
            "facts": self.facts,
            "throughput": [asdict(each) for each in self.summaries],
            "measurements": [asdict(each) for each in self.measurements],
            "memory": [asdict(each) | {"growth": each.growth, "late": each.late_growth} for each in self.growth],
            "idle": [asdict(each) for each in self.idle],
            "micro": [asdict(each) | {"megabytes_per_second": each.megabytes_per_second} for each in self.micro],
            "hooks": self.hooks,
            "gates": [asdict(each) | {"reached": each.reached} for each in self.gates()],
            "absent": self.absent,
        }
        path.write_text(json.dumps(everything, indent=1) + "\n")


# Messages of 4 KiB per processor second, relative to the relay's.
RATIOS = {"plain": 0.5, "run": 0.5, "run+yara+urls": 0.4}

# How far two readings of settled memory may be apart, in MiB.
NOISE = 2.0
