"""The reference part of docs/configuration.md, written from the models: `python -m smtpgw.config.reference`.

A test holds the page equal to it, so that no key is without its line and no line without its key.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from smtpgw.config import model
from smtpgw.config.render import describe, is_later, is_size, size

__all__ = ["reference"]


def reference() -> str:
    """Markdown: a table for each table of the file."""
    return "\n".join(_lines())


def _lines() -> Iterator[str]:
    for title, table, note in TABLES:
        yield f"### {title}"
        yield ""
        yield note or " ".join((table.__doc__ or "").split())
        yield ""
        yield "| key | default | meaning |"
        yield "|---|---|---|"
        for name, field in table.model_fields.items():
            if _is_table(field) and table is model.Config:
                continue
            if _is_table(field):
                yield f"| `{name}` | | the table `[{title.strip('[]`')}.{name}]` |"
            elif not is_later(field):
                yield f"| `{name}` | {_default(name, field)} | {_meaning(field)} |"
        yield ""
    yield "### Not in this version"
    yield ""
    yield "These names are known and refused with a hint, never silently accepted:"
    later = [
        f"`{name}`" if table is model.Config else f"`{title.strip('`[]')}.{name}`"
        for title, table, _ in TABLES
        for name, field in table.model_fields.items()
        if is_later(field)
    ]
    yield f"{', '.join(later)}; and the words that the tables above mark as later."


def _meaning(field: FieldInfo) -> str:
    return describe(field).replace("|", "\\|")


def _default(name: str, field: FieldInfo) -> str:
    if field.is_required():
        return "(needed)"
    value: Any = field.default
    if name == "path" and value is PydanticUndefined:
        return "the system's"
    if value is None:
        return ""
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if is_size(field):
        return f'`"{size(value)}"`'
    if isinstance(value, list):
        return f"`{json.dumps(value)}`"
    if isinstance(value, float):
        return f"`{value:g}`"
    return f'`"{value}"`' if isinstance(value, str) else f"`{value}`"


def _is_table(field: FieldInfo) -> bool:
    def inside(annotation: Any) -> bool:  # noqa: ANN401
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            return annotation is not model.Certificate
        return any(map(inside, get_args(annotation)))

    return inside(field.annotation)


TABLES: list[tuple[str, type[BaseModel], str]] = [
    ("Top level", model.Config, "Before the first table."),
    ("`[[listener]]`", model.Listener, ""),
    ("`certificates`", model.Certificate, 'Each entry of a listener\'s `certificates` that is not `"self-signed"`.'),
    ("`[backend.NAME]`", model.Backend, ""),
    ("`[[inspector]]`", model.InspectorTable, ""),
    ("`[verdict]`", model.VerdictPolicy, ""),
    ("`[limits]`", model.Limits, ""),
    ("`[spool]`", model.Spool, ""),
    ("`[decode]`", model.Decode, ""),
    ("`[decode.archive]`", model.Archive, ""),
    ("`[decode.unscanned]`", model.Unscanned, ""),
    ("`[quarantine]`", model.Quarantine, ""),
    ("`[log]`", model.Log, ""),
]

if __name__ == "__main__":
    sys.stdout.write(reference() + "\n")
