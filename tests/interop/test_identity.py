"""What Postfix learns of the client: by a PROXY header, by XCLIENT with everything it takes, by XFORWARD in its log."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from peers.clients import HELO, SENDERS, SOURCE, Dialogue
from peers.contents import letter
from peers.gateway import Certificate, RunningGateway
from peers.haproxy import Haproxy
from peers.postfix import Postfix, queued_as
from peers.recorder import Recorder

pytestmark = pytest.mark.usefixtures("postfix")


@pytest.fixture(scope="module")
def behind_proxy(mailbox: Recorder, certificate: Certificate) -> Iterator[Postfix]:
    """A Postfix that wants a PROXY header before it greets, and offers STARTTLS behind it."""
    main = {
        "smtpd_upstream_proxy_protocol": "haproxy",
        "smtpd_upstream_proxy_timeout": "5s",
        "smtpd_tls_security_level": "may",
        "smtpd_tls_cert_file": str(certificate.chain),
        "smtpd_tls_key_file": str(certificate.key),
    }
    with Postfix(next_hop=mailbox.address, main=main) as running:
        yield running


def listener(certificate: Certificate, **more: object) -> list[dict[str, object]]:
    return [
        {
            "address": "127.0.0.1:0",
            "tls": "starttls",
            "backend": "main",
            "recipient_domains": [],
            "certificates": [certificate.as_settings()],
        }
        | more
    ]


@pytest.mark.parametrize("identity", ["proxy-v1", "proxy-v2"])
@pytest.mark.parametrize("starttls", [True, False])
def test_a_proxy_header_tells_postfix_the_client(
    identity: str, starttls: bool, behind_proxy: Postfix, certificate: Certificate,
    run_gateway: Callable[..., RunningGateway],
) -> None:  # fmt: skip
    gateway = run_gateway(
        behind_proxy.address,
        listener=listener(certificate),
        backend={"main": {
            "address": behind_proxy.address, "identity": identity, "tls": "required" if starttls else "none",
        }},
    )  # fmt: skip
    message = letter(f"{identity} {starttls}", b"body\r\n")
    for recipient in ("bob@example.org", "eve@elsewhere.example"):
        sent = SENDERS["smtplib"](gateway.port, certificate.authority, message, "ann@example.net", [recipient])
        if recipient.startswith("bob"):
            behind_proxy.wait_for_log(rf"{queued_as(sent.end_of_data)}: client=unknown\[{re.escape(SOURCE)}\]")
        else:
            # Postfix knows a stranger when it is told of one, though we come from its own network.
            assert sent.recipients[0].startswith("554 5.7.1 <eve@elsewhere.example>"), sent


def test_no_name_hides_the_client_from_postfix(
    postfix: Postfix, certificate: Certificate, run_gateway: Callable[..., RunningGateway]
) -> None:
    """Postfix looks for pairs of quotes and brackets in XCLIENT, and trusts the address that it otherwise knows."""
    backend = {"main": {"address": postfix.address, "identity": "xclient", "tls": "none"}}
    gateway = run_gateway(postfix.address, listener=listener(certificate), backend=backend)
    odd = [chr(octet) for octet in range(ord(" "), ord("~") + 1) if not chr(octet).isalnum()]
    for name in ["c", *(f"a{octet}b" for octet in odd), *odd[1:], "".join(odd), "my pc", "a+22b"]:
        with Dialogue(gateway.port) as client:
            assert client.reply().startswith(b"220 ")
            assert client.command(b"EHLO " + name.encode()).startswith(b"250"), name
            assert client.command(b"MAIL FROM:<ann@example.net>").startswith(b"250 "), name
            refusal = client.command(b"RCPT TO:<eve@elsewhere.example>")
            assert refusal.startswith(b"554 5.7.1 <eve@elsewhere.example>: Relay access denied"), (name, refusal)
            assert client.command(b"RCPT TO:<bob@example.org>").startswith(b"250 "), name


def test_a_backend_that_knows_no_proxy_header_gets_no_mail(
    postfix: Postfix, certificate: Certificate, run_gateway: Callable[..., RunningGateway]
) -> None:
    for identity in ("proxy-v1", "proxy-v2"):
        gateway = run_gateway(
            postfix.address,
            listener=listener(certificate),
            backend={"main": {"address": postfix.address, "identity": identity, "tls": "none"}},
        )
        with Dialogue(gateway.port) as client:
            assert client.reply().startswith(b"220 ")
            client.command(b"EHLO c.example")
            assert client.command(b"MAIL FROM:<ann@example.net>").startswith((b"451 ", b"421 "))


def test_xforward_is_for_the_log_alone(
    mailbox: Recorder, certificate: Certificate, run_gateway: Callable[..., RunningGateway]
) -> None:
    # Postfix logs the origin beside the client, which is us.
    main = {"smtpd_authorized_xforward_hosts": "127.0.0.0/8", "smtpd_tls_security_level": "none"}
    with Postfix(next_hop=mailbox.address, main=main) as postfix:
        gateway = run_gateway(
            postfix.address,
            listener=listener(certificate, recipient_domains=["example.org"]),
            backend={"main": {"address": postfix.address, "identity": "xforward"}},
        )
        with Dialogue(gateway.port) as client:
            assert client.reply().startswith(b"220 ")
            client.command(f"EHLO {HELO}".encode())
            for _ in range(2):
                # It is told anew for each message of the connection.
                assert client.command(b"MAIL FROM:<ann@example.net>").startswith(b"250 ")
                assert client.command(b"RCPT TO:<bob@example.org>").startswith(b"250 ")
                assert client.command(b"DATA").startswith(b"354 ")
                queue_id = queued_as(client.command(letter("forwarded", b"x\r\n") + b".").decode().strip())
                line = postfix.wait_for_log(rf"{queue_id}: client=.*$")[0]
                assert re.search(rf"orig_client=\S*\[{re.escape(SOURCE)}\]", line), line
                assert re.search(r"client=\S*\[127\.0\.0\.1\]", line), line


def test_xclient_from_a_proxy_goes_on_to_postfix(
    postfix: Postfix, certificate: Certificate, run_gateway: Callable[..., RunningGateway]
) -> None:
    gateway = run_gateway(
        postfix.address,
        listener=listener(certificate, xclient_from=["127.0.0.9"]),
        backend={"main": {"address": postfix.address, "identity": "xclient"}},
    )
    with Dialogue(gateway.port, source="127.0.0.9") as proxy:
        assert proxy.reply().startswith(b"220 ")
        assert b"250-XCLIENT NAME ADDR" in proxy.command(b"EHLO proxy.example")
        assert proxy.command(b"MAIL FROM:<ann@example.net>").startswith(b"503 5.5.1 ")
        said = b"XCLIENT NAME=mail.client.example ADDR=192.0.2.1 PORT=4711 LOGIN=ann DESTADDR=192.0.2.25 DESTPORT=25"
        assert proxy.command(said).startswith(b"220 ")
        proxy.command(b"EHLO client.example")
        assert proxy.command(b"MAIL FROM:<ann@example.net>").startswith(b"250 ")
        assert proxy.command(b"RCPT TO:<bob@example.org>").startswith(b"250 ")
        assert proxy.command(b"DATA").startswith(b"354 ")
        queue_id = queued_as(proxy.command(letter("by xclient", b"x\r\n") + b".").decode().strip())
        line = postfix.wait_for_log(rf"{queue_id}: client=.*$")[0]
        assert "client=mail.client.example[192.0.2.1]:4711" in line or "client=mail.client.example[192.0.2.1]" in line
        assert "sasl_username=ann" in line
        assert proxy.command(b"RCPT TO:<eve@elsewhere.example>").startswith(b"503 ")


def test_from_haproxy_to_postfix_by_headers_all_the_way(
    behind_proxy: Postfix, certificate: Certificate, run_gateway: Callable[..., RunningGateway]
) -> None:
    gateway = run_gateway(
        behind_proxy.address,
        listener=listener(certificate, proxy_protocol_from=["127.0.0.1"]),
        backend={"main": {"address": behind_proxy.address, "identity": "proxy-v2"}},
    )
    message = letter("all the way", b"body\r\n")
    with Haproxy(gateway.address, "send-proxy-v2") as haproxy:
        sent = SENDERS["smtplib"](haproxy.port, certificate.authority, message, "ann@example.net", ["bob@example.org"])
    behind_proxy.wait_for_log(rf"{queued_as(sent.end_of_data)}: client=unknown\[{re.escape(SOURCE)}\]")
