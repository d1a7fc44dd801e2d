"""The limits that are not to be set, read from where they stand in Rust.

All numbers of each crate's `limits.rs`, but what the configuration sets, and those beside the code that bound what a
peer can make grow or wait. `python -m proof.fixed` (in tests/) prints python/smtpgw/config/fixed.toml.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator

from proof import ROOT

__all__ = ["page"]

LIMITS = ("smtp", "mime", "archive", "urls")
"""Crates with a `limits.rs`."""
SET = {
    "smtp": {"command_line", "text_line", "message_size", "recipients", "transactions", "errors"},
    "mime": {"depth", "parts", "header_octets", "fields", "decoded_total"},
    "archive": {"total", "member", "ratio", "members", "depth", "duration", "password_tries", "disabled"},
}
"""Fields of `Limits` that the configuration sets."""
BESIDE = {
    "gateway::backend::chunks": ["GIVEN_UP"],
    "gateway::backend::circuit": ["FIRST", "LAST", "OVERDUE"],
    "gateway::backend::health": ["QUIET"],
    "gateway::backend::routes": ["TRIES"],
    "gateway::backend::smtp": ["KEEP_ALIVE", "FAREWELL"],
    "gateway::backend::smtp::conduct": ["LIFE"],
    "gateway::backend::streaming": ["WINDOW", "CONFIRMED"],
    "gateway::backend::ways": ["STALE", "MOST"],
    "gateway::client_hello": ["MESSAGE", "LISTED"],
    "gateway::connection::end": ["FAREWELL"],
    "gateway::decode::readings": ["REREAD"],
    "gateway::decode::sealed": ["MARKERS"],
    "gateway::decode::words": ["TEXTS", "TEXT", "WORD", "WORDS"],
    "gateway::inspection::breaker": ["BREAKER_FAILURES", "BREAKER_PAUSE"],
    "gateway::inspection::panel": ["QUEUE"],
    "gateway::listener": ["LONGEST_PAUSE", "TURN_AWAY"],
    "gateway::log": ["RING"],
    "gateway::pace": ["ALLOWANCE", "STALL"],
    "gateway::proxy_header::v1": ["LONGEST"],
    "gateway::proxy_header::v2": ["LONGEST"],
    "gateway::received": ["NAME", "PATH"],
    "gateway::record": ["TEXT"],
    "gateway::spool": ["READ_PIECE", "WRITE_AT_LEAST"],
    "gateway::tls::ledger": ["PAUSE", "ENTRIES"],
    "gateway::tls::resumption": ["TICKET_LIFETIME", "SESSIONS"],
    "gateway::transaction::streaming": ["SILENCE"],
    "gateway::tunnel": ["BUFFER"],
    "gateway::wire": ["READ"],
    "gateway::world": ["BACKLOG"],
    "python::crew": ["THREADS_AT_MOST"],
    "python::records": ["LINES_AT_MOST"],
    "python::tasks": ["TASKS_AT_MOST", "BLOCKED_AT_MOST"],
    "python::threads": ["LOST_AT_MOST"],
    "python::verdict": ["VERDICTS_AT_MOST", "REASON_AT_MOST", "REPLY_AT_MOST", "FIELDS_AT_MOST"],
}
"""Constants beside the code that they are about, by their module."""

CONSTANT = re.compile(r"(?m)^((?: *///.*\n)*)(?:pub(?:\([a-z: ]+\))? )?const (\w+): (\w+) =\s*([^;]+);")
FIELD = re.compile(r"(?m)^((?: *///.*\n)+) *pub (\w+): (\w+),")
DEFAULTS = re.compile(r"(?m)^ {8,12}(\w+): ([^\n]+),$")
LINK = re.compile(r"\[(`[^`]+`)\](?:\([^)]*\))?")


def page() -> str:
    """The file."""
    rows = [*_of_limits(), *_beside()]
    return TITLE + "".join(
        f'\n[[fixed]]\nname = "{name}"\nvalue = {value}\nunit = "{unit}"\nreason = "{reason}"\n'
        for name, value, unit, reason in rows
    )


def _of_limits() -> Iterator[tuple[str, str, str, str]]:
    for crate in LIMITS:
        text = _source(f"{crate}::limits")
        values = dict(DEFAULTS.findall(text))
        for comment, name, kind in FIELD.findall(text):
            if name in values and name not in SET[crate]:
                yield _row(f"{crate}::limits::{name}", kind, values[name], comment, {})
        yield from _constants(f"{crate}::limits", text, None)


def _beside() -> Iterator[tuple[str, str, str, str]]:
    for module, names in BESIDE.items():
        rows = list(_constants(module, _source(module), names))
        assert len(rows) == len(names), f"{module} has not all of {names}"
        yield from rows


def _constants(module: str, text: str, wanted: list[str] | None) -> Iterator[tuple[str, str, str, str]]:
    known: dict[str, str] = {}
    before = ""
    for comment, name, kind, value in CONSTANT.findall(text):
        known[name] = value
        before = comment or before  # one comment may be about two
        if (wanted is None or name in wanted) and (kind == "Duration" or re.fullmatch(r"[iu]\d+|usize", kind)):
            yield _row(f"{module}::{name}", kind, value, before, known)


def _source(module: str) -> str:
    crate, _, path = module.partition("::")
    return (ROOT / "rust" / f"smtpgw-{crate}" / "src" / (path.replace("::", "/") + ".rs")).read_text()


def _row(name: str, kind: str, value: str, comment: str, known: dict[str, str]) -> tuple[str, str, str, str]:
    reason = " ".join(line.strip().removeprefix("///").strip() for line in comment.splitlines())
    reason = LINK.sub(r"\1", reason).replace("\\", "\\\\").replace('"', '\\"')
    number = _number(value, known)
    whole = str(int(number)) if number == int(number) else str(number)
    if kind == "Duration" or re.search(r"(?i)\bseconds\b", reason[:20]) or name.endswith("LIFETIME"):
        return name, whole, "seconds", reason
    return name, whole, "octets" if re.match(r"Octets|.{0,30}\boctets\b", reason) else "number", reason


def _number(value: str, known: dict[str, str]) -> float:
    """What an expression of Rust comes to: numbers, `<<`, `+`, `*`, names of its own file, durations."""
    value = re.sub(r"\b([A-Z][A-Z_0-9]*)\b", lambda name: f"({known[name[0]]})" if name[0] in known else name[0], value)
    value = value.replace("Duration::from_secs", "1*").replace("Duration::from_millis", "0.001*")
    value = re.sub(r"(?<=\d)_(?=\d)", "", value)
    assert re.fullmatch(r"[\d\s.()*+<-]+", value), value
    return float(eval(value, {"__builtins__": {}}))  # noqa: S307 - digits and operators, as was just seen


TITLE = """\
# Limits that are not to be set, each with its place in rust/ and the reason that stands there. Written by
# `python -m proof.fixed` in tests/; a test holds it equal.
"""

if __name__ == "__main__":
    sys.stdout.write(page())
