"""Real clients through the gateway to a real Postfix: what arrives, what is said, who is named.

Rules R1 (the backend's reply, verbatim), R3 (content, byte for byte) and O1 (the backend learns the client's
address), each seen from outside.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from peers import wait_until
from peers.clients import HELO, SENDERS, SOURCE, Dialogue
from peers.contents import CONTENTS, infected, letter, without_received
from peers.gateway import Certificate, RunningGateway, configuration
from peers.postfix import (
    DEFERRED_USER_REPLY,
    REFUSED_RELAY_REPLY,
    REFUSED_SUBJECT,
    REFUSED_SUBJECT_REPLY,
    REFUSED_USER_REPLY,
    Postfix,
    queued_as,
)
from peers.recorder import Recorder

BODY = b".\r\n..\r\n.leading dot\r\nGr\xc3\xbc\xc3\x9fe\r\n" + b"long " * 300 + b"\r\n\r\nlast line\r\n"


@pytest.fixture(scope="module")
def gateway(
    postfix: Postfix, certificate: Certificate, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningGateway]:
    """One gateway in front of Postfix, with the yara inspector."""
    settings = configuration(certificate, postfix.address, xclient=True, inspectors=[{"use": "yara"}])
    with RunningGateway(settings, tmp_path_factory.mktemp("gateway")) as running:
        yield running


@pytest.fixture
def to_recorder(recorder: Recorder, run_gateway: Callable[..., RunningGateway]) -> RunningGateway:
    """A gateway in front of a recorder, without inspectors."""
    return run_gateway(recorder.address)


def arrived(mailbox: Recorder, marker: str) -> bytes:
    """The content of the one message with this subject, as Postfix handed it on."""
    subject = f"Subject: {marker}\r\n".encode()
    found = wait_until(lambda: [d for d in mailbox.deliveries if subject in d.content], f"{marker} arrives")
    assert len(found) == 1
    return found[0].content


@pytest.mark.parametrize("client", SENDERS)
def test_message_arrives_byte_for_byte(
    client: str, gateway: RunningGateway, postfix: Postfix, mailbox: Recorder, certificate: Certificate
) -> None:
    message = letter(f"by {client}", BODY)
    sent = SENDERS[client](gateway.port, certificate.authority, message, "ann@example.net", ["bob@example.org"])
    assert sent.tls == "TLSv1.3"
    assert sent.recipients == ("250 2.1.5 Ok",)
    assert without_received(arrived(mailbox, f"by {client}"), servers=2) == message

    # R1: it is Postfix's own reply, the queue id in it is Postfix's.
    queued = queued_as(sent.end_of_data)
    # As one chunk: of those it says how long they are.
    assert " bytes queued as " in sent.end_of_data
    # O1: Postfix knows the client itself, not us.
    postfix.wait_for_log(rf"{queued}: client=unknown\[{re.escape(SOURCE)}\]")
    received = arrived(mailbox, f"by {client}").split(b"\r\n")[0].decode()
    assert received == f"Received: from {HELO} (unknown [{SOURCE}])"

    record = gateway.record("transaction", subject=f"by {client}")
    assert record["outcome"] == "relayed"
    assert record["tls"] is True
    assert record["helo"] == HELO
    assert record["client"].startswith(f"{SOURCE}:")
    assert record["forward_paths"] == ["bob@example.org"]
    assert record["backend_reply"] == record["reply"] == sent.end_of_data
    assert record["size"] == len(message)


def test_a_long_message_goes_by_data(
    gateway: RunningGateway, postfix: Postfix, mailbox: Recorder, certificate: Certificate
) -> None:
    message = letter("a long one", BODY * 50)
    assert len(message) > 64 << 10
    sent = SENDERS["smtplib"](gateway.port, certificate.authority, message, "ann@example.net", ["bob@example.org"])
    postfix.wait_for_log(queued_as(sent.end_of_data))
    assert " bytes queued as " not in sent.end_of_data
    assert without_received(arrived(mailbox, "a long one"), servers=2) == message


@pytest.mark.parametrize("client", SENDERS)
def test_refused_recipients_reply_is_the_backends(
    client: str, gateway: RunningGateway, mailbox: Recorder, certificate: Certificate
) -> None:
    marker = f"some refused by {client}"
    recipients = ["nobody@example.org", "bob@example.org", "later@example.org", "eve@elsewhere.example"]
    sent = SENDERS[client](gateway.port, certificate.authority, letter(marker), "ann@example.net", recipients)
    # The last: Postfix would relay for us, and does not for the client (rule O1).
    assert sent.recipients == (REFUSED_USER_REPLY, "250 2.1.5 Ok", DEFERRED_USER_REPLY, REFUSED_RELAY_REPLY)
    arrived(mailbox, marker)
    assert gateway.record("transaction", subject=marker)["forward_paths"] == ["bob@example.org"]


@pytest.mark.parametrize("client", SENDERS)
def test_backends_refusal_of_content_is_verbatim(
    client: str, gateway: RunningGateway, certificate: Certificate
) -> None:
    message = letter(REFUSED_SUBJECT)
    sent = SENDERS[client](gateway.port, certificate.authority, message, "ann@example.net", ["bob@example.org"])
    assert sent.end_of_data == REFUSED_SUBJECT_REPLY
    assert gateway.record("transaction", outcome="refused-by-backend")["backend_reply"] == REFUSED_SUBJECT_REPLY


@pytest.mark.parametrize("client", SENDERS)
def test_infected_message_is_refused_and_goes_nowhere(
    client: str, gateway: RunningGateway, mailbox: Recorder, certificate: Certificate
) -> None:
    marker = f"infected by {client}"
    send = SENDERS[client]
    sent = send(gateway.port, certificate.authority, infected(marker), "ann@example.net", ["bob@example.org"])
    assert re.match(r"5\d\d 5\.7\.", sent.end_of_data)
    record = gateway.record("transaction", subject=marker)
    assert record["outcome"] == "rejected"
    assert record["verdict"]["by"] == "yara"
    assert "eicar" in record["verdict"]["reason"].lower()
    # A later message on another connection is there, so the infected one had its time.
    after = f"after {marker}"
    send(gateway.port, certificate.authority, letter(after), "ann@example.net", ["bob@example.org"])
    arrived(mailbox, after)
    assert not [delivery for delivery in mailbox.deliveries if f"Subject: {marker}".encode() in delivery.content]


@pytest.mark.parametrize("kind", CONTENTS)
def test_content_is_relayed_unchanged(
    kind: str, recorder: Recorder, to_recorder: RunningGateway, certificate: Certificate
) -> None:
    content = CONTENTS[kind]
    stuffed = re.sub(rb"(?m)^\.", b"..", content)
    with Dialogue(to_recorder.port) as client:
        client.open(certificate.authority)
        # Offered once the backend has been seen to offer it; until then EHLO is careful.
        wait_until(lambda: b"8BITMIME" in client.command(b"EHLO " + HELO.encode()), "8BITMIME is offered")
        assert client.command(b"MAIL FROM:<> BODY=8BITMIME").startswith(b"250 ")
        assert client.command(b"RCPT TO:<bob@example.org>").startswith(b"250 ")
        assert client.command(b"DATA").startswith(b"354 ")
        client.send(stuffed)
        # R1 on the recorder's own words.
        assert client.command(b".") == b"250 2.0.0 recorded\r\n"
    assert [without_received(delivery.content) for delivery in recorder.deliveries] == [content]
    assert recorder.deliveries[0].command(b"MAIL").startswith(b"MAIL FROM:<>")


def test_a_reply_of_many_lines_is_the_backends(
    recorder: Recorder, to_recorder: RunningGateway, certificate: Certificate
) -> None:
    replies = {
        b"MAIL": b"250-2.1.0 a sender\r\n250-2.1.0 \r\n250 2.1.0 welcome\r\n",
        b"RCPT": b"251-2.1.5 elsewhere\r\n251 2.1.5 <bob@example.org>\r\n",
        b".": b"452-4.2.2 the mailbox\r\n452 4.2.2 is full\r\n",
    }
    recorder.replies.update(replies)
    with Dialogue(to_recorder.port) as client:
        client.open(certificate.authority)
        assert client.command(b"MAIL FROM:<ann@example.net>") == replies[b"MAIL"]
        assert client.command(b"RCPT TO:<bob@example.org>") == replies[b"RCPT"]
        client.command(b"DATA")
        client.send(letter("full"))
        assert client.command(b".") == replies[b"."]
        # The connection lives, and so does the backend's.
        recorder.replies.clear()
        assert client.command(b"MAIL FROM:<ann@example.net>").startswith(b"250 ")
    assert not recorder.deliveries


@pytest.mark.parametrize(
    "reply",
    [b"250 2.1.5 one too many\r\n", b"354 go on\r\n250 2.0.0 before its time\r\n"],
    ids=["for 354", "behind it"],
)
def test_a_reply_out_of_turn_is_no_messages(
    reply: bytes, recorder: Recorder, to_recorder: RunningGateway, certificate: Certificate
) -> None:
    """A backend out of step must not make the client believe in a delivery, nor get an end of data from us."""
    recorder.replies[b"DATA"] = reply
    with Dialogue(to_recorder.port) as client:
        client.open(certificate.authority)
        assert client.command(b"MAIL FROM:<ann@example.net>").startswith(b"250 ")
        assert client.command(b"RCPT TO:<bob@example.org>").startswith(b"250 ")
        assert client.command(b"DATA").startswith(b"354 ")
        client.send(letter("out of turn"))
        assert client.command(b".").startswith(b"451 4.")
    assert not recorder.deliveries


def test_messages_of_one_connection_stay_apart(
    recorder: Recorder, to_recorder: RunningGateway, certificate: Certificate
) -> None:
    with Dialogue(to_recorder.port) as client:
        client.open(certificate.authority)
        for number in range(5):
            client.command(b"MAIL FROM:<ann%d@example.net>" % number)
            client.command(b"RCPT TO:<bob%d@example.org>" % number)
            if number == 2:
                assert client.command(b"RSET").startswith(b"250 ")
                continue
            if number == 3:
                # RFC 5321 §4.1.4: a new EHLO is a reset, too.
                assert client.command(b"EHLO again.example.net").startswith(b"250")
                client.command(b"MAIL FROM:<ann%d@example.net>" % number)
                client.command(b"RCPT TO:<bob%d@example.org>" % number)
            client.command(b"DATA")
            client.send(letter(f"number {number}"))
            assert client.command(b".") == b"250 2.0.0 recorded\r\n"
        assert client.command(b"QUIT").startswith(b"221 ")
        assert client.ended()
    assert [without_received(delivery.content) for delivery in recorder.deliveries] == [
        letter(f"number {n}") for n in (0, 1, 3, 4)
    ]
    for delivery, number in zip(recorder.deliveries, (0, 1, 3, 4), strict=True):
        assert delivery.command(b"MAIL").startswith(b"MAIL FROM:<ann%d@example.net>" % number)
        assert delivery.command(b"RCPT").startswith(b"RCPT TO:<bob%d@example.org>" % number)
    record = to_recorder.record("connection")
    assert record["end"] == "quit"
    assert record["relayed"] == 4
    outcomes = [record["outcome"] for record in to_recorder.found("transaction")]
    assert outcomes == ["relayed", "relayed", "abandoned", "abandoned", "relayed", "relayed"]


def test_backend_that_does_not_offer_xclient_gets_no_mail(
    recorder: Recorder, run_gateway: Callable[..., RunningGateway], certificate: Certificate
) -> None:
    """Rule O1: it would take our own address for the client's."""
    gateway = run_gateway(recorder.address, xclient=True)
    with Dialogue(gateway.port) as client:
        client.open(certificate.authority)
        assert client.command(b"MAIL FROM:<ann@example.net>").startswith(b"451 4.")
    assert not recorder.saw(b"MAIL")
    assert "XCLIENT" in gateway.record("backend-failed")["error"]


def test_other_domains_are_refused_where_the_backend_trusts_us(
    recorder: Recorder, to_recorder: RunningGateway, certificate: Certificate
) -> None:
    """Rule O1: without identity only the listener's own domains."""
    with Dialogue(to_recorder.port) as client:
        client.open(certificate.authority)
        client.command(b"MAIL FROM:<ann@example.net>")
        for path in (
            b"eve@elsewhere.example",
            b"eve%elsewhere.example@example.org",
            b"@example.org:eve@elsewhere.example",
        ):
            assert client.command(b"RCPT TO:<" + path + b">").startswith((b"550 5.7.1", b"553 5.1.3", b"501 5.1.3")), (
                path
            )
        assert client.command(b"RCPT TO:<bob@EXAMPLE.org>").startswith(b"250 ")
    assert not any(b"elsewhere" in line for session in recorder.sessions for line in session)
