"""`[backend.NAME]`: the servers that are protected, how they are trusted and what they are told."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from smtpgw.config.table import Table
from smtpgw.config.units import BackendAddress, File, Hostname, Pin, Seconds, Size

__all__ = ["Backend"]


class Backend(Table):
    """One mail server that is protected."""

    address: BackendAddress
    """`host:port`, or `maildir:/folder` to deliver into a Maildir without any server."""
    tls: Literal["none", "opportunistic", "required", "verified"] = "opportunistic"
    """TLS on the way to it: `none`; `opportunistic`: if offered, and in clear for a minute where the handshake fails;
    `required`: or no mail; `verified`: or no mail, and only to the server that `ca`, `pin` or both know. `verified`
    alone looks at the certificate, and who sits on the way and wants to read can make `opportunistic` go in clear."""
    ca: File | None = None
    """PEM file of the authorities to which a verified backend's certificate must lead. No others are trusted."""
    name: Hostname | None = None
    """The name that certificate must have, and that is sent as SNI. Default: the host of `address`."""
    pin: list[Pin] = []
    """SHA-256 of the public keys that a verified backend may have, 64 hexadecimal digits each; two while a key is
    being changed. Without `ca`, name and time of the certificate do not matter."""
    identity: Literal["xclient", "proxy-v1", "proxy-v2", "xforward", "none"] = "none"
    """How it learns the client's true address: `xclient`: Postfix's XCLIENT, without which it gets no mail; `proxy-v1`,
    `proxy-v2`: a PROXY header before its greeting, version 2 with the facts of the client's TLS; `xforward`: Postfix's
    XFORWARD, for its log alone; `none`: not at all. With the last two it still takes us for the client."""
    relay: Literal["store", "stream"] = "store"
    """When content goes to it: `store`: after the verdict; `stream`: while it arrives, and its end after the verdict.
    With `stream` nothing that the verdict would put on top of a message can be written: see "Relaying while a message
    arrives"."""
    stream_chunk: Annotated[Size, Field(le=1 << 20)] = 64 << 10
    """Octets that gather before they go to it with `stream`; a message up to this size goes as a whole, once it is
    accepted."""
    connect_s: Seconds = 10.0
    """The longest wait for connection, greeting and handshake, seconds. With `tls = "opportunistic"` a handshake that
    fails is followed by a connection in clear, which has as long once more."""
    reply_s: Seconds = 60.0
    """The longest wait for the reply to a command, seconds."""
    data_s: Seconds = 300.0
    """The longest that it may take over all of a stored message's content, and then over the reply, seconds. The sender
    waits as long; what it has given up it brings again."""
    pool: Annotated[int, Field(ge=0, le=1_000, strict=True)] = 0
    """How many connections to it are kept for the next sender when one is done with them; 0: none. Only with `identity`
    `xclient`, by which each sender is introduced anew, or `none`; and only after a message that went through without
    any refusal."""
    pool_s: Annotated[Seconds, Field(le=250)] = 5.0
    """How long one of them waits for a sender, seconds. Postfix closes an idle connection after 300 s, and after 10 s
    under stress."""
