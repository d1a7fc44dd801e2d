"""Inspectors that do what no inspector should, for `use = "inspectors:Class"`."""

from __future__ import annotations

import os
import resource
import time

from smtpgw import Inspector, Message, Part, Session, Verdict


class Nothing(Inspector):
    """Looks at every part and says nothing."""

    def on_part(self, part: Part, message: Message) -> None:
        """Nothing to say."""


class Endless(Inspector):
    """Never comes back from any hook, and burns the processor all the while."""

    def on_connect(self, session: Session) -> None:
        """Never returns."""
        self._spin()

    def on_recipient(self, session: Session, reverse_path: str, forward_path: str) -> None:
        """Never returns."""
        self._spin()

    def on_part(self, part: Part, message: Message) -> None:
        """Never returns."""
        self._spin()

    def on_message(self, message: Message) -> None:
        """Never returns."""
        self._spin()

    @staticmethod
    def _spin() -> None:
        while True:
            pass


class Hung(Inspector):
    """Sleeps over every message for longer than any test lasts."""

    def on_message(self, message: Message) -> None:
        """Returns when nobody waits any more."""
        time.sleep(3600)


class Slow(Inspector):
    """Takes `seconds` for each message."""

    def __init__(self, seconds: float = 1.0) -> None:
        self.seconds = seconds

    def on_message(self, message: Message) -> None:
        """Comes back late."""
        time.sleep(self.seconds)


class Raising(Inspector):
    """Raises on the parts of every message."""

    def on_part(self, part: Part, message: Message) -> None:
        """Raises."""
        raise RuntimeError("this inspector is broken")


class RaisingOnRequest(Inspector):
    """Raises on messages whose subject asks for it."""

    def on_message(self, message: Message) -> None:
        """Raises when asked."""
        if message.header.get("Subject") == "raise":
            raise RuntimeError("asked for")


class Aborting(Inspector):
    """Takes the whole process with it on messages whose subject asks for it, as a fault in native code does."""

    def on_message(self, message: Message) -> None:
        """Never returns when asked, and leaves no core behind."""
        if message.header.get("Subject") == "abort":
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            os.abort()


class Refusing(Inspector):
    """Refuses messages whose subject asks for it."""

    def on_message(self, message: Message) -> Verdict | None:
        """Refuses when asked."""
        return Verdict.reject("asked for") if message.header.get("Subject") == "refuse me" else None


class Misspelt(Inspector):
    """Has a hook that does not exist."""

    def on_mesage(self, message: Message) -> None:
        """Would never be called."""


class Greedy(Inspector):
    """Wants an argument that no hook gets."""

    def on_part(self, part: Part, mailbox: object) -> None:
        """Would be called without `mailbox`."""


class EndlessOnParts(Endless):
    """Lets connections and recipients pass, and never comes back from a part."""

    on_connect = None  # type: ignore[assignment]
    on_recipient = None  # type: ignore[assignment]
    on_message = None  # type: ignore[assignment]
