"""An asynchronous inspector: asks a service about the sender while the message arrives.

Hooks that are `async` run on one event loop, up to some hundred at a time, so that waiting costs nothing. The
service here is a line protocol on a socket, to stand for whatever you have: a directory, a reputation server.
"""

from __future__ import annotations

import asyncio

from smtpgw import Inspector, Message, Verdict


class KnownSender(Inspector):
    """Gives points to senders that the service has never heard of."""

    name = "known-sender"
    scores = True
    timeout_s = 3.0
    # If the service is down, mail goes on without its opinion.
    on_error = "accept"
    on_timeout = "accept"

    def __init__(self, *, host: str = "127.0.0.1", port: int = 9999, points: float = 2.0) -> None:
        """Where the service is, and what an unknown sender costs."""
        self._host, self._port, self._points = host, port, points

    async def on_message(self, message: Message) -> Verdict | None:
        """One question, one answer: `known` or `unknown`."""
        reader, writer = await asyncio.open_connection(self._host, self._port)
        try:
            writer.write(message.envelope.reverse_path.encode(errors="replace") + b"\n")
            answer = await reader.readline()
        finally:
            writer.close()
        if answer.strip() == b"unknown":
            return Verdict.score(self._points, "UNKNOWN_SENDER", header={"X-Known-Sender": "no"})
        return None
