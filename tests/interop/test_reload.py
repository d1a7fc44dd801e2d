"""SIGHUP: new settings for new connections, the last good ones when the new ones are wrong, no message lost."""

from __future__ import annotations

import datetime
import signal
from collections.abc import Callable
from pathlib import Path

import trustme
from peers import wait_until
from peers.clients import Dialogue
from peers.contents import letter
from peers.gateway import Certificate, RunningGateway
from peers.recorder import Recorder

Run = Callable[..., RunningGateway]


def greeting(gateway: RunningGateway) -> bytes:
    """What a new client is greeted with."""
    with Dialogue(gateway.port) as client:
        return client.reply()


def reload(gateway: RunningGateway, **changes: object) -> None:
    """Writes the configuration with these changes and says so."""
    gateway.configure(gateway.settings | changes)
    gateway.process.send_signal(signal.SIGHUP)


def test_new_settings_are_for_new_connections(recorder: Recorder, run_gateway: Run, certificate: Certificate) -> None:
    gateway = run_gateway(recorder.address, inspectors=[{"use": "inspectors:Refusing"}])
    with Dialogue(gateway.port) as before:
        before.open(certificate.authority)
        before.command(b"MAIL FROM:<ann@example.net>")
        before.command(b"RCPT TO:<bob@example.org>")
        before.command(b"DATA")
        reload(gateway, hostname="mx2.example.org", inspector=[])
        wait_until(lambda: greeting(gateway) == b"220 mx2.example.org ESMTP\r\n", "the new name greets")
        # The message under way keeps the inspectors it began with.
        before.send(letter("refuse me"))
        assert before.command(b".").startswith(b"554 5.7.1")
    with Dialogue(gateway.port) as after:
        after.open(certificate.authority)
        after.command(b"MAIL FROM:<ann@example.net>")
        after.command(b"RCPT TO:<bob@example.org>")
        after.command(b"DATA")
        after.send(letter("refuse me"))
        assert after.command(b".") == b"250 2.0.0 recorded\r\n"


def test_a_broken_configuration_changes_nothing(
    recorder: Recorder, run_gateway: Run, certificate: Certificate, tmp_path: Path
) -> None:
    gateway = run_gateway(recorder.address)
    key = tmp_path / "other.pem"
    trustme.CA().issue_cert("mx1.example.org").private_key_pem.write_to_path(str(key))
    listener = gateway.settings["listener"][0]
    wrong = listener | {"certificates": [Certificate(certificate.chain, key, certificate.authority).as_settings()]}
    leaf = trustme.CA().issue_cert("mx1.example.org", not_after=datetime.datetime(2002, 1, 1, tzinfo=datetime.UTC))
    old = Certificate(tmp_path / "old.pem", tmp_path / "old-key.pem", certificate.authority)
    old.chain.write_bytes(b"".join(blob.bytes() for blob in leaf.cert_chain_pems))
    old.key.write_bytes(leaf.private_key_pem.bytes())
    expired = listener | {"certificates": [old.as_settings()]}
    foreign = Certificate(tmp_path / "foreign.pem", certificate.key, certificate.authority)
    foreign.chain.write_bytes(certificate.chain.read_bytes() + old.chain.read_bytes())
    mixed = listener | {"certificates": [foreign.as_settings()]}
    bad = [
        {"listener": [wrong]},
        {"listener": [expired]},
        {"listener": [mixed]},
        {"hostnam": "x"},
        {"inspector": [{"use": "no:Body"}]},
    ]
    for number, changes in enumerate(bad, 1):
        reload(gateway, hostname="mx2.example.org", **changes)

        def errors(number: int = number) -> bool:
            refused = [record for record in gateway.records if "reload refused" in str(record.get("message"))]
            return len(refused) >= number

        wait_until(errors, f"the log says what is wrong with {changes}")
        assert greeting(gateway) == b"220 mx1.example.org ESMTP\r\n"
        with Dialogue(gateway.port) as client:
            client.open(certificate.authority)
    # The file that is wrong is named, and in a record of the certificates as well.
    refused = gateway.found("certificates-refused")
    assert [record["last_good_kept"] for record in refused] == [True] * 3
    assert [record["error"].partition(":")[0] for record in refused] == [str(key), str(old.chain), str(foreign.chain)]
    assert gateway.stop() == 0


def test_a_new_certificate_is_served(recorder: Recorder, run_gateway: Run, certificate: Certificate) -> None:
    """Renewed in place, as certbot does it: the same names, another chain and key."""
    gateway = run_gateway(recorder.address)
    authority = trustme.CA()
    leaf = authority.issue_cert("mx1.example.org", "127.0.0.1")
    renewed = Certificate(gateway.folder / "c.pem", gateway.folder / "k.pem", gateway.folder / "a.pem")
    renewed.chain.write_bytes(b"".join(blob.bytes() for blob in leaf.cert_chain_pems))
    renewed.key.write_bytes(leaf.private_key_pem.bytes())
    authority.cert_pem.write_to_path(str(renewed.authority))
    listener = gateway.settings["listener"][0] | {"certificates": [renewed.as_settings()]}
    with Dialogue(gateway.port) as client:
        client.open(certificate.authority)
    reload(gateway, listener=[listener])
    gateway.record("reloaded")
    with Dialogue(gateway.port) as client:
        client.open(renewed.authority)


def test_what_should_be_known_is_said_at_every_reload(recorder: Recorder, run_gateway: Run) -> None:
    gateway = run_gateway(recorder.address, xclient=True)

    def warned(words: str) -> int:
        return len([record for record in gateway.found("notice", level="warning") if words in record["message"]])

    assert warned("names no inspector") == 1
    assert not warned("takes mail for any domain")
    open_to_all = gateway.settings["listener"][0] | {"recipient_domains": ["*"], "tls": "tunnel", "certificates": []}
    for number in (1, 2):
        reload(gateway, listener=[open_to_all])
        gateway.record("notice", number=number, message="configuration reloaded")
        assert warned("takes mail for any domain") == number
        assert warned("inspects nothing that comes under TLS") == number
