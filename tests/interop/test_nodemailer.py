"""nodemailer as the client: what most programs on Node send with, with its own MIME, pipelining and dot-stuffing."""

from __future__ import annotations

import base64
import email
import email.policy
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from peers import absent, program, unpacked
from peers.clients import HELO, SOURCE
from peers.contents import CONTENTS, EICAR, without_received
from peers.gateway import Certificate, RunningGateway, configuration
from peers.recorder import Recorder

SCRIPT = Path(__file__).parents[1] / "peers" / "nodemailer.cjs"
ENVELOPE = {"from": "ann@example.net", "to": ["bob@example.org", "carol@example.org"]}


def send(gateway: RunningGateway, certificate: Certificate, message: dict[str, Any]) -> dict[str, Any]:
    """Sends it, and what nodemailer made of the replies."""
    library = unpacked("node_modules/nodemailer") or absent("nodemailer")
    task = {"port": gateway.port, "authority": str(certificate.authority), "source": SOURCE, "helo": HELO}
    done = subprocess.run(
        [program("node"), SCRIPT, library],
        input=json.dumps(task | {"message": message}),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def gateway_and_backend(
    certificate: Certificate, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[RunningGateway, Recorder]]:
    """One for all tests, with the yara inspector."""
    with Recorder() as backend:
        settings = configuration(certificate, backend.address, inspectors=[{"use": "yara"}])
        with RunningGateway(settings, tmp_path_factory.mktemp("gateway")) as running:
            yield running, backend


@pytest.fixture
def gateway(gateway_and_backend: tuple[RunningGateway, Recorder]) -> RunningGateway:
    """The same, without the records of the tests before."""
    gateway_and_backend[0].records.clear()
    return gateway_and_backend[0]


@pytest.fixture
def backend(gateway_and_backend: tuple[RunningGateway, Recorder]) -> Recorder:
    """What stands behind it, with nothing in it."""
    gateway_and_backend[1].deliveries.clear()
    gateway_and_backend[1].replies.clear()
    return gateway_and_backend[1]


# nodemailer ends a message that does not end in CRLF, and takes an empty `raw` for none.
@pytest.mark.parametrize("kind", [kind for kind, content in CONTENTS.items() if content])
def test_content_arrives_byte_for_byte(
    kind: str, backend: Recorder, gateway: RunningGateway, certificate: Certificate
) -> None:
    raw = base64.b64encode(CONTENTS[kind]).decode()
    told = send(gateway, certificate, {"envelope": ENVELOPE, "raw": raw})
    assert told == {"accepted": ENVELOPE["to"], "rejected": [], "refusals": [], "response": "250 2.0.0 recorded"}
    assert [without_received(delivery.content) for delivery in backend.deliveries] == [CONTENTS[kind]]
    assert gateway.record("transaction")["tls"] is True


def test_an_attachment_of_its_own_making(backend: Recorder, gateway: RunningGateway, certificate: Certificate) -> None:
    octets = bytes(range(256)) * 300
    text = ".\n..\nGrüße\n" + "long " * 500 + "\n"
    attachment = {"filename": "Größe.bin", "content": base64.b64encode(octets).decode(), "encoding": "base64"}
    message = {"from": "ann@example.net", "to": "bob@example.org", "subject": "Grüße", "text": text}
    assert send(gateway, certificate, message | {"attachments": [attachment]})["accepted"] == ["bob@example.org"]
    [delivery] = backend.deliveries
    parsed = email.message_from_bytes(delivery.content, policy=email.policy.default)
    body, attached = parsed.iter_parts()
    assert body.get_content().replace("\r\n", "\n") == text
    assert (attached.get_filename(), attached.get_content()) == ("Größe.bin", octets)
    record = gateway.record("transaction", outcome="relayed")
    assert record["subject"] == "Grüße"


@pytest.mark.parametrize("verb", [b"MAIL", b"RCPT", b"DATA", b"."])
def test_a_backends_refusal_is_an_error(
    verb: bytes, backend: Recorder, gateway: RunningGateway, certificate: Certificate
) -> None:
    backend.replies[verb] = b"554 5.7.1 not today, says the backend\r\n"
    told = send(gateway, certificate, {"envelope": ENVELOPE, "text": "hello"})
    assert (told["responseCode"], told["response"]) == (554, "554 5.7.1 not today, says the backend")
    assert not backend.deliveries


def test_one_recipient_of_two(backend: Recorder, gateway: RunningGateway, certificate: Certificate) -> None:
    """The refused one is told, the other one gets the message."""
    to = ["bob@example.org", "eve@elsewhere.example"]
    told = send(gateway, certificate, {"envelope": ENVELOPE | {"to": to}, "text": "hello"})
    assert (told["accepted"], told["rejected"]) == (to[:1], to[1:])
    assert told["refusals"][0].startswith("550 5.7.1")
    assert len(backend.deliveries) == 1


def test_an_infected_message_is_an_error(backend: Recorder, gateway: RunningGateway, certificate: Certificate) -> None:
    attachment = {"filename": "x.com", "content": base64.b64encode(EICAR).decode(), "encoding": "base64"}
    told = send(gateway, certificate, {"envelope": ENVELOPE, "text": "hello", "attachments": [attachment]})
    assert 500 <= told["responseCode"] < 600
    gateway.record("transaction", outcome="rejected")
    assert not backend.deliveries
