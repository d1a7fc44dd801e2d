"""Pages in `data:` URLs and in coded strings, and the places of a message/external-body, are looked at as any text."""

import base64
import time
from urllib.parse import quote

import pytest

from smtpgw.inspectors.urls import Urls
from smtpgw.inspectors.urls.inner import external_body, pages
from smtpgw.inspectors.urls.pdf import links
from smtpgw.testing import make_part

PAGE = '<a href="http://bad.example/">x</a>'
B64 = base64.b64encode(PAGE.encode()).decode()


@pytest.mark.parametrize(
    "text",
    [
        f'<a href="data:text/html;base64,{B64}">',
        f"<a href='DATA:text/html;charset=utf-8;base64,{B64}'>",
        f"see data:text/html;base64,{B64} there",
        f'<a href="data:text/html;base64,{B64[:10]} \n {B64[10:]}">',
        f'<a href="data:text/html;base64,{quote(B64)}">',
        f'<a href="data:text/html;base64,{B64.rstrip("=")}">',
        f'<a href="data:text/html,{quote(PAGE)}">',
        f'<a href="data:,{quote("http://bad.example/")}">',
        f'<a href="&#100;ata:text/html;base64,{B64}">',
        f'<a href="data\n:text/html;base64,{B64}">',
        f'<a href="d\tata:text/html;base64,{B64}">',
        f'<a href="data:text/html;{"x" * 3_000};base64,{B64}">',
        f'<script>document.write(atob("{B64}"))</script>',
        f"<script>var x = '{B64}'; window['atob'](x)</script>",
        f"<script>atob(`{B64[:20]}\n{B64[20:]}`)</script>",
        f'<script>document.write(unescape("{quote(PAGE)}"))</script>',
        f'<script>decodeURIComponent("{quote(PAGE, safe="")}")</script>',
        f"<script>unescape('{''.join(f'%u{ord(letter):04x}' for letter in PAGE)}')</script>",
        f'<img src="data:image/svg+xml;base64,{B64}">',
        f'<a href="data:text/html;charset=utf-16;base64,{base64.b64encode(PAGE.encode("utf-16")).decode()}">',
        f'<a href="data:text/html,{quote(f"<a href=data:text/html;base64,{B64}>")}">',
    ],
)
def test_pages_in_data_urls(text):
    assert any("http://bad.example/" in page for page in pages(text))
    assert any("bad.example" in str(hit) for hit in Urls().scan(text))


def test_pictures_are_not_read():
    assert len(list(pages('<img src="data:image/png;base64,iVBORw0KGgo=">'))) == 1
    assert list(pages("the data: all of it")) == ["the data: all of it"]
    assert list(pages("'aHR0cDovL2JhZC5leGFtcGxlLw'")) == ["'aHR0cDovL2JhZC5leGFtcGxlLw'"], "nothing decodes it"


@pytest.mark.parametrize(
    ("content_type", "text"),
    [
        ("text/calendar", "BEGIN:VCALENDAR\r\nLOCATION:https://bad.exa\r\n mple/x\r\n"),
        ("application/octet-stream", "begin:vcard\nURL:https://ba\n\td.example/x\n"),
        ("text/vcard; charset=utf-8", "URL:htt\r\n ps://bad.example\r\n"),
        ("text/plain; format=flowed; delsp=yes", "see https://bad. \r\nexample/x\r\n"),
        ('text/plain; format=flowed; DelSp="Yes"', "see https://bad. \n example/x\n"),
    ],
)
def test_lines_that_are_put_together(content_type, text):
    kind = content_type.partition(";")[0]
    for folded in (text, text.replace("ba", "goo")):
        part = make_part(folded.encode(), media_type=kind, header=[("Content-Type", content_type)])
        assert (Urls().on_part(part) is not None) == ("ba" in folded)


BINARY = b"%PDF-1.4\n" + bytes(range(256)) * 8


@pytest.mark.parametrize(
    "link",
    [b"/URI (https://bad.example/)", b"/URI(https://bad.example/(x))", b"/URI\n(https:\\057\\057bad\\056example)",
     b"/URI <68747470733A2F2F 6261642E6578616D706C65>", b"/URI (https://bad.\\\nexample/)",
     b"/URI 5 0 R 5 0 obj<6874 7470 3A2F2F6261642E6578616D706C65>"],
)  # fmt: skip
def test_links_of_a_pdf(link):
    for text in (link, link.replace(b"bad", b"got").replace(b"626164", b"676F74").replace(b"6261642E", b"676F742E")):
        part = make_part(BINARY + text + BINARY, media_type="application/octet-stream")
        assert part.real_type == "application/pdf"
        assert (Urls().on_part(part) is not None) == (text is link)


@pytest.mark.parametrize("piece", [b"/URI (", b"/URI <", b"/URI", b"/URI (\\", b"/URI <41", b"<6", b"< ", b"<687474"])
def test_a_pdf_takes_linear_time(piece):
    begun = time.process_time()
    links(piece * 200_000)
    assert time.process_time() - begun < 2


@pytest.mark.parametrize("text", ["see https://bad. \r\nexample/x\r\n", "BEGIN:\n https://bad.\n example"])
def test_other_lines_stand_alone(text):
    for content_type in ("text/plain", "text/plain; format=flowed"):
        part = make_part(text.encode(), media_type="text/plain", header=[("Content-Type", content_type)])
        assert Urls().on_part(part) is None


@pytest.mark.parametrize(
    "piece",
    ["data:", "data:,", "data:text/html,%64ata:,", '"data:,', "data:;base64,AAAA", "d\n", "dat", "atob('", "atob(",
     "'QUFBQUFBQUFBQUFBQUFB", "unescape('", "'%41", "unescape('%u"],
)  # fmt: skip
def test_time_is_linear(piece):
    def quickest(times):
        text, best = piece * times, 9.0
        for _ in range(3):
            begun = time.process_time()
            sum(len(page) for page in pages(text))
            best = min(best, time.process_time() - begun)
        return best

    assert quickest(40_000) <= quickest(5_000) * 16 + 0.04


@pytest.mark.parametrize(
    ("content_type", "places"),
    [
        ('message/external-body; access-type=URL; URL="http://bad.example/x"', ["http://bad.example/x"]),
        ('message/external-body; access-type=URL;\r\n URL="http://bad.exa\r\n mple/x"', ["http://bad.example/x"]),
        ("message/external-body; URL*0=http://bad; URL*1=.example/x", ["http://bad.example/x"]),
        ("message/external-body; url*=us-ascii''http:%2f%2fbad.example/x", ["http://bad.example/x"]),
        (
            'message/external-body; access-type=anon-ftp; site=bad.example; directory="/a"; name=b',
            ["ftp://bad.example/a/b", "http://bad.example/a/b"],
        ),
        ("message/external-body; access-type=mail-server; server=x@y.example", []),
    ],
)
def test_places_of_external_bodies(content_type, places):
    part = make_part(
        b"Content-Type: text/html\r\n\r\n",
        media_type="message/external-body",
        header=[("Content-Type", content_type.partition(": ")[2] or content_type)],
    )
    assert external_body(part.header).split() == places
    assert (Urls().on_part(part) is not None) == bool(places)
