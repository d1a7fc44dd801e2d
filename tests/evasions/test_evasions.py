"""What messages made to hide something come to: every marker is found, or the message is not called clean."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from smtpgw import Inspector, Verdict, config
from smtpgw._core import Scanner
from smtpgw.inspector import roster
from smtpgw.inspectors.names import extensions
from smtpgw.inspectors.text import texts_of

from .messages import FAMILIES
from .pieces import MARKER

HARMLESS = MARKER.replace(b"7f3a", b"7f30")
"""Looks like the marker, and is none."""


class Seeker(Inspector):
    """Refuses what holds the marker."""

    name = "seeker"

    def on_part(self, part):
        text = MARKER.decode()
        if MARKER in part.data or any(text in reading for reading in texts_of(part)):
            return Verdict.reject("found")
        return None


@pytest.fixture(scope="module")
def scanner_of():
    def scanner_of(inspector):
        scanner = Scanner(config.default().to_core_json(), roster([inspector]), threads=2)
        return lambda raw: json.loads(scanner.scan(raw))

    return scanner_of


@pytest.fixture(scope="module")
def judge(scanner_of):
    return scanner_of(Seeker())


@pytest.mark.parametrize("family", FAMILIES)
def test_every_marker_is_found_or_the_message_is_not_clean(judge, family):
    missed, refused, found = [], [], 0
    for name, raw in FAMILIES[family]():
        report = judge(raw)
        if report["verdict"]["by"] == "seeker":
            found += 1
        elif report["verdict"]["action"] != "accept" or report["unscanned"]:
            refused.append((name, [gap["reason"] for gap in report["unscanned"]]))
        else:
            missed.append((name, report["defects"], [part["path"] for part in report["parts"]]))
    print(f"{family}: {found} found, {len(refused)} not scanned: {refused}")
    assert not missed, "\n".join(map(str, missed))
    assert {name for name, _ in refused} <= NOT_OPENED, refused


@pytest.mark.parametrize("family", FAMILIES)
def test_what_is_as_odd_and_harmless_passes(judge, family, monkeypatch):
    import base64

    from . import enclosed, messages, pieces

    for module in (enclosed, messages, pieces):
        monkeypatch.setattr(module, "MARKER", HARMLESS)
    for module in (messages, pieces):
        monkeypatch.setattr(module, "B64", base64.b64encode(b"padding " + HARMLESS + b" padding.").decode())
        monkeypatch.setattr(module, "PLAIN", f"padding {HARMLESS.decode()} padding.")
    refused = {}
    for name, raw in FAMILIES[family]():
        report = judge(raw.replace(b"7f3a", b"7f30"))
        if report["verdict"]["action"] != "accept":
            refused[name] = report["verdict"]["reason"], report["verdict"]["by"]
    assert set(refused) <= REFUSED, refused


NOT_OPENED = {"message/partial", "BinHex", "behind the archive"}
"""Said to be unscanned."""
REFUSED = {"message/partial"}
"""Refused by default, whatever is in them."""


def test_messages_that_programs_wrote_pass(judge):
    test_email = pytest.importorskip("test.test_email")
    folder = Path(test_email.__file__).parent / "data"
    files = sorted(folder.glob("msg_*.txt"))
    if not files:
        pytest.skip("this interpreter comes without its own tests")
    refused = {}
    for file in files:
        raw = file.read_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
        report = judge(raw)
        if report["verdict"]["action"] != "accept":
            refused[file.name] = report["verdict"]["reason"]
    # Those are halves of a message that was cut in two on purpose, where there are any.
    assert all("partial_message" in reason for reason in refused.values()), refused


def test_every_name_counts(scanner_of):
    names = []

    class Namer(Inspector):
        name = "namer"

        def on_part(self, part):
            names.extend(part.names)

    judge = scanner_of(Namer())
    for name, raw in FAMILIES["names"]():
        names.clear()
        judge(raw)
        assert any(".exe" in extensions(shown) for shown in names), f"{name}: {names}"
