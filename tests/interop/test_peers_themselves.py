"""The peers without the gateway: if these fail, the other tests of this folder say nothing about it."""

from __future__ import annotations

import re

import pytest
from peers import wait_until
from peers.clients import SENDERS, SOURCE
from peers.gateway import Certificate
from peers.postfix import DEFERRED_USER_REPLY, REFUSED_SUBJECT, REFUSED_SUBJECT_REPLY, REFUSED_USER_REPLY, Postfix
from peers.recorder import Recorder


@pytest.mark.parametrize("client", SENDERS)
def test_client_reaches_postfix(client: str, postfix: Postfix, mailbox: Recorder, certificate: Certificate) -> None:
    marker = f"straight by {client}".encode()
    message = b"Subject: " + marker + b"\r\n\r\n.\r\n..dots\r\nh\xc3\xa9\r\n"
    recipients = ["nobody@example.org", "someone@example.org", "later@example.org"]
    sent = SENDERS[client](postfix.port, certificate.authority, message, "a@example.net", recipients)
    assert sent.recipients == (REFUSED_USER_REPLY, "250 2.1.5 Ok", DEFERRED_USER_REPLY)
    assert re.fullmatch(r"250 2\.0\.0 Ok: queued as \w+", sent.end_of_data)
    assert sent.tls == "TLSv1.3"
    queue_id = sent.end_of_data.rpartition(" ")[2]
    postfix.wait_for_log(rf"{queue_id}: client=unknown\[{re.escape(SOURCE)}\]")
    arrived = wait_until(lambda: [d for d in mailbox.deliveries if marker in d.content], "the message arrives")
    assert arrived[0].content.endswith(message)


@pytest.mark.parametrize("client", SENDERS)
def test_client_tells_of_a_refusal(client: str, postfix: Postfix, certificate: Certificate) -> None:
    message = f"Subject: {REFUSED_SUBJECT}\r\n\r\nhello\r\n".encode()
    sent = SENDERS[client](postfix.port, certificate.authority, message, "a@example.net", ["someone@example.org"])
    assert sent.end_of_data == REFUSED_SUBJECT_REPLY
