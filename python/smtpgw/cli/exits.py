"""Exit statuses by sysexits.h, and how an error becomes one line (or a few) and a status."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import typer
from rich.console import Console
from rich.markup import escape

from smtpgw.errors import ConfigError, InspectorError, SmtpgwError, TlsError

__all__ = ["CONFIG", "NO_INPUT", "SOFTWARE", "UNAVAILABLE", "USAGE", "reported"]

USAGE = 64
"""The command was used wrongly."""
NO_INPUT = 66
"""A file to work on cannot be read."""
UNAVAILABLE = 69
"""Something that is needed is not there: a port, a folder."""
SOFTWARE = 70
"""A fault of our own."""
CONFIG = 78
"""The configuration is wrong."""


@contextlib.contextmanager
def reported(source: str | None = None) -> Iterator[None]:
    """Turns our errors into a message on standard error and an exit status; `source` names the configuration."""
    try:
        yield
    except ConfigError as error:
        _problems(error, source)
        raise typer.Exit(CONFIG) from None
    except (InspectorError, TlsError) as error:
        _say(str(error))
        raise typer.Exit(CONFIG) from None
    except SmtpgwError as error:
        _say(str(error))
        raise typer.Exit(UNAVAILABLE) from None


def _problems(error: ConfigError, source: str | None) -> None:
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    count = len(error.problems)
    what = "1 mistake" if count == 1 else f"{count} mistakes"
    console.print(f"[bold red]smtpgw: {what} in {escape(source or 'the configuration')}[/]")
    for problem in error.problems:
        where = escape(problem.path)
        value = f" = {escape(problem.value)}" if problem.value is not None else ""
        console.print(f"  [bold]{where}[/]{value}")
        console.print(f"      {escape(problem.reason)}")
        if problem.hint:
            console.print(f"      [green]{escape(problem.hint)}[/]")


def _say(text: str) -> None:
    Console(stderr=True, highlight=False, soft_wrap=True).print(f"[bold red]smtpgw:[/] {escape(text)}")
