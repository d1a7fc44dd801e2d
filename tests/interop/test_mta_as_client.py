"""Exim and OpenSMTPD as senders: MTAs with a queue, TLS that they insist on and verify, and pipelining of their own."""

from __future__ import annotations

import base64
import random
import re
import smtplib
from collections.abc import Callable, Iterator

import pytest
from peers import wait_until
from peers.contents import infected, letter, without_received
from peers.exim import Exim
from peers.gateway import Certificate, RunningGateway, configuration
from peers.opensmtpd import OpenSmtpd
from peers.recorder import Recorder

NOISE = base64.encodebytes(random.Random(4).randbytes(200_000)).replace(b"\n", b"\r\n")
BODIES = {
    "plain": b"Good morning.\r\n",
    "dots": b".\r\n..\r\n.x\r\n\r\n.\r\n...\r\n",
    "eight bits": "Grüße, 世界\r\n".encode() + bytes(range(128, 256)) + b"\r\n",
    "long lines": b"y" * 998 + b"\r\n." + b"z" * 9_000 + b"\r\n",
    "blanks": b"x \t \r\n \r\n\r\n\r\n",
    "attachment": NOISE,
}


@pytest.fixture(scope="module")
def backend() -> Iterator[Recorder]:
    """What stands behind the gateway."""
    with Recorder() as running:
        yield running


@pytest.fixture(scope="module")
def gateway(
    backend: Recorder, certificate: Certificate, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningGateway]:
    """With the yara inspector."""
    settings = configuration(certificate, backend.address, inspectors=[{"use": "yara"}])
    with RunningGateway(settings, tmp_path_factory.mktemp("gateway")) as running:
        yield running


@pytest.fixture(scope="module", params=[Exim, OpenSmtpd])
def sender(
    request: pytest.FixtureRequest, gateway: RunningGateway, certificate: Certificate
) -> Iterator[Exim | OpenSmtpd]:
    """Sends all it is given to the gateway."""
    with request.param(next_hop=gateway.address, authority=certificate.authority) as running:
        yield running


def post(sender: Exim | OpenSmtpd, message: bytes, recipients: list[str]) -> None:
    """Hands it a message, over SMTP."""
    with smtplib.SMTP("127.0.0.1", sender.port, local_hostname="desk.example.net", timeout=20) as client:
        client.sendmail("ann@example.net", recipients, message, mail_options=["BODY=8BITMIME"])


def failure(sender: Exim | OpenSmtpd, recipient: str, reply: str) -> re.Match[str]:
    """The line of its log that says that this recipient has failed for good with a reply."""
    pattern = (
        rf"\*\* {re.escape(recipient)} .*{reply}"
        if isinstance(sender, Exim)
        else rf'mta delivery .*to=<{re.escape(recipient)}>.* result="PermFail" stat="{reply}'
    )
    return sender.wait_for_log(pattern)


@pytest.mark.parametrize("kind", BODIES)
def test_mail_goes_through(kind: str, sender: Exim | OpenSmtpd, backend: Recorder, gateway: RunningGateway) -> None:
    subject = f"{kind} by {type(sender).__name__}"
    message = letter(subject, BODIES[kind])
    recipients = ["bob@example.org", "carol@example.org", "dave@example.org"]
    post(sender, message, recipients)

    def arrived() -> list[bytes]:
        return [one.content for one in backend.deliveries if f"Subject: {subject}\r\n".encode() in one.content]

    def served() -> list[str]:
        records = gateway.found("transaction", subject=subject, outcome="relayed")
        return sorted(path for record in records for path in record["forward_paths"])

    # One transaction or several: the sender's choice. Each recipient once is what counts.
    wait_until(lambda: served() == recipients, "every recipient has it", within_s=20)
    assert [without_received(content, servers=2) for content in arrived()] == [message] * len(arrived())
    record = gateway.record("transaction", subject=subject)
    assert (record["tls"], record["helo"]) == (True, "sender.example.net")
    assert record["client"].startswith(f"{sender.source}:")


def test_certificate_was_verified(sender: Exim | OpenSmtpd) -> None:
    """They say so themselves; a sender that took any certificate would prove little."""
    post(sender, letter("verified"), ["bob@example.org"])
    if isinstance(sender, Exim):
        sender.wait_for_log(r"=> bob@example\.org .* X=TLS1\.3:\S+ CV=yes")
    else:
        sender.wait_for_log(r"mta tls ciphers=TLSv1\.3:.*")
        sender.wait_for_log(r'mta server-cert-check result="success"')


def test_exim_sends_chunks(gateway: RunningGateway, certificate: Certificate, backend: Recorder) -> None:
    """It does so wherever CHUNKING is offered, to a backend that has none, too."""
    with Exim(next_hop=gateway.address, authority=certificate.authority) as sender:
        message = letter("in chunks", BODIES["dots"])
        post(sender, message, ["bob@example.org"])
        # K: by BDAT.
        sender.wait_for_log(r"=> bob@example\.org .* K C=\"250 ")
    [arrived] = [one for one in backend.deliveries if b"Subject: in chunks" in one.content]
    assert without_received(arrived.content, servers=2) == message
    assert b"DATA" in arrived.commands


def test_infected_message_fails(sender: Exim | OpenSmtpd, backend: Recorder) -> None:
    post(sender, infected(f"infected by {type(sender).__name__}"), ["eve@example.org"])
    failure(sender, "eve@example.org", r"5\d\d 5\.7\.\d ")
    assert not [one for one in backend.deliveries if b"Subject: infected by" in one.content]


def test_refused_recipient_fails_alone(sender: Exim | OpenSmtpd, backend: Recorder, gateway: RunningGateway) -> None:
    subject = f"half refused by {type(sender).__name__}"
    post(sender, letter(subject), ["eve@elsewhere.example", "bob@example.org"])
    failure(sender, "eve@elsewhere.example", r"550 5\.7\.1 ")
    assert gateway.record("transaction", subject=subject)["forward_paths"] == ["bob@example.org"]


@pytest.mark.parametrize("kind", [Exim, OpenSmtpd])
def test_backends_words_reach_the_senders_log(
    kind: type[Exim | OpenSmtpd],
    recorder: Recorder,
    run_gateway: Callable[..., RunningGateway],
    certificate: Certificate,
) -> None:
    recorder.replies[b"."] = b"554-5.6.0 two lines\r\n554 5.6.0 of the backend\r\n"
    gateway = run_gateway(recorder.address)
    with kind(next_hop=gateway.address, authority=certificate.authority) as sender:
        post(sender, letter("refused at the dot"), ["bob@example.org"])
        failure(sender, "bob@example.org", r"554.5\.6\.0 two lines")
