"""The tree of commands with its help."""

from __future__ import annotations

from typing import Annotated

import typer

import smtpgw
from smtpgw.cli import check, demo, run, scan, tls_failures

__all__ = ["app"]

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_show_locals=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

EXAMPLES = """[bold]First steps[/]

  smtpgw demo                            see it work, in ten seconds

  smtpgw run                             on 127.0.0.1:2525, mail into ./mail

  swaks -tls -s localhost:2525 -t me@x   send it something

  smtpgw check -c smtpgw.toml            every mistake in a file at once

  smtpgw scan odd.eml --explain          the same judgement, offline
"""


def _paragraphs(text: str | None) -> str:
    """A docstring with each paragraph on one line, as the help wants it."""
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in (text or "").split("\n\n"))


for _module, _command in (
    (run, run.run),
    (demo, demo.demo),
    (scan, scan.scan),
    (check, check.check),
    (tls_failures, tls_failures.tls_failures),
):
    app.command(_command.__name__.replace("_", "-"), help=_paragraphs(_command.__doc__), epilog=_module.EXAMPLES)(
        _command
    )


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"smtpgw {smtpgw.__version__}")
        raise typer.Exit


HELP = """Mail inspection gateway.

Stands in front of any mail server, ends STARTTLS, decodes every message while it arrives, lets inspectors judge what
is inside, and answers the sender with the server's own reply. It has no queue: nothing can be lost in it.
"""


@app.callback(help=_paragraphs(HELP), epilog=EXAMPLES)
def _main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and leave.")
    ] = False,
) -> None:
    """Options that come before a command."""
