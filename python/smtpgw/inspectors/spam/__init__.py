"""Points for what looks like spam: weighted rules on subject, header and body, and the sanity of the header.

Points are all this inspector gives; what they lead to stands in `[verdict]`, and the `X-Spam-` fields are written by
the gateway. Parts are read when the message is complete, since a symbol counts once a message.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from smtpgw.inspector import Inspector
from smtpgw.inspectors.spam.readable import readable
from smtpgw.inspectors.spam.rules import Rule, RuleSet
from smtpgw.inspectors.spam.sanity import findings
from smtpgw.inspectors.text import texts_of
from smtpgw.verdict import Verdict

if TYPE_CHECKING:
    from smtpgw._core import Message

__all__ = ["Spam"]

DATA = Path(__file__).parent.parent / "data"


class Spam(Inspector):
    """Gives points."""

    name = "spam"
    scores = True

    def __init__(self, *, rules: Sequence[Path] = (), shipped: bool = True, sanity: bool = True) -> None:
        """Compiles the rules.

        `rules` are files of the format in `smtpgw.inspectors.spam.rules`; `shipped` adds those that come with smtpgw
        (GTUBE and a few more). `sanity` gives points for a header that no honest program writes. Raises
        `ConfigError` with every line that is no rule.
        """
        files = [*([DATA / "spam.rules"] if shipped else []), *map(Path, rules)]
        self._rules = RuleSet(dict.fromkeys(files))
        self._sanity = sanity

    @property
    def rules(self) -> Sequence[Rule]:
        """The rules in use."""
        return tuple(self._rules.rules)

    def on_message(self, message: Message) -> list[Verdict]:
        """Reads the whole message."""
        header = message.header
        texts = (text for part in message.parts for text in texts_of(part))
        matched = self.scan(header.get("Subject") or "", header.items(), texts)
        verdicts = [Verdict.score(rule.points, rule.symbol, reason=rule.description) for rule in matched]
        if self._sanity:
            verdicts += (
                Verdict.score(finding.points, finding.symbol, reason=finding.description)
                for finding in findings(header.get_all)
            )
        return verdicts

    def scan(self, subject: str, header: Iterable[tuple[str, str]], texts: Iterable[str]) -> list[Rule]:
        """The rules that match, each symbol once: the first of its name in the order of the files."""
        matched: dict[str, Rule] = {}
        for rule in self._matches(subject, header, texts):
            matched.setdefault(rule.symbol, rule)
        return list(matched.values())

    def _matches(self, subject: str, header: Iterable[tuple[str, str]], texts: Iterable[str]) -> Iterator[Rule]:
        yield from self._rules.match("subject", " ".join(subject.split()))
        yield from self._rules.match(
            "header", "\n".join(f"{name}: {' '.join(value.split())}" for name, value in header)
        )
        for text in texts:
            yield from self._rules.match("body", text)
            plain = readable(text)
            if plain != text:
                yield from self._rules.match("body", plain)
