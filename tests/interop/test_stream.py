"""`relay = "stream"` before real servers: what is accepted arrives, and what is not leaves nothing behind.

Postfix and Exim, each as it is (CHUNKING, so that a message is taken back with RSET) and with CHUNKING switched off
(so that the connection is closed before the dot).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from peers import exim as exims
from peers import wait_until
from peers.clients import Dialogue
from peers.contents import CONTENTS, letter, without_received
from peers.exim import Exim
from peers.gateway import Certificate, RunningGateway, configuration
from peers.postfix import Postfix
from peers.recorder import Recorder

TAGS = ("encrypted", "corrupted", "partially_corrupted", "multipart", "unhandled", "disabled_format", "oversize",
        "inspector_down")  # fmt: skip
BODY = CONTENTS["in the spool file"].partition(b"\r\n\r\n")[2][: 400 * 78]
"""Lines for a message that goes on in several pieces."""

REFUSED = 12
"""Messages in a row that are taken back on one connection; more than Exim allows of commands that bring no mail."""


@dataclass(slots=True)
class Place:
    """A server, and how to see what has become of a message there."""

    server: Postfix | Exim
    kept: Callable[[str], list[bytes]]
    queued: Callable[[], list[str]]
    chunking: bool

    def log_says_so(self, log: str, lost: int) -> None:
        """What its log has on so many messages that were taken back."""
        if isinstance(self.server, Exim):
            assert log.count("lost while reading message data") == (0 if self.chunking else lost)
        elif self.chunking:
            assert "lost connection" not in log
            self.server.wait_for_log(rf"disconnect from .* bdat=\d+ rset={lost} quit=1")
        else:
            assert len(re.findall(r"lost connection after DATA \(\d+ bytes\)", log)) == lost


@pytest.fixture(scope="module", params=["postfix", "postfix, DATA", "exim", "exim, DATA"])
def place(request: pytest.FixtureRequest, mailbox: Recorder, certificate: Certificate) -> Iterator[Place]:
    """Each server, each way; over STARTTLS in between."""
    name, _, data = request.param.partition(", ")
    if name == "postfix":
        main = {"smtpd_discard_ehlo_keywords": "chunking"} if data else {}
        main |= {"smtpd_tls_security_level": "may", "smtpd_tls_cert_file": str(certificate.chain),
                 "smtpd_tls_key_file": str(certificate.key)}  # fmt: skip
        with Postfix(next_hop=mailbox.address, main=main) as postfix:
            folders = ("incoming", "active", "deferred", "hold", "maildrop")

            def queued() -> list[str]:
                paths = (path for folder in folders for path in (postfix.folder / "queue" / folder).rglob("*"))
                return [path.name for path in paths if path.is_file()]

            def kept(marker: str) -> list[bytes]:
                return [sent.content for sent in mailbox.deliveries if marker.encode() in sent.content]

            yield Place(postfix, kept, queued, not data)
        return
    with pytest.MonkeyPatch.context() as patch:
        if data:
            switched_off = exims.CONFIGURATION.replace("chunking_advertise_hosts = *", "chunking_advertise_hosts =")
            patch.setattr(exims, "CONFIGURATION", switched_off)
        with Exim(certificate=(certificate.chain, certificate.key)) as exim:
            yield Place(exim, exim.kept, exim.queued, not data)


@pytest.fixture(scope="module")
def gateway(
    place: Place, certificate: Certificate, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningGateway]:
    """Before it, with an inspector that refuses when a subject asks for it."""
    settings = configuration(
        certificate,
        place.server.address,
        inspectors=[{"use": "inspectors:Refusing"}],
        backend={"main": {"address": place.server.address, "relay": "stream", "stream_chunk": 8_192}},
        decode={"unscanned": dict.fromkeys(TAGS, "accept")},
    )
    with RunningGateway(settings, tmp_path_factory.mktemp("gateway")) as running:
        yield running


def envelope(client: Dialogue) -> None:
    for command in (b"MAIL FROM:<ann@example.net>", b"RCPT TO:<bob@example.org>", b"DATA"):
        reply = client.command(command)
        assert reply[:1] in b"23", (command, reply)


def send(client: Dialogue, content: bytes) -> bytes:
    envelope(client)
    client.send(re.sub(rb"(?m)^\.", b"..", content))
    return client.command(b".")


def marked(place: Place, subject: str, body: bytes = BODY) -> tuple[str, bytes]:
    """A message whose marker no other test and no other server has."""
    marker = f"{subject} {place.server.address}"
    return marker, letter(subject, b"Marker: " + marker.encode() + b"\r\n" + body)


@pytest.mark.parametrize("body", [BODY, b"short\r\n", b"..\r\n.\r\n" * 3_000], ids=["long", "short", "dots"])
def test_accepted_arrives_byte_for_byte(body: bytes, place: Place, gateway: RunningGateway) -> None:
    marker, message = marked(place, f"accepted {len(body)}", body)
    with Dialogue(gateway.port) as client:
        client.open()
        replies = [send(client, message) for _ in range(2)]
    for reply in replies:
        assert re.match(rb"250 (2\.0\.0 Ok: .*queued as \w+|OK id=\S+)\r\n", reply.splitlines(keepends=True)[-1])
    kept = wait_until(lambda: len(found := place.kept(marker)) == 2 and found, "both are kept")
    assert {without_received(content, servers=2) for content in kept} == {message}
    records = [gateway.record("transaction", subject=f"accepted {len(body)}", number=at) for at in (1, 2)]
    assert [record.get("streamed", False) for record in records] == [len(message) > 8_192] * 2
    assert [record["outcome"] for record in records] == ["relayed"] * 2


def test_many_on_one_connection(place: Place, gateway: RunningGateway) -> None:
    """Exim hangs up on who says too much beside mail (`smtp_accept_max_nonmail`, 10): it must not come to that."""
    marker, message = marked(place, "one of many", BODY[: 78 * 120])
    with Dialogue(gateway.port) as client:
        client.open()
        assert [send(client, message)[:3] for _ in range(20)] == [b"250"] * 20
    wait_until(lambda: len(place.kept(marker)) == 20, "all are kept")


def test_refused_by_verdict_leaves_nothing_behind(place: Place, gateway: RunningGateway) -> None:
    before = len(place.server.log())
    marker, message = marked(place, "refuse me")
    after, wanted = marked(place, "wanted all the same")
    with Dialogue(gateway.port) as client:
        client.open()
        for _ in range(REFUSED):
            assert send(client, message).startswith(b"554 5.7.1 ")
        # The connection of the client goes on, and so does that to the server where RSET took the message back.
        assert send(client, wanted).startswith(b"250")
    wait_until(lambda: place.kept(after), "the next one is kept")
    record = gateway.record("transaction", subject="refuse me")
    assert (record["outcome"], record["streamed"]) == ("rejected", True)
    wait_until(lambda: not place.queued(), "nothing is queued")
    assert not place.kept(marker)
    place.log_says_so(place.server.log()[before:], lost=REFUSED)


def test_a_client_that_vanishes_leaves_nothing_behind(place: Place, gateway: RunningGateway) -> None:
    marker, message = marked(place, "vanished")
    with Dialogue(gateway.port) as client:
        client.open()
        envelope(client)
        client.send(message)
    gateway.record("transaction", outcome="abandoned", streamed=True)
    wait_until(lambda: not place.queued(), "nothing is queued")
    assert not place.kept(marker)


def test_a_server_that_has_had_enough_says_so_itself(
    mailbox: Recorder, run_gateway: Callable[..., RunningGateway]
) -> None:
    # It does not announce its SIZE, so that it is left to it to notice.
    main = {"message_size_limit": "20000", "smtpd_discard_ehlo_keywords": "size"}
    with Postfix(next_hop=mailbox.address, main=main) as postfix:
        stream = {"main": {"address": postfix.address, "relay": "stream", "stream_chunk": 4_096}}
        gateway = run_gateway(postfix.address, backend=stream, decode={"unscanned": dict.fromkeys(TAGS, "accept")})
        with Dialogue(gateway.port) as client:
            client.open()
            assert send(client, letter("too much", BODY)) == b"552 5.3.4 Chunk exceeds message size limit\r\n"
            assert send(client, letter("just right")).startswith(b"250")
        assert gateway.record("transaction", subject="too much")["outcome"] == "refused-by-backend"
        wait_until(lambda: [sent for sent in mailbox.deliveries if b"just right" in sent.content], "it arrives")
        assert not [sent for sent in mailbox.deliveries if b"too much" in sent.content]
