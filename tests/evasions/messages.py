# ruff: noqa: E501 (messages stand here as they are)
"""A generator of messages that hide a marker, family by family (the mechanism, not the example).

In each of them some program that is really used, or a patient person, finds `MARKER`: by taking the second of two
fields, by stopping at a line of blanks, by guessing a boundary. A gateway has to find it as well, or to say that it
could not look. `harmless` are as odd and hide nothing: they have to pass.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator

from .enclosed import containers, locked_pdfs, passwords, texts
from .pieces import B64, DECOY, MARKER, PLAIN, QP, crlf, evil, letter, mixed, one


def encoding_fields() -> Iterator[tuple[str, bytes]]:
    name = "Content-Transfer-Encoding"
    spellings = [
        "base64", "BaSe64", "(c) base64", "base64 (c)", "base64;", "base64; x=y", '"base64"', "base64, 7bit",
        "7bit, base64", "7bit base64", "=?utf-8?q?base64?=", "\n base64", "\n\tbase64", "base64 ", "x-base64", "base-64",
        "base64\n (7bit)", "(7bit) base64", "'base64'", "base64.", "8bit\n base64", "=base64",
    ]  # fmt: skip
    for spelling in spellings:
        yield f"encoding as {spelling!r}", letter(f"{name}: {spelling}\n\n{B64}\n")
    for spelling in (f"{name} ", f"{name}\t", name.lower(), name.upper(), f"{name}\0", "Content-Transfer\0-Encoding"):
        yield f"encoding field {spelling!r}", letter(f"{spelling}: base64\n\n{B64}\n")
    for field in (
        f"{name}\n : base64", f"{name} \n\t: base64", f"{name}\n \n : base64", f"{name}\n : \n base64", f"{name}\n: base64",
        f"{name}\n base64", f"{name} base64", f"{name} x: base64", f"{name}\n x: base64", f"{name}\x01: base64",
        f"X-{name}: base64", f"X{name}: base64", f"{name}s: base64", f"<{name}: base64", f"no field\n{name}\n : base64",
    ):  # fmt: skip
        yield f"encoding by {field!r}", letter(f"{field}\n\n{B64}\n")
        yield f"plain under {field!r}", letter(f"{field}\n\n{PLAIN}\n")
    for first, second in (
        ("base64", "7bit"),
        ("7bit", "base64"),
        ("", "base64"),
        ("x-none", "base64"),
        ("8bit", "quoted-printable"),
    ):
        body = QP if second == "quoted-printable" else B64
        yield f"encodings {first!r}, {second!r}", letter(f"{name}: {first}\n{name}: {second}\n\n{body}\n")
    for header in (
        f"{name}: base64, 7bit\n",
        f"{name}: base64\n{name}: 7bit\n",
        f"{name}: =base64\n",
        f"{name} : base64\n",
    ):
        yield f"plain under {header!r}", letter(f"{header}\n{PLAIN}\n")
    yield "an encoding with a NUL behind it", letter(f"{name}: base64\0 7bit\n\n{B64}\n")
    yield "quoted-printable in lower case", letter(f"{name}: quoted-printable\n\n=6darker-of-evil-7f3a\n")


def type_fields() -> Iterator[tuple[str, bytes]]:
    good, other = "Content-Type: multipart/mixed; boundary=b\n", "Content-Type: text/plain\n"
    for header in (
        good + other, other + good, good.replace("Type:", "Type :"), good.replace("Type:", "Type\0:"),
        good.replace("/mixed", ""), good.replace("/", "\\"), good.replace("multipart/mixed", "=?utf-8?q?multipart/mixed?="),
        good.replace("multipart/mixed", "multipart / mixed"), good.replace("multipart", "MULTIPART"),
        good.replace("multipart", "(c) multipart"), good.replace("multipart/mixed", "multipart/x-unknown"),
        good.replace("; ", ";\n "), good.replace("; ", ";\n \n "), good.replace("; ", " "), good.replace("; ", ", "),
        other + good.replace("Content-Type", "content-type"), good.replace("multipart/mixed", '"multipart/mixed"'),
        good.replace("multipart/mixed", "multipart/mixed/x"), "Content-Type:\n" + good, good.replace(":", ":\n ", 1),
        good.replace(":", "\n :"), good.replace(":", "\n:"), good.replace(":", " x:"), good.replace(":", ""), "X-" + good,
        other + "X-" + good, other + good.replace(":", "\n :"), good.replace(":", "s:"),
    ):  # fmt: skip
        yield f"type {header!r}", letter(f"{header}\n{one()}")


def boundaries() -> Iterator[tuple[str, bytes]]:
    for parameters in (
        "boundary=b", "BOUNDARY=b", 'boundary="b"', "boundary=b; boundary=c", "boundary=c; boundary=b",
        "(boundary=c) boundary=b", "(boundary=b) x=y", "boundary=c; (boundary=b)", "boundary=b (c)", "boundary = b",
        "boundary*=us-ascii''b", "boundary*=us-ascii''b; boundary=c", "boundary*=us-ascii''c; boundary=b", "boundary*0=b",
        "boundary*0=c; boundary=b", 'x="; boundary=b; y="; boundary=c', 'x="; boundary=c; y="; boundary=b', "boundary=b;",
        'boundary="b', 'boundary=b"', "boundary='b'", "x=y boundary=b", "boundary=c\n boundary=b", "; boundary=b",
        'boundary="\\b"', "boundary=b; boundary=", "boundary=; boundary=b", "xboundary=b; boundary=c", "boundary=b,", "",
        "boundary=wrong", 'boundary=""', "boundary=%62", "boundary=b\0c",
    ):  # fmt: skip
        delimiter = "'b'" if "'b'" in parameters and "*" not in parameters else "b"
        yield f"parameters {parameters!r}", mixed(one(delimiter), f"multipart/mixed; {parameters}")
    for kind in ("text/plain", "application/octet-stream", "mulitpart/mixed", "/mixed", "message/http", "x"):
        yield f"of {kind}", mixed(one(), f"{kind}; boundary=b")
    for kind in ("text/plain", "text/html", "application/octet-stream"):
        quoted = "".join(f"{line}\n" for line in ("This is your mail.", "", "From: a@b.example", "", one()))
        yield f"parts in {kind}", letter(f"Content-Type: {kind}\n\n{one()}")
        yield f"parts in {kind}, quoted", letter(f"Content-Type: {kind}\n\n{quoted}")
        for field in ("Content-Disposition: attachment", "Content-ID: <a@b.example>", "X-A: b\n c\nX-B: c"):
            yield f"parts in {kind}, by {field}", letter(f"Content-Type: {kind}\n\n--b\n{evil(field + chr(10))}--b--\n")
    quoted = one("b").replace("--b", '--"b"')
    yield "quoted in the delimiter", mixed(quoted, 'multipart/mixed; boundary="b"')
    yield "never closed", mixed(one().removesuffix("--b--\n"))
    yield "closed twice", mixed(f"--b\n\n{DECOY}\n--b--\n--b\n{evil()}--b--\n")
    yield "closed at once", mixed(f"--b--\n--b\n{evil()}--b--\n")
    yield "blanks behind", mixed(one().replace("--b", "--b \t"))
    yield "junk behind", mixed(one().replace("--b\n", "--bjunk\n"))
    yield "junk behind one", mixed(f"--b\n\n{DECOY}\n--bx\n{evil()}--b--\n")
    yield "junk behind hides", mixed(f"--b\nContent-Transfer-Encoding: base64\n\n--bx\n\n{B64}\n--b--\n")
    yield "another case", mixed(f"--B\n\n{DECOY}\n--b\n{evil()}--B--\n", "multipart/mixed; boundary=B")
    for outer, inner in (("b", "bb"), ("bb", "b"), ("b", "b"), ("b", "b--"), ("b--", "b")):
        nested = f"Content-Type: multipart/mixed; boundary={inner}\n\n--{inner}\n{evil()}--{inner}--\n"
        yield (
            f"{inner!r} in {outer!r}",
            mixed(f"--{outer}\n{nested}--{outer}--\n", f"multipart/mixed; boundary={outer}"),
        )
        hidden = f"Content-Type: multipart/mixed; boundary={inner}\n\n--{inner}\n\n{DECOY}\n--{inner}--\n--{outer}\n{evil()}--{outer}--\n"
        yield f"behind {inner!r} in {outer!r}", mixed(f"--{outer}\n{hidden}", f"multipart/mixed; boundary={outer}")
    yield "in the preamble", mixed(f"{PLAIN}\n--b\n\n{DECOY}\n--b--\n")
    yield "in the epilogue", mixed(f"--b\n\n{DECOY}\n--b--\n{PLAIN}\n")
    yield "delimiter without a line end", mixed(f"--b\n{evil()}--b")
    yield "no parts but a preamble", mixed(PLAIN + "\n")
    long = "x" * 200
    yield "a long boundary", mixed(one(long), f"multipart/mixed; boundary={long}")


def header_breaks() -> Iterator[tuple[str, bytes]]:
    encoding = f"Content-Transfer-Encoding: base64\n\n{B64}\n"
    for line in (
        "no field", "no field here: x", ": x", "From a@b Mon", "\x80: x", "x\x01y: z", "--b", ">From: x", "a b: c", "\0",
    ):  # fmt: skip
        yield f"behind {line!r}", letter(f"{line}\n{encoding}")
        yield f"a body at {line!r}", letter(f"Content-Transfer-Encoding: base64\n{line}\n\n{B64}\n")
    for blanks in (" ", "\t", "  \t "):
        yield f"a line of {blanks!r}", letter(f"{blanks}\n{encoding}")
        yield f"a body at {blanks!r}", letter(f"Content-Transfer-Encoding: base64\n{blanks}\n{PLAIN}\n")
        yield f"a multipart at {blanks!r}", letter(f"Content-Type: multipart/mixed; boundary=b\n{blanks}\n{one()}")
    yield "a first line that continues", crlf(f" x: y\n{encoding}")
    yield "an mbox line", crlf(f"From a@b Mon\n{encoding}")
    part = f"--b\nContent-Type: text/plain\nContent-Transfer-Encoding: base64\n{B64}\n--b--\n"
    yield "no empty line in a part", mixed(part)
    yield "no header in a part", mixed(f"--b\n{PLAIN}\n--b--\n")
    yield "an empty header", crlf(f"\n{PLAIN}\n")


def transfer_encodings() -> Iterator[tuple[str, bytes]]:
    def encoded(body: str, name: str = "base64") -> bytes:
        return letter(f"Content-Transfer-Encoding: {name}\n\n{body}\n")

    for junk in "!-_.,:*#$%&()<>[]{}|~^\\\x80 \t\0":
        yield f"{junk!r} in base64", encoded(B64[:10] + junk + B64[10:])
        yield f"{junk!r} before base64", encoded(junk + B64)
        yield f"plain text with {junk!r} as base64", encoded(f"{junk} {PLAIN} !")
    pieces = [base64.b64encode(text).decode() for text in (b"x", b"a " + MARKER + b" a", b"zz")]
    yield "streams behind one another", encoded("\n".join(pieces))
    yield "streams on one line", encoded("".join(pieces))
    for padding in ("=", "==", "===", "===="):
        yield f"{padding} in front", encoded(padding + B64)
        for at in (4, 5, 6, 7):
            yield f"{padding} at {at}", encoded(B64[:at] + padding + B64[at:])
    # The "l" of the marker is six bits and two of zero: one character and padding, to programs that fill the group up.
    front, back = (base64.b64encode(text).decode() for text in (b"x " + MARKER[:13], MARKER[14:] + b"."))
    for padding in ("=", "==", "==="):
        yield f"one character before {padding!r}", encoded(f"{front}b{padding}{back}")
    bare = base64.b64encode(MARKER + b"...").decode().rstrip("=")
    yield "no padding", encoded(bare)
    yield "cut", encoded(B64.rstrip("=")[:-1])
    for width in (1, 2, 3, 5, 7, 77, 100):
        yield f"lines of {width}", encoded("\n".join(B64[at : at + width] for at in range(0, len(B64), width)))
    yield "empty lines between", encoded("\n\n".join(B64[at : at + 4] for at in range(0, len(B64), 4)))
    yield "a checksum as of OpenPGP", encoded(B64 + "\n=abcd")
    yield "an armour around", encoded(f"-----BEGIN X-----\n{B64}\n-----END X-----")
    yield "begin-base64", letter(f"\nbegin-base64 644 x.txt\n{B64}\n====\n")
    for body in (
        QP,
        "=6Darker=\n-of-evil-7f3a",
        "=6Darker= \n-of-evil-7f3a",
        "=6Darker=\t\n-of-evil-7f3a",
        "=ZZ =6Darker-of-evil-7f3a",
        "m=61rker-of-evil-7f3a=",
        "=6=\nDx =6Darker-of-evil-7f3a",
        "=6=\nDarker-of-evil-7f3a",
        "==\n6Darker-of-evil-7f3a",
    ):
        yield f"quoted-printable {body!r}", encoded(body, "quoted-printable")
    uu = "begin 644 x.txt\n" + binascii.b2a_uu(b"a " + MARKER + b" b").decode() + "`\nend"
    for odd in (uu.replace("begin", "BEGIN"), uu.replace("begin 644 ", "begin\t644\t"),
                uu.replace("\n`", " what\n`")):  # fmt: skip
        yield f"uuencode as {odd!r}", encoded(odd, "7bit")
    for name in ("7bit", "x-uuencode", "uuencode", "x-uue", "uue"):
        yield f"uuencode as {name}", encoded(f"text\n\n{uu}\n\ntext", name)
    yield "uuencode in base64", encoded(base64.b64encode(f"x\r\n{uu}\r\n".encode()).decode())
    yield "uuencode in quoted-printable", encoded("hello\n" + uu.replace("=", "=3D"), "quoted-printable")
    yield "two of uuencode", encoded(f"begin 644 y\n`\nend\n{uu}", "7bit")
    yield "uuencode without an end", encoded(uu.removesuffix("`\nend"), "7bit")
    yield "uuencode with blanks for backticks", encoded(uu.replace("`", " "), "7bit")
    yenc = bytes((octet + 42) % 256 for octet in MARKER).replace(b"=", b"=}").decode("latin-1")
    head = f"=ybegin line=128 size={len(MARKER)} name=x.txt\n"
    yield "yEnc", encoded(f"{head}{yenc}\n=yend size={len(MARKER)}\n", "8bit")
    yield "yEnc by name", encoded(f"{head}{yenc}\n=yend size={len(MARKER)}\n", "x-yencode")
    yield "BinHex", encoded("(This file must be converted with BinHex 4.0)\n\n:abc:", "7bit")
    nested = base64.b64encode(
        f"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n{PLAIN}\r\n--b--\r\n".encode()
    ).decode()
    for kind in ("message/rfc822", "message/global", "message/news"):
        yield f"base64 on {kind}", letter(f"Content-Type: {kind}\nContent-Transfer-Encoding: base64\n\n{nested}\n")
    inside = base64.b64encode(one().replace("\n", "\r\n").encode()).decode()
    yield (
        "base64 on a multipart",
        letter(f"Content-Type: multipart/mixed; boundary=b\nContent-Transfer-Encoding: base64\n\n{inside}\n"),
    )
    yield (
        "base64 on a multipart that is none",
        letter(f"Content-Type: multipart/mixed; boundary=b\nContent-Transfer-Encoding: base64\n\n{one()}"),
    )
    yield (
        "quoted-printable on a multipart",
        letter(
            "Content-Type: multipart/mixed; boundary=3Db\nContent-Transfer-Encoding: quoted-printable\n\n"
            + one("=3D3Db".replace("=3D", "=3D", 1))
        ),
    )


def composites() -> Iterator[tuple[str, bytes]]:
    inner = f"Subject: inner\nContent-Transfer-Encoding: base64\n\n{B64}\n"
    for kind in ("message/rfc822", "message/global", "message/news"):
        yield kind, letter(f"Content-Type: {kind}\n\n{inner}")
    for kind in ("message/delivery-status", "message/x-unknown", "text/rfc822-headers"):
        yield f"{kind} behind an mbox line", letter(f"Content-Type: {kind}\n\n>From x@y.example Mon\n{inner}")
    yield "a digest", mixed(f"--b\n\n{inner}\n--b--\n", "multipart/digest; boundary=b")
    for kind in ("message/rfc822", "application/octet-stream", "text/plain"):
        body = base64.b64encode(crlf(f"From: x@y.example\nReceived: x\n{inner}")).decode()
        header = f"Content-Type: {kind}; name=x.eml\nContent-Transfer-Encoding: base64\n"
        yield f"a letter as {kind}", mixed(f"--b\n{header}\n{body}\n--b--\n")
    yield "message/partial", letter(f"Content-Type: message/partial; id=x; number=1; total=2\n\n{inner}")
    deep = evil()
    for _ in range(20):
        deep = f"Content-Type: message/rfc822\n\n{deep}"
    yield "twenty deep", letter(deep)


def names() -> Iterator[tuple[str, bytes]]:
    """Files that are programs by one of their names; the marker is the octets of one."""
    for field, parameters in (
        ("Disposition", "filename=a.exe"), ("Disposition", "filename=a.txt; filename=b.exe"),
        ("Disposition", "filename=a.txt; filename*=utf-8''b.exe"), ("Disposition", "filename*=utf-8''a.txt; filename=b.exe"),
        ("Disposition", "filename*0=a.; filename*1=exe"), ("Disposition", "filename*1=exe; filename*0=a."),
        ("Disposition", 'filename="=?utf-8?q?a=2Eexe?="'), ("Disposition", 'filename="a.txt".exe'),
        ("Disposition", 'filename="a.exe"; filename="a.txt"'), ("Disposition", "filename=my file.exe"),
        ("Disposition", 'filename="\u202eftxt.exe"'.encode().decode("latin-1")), ("Disposition", 'filename="dir\\\\a.exe"'),
        ("Type", "name=a.exe"), ("Type", "name=a.txt; name=b.exe"), ("Type", "name*=iso-8859-1''a%2Eexe"),
        ("Disposition", "FILENAME=A.EXE"), ("Disposition", "filename =a.exe"), ("Disposition", "filename=a.exe."),
        ("Disposition", "name=a.exe"), ("Type", "filename=a.exe"), ("Disposition", "filename=my a=b.exe"),
        ("Disposition", 'filename="a.exe:b"'), ("Disposition", 'filename="a.exe::$DATA"'), ("Disposition", 'filename="a.exe\0.txt"'),
        ("Disposition", 'filename="a.exe\u200e"'.encode().decode("latin-1")), ("Disposition", "filename*0=a.txt; filename*1=.exe"),
        ("Disposition", 'filename="=?utf-8?q?a.e?= =?utf-8?q?xe?="'), ("Disposition", "filename*=utf-8''a%2Eexe%00.txt"),
        ("Disposition", f'filename="{"x" * 400}.exe"'), ("Disposition", "filename=a.txt\n .exe"), ("Disposition", "filename='a.exe'"),
        ("Disposition", "; ".join(f"filename={number}.txt" for number in range(9)) + "; filename=b.exe"),
    ):  # fmt: skip
        value = "attachment" if field == "Disposition" else "image/png"
        header = f"Content-{field}: {value}; {parameters}\n"
        header = header.replace("image/png", "text/plain")
        yield f"{field} {parameters!r}", mixed(f"--b\n{evil(header)}--b--\n")
        if parameters in ("filename=a.exe", "name=a.exe"):
            for spelling in (
                header.replace(":", "\n :"),
                f"X-{header}",
                header.replace(":", " x:"),
                header.replace(":", ""),
            ):
                yield f"{spelling!r}", mixed(f"--b\n{evil(spelling)}--b--\n")
    for header in (
        "Content-Description: a.exe\n",
        "Content-Name: a.exe\n",
        "Content-Location: http://host.example/a%2Eexe?x\n",
    ):
        yield header, mixed(f"--b\n{evil(header)}--b--\n")


def charsets() -> Iterator[tuple[str, bytes]]:
    text = PLAIN
    for charset in (
        "utf-7",
        "utf-16",
        "utf-16-le",
        "utf-16-be",
        "utf-32",
        "utf-32-le",
        "cp037",
        "cp500",
        "cp273",
        "cp424",
        "cp875",
        "cp1026",
        "cp1140",
        "hz",
        "iso2022_kr",
    ):
        for label in (charset.replace("iso2022_kr", "iso-2022-kr"), "us-ascii", "utf-8", "x-unknown"):
            wide = charset.startswith(("utf-16", "utf-32")) or charset in ("hz", "iso2022_kr")
            if label == charset or wide or label == "iso-2022-kr":
                body = base64.b64encode(text.encode(charset)).decode()
                header = f"Content-Type: text/plain; charset={label}\nContent-Transfer-Encoding: base64\n"
                yield f"{charset} as {label}", letter(f"{header}\n{body}\n")
    for label in (
        "utf-7",
        "utf-16",
        "utf-32",
        "cp037",
        "iso-2022-kr",
        "hz-gb-2312",
        "gb18030",
        "x-unknown",
        "utf-16be",
    ):
        yield f"plain as {label}", letter(f"Content-Type: text/plain; charset={label}\n\n{text}\n")
    for charset, label in (
        ("cp500", "ibm-1148"),
        ("cp037", "ebcdic-cp-fr"),
        ("cp1026", "IBM 1026"),
        ("utf-7", "UTF_7"),
    ):
        body = base64.b64encode(text.encode(charset)).decode()
        header = f"Content-Type: text/plain; charset={label!r}\nContent-Transfer-Encoding: base64\n"
        yield f"{charset} as {label}", letter(f"{header.replace(chr(39), chr(34))}\n{body}\n")
    escaped = "".join(f"\\u{ord(letter):04x}" for letter in text)
    for label in ("unicode_escape", "raw_unicode_escape", "java"):
        yield f"escapes as {label}", letter(f"Content-Type: text/plain; charset={label}\n\n{escaped}\n")
    hidden = "+" + base64.b64encode(text.encode("utf-16-be")).decode().rstrip("=") + "-"
    for forms in ("charset=us-ascii; charset*=''utf-7", "charset*0=utf-; charset*1=7; charset=utf-8"):
        yield f"utf-7 by {forms!r}", letter(f"Content-Type: text/plain; {forms}\n\n{hidden}\n")
    for page in (
        f"<meta charset=utf-7>{hidden}", f"<META http-equiv=Content-Type content='text/html; charset=UTF-7'>{hidden}",
        f"<?xml version='1.0' encoding='utf-7'?>{hidden}", f"<meta content='x; charset&#61;utf-7'>{hidden}",
        f"<html>{text[:12]}\x1b(B{text[12:]}", f"<meta charset=iso-2022-jp>{text[:12]}\x1b(J{text[12:]}",
        f"<!-- <meta charset=utf-8> --><meta/charset=utf-7>{hidden}", f"<meta charset=hz-gb-2312>{text[:12]}~\n{text[12:]}",
    ):  # fmt: skip
        for kind in ("text/html", "text/html; charset=utf-8", "application/octet-stream; name=a.html"):
            yield f"{page[:40]!r} as {kind}", letter(f"Content-Type: {kind}\n\n{page}\n")
    body = base64.b64encode("\0".join(text).encode()).decode()
    yield "NULs between letters", letter(f"Content-Type: text/plain\nContent-Transfer-Encoding: base64\n\n{body}\n")


FAMILIES = {
    "encoding fields": encoding_fields,
    "type fields": type_fields,
    "boundaries": boundaries,
    "header breaks": header_breaks,
    "transfer encodings": transfer_encodings,
    "composites": composites,
    "names": names,
    "charsets": charsets,
    "containers": containers,
    "files in texts": texts,
    "locked PDFs": locked_pdfs,
    "passwords": passwords,
}
