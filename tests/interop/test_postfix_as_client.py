"""Postfix as the sender: a real MTA with a queue, TLS required, its own idea of pipelining, retries and connection
reuse."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from peers import wait_until
from peers.contents import infected, letter, without_received
from peers.gateway import Certificate, RunningGateway, configuration
from peers.postfix import REFUSED_USER_REPLY, Postfix, queued_as
from peers.recorder import Recorder


@pytest.fixture(scope="module")
def gateway(
    postfix: Postfix, certificate: Certificate, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningGateway]:
    """In front of the session's Postfix, with the yara inspector."""
    settings = configuration(certificate, postfix.address, xclient=True, inspectors=[{"use": "yara"}])
    with RunningGateway(settings, tmp_path_factory.mktemp("gateway")) as running:
        yield running


@pytest.fixture(scope="module")
def sender(gateway: RunningGateway, certificate: Certificate) -> Iterator[Postfix]:
    """A second Postfix that sends everything to the gateway and insists on verified TLS."""
    main = {
        "myhostname": "sender.example.net",
        "smtp_helo_name": "sender.example.net",
        "smtp_bind_address": "127.0.0.79",
        "smtp_tls_security_level": "secure",
        "smtp_tls_secure_cert_match": "mx1.example.org",
        "smtp_tls_CAfile": str(certificate.authority),
        "smtp_tls_loglevel": "1",
        "smtpd_recipient_restrictions": "permit",
        "header_checks": "",
    }
    with Postfix(next_hop=gateway.address, main=main) as running:
        yield running


def post(sender: Postfix, message: bytes, recipients: list[str]) -> None:
    """Queues a message as a program on the sender's machine would."""
    sender.sendmail(message.replace(b"\r\n", b"\n"), sender="ann@example.net", recipients=recipients)


def test_mail_of_an_mta_goes_through(
    sender: Postfix, gateway: RunningGateway, postfix: Postfix, mailbox: Recorder
) -> None:
    body = b".\r\n..\r\nGr\xc3\xbc\xc3\x9fe\r\n" + b"long " * 1000 + b"\r\n"
    message = letter("from an MTA", body)
    post(sender, message, ["bob@example.org"])
    # The reply of the backend is in the sender's log: what it was told is what Postfix behind us said.
    sent = sender.wait_for_log(r"to=<bob@example\.org>.*status=sent \((250 2\.0\.0 Ok: .*)\)")
    postfix.wait_for_log(rf"{queued_as(sent[1])}: client=unknown\[127\.0\.0\.79\]")
    sender.wait_for_log(r"Verified TLS connection established to .*: TLSv1\.3")
    found = wait_until(lambda: [d for d in mailbox.deliveries if b"Subject: from an MTA" in d.content], "it arrives")
    content = without_received(found[0].content, servers=3)
    assert content == message
    assert found[0].content.startswith(b"Received: from sender.example.net (unknown [127.0.0.79])")


def test_many_messages_reuse_nothing_they_should_not(sender: Postfix, mailbox: Recorder) -> None:
    """Twenty messages at once, in as many connections as the sender likes: each arrives once, unmixed."""
    messages = {f"burst {number:02}": letter(f"burst {number:02}", b"%d\r\n" % number * 2000) for number in range(20)}
    for subject, message in messages.items():
        post(sender, message, [f"bob+{subject.replace(' ', '.')}@example.org"])

    def burst() -> list[bytes]:
        return [d.content for d in mailbox.deliveries if b"Subject: burst " in d.content]

    wait_until(lambda: len(burst()) >= 20, "all arrive", within_s=30)
    assert sorted(without_received(content, servers=3) for content in burst()) == sorted(messages.values())


def test_refused_recipient_bounces_with_the_backends_words(sender: Postfix, mailbox: Recorder) -> None:
    """One of two recipients: the other one gets the message, the sender a bounce that quotes the backend."""
    post(sender, letter("half refused"), ["nobody@example.org", "bob@example.org"])
    sender.wait_for_log(r"to=<nobody@example\.org>.*status=bounced .*" + re.escape(REFUSED_USER_REPLY))
    sender.wait_for_log(r"to=<bob@example\.org>.*status=sent")
    wait_until(lambda: [d for d in mailbox.deliveries if b"Subject: half refused" in d.content], "it arrives")


def test_infected_message_bounces(sender: Postfix, gateway: RunningGateway, mailbox: Recorder) -> None:
    post(sender, infected("infected by an MTA"), ["eve@example.org"])
    sender.wait_for_log(
        r"to=<eve@example\.org>.*status=bounced \(host .* said: 5\d\d 5\.7\.\d .* \(in reply to end of DATA"
    )
    assert gateway.record("transaction", subject="infected by an MTA")["outcome"] == "rejected"
    assert not [d for d in mailbox.deliveries if b"Subject: infected by an MTA" in d.content[:400]]


@pytest.fixture
def hung_gateway(run_gateway: Callable[..., RunningGateway], postfix: Postfix) -> RunningGateway:
    """One whose inspector never answers."""
    inspectors = [{"use": "inspectors:Hung", "timeout_s": 1}]
    return run_gateway(postfix.address, xclient=True, inspectors=inspectors, limits={"drain_s": 1})


def test_deferred_message_stays_in_the_senders_queue(hung_gateway: RunningGateway, mailbox: Recorder) -> None:
    """Rule D0 end to end: 451, kept by the sender, nothing at the backend."""
    main = {"smtp_tls_security_level": "encrypt", "smtpd_recipient_restrictions": "permit", "header_checks": ""}
    with Postfix(next_hop=hung_gateway.address, main=main) as sender:
        post(sender, letter("to be deferred"), ["bob@example.org"])
        sender.wait_for_log(r"to=<bob@example\.org>.*status=deferred \(host .* said: 451 4\.7\.1", within_s=20)
    assert not [d for d in mailbox.deliveries if b"Subject: to be deferred" in d.content]
