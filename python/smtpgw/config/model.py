"""The configuration as models: every key with its type, its default and what it means.

The names are a contract with administrators, and with `Settings` of the Rust core, which `to_core_json` writes.
Names of the contract that this version does not build yet are known here and refused by name, never silently
accepted. What needs more than one key or a look at the disk is checked in `smtpgw.config.check`.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, TypeAlias

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PrivateAttr, model_validator

from smtpgw.config.units import LATER, Address, BackendAddress, Count, Domain, File, Hostname, Pin, Seconds, Size, wrong
from smtpgw.inspector import Failing, Mode

__all__ = ["Backend", "Certificate", "Config", "InspectorTable", "Limits", "Listener", "Table"]


def _later(instead: str) -> AfterValidator:
    """Refuses the words of the contract that this version does not build."""

    def check(value: str) -> str:
        if value in LATER:
            raise wrong(f'"{value}" is not available in this version', instead)
        return value

    return AfterValidator(check)


def _not_yet(instead: str) -> BeforeValidator:
    """Refuses any value for a key of the contract that this version does not build."""

    def check(value: Any) -> Any:  # noqa: ANN401
        if value not in (None, [], {}):
            raise wrong("is not available in this version", instead)
        return value

    return BeforeValidator(check)


class Table(BaseModel):
    """A table of the file: exact types, no unknown keys."""

    model_config = ConfigDict(
        strict=True, extra="forbid", frozen=True, allow_inf_nan=False, use_attribute_docstrings=True
    )


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
    tls: Annotated[
        Literal["starttls", "none", "implicit", "external", "tunnel"],
        _later('use "starttls", "implicit" or "none"'),
    ] = "starttls"
    """`starttls`: in clear until the client says STARTTLS; `implicit`: TLS before the greeting (port 465); `none`:
    never. (`external`, `tunnel`: later.)"""
    backend: str
    """Which `[backend.NAME]` gets this listener's mail."""
    recipient_domains: list[Domain] = []
    """Domains to take mail for. Empty: the backend decides, and must then learn the client's address (`identity`);
    `["*"]`: any, which makes an open relay of a backend that trusts this host."""
    certificates: list[Annotated[Certificate | Literal["self-signed"], BeforeValidator(_certificate)]] = []
    """Chains and keys; the one that fits the name a client asks for is used, else the first. `"self-signed"` makes
    one at start, for trying things out."""
    proxy_protocol_from: Annotated[list[str], _not_yet("leave it out")] = []
    """Networks that may speak PROXY to us. (Later.)"""
    xclient_from: Annotated[list[str], _not_yet("leave it out")] = []
    """Networks that may speak XCLIENT to us. (Later.)"""


class Backend(Table):
    """One mail server that is protected."""

    address: BackendAddress
    """`host:port`, or `maildir:/folder` to deliver into a Maildir without any server."""
    tls: Literal["none", "opportunistic", "required", "verified"] = "opportunistic"
    """TLS on the way to it: `none`; `opportunistic`: if offered; `required`: or no mail; `verified`: or no mail, and
    only to the server that `ca`, `pin` or both know. The certificate is looked at by `verified` alone."""
    ca: File | None = None
    """PEM file of the authorities to which a verified backend's certificate must lead. No others are trusted."""
    name: Hostname | None = None
    """The name that certificate must have, and that is sent as SNI. Default: the host of `address`."""
    pin: list[Pin] = []
    """SHA-256 of the public keys that a verified backend may have, 64 hexadecimal digits each; two while a key is
    being changed. Without `ca`, name and time of the certificate do not matter."""
    identity: Annotated[
        Literal["xclient", "proxy-v2", "xforward", "none"],
        _later('use "xclient" or "none"'),
    ] = "none"
    """How it learns the client's true address: `xclient`: Postfix's XCLIENT, without which it gets no mail; `none`:
    not at all. (`proxy-v2`, `xforward`: later.)"""
    relay: Annotated[
        Literal["store", "stream"],
        _later('use "store"'),
    ] = "store"
    """When content goes to it: `store`: after the verdict. (`stream`: later.)"""
    connect_s: Seconds = 10.0
    """The longest wait for connection, greeting and handshake, seconds."""
    reply_s: Seconds = 60.0
    """The longest wait for the reply to a command, seconds."""
    data_s: Seconds = 300.0
    """The longest wait for the reply after the content, seconds."""


class Limits(Table):
    """What one client may cost, and all of them together."""

    connections: Count = 10_000
    """Connections at a time, all listeners together; above it the greeting is 421."""
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
    send nothing else. Neither is ever passed on, and neither ends a message."""
    command_s: Seconds = 300.0
    """One whole command, not one read; RFC 5321 §4.5.3.2.7 asks for five minutes."""
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


class Archive(Table):
    """How far containers are unpacked; shared by all containers of one message. A limit that is hit is `mailbomb`,
    `nested`, `files_limit` or `timeout` in `[decode.unscanned]`."""

    total: Size = 100 << 20
    """Unpacked octets."""
    member: Size = 50 << 20
    """Unpacked octets of one member."""
    ratio: Count = 200
    """Unpacked octets for each packed one."""
    members: Count = 10_000
    """Members."""
    depth: Count = 8
    """Containers in containers."""
    seconds: Seconds = 10.0
    """Time spent on unpacking, seconds."""


UnscannedAction: TypeAlias = Literal["reject", "quarantine", "defer", "tag", "accept"]


class Unscanned(Table):
    """What happens to a message of which something could not be scanned, by reason: `reject` (5yz), `quarantine`,
    `defer` (4yz), `tag` (pass with a header field that names the reason) or `accept` (pass, in the record alone)."""

    encrypted: UnscannedAction = "tag"
    """Needs a password."""
    corrupted: UnscannedAction = "tag"
    """Cannot be read at all."""
    partially_corrupted: UnscannedAction = "tag"
    """Read up to the damage."""
    multipart: UnscannedAction = "tag"
    """One volume of several."""
    nested: UnscannedAction = "reject"
    """Deeper than the limit."""
    mailbomb: UnscannedAction = "reject"
    """Unpacks to more than the limits allow."""
    files_limit: UnscannedAction = "reject"
    """More members or parts than the limit."""
    timeout: UnscannedAction = "defer"
    """Took longer than the limit."""
    unhandled: UnscannedAction = "tag"
    """A container that cannot be opened here."""
    disabled_format: UnscannedAction = "tag"
    """A container that is switched off."""
    oversize: UnscannedAction = "tag"
    """Larger than an inspector takes."""
    ambiguous: UnscannedAction = "reject"
    """More plausible readings than the limit."""
    partial_message: UnscannedAction = "reject"
    """`message/partial`: the rest is elsewhere."""
    inspector_down: UnscannedAction = "tag"
    """An inspector did not answer, and its own policy lets the message go on."""


class Decode(Table):
    """How far decoding goes, and what happens to what could not be scanned."""

    depth: Count = 50
    """Nested MIME entities."""
    parts: Count = 10_000
    """Parts of one message, archive members included."""
    total_ratio: Count = 4
    """Decoded octets of one message, archive members included, as a multiple of `limits.message_size`."""
    header: Size = 1 << 20
    """The largest header of one entity."""
    fields: Count = 2_000
    """Fields of one header."""
    archive: Archive = Archive()
    """How far containers are unpacked."""
    unscanned: Unscanned = Unscanned()
    """The action for each reason."""


class InspectorTable(Table):
    """One inspector. Keys beside these are arguments of its constructor, checked against its signature; paths among
    them are relative to the configuration file."""

    model_config = ConfigDict(extra="allow")

    use: str
    """`yara`, `urls`, `spam`, the name of an installed entry point of `smtpgw.inspectors`, or `module:Class`."""
    name: str | None = None
    """For records and logs; `use` unless set. Equal names are numbered: `yara`, `yara#2`."""
    mode: Mode | None = None
    """`enforce`; `shadow`: verdicts are recorded, never acted on; `off`. Default: the inspector's own, `enforce`."""
    timeout_s: Seconds | None = None
    """How long one call may run, seconds. Default: the inspector's own, 30."""
    on_error: Failing | None = None
    """What a raised exception counts as: `reject`, `quarantine`, `defer`, `accept`. Default: its own, `defer`."""
    on_timeout: Failing | None = None
    """What a call over its time counts as. Default: the inspector's own, `defer`."""
    isolation: Annotated[
        Literal["thread", "process"],
        _later('use "thread"'),
    ] = "thread"
    """Where it runs: `thread`: in this process. (`process`: later.)"""

    @property
    def arguments(self) -> dict[str, Any]:
        """What goes to the constructor."""
        return dict(self.__pydantic_extra__ or {})


class VerdictPolicy(Table):
    """How the inspectors' verdicts become one: reject > quarantine > discard > defer > accept."""

    budget_s: Seconds = 120.0
    """The one budget of all inspectors between the end of the content and its reply, seconds."""
    reject_score: float = Field(default=15.0, gt=0)
    """From this many points a message is refused."""
    tag_score: float = Field(default=6.0, gt=0)
    """From this many points a message is marked `X-Spam-Flag: YES`."""
    discard: bool = False
    """Whether the verdict `discard` (say yes, throw away) may be used; otherwise it counts as `defer`."""


class Quarantine(Table):
    """Where quarantined messages go. Without this table the verdict `quarantine` defers."""

    path: File
    """Folder."""
    reply: Literal["accept", "reject"] = "accept"
    """What the sender is told: `accept`: 250, once it is safely stored; `reject`: 550."""


class Log(Table):
    """Where records go."""

    format: Annotated[
        Literal["json", "logfmt", "syslog"],
        _later('use "json" or "logfmt"'),
    ] = "json"
    """`json`: an object a line; `logfmt`: for people, and the default on a terminal. (`syslog`: later.)"""
    level: Literal["debug", "info", "warning", "error"] = "info"
    """The least severe level that is written."""
    file: File | None = None
    """File to append to; standard error without it."""


class Config(Table):
    """All of it. Make one with `smtpgw.config.load`, `parse` or `default`, which name every mistake at once."""

    hostname: Hostname = "localhost"
    """Our own name, in the greeting, `Received` and `Authentication-Results`."""
    listener: list[Listener] = Field(min_length=1)
    """Where we listen."""
    backend: dict[str, Backend] = Field(min_length=1)
    """The servers we protect, by the name that listeners use."""
    limits: Limits = Limits()
    """What one client may cost."""
    spool: Spool = Field(default_factory=Spool)
    """Where content waits for its verdict."""
    decode: Decode = Decode()
    """How far decoding goes."""
    inspector: list[InspectorTable] = []
    """Who judges, in this order."""
    verdict: VerdictPolicy = VerdictPolicy()
    """How verdicts become one."""
    quarantine: Quarantine | None = None
    """Where quarantined messages go."""
    log: Log = Log()
    """Where records go."""
    metrics: Annotated[dict[str, Any] | None, _not_yet("leave the table out")] = None
    """Where metrics are served. (Later.)"""

    CORE_LEAVES_OUT: ClassVar[dict[str, Iterable[str]]] = {
        "": ("inspector", "metrics"),
        "listener": ("proxy_protocol_from", "xclient_from"),
    }

    _base: Path = PrivateAttr(default_factory=Path.cwd)

    @property
    def base(self) -> Path:
        """The folder that relative paths are relative to."""
        return self._base

    @model_validator(mode="before")
    @classmethod
    def _table(cls, value: Any) -> Any:  # noqa: ANN401
        if not isinstance(value, Mapping | Config):
            raise wrong("is no table")
        return value

    def to_core_json(self) -> str:
        """The resolved settings for the core: durations as seconds, sizes as octets, no inspectors."""
        whole = self.model_dump(mode="json")
        for key in self.CORE_LEAVES_OUT[""]:
            del whole[key]
        for listener in whole["listener"]:
            for key in self.CORE_LEAVES_OUT["listener"]:
                del listener[key]
        return json.dumps(whole)
