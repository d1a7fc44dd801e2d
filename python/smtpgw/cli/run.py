"""`smtpgw run`: a gateway until SIGTERM."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Annotated

import typer

from smtpgw import log
from smtpgw.cli import options
from smtpgw.cli.exits import reported
from smtpgw.config import Config
from smtpgw.descriptors import raise_limit
from smtpgw.errors import ConfigError, Problem, SmtpgwError
from smtpgw.gateway import Gateway

__all__ = ["EXAMPLES", "run"]

EXAMPLES = """[bold]Examples[/]

  smtpgw run                     try it out: self-signed, mail into ./mail

  smtpgw run -c smtpgw.toml      for real

  smtpgw run --listen 0.0.0.0:2525 --backend 10.0.0.5:25

  smtpgw run mygateway:gateway   a Gateway object in mygateway.py

[bold]Signals[/]: TERM and INT let messages under way end, a second one stops at once. HUP reads configuration, \
certificates, rules and lists again, and keeps the last good state if anything is wrong.
"""


def run(
    target: Annotated[
        str | None, typer.Argument(metavar="MODULE:GATEWAY", help="A Gateway object in Python, in place of a file.")
    ] = None,
    config: options.File = None,
    set_: options.Set = None,
    listen: options.Listen = None,
    backend: options.Backend = None,
) -> None:
    """Run a gateway.

    When every listener is bound, one record with [bold]event = "ready"[/] and the bound addresses is logged, to
    standard error unless \\[log] says otherwise.
    """
    if target is not None:
        if config or set_ or listen or backend:
            raise typer.BadParameter("a Gateway object brings its own configuration: leave the other options out")
        with reported(target):
            gateway = _gateway(target)
    else:

        def read() -> Config:
            return _for_people(options.load(config, set_, listen, backend))

        with reported(options.named(config)):
            gateway = Gateway(read)
    with reported(target or options.named(config)):
        log.configure(gateway.config.log)
        raise_limit()
        gateway.run()


def _for_people(config: Config) -> Config:
    """With key=value lines on a terminal, unless the file says which it wants."""
    if config.log.file is None and "format" not in config.log.model_fields_set and sys.stderr.isatty():
        return config.model_copy(update={"log": config.log.model_copy(update={"format": "logfmt"})})
    return config


def _gateway(target: str) -> Gateway:
    module_name, colon, path = target.partition(":")
    if not colon or not module_name or not path:
        raise ConfigError([Problem(target, "is no module:gateway", hint=_meant(target))])
    sys.path.insert(0, str(Path.cwd()))
    try:
        found: object = importlib.import_module(module_name)
        for name in path.split("."):
            found = getattr(found, name)
    except SmtpgwError:
        raise
    except (Exception, SystemExit) as error:
        raise ConfigError([Problem(target, f"cannot be imported: {type(error).__name__}: {error}")]) from error
    if not isinstance(found, Gateway):
        raise ConfigError([Problem(target, f"is no smtpgw.Gateway but a {type(found).__name__}")])
    return found


def _meant(target: str) -> str:
    if target.endswith(".py"):
        return f"name the object in it: smtpgw run {Path(target).stem}:gateway"
    if Path(target).is_file():
        return f"a configuration is named with -c: smtpgw run -c {target}"
    return "for example: smtpgw run mygateway:gateway"
