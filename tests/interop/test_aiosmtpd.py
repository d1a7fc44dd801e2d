"""aiosmtpd as the server we protect: what it says reaches the client, what we send is what it has.

It answers MAIL and RCPT itself where the handler does not, knows no pipelining, and offers SMTPUTF8.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from peers import free_port
from peers.clients import SENDERS, Dialogue
from peers.contents import letter, without_received
from peers.gateway import Certificate, RunningGateway

# No dot on the last line: swaks takes one there for the end that it writes itself.
ODD = b".\r\n..\r\n.x\r\nGr\xc3\xbc\xc3\x9fe\r\n" + b"long " * 190 + b"\r\n\r\n.\r\nlast line\r\n"


class Handler:
    """Keeps what arrives; `replies` by verb take the place of the usual answers."""

    def __init__(self) -> None:
        self.replies: dict[str, str] = {}
        self.arrived: list[tuple[list[str], bytes]] = []

    async def handle_MAIL(  # noqa: N802  # the name is aiosmtpd's
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if "MAIL" in self.replies:
            return self.replies["MAIL"]
        envelope.mail_from = address
        return "250 2.1.0 Ok"

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if "RCPT" in self.replies:
            return self.replies["RCPT"]
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 Ok"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        if "." in self.replies:
            return self.replies["."]
        assert isinstance(envelope.content, bytes)
        self.arrived.append((list(envelope.rcpt_tos), envelope.content))
        return "250 2.0.0 kept by aiosmtpd"


@pytest.fixture
def handler() -> Handler:
    """What the server does."""
    return Handler()


@pytest.fixture
def backend(handler: Handler) -> Iterator[str]:
    """The address of a running aiosmtpd."""
    controller = Controller(handler, hostname="127.0.0.1", port=free_port())
    controller.start()
    yield f"127.0.0.1:{controller.port}"
    controller.stop()


@pytest.mark.parametrize("client", SENDERS)
def test_message_arrives_byte_for_byte(
    client: str,
    backend: str,
    handler: Handler,
    run_gateway: Callable[..., RunningGateway],
    certificate: Certificate,
) -> None:
    message, recipients = letter(f"by {client}", ODD), ["bob@example.org", "carol@example.org"]
    sent = SENDERS[client](run_gateway(backend).port, certificate.authority, message, "ann@example.net", recipients)
    assert sent.recipients == ("250 2.1.5 Ok", "250 2.1.5 Ok")
    assert sent.end_of_data == "250 2.0.0 kept by aiosmtpd"
    assert [(to, without_received(content)) for to, content in handler.arrived] == [(recipients, message)]


@pytest.mark.parametrize("reply", ["451 4.3.0 not now", "554 5.7.1 not ever"])
@pytest.mark.parametrize("verb", ["MAIL", "RCPT", "."])
def test_refusals_are_verbatim(
    verb: str, reply: str, backend: str, handler: Handler, run_gateway: Callable[..., RunningGateway]
) -> None:
    handler.replies[verb] = reply
    commands = {"MAIL": b"MAIL FROM:<ann@example.net>", "RCPT": b"RCPT TO:<bob@example.org>", "DATA": b"DATA"}
    with Dialogue(run_gateway(backend).port) as client:
        client.open()
        for name, command in commands.items():
            answer = client.command(command)
            if name == verb:
                break
            assert answer[:1] in b"23", answer
        else:
            answer = client.command(letter("refused") + b".")
        assert answer == f"{reply}\r\n".encode()
    assert not handler.arrived
