"""Exim as the server we protect: what it says reaches the client, what the client sent is what Exim keeps.

It knows no XCLIENT (Debian 12), so the gateway itself limits the recipients (rule O1).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from peers.clients import HELO, SENDERS, Dialogue
from peers.contents import CONTENTS, letter, without_received
from peers.exim import REFUSALS, Exim
from peers.gateway import Certificate, RunningGateway, configuration


@pytest.fixture(scope="module")
def gateway(exim: Exim, certificate: Certificate, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    """In front of Exim, without inspectors."""
    with RunningGateway(configuration(certificate, exim.address), tmp_path_factory.mktemp("gateway")) as running:
        yield running


@pytest.mark.parametrize("client", SENDERS)
def test_message_arrives_byte_for_byte(
    client: str, exim: Exim, gateway: RunningGateway, certificate: Certificate
) -> None:
    message = letter(
        f"Exim gets {client}", b".\r\n..\r\n.x\r\nGr\xc3\xbc\xc3\x9fe\r\n" + b"long " * 190 + b"\r\nend\r\n"
    )
    recipients = ["bob@example.org", "carol@example.org"]
    sent = SENDERS[client](gateway.port, certificate.authority, message, "ann@example.net", recipients)
    assert sent.recipients == ("250 Accepted", "250 Accepted")
    queued = re.fullmatch(r"250 OK id=(\S+)", sent.end_of_data)
    assert queued
    exim.wait_for_log(rf"{re.escape(queued[1])} Completed")
    [kept] = exim.kept(f"Exim gets {client}")
    assert without_received(kept, servers=2) == message
    assert gateway.record("transaction", subject=f"Exim gets {client}")["backend_reply"] == sent.end_of_data


@pytest.mark.parametrize("kind", CONTENTS)
def test_content_is_the_same_as_without_us(
    kind: str, exim: Exim, gateway: RunningGateway, certificate: Certificate
) -> None:
    """Exim has ideas of its own (a header it mends, a NUL it drops): what it keeps by way of us is what it keeps."""
    kept = []
    for number, (port, servers) in enumerate([(exim.port, 1), (gateway.port, 2)]):
        with Dialogue(port) as client:
            client.open(certificate.authority)
            # Two senders, to tell the copies apart, and of the same length.
            assert client.command(b"MAIL FROM:<ann%d@example.net>" % number).startswith(b"250 ")
            assert client.command(b"RCPT TO:<bob@example.org>").startswith(b"250 ")
            assert client.command(b"DATA").startswith(b"354 ")
            client.send(re.sub(rb"(?m)^\.", b"..", CONTENTS[kind]))
            queued = re.fullmatch(rb"250 OK id=(\S+)\r\n", client.command(b"."))
        assert queued
        exim.wait_for_log(rf"{queued[1].decode()} Completed")
        kept.append(without_received((exim.root.folder / "mail" / f"{queued[1].decode()}.eml").read_bytes(), servers))
    assert kept[0] == kept[1]


def say(port: int, sender: str, *, until: str) -> bytes:
    """The reply to the step `until` of a message from this sender."""
    commands = {"MAIL": f"MAIL FROM:<{sender}>".encode(), "RCPT": b"RCPT TO:<bob@example.org>", "DATA": b"DATA"}
    with Dialogue(port) as client:
        assert client.reply().startswith(b"220 ")
        assert client.command(b"EHLO " + HELO.encode()).startswith(b"250")
        for step, command in commands.items():
            reply = client.command(command)
            if step == until or reply[:1] in b"45":
                return reply
        return client.command(letter("to be refused") + b".")


@pytest.mark.parametrize("action", ["deny", "defer"])
@pytest.mark.parametrize("step", REFUSALS)
def test_refusals_are_verbatim(step: str, action: str, exim: Exim, gateway: RunningGateway) -> None:
    """At each step, with all the lines that Exim makes of it; a refused DATA is told at the dot (rule R1)."""
    sender = f"{action}-{REFUSALS[step].removeprefix('acl_')}@example.net"
    straight = say(exim.port, sender, until=step)
    assert straight.startswith({"deny": b"550-5.7.1 Exim will not", "defer": b"451-4.3.2 Exim would rather"}[action])
    before = len(exim.kept())
    assert say(gateway.port, sender, until="." if step == "DATA" else step) == straight
    assert len(exim.kept()) == before
