"""Programs that take messages one after the other and give back what is in them, for differential tests.

A message goes in behind its length (four octets, the highest first). Back comes the number of contents, then each
content behind its length. A program that dies of a message, or takes `PATIENCE_S` seconds for it, is started anew: what
it would have found is not known, and `failures` says so.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Timer

from . import UNPACKED, absent

__all__ = ["Extractor", "gmime", "mail_parser"]

ROOT = Path(__file__).parents[2]
PATIENCE_S = 20.0


class Extractor:
    """One such program, started when the first message comes."""

    def __init__(self, command: list[str], environment: dict[str, str] | None = None) -> None:
        self._command, self._environment = command, environment
        self._child: subprocess.Popen[bytes] | None = None
        self.failures = 0

    def __call__(self, raw: bytes) -> list[bytes]:
        """The contents of a message."""
        if self._child is None:
            self._child = subprocess.Popen(
                self._command, env=self._environment, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )
        child = self._child
        timer = Timer(PATIENCE_S, child.kill)
        timer.start()
        try:
            child.stdin.write(len(raw).to_bytes(4, "big") + raw)
            child.stdin.flush()
            return [self._read(self._number()) for _ in range(self._number())]
        except (BrokenPipeError, EOFError):
            self.failures += 1
            self.close()
            return []
        finally:
            timer.cancel()

    def close(self) -> None:
        """Ends the program."""
        if (child := self._child) is not None:
            self._child = None
            child.kill()
            child.wait()
            child.stdout.close()
            # What could not be written goes with the pipe.
            child.stdin.raw.close()

    def _number(self) -> int:
        return int.from_bytes(self._read(4), "big")

    def _read(self, count: int) -> bytes:
        octets = self._child.stdout.read(count)
        if len(octets) < count:
            raise EOFError
        return octets


@contextmanager
def gmime() -> Iterator[Extractor]:
    """GMime, in the system's own Python; what is missing there is unpacked (`make peers`)."""
    libraries = [lib for folder in UNPACKED for lib in folder.glob("usr/lib/*-linux-gnu")]
    environment = os.environ | {
        "LD_LIBRARY_PATH": ":".join(map(str, libraries)),
        "GI_TYPELIB_PATH": ":".join(f"{lib}/girepository-1.0" for lib in libraries),
        "PYTHONPATH": ":".join(f"{folder}/usr/lib/python3/dist-packages" for folder in UNPACKED),
    }
    script = str(Path(__file__).with_name("gmime_contents.py"))
    looks = ["/usr/bin/python3", script]
    if not Path(looks[0]).exists() or subprocess.run(looks, env=environment, input=b"", check=False).returncode:
        absent("GMime")
    extractor = Extractor(looks, environment)
    yield extractor
    extractor.close()


@contextmanager
def mail_parser() -> Iterator[Extractor]:
    """Stalwart's mail-parser, by the testkit's example."""
    if (cargo := shutil.which("cargo")) is None:
        absent("cargo")
    arguments = ["--quiet", "--release", "--locked", "-p", "smtpgw-testkit", "--example", "mail_parser"]
    subprocess.run([cargo, "build", *arguments], cwd=ROOT, check=True)
    extractor = Extractor([cargo, "run", *arguments])
    yield extractor
    extractor.close()
