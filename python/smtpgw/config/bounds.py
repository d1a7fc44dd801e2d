"""Every limit in one table: name, default, unit, and why it is there.

Read from the models, whose documentation is the reason, and, for those that are not to be set, from fixed.toml, which
is written from the sources in Rust: what `smtpgw check --limits` shows, and what docs/limits.md is written from
(`python -m smtpgw.config.bounds`); tests hold both equal.
"""

from __future__ import annotations

import importlib.resources
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from smtpgw.config import model
from smtpgw.config.render import describe, is_later, is_size, size

__all__ = ["Bound", "Fixed", "bounds", "fixed", "page"]


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


@dataclass(frozen=True, slots=True)
class Fixed:
    """One limit that is not to be set."""

    name: str
    """Where it stands in Rust: `smtp::limits::DOMAIN`."""
    value: str
    """What it is, shown as that of a `Bound` is."""
    unit: str
    """`octets`, `seconds` or `number`."""
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


def fixed() -> Iterator[Fixed]:
    """All that are not to be set: what no site needs otherwise, or what keeps a buffer small."""
    text = (importlib.resources.files("smtpgw.config") / "fixed.toml").read_text("utf-8")
    for row in tomllib.loads(text)["fixed"]:
        yield Fixed(row["name"], _shown(row["value"], row["unit"]), row["unit"], row["reason"])


def page() -> str:
    """Markdown, for docs/limits.md."""
    rows = [f"| `{each.name}` | {each.default} | {each.unit} | {each.reason} |" for each in bounds()]
    others = [f"| `{each.name}` | {each.value} | {each.unit} | {each.reason} |" for each in fixed()]
    return "\n".join([TITLE, *rows, NOT_TO_BE_SET, *others]) + "\n"


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
are with your file.

| limit | default | unit | what it bounds, and why |
|---|---|---|---|"""
NOT_TO_BE_SET = """
## Not to be set

What no site needs otherwise, or what keeps a buffer of ours small. The name says where in `rust/` it stands.

| limit | value | unit | what it bounds, and why |
|---|---|---|---|"""

if __name__ == "__main__":
    sys.stdout.write(page())
