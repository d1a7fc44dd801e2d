"""Verdicts: what the constructors make, what is refused, and that nothing breaks out of a header field."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpgw import Verdict


@pytest.mark.parametrize("action", ["accept", "defer", "discard", "quarantine", "reject"])
def test_constructors(action):
    verdict = getattr(Verdict, action)("because", header={"X-A": "b"}, reply="No")
    assert verdict == Verdict(action, "because", header=(("X-A", "b"),), reply="No")
    assert (verdict.points, verdict.symbol) == (0.0, "")


def test_score_asks_for_nothing_but_points():
    verdict = Verdict.score(2, "ODD", reason="it is odd", header=[("X-A", "1"), ("X-A", "2")])
    assert verdict == Verdict("accept", "it is odd", 2.0, "ODD", (("X-A", "1"), ("X-A", "2")))


def test_is_frozen_and_slotted():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Verdict.accept().reason = "x"
    assert not hasattr(Verdict.accept(), "__dict__")


@pytest.mark.parametrize("name", ["", "A B", "A:", "X-\r\nSubject", "Ünicode", "A" * 101])
def test_a_field_name_that_cannot_be_is_refused(name):
    with pytest.raises(ValueError, match="header field"):
        Verdict.accept(header={name: "x"})


@pytest.mark.parametrize("points", [float("nan"), float("inf"), float("-inf")])
def test_points_are_finite(points):
    with pytest.raises(ValueError, match="finite"):
        Verdict.score(points, "X")


def test_points_need_a_name():
    with pytest.raises(ValueError, match="symbol"):
        Verdict.score(1, "")


def test_actions_are_known():
    with pytest.raises(ValueError, match="'drop' is no action"):
        Verdict("drop")


@given(st.text())
def test_nothing_breaks_out_of_what_goes_on_the_wire(text):
    verdict = Verdict.reject(text, header={"X-Name": text}, reply=text)
    for sent in (verdict.header[0][1], verdict.reply):
        assert len(sent.splitlines()) <= 1
        assert not any(c < " " or c == "\x7f" for c in sent)
    assert verdict.reason == text
