"""Which test holds what: the threats on the wire and in messages, and the faults around the gateway, row by row.

The rows stand in wire.toml, content.toml and faults.toml. A test is named by its file and, behind `::`, its function; a
dialogue of the corpus is its file. `python -m proof` (in tests/) prints docs/threats.md.
"""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

__all__ = ["MOMENTS", "ROOT", "Claim", "claims", "lost", "page"]

ROOT = Path(__file__).parent.parent.parent
MOMENTS = {
    "greeting": "connect, greeting",
    "hello": "EHLO, TLS",
    "envelope": "MAIL, RCPT",
    "content": "content",
    "end": "dot → reply",
}
SIDES = {"client": "On the client's side", "backend": "On the backend's side", "ours": "On ours"}


@dataclass(frozen=True, slots=True)
class Claim:
    """What must come of something."""

    what: str
    answer: str
    tests: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    nothing: str | None = None
    """Why it cannot come to pass; then there is nothing to hold."""


@cache
def table(name: str) -> list[dict[str, object]]:
    """The rows of a file."""
    [rows] = tomllib.loads((Path(__file__).parent / f"{name}.toml").read_text()).values()
    return rows


def claims() -> Iterator[Claim]:
    """All of them."""
    for name in ("wire", "content"):
        for row in table(name):
            yield Claim(row["threat"], row["answer"], row.get("tests", []), row.get("missing", []))
    for fault in table("faults"):
        for moment in MOMENTS:
            yield Claim(f"{fault['fault']}, at {moment}", **({"answer": ""} | fault[moment]))


def lost(test: str) -> str | None:
    """Why a test is none, or nothing."""
    path, _, name = test.partition("::")
    file = ROOT / path
    if not file.is_file():
        return f"{path} is not there"
    if not name:
        return None if file.suffix == ".dialogue" else f"{path} has several tests: name one"
    if name not in _tests(file):
        return f"{path} has no test {name}"
    return None


@cache
def _tests(file: Path) -> frozenset[str]:
    source = file.read_text()
    if file.suffix == ".rs":
        attributes = r"#\[(?:tokio::)?test\b[^\]]*\](?:\s*(?:#\[[^\]]*\]|//[^\n]*))*"
        return frozenset(re.findall(attributes + r"\s*(?:async\s+)?fn\s+(\w+)", source))
    functions = (
        node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )
    return frozenset(node.name for node in functions if node.name.startswith("test_"))


def page() -> str:
    """docs/threats.md."""
    out = [HEAD]
    for name, title in (("wire", "On the wire"), ("content", "In a message")):
        out.append(f"## {title}\n\n| what | what comes of it | tests |\n|---|---|---|\n")
        out += [f"| {row['threat']} | {row['answer']} | {_cited(row.get('tests', []))} |\n" for row in table(name)]
        out.append("\n")
    out.append("## Faults\n\n")
    for side, title in SIDES.items():
        out.append(f"### {title}\n\n| fault | moment | what comes of it | tests |\n|---|---|---|---|\n")
        for fault in (fault for fault in table("faults") if fault["side"] == side):
            for moment, called in MOMENTS.items():
                cell = fault[moment]
                said = f"– ({cell['nothing']})" if "nothing" in cell else cell["answer"]
                out.append(f"| {fault['fault']} | {called} | {said} | {_cited(cell.get('tests', []))} |\n")
        out.append("\n")
    return "".join(out).rstrip() + "\n"


def _cited(tests: list[str]) -> str:
    return ", ".join(f"`{test.rpartition('/')[2].replace('::', ' ')}`" for test in tests)


HEAD = """\
# Threats and faults, and what holds against them

Every attack and fault that smtpgw is built against, what must come of it, and the tests that show that it does. This
page is made from `tests/proof/*.toml` by `python -m proof`, and a test fails when a row has no test, or names one that
is not there.

What always holds: a client hears 2yz for a message only after the backend said so; a transaction that ends before
its end of content is never completed at a backend; replies are one to one and in order; trouble of our own is 4yz;
copies are made only where SMTP cannot avoid them (RFC 1047).

"""
