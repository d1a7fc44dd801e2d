"""Prints docs/threats.md."""

from proof import page

print(page(), end="")
