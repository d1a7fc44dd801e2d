"""A root folder of its own for a mail server that cannot be installed beside another one.

Debian lets a machine have one mail transport only, and Exim and OpenSMTPD have their users, sockets and queues at
fixed places. `scripts/setup peers` unpacks them without installing; here each instance gets a folder with its
program, the libraries that it needs, the users it asks for and the few files that any program expects, and runs with
`chroot` in it. The network is the machine's own. Needs root, as Postfix does.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import stat
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from peers import absent, program, unpacked, wait_until

__all__ = ["OwnRoot"]

FIRST_USER = 64_100
"""User and group numbers of the folder, out of the way of the machine's own."""


@dataclass(slots=True)
class OwnRoot:
    """The folder, and the one program that runs in it."""

    name: str
    """Of the program, as `peers.program` finds it."""
    users: Sequence[str]
    """Those it looks up; each gets a group of the same name."""
    folder: Path = field(init=False)
    _process: subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        original = program(self.name)
        if os.geteuid() != 0:
            pytest.skip(f"{self.name} must be started by root")
        # The program's own users must get in, so no place below pytest's private folders.
        self.folder = Path(tempfile.mkdtemp(prefix=f"smtpgw-{self.name}-"))
        self.folder.chmod(0o755)
        for name in ("dev", "etc", "tmp", "usr/sbin", "run"):
            (self.folder / name).mkdir(parents=True)
        (self.folder / "tmp").chmod(0o1777)
        (self.folder / "var").mkdir()
        (self.folder / "var/run").symlink_to("/run")
        os.mknod(self.folder / "dev/null", 0o666 | stat.S_IFCHR, os.makedev(1, 3))
        (self.folder / "dev/null").chmod(0o666)
        self._copy_with_libraries(original)
        names = ["root", *self.users, "nobody"]
        numbers = dict(zip(names, [0, *range(FIRST_USER, FIRST_USER + len(self.users)), 65534], strict=True))
        self.write("etc/passwd", "".join(f"{name}:x:{n}:{n}::/:/bin/false\n" for name, n in numbers.items()))
        self.write("etc/group", "".join(f"{name}:x:{n}:\n" for name, n in numbers.items()))
        self.write("etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\n")
        self.write("etc/services", "smtp 25/tcp\n")
        self.write("etc/hosts", "127.0.0.1 localhost backend.example.org sender.example.net mx1.example.org\n")

    @property
    def command(self) -> str:
        """The program's path in the folder."""
        return f"/usr/sbin/{self.name}"

    def uid(self, user: str) -> int:
        """The number of one of `users`."""
        return FIRST_USER + list(self.users).index(user)

    def write(self, path: str, content: str | bytes) -> None:
        """Writes a file at a place in the folder that everybody can read."""
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)

    def start(self, *arguments: str) -> None:
        """Starts the program in the foreground; what it prints goes to `output.log`."""
        with (self.folder / "output.log").open("wb") as output:
            self._process = subprocess.Popen(
                ["chroot", str(self.folder), self.command, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
                # What it starts besides is a group with it, and ends with it.
                start_new_session=True,
            )

    def check_alive(self) -> None:
        """Fails with what the program printed when it has ended."""
        assert self._process
        assert self._process.poll() is None, self.output()

    def output(self) -> str:
        """What the program printed."""
        return (self.folder / "output.log").read_text(errors="replace")

    def read(self, path: str) -> str:
        """A text file of the folder; empty if there is none."""
        file = self.folder / path
        return file.read_text(errors="replace") if file.exists() else ""

    def stop(self, *, keep: bool) -> None:
        """Ends the program and all it has started; `keep` leaves the folder for a look."""
        if self._process:
            _signal_group(self._process.pid, signal.SIGTERM)
            try:
                self._process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                _signal_group(self._process.pid, signal.SIGKILL)
                self._process.wait()
            wait_until(lambda: not _signal_group(self._process.pid, signal.SIGKILL), f"{self.name} is gone")
        if not keep:
            shutil.rmtree(self.folder, ignore_errors=True)

    def _copy_with_libraries(self, original: str) -> None:
        # Not shutil.copy with its mode: what is set-uid root in the package must not be so in a folder of tests.
        copy = self.folder / self.command[1:]
        shutil.copyfile(original, copy)
        copy.chmod(0o755)
        also = unpacked("usr/lib")
        search = ":".join(map(str, also.glob("*-linux-*"))) if also else ""
        listed = subprocess.run(
            ["ldd", original], capture_output=True, text=True, check=True, env=os.environ | {"LD_LIBRARY_PATH": search}
        ).stdout
        if missing := re.findall(r"^\s*(\S+) => not found", listed, re.MULTILINE):
            absent(f"{' '.join(missing)} for {self.name}")
        for library in re.findall(r"=> (/\S+) \(0x", listed):
            self._copy_library(Path(library), Path("usr/lib") / Path(library).name)
        # The loader's place is written in the program.
        for loader in re.findall(r"^\s*(/\S+) \(0x", listed, re.MULTILINE):
            self._copy_library(Path(loader), Path(loader[1:]))

    def _copy_library(self, library: Path, place: Path) -> None:
        copy = self.folder / place
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(library, copy)
        copy.chmod(0o755)


def _signal_group(leader: int, number: int) -> bool:
    """Whether there was anybody to signal."""
    try:
        os.killpg(leader, number)
    except ProcessLookupError:
        return False
    return True
