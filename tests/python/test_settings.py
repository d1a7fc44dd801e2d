"""The configuration and the core's `Settings` are the same: keys, words and defaults, read from the Rust source.

The core refuses keys that it does not know and words that it does not have, so most of this would show at start; but a
default that differs would show to nobody.
"""

import json
import re
from pathlib import Path
from typing import get_args

import pytest

from smtpgw import config
from smtpgw.config import decode
from smtpgw.config.units import LATER

CRATE = Path(__file__).parent.parent.parent / "rust/smtpgw-gateway/src"
FILES = [CRATE / "settings.rs", *sorted((CRATE / "settings").iterdir()), CRATE / "unscanned.rs"]
SOURCE = "".join(file.read_text() for file in FILES)
NUMBER = r"[0-9_]+(?:\.[0-9]+)?"


def settings():
    table = {
        "listener": [{"address": "127.0.0.1:0", "tls": "none", "backend": "b", "recipient_domains": ["*"]}],
        "backend": {"b": {"address": "127.0.0.1:1"}},
        "quarantine": {"path": "q"},
    }
    return json.loads(config.parse(table, files=False).to_core_json())


def block(start):
    """What stands between the braces that follow `start`."""
    begin = at = SOURCE.index("{", SOURCE.index(start)) + 1
    depth = 1
    while depth:
        depth += {"{": 1, "}": -1}.get(SOURCE[at], 0)
        at += 1
    return SOURCE[begin : at - 1]


def value(expression):
    if match := re.fullmatch(rf"Duration::from_secs\(({NUMBER})\)", expression):
        return float(match[1].replace("_", ""))
    if match := re.fullmatch(rf"({NUMBER}) << ({NUMBER})", expression):
        return int(match[1].replace("_", "")) << int(match[2])
    if re.fullmatch(NUMBER, expression):
        return float(expression.replace("_", ""))
    if match := re.fullmatch(r"[A-Z]\w+::([A-Z]\w+)", expression):
        return match[1].lower()
    return {"true": True, "false": False, "None": None, "Vec::new()": [], "BTreeMap::new()": {}}.get(
        expression, expression
    )


def defaults(start):
    found = re.findall(
        r"^\s*(\w+): (.+?),$", block(start).replace(", ", ",\n").replace("{ ", "{\n").replace(" }", ",\n}"), re.M
    )
    return {name: value(expression) for name, expression in found}


STRUCTS = {
    "Settings": lambda whole: whole,
    "Listener": lambda whole: whole["listener"][0],
    "Backend": lambda whole: whole["backend"]["b"],
    "Limits": lambda whole: whole["limits"],
    "Spool": lambda whole: whole["spool"],
    "Decode": lambda whole: whole["decode"],
    "Archive": lambda whole: whole["decode"]["archive"],
    "VerdictPolicy": lambda whole: whole["verdict"],
    "Quarantine": lambda whole: whole["quarantine"],
    "Log": lambda whole: whole["log"],
}


@pytest.mark.parametrize("name", STRUCTS)
def test_keys(name):
    fields = re.findall(r"^\s*pub (\w+):", block(f"pub struct {name} {{"), re.MULTILINE)
    assert fields
    assert list(STRUCTS[name](settings())) == fields


@pytest.mark.parametrize("name", ["Limits", "Decode", "Archive", "VerdictPolicy", "Spool", "Log"])
def test_defaults(name):
    rust = defaults(f"impl Default for {name} {{")
    # Tables and places of the system have no literal.
    compared = {key: value for key, value in rust.items() if not isinstance(value, str) or "(" not in value}
    ours = STRUCTS[name](settings())
    assert len(compared) >= (1 if name == "Spool" else 3)
    assert {key: ours[key] for key in compared} == compared


def test_default_passwords():
    [words] = re.findall(r"const PASSWORDS: \[&str; \d+\] = (\[.*\]);", SOURCE)
    assert settings()["decode"]["passwords"] == json.loads(words)


def test_defaults_of_a_backend():
    rust = defaults("pub fn at(")
    del rust["address"]
    ours = settings()["backend"]["b"]
    assert len(rust) == 12
    assert {key: ours[key] for key in rust} == rust


def test_defaults_of_a_listener():
    rust = defaults("impl Listener {")
    given = {"address", "backend", "tls", "recipient_domains"}
    ours = settings()["listener"][0]
    assert {key: ours[key] for key in rust if key not in given} == {key: rust[key] for key in rust if key not in given}


def test_formats():
    source = (CRATE.parent.parent / "smtpgw-archive/src/format.rs").read_text()
    names = re.findall(r'Self::\w+ => "([\w]+)",', source)
    assert sorted(names) == sorted(get_args(decode.Format))
    assert len(re.search(r"ALL: \[Self; \d+\] = \[(.*?)\];", source, re.DOTALL)[1].split()) == len(names)


def test_reasons_and_their_actions():
    names = dict(re.findall(r'Self::(\w+) => "(\w+)"', block("pub const fn name(self)")))
    assert len(names) == 14
    arms = re.findall(
        r"((?:Self::\w+[\s|]*)+|_) =>\s*\{?\s*UnscannedAction::(\w+)", block("pub const fn default_action(self)")
    )
    actions = {variant: action for variants, action in arms for variant in re.findall(r"Self::(\w+)", variants)}
    otherwise = dict(arms)["_"]
    expected = {name: actions.get(variant, otherwise).lower() for variant, name in names.items()}
    assert settings()["decode"]["unscanned"] == expected


@pytest.mark.parametrize(
    ("enum", "table", "key"),
    [("ListenerTls", "Listener", "tls"), ("ClientAuth", "Listener", "client_certificate"),
     ("ClientLogin", "Listener", "auth"),
     ("BackendTls", "Backend", "tls"), ("Identity", "Backend", "identity"),
     ("Relay", "Backend", "relay"), ("QuarantineReply", "Quarantine", "reply"), ("LogFormat", "Log", "format"),
     ("LogLevel", "Log", "level")],
)  # fmt: skip
def test_words(enum, table, key):
    from smtpgw.config import model

    rust = {
        re.sub(r"(?<!^)(?=[A-Z])", "-", word).lower()
        for word in re.findall(r"^\s*(\w+),$", block(f"pub enum {enum} {{"), re.MULTILINE)
    }
    ours = set(re.findall(r"'([a-z0-9-]+)'", str(getattr(model, table).model_fields[key].annotation)))
    assert ours - LATER == rust
