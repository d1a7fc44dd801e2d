"""What calling a hook costs beyond what the hook itself does.

Run as a program by a Python that has smtpgw. A message of thousands of small parts goes through the engine that
`smtpgw scan` uses, three times in each round: with an inspector that has no `on_part`; with one whose `on_part` does
nothing and takes nothing; with one whose `on_part` does nothing and takes the part. The difference to the first, a
part, less what calling the same method costs in a Python loop, is what the way into Python and back costs: a batch, a
claim, the call, the answer, its place in the record (and the Python object for the part, where one is asked for).
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

    seconds: dict[str, list[float]] = {name: [] for name in scanners}
    loops: dict[str, list[float]] = {"takes-nothing": [], "takes-part": []}
    for _ in range(rounds):
        for name, scanner in scanners.items():
            seconds[name].append(_timed(scanner.scan, message))
        loops["takes-nothing"].append(_timed(_repeat, TakesNothing().on_part))
        loops["takes-part"].append(_timed(_repeat_with, TakesPart().on_part, object()))

    result: dict[str, Any] = {
        "parts": PARTS,
        "rounds": rounds,
        "scan_without_us": median(seconds["silent"]) / PARTS * 1e6,
    }
    for name, loop in loops.items():
        extra = median(with_hook - without for with_hook, without in zip(seconds[name], seconds["silent"], strict=True))
        result[name] = {
            "call_us": extra / PARTS * 1e6,
            "python_loop_us": median(loop) / PARTS * 1e6,
            "overhead_us": (extra - median(loop)) / PARTS * 1e6,
        }
    return result


def _repeat(call: Callable[[], None]) -> None:
    for _ in range(PARTS):
        call()


def _repeat_with(call: Callable[..., None], part: object) -> None:
    for _ in range(PARTS):
        call(part=part)


def _timed(run: Callable[..., object], *arguments: object) -> float:
    begin = time.perf_counter()
    run(*arguments)
    return time.perf_counter() - begin


def _message() -> bytes:
    head = b'From: a@example.net\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\n'
    part = b"--b\r\nContent-Type: text/plain\r\n\r\nThis is a part.\r\n"
    return head + part * PARTS + b"--b--\r\n"


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(int(sys.argv[1]))) + "\n")
