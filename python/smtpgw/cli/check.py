"""`smtpgw check`: every mistake in a configuration at once, or what it resolves to."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from smtpgw import config as configuration
from smtpgw.cli import options
from smtpgw.cli.exits import reported

__all__ = ["EXAMPLES", "check"]

EXAMPLES = """[bold]Examples[/]

  smtpgw check -c smtpgw.toml             is it right, what does it come to?

  smtpgw check -c smtpgw.toml --explain   with the meaning of every key

  smtpgw check --explain > smtpgw.toml    the defaults, to begin with

  smtpgw check -c smtpgw.toml --limits    every limit, what it is and why

The exit status is 0 if a gateway would start with it, and 78 if it would not.
"""


def check(
    config: options.File = None,
    set_: options.Set = None,
    listen: options.Listen = None,
    backend: options.Backend = None,
    explain: Annotated[bool, typer.Option("--explain", help="Write the meaning of every key above it.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Write what the core is given, as JSON.")] = False,
    limits: Annotated[bool, typer.Option("--limits", help="Write a table of all limits, and why they are.")] = False,
) -> None:
    """Check a configuration and show what it resolves to.

    Everything that can be wrong is looked at: keys and values, certificates and their keys, folders, rule files, block
    lists, inspectors of your own. What is allowed but should be known is said on standard error.
    """
    from smtpgw.config.bounds import bounds, fixed
    from smtpgw.config.credentials import check_credentials
    from smtpgw.config.render import to_toml
    from smtpgw.config.streams import check_roster
    from smtpgw.descriptors import shortage
    from smtpgw.discovery import build, check_coverage
    from smtpgw.inspector import roster

    with reported(options.named(config)):
        resolved = options.load(config, set_, listen, backend)
        concerns = check_credentials(resolved)
        entries = roster(build(resolved))
        check_roster(resolved, entries)
        check_coverage(resolved, entries)
    errors = Console(stderr=True, highlight=False, soft_wrap=True)
    for warning in (*configuration.warnings(resolved, entries), *concerns, *shortage(resolved, raised=True)):
        errors.print(f"[yellow]warning:[/] {escape(warning)}")
    if as_json:
        typer.echo(resolved.to_core_json())
        return
    if limits:
        for bound in bounds(resolved):
            default = "" if bound.value == bound.default else f" (default {bound.default})"
            typer.echo(f"{bound.name} = {bound.value}{default}, {bound.unit}: {bound.reason}")
        for limit in fixed():
            typer.echo(f"{limit.name} = {limit.value}, {limit.unit}: {limit.reason}")
        return
    text = to_toml(resolved, explain=explain)
    console = Console(highlight=False)
    if console.is_terminal:
        from rich.syntax import Syntax

        console.print(Syntax(text.rstrip("\n"), "toml", background_color="default", word_wrap=True))
    else:
        typer.echo(text, nl=False)
    names = ", ".join(f"{entry.name} ({entry.mode})" for entry in entries) or "none"
    errors.print(f"[bold green]ok[/]: inspectors in this order: {escape(names)}")
