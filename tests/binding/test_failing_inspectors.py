"""What is written down of inspectors that refuse or fail before there is a message, and that fail on and on."""

from __future__ import annotations

import pytest

from smtpgw import Inspector, Verdict
from smtpgw.testing import running_gateway

LETTER = b"Subject: x\r\n\r\nbody\r\n"


class Recipients(Inspector):
    """Knows some, and fails over others."""

    def on_recipient(self, reverse_path: str, forward_path: str) -> Verdict | None:
        if forward_path.startswith("spy"):
            return Verdict.reject("a spy's address", reply="Nobody here")
        if forward_path.startswith("odd"):
            raise ValueError("odd")
        return None


@pytest.mark.parametrize(
    ("recipient", "code", "reason", "level"),
    [("spy", 554, "a spy's address", "info"), ("odd", 451, "ValueError: odd", "warning")],
)
def test_a_refused_recipient_has_its_inspector_and_reason(recipient: str, code: int, reason: str, level: str) -> None:
    with running_gateway([Recipients()]) as gateway:
        assert gateway.send(LETTER, recipients=[f"{recipient}@example.com"]).code == code
        record = gateway.record("connection")
    [refused] = record["refused"]
    assert refused["command"] == f"RCPT TO:<{recipient}@example.com>" and refused["reply"].startswith(str(code))
    assert refused["by"] == "recipients" and reason in refused["reason"]
    assert record["level"] == level


def test_a_refused_connection_has_its_inspector_and_reason() -> None:
    class Doors(Inspector):
        def on_connect(self) -> Verdict:
            return Verdict.reject("a known nuisance")

    with running_gateway([Doors()]) as gateway:
        assert gateway.send(LETTER).code == 554
        refused = gateway.record("connection")["refused"][0]
    assert refused["command"] == "MAIL FROM:<sender@example.org>"
    assert (refused["by"], refused["reason"]) == ("doors", "a known nuisance")


def test_what_the_server_behind_refuses_is_no_inspectors() -> None:
    with running_gateway([Recipients()]) as gateway:
        gateway.server.replies["RCPT"] = "550 5.1.1 no such user"
        assert gateway.send(LETTER).code == 550
        [refused] = gateway.record("connection")["refused"]
    assert set(refused) == {"command", "reply"}


def test_a_transaction_that_is_given_up_has_what_was_said_of_its_recipients() -> None:
    class Curious(Inspector):
        mode = "shadow"

        def on_recipient(self, forward_path: str) -> Verdict:
            return Verdict.reject(f"to {forward_path}")

    with running_gateway([Curious()]) as gateway:
        gateway.server.replies["DATA"] = "451 4.3.0 not now"
        assert gateway.send(LETTER).code == 451
        [inspector] = gateway.record()["inspectors"]
    assert inspector["verdicts"][0]["reason"] == "to recipient@example.com"


def test_an_inspector_that_fails_on_and_on_is_told_once() -> None:
    class Bad(Inspector):
        on_error = "accept"

        def on_message(self) -> None:
            raise RuntimeError("no")

    with running_gateway([Bad()]) as gateway:
        for _ in range(23):
            assert gateway.send(LETTER).code == 250
        records = [gateway.record(number=number) for number in range(23)]
        down = gateway.record("inspector-down")
        assert (down["inspector"], down["level"], down["mode"]) == ("bad", "warning", "enforce")
        assert sum(record["event"] == "inspector-down" for record in gateway.records) == 1
    assert {record["level"] for record in records} == {"warning"}
    calls = [record["inspectors"][0]["calls"] for record in records]
    assert calls == [1] * 20 + [0] * 3, "nobody asks it any more"
    assert records[-1]["inspectors"][0]["failures"]
