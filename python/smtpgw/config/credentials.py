"""Certificates, their keys and the authorities of backends, looked at by what reads them at start: the core.

A reload leaves this to the core alone, which tells it in a record as well (`certificates-refused`).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from smtpgw.config.backend import Backend
from smtpgw.config.listener import Certificate, Listener
from smtpgw.config.load import absolute
from smtpgw.config.model import Config
from smtpgw.errors import ConfigError, Problem

__all__ = ["check_credentials", "credentials"]


def check_credentials(config: Config) -> list[str]:
    """What a gateway would be concerned about (out of date, or soon to be; not for its own name), a sentence each.

    Raises `ConfigError` if it would not start, with those mistakes and what is wrong with the inspectors.
    """
    problems, concerns = _examined(config)
    if problems:
        from smtpgw.discovery import mistakes

        raise ConfigError([*problems, *mistakes(config.inspector, config.base)])
    return concerns


def credentials(whole: Mapping[str, Any], base: Path) -> list[Problem]:
    """What is wrong with those of a configuration that is wrong elsewhere as well, so that one run shows it all. Tables
    with mistakes in keys of their own are left to those who look at these."""
    problems, _ = _examined(absolute(_legible(whole), base))
    return problems


def _examined(config: Config) -> tuple[list[Problem], list[str]]:
    from smtpgw._core import examine

    problems: list[Problem] = []
    concerns: list[str] = []
    for path, file, reason, stops in examine(config.to_core_json()):
        if stops:
            problems.append(Problem(path, reason, None if file is None else _quoted(file)))
        else:
            concerns.append(f"{path}{'' if file is None else f' ({file})'}: {reason}")
    return problems, concerns


def _legible(whole: Mapping[str, Any]) -> Config:
    """A configuration of what of `whole` can be looked at, each at its place."""
    listeners, backends = whole.get("listener"), whole.get("backend")
    return Config.model_construct(
        listener=[_listener(table) for table in listeners] if isinstance(listeners, list) else [],
        backend={
            str(name): backend
            for name, table in (backends.items() if isinstance(backends, Mapping) else ())
            if (backend := _valid(Backend, table)) is not None
        },
    )


def _listener(table: Any) -> Listener:  # noqa: ANN401
    pairs = table.get("certificates") if isinstance(table, Mapping) else None
    # Of what is no certificate somebody else says so; one that is made on the spot is never wrong.
    certificates = [_valid(Certificate, pair) or "self-signed" for pair in pairs] if isinstance(pairs, list) else []
    shown = certificates and table.get("tls") not in ("none", "external", "tunnel")
    return Listener.model_construct(
        address="", backend="", tls="starttls" if shown else "none", certificates=certificates
    )


def _valid(kind: type[Any], table: Any) -> Any:  # noqa: ANN401
    try:
        return kind.model_validate(table)
    except ValidationError:
        return None


def _quoted(file: Path) -> str:
    # Whole, since the end of it tells a chain from its key.
    text = str(file)
    return f'"{text}"' if text.isprintable() else repr(text)
