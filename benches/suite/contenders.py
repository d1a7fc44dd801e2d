"""What is measured: anything that takes mail in front of a backend.

A contender is a small class: what it is called, whether it can take part, and how it starts. A further one (another
proxy, another way to run the gateway) is a further class among them; nothing else has to know. Other people's are in
`peers`.
"""

from __future__ import annotations

import importlib.util
import json
import re
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from .bench import Bench
from .process import Process, StartError, wait_until

__all__ = ["OWN", "Contender", "Subject", "greets", "warm_up"]


@dataclass(frozen=True, slots=True)
class Subject:
    """A contender that runs."""

    process: Process
    address: str
    helpers: tuple[Process, ...] = ()
    """What it needs besides; not measured."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Ends it and its helpers."""
        for process in (self.process, *self.helpers):
            process.stop()


class Contender:
    """One way to get mail to a backend."""

    name: str
    """Short, for tables, figures and the command line."""
    about: str
    """One sentence for the report."""
    takes_starttls = True
    post_quantum = True
    """Whether it knows X25519MLKEM768."""
    is_peer = False
    """Somebody else's program: one that is missing is left out, not a failure."""

    def absent(self, bench: Bench) -> str | None:
        """Why it cannot take part, if it cannot."""
        return None

    def floor(self, bench: Bench, backend: str, *, starttls: bool) -> int | None:
        """Octets of memory it has without room for connections, if it makes that room when it starts."""
        return None

    def start(self, bench: Bench, backend: str, *, starttls: bool) -> Subject:
        """Starts it in front of `backend` (`host:port`) and waits until it greets."""
        raise NotImplementedError


class Relay(Contender):
    """The upper bound: octets are copied, nothing is understood."""

    name = "relay"
    about = "a plain TCP relay on the same runtime: copies octets, understands nothing"
    takes_starttls = False

    def start(self, bench: Bench, backend: str, *, starttls: bool) -> Subject:
        """Starts it."""
        process = Process([bench.program("smtpgw-relay"), "--backend", backend], log=bench.folder / "relay.err")
        return Subject(process, process.expect_line("listening "))


class Plain(Contender):
    """The gateway without an interpreter."""

    name = "plain"
    about = "the gateway from a Rust program: no inspectors, no interpreter"
    options: tuple[str, ...] = ()

    def start(self, bench: Bench, backend: str, *, starttls: bool) -> Subject:
        """Starts it."""
        command: list[str | Path] = [bench.program("smtpgw-plain"), "--backend", backend]
        command += ["--pool", str(POOL), "--log", bench.folder / f"{self.name}.log", *self.options]
        process = Process([*command, *(["--starttls"] if starttls else [])], log=bench.folder / f"{self.name}.err")
        return Subject(process, process.expect_line("listening "))


class Streaming(Plain):
    """The same, relaying messages while they arrive."""

    name = "plain+stream"
    about = 'the same with relay = "stream": content goes to the backend while it arrives, in chunks'
    options = ("--stream",)


class Gateway(Contender):
    """`smtpgw run` with a configuration file."""

    def __init__(self, name: str, about: str, inspectors: Sequence[str]) -> None:
        """`inspectors` are names of built-in ones."""
        self.name, self.about, self._inspectors = name, about, inspectors

    def absent(self, bench: Bench) -> str | None:
        """It has to be built and installed."""
        return None if importlib.util.find_spec("smtpgw") else "this Python has no smtpgw"

    def start(self, bench: Bench, backend: str, *, starttls: bool) -> Subject:
        """Starts it, and waits for the record that says where it listens."""
        stem = f"{self.name.replace('+', '-')}{'-tls' if starttls else ''}"
        log = bench.folder / f"{stem}.log"
        log.unlink(missing_ok=True)
        config = bench.file(f"{stem}.toml", "")
        config.write_text(self._config(bench, backend, log, starttls=starttls))
        process = Process([bench.python, "-m", "smtpgw", "run", "-c", config], log=bench.folder / f"{stem}.err")
        try:
            wait_until(self.name, process, lambda: _listener(log) is not None)
            address = _listener(log)
            if address is None:
                raise StartError(f"{self.name}: no listener in its log")
            wait_until(self.name, process, lambda: greets(address))
        except StartError:
            process.stop()
            raise
        return Subject(process, address)

    def _config(self, bench: Bench, backend: str, log: Path, *, starttls: bool) -> str:
        inspectors = "".join(f"\n[[inspector]]\nuse = {use!r}\n{self._options(bench, use)}" for use in self._inspectors)
        return f"""hostname = "mx.example.org"
[[listener]]
address = "127.0.0.1:0"
tls = "{"starttls" if starttls else "none"}"
backend = "sink"
recipient_domains = ["example.org"]
certificates = [{'"self-signed"' if starttls else ""}]
[backend.sink]
address = "{backend}"
tls = "none"
identity = "none"
pool = {POOL}
[limits]
connections_per_client = 10000
[log]
file = {json.dumps(str(log))}
{inspectors}"""

    def _options(self, bench: Bench, use: str) -> str:
        if use == "yara":
            rules = bench.file("rules/bench.yar", "".join(map(_rule, range(200))))
            return f"rules = [{json.dumps(str(rules))}]\n"
        if use == "urls":
            hosts = bench.file("lists/hosts.txt", "".join(f"bad-{n}.example\n" for n in range(10_000)))
            return f"block = [{json.dumps(str(hosts))}]\n"
        return ""


POOL = 8
"""Connections to the backend that are kept for the next sender (`pool`), as a site with a backend of its own has it."""


def _rule(number: int) -> str:
    return (
        f'rule bench_{number} {{ strings: $a = "a text of rule {number} that is not there" '
        f"$b = {{ 4d 5a {number % 256:02x} 00 ?? ?? 50 45 {number * 7 % 256:02x} }} condition: any of them }}\n"
    )


def _listener(log: Path) -> str | None:
    """The first address of the record `ready`."""
    try:
        lines = log.read_text().splitlines()
    except OSError:
        return None
    for line in lines:
        if match := re.search(r'"event":\s*"ready".*?"listeners":\s*\[\s*"([^"]+)"', line):
            return match[1]
    return None


def warm_up(bench: Bench, address: str, *, starttls: bool) -> None:
    """A few messages, so that what the first connections leave behind is there."""
    bench.load("--target", address, "--messages", 200, *(["--starttls"] if starttls else []))


def greets(address: str) -> bool:
    """Whether somebody greets there as a mail server does."""
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=5) as stream:
            return stream.recv(4).startswith(b"220")
    except OSError:
        return False


OWN: tuple[Contender, ...] = (
    Relay(),
    Plain(),
    Streaming(),
    Gateway("run", "smtpgw run without inspectors", ()),
    Gateway(
        "run+yara+urls", "smtpgw run with the yara (200 rules) and urls (10,000 hosts) inspectors", ("yara", "urls")
    ),
)
