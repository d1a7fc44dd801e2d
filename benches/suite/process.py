"""A process under measurement: what it costs, and how it ends.

Linux only: everything is read from /proc. Processor time is user and system time of the process and of all its
children, living and dead, so a gateway with worker processes pays for them.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Self

__all__ = ["Process", "StartError"]


class StartError(RuntimeError):
    """A contender did not start; the text says why."""


class Process:
    """A child process and its descendants."""

    def __init__(self, command: Sequence[str | Path], *, log: Path) -> None:
        """Starts it. Its standard error goes to `log`; standard output is read by `expect_line`."""
        self._name = Path(command[0]).name
        self._log = log
        with log.open("ab") as errors:
            self._child = subprocess.Popen(  # noqa: S603 - the suite's own programs
                [str(word) for word in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors
            )

    def expect_line(self, prefix: str) -> str:
        """The rest of the next line of output, which begins with `prefix`."""
        assert self._child.stdout is not None  # noqa: S101 - it was asked for
        line = self._child.stdout.readline().decode()
        if not line.startswith(prefix):
            raise StartError(f"{self._name} said {line!r}; {self.complaint()}")
        return line.removeprefix(prefix).strip()

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self._child.poll() is None

    def complaint(self) -> str:
        """The end of what it wrote to standard error."""
        text = self._log.read_text(errors="replace").strip()
        return text.splitlines()[-1] if text else f"exit status {self._child.poll()}"

    def cpu_seconds(self) -> float:
        """Processor time used so far."""
        return sum(_cpu_ticks(pid) for pid in self._family()) / os.sysconf("SC_CLK_TCK")

    def rss(self) -> int:
        """Octets of memory in use now."""
        return sum(_status(pid, "VmRSS:") for pid in self._family())

    def descriptors(self) -> int:
        """Open descriptors."""
        return sum(len(list(Path(f"/proc/{pid}/fd").iterdir())) for pid in self._family())

    def stop(self) -> str:
        """Ends it with SIGTERM, and with SIGKILL if it does not end; returns what it still had to say."""
        if self.alive:
            self._child.send_signal(signal.SIGTERM)
        try:
            output, _ = self._child.communicate(timeout=40)
        except subprocess.TimeoutExpired:
            self._child.kill()
            output, _ = self._child.communicate()
        return output.decode()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _family(self) -> list[int]:
        family, new = [], [self._child.pid]
        while new:
            pid = new.pop()
            family.append(pid)
            for children in Path(f"/proc/{pid}/task").glob("*/children"):
                try:
                    new += map(int, children.read_text().split())
                except OSError:
                    continue
        return family


def wait_until(what: str, process: Process, ready: object, seconds: float = 60) -> None:
    """Waits until `ready()` is true, while the process lives."""
    assert callable(ready)  # noqa: S101 - a mistake of ours
    end = time.monotonic() + seconds
    while not ready():
        if not process.alive or time.monotonic() > end:
            raise StartError(f"{what}: {process.complaint()}")
        time.sleep(0.02)


def _cpu_ticks(pid: int) -> int:
    try:
        # The name in parentheses may hold anything; the numbers follow it.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    return sum(map(int, fields[11:15]))


def _status(pid: int, name: str) -> int:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(name)), 0)
