"""What bad input gets: configurations that cannot start, inspectors that fail, messages and clients that are broken."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trustme
from peers.clients import Dialogue
from peers.contents import CONTENTS, ambiguous, letter, without_received
from peers.gateway import INSPECTORS, SMTPGW, Certificate, RunningGateway, configuration, toml
from peers.recorder import Recorder

Run = Callable[..., RunningGateway]
EX_CONFIG = 78


def run(folder: Path, settings: dict[str, Any] | str, command: str = "run") -> subprocess.CompletedProcess[str]:
    """`smtpgw run` with a configuration that must not start."""
    path = folder / "smtpgw.toml"
    text = settings if isinstance(settings, str) else "".join(f"{k} = {toml(v)}\n" for k, v in settings.items())
    path.write_text(text)
    environment = {
        "PYTHONPATH": os.pathsep.join([str(INSPECTORS), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]),
        "PATH": "/usr/bin:/bin",
        "COLUMNS": "200",
        "NO_COLOR": "1",
    }
    return subprocess.run(
        [SMTPGW, command, "-c", path], cwd=folder, env=environment, capture_output=True, text=True, timeout=30
    )


def said(done: subprocess.CompletedProcess[str]) -> str:
    """What it told the administrator: no traceback, ever."""
    assert "Traceback" not in done.stderr + done.stdout
    return done.stderr


@pytest.mark.parametrize("command", ["run", "check"])
def test_every_mistake_is_named_at_once(command: str, tmp_path: Path, certificate: Certificate) -> None:
    settings = configuration(certificate, "127.0.0.1:25", xclient=True)
    settings["hostnam"] = "mx1.example.org"
    settings["listener"][0]["tls"] = "startls"
    settings["listener"][0]["backend"] = "mian"
    settings["limits"] = {"message_size": "25 MiBs", "command_s": -1}
    settings["verdict"] = {"reject_score": "high"}
    done = run(tmp_path, settings, command)
    assert done.returncode == EX_CONFIG
    text = said(done) + done.stdout
    for path, value, hint in [
        ("hostnam", None, "hostname"),
        ("listener[0].tls", "startls", "starttls"),
        ("limits.message_size", "25 MiBs", "MiB"),
        ("limits.command_s", "-1", None),
        ("verdict.reject_score", "high", None),
    ]:
        assert path in text, path
        assert value is None or value in text, value
        assert hint is None or hint in text, hint


def test_a_file_that_is_no_toml(tmp_path: Path) -> None:
    done = run(tmp_path, 'hostname = "mx1\n')
    assert done.returncode == EX_CONFIG
    assert "smtpgw.toml" in said(done)
    assert "line 1" in said(done)


def test_no_such_file(tmp_path: Path) -> None:
    done = subprocess.run([SMTPGW, "run", "-c", tmp_path / "nowhere.toml"], capture_output=True, text=True, timeout=30)
    assert done.returncode in (66, EX_CONFIG)
    assert "nowhere.toml" in said(done)


def test_an_open_relay_does_not_start(tmp_path: Path, certificate: Certificate) -> None:
    """Rule O1."""
    settings = configuration(certificate, "127.0.0.1:25")
    settings["listener"][0]["recipient_domains"] = []
    done = run(tmp_path, settings)
    assert done.returncode == EX_CONFIG
    assert "recipient_domains" in said(done)


@pytest.mark.parametrize(
    ("inspector", "words"),
    [
        ({"use": "yara", "rules": ["missing.yar"]}, ["missing.yar"]),
        ({"use": "yara", "rules": ["broken.yar"]}, ["broken.yar(1)"]),
        ({"use": "urls", "block": ["missing.txt"]}, ["missing.txt"]),
        ({"use": "inspectors:Misspelt"}, ["inspectors.py:", "on_mesage", "on_message"]),
        ({"use": "inspectors:Greedy"}, ["Greedy", "on_part", "mailbox"]),
        ({"use": "inspectors:Nobody"}, ["inspectors", "Nobody"]),
        ({"use": "no_such_module:Nobody"}, ["no_such_module"]),
        ({"use": "inspectors:Slow", "secconds": 3}, ["secconds", "seconds"]),
    ],
    ids=lambda value: value.get("use", "") if isinstance(value, dict) else "",
)
def test_inspector_that_cannot_work(
    inspector: dict[str, Any], words: list[str], tmp_path: Path, certificate: Certificate
) -> None:
    (tmp_path / "broken.yar").write_text("rule nonsense { condition: }\n")
    done = run(tmp_path, configuration(certificate, "127.0.0.1:25", xclient=True, inspectors=[inspector]))
    assert done.returncode == EX_CONFIG
    for word in words:
        assert word in said(done), word


def test_certificate_that_does_not_match_its_key(tmp_path: Path, certificate: Certificate) -> None:
    other = tmp_path / "other.pem"
    trustme.CA().issue_cert("mx1.example.org").private_key_pem.write_to_path(str(other))
    wrong = Certificate(certificate.chain, other, certificate.authority)
    done = run(tmp_path, configuration(wrong, "127.0.0.1:25", xclient=True))
    assert done.returncode == EX_CONFIG
    assert "listener[0].certificates[0]" in said(done)
    assert "other.pem" in said(done)


def test_port_in_use(tmp_path: Path, certificate: Certificate, recorder: Recorder) -> None:
    settings = configuration(certificate, "127.0.0.1:25", xclient=True)
    settings["listener"][0]["address"] = recorder.address
    done = run(tmp_path, settings)
    assert done.returncode in (69, 71)
    assert recorder.address in said(done)
    assert "in use" in said(done)
    assert len([line for line in said(done).splitlines() if not line.startswith("{")]) == 1


@pytest.mark.parametrize(("on_error", "code", "outcome"), [
    ("defer", b"451 4.7.1", "deferred"),
    ("reject", b"554 5.7.1", "rejected"),
    ("accept", b"250 2.0.0", "relayed"),
])  # fmt: skip
def test_raising_inspector(
    on_error: str, code: bytes, outcome: str, recorder: Recorder, run_gateway: Run, certificate: Certificate
) -> None:
    """Its own policy decides; the record names it and what it raised; the connection lives."""
    inspectors = [{"use": "inspectors:Raising", "on_error": on_error}, {"use": "inspectors:Refusing"}]
    gateway = run_gateway(recorder.address, inspectors=inspectors)
    with Dialogue(gateway.port) as client:
        client.open(certificate.authority)
        for number in range(2):
            client.command(b"MAIL FROM:<ann@example.net>")
            client.command(b"RCPT TO:<bob@example.org>")
            client.command(b"DATA")
            client.send(letter(f"number {number}"))
            reply = client.command(b".")
            assert reply.startswith(code)
            # Never its text on the wire.
            assert b"broken" not in reply and b"Error" not in reply
        assert client.command(b"NOOP").startswith(b"250 ")
    record = gateway.record("transaction", number=2)
    assert record["outcome"] == outcome
    mine = next(each for each in record["inspectors"] if "aising" in each["name"])
    assert "this inspector is broken" in mine["failures"][0]["failure"]
    assert "inspectors.py" in mine["failures"][0]["failure"]
    assert {"reason": "inspector_down"}.items() <= record["unscanned"][0].items()
    # The other one judged all the same.
    assert next(each for each in record["inspectors"] if "efusing" in each["name"])["calls"] == 1


def test_raising_inspector_costs_nobody_else(recorder: Recorder, run_gateway: Run, certificate: Certificate) -> None:
    """A message on which it raises is deferred; one beside it on another connection, begun before, is taken."""
    gateway = run_gateway(recorder.address, inspectors=[{"use": "inspectors:RaisingOnRequest"}])
    with Dialogue(gateway.port) as one, Dialogue(gateway.port) as other:
        for client, subject in [(one, "raise"), (other, "a good one")]:
            client.open(certificate.authority)
            client.command(b"MAIL FROM:<ann@example.net>")
            client.command(b"RCPT TO:<bob@example.org>")
            assert client.command(b"DATA").startswith(b"354 ")
            client.send(letter(subject))
        assert one.command(b".").startswith(b"451 4.7.1")
        assert other.command(b".") == b"250 2.0.0 recorded\r\n"
        assert one.command(b"NOOP").startswith(b"250 ")
    assert [without_received(one.content) for one in recorder.deliveries] == [letter("a good one")]


@pytest.mark.parametrize(("on_timeout", "code"), [("defer", b"451 4.7.1"), ("accept", b"250 2.0.0")])
def test_inspector_over_its_time(
    on_timeout: str, code: bytes, recorder: Recorder, run_gateway: Run, certificate: Certificate
) -> None:
    inspectors = [{"use": "inspectors:Hung", "timeout_s": 0.5, "on_timeout": on_timeout}]
    gateway = run_gateway(recorder.address, inspectors=inspectors, limits={"drain_s": 1})
    with Dialogue(gateway.port) as client:
        client.open(certificate.authority)
        client.command(b"MAIL FROM:<ann@example.net>")
        client.command(b"RCPT TO:<bob@example.org>")
        client.command(b"DATA")
        client.send(letter("slow"))
        reply, seconds = client.timed(b".")
    assert reply.startswith(code)
    assert 0.4 < seconds < 3
    assert "timed out" in json.dumps(gateway.record("transaction")["inspectors"])


def test_broken_mime_is_judged(recorder: Recorder, run_gateway: Run, certificate: Certificate) -> None:
    """Defects, never a panic; inspectors see it; it passes as it came."""
    gateway = run_gateway(recorder.address, inspectors=[{"use": "inspectors:Nothing"}])
    content = CONTENTS["broken MIME"]
    with Dialogue(gateway.port) as client:
        client.open(certificate.authority)
        client.command(b"MAIL FROM:<ann@example.net>")
        client.command(b"RCPT TO:<bob@example.org>")
        client.command(b"DATA")
        client.send(content)
        assert client.command(b".") == b"250 2.0.0 recorded\r\n"
    assert without_received(recorder.deliveries[0].content) == content
    record = gateway.record("transaction")
    assert record["defects"]
    assert record["verdict"]["action"] == "accept"
    assert record["inspectors"][0]["calls"] == len(record["parts"]) > 0


def test_a_message_of_too_many_readings_is_refused(
    recorder: Recorder, run_gateway: Run, certificate: Certificate
) -> None:
    """Two boundaries, two types and an encoding of the whole: nobody knows what the recipient will see (THREATS §2)."""
    gateway = run_gateway(recorder.address)
    with Dialogue(gateway.port) as client:
        client.open(certificate.authority)
        client.command(b"MAIL FROM:<ann@example.net>")
        client.command(b"RCPT TO:<bob@example.org>")
        client.command(b"DATA")
        client.send(ambiguous("many readings"))
        assert client.command(b".").startswith(b"554 5.")
    assert "ambiguous" in str(gateway.record("transaction", outcome="rejected")["unscanned"])
    assert not recorder.deliveries


# RFC 5321 §4.2.4, §4.3.2 and the registry of enhanced codes; what stands before must have been said already.
DIALOGUE = [
    (b"MAIL FROM:<a@example.net>", b"503 5.5.1"),
    (b"RCPT TO:<b@example.org>", b"503 5.5.1"),
    (b"DATA", b"503 5.5.1"),
    (b"EHLO", b"501 5.5.4"),
    (b"BOGUS", b"500 5.5.1"),
    (b"VRFY bob", b"252 "),
    (b"EXPN staff", b"502 5.5.1"),
    (b"HELP", b"214 "),
    (b"EHLO client.example.net", b"250"),
    (b"RCPT TO:<b@example.org>", b"503 5.5.1"),
    (b"DATA", b"503 5.5.1"),
    (b"MAIL", b"501 5."),
    (b"MAIL FROM:a@example.net>", b"501 5.1.7"),
    (b"MAIL FROM:<a@example.net", b"501 5.1.7"),
    (b"MAIL FROM:<a@example.net> SIZE=99999999999", b"552 5.3.4"),
    (b"MAIL FROM:<a@example.net> BOGUS=1", b"555 5.5.4"),
    (b"MAIL FROM:<a@example.net>", b"250 "),
    (b"MAIL FROM:<a@example.net>", b"503 5.5.1"),
    (b"DATA", b"503 5.5.1"),
    (b"RCPT TO:<>", b"501 5.1.3"),
    (b"DATA", b"554 5.5.1"),
    (b"RSET now", b"501 5.5.4"),
    (b"NOOP whatever", b"250 "),
    (b"RSET", b"250 "),
    (b"QUIT", b"221 "),
]


def test_protocol_errors_get_the_replies_of_the_rfc(recorder: Recorder, run_gateway: Run) -> None:
    gateway = run_gateway(recorder.address, limits={"drain_s": 5, "errors": 100})
    with Dialogue(gateway.port) as client:
        assert client.reply().startswith(b"220 ")
        for line, expected in DIALOGUE:
            reply = client.command(line)
            assert reply.startswith(expected), (line, reply)
        assert client.ended()


DIRTY = [
    b"EHLO a\0b",
    b"EHLO a\x1b[31m",
    "EHLO bü\x1bcher".encode(),
    b"EHLO a\nMAIL FROM:<a@b.example>",
    b"X" * 9000,
    b"MAIL FROM:<a\x1b@b>",
    b"MAIL FROM:<a@example.net>\rRCPT TO:<a@example.org>",
    # All that is wrong with these is the octet in them: the domain is one that we take mail for.
    b"RCPT TO:<a\0@example.org>",
    b"RCPT TO:<a@example.org>\nRCPT TO:<b@example.org>",
    b"RCPT TO:<a\0@b>",
]


@pytest.mark.parametrize("line", DIRTY, ids=lambda line: repr(line[:40]))
def test_dirty_commands(line: bytes, recorder: Recorder, run_gateway: Run) -> None:
    """Refused for what they are and told to nobody; a message before and behind them goes on."""
    gateway = run_gateway(recorder.address)
    clean = [b"MAIL FROM:<ann@example.net>", b"RCPT TO:<bob@example.org>", b"DATA"]
    with Dialogue(gateway.port) as client:
        client.open()
        if line.startswith(b"RCPT"):
            assert client.command(clean[0]).startswith(b"250 ")
        reply = client.command(line)
        assert reply.startswith((b"500 5.5.2", b"501 5.5.2", b"500 5.5.4")), reply
        assert client.command(b"NOOP").startswith(b"250 ")
        for command in clean[line.startswith(b"RCPT") :]:
            assert client.command(command)[:1] in b"23"
        client.send(letter("a clean one"))
        assert client.command(b".") == b"250 2.0.0 recorded\r\n"
    [delivery] = recorder.deliveries
    told = [command for session in recorder.sessions for command in session]
    assert [command for command in told if not command.startswith((b"EHLO ", b"QUIT"))] == clean
    assert not [command for command in told if re.search(rb"[^\x20-\x7e]", command)]
    assert delivery.commands[-3:] == tuple(clean)


@pytest.mark.parametrize(
    "octets", [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01\x02\0\x01\0\x01", b"\0\0\0\0\r\n"]
)
def test_other_protocols_are_hung_up_on(octets: bytes, recorder: Recorder, run_gateway: Run) -> None:
    gateway = run_gateway(recorder.address)
    with Dialogue(gateway.port, timeout_s=5) as client:
        assert client.reply().startswith(b"220 ")
        client.send(octets)
        while reply := client.reply():
            assert not reply.startswith(b"2")
    assert gateway.record("connection")["transactions"] == 0


LOOKALIKES = [
    b"\n.\n",
    b"\n.\r\n",
    b"\r.\r",
    b"\r\n.\n",
    b"\r\n.\r",
    b"\r.\r\n",
    b"\r\n.\r\r\n",
    b"\r\n\r.\r\n",
    b"\n\n.\r\n",
]


@pytest.mark.parametrize("lookalike", LOOKALIKES, ids=repr)
def test_smuggling(lookalike: bytes, recorder: Recorder, run_gateway: Run) -> None:
    """Nothing but `CRLF . CRLF` ends content; a message with a bare CR or LF is refused as a whole, to its true end."""
    gateway = run_gateway(recorder.address)
    evil = b"MAIL FROM:<evil@example.net>\r\nRCPT TO:<bob@example.org>\r\nDATA\r\nSubject: smuggled\r\n\r\n"
    with Dialogue(gateway.port) as client:
        client.open()
        client.command(b"MAIL FROM:<ann@example.net>")
        client.command(b"RCPT TO:<bob@example.org>")
        client.command(b"DATA")
        client.send(letter("outer", b"x") + lookalike + evil)
        client.send(b"\r\n.\r\n")
        assert client.reply().startswith(b"550 5.5.2")
        assert client.command(b"NOOP").startswith(b"250 ")
    assert not recorder.deliveries
    assert not any(b"evil" in line for session in recorder.sessions for line in session)


@pytest.mark.parametrize(
    "between",
    [
        b"\r\n\0.\r\n",
        b"\r\n.\0\r\n",
        b"\r\n. \r\n",
        b"\r\n .\r\n",
        b"\r\n\xef\xbc\x8e\r\n",
        b"\xe2\x80\xa8.\xe2\x80\xa8",
    ],
)
def test_lookalikes_that_are_content(between: bytes, recorder: Recorder, run_gateway: Run) -> None:
    """Lines with a dot and something else are lines."""
    gateway = run_gateway(recorder.address)
    content = letter("dots", b"x" + between + b"y\r\n")
    with Dialogue(gateway.port) as client:
        client.open()
        client.command(b"MAIL FROM:<ann@example.net>")
        client.command(b"RCPT TO:<bob@example.org>")
        client.command(b"DATA")
        client.send(content)
        assert client.command(b".") == b"250 2.0.0 recorded\r\n"
    # What looked stuffed has lost its first dot, as RFC 5321 §4.5.2 says.
    assert without_received(recorder.deliveries[0].content) == content.replace(b"\r\n.", b"\r\n")


def test_message_beyond_the_limit(recorder: Recorder, run_gateway: Run) -> None:
    """Announced or not: 552, nothing delivered, the connection lives."""
    gateway = run_gateway(recorder.address, limits={"message_size": "64 KiB", "drain_s": 5})
    with Dialogue(gateway.port) as client:
        client.open()
        assert b"SIZE 65536" in client.command(b"EHLO client.example.net")
        assert client.command(b"MAIL FROM:<ann@example.net> SIZE=65537").startswith(b"552 5.3.4")
        client.command(b"MAIL FROM:<ann@example.net>")
        client.command(b"RCPT TO:<bob@example.org>")
        client.command(b"DATA")
        client.send(letter("large", b"x" * 70 + b"\r\n") + (b"x" * 70 + b"\r\n") * 1000)
        assert client.command(b".").startswith(b"552 5.3.4")
        assert client.command(b"NOOP").startswith(b"250 ")
    assert not recorder.deliveries


def test_too_many_errors(recorder: Recorder, run_gateway: Run) -> None:
    gateway = run_gateway(recorder.address, limits={"errors": 5, "drain_s": 5})
    with Dialogue(gateway.port) as client:
        client.open()
        replies = [client.command(b"BOGUS")[:4] for _ in range(5)]
        assert b"421 " in replies or client.command(b"BOGUS").startswith(b"421 ")
        assert client.ended()
