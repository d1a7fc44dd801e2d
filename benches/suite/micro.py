"""The criterion benches and the hook-call figure: programs that measure themselves, and how to read them."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .bench import ROOT, Bench

__all__ = ["Micro", "hook_calls", "run_criterion"]


@dataclass(frozen=True, slots=True)
class Micro:
    """One criterion bench."""

    name: str
    nanoseconds: float
    """Median of one iteration."""
    octets: int | None
    """Octets of one iteration, if it counts octets."""

    @property
    def megabytes_per_second(self) -> float | None:
        """Throughput, if it counts octets."""
        return self.octets / self.nanoseconds * 1e3 if self.octets else None


def run_criterion(bench: Bench, *, quick: bool) -> list[Micro]:
    """Runs the benches of mime, smtp and archive."""
    time = ["--warm-up-time", "0.1", "--measurement-time", "0.3"] if quick else ["--measurement-time", "3"]
    command = ["cargo", "bench", "--profile", "release", "--locked", "-p", "smtpgw-bench"]
    for name in ("mime", "smtp", "archive"):
        words = [*command, "--bench", name, "--", "--noplot", "--sample-size", "10" if quick else "30", *time]
        done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603
        if done.returncode:
            raise RuntimeError(f"cargo bench {name}: {done.stderr.strip().splitlines()[-1]}")
    return list(_results(bench.programs.parent / "criterion"))


def _results(folder: Path) -> list[Micro]:
    found = []
    for file in sorted(folder.glob("*/*/new/benchmark.json")):
        about = json.loads(file.read_text())
        median = json.loads((file.parent / "estimates.json").read_text())["median"]["point_estimate"]
        throughput = about.get("throughput") or {}
        found.append(Micro(f"{about['group_id']}/{about['function_id']}", median, throughput.get("Bytes")))
    return found


def hook_calls(bench: Bench, rounds: int) -> dict[str, Any]:
    """Runs `hook_calls.py` with the gateway's own Python."""
    command = [str(bench.python), str(Path(__file__).with_name("hook_calls.py")), str(rounds)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own program
    if done.returncode:
        raise RuntimeError(f"hook_calls: {done.stderr.strip().splitlines()[-1]}")
    result: dict[str, Any] = json.loads(done.stdout)
    return result
