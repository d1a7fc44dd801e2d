"""Block lists: the syntax, every mistake at once, what is on a list, and reading again what has changed."""

import functools
import os
import random
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smtpgw import ConfigError
from smtpgw._core import may_lead_to
from smtpgw.inspectors import urls as module
from smtpgw.inspectors.urls import Urls
from smtpgw.inspectors.urls.lists import BlockList
from smtpgw.testing import make_part


@pytest.fixture
def make(tmp_path):
    def make(text, **options):
        file = tmp_path / "list.txt"
        file.write_text(text)
        return Urls(block=[file], shipped=False, **options)

    return make


PIECES = [
    *"<>&=\"'#;:/\\.@%? \n\taü\u00ad\u3002", "http://", "HTTPS:", "//", "www.", "bad.example", "BAD", ".example",
    "192.0.2.1", "0xc0", "http%3a//", "%68ttp:", "only.this.example", "host.example/path", ":443", ":80", "u@",
    "<a href=", "<base href=", "&#46;", "&colon;", "data:,", "aHR0cDovL2JhZC5leGFtcGxlLw", "/amp/s/", "?u=", "%25",
    "https-3A__", "bad-example.translate.goog",
]  # fmt: skip


@functools.cache
def with_and_without_the_core():
    entries = "bad.example\n=only.this.example\n192.0.2.1\nhttps://host.example/path\nhttp://www.example:81/\n"
    with tempfile.TemporaryDirectory() as folder:
        (file := Path(folder) / "list.txt").write_text(entries)
        every, some = BlockList([file]), BlockList([file])
    every.wanted = None
    return some, every


@settings(max_examples=500, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join))
def test_what_the_core_leaves_out_is_on_no_list(text):
    some, every = with_and_without_the_core()
    assert list(some.search(text)) == list(every.search(text))


HEADS = [
    "text/plain", "text/html", "text/plain; charset=utf-8; delsp=yes", "Text/Plain; format=flowed; DelSp = Yes",
    "text/plain; =?us-ascii?q?delsp?= =yes", "text/calendar", "text/html; charset=utf-16le", "application/pdf",
    "message/external-body; access-type=URL; url=\"http://bad.example/\"", "text/plain; charset=utf-7",
]  # fmt: skip
CODINGS = ["utf-8", "utf-16le", "utf-16", "utf-7", "cp037", "latin-1"]


@settings(max_examples=500, deadline=None)
@given(
    st.lists(st.sampled_from([*PIECES, " \r\n", "BEGIN:VCARD\r\n", "\r\n ", "atob(", "/URI (", "\0"]), max_size=12),
    st.sampled_from(HEADS),
    st.sampled_from(CODINGS),
    st.sampled_from([None, *CODINGS]),
)
def test_what_a_part_may_lead_to_is_never_denied(pieces, content_type, coding, label):
    some, _ = with_and_without_the_core()
    urls = Urls()
    urls._list = some
    media_type, *_ = content_type.lower().partition(";")
    data = "".join(pieces).encode(coding, "replace")
    part = make_part(data, media_type=media_type, charset=label, header=[("Content-Type", content_type)])
    assert may_lead_to(part, some.wanted) or not urls.search(part)


@pytest.mark.parametrize(
    "text", ["", "see https://fine.example/?u=http://other.example/", "<a href='https://fine.example'>"]
)
def test_an_ordinary_text_is_done_with_at_once(text):
    some, _ = with_and_without_the_core()
    ordinary = make_part(text, media_type="text/html", header=[("Content-Type", "text/html; charset=utf-8")])
    assert not may_lead_to(ordinary, some.wanted)
    assert may_lead_to(make_part(f"{text} http://bad.example/", media_type="text/html"), some.wanted)


def hits(urls, text):
    return [(hit.entry, hit.origin) for hit in urls.scan(text)]


@pytest.mark.parametrize(
    ("entry", "on", "off"),
    [
        ("bad.example", ["http://bad.example", "www.bad.example", "https://a.b.BAD.example:81/x"],
         ["http://notbad.example/", "http://bad.example.org/", "http://good.example/?bad.example"]),
        ("BAD.Example.", ["http://bad.example"], []),
        ("bücher.example", ["http://xn--bcher-kva.example/", "http://BÜCHER.example", "bu\u0308cher.example/x",
          "B\u00dcCHER\uff0eexample", "b\u00fc\u00adcher\u3002example", "http://b%C3%BCcher.example",
          "www.bücher.example"],
         ["http://bucher.example", "cher.example", "xbücher.example"]),
        ("XN--BCHER-KVA.example", ["bücher.example"], []),
        ("cher.example", ["cher.example", "查cher.example"], ["bücher.example", "bu\u0308cher.example/x",
          "http://bücher.example", "www.bücher.example"]),
        ("=example", ["http://example"], ["café.example"]),
        ("=only.this.example", ["http://only.this.example/"], ["http://www.only.this.example/",
        "http://this.example/"]),
        ("192.0.2.1", ["http://192.0.2.1/", "http://0xc0000201/"], ["http://192.0.2.11/", "http://1.192.0.2/"]),
        ("[2001:db8::1]", ["http://[2001:DB8:0::1]/"], ["http://[2001:db8::2]/"]),
        ("https://host.example/path", ["https://host.example/path", "https://HOST.example/path/x",
        "https://host.example/pathology",
          "https://host.example/./%70ath?q"], ["https://host.example/pat", "http://host.example/path",
          "https://host.example:444/path"]),
        ("https://host.example", ["https://host.example/x"], ["https://host.example.org/", "https://x.host.example/"]),
        ("/evil-[0-9]+/", ["http://good.example/EVIL-7", "just evil-1 text", "http://good.example/%65vil-7"],
        ["evil-x"]),
        ("/^https:..host.example.x$/", ["see https://host.example/x"], ["https://host.example/xx"]),
        ("/a # b/", ["a # b"], ["a"]),
    ],
)  # fmt: skip
def test_entries(make, entry, on, off):
    urls = make(f"# comment\n\n  {entry}  \n")
    assert len(urls) == 1
    for text in on:
        assert hits(urls, text) == [(entry, "list.txt:3")], text
    for text in off:
        assert hits(urls, text) == [], text


def test_comments_and_blanks(make):
    assert len(make("# a\n\n   # b\nbad.example # why\n\tother.example\t#x\n")) == 2


def test_every_mistake_is_named(make):
    with pytest.raises(ConfigError) as caught:
        make(
            "*.bad.example\n127.0.0.1 bad.example\nhost.example/path\nb ad\n/open\n/a(/\nok.example\nmailto://x\na..b\n//\n/(?=x)y/\n"
        )
    assert {(problem.path, problem.reason, problem.hint) for problem in caught.value.problems} == {
        ("list.txt:1", "is no entry", "an entry stands for all below it: bad.example"),
        ("list.txt:2", "is no entry", "one entry a line, without an address: bad.example"),
        ("list.txt:3", "is no entry", "with its scheme: https://host.example/path"),
        ("list.txt:4", "is no entry", "one entry a line, without an address: ad"),
        ("list.txt:5", "is no pattern", "it ends with a slash, and nothing behind"),
        ("list.txt:6", "Missing close parenthesis for group started at index 1", None),
        ("list.txt:8", "is no URL of the web", None),
        ("list.txt:9", "is no host", None),
        ("list.txt:10", "is no pattern", "it ends with a slash, and nothing behind"),
        ("list.txt:11", "Zero-width assertions are not supported", None),
    }


@settings(deadline=None)
@given(st.binary(max_size=200) | st.text(alphabet="ab.=/*:#\n []()ü", max_size=60).map(str.encode))
def test_whatever_a_file_says_a_config_error_is_the_worst(content):
    with tempfile.NamedTemporaryFile() as file:
        file.write(content)
        file.flush()
        try:
            urls = Urls(block=[Path(file.name)], shipped=False)
        except ConfigError as error:
            assert error.problems
        else:
            urls.scan("http://a.example/ text")


def test_mistakes_of_one_file_are_bounded(make):
    with pytest.raises(ConfigError) as caught:
        make("a b\n" * 1_000)
    assert len(caught.value.problems) == 21
    assert "980 more" in caught.value.problems[-1].reason


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_a_file_that_cannot_be_read(tmp_path, content):
    if content:
        (tmp_path / "x").write_bytes(content)
    with pytest.raises(ConfigError, match=r"cannot be read|is not UTF-8"):
        Urls(block=[tmp_path / "x"])


def test_many_threads_may_scan_at_once(make):
    # hyperscan refuses two scans with one scratch; texts are long enough for the scans to overlap.
    urls = make("/needle-[0-9]+/\n/(a|b)+c{3}x/\n")
    text = "ab " * 200_000 + "needle-7"
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda _: hits(urls, text), range(32))) == [[("/needle-[0-9]+/", "list.txt:1")]] * 32


def test_the_shipped_list():
    assert [str(hit) for hit in Urls().scan("http://bad.example/")] == ["http://bad.example/ (urls.txt:3: bad.example)"]


def test_several_hits_and_each_entry_once(make):
    urls = make("a.example\nb.example\n/c+/\n")
    assert hits(urls, "http://a.example http://a.example/2 http://b.example ccc") == [
        ("a.example", "list.txt:1"),
        ("b.example", "list.txt:2"),
        ("/c+/", "list.txt:3"),
    ]


def test_a_pattern_names_the_url_it_matched(make):
    urls = make("/evil/\n")
    (hit,) = urls.scan("http://a.example/ http://b.example/evil http://c.example/")
    assert hit.what == "http://b.example/evil"


def test_hosts_are_found_as_a_plain_search_would(make):
    # The look-up by labels against its definition: the entry, or something that ends in a dot and the entry.
    choose = random.Random(1)
    names = [
        ".".join(choose.choices(["a", "b", "bad", "c-d"], k=choose.randint(1, 4))) + ".example" for _ in range(200)
    ]
    entries = set(choose.sample(names, 40))
    urls = make("\n".join(entries))
    for name in names:
        listed = any(f".{name}".endswith(f".{entry}") for entry in entries)
        assert bool(urls.scan(f"http://{name}/")) == listed, name


def test_a_million_is_no_matter(make):
    start = time.process_time()
    urls = make("".join(f"host-{number}.example\n" for number in range(100_000)))
    assert len(urls) == 100_000
    assert urls.scan("http://x.host-77777.example/")
    assert time.process_time() - start < 10


def test_a_changed_list_is_read_again_and_a_broken_one_is_not_taken(make, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(module, "EVERY_S", 0.0)
    urls = make("a.example\n")
    file = tmp_path / "list.txt"
    assert hits(urls, "http://b.example") == []

    def write(text):
        new = tmp_path / "new"
        new.write_text(text)
        os.replace(new, file)

    write("b.example\n")
    assert hits(urls, "http://b.example") == [("b.example", "list.txt:1")]
    write("c d\n")
    assert hits(urls, "http://b.example") == [("b.example", "list.txt:1")]
    assert "the last good one stays: list.txt:1" in caplog.text
    caplog.clear()
    assert hits(urls, "http://b.example")
    assert caplog.text == ""  # said once
    file.unlink()
    assert hits(urls, "http://b.example")
    write("d.example\n")
    assert hits(urls, "http://b.example http://d.example") == [("d.example", "list.txt:1")]


def test_lists_are_looked_at_once_in_a_while(make, tmp_path):
    urls = make("a.example\n")
    (tmp_path / "list.txt").write_text("b.example\n")
    assert hits(urls, "http://b.example") == []
