"""Mail clients of other people behind one signature, and a raw dialogue for what they would never do.

Each sender makes one connection, goes over to TLS by STARTTLS with the certificate *verified*, sends one message and
tells what it was told: the replies to RCPT and to the end of data, as the client itself reported them.
"""

from __future__ import annotations

import asyncio
import re
import smtplib
import socket
import ssl
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import aiosmtplib

from peers import program

__all__ = ["HELO", "SENDERS", "SOURCE", "Dialogue", "Sent", "deliver", "trust"]

SOURCE = "127.0.0.77"
"""The address all senders come from; 127.0.0.1 is the gateway's own towards the backend."""
HELO = "client.example.net"
"""What they say in EHLO."""


@dataclass(frozen=True, slots=True)
class Sent:
    """What a client was told, and what it knows of the connection."""

    recipients: tuple[str, ...]
    """The reply to each RCPT: `250 2.1.5 Ok`, lines joined by a newline without their codes."""
    end_of_data: str
    """The reply to the end of data, in the same form; empty if it came to no data."""
    tls: str
    """`TLSv1.3` or the like."""


def trust(authority: Path) -> ssl.SSLContext:
    """A context that trusts this authority alone."""
    return ssl.create_default_context(cafile=str(authority))


def send_by_smtplib(port: int, authority: Path, message: bytes, sender: str, recipients: list[str]) -> Sent:
    """Python's own client. The message has CRLF line ends."""
    with smtplib.SMTP("127.0.0.1", port, local_hostname=HELO, source_address=(SOURCE, 0), timeout=30) as client:
        client.starttls(context=trust(authority))
        client.ehlo()
        code, text = client.mail(sender)
        assert code == 250, text
        answers = [client.rcpt(recipient) for recipient in recipients]
        end = ""
        if any(code == 250 for code, _ in answers):
            # data() raises for another answer than 354; smtplib adds what dot-stuffing asks for.
            end = _joined(*client.data(message))
        return Sent(tuple(_joined(*answer) for answer in answers), end, client.sock.version())


def send_by_aiosmtplib(port: int, authority: Path, message: bytes, sender: str, recipients: list[str]) -> Sent:
    """The client that `smtpgw demo` uses, too."""

    async def send() -> Sent:
        client = aiosmtplib.SMTP(
            hostname="127.0.0.1",
            port=port,
            local_hostname=HELO,
            source_address=(SOURCE, 0),
            start_tls=True,
            tls_context=trust(authority),
            timeout=30,
        )
        async with client:
            version = client.get_transport_info("ssl_object").version()
            await client.mail(sender)
            answers = []
            for recipient in recipients:
                try:
                    answers.append(await client.rcpt(recipient))
                except aiosmtplib.SMTPRecipientRefused as error:
                    answers.append((error.code, error.message))
            end = ""
            if any(answer[0] == 250 for answer in answers):
                try:
                    end = _joined(*await client.data(message))
                except aiosmtplib.SMTPResponseException as error:
                    end = _joined(error.code, error.message)
            return Sent(tuple(_joined(*answer) for answer in answers), end, version)

    async def send_and_part() -> Sent:
        sent = await send()
        # The transport under TLS is closed a moment after the client says so; the loop must not end before.
        await asyncio.sleep(0.1)
        return sent

    return asyncio.run(send_and_part())


def send_by_swaks(port: int, authority: Path, message: bytes, sender: str, recipients: list[str]) -> Sent:
    """swaks, as an administrator would try it by hand."""
    # swaks takes a message with LF line ends, expands %WORDS% in it, stuffs dots itself, and ends the last line.
    assert b"%" not in message and message.endswith(b"\r\n")
    command = [
        *[program("swaks"), "--server", "127.0.0.1", "--port", str(port), "--local-interface", SOURCE],
        *["--helo", HELO, "--from", sender, "--to", ",".join(recipients), "--timeout", "30"],
        *["--tls", "--tls-verify", "--tls-ca-path", str(authority), "--data", "-"],
    ]
    done = subprocess.run(
        command, input=message.removesuffix(b"\r\n").replace(b"\r\n", b"\n"), capture_output=True, timeout=60
    )
    transcript = done.stdout.decode(errors="replace") + done.stderr.decode(errors="replace")
    protocol = re.search(r"TLS started with cipher (TLSv[\d.]+):", transcript)
    assert protocol, transcript
    # ` ~> ` is ours and `<~  ` or `<~* ` the server's, under TLS.
    exchanges = re.split(r"^ ~> ", transcript[protocol.end() :], flags=re.MULTILINE)
    answers, end = [], ""
    for exchange in exchanges:
        lines = re.findall(r"^<~[ *] (\d{3})[ -](.*)$", exchange, flags=re.MULTILINE)
        answer = "{} {}".format(lines[-1][0], "\n".join(text for _, text in lines)) if lines else ""
        if exchange.startswith("RCPT"):
            answers.append(answer)
        elif exchange.startswith(".\n"):
            end = answer
    return Sent(tuple(answers), end, protocol[1])


def send_by_openssl(port: int, authority: Path, message: bytes, sender: str, recipients: list[str]) -> Sent:
    """`openssl s_client -starttls smtp`, typed into by hand."""
    command = [
        *[program("openssl"), "s_client", "-starttls", "smtp", "-name", HELO, "-bind", f"{SOURCE}:0"],
        *["-connect", f"127.0.0.1:{port}", "-CAfile", str(authority), "-verify_return_error", "-brief", "-nocommands"],
        *["-verify_ip", "127.0.0.1", "-ign_eof"],
    ]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0
    ) as process:
        assert process.stdin and process.stdout and process.stderr

        def reply() -> str:
            lines = []
            while (line := process.stdout.readline()) and not re.match(rb"\d{3} ", line):
                lines.append(line)
            lines.append(line)
            assert re.match(rb"\d{3} ", line), (lines, process.stderr.read())
            return "{} {}".format(line[:3].decode(), "\n".join(line[4:].decode().rstrip("\r\n") for line in lines))

        def command(line: str) -> str:
            process.stdin.write(line.encode() + b"\r\n")
            return reply()

        assert command(f"EHLO {HELO}").startswith("250 ")
        assert command(f"MAIL FROM:<{sender}>").startswith("250 ")
        answers = tuple(command(f"RCPT TO:<{recipient}>") for recipient in recipients)
        end = ""
        if any(answer.startswith("250 ") for answer in answers):
            assert command("DATA").startswith("354 ")
            process.stdin.write(re.sub(rb"(?m)^\.", b"..", message))
            end = command(".")
        command("QUIT")
        process.stdin.close()
        protocol = re.search(rb"Protocol version: (\S+)", process.stderr.read())
        assert protocol
        return Sent(answers, end, protocol[1].decode())


SENDERS: dict[str, Callable[[int, Path, bytes, str, list[str]], Sent]] = {
    "smtplib": send_by_smtplib,
    "aiosmtplib": send_by_aiosmtplib,
    "swaks": send_by_swaks,
    "openssl": send_by_openssl,
}
"""Every client that can be told what to send: port, authority, message, sender, recipients."""


def _joined(code: int, text: bytes | str) -> str:
    return f"{code} {text.decode() if isinstance(text, bytes) else text}"


class Dialogue:
    """A connection without manners: sends any octets, reads complete replies, knows how long each took."""

    def __init__(self, port: int, *, source: str = SOURCE, timeout_s: float = 30.0) -> None:
        self.socket: socket.socket = socket.create_connection(
            ("127.0.0.1", port), timeout=timeout_s, source_address=(source, 0)
        )
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""

    def __enter__(self) -> Dialogue:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.socket.close()

    def send(self, octets: bytes) -> None:
        """Sends these octets as they are."""
        self.socket.sendall(octets)

    def reply(self) -> bytes:
        """The next complete reply with its line ends; empty at the end of the stream."""
        lines = b""
        while True:
            while (end := self.buffer.find(b"\n")) < 0:
                received = self.socket.recv(65536)
                if not received:
                    assert not self.buffer and not lines, f"cut off within a reply: {lines + self.buffer!r}"
                    return b""
                self.buffer += received
            line, self.buffer = self.buffer[: end + 1], self.buffer[end + 1 :]
            assert re.fullmatch(rb"[2-5]\d\d[ -][\t\x20-\x7e]*\r\n", line), f"no reply line: {line!r}"
            lines += line
            if line[3:4] == b" ":
                return lines

    def command(self, line: bytes) -> bytes:
        """Sends one line, adding its CRLF, and reads the reply."""
        self.send(line + b"\r\n")
        return self.reply()

    def timed(self, line: bytes) -> tuple[bytes, float]:
        """The same, with the seconds it took."""
        begin = time.perf_counter()
        reply = self.command(line)
        return reply, time.perf_counter() - begin

    def shake_hands(self, authority: Path) -> None:
        """STARTTLS with verification, and not a word before or after."""
        assert self.command(b"STARTTLS").startswith(b"220 ")
        assert not self.buffer
        self.socket = trust(authority).wrap_socket(self.socket, server_hostname="127.0.0.1")

    def starttls(self, authority: Path) -> None:
        """EHLO, STARTTLS with verification, EHLO."""
        assert b"STARTTLS" in self.command(b"EHLO " + HELO.encode())
        self.shake_hands(authority)
        assert self.command(b"EHLO " + HELO.encode()).startswith(b"250")

    def open(self, authority: Path | None = None) -> Dialogue:
        """Greeting and EHLO, with STARTTLS where an authority is given."""
        assert self.reply().startswith(b"220 ")
        if authority:
            self.starttls(authority)
        else:
            assert self.command(b"EHLO " + HELO.encode()).startswith(b"250")
        return self

    def ended(self) -> bool:
        """Whether the other side has ended the connection; waits for it."""
        try:
            return self.socket.recv(1) == b""
        except ConnectionError:
            return True


def deliver(port: int, authority: Path, content: bytes) -> bytes:
    """Sends one message over TLS; the reply that ended it, be it to a command or to the content."""
    with Dialogue(port).open(authority) as client:
        for command in (b"MAIL FROM:<ann@example.net>", b"RCPT TO:<bob@example.org>", b"DATA"):
            if not (reply := client.command(command)).startswith((b"250 ", b"354 ")):
                return reply
        client.send(content.replace(b"\r\n.", b"\r\n..") + b".\r\n")
        return client.reply()
