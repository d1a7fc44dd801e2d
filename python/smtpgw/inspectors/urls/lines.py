"""Texts whose lines are put together before they are shown, so that a URL may be cut anywhere.

Calendars and cards (RFC 5545 §3.1, RFC 6350 §3.2) have lines of 75 octets and go on behind a blank; text with
`delsp=yes` (RFC 3676 §4.1) goes on behind a line that ends with a blank, which is dropped.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from smtpgw._core import Part

__all__ = ["unfolded"]


def unfolded(part: Part, text: str) -> str | None:
    """`text` of `part` as it is shown; `None` if it stands there as it is."""
    kind = part.media_type
    if kind in FOLDED or BEGIN.match(text):
        return FOLD.sub("", text) if FOLD.search(text) else None
    # The header first: to search the text takes longer.
    if kind == "text/plain" and any(map(DELSP.search, part.header.get_all("content-type"))):
        return FLOWED.sub("", text)
    return None


BEGIN = re.compile(r"[\ufeff\r\n\t ]*+BEGIN:V", re.IGNORECASE)
FOLDED = ("text/calendar", "text/vcard", "text/x-vcard", "text/directory", "application/ics")
FOLD = re.compile(r"\r?\n[ \t]")
FLOWED = re.compile(r" \r?\n ?")
"""With the blank that a line is stuffed with (RFC 3676 §4.4)."""
DELSP = re.compile(r"delsp\s*=\s*\"?yes", re.IGNORECASE)
