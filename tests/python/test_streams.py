"""`relay = "stream"`: what it cannot do is refused when the configuration is read, with the way out."""

import pytest

from smtpgw import ConfigError, Gateway, Inspector
from smtpgw.config import parse

TAGS = ["encrypted", "corrupted", "partially_corrupted", "multipart", "unhandled", "disabled_format", "oversize",
        "inspector_down"]  # fmt: skip


class Scoring(Inspector):
    scores = True

    def on_message(self, message):
        return None


def table(**changes):
    whole = {
        "listener": [{"address": "127.0.0.1:0", "tls": "none", "backend": "b", "recipient_domains": ["example.org"]}],
        "backend": {"b": {"address": "127.0.0.1:1", "tls": "none", "relay": "stream"}},
        "decode": {"unscanned": dict.fromkeys(TAGS, "accept")},
    }
    whole.update(changes)
    return whole


def refused(whole):
    with pytest.raises(ConfigError) as caught:
        parse(whole)
    return {problem.path: problem for problem in caught.value.problems}


def test_what_needs_no_mark_is_taken():
    assert parse(table()).backend["b"].stream_chunk == 65_536


def test_a_tag_cannot_be_written():
    problem = refused(table(decode={}))["decode.unscanned"]
    assert all(name in problem.reason for name in TAGS)
    assert "accept" in problem.hint
    left = {"unscanned": {**dict.fromkeys(TAGS, "defer"), "oversize": "tag"}}
    assert "tags (oversize)," in refused(table(decode=left))["decode.unscanned"].reason
    # Nobody else is concerned.
    parse(table(decode={}, backend={"b": {"address": "127.0.0.1:1"}}))


def test_a_maildir_takes_whole_messages():
    problems = refused(table(backend={"b": {"address": "maildir:mail", "relay": "stream"}}))
    assert problems["backend.b.relay"].hint == 'use "store"'


@pytest.mark.parametrize("chunk", [0, "2 MiB"])
def test_what_gathers_is_bounded(chunk):
    backend = {"address": "127.0.0.1:1", "relay": "stream", "stream_chunk": chunk}
    assert "backend.b.stream_chunk" in refused(table(backend={"b": backend}))


def test_points_cannot_mark():
    with pytest.raises(ConfigError) as caught:
        Gateway(parse(table()), inspectors=[Scoring()])
    (problem,) = caught.value.problems
    assert problem.path == "verdict.tag_score"
    assert "15" in problem.hint
    Gateway(parse(table(verdict={"tag_score": 15})), inspectors=[Scoring()])
    Gateway(parse(table()), inspectors=[])
