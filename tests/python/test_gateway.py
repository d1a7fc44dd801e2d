"""`smtpgw.Gateway` as an embedder uses it: over real sockets, with STARTTLS and a Maildir."""

import asyncio
import os
import signal
import smtplib
import ssl
import threading

import pytest

from smtpgw import Config, ConfigError, Gateway, Inspector, InspectorError, SmtpgwError, TlsError, Verdict


@pytest.fixture
def table(tmp_path):
    return {
        "listener": [
            {
                "address": "127.0.0.1:0",
                "backend": "mail",
                "recipient_domains": ["here.example"],
                "certificates": ["self-signed"],
            }
        ],
        "backend": {"mail": {"address": f"maildir:{tmp_path}/mail"}},
        "spool": {"path": str(tmp_path)},
        "log": {"file": f"{tmp_path}/log"},
    }


def unverified():
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def send(gateway, text="Subject: x\r\n\r\nHello\r\n"):
    with smtplib.SMTP(*gateway.addresses[0], timeout=20) as client:
        client.starttls(context=unverified())
        return client.sendmail("a@there.example", ["b@here.example"], text)


def mailbox(tmp_path):
    return [file.read_bytes() for file in (tmp_path / "mail" / "new").iterdir()]


class NoHello(Inspector):
    """Refuses politeness."""

    def on_part(self, part):
        if b"Hello" in part.data:
            return Verdict.reject("polite", reply="Be rude")
        return None


def test_serves_within_a_block(table, tmp_path):
    with Gateway(table) as gateway:
        ((host, port),) = gateway.addresses
        assert (host, port > 0) == ("127.0.0.1", True)
        send(gateway)
    assert gateway.addresses == []
    (message,) = mailbox(tmp_path)
    assert message.endswith(b"Subject: x\r\n\r\nHello\r\n")


def test_asks_the_inspectors_it_is_given(table, tmp_path):
    with Gateway(table, inspectors=[NoHello()], records=True) as gateway:
        with pytest.raises(smtplib.SMTPDataError) as refused:
            send(gateway)
        send(gateway, "Subject: x\r\n\r\nGo away\r\n")
        records = []
        while sum(record["event"] == "transaction" for record in records) < 2:
            records += gateway.next_records(10)
    assert (refused.value.smtp_code, refused.value.smtp_error) == (554, b"5.7.1 Be rude")
    assert len(mailbox(tmp_path)) == 1
    first = next(record for record in records if record["event"] == "transaction")
    assert (first["outcome"], first["verdict"]["by"], first["verdict"]["reason"]) == ("rejected", "nohello", "polite")


async def test_serves_within_an_asynchronous_block(table, tmp_path):
    class Async(Inspector):
        async def on_message(self, message):
            await asyncio.sleep(0.01)
            return Verdict.accept(header={"X-Seen": message.envelope.reverse_path})

    async with Gateway(table, inspectors=[Async()]) as gateway:
        await asyncio.to_thread(send, gateway)
    (message,) = mailbox(tmp_path)
    assert b"X-Seen: a@there.example\r\n" in message


def test_a_mistake_stops_the_start(table):
    class Misspelt(Inspector):
        def on_prat(self):
            return None

    with pytest.raises(InspectorError, match=r"test_gateway\.py:\d+: \w+\.on_prat is no hook; did you mean on_part\?"):
        Gateway(table, inspectors=[Misspelt()])
    with pytest.raises(ConfigError, match="did you mean"):
        Gateway({**table, "listner": []})
    table["inspector"] = [{"use": "yara", "rules": ["no.yar"]}, {"use": "urls", "blok": []}, {"use": "yarra"}]
    with pytest.raises(ConfigError) as caught:
        Gateway(table)
    assert [problem.path for problem in caught.value.problems] == [
        "inspector[0].rules", "inspector[1].blok", "inspector[2].use"
    ]  # fmt: skip


def test_a_port_in_use_is_one_clear_line(table):
    with Gateway(table) as gateway:
        table["listener"][0]["address"] = "{}:{}".format(*gateway.addresses[0])
        with pytest.raises(SmtpgwError) as caught:
            Gateway(table).start()
        assert str(caught.value).startswith(f"cannot listen on {table['listener'][0]['address']}: ")
        assert "\n" not in str(caught.value)


def test_a_broken_certificate_is_a_tls_error(table, tmp_path):
    from smtpgw._core import self_signed

    chain, _ = self_signed("localhost")
    _, key = self_signed("localhost")
    (tmp_path / "chain.pem").write_text(chain)
    (tmp_path / "key.pem").write_text(key)
    table["listener"][0]["certificates"] = [{"chain": str(tmp_path / "chain.pem"), "key": str(tmp_path / "key.pem")}]
    from smtpgw import config

    unlooked = config.parse(table, files=False)
    with pytest.raises(TlsError, match=r"key\.pem"):
        Gateway(unlooked).start()


def test_starting_twice_is_an_error(table):
    with Gateway(table) as gateway, pytest.raises(SmtpgwError, match="is running"):
        gateway.start()


def test_can_be_started_again(table, tmp_path):
    gateway = Gateway(table)
    for _ in range(2):
        with gateway:
            send(gateway)
    assert len(mailbox(tmp_path)) == 2


def test_reload_takes_the_new_and_keeps_the_good(table, tmp_path):
    from smtpgw import config

    source = [table]
    with Gateway(lambda: config.parse(source[0]), inspectors=[NoHello()]) as gateway:
        source[0] = {**table, "limits": {"recipients": 1}}
        with pytest.raises(ConfigError):
            gateway.reload()
        assert gateway.config.limits.recipients == 1000
        source[0] = {**table, "inspector": [{"use": "spam", "name": "points"}], "limits": {"message_size": "64 KiB"}}
        gateway.reload()
        assert gateway.config.limits.message_size == 65_536
        assert [entry.name for entry in gateway.roster] == ["points", "nohello"]
        with smtplib.SMTP(*gateway.addresses[0], timeout=20) as client:
            client.ehlo()
            assert client.esmtp_features["size"] == "65536"
        with pytest.raises(smtplib.SMTPDataError):
            send(gateway)


def test_what_an_embedder_gets_wrong(table):
    with pytest.raises(InspectorError, match=r"inspectors=\[NoHello\(\)\]"):
        Gateway(table, inspectors=NoHello())
    with pytest.raises(ValueError, match="threads = -1"):
        Gateway(table, threads=-1)


def test_run_says_what_a_reload_leaves_as_it_is(table, tmp_path, caplog):
    from smtpgw import config

    source = [table]
    gateway = Gateway(lambda: config.parse(source[0]), inspectors=[NoHello()])
    thread = threading.Thread(target=gateway.run)
    thread.start()
    try:
        for wanted in (source[0], {**table, "log": {"file": f"{tmp_path}/other"}}):
            source[0] = wanted
            gateway._wishes.put("reload")
    finally:
        gateway.request_stop()
        thread.join(timeout=30)
    assert not thread.is_alive()
    assert "[log] has changed, which counts from the next start" in caplog.messages


def test_run_ends_when_asked(table):
    gateway = Gateway(table)
    thread = threading.Thread(target=gateway.run)
    thread.start()
    try:
        gateway.request_stop()
    finally:
        thread.join(20)
    assert not thread.is_alive()
    assert gateway.addresses == []


def test_run_handles_signals_in_the_main_thread(table):
    before = signal.getsignal(signal.SIGTERM)
    gateway = Gateway(table)
    killer = threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGTERM))
    killer.start()
    gateway.run()
    killer.join()
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_config_is_taken_as_it_is(table):
    from smtpgw import config

    made = config.parse(table)
    assert isinstance(made, Config)
    assert Gateway(made).config is made
