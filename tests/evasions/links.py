# ruff: noqa: E501 (links stand here as they are)
"""A generator of messages that lead to a host, mechanism by mechanism: what a program would click, load or open.

Each is made for any host, so that the same disguise of one that is on no list has to pass. `innocent` are messages that
name a host and lead nobody there.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from urllib.parse import quote
from zlib import compress

from .enclosed import pdf, zipped
from .locked_pdf import SCHEMES, Lock
from .pieces import letter, mixed


def encoded(octets: bytes) -> str:
    return base64.encodebytes(octets).decode()


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def part(content_type: str, text: str, *fields: str) -> bytes:
    header = "".join(f"{line}\n" for line in (f"Content-Type: {content_type}", *fields))
    return letter(f"{header}Content-Transfer-Encoding: base64\n\n{encoded(text.encode())}")


def attached(name: str, content_type: str, octets: bytes) -> bytes:
    header = f"Content-Type: {content_type}\nContent-Disposition: attachment; filename={name}\n"
    return mixed(f"--b\n\nsee below\n--b\n{header}Content-Transfer-Encoding: base64\n\n{encoded(octets)}--b--\n")


def texts(host: str) -> Iterator[tuple[str, bytes]]:
    """Words of running text."""
    label, _, top = host.rpartition(".")
    wide = "".join(chr(ord(letter) + 0xFEE0) if letter.isalpha() else letter for letter in host)
    for text in (
        f",{host}", f"({host})", f"[{host}]", f"<{host}>", f'"{host}"', f"{host}...", f"..{host}", f"-{host}", f"_{host}_", f"*{host}*",
        f"{host}- see", f"http://{host}-", f"[url=http://{host}]x[/url]", f"http://{host}:here", f"http://{host}@ x", f"http://{host}.",
        f"HTTPS:\\\\{host.upper()}\\x", f"https:/{host}/x", f"https:{host}", f"//{host}/x", f"http://good.example@{host}/x",
        f"http://{host}:00080/", f"http://{label}%2E{top}/", f"http://%{ord(host[0]):x}{host[1:]}/", f"http://{wide}/", f"{wide}/x",
        f"{label}\u3002{top}", f"http://{label}\uff61{top}/", f"{host[:2]}\u00ad{host[2:]}", f"\u202ehttp://{host}", f"\u2066{host}\u2069",
        f"查{host}看", f"привет{host}", f"see //x@{host}/y", f"see https:x@{host}/y", f"<URL:https://{label}.\n  {top}/>", f"<https://{label}.\n {top}/x>", f"x{host[0]}\u0301.{host}", f"{host}\u0301 x", f"http://{host}\u201d",
    ):  # fmt: skip
        yield repr(text), part("text/plain; charset=utf-8", text + "\n")
    soft = f"https://{label[:1]}=\n{label[1:]}.{top}/x"
    yield "a soft break", letter(f"Content-Type: text/plain\nContent-Transfer-Encoding: quoted-printable\n\n{soft}\n")
    flowed = f"see https://{label}. \n{top}/x\n"
    for parameter in ("delsp=yes", 'DELSP="yes"', "delsp=(c)yes", "delsp*=us-ascii''yes", "delsp*0=y; delsp*1=es"):
        for text in (flowed, "".join(f"> {line}" for line in flowed.splitlines(keepends=True))):
            kind = f"text/plain; format=flowed; {parameter}"
            yield f"a flowed line by {parameter}: {text!r}", part(kind, text.replace("\n", "\r\n"))


def pages(host: str) -> Iterator[tuple[str, bytes]]:
    """Tags and what they load."""
    label, _, top = host.rpartition(".")
    page = f'<a href="https://{host}/">x</a>'
    for text in (
        f'<a href="ht\ntps://{host}">', f'<a href="h\tttps\t:/\t/{host}">', f'<a href="/\\{host}">', f"<a href=https:{host}>", f"<a href='//{host}'>",
        f'<a href="https&#58//{label}&#46{top}">', f'<a href="https&colon;&sol;&sol;{label}&period;{top}">', f'<a href="\x01https://{host}">',
        f'<base href="//{host}/"><a href="x">', f'<base href="//{host}/"><form action="x">', f"<form action=//{host}/>", f'<area href="//{host}">',
        f'<button formaction="https://{host}">', f'<meta http-equiv=refresh content="0;url=//{host}/">', f'<img srcset="a.png 1x, //{host}/b 2x">',
        f'<a href="//good.example" ping="https://{host}/x">', f'<svg><a xlink:href="//{host}/">', f'<style>@import "//{host}/x.css"</style>',
        f"<style>a{{b:url(//{host}/x)}}</style>", rf"<style>a{{b:url(\68ttps\3a//{label}\2e {top}/x)}}</style>", f'<p style="background:url(&quot;//{host}/&quot;)">',
        f"""<a href="javascript:location='https://{host}'">""", rf'<script>location="\x68ttps://{label}\u002e{top}"</script>',
        f'<script>document.write(atob("{b64(page)}"))</script>', f"<script>var x='{b64(page)}'; document.write(window['atob'](x))</script>",
        f"<script>document.write(unescape('{quote(page, safe='')}'))</script>", f'<a href="data:text/html;base64,{b64(page)}">',
        f'<a href="d\tata:text/html,{quote(page)}">', f'<iframe srcdoc="&lt;a href=&quot;https://{host}&quot;&gt;">', f"""<iframe src='data:text/html;charset="utf-8";base64,{b64(page)}'>""",
        f'<meta http-equiv=refresh content="0;url=https:x@{host}/">', f'<meta http-equiv=refresh content="0;url=ht\ntps://{label}\t.{top}/">', f'<img srcset="a.png 1x, //x@{host}/b 2x">',
        f"<style>a{{b:url(//x@{host}/x)}}</style>", f'<style>@import "//x@{host}/x.css"</style>', f'<style>a{{b:url("https://{label}\t.{top}/x")}}</style>', f'<style>a{{b:url("https://{label}\\\n.{top}/x")}}</style>',
        rf"<style>a{{b:url(https://{label}\.{top}/x)}}</style>", rf'<script>open("https:\/\/{label}\.{top}")</script>', rf'<script>open("h\ttps\x3a//{label}\n.{top}")</script>', f'<script>open("//x@{host}")</script>',
        f"<script>open(`https://{label}\n.{top}`)</script>", f'<a href=https://x"@{host}/>', f"<a href=//x`@{host}/>", f"<a href=https://x<'@{host}/>", f'<!DOCTYPE svg SYSTEM "http://{host}/x">',
    ):  # fmt: skip
        yield repr(text), part("text/html; charset=utf-8", text)


def redirectors(host: str) -> Iterator[tuple[str, bytes]]:
    """URLs that lead to another's page."""
    url = f"https://{host}/x"
    once = quote(url, safe="")
    json = '{"u":1,"url":"' + url.replace("/", "\\/") + '"}'
    for carrying in (
        f"https://good.example/?u={url}", f"https://good.example/?u={once}", f"https://good.example/?u={quote(once)}", f"https://good.example/?u={quote(quote(once))}",
        f"https://good.example/?u={b64(url)}", f"https://good.example/r/{b64(url)}", f"https://good.example/?u=a1{b64(url).rstrip('=')}&n=1",
        f"https://good.example/?p={b64(json)}", f"https://good.example/#{once}",
        f"https://good.example/?u={host}", f"https://good.example/?u=//{host}/x", f"https://good.example//{host}/x",
        f"https://a.safelinks.protection.outlook.com/?url={quote('https://b.safelinks.protection.outlook.com/?url=' + once, safe='')}&data=05",
        f"https://urldefense.proofpoint.com/v2/url?u=https-3A__{host}_x&d=DwM", f"https://urldefense.com/v3/__{url}__;!!a!b$",
        f"https://www.google.com/url?q={url}&sa=D", f"https://www.google.com/amp/s/{host}/x",
        f"https://{host.replace('-', '--').replace('.', '-')}.translate.goog/x",
    ):  # fmt: skip
        yield carrying, part("text/html", f'<a href="{carrying}">x</a>')


def files(host: str) -> Iterator[tuple[str, bytes]]:
    """Attachments that lead somewhere, whatever they are said to be."""
    svg = f'<svg xmlns="http://www.w3.org/2000/svg"><a xlink:href="//{host}/"><text>x</text></a></svg>'.encode()
    rels = f'<Relationships><Relationship Id="a" Type="x/hyperlink" Target="https://{host}/" TargetMode="External"/></Relationships>'
    folded = f"BEGIN:VCALENDAR\r\nURL:https://{host[:3]}\r\n {host[3:]}/x\r\nEND:VCALENDAR\r\n"
    rtf = r"{\rtf1{\field{\*\fldinst{HYPERLINK " + '"http://' + host.replace(".", r"\'2e") + '"}}}}'
    wide = f"HYPERLINK https://{host}/x".encode("utf-16-le")
    card = f"BEGIN:VCARD\r\nVERSION:2.1\r\nURL;ENCODING=QUOTED-PRINTABLE:https://{host[:3]}=\r\n{host[3:].replace('.', '=2E')}/\r\nEND:VCARD\r\n"
    field = f'<w:p><w:instrText>HYPERLINK "https://{host[:2]}</w:instrText><w:r/><w:instrText xml:space="preserve">{host[2:]}/"</w:instrText></w:p>'
    entity = f'<!DOCTYPE svg [<!ENTITY a "&b;{host[4:]}"><!ENTITY b \'{host[:4]}\'>]><svg><a xlink:href="https://&a;/"/></svg>'
    cut = r"{\rt{\field{\*\fldinst HYPERLINK " + f'"http://{host[:2]}}}{{\\b0 {host[2:5]}\r\n{host[5:]}"' + "}}}"
    coded = r"{\rtf1{\*\template " + "".join(rf"\u{ord(letter)}?" for letter in f"http://{host}/") + "}}"
    packed = compress(f"5 0 <</S/URI/URI(https://{host}/)>>".encode())
    digits = compress(f"5 0 <{f'https://{host}/'.encode().hex()}>".encode())
    ascii85 = base64.a85encode(packed) + b"~>"
    page = compress(f"<a href=//{host}/>".encode())
    locked = {}
    for number, lock in enumerate(map(Lock, SCHEMES.values())):
        string = b"1 0 obj<</S/URI/URI" + lock.text(1, f"https://{host}/".encode()) + b">>endobj\n"
        locked[f"locked{number}.pdf"] = lock.pdf(string)
    for name, octets in {
        **locked, "objects.pdf": pdf(("/Type/ObjStm/N 1/First 4/Filter/FlateDecode", packed)), "digits.pdf": pdf(("/N 1/First 4/Filter/Fl", digits)),
        "chain.pdf": pdf(("/Type/Obj#53tm/Filter[/A85/FlateDecode]", ascii85)), "file.pdf": pdf(("/Filter/FlateDecode", page), ("/X<</F(a.html)/EF<</F 1 0 R>>>>", b"x")),
        "controls.html": b"<!--" + b"\1" * 99 + f"--><a href=//{host}/>".encode(), "controls.zip": zipped("a.htm", b"\2" * 99 + f"<a href=//{host}/>".encode()),
        "a.lnk": b"L\0\0\0\x01\x14\x02\0" + bytes(range(68)) + wide, "a.doc": bytes(range(256)) * 9 + wide + bytes(99), "a.bin": bytes(range(256)) * 9 + f"https://{host}/".encode() + bytes(99),
        "a.vcf": card.encode(), "field.docx": zipped("word/document.xml", field.encode()), "entity.svg": entity.encode(), "cut.rtf": cut.encode(), "coded.rtf": coded.encode(),
        "wide.pdf": b"%PDF-1.4\n1 0 obj<</S/URI/URI(\xfe\xff" + f"https://{host}/".encode("utf-16-be") + b")>>endobj\n", "packed.rtf": packed_rtf(f"{{\\rtf1 {host} }}".encode()),
        "nested.pdf": pdf(("/Type/EmbeddedFile", pdf(("/N 1/First 4/Filter/Fl", packed)))),
        "a.svg": svg, "a.html": f"<form action=//{host}/>".encode(), "a.xhtml": f"<a href='//{host}/'/>".encode("utf-16"), "a.ics": folded.encode(),
        "a.url": f"[InternetShortcut]\r\nURL=https://{host}/\r\n".encode(), "a.rtf": rtf.encode(), "a.docx": zipped("word/_rels/document.xml.rels", rels.encode()),
        "a.pdf": f"%PDF-1.4\n1 0 obj << /A << /S /URI /URI (https://{host}/) >> >> endobj\n".encode(), "a.zip": zipped("a.html", f"<a href=//{host}/>".encode()),
    }.items():  # fmt: skip
        for kind in ("application/octet-stream", "image/png", "text/plain"):
            yield f"{name} as {kind}", attached(name, kind, octets)


def packed_rtf(text: bytes) -> bytes:
    """As Outlook packs it (MS-OXRTFCP), each octet for itself."""
    packed = b"".join(b"\0" + text[at : at + 8] for at in range(0, len(text), 8))
    # A reference to where the next octet comes is the end; the dictionary begins with 207 of its own.
    packed = (
        packed.ljust(-(-len(packed) // 9) * 9, b" ")
        + b"\x01"
        + ((207 + -(-len(text) // 8) * 8) << 4).to_bytes(2, "big")
    )
    return (len(packed) + 12).to_bytes(4, "little") + len(text).to_bytes(4, "little") + b"LZFu" + bytes(4) + packed


def headers(host: str) -> Iterator[tuple[str, bytes]]:
    """A page that is relative to what its header says."""
    for field in (
        f"Content-Base: https://{host}/",
        f"Content-Location: http://{host}/a/b",
        f'Content-Base: "//{host}/"',
    ):
        yield field, letter(f"Content-Type: text/html\n{field}\n\n<a href=x>\n")


def innocent(host: str) -> Iterator[tuple[str, bytes]]:
    """What names a host and leads nobody there."""
    for text in (
        f"hxxp://{host}/x", f"HXXPS://{host}", f"ben@{host}", f"über{host}", f"http://über{host}/", f"x{host}", f"{host}.org", f"http://{host}.org/",
        f"https://good.example/?mail=ben@{host}", f"https://good.example/{host}", f"https://good.example/?file=/{host}", "end of a sentence.Next one",
        f"https://x{host.replace('.', '-')}.translate.goog/", f'"http://good.example","ben@{host}"', f"hxxp://x@{host}", f"// ben@{host}",
        f'<a href="https://good.example">ben@{host}</a>', f"<a href=https://good.example>ben@{host}</a>", f'"https://good.example\nor ben@{host}"',
    ):  # fmt: skip
        yield text, part("text/plain; charset=utf-8", text + "\n")


FAMILIES = {"texts": texts, "pages": pages, "redirectors": redirectors, "files": files, "headers": headers}
