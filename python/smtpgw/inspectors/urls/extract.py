"""The URLs of a text or a page, in canonical form.

What may be one is found by the core (`rust/smtpgw-urls`, where it is told in which spellings); what leads nowhere is
left out here, and what may be read in several ways is given in each. Time is linear in the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from urllib.parse import urljoin

from smtpgw._core import Hosts, carried_urls, find_urls
from smtpgw.errors import SmtpgwError
from smtpgw.inspectors.urls.canonical import Url, canonical, canonical_host, with_scheme

__all__ = ["extract"]


def extract(text: str, *, hosts: Hosts | None = None) -> Iterator[Url]:
    """The URLs in `text`, each canonical form once, in the order in which they are found.

    With `hosts`, those that plainly lead to none of these and to nothing below them are left out, which saves most of
    the time: for whoever looks for certain hosts only.

    Raises `SmtpgwError` for a text with more than `FOREIGN` different hosts in other letters than ASCII, or with more
    than `DIFFERENT` candidates: what was not looked at must not pass as clean.
    """
    candidates, bases, relative = find_urls(text, DIFFERENT, hosts)
    if bases and relative:
        candidates += _joined(bases, relative)
    return _canonical(candidates) if candidates else iter(())


def _canonical(candidates: Sequence[str]) -> Iterator[Url]:
    seen: set[Url] = set()
    foreign = 0
    for candidate in candidates:
        readings = _readings(candidate)
        if not candidate.isascii() or "%" in candidate:
            foreign += len({url.host for url in readings if "xn--" in url.host}) if readings else 1
            if foreign > FOREIGN:
                raise SmtpgwError(f"more than {FOREIGN} hosts in foreign letters in one text: not all were looked at")
        for url in readings:
            if url not in seen:
                seen.add(url)
                yield url


def _readings(candidate: str) -> list[Url]:
    url = canonical(candidate)
    if url is None:
        return []
    readings = _under_schemes(candidate, url)
    carried = carried_urls(candidate)
    if "/." in candidate or "\\" in candidate or "%" in candidate:
        # Browsers make another path of it, in which there may be other URLs.
        carried += carried_urls(str(url))
    for piece in carried:
        if (nested := canonical(piece)) is not None:
            readings += _under_schemes(piece, nested)
    return readings


def _under_schemes(candidate: str, url: Url) -> list[Url]:
    """`url`, as its `candidate` was written, and what else programs make of it."""
    # Written without a scheme: programs choose one or the other.
    urls = [url] if SCHEMED.match(candidate.lstrip(BLANKS)) else [url, with_scheme(url, "https")]
    if url.host.endswith(PROXY):
        host = canonical_host(url.host.removesuffix(PROXY).replace("--", "/").replace("-", ".").replace("/", "-"))
        urls += [replace(url, host=host)] if host else []
    return urls


def _joined(bases: Sequence[str], relative: Sequence[str]) -> list[str]:
    """Every relative URL at every place that it may start from."""
    joined: dict[str, None] = {}
    for base in bases:
        url = canonical(base)
        if url is None:
            continue
        place = str(url) if SCHEMED.match(base) else str(url).removeprefix("http:")
        if len(place) > LONGEST_BASE:
            raise SmtpgwError(
                f"a base of more than {LONGEST_BASE} characters: what is relative to it was not looked at"
            )
        for value in relative:
            try:
                joined[urljoin(place, value)] = None
            except ValueError:
                continue
            if len(joined) > DIFFERENT:
                raise SmtpgwError(f"more than {DIFFERENT} different URLs in one text: not all were looked at")
    return list(joined)


DIFFERENT = 100_000
"""Different URLs in one text, each with its readings; they take some seconds and some ten megabytes."""
FOREIGN = 2_000
"""Different hosts in other letters than ASCII in one text; each takes some milliseconds, and honest texts have few."""
LONGEST_BASE = 2_000
"""Characters of a base, which are repeated with every URL that is relative to it."""
BLANKS = "".join(map(chr, range(0x21)))
SCHEMED = re.compile(r"(?:https?|ftp|wss?)[\t\r\n]*:", re.IGNORECASE)
PROXY = ".translate.goog"
"""Google shows the pages of another host below this one: those of `bad.example` as `bad-example.translate.goog`."""
