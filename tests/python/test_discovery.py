"""Inspectors by name: built in, by entry point, by module:Class, and what their tables may say."""

import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from smtpgw import ConfigError, Inspector, InspectorError, config
from smtpgw.config.units import Size
from smtpgw.discovery import available, build, find
from smtpgw.inspector import roster
from smtpgw.inspectors.spam import Spam

HERE = __name__


class Typed(Inspector):
    """Takes arguments of every kind."""

    def __init__(
        self, word: str, *, most: Size = 10, files: Sequence[Path] = (), file: Path | None = None, **more: int
    ):
        self.given = {"word": word, "most": most, "files": files, "file": file, **more}

    def on_message(self):
        return None


class Simple(Inspector):
    """Takes none."""

    timeout_s = 7

    def on_message(self):
        return None


class Failing(Inspector):
    """Cannot be made."""

    def __init__(self):
        raise RuntimeError("no way")


class Hookless(Inspector):
    """Can be made, but is no inspector."""


def made(*tables, base="."):
    table = {
        "listener": [{"address": "127.0.0.1:0", "tls": "none", "backend": "b", "recipient_domains": ["*"]}],
        "backend": {"b": {"address": "127.0.0.1:1"}},
        "inspector": list(tables),
    }
    return build(config.parse(table, base=base))


def problems(*tables):
    with pytest.raises(ConfigError) as caught:
        made(*tables)
    return {problem.path: problem.reason for problem in caught.value.problems}


def test_built_in():
    assert [inspector.name for inspector in made({"use": "spam"}, {"use": "urls"}, {"use": "yara"})] == [
        "spam", "urls", "yara"
    ]  # fmt: skip


def test_policies_of_the_table_come_before_those_of_the_class():
    default, changed = made(
        {"use": f"{HERE}:Simple"},
        {
            "use": f"{HERE}:Simple",
            "name": "other",
            "mode": "shadow",
            "timeout_s": 1,
            "on_error": "reject",
            "on_timeout": "accept",
        },
    )
    assert (default.name, default.mode, default.timeout_s, default.on_error) == ("Simple", "enforce", 7, "defer")
    assert (changed.name, changed.mode, changed.timeout_s) == ("other", "shadow", 1.0)
    assert (changed.on_error, changed.on_timeout) == ("reject", "accept")


def test_arguments_are_checked_and_made(tmp_path):
    (typed,) = made(
        {"use": f"{HERE}:Typed", "word": "x", "most": "3 KiB", "files": ["a", "/b"], "file": "c", "surplus": 4},
        base=tmp_path,
    )
    assert typed.given == {
        "word": "x", "most": 3072, "files": [tmp_path / "a", Path("/b")], "file": tmp_path / "c", "surplus": 4
    }  # fmt: skip


def test_what_is_not_given_is_left_to_the_class():
    (typed,) = made({"use": f"{HERE}:Typed", "word": "x"})
    assert typed.given == {"word": "x", "most": 10, "files": (), "file": None}


def test_every_mistake_of_every_table():
    assert problems(
        {"use": f"{HERE}:Typed", "most": "3 Bits"},
        {"use": f"{HERE}:Simple", "wrod": 1},
        {"use": f"{HERE}:Failing"},
        {"use": f"{HERE}:Hookless"},
        {"use": f"{HERE}:Nothing"},
        {"use": f"{HERE}:Path"},
        {"use": "spum", "mode": "off"},
    ) == {
        "inspector[0].word": "is missing",
        "inspector[0].most": "Bits is no unit of size",
        "inspector[1].wrod": "is no key of this table",
        "inspector[2]": f"{HERE}:Failing cannot be made: RuntimeError: no way",
        "inspector[3]": Contains("has no hook"),
        "inspector[4].use": Contains("cannot be imported: AttributeError"),
        "inspector[5].use": Contains("is no class derived from smtpgw.Inspector"),
        "inspector[6].use": Contains("did you mean"),
    }


class Contains(str):
    """Equal to any text that it is in."""

    def __eq__(self, other):
        return str(self) in other

    __hash__ = str.__hash__


class Leaving(Inspector):
    """Ends the program that makes it."""

    def __init__(self):
        raise SystemExit(0)

    def on_message(self):
        return None


class Careless(Inspector):
    """Lets mail pass by what its class says."""

    on_error = "accept"

    def on_message(self):
        return None


def test_one_that_would_end_the_program_is_a_mistake(tmp_path):
    (tmp_path / "leaving_module.py").write_text("import sys\nsys.exit(0)\n")
    assert problems({"use": f"{HERE}:Leaving"})["inspector[0]"].endswith("cannot be made: SystemExit: 0")
    with pytest.raises(InspectorError, match="cannot be imported: SystemExit: 0"):
        find("leaving_module:X", folder=tmp_path)


def test_where_a_module_is_looked_for_is_said(tmp_path):
    with pytest.raises(InspectorError, match=f"it is neither installed nor in {tmp_path}"):
        find("no_such_module:X", folder=tmp_path)


def test_a_misspelt_policy_is_known():
    table = {"use": f"{HERE}:Simple", "timeout": 3, "on_eror": "accept"}
    with pytest.raises(ConfigError) as caught:
        made(table)
    assert [problem.hint for problem in caught.value.problems] == [
        'did you mean "timeout_s"?', 'did you mean "on_error"?'
    ]  # fmt: skip


def test_warnings_know_what_classes_say_and_what_python_gave():
    table = {
        "listener": [{"address": "127.0.0.1:0", "tls": "none", "backend": "b", "recipient_domains": ["a.example"]}],
        "backend": {"b": {"address": "127.0.0.1:1"}},
    }
    parsed = config.parse(table)
    assert config.warnings(parsed, []) == ["the configuration names no inspector"]
    assert config.warnings(parsed, roster([Simple()])) == []
    assert config.warnings(parsed, roster([Careless()])) == ["inspector careless lets mail pass when it fails"]


def test_off_is_checked_but_not_made():
    assert made({"use": f"{HERE}:Failing", "mode": "off"}) == []
    assert problems({"use": f"{HERE}:Simple", "mode": "off", "wrod": 1}) == {
        "inspector[0].wrod": "is no key of this table"
    }


def test_an_entry_point(tmp_path, monkeypatch):
    (tmp_path / "theirs.py").write_text(
        "import smtpgw\nclass Theirs(smtpgw.Inspector):\n    def on_message(self):\n        return None\n"
    )
    info = tmp_path / "theirs-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[smtpgw.inspectors]\ntheirs = theirs:Theirs\nspam = theirs:Theirs\n")
    monkeypatch.syspath_prepend(tmp_path)
    try:
        assert find("theirs").__name__ == "Theirs"
        assert {"theirs", "spam", "urls", "yara"} <= set(available())
        # A built-in name cannot be taken over.
        assert find("spam") is Spam
    finally:
        sys.modules.pop("theirs", None)


def test_a_module_in_the_folder_never_hides_an_installed_one(tmp_path):
    (tmp_path / "json.py").write_text("raise SystemExit('hidden')")
    with pytest.raises(InspectorError, match="no class derived"):
        find("json:JSONDecoder", folder=tmp_path)
    sys.path.remove(str(tmp_path))
