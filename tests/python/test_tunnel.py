"""`tls = "tunnel"`: what inspectors decide on a connection holds for what they will not see."""

import smtplib

from smtpgw import Inspector, Verdict
from smtpgw.testing import running_gateway

TUNNEL = {"address": "127.0.0.1:0", "tls": "tunnel", "backend": "recorder", "recipient_domains": ["*"]}


class Doorkeeper(Inspector):
    """Lets nobody in."""

    def on_connect(self, session):
        return Verdict.reject("not today", reply="not today")


def starttls(inspectors):
    """What a client hears, and what it hears at MAIL afterwards."""
    with running_gateway(inspectors, config={"listener": [TUNNEL]}) as gateway:
        client = smtplib.SMTP(*gateway.address, "client.example.org", 20)
        with client:
            client.ehlo()
            return client.docmd("STARTTLS"), client.mail("sender@example.org")[0]


def test_who_is_refused_gets_no_tunnel_either():
    (code, text), mail = starttls([Doorkeeper()])
    assert (code, mail) == (554, 554)
    assert b"not today" in text


def test_a_server_without_tls_is_no_end_of_a_tunnel():
    assert starttls([]) == ((454, b"4.7.0 TLS not available, try again later"), 250)
