"""The links of a PDF that stand in it in clear: `/URI (https://host/)` and `/URI <6874...>` (ISO 32000-1 §12.6.4.7).

Those in compressed objects are not seen; what is packed in a PDF is not opened here.
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
    return "\n".join(_text(match[1], match[2]) for match in URI.finditer(data))


def _text(plain: bytes | None, digits: bytes | None) -> str:
    if plain is None:
        kept = BLANKS.sub(b"", digits or b"")
        plain = binascii.unhexlify(kept[: len(kept) & ~1])
    return CONTINUED.sub(b"", plain).decode("utf-8", "replace")


URI = re.compile(rb"/URI\s*+(?:\(((?:[^()\\]|\\.)*+)|<([0-9A-Fa-f\s]*+)>)", re.DOTALL)
"""A bracket within is what no host has."""
BLANKS = re.compile(rb"\s+")
CONTINUED = re.compile(rb"\\\r?\n")
"""A backslash at the end of a line: the string goes on in the next."""
