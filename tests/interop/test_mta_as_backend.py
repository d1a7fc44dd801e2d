"""Exim and OpenSMTPD as the servers we protect: what they say reaches the client, what it sent is what they keep.

Neither knows XCLIENT (Debian 12), so the gateway itself limits the recipients (rule O1). What they do to a message
and how they word a reply is theirs: the measure is what they do without us.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator

import pytest
from peers import exim, opensmtpd, wait_until
from peers.clients import SENDERS, Dialogue
from peers.contents import CONTENTS, letter, without_received
from peers.exim import Exim
from peers.gateway import Certificate, RunningGateway, configuration
from peers.opensmtpd import OpenSmtpd

REFUSALS = {"exim": exim.REFUSALS, "opensmtpd": opensmtpd.REFUSALS}


@pytest.fixture(scope="module", params=REFUSALS)
def backend(request: pytest.FixtureRequest) -> Exim | OpenSmtpd:
    """The server."""
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="module")
def gateway(
    backend: Exim | OpenSmtpd, certificate: Certificate, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningGateway]:
    """In front of it, without inspectors."""
    with RunningGateway(configuration(certificate, backend.address), tmp_path_factory.mktemp("gateway")) as running:
        yield running


@pytest.mark.parametrize("client", SENDERS)
def test_message_arrives_byte_for_byte(
    client: str, backend: Exim | OpenSmtpd, gateway: RunningGateway, certificate: Certificate
) -> None:
    body = b".\r\n..\r\n.x\r\nGr\xc3\xbc\xc3\x9fe\r\n" + b"long " * 190 + b"\r\nend\r\n"
    message = letter(f"kept for {client}", body)
    recipients = ["bob@example.org"]
    sent = SENDERS[client](gateway.port, certificate.authority, message, "ann@example.net", recipients)
    assert re.match(r"250 (2\.1\.5 .*|Accepted)", sent.recipients[0])
    assert re.match(r"250 (2\.0\.0 \w+ Message accepted|OK id=)", sent.end_of_data)
    [kept] = wait_until(lambda: backend.kept(f"kept for {client}"), "it is kept")
    assert without_received(kept, servers=2) == message
    assert gateway.record("transaction", subject=f"kept for {client}")["backend_reply"] == sent.end_of_data


def say(
    port: int,
    sender: str,
    *,
    until: str,
    content: bytes = letter("to be refused"),
    authority: Certificate | None = None,
) -> bytes:
    """The reply to the step `until` of a message from this sender, or to the first that is refused."""
    commands = {"MAIL": f"MAIL FROM:<{sender}>".encode(), "RCPT": b"RCPT TO:<bob@example.org>", "DATA": b"DATA"}
    with Dialogue(port) as client:
        client.open()
        for step, command in commands.items():
            reply = client.command(command)
            if step == until or reply[:1] in b"45":
                return reply
        client.send(re.sub(rb"(?m)^\.", b"..", content))
        return client.command(b".")


@pytest.mark.parametrize("kind", CONTENTS)
def test_content_is_the_same_as_without_us(kind: str, backend: Exim | OpenSmtpd, gateway: RunningGateway) -> None:
    """Servers have ideas of their own (a header to mend, a message to refuse), and have the same ones behind us."""
    before = len(backend.kept())
    if kind == "long lines" and isinstance(backend, OpenSmtpd):
        # It resets the connection at such a line, and whether its reply still arrives is a matter of luck.
        with contextlib.suppress(ConnectionError):
            assert say(backend.port, "ann@example.net", until=".", content=CONTENTS[kind])[:1] in (b"", b"4", b"5")
        assert say(gateway.port, "ann@example.net", until=".", content=CONTENTS[kind])[:1] in (b"4", b"5")
        assert len(backend.kept()) == before
        return
    said = [say(port, "ann@example.net", until=".", content=CONTENTS[kind]) for port in (backend.port, gateway.port)]
    straight, by_us = (re.sub(rb"(id=|2\.0\.0 )\S+", b"", reply) for reply in said)
    assert straight == by_us
    if straight.startswith(b"2"):
        wait_until(lambda: len(backend.kept()) == before + 2, "both are kept", within_s=20)
        with_us = sorted(backend.kept()[before:], key=lambda content: b" by mx1.example.org " in content)
        contents = [without_received(content, servers) for servers, content in enumerate(with_us, 1)]
        assert [re.sub(ADDED, b"", content) for content in contents] == [re.sub(ADDED, b"", contents[0])] * 2


ADDED = rb"(?m)^Date: .* \(UTC\)\r\nMessage-ID: <\w+@backend\.example\.org>\r\n"
"""What OpenSMTPD adds where it is lacking; it differs from message to message."""


@pytest.mark.parametrize("action", ["deny", "defer"])
@pytest.mark.parametrize("step", ["MAIL", "RCPT", "DATA", "."])
def test_refusals_are_verbatim(
    step: str, action: str, request: pytest.FixtureRequest, backend: Exim | OpenSmtpd, gateway: RunningGateway
) -> None:
    """At each step, with all the lines that the server makes of it; a refused DATA is told at the dot (rule R1)."""
    words = REFUSALS[request.node.callspec.params["backend"]]
    sender = f"{action}-{words[step]}@example.net"
    straight = say(backend.port, sender, until=step)
    assert re.match({"deny": rb"550[ -]5\.7\.1 \w+ will not", "defer": rb"451[ -]4\.3\.2 \w+"}[action], straight)
    before = len(backend.kept())
    assert say(gateway.port, sender, until="." if step == "DATA" else step) == straight
    assert len(backend.kept()) == before
