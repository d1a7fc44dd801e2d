"""An inspector with settings: refuses programs, whatever their name says, unless their hash is on a list.

In a configuration (`smtpgw check` looks at the arguments, and the path is relative to the file):

    [[inspector]]
    use = "no_executables:NoExecutables"
    allowed = "allowed-sha256.txt"
"""

from __future__ import annotations

from pathlib import Path

from smtpgw import Inspector, Part, Verdict


class NoExecutables(Inspector):
    """Refuses Windows, Linux and macOS programs, members of archives included."""

    name = "no-executables"

    def __init__(self, *, allowed: Path | None = None) -> None:
        """`allowed` has the SHA-256 of a program that may pass on each line."""
        self._allowed = frozenset(allowed.read_text().split()) if allowed else frozenset()

    def on_part(self, part: Part) -> Verdict | None:
        """Looks at the first octets: the rest is not even read."""
        if not part.data[:4].startswith(MAGIC) or part.sha256 in self._allowed:
            return None
        name = part.filename or "an attachment without a name"
        return Verdict.reject(f"program: {name}", reply=f"We do not accept programs by mail ({name})")


MAGIC = (b"MZ", b"\x7fELF", b"\xfe\xed\xfa\xce", b"\xfe\xed\xfa\xcf", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe")
