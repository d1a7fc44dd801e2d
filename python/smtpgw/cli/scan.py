"""`smtpgw scan`: messages in files, judged by the same engine as on the wire."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress

from smtpgw.cli import options, show
from smtpgw.cli.exits import NO_INPUT, reported

__all__ = ["EXAMPLES", "scan"]

EXAMPLES = """[bold]Examples[/]

  smtpgw scan message.eml                   one line: the verdict and why

  smtpgw scan message.eml --explain         all that is known of it

  smtpgw scan ~/Maildir --json              all below it, an object a line

  smtpgw scan -c smtpgw.toml - < odd.eml    with your gateway's inspectors

Exit status: 0 everything is clean; 1 something was refused, marked as spam or not scanned, or an inspector failed; \
64 wrong use; 66 a file cannot be read; 78 the configuration is wrong.
"""


def scan(
    paths: Annotated[
        list[str],
        typer.Argument(metavar="FILE|DIR|-...", help="Messages (RFC 5322), folders of them, or standard input."),
    ],
    config: options.File = None,
    set_: options.Set = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a message.")] = False,
    explain: Annotated[bool, typer.Option("--explain", help="Everything that is known of each message.")] = False,
) -> None:
    """Judge messages without a gateway.

    The same decoding, the same inspectors and the same folding of their verdicts as for a message on the wire; only
    the session is missing, so that hooks on connections and recipients are not called.
    """
    from smtpgw._core import Scanner
    from smtpgw.discovery import build
    from smtpgw.inspector import roster

    errors = Console(stderr=True, highlight=False, soft_wrap=True)
    with reported(options.named(config)):
        resolved = options.load(config, set_)
        scanner = Scanner(resolved.to_core_json(), roster(build(resolved)), threads=os.cpu_count() or 1)
    files = list(_files(paths))
    if not files:
        errors.print("[bold red]smtpgw:[/] there are no messages in " + escape(", ".join(paths)))
        raise typer.Exit(NO_INPUT)
    # A tree is cut off at the width of its console; the terminal wraps what is longer.
    out = Console(highlight=False, soft_wrap=True, width=show.ENDLESS if explain else None)
    found = unreadable = 0
    with Progress(console=errors, transient=True, disable=len(files) < MANY or not errors.is_terminal) as progress:
        for file in progress.track(files, description="scanning"):
            try:
                report = json.loads(scanner.scan(sys.stdin.buffer.read() if file is None else file))
            except OSError as error:
                unreadable += 1
                errors.print(f"[bold red]smtpgw:[/] {escape(str(file))}: {escape(error.strerror or str(error))}")
                continue
            clean = show.is_clean(report, resolved.verdict.tag_score)
            found += not clean
            name = "-" if file is None else str(file)
            if as_json:
                typer.echo(json.dumps({"file": name, "clean": clean, **report}))
            elif explain:
                out.print(show.tree(name, report, resolved.verdict))
            else:
                out.print(show.line(name, report, resolved.verdict))
    if len(files) >= MANY and not as_json:
        errors.print(f"{len(files)} messages, {found} with findings, {unreadable} unreadable")
    if unreadable:
        raise typer.Exit(NO_INPUT)
    raise typer.Exit(1 if found else 0)


def _files(paths: list[str]) -> Iterator[Path | None]:
    """The messages; `None` for standard input. Folders in a stable order, without what a Maildir is still writing."""
    for text in paths:
        path = Path(text)
        if text == "-":
            yield None
        elif path.is_dir():
            for folder, folders, names in os.walk(path):
                folders[:] = sorted(name for name in folders if name != "tmp")
                files = (Path(folder, name) for name in sorted(names) if not name.startswith("."))
                # A pipe or a device among them would be read for ever.
                yield from (file for file in files if file.is_file())
        else:
            yield path


MANY = 20
"""Messages from which progress and a sum are worth showing."""
