"""Messages that must go through unchanged, and the one that must not go through."""

from __future__ import annotations

import base64
import random
import re

__all__ = ["CONTENTS", "EICAR", "ambiguous", "infected", "letter", "without_received"]

# Written backwards: a scanner that guards a developer's disk would take this file away.
EICAR = "*H+H$!ELIF-TSET-SURIVITNA-DRADNATS-RACIE$}7)CC7)^P(45XZP\\4[PA@%P!O5X"[::-1].encode()


def letter(subject: str, body: bytes = b"Good morning.\r\n") -> bytes:
    """A plain message with CRLF line ends."""
    return (
        b"From: Ann <ann@example.net>\r\nTo: Bob <bob@example.org>\r\nSubject: %b\r\n"
        b"Date: Tue, 24 Nov 2026 10:00:00 +0000\r\nMessage-ID: <%b@example.net>\r\n\r\n%b"
    ) % (subject.encode(), subject.replace(" ", ".").encode(), body)


def infected(subject: str) -> bytes:
    """A message with EICAR as a base64 attachment."""
    head = letter(subject, b"").replace(b"\r\n\r\n", b"\r\n")
    return head + (
        b'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="=_1"\r\n\r\n'
        b"--=_1\r\nContent-Type: text/plain\r\n\r\nSee attachment.\r\n"
        b'--=_1\r\nContent-Type: application/octet-stream; name="invoice.com"\r\n'
        b"Content-Transfer-Encoding: base64\r\n\r\n%b\r\n--=_1--\r\n"
    ) % base64.b64encode(EICAR)


def ambiguous(subject: str) -> bytes:
    """A message that can be read in more ways than anybody will look at."""
    content = letter(subject, CONTENTS["broken MIME"].partition(b"\r\n\r\n")[2]).replace(b"\r\n\r\n", b"\r\n", 1)
    head = b'Content-Type: multipart/mixed; boundary="a"; boundary=b\r\nContent-Type: text/html\r\n'
    return content.replace(b"--a\r\n", head + b"Content-Transfer-Encoding: base64\r\n\r\n--a\r\n", 1)


def without_received(content: bytes, servers: int = 1) -> bytes:
    """The content as it was before the last `servers` servers each put a Received field on top."""
    for _ in range(servers):
        assert content.startswith(b"Received: ")
        content = re.sub(rb"\AReceived: [^\r]*\r\n(?:[ \t][^\r]*\r\n)*", b"", content)
    return content


def _binary(size: int) -> bytes:
    """Lines of base64 that no compressor or shortcut can know, the same in every run."""
    noise = base64.b64encode(random.Random(size).randbytes(size * 3 // 4))
    return b"".join(noise[at : at + 76] + b"\r\n" for at in range(0, len(noise), 76))


CONTENTS: dict[str, bytes] = {
    "plain": letter("plain"),
    "empty": b"",
    "no header": b"\r\nonly a body\r\n",
    "only a header": b"Subject: only a header\r\n",
    "no colon anywhere": b"hello there\r\nthis is no header\r\n",
    "first line is a dot": b".\r\n..\r\n...\r\n.x\r\n",
    "dots": letter("dots", b".\r\n..\r\n.. x\r\nx.\r\n.\r\n\r\n.\r\n"),
    "blank lines at the end": letter("blanks", b"x\r\n\r\n\r\n\r\n"),
    "long lines": letter("long lines", b"y" * 998 + b"\r\n" + b"z" * 100_000 + b"\r\n." + b"." * 5_000 + b"\r\n"),
    "eight bits": letter("eight bits", "Grüße, 世界 \x7f\r\n".encode() + bytes(range(128, 256)) + b"\r\n"),
    "control characters": letter("controls", b"\x01\x02\x08\x0b\x0c\x1b[31m\x1a\r\n"),
    "trailing blanks": letter("trailing  ", b"x \t \r\n \r\n\t\r\n"),
    "folded": letter("folded\r\n\tonce\r\n  twice"),
    "broken MIME": letter("broken", b"").replace(b"\r\n\r\n", b"\r\n")
    + b'Content-Type: multipart/mixed; boundary="a"; boundary=b\r\nContent-Transfer-Encoding: 8bit\r\n'
    + b"\r\n--a\r\nno header here\r\n--b\r\n\r\n=?=?\r\n--a--\r\n--b--\r\n",
    "in the spool file": letter("large", _binary(3 << 20)),
}
"""By what is odd about them. All have CRLF line ends, as they stand on the wire before dot-stuffing."""
