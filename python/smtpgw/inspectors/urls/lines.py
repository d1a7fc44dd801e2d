"""Texts whose pieces are put together before they are shown, so that a URL may be cut anywhere.

Calendars and cards (RFC 5545 §3.1, RFC 6350 §3.2) have lines of 75 octets and go on behind a blank, those of vCard 2.1
have quoted-printable besides; text with `delsp=yes` (RFC 3676 §4.1) goes on behind a line that ends with a blank, which
is dropped. RTF knows no line ends and may change its style anywhere, the instructions of Word's fields stand in as many
elements as somebody likes, and XML has names for texts of its own.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from smtpgw.errors import SmtpgwError

if TYPE_CHECKING:
    from smtpgw._core import Part

__all__ = ["put_together"]


def put_together(part: Part, text: str) -> Iterator[str]:
    """`text` of `part` as it is shown, in each way in which it does not stand there as it is.

    Raises `SmtpgwError` for XML whose names stand for more, or are deeper in each other, than anybody writes.
    """
    kind = part.media_type
    # The header first: to search the text takes longer.
    if kind in FOLDED or BEGIN.match(text) or any(name.lower().endswith(CARDS) for name in part.names):
        if FOLD.search(text):
            text = FOLD.sub("", text)
            yield text
        if QUOTED.search(text):
            yield binascii.a2b_qp(text.encode("utf-8", "replace")).decode("utf-8", "replace")
    elif RTF.match(text):
        yield RTF_PIECE.sub(_of_rtf, text)
    elif kind == "text/plain" and any(map(DELSP.search, part.header.get_all("content-type"))):
        yield FLOWED.sub("", text)
    if "instrText" in text:
        yield "".join(match[1] for match in INSTRUCTION.finditer(text))
    if "<!ENTITY" in text:
        yield _with_entities(text)


def _of_rtf(match: re.Match[str]) -> str:
    if match[1]:
        return chr(int(match[1], 16))
    if match[2]:
        return chr(int(match[2]) & 0xFFFF)
    if match[3]:
        return "\n" if match[3] in RTF_ENDS else ""
    return match[4] or ""


def _with_entities(text: str) -> str:
    """With what the names of a document stand for (XML 1.0 §4.4), those within others included."""
    named: dict[str, str] = {}
    for match in ENTITY.finditer(text):
        # The first one counts.
        named.setdefault(match[1], match[2] or match[3] or "")
    # For all of them together: what each round may add would double with each.
    room = len(text) + ENTITIES_MORE

    def value(match: re.Match[str]) -> str:
        nonlocal room
        if (meant := named.get(match[1])) is None:
            return match[0]
        room -= len(meant)
        if room < 0:
            raise SmtpgwError(f"names of XML for more than {ENTITIES_MORE} characters: not all were looked at")
        return meant

    for _ in range(ENTITIES_DEEP + 1):
        resolved = NAME.sub(value, text)
        if resolved == text:
            return text
        text = resolved
    raise SmtpgwError(f"names of XML within names, more than {ENTITIES_DEEP} deep: not all were looked at")


BEGIN = re.compile(r"[\ufeff\r\n\t ]*+BEGIN:V", re.IGNORECASE)
FOLDED = ("text/calendar", "text/vcard", "text/x-vcard", "text/directory", "application/ics")
CARDS = (".ics", ".vcs", ".vcf")
FOLD = re.compile(r"\r?\n[ \t]")
QUOTED = re.compile(r"ENCODING=QUOTED-PRINTABLE|;QUOTED-PRINTABLE", re.IGNORECASE)
FLOWED = re.compile(r" \r?\n(?:>++ ?)? ?")
"""With the marks of a quotation and the blank that a line is stuffed with (RFC 3676 §4.4, §4.5)."""
DELSP = re.compile(r"delsp", re.IGNORECASE)
"""Whatever its value, which may be coded, in pieces or commented: nobody writes `no`."""
RTF = re.compile(r"[\ufeff\r\n\t ]*+\{\\rt")
RTF_PIECE = re.compile(
    r"\\'([0-9A-Fa-f]{2})|\\u(-?[0-9]{1,5}) ?(?:\\'[0-9A-Fa-f]{2}|[^\\{}\r\n])?|\\([A-Za-z]{1,32})-?[0-9]{0,10} ?"
    r"|\\([{}\\])|\\.|[{}\r\n]+",
    re.DOTALL,
)
"""A code, a code with what stands there for programs of old, a word that changes something, a sign, the unseen."""
RTF_ENDS = ("par", "line", "tab", "cell", "row", "sect", "page", "fldinst", "fldrslt")
INSTRUCTION = re.compile(r"<(?:\w+:)?instrText\b[^<>]*>([^<]*)")
ENTITY = re.compile(r"<!ENTITY\s+([^\s%\"'<>&;]{1,200})\s+(?:\"([^\"]*+)\"|'([^']*+)')")
NAME = re.compile(r"&([^\s#&;]{1,200});")
ENTITIES_DEEP = 8
"""Names within what names stand for; documents have hardly one."""
ENTITIES_MORE = 1_000_000
"""Characters that all names of a document may stand for, beyond its own length."""
