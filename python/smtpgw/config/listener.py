"""`[[listener]]`: where we listen, with which certificates, and for whom."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BeforeValidator, PlainValidator

from smtpgw.config.table import Table
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


def _backends(value: Any) -> str | list[str]:  # noqa: ANN401
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise wrong("is no name of a backend", 'write "a", or ["a", "b"] in order of priority')
    if not names:
        raise wrong("names no backend")
    if len(set(names)) < len(names):
        raise wrong("names a backend twice")
    return value if isinstance(value, str) else names


Backends: TypeAlias = Annotated[str | list[str], PlainValidator(_backends)]
"""One backend, or several in order of priority."""


class Listener(Table):
    """One address to accept connections on."""

    address: Address
    """`host:port`; port 0 takes a free one, which the `ready` record names."""
    tls: Literal["starttls", "none", "implicit", "external", "tunnel"] = "starttls"
    """`starttls`: in clear until the client says STARTTLS; `implicit`: TLS before the greeting (port 465); `none`:
    never; `external`: never here, another box ended it, and a PROXY header (version 2) says how; `tunnel`: STARTTLS is
    passed through to the server behind, whose certificate senders see, and what comes under it is not inspected: for
    emergencies."""
    backend: Backends
    """Which `[backend.NAME]` gets this listener's mail; of several, `["a", "b"]`, the first that is not down."""
    routes: dict[Domain, Backends] = {}
    """Other backends for the mail of some domains: `{ "example.net" = "b" }`, in the same form. Such a message can have
    recipients of one backend only; senders bring the others in a further transaction."""
    recipient_domains: list[Domain] = []
    """Domains to take mail for. Empty: the backend decides, and must then learn the client's address (`identity`);
    `["*"]`: any, which makes an open relay of a backend that trusts this host."""
    certificates: list[Annotated[Certificate | Literal["self-signed"], BeforeValidator(_certificate)]] = []
    """Chains and keys; the one that fits the name a client asks for is used, else the first. Of several for one name
    (RSA beside ECDSA) it is the first that the client can verify. `"self-signed"` makes one at start, for trying things
    out."""
    client_certificate: Literal["off", "request", "require"] = "off"
    """Whether senders are asked for a certificate of their own. `request`: one that has none is welcome; `require`: the
    handshake fails without one, and mail in clear is refused. It is proved that the sender holds its key, and nobody
    vouches for its names; inspectors and records see it, and it exempts from nothing."""
    auth: Literal["off", "relay"] = "off"
    """`relay`: senders may authenticate with the backend through us, under TLS, with those of its mechanisms that can
    be handed on; it decides alone. Backends must have `tls = "required"` or `"verified"`, unless they are on this
    machine. Whoever has authenticated is inspected as anybody is, and `recipient_domains` hold."""
    proxy_protocol_from: list[Network] = []
    """Networks whose connections must begin with a PROXY header, version 1 or 2, which names the client: our own
    proxies, and nobody else."""
    xclient_from: list[Network] = []
    """Networks whose connections must say by XCLIENT, before MAIL, who the client is: our own proxies, and nobody
    else. To others XCLIENT is not offered, and they are refused it."""
