"""What `relay = "stream"` cannot do: content is with the backend before the verdict, which can add nothing to it.

So a configuration that asks for such a mark is refused, and never silently not obeyed: the tag of what was not scanned,
the `X-Spam-` fields of a message with points. A Maildir takes whole messages only.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from smtpgw.config.decode import Unscanned
from smtpgw.config.model import Config
from smtpgw.config.problems import path_of, shorten
from smtpgw.errors import ConfigError, Problem
from smtpgw.inspector import RosterEntry

__all__ = ["check_roster", "streams"]


def streams(whole: Mapping[str, Any]) -> Iterator[Problem]:
    """The mistakes that show without a look at the inspectors."""
    names = list(_streaming(whole))
    if not names:
        return
    for name in names:
        if str(whole["backend"][name].get("address", "")).startswith("maildir:"):
            reason = "needs a server: a Maildir takes whole messages only"
            yield Problem(path_of(["backend", name, "relay"]), reason, '"stream"', 'use "store"')
    decode = whole.get("decode")
    unscanned = decode.get("unscanned") if isinstance(decode, Mapping) else None
    actions = unscanned if isinstance(unscanned, Mapping) else {}
    tagging = [key for key, field in Unscanned.model_fields.items() if actions.get(key, field.default) == "tag"]
    if tagging:
        yield Problem(
            path_of(["decode", "unscanned"]),
            f"tags ({', '.join(tagging)}), which no message to backend.{names[0]} can be: it streams",
            hint='name another action for each: "reject", "quarantine", "defer" or "accept"',
        )


def check_roster(config: Config, entries: Iterable[RosterEntry]) -> None:
    """The mistake that shows in the inspectors alone: points that would mark a message. Raises `ConfigError`."""
    names = list(_streaming(config.model_dump()))
    scoring = next((entry.name for entry in entries if entry.scores), None)
    if names and scoring is not None and config.verdict.tag_score < config.verdict.reject_score:
        reason = f"marks by the points of {scoring}, which no message to backend.{names[0]} can be: it streams"
        hint = f"set it to reject_score ({config.verdict.reject_score:g}), so that what would be marked is refused"
        raise ConfigError([Problem("verdict.tag_score", reason, shorten(config.verdict.tag_score), hint)])


def _streaming(whole: Mapping[str, Any]) -> Iterator[str]:
    backends = whole.get("backend")
    for name, backend in backends.items() if isinstance(backends, Mapping) else ():
        if isinstance(backend, Mapping) and backend.get("relay") == "stream":
            yield name
