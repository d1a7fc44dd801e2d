"""The documentation and the examples are true: every key has its line, every example runs."""

import importlib.util
import re
import tomllib
from pathlib import Path

import pytest

from smtpgw import Inspector, config
from smtpgw.config.bounds import bounds, page
from smtpgw.config.reference import reference
from smtpgw.descriptors import PER_CONNECTION
from smtpgw.discovery import build
from smtpgw.inspector import register
from smtpgw.inspectors.spam.rules import RuleSet
from smtpgw.testing import make_part

ROOT = Path(__file__).parent.parent.parent
MARKER = "<!-- Written by `python -m smtpgw.config.reference`; a test holds it equal. -->\n\n"
NUMBERS = {3: "three", 4: "four", 5: "five"}
LISTENER = '[[listener]]\naddress = "127.0.0.1:0"\ntls = "none"\nbackend = "b"\nrecipient_domains = ["*"]\n'
DEFAULTS = config.default()
BACKEND = '[backend.b]\naddress = "127.0.0.1:1"\n'


def test_every_key_stands_in_the_reference():
    page = (ROOT / "docs" / "configuration.md").read_text()
    assert page.partition(MARKER)[2] == reference() + "\n"


def test_every_limit_stands_in_its_table():
    assert (ROOT / "docs" / "limits.md").read_text() == page()
    named = {bound.name: bound for bound in bounds()}
    keys = {f"limits.{key}" for key in config.model.Limits.model_fields} - {"limits.bare_newline", "limits.binary_mime"}
    assert keys < named.keys()
    assert {"spool.total", "decode.archive.ratio", "verdict.budget_s", "backend.NAME.data_s"} < named.keys()
    assert all(bound.reason.endswith(".") for bound in named.values())
    assert named["limits.message_size"].default == "25 MiB"
    assert (named["limits.command_s"].default, named["limits.command_s"].unit) == ("300", "seconds")


def test_descriptors_are_as_many_as_is_warned_of():
    words = " ".join((ROOT / "docs" / "operations.md").read_text().split())
    assert f"Set `LimitNOFILE` to {NUMBERS[PER_CONNECTION]} times `limits.connections`." in words
    unit = (ROOT / "examples" / "systemd" / "smtpgw.service").read_text()
    allowed = int(re.search(r"^LimitNOFILE=(\d+)$", unit, re.M)[1])
    assert allowed >= PER_CONNECTION * config.model.Limits().connections


@pytest.mark.parametrize("path", ["examples/gateway.toml", "examples/postfix/smtpgw.toml"])
def test_configurations_are_right(path):
    config.load(ROOT / path, files=False)


@pytest.fixture
def example():
    def example(name):
        spec = importlib.util.spec_from_file_location(name, ROOT / "examples" / f"{name}.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return example


def inspectors_of(module):
    return [
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Inspector) and value is not Inspector
    ]


@pytest.mark.parametrize("name", ["no_executables", "known_sender", "embed"])
def test_examples_register(example, name):
    (inspector,) = inspectors_of(example(name))
    assert register(inspector())


def blocks(page, language):
    text = (ROOT / "docs" / page).read_text()
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def test_inspector_tables_of_the_page_are_right(tmp_path, example):
    (tmp_path / "rules").mkdir()
    (tmp_path / "more").mkdir()
    (tmp_path / "lists").mkdir()
    for path in ("rules/a.yar", "more/b.yar"):
        (tmp_path / path).write_text('rule A { condition: site == "example" }')
    (tmp_path / "lists" / "bad-hosts.txt").touch()
    (tmp_path / "my.rules").touch()
    (tmp_path / "no_executables.py").write_bytes((ROOT / "examples" / "no_executables.py").read_bytes())
    tables = blocks("inspectors.md", "toml")
    assert len(tables) == 4
    table = tomllib.loads(LISTENER + BACKEND + "".join(tables))
    names = [inspector.name for inspector in build(config.parse(table, base=tmp_path))]
    assert names == ["yara", "urls", "spam", "no-executables"]


def test_the_rules_of_the_page_are_right(tmp_path):
    (rules,) = blocks("inspectors.md", "text")
    (tmp_path / "my.rules").write_text(rules)
    assert [rule.symbol for rule in RuleSet([tmp_path / "my.rules"]).rules] == ["PRIZE", "URGENT", "OLD_MAILER"]


def test_the_inspectors_of_the_page_run():
    module = {}
    for code in blocks("inspectors.md", "python"):
        exec(compile(code, "inspectors.md", "exec"), module)  # noqa: S102
    assert register(module["NoExecutables"]())
    assert register(bare := module["NoAddresses"]())
    assert bare.on_part(make_part("http://0xC0.0250.1/ and http://bad.example/")).points == 1
    assert bare.on_part(make_part("http://bad.example/")) is None


def test_the_programs_of_the_page_run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    module = {"__name__": "library"}
    for code in blocks("library.md", "python"):
        exec(compile(code, "library.md", "exec"), module)  # noqa: S102
    assert module["port"]
    assert capsys.readouterr().out


def test_the_page_for_those_who_come_from_elsewhere_names_keys_that_are_there():
    page = (ROOT / "docs" / "fortios.md").read_text()
    tables = {
        "listener": config.model.Listener,
        "backend": config.model.Backend,
        "inspector": config.model.InspectorTable,
    }
    named = re.findall(r"`((?:listener|backend|inspector|limits|decode|verdict|quarantine)\.[a-z_.]+)", page)
    assert len(named) > 20
    for key in named:
        table, *steps = key.split(".")
        at = tables.get(table) or {"quarantine": config.model.Quarantine}.get(table) or type(getattr(DEFAULTS, table))
        for step in steps[:-1]:
            at = at.model_fields[step].annotation
        assert steps[-1] in at.model_fields, key


def test_every_defect_has_its_line():
    kinds = (ROOT / "rust" / "smtpgw-mime" / "src" / "defect.rs").read_text()
    page = (ROOT / "docs" / "readings.md").read_text().partition("## Defects")[2].partition("## Texts")[0]
    named = re.findall(r'^    [A-Z]\w+ = "(\w+)",$', kinds, re.MULTILINE)
    assert len(named) > 40
    assert re.findall(r"^\| `(\w+)` \| \S", page, re.MULTILINE) == named


def test_the_list_entries_of_the_page_are_right(tmp_path):
    from smtpgw.inspectors.urls.lists import BlockList

    page = (ROOT / "docs" / "inspectors.md").read_text()
    entries = re.findall(r"^\| `([^`]+)` \| (?:the host|every URL|what a|nothing)", page, re.MULTILINE)
    (tmp_path / "list.txt").write_text("\n".join(entries))
    assert len(BlockList([tmp_path / "list.txt"])) == 4


def test_the_spellings_of_the_page_are_one_place():
    from smtpgw.inspectors.urls import extract

    page = (ROOT / "docs" / "inspectors.md").read_text()
    claimed = page.partition("all the same:")[2].partition("Numbers")[0]
    spellings = re.findall(r"`([^`]+)`", claimed)
    assert len(spellings) == 4
    assert all("https://bad.example/a" in map(str, extract(text)) for text in spellings)
