"""What an inspector thinks of a message.

Verdicts of all inspectors are folded by the gateway: reject > quarantine > discard > defer > accept; points add up
and meet the thresholds in `[verdict]`. A verdict often quotes a hostile message (a file name, a host), so text that
goes out on the wire is cleaned here rather than refused: a verdict must not get lost over the name that it quotes.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

__all__ = ["Action", "Verdict"]

Action: TypeAlias = Literal["accept", "defer", "discard", "quarantine", "reject"]
"""What a verdict asks for."""

HeaderFields: TypeAlias = Mapping[str, str] | Iterable[tuple[str, str]]
"""Header fields to add: a mapping, or pairs where a name comes twice."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """One inspector's answer to one hook call. Make one with a constructor below: `Verdict.reject("executable")`."""

    action: Action
    """What it asks for; a score alone asks for `accept`."""
    reason: str = ""
    """Why, for records; never shown to the sender."""
    points: float = 0.0
    """Points towards the thresholds of `[verdict]`; may be negative."""
    symbol: str = ""
    """Name of what gave the points, for records and `X-Spam-Status`: `GTUBE`."""
    header: tuple[tuple[str, str], ...] = ()
    """Header fields to add on top of the message if it is relayed: name, value. What is not ASCII becomes `?`."""
    reply: str | None = None
    """Text of the reply to the sender, without codes; the default text of the action if `None`. What is not ASCII
    becomes `?`, as SMTP has it."""

    def __post_init__(self) -> None:
        """Checks what the gateway relies on, and cleans what goes out on the wire."""
        if self.action not in ACTIONS:
            raise ValueError(f"{self.action!r} is no action; there are {', '.join(ACTIONS)}")
        if not math.isfinite(self.points):
            raise ValueError(f"points must be a finite number, not {self.points}")
        object.__setattr__(self, "header", _fields(self.header))
        if self.reply is not None:
            object.__setattr__(self, "reply", _clean(self.reply))

    @classmethod
    def accept(cls, reason: str = "", *, header: HeaderFields = (), reply: str | None = None) -> Verdict:
        """Nothing against it. The same as returning `None`, but recorded, and with header fields if wanted."""
        return cls("accept", reason, header=_fields(header), reply=reply)

    @classmethod
    def reject(cls, reason: str, *, header: HeaderFields = (), reply: str | None = None) -> Verdict:
        """Refuse it for good (5yz): the sender's server tells its user."""
        return cls("reject", reason, header=_fields(header), reply=reply)

    @classmethod
    def defer(cls, reason: str, *, header: HeaderFields = (), reply: str | None = None) -> Verdict:
        """Refuse it for now (4yz): the sender's server tries again."""
        return cls("defer", reason, header=_fields(header), reply=reply)

    @classmethod
    def quarantine(cls, reason: str, *, header: HeaderFields = (), reply: str | None = None) -> Verdict:
        """Keep it for an administrator; without `[quarantine]` it is deferred."""
        return cls("quarantine", reason, header=_fields(header), reply=reply)

    @classmethod
    def discard(cls, reason: str, *, header: HeaderFields = (), reply: str | None = None) -> Verdict:
        """Say yes and throw it away. Counts as `defer` until `verdict.discard = true` allows it."""
        return cls("discard", reason, header=_fields(header), reply=reply)

    @classmethod
    def score(
        cls, points: float, symbol: str, *, reason: str = "", header: HeaderFields = (), reply: str | None = None
    ) -> Verdict:
        """Add `points` under the name `symbol`. An inspector that does so sets `scores = True`."""
        if not symbol:
            raise ValueError("points need a symbol that says what gave them")
        return cls("accept", reason, float(points), symbol, _fields(header), reply)


ACTIONS: tuple[str, ...] = get_args(Action)


def _fields(fields: HeaderFields) -> tuple[tuple[str, str], ...]:
    pairs = fields.items() if isinstance(fields, Mapping) else fields
    return tuple((_field_name(name), _clean(value)) for name, value in pairs)


def _field_name(name: str) -> str:
    # RFC 5322 §3.6.8: printable ASCII without the colon. The name is the inspector's own, so it is refused.
    if not FIELD_NAME.fullmatch(name):
        raise ValueError(f"{name!r} cannot be the name of a header field")
    return name


def _clean(text: str) -> str:
    # No way out of the field or the reply: line ends, NUL and the rest of the controls become blanks.
    return CONTROLS.sub(" ", text)


FIELD_NAME = re.compile(r"[!-9;-~]{1,100}")
CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
