"""The text of a part, for inspectors that read.

Decoded by the gateway where it is declared as text, and looked at all the same where it is not, since a declared type
proves nothing. Character references and invisible characters are the two disguises that every reader must undo.
"""

from __future__ import annotations

import codecs
import re
from typing import TYPE_CHECKING

from smtpgw._core import unescape

if TYPE_CHECKING:
    from smtpgw._core import Part

__all__ = ["INVISIBLE", "text_of", "texts_of", "unescape"]


def text_of(part: Part) -> str | None:
    """The text of `part`; `None` if its beginning is that of no text (many controls), and nothing calls it one."""
    if not _is_called_text(part) and not _is_text(bytes(part.data[:SNIFFED])):
        return None
    text: str = part.text
    return text


def texts_of(part: Part) -> tuple[str, ...]:
    """Every text that a program may show of `part`, the likeliest first; none if it is no text."""
    text = text_of(part)
    return () if text is None else (text, *part.other_texts)


def _is_called_text(part: Part) -> bool:
    """By its type, or by a name by which a system opens it as one: a browser shows a page whatever stands before it."""
    kind = part.media_type
    if kind.startswith(("text/", "message/")) or kind.endswith(("+xml", "/xml", "/rtf", "script")):
        return True
    # That module begins with this one.
    from smtpgw.inspectors.names import extensions

    return any(extension in SHOWN for name in part.names for extension in extensions(name))


def _is_text(beginning: bytes) -> bool:
    if beginning.startswith(MARKS):
        return True
    pairs = len(beginning) // 2
    if pairs and max(beginning[0::2].count(0), beginning[1::2].count(0)) * 4 >= pairs * 3:
        # UTF-16 or UTF-32 without a mark; what else has NULs so regularly costs a look in vain.
        beginning = beginning.replace(b"\0", b"")
    controls = len(beginning) - len(beginning.translate(None, CONTROLS))
    return controls * FEW <= len(beginning)


SHOWN = frozenset(
    ".htm .html .xht .xhtml .shtml .mht .mhtml .hta .svg .xml .rels .url .website .webloc .desktop .ics .vcs .vcf .txt "
    ".rtf .js .vbs .wsf".split()
)
"""Extensions of files that are shown, or followed, as texts."""
SNIFFED = 1_024
"""Octets in which binary data shows itself."""
FEW = 20
"""One control in so many octets is still taken for text: a stray NUL must not hide a page, and programs, pictures and
archives have more."""
CONTROLS = bytes(c for c in range(0x20) if chr(c) not in "\t\n\f\r\x1b")
MARKS = (codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE)
INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff]"
)
"""Characters that take no room on the screen, and that browsers drop from host names."""
