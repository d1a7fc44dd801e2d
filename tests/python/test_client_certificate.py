"""A client's own certificate, as inspectors see it and as the configuration asks for it."""

import hashlib
import ssl

import pytest
import trustme

from smtpgw import Inspector, config
from smtpgw.errors import ConfigError
from smtpgw.testing import running_gateway


class Keeper(Inspector):
    """Keeps the certificate of each message's sender."""

    def __init__(self):
        self.shown = []
        self.hellos = []

    def on_message(self, message):
        self.shown.append(message.session.tls.client_certificate)
        self.hellos.append(message.session.tls.client_hello)


def listener(**changes):
    return {
        "address": "127.0.0.1:0",
        "backend": "b",
        "recipient_domains": ["*"],
        "certificates": ["self-signed"],
    } | changes


def test_an_inspector_sees_what_the_sender_showed():
    keeper, authority = Keeper(), trustme.CA()
    leaf = authority.issue_cert("client.example.org")
    table = listener(client_certificate="request", backend="recorder")
    with running_gateway([keeper], config={"listener": [table]}) as gateway:
        gateway.tls.check_hostname = False
        gateway.tls.verify_mode = ssl.CERT_NONE
        gateway.send(b"Subject: one\r\n\r\nx\r\n")
        leaf.configure_cert(gateway.tls)
        gateway.send(b"Subject: two\r\n\r\nx\r\n")
        der = ssl.PEM_cert_to_DER_cert(leaf.cert_chain_pems[0].bytes().decode())
        hello = keeper.hellos[0]
        assert hello.versions == ("TLSv1.3", "TLSv1.2")
        assert (hello.sni, hello.alpn) == ("localhost", ())
        assert "x25519" in hello.groups
        assert hello.fingerprint.startswith("t13d")
        assert gateway.record("transaction")["client_hello"]["fingerprint"] == hello.fingerprint
        none, shown = keeper.shown
        assert none is None
        assert shown.der == der
        assert shown.sha256 == hashlib.sha256(der).hexdigest()
        assert len(shown.spki_sha256) == 64
        assert "trustme" in shown.issuer
        assert (shown.expired, shown.self_signed, shown.verified) == (False, False, False)
        assert shown.not_before < shown.not_after
        assert shown in {shown}
        assert b"client certificate " + shown.sha256.encode() in gateway.deliveries[1].content
        record = gateway.record("connection", number=1)
        assert record["tls"]["client_certificate"]["spki_sha256"] == shown.spki_sha256


def test_nobody_shows_a_certificate_in_clear():
    table = {"listener": [listener(tls="none", certificates=[], client_certificate="require")]}
    with pytest.raises(ConfigError, match=r"listener\[0\].client_certificate"):
        config.parse(table | {"backend": {"b": {"address": "127.0.0.1:1"}}}, files=False)


def test_requiring_one_of_the_world_is_worth_a_warning():
    table = {"listener": [listener(address="0.0.0.0:25", client_certificate="require")]}
    parsed = config.parse(table | {"backend": {"b": {"address": "127.0.0.1:1"}}}, files=False)
    assert any("client_certificate" in said for said in config.warnings(parsed))
