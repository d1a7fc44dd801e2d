"""Several backends, a backend that must prove who it is, and legs that are kept for the next client.

With a real Postfix on one side or the other.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import trustme
from peers import free_port, wait_until
from peers.clients import Dialogue
from peers.contents import letter
from peers.gateway import Certificate, RunningGateway
from peers.postfix import Postfix, queued_as
from peers.recorder import Recorder

Start = Callable[..., RunningGateway]


def send(gateway: RunningGateway, subject: str, *recipients: str, source: str = "127.0.0.1") -> list[bytes]:
    """One message on a connection of its own; the replies to MAIL, each RCPT and the dot."""
    with Dialogue(gateway.port, source=source) as client:
        client.open()
        replies = [client.command(b"MAIL FROM:<ann@example.net>")]
        replies += [client.command(f"RCPT TO:<{recipient}>".encode()) for recipient in recipients]
        if client.command(b"DATA").startswith(b"354"):
            client.send(letter(subject) + b".\r\n")
            replies.append(client.reply())
        client.command(b"QUIT")
        assert client.ended()
        return replies


def listener(**keys: object) -> list[dict[str, object]]:
    """A listener in clear."""
    domains = ["example.org", "example.net"]
    return [{"address": "127.0.0.1:0", "tls": "none", "backend": "main", "recipient_domains": domains} | keys]


def subjects(recorder: Recorder) -> list[str]:
    """What arrived there."""
    found = (re.search(rb"^Subject: (.*)\r$", each.content, re.MULTILINE) for each in recorder.deliveries)
    return [match[1].decode() for match in found if match]


def test_a_verified_postfix(postfix: Postfix, run_gateway: Start, certificate: Certificate) -> None:
    known = {"address": postfix.address, "tls": "verified", "ca": str(certificate.authority)}
    gateway = run_gateway(postfix.address, listener=listener(), backend={"main": known})
    queued_as(send(gateway, "to a verified one", "bob@example.org")[-1])
    record = gateway.record("transaction", subject="to a verified one")
    assert (record["backend"], record["backend_address"]) == ("main", postfix.address)
    other = run_gateway(
        postfix.address, listener=listener(), backend={"main": known | {"name": "elsewhere.example.org"}}
    )
    assert send(other, "to somebody else")[0].startswith(b"451 4.4.1 ")
    assert other.record("backend-down")["error"].startswith("TLS: ")


@pytest.mark.parametrize("authorized", ["127.0.0.1", "127.0.0.0/8"])
def test_postfix_learns_each_client_whether_a_leg_may_be_kept_or_not(
    authorized: str, mailbox: Recorder, run_gateway: Start
) -> None:
    """On a leg that was another client's Postfix takes XCLIENT only where it takes it from that client as well: else
    the leg is given up, and no mail is lost over it."""
    with Postfix(next_hop=mailbox.address, main={"smtpd_authorized_xclient_hosts": authorized}) as postfix:
        # A leg on which something was refused is not kept, so there are three where legs may be kept.
        check_three_clients(postfix, run_gateway, connections=6 if authorized == "127.0.0.1" else 3)


def check_three_clients(postfix: Postfix, run_gateway: Start, *, connections: int) -> None:
    """Two messages each, of which the second is to be refused; so many connections in all."""

    def count(what: str) -> int:
        return len(re.findall(rf"\b{what} from", postfix.log()))

    before = count("disconnect")
    kept = {"address": postfix.address, "identity": "xclient", "pool": 2}
    gateway = run_gateway(postfix.address, listener=listener(recipient_domains=[]), backend={"main": kept})
    wait_until(lambda: count("disconnect") > before, "the gateway's own look is over")
    before = count("connect")
    for last in (11, 12, 13):
        source = f"127.0.0.{last}"
        replies = send(gateway, f"from {source}", "bob@example.org", source=source)
        postfix.wait_for_log(rf"{queued_as(replies[-1])}: client=unknown\[{re.escape(source)}\]")
        # Trust in our own address must not stick to the leg (rule O1).
        assert send(gateway, "to anybody", "eve@elsewhere.example", source=source)[1].startswith(b"554 5.7.1")
    # Its log is written by another process, a moment later.
    wait_until(lambda: count("connect") - before >= connections, "it has logged them")
    assert count("connect") - before == connections


def test_the_standby_gets_mail_while_the_first_is_down(recorder: Recorder, run_gateway: Start) -> None:
    port = free_port()
    gateway = run_gateway(
        recorder.address,
        listener=listener(backend=["first", "standby"]),
        backend={
            "main": {"address": recorder.address},
            "first": {"address": f"127.0.0.1:{port}"},
            "standby": {"address": recorder.address},
        },
    )
    assert send(gateway, "one", "bob@example.org")[-1].startswith(b"250")
    assert gateway.record("backend-down")["backend"] == "first"
    assert gateway.record("transaction", subject="one")["backend"] == "standby"


def test_postfix_brings_the_recipient_of_another_backend_again(run_gateway: Start) -> None:
    with Recorder() as one, Recorder() as two:
        gateway = run_gateway(
            one.address,
            listener=listener(routes={"example.net": "other"}),
            backend={"main": {"address": one.address}, "other": {"address": two.address}},
        )
        hurry = {"queue_run_delay": "1s", "minimal_backoff_time": "1s", "maximal_backoff_time": "2s"}
        with Postfix(next_hop=gateway.address, main=hurry) as sender:
            message = letter("for both").replace(b"\r\n", b"\n")
            sender.sendmail(message, sender="ann@example.com", recipients=["bob@example.org", "bea@example.net"])
            wait_until(lambda: one.deliveries and two.deliveries, "both have it", within_s=30)
            time.sleep(0.2)
            assert "452 4.5.3" in sender.log()
        for recorder, recipient in ((one, b"bob@example.org"), (two, b"bea@example.net")):
            (delivery,) = recorder.deliveries
            assert [line for line in delivery.commands if line.startswith(b"RCPT")] == [b"RCPT TO:<" + recipient + b">"]


def test_authorities_are_read_again_when_their_file_changes(
    postfix: Postfix, run_gateway: Start, certificate: Certificate, tmp_path: Path
) -> None:
    file = tmp_path / "ca.pem"
    trustme.CA().cert_pem.write_to_path(str(file))
    known = {"address": postfix.address, "tls": "verified", "ca": str(file)}
    gateway = run_gateway(postfix.address, listener=listener(), backend={"main": known})
    assert send(gateway, "too early")[0].startswith(b"451 4.4.1 ")
    file.write_bytes(certificate.authority.read_bytes())
    gateway.record("authorities", within_s=20)
    gateway.record("backend-up", within_s=60)
    queued_as(send(gateway, "in time", "bob@example.org")[-1])
    file.write_text("no certificate\n")
    assert gateway.record("authorities-refused", within_s=20)["last_good_kept"] is True
    queued_as(send(gateway, "still", "bob@example.org")[-1])


@pytest.mark.parametrize("size", [70_000])
def test_a_reply_beyond_bounds_is_no_reply(recorder: Recorder, run_gateway: Start, size: int) -> None:
    endless = b"".join(b"250-" + b"x" * 400 + b"\r\n" for _ in range(size // 406)) + b"250 end\r\n"
    gateway = run_gateway(recorder.address, listener=listener())
    recorder.replies[b"RCPT"] = endless
    with Dialogue(gateway.port) as client:
        client.open()
        assert client.command(b"MAIL FROM:<ann@example.net>").startswith(b"250")
        assert client.command(b"RCPT TO:<bob@example.org>").startswith(b"451 4.4.2 ")
    assert "reply" in gateway.record("backend-failed")["error"]


@pytest.mark.parametrize("tls", ["opportunistic", "required"])
def test_a_postfix_of_old_gets_mail_in_clear(
    tls: str, mailbox: Recorder, certificate: Certificate, run_gateway: Start
) -> None:
    """It offers STARTTLS and has nothing newer than TLS 1.1: gone round where TLS is opportunistic, and only there."""
    old = {
        "smtpd_tls_security_level": "may",
        "smtpd_tls_cert_file": str(certificate.chain),
        "smtpd_tls_key_file": str(certificate.key),
        "smtpd_tls_protocols": ">=TLSv1, <=TLSv1.1",
        "smtpd_tls_loglevel": "1",
    }
    with Postfix(next_hop=mailbox.address, main=old) as postfix:
        to = {"address": postfix.address, "tls": tls, "identity": "xclient"}
        gateway = run_gateway(postfix.address, listener=listener(), backend={"main": to})
        if tls == "required":
            with Dialogue(gateway.port) as client:
                client.open()
                assert client.command(b"MAIL FROM:<ann@example.net>").startswith((b"451 4.4.1 ", b"421 4.3.2 "))
            assert gateway.record("backend-down")["error"].startswith("TLS: ")
            assert not gateway.found("backend-in-clear")
            return
        replies = [send(gateway, f"{tls} {number}", "bob@example.org") for number in range(3)]
        for reply in replies:
            queued_as(reply[-1])
        record = gateway.record("backend-in-clear")
        assert record["error"].startswith("TLS: ")
        assert (record["backend"], record["address"]) == ("main", postfix.address)
        assert len(gateway.found("backend-in-clear")) == 1
        assert not gateway.found("backend-down")
        # One handshake in vain, by the look at start or by a message beside it, and no more.
        assert 1 <= len(re.findall("SSL_accept error", postfix.log())) <= 2
