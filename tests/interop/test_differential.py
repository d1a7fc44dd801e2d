"""The same octets to the gateway and to Postfix with `smtpd_forbid_bare_newline = reject`: where does a message end?

Each stream is one DATA whose content holds a look-alike of the end of data and behind it a second transaction. A
server that takes the look-alike for the end accepts two messages: the second one is smuggled. `ours` and `postfix` in
the table are the messages that each must have accepted; where they differ, `why` explains it. With `normalize` on both
sides no message is refused, and both must find the same number of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from peers.clients import Dialogue
from peers.contents import letter
from peers.gateway import RunningGateway
from peers.postfix import Postfix
from peers.recorder import Recorder

SECOND = b"MAIL FROM:<eve@example.net>\r\nRCPT TO:<bob@example.org>\r\nDATA\r\nSubject: second\r\n\r\nsecond\r\n.\r\n"


@dataclass(frozen=True, slots=True)
class Case:
    """One look-alike, and how many messages each side accepts."""

    lookalike: bytes
    ours: int
    postfix: int
    why: str = ""


BARE_CR = "Postfix forbids only bare LF and hands a bare CR on; we forward neither (RFC 5321 §2.3.8)"

CASES = {
    "the true end": Case(b"\r\n.\r\n", 2, 2),
    "a stuffed dot": Case(b"\r\n..\r\n", 1, 1),
    "blank behind the dot": Case(b"\r\n. \r\n", 1, 1),
    "full-width dot": Case("\r\n\uff0e\r\n".encode(), 1, 1),
    "unicode line ends": Case("\u2028.\u2028".encode(), 1, 1),
    "LF dot LF": Case(b"\n.\n", 0, 0),
    "LF dot CRLF": Case(b"\n.\r\n", 0, 0),
    "CRLF dot LF": Case(b"\r\n.\n", 0, 0),
    "CR dot CR": Case(b"\r.\r", 0, 1, BARE_CR),
    "CR dot CRLF": Case(b"\r.\r\n", 0, 1, BARE_CR),
    "CRLF dot CR": Case(b"\r\n.\r", 0, 1, BARE_CR),
    "CRLF dot CR CRLF": Case(b"\r\n.\r\r\n", 0, 1, BARE_CR),
    # A true end for both; what we refuse is the first message, for the CR in it.
    "CR CRLF dot CRLF": Case(b"\r\r\n.\r\n", 1, 2, BARE_CR),
    "LF CR dot": Case(b"\n\r.\r\n", 0, 0),
    "NUL before the dot": Case(b"\r\n\0.\r\n", 1, 1),
    "NUL behind the dot": Case(b"\r\n.\0\r\n", 1, 1),
}


@pytest.fixture(scope="module")
def strict_postfix(mailbox: Recorder) -> Iterator[Postfix]:
    """Postfix with its strictest setting, for everybody."""
    with Postfix(next_hop=mailbox.address, main={"smtpd_forbid_bare_newline": "reject"}) as running:
        yield running


@pytest.fixture(scope="module")
def lenient_postfix(mailbox: Recorder) -> Iterator[Postfix]:
    """Postfix that makes line ends of bare newlines, but no end of data."""
    with Postfix(next_hop=mailbox.address, main={"smtpd_forbid_bare_newline": "normalize"}) as running:
        yield running


def accepted(port: int, content: bytes) -> tuple[int, list[bytes]]:
    """How many messages were accepted, and every reply behind the first 354."""
    with Dialogue(port) as client:
        client.open()
        assert client.command(b"MAIL FROM:<ann@example.net>").startswith(b"250 ")
        assert client.command(b"RCPT TO:<bob@example.org>").startswith(b"250 ")
        assert client.command(b"DATA").startswith(b"354 ")
        client.send(content + b"QUIT\r\n")
        replies = []
        try:
            while reply := client.reply():
                replies.append(reply)
        except ConnectionError:
            pass  # Postfix hangs up with our octets unread.
    return sum(reply.startswith(b"250 2.0.0 Ok: queued as ") for reply in replies), replies


@pytest.mark.parametrize("name", CASES)
def test_messages_end_where_postfix_says(
    name: str, strict_postfix: Postfix, recorder: Recorder, run_gateway: Callable[..., RunningGateway]
) -> None:
    case = CASES[name]
    assert case.why or case.ours == case.postfix
    recorder.replies[b"."] = b"250 2.0.0 Ok: queued as RECORDED\r\n"
    gateway = run_gateway(recorder.address)
    content = letter("first", b"first" + case.lookalike + SECOND)
    ours, our_replies = accepted(gateway.port, content)
    theirs, their_replies = accepted(strict_postfix.port, content)
    assert (ours, theirs) == (case.ours, case.postfix), (our_replies, their_replies)
    # What we have accepted is what the backend has, and nothing else has reached it.
    assert len(recorder.deliveries) == ours
    if ours == 1:
        assert recorder.deliveries[0].content.endswith(b"second\r\n")


TRUE_ENDS = ("the true end", "CR CRLF dot CRLF")
"""The look-alikes that hold CRLF dot CRLF."""


@pytest.mark.parametrize("name", CASES)
def test_normalized_newlines_end_no_message(
    name: str, lenient_postfix: Postfix, recorder: Recorder, run_gateway: Callable[..., RunningGateway]
) -> None:
    """What was a bare newline may become a line end on both sides, and never a part of an end of data.

    What is left of the dot is each server's own: Postfix takes bare LF, dot for a stuffed dot; to us it is content, and
    is stuffed when it is handed on. A bare CR is a blank to Postfix and a line end to us.
    """
    recorder.replies[b"."] = b"250 2.0.0 Ok: queued as RECORDED\r\n"
    gateway = run_gateway(recorder.address, limits={"bare_newline": "normalize"})
    content = letter("first", b"first" + CASES[name].lookalike + SECOND)
    ours, our_replies = accepted(gateway.port, content)
    theirs, their_replies = accepted(lenient_postfix.port, content)
    assert ours == theirs == (2 if name in TRUE_ENDS else 1), (our_replies, their_replies)
    assert len(recorder.deliveries) == ours
    for delivery in recorder.deliveries:
        # The recorder ends lines at CRLF alone: no octet of either is left over.
        assert not set(delivery.content.replace(b"\r\n", b"")) & set(b"\r\n")
