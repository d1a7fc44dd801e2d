"""YARA rules: what files are taken, what rules see, and that every mistake is named."""

import os

import pytest

from smtpgw import ConfigError, InspectorError
from smtpgw.inspectors.names import extensions
from smtpgw.inspectors.yara import Yara

# In two pieces, so that scanners leave this file alone.
EICAR = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD-" + rb"ANTIVIRUS-TEST-FILE!$H+H*"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "one.yar").write_text('rule One { strings: $a = "one" condition: $a }')
    (tmp_path / "deep" / "two.yara").write_text('rule Two { strings: $a = "two" condition: $a }')
    (tmp_path / "deep" / "one.yar").write_text('rule Other { strings: $a = "one" condition: $a }')
    (tmp_path / "deep" / "notes.txt").write_text("no rule")
    return tmp_path


@pytest.mark.parametrize("data", [EICAR, b"x" * 10_000 + EICAR, memoryview(EICAR + b"\r\n"), bytearray(EICAR)])
def test_eicar(data):
    assert Yara().scan(data) == ["eicar:EICAR"]


@pytest.mark.parametrize("data", [b"", EICAR[:-1], b"x" * 100_000])
def test_clean(data):
    assert Yara().scan(data) == []


def test_files_folders_and_patterns(folder):
    assert Yara(rules=[folder / "one.yar"], shipped=False).scan(b"one two") == ["one:One"]
    assert Yara(rules=[folder / "deep" / "*.yara"], shipped=False).scan(b"one two") == ["two:Two"]
    everything = Yara(rules=[folder, folder / "one.yar"])
    assert len(everything.files) == 4
    assert set(everything.scan(b"one two")) == {"one:Other", f"{folder.name}/one:One", "two:Two"}


def test_rules_see_the_part(tmp_path):
    (tmp_path / "see.yar").write_text(
        'rule Name { condition: filename == "a.exe" }\nrule Path { condition: filepath == "1.2/a.exe" }\n'
        'rule Extension { condition: extension == ".exe" }\nrule Type { condition: media_type == "text/plain" }\n'
        'rule Size { condition: size == 3 }\nrule Mine { condition: site == "here" }\n'
    )
    yara = Yara(rules=[tmp_path], shipped=False, externals={"site": "here"})
    found = yara.scan(b"abc", names=["a.exe"], path="1.2/a.exe", media_type="text/plain")
    assert found == [f"see:{name}" for name in ("Name", "Path", "Extension", "Type", "Size", "Mine")]
    assert yara.scan(b"abcd", names=["A.EXE"]) == ["see:Extension", "see:Mine"]


@pytest.mark.parametrize("variable", ["filename", "filepath", "extension", "media_type", "size"])
def test_rules_see_one_thing_alone(tmp_path, variable):
    """Only variables that rules mention are handed over: each must be, whatever stands beside it."""
    expected = {"filename": "a.exe", "filepath": "1.2", "extension": ".exe", "media_type": "text/plain", "size": 3}
    value = f'"{expected[variable]}"' if variable != "size" else 3
    (tmp_path / "see.yar").write_text(f"rule It{{condition:({variable}=={value})}}")
    yara = Yara(rules=[tmp_path], shipped=False)
    assert yara.scan(b"abc", names=["b.txt", "a.exe"], path="1.2", media_type="text/plain") == ["see:It"]
    assert yara.scan(b"abcd", names=["b.txt"], path="1.3", media_type="text/html") == []


def test_every_name_counts(tmp_path):
    (tmp_path / "see.yar").write_text('rule Name { condition: extension == ".exe" }')
    yara = Yara(rules=[tmp_path], shipped=False)
    assert yara.scan(b"x", names=["a.txt", "b.exe"]) == ["see:Name"]
    assert yara.scan(b"x", names=["a\0\ud800.exe"]) == ["see:Name"]
    assert yara.scan(b"x", names=[*(f"{number}.txt" for number in range(100)), "b.exe"]) == ["see:Name"]
    assert yara.scan(b"x", names=["b.exe. ", "c.pdf"]) == ["see:Name"]
    with pytest.raises(InspectorError, match="more than 16 names"):
        yara.scan(b"x", names=[f"a.{number}" for number in range(17)])


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.exe", (".exe",)), ("A.EXE", (".exe",)), ("a", ("",)), ("", ("",)), (".exe", (".exe",)),
        ("a.pdf.exe", (".exe",)),
        ("a.exe.", (".exe",)), ("a.exe . ", (".exe",)), ("a.exe\u3000", (".exe",)), ("a.exe/", (".exe",)),
        ("C:\\dir.x\\a.exe", (".exe",)), ("../dir.x/a", ("",)), ("a.exe:b", (".exe:b", ".exe")),
        ("a.exe::$DATA", (".exe::$data", ".exe")), ("a.txt:b.exe", (".exe", ".txt")), ("a.exe\0.txt", (".txt", ".exe")),
        ("a.e\0xe", (".exe", ".e")), ("a.exe\u200e", (".exe",)), ("a.e\u00adxe", (".exe",)),
        ("\u202etxt.exe", (".exe",)),
        ("a.exe\ufffd", (".exe",)), ("a.exe\U000e0100", (".exe",)),
        ("'a.exe'", (".exe",)), ("a.pdf" + " " * 200 + ".exe", (".exe",)),
        ("a" * 100_000 + ".exe", (".exe",)), ("Über.docx", (".docx",)), ("v1.2 final", (".2 final",)),
    ],
)  # fmt: skip
def test_extensions_are_what_systems_see(name, expected):
    assert extensions(name) == expected


def test_links_in_folders_are_followed_once(folder, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "three.yar").write_text("rule Three { condition: true }")
    (folder / "link").symlink_to(elsewhere)
    (elsewhere / "round").symlink_to(folder)
    assert Yara(rules=[folder / "link"], shipped=False).scan(b"") == ["three:Three"]
    assert len(Yara(rules=[folder], shipped=False).files) == 4


def test_what_cannot_be_read_in_a_folder_is_named(folder):
    (folder / "gone.yar").symlink_to(folder / "nowhere")
    names = {folder / "gone.yar"}
    if os.geteuid() != 0:
        (folder / "deep").chmod(0)
        names.add(folder / "deep")
    with pytest.raises(ConfigError) as caught:
        Yara(rules=[folder])
    assert {problem.value for problem in caught.value.problems} == {f'"{name}"' for name in names}
    assert all(problem.reason.startswith("cannot be read: ") for problem in caught.value.problems)
    (folder / "deep").chmod(0o700)


def test_every_mistake_is_named(folder):
    (folder / "bad.yar").write_text("rule Bad {\n condition: nope\n}")
    (folder / "worse.yar").write_text('include "one.yar"\n')
    with pytest.raises(ConfigError) as caught:
        Yara(rules=[folder])
    bad, worse = caught.value.problems
    assert "bad.yar(2)" in bad.reason
    assert "nope" in bad.reason
    assert "worse.yar(1)" in worse.reason
    assert "include" in worse.reason


def test_missing_rules(tmp_path):
    with pytest.raises(ConfigError) as caught:
        Yara(rules=[tmp_path / "no.yar", tmp_path / "*.yar", tmp_path])
    assert [problem.reason for problem in caught.value.problems] == [
        "there is no such file or folder", "there is no such file or folder", "there is no rule file in it"
    ]  # fmt: skip
    with pytest.raises(ConfigError, match="is empty"):
        Yara(shipped=False)


def test_a_scan_ends_itself(tmp_path):
    import yara

    (tmp_path / "slow.yar").write_text("rule Slow { strings: $a = /a.*b.*c.*d.*e.*f.*g/ condition: $a }")
    slow = Yara(rules=[tmp_path], shipped=False)
    slow.timeout_s = 0.5
    with pytest.raises(yara.TimeoutError):
        slow.scan(b"abcdef" * 2_000_000)


def test_a_string_that_matches_without_end_is_no_error(tmp_path):
    (tmp_path / "many.yar").write_text('rule Many { strings: $a = "a" condition: #a > 10 }')
    assert Yara(rules=[tmp_path], shipped=False).scan(b"a" * 3_000_000) == ["many:Many"]
