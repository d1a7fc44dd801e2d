"""How many descriptors a gateway needs, and how many the system lets this process have.

The limit is the process's: the command line raises it as far as it may, and a program that embeds a gateway has one of
its own.
"""

from __future__ import annotations

import contextlib
import resource

from smtpgw.config import Config

__all__ = ["PER_CONNECTION", "raise_limit", "shortage"]

PER_CONNECTION = 4
"""One is the client's, one its backend's, and up to two are a message's in the spool."""


def raise_limit() -> None:
    """Takes what this process may take (`ulimit -Hn`); where that is refused, the limit stays as it is."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def shortage(config: Config, *, raised: bool = False) -> list[str]:
    """A sentence if there may be too few; `raised`: by what there would be after `raise_limit`."""
    allowed = resource.getrlimit(resource.RLIMIT_NOFILE)[1 if raised else 0]
    needed = PER_CONNECTION * config.limits.connections
    if allowed == resource.RLIM_INFINITY or allowed >= needed:
        return []
    return [
        f"limits.connections = {config.limits.connections} may take {needed} descriptors, and the system allows "
        f"{allowed}: raise that (LimitNOFILE of systemd, ulimit -n), or lower limits.connections"
    ]
