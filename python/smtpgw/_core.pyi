"""The compiled core. Private, except for what `smtpgw` names: `Part`, `Message`, `Session`, `Header`.

Objects that inspectors are shown are frozen, cheap until they are asked for something, and may be kept: they own what
they show, so content stays until the last of them is gone. Names and texts are the message's own, hostile ones too.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, TypeVar, final, overload

from typing_extensions import Buffer as _SupportsBuffer

from smtpgw.inspector import RosterEntry

_T = TypeVar("_T")

__all__ = [
    "Buffer",
    "ClientCertificate",
    "ClientHello",
    "Core",
    "Crew",
    "Defect",
    "Envelope",
    "Header",
    "Hosts",
    "Incident",
    "Loop",
    "Message",
    "Part",
    "Scanner",
    "Session",
    "Task",
    "Tls",
    "Worker",
    "carried_urls",
    "decode",
    "examine",
    "find_urls",
    "make_message",
    "make_part",
    "may_hold_page",
    "may_lead_to",
    "rehearse",
    "self_signed",
    "unescape",
]

@final
class Buffer(_SupportsBuffer):
    """Octets, read-only and without a copy: `memoryview`, `re`, `hashlib`, `yara.Rules.match(data=...)` and
    `hyperscan.Database.scan(...)` read it where it lies, in memory or in a mapped file."""

    def __len__(self) -> int:
        """Octets."""

    def __bytes__(self) -> bytes:
        """A copy."""

    @overload
    def __getitem__(self, index: int, /) -> int: ...
    @overload
    def __getitem__(self, index: slice, /) -> bytes: ...
    def __contains__(self, wanted: _SupportsBuffer | int, /) -> bool:
        """Whether these octets, or this one, occur. Raises `TypeError` for text."""

    def __eq__(self, other: object, /) -> bool:
        """Whether the other has the same octets: a buffer of any kind."""

    def __hash__(self) -> int:
        """That of equal `bytes`; copies once."""

@final
class Header:
    """The fields of one header, in order.

    Names are found whatever their case. Values are as a person reads them: on one line, encoded words (RFC 2047)
    decoded. A field may come several times: `[...]` and `get` give the first."""

    def __len__(self) -> int:
        """Fields."""

    def __contains__(self, name: object, /) -> bool: ...
    def __getitem__(self, name: str, /) -> str:
        """The first field of that name; `KeyError` if there is none."""

    def __iter__(self) -> Iterator[str]:
        """The names, in order, as they are written."""

    @overload
    def get(self, name: str, default: None = None) -> str | None: ...
    @overload
    def get(self, name: str, default: _T) -> str | _T: ...
    def get_all(self, name: str) -> tuple[str, ...]:
        """Every field of that name, in order."""

    def keys(self) -> tuple[str, ...]:
        """The names, in order, as they are written."""

    def items(self) -> tuple[tuple[str, str], ...]:
        """Names and values, in order."""

    @property
    def raw(self) -> tuple[tuple[bytes, bytes], ...]:
        """Names and values as they came: everything behind the colon with its folds, without the last line end."""

@final
class Defect:
    """One odd place in a message. Not a verdict: ordinary mail has some."""

    @property
    def kind(self) -> str:
        """What is odd: `base64_junk`, `duplicate_field`, ...; docs/readings.md has them all."""

    @property
    def path(self) -> str:
        """The part it belongs to."""

    @property
    def offset(self) -> int:
        """Where, in octets from the beginning of the raw message; within an encoded message, where its body begins."""

    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...

@final
class ClientCertificate:
    """A client's own certificate. The client holds its key; nobody vouches for its names."""

    @property
    def der(self) -> bytes:
        """The certificate itself, DER, without its chain."""

    @property
    def subject(self) -> str:
        """Distinguished name of its holder, `CN=client.example`, shortened beyond 500 characters."""

    @property
    def issuer(self) -> str:
        """Distinguished name of who signed it."""

    @property
    def sha256(self) -> str:
        """Of the certificate, lower-case hexadecimal."""

    @property
    def spki_sha256(self) -> str:
        """Of its subject public key info: the same for every certificate with the same key."""

    @property
    def not_before(self) -> str:
        """RFC 3339."""

    @property
    def not_after(self) -> str:
        """RFC 3339."""

    @property
    def expired(self) -> bool:
        """Whether the handshake was outside of that time."""

    @property
    def self_signed(self) -> bool:
        """Whether it is signed with its own key."""

    @property
    def verified(self) -> bool:
        """Whether an authority that we trust vouches for its names: never, as none is configured for clients."""

    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...

@final
class ClientHello:
    """What a client said of its TLS, before anything was negotiated."""

    @property
    def versions(self) -> tuple[str, ...]:
        """What it offered, in its order: `TLSv1.3`."""

    @property
    def sni(self) -> str | None:
        """The name it asked for, as far as it is printable."""

    @property
    def groups(self) -> tuple[str, ...]:
        """Key exchange groups by their IANA names; unknown ones as numbers."""

    @property
    def alpn(self) -> tuple[str, ...]:
        """Application protocols."""

    @property
    def fingerprint(self) -> str:
        """JA4: the same for all clients that run the same program."""

@final
class Tls:
    """What is known of a finished TLS handshake."""

    @property
    def version(self) -> str:
        """`TLSv1.3`."""

    @property
    def cipher(self) -> str:
        """IANA name of the cipher suite."""

    @property
    def group(self) -> str:
        """IANA name of the key exchange group."""

    @property
    def sni(self) -> str | None:
        """The name that the client asked for."""

    @property
    def client_hello(self) -> ClientHello | None:
        """What the client said of its TLS when it began."""

    @property
    def client_certificate(self) -> ClientCertificate | None:
        """The client's own certificate, if the listener asked for one (`client_certificate`) and it showed it."""

@final
class Session:
    """One connection of one client, as it was at the moment of the call."""

    @property
    def id(self) -> str:
        """Unique within this process; in every record of the connection."""

    @property
    def client(self) -> tuple[str, int]:
        """The remote side: address and port."""

    @property
    def listener(self) -> tuple[str, int]:
        """Our own address and port that it connected to."""

    @property
    def proxied_by(self) -> tuple[str, int] | None:
        """The proxy that named the client (PROXY, XCLIENT), as it is connected to us; `None` if the client is."""

    @property
    def client_name(self) -> str | None:
        """The client's name by reverse DNS, as a proxy gave it."""

    @property
    def login(self) -> str | None:
        """Who the client authenticated as, as a proxy gave it."""

    @property
    def helo(self) -> str:
        """What EHLO or HELO said; empty before."""

    @property
    def tls(self) -> Tls | None:
        """The facts of TLS; `None` in clear, and of a client whom a proxy named by XCLIENT."""

    @property
    def early_talker(self) -> bool:
        """It spoke before our greeting went out, which senders of mail do not (RFC 5321 §4.3.1)."""

    @property
    def authenticated(self) -> bool:
        """It has authenticated with the backend through us (`auth = "relay"`)."""

    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...

@final
class Envelope:
    """Who sends and who receives, as the client said in MAIL and RCPT."""

    @property
    def reverse_path(self) -> str:
        """The sender without angle brackets; empty for the null reverse-path `<>`."""

    @property
    def forward_paths(self) -> tuple[str, ...]:
        """The accepted recipients without angle brackets, in order."""

@final
class Part:
    """One decoded leaf of a message: a MIME part, or a member of a container in one."""

    @property
    def path(self) -> str:
        """Where it stands: `1.2`, numbered by RFC 3501 §6.4.5; for a member of a container `1.2/dir/a.exe`."""

    @property
    def media_type(self) -> str:
        """The declared type, in lower case, without parameters: `text/plain`. What it really is may differ."""

    @property
    def filename(self) -> str | None:
        """The name that a recipient's program would show."""

    @property
    def names(self) -> tuple[str, ...]:
        """Every name that the message gave it, decoded, `filename` included."""

    @property
    def charset(self) -> str | None:
        """The declared charset, in lower case."""

    @property
    def transfer_encoding(self) -> str:
        """The declared encoding, in lower case: `base64`."""

    @property
    def header(self) -> Header:
        """Its header; empty for a member of a container."""

    @property
    def size(self) -> int:
        """Decoded octets."""

    @property
    def sha256(self) -> str:
        """SHA-256 of the decoded octets, as 64 hexadecimal digits."""

    @property
    def data(self) -> Buffer:
        """The decoded octets, without a copy. Raises `OSError` if the spool cannot be read."""

    @property
    def text(self) -> str:
        """`data` as text, by the declared charset; what cannot be decoded is replaced. Decoded once, when asked for."""

    @property
    def real_type(self) -> str:
        """What it is by its first octets: `application/zip`, ...; at least `text/plain`, `application/octet-stream`."""

    @property
    def reading(self) -> str | None:
        """What shows it, if not the RFCs' reading of the message: `preamble`, `epilogue`, or where programs differ the
        choices under which it is seen (`delimiter=exact,nul=drop`); see docs/readings.md."""

    @property
    def other_texts(self) -> tuple[str, ...]:
        """What programs show that read it otherwise: by the label where a byte order mark says something else, or as
        ASCII without NULs where the charset is none in which ASCII looks the same. Nearly always empty."""

    @property
    def defects(self) -> tuple[Defect, ...]:
        """What is odd about it."""

    @property
    def container(self) -> str | None:
        """What it was packed in (`zip`), for a member of a container."""

    @property
    def facts(self) -> tuple[str, ...]:
        """What a container is seen to have: `macros` (a VBA project), `external_target` (a document loads a part of
        itself from elsewhere), `decrypted` (a word of the message, or of `decode.passwords`, has opened it)."""

    def __eq__(self, other: object, /) -> bool:
        """Whether it is the same part of the same message."""

    def __hash__(self) -> int: ...

@final
class Message:
    """One message, as far as it has arrived: in `on_part`, the parts up to that one; in `on_message`, all of it."""

    @property
    def session(self) -> Session:
        """The connection it came on, as it was at MAIL."""

    @property
    def envelope(self) -> Envelope:
        """Who sends and who receives."""

    @property
    def header(self) -> Header:
        """The message's own header; there before the first part."""

    @property
    def parts(self) -> tuple[Part, ...]:
        """Its leaf parts so far, in the order in which they ended."""

    @property
    def defects(self) -> tuple[Defect, ...]:
        """What is odd about it, so far."""

    @property
    def unscanned(self) -> tuple[tuple[str, str], ...]:
        """What of it could not be shown, so far: the reason (`encrypted`, `ambiguous`, ...) and which part."""

    @property
    def inspected(self) -> tuple[tuple[str, Part], ...]:
        """Which inspector has looked at which part to the end, so far; with `parts` and `unscanned` the receipt."""

    @property
    def raw(self) -> Buffer:
        """The whole content as the client sent it, in `on_message`. Raises `InspectorError` before its end is there."""

    def __eq__(self, other: object, /) -> bool:
        """Whether it is the same message."""

    def __hash__(self) -> int: ...

@final
class Core:
    """A gateway. `smtpgw.Gateway` wraps it."""

    def __new__(cls, settings: str, roster: Sequence[RosterEntry], *, threads: int, records: bool = False) -> Core:
        """Takes settings (`Config.to_core_json()`) and inspectors, and binds nothing. `threads` run hooks that are not
        `async`. With `records`, `next_records` has what is logged. Raises `ConfigError` for what it cannot read."""

    def start(self) -> None:
        """Binds every listener and serves. Raises `ConfigError`, `TlsError` or `SmtpgwError`, with one clear line."""

    @property
    def addresses(self) -> list[tuple[str, int]]: ...  # see `smtpgw.Gateway`
    def reload(self, settings: str, roster: Sequence[RosterEntry]) -> None:
        """Takes new settings and inspectors for connections from now on; raises like `start`, and goes on as before."""

    def drain(self) -> None: ...  # see `smtpgw.Gateway`, which stops as well
    def stop(self) -> None:
        """Ends every connection at once. A hook that hangs is left behind; it does not keep the process from ending."""

    def next_records(self, timeout_s: float) -> list[str]:
        """Records since the last call, the latest 10,000, in JSON; waits at most `timeout_s` seconds for the first."""

@final
class Scanner:
    """Judges messages from files as the gateway would."""

    def __new__(cls, settings: str, roster: Sequence[RosterEntry], *, threads: int) -> Scanner:
        """Takes settings (listeners and backends do not matter) and inspectors."""

    def scan(
        self, source: bytes | str | PathLike[str], *, reverse_path: str = "", forward_paths: Sequence[str] = ()
    ) -> str:
        """What a record would say of one message (octets, or the path of its file), in JSON. Blocks; one at a time."""

def self_signed(hostname: str) -> tuple[str, str]:
    """A certificate for `hostname` and its key, PEM, made on the spot; for trying things out, never for the world."""

def examine(settings: str) -> list[tuple[str, Path | None, str, bool]]:
    """What is not as it should be with certificates, keys and authorities, read as at start: path of the key, file,
    reason, and whether a gateway with these settings would not start."""

def decode(source: bytes) -> tuple[Header, list[tuple[Any, ...]]]: ...  # see `smtpgw.testing.decode`
def make_part(
    data: bytes,
    sha256: bytes,
    *,
    path: str,
    media_type: str,
    filename: str | None,
    names: Sequence[str],
    charset: str | None,
    transfer_encoding: str,
    header: bytes,
    container: bool,
) -> Part: ...  # see `smtpgw.testing.make_part`
def make_message(
    parts: Sequence[Part],
    *,
    header: bytes,
    raw: bytes | None,
    reverse_path: str,
    forward_paths: Sequence[str],
    client: tuple[str, int],
    listener: tuple[str, int],
    helo: str,
    tls: bool,
) -> Message: ...  # see `smtpgw.testing.make_message`

_Verdicts = list[tuple[str, str, float, str, list[tuple[str, str]], str | None]]

def rehearse(
    roster: Sequence[RosterEntry], message: Message, *, threads: int
) -> list[tuple[str, str, str, _Verdicts, str | None, float]]:
    """See `smtpgw.testing.ask`. Inspector, hook, path of the part, verdicts' attributes, what went wrong, seconds."""

_Invocation = tuple[Callable[..., Any], bool, int, Any, Any]
"""The hook, whether to await it, the shape of the call, and what that calls first and second."""

@final
class Worker:
    """The calls for one thread, without end: waits for the next one, detached from the interpreter."""

    def sit(self, ident: int) -> None:
        """Tells which thread it is."""

    def __iter__(self) -> Worker: ...
    def __next__(self) -> _Invocation: ...
    def returned(self, result: object) -> None:
        """What the hook returned; several verdicts as a tuple."""

    def raised(self, error: BaseException) -> None:
        """What the hook raised."""

@final
class Task:
    """The calls of one batch, for one task of an event loop; as a `Worker` for the rest."""

    @property
    def number(self) -> int:
        """Unique in the crew."""

    def __iter__(self) -> Task: ...
    def __next__(self) -> _Invocation: ...
    def returned(self, result: object) -> None: ...
    def raised(self, error: BaseException) -> None: ...

@final
class Loop:
    """The batches for one event loop."""

    def fileno(self) -> int:
        """What to watch for wake-ups."""

    @property
    def is_over(self) -> bool:
        """Whether the loop is to end: the crew is closed, or another loop has taken its place."""

    @property
    def is_closed(self) -> bool:
        """Whether the crew is closed, so that nothing here is wanted any more."""

    def look_up(self) -> list[int]:
        """Takes note of a wake-up; the numbers of the tasks to cancel."""

    def next_task(self) -> Task | None:
        """The next batch; `None` if there is none, or there are as many tasks as may be."""

@final
class Incident:
    """Something for the supervisor to look after."""

    @property
    def hook(self) -> str:
        """`inspector.hook` that is over its time; empty if a thread ended for another reason."""

    @property
    def timeout_s(self) -> float:
        """How long it may run, seconds."""

    @property
    def ident(self) -> int:
        """The thread that is inside the hook; 0 for an asynchronous one."""

    @property
    def asynchronous(self) -> bool:
        """Whether the event loop is what to look after."""

    @property
    def replaced(self) -> bool:
        """Whether another thread takes the place of this one."""

@final
class Crew:
    """What the threads that run hooks share."""

    def worker(self) -> Worker | None:
        """The calls for one more thread; `None` if no more are needed."""

    def event_loop(self) -> Loop | None:
        """The batches for an event loop that takes over from the one before; `None` if too many are blocked."""

    def next_incident(self) -> Incident | None:
        """Waits for the next thing to look after; `None` once the crew is to end."""

    def event_loop_is_stuck(self, patience_s: float) -> bool:
        """Whether the event loop does not look up any more; watches it for at most `patience_s` seconds."""

@final
class Hosts:
    """Names of hosts that somebody looks for, in canonical form."""

    def __new__(cls, names: Iterable[str]) -> Hosts:
        """Copies them."""

    def __len__(self) -> int: ...

def find_urls(text: str, at_most: int, hosts: Hosts | None = None) -> tuple[list[str], list[str], list[str]]:
    """Candidates (with `hosts`, without those that plainly lead elsewhere), bases (`<base href>`), and what is relative
    to these, as written, each once. Raises `SmtpgwError` if there are more than `at_most`."""

def carried_urls(url: str) -> list[str]:
    """What may be other URLs in path, query and fragment of `url`, as redirectors have them."""

def may_hold_page(text: str) -> bool:
    """Whether `text`, character references resolved or not, has a `data:` URL or a call that decodes strings."""

def may_lead_to(part: Part, hosts: Hosts) -> bool:
    """Whether whoever reads `part` may be led to one of `hosts`, or to anything below. `False` is certain; `True` means
    that it has to be looked at. Raises `OSError` if the spool cannot be read."""

def unescape(text: str) -> str:
    """`text` with its character references (HTML §13.5) resolved."""
