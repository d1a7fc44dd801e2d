"""Finding URLs in text and in HTML, in every spelling that a mail program would make a link of, and some more.

Not a parser of HTML: whatever a tag looks like, the values of its attributes are looked at with character references
resolved, and so is all the rest of the text: styles, scripts, comments. A program that reads a broken page in some
way of its own finds no URL that was not found here. Nothing is executed, so that what a script puts together stays
unseen. Time is linear in the text.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from urllib.parse import unquote, urljoin

from smtpgw.errors import SmtpgwError
from smtpgw.inspectors.text import INVISIBLE, unescape
from smtpgw.inspectors.urls.canonical import Url, canonical, with_scheme

__all__ = ["extract"]


def extract(text: str) -> Iterator[Url]:
    """The URLs in `text`, each canonical form once, in the order in which they are found.

    Raises `SmtpgwError` for a text with more than `FOREIGN` different hosts in other letters than ASCII, or with more
    than `DIFFERENT` candidates: what was not looked at must not pass as clean.
    """
    seen: set[str | Url] = set()
    foreign = 0
    for candidate in _candidates(text):
        if candidate in seen:
            continue
        seen.add(candidate)
        if len(seen) > DIFFERENT:
            raise SmtpgwError(f"more than {DIFFERENT} different URLs in one text: not all were looked at")
        readings = list(_readings(candidate))
        if (not candidate.isascii() or "%" in candidate) and (not readings or "xn--" in readings[0].host):
            foreign += 1
            if foreign > FOREIGN:
                raise SmtpgwError(f"more than {FOREIGN} hosts in foreign letters in one text: not all were looked at")
        for url in readings:
            if url not in seen:
                seen.add(url)
                yield url


def _candidates(text: str) -> Iterator[str]:
    readings = [text]
    if "<" in text:
        yield from _attributes(text)
    if "&" in text:
        readings.append(unescape(text))
    for reading in readings:
        yield from _in_text(reading)
        if not reading.isascii() and INVISIBLE.search(reading):
            yield from _in_text(INVISIBLE.sub("", reading))


def _readings(candidate: str) -> Iterator[Url]:
    url = canonical(candidate)
    if url is None:
        return
    yield url
    if not SCHEMED.match(candidate.lstrip(BLANKS)):
        # Written without a scheme: programs choose one or the other.
        yield with_scheme(url, "https")
    # A redirector carries the true place in its query or path.
    if "http" in (tail := url.tail) and (inner := INNER.search(unquote(tail))):
        nested = canonical(inner[0])
        if nested is not None:
            yield nested


def _attributes(text: str) -> Iterator[str]:
    base = BASE.search(text)
    folder = unescape(base[1]) if base else ""
    for match in VALUE.finditer(text):
        value = unescape(match[match.lastindex or 0])
        # Most attributes are names and numbers.
        if not (folder or ":" in value or "/" in value or "\\" in value):
            continue
        value = LINE_ENDS.sub("", value.strip(BLANKS))
        if SCHEMED.match(value) or value.startswith(("//", "\\\\", "/\\", "\\/")):
            yield value
        elif folder:
            try:
                yield urljoin(folder, value)
            except ValueError:
                continue


def _in_text(text: str) -> Iterator[str]:
    spans: list[tuple[int, int]] = []
    for colon in COLON.finditer(text):
        at = colon.start()
        if spans and at < spans[-1][1]:
            continue
        scheme = NAME_BEFORE.search(text, max(0, at - 5), at)
        match = scheme and REST.match(text, scheme.start())
        if match:
            spans.append(match.span())
            yield match[0].rstrip(PUNCTUATION)
            # RFC 3986 appendix C: between angle brackets a URL may be broken into lines.
            if match.start() and text[match.start() - 1] == "<" and (whole := BRACKETED.match(text, match.start())):
                yield BLANK.sub("", whole[0])
    yield from _domains(text, spans)


def _domains(text: str, spans: list[tuple[int, int]]) -> Iterator[str]:
    """Host names without a scheme, with what follows them; not those of mail addresses, nor those in `spans`."""
    done, span = 0, 0
    for dot in (PLAIN_DOT if text.isascii() else DOT).finditer(text):
        at = dot.start()
        if at < done:
            continue
        while span < len(spans) and spans[span][1] <= at:
            span += 1
        if span < len(spans) and spans[span][0] <= at:
            done = spans[span][1]
            continue
        start, least = at, max(done, at - LABEL)
        while start > least and ((c := text[start - 1]).isalnum() or c in "-_"):
            start -= 1
        match = DOMAIN.match(text, at)
        if match is None:
            continue
        done = match.end()
        if start and text[start - 1] == "@":
            continue
        # An ideographic full stop between words of such a language ends a sentence, not a label.
        if match[1].isascii() or match[1][0] == "." or unicodedata.normalize("NFKC", match[1][1:]).isascii():
            yield text[start : match.end()].rstrip(PUNCTUATION)


DIFFERENT = 100_000
"""Different URLs in one text, each with its readings; they take some seconds and some ten megabytes."""
FOREIGN = 2_000
"""Different hosts in other letters than ASCII in one text; each takes some milliseconds, and honest texts have few."""
LABEL = 63
"""The longest label of a host name."""
PUNCTUATION = ".,;:!?)]}'*_"
BLANKS = "".join(map(chr, range(0x21)))
BLANK = re.compile(r"\s+")
LINE_ENDS = re.compile(r"[\t\r\n]+")
SCHEMED = re.compile(r"(?:https?|ftp|wss?)[\t\r\n]*:", re.IGNORECASE)
COLON = re.compile(r":(?=[/\\])")
NAME_BEFORE = re.compile(r"(?:https?|ftp|wss?)$", re.IGNORECASE)
REST = re.compile(r"[A-Za-z]+:[^\s<>\"`]+")
BRACKETED = re.compile(r"[^<>]{1,2000}(?=>)")
INNER = re.compile(r"(?:https?|ftp):[/\\].+", re.IGNORECASE)
PLAIN_DOT = re.compile(r"\.(?=[\w-])")  # a pattern that begins with one letter is searched for ten times as fast
DOT = re.compile("[.\u3002\uff0e\uff61](?=[\\w-])")
DOMAIN = re.compile('(?:([.\u3002\uff0e\uff61][\\w-]++))++(?::[0-9]{1,5})?(?:[/?#\\\\][^\\s<>"`]*)?')
VALUE = re.compile(r"=\s*+(?:\"([^\"]*+)\"|'([^']*+)'|([^\s\"'<>`]++))")
BASE = re.compile(r"<base\s[^<>]*?\bhref\s*=\s*[\"']?([^\"'\s<>]+)", re.IGNORECASE)
