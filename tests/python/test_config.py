"""The configuration: every mistake at once with path, value, reason and hint; units; overrides; paths; rule O1."""

import copy
import json
import os
import tomllib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic_core import PydanticCustomError

from smtpgw import ConfigError, config
from smtpgw.config.render import to_toml
from smtpgw.config.units import parse_size

GOOD = {
    "hostname": "mx1.example.org",
    "listener": [{"address": "127.0.0.1:0", "tls": "none", "backend": "postfix", "recipient_domains": ["example.org"]}],
    "backend": {"postfix": {"address": "127.0.0.1:10025"}},
}


def changed(**tables):
    table = copy.deepcopy(GOOD)
    for path, value in tables.items():
        at = table
        *steps, last = path.split("__")
        for step in steps:
            at = at[int(step)] if step.isdigit() else at.setdefault(step, {})
        at[last] = value
    return table


def problems(table, **options):
    with pytest.raises(ConfigError) as caught:
        config.parse(table, **options)
    return {problem.path: problem for problem in caught.value.problems}


def test_a_small_configuration_is_complete():
    made = config.parse(GOOD)
    assert made.limits.message_size == 25 << 20
    assert made.backend["postfix"].identity == "none"


def test_the_embedded_defaults():
    made = config.default()
    assert made.listener[0].address == "127.0.0.1:2525"
    assert made.listener[0].certificates == ["self-signed"]
    assert made.listener[0].recipient_domains == ["*"]
    assert made.backend["mail"].address == f"maildir:{Path.cwd() / 'mail'}"
    assert [table.use for table in made.inspector] == ["yara", "urls", "spam"]


def test_settings_for_the_core_have_its_shape():
    settings = json.loads(config.default().to_core_json())
    assert list(settings) == [
        "hostname", "listener", "backend", "limits", "spool", "decode", "verdict", "quarantine", "log"
    ]  # fmt: skip
    assert list(settings["listener"][0]) == [
        "address", "tls", "backend", "routes", "recipient_domains", "certificates", "client_certificate",
        "auth", "proxy_protocol_from", "xclient_from",
    ]  # fmt: skip
    assert settings["limits"]["connections_per_network"] == 10_000
    assert (settings["limits"]["network_prefix_v4"], settings["limits"]["network_prefix_v6"]) == (32, 64)
    assert settings["limits"]["command_s"] == 300.0
    assert settings["decode"]["unscanned"]["mailbomb"] == "reject"
    assert settings["quarantine"] is None


def test_every_mistake_is_named_at_once():
    found = problems(
        {
            "hostname": "-mx",
            "listner": [],
            "command_s": 3,
            "listener": [
                {"address": "25", "tls": "startls", "backend": "pofix"},
                {"address": "0.0.0.0:25", "tls": "tunnel", "backend": "postfix", "xclient_from": ["10.0.0.0/8"]},
            ],
            "backend": {"postfix": {"address": "lmtp:x", "relay": "later", "reply_s": "60s", "adress": 1}},
            "limits": {"message_size": "25 Megs", "recipients": 1, "connections": 0},
            "inspector": [{"use": "yara", "mode": "enforced", "isolation": "process"}, {"mode": "off"}],
            "verdict": {"reject_score": 5, "tag_score": 30, "discard": "no"},
            "log": {"format": "syslog"},
            "metrics": {"address": "127.0.0.1:9125"},
        }
    )
    assert {path: (problem.value, problem.reason, problem.hint) for path, problem in found.items()} == {
        "hostname": ('"-mx"', "is no host name", 'letters, digits, hyphens and dots: "mx1.example.org"'),
        "listner": ("[]", "is no key of this table", 'did you mean "listener"?'),
        "command_s": ("3", "is no key of this table", "it belongs to limits.command_s"),
        "listener[0].address": ('"25"', "has no port", 'write "0.0.0.0:25"'),
        "listener[0].tls": (
            '"startls"', "is none of starttls, none, implicit, external, tunnel", 'did you mean "starttls"?',
        ),
        "listener[0].backend": ('"pofix"', "there is no [backend.pofix]", 'did you mean "postfix"?'),
        "listener[1].tls": (
            '"tunnel"',
            "shows us no recipients, and backend.postfix does not learn the client's address: an open relay",
            'set backend.postfix.identity = "xclient"',
        ),
        "listener[1].recipient_domains": (
            None,
            "is empty, and backend.postfix does not learn the client's address, which makes an open relay",
            'name the domains to take mail for, or set backend.postfix.identity = "xclient"; '
            'recipient_domains = ["*"] takes any',
        ),
        "backend.postfix.address": (
            '"lmtp:x"', "is no kind of backend", 'write "host:port" (SMTP) or "maildir:/folder"',
        ),
        "backend.postfix.relay": ('"later"', "is none of store, stream", None),
        "backend.postfix.reply_s": ('"60s"', "is text", "write a plain number of seconds: 60"),
        "backend.postfix.adress": ("1", "is no key of this table", 'did you mean "address"?'),
        "limits.message_size": (
            '"25 Megs"', "Megs is no unit of size", "the units are B, KiB, MiB, GiB, TiB, kB, MB, GB, TB",
        ),
        "limits.recipients": ("1", "must be at least 100", None),
        "limits.connections": ("0", "is out of range", "at least 1 and at most 2147483647"),
        "inspector[0].mode": ('"enforced"', "is none of enforce, shadow, off", 'did you mean "enforce"?'),
        "inspector[0].isolation": ('"process"', '"process" is not available in this version', 'use "thread"'),
        "inspector[1].use": (
            None,
            "is missing",
            "`yara`, `urls`, `spam`, the name of an installed entry point of `smtpgw.inspectors`, or `module:Class`",
        ),
        "verdict.discard": ('"no"', "is neither true nor false", None),
        "verdict.tag_score": ("30", "is above verdict.reject_score (5), so that nothing would ever be tagged", None),
        "log.format": ('"syslog"', '"syslog" is not available in this version', 'use "json" or "logfmt"'),
        "metrics": ("{...}", "is not available in this version", "leave the table out"),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("key", "value"), [("limits__network_prefix_v4", 33), ("limits__network_prefix_v6", 129),
                       ("limits__network_prefix_v4", -1), ("limits__connections_per_network", 0)],
)  # fmt: skip
def test_networks_of_clients_have_bounds(key, value):
    assert list(problems(changed(**{key: value})).values())


@pytest.mark.parametrize(
    ("key", "value"),
    [
     ("inspector", [{"use": "spam", "isolation": "process"}]),
     ("log__format", "syslog"), ("metrics", {"address": "127.0.0.1:1"})],
)  # fmt: skip
def test_names_of_later_versions_are_refused_by_name(key, value):
    (problem,) = problems(changed(**{key: value})).values()
    assert "is not available in this version" in problem.reason
    assert problem.hint


PIN = "0123456789abcdef" * 4


@pytest.mark.parametrize(
    ("table", "key"),
    [({"tls": "verified"}, "tls"), ({"tls": "required", "pin": [PIN]}, "pin"), ({"ca": __file__}, "ca"),
     ({"name": "mx.example"}, "name"), ({"tls": "verified", "pin": ["abc"]}, "pin[0]")],
)  # fmt: skip
def test_a_backend_is_verified_against_something_or_not_at_all(table, key):
    wrong = changed(**{f"backend__postfix__{name}": value for name, value in table.items()})
    (problem,) = problems(wrong).items()
    assert problem[0] == f"backend.postfix.{key}"
    assert problem[1].hint


def test_a_verified_backend_reaches_the_core():
    table = changed(
        backend__postfix__tls="verified", backend__postfix__pin=[PIN.upper()], backend__postfix__ca="ca.pem"
    )
    backend = json.loads(config.parse(table, base="/etc/smtpgw", files=False).to_core_json())["backend"]["postfix"]
    assert (backend["tls"], backend["pin"], backend["ca"]) == ("verified", [PIN], "/etc/smtpgw/ca.pem")


def test_implicit_tls_is_not_for_port_25():
    wrong = changed(listener__0__tls="implicit", listener__0__address="0.0.0.0:25")
    problem = problems(wrong)["listener[0].tls"]
    assert "plaintext" in problem.reason
    assert "465" in problem.hint
    right = changed(listener__0__tls="implicit", listener__0__address="0.0.0.0:465")
    right["listener"][0]["certificates"] = ["self-signed"]
    config.parse(right)


@pytest.mark.parametrize(
    ("key", "value", "reason", "hint"),
    [
        ("limits__command_s", "5m", "is text", "write a plain number of seconds: 300"),
        ("limits__command_s", "1.5 h", "is text", "write a plain number of seconds: 5400"),
        ("limits__command_s", "soon", "is text", "write a plain number of seconds: 30"),
        ("limits__data_rate", -1, "is out of range", "at least 1 B, and below 8 PiB"),
        ("backend__postfix__address", "mx.example", "has no port", 'write "mx.example:25"'),
        ("backend__postfix__address", "25", "has no port", 'write "127.0.0.1:25"'),
        ("backend__postfix__address", ":25", "has no host", 'write "127.0.0.1:25"'),
        ("listener__0__address", "::1", "has no port", 'write "[::1]:25"'),
        ("listener__0__recipient_domains", "a.example", "is no list", 'write ["a.example"]'),
        ("inspector", {"use": "spam"}, "is no list", "begin each with [[inspector]]"),
        ("limits", [{"errors": 3}], "is no table", "begin it with [limits]"),
        ("backend", [{"address": "127.0.0.1:25"}], "is no table", "begin each with [backend.NAME]"),
    ],
)
def test_hints_say_what_to_write(key, value, reason, hint):
    (problem,) = problems(changed(**{key: value})).values()
    assert (problem.reason, problem.hint) == (reason, hint)


@pytest.mark.parametrize("key", ["proxy_protocol_from", "xclient_from"])
@pytest.mark.parametrize(
    ("network", "hint"),
    [("10.0.0.1/8", 'write "10.0.0.0/8", or one address'), ("10.0.0", 'write "192.0.2.7" or "192.0.2.0/24"'),
     ("10.0.0.0/33", 'write "192.0.2.7" or "192.0.2.0/24"'),
     ("mx1.example.org", 'write "192.0.2.7" or "192.0.2.0/24"')],
)  # fmt: skip
def test_what_is_no_network(key, network, hint):
    found = problems(changed(**{f"listener__0__{key}": ["::/1", network]}))
    assert found[f"listener[0].{key}[1]"].hint == hint


def test_networks_reach_the_core():
    table = changed(listener__0__proxy_protocol_from=["10.0.0.0/8", "2001:DB8::/32", "192.0.2.7"])
    listener = json.loads(config.parse(table).to_core_json())["listener"][0]
    assert listener["proxy_protocol_from"] == ["10.0.0.0/8", "2001:db8::/32", "192.0.2.7/32"]


def test_whoever_may_say_who_the_client_is_should_be_few():
    warned = config.warnings(config.parse(changed(listener__0__proxy_protocol_from=["::/0"])))
    assert "lets anybody be anybody (proxy_protocol_from names ::/0)" in warned[0]


def test_external_tls_needs_somebody_who_ends_it():
    external = changed(listener__0__tls="external")
    assert problems(external)["listener[0].tls"].hint == "name its network in proxy_protocol_from or xclient_from"
    for key in ("proxy_protocol_from", "xclient_from"):
        config.parse({**external, "listener": [external["listener"][0] | {key: ["127.0.0.1"]}]})


def test_a_tunnel_leads_to_a_server_that_knows_who_asks():
    tunnel = changed(listener__0__tls="tunnel", listener__0__recipient_domains=["example.org"])
    tunnel["listener"][0].pop("certificates", None)
    assert list(problems(tunnel)) == ["listener[0].tls"]
    named = {**tunnel, "backend": {"postfix": {**tunnel["backend"]["postfix"], "identity": "xclient"}}}
    said = config.warnings(config.parse(named))
    assert "inspects nothing that comes under TLS" in said[0]
    assert "recipient_domains" in said[1]
    maildir = {**tunnel, "backend": {"postfix": {"address": "maildir:/tmp/mail"}}}
    assert "nowhere to lead" in problems(maildir)["listener[0].tls"].reason


def test_an_empty_list_of_a_later_version_is_fine():
    config.parse(changed(listener__0__proxy_protocol_from=[], listener__0__xclient_from=[]))


@pytest.mark.parametrize("table", [{}, {"listener": [], "backend": {}}])
def test_listeners_and_backends_are_needed(table):
    assert {"listener", "backend"} <= problems(table).keys()


@pytest.mark.parametrize("table", [[], "x", None])
def test_not_even_a_table(table):
    with pytest.raises((ConfigError, TypeError, ValueError)):
        config.parse(table)


@pytest.mark.parametrize(
    ("text", "octets"),
    [("25 MiB", 25 << 20), ("500 B", 500), ("256KiB", 256 << 10), ("1 GiB", 1 << 30), ("1.5 KiB", 1536),
     ("25 MB", 25_000_000), ("10 kB", 10_000), ("7", 7), (7, 7), (" 1 mib ", 1 << 20), ("8191 TiB", 8191 << 40)],
)  # fmt: skip
def test_sizes(text, octets):
    assert parse_size(text) == octets


@pytest.mark.parametrize(
    "text", ["", "MiB", "-1 MiB", "1 XB", "1..5 MiB", "0.3 B", True, 1.5, None, [], "9e9", 1 << 53]
)
def test_what_is_no_size(text):
    with pytest.raises(PydanticCustomError):
        parse_size(text)


@given(st.integers(0, (1 << 53) - 1))
def test_any_number_of_octets_is_a_size(octets):
    assert parse_size(octets) == parse_size(f"{octets} B") == octets


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), float("inf"), 86_401, True, "10", None])
def test_what_is_no_duration(seconds):
    assert list(problems(changed(limits__command_s=seconds))) == ["limits.command_s"]


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "127.0.0.1:x", ":25", "*:25", "::1:25", "[::1]", "[::g]:25", "1.2.3:25", "a b:25", "h:65536", "h:-1",
     "h:²", "", ":", "a\0b:25"],
)  # fmt: skip
def test_what_is_no_address(address):
    assert list(problems(changed(listener__0__address=address))) == ["listener[0].address"]


@pytest.mark.parametrize("address", ["127.0.0.1:25", "[::1]:25", "[::]:0", "localhost:2525", "mx_1.example.org:25"])
def test_addresses(address):
    assert config.parse(changed(listener__0__address=address)).listener[0].address == address


def test_two_listeners_do_not_share_an_address():
    listener = GOOD["listener"][0] | {"address": "127.0.0.1:2525"}
    assert list(problems(changed(listener=[listener, listener]))) == ["listener[1].address"]
    config.parse(changed(listener=[GOOD["listener"][0]] * 2))  # port 0 is another one each time


def test_several_backends():
    table = changed(
        backend__other__address="127.0.0.1:10026",
        listener__0__backend=["postfix", "other"],
        listener__0__routes={"Example.NET": "other", "example.com": ["other", "postfix"]},
    )
    listener = json.loads(config.parse(table).to_core_json())["listener"][0]
    assert listener["backend"] == ["postfix", "other"]
    assert listener["routes"] == {"example.net": "other", "example.com": ["other", "postfix"]}
    written = tomllib.loads(to_toml(config.parse(table)))
    assert written["listener"][0]["routes"] == listener["routes"]
    # Rule O1 is about every backend that may get the mail.
    table["backend"]["postfix"]["identity"] = "xclient"
    table["listener"][0]["recipient_domains"] = []
    assert "backend.other does not learn" in problems(table)["listener[0].recipient_domains"].reason


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        ("backend", ["postfix", "pofix"], "there is no [backend.pofix]"),
        ("backend", [], "names no backend"),
        ("backend", ["postfix", "postfix"], "names a backend twice"),
        ("backend", 7, "is no name of a backend"),
        ("routes", {"example.net": "pofix"}, "there is no [backend.pofix]"),
        ("routes", {"example.net": []}, "names no backend"),
        ("routes", {".example.net": "postfix"}, "is no domain"),
    ],
)
def test_backends_that_are_not_there(key, value, reason):
    assert reason in [problem.reason for problem in problems(changed(**{f"listener__0__{key}": value})).values()]


@pytest.mark.parametrize(
    ("key", "value"), [("pool", -1), ("pool", True), ("pool", 2.5), ("pool_s", 300), ("pool_s", 0)]
)
def test_what_is_no_pool(key, value):
    assert list(problems(changed(**{f"backend__postfix__{key}": value}))) == [f"backend.postfix.{key}"]


@pytest.mark.parametrize(
    ("backend", "why"),
    [({"identity": "proxy-v1"}, "proxy-v1"), ({"identity": "proxy-v2"}, "proxy-v2"),
     ({"identity": "xforward"}, "xforward"), ({"address": "maildir:/tmp/mail"}, "Maildir"),
     ({"identity": "xclient"}, None), ({}, None)],
)  # fmt: skip
def test_a_pool_that_keeps_nothing_is_known(backend, why):
    def said(pool):
        table = changed()
        table["backend"]["postfix"] |= {**backend, **pool}
        return [line for line in config.warnings(config.parse(table)) if "pool" in line]

    assert said({}) == said({"pool": 0}) == []
    assert [why in line for line in said({"pool": 4})] == ([True] if why else [])


def test_a_tunnel_has_no_routes():
    wrong = changed(listener__0__tls="tunnel", listener__0__backend=["postfix"], listener__0__routes={"a.b": "postfix"})
    wrong["backend"]["postfix"]["identity"] = "xclient"
    assert list(problems(wrong)) == ["listener[0].routes"]
    del wrong["listener"][0]["routes"]
    wrong["backend"]["postfix"]["identity"] = "none"
    assert list(problems(wrong)) == ["listener[0].tls"]


def test_rule_o1():
    empty = changed(listener__0__recipient_domains=[])
    assert list(problems(empty)) == ["listener[0].recipient_domains"]
    for identity in ("xclient", "proxy-v1", "proxy-v2"):
        empty["backend"]["postfix"]["identity"] = identity
        assert config.warnings(config.parse(empty)) == ["the configuration names no inspector"]
    # XFORWARD is for the log alone: the backend still takes us for the client.
    empty["backend"]["postfix"]["identity"] = "xforward"
    assert list(problems(empty)) == ["listener[0].recipient_domains"]
    any_domain = config.parse(changed(listener__0__recipient_domains=["*"]))
    assert "takes mail for any domain" in config.warnings(any_domain)[0]


@pytest.mark.parametrize("domain", ["*.example.org", ".example.org", "@example.org", "a b", ""])
def test_what_is_no_domain(domain):
    assert list(problems(changed(listener__0__recipient_domains=[domain]))) == ["listener[0].recipient_domains[0]"]


def test_domains_are_lower_case():
    made = config.parse(changed(listener__0__recipient_domains=["Example.ORG"]))
    assert made.listener[0].recipient_domains == ["example.org"]


def test_a_maildir_has_no_identity():
    table = changed(backend__postfix__address="maildir:mail", backend__postfix__identity="xclient")
    assert list(problems(table)) == ["backend.postfix.identity"]


def test_starttls_needs_a_certificate():
    assert list(problems(changed(listener__0__tls="starttls"))) == ["listener[0].certificates"]
    config.parse(changed(listener__0__tls="starttls", listener__0__certificates=["self-signed"]))


@pytest.mark.parametrize("certificate", ["selfsigned", 3, {"chain": "one.pem"}, {"chain": "one.pem", "key": 3}])
def test_what_is_no_certificate(certificate):
    table = changed(listener__0__tls="starttls", listener__0__certificates=[certificate])
    (path,) = problems(table, files=False)
    assert path.startswith("listener[0].certificates[0]")


def test_folders_are_looked_at(tmp_path):
    (tmp_path / "file").touch()
    table = changed(
        spool__path="nowhere",
        quarantine={"path": "file/q"},
        log__file="file/log",
        backend__postfix__address="maildir:file",
    )
    assert list(problems(table, base=tmp_path)) == [
        "spool.path", "quarantine.path", "log.file", "backend.postfix.address"
    ]  # fmt: skip
    if os.geteuid() == 0:
        return
    tmp_path.chmod(0o500)
    assert list(problems(changed(spool__path="."), base=tmp_path)) == ["spool.path"]
    tmp_path.chmod(0)
    table = changed(spool__path="a", quarantine={"path": "b/q"}, log__file="c/log")
    assert list(problems(table, base=tmp_path)) == ["spool.path", "quarantine.path", "log.file"]
    tmp_path.chmod(0o700)


@pytest.mark.parametrize(
    ("file", "reason", "hint"),
    [
        ("none/log", "is in a folder that is not there", "make it: mkdir -p {}/none"),
        ("folder", "is a folder", "name a file in it: {}/folder/smtpgw.log"),
        ("file/log", "cannot be: {}/file is no folder", None),
    ],
)
def test_the_folder_of_the_log_is_there(tmp_path, file, reason, hint):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    (problem,) = problems(changed(log__file=file), base=tmp_path).values()
    assert (problem.path, problem.reason) == ("log.file", reason.format(tmp_path))
    assert problem.hint == (hint and hint.format(tmp_path))


def test_a_file(tmp_path):
    path = tmp_path / "smtpgw.toml"
    path.write_text(
        'hostname = "mx.example.org"\n[[listener]]\naddress = "127.0.0.1:0"\ntls = "none"\nbackend = "b"\n'
        'recipient_domains = ["example.org"]\n[backend.b]\naddress = "maildir:mail"\n'
    )
    made = config.load(path)
    assert made.backend["b"].address == f"maildir:{tmp_path / 'mail'}"
    assert made.base == tmp_path


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"a = ", "is not TOML"), (b"\xff", "is not UTF-8"), (None, "cannot be read: No such file or directory")],
)
def test_a_file_that_is_none(tmp_path, content, reason):
    path = tmp_path / "smtpgw.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        config.load(path)
    (problem,) = caught.value.problems
    assert problem.path == str(path)
    assert problem.reason.startswith(reason)


@pytest.mark.parametrize(
    ("override", "value"),
    [
        ("limits.message_size=1 MiB", 1 << 20),
        ('limits.message_size="1 MiB"', 1 << 20),
        ("limits.message_size=70000", 70_000),
    ],
)
def test_overrides(override, value):
    assert config.parse(GOOD, overrides=[override]).limits.message_size == value


def test_overrides_reach_into_lists():
    made = config.parse(
        GOOD,
        overrides=["listener[0].address=127.0.0.1:26", "listener.0.recipient_domains=['*']", "inspector.0.use=spam",
                   "backend.postfix.identity=xclient"],
    )  # fmt: skip
    assert made.listener[0].address == "127.0.0.1:26"
    assert made.listener[0].recipient_domains == ["*"]
    assert made.inspector[0].use == "spam"
    assert made.backend["postfix"].identity == "xclient"
    assert GOOD["listener"][0]["address"] == "127.0.0.1:0"


@pytest.mark.parametrize("override", ["x", "=1", "listener[7].a=1", "hostname.a=1", "0.a=1", "a..b=1", "listener.a=1"])
def test_overrides_that_are_none(override):
    assert "--set" in problems(GOOD, overrides=[override])


def test_mistakes_of_overrides_come_with_the_others():
    assert list(problems(changed(hostname="-"), overrides=["x", "log.level=all"])) == ["--set", "hostname", "log.level"]


def test_warnings_for_the_world():
    table = changed(hostname="localhost", listener__0__address="0.0.0.0:25")
    table["inspector"] = [{"use": "spam", "on_error": "accept", "timeout_s": 200}]
    said = config.warnings(config.parse(table))
    assert [any(word in line for line in said) for word in ("STARTTLS", "hostname", "lets mail pass", "budget_s")] == [
        True
    ] * 4


def test_a_quarantine_that_is_not_there_is_warned_of():
    table = changed(decode={"unscanned": {"encrypted": "quarantine"}})
    table["inspector"] = [{"use": "urls", "action": "quarantine"}, {"use": "spam", "on_error": "quarantine"}]
    said = [line for line in config.warnings(config.parse(table)) if "[quarantine]" in line]
    assert [line.partition(" = ")[0] for line in said] == [
        "decode.unscanned.encrypted", "inspector[0].action", "inspector[1] (spam): on_error"
    ]  # fmt: skip
    table["quarantine"] = {"path": "/tmp/q"}  # noqa: S108
    assert not any("[quarantine]" in line for line in config.warnings(config.parse(table)))


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=9)
    | st.sampled_from(["none", "*", "127.0.0.1:1"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from([*config.Config.model_fields, "address", "tls", "use", "x"]), inner, max_size=4
        )
    ),
    max_leaves=20,
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.sampled_from([*config.Config.model_fields, "x"]), JSON))
def test_whatever_is_written_a_config_error_is_the_worst(table):
    try:
        config.parse(table, files=False)
    except ConfigError as error:
        assert error.problems
        assert all(problem.reason and "\n" not in str(problem) for problem in error.problems)


def test_every_key_is_documented():
    def undocumented(model, path=""):
        for name, field in model.model_fields.items():
            if not field.description:
                yield f"{path}{name}"
            for table in tables:
                if table.__name__ in str(field.annotation):
                    yield from undocumented(table, f"{path}{name}.")

    from smtpgw.config import model as module

    tables = [value for value in vars(module).values() if isinstance(value, type) and issubclass(value, module.Table)]
    assert list(undocumented(config.Config)) == []


def test_the_default_file_is_toml_with_nothing_but_known_keys():
    text = (Path(config.__file__).parent / "default.toml").read_text()
    assert set(tomllib.loads(text)) <= set(config.Config.model_fields)
