"""A judged message for people: the same for `scan` and `demo`. Works on the core's reports and records.

Everything shown comes from a hostile message: what is no printable character is shown as an escape.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.markup import escape
from rich.tree import Tree

from smtpgw.config.model import VerdictPolicy
from smtpgw.config.render import size

__all__ = ["ENDLESS", "is_clean", "line", "plain", "tree", "verdict", "why"]

ENDLESS = 1 << 30
"""A width for tables and trees, which are cut off at the width of their console, at which nothing is."""

COLOURS = {"accept": "green", "defer": "yellow", "discard": "yellow", "quarantine": "magenta", "reject": "red"}


def is_clean(report: Mapping[str, Any], tag_score: float) -> bool:
    """Whether nothing at all was found. What was not scanned is not clean."""
    decision = report.get("verdict") or {}
    failed = any(inspector.get("failures") for inspector in report["inspectors"])
    return (
        decision.get("action") == "accept" and decision["score"] < tag_score and not report["unscanned"] and not failed
    )


def verdict(report: Mapping[str, Any], policy: VerdictPolicy) -> str:
    """The verdict in a word, marked up."""
    decision = report.get("verdict")
    if not decision:
        return "[yellow]none[/]"
    action = decision["action"]
    if action == "accept" and decision["score"] >= policy.tag_score:
        return "[yellow]accept, marked as spam[/]"
    if action == "accept" and not is_clean(report, policy.tag_score):
        return "[yellow]accept[/]"
    return f"[{COLOURS[action]}]{action}[/]"


def why(report: Mapping[str, Any]) -> Iterator[str]:
    """The reasons, the decisive one first, marked up."""
    decision = report.get("verdict") or {}
    if decision.get("by"):
        yield f"{escape(plain(decision['by']))}: {escape(plain(decision['reason']))}"
    if decision.get("symbols"):
        yield f"{decision['score']:g} points: {escape(plain(', '.join(decision['symbols'])))}"
    for piece in report["unscanned"]:
        yield f"not scanned: {piece['reason']} ({escape(plain(piece['what']))})"
    for inspector in report["inspectors"]:
        for failure in inspector.get("failures", []):
            place = f"{inspector['name']} failed on {failure['about']}"
            yield escape(plain(f"{place}: {failure['failure']}"))


def line(name: str, report: Mapping[str, Any], policy: VerdictPolicy) -> str:
    """One message on one line."""
    reasons = "; ".join(why(report))
    return f"{verdict(report, policy)}  {escape(plain(name))}{f'  {reasons}' if reasons else ''}"


def tree(name: str, report: Mapping[str, Any], policy: VerdictPolicy) -> Tree:
    """Everything that is known of a message."""
    root = Tree(f"[bold]{escape(plain(name))}[/]  {verdict(report, policy)}")
    for reason in why(report):
        root.add(reason)
    if subject := report.get("subject"):
        root.add(f"subject: {escape(plain(subject))}")
    _parts(root.add(f"{len(report['parts'])} parts, {size(report['size'])}"), report["parts"])
    if defects := report["defects"]:
        places = {f"{kind} (part {path or '-'}, octet {offset})" for kind, path, offset in report.get("defects_at", [])}
        odd = root.add("odd")
        for defect in sorted(places) or defects:
            odd.add(escape(plain(defect)))
    asked = root.add("inspectors")
    for inspector in report["inspectors"]:
        shadow = ", shadow" if inspector["mode"] == "shadow" else ""
        took = f"{inspector['calls']} calls, {inspector['elapsed_s'] * 1000:.1f} ms{shadow}"
        node = asked.add(f"{escape(plain(inspector['name']))} ({took})")
        for said in inspector.get("verdicts", []):
            node.add(_said(said))
    if added := report.get("added_header"):
        fields = root.add("would be added on top")
        for field in added.splitlines():
            fields.add(escape(plain(field)))
    return root


def plain(text: str) -> str:
    """`text` without anything a terminal would obey, or a person would misread."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "replace").decode() for c in text)


def _parts(root: Tree, parts: Sequence[Mapping[str, Any]]) -> None:
    """The parts below what they stand in: multiparts by number, members and files within texts by name."""
    nodes: dict[str, Tree] = {"": root}

    def node(path: str) -> Tree:
        # Folders in an archive are no parts, and a stranger makes as many as wanted.
        while "/" in path and path not in nodes:
            path = path.rpartition("/")[0]
        if path not in nodes:
            nodes[path] = node(path.rpartition(".")[0]).add(f"[dim]{escape(plain(path))}[/]")
        return nodes[path]

    for part in parts:
        path = part["path"]
        # A part that only another reading shows stands beside the one of the same number.
        nodes[path] = node(path.rpartition("/" if "/" in path else ".")[0]).add(_part(part))


def _part(part: Mapping[str, Any]) -> str:
    reading = f"  [magenta]({escape(plain(part['reading']))})[/]" if part.get("reading") else ""
    real = part.get("real_type")
    is_really = f" [dim](really {escape(plain(real))})[/]" if real and real != part["media_type"] else ""
    gaps = f"  [red]not scanned: {escape(plain(', '.join(part['unscanned'])))}[/]" if part.get("unscanned") else ""
    seen_by = f"  [dim]seen by {escape(plain(', '.join(part['inspectors'])))}[/]" if part.get("inspectors") else ""
    name = f"  [bold]{escape(plain(part['filename']))}[/]" if part.get("filename") else ""
    name += f" [dim](also {escape(plain(', '.join(part['other_names'])))})[/]" if part.get("other_names") else ""
    odd = f"  [yellow]{escape(plain(', '.join(part['defects'])))}[/]" if part.get("defects") else ""
    facts = f"  [cyan]{escape(plain(', '.join(part['facts'])))}[/]" if part.get("facts") else ""
    kind = escape(plain(part["media_type"]))
    digest = f"  {size(part['size'])}  [dim]{part['sha256'][:16]}[/]"
    return f"{escape(plain(part['path']))}  {kind}{is_really}{name}{digest}{reading}{facts}{odd}{gaps}{seen_by}"


def _said(said: Mapping[str, Any]) -> str:
    points = f" {said['points']:+g} {said['symbol']}" if said.get("symbol") else ""
    reason = f": {said['reason']}" if said.get("reason") else ""
    about = f" ({said['about']})" if said["about"] != "message" else ""
    return escape(plain(f"{said['action']}{points}{about}{reason}"))
