"""How fast messages are taken apart, beside other parsers: one thread each, the same messages, in one run.

Each parser runs in a process of its own (`parse_calls.py`), called from Python, and is made to hand out everything: the
header's fields, texts as `str`, the octets of files. `smtpgw.testing.decode` is the door that is equal to theirs; what
`smtpgw scan` does of a message beside that (the spool, hashes, real types, containers, the record) is measured as well,
and so is the decoder without Python, which like theirs keeps every content, and which reads in pieces and keeps none.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from .bench import ROOT, Bench

__all__ = ["BOUNDS", "PARSERS", "Parsing", "compare", "lacking", "measure_parsers"]

PEERS = ROOT / ".venv/peers/parsers/bin/python"
"""The Python of `scripts/setup contenders` that has the others' parsers."""

PARSERS = {
    "smtpgw, the decoder alone": "streaming",
    "smtpgw, contents kept": "kept",
    "smtpgw.testing.decode": "decode",
    "smtpgw scan": "scan",
    "fast-mail-parser": "fast",
    "email (of Python)": "email",
}
OURS, THEIRS = "smtpgw.testing.decode", "fast-mail-parser"
BOUNDS = {"text, 4 KiB": 1.0, "typical, 75 KiB": 1.2, "base64, 10 MiB": 1.5}
"""What `OURS` is to reach of `THEIRS`."""


@dataclass(frozen=True, slots=True)
class Parsing:
    """One parser and one message, in one round."""

    parser: str
    message: str
    octets: int
    seconds: float
    """Of processor time, for one message: the least of several batches."""

    @property
    def megabytes_per_second(self) -> float:
        """Of raw message."""
        return self.octets / self.seconds / 1e6


def compare(measured: list[Parsing], message: str) -> float | None:
    """How many times as fast as `THEIRS` `OURS` is: the median over the rounds."""
    ours, theirs = (
        [each.seconds for each in measured if (each.parser, each.message) == (parser, message)]
        for parser in (OURS, THEIRS)
    )
    return median(b / a for a, b in zip(ours, theirs, strict=True)) if ours and theirs else None


def lacking() -> str | None:
    """Why other people's parser cannot take part, if it cannot."""
    return None if PEERS.exists() else "fast-mail-parser is not there (scripts/setup contenders)"


def measure_parsers(bench: Bench, rounds: int, seconds: float) -> Iterator[Parsing]:
    """Measures every parser with every message, round by round."""
    files = {
        "text, 4 KiB": bench.text_message(),
        "typical, 75 KiB": bench.typical_message(),
        "base64, 10 MiB": bench.large_message(10 << 20),
    }
    for _ in range(rounds):
        for parser, kind in PARSERS.items():
            if kind == "fast" and lacking():
                continue
            if kind in ("streaming", "kept"):
                command = [bench.program("smtpgw-decode"), *(["--keep"] if kind == "kept" else [])]
                names = [word for file in files.values() for word in ("--file", file)]
            else:
                python = PEERS if kind == "fast" else sys.executable
                command = [python, Path(__file__).with_name("parse_calls.py"), "--parser", kind]
                names = list(files.values())
            words = [str(word) for word in (*command, "--seconds", seconds, *names)]
            done = subprocess.run(words, capture_output=True, text=True, check=False)  # noqa: S603 - our own programs
            if done.returncode:
                raise RuntimeError(f"{parser}: {(done.stderr.strip() or 'failed').splitlines()[-1]}")
            for (name, file), line in zip(files.items(), done.stdout.splitlines(), strict=True):
                yield Parsing(parser, name, file.stat().st_size, json.loads(line))
