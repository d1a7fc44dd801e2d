"""Real mail programs on loopback, started by the tests and stopped by their process id.

- `postfix`: an instance of Postfix of its own, as the server we protect or as a client that sends to us;
- `exim`, `opensmtpd`: the same, in a root folder of their own (`own_root`), for they cannot be installed beside it;
- `recorder`: a small SMTP server that keeps what arrives, octet for octet, and can be told to misbehave;
- `gateway`: `smtpgw run` as a child process, with its records;
- `clients`: swaks, openssl, smtplib and aiosmtplib behind one signature, and a raw dialogue for everything else;
- `fixtures`: all of that for pytest.

A program that is neither installed nor unpacked (`make peers`) skips the test that needs it; with
SMTPGW_REQUIRE_PEERS=1 it fails instead.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn, TypeVar

import pytest

__all__ = ["absent", "free_port", "program", "unpacked", "wait_until"]

T = TypeVar("T")

UNPACKED = (Path(__file__).parents[2] / ".venv/peers", Path(sys.prefix) / "peers")
"""Where `scripts/setup peers` unpacks what it does not install: the environment of this folder, or the one in use."""


def unpacked(path: str) -> Path | None:
    """What has this path in the folder of unpacked programs, if anything has."""
    return next((folder / path for folder in UNPACKED if (folder / path).exists()), None)


def absent(what: str) -> NoReturn:
    """Skips the test that needs `what`, or fails it if peers are required."""
    if os.environ.get("SMTPGW_REQUIRE_PEERS") == "1":
        pytest.fail(f"there is no {what}, and SMTPGW_REQUIRE_PEERS=1")
    pytest.skip(f"there is no {what} (make peers)")


def program(name: str) -> str:
    """Path of a mail program; skips the test (or fails it, if peers are required) when it is not there."""
    path = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin") or unpacked(f"usr/sbin/{name}")
    return str(path or absent(name))


_candidates = itertools.count(10_000 + os.getpid() % 10_000)


def free_port() -> int:
    """A port of 127.0.0.1 for programs that cannot choose one themselves, and for such as come back to theirs.

    Below those that the system gives to clients, and to who asks for any: one of those may be another's before it is
    taken. None comes twice.
    """
    lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    for port in itertools.takewhile(lambda port: port < lowest, _candidates):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until(condition: Callable[[], T], what: str, *, within_s: float = 10.0) -> T:
    """The first true answer of `condition`, asked again and again; fails with `what` when time is up."""
    end = time.monotonic() + within_s
    while not (answer := condition()):
        assert time.monotonic() < end, f"not within {within_s} s: {what}"
        time.sleep(0.01)
    return answer
