"""What a person reads of a text or of an HTML page, on one line.

Tags go, and so do comments; words that tags tear apart (`vi<b></b>agra`) come together again, and tags that begin a
line or a cell become a blank. Character references and invisible characters are resolved. Not a parser: it must
take any text, in linear time, and what it gets wrong is also matched as it stands.
"""

from __future__ import annotations

import re

from smtpgw.inspectors.text import INVISIBLE, unescape

__all__ = ["readable"]


def readable(text: str) -> str:
    """The words of `text` with single blanks between them."""
    if "<" in text:
        text = TAG.sub("", BREAK.sub(" ", _without_comments(text)))
    text = INVISIBLE.sub("", unescape(text))
    return " ".join(text.split())


def _without_comments(text: str) -> str:
    first, *pieces = text.split("<!--")
    # A comment ends at its first end, however often it seems to begin anew.
    return "".join([first, *(piece.partition("-->")[2] for piece in pieces)])


BREAK = re.compile(
    r"</?(?:address|article|blockquote|br|div|dd|dt|h[1-6]|hr|li|ol|p|section|table|td|th|tr|ul)\b[^<>]*+>", re.I
)
TAG = re.compile(r"</?[A-Za-z!?][^<>]*+>")
