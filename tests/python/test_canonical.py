"""One canonical form for every spelling that leads a browser to the same place."""

import re
import sys
import time
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpgw.inspectors.urls import canonical
from smtpgw.inspectors.urls.canonical import canonical_host

SAME = "https://bad.example/path"


@pytest.mark.parametrize(
    "text",
    [
        "https://bad.example/path",
        "HTTPS://BAD.EXAMPLE/path",
        "  https://bad.example/path\n",
        "ht\ttps://bad.exa\r\nmple/pa\tth",
        "https:\\\\bad.example\\path",
        "https:/bad.example/path",
        "https:bad.example/path",
        "https:////bad.example/path",
        "https://good.example@bad.example/path",
        "https://good.example%2f:x@y@bad.example/path",
        "https://bad.example:443/path",
        "https://bad.example:0443/path",
        "https://bad.example:/path",
        "https://bad.example./path",
        "https://%62ad.ex%61mple/path",
        "https://bad%2eexample/path",
        "https://ｂａｄ．ｅｘａｍｐｌｅ/path",
        "https://ｂａｄ。example/path",
        "https://bad\u3002example/path",
        "https://bad\uff61example/path",
        "https://b\u00ada\u200bd.exam\u2060ple/path",
        "https://ⓑⓐⓓ.example/path",
        "https://𝐛𝐚𝐝.example/path",
        "https://bad.example/%70ath",
        "https://bad.example/./path",
        "https://bad.example/x/../path",
        "https://bad.example/x/%2e%2E/path",
        "https://bad.example/../../path",
        "https://bad.example/path#fragment",
        "https://bad.example/path?",
    ],
)
def test_spellings_of_one_place(text):
    assert str(canonical(text)) == SAME


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("http://bad.example", "http://bad.example/"),
        ("http://bad.example?q", "http://bad.example/?q"),
        ("http://bad.example:8080", "http://bad.example:8080/"),
        ("http://bad.example:443", "http://bad.example:443/"),
        ("bad.example", "http://bad.example/"),
        ("//bad.example/x", "http://bad.example/x"),
        ("www.bad.example:81/x", "http://www.bad.example:81/x"),
        ("https://bücher.example/", "https://xn--bcher-kva.example/"),
        ("https://faß.example/", "https://xn--fa-hia.example/"),
        ("https://BÜCHER.example/ü?ü", "https://xn--bcher-kva.example/%C3%BC?%C3%BC"),
        ("https://xn--bcher-kva.example/", "https://xn--bcher-kva.example/"),
        ("https://bad.example/a%2fb%2F", "https://bad.example/a%2Fb%2F"),
        ("https://bad.example/a b\"<>", "https://bad.example/a%20b%22%3C%3E"),
        ("https://bad.example/%zz%", "https://bad.example/%zz%"),
        ("https://bad.example/a/..", "https://bad.example/"),
        ("https://bad.example/a/.", "https://bad.example/a/"),
        ("https://bad.example/a//b", "https://bad.example/a//b"),
        ("https://bad.example/?a=/../b", "https://bad.example/?a=/../b"),
        ("http://192.168.0.1/", "http://192.168.0.1/"),
        ("http://3232235521/", "http://192.168.0.1/"),
        ("http://0xC0.0250.1/", "http://192.168.0.1/"),
        ("http://0300.0250.0.01/", "http://192.168.0.1/"),
        ("http://0xc0a80001/", "http://192.168.0.1/"),
        ("http://１９２.168.0.1/", "http://192.168.0.1/"),
        ("http://192.168.0.1./", "http://192.168.0.1/"),
        ("http://[::FFFF:1]:80/", "http://[::ffff:1]/"),
        ("http://[0:0:0:0:0:0:0:1%25eth0]/", "http://[::1]/"),
        ("http://[::ffff:192.168.0.1]:80/", "http://192.168.0.1/"),
        ("http://[::FFFF:c0a8:1]/", "http://192.168.0.1/"),
        ("http://[0:0:0:0:0:ffff:c0a8:0001]/", "http://192.168.0.1/"),
        ("http://[::192.168.0.1]/", "http://[::c0a8:1]/"),
        ("http://under_score.example/", "http://under_score.example/"),
        ("ftp://bad.example:21/x", "ftp://bad.example/x"),
    ],
)  # fmt: skip
def test_canonical_forms(text, expected):
    assert str(canonical(text)) == expected


@pytest.mark.parametrize(
    "text",
    ["", "http:", "http://", "http:///", "http://@/", "mailto:a@bad.example", "javascript:alert(1)", "data:text/html,x",
     "http://a b/", "http://a..b/", "http://[::g]/", "http://1.2.3.4.5/", "http://256.1.1.1/", "http://09.1.1.1/",
     "http://bad.example:99999/", "http://bad.example:x/", "http://a%2fb/", "http://" + "a" * 300,
     "http://" + "." * 9_000,
     "http://4294967296/", "http://%00/",
     "http://" + "ü" * 59 + "/", "http://" + "".join(chr(0x4E00 + 37 * at) for at in range(50)) + "/"],
)  # fmt: skip
def test_what_leads_nowhere(text):
    assert canonical(text) is None


@given(st.text())
def test_is_idempotent_and_plain(text):
    for candidate in (text, f"http://{text}", f"https://bad.example/{text}"):
        url = canonical(candidate)
        if url is not None:
            assert str(url).isascii()
            assert str(url).isprintable()
            assert " " not in str(url)
            assert canonical(str(url)) == url


@given(st.from_regex(r"\Ahttps?://[a-z0-9._-]{1,9}(/?[a-zA-Z0-9_~./-]{0,9})(\?[a-z=&./]{0,5})?\Z"))
def test_the_short_way_gives_what_the_long_one_does(text):
    short = canonical(text)
    with mock.patch.object(sys.modules["smtpgw.inspectors.urls.canonical"], "CANONICAL", re.compile(r"(?!)")):
        assert canonical(text) == short


@given(st.text(alphabet="aü.-_0x%[]:１。\u00ad@/\\"))
def test_hosts_are_idempotent(text):
    host = canonical_host(text)
    if host is not None:
        assert canonical_host(host) == host


@pytest.mark.parametrize(
    "piece", ["a", ".", "%41", "/..", "ü", "1.", "0x", "[", "@", ":", "?", "\\", "\u00ad", "xn--", "/./"]
)
def test_any_length_costs_the_same(piece):
    # Longer than LONGEST: what is beyond is not looked at.
    for text in (f"http://{piece * 2_000_000}", f"http://a/{piece * 2_000_000}"):
        start = time.process_time()
        canonical(text)
        assert time.process_time() - start < 1.0


@pytest.mark.parametrize("before", ["http://" + "a" * 9_000 + "@", "http:" + "/" * 9_000, "\t" * 9_000 + "http://"])
def test_what_stands_before_a_host_never_hides_it(before):
    url = canonical(before + "bad.example/path")
    assert url is not None
    assert str(url) == "http://bad.example/path"


def test_a_long_path_is_cut():
    url = canonical("http://bad.example/" + "a" * 100_000)
    assert url is not None
    assert len(url.tail) <= 8_192
