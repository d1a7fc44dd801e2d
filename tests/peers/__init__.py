"""Real mail programs on loopback, started by the tests and stopped by their process id.

- `postfix`: an instance of Postfix of its own, as the server we protect or as a client that sends to us;
- `recorder`: a small SMTP server that keeps what arrives, octet for octet, and can be told to misbehave;
- `gateway`: `smtpgw run` as a child process, with its records;
- `clients`: swaks, openssl, smtplib and aiosmtplib behind one signature, and a raw dialogue for everything else;
- `fixtures`: all of that for pytest.

A program that is not installed skips the test that needs it; with SMTPGW_REQUIRE_PEERS=1 it fails instead.
"""

from __future__ import annotations

import os
import shutil
import socket
import time
from collections.abc import Callable
from typing import TypeVar

import pytest

__all__ = ["free_port", "program", "wait_until"]

T = TypeVar("T")


def program(name: str) -> str:
    """Path of a mail program; skips the test (or fails it, if peers are required) when it is not there."""
    path = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if path is None:
        if os.environ.get("SMTPGW_REQUIRE_PEERS") == "1":
            pytest.fail(f"{name} is not installed, and SMTPGW_REQUIRE_PEERS=1")
        pytest.skip(f"{name} is not installed (make peers)")
    return path


def free_port() -> int:
    """A port of 127.0.0.1 that was free a moment ago, for programs that cannot choose one themselves."""
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
