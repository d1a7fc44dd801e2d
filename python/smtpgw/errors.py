"""What can go wrong, as exceptions: everything this package raises on purpose is a `SmtpgwError`.

The compiled core imports these classes and raises them; each also inherits the builtin that a caller who has never
heard of smtpgw would catch.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ["BackendError", "ConfigError", "InspectorError", "Problem", "SmtpgwError", "TlsError"]


class SmtpgwError(Exception):
    """Any error of this package; by itself: the system refused something (a port in use, a missing folder)."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake in a configuration."""

    path: str
    """Where it stands, as in the file: `listener[0].tls`; empty for the file as a whole."""
    reason: str
    """What is wrong, as half a sentence."""
    value: str | None = None
    """What is written there, shortened; `None` if nothing is."""
    hint: str | None = None
    """What to write instead."""

    def __str__(self) -> str:
        """On one line: `listener[0].tls = "startls": is none of ...; did you mean "starttls"?`."""
        where = self.path if self.value is None else f"{self.path} = {self.value}"
        said = f"{where}: {self.reason}" if where else self.reason
        return f"{said}; {self.hint}" if self.hint else said


class ConfigError(SmtpgwError, ValueError):
    """The configuration is wrong; `problems` has every mistake that was found."""

    def __init__(self, problems: str | Iterable[Problem]) -> None:
        """From one line, or from several problems."""
        several = [Problem(path="", reason=problems)] if isinstance(problems, str) else problems
        self.problems: tuple[Problem, ...] = tuple(several)
        super().__init__("\n".join(map(str, self.problems)))


class TlsError(SmtpgwError, ValueError):
    """A certificate or key cannot be used."""


class BackendError(SmtpgwError, ConnectionError):
    """The mail server behind the gateway, or the way to it, failed."""


class InspectorError(SmtpgwError, TypeError):
    """An inspector is not built as one must be, or was used in a way that it does not allow."""
