"""Finding inspectors by the `use` of their `[[inspector]]` table, and making them from it.

`use` is a built-in name, the name of an installed entry point of `smtpgw.inspectors`, or `module:Class`; a built-in
name cannot be taken over. The other keys of the table are arguments of the class's constructor, checked against its
signature and its annotations by pydantic, so that an inspector writer gets sizes, durations and lists checked for
nothing. A parameter that is annotated as `pathlib.Path`, or a list of them, is relative to the configuration file.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import inspect
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_type_hints

from pydantic import BaseModel, ConfigDict, ValidationError, create_model

from smtpgw.config.model import Config, InspectorTable
from smtpgw.config.problems import from_validation, meant, shorten
from smtpgw.config.render import size
from smtpgw.errors import ConfigError, InspectorError, Problem, SmtpgwError
from smtpgw.inspector import Inspector, RosterEntry, register

__all__ = ["GROUP", "available", "build", "check_coverage", "find", "mistakes"]

GROUP = "smtpgw.inspectors"
"""The entry-point group of inspectors that are installed apart."""

BUILT_IN = {
    "spam": "smtpgw.inspectors.spam:Spam",
    "urls": "smtpgw.inspectors.urls:Urls",
    "yara": "smtpgw.inspectors.yara:Yara",
}


def build(config: Config) -> list[Inspector]:
    """The inspectors of a configuration, ready to register; those that are `off` are checked but not made.

    Raises `ConfigError` with the mistakes of all of them.
    """
    made: list[Inspector] = []
    problems: list[Problem] = []
    for at, table in enumerate(config.inspector):
        try:
            inspector = _make(table, f"inspector[{at}]", config.base)
        except ConfigError as error:
            problems += error.problems
            continue
        if inspector is not None:
            made.append(inspector)
    if problems:
        raise ConfigError(problems)
    return made


def check_coverage(config: Config, entries: Sequence[RosterEntry]) -> None:
    """Whether every part of every message that is accepted is looked at, or the configuration says what becomes of it.

    Raises `ConfigError` with a line for each inspector that looks at less.
    """
    accepted = max(config.limits.message_size, config.decode.archive.member)
    if "oversize" in config.decode.unscanned.model_fields_set:
        return
    gaps = [entry for entry in entries if entry.on_part and entry.largest is not None and entry.largest < accepted]
    if gaps:
        raise ConfigError(
            Problem(
                "decode.unscanned.oversize",
                f"is not set, and {entry.name} looks at parts of up to {size(entry.largest or 0)} only, "
                f"while such of up to {size(accepted)} are accepted",
                hint='say what becomes of larger ones: oversize = "tag", or accept less (limits.message_size, '
                "decode.archive.member)",
            )
            for entry in gaps
        )


def mistakes(tables: Sequence[Any], base: Path) -> list[Problem]:
    """What is wrong with the inspectors of a configuration that is wrong elsewhere as well, so that one run shows it
    all. Tables that are no tables, or have mistakes in keys of their own, are left to those who look at these."""
    problems: list[Problem] = []
    for at, table in enumerate(tables):
        try:
            _make(InspectorTable.model_validate(table), f"inspector[{at}]", base)
        except ValidationError:
            continue
        except ConfigError as error:
            problems += error.problems
    return problems


def find(use: str, *, folder: Path | None = None) -> type[Inspector]:
    """The class that `use` names; `module:Class` may be a module in `folder`. Raises `InspectorError` with one line."""
    where = BUILT_IN.get(use)
    if where is None and ":" in use:
        where = use
    if where is None:
        found = importlib.metadata.entry_points(group=GROUP, name=use)
        where = next(iter(found)).value if found else None
    if where is None:
        hint = meant(use, available()) or f"there are {', '.join(available())}, or module:Class"
        raise InspectorError(f"there is no inspector of that name; {hint}")
    module_name, _, class_name = where.partition(":")
    if folder is not None and ":" in use and str(folder) not in sys.path:
        # Behind everything that is installed, so that nothing there can take the place of it.
        sys.path.append(str(folder))
    try:
        cls: Any = importlib.import_module(module_name)
        for name in class_name.split("."):
            cls = getattr(cls, name)
    except (Exception, SystemExit) as error:
        missing = isinstance(error, ModuleNotFoundError) and error.name == module_name.partition(".")[0]
        beside = f"; it is neither installed nor in {folder}" if missing and folder is not None else ""
        raise InspectorError(f"{where} cannot be imported: {type(error).__name__}: {error}{beside}") from error
    if not (isinstance(cls, type) and issubclass(cls, Inspector)):
        raise InspectorError(f"{where} is no class derived from smtpgw.Inspector")
    return cls


def available() -> list[str]:
    """The names that `use` knows, besides `module:Class`."""
    return sorted({*BUILT_IN, *(point.name for point in importlib.metadata.entry_points(group=GROUP))})


def _make(table: InspectorTable, path: str, base: Path) -> Inspector | None:
    try:
        cls = find(table.use, folder=base)
    except InspectorError as error:
        raise ConfigError([Problem(f"{path}.use", str(error), shorten(table.use))]) from error
    arguments = _arguments(cls, table, path, base)
    if table.mode == "off":
        return None
    try:
        inspector = cls(**arguments)
    except ConfigError as error:
        inner = (Problem(_within(path, p.path), p.reason, p.value, p.hint) for p in error.problems)
        raise ConfigError(inner) from error
    except SmtpgwError as error:
        raise ConfigError([Problem(path, str(error))]) from error
    except (Exception, SystemExit) as error:
        reason = f"{table.use} cannot be made: {type(error).__name__}: {error}"
        raise ConfigError([Problem(path, reason)]) from error
    inspector.name = table.name or inspector.name or table.use.rpartition(":")[2]
    for key in ("mode", "timeout_s", "on_error", "on_timeout"):
        if (value := getattr(table, key)) is not None:
            setattr(inspector, key, value)
    try:
        register(inspector)
    except InspectorError as error:
        raise ConfigError([Problem(path, line) for line in str(error).splitlines()]) from error
    return inspector


def _within(table: str, place: str) -> str:
    """An inspector names its own key, or a line of a file; where its table stands is known here."""
    if not place:
        return table
    return f"{table}.{place}" if place.partition("[")[0].isidentifier() else f"{table} {place}"


def _arguments(cls: type[Inspector], table: InspectorTable, path: str, base: Path) -> dict[str, Any]:
    try:
        model = _model_of(cls)
    except Exception as error:
        reason = f"the parameters of {cls.__name__} cannot be read: {type(error).__name__}: {error}"
        raise ConfigError([Problem(f"{path}.use", reason, shorten(table.use))]) from error
    try:
        checked = model.model_validate(table.arguments)
    except ValidationError as error:
        problems = from_validation(error, model, also=[key for key in InspectorTable.model_fields if key != "use"])
        raise ConfigError(Problem(f"{path}.{p.path}", p.reason, p.value, p.hint) for p in problems) from error
    extra = checked.__pydantic_extra__ or {}
    given = {name: getattr(checked, name) for name in checked.model_fields_set if name not in extra}
    return {key: _absolute(value, base) for key, value in {**given, **extra}.items()}


def _model_of(cls: type[Inspector]) -> type[BaseModel]:
    """The parameters of a class's constructor as a model."""
    try:
        hints = get_type_hints(cls.__init__, include_extras=True)
    except Exception:
        # Annotated with names that exist for type checkers alone, or with what is no type: arguments pass unchecked.
        hints = {}
    fields: dict[str, Any] = {}
    extra: Any = "forbid"
    for parameter in inspect.signature(cls).parameters.values():
        if parameter.kind is parameter.VAR_KEYWORD:
            extra = "allow"
        elif parameter.kind in (parameter.KEYWORD_ONLY, parameter.POSITIONAL_OR_KEYWORD):
            default = ... if parameter.default is parameter.empty else parameter.default
            fields[parameter.name] = (hints.get(parameter.name, Any), default)
    config = ConfigDict(extra=extra, arbitrary_types_allowed=True, protected_namespaces=(), defer_build=False)
    return create_model(cls.__name__, __config__=config, **fields)


def _absolute(value: Any, base: Path) -> Any:  # noqa: ANN401
    if isinstance(value, Path):
        return base / value.expanduser()
    if isinstance(value, list | tuple | set | frozenset) and any(isinstance(item, Path) for item in value):
        return type(value)(_absolute(item, base) for item in value)
    return value
