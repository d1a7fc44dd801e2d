"""`smtpgw run` as a child process: its configuration, its records, its end.

Everything a test learns of the gateway it learns as an administrator would: from the wire, from the records on
standard error (one JSON object a line) and from the exit status.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from peers import wait_until

__all__ = ["SMTPGW", "Certificate", "RunningGateway", "configuration", "streaming", "write"]

SMTPGW = Path(sys.executable).parent / "smtpgw"
"""The command as it is installed beside the interpreter of the tests."""
INSPECTORS = Path(__file__).parent
"""Where `inspectors:Class` of the tests is found."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """A chain and its key as PEM files, and the authority that clients should trust."""

    chain: Path
    key: Path
    authority: Path

    def as_settings(self) -> dict[str, str]:
        """The way the configuration names it."""
        return {"chain": str(self.chain), "key": str(self.key)}


def configuration(
    certificate: Certificate,
    backend: str,
    /,
    *,
    xclient: bool = False,
    inspectors: list[dict] | None = None,
    **more: Any,
) -> dict[str, Any]:
    """A small complete configuration: STARTTLS on a free port, one backend at `backend`, these inspectors.

    With `xclient` the backend is told who the client is and decides on recipients; without, example.org is taken.
    `more` replaces keys of the top level, tables by key.
    """
    settings: dict[str, Any] = {
        "hostname": "mx1.example.org",
        "listener": [
            {
                "address": "127.0.0.1:0",
                "tls": "starttls",
                "backend": "main",
                "recipient_domains": [] if xclient else ["example.org"],
                "certificates": [certificate.as_settings()],
            }
        ],
        "backend": {"main": {"address": backend, "identity": "xclient" if xclient else "none"}},
        "limits": {"drain_s": 5},
        "inspector": inspectors or [],
    }
    for key, value in more.items():
        settings[key] = settings.get(key, {}) | value if isinstance(value, dict) else value
    return settings


def streaming(address: str) -> dict[str, Any]:
    """What `configuration` needs for a backend that gets messages while they arrive: nothing can be put on top."""
    tagged = ("encrypted", "corrupted", "partially_corrupted", "multipart", "unhandled", "disabled_format", "oversize")
    return {
        "backend": {"main": {"address": address, "identity": "none", "relay": "stream"}},
        "decode": {"unscanned": dict.fromkeys((*tagged, "inspector_down"), "accept")},
    }


def write(settings: dict[str, Any], folder: Path) -> Path:
    """The configuration file with these settings, which nobody finds half-written."""
    path, new = folder / "smtpgw.toml", folder / "smtpgw.toml.new"
    new.write_text("".join(f"{key} = {toml(value)}\n" for key, value in settings.items()))
    new.replace(path)
    return path


def toml(value: object) -> str:
    """A value as TOML, tables inline."""
    if isinstance(value, dict):
        return "{{{}}}".format(", ".join(f"{json.dumps(key)} = {toml(item)}" for key, item in value.items()))
    if isinstance(value, list):
        return "[{}]".format(", ".join(map(toml, value)))
    return json.dumps(value)


@dataclass(slots=True)
class RunningGateway:
    """One `smtpgw run`; a context manager that is entered when the gateway is ready and left when it has ended."""

    settings: dict[str, Any]
    folder: Path
    records: list[dict[str, Any]] = field(default_factory=list)
    other_output: list[str] = field(default_factory=list)
    """Lines on standard error that are no records."""
    port: int = 0
    process: subprocess.Popen[str] = field(init=False)
    _reader: threading.Thread = field(init=False)

    def __enter__(self) -> RunningGateway:
        path = self.configure(self.settings)
        self.process = subprocess.Popen(
            [SMTPGW, "run", "-c", path],
            cwd=self.folder,
            env=os.environ
            | {"PYTHONPATH": os.pathsep.join(filter(None, [str(INSPECTORS), os.environ.get("PYTHONPATH")]))},
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        try:
            ready = wait_until(self._ready, "the gateway is ready", within_s=30)
        except AssertionError:
            self.process.kill()
            self.process.wait()
            self._reader.join(timeout=5)
            raise AssertionError("\n".join(self.other_output + list(map(str, self.records)))) from None
        self.port = int(ready["listeners"][0].rpartition(":")[2])
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self._reader.join(timeout=5)

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"127.0.0.1:{self.port}"

    @property
    def resident(self) -> int:
        """Octets that it has in memory."""
        return int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    @property
    def descriptors(self) -> int:
        """How many it has open."""
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def found(self, event: str, **fields: object) -> list[dict[str, Any]]:
        """Records of `event` that have these fields."""
        return [
            record
            for record in list(self.records)
            if record.get("event") == event and all(record.get(key) == value for key, value in fields.items())
        ]

    def record(self, event: str, *, number: int = 1, within_s: float = 10.0, **fields: object) -> dict[str, Any]:
        """The `number`-th record of `event` with these fields, as soon as it is there."""
        try:
            wait_until(lambda: len(self.found(event, **fields)) >= number, event, within_s=within_s)
        except AssertionError:
            raise AssertionError(f"no record {event} {fields}:\n" + "\n".join(map(str, self.records))) from None
        return self.found(event, **fields)[number - 1]

    def configure(self, settings: dict[str, Any]) -> Path:
        """Writes the configuration file; a running gateway reads it at the next SIGHUP."""
        return write(settings, self.folder)

    def stop(self, *, within_s: float = 20.0) -> int:
        """SIGTERM, and the exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=within_s)

    def _ready(self) -> dict[str, Any] | None:
        assert self.process.poll() is None, f"ended with {self.process.returncode}"
        return next(iter(self.found("ready")), None)

    def _read(self) -> None:
        assert self.process.stderr
        with self.process.stderr as lines:
            for line in lines:
                try:
                    record = json.loads(line)
                except ValueError:
                    record = None
                if isinstance(record, dict):
                    self.records.append(record)
                else:
                    self.other_output.append(line.rstrip("\n"))
