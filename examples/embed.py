"""A gateway inside a Python program of your own.

Run it: `python examples/embed.py`. It listens on 127.0.0.1:2525, delivers into ./mail and ends with Ctrl-C.
The same object can be run by the command line: `smtpgw run embed:gateway`.
"""

from __future__ import annotations

import collections
import threading
import time

from smtpgw import Gateway, Inspector, Message, Verdict


class OncePerMinute(Inspector):
    """Defers a sender that writes more than once a minute, and says so in the reply."""

    def __init__(self) -> None:
        """Hooks run on several threads: what they share needs a lock."""
        self._lock = threading.Lock()
        self._seen: collections.OrderedDict[str, float] = collections.OrderedDict()

    def on_message(self, message: Message) -> Verdict | None:
        """Remembers the last thousand senders."""
        sender, now = message.envelope.reverse_path, time.monotonic()
        with self._lock:
            last = self._seen.get(sender)
            if last is not None and now - last < 60:
                return Verdict.defer(f"{sender} was here {now - last:.0f} s ago", reply="Once a minute is enough")
            self._seen[sender] = now
            self._seen.move_to_end(sender)
            if len(self._seen) > 1_000:
                self._seen.popitem(last=False)
        return None


SETTINGS = {
    "listener": [
        {
            "address": "127.0.0.1:2525",
            "certificates": ["self-signed"],
            "backend": "mail",
            "recipient_domains": ["*"],
        }
    ],
    "backend": {"mail": {"address": "maildir:./mail"}},
    "inspector": [{"use": "yara"}, {"use": "urls"}],
}

gateway = Gateway(SETTINGS, inspectors=[OncePerMinute()])

if __name__ == "__main__":
    gateway.run()
