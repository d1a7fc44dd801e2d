"""Whole sessions in one stream, BDAT and pipelined, to the gateway and to Postfix with
`smtpd_forbid_bare_newline = reject`: which messages are there?

Behind each oddity stands a transaction that must or must not be one; `SMUGGLED` is never to arrive where it is content
of somebody else's chunk. `ours` are the contents that our backend must have, in order; Postfix must have accepted the
same ones unless `postfix` says what else, and then `why`. Replies are not compared: wording and hanging up are each
server's own. test_differential.py has the look-alikes of the end of data.

And one line at a time: names and paths as real senders write them, and their neighbours. What Postfix takes we take,
or `why` says what keeps us from it.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from peers import wait_until
from peers.clients import Dialogue
from peers.contents import without_received
from peers.gateway import Certificate, RunningGateway, configuration
from peers.postfix import Postfix
from peers.recorder import Recorder

QUEUED = b"250 2.0.0 Ok: queued as RECORDED\r\n"
HELLO = (b"EHLO", b"HELO")


def letter(name: bytes) -> bytes:
    """A small message."""
    return b"Subject: %b\r\n\r\n%b\r\n" % (name, name)


def bdat(content: bytes, last: bytes = b" LAST") -> bytes:
    """One chunk with its command."""
    return b"BDAT %d%b\r\n%b" % (len(content), last, content)


def data(content: bytes) -> bytes:
    """Content by DATA, without waiting for 354."""
    return b"DATA\r\n%b.\r\n" % content


FROM = b"MAIL FROM:<ann@example.net>\r\n"
TO = b"RCPT TO:<bob@example.org>\r\n"
SENT = FROM + TO
REFUSED = FROM + b"RCPT TO:<eve@elsewhere.example>\r\n"
A, B, S = letter(b"a"), letter(b"b"), letter(b"smuggled")
SMUGGLED = SENT + data(S)


@dataclass(frozen=True, slots=True)
class Case:
    """One stream and the messages that come of it."""

    stream: bytes
    ours: tuple[bytes, ...] = ()
    postfix: tuple[bytes, ...] | None = None
    """Where it is not the same."""
    why: str = ""


def sized(size: bytes, **more: object) -> Case:
    """A chunk of A's size that is written like this, and a transaction behind it."""
    return Case(SENT + b"BDAT " + size + b"\r\n" + A + SMUGGLED, **more)


GRAMMAR = "RFC 3030 §2 has one SP, and a size that is guessed at is a boundary that is guessed at: we refuse and close"
BARE_CR = "Postfix forbids only bare LF and hands a bare CR on as a blank; we forward neither (RFC 5321 §2.3.8)"

CASES = {
    # Chunks as they should be.
    "a chunk": Case(SENT + bdat(A), (A,)),
    "two chunks": Case(SENT + bdat(A[:7], b"") + bdat(A[7:]), (A,)),
    "chunks cut between CR and LF": Case(SENT + bdat(A[:11], b"") + bdat(A[11:]), (A,)),
    "an empty last chunk": Case(SENT + bdat(A, b"") + bdat(b""), (A,)),
    "nothing but an empty chunk": Case(SENT + bdat(b""), (b"",)),
    "lower case": Case(SENT + b"bdat %d last\r\n" % len(A) + A, (A,)),
    "leading zeros": sized(b"000%d LAST" % len(A), ours=(A, S)),
    "dots at line starts": Case(SENT + bdat(A + b".\r\n..\r\n.x\r\n"), (A + b".\r\n..\r\n.x\r\n",)),
    "no CRLF at the end, then a message": Case(
        SENT + bdat(b"Subject: a\r\n\r\nx") + SENT + bdat(B), (b"Subject: a\r\n\r\nx\r\n", B)
    ),
    # What stands in a chunk is content.
    "end of data in a chunk": Case(SENT + bdat(A + b".\r\n" + SMUGGLED + B), (A + b".\r\n" + SMUGGLED + B,)),
    "end of data across chunks": Case(
        SENT + bdat(A + b".", b"") + bdat(b"\r\n" + SMUGGLED), (A + b".\r\n" + SMUGGLED,)
    ),
    "before MAIL": Case(bdat(SMUGGLED) + SENT + bdat(A), (A,)),
    "no recipient": Case(FROM + bdat(SMUGGLED) + b"RSET\r\n" + SENT + bdat(A), (A,)),
    "recipient refused": Case(REFUSED + bdat(SMUGGLED) + b"RSET\r\n" + SENT + bdat(A), (A,)),
    "recipient refused, two chunks": Case(
        REFUSED + bdat(SMUGGLED, b"") + bdat(SMUGGLED) + b"RSET\r\n" + SENT + bdat(A), (A,)
    ),
    "a second LAST": Case(SENT + bdat(A) + bdat(SMUGGLED) + SENT + bdat(B), (A, B)),
    "BDAT after DATA": Case(SENT + data(A) + bdat(SMUGGLED) + SENT + bdat(B), (A, B)),
    "BINARYMIME, not offered": Case(
        FROM[:-2] + b" BODY=BINARYMIME\r\n" + TO + bdat(SMUGGLED) + b"RSET\r\n" + SENT + bdat(B), (B,)
    ),
    # Sizes that are none: whatever follows is not read as commands.
    "minus": sized(b"-%d LAST" % len(A)),
    "plus": sized(b"+%d LAST" % len(A)),
    "hexadecimal": sized(b"0x%x LAST" % len(A)),
    "a fraction": sized(b"%d.0 LAST" % len(A)),
    "no size": sized(b"LAST"),
    "no argument": Case(SENT + b"BDAT\r\n" + A + SMUGGLED),
    "not quite LAST": sized(b"%d LASTS" % len(A)),
    "LAST and more": sized(b"%d LAST 5" % len(A)),
    "2^64 too many": sized(b"%d LAST" % (2**64 + len(A))),
    "2^32 too many": sized(b"%d LAST" % (2**32 + len(A))),
    "blanks round the size": sized(b" %d  LAST  " % len(A), postfix=(A, S), why=GRAMMAR),
    "tabs round the size": sized(b"\t%d\tLAST" % len(A), postfix=(A, S), why=GRAMMAR),
    "count too small": Case(SENT + bdat(A) + b"x\r\n.\r\n", (A,)),
    "count ends within CRLF": Case(
        SENT + b"BDAT %d LAST\r\n" % (len(A) - 1) + A + SMUGGLED, postfix=(A[:-2] + b" \r\n",), why=BARE_CR
    ),
    "a command that ends in LF": Case(SENT + b"BDAT %d LAST\n" % len(A) + A + SENT + bdat(B)),
    # Commands between chunks (RFC 3030 §2).
    "DATA between chunks": Case(SENT + bdat(A, b"") + data(SMUGGLED) + b"RSET\r\n"),
    "MAIL between chunks": Case(SENT + bdat(A, b"") + FROM + bdat(B), (A + B,)),
    "RCPT between chunks": Case(SENT + bdat(A, b"") + TO + bdat(B), (A + B,)),
    "NOOP between chunks": Case(SENT + bdat(A, b"") + b"NOOP\r\n" + bdat(B), (A + B,)),
    "RSET between chunks": Case(SENT + bdat(A, b"") + b"RSET\r\n" + SENT + bdat(B), (B,)),
    "EHLO between chunks": Case(SENT + bdat(A, b"") + b"EHLO x.example.net\r\n" + SENT + bdat(B), (B,)),
    "QUIT between chunks": Case(SENT + bdat(A, b"") + b"QUIT\r\n" + bdat(B)),
    # Octets that no line may hold.
    "LF in a chunk": Case(SENT + bdat(b"Subject: a\r\n\r\nx\ny\r\n") + SENT + bdat(B), (B,)),
    "LF dot LF in a chunk": Case(SENT + bdat(b"Subject: a\r\n\r\nx\n.\n" + SMUGGLED) + SENT + bdat(B), (B,)),
    "CR in a chunk": Case(
        SENT + bdat(b"Subject: a\r\n\r\nx\ry\r\n") + SENT + bdat(B), (B,), (b"Subject: a\r\n\r\nx y\r\n", B), BARE_CR
    ),
    "NUL in a chunk": Case(SENT + bdat(b"Subject: a\r\n\r\nx\0y\r\n"), (b"Subject: a\r\n\r\nx\0y\r\n",)),
    # Pipelining (RFC 2920), with content before its 354.
    "two messages": Case(SENT + data(A) + SENT + data(B), (A, B)),
    # No DATA was accepted, so what follows it are commands.
    "RSET before DATA": Case(
        SENT + b"RSET\r\n" + data(SMUGGLED), (S,), why="the content was no content: no DATA was accepted"
    ),
    "content of a refused message": Case(REFUSED + data(A + b"\r\n")),
    "content without DATA": Case(SENT + A + b".\r\n" + data(B)),
    "commands behind QUIT": Case(SENT + data(A) + b"QUIT\r\n" + SMUGGLED, (A,)),
    "DATA with an argument": Case(SENT + b"DATA now\r\n" + SMUGGLED, (S,)),
    "MAIL twice": Case(FROM + SENT + data(A), (A,)),
    "an unknown parameter": Case(FROM[:-2] + b" X=Y\r\n" + TO + SENT + data(A), (A,)),
    "a size that lies": Case(FROM[:-2] + b" SIZE=1\r\n" + TO + data(A), (A,)),
    "empty lines": Case(b"\r\n\r\n" + SENT + data(A), (A,)),
    "STARTTLS with commands behind it": Case(b"STARTTLS\r\n" + SMUGGLED),
    # Commands that are not quite lines.
    "commands that end in LF": Case(SENT.replace(b"\r\n", b"\n") + data(A)),
    "commands that end in CR": Case(SENT.replace(b"\r\n", b"\r") + data(A)),
    "LF in a command": Case(b"NOOP\n" + SENT + data(A)),
    "CR in a command": Case(b"NOOP\r" + SENT + data(A)),
    "NUL in a command": Case(FROM.replace(b"ann", b"an\0") + TO + data(A)),
    "a long command": Case(b"NOOP " + b"x" * 4_000 + b"\r\n" + SENT + data(A), (A,)),
    "a very long command": Case(b"NOOP " + b"x" * 100_000 + b"\r\n" + SENT + data(A), (A,)),
    "a long command with commands in it": Case(b"NOOP " + b"x" * 2_043 + SMUGGLED),
    "blanks behind commands": Case(SENT.replace(b"\r\n", b"  \r\n") + data(A), (A,)),
    "a blank before a command": Case(
        b" " + SENT + data(A), postfix=(A,), why="a first octet that is no letter is another protocol to us: closed"
    ),
    "eight bits in a path": Case(
        FROM.replace(b"ann", b"\xc3\xa4nn") + TO + data(A), postfix=(A,), why="RFC 6531 §3.3: not without SMTPUTF8"
    ),
    "HTTP": Case(b"POST / HTTP/1.1\r\nHost: mx1.example.org\r\n\r\n" + SMUGGLED),
    "a header field": Case(b"X-Y: z\r\n" + SMUGGLED),
}


@dataclass(frozen=True, slots=True)
class Line:
    """What comes of a command."""

    heard: bytes | None = None
    """What is in its place at our backend: the command, or what Received says first. None if we refuse it."""
    postfix: bool | None = None
    """Whether Postfix takes it, where it is not the same."""
    why: str = ""


TWO_READINGS = "brackets that do not match, or a blank within: where the path ends would be guessed"
ROUTE = "a route in disguise: which domain decides is each server's guess"
WHOSE = "whose it is cannot be told: Postfix takes it for its own, and a gateway has no users"
NO_ADDRESS = "without brackets and without a domain nothing tells it from a parameter"
NOT_QUOTED = "no comments, no escapes outside quotes in RFC 5321 §4.1.2: Postfix reads paths as it reads header fields"
NO_LOCAL_PART = "RFC 5321 §4.1.2: a local part is not empty unless it is quoted"
LITERAL = "an address literal has no root to be below"
NO_TOP = "Postfix refuses digits at the end of a domain; whether a domain exists is the backend's to say"
NOT_PRINTABLE = "control characters have no place in a command"
NO_UTF_8 = "whatever is beyond ASCII in a client's name is `?` for us; Postfix reads UTF-8 in it and nothing else"
TOO_LONG = "RFC 5321 §4.5.3.1.2: a name has 255 octets at most"

LINES = {
    # Dots anywhere in a local part, as Japanese carriers have issued them.
    b"MAIL FROM:<a..b@docomo.example>": Line(b"MAIL FROM:<a..b@docomo.example>"),
    b"MAIL FROM:<.a@docomo.example>": Line(b"MAIL FROM:<.a@docomo.example>"),
    b"MAIL FROM:<a.@docomo.example>": Line(b"MAIL FROM:<a.@docomo.example>"),
    b"RCPT TO:<a..b@example.org>": Line(b"RCPT TO:<a..b@example.org>"),
    b"RCPT TO:<.a.@example.org>": Line(b"RCPT TO:<.a.@example.org>"),
    b"MAIL FROM:<a@b..example>": Line(),
    b"MAIL FROM:<a@.b.example>": Line(),
    # Without brackets, as old devices write it.
    b"MAIL FROM:a@b.example": Line(b"MAIL FROM:<a@b.example>"),
    b"MAIL FROM: a@b.example": Line(b"MAIL FROM:<a@b.example>"),
    b"MAIL  FROM:  <a@b.example>": Line(b"MAIL FROM:<a@b.example>"),
    b"MAIL FROM:a@b.example SIZE=100": Line(b"MAIL FROM:<a@b.example>"),
    b"MAIL FROM:a..b@b.example.  SIZE=100": Line(b"MAIL FROM:<a..b@b.example>"),
    b"RCPT TO:x@example.org": Line(b"RCPT TO:<x@example.org>"),
    b"RCPT TO:eve@elsewhere.example": Line(),
    b"RCPT TO:x@example.org,eve@elsewhere.example": Line(),
    b"RCPT TO:x@example.org <eve@elsewhere.example>": Line(),
    b"MAIL FROM:<a@b.example": Line(),
    b"MAIL FROM:a@b.example>": Line(postfix=True, why=TWO_READINGS),
    b"RCPT TO:x@example.org>": Line(postfix=True, why=TWO_READINGS),
    b"MAIL FROM:@x.example:a@b.example": Line(postfix=True, why=ROUTE),
    b'MAIL FROM:"a b"@c.example': Line(postfix=True, why=TWO_READINGS),
    b"MAIL FROM:< a@b.example>": Line(postfix=True, why=TWO_READINGS),
    b"MAIL FROM:<a@b.example >": Line(postfix=True, why=TWO_READINGS),
    b"MAIL FROM:< >": Line(postfix=True, why=TWO_READINGS),
    b"MAIL FROM:<<a@b.example>>": Line(postfix=True, why=TWO_READINGS),
    b"MAIL FROM:<Ann <a@b.example>>": Line(postfix=True, why=TWO_READINGS),
    b"MAIL FROM:Ann <a@b.example>": Line(),
    b"MAIL FROM:<a@b.example>SIZE=100": Line(),
    b"MAIL FROM <a@b.example>": Line(),
    b"MAIL FROM:": Line(),
    # A dot behind the domain: one, and not behind an address.
    b"MAIL FROM:<a@b.example.>": Line(b"MAIL FROM:<a@b.example>"),
    b"RCPT TO:<x@example.org.>": Line(b"RCPT TO:<x@example.org>"),
    b"RCPT TO:<eve@elsewhere.example.>": Line(),
    b"RCPT TO:<x@example.org..>": Line(),
    b"MAIL FROM:<a@[192.0.2.1].>": Line(postfix=True, why=LITERAL),
    b"MAIL FROM:<a@[192.0.2.1.]>": Line(),
    # Without a domain.
    b"MAIL FROM:<root>": Line(b"MAIL FROM:<root>"),
    b"MAIL FROM:root": Line(postfix=True, why=NO_ADDRESS),
    b"RCPT TO:<x>": Line(postfix=True, why=WHOSE),
    b"RCPT TO:<postmaster>": Line(b"RCPT TO:<postmaster>"),
    b"RCPT TO:postmaster": Line(postfix=True, why=NO_ADDRESS),
    b"RCPT TO:<>": Line(),
    # Letters that an atom does not have.
    b"MAIL FROM:<a:b@c.example>": Line(b'MAIL FROM:<"a:b"@c.example>'),
    b"MAIL FROM:mailto:a@c.example": Line(b'MAIL FROM:<"mailto:a"@c.example>'),
    b"RCPT TO:<a:b@example.org>": Line(b'RCPT TO:<"a:b"@example.org>'),
    b"RCPT TO:<x@example.org:eve@elsewhere.example>": Line(),
    b"RCPT TO:<elsewhere.example:x@example.org>": Line(b'RCPT TO:<"elsewhere.example:x"@example.org>'),
    b"MAIL FROM:<a:b>": Line(postfix=True, why=NO_ADDRESS),
    b"MAIL FROM:<a@b@c>": Line(postfix=True, why=ROUTE),
    b"MAIL FROM:<a\\b@c.example>": Line(postfix=True, why=NOT_QUOTED),
    b"MAIL FROM:<a(b)@c.example>": Line(postfix=True, why=NOT_QUOTED),
    b'MAIL FROM:"a@b.example"': Line(postfix=True, why=NOT_QUOTED),
    b"MAIL FROM:<@b.example>": Line(postfix=True, why=NO_LOCAL_PART),
    b"MAIL FROM:<a,b@c.example>": Line(),
    b"MAIL FROM:<a;b@c.example>": Line(),
    b"MAIL FROM:<a@b/c.example>": Line(),
    b"MAIL FROM:<a@192.0.2.1>": Line(b"MAIL FROM:<a@192.0.2.1>", postfix=False, why=NO_TOP),
    # What a client calls itself.
    b"HELO my pc": Line(b"Received: from my?pc ("),
    b"EHLO my pc": Line(b"Received: from my?pc ("),
    b"EHLO my_pc": Line(b"Received: from my_pc ("),
    b"EHLO   mx.example.net": Line(b"Received: from mx.example.net ("),
    b"EHLO [192.0.2.1": Line(b"Received: from [192.0.2.1 ("),
    b"EHLO a) by x; (b": Line(b"Received: from a??by?x???b ("),
    b'EHLO <a@"b\\">': Line(b"Received: from ?a??b??? ("),
    b"EHLO %b" % (b"h" * 255): Line(b"Received: from %b (" % (b"h" * 255)),
    b"EHLO %b" % (b"h" * 256): Line(postfix=True, why=TOO_LONG),
    b"EHLO": Line(),
    b"HELO ": Line(),
    "HELO b\u00fcro".encode(): Line(b"Received: from b??ro ("),
    b"EHLO b\xfcro": Line(b"Received: from b?ro (", postfix=False, why=NO_UTF_8),
    b"HELO a\x1bb": Line(postfix=True, why=NOT_PRINTABLE),
}


@pytest.fixture(scope="module")
def accepted_by_postfix() -> Iterator[Recorder]:
    """Where Postfix delivers what it accepts."""
    with Recorder() as running:
        yield running


@pytest.fixture(scope="module")
def strict_postfix(accepted_by_postfix: Recorder, certificate: Certificate) -> Iterator[Postfix]:
    """Postfix with its strictest setting, for everybody."""
    main = {
        "smtpd_forbid_bare_newline": "reject",
        "smtpd_tls_security_level": "may",
        "smtpd_tls_cert_file": str(certificate.chain),
        "smtpd_tls_key_file": str(certificate.key),
    }
    with Postfix(next_hop=accepted_by_postfix.address, main=main) as running:
        yield running


@pytest.fixture(scope="module")
def backend() -> Iterator[Recorder]:
    """What stands behind the gateway."""
    with Recorder(replies={b".": QUEUED}) as running:
        yield running


@pytest.fixture(scope="module")
def gateway(
    backend: Recorder, certificate: Certificate, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningGateway]:
    """One for all streams."""
    settings = configuration(certificate, backend.address, limits={"connections_per_client": 1_000})
    with RunningGateway(settings, tmp_path_factory.mktemp("gateway")) as running:
        yield running


def send(port: int, stream: bytes, segment: int | None = None) -> int:
    """Sends all of it and the end, and counts the messages that were accepted."""
    with Dialogue(port) as client:
        client.open()
        accepted = 0
        try:
            for at in range(0, len(stream), segment or len(stream)):
                client.send(stream[at : at + (segment or len(stream))])
            # A server that waits for more of a chunk learns that there is none.
            client.socket.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # It has hung up already; what it said is still to be read.
        try:
            while reply := client.reply():
                accepted += b" queued as " in reply
        except (OSError, AssertionError):
            pass  # Reset with our octets unread; or the TLS alert of a handshake that was none.
    return accepted


@pytest.mark.parametrize("name", CASES)
def test_the_same_messages(
    name: str,
    gateway: RunningGateway,
    backend: Recorder,
    strict_postfix: Postfix,
    accepted_by_postfix: Recorder,
) -> None:
    case = CASES[name]
    assert (case.postfix is None) or case.why
    stream = case.stream + b"QUIT\r\n"
    backend.deliveries.clear()
    accepted_by_postfix.deliveries.clear()
    # Whole and in pieces: where the octets are cut is not to matter.
    for segment in (None, 5) if len(stream) < 2_000 else (None,):
        backend.deliveries.clear()
        assert send(gateway.port, stream, segment) == len(case.ours)
        assert tuple(without_received(one.content) for one in backend.deliveries) == case.ours
    theirs = send(strict_postfix.port, stream)
    wait_until(lambda: len(accepted_by_postfix.deliveries) >= theirs, "Postfix delivers")
    found = sorted(without_received(one.content) for one in accepted_by_postfix.deliveries)
    assert found == sorted(case.ours if case.postfix is None else case.postfix)


def brought(port: int, line: bytes) -> bool:
    """Whether a message is taken that has this line for one of its commands, or the line refused for good."""
    with Dialogue(port) as client:
        assert client.reply().startswith(b"220 ")
        for verbs, usual in ((HELLO, b"EHLO x.example.net\r\n"), ((b"MAIL",), FROM), ((b"RCPT",), TO)):
            is_it = line[:4] in verbs
            reply = client.command(line if is_it else usual[:-2])
            if not reply.startswith(b"250"):
                assert is_it and reply.startswith(b"5"), reply
                return False
        assert client.command(b"DATA").startswith(b"354 ")
        assert client.command(A + b".").startswith(b"250 ")
        return True


@pytest.mark.parametrize("line", LINES)
def test_the_same_lines(
    line: bytes, gateway: RunningGateway, backend: Recorder, strict_postfix: Postfix, accepted_by_postfix: Recorder
) -> None:
    expected = LINES[line]
    assert (expected.postfix is None) or expected.why
    backend.deliveries.clear()
    is_ours = expected.heard is not None
    assert brought(gateway.port, line) == is_ours
    assert brought(strict_postfix.port, line) == (is_ours if expected.postfix is None else expected.postfix)
    assert len(backend.deliveries) == is_ours
    for one in backend.deliveries:
        found = one.content if line[:4] in HELLO else one.command(line[:4])
        assert found.startswith(expected.heard)
        # A path with nothing behind it but parameters.
        assert found[len(expected.heard) :][:1] in (b"", b" ") or found.startswith(b"Received: ")
