"""`auth = "relay"` is refused where credentials could be read on the way, and where nobody could be asked."""

import pytest

from smtpgw import config
from smtpgw.errors import ConfigError

REQUIRED = {"address": "mail.example.org:587", "tls": "required"}


def parsed(backend, **listener):
    table = {"address": "127.0.0.1:0", "backend": "mail", "recipient_domains": ["*"], "certificates": ["self-signed"]}
    return config.parse({"listener": [table | {"auth": "relay"} | listener], "backend": {"mail": backend}}, files=False)


@pytest.mark.parametrize(
    "backend",
    [
        REQUIRED,
        REQUIRED | {"tls": "verified", "ca": "ca.pem"},
        {"address": "127.0.0.1:25", "tls": "none"},
        {"address": "[::1]:25"},
        {"address": "localhost:25"},
    ],
)
def test_where_credentials_are_safe(backend):
    assert parsed(backend).listener[0].auth == "relay"


@pytest.mark.parametrize(
    ("backend", "listener", "reason"),
    [
        ({"address": "mail.example.org:25"}, {}, "in clear"),
        ({"address": "mail.example.org:25", "tls": "none"}, {}, "in clear"),
        ({"address": "127.0.0.1.example.org:25"}, {}, "in clear"),
        ({"address": "maildir:mail"}, {}, "Maildir"),
        (REQUIRED, {"tls": "none", "certificates": []}, "TLS of our own"),
        (REQUIRED, {"tls": "external", "certificates": [], "xclient_from": ["192.0.2.1"]}, "TLS of our own"),
    ],
)
def test_where_they_are_not(backend, listener, reason):
    with pytest.raises(ConfigError, match=rf"listener\[0\]\.auth(.|\n)*{reason}"):
        parsed(backend, **listener)
