"""`[limits]` and `[spool]`: what one client may cost, all of them together, and where content waits."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from smtpgw.config.table import Table
from smtpgw.config.units import Count, File, Seconds, Size

__all__ = ["Limits", "Spool"]


class Limits(Table):
    """What one client may cost, and all of them together."""

    connections: Count = 10_000
    """Connections at a time, all listeners together; above it the greeting is 421."""
    connections_per_listener: Count = 10_000
    """Connections at a time on one listener; above it the greeting is 421."""
    connections_per_client: Count = 1_000
    """Connections at a time from one address (of IPv6: one /64)."""
    connections_per_network: Count = 10_000
    """Connections at a time from one network, as wide as the next two keys say; above it the greeting is 421."""
    network_prefix_v4: Annotated[int, Field(ge=0, le=32)] = 32
    """Bits of an IPv4 address that name its network; 32 is one address. IPv4 written as IPv6 counts as IPv4."""
    network_prefix_v6: Annotated[int, Field(ge=0, le=128)] = 64
    """Bits of an IPv6 address that name its network."""
    transactions: Count = 1_000
    """Messages on one connection."""
    recipients: Annotated[Count, Field(ge=100)] = 1_000
    """Recipients of one message; RFC 5321 §4.5.3.1.8 asks for 100 at least."""
    hops: Count = 100
    """`Received` fields of a message; one with more is going round in a loop and is refused. RFC 5321 §6.3 asks for 100
    at least."""
    command_line: Annotated[Size, Field(ge=512)] = 4_096
    """The longest command line; RFC 5321 §4.5.3.1.4 asks for 512 octets at least, extensions for more."""
    text_line: Annotated[Size, Field(ge=1_000)] = 1 << 20
    """The longest line of content; RFC 5321 §4.5.3.1.6 asks for 1000 octets at least, and real mail has longer
    ones."""
    message_size: Annotated[Size, Field(ge=65_536)] = 25 << 20
    """The largest message, offered to clients as SIZE; RFC 5321 §4.5.3.1.7 asks for 64 KiB at least."""
    bare_newline: Literal["reject", "normalize"] = "reject"
    """Content with a CR without LF or an LF without CR: `reject`: 550; `normalize`: each becomes CRLF, for devices that
    send nothing else. Neither is ever passed on but in the content of `binary_mime`, and neither ends a message."""
    binary_mime: bool = False
    """Whether BINARYMIME (RFC 3030) is offered where the backend has it. Such content goes octet for octet, by count,
    and may have bare CR and LF: only for a backend that hands it on to nobody who would take them for line ends."""
    command_s: Seconds = 300.0
    """One whole command, not one read; RFC 5321 §4.5.3.2.7 asks for five minutes."""
    proxy_header_s: Seconds = 5.0
    """The PROXY header of a connection that must have one. Nothing is said before it is there."""
    handshake_s: Seconds = 30.0
    """The TLS handshake."""
    data_rate: Size = 500
    """A client that sends content slower than this per second is cut off."""
    errors: Count = 20
    """Refused or unknown commands on one connection, after which it is closed."""
    memory: Size = 1 << 30
    """Memory that the content of all messages may take together; above it 452 or 421."""
    drain_s: Seconds = 30.0
    """How long SIGTERM waits for messages under way."""


class Spool(Table):
    """Where content waits for its verdict."""

    path: File = Field(default_factory=lambda: Path(tempfile.gettempdir()))
    """Folder for files that have no name: nothing is left behind by a crash. Default: the system's."""
    memory: Size = 256 << 10
    """A message up to this size never touches the disk."""
    total: Size = 10 << 30
    """What the files of all messages may take together; above it 452, and nothing is lost: the sender comes back."""
