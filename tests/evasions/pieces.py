"""What the generators of messages are made of: the marker, and the frames around it."""

from __future__ import annotations

import base64

MARKER = b"marker-of-evil-7f3a"
B64 = base64.b64encode(b"padding " + MARKER + b" padding.").decode()
QP = "padding =6Darker-of-evil-7f3a padding."
PLAIN = f"padding {MARKER.decode()} padding."
DECOY = "nothing to see"


def crlf(text: str) -> bytes:
    return text.replace("\n", "\r\n").encode("latin-1")


def letter(rest: str) -> bytes:
    return crlf(f"From: a@sender.example\nTo: b@recipient.example\nSubject: hello\nMIME-Version: 1.0\n{rest}")


def mixed(body: str, content_type: str = "multipart/mixed; boundary=b") -> bytes:
    return letter(f"Content-Type: {content_type}\n\n{body}")


def evil(header: str = "") -> str:
    """A part with the marker in base64."""
    return f"{header}Content-Type: text/plain\nContent-Transfer-Encoding: base64\n\n{B64}\n"


def one(delimiter: str = "b") -> str:
    return f"--{delimiter}\n\n{DECOY}\n--{delimiter}\n{evil()}--{delimiter}--\n"
