"""Weighted rules: a line each, compiled to one hyperscan database for each scope.

    symbol   points   scope   /expression/   description

`scope` is `subject` (the decoded Subject), `header` (every field as `name: value`, decoded, a line each) or `body`
(the readable text of every part that is text, on one line with single blanks, and the text as it stands). A symbol
counts once a message, however often it matches; points may be negative. `#` at the beginning of a line is a comment.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias, cast, get_args

from smtpgw.errors import ConfigError, Problem
from smtpgw.inspectors.patterns import Pattern, PatternSet

__all__ = ["Rule", "RuleSet", "Scope"]

Scope: TypeAlias = Literal["subject", "header", "body"]
"""What a rule is matched against."""


class Rule(NamedTuple):
    """One line of a rule file."""

    symbol: str
    """Its name in records and in `X-Spam-Status`."""
    points: float
    """What a match adds."""
    scope: Scope
    """What it is matched against."""
    expression: str
    """As hyperscan reads it."""
    description: str
    """For people."""
    origin: str
    """Where it stands: `spam.rules:12`."""


class RuleSet:
    """The compiled rules of some files."""

    def __init__(self, files: Iterable[Path]) -> None:
        """Reads and compiles. Raises `ConfigError` with every line that is no rule."""
        self.rules: list[Rule] = []
        problems: list[Problem] = []
        for file in files:
            self._read(file, problems)
        self._rules: dict[str, list[Rule]] = {scope: [] for scope in SCOPES}
        for rule in self.rules:
            self._rules[rule.scope].append(rule)
        self._sets: dict[str, PatternSet] = {}
        for scope, rules in self._rules.items():
            try:
                self._sets[scope] = PatternSet(Pattern(rule.expression, rule.origin) for rule in rules)
            except ConfigError as error:
                problems += error.problems
        if problems:
            raise ConfigError(problems)

    def match(self, scope: Scope, text: str) -> Iterator[Rule]:
        """The rules of a scope that match."""
        if text and self._rules[scope]:
            for index in sorted(self._sets[scope].find(text.encode(errors="replace"))):
                yield self._rules[scope][index]

    def _read(self, file: Path, problems: list[Problem]) -> None:
        try:
            lines = file.read_bytes().decode("utf-8").splitlines()
        except OSError as error:
            problems.append(Problem("rules", f"cannot be read: {error.strerror}", f'"{file}"'))
            return
        except UnicodeDecodeError as error:
            problems.append(Problem("rules", f"is not UTF-8 at octet {error.start}", f'"{file}"'))
            return
        for number, line in enumerate(lines, 1):
            if line.strip() and not line.lstrip().startswith("#"):
                rule = _parse(line.strip(), f"{file.name}:{number}")
                if isinstance(rule, Rule):
                    self.rules.append(rule)
                else:
                    problems.append(rule)


def _parse(line: str, origin: str) -> Rule | Problem:
    match = LINE.fullmatch(line)
    if match is None:
        return Problem(origin, "is no rule", line, "write: SYMBOL points scope /expression/ description")
    symbol, points, scope, expression, description = match.groups()
    if scope not in SCOPES:
        return Problem(origin, "is no scope", scope, f"it is one of {', '.join(SCOPES)}")
    try:
        weight = float(points)
    except ValueError:
        weight = math.nan
    if not math.isfinite(weight):
        return Problem(origin, "is no number of points", points)
    return Rule(symbol, weight, cast(Scope, scope), expression, description.strip(), origin)


SCOPES: tuple[str, ...] = get_args(Scope)
LINE = re.compile(r"([A-Z][A-Z0-9_]{0,59})\s+(\S+)\s+(\S+)\s+/(.+?)/(?=\s|$)(.*)")
