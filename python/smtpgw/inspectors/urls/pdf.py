"""The links of a PDF: `/URI (https://host/)` and `/URI <6874...>` (ISO 32000-1 §12.6.4.7), and strings of digits
anywhere that begin as an address does, since the string may be an object of its own.

Objects that are packed in a PDF are a part of their own (`objects`), and are searched in the same way.
"""

from __future__ import annotations

import binascii
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from smtpgw._core import Buffer

__all__ = ["links"]


def links(data: Buffer) -> str:
    """Each link on a line of its own, as written; linear in `data`."""
    return "\n".join(_text(match[1], match[2] or match[3]) for match in URI.finditer(data))


def _text(plain: bytes | None, digits: bytes | None) -> str:
    if plain is None:
        kept = BLANKS.sub(b"", digits or b"")
        plain = binascii.unhexlify(kept[: len(kept) & ~1])
    plain = CONTINUED.sub(b"", plain)
    return plain.decode("utf-16" if plain.startswith(WIDE) else "utf-8", "replace")


URI = re.compile(
    rb"/URI\s*+(?:\(((?:[^()\\]|\\.)*+)|<([0-9A-Fa-f\s]*+)>)|<(\s*+[46]\s*+8\s*+[57]\s*+4\s*+[57]\s*+4[0-9A-Fa-f\s]*+)>",
    re.DOTALL,
)
"""A bracket within is what no host has; the digits are those of `http`."""
WIDE = (b"\xfe\xff", b"\xff\xfe")
BLANKS = re.compile(rb"\s+")
CONTINUED = re.compile(rb"\\\r?\n")
"""A backslash at the end of a line: the string goes on in the next."""
