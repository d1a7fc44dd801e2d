"""s-nail as the client: the mail(1) an administrator has at hand, which writes a message of its own and sends it."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

import pytest
from peers import program
from peers.clients import HELO
from peers.contents import EICAR, without_received
from peers.gateway import RunningGateway
from peers.recorder import Recorder

BODY = ".\n..\n.x\nGrüße\n" + "long " * 100 + "\n\n.\n"


def send(gateway: RunningGateway, subject: str, body: str, recipients: list[str]) -> subprocess.CompletedProcess[str]:
    """Sends over STARTTLS, without a configuration file of the host.

    s-nail compares names alone, and 127.0.0.1 is none in its eyes, so the certificate is not verified here.
    """
    settings = [
        *[f"mta=smtp://127.0.0.1:{gateway.port}", "smtp-use-starttls", "smtp-auth=none", "v15-compat"],
        *["tls-verify=ignore", "sendwait", "nosave"],
        *[f"hostname={HELO}", f"smtp-hostname={HELO}", "from=ann@example.net"],
        *["ttycharset=utf-8", "sendcharsets=utf-8", "mime-encoding=8bit"],
    ]
    command = [program("s-nail"), "-:/"]
    for setting in settings:
        command += ["-S", setting]
    command += ["-s", subject, *recipients]
    return subprocess.run(command, input=body, capture_output=True, text=True, timeout=60)


def test_message_arrives(recorder: Recorder, run_gateway: Callable[..., RunningGateway]) -> None:
    gateway = run_gateway(recorder.address)
    recipients = ["bob@example.org", "carol@example.org"]
    done = send(gateway, "by s-nail", BODY, recipients)
    assert done.returncode == 0, done.stderr
    assert len(recorder.deliveries) == 1
    header, _, body = without_received(recorder.deliveries[0].content).partition(b"\r\n\r\n")
    assert b"\r\nSubject: by s-nail\r\n" in header + b"\r\n"
    assert body == BODY.replace("\n", "\r\n").encode()
    record = gateway.record("transaction", subject="by s-nail")
    assert (record["outcome"], record["tls"], record["forward_paths"]) == ("relayed", True, recipients)


@pytest.mark.parametrize("verb", [b"MAIL", b"RCPT", b"DATA", b"."])
def test_a_backends_refusal_is_told(
    verb: bytes, recorder: Recorder, run_gateway: Callable[..., RunningGateway]
) -> None:
    recorder.replies[verb] = b"554 5.7.1 not today, says the backend\r\n"
    done = send(run_gateway(recorder.address), "refused", BODY, ["bob@example.org"])
    assert done.returncode != 0
    assert "554 5.7.1 not today, says the backend" in done.stderr
    assert not recorder.deliveries


def test_an_infected_message_is_refused(recorder: Recorder, run_gateway: Callable[..., RunningGateway]) -> None:
    gateway = run_gateway(recorder.address, inspectors=[{"use": "yara"}])
    done = send(gateway, "infected by s-nail", EICAR.decode() + "\n", ["bob@example.org"])
    assert done.returncode != 0, done.stderr
    assert gateway.record("transaction", subject="infected by s-nail")["outcome"] == "rejected"
    assert not recorder.deliveries
