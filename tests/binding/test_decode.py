"""`smtpgw.testing.decode`: the decoder by itself."""

from email.message import EmailMessage

from smtpgw.testing import decode


def test_gives_the_header_and_every_leaf():
    message = EmailMessage()
    message["Subject"] = "Grüße"
    message.set_content("Schöne Grüße\n", charset="iso-8859-1", cte="quoted-printable")
    message.add_attachment(b"MZ\0", maintype="application", subtype="pdf", filename="Übersicht.pdf")
    header, (text, file) = decode(message)
    assert header["subject"] == "Grüße"
    assert (text.path, text.media_type, text.charset) == ("1", "text/plain", "iso-8859-1")
    assert (text.text, bytes(text.data)) == ("Schöne Grüße\r\n", "Schöne Grüße\r\n".encode("latin-1"))
    assert file.text is None
    assert (file.filename, bytes(file.data), file.header["content-transfer-encoding"]) == (
        "Übersicht.pdf",
        b"MZ\0",
        "base64",
    )


def test_reads_by_the_rfcs_and_opens_nothing():
    raw = b"Content-Type: multipart/mixed; boundary=b\r\n\r\nno part\r\n--b\r\n\r\nfirst\r\n--b--\r\nbehind\r\n"
    assert [bytes(leaf.data) for leaf in decode(raw)[1]] == [b"no part", b"first", b"behind\r\n"]
    assert [leaf.media_type for leaf in decode(b"")[1]] == ["text/plain"]
