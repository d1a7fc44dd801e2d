"""What hooks are shown: frozen, lazy, and as the message has it."""

import encodings.aliases
import hashlib

import pytest

import smtpgw
from smtpgw import InspectorError, _core
from smtpgw.testing import make_message, make_part, read_message

MESSAGE = (
    b"From: =?utf-8?q?Gr=C3=BCn?= <a@sender.example>\r\n"
    b"Subject: one\r\n two\r\n"
    b"Received: first\r\n"
    b"received: second\r\n"
    b'Content-Type: multipart/mixed; boundary="b"\r\n'
    b"\r\n"
    b"--b\r\nContent-Type: text/plain; charset=ISO-8859-1\r\n\r\ngr\xfcn\r\n"
    b"--b\r\nContent-Type: application/x-a; name=other.bin\r\n"
    b"Content-Disposition: attachment; filename*=utf-8''gr%C3%BCn.bin\r\n"
    b"Content-Transfer-Encoding: BASE64\r\n\r\naGVs*bG8=\r\n"
    b"--b--\r\n"
)


def test_a_part_is_what_the_message_says():
    first, second, *others = read_message(MESSAGE).parts
    assert (first.path, first.media_type, first.charset, first.filename) == ("1", "text/plain", "iso-8859-1", None)
    assert (first.data, first.text) == ("grün".encode("latin-1"), "grün")
    assert (second.path, second.media_type, second.transfer_encoding) == ("2", "application/x-a", "base64")
    assert second.filename == "grün.bin"
    assert set(second.names) == {"grün.bin", "other.bin"}
    assert second.data == b"hello"
    assert second.size == 5
    assert second.sha256 == hashlib.sha256(b"hello").hexdigest()
    assert second.header["content-disposition"].startswith("attachment")
    assert second.container is None
    assert (first.reading, second.reading) == (None, None)
    # Not every program skips what is no base64.
    assert {part.reading for part in others} == {"base64_junk=stop", "base64_junk=as_is"}


def test_defects_say_what_where():
    message = read_message(MESSAGE)
    [defect] = message.parts[1].defects
    assert (defect.kind, defect.path, str(defect)) == ("base64_junk", "2", "base64_junk")
    assert MESSAGE[defect.offset :].startswith(b"*")
    assert defect == message.parts[1].defects[0]
    assert {defect} == set(message.parts[1].defects)
    assert defect in message.defects


def test_a_header_is_read_by_name():
    header = read_message(MESSAGE).header
    assert header["FROM"] == "Grün <a@sender.example>"
    assert header.get("subject") == "one two"
    assert header["Received"] == "first"
    assert header.get_all("RECEIVED") == ("first", "second")
    assert header.get_all("x") == ()
    assert header.get("x") is None
    assert header.get("x", 5) == 5
    assert "subject" in header
    assert "x" not in header
    assert 5 not in header
    assert len(header) == 5
    assert list(header) == list(header.keys()) == ["From", "Subject", "Received", "received", "Content-Type"]
    assert header.items()[1] == ("Subject", "one two")
    assert header.raw[1] == (b"Subject", b" one\r\n two")
    with pytest.raises(KeyError, match="x-none"):
        header["x-none"]


def test_a_message_knows_its_session_and_envelope():
    message = make_message(
        client=("::ffff:192.0.2.7", 5), listener=("2001:db8::1", 25), reverse_path="", forward_paths=["a@b", "c@d"]
    )
    assert message.session.client == ("192.0.2.7", 5)
    assert message.session.listener == ("2001:db8::1", 25)
    assert message.session.helo == "client.example.org"
    assert message.session.tls.version == "TLSv1.3"
    assert message.session.tls.client_certificate is None
    assert message.envelope.reverse_path == ""
    assert message.envelope.forward_paths == ("a@b", "c@d")
    assert make_message(tls=False).session.tls is None
    with pytest.raises(ValueError, match="is no IP address"):
        make_message(client=("localhost", 1))


def test_raw_is_there_once_all_has_arrived():
    assert read_message(MESSAGE).raw == MESSAGE
    with pytest.raises(InspectorError, match="on_message"):
        _ = make_message(raw=None).raw


def test_sameness_is_that_of_the_message():
    message = read_message(MESSAGE)
    assert message.parts[0] == message.parts[0]
    assert message.parts[0] != message.parts[1]
    assert len({*message.parts, *message.parts}) == len(message.parts)
    assert message == message
    assert message != read_message(MESSAGE)
    assert message.session == message.session
    assert len({message.session, message.session}) == 1


@pytest.mark.parametrize(
    ("data", "charset", "text"),
    [
        (b"gr\xc3\xbcn", "utf-8", "grün"),
        (b"gr\xfcn", "iso-8859-1", "grün"),
        (b"\xff\xfeh\x00i\x00", None, "hi"),
        (b"gr\xfcn", "utf-8", "gr\ufffdn"),
        (b"gr\xfcn", "x-unknown", "grün"),
        (b"", None, ""),
        (b"a\x00b", None, "a\x00b"),
        (("grün " * 40_000).encode(), "utf-8", "grün " * 40_000),
    ],
)  # fmt: skip
def test_text_is_decoded_by_the_declared_charset(data, charset, text):
    part = make_part(data, charset=charset)
    assert part.text == text
    assert part.text is part.text


@pytest.mark.parametrize("codec", ["cp037", "cp273", "cp424", "cp500", "cp875", "cp1026", "cp1140"])
def test_ebcdic_is_what_python_reads(codec):
    """All the tables that Python has, octet by octet, under each name that it knows them by."""
    octets = bytes(range(256))
    names = {alias for alias, name in encodings.aliases.aliases.items() if name == codec} | {codec}
    for name in names:
        assert make_part(octets, charset=name).text == octets.decode(codec, "replace"), name


def test_objects_cannot_be_changed_or_made():
    message = read_message(MESSAGE)
    things = [message, message.parts[0], message.header, message.session, message.envelope, message.parts[0].data]
    for thing in things:
        with pytest.raises(AttributeError):
            thing.path = "x"
        with pytest.raises(AttributeError):
            thing.new = "x"
        with pytest.raises(TypeError):
            type(thing)()
        with pytest.raises(TypeError):
            type("Derived", (type(thing),), {})
        assert repr(thing).startswith("<smtpgw.")


def test_the_public_names_are_those_of_the_core():
    for name in ("Part", "Message", "Session", "Header"):
        assert getattr(smtpgw, name) is getattr(_core, name)
        assert getattr(_core, name).__module__ == "smtpgw"


def test_hostile_names_come_through_as_they_are():
    name = "a\u202egnp.exe\x00\r\n"
    part = make_part(b"", filename=name)
    assert part.filename == name
    assert part.names == (name,)
    assert "\n" not in repr(part)
