"""`Core`, `Scanner` and `self_signed`: the gateway's life, and its errors as Python's."""

import json
import smtplib
import socket
import ssl
import threading
import time

import pytest

from smtpgw import ConfigError, Inspector, SmtpgwError, TlsError, Verdict, config
from smtpgw._core import Core, Scanner, self_signed
from smtpgw.inspector import roster
from smtpgw.testing import running_gateway


@pytest.fixture
def settings(tmp_path):
    def settings(**listener):
        table = {
            "hostname": "localhost",
            "listener": [
                {
                    "address": "127.0.0.1:0",
                    "tls": "none",
                    "backend": "mail",
                    "recipient_domains": ["*"],
                    **listener,
                }
            ],
            "backend": {"mail": {"address": f"maildir:{tmp_path}/mail"}},
            "spool": {"path": str(tmp_path)},
            "log": {"file": str(tmp_path / "log")},
        }
        return config.parse(table, files=False).to_core_json()

    return settings


@pytest.fixture
def core(settings):
    made = []

    def core(inspectors=(), *, records=False, **listener):
        new = Core(settings(**listener), roster(inspectors), threads=2, records=records)
        made.append(new)
        new.start()
        return new

    yield core
    for each in made:
        each.stop()


def greeting(address):
    with socket.create_connection(address, timeout=5) as client:
        return client.recv(100)


def test_its_life(core):
    gateway = core()
    [(host, port)] = gateway.addresses
    assert greeting((host, port)).startswith(b"220 ")
    gateway.drain()
    with pytest.raises(ConnectionError):
        greeting((host, port))
    gateway.stop()
    gateway.stop()
    gateway.drain()
    assert gateway.addresses == []
    with pytest.raises(SmtpgwError, match="started before"):
        gateway.start()


def test_it_starts_once(core):
    gateway = core()
    with pytest.raises(SmtpgwError, match="started before"):
        gateway.start()
    assert greeting(gateway.addresses[0]).startswith(b"220 ")


def test_one_that_nobody_holds_any_more_ends(settings):
    gateway = Core(settings(), roster([]), threads=1)
    gateway.start()
    [address] = gateway.addresses
    del gateway
    deadline = time.monotonic() + 10
    with pytest.raises(ConnectionError):
        while time.monotonic() < deadline:
            greeting(address)
            time.sleep(0.01)


@pytest.mark.parametrize("broken", ["", "null", "{", '{"nonsense": 1}', '{"hostname": 5}', "5"])
def test_settings_that_are_none(broken):
    with pytest.raises(ConfigError, match=r"^settings: "):
        Core(broken, [], threads=1)
    with pytest.raises(ConfigError, match=r"^settings: "):
        Scanner(broken, [], threads=1)


def test_a_port_in_use_is_one_clear_line(settings):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        gateway = Core(settings(address=address), roster([]), threads=1)
        with pytest.raises(SmtpgwError, match=f"^cannot listen on {address}: .*in use") as caught:
            gateway.start()
    assert "\n" not in str(caught.value)


def test_a_certificate_that_is_none(settings, tmp_path):
    for name in ("chain", "key"):
        (tmp_path / name).write_text("no PEM")
    certificate = {"chain": str(tmp_path / "chain"), "key": str(tmp_path / "key")}
    gateway = Core(settings(tls="starttls", certificates=[certificate]), roster([]), threads=1)
    with pytest.raises(TlsError, match=r"^/.*chain: "):
        gateway.start()


def test_a_log_that_cannot_be_written(settings, tmp_path):
    changed = json.loads(settings())
    changed["log"]["file"] = str(tmp_path / "none" / "log")
    with pytest.raises(SmtpgwError, match=r"^log: "):
        Core(json.dumps(changed), roster([]), threads=1).start()


def test_a_self_signed_certificate_is_for_its_name(tmp_path):
    chain, key = self_signed("mx.example")
    (tmp_path / "chain").write_text(chain)
    (tmp_path / "key").write_text(key)
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(tmp_path / "chain", tmp_path / "key")
    names = ssl._ssl._test_decode_cert(str(tmp_path / "chain"))["subjectAltName"]
    assert ("DNS", "mx.example") in names
    assert self_signed("mx.example")[1] != key


class Says(Inspector):
    """Rejects with its own word."""

    def __init__(self, word):
        self.word = word

    def on_message(self):
        return Verdict.reject(self.word, reply=self.word)


def send(gateway, body=b"x"):
    with smtplib.SMTP(*gateway.addresses[0], timeout=10) as client:
        client.ehlo()
        client.mail("a@b.example")
        client.rcpt("c@d.example")
        return client.data(b"Subject: x\r\n\r\n" + body + b"\r\n")[1].decode()


def test_a_reload_takes_new_inspectors_for_new_connections(core, settings):
    gateway = core([Says("one")])
    [address] = gateway.addresses
    with smtplib.SMTP(*address, timeout=10) as old:
        old.ehlo()
        gateway.reload(settings(), roster([Says("two")]))
        assert "two" in send(gateway)
        old.mail("a@b.example")
        old.rcpt("c@d.example")
        assert "one" in old.data(b"Subject: x\r\n\r\nx\r\n")[1].decode()
    assert gateway.addresses == [address]
    # The threads of the crew before end with its last connection.
    deadline = time.monotonic() + 10
    while sum(thread.name == "smtpgw-inspector-supervisor" for thread in threading.enumerate()) > 1:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_reload_that_is_refused_changes_nothing(core, settings, tmp_path):
    gateway = core([Says("one")])
    certificate = {"chain": str(tmp_path / "none"), "key": str(tmp_path / "none")}
    with pytest.raises(SmtpgwError, match="none: No such file"):
        gateway.reload(settings(tls="starttls", certificates=[certificate]), roster([Says("two")]))
    with pytest.raises(ConfigError):
        gateway.reload("{", roster([Says("two")]))
    assert "one" in send(gateway)
    gateway.reload(settings(), roster([]))
    assert "one" not in send(gateway)


def test_a_stop_does_not_wait_for_a_hook_that_hangs(core):
    begun, release = threading.Event(), threading.Event()

    class Hangs(Inspector):
        def on_message(self):
            begun.set()
            release.wait(30)

    gateway = core([Hangs()])

    def try_to_send():
        with pytest.raises(smtplib.SMTPException):
            send(gateway)

    client = threading.Thread(target=try_to_send, daemon=True)
    client.start()
    assert begun.wait(10)
    begin = time.monotonic()
    gateway.stop()
    assert time.monotonic() - begin < 8
    release.set()
    client.join(10)
    assert not client.is_alive()


def test_records_come_as_json_in_order(core):
    gateway = core(records=True)
    [ready] = [json.loads(line) for line in gateway.next_records(10)]
    assert ready["event"] == "ready"
    begin = time.monotonic()
    assert gateway.next_records(0.2) == []
    assert time.monotonic() - begin >= 0.2
    for wrong in (-1, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="no number of seconds"):
            gateway.next_records(wrong)
    with pytest.raises(SmtpgwError, match="records=True"):
        core().next_records(0)


def test_waiting_for_records_lets_other_threads_run(core):
    gateway = core(records=True)
    gateway.next_records(10)
    # Whoever is to make the record that is waited for is started by it, and is let run only by the wait itself.
    greeted = []
    client = threading.Timer(0.1, lambda: greeted.append(greeting(gateway.addresses[0])))
    client.start()
    [line, *_] = gateway.next_records(20)
    client.join()
    assert json.loads(line)["event"] == "connection"
    assert greeted


def test_a_scan_is_of_octets_or_of_a_file(tmp_path, settings):
    class Counts(Inspector):
        scores = True

        def on_message(self, message):
            assert message.envelope.forward_paths == ("c@d",)
            return Verdict.score(len(message.raw), "SIZE", reason=message.envelope.reverse_path)

    scanner = Scanner(settings(), roster([Counts()]), threads=1)
    octets = b"Subject: x\r\n\r\nx\r\n"
    (tmp_path / "a.eml").write_bytes(octets)
    for source in (octets, tmp_path / "a.eml", str(tmp_path / "a.eml")):
        report = json.loads(scanner.scan(source, reverse_path="a@b", forward_paths=["c@d"]))
        assert report["verdict"]["score"] == len(octets)
    with pytest.raises(FileNotFoundError):
        scanner.scan(tmp_path / "none")
    with pytest.raises(TypeError):
        scanner.scan(5)


def test_a_running_gateway_for_tests():
    with running_gateway([Says("no, thank you")], config={"limits": {"message_size": "64 KiB"}}) as gateway:
        reply = gateway.send(b"Subject: x\r\n\r\nx\r\n")
        assert (reply.code, reply.text) == (554, "5.7.1 no, thank you")
        assert gateway.deliveries == []
        assert gateway.record()["verdict"]["reason"] == "no, thank you"
        assert gateway.send(b"x\r\n" * 30_000).code == 552


def test_what_arrives_is_what_was_sent():
    octets = b"Subject: x\r\n\r\n.\r\n..\r\n.x\r\n\r\nend\r\n"
    with running_gateway() as gateway:
        assert gateway.send(octets, sender="", recipients=["a@b.example", "c@d.example"]).code == 250
        gateway.server.replies["RCPT"] = "451 4.2.1 later"
        assert gateway.send(octets) == (451, "4.2.1 later")
        del gateway.server.replies["RCPT"]
        gateway.server.replies["."] = "550 5.7.1 never"
        assert gateway.send(octets, starttls=False) == (550, "5.7.1 never")
        [delivery] = gateway.deliveries
        assert gateway.record(number=0)["outcome"] == "relayed"
        with pytest.raises(TimeoutError, match="no record of a nonsense"):
            gateway.record("nonsense", timeout_s=0.1)
    assert delivery.content.endswith(octets)
    assert delivery.reverse_path == ""
    assert delivery.forward_paths == ("a@b.example", "c@d.example")
