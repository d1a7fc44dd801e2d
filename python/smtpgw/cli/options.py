"""Options that several commands share, and the configuration that they make."""

from __future__ import annotations

import importlib.resources
import json
import tomllib
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import typer

from smtpgw import config
from smtpgw.config import Config
from smtpgw.config.load import read

__all__ = ["Backend", "File", "Listen", "Set", "load", "named"]

File: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--config", "-c", metavar="FILE", help="Configuration file (TOML). Without one: the embedded defaults."
    ),
]
Set: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY=VALUE", help="Override one key: [bold]limits.message_size='10 MiB'[/]. Repeatable."
    ),
]
Listen: TypeAlias = Annotated[
    str | None,
    typer.Option("--listen", metavar="HOST:PORT", help="Short for --set 'listener\\[0].address=HOST:PORT'."),
]
Backend: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--backend", metavar="ADDRESS", help="Where the first listener's mail goes: host:port or maildir:/folder."
    ),
]


def load(
    file: Path | None, overrides: list[str] | None = None, listen: str | None = None, backend: str | None = None
) -> Config:
    """The configuration that the options name. Raises `ConfigError`."""
    table = read(file) if file else _defaults()
    wanted = list(overrides or [])
    if listen is not None:
        wanted.append(f"listener[0].address={json.dumps(listen)}")
    if backend is not None:
        wanted.append(f"backend.{_first_backend(table)}.address={json.dumps(backend)}")
    return config.parse(table, base=file.parent if file else ".", overrides=wanted)


def named(file: Path | None) -> str:
    """What to call the configuration in a message."""
    return str(file) if file else "the embedded defaults with your options"


def _defaults() -> dict[str, Any]:
    return tomllib.loads((importlib.resources.files("smtpgw.config") / "default.toml").read_text("utf-8"))


def _first_backend(table: dict[str, Any]) -> str:
    try:
        names = table["listener"][0]["backend"]
        return str(names[0] if isinstance(names, list) else names)
    except (KeyError, IndexError, TypeError):
        return "mail"
