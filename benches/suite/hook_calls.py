"""What calling a hook costs beyond what the hook itself does.

Run as a program by a Python that has smtpgw. A message of thousands of small parts goes through the engine that
`smtpgw scan` uses, three times in each round: with an inspector that has no `on_part`; with one whose `on_part` does
nothing and takes nothing; with one whose `on_part` does nothing and takes the part. Two figures come of it, both less
what calling the same method costs in a Python loop:

- the call: from a worker's claim to its answer, by the gateway's own clock (into Python, the Python object for the part
  where one is asked for, back);
- all told: the processor time of the whole process less that without `on_part`, a part: also the batch, the queue, the
  waiting and the record.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from statistics import median
from typing import Any

PARTS = 9_000


def main(rounds: int) -> dict[str, Any]:
    """Measures and returns microseconds."""
    from smtpgw import Inspector, config
    from smtpgw._core import Scanner
    from smtpgw.inspector import roster

    class Silent(Inspector):
        name = "silent"

        def on_message(self) -> None:
            """Does nothing, once a message."""

    class TakesNothing(Inspector):
        name = "takes-nothing"

        def on_part(self) -> None:
            """Does nothing."""

    class TakesPart(Inspector):
        name = "takes-part"

        def on_part(self, part: object) -> None:
            """Does nothing with the part."""

    settings = config.default().to_core_json()
    message = _message()
    scanners = {kind.name: Scanner(settings, roster([kind()]), threads=1) for kind in (Silent, TakesNothing, TakesPart)}
    report = json.loads(scanners["silent"].scan(message))
    parts = len(report["parts"])
    if parts != PARTS:
        raise SystemExit(f"the message was to have {PARTS} parts and has {parts}")

    scans: dict[str, list[float]] = {name: [] for name in scanners}
    calls: dict[str, list[float]] = {name: [] for name in scanners}
    loops: dict[str, list[float]] = {"takes-nothing": [], "takes-part": []}
    for _ in range(rounds):
        for name, scanner in scanners.items():
            scans[name].append(_cpu_time(lambda scanner=scanner, name=name: _scan(scanner, message, calls[name])))
        nothing, takes, part = TakesNothing().on_part, TakesPart().on_part, object()
        loops["takes-nothing"].append(_cpu_time(_repeat, nothing))
        loops["takes-part"].append(_cpu_time(_repeat_with, takes, part))

    per_part = 1e6 / PARTS
    result: dict[str, Any] = {"parts": PARTS, "rounds": rounds, "scan_without_us": median(scans["silent"]) * per_part}
    for name, loop in loops.items():
        extra = median(ours - without for ours, without in zip(scans[name], scans["silent"], strict=True))
        result[name] = {
            "python_loop_us": median(loop) * per_part,
            "call_us": (median(calls[name]) - median(loop)) * per_part,
            "all_told_us": (extra - median(loop)) * per_part,
        }
    return result


def _scan(scanner: Any, message: bytes, calls: list[float]) -> None:  # noqa: ANN401 - of a compiled module
    report = json.loads(scanner.scan(message))
    calls.append(report["inspectors"][0]["elapsed_s"])


def _repeat(call: Callable[[], None]) -> None:
    for _ in range(PARTS):
        call()


def _repeat_with(call: Callable[..., None], part: object) -> None:
    for _ in range(PARTS):
        call(part=part)


def _cpu_time(run: Callable[..., object], *arguments: object) -> float:
    """Processor time of all threads of this process: other programs do not count."""
    begin = time.process_time()
    run(*arguments)
    return time.process_time() - begin


def _message() -> bytes:
    head = b'From: a@example.net\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\n'
    part = b"--b\r\nContent-Type: text/plain\r\n\r\nThis is a part.\r\n"
    return head + part * PARTS + b"--b--\r\n"


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(int(sys.argv[1]))) + "\n")
