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
        f"查{host}看", f"привет{host}", f"<https://{label}.\n {top}/x>", f"x{host[0]}\u0301.{host}", f"{host}\u0301 x", f"http://{host}\u201d",
    ):  # fmt: skip
        yield repr(text), part("text/plain; charset=utf-8", text + "\n")
    soft = f"https://{label[:1]}=\n{label[1:]}.{top}/x"
    yield "a soft break", letter(f"Content-Type: text/plain\nContent-Transfer-Encoding: quoted-printable\n\n{soft}\n")
    flowed = f"see https://{label}. \n{top}/x\n"
    yield "a flowed line", part("text/plain; format=flowed; delsp=yes", flowed.replace("\n", "\r\n"))


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
        f'<a href="d\tata:text/html,{quote(page)}">', f'<iframe srcdoc="&lt;a href=&quot;https://{host}&quot;&gt;">', f'<!DOCTYPE svg SYSTEM "http://{host}/x">',
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
        "nested.pdf": pdf(("/Type/EmbeddedFile", pdf(("/N 1/First 4/Filter/Fl", packed)))),
        "a.svg": svg, "a.html": f"<form action=//{host}/>".encode(), "a.xhtml": f"<a href='//{host}/'/>".encode("utf-16"), "a.ics": folded.encode(),
        "a.url": f"[InternetShortcut]\r\nURL=https://{host}/\r\n".encode(), "a.rtf": rtf.encode(), "a.docx": zipped("word/_rels/document.xml.rels", rels.encode()),
        "a.pdf": f"%PDF-1.4\n1 0 obj << /A << /S /URI /URI (https://{host}/) >> >> endobj\n".encode(), "a.zip": zipped("a.html", f"<a href=//{host}/>".encode()),
    }.items():  # fmt: skip
        for kind in ("application/octet-stream", "image/png", "text/plain"):
            yield f"{name} as {kind}", attached(name, kind, octets)


def innocent(host: str) -> Iterator[tuple[str, bytes]]:
    """What names a host and leads nobody there."""
    for text in (
        f"hxxp://{host}/x", f"HXXPS://{host}", f"ben@{host}", f"über{host}", f"http://über{host}/", f"x{host}", f"{host}.org", f"http://{host}.org/",
        f"https://good.example/?mail=ben@{host}", f"https://good.example/{host}", f"https://good.example/?file=/{host}", "end of a sentence.Next one",
        f"https://x{host.replace('.', '-')}.translate.goog/",
    ):  # fmt: skip
        yield text, part("text/plain; charset=utf-8", text + "\n")


FAMILIES = {"texts": texts, "pages": pages, "redirectors": redirectors, "files": files}
