"""Many regular expressions in one pass: a compiled hyperscan database with a scratch of its own for each thread.

The expressions are hyperscan's: no back-references, no look-around. Upper and lower case are alike, `^` and `$` stand
at lines, and `.` is any octet. Each expression is reported once a scan, so that a text of nothing but matches
costs no more than one with each of them. Scanning is linear in the text.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from smtpgw.errors import ConfigError, Problem

if TYPE_CHECKING:
    import hyperscan

__all__ = ["Pattern", "PatternSet"]


class Pattern(NamedTuple):
    """One expression."""

    expression: str
    """As hyperscan reads it."""
    origin: str
    """Where it stands, for people: `bad.txt:12`."""


class PatternSet:
    """A compiled set of patterns, safe to share between threads."""

    def __init__(self, patterns: Iterable[Pattern]) -> None:
        """Compiles. Raises `ConfigError` that names every expression which cannot be compiled, and why."""
        self.patterns = tuple(patterns)
        self._own = threading.local()
        if not self.patterns:
            return
        import hyperscan

        flags = hyperscan.HS_FLAG_SINGLEMATCH | hyperscan.HS_FLAG_CASELESS
        self._flags = flags | hyperscan.HS_FLAG_DOTALL | hyperscan.HS_FLAG_MULTILINE
        try:
            self._database = self._compile(self.patterns)
        except hyperscan.error as error:
            # Only then one by one: hyperscan does not say whose fault it was.
            raise ConfigError(self._mistakes() or [Problem("", f"the patterns cannot be compiled: {error}")]) from error

    def find(self, data: bytes) -> dict[int, int]:
        """The patterns that occur in `data`: index, and where the first match ends (octets)."""
        if not self.patterns:
            return {}
        found: dict[int, int] = {}

        def note(index: int, start: int, end: int, flags: int, context: object) -> None:
            found.setdefault(index, end)

        self._database.scan(data, match_event_handler=note, scratch=self._scratch())
        return found

    def _compile(self, patterns: tuple[Pattern, ...]) -> hyperscan.Database:
        import hyperscan

        database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
        database.compile(
            expressions=[pattern.expression.encode() for pattern in patterns],
            ids=list(range(len(patterns))),
            flags=[self._flags] * len(patterns),
        )
        return database

    def _mistakes(self) -> list[Problem]:
        import hyperscan

        mistakes: list[Problem] = []
        for pattern in self.patterns:
            try:
                self._compile((pattern,))
            except hyperscan.error as error:
                mistakes.append(Problem(pattern.origin, str(error).rstrip("."), f"/{pattern.expression}/"))
        return mistakes

    def _scratch(self) -> hyperscan.Scratch:
        # Two scans with one scratch at a time are an error; worker threads live as long as the gateway.
        scratch: hyperscan.Scratch | None = getattr(self._own, "scratch", None)
        if scratch is None:
            import hyperscan

            scratch = self._own.scratch = hyperscan.Scratch(self._database)
        return scratch
