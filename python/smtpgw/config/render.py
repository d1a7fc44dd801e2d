"""A configuration written as the TOML file that would give it, if wanted with the meaning of every key."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from smtpgw.config.model import Config

__all__ = ["describe", "size", "to_toml"]


def to_toml(config: Config, *, explain: bool = False) -> str:
    """The text of a file. Keys of later versions are left out."""
    return "\n".join(_table(config, "", explain=explain)).strip("\n") + "\n"


def describe(field: FieldInfo) -> str:
    """What a key means, on one line."""
    return " ".join((field.description or "").split())


def size(octets: int) -> str:
    """`25 MiB`, in the largest unit that says it exactly."""
    for unit, shift in (("GiB", 30), ("MiB", 20), ("KiB", 10)):
        if octets and octets % (1 << shift) == 0:
            return f"{octets >> shift} {unit}"
    return f"{octets} B"


def is_size(field: FieldInfo) -> bool:
    """Whether a key is a number of octets."""
    return any(getattr(getattr(each, "func", None), "__name__", "") == "parse_size" for each in field.metadata)


def is_later(field: FieldInfo) -> bool:
    """Whether a key is known and refused in this version."""
    return (field.description or "").endswith("(Later.)")


def _table(table: BaseModel, path: str, *, explain: bool) -> Iterator[str]:
    """Plain keys first, then tables: TOML has no way back."""
    inner: list[tuple[str, FieldInfo, Any]] = []
    for name, field in type(table).model_fields.items():
        value = getattr(table, name)
        if value is None or is_later(field):
            continue
        if isinstance(value, BaseModel) or _holds_tables(value):
            inner.append((name, field, value))
            continue
        yield from _comment(field, explain=explain)
        yield f"{name} = {_value(value, octets=is_size(field))}"
    for key, value in (table.model_extra or {}).items():
        yield f"{_key(key)} = {_value(value)}"
    for name, field, value in inner:
        here = f"{path}.{name}" if path else name
        if isinstance(value, BaseModel):
            yield from ("", *_comment(field, explain=explain), f"[{here}]")
            yield from _table(value, here, explain=explain)
        elif isinstance(value, list):
            for item in value:
                yield from ("", *_comment(field, explain=explain and item is value[0]), f"[[{here}]]")
                yield from _table(item, here, explain=explain and item is value[0])
        else:
            for key, item in value.items():
                yield from ("", *_comment(field, explain=explain), f"[{here}.{_key(key)}]")
                yield from _table(item, f"{here}.{_key(key)}", explain=explain)


def _holds_tables(value: Any) -> bool:  # noqa: ANN401
    items = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    return any(isinstance(item, BaseModel) and "chain" not in type(item).model_fields for item in items)


def _comment(field: FieldInfo, *, explain: bool) -> Iterator[str]:
    if explain:
        yield from textwrap.wrap(describe(field), 100, initial_indent="# ", subsequent_indent="# ")


def _value(value: Any, *, octets: bool = False) -> str:  # noqa: ANN401
    if isinstance(value, bool):
        return str(value).lower()
    if octets:
        return f'"{size(value)}"'
    if isinstance(value, float):
        return f"{value:g}" if value == int(value) else repr(value)
    if isinstance(value, list):
        return f"[{', '.join(map(_value, value))}]"
    if isinstance(value, BaseModel):
        return f"{{ {', '.join(f'{name} = {_value(getattr(value, name))}' for name in type(value).model_fields)} }}"
    if isinstance(value, Mapping):
        return f"{{ {', '.join(f'{_key(key)} = {_value(item)}' for key, item in value.items())} }}"
    if isinstance(value, str | Path):
        # A JSON string is a basic string of TOML, but for DEL.
        return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")
    return str(value)


def _key(key: str) -> str:
    return key if key.isascii() and key.replace("-", "").replace("_", "").isalnum() else json.dumps(key)
