"""The command `smtpgw`. Each command is a module of its own; results go to standard output, all else to standard error.

Exit statuses are those of sysexits.h (`smtpgw.cli.exits`), and for `scan` 0 (clean) and 1 (something was found).
"""

from __future__ import annotations

__all__ = ["main"]


def main() -> None:
    """Runs the command line of this process."""
    from smtpgw.cli.app import app
    from smtpgw.cli.exits import USAGE

    try:
        app(prog_name="smtpgw")
    except SystemExit as ended:
        # The library's own status for a wrong use of a command is 2.
        raise SystemExit(USAGE if ended.code == 2 else ended.code) from None
