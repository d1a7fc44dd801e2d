"""Block lists: what their files say, and whether a URL or a text is on them.

One entry a line; `#` at the beginning of a line or after a blank begins a comment:

    bad.example              the host and all below it
    =only.this.example       the host alone
    https://host/path        every URL that begins so, in canonical form
    /pattern/                a hyperscan expression, on canonical URLs (a line each) and on the text as it stands

Hosts and beginnings are looked up by their canonical form, which is exact and costs the same for ten entries and
for a million (hyperscan needs 86 seconds to compile 100,000 hosts); patterns are one hyperscan database.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from smtpgw._core import Hosts
from smtpgw.errors import ConfigError, Problem
from smtpgw.inspectors.patterns import Pattern, PatternSet
from smtpgw.inspectors.urls.canonical import Url, canonical, canonical_host
from smtpgw.inspectors.urls.extract import extract

__all__ = ["BlockList", "Hit"]


class Hit(NamedTuple):
    """Something on a list."""

    what: str
    """The URL; for a pattern on plain text the pattern."""
    entry: str
    """The entry as written."""
    origin: str
    """Where it stands: `bad-hosts.txt:12`."""

    def __str__(self) -> str:
        """For a verdict's reason."""
        return f"{self.what} ({self.origin}: {self.entry})"


class Entry(NamedTuple):
    """An entry and where it stands."""

    text: str
    origin: str


class BlockList:
    """All lists together. Never changed; a changed file makes a new one."""

    def __init__(self, files: Iterable[Path]) -> None:
        """Reads the files. Raises `ConfigError` with every line that is no entry (the first `MISTAKES` of a file)."""
        self._hosts: dict[str, Entry] = {}
        self._only: dict[str, Entry] = {}
        self._beginnings: dict[str, Entry] = {}
        self._lengths: dict[str, set[int]] = {}
        self._of_beginnings: set[str] = set()
        patterns: list[Pattern] = []
        problems: list[Problem] = []
        for file in files:
            mistakes = self._read(file, patterns)
            problems += mistakes[:MISTAKES]
            if len(mistakes) > MISTAKES:
                problems.append(Problem(str(file), f"has {len(mistakes) - MISTAKES} more wrong lines"))
        try:
            self._patterns = PatternSet(patterns)
        except ConfigError as error:
            problems += error.problems
        if problems:
            raise ConfigError(problems)
        # Patterns may match any URL, and any text.
        self.wanted = None if patterns else Hosts([*self._hosts, *self._only, *self._of_beginnings])

    def __len__(self) -> int:
        """How many entries there are."""
        plain = len(self._hosts) + len(self._only) + len(self._beginnings)
        return plain + len(self._patterns.patterns)

    def search(self, text: str) -> Sequence[Hit]:
        """What of the URLs in `text`, and of the text itself, is on a list; each entry once."""
        urls = list(extract(text, hosts=self.wanted))
        return list(self.find(urls, text)) if urls or self._patterns.patterns else ()

    def find(self, urls: Sequence[Url], text: str) -> Iterator[Hit]:
        """What of `urls`, and of the `text` they were found in, is on a list; each entry once."""
        seen: set[Entry] = set()
        lines = [str(url) for url in urls]
        for url, line in zip(urls, lines, strict=True):
            entry = self._entry(url, line)
            if entry is not None and entry not in seen:
                seen.add(entry)
                yield Hit(_short(line), *entry)
        if not self._patterns.patterns:
            return
        whole = "\n".join(lines).encode()
        found = {index: _short(_line_at(whole, end)) for index, end in self._patterns.find(whole).items()}
        for index in self._patterns.find(text.encode(errors="replace")):
            found.setdefault(index, "the text")
        for index, what in sorted(found.items()):
            pattern = self._patterns.patterns[index]
            yield Hit(what, f"/{pattern.expression}/", pattern.origin)

    def _entry(self, url: Url, line: str) -> Entry | None:
        if (entry := self._only.get(url.host)) is not None:
            return entry
        host = url.host
        while True:
            if (entry := self._hosts.get(host)) is not None:
                return entry
            _, dot, host = host.partition(".")
            if not dot:
                break
        for length in self._lengths.get(url.origin, ()):
            if (entry := self._beginnings.get(line[:length])) is not None:
                return entry
        return None

    def _read(self, file: Path, patterns: list[Pattern]) -> list[Problem]:
        try:
            lines = file.read_bytes().decode("utf-8").splitlines()
        except OSError as error:
            return [Problem(str(file), f"cannot be read: {error.strerror}")]
        except UnicodeDecodeError as error:
            return [Problem(str(file), f"is not UTF-8 at octet {error.start}")]
        problems: list[Problem] = []
        for number, line in enumerate(lines, 1):
            text = COMMENT.sub("", line).strip() if not line.lstrip().startswith("/") else line.strip()
            if not text:
                continue
            origin = f"{file.name}:{number}"
            if text.startswith("/"):
                if len(text) > 2 and text.endswith("/"):
                    patterns.append(Pattern(text[1:-1], origin))
                else:
                    problems.append(Problem(origin, "is no pattern", text, "it ends with a slash, and nothing behind"))
            elif problem := self._add(text, Entry(text, origin)):
                problems.append(problem)
        return problems

    def _add(self, text: str, entry: Entry) -> Problem | None:
        if "://" in text:
            url = canonical(text)
            if url is None:
                return Problem(entry.origin, "is no URL of the web", text)
            # What the entry did not say, the beginning does not say either.
            beginning = str(url)
            self._beginnings.setdefault(beginning, entry)
            self._lengths.setdefault(url.origin, set()).add(len(beginning))
            self._of_beginnings.add(url.host)
            return None
        if hint := _meant(text):
            return Problem(entry.origin, "is no entry", text, hint)
        name = text.removeprefix("=")
        host = canonical_host(name.strip())
        if host is None or not HOST.fullmatch(host):
            return Problem(entry.origin, "is no host", text)
        (self._only if text.startswith("=") else self._hosts).setdefault(host, entry)
        return None


def _meant(text: str) -> str | None:
    if text.startswith(("*.", ".")):
        return f"an entry stands for all below it: {text.lstrip('*.')}"
    if len(text.split()) > 1:
        return f"one entry a line, without an address: {text.split()[-1]}"
    if "/" in text:
        return f"with its scheme: https://{text}"
    return None


def _line_at(whole: bytes, end: int) -> str:
    start = whole.rfind(b"\n", 0, max(0, end - 1)) + 1
    stop = whole.find(b"\n", start)
    return whole[start : stop if stop >= 0 else None].decode()


def _short(line: str) -> str:
    return line if len(line) <= SHOWN else f"{line[:SHOWN]}..."


MISTAKES = 20
"""Wrong lines of one file that are named."""
SHOWN = 200
"""Characters of a URL that a reason shows."""
COMMENT = re.compile(r"(?:^|\s)#.*")
HOST = re.compile(r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\]")
