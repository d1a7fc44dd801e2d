"""Every limit in one table: name, default, unit, and why it is there.

Read from the models, whose documentation is the reason: what `smtpgw check --limits` shows, and what docs/limits.md
is written from (`python -m smtpgw.config.bounds`); a test holds the page equal.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from smtpgw.config import model
from smtpgw.config.render import describe, is_later, is_size, size

__all__ = ["Bound", "bounds", "page"]


@dataclass(frozen=True, slots=True)
class Bound:
    """One limit."""

    name: str
    """Where it stands in the file: `limits.connections`."""
    value: str
    """What it is: a number, or a size in the largest unit that says it exactly."""
    default: str
    """What it is unless it is set."""
    unit: str
    """`octets`, `seconds`, `bits`, `times`, or `number`."""
    reason: str
    """What it bounds, and why there."""


def bounds(config: model.Config | None = None) -> Iterator[Bound]:
    """All of them, with the values of `config`, or the defaults. `NAME` stands for any backend."""
    yield from _table("limits", model.Limits, config and config.limits)
    yield from _table("spool", model.Spool, config and config.spool)
    yield from _table("decode", model.Decode, config and config.decode)
    yield from _table("decode.archive", model.Archive, config and config.decode.archive)
    yield from _table("verdict", model.VerdictPolicy, config and config.verdict)
    for name, backend in config.backend.items() if config else [("NAME", None)]:
        yield from _table(f"backend.{name}", model.Backend, backend)


def page() -> str:
    """Markdown, for docs/limits.md."""
    rows = (f"| `{each.name}` | {each.default} | {each.unit} | {each.reason} |" for each in bounds())
    return "\n".join([TITLE, *rows]) + "\n"


def _table(name: str, table: type[BaseModel], values: BaseModel | None) -> Iterator[Bound]:
    for key, field in table.model_fields.items():
        default = field.default
        if isinstance(default, bool) or not isinstance(default, int | float) or is_later(field) or key in POINTS:
            continue
        value = getattr(values, key) if values else default
        unit = _unit(key, field)
        yield Bound(f"{name}.{key}", _shown(value, unit), _shown(default, unit), unit, describe(field))


def _unit(key: str, field: FieldInfo) -> str:
    if is_size(field):
        return "octets"
    if key == "seconds" or key.endswith("_s"):
        return "seconds"
    if key.startswith("network_prefix_"):
        return "bits"
    return "times" if key.endswith("ratio") else "number"


def _shown(value: float, unit: str) -> str:
    if unit == "octets":
        return size(int(value))
    return f"{value:g}" if value % 1 else f"{int(value)}"


POINTS = ("reject_score", "tag_score")
"""Thresholds of policy: nothing grows without them."""
TITLE = """\
# Limits

<!-- Written by `python -m smtpgw.config.bounds`; a test holds it equal. -->

Nothing in the gateway grows without a bound. These can be set; `smtpgw check --limits -c smtpgw.toml` shows what they
are with your file. What is not to be set has its limit and its reason in the `limits.rs` of each crate.

| limit | default | unit | what it bounds, and why |
|---|---|---|---|"""

if __name__ == "__main__":
    sys.stdout.write(page())
