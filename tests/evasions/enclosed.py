# ruff: noqa: E501 (messages stand here as they are)
"""Messages that hide a marker in a file within a file, or in one that needs a password: families of `messages`."""

from __future__ import annotations

import base64
import binascii
import io
import re
import zipfile
import zlib
from collections.abc import Iterator

from .locked import locked_zip
from .locked_pdf import SCHEMES, Lock
from .pieces import MARKER, evil, letter, mixed


def tnef(*attributes: tuple[int, int, bytes]) -> bytes:
    out = b"\x78\x9f\x3e\x22\x01\x00"
    for level, number, data in attributes:
        out += bytes([level]) + number.to_bytes(4, "little") + len(data).to_bytes(4, "little") + data
        out += (sum(data) & 0xFFFF).to_bytes(2, "little")
    return out


def containers() -> Iterator[tuple[str, bytes]]:
    """Files within files; what archives do to hide something is tested where they are opened."""
    program = b"MZ " + MARKER
    attached = tnef((2, 0x00069002, b"x" * 14), (2, 0x0006800F, program), (2, 0x00018010, b"a.exe\0"))
    files = {"winmail.dat": attached, "a.zip": zipped("a.exe", program), "b.zip": zipped("winmail.dat", attached)}
    files["a.uu.zip"] = zipped("a.uu", b"begin 644 a\n" + binascii.b2a_uu(MARKER) + b"`\nend\n")
    files["a.eml.zip"] = zipped("a.eml", letter(evil()))
    digits = rtf_object(
        "Package", b"\x02\0a.txt\0C:\\a.exe\0\0\0\x03\0\0\0\0\0" + len(program).to_bytes(4, "little") + program
    ).hex()
    files["a.rtf"] = b"{\\rt{\\object\\objemb{\\*\\objdata " + digits.encode() + b"}}}"
    files["b.rtf"] = b"{\\rtf1{\\objdata{}" + f"{digits[:99]}\\par1 {{{digits[99:]}}}}}}}".encode()
    element = base64.encodebytes(program).decode()
    files["a.xml"] = (
        f"<?xml version='1.0'?><p:package><p:part p:name='/a.bin'><p:binaryData>{element}</p:binaryData></p:part></p:package>".encode()
    )
    files["b.xml"] = (
        f"<?xml version='1.0'?><w:wordDocument><w:binData w:name='a.mso'>{element}</w:binData></w:wordDocument>".encode(
            "utf-16"
        )
    )
    packed = zlib.compress(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + program)
    files["a.mso"] = b"ActiveMime\0\0\x01\xf0\x04\0\0\0".ljust(0x32, b"\0") + packed
    files |= {f"{number}.pdf": pdf(*streams) for number, streams in enumerate(embedded(program))}
    for name, content in files.items():
        for kind in ("application/ms-tnef", "application/octet-stream", "image/png", "text/plain"):
            body = base64.encodebytes(content).decode()
            header = f"Content-Type: {kind}; name={name}\nContent-Transfer-Encoding: base64\n"
            yield f"{name} as {kind}", mixed(f"--b\n{header}\n{body}--b--\n")


def texts() -> Iterator[tuple[str, bytes]]:
    """Files in a text that a program makes files again: "HTML smuggling" and its relatives."""
    program = b"MZ\x90\0 to be saved and run: " + MARKER + b" \xff\xfe\xfd"
    code = base64.b64encode(program).decode()
    percent = "".join(f"%{octet:02x}" for octet in program)
    url = f"data:application/octet-stream;base64,{code}"
    pages = {
        "link": f"<a id=x download=a.exe href='{url}'>x</a><script>x.click()</script>",
        "bare": f"<a href={url} download>x</a>",
        "upper case": f'<a href="DATA:;BASE64 ,{code}">x</a>',
        "percent": f'<iframe src="data:application/octet-stream,{percent}">',
        "percent in base64": f'<iframe src="{url.replace("/", "%2F").replace("=", "%3D")}">',
        "folded": f'<a href="data:application/zip;ba\nse64,\n{folded(code, 20)}">x</a>',
        "references": f'<a href="data&colon;x/y;base64&comma;{code.replace("+", "&#43;")}">x</a>',
        "style": f"<style>a {{ background: url({url}) }}</style>",
        "drawing": f'<svg xmlns="http://www.w3.org/2000/svg"><image href="{url}"/></svg>',
        "script": f"<script>var b = atob('{code}'); save(new Blob([b]));</script>",
        "pieces": f"<script>atob('{folded(code, 10, PLUS)}')</script>",
        "list": f"<script>new Blob([['{folded(code, 40, COMMA)}'].join('')])</script>",
        "statements": f"<script>var b = '{folded(code, 40, ADDS)}';</script>",
        "digits": f"<script>var b = '{(program * 2).hex()}';</script>",
        "object": '{"name": "a.exe", "data": "' + code.replace("/", "\\/") + '"}',
        "element": f"<pre hidden>\n{folded(code, 64)}\n</pre>",
        "calendar": f"BEGIN:VCALENDAR\r\nATTACH;ENCODING=BASE64;VALUE=BINARY:{folded(code, 60, FOLD)}\r\n",
        "photo": f"BEGIN:VCARD\r\nPHOTO;ENCODING=b;TYPE=JPEG:{folded(code, 60, FOLD)}\r\nEND:VCARD\r\n",
        "logo": f"BEGIN:VCARD\r\nLOGO;GIF;BASE64:\r\n {code}\r\n\r\nEND:VCARD\r\n",
        "key": f"BEGIN:VCARD\r\nKEY:{folded(url, 70, FOLD)}\r\nEND:VCARD\r\n",
        "certificate": f"-----BEGIN CERTIFICATE-----\r\n{folded(code, 64)}\r\n-----END CERTIFICATE-----\r\n",
    }
    for name, page in pages.items():
        for kind, charset in (("text/html", "ascii"), ("application/octet-stream", "utf-16")):
            body = base64.encodebytes(page.encode(charset)).decode()
            header = f"Content-Type: {kind}; name=a.html\nContent-Transfer-Encoding: base64\n"
            yield f"{name} as {kind}", mixed(f"--b\n{header}\n{body}--b--\n")


PLUS, COMMA, ADDS, FOLD = "' + '", "', '", "'; b += '", "\r\n "


def folded(text: str, width: int, between: str = "\n") -> str:
    return between.join(text[at : at + width] for at in range(0, len(text), width))


def embedded(program: bytes) -> Iterator[tuple[tuple[str, bytes], ...]]:
    """The streams of a PDF with a program in it: named in clear, in packed objects, not at all, by decoders in a chain."""
    packed = zlib.compress(program)
    spec = b"<</F(a.exe)/EF<</F 1 0 R>>>>"
    yield ("/Type/EmbeddedFile/Filter/FlateDecode", packed), ("/Type/Metadata", b"a")
    yield ("/Type /Embedded#46ile /Filter [ /Fl ]", packed), ("/Type/Metadata", b"a")
    yield ("/Filter/FlateDecode", packed), ("/Type/ObjStm/N 1/First 4/Filter/FlateDecode", zlib.compress(spec))
    yield ("/Subtype/Image/Filter/Fl", packed), ("/N 1/First 4", spec)
    yield ("/Filter[/AHx/Fl]", packed.hex().encode() + b">"), ("/N 1/First 4/F/A85", base64.a85encode(spec) + b"~>")
    yield ("/Type/Metadata", pdf(("/Type/EmbeddedFile/Filter/Fl", packed))), ("/X(endobj", b"endstream)")


def locked_pdfs() -> Iterator[tuple[str, bytes]]:
    """PDFs under the empty word, which programs open without a question, and oddities on which programs differ."""
    program = b"MZ " + MARKER
    packed = zlib.compress(program)
    for scheme, description in SCHEMES.items():
        lock = Lock(description)
        spec = b"1 0 obj<</Type/Filespec/F" + lock.text(1, b"a.exe") + b"/EF<</F 2 0 R>>>>endobj\n"
        file = lock.stream(2, "/Type/EmbeddedFile/Filter/FlateDecode", packed)
        whole = lock.pdf(spec, file)
        objects = zlib.compress(b"1 0 <</Type/Filespec/F(a.exe)/EF<</F 2 0 R>>>>")
        clear = b"<</Type/EmbeddedFile/Filter[/Crypt/Fl]/DecodeParms[<</Name/Identity>>null]/Length %d>>" % len(packed)
        clear = b"2 0 obj" + clear + b"stream\n" + packed + b"\nendstream endobj\n"
        owners = Lock(description, is_owners=True)
        other = Lock(SCHEMES["RC4 of 40 bits" if "AES" in scheme else "AES of 256 bits"])
        decoy = b"8 0 obj" + other.dictionary + b"endobj trailer<</Encrypt 8 0 R>>\n"
        for name, content in {
            "as it should be": whole,
            "unpacked": lock.pdf(spec, lock.stream(2, "", program)),
            "in digits": lock.pdf(spec, lock.stream(2, "/Filter/AHx", program.hex().encode() + b">")),
            "in packed objects": lock.pdf(
                lock.stream(3, "/N 1/First 4/Filter/Fl", objects), lock.stream(2, "/Filter/Fl", packed)
            ),
            "a script in a string": lock.pdf(b"1 0 obj<</S/JavaScript/JS" + lock.text(1, program) + b">>endobj\n"),
            "in clear by its own filter": lock.pdf(spec, clear),
            "in clear in spite of all": lock.pdf(spec, clear.replace(b"[/Crypt/Fl]", b"/Fl")),
            "an escaped key": whole.replace(b"/Encrypt 9", b"/#45ncr#79pt%\n9"),
            "a direct dictionary": whole.replace(b"/Encrypt 9 0 R", b"/Encrypt" + lock.dictionary),
            "a dictionary in front": lock.pdf(decoy, spec, file),
            "a dictionary behind": whole + decoy,
            "another identifier in front": lock.pdf(b"trailer<</ID[(a)(b)]>>\n", spec, file),
            "a filter that is described elsewhere": whole.replace(b"/CF<<", b"/CF 7 0 R/X<<"),
            "embedded files by another filter": whole.replace(b"/StmF/StdCF", b"/StmF/StdCF/EFF/Identity"),
            "the key of the owner": owners.pdf(spec, owners.stream(2, "/Type/EmbeddedFile/Filter/Fl", packed)),
            "the key of the owner, unpacked": owners.pdf(spec, owners.stream(2, "/Type/EmbeddedFile", program)),
            "a wrong length": lock.pdf(spec, re.sub(rb"/Length \d+", b"/Length 3", lock.stream(2, "", program))),
        }.items():
            body = base64.encodebytes(content).decode()
            header = "Content-Type: application/pdf; name=a.pdf\nContent-Transfer-Encoding: base64\n"
            yield f"{name}, {scheme}", mixed(f"--b\n{header}\n{body}--b--\n")


def pdf(*streams: tuple[str, bytes]) -> bytes:
    """One with streams, which are its objects from the first on."""
    out = b"%PDF-1.7\n"
    for number, (dictionary, data) in enumerate(streams, 1):
        out += f"{number} 0 obj<<{dictionary}/Length {len(data)}>>stream\n".encode() + data + b"\nendstream endobj\n"
    return out


def rtf_object(kind: str, content: bytes) -> bytes:
    name = kind.encode() + b"\0"
    size = (len(name).to_bytes(4, "little"), len(content).to_bytes(4, "little"))
    return b"\x01\x05\0\0\x02\0\0\0" + size[0] + name + bytes(8) + size[1] + content


def zipped(name: str, content: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return file.getvalue()


def passwords() -> Iterator[tuple[str, bytes]]:
    """An archive that needs a password, and where the recipient reads it."""
    locked = base64.encodebytes(locked_zip("a.exe", b"MZ " + MARKER, "Tr0ub4dor")).decode()
    archive = f"--b\nContent-Type: application/zip; name=a.zip\nContent-Transfer-Encoding: base64\n\n{locked}"
    texts = {
        "in a sentence": "\nthe password for the file is Tr0ub4dor.\n",
        "behind a colon": "\nPasswort:Tr0ub4dor\n",
        "on the next line": "\npw\n\nTr0ub4dor\n",
        "in quotes": "\nopen it with 'Tr0ub4dor'!\n",
        "in the open": f"\n{'open it with the well known word of today ' * 40}Tr0ub4dor\n",
        "in base64": "Content-Transfer-Encoding: base64\n\n" + base64.b64encode(b"pw: Tr0ub4dor").decode() + "\n",
        "in quoted-printable": "Content-Transfer-Encoding: quoted-printable\n\npw: Tr0=\nub4dor\n",
        "in UTF-7": "Content-Type: text/plain; charset=utf-7\n\npw: +AFQ-r0ub4dor\n",
        "in HTML": "Content-Type: text/html\n\n<p>Password</p><p>Tr0ub4dor</p>\n",
        "within elements": "Content-Type: text/html\n\n<p>Password: <b>Tr0</b><i>ub4</i>dor</p>\n",
        "in entities": "Content-Type: text/html\n\n<p>Password: &#84;r&#x30;ub4dor</p>\n",
        "in a table below a style": "Content-Type: text/html\n\n<style>"
        + "p { margin: 10px }\n" * 60
        + "</style><td>Code</td><td>Tr0ub4dor</td>\n",
    }
    for name, text in texts.items():
        yield name, mixed(f"--b\n{text}{archive}--b--\n")
    yield "behind the archive", mixed(f"{archive}--b\n\npw: Tr0ub4dor\n--b--\n")
    subject = mixed(f"{archive}--b--\n")
    for name, value in {
        "in the subject": "pw: Tr0ub4dor",
        "in a word of it": "=?utf-8?B?cHc6IFRyMHViNGRvcg==?=",
    }.items():
        yield name, subject.replace(b"Subject: hello", b"Subject: " + value.encode())
    for name, inner in {"archive in an archive": zipped("b.zip", locked_zip("a.exe", MARKER, "infected")),
                        "by the custom of the trade": locked_zip("a.exe", MARKER, "infected")}.items():  # fmt: skip
        body = base64.encodebytes(inner).decode()
        yield name, mixed(f"--b\nContent-Type: application/zip\nContent-Transfer-Encoding: base64\n\n{body}--b--\n")
