"""Reading a configuration: a TOML file, a mapping, or the embedded defaults; overrides; relative paths.

Every mistake is collected before a `ConfigError` is raised. A relative path is relative to the folder of the file
(for a mapping and for the defaults: to the current folder).
"""

from __future__ import annotations

import copy
import importlib.resources
import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from smtpgw.config.check import cross_check
from smtpgw.config.model import Config
from smtpgw.config.problems import from_validation
from smtpgw.errors import ConfigError, Problem

__all__ = ["absolute", "default", "load", "override", "parse", "read"]


def load(path: Path | str, *, overrides: Sequence[str] = (), files: bool = True) -> Config:
    """The configuration in a file.

    `overrides` are `KEY=VALUE` texts (`limits.message_size=1 MiB`, `listener[0].address=127.0.0.1:0`). With
    `files = False` what it names is not looked at on the disk. Raises `ConfigError` with every mistake.
    """
    table = read(path)
    return parse(table, base=Path(path).parent, overrides=overrides, files=files)


def default(*, overrides: Sequence[str] = ()) -> Config:
    """The embedded defaults: 127.0.0.1:2525, a self-signed certificate, mail into the Maildir ./mail."""
    text = (importlib.resources.files("smtpgw.config") / "default.toml").read_text("utf-8")
    return parse(tomllib.loads(text), overrides=overrides)


def parse(
    table: Mapping[str, Any], *, base: Path | str = ".", overrides: Sequence[str] = (), files: bool = True
) -> Config:
    """The configuration in a mapping of the file's shape. See `load`."""
    whole = copy.deepcopy(dict(table))
    problems = [problem for text in overrides if (problem := override(whole, text))]
    folder = Path(base).absolute()
    config: Config | None = None
    try:
        config = absolute(Config.model_validate(whole), folder)
    except ValidationError as error:
        problems += from_validation(error, Config)
    # What can be checked is checked even if something else is wrong: one run shows all mistakes.
    problems += cross_check(config if config is not None else whole, folder, files=files)
    if config is None or problems:
        if files:
            from smtpgw.config.credentials import credentials
            from smtpgw.discovery import mistakes

            named = {problem.path for problem in problems}
            problems += [problem for problem in credentials(whole, folder) if problem.path not in named]
            tables = whole.get("inspector")
            problems += mistakes(tables if isinstance(tables, list) else [], folder)
        raise ConfigError(problems)
    return config


def read(path: Path | str) -> dict[str, Any]:
    """The tables of a TOML file, unchecked."""
    name = str(path)
    try:
        with open(path, "rb") as file:
            return tomllib.load(file)
    except OSError as error:
        raise ConfigError([Problem(name, f"cannot be read: {error.strerror}")]) from None
    except UnicodeDecodeError as error:
        raise ConfigError([Problem(name, f"is not UTF-8 at octet {error.start}")]) from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError([Problem(name, f"is not TOML: {error}")]) from None


def override(table: dict[str, Any], text: str) -> Problem | None:
    """Sets one key of `table` by `KEY=VALUE`. The value is TOML, or plain text where it is no TOML."""
    key, equals, value = text.partition("=")
    steps = [int(step[1]) if step[1] else step[0] for step in (STEP.fullmatch(s) for s in _split(key)) if step]
    if not equals or not steps or len(steps) != len(_split(key)) or isinstance(steps[0], int):
        return Problem("--set", "is no KEY=VALUE", text, 'for example: --set limits.message_size="10 MiB"')
    at: Any = table
    for here, after in zip(steps, [*steps[1:], None], strict=True):
        if after is None:
            new: Any = _value(value)
        else:
            new = [] if isinstance(after, int) else {}
        if isinstance(at, list) and isinstance(here, int) and here <= len(at):
            if here == len(at):
                at.append(new)
            elif after is None:
                at[here] = new
        elif isinstance(at, dict) and isinstance(here, str):
            if after is None or here not in at:
                at[here] = new
        else:
            return Problem("--set", f"there is no such place: {key.strip()}", text)
        at = at[here]
    return None


def absolute(config: Config, base: Path) -> Config:
    """The same with every relative path made absolute. Arguments of inspectors are left to `smtpgw.discovery`."""

    def made(value: Any) -> Any:  # noqa: ANN401
        if isinstance(value, Path):
            return base / value.expanduser()
        if isinstance(value, str) and value.startswith("maildir:"):
            return f"maildir:{base / Path(value.removeprefix('maildir:')).expanduser()}"
        if isinstance(value, BaseModel):
            changed = {
                key: new for key in value.model_fields_set if (new := made(old := getattr(value, key))) is not old
            }
            return value.model_copy(update=changed) if changed else value
        if isinstance(value, list):
            return [made(item) for item in value]
        if isinstance(value, dict):
            return {key: made(item) for key, item in value.items()}
        return value

    resolved: Config = made(config)
    resolved._base = base
    return resolved


def _split(key: str) -> list[str]:
    # `listener[0].address` and `listener.0.address` are the same.
    return key.strip().replace("[", ".[").split(".")


def _value(text: str) -> Any:  # noqa: ANN401
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


STEP = re.compile(r"\[?([0-9]+)\]?|[A-Za-z0-9_-]+")
