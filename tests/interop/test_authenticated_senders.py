"""Senders that authenticate with the server behind: clients of other people, and servers that know somebody.

Postfix is told who the client is and decides on each recipient (rule O1): whoever it does not know may not relay,
though it trusts the gateway's own address; whoever it knows may. Exim is not told, and sees who has authenticated.
"""

from __future__ import annotations

import base64
import contextlib
import smtplib
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from peers import program, wait_until
from peers.clients import HELO, SOURCE, Dialogue, trust
from peers.contents import letter
from peers.exim import Exim
from peers.gateway import Certificate, RunningGateway, configuration
from peers.known_users import PASSWORD, USER, KnownUsers
from peers.postfix import Postfix
from peers.recorder import Recorder

AUTHENTICATORS = f"""
begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = ${{if and {{{{eq{{$auth2}}{{{USER}}}}}{{eq{{$auth3}}{{{PASSWORD}}}}}}}}}
  server_set_id = $auth2
  server_advertise_condition = ${{if def:tls_in_cipher}}
login:
  driver = plaintext
  public_name = LOGIN
  server_prompts = Username:: : Password::
  server_condition = ${{if and {{{{eq{{$auth1}}{{{USER}}}}}{{eq{{$auth2}}{{{PASSWORD}}}}}}}}}
  server_set_id = $auth1
  server_advertise_condition = ${{if def:tls_in_cipher}}
"""


@pytest.fixture(scope="module")
def postfix(mailbox: Recorder, certificate: Certificate) -> Iterator[Postfix]:
    """It knows Ann, under TLS, and relays for her and for nobody else who is not at 127.0.0.1."""
    with KnownUsers() as users:
        settings = {
            "smtpd_tls_security_level": "may",
            "smtpd_tls_cert_file": str(certificate.chain),
            "smtpd_tls_key_file": str(certificate.key),
            "smtpd_tls_auth_only": "yes",
            "smtpd_sasl_auth_enable": "yes",
            "smtpd_sasl_type": "dovecot",
            "smtpd_sasl_path": users.path,
            "smtpd_relay_restrictions": "permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination",
        }
        with Postfix(next_hop=mailbox.address, main=settings) as running:
            yield running


@pytest.fixture(scope="module")
def exim(certificate: Certificate) -> Iterator[Exim]:
    """It knows Ann as well."""
    with Exim(certificate=(certificate.chain, certificate.key), main=AUTHENTICATORS) as running:
        yield running


@contextlib.contextmanager
def relaying(certificate: Certificate, address: str, folder: Path, *, xclient: bool) -> Iterator[RunningGateway]:
    """A gateway that hands AUTH on, and has had the look at its backend by which it knows what to offer."""
    settings = configuration(certificate, address, xclient=xclient)
    settings["listener"][0]["auth"] = "relay"
    settings["backend"]["main"]["tls"] = "required"
    with RunningGateway(settings, folder) as gateway:
        wait_until(lambda: b"AUTH" in offer(gateway.port, certificate.authority), "AUTH is offered")
        yield gateway


def offer(port: int, authority: Path) -> bytes:
    """The reply to EHLO under TLS."""
    with Dialogue(port) as client:
        client.open(authority)
        return client.command(b"EHLO client.example.net")


def by_smtplib(port: int, authority: Path, recipient: str, marker: str) -> None:
    """Python's own client, which sends what it can in the first line."""
    with smtplib.SMTP("127.0.0.1", port, local_hostname=HELO, source_address=(SOURCE, 0), timeout=30) as client:
        client.starttls(context=trust(authority))
        client.login(USER, PASSWORD)
        client.sendmail("ann@example.net", [recipient], letter(marker))


def by_swaks(mechanism: str) -> Callable[[int, Path, str, str], None]:
    """swaks with one mechanism."""

    def send(port: int, authority: Path, recipient: str, marker: str) -> None:
        command = [
            *[program("swaks"), "--server", "127.0.0.1", "--port", str(port), "--local-interface", SOURCE],
            *["--helo", HELO, "--from", "ann@example.net", "--to", recipient, "--header", f"Subject: {marker}"],
            *["--tls", "--tls-verify", "--tls-ca-path", str(authority), "--timeout", "30"],
            *["--auth", mechanism, "--auth-user", USER, "--auth-password", PASSWORD],
        ]
        done = subprocess.run(command, capture_output=True, timeout=60)
        assert done.returncode == 0, done.stdout.decode() + done.stderr.decode()

    return send


CLIENTS = {"smtplib": by_smtplib, "swaks-plain": by_swaks("PLAIN"), "swaks-login": by_swaks("LOGIN")}


@pytest.mark.parametrize("client", CLIENTS)
def test_postfix_relays_for_whom_it_knows(
    client: str, postfix: Postfix, mailbox: Recorder, certificate: Certificate, tmp_path: Path
) -> None:
    marker = f"relayed for ann by {client}"
    with relaying(certificate, postfix.address, tmp_path, xclient=True) as gateway:
        CLIENTS[client](gateway.port, certificate.authority, "eve@elsewhere.example", marker)
        wait_until(lambda: [one for one in mailbox.deliveries if marker.encode() in one.content], "it is relayed")
        assert gateway.record("connection", authenticated=True)
        said = str(gateway.records) + "".join(gateway.other_output)
        for secret in (PASSWORD, f"\0{USER}\0{PASSWORD}"):
            assert secret not in said
            assert base64.b64encode(secret.encode()).decode() not in said
    postfix.wait_for_log(rf"client=\S*\[{SOURCE}\].*sasl_method=(PLAIN|LOGIN), sasl_username={USER}")


def test_postfix_relays_for_nobody_else(postfix: Postfix, certificate: Certificate, tmp_path: Path) -> None:
    wrong = base64.b64encode(b"\0ann\0wrong")
    right = base64.b64encode(f"\0{USER}\0{PASSWORD}".encode())
    with relaying(certificate, postfix.address, tmp_path, xclient=True) as gateway, Dialogue(gateway.port) as client:
        assert client.reply().startswith(b"220 ")
        assert b"AUTH" not in client.command(b"EHLO client.example.net")
        assert client.command(b"AUTH PLAIN " + right).startswith(b"502 ")
        client.starttls(certificate.authority)
        assert b"250-AUTH PLAIN LOGIN\r\n" in client.command(b"EHLO client.example.net")
        assert client.command(b"AUTH PLAIN " + wrong).startswith(b"535 5.7.8 ")
        assert client.command(b"AUTH LOGIN") == b"334 VXNlcm5hbWU6\r\n"
        assert client.command(b"*").startswith(b"501 ")
        assert client.command(b"MAIL FROM:<a@example.net> AUTH=ann@example.net").startswith(b"250 ")
        assert client.command(b"RCPT TO:<eve@elsewhere.example>").startswith(b"554 5.7.1 ")
        assert client.command(b"RSET").startswith(b"250 ")
        assert client.command(b"AUTH PLAIN " + right).startswith(b"235 2.7.0 ")
        assert client.command(b"MAIL FROM:<a@example.net> AUTH=ann@example.net").startswith(b"250 ")
        assert client.command(b"RCPT TO:<eve@elsewhere.example>").startswith(b"250 ")


@pytest.mark.parametrize("client", CLIENTS)
def test_exim_knows_who_has_authenticated(client: str, exim: Exim, certificate: Certificate, tmp_path: Path) -> None:
    marker = f"known to exim by {client}"
    with relaying(certificate, exim.address, tmp_path, xclient=False) as gateway:
        CLIENTS[client](gateway.port, certificate.authority, "bob@example.org", marker)
        [kept] = wait_until(lambda: exim.kept(marker), "it is kept")
        assert b" with ESMTPSA id " in kept
    exim.wait_for_log(rf" A=(plain|login):{USER} ")
