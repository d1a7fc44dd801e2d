"""For the tests of inspectors: made messages, and a gateway on a free port with a recording server behind it.

Three depths, each as real as it looks:

    part = make_part(b"MZ...", filename="invoice.pdf")              # an object to call a hook with
    assert NoExecutables().on_part(part=part).action == "reject"

    message = read_message(Path("invoice.eml"))                     # decoded as the gateway decodes
    answers = ask(NoExecutables(), message)                         # registered, called and timed as it calls hooks
    assert answers[-1].verdicts == (Verdict.reject("executable content"),)      # one for each call: this part came last

    with running_gateway([NoExecutables()]) as gateway:             # all of it: STARTTLS in, SMTP out
        assert gateway.send(b"Subject: hello\\r\\n\\r\\nHello.\\r\\n").code == 250
        assert gateway.deliveries[0].content.endswith(b"Hello.\\r\\n")
"""

from __future__ import annotations

import contextlib
import email.message
import email.policy
import hashlib
import json
import smtplib
import socket
import ssl
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias, cast

from smtpgw import _core, config
from smtpgw._core import Buffer, Header, Message, Part
from smtpgw.discovery import build
from smtpgw.inspector import Inspector, roster
from smtpgw.verdict import Action, Verdict

__all__ = [
    "Answer",
    "Delivery",
    "Leaf",
    "RecordingServer",
    "Reply",
    "RunningGateway",
    "ask",
    "decode",
    "make_message",
    "make_part",
    "read_message",
    "running_gateway",
]

Fields: TypeAlias = Mapping[str, str] | Iterable[tuple[str, str]] | bytes
"""Header fields: a mapping, pairs, or octets as they would stand in a message."""

WAIT_S = 10.0
"""How long a test waits for what must come."""


def make_part(
    data: bytes | str = b"",
    *,
    filename: str | None = None,
    media_type: str | None = None,
    charset: str | None = None,
    path: str = "1",
    names: Sequence[str] = (),
    transfer_encoding: str = "base64",
    header: Fields = (),
    container: bool = False,
) -> Part:
    """A part to call `on_part` with. Text becomes UTF-8, and `text/plain` unless `media_type` says otherwise."""
    if isinstance(data, str):
        data, charset, media_type = data.encode(), charset or "utf-8", media_type or "text/plain"
    return _core.make_part(
        data,
        hashlib.sha256(data).digest(),
        path=path,
        media_type=media_type or "application/octet-stream",
        filename=filename,
        names=list(dict.fromkeys([*([filename] if filename is not None else []), *names])),
        charset=charset,
        transfer_encoding=transfer_encoding,
        header=_header(header),
        container=container,
    )


def make_message(
    *parts: Part,
    header: Fields = (),
    raw: bytes | None = b"",
    reverse_path: str = "sender@example.org",
    forward_paths: Sequence[str] = ("recipient@example.com",),
    client: tuple[str, int] = ("192.0.2.1", 50000),
    listener: tuple[str, int] = ("192.0.2.25", 25),
    helo: str = "client.example.org",
    tls: bool = True,
) -> Message:
    """A message of `parts` to call hooks with; with `raw=None` one of which the end has not arrived yet.

    Nothing here is decoded from anything: header, parts and raw content are what you say. `read_message` decodes.
    """
    return _core.make_message(
        parts,
        header=_header(header),
        raw=raw,
        reverse_path=reverse_path,
        forward_paths=list(forward_paths),
        client=client,
        listener=listener,
        helo=helo,
        tls=tls,
    )


def read_message(
    source: bytes | Path | email.message.Message,
    *,
    reverse_path: str = "sender@example.org",
    forward_paths: Sequence[str] = ("recipient@example.com",),
) -> Message:
    """A message as the gateway decodes it, containers opened, with the default limits."""

    class Keeper(Inspector):
        def on_message(self, message: Message) -> None:
            kept.append(message)

    kept: list[Message] = []
    scanner = _core.Scanner(config.default().to_core_json(), roster([Keeper()]), threads=1)
    octets = source if isinstance(source, Path) else _octets(source)
    scanner.scan(octets, reverse_path=reverse_path, forward_paths=list(forward_paths))
    return kept[0]


class Leaf(NamedTuple):
    """One leaf of a message, as `decode` gives it; fields are those of a `Part`."""

    path: str
    media_type: str
    filename: str | None
    charset: str | None
    header: Header
    data: Buffer
    text: str | None
    """Of a text only."""


def decode(source: bytes | email.message.Message) -> tuple[Header, list[Leaf]]:
    """The header of a message and its leaves by the first reading, that of the RFCs, and nothing besides.

    No container is opened, no further reading tried, nothing hashed or judged: for looking at a message, not for
    judging one. A gateway shows inspectors more; see `read_message`.
    """
    header, leaves = _core.decode(_octets(source))
    return header, [Leaf._make(leaf) for leaf in leaves]


@dataclass(frozen=True, slots=True)
class Answer:
    """What one hook call came to."""

    inspector: str
    """Name of the inspector."""
    hook: str
    """`on_part`."""
    path: str
    """The part that it was about; empty for other hooks."""
    verdicts: tuple[Verdict, ...]
    """What it said; empty: nothing."""
    error: str | None
    """What went wrong: the exception and where it was raised, or `timed out`."""
    seconds: float
    """How long it ran; 0 if it timed out."""


def ask(inspectors: Inspector | Sequence[Inspector], message: Message, *, threads: int = 1) -> list[Answer]:
    """Asks inspectors about a message: registered, called in threads, and timed out, as in a gateway.

    The hooks run in its order: `on_connect`, `on_recipient` for each recipient, `on_part` for each part,
    `on_message`. What the gateway then makes of the answers is another matter: see `running_gateway`.
    """
    entries = roster([inspectors] if isinstance(inspectors, Inspector) else inspectors)
    return [
        Answer(
            inspector,
            hook,
            path,
            tuple(Verdict(cast(Action, v[0]), v[1], v[2], v[3], tuple(v[4]), v[5]) for v in verdicts),
            error,
            seconds,
        )
        for inspector, hook, path, verdicts, error, seconds in _core.rehearse(entries, message, threads=threads)
    ]


class Reply(NamedTuple):
    """What the gateway answered: to the content, or to the command that it refused."""

    code: int
    """`250`"""
    text: str
    """All lines, without the code; enhanced codes are part of it."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message that reached the server behind the gateway."""

    content: bytes
    """Octet for octet, dot-stuffing undone."""
    reverse_path: str
    """The sender, as MAIL named it, without angle brackets."""
    forward_paths: tuple[str, ...]
    """The recipients, as RCPT named them."""


@contextlib.contextmanager
def running_gateway(
    inspectors: Sequence[Inspector] = (), *, config: Mapping[str, Any] | None = None, threads: int = 2
) -> Iterator[RunningGateway]:
    """A gateway on a free port of this machine, with a `RecordingServer` behind it.

    It offers STARTTLS with a certificate for `localhost` that `send` verifies. `config` changes its configuration:
    a mapping of the file's shape, laid over that of the test key by key. No inspectors but the given ones and those
    that `config` names.
    """
    with tempfile.TemporaryDirectory(prefix="smtpgw-testing-") as name, RecordingServer() as server:
        folder = Path(name)
        chain, key = _core.self_signed("localhost")
        (folder / "chain.pem").write_text(chain)
        (folder / "key.pem").write_text(key)
        settings = _configuration(_overlay(_table(folder, server.address), config or {}), folder)
        entries = roster([*build(settings), *inspectors])
        core = _core.Core(settings.to_core_json(), entries, threads=threads, records=True)
        core.start()
        try:
            yield RunningGateway(core, server, ssl.create_default_context(cadata=chain))
        finally:
            core.stop()


class RunningGateway:
    """What `running_gateway` gives."""

    def __init__(self, core: _core.Core, server: RecordingServer, tls: ssl.SSLContext) -> None:
        """Made by `running_gateway`."""
        self.tls = tls
        """For clients of your own: trusts the gateway's certificate for `localhost`, and nothing else."""
        self.server = server
        """The server behind it."""
        self._core = core
        self._records: list[dict[str, Any]] = []

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens; the first listener, if `config` has several."""
        return self._core.addresses[0]

    @property
    def deliveries(self) -> list[Delivery]:
        """What has reached the server behind it, in order."""
        return list(self.server.deliveries)

    @property
    def records(self) -> list[dict[str, Any]]:
        """Everything it has logged so far. A record may come a moment after the reply: see `record`."""
        self._records += [json.loads(line) for line in self._core.next_records(0)]
        return list(self._records)

    def record(self, event: str = "transaction", *, number: int = 0, timeout_s: float = WAIT_S) -> dict[str, Any]:
        """The record of an `event`, the first or the given `number` of them. Waits; `TimeoutError` if none comes."""
        deadline = time.monotonic() + timeout_s
        while True:
            found = [record for record in self._records if record["event"] == event]
            if number < len(found):
                return found[number]
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError(f"no record of a {event} within {timeout_s:g} s, only {len(found)} before")
            self._records += [json.loads(line) for line in self._core.next_records(left)]

    def send(
        self,
        message: bytes | email.message.Message,
        *,
        sender: str = "sender@example.org",
        recipients: Sequence[str] = ("recipient@example.com",),
        starttls: bool = True,
    ) -> Reply:
        """Sends a message as a mail server would, and gives the reply to it. Octets are sent as they are."""
        host, port = self.address
        with smtplib.SMTP("localhost" if host == "127.0.0.1" else host, port, "client.example.org", WAIT_S) as client:
            client.ehlo()
            if starttls:
                client.starttls(context=self.tls)
                client.ehlo()
            try:
                for reply in (client.mail(sender), *(client.rcpt(recipient) for recipient in recipients)):
                    if reply[0] >= 300:
                        return _reply(reply)
                return _reply(client.data(_octets(message)))
            except smtplib.SMTPDataError as error:
                return _reply((error.smtp_code, error.smtp_error))


class RecordingServer:
    """A small SMTP server that accepts everything and keeps it; a context manager.

    Strict on purpose: only CRLF ends a line, only `CRLF . CRLF` ends content. `replies` changes what it answers, by
    verb (`"RCPT"`; `"."` for the end of data): a complete reply without its CRLF.
    """

    def __init__(self) -> None:
        """Listens once it is entered."""
        self.deliveries: list[Delivery] = []
        self.replies: dict[str, str] = {}
        self.address = ""
        """`host:port`"""

    def __enter__(self) -> RecordingServer:
        """Listens on a free port of 127.0.0.1."""
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self._accepting = threading.Thread(target=self._accept, daemon=True, name="smtpgw-testing")
        self._accepting.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Listens no more; connections end by themselves."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._accepting.join()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True, name="smtpgw-testing").start()

    def _serve(self, connection: socket.socket) -> None:
        # A gateway that goes away in mid-sentence is what many tests are about.
        with connection, contextlib.suppress(OSError, EOFError):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            buffer = bytearray()
            sender, recipients = "", list[str]()
            self._say(connection, "220", "220 recorder.example ESMTP")
            while True:
                line = _until(connection, buffer, b"\r\n").decode("utf-8", "surrogateescape")
                verb = line[:4].upper()
                if verb == "QUIT":
                    self._say(connection, verb, "221 2.0.0 bye")
                    return
                if verb == "EHLO":
                    lines = ["recorder.example", "PIPELINING", "SIZE 104857600", "8BITMIME", "ENHANCEDSTATUSCODES"]
                    offer = [f"250{' ' if line is lines[-1] else '-'}{line}" for line in lines]
                    self._say(connection, verb, "\r\n".join(offer))
                elif verb == "MAIL":
                    sender, recipients = _path(line), []
                    self._say(connection, verb, "250 2.1.0 ok")
                elif verb == "RCPT":
                    if self._say(connection, verb, "250 2.1.5 ok"):
                        recipients.append(_path(line))
                elif verb == "DATA":
                    if not self._say(connection, verb, "354 go on"):
                        continue
                    content = _content(connection, buffer)
                    delivery = Delivery(content, sender, tuple(recipients))
                    # Before it is answered: whoever has seen the reply finds the delivery, or none.
                    if self.replies.get(".", "2")[:1] in "23":
                        self.deliveries.append(delivery)
                    self._say(connection, ".", "250 2.0.0 recorded")
                else:
                    self._say(connection, verb, "250 2.0.0 ok")

    def _say(self, connection: socket.socket, verb: str, usual: str) -> bool:
        """Answers; whether that is a yes."""
        reply = self.replies.get(verb, usual)
        connection.sendall(reply.encode() + b"\r\n")
        return reply[:1] in "23"


def _until(connection: socket.socket, buffer: bytearray, end: bytes) -> bytes:
    """What comes before `end`, which is taken as well."""
    searched = 0
    while (at := buffer.find(end, searched)) < 0:
        searched = max(0, len(buffer) - len(end) + 1)
        piece = connection.recv(1 << 16)
        if not piece:
            raise EOFError
        buffer += piece
    found = bytes(buffer[:at])
    del buffer[: at + len(end)]
    return found


def _content(connection: socket.socket, buffer: bytearray) -> bytes:
    # The dot may stand in the first line (RFC 5321 §4.5.2): content begins as if a CRLF stood before it.
    buffer[:0] = b"\r\n"
    stuffed = _until(connection, buffer, b"\r\n.\r\n") + b"\r\n"
    return stuffed.replace(b"\r\n.", b"\r\n")[2:]


def _path(line: str) -> str:
    return line[line.index("<") + 1 : line.rindex(">")]


def _reply(reply: tuple[int, bytes | str]) -> Reply:
    code, text = reply
    return Reply(code, text.decode("utf-8", "replace") if isinstance(text, bytes) else text)


def _octets(message: bytes | email.message.Message) -> bytes:
    return message if isinstance(message, bytes) else message.as_bytes(policy=email.policy.SMTP)


def _header(fields: Fields) -> bytes:
    if isinstance(fields, bytes):
        return fields
    pairs = fields.items() if isinstance(fields, Mapping) else fields
    return b"".join(f"{name}: {value}\r\n".encode() for name, value in pairs)


def _configuration(table: Mapping[str, Any], folder: Path) -> config.Config:
    return config.parse(table, base=folder)


def _table(folder: Path, backend: str) -> dict[str, Any]:
    certificate = {"chain": str(folder / "chain.pem"), "key": str(folder / "key.pem")}
    return {
        "hostname": "localhost",
        "listener": [
            {
                "address": "127.0.0.1:0",
                "tls": "starttls",
                "certificates": [certificate],
                "backend": "recorder",
                "recipient_domains": ["*"],
            }
        ],
        "backend": {"recorder": {"address": backend, "tls": "none"}},
        "spool": {"path": str(folder)},
        "log": {"file": str(folder / "log")},
    }


def _overlay(table: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`over` laid over `table`, key by key; lists are replaced."""
    merged = dict(table)
    for key, value in over.items():
        below = merged.get(key)
        both = isinstance(value, Mapping) and isinstance(below, Mapping)
        merged[key] = _overlay(cast(Mapping[str, Any], below), value) if both else value
    return merged
