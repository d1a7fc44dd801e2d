"""`smtpgw tls-failures`: who could not shake hands with us, and why, from the records of connections."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Column, Table

from smtpgw.cli import options, show
from smtpgw.cli.exits import reported
from smtpgw.errors import ConfigError, Problem

__all__ = ["EXAMPLES", "Failures", "failures", "tls_failures"]

EXAMPLES = """[bold]Examples[/]

  smtpgw tls-failures -c smtpgw.toml                   from its log.file

  smtpgw tls-failures /var/log/smtpgw.log

  journalctl -u smtpgw -o cat | smtpgw tls-failures -

[bold]Causes[/]: incompatible (older than TLS 1.2, or nothing in common: STARTTLS is not offered to that client for an \
hour, so that its mail comes in clear, inspected) · alert (mostly: it does not like our certificate) · \
no-client-certificate (the listener requires one) · not-tls · protocol · closed · timeout.
"""


@dataclass(slots=True)
class Failures:
    """The failed handshakes of one client by one cause."""

    cause: str
    client: str
    count: int
    last: str
    """RFC 3339."""
    versions: list[str]
    """What it offered, as far as it came to that."""
    fingerprint: str | None
    error: str


def failures(lines: Iterable[str]) -> list[Failures]:
    """Counts the records among `lines`, most frequent first; lines that are no records are passed over."""
    found: dict[tuple[str, str], Failures] = {}
    for record in _records(lines):
        client = str(record.get("client", "")).rpartition(":")[0].strip("[]")
        cause, hello = str(record["tls_failure"]), record.get("client_hello") or {}
        count = found[cause, client].count if (cause, client) in found else 0
        found[cause, client] = Failures(
            cause=cause,
            client=client,
            count=count + 1,
            last=str(record.get("time", "")),
            versions=list(hello.get("versions", [])),
            fingerprint=hello.get("fingerprint"),
            error=str(record.get("error", "")),
        )
    return sorted(found.values(), key=lambda each: (-each.count, each.cause, each.client))


def tls_failures(
    log: Annotated[
        str | None, typer.Argument(metavar="[LOG|-]", help="A log of JSON records. Default: log.file of -c.")
    ] = None,
    config: options.File = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """Show failed TLS handshakes by cause and client.

    They are read from the records of connections, as far back as the log goes.
    """
    with reported(log or options.named(config)):
        source = log or _log_of(config)
        seen = _Seen()
        try:
            with nullcontext(sys.stdin) if source == "-" else open(source, encoding="utf-8", errors="replace") as lines:
                found = failures(seen.through(lines))
        except OSError as error:
            raise ConfigError([Problem(source, f"cannot be read: {error.strerror}")]) from None
        if seen.lines and not seen.objects:
            hint = 'records of log.format = "json" are read, an object a line'
            raise ConfigError([Problem(source, "has no record that can be read", hint=hint)])
    if as_json:
        for each in found:
            typer.echo(json.dumps(asdict(each)))
        return
    if not found:
        typer.echo("no failed handshake in this log")
        return
    names = ("cause", "client", "count", "last", "offered", "error")
    columns = (Column(name, overflow="fold", no_wrap=name in ("cause", "last")) for name in names)
    table = Table(*columns, box=None, pad_edge=False)
    for each in found:
        row = (each.cause, each.client, str(each.count), each.last, " ".join(each.versions), each.error)
        table.add_row(*map(show.plain, row))
    console = Console(highlight=False, markup=False)
    if console.is_terminal:
        console.print(table)
        return
    # Whoever reads it from a pipe has one line for each, whole.
    console.width = show.ENDLESS
    with console.capture() as lines:
        console.print(table)
    for line in lines.get().splitlines():
        typer.echo(line.rstrip())


@dataclass(slots=True)
class _Seen:
    """What a log looks like: one in another format would pass for one in which nobody failed."""

    lines: bool = False
    objects: bool = False

    def through(self, lines: Iterable[str]) -> Iterator[str]:
        for line in lines:
            self.lines = True
            self.objects = self.objects or line.startswith("{")
            yield line


def _log_of(config: Path | None) -> str:
    file = options.load(config).log.file
    if file is None:
        raise ConfigError([Problem("log.file", "is not set", hint="name the log, or - for standard input")])
    return str(file)


def _records(lines: Iterable[str]) -> Iterator[dict[str, Any]]:
    for line in lines:
        # Most lines of a log are about something else; they need not be parsed.
        if '"tls_failure"' not in line:
            continue
        try:
            record = json.loads(line)
        except ValueError:
            continue
        if isinstance(record, dict) and record.get("event") == "connection" and record.get("tls_failure"):
            yield record
