"""URLs are found in text and HTML in every spelling, and finding them is linear in the text."""

import contextlib
import html
import html.entities
import random
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpgw import SmtpgwError
from smtpgw._core import Hosts
from smtpgw.inspectors.text import unescape
from smtpgw.inspectors.urls import extract


def found(text):
    return [str(url) for url in extract(text)]


@pytest.mark.parametrize(
    "text",
    [
        "http://bad.example/x",
        "see http://bad.example/x.",
        "(http://bad.example/x)",
        "<http://bad.example/x>",
        "<http://bad.exam\nple/x>",
        '"http://bad.example/x"',
        "URL:http://bad.example/x",
        "xhttp://bad.example/x",
        "HTTP://BAD.EXAMPLE/x",
        "http:\\\\bad.example\\x",
        "http://good.example@bad.example/x",
        "http://ba\u00add.example/x",
        "ht\u200btp://bad.example/x",
        "http&colon;//bad.example/x",
        "http&#58;//bad&#46;example/x",
        "h&#0000000116;tp://bad.example/x",
        "h&#x74;&#x0000000074p://bad.example/x",
        '<a href="http://bad.example/x">',
        "<a href='http://bad.example/x'>",
        "<a href=http://bad.example/x>",
        "<A HREF = http://bad.example/x>",
        '<a\nhref\n=\n"\n http://bad.example/x\n"\n>',
        '<a href="ht\ttp:\n//bad.exa\nmple/x">',
        '<a href="http:bad.example/x">',
        '<a href="http&#x3a;//bad.example/x">',
        '<a href="/\\bad.example/x">',
        '<img src="http://good.example/" srcset="http://bad.example/x 2x">',
        '<form action="http://bad.example/x">',
        '<meta http-equiv="refresh" content="0;url=http://bad.example/x">',
        "<style>a{background:url(http://bad.example/x)}</style>",
        "<!-- http://bad.example/x -->",
        r'<script>location="\x68ttp:\u002f/bad\x2eexample/x"</script>',
        r'{"url":"http:\/\/bad.example\/x"}',
        r"<style>a{background:url(\68ttp\3a//bad\2e example/x)}</style>",
        '<script>location="http://bad.example/x"</script>',
        '<a title=">" href="http://bad.example/x">',
        '<a href="http://bad.example/x',
        '<base href="http://bad.example/y/"><a href="../x">',
        '<base target="_top" href=http://bad.example/><a href=x>',
        '<base/href="//bad.example"><a href=x>',
        '<!-- <base href="http://good.example/"> --><base href="http://bad.example/"><a href=x>',
        '<base title=">" href=" http://bad.exam&#10;ple/"><a href=x>',
        "https://safe.example/?url=http%3A%2F%2Fbad.example%2Fx",
        "https://safe.example/r/http://bad.example/x",
        "https://safe.example/?u=HTTPS://x/&v=http://bad.example/x",
        "https://safe.example/?u=http%3A%2F%2Fsafe.example%2F&v=HTTP%3A%2F%2Fbad.example%2Fx",
        "https://safe.example/#http%3A//bad.example/x",
        "https://safe.example/?u=%2568ttp%253A%252F%252Fbad.example%252Fx",
        "https://safe.example/?u=aHR0cDovL2JhZC5leGFtcGxlL3g%3D",
        "https://safe.example/?u=//bad.example/x",
        "https://safe.example/?u=bad.example/x&v=1",
        "https://safe.example/?" + "a" * 10_000 + "&u=http%3A%2F%2Fbad.example%2Fx",
        "https://urldefense.proofpoint.com/v2/url?u=http-3A__bad.example_x&d=DwMFaQ",
        "https://www.google.com/amp/s/bad.example/x",
        '<a href="https://safe.example/?u=aHR0cDovL2JhZC5leGFtcGxlL3g">',
        '<base href="https://safe.example/"><a href="?u=http%253A//bad.example/x">',
    ],
)
def test_finds(text):
    assert "http://bad.example/x" in found(text)


@pytest.mark.parametrize(
    "text",
    ["bad.example/x", "www.bad.example/x", "go to bad.example/x, now", "Bad.Example/x", "bad\u3002example/x",
    "//bad.example/x",
     "ｂａｄ.example/x", "b\u00adad.example/x", '<a href="//bad.example/x">', "see/bad.example/x", "a..bad.example/x"],
)  # fmt: skip
def test_finds_without_a_scheme_under_both(text):
    urls = [url.replace("www.", "") for url in found(text)]
    assert {"http://bad.example/x", "https://bad.example/x"} <= set(urls)


@pytest.mark.parametrize(
    "text",
    [
        "https://one.safelinks.protection.outlook.com/?url=https%3A%2F%2Ftwo.safelinks.protection.outlook.com%2F%3F"
        "url%3Dhttp%253A%252F%252Fbad.example%252Fx%26data%3D05&data=05",
        "https://urldefense.com/v3/__http://bad.example/x__;!!a!b$",
        "http://ok.example,http://bad.example/x",
        "http://ok.example;http://bad.example/x",
        "http://ok.example|http://bad.example/x",
        "http://ok.example/a,https://ok2.example/b,https://bad.example/c",
        "https://bad.example,https://ok.example/",
        "http://bad.example|x",
        "http://bad.example;x",
        "http://bad.example'x",
        "(http://bad.example)x",
        "\u201chttp://bad.example\u201d",
        "http://bad.example\u2019s",
        "http://bad.example\uff0c谢谢",
        "http://bad.example查看",
        "http://bad.example\u200b|x",
        "请访问bad.example查看",
        "\u0301bad.example",
        "see bad.example\u0301 x",
        "https://ok.example/?u=HTTPS%3A//bad.example/",
        "https://ok.example/?u=http%3A//bad.example&v=1",
        "https://ok.example/?u=http%3A//ok.example/&v=http%3A//bad.example/x",
        "https://ok.example/?u=ftp%3A//bad.example",
        '<meta http-equiv=refresh content="0;url=//%62ad.example/">',
        '<img srcset="x.png 1x, //%62ad.example/y.png 2x">',
        '<style>@import "//%62ad%2Eexample/x.css"</style>',
        "<style>a{b:url(https:%62ad.example)}</style>",
        'x=" <a href="https:%62ad.example">',
    ],
)
@pytest.mark.parametrize("hosts", [None, Hosts(["bad.example"])], ids=["all", "listed"])
def test_finds_a_host_joined_to_other_text(text, hosts):
    assert any(url.host == "bad.example" for url in extract(text, hosts=hosts))


PIECES = [*"<>=\"';:/\\.@,| \n?#&%査\u0301\u3002\uff0e", "http://", "HTTPS:\\", "ftp:/", "%2F", "%3a", "<a href=",
          "ok.example", "bad.example", "x.bad.example", "ok", "80", "%62ad.example", "?u=", "%68ttp",
          "%25", "aHR0cDovL2JhZC5leGFtcGxlLw", "/amp/s/", "http-3A__", "-2E", "_", "b\u00fcx", "hxxp://",
          "\\2e ", "\\/"]  # fmt: skip


def test_looking_for_certain_hosts_finds_all_that_lead_there():
    hosts = Hosts(["bad.example"])
    draw = random.Random(1)
    for _ in range(20_000):
        text = "".join(draw.choices(PIECES, k=draw.randrange(1, 14)))
        listed = {url for url in extract(text) if f".{url.host}".endswith(".bad.example")}
        assert listed <= set(extract(text, hosts=hosts)), text


@pytest.mark.parametrize(
    "text",
    ["", "no url here.", "end of sentence.Next one", "e.g. this", "user@bad.example", "user@mail.bad.example",
     "mailto:user@bad.example", "1.5 GB", "...", "http://", ":/", "a. b", "<a href='#x'>", "<a href=''>"],
)  # fmt: skip
def test_does_not_find_the_host(text):
    assert not any("bad.example" in url for url in found(text))


@pytest.mark.parametrize(
    "text",
    ["https://safe.example/?mail=ben@bad.example", "https://safe.example/?file=/bad.example",
     "https://safe.example/bad.example", "https://notbad-example.translate.goog/"],
)  # fmt: skip
def test_what_a_url_has_and_nobody_is_led_to(text):
    assert not any(url.host == "bad.example" for url in extract(text))


@pytest.mark.parametrize("hosts", [None, Hosts(["bad-host.example"])], ids=["all", "listed"])
def test_pages_shown_by_a_proxy(hosts):
    urls = extract("https://bad--host-example.translate.goog/x?_x_tr_sl=de", hosts=hosts)
    assert "https://bad-host.example/x?_x_tr_sl=de" in map(str, urls)


@pytest.mark.parametrize("text", ["你好。世界。再见", "使用Python。然后。", "終わり。次の文"])
def test_sentences_of_languages_with_ideographic_stops_are_no_hosts(text):
    assert found(text) == []


@pytest.mark.parametrize("text", ["例子.中国", "http://例子。中国", "http://例子.中国/"])
def test_hosts_in_other_letters(text):
    assert "http://xn--fsqu00a.xn--fiqs8s/" in found(text)


@pytest.mark.parametrize("separator", [".", "\u3002"])
@pytest.mark.parametrize("letters", [58, 62, 250, 3_000])
def test_hosts_in_other_letters_are_bounded(letters, separator):
    draw = random.Random(1)

    def host():
        labels = (
            "".join(chr(draw.randrange(0x4E00, 0x9FFF)) for _ in range(min(letters, 62)))
            for _ in range(letters // 62 + 1)
        )
        return separator.join(labels)

    text = " ".join(f"http://{host()}/" for _ in range(400_000 // letters))
    start = time.process_time()
    with contextlib.suppress(SmtpgwError):
        found(text)
    assert time.process_time() - start < 20


def test_too_many_hosts_in_other_letters_are_an_error_and_never_clean():
    with pytest.raises(SmtpgwError, match="not all were looked at"):
        found(" ".join(f"http://ü{number}.example/" for number in range(2_001)) + " http://bad.example/")
    assert len(found(" ".join(f"http://u{number}.example/ü" for number in range(5_000)))) == 5_000


@pytest.mark.parametrize(
    "bases",
    ["".join(f"<base href=http://{n}.example/>" for n in range(9)), f"<base href=http://a.example/{'a' * 2_001}>"],
)
def test_too_many_bases_and_too_long_ones_are_an_error_and_never_clean(bases):
    assert found(bases)
    with pytest.raises(SmtpgwError, match=r"not all were looked at|was not looked at"):
        found(f"{bases}<a href=x>")


def test_references_are_those_of_the_standard():
    for name, characters in html.entities.html5.items():
        assert unescape(f"&{name} ") == f"{characters} ", name
        assert unescape(f"&{name}") == html.unescape(f"&{name}")


@given(st.text(alphabet="&#xX;0189aAmptZz \ud800"))
def test_references_in_any_text(text):
    if "\ud800" in text:
        # Nothing that was decoded has one; what it becomes does not matter.
        unescape(text)
    else:
        assert unescape(text) == html.unescape(text)


def test_too_many_urls_are_an_error_and_never_clean(monkeypatch):
    monkeypatch.setitem(extract.__globals__, "DIFFERENT", 1_000)
    with pytest.raises(SmtpgwError, match="not all were looked at"):
        found(" ".join(f"a{number}.example" for number in range(1_001)) + " http://bad.example/")
    assert len(found(" ".join(["http://a.example/"] * 5_000))) == 1


def test_each_canonical_form_comes_once_and_in_order():
    assert found("http://b.example/ HTTP://B.EXAMPLE/ http://a.example") == ["http://b.example/", "http://a.example/"]


@given(st.lists(st.sampled_from([*"<>&=\"'#;:/\\.@ \n\tahtp0x", "http://", "<a href=", "&#", "\u00ad", "bad.example"])))
def test_takes_any_text(pieces):
    for url in extract("".join(pieces)):
        assert str(url).isascii()


@pytest.mark.parametrize(
    "piece",
    ["a", "a.", ".", "<", "<a ", "<base ", "<base href", "=", "= ", '="', "='", "&", "&#", "&#0", "&#x", "&amp",
    "http:", "http:/",
     "://", "<http://a", "http://a ", "http://a&", ":/", "a@b.", "\u00ad", "[", "http://[", "%", "http://%", "xn--",
     "http://a?http%3a", "http://a,", "http://a.b\u0301", "http:/", "a.b査", "査a.b.", "http://a.b|http://",
     "%61", "%2e", "a%2e", "http://a/?http:/", "=a.b", "=a.b/", "/amp/s/", "http-3A__", "aHR0cDovL2E", "%2525",
     "_a.b-",
     "http://a/?u=b.c/", "http://a.b:x", "http://a?%3d//b.c", "hxxp://", "http://a-", "ü\u0301",
     "\\", "\\2e", "\\x", "\\/", "a\\2e b",
     "<!--", "-->", '<a href="a', "a" * 63 + ".", "\u3002a", "=  \n"],
)  # fmt: skip
def test_is_linear(piece):
    def seconds(octets):
        text = piece * (octets // len(piece))
        start = time.process_time()
        for _ in extract(text):
            pass
        return time.process_time() - start

    small, large = seconds(50_000), seconds(400_000)
    assert large < max(8 * small * 4, 0.5)
