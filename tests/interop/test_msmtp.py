"""msmtp as the client: a program that knows no queue and gives up at the first refusal, and says so by its exit."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

import pytest
from peers import program
from peers.clients import HELO, SOURCE
from peers.contents import infected, letter, without_received
from peers.gateway import Certificate, RunningGateway
from peers.recorder import Recorder

REFUSED = {b"MAIL": 65, b"RCPT": 65, b"DATA": 69, b".": 69}
"""How msmtp exits when the server answers 5yz: EX_DATAERR for an address, EX_UNAVAILABLE for the message."""
ODD = b".\r\n..\r\n.x\r\nGr\xc3\xbc\xc3\x9fe\r\n" + b"long " * 1000 + b"\r\n\r\n.\r\n"


def send(
    gateway: RunningGateway, certificate: Certificate, message: bytes, recipients: list[str]
) -> subprocess.CompletedProcess[bytes]:
    """Sends over STARTTLS with the certificate verified. msmtp takes the message with LF line ends."""
    command = [
        *[program("msmtp"), "--file=/dev/null", "--host=127.0.0.1", f"--port={gateway.port}", "--auth=off"],
        *["--tls=on", "--tls-starttls=on", f"--tls-trust-file={certificate.authority}"],
        *[f"--domain={HELO}", f"--source-ip={SOURCE}", "--from=ann@example.net", "--timeout=30", "--", *recipients],
    ]
    return subprocess.run(command, input=message.replace(b"\r\n", b"\n"), capture_output=True, timeout=60)


def test_message_arrives_byte_for_byte(
    recorder: Recorder, run_gateway: Callable[..., RunningGateway], certificate: Certificate
) -> None:
    gateway = run_gateway(recorder.address)
    message = letter("by msmtp", ODD)
    recipients = ["bob@example.org", "carol@example.org"]
    done = send(gateway, certificate, message, recipients)
    assert done.returncode == 0, done.stderr
    assert [without_received(delivery.content) for delivery in recorder.deliveries] == [message]
    record = gateway.record("transaction", subject="by msmtp")
    assert (record["outcome"], record["tls"], record["forward_paths"]) == ("relayed", True, recipients)


@pytest.mark.parametrize("verb", REFUSED)
def test_a_backends_refusal_is_told(
    verb: bytes, recorder: Recorder, run_gateway: Callable[..., RunningGateway], certificate: Certificate
) -> None:
    recorder.replies[verb] = b"554 5.7.1 not today, says the backend\r\n"
    done = send(run_gateway(recorder.address), certificate, letter("refused"), ["bob@example.org"])
    assert done.returncode == REFUSED[verb], done.stderr
    assert b"554 5.7.1 not today, says the backend" in done.stderr
    assert not recorder.deliveries


def test_an_infected_message_is_refused(
    recorder: Recorder, run_gateway: Callable[..., RunningGateway], certificate: Certificate
) -> None:
    gateway = run_gateway(recorder.address, inspectors=[{"use": "yara"}])
    done = send(gateway, certificate, infected("infected by msmtp"), ["bob@example.org"])
    assert done.returncode == REFUSED[b"."], done.stderr
    assert gateway.record("transaction", subject="infected by msmtp")["outcome"] == "rejected"
    assert not recorder.deliveries
