"""Is the header one that an honest mail program writes? Points for what RFC 5322 §3.6 forbids or real mail never has.

Weights are small: none of these alone marks a message, and several together only help the rules to.
"""

from __future__ import annotations

import datetime
import email.utils
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

__all__ = ["Finding", "findings"]


class Finding(NamedTuple):
    """One odd thing."""

    symbol: str
    """Its name in records and in `X-Spam-Status`."""
    points: float
    """What it adds."""
    description: str
    """For people."""


def findings(values: Callable[[str], Sequence[str]], *, now: datetime.datetime | None = None) -> Iterator[Finding]:
    """What is odd about a header, of which `values(name)` gives all fields of that name."""
    for name, points in NEEDED.items():
        if not values(name):
            yield Finding(f"MISSING_{_symbol(name)}", points, f"there is no {name} field")
    for name, points in ONCE.items():
        if (count := len(values(name))) > 1:
            yield Finding(f"SEVERAL_{_symbol(name)}", points, f"there are {count} {name} fields, and there may be one")
    sender = values("From")
    if len(sender) == 1 and "@" not in sender[0]:
        yield Finding("FROM_NO_ADDRESS", 2.0, "From has no address in it")
    date = values("Date")
    if len(date) == 1:
        yield from _date(date[0], now or datetime.datetime.now(datetime.UTC))


def _date(text: str, now: datetime.datetime) -> Iterator[Finding]:
    try:
        when = email.utils.parsedate_to_datetime(text[:200])
    except (ValueError, TypeError, IndexError, OverflowError):
        yield Finding("INVALID_DATE", 1.0, "Date is no date")
        return
    if when.tzinfo is None:
        # "-0000": a time in UTC from somewhere unknown (RFC 5322 §3.3).
        when = when.replace(tzinfo=datetime.UTC)
    try:
        ahead = when - now
    except OverflowError:
        yield Finding("INVALID_DATE", 1.0, "Date is no date")
        return
    if ahead > AHEAD:
        yield Finding("DATE_IN_FUTURE", 2.0, "Date is more than a day ahead")
    elif ahead < -BEHIND:
        yield Finding("DATE_IN_PAST", 0.5, "Date is more than a month ago")


def _symbol(name: str) -> str:
    return name.upper().replace("-", "_")


NEEDED = {"Date": 1.0, "From": 2.0, "Message-ID": 0.5}
ONCE = {
    "Date": 1.5,
    "From": 3.0,
    "Sender": 1.0,
    "Reply-To": 1.0,
    "To": 1.0,
    "Cc": 0.5,
    "Message-ID": 1.0,
    "In-Reply-To": 0.5,
    "References": 0.5,
    "Subject": 2.0,
}
AHEAD = datetime.timedelta(days=1)
BEHIND = datetime.timedelta(days=30)
