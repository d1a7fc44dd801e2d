"""File names, for inspectors that go by what a recipient's system makes of one.

A name that a message gives is not what the file is called in the end: systems and programs drop dots and blanks at its
end and what nobody sees, take a path or a stream of NTFS off, and stop at a NUL, or do none of it.
"""

from __future__ import annotations

import re

from smtpgw.inspectors.text import INVISIBLE

__all__ = ["extensions"]


def extensions(name: str) -> tuple[str, ...]:
    """What systems take for the extension of a file of that `name`, the likeliest first: `.exe`, in lower case.

    An empty text stands for none. More than one where programs differ: `a.txt:b.exe`, `a.exe` and a NUL and `.txt`.
    """
    base = SEPARATOR.split(name.rstrip("/\\"))[-1]
    found = {_extension(base): None}
    for end in ENDS:
        before = end.split(base, maxsplit=1)[0]
        if before != base and (extension := _extension(before)):
            found[extension] = None
    return tuple(found)


def _extension(base: str) -> str:
    visible = UNSEEN.sub("", INVISIBLE.sub("", base)).rstrip(DROPPED)
    _, dot, extension = visible.rpartition(".")
    return f".{extension.lower()}" if dot else ""


SEPARATOR = re.compile(r"[/\\]")
UNSEEN = re.compile("[\\x00-\\x1f\\x7f-\\x9f\ufffd\U000e0000-\U000e01ef]")
"""Controls, tags and variants; U+FFFD stands for such a character in the name of an archive's member."""
DROPPED = ". \t\u00a0\u2002\u2003\u2007\u2009\u200a\u202f\u3000\"'"
"""At the end of a name: by Windows, by programs that write files, by those that forget a quote."""
ENDS = (re.compile("[\\x00\ufffd]"), re.compile(":"))
"""Where a name ends for programs in C, and for NTFS, in which a stream follows."""
