"""Texts that stand within others and that a mail program or a browser shows by itself.

They are the pages in `data:` URLs, strings that a page's script decodes, what a message/external-body says of the
place where its content is, and what a header says of the place that a page comes from.

Time is linear in the text: a page within a page is looked for only `DEPTH` times, and each time in less.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

from smtpgw._core import may_hold_page, unescape
from smtpgw.errors import SmtpgwError

if TYPE_CHECKING:
    from smtpgw._core import Header

__all__ = ["external_body", "pages", "placed"]


def pages(text: str) -> Iterable[str]:
    """`text`, and the texts in its `data:` URLs (RFC 2397) and coded strings, in theirs, and so on.

    Strings are read in pages that have a call of `atob`, `unescape` or `decodeURI`; nothing is run. Raises
    `SmtpgwError` for pages in pages in pages that are not looked at.
    """
    return _pages(text) if may_hold_page(text) else (text,)


def _pages(text: str) -> Iterator[str]:
    texts = [text]
    for _ in range(DEPTH):
        yield from texts
        texts = [inner for outer in texts if may_hold_page(outer) for inner in _data(outer)]
    yield from texts
    # What is in the open was seen.
    if any(inner not in outer for outer in texts if may_hold_page(outer) for inner in _data(outer)):
        raise SmtpgwError(f"pages in `data:` URLs, more than {DEPTH} deep: not all were looked at")


def _data(text: str) -> Iterator[str]:
    for reading in {text, unescape(text)} if ESCAPED.search(text) else {text}:
        for match in DATA.finditer(reading):
            media_type, _, parameters = (match[1] or match[3] or "").partition(";")
            if media_type.strip().lower().startswith(PICTURES) and "svg" not in media_type.lower():
                continue
            octets = unquote_to_bytes(match[2] or match[4] or "")
            if "base64" in parameters.lower():
                octets = _base64(octets)
            charset = CHARSET.search(parameters)
            yield _decoded(octets, charset[1] if charset else "utf-8")
        if CALL_BASE64.search(reading):
            for match in STRING_BASE64.finditer(reading):
                yield _decoded(_base64(match[1].encode()), "utf-8")
        if CALL_PERCENT.search(reading):
            for match in STRING_PERCENT.finditer(reading):
                whole = WIDE.sub(lambda code: chr(int(code[1], 16)), match[1])
                yield unquote_to_bytes(whole.encode(errors="replace")).decode("utf-8", "replace")


def _base64(octets: bytes) -> bytes:
    kept = NO_BASE64.sub(b"", octets.replace(b"-", b"+").replace(b"_", b"/"))
    if len(kept) % 4 == 1:
        kept = kept[:-1]
    return binascii.a2b_base64(kept + b"=" * (-len(kept) % 4))


def _decoded(octets: bytes, charset: str) -> str:
    try:
        return octets.decode(charset)
    except (LookupError, ValueError):
        return octets.decode("utf-8", "replace")


def placed(header: Header, page: str) -> Iterator[str]:
    """`page` below each place that its header names (RFC 2557 §4, RFC 2110 §4.2).

    Mail programs start there with what is relative in it, as if it had a `base`. Raises `SmtpgwError` for more than
    `PLACES` of them, since each is the whole page once more.
    """
    if "<" not in page:
        return
    values = (value for name in ("content-base", "content-location") for value in header.get_all(name))
    places = dict.fromkeys(filter(ABSOLUTE.match, (re.sub(r"[\s\"'<>]+", "", value) for value in values)))
    if len(places) > PLACES:
        raise SmtpgwError(f"a page from more than {PLACES} places: not all were looked at")
    for place in places:
        yield f'<base href="{place}">{page}'


def external_body(header: Header) -> str:
    """The places that the Content-Type of a message/external-body names (RFC 2046 §5.2.3, RFC 2017), a line each."""
    places: list[str] = []
    for name, raw in header.raw:
        if name.lower() != b"content-type":
            continue
        value = raw.decode("utf-8", "replace")
        named: dict[str, list[tuple[int, str]]] = {}
        for match in PARAMETER.finditer(value):
            text = re.sub(r"\\(.)", r"\1", match[4]) if match[4] is not None else match[5]
            if match[3]:
                text = unquote_to_bytes(text.rpartition("'")[2]).decode("utf-8", "replace")
            named.setdefault(match[1].lower(), []).append((int(match[2] or 0), text))
        joined = {key: "".join(text for _, text in sorted(pieces)) for key, pieces in named.items()}
        # RFC 2017: blanks are no part of it; programs fold there.
        places.append("".join(joined.get("url", "").split()))
        if site := joined.get("site"):
            path = "/".join(joined[key].strip("/") for key in ("directory", "name") if key in joined)
            places += [f"ftp://{site}/{path}", f"http://{site}/{path}"]
    return "\n".join(place for place in places if place)


DEPTH = 3
"""Pages within pages; a browser shows hardly more than one."""
PICTURES = ("image/", "audio/", "video/", "font/")
ESCAPED = re.compile(r"&(?:#|colon|comma)")
"""The references by which such a URL may be spelled: there are no names for letters."""
DATA = re.compile(
    r"(?:D:((?:[^,d]|(?!D:)d)*+),([^\"'<>]*+)(?=[\"'])|D:((?:[^,d]|(?!D:)d)*+),([^\"'<>\s]*+))".replace(
        "D:", r"d[\t\r\n]*a[\t\r\n]*t[\t\r\n]*a[\t\r\n]*:"
    ),
    re.IGNORECASE,
)
"""Within quotes up to them, blanks included; else up to a blank. A parameter may be in quotes of the other kind."""
CALL_BASE64 = re.compile(r"atob[\"'`\] ]*\(")
CALL_PERCENT = re.compile(r"(?:unescape|decodeURI(?:Component)?)[\"'`\] ]*\(")
STRING_BASE64 = re.compile(r"[\"'`]\s*([A-Za-z0-9+/][A-Za-z0-9+/=\s\\]{13,}+)(?=[\"'`])")
"""From `http://a.b` on; with backslashes where a string goes on in the next line."""
STRING_PERCENT = re.compile(r"[\"'`]([^\"'`%]*+%[0-9A-Fa-fu][^\"'`]*+)(?=[\"'`])")
WIDE = re.compile(r"%u([0-9A-Fa-f]{4})")
"""Of `unescape` alone, but no other takes it for anything."""
NO_BASE64 = re.compile(rb"[^A-Za-z0-9+/]+")
PLACES = 4
"""Places that the header of one page names; real ones name one."""
ABSOLUTE = re.compile(r"(?:https?|ftp):|[/\\]{2}", re.IGNORECASE)
CHARSET = re.compile(r"charset\s*=\s*[\"']?([\w.:-]+)", re.IGNORECASE)
PARAMETER = re.compile(
    r";\s*([A-Za-z-]+)(?:\*(\d{1,3}))?(\*?)\s*=\s*(?:\"((?:[^\"\\]|\\.)*+)\"|([^\s;\"]*+))", re.DOTALL
)
