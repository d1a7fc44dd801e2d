"""HAProxy in front of the gateway: who the client is, and how its mail came, as HAProxy says."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Callable

import pytest
from peers.clients import Dialogue
from peers.contents import letter
from peers.gateway import Certificate, RunningGateway
from peers.haproxy import Haproxy
from peers.recorder import Recorder

CLIENT = "127.0.0.7"
"""The address that the client comes from; HAProxy itself comes from 127.0.0.1."""


def listener(certificate: Certificate, **more: object) -> list[dict[str, object]]:
    return [
        {
            "address": "127.0.0.1:0",
            "tls": "starttls",
            "backend": "main",
            "recipient_domains": ["example.org"],
            "certificates": [certificate.as_settings()],
            "proxy_protocol_from": ["127.0.0.1"],
        }
        | more
    ]


def send(port: int, subject: str, *, tls: ssl.SSLContext | None = None, starttls: bool = False) -> tuple[str, int]:
    """One message from `CLIENT`; the client's own address and port."""
    if tls and not starttls:
        client = smtplib.SMTP_SSL("127.0.0.1", port, "c.example", context=tls, source_address=(CLIENT, 0), timeout=20)
    else:
        client = smtplib.SMTP("127.0.0.1", port, "c.example", source_address=(CLIENT, 0), timeout=20)
    with client:
        if starttls:
            client.starttls(context=tls)
        assert client.sock
        client.sendmail("ann@example.net", ["bob@example.org"], letter(subject, b"body\r\n"))
        return client.sock.getsockname()


def trusting(certificate: Certificate) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=certificate.authority)
    # The name in the certificate is not that of loopback's.
    context.check_hostname = False
    return context


@pytest.mark.parametrize("how", ["send-proxy", "send-proxy-v2", "send-proxy-v2 proxy-v2-options crc32c,unique-id"])
@pytest.mark.parametrize("tls", ["starttls", "implicit"])
def test_the_client_is_who_haproxy_says(
    how: str, tls: str, certificate: Certificate, recorder: Recorder, run_gateway: Callable[..., RunningGateway]
) -> None:
    gateway = run_gateway(recorder.address, listener=listener(certificate, tls=tls))
    with Haproxy(gateway.address, how) as haproxy:
        address, port = send(haproxy.port, how, tls=trusting(certificate), starttls=tls == "starttls")
    record = gateway.record("connection", end="quit")
    assert record["client"] == f"{address}:{port}"
    assert record["proxied_by"].startswith("127.0.0.1:")
    assert record["destination"] == f"127.0.0.1:{haproxy.port}"
    assert record["tls"]["version"] == "TLSv1.3"
    assert f"Received: from c.example ([{CLIENT}])".encode() in recorder.deliveries[0].content


def test_tls_that_haproxy_ended_is_a_fact(
    certificate: Certificate, recorder: Recorder, run_gateway: Callable[..., RunningGateway]
) -> None:
    gateway = run_gateway(recorder.address, listener=listener(certificate, tls="external", certificates=[]))
    how = "send-proxy-v2-ssl-cn proxy-v2-options ssl,ssl-cipher,cert-cn,authority"
    with Haproxy(gateway.address, how, certificate) as haproxy:
        send(haproxy.port, "external", tls=trusting(certificate))
    record = gateway.record("connection", end="quit")
    assert record["client"].startswith(f"{CLIENT}:")
    assert record["tls"]["version"] == "TLSv1.3"
    assert record["tls"]["cipher"].startswith("TLS_AES_")
    received = recorder.deliveries[0].content.split(b"\r\nSubject")[0]
    assert b" with ESMTPS id " in received
    assert b"(TLSv1.3 cipher TLS_AES_" in received


def test_health_checks_of_haproxy_are_no_clients(
    certificate: Certificate, recorder: Recorder, run_gateway: Callable[..., RunningGateway]
) -> None:
    gateway = run_gateway(recorder.address, listener=listener(certificate))
    how = "send-proxy-v2 check check-send-proxy inter 200ms"
    with Haproxy(gateway.address, how) as haproxy:
        gateway.record("connection", number=4)
        send(haproxy.port, "checked")
    assert len(recorder.deliveries) == 1
    ends = {record["end"] for record in gateway.found("connection")}
    assert "proxy-header" not in ends
    # A check speaks for HAProxy itself (LOCAL); nobody is named.
    assert any("proxied_by" not in record for record in gateway.found("connection"))


def test_who_is_no_proxy_and_who_does_not_speak_like_one(
    certificate: Certificate, recorder: Recorder, run_gateway: Callable[..., RunningGateway]
) -> None:
    strict = run_gateway(recorder.address, listener=listener(certificate), limits={"drain_s": 1, "proxy_header_s": 0.5})
    with pytest.raises((smtplib.SMTPServerDisconnected, ConnectionResetError)):
        smtplib.SMTP("127.0.0.1", strict.port, "c.example", timeout=20)
    assert strict.record("connection")["end"] == "proxy-header"
    # From another address a PROXY line is a command like any other, and names nobody.
    with Dialogue(strict.port, source="127.0.0.8") as dialogue:
        assert dialogue.reply().startswith(b"220 ")
        assert dialogue.command(b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2").startswith(b"500 5.5.1 ")
