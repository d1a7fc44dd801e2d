"""URLs against block lists: every text of a message is searched for URLs, whatever its declared type.

`canonical` is the form in which URLs are compared, `extract` finds them, `inner`, `lines`, `pdf` and `binary` know what
else a program shows of a part, `lists` reads the lists. Lists are read again when their files change; a list that has
become wrong is logged, and the last good state stays.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from smtpgw._core import may_lead_to
from smtpgw.errors import ConfigError
from smtpgw.inspector import Inspector
from smtpgw.inspectors.text import texts_of
from smtpgw.inspectors.urls.binary import written
from smtpgw.inspectors.urls.canonical import Url, canonical
from smtpgw.inspectors.urls.extract import extract
from smtpgw.inspectors.urls.inner import external_body, pages, placed
from smtpgw.inspectors.urls.lines import put_together
from smtpgw.inspectors.urls.lists import BlockList, Hit
from smtpgw.inspectors.urls.pdf import links
from smtpgw.verdict import Verdict

if TYPE_CHECKING:
    from smtpgw._core import Part

__all__ = ["Url", "Urls", "canonical", "extract"]

DATA = Path(__file__).parent.parent / "data"


class Urls(Inspector):
    """Refuses messages with a URL that is on a block list."""

    name = "urls"

    def __init__(
        self,
        *,
        block: Sequence[Path] = (),
        shipped: bool = True,
        action: Literal["reject", "quarantine", "defer", "score"] = "reject",
        points: float = 10.0,
    ) -> None:
        """Reads the lists.

        `block` are files of the format in `smtpgw.inspectors.urls.lists`; `shipped` adds the list that comes with
        smtpgw (names that are reserved for tests). With `action = "score"` a hit gives `points` once a part, as
        `BLOCKED_URL`. Raises `ConfigError` with every line that is no entry.
        """
        self._files = tuple(Path(file) for file in (*([DATA / "urls.txt"] if shipped else []), *block))
        self._action = action
        self._points = points
        self.scores = action == "score"
        self._stamps = self._look()
        self._list = BlockList(self._files)
        self._checked = time.monotonic()
        self._reading = threading.Lock()

    def __len__(self) -> int:
        """How many entries the lists have."""
        return len(self._list)

    def on_part(self, part: Part) -> Verdict | None:
        """Searches one decoded part."""
        self._refresh()
        wanted = self._list.wanted
        if wanted is not None and not may_lead_to(part, wanted):
            return None
        found = self.search(part)
        return self._verdict(found) if found else None

    def search(self, part: Part) -> list[Hit]:
        """What in any text of `part` is on a list."""
        texts = texts_of(part)
        if texts:
            texts = (*texts, *put_together(part, texts[0]), *placed(part.header, texts[0]))
        if not part.real_type.startswith("text/"):
            texts = (*texts, written(part.data))
        if part.real_type == "application/pdf" or part.container == "pdf":
            texts = (*texts, links(part.data))
        if part.media_type == "message/external-body":
            texts = (*texts, external_body(part.header))
        found: dict[Hit, None] = {}
        for text in texts:
            if hits := self.scan(text):
                found |= dict.fromkeys(hits)
        return list(found)

    def _verdict(self, hits: Sequence[Hit]) -> Verdict:
        more = f" and {len(hits) - SHOWN} more" if len(hits) > SHOWN else ""
        reason = f"blocked URL: {', '.join(map(str, hits[:SHOWN]))}{more}"
        match self._action:
            case "score":
                return Verdict.score(self._points, "BLOCKED_URL", reason=reason)
            case "reject":
                return Verdict.reject(reason)
            case "quarantine":
                return Verdict.quarantine(reason)
            case "defer":
                return Verdict.defer(reason)

    def scan(self, text: str) -> list[Hit]:
        """What in `text`, and in the pages of its `data:` URLs, is on a list."""
        self._refresh()
        hits: dict[Hit, None] = {}
        for page in pages(text):
            if found := self._list.search(page):
                hits |= dict.fromkeys(found)
        return list(hits)

    def _refresh(self) -> None:
        if time.monotonic() - self._checked < EVERY_S or not self._reading.acquire(blocking=False):
            # Somebody else reads: the old lists are good enough meanwhile.
            return
        try:
            stamps = self._look()
            if stamps != self._stamps:
                self._stamps = stamps
                self._list = BlockList(self._files)
                LOG.info("block lists read again, %d entries", len(self._list))
        except ConfigError as error:
            for problem in error.problems:
                LOG.error("block list not taken, the last good one stays: %s", problem)
        finally:
            self._checked = time.monotonic()
            self._reading.release()

    def _look(self) -> list[tuple[int, int, int] | None]:
        stamps: list[tuple[int, int, int] | None] = []
        for file in self._files:
            try:
                stat = file.stat()
                stamps.append((stat.st_mtime_ns, stat.st_size, stat.st_ino))
            except OSError:
                stamps.append(None)
        return stamps


LOG = logging.getLogger("smtpgw.inspectors.urls")

EVERY_S = 1.0
"""How often files are looked at."""
SHOWN = 3
"""Hits that a reason names."""
