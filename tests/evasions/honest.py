# ruff: noqa: E501 (messages stand here as they are)
"""A generator of mail that is odd and good, mechanism by mechanism: what programs and people send every day.

Boundaries and nestings as programs make them, encodings that are wasteful or lazy, names and texts of all languages,
headers that are long, old or sloppy, reports, lists, forwards, and the files that offices mail to one another. A gateway
that refuses one of them with its default configuration refuses honest mail.
"""

from __future__ import annotations

import base64
import gzip
import io
import quopri
import tarfile
import zlib
from collections.abc import Iterator
from itertools import product

from .enclosed import pdf, zipped
from .locked_pdf import SCHEMES, Lock
from .pieces import crlf, letter

TEXT = "Dear colleague,\nplease find below what we talked about. It is due on Friday.\n"
HTML = '<html><body><p>See <a href="https://www.example.org/a?b=1&amp;c=2">the page</a>.</p></body></html>\n'
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


def encoded(octets: bytes, width: int = 76) -> str:
    """base64 in lines of `width`."""
    text = base64.b64encode(octets).decode()
    return "".join(f"{text[at : at + width]}\n" for at in range(0, len(text), width))


def part(kind: str, body: str, *fields: str) -> str:
    return "".join(f"{line}\n" for line in (f"Content-Type: {kind}", *fields)) + f"\n{body}"


def joined(kind: str, boundary: str, *parts: str, quote: str = '"') -> str:
    """A multipart of parts."""
    body = "".join(f"--{boundary}\n{each}\n" for each in parts)
    return part(f"multipart/{kind}; boundary={quote}{boundary}{quote}", f"{body}--{boundary}--\n")


def attached(kind: str, name: str, octets: bytes) -> str:
    return part(
        f'{kind}; name="{name}"',
        encoded(octets),
        "Content-Transfer-Encoding: base64",
        f'Content-Disposition: attachment; filename="{name}"',
    )


def boundaries() -> Iterator[tuple[str, bytes]]:
    for boundary in (
        "----=_Part_1_1234.5678", "----=_NextPart_000_0001_01D8ABCD.12345678", "=_abc123", "_000_AM0PR01MB123eurprd01pro_",
        "Apple-Mail=_0A1B2C3D-4E5F", "--boundary", "b1_0a1b2c", "0000000000001a2b3c05", "===============123==",
        "Mark=_1", "a.b:c/d?e", "x" * 70, "(a)", "with blank inside", "'", "a,b", "_----------=_1234", "A",
        "ZZ_/afg6432dfgkl.94531q", "==4==", "+-+-+", "simple boundary", "nYMqxKr-1", "MCBoundary=_1", "__NextPart__",
    ):  # fmt: skip
        quotes = ('"', "") if boundary.replace("_", "").replace("-", "").isalnum() else ('"',)
        for quote, around in product(quotes, ("mixed", "alternative")):
            text, page = part("text/plain", TEXT), part("text/html", HTML)
            yield f"{around} {quote}{boundary}{quote}", letter(joined(around, boundary, text, page, quote=quote))


def nestings() -> Iterator[tuple[str, bytes]]:
    text, page = part("text/plain; charset=utf-8", TEXT), part("text/html; charset=utf-8", HTML)
    picture = attached("image/png", "logo.png", PNG)
    both = joined("alternative", "inner", text, page)
    related = joined("related", "related", page, picture)
    forward = part("message/rfc822", letter(text).decode("latin-1").replace("\r\n", "\n"))
    signature = part("application/pgp-signature; name=s.asc", "-----BEGIN PGP SIGNATURE-----\n\niQ==\n-----END\n")
    report = part("message/delivery-status", "Reporting-MTA: dns; a.example\n\nFinal-Recipient: rfc822; b@c\n")
    header = part("text/rfc822-headers", "From: a@b.example\nSubject: x\n")
    for kind, parts in {
        "mixed": [text], "mixed, a picture": [text, picture], "mixed of alternative": [both, picture],
        "mixed of related": [related, picture], "alternative of related": [text, related], "related": [page, picture],
        "mixed, a forward": [text, forward], "mixed, two forwards": [forward, forward], "digest": [f"\n{TEXT}"],
        "signed": [text, signature], "report": [text, report, header], "mixed, all": [both, related, forward, picture],
        "parallel": [text, text], "mixed, empty text": [part("text/plain", ""), picture], "form-data": [text],
        "mixed, no header": [f"\n{TEXT}", picture], "x-mixed-replace": [text, text], "mixed, footer": [text, text, text],
    }.items():  # fmt: skip
        body = joined(kind.split(",")[0].split(" ")[0], "outer", *parts)
        yield kind, letter(body)
        yield (
            f"{kind}, preamble",
            letter(body.replace("--outer\n", "This is a multi-part message in MIME format.\n--outer\n", 1)),
        )
        yield f"{kind}, blank lines", letter(body.replace("--outer--\n", "--outer--\n\n\n"))
        yield f"{kind}, in itself", letter(joined("mixed", "around", body))
    body = text
    for depth in range(1, 8):
        body = part("message/rfc822", f"Subject: forwarded {depth}\nMIME-Version: 1.0\n{body}")
        yield f"forwarded {depth} times", letter(body)


def encodings() -> Iterator[tuple[str, bytes]]:
    texts = {"English": TEXT, "German": "Schöne Grüße vom Rhein.\n", "a long line": "word " * 150 + "\n", "empty": ""}
    for name, text in texts.items():
        raw = text.encode()
        for kind, body in {
            "base64": encoded(raw), "BASE64": encoded(raw), "base64 ": encoded(raw, 60), "Base64": encoded(raw, 64),
            "quoted-printable": quopri.encodestring(raw).decode("latin-1"),
            "Quoted-Printable": quopri.encodestring(raw, quotetabs=True).decode("latin-1"),
            "8bit": raw.decode("latin-1"), "8BIT": raw.decode("latin-1"), "binary": raw.decode("latin-1"),
            "7bit": raw.decode("latin-1") if raw.isascii() else "plain\n",
        }.items():  # fmt: skip
            yield (
                f"{name} as {kind!r}",
                letter(f"Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: {kind}\n\n{body}"),
            )
    field = "Content-Transfer-Encoding"
    for width in (4, 20, 40, 60, 64, 72, 76, 400):
        yield f"base64 in lines of {width}", letter(f"{field}: base64\n\n{encoded(TEXT.encode() * 9, width)}")
    yield "base64, an empty line behind", letter(f"{field}: base64\n\n{encoded(TEXT.encode())}\n\n")
    yield "base64, an empty line before", letter(f"{field}: base64\n\n\n{encoded(TEXT.encode())}")
    yield "base64, no padding", letter(f"{field}: base64\n\n{encoded(b'abcd').replace('=', '')}")
    yield (
        "base64, a list's footer",
        letter(f"{field}: base64\n\n{encoded(TEXT.encode())}\n____\nTo leave, write to us.\n"),
    )
    yield "quoted-printable, lower case", letter(f"{field}: quoted-printable\n\nGr=c3=bc=c3=9fe\n")
    yield "quoted-printable, not all of it", letter(f"{field}: quoted-printable\n\n1 + 1 = 2, and a=b=\n")
    for count in (1, 3, 10):
        yield f"{count} Received", crlf("Received: from a by b; Mon, 2 Nov 2026 10:00:00 +0000\n" * count + f"\n{TEXT}")


def charsets() -> Iterator[tuple[str, bytes]]:
    samples = {
        "Grüße, façade, naïve": ("iso-8859-1", "iso-8859-15", "windows-1252", "utf-8", "macintosh"),
        "Zażółć gęślą jaźń": ("iso-8859-2", "windows-1250", "utf-8"),
        "Привет, мир": ("koi8-r", "windows-1251", "iso-8859-5", "utf-8"),
        "Γειά σου": ("iso-8859-7", "windows-1253", "utf-8"),
        "שלום עולם": ("iso-8859-8", "windows-1255", "utf-8"),
        "مرحبا": ("windows-1256", "utf-8"),
        "こんにちは、世界": ("iso-2022-jp", "shift_jis", "euc-jp", "utf-8"),
        "안녕하세요": ("euc-kr", "ks_c_5601-1987", "utf-8"),
        "你好，世界": ("gb2312", "gbk", "gb18030", "big5", "utf-8"),
        "สวัสดี": ("windows-874", "utf-8"),
        "Merhaba ığş": ("iso-8859-9", "windows-1254", "utf-8"),
        "Emoji 🎉 done": ("utf-8", "utf-16"),
    }
    python = {"macintosh": "mac_roman", "ks_c_5601-1987": "cp949", "windows-874": "cp874"}
    for text, names in samples.items():
        for name in names:
            raw = f"{text}\n".encode(python.get(name, name), "replace")
            head = f"Content-Type: text/plain; charset={name}\nContent-Transfer-Encoding: base64\n"
            yield f"{text[:5]} as {name}, base64", letter(f"{head}\n{encoded(raw)}")
            if name != "utf-16":
                body = quopri.encodestring(raw).decode("latin-1")
                yield (
                    f"{text[:5]} as {name}, quoted-printable",
                    letter(
                        f'Content-Type: text/html; charset="{name}"\nContent-Transfer-Encoding: quoted-printable\n\n{body}'
                    ),
                )
            word = f"=?{name}?B?{base64.b64encode(raw.rstrip()).decode()}?="
            yield (
                f"{text[:5]} as {name}, in the subject",
                crlf(f"From: {word} <a@b.example>\nSubject: {word}\n\n{TEXT}"),
            )


def names() -> Iterator[tuple[str, bytes]]:
    for name in (
        "report.pdf", "my report.pdf", "Übersicht.pdf", "年度报告.pdf", "a'b.pdf", "a (1).pdf", "a;b.pdf", "a,b.pdf",
        "no extension", ".hidden", "v1.2.3.pdf", "UPPER.PDF", "100%.pdf", "a&b.pdf", "long " * 20 + ".pdf", "=20.pdf",
    ):  # fmt: skip
        octets = name.encode()
        quoted = "".join(chr(o) if chr(o).isalnum() and o < 128 else f"%{o:02X}" for o in octets)
        word = f"=?utf-8?B?{base64.b64encode(octets).decode()}?="
        half = len(quoted) // 2
        half -= 2 if quoted[half - 1] == "%" else 1 if quoted[half - 2] == "%" else 0
        for form, parameters in {
            "plain": f'filename="{octets.decode("latin-1")}"',
            "extended": f"filename*=utf-8''{quoted}",
            "in pieces": f"filename*0*=utf-8''{quoted[:half]};\n filename*1*={quoted[half:]}",
            "encoded word": f'filename="{word}"',
            "both": f"filename=\"report.pdf\";\n filename*=utf-8''{quoted}",
        }.items():
            body = encoded(b"%PDF-1.4\n" + TEXT.encode())
            yield (
                f"{name[:12]!r}, {form}",
                letter(
                    f'Content-Type: application/pdf; name="{word}"\nContent-Disposition: attachment;\n {parameters}\n'
                    f"Content-Transfer-Encoding: base64\n\n{body}"
                ),
            )


def headers() -> Iterator[tuple[str, bytes]]:
    for fields in (
        "", "Subject:\n", "Subject: \n", "subject: x\n", "SUBJECT: x\n", "Subject: x\n y\n\tz\n", "Subject: Re: Re: AW: x\n",
        "To: undisclosed-recipients:;\n", "To: a@b.example,\n c@d.example\n", f"To: {'a@b.example, ' * 200}c@d.example\n",
        'From: "Doe, John" <a@b.example>\n', "From: a@b.example (John)\n", "From: <a@b.example>\n", "X-Empty:\n",
        f"References: {'<abc.def@ghi.example> ' * 40}\n", f"X-Long: {'x' * 900}\n", "X-Folded:\n x\n", "Date: now\n",
        "Message-ID: <a@b>\n", "Message-Id: broken\n", "X-8bit: Grüße\n", "MIME-Version: 1.0 (by a program)\n",
        "Mime-Version: 1.0\n", "Importance: high\nX-Priority: 1\n", "List-Unsubscribe: <mailto:a@b.example>\n",
        f"DKIM-Signature: v=1; a=rsa-sha256; d=a.example;\n\tb={'abcd' * 20}\n\t {'efgh' * 20}\n",
        "Authentication-Results: mx.example; spf=pass\n", "Content-Language: de\n", "Content-ID: <a@b>\n",
        "Content-Type: text/plain\n", "Content-Type: text/plain; charset=utf-8; format=flowed; delsp=yes\n",
        "Content-Type: text/html\n", "Content-Type: TEXT/PLAIN; CHARSET=US-ASCII\n", "Content-Type: text/plain;\n",
        "Content-Type: text\n", "Content-Type: text/plain; charset=utf-8;\n", "Content-Type: text/plain;charset=utf-8\n",
        "Content-Disposition: inline\n", "Content-Description: a letter\n", "Return-Path: <>\n", "Precedence: bulk\n",
    ):  # fmt: skip
        for end in ("\n", "\n\n\n"):
            octets = fields.encode().decode("latin-1")
            yield f"{fields[:40]!r} {len(end)}", crlf(f"From: a@sender.example\n{octets}{end}{TEXT}")


def bodies() -> Iterator[tuple[str, bytes]]:
    for text in (
        "", "\n", ".\n", "..\n", "-- \nJohn\n", "From the start\n", ">From me\n", "--\n", "---\n", "-----Original Message-----\n",
        "begin with this\n", "begin 5 minutes early\n", "begin\nend\n", "=ybegin is a word\n", "PK is short for something\n",
        "%PDF is a type\n", "MZ said so\n", "http://www.example.org/" + "a" * 900 + "\n", "Subject: quoted\nFrom: a\n\nold\n",
        "Content-Type: is a field\n", "base64: YWJj\n", "a\tb\tc\n", "last line has no end", " \n \n", "x" * 990 + "\n",
        "Fwd:\n\n> Content-Type: multipart/mixed; boundary=b\n> --b\n", "+ACI- is UTF-7\n", "<html>not really\n", "{json: 1}\n",
        "1;2;3\n4;5;6\n", "BEGIN:VCARD\nVERSION:3.0\nEND:VCARD\n", "#!/bin/sh is how scripts begin\n", "0\n" * 2000,
    ):  # fmt: skip
        yield f"{text[:30]!r}", letter(f"\n{text}")
        yield f"{text[:30]!r} as HTML", letter(f"Content-Type: text/html; charset=utf-8\n\n<pre>{text}</pre>\n")


def files() -> Iterator[tuple[str, bytes]]:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        info = tarfile.TarInfo("notes/letter.txt")
        info.size = len(TEXT)
        tar.addfile(info, io.BytesIO(TEXT.encode()))
    content = TEXT.encode()
    contents = {
        "letter.txt": content, "logo.png": PNG, "notes.zip": zipped("notes.txt", content), "notes.tar": archive.getvalue(),
        "notes.txt.gz": gzip.compress(content, mtime=0), "in.zip": zipped("out.zip", zipped("notes.txt", content)),
        "many.zip": zipped("dir/sub/notes.txt", content * 500), "zeros.bin": bytes(100_000), "data.csv": b"a;b\n1;2\n" * 99,
        "invite.ics": b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nEND:VCALENDAR\r\n", "page.html": HTML.encode(), "empty.txt": b"",
        "mail.eml": letter(f"\n{TEXT}"), "key.asc": b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmQ==\n-----END\n",
        "utf16.txt": TEXT.encode("utf-16"), "random.bin": bytes(range(256)) * 40, "umlaut.txt": "Grüße\n".encode("cp850"),
    }  # fmt: skip
    contents |= {
        "drawing.svg": b'<!DOCTYPE svg [<!ENTITY ns "http://www.w3.org/2000/svg">]>\n<svg xmlns="&ns;"><path d="M0 0"/></svg>\n',
        "person.vcf": b"BEGIN:VCARD\r\nVERSION:2.1\r\nNOTE;ENCODING=QUOTED-PRINTABLE:Gr=C3=BC=C3=9Fe=\r\n aus\r\nEND:VCARD\r\n",
        "letter.rtf": b"{\\rtf1\\ansi{\\fonttbl{\\f0 Arial;}}\\pard Gr\\'fc\\'dfe \\u8364? {\\b bold}\\par\r\n}",
        "report.docx": zipped("word/document.xml", b"<w:p><w:instrText>PAGE</w:instrText><w:instrText>DATE</w:instrText></w:p>"),
    }  # fmt: skip
    contents |= texts()
    contents |= {f"{name}.pdf": octets for name, octets in documents()}
    for name, octets in contents.items():
        for kind in ("application/octet-stream", "text/plain", "application/x-unknown"):
            text = part("text/plain", TEXT)
            yield f"{name} as {kind}", letter(joined("mixed", "b", text, attached(kind, name, octets)))


def texts() -> dict[str, bytes]:
    """Pages and others that hold pictures, fonts, digests and keys, as programs write them."""
    picture = base64.b64encode(PNG).decode()
    drawing = "%3Csvg xmlns='http://www.w3.org/2000/svg'%3E%3Cpath d='M0 0'/%3E%3C/svg%3E"
    digest = base64.b64encode(bytes(range(100, 164))).decode()
    armour = (
        f"-----BEGIN {{0}}-----\n{{1}}{encoded(bytes([0x30, 0x82, 1, 0]) + bytes(range(256)), 64)}-----END {{0}}-----\n"
    )
    texts = {
        "signature.html": f'<p>Jane</p><img src="data:image/png;base64,{picture}" alt="logo"><img src=\'data:image/gif;base64,\'>',
        "styles.html": f'<style>a {{ background: url("data:image/svg+xml,{drawing}") }} b {{ src: url(data:font/woff2;base64,{digest}) }}</style>',
        "saved.html": f'<script src="a.js" integrity="sha512-{digest}" nonce="{digest[:43]}"></script><b id="{"ab01" * 16}">' * 400,
        "report.html": f'<a download="report.csv" href="data:text/csv;charset=utf-8,a%3Bb%0A1%3B2%0A">save</a><div>{digest}</div>',
        "keys.json": '{"keys": [' + ", ".join(f'{{"kty": "RSA", "n": "{digest * 4}"}}' for _ in range(50)) + "]}",
        "tokens.js": "".join(f'a["{number:064x}"] = "{"thisIsTheNameOfAModuleThatAProgramMadeLongerThanItNeedBe"}{number}";\n' for number in range(20_000)),
        "reader.js": "reader.onload = e => atob(e.target.result.split('base64,')[1].replace(/^data:.*;base64,/, ''));\n",
        "cut.html": f'<img src="data:image/png;base64,{picture[:50]}',
        "broken.html": '<a href="data:application/octet-stream;base64,%%%=&#;===">x</a><a href="data:,%4%">y</a>',
        "photo.vcf": f"BEGIN:VCARD\r\nVERSION:3.0\r\nPHOTO;ENCODING=b;TYPE=PNG:{picture[:60]}\r\n {picture[60:]}\r\nEND:VCARD\r\n",
        "meeting.ics": f"BEGIN:VCALENDAR\r\nATTACH;ENCODING=BASE64;VALUE=BINARY:{picture}\r\nEND:VCALENDAR\r\n",
        "chain.pem": armour.format("CERTIFICATE", "") * 3 + armour.format("RSA PRIVATE KEY", "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\n"),
        "key.pub.asc": f"-----BEGIN PGP PUBLIC KEY BLOCK-----\nVersion: GnuPG v2\n\n{encoded(bytes([0x99, 1, 13]) + bytes(range(256)), 64)}=abcd\n-----END PGP PUBLIC KEY BLOCK-----\n",
        "dkim.txt": f"default._domainkey IN TXT ( \"v=DKIM1; k=rsa; \" \"p={digest * 3}\" \"{digest * 2}\" )\nbase64: {digest}\n{encoded(bytes(range(256)))}",
    }  # fmt: skip
    return {name: text.encode() for name, text in texts.items()}


def documents() -> Iterator[tuple[str, bytes]]:
    """PDFs as programs write them, sound and less so."""
    page = ("/Filter/FlateDecode", zlib.compress(b"BT /F1 12 Tf (hello) Tj ET\n" * 2_000))
    blank = ("/Type/XObject/Subtype/Image/Width 4000/Height 2000/Filter/FlateDecode", zlib.compress(bytes(8_000_000)))
    photo = ("/Type/XObject/Subtype/Image/Filter/DCTDecode", b"\xff\xd8\xff\xe0" + bytes(range(256)) * 40)
    font = ("/Length1 900/Filter[/FlateDecode]", zlib.compress(b"\0\1\0\0" + bytes(900)))
    table = ("/Type/XRef/W[1 2 1]/Filter/FlateDecode/DecodeParms<</Predictor 12/Columns 4>>", zlib.compress(bytes(500)))
    entry = b"<</Type/Annot/Subtype/Link/Rect[0 0 9 9]/F 4/A<</S/URI/URI(https://www.example.org/)>>>>"
    objects = ("/Type/ObjStm/N 100/First 900/Filter/FlateDecode", zlib.compress(b"1 0 " * 200 + entry * 100))
    spec = ("/X<</Type/Filespec/F(data.xml)/UF(data.xml)/EF<</F 1 0 R>>>>", b"")
    data = ("/Type/EmbeddedFile/Subtype/text#2Fxml/Filter/FlateDecode", zlib.compress(b"<?xml version='1.0'?><a/>"))
    yield "plain", pdf(page, font)
    yield "pictures", pdf(photo, blank)
    yield "objects", pdf(objects, page, table)
    yield "revised", pdf(objects, page) + pdf(objects, table)[9:]
    yield "invoice", pdf(data, spec)
    yield "script", pdf(("", b"app.alert(1)"), ("/OpenAction<</S/JavaScript/JS 1 0 R>>", b""))
    yield "no table", pdf(page, font) + b"startxref\n99999\n%%EOF\n"
    yield "cut", pdf(page, photo)[:-300]
    yield "no page", b"%PDF-1.4\n%%EOF\n"
    yield "many pages", pdf(*[page, font] * 300)
    for name, scheme in SCHEMES.items():
        lock = Lock(scheme)
        link = b"3 0 obj<</S/URI/URI" + lock.text(3, b"https://www.example.org/") + b">>endobj\n"
        filled = lock.stream(4, f"/Type/EmbeddedFile{data[0]}", data[1])
        yield f"statement under {name}", lock.pdf(lock.stream(1, *page), lock.stream(2, *objects), link, filled)
        field = b"5 0 obj<</T" + lock.text(5, b"Name") + b"/V" + lock.text(5, "Grüße".encode("utf-16")) + b">>endobj\n"
        yield f"form under {name}", lock.pdf(lock.stream(1, *page), field)
        yield f"record under {name}", lock.pdf(lock.stream(1, "/Type/EmbeddedFile", b"<?xml version='1.0'?><a/>"), link)
    yield "late", b"\r\n" * 90 + pdf(page, objects)


FAMILIES = {
    "boundaries": boundaries,
    "nestings": nestings,
    "encodings": encodings,
    "charsets": charsets,
    "names": names,
    "headers": headers,
    "bodies": bodies,
    "files": files,
}
