"""`[[listener]]`: where we listen, with which certificates, and for whom."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator

from smtpgw.config.table import Table, not_yet
from smtpgw.config.units import Address, Domain, File, Network, wrong

__all__ = ["Certificate", "Listener"]


class Certificate(Table):
    """A certificate chain and its key, as PEM files."""

    chain: File
    """PEM file of the certificate chain, the server's own first."""
    key: File
    """PEM file of its private key, not encrypted."""


def _certificate(value: Any) -> Any:  # noqa: ANN401
    if value == "self-signed" or isinstance(value, Mapping | Certificate):
        return value
    raise wrong("is no certificate", 'write { chain = "fullchain.pem", key = "privkey.pem" } or "self-signed"')


class Listener(Table):
    """One address to accept connections on."""

    address: Address
    """`host:port`; port 0 takes a free one, which the `ready` record names."""
    tls: Literal["starttls", "none", "implicit", "external", "tunnel"] = "starttls"
    """`starttls`: in clear until the client says STARTTLS; `implicit`: TLS before the greeting (port 465); `none`:
    never; `external`: never here, another box ended it, and a PROXY header (version 2) says how; `tunnel`: STARTTLS is
    passed through to the server behind, whose certificate senders see, and what comes under it is not inspected: for
    emergencies."""
    backend: str
    """Which `[backend.NAME]` gets this listener's mail."""
    recipient_domains: list[Domain] = []
    """Domains to take mail for. Empty: the backend decides, and must then learn the client's address (`identity`);
    `["*"]`: any, which makes an open relay of a backend that trusts this host."""
    certificates: list[Annotated[Certificate | Literal["self-signed"], BeforeValidator(_certificate)]] = []
    """Chains and keys; the one that fits the name a client asks for is used, else the first. `"self-signed"` makes
    one at start, for trying things out."""
    client_certificate: Literal["off", "request", "require"] = "off"
    """Whether senders are asked for a certificate of their own. `request`: one that has none is welcome; `require`: the
    handshake fails without one, and mail in clear is refused. It is proved that the sender holds its key, and nobody
    vouches for its names; inspectors and records see it, and it exempts from nothing."""
    proxy_protocol_from: list[Network] = []
    """Networks whose connections must begin with a PROXY header, version 1 or 2, which names the client: our own
    proxies, and nobody else."""
    xclient_from: Annotated[list[str], not_yet("leave it out")] = []
    """Networks that may speak XCLIENT to us. (Later.)"""
