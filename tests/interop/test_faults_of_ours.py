"""The gateway is stopped or killed in every phase of a message while real MTAs send, and comes back: nothing is lost,
and nothing is doubled but where SMTP cannot tell (RFC 1047).

Postfix and Exim send at the same time, each with its own queue; both are in the phase when the signal comes, and both
try again.
"""

from __future__ import annotations

import random
import signal
import smtplib
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from peers import free_port, wait_until
from peers.contents import letter, without_received
from peers.exim import Exim
from peers.gateway import Certificate, RunningGateway, configuration, streaming
from peers.postfix import Postfix
from peers.recorder import Recorder

LINE = b"a line of a large message " * 36 + b"\r\n"
LARGE = LINE * 18_000

Senders = tuple[Postfix, Exim]


@pytest.fixture(scope="module")
def port() -> int:
    """Where the gateway is, each time it comes back."""
    return free_port()


@pytest.fixture(scope="module")
def senders(port: int, certificate: Certificate) -> Iterator[Senders]:
    """Two MTAs that send everything to the gateway, and try again every second."""
    main = {
        "smtp_tls_security_level": "encrypt",
        "smtpd_recipient_restrictions": "permit",
        "header_checks": "",
        "queue_run_delay": "1s",
        "minimal_backoff_time": "1s",
        "transport_retry_time": "1s",
        "maximal_backoff_time": "1s",
        "smtp_destination_concurrency_limit": "20",
        "smtp_destination_concurrency_failed_cohort_limit": "0",
        "smtp_destination_recipient_limit": "1",
    }
    hop = f"127.0.0.1:{port}"
    with Postfix(next_hop=hop, main=main) as postfix, Exim(next_hop=hop, authority=certificate.authority) as exim:
        yield postfix, exim


def post(senders: Senders, subject: str, body: bytes = b"Good morning.\r\n") -> list[bytes]:
    """Hands each of them a message of its own; the messages as they must arrive."""
    messages = []
    for sender in senders:
        name = type(sender).__name__
        messages.append(letter(f"{subject} by {name}", body))
        with smtplib.SMTP("127.0.0.1", sender.port, local_hostname="desk.example.net", timeout=60) as client:
            client.sendmail("ann@example.net", ["bob@example.org"], messages[-1])
    return messages


@pytest.fixture
def start(
    port: int, recorder: Recorder, certificate: Certificate, tmp_path: Path
) -> Iterator[Callable[..., RunningGateway]]:
    """Starts the gateway at its port, again and again."""
    running: list[RunningGateway] = []

    def start(**changes: object) -> RunningGateway:
        settings = configuration(certificate, recorder.address, **changes)
        settings["listener"][0]["address"] = f"127.0.0.1:{port}"
        settings["limits"] |= {"connections_per_client": 100}
        folder = tmp_path / str(len(running))
        folder.mkdir()
        running.append(RunningGateway(settings, folder))
        return running[-1].__enter__()

    yield start
    for gateway in running:
        gateway.__exit__()


def contents(recorder: Recorder) -> list[bytes]:
    """What has arrived, by what was sent."""
    return [without_received(one.content, servers=2) for one in list(recorder.deliveries)]


def reached(recorder: Recorder, verb: bytes) -> Callable[[], bool]:
    """Whether two sessions have come as far as this command, or as its reply."""
    return lambda: sum(any(line.upper().startswith(verb) for line in session) for session in recorder.sessions) >= 2


PHASES: dict[str, tuple[bytes, bytes]] = {
    "MAIL": (b"MAIL", b"MAIL"),
    "RCPT": (b"RCPT", b"RCPT"),
    "content": (b"RCPT", b"RCPT"),
    "before the verdict": (b"", b"RCPT"),
    "content goes to the backend": (b"DATA", b"DATA"),
    "after the dot": (b".", b"DATA"),
}
"""The reply of the backend that is held, and the command that shows that the phase is reached."""


CASES = [(phase, "store") for phase in PHASES] + [
    # Where the backend has got content by then that it had not before.
    ("content", "stream"),
    ("before the verdict", "stream"),
    ("after the dot", "stream"),
]


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM], ids=["killed", "stopped"])
@pytest.mark.parametrize(("phase", "relay"), CASES)
def test_once_and_no_more(
    phase: str,
    relay: str,
    how: signal.Signals,
    senders: Senders,
    start: Callable[..., RunningGateway],
    recorder: Recorder,
) -> None:
    held, seen = PHASES[phase]
    go_on = threading.Event()
    if held:
        recorder.held[held] = go_on
    hung = [{"use": "inspectors:Hung", "timeout_s": 3600}] if phase == "before the verdict" else []
    gateway = start(
        inspectors=hung,
        limits={"drain_s": 30 if phase == "content" else 3},
        **(streaming(recorder.address) if relay == "stream" else {}),
    )
    body = LARGE if phase == "content" else LINE * 400 if relay == "stream" else b"Good morning.\r\n"
    messages = post(senders, f"{phase}, {relay}, {how.name}", body)
    wait_until(reached(recorder, seen), f"both are in the phase {phase}", within_s=30)
    if phase == "after the dot":
        wait_until(lambda: len(recorder.deliveries) == 2, "the backend has both")
    elif phase == "before the verdict":
        time.sleep(0.3)
    elif phase == "content":
        # Both begin at once, and are in the middle of it: the backend takes neither to its end.
        recorder.held = {b"content" if relay == "stream" else b"DATA": (end := threading.Event())}
        go_on.set()
        go_on = end
        time.sleep(0.05)
    gateway.process.send_signal(how)
    if phase in ("content", "after the dot") and how == signal.SIGTERM:
        # It waits for the content to end and for the reply, and hands it on.
        go_on.set()
    gateway.process.wait(timeout=20)
    if how == signal.SIGTERM:
        assert gateway.process.returncode == 0
    before = len(recorder.deliveries)
    recorder.held.clear()
    go_on.set()
    if (phase, how) != ("content", signal.SIGTERM):  # Whose content ends within the grace time is served.
        assert before == (2 if phase == "after the dot" else 0)
    if (phase, relay) == ("before the verdict", "stream"):
        # The backend had their content, and knows that it is no message.
        wait_until(lambda: len(recorder.abandoned) == 2, "the backend has half of both")

    start()
    doubled = phase == "after the dot" and how == signal.SIGKILL
    # What the backend had accepted, and the sender was not told of, comes again: nobody could know better.
    expected = sorted(messages * (2 if doubled else 1))
    arrive(senders, recorder, expected, within_s=60)
    assert sorted(contents(recorder)) == expected


def arrive(senders: Senders, recorder: Recorder, expected: list[bytes], *, within_s: float) -> None:
    """Waits until all has arrived and nothing is left to send; fails with what the senders say about it."""
    try:
        wait_until(lambda: len(recorder.deliveries) >= len(expected), "they try again", within_s=within_s)
        wait_until(lambda: set(contents(recorder)) >= set(expected), "all arrive", within_s=within_s)
        wait_until(lambda: idle(senders), "both queues are empty", within_s=within_s)
    except AssertionError as error:
        logs = "\n".join(sender.log()[-4_000:] for sender in senders)
        raise AssertionError(f"{error}\n{logs}") from None


def idle(senders: Senders) -> bool:
    """Whether neither has anything left to send."""
    postfix, exim = senders
    queues = [postfix.folder / "queue" / name for name in ("active", "deferred", "incoming", "maildrop")]
    return not exim.queued() and not any(path.is_file() for queue in queues for path in queue.rglob("*"))


def test_killed_again_and_again(senders: Senders, start: Callable[..., RunningGateway], recorder: Recorder) -> None:
    """Whenever it comes: sixty messages, the gateway killed five times at any moment. Nothing is lost, and what
    comes twice has a kill between."""
    moments = random.Random(5)
    gateway = start()
    messages: list[bytes] = []
    posting = threading.Thread(
        target=lambda: messages.extend(
            m for n in range(30) for m in post(senders, f"round {n}", b"%d\r\n" % n * 20_000)
        )
    )
    posting.start()
    lives = [0]
    for _ in range(5):
        time.sleep(moments.uniform(0.05, 0.8))
        gateway.process.kill()
        gateway.process.wait()
        wait_until(lambda: not recorder.connections, "the backend is left alone")
        lives.append(len(recorder.deliveries))
        gateway = start()
    posting.join()
    arrive(senders, recorder, messages, within_s=60)
    arrived = contents(recorder)
    assert set(arrived) == set(messages)
    # As long as it lives, it delivers nothing twice.
    for begin, end in zip(lives, [*lives[1:], len(arrived)], strict=True):
        assert len(set(arrived[begin:end])) == end - begin
