"""The canonical form of a URL: one text for all spellings that lead a browser to the same place.

By the WHATWG URL standard and UTS 46, as far as a sender can use it to disguise a host or a path: letter case, tabs
and line ends, backslashes, missing or surplus slashes, user names, percent codes, full-width and other letters that
count as Latin ones, ideographic full stops, invisible characters, internationalised names, trailing dots, numbers
that are IPv4 addresses, default ports, dot segments. The fragment is left out: no server sees it.

Every step is linear; path and query beyond `LONGEST` are cut there (never what stands before the host, however long it
is), and a host that no resolver takes gives no URL.
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from dataclasses import dataclass, replace
from urllib.parse import unquote

from smtpgw.inspectors.text import INVISIBLE

__all__ = ["Url", "canonical", "canonical_host", "with_scheme"]


@dataclass(frozen=True, slots=True)
class Url:
    """A URL in canonical form."""

    scheme: str
    """In lower case: `http`."""
    host: str
    """A name in lower case with A-labels (`xn--...`), an IPv4 address, or an IPv6 address in brackets."""
    port: int | None
    """`None` where it is the default of the scheme."""
    tail: str
    """Path, and query if there is one; begins with a slash."""

    @property
    def origin(self) -> str:
        """`https://host` or `https://host:444`."""
        return f"{self.scheme}://{self.host}" if self.port is None else f"{self.scheme}://{self.host}:{self.port}"

    def __str__(self) -> str:
        """The whole of it."""
        return self.origin + self.tail


def canonical(text: str) -> Url | None:
    """The canonical form of `text`; `None` if it has another scheme than the web's, or leads nowhere.

    Without a scheme (`www.example.org/x`, `//example.org/x`) it is taken for http.
    """
    if len(text) < 253 and (match := CANONICAL.fullmatch(text)) and not NUMBER_AT_END.search(match[2]):
        return Url(match[1], match[2], None, match[3] or "/")
    text = IGNORED.sub("", text.strip(BLANKS))
    scheme, rest = "http", text
    if (match := SCHEME.match(text)) and match[1].lower() in PORTS:
        scheme, rest = match[1].lower(), text[match.end() :]
    elif match and not PORT_AFTER_HOST.match(text):
        return None
    rest = SLASHES.sub("", rest, count=1)
    end = AUTHORITY_END.search(rest)
    authority, tail = (rest[: end.start()], rest[end.start() :]) if end else (rest, "")
    authority = authority.rpartition("@")[2]
    port: int | None = None
    if match := PORT.search(authority):
        authority = authority[: match.start()]
        digits = match[1].lstrip("0")
        if len(digits) > 5 or int(digits or 0) > 65_535:
            return None
        port = int(digits) if digits else None
    host = canonical_host(authority)
    if host is None:
        return None
    return Url(scheme, host, None if port == PORTS[scheme] else port, _tail(tail[:LONGEST]))


def with_scheme(url: Url, scheme: str) -> Url:
    """The same place under another scheme."""
    return replace(url, scheme=scheme)


def canonical_host(text: str) -> str | None:
    """A host name or address in canonical form; `None` if no resolver would take it."""
    if len(text) > LONGEST_HOST:
        return None
    if PLAIN.fullmatch(text):
        host = text.lower()
    else:
        if "%" in text:
            text = unquote(text)
        if text.startswith("["):
            return _ipv6(text)
        mapped = _mapped(text)
        if mapped is None:
            return None
        host = mapped
    host = host.strip(".")
    if not host or ".." in host or len(host) > 253:
        return None
    if NUMBER_AT_END.search(host):
        return _ipv4(host)
    return host


def _mapped(text: str) -> str | None:
    import idna

    try:
        text = idna.uts46_remap(text, std3_rules=False, transitional=False)
    except idna.IDNAError:
        # A character that no name may have: browsers refuse it, other programs may not.
        text = unicodedata.normalize("NFKC", INVISIBLE.sub("", text)).casefold().translate(DOTS)
    if len(text) > 253 or FORBIDDEN.search(text):
        return None
    labels: list[str] = []
    for piece in text.split("."):
        label = _label(piece)
        if label is None:
            return None
        labels.append(label)
    return ".".join(labels)


def _label(text: str) -> str | None:
    if text.isascii():
        return text
    # Encoding takes quadratic time, and what is longer would not fit into the 63 octets of a label (RFC 1035 §2.3.4).
    label = f"xn--{text.encode('punycode').decode()}" if len(text) <= LONGEST_LABEL else ""
    return label if 0 < len(label) <= 63 else None


def _ipv6(text: str) -> str | None:
    try:
        address = ipaddress.IPv6Address(text[1:].partition("]")[0].partition("%")[0])
    except ValueError:
        return None
    # Systems connect to the IPv4 address within (RFC 4291 §2.5.5.2): it is the same host.
    return str(address.ipv4_mapped) if address.ipv4_mapped else f"[{address.compressed}]"


def _ipv4(host: str) -> str | None:
    """Four, three, two or one numbers, decimal, octal or hexadecimal, as browsers and `inet_aton` read them."""
    pieces = host.split(".")
    if len(pieces) > 4:
        return None
    numbers: list[int] = []
    for piece in pieces:
        if not NUMBER.fullmatch(piece) or len(piece) > 40:
            return None
        if piece.startswith("0x"):
            numbers.append(int(piece[2:] or "0", 16))
        elif piece.startswith("0"):
            if not piece.strip("01234567") == "":
                return None
            numbers.append(int(piece, 8))
        else:
            numbers.append(int(piece))
    *first, last = numbers
    if any(number > 255 for number in first) or last >= 256 ** (5 - len(numbers)):
        return None
    whole = last + sum(number << (8 * (3 - at)) for at, number in enumerate(first))
    return str(ipaddress.IPv4Address(whole))


def _tail(text: str) -> str:
    text = text.partition("#")[0]
    path, mark, query = text.partition("?")
    path = path.replace("\\", "/")
    if "%" in path or not path.isascii() or UNSAFE.search(path):
        path = _percent(path)
    if "/." in path:
        path = _without_dots(path)
    if mark and query:
        return f"{path or '/'}?{_percent(query)}"
    return path or "/"


def _percent(text: str) -> str:
    """Percent codes of letters and digits resolved, all others in capitals; what is no plain ASCII coded."""

    def code(match: re.Match[str]) -> str:
        if match[1]:
            character = chr(int(match[1], 16))
            return character if UNRESERVED.match(character) else f"%{match[1].upper()}"
        return "".join(f"%{octet:02X}" for octet in match[0].encode(errors="replace"))

    return PERCENT.sub(code, text)


def _without_dots(path: str) -> str:
    kept: list[str] = []
    segments = path.split("/")
    for at, segment in enumerate(segments):
        last = at == len(segments) - 1
        if segment == "..":
            if len(kept) > 1:
                kept.pop()
            if last:
                kept.append("")
        elif segment != ".":
            kept.append(segment)
        elif last:
            kept.append("")
    return "/".join(kept)


LONGEST = 8_192
"""Characters of path and query that are looked at; servers refuse longer ones."""
LONGEST_LABEL = 58
"""Characters of a label with other letters than ASCII: `xn--`, a digit at least for each, and one for the length."""
LONGEST_HOST = 3_000
"""Characters of a host as written: 253 octets, each in a percent code of a full-width letter."""
PORTS = {"http": 80, "https": 443, "ftp": 21, "ws": 80, "wss": 443}

# Most URLs are canonical as they stand; whatever this takes, the long way gives the same.
CANONICAL = re.compile(
    r"(https?)://([a-z0-9_-]+(?:\.[a-z0-9_-]+)*)"
    r"((?:(?:/[A-Za-z0-9_~-][A-Za-z0-9_~.-]*)+/?|/)(?:\?[A-Za-z0-9_~.=&-]+)?)?"
)
BLANKS = "".join(map(chr, range(0x21)))
IGNORED = re.compile(r"[\t\r\n]+")
SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]{0,30}):")
PORT_AFTER_HOST = re.compile(r"[^:/?#\\]+:[0-9]+(?:[/?#\\]|$)")
SLASHES = re.compile(r"[/\\]*")
AUTHORITY_END = re.compile(r"[/?#\\]")
PORT = re.compile(r":([0-9]*)$")
PLAIN = re.compile(r"[A-Za-z0-9._-]+")
FORBIDDEN = re.compile(r"[\x00-\x20#/:<>?@\[\\\]^|%\x7f]")
NUMBER_AT_END = re.compile(r"(?:^|\.)(?:[0-9]+|0x[0-9a-f]*)$")
NUMBER = re.compile(r"0x[0-9a-f]*|[0-9]+")
UNSAFE = re.compile(r"[\x00-\x20\"<>`{}|^\x7f]")
PERCENT = re.compile(r"%([0-9A-Fa-f]{2})|[\x00-\x20\"<>`{}|^\x7f]|[^\x00-\x7f]+")
UNRESERVED = re.compile(r"[A-Za-z0-9._~-]")
DOTS = {0x3002: ".", 0xFF0E: ".", 0xFF61: "."}
