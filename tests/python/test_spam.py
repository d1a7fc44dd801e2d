"""Spam: the rule files, what a person reads, and the sanity of a header."""

import datetime
import email
import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smtpgw import ConfigError
from smtpgw.inspectors.spam import Spam
from smtpgw.inspectors.spam.readable import readable
from smtpgw.inspectors.spam.sanity import findings

GTUBE = "XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"
NOW = datetime.datetime(2026, 11, 25, 12, 0, tzinfo=datetime.UTC)


@pytest.fixture
def make(tmp_path):
    def make(text):
        file = tmp_path / "my.rules"
        file.write_text(text)
        return Spam(rules=[file], shipped=False)

    return make


def symbols(spam, subject="", header=(), *texts):
    return [rule.symbol for rule in spam.scan(subject, header, texts)]


@pytest.mark.parametrize("text", [GTUBE, f"a\r\n{GTUBE}\r\nb", f"<p>{GTUBE}</p>", f"{GTUBE[:9]}<b></b>{GTUBE[9:]}"])
def test_gtube(text):
    (rule,) = Spam().scan("", [], [text])
    assert (rule.symbol, rule.points) == ("GTUBE", 1000)


def test_gtube_is_exact():
    assert symbols(Spam(), "", (), GTUBE[:-1], GTUBE.replace(".", "x", 1)) == []


def test_scopes(make):
    spam = make("S 1 subject /one/\nH 2 header /^x-a: one$/ in a field\nB -3.5 body /one two/ a / b\n")
    assert [(rule.symbol, rule.points, rule.description) for rule in spam.rules] == [
        ("S", 1.0, ""), ("H", 2.0, "in a field"), ("B", -3.5, "a / b")
    ]  # fmt: skip
    assert symbols(spam, "ONE") == ["S"]
    assert symbols(spam, "", [("X-A", "one"), ("X-B", "one")]) == ["H"]
    assert symbols(spam, "", [("X-A", "one two")]) == []
    assert symbols(spam, "", [], "one\r\n  two") == ["B"]
    assert symbols(spam, "two", [], "one", "two") == []


def test_a_symbol_counts_once(make):
    spam = make("A 1 body /a/\nA 2 body /b/\nC 3 body /c/\n")
    matched = spam.scan("", [], ["b", "a", "c c"])
    assert [(rule.symbol, rule.points) for rule in matched] == [("A", 2.0), ("C", 3.0)]


def test_every_mistake_is_named(make):
    with pytest.raises(ConfigError) as caught:
        make(
            "# fine\nA body /a/\nB x body /b/\nC 1 text /c/\nD inf body /d/\nE 1 body /e(/\nf 1 body /f/\n"
            "G 1 subject /(?=x)y/\n"
        )
    assert {problem.path: problem.reason for problem in caught.value.problems} == {
        "my.rules:2": "is no rule",
        "my.rules:3": "is no number of points",
        "my.rules:4": "is no scope",
        "my.rules:5": "is no number of points",
        "my.rules:6": "Missing close parenthesis for group started at index 1",
        "my.rules:7": "is no rule",
        "my.rules:8": "Zero-width assertions are not supported",
    }


@settings(deadline=None)
@given(st.binary(max_size=200) | st.text(alphabet="AB1 body/()[].#\n", max_size=60).map(str.encode))
def test_whatever_a_file_says_a_config_error_is_the_worst(content):
    with tempfile.NamedTemporaryFile() as file:
        file.write(content)
        file.flush()
        try:
            spam = Spam(rules=[Path(file.name)], shipped=False)
        except ConfigError as error:
            assert error.problems
        else:
            spam.scan("a", [("b", "c")], ["d"])


def test_a_missing_file(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read"):
        Spam(rules=[tmp_path / "no.rules"])


def test_ordinary_mail_gets_nothing():
    text = "Dear all,\r\n\r\nplease find the minutes attached. The next meeting is on Friday.\r\n\r\nBest regards\r\n"
    assert symbols(Spam(), "Minutes of the meeting", [("From", "a@b.example")], text) == []


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("plain  text\r\n here", "plain text here"),
        ("vi<b></b>agra", "viagra"),
        ("vi<!-- > -->agra", "viagra"),
        ("a<br>b<p>c</p>d", "a b c d"),
        ("a <!-- b <!-- c --> d", "a d"),
        ("a <!-- b", "a"),
        ("v&#105;agra &amp; v\u00adiagra", "viagra & viagra"),
        ("1 < 2 > 0", "1 < 2 > 0"),
        ("<<a>>", "<>"),
        ("<a", "<a"),
    ],
)
def test_readable(text, read):
    assert readable(text) == read


@pytest.mark.parametrize("piece", ["<", "<!--", "<a ", "<br ", "&", "&#0", "-->", "<!-- -->", "a", " ", "<a>"])
def test_readable_is_linear(piece):
    def seconds(octets):
        text = piece * (octets // len(piece))
        start = time.process_time()
        readable(text)
        return time.process_time() - start

    assert seconds(2_000_000) < max(8 * seconds(250_000) * 4, 0.5)


GOOD = (
    "From: a@b.example\nDate: Wed, 25 Nov 2026 11:00:00 +0000\nMessage-ID: <1@b.example>\nTo: c@d.example\nSubject: x\n"
)


def found(header):
    message = email.message_from_string(header + "\n")
    return [finding.symbol for finding in findings(lambda name: message.get_all(name, []), now=NOW)]


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (GOOD, []),
        (GOOD.replace("Subject: x\n", ""), []),
        ("", ["MISSING_DATE", "MISSING_FROM", "MISSING_MESSAGE_ID"]),
        (GOOD + "From: x@y.example\n", ["SEVERAL_FROM"]),
        (GOOD + "Subject: y\nsubject: z\n", ["SEVERAL_SUBJECT"]),
        (GOOD.replace("a@b.example\n", "a\n", 1), ["FROM_NO_ADDRESS"]),
        (GOOD.replace("25 Nov 2026", "27 Nov 2026"), ["DATE_IN_FUTURE"]),
        (GOOD.replace("25 Nov 2026", "27 Sep 2026"), ["DATE_IN_PAST"]),
        (GOOD.replace("+0000", "-0000"), []),
        (GOOD.replace("Wed, 25 Nov 2026", "yesterday"), ["INVALID_DATE"]),
        (GOOD.replace("25 Nov 2026", "25 Nov 99999999999999999999"), ["INVALID_DATE"]),
        (GOOD.replace("Wed, 25 Nov 2026 11:00:00 +0000", "Fri, 31 Dec 9999 23:59:59 -2359"), ["DATE_IN_FUTURE"]),
    ],
)
def test_sanity(header, expected):
    assert found(header) == expected
