"""Certificates, keys and authorities: `check`, `run` and a reload say the same, each of the file that is wrong."""

import datetime

import pytest
import trustme
from typer.testing import CliRunner

from smtpgw import ConfigError, Gateway, SmtpgwError, config
from smtpgw.cli.app import app
from smtpgw.config.credentials import check_credentials

NOW = datetime.datetime.now(datetime.UTC)
YEAR = datetime.timedelta(days=365)


def write(folder, name, host="mx1.example.org", **validity):
    """`name`.pem and `name`.key, of an authority of their own."""
    leaf = trustme.CA().issue_cert(host, **({"not_after": NOW + YEAR} | validity))
    (folder / f"{name}.pem").write_bytes(b"".join(blob.bytes() for blob in leaf.cert_chain_pems))
    leaf.private_key_pem.write_to_path(folder / f"{name}.key")


@pytest.fixture
def folder(tmp_path):
    for name in ("one", "two"):
        write(tmp_path, name)
    one, two = ((tmp_path / f"{name}.pem").read_bytes() for name in ("one", "two"))
    (tmp_path / "foreign.pem").write_bytes(one + two)
    (tmp_path / "cut.pem").write_bytes(one[: len(one) // 2])
    (tmp_path / "garbage.pem").write_text("nothing\n")
    return tmp_path


def settings(folder, *pairs, **backend):
    return {
        "hostname": "mx1.example.org",
        "listener": [
            {
                "address": "127.0.0.1:0",
                "backend": "main",
                "recipient_domains": ["example.org"],
                "certificates": [
                    {"chain": f"{chain}", "key": f"{key}"} for chain, key in pairs or [("one.pem", "one.key")]
                ],
            }
        ],
        "backend": {"main": {"address": "127.0.0.1:10025", **backend}},
        "spool": {"path": str(folder)},
    }


def text(folder, *pairs, **backend):
    """The same as a file."""
    certificates = ", ".join(
        f'{{ chain = "{chain}", key = "{key}" }}' for chain, key in pairs or [("one.pem", "one.key")]
    )
    more = "".join(f'{key} = "{value}"\n' for key, value in backend.items())
    return (
        f'hostname = "mx1.example.org"\n[[listener]]\naddress = "127.0.0.1:0"\nbackend = "main"\n'
        f'recipient_domains = ["example.org"]\ncertificates = [{certificates}]\n'
        f'[backend.main]\naddress = "127.0.0.1:10025"\n{more}[spool]\npath = "{folder}"\n'
    )


WRONG = [
    ([("foreign.pem", "one.key")], {}, "listener[0].certificates[0].chain", "foreign.pem", "certificate 2 is not the"),
    ([("cut.pem", "one.key")], {}, "listener[0].certificates[0].chain", "cut.pem", "it breaks off before END CERT"),
    ([("one.pem", "two.key")], {}, "listener[0].certificates[0].key", "two.key", "it is not the key of the"),
    ([("one.pem", "no.key")], {}, "listener[0].certificates[0].key", "no.key", "cannot be read: No such file"),
    ([], {"tls": "verified", "ca": "garbage.pem"}, "backend.main.ca", "garbage.pem", "there is no certificate in it"),
    ([], {"tls": "verified", "ca": "no.pem"}, "backend.main.ca", "no.pem", "No such file"),
    ([], {"tls": "verified", "ca": "two.pem", "name": "1.2"}, "backend.main.name", None, "is no name that"),
]  # fmt: skip


@pytest.mark.parametrize(("pairs", "backend", "path", "file", "reason"), WRONG)
def test_check_and_run_and_a_reload_name_what_is_wrong(folder, pairs, backend, path, file, reason):
    (folder / "smtpgw.toml").write_text(text(folder, *pairs, **backend))
    for command in ("check", "run"):
        done = CliRunner().invoke(app, [command, "-c", str(folder / "smtpgw.toml")])
        assert done.exit_code == 78, done.output
        head, what, why = done.stderr.splitlines()
        assert head.startswith("smtpgw: 1 mistake in ")
        assert what.strip() == (f'{path} = "{folder / file}"' if file else path)
        assert reason in why
    source = [text(folder)]

    def read():
        (folder / "smtpgw.toml").write_text(source[0])
        return config.load(folder / "smtpgw.toml")

    with Gateway(read) as gateway:
        source[0] = text(folder, *pairs, **backend)
        with pytest.raises(SmtpgwError) as refused:
            gateway.reload()
        said = str(refused.value)
        assert reason.removeprefix("cannot be read: ") in said
        assert said.startswith(f"{folder / file}: " if file else f"{path}: "), said


def test_what_check_likes_starts(folder):
    (folder / "chain.pem").write_bytes((folder / "one.pem").read_bytes())
    for pairs, backend in [([("chain.pem", "one.key"), ("two.pem", "two.key")], {}),
                           ([], {"tls": "verified", "ca": "two.pem"})]:  # fmt: skip
        made = config.parse(settings(folder, *pairs, **backend), base=folder)
        assert made.listener[0].certificates[-1].key.parent == folder, "relative to the file"
        assert check_credentials(made) == []
        with Gateway(made) as gateway:
            assert gateway.addresses


def test_every_mistake_is_named_at_once(folder):
    table = settings(
        folder, ("one.pem", "two.key"), ("no.pem", "one.key"), ("one.key", "one.pem"), ("one.pem", "one.key")
    )
    table["inspector"] = [{"use": "yara", "rules": ["no.yar"]}]
    expected = [f"listener[0].certificates[{step}" for step in ("0].key", "1].chain", "2].chain")]
    with pytest.raises(ConfigError) as caught:
        check_credentials(config.parse(table, base=folder))
    assert [problem.path for problem in caught.value.problems] == [*expected, "inspector[0].rules"]
    # The same where something else is wrong, in these tables as well.
    table["hostname"] = "-"
    table["listener"][0]["certificates"].append({"chian": "one.pem"})
    table["backend"]["main"] |= {"tls": "verified", "ca": "garbage.pem", "reply_s": "x"}
    table["backend"]["other"] = {"address": "127.0.0.1:1", "tls": "verified", "ca": "garbage.pem"}
    with pytest.raises(ConfigError) as caught:
        config.parse(table, base=folder)
    paths = [problem.path for problem in caught.value.problems]
    assert paths[-5:] == [*expected, "backend.other.ca", "inspector[0].rules"]
    assert {"hostname", "backend.main.reply_s", "listener[0].certificates[4].key"} <= set(paths)
    assert len(paths) == len(set(paths))
    with pytest.raises(ConfigError) as caught:
        config.parse(table, base=folder, files=False)
    assert not set(paths[-5:]) & {problem.path for problem in caught.value.problems}


def test_an_encrypted_key_is_one(folder):
    from cryptography.hazmat.primitives import serialization

    key = serialization.load_pem_private_key((folder / "one.key").read_bytes(), None)
    for form in (serialization.PrivateFormat.PKCS8, serialization.PrivateFormat.TraditionalOpenSSL):
        locked = key.private_bytes(serialization.Encoding.PEM, form, serialization.BestAvailableEncryption(b"x"))
        (folder / "locked.key").write_bytes(locked)
        with pytest.raises(ConfigError, match=r"locked\.key\": the key is encrypted: store it in clear"):
            check_credentials(config.parse(settings(folder, ("one.pem", "locked.key")), base=folder))


def test_what_is_not_shown_need_not_be_there(folder):
    """`tls = "tunnel"` is for when the key is lost."""
    table = settings(folder, ("no.pem", "no.key"), identity="xclient")
    table["listener"][0]["tls"] = "tunnel"
    made = config.parse(table, base=folder)
    assert check_credentials(made) == []
    with Gateway(made):
        pass


def test_concerns_are_warnings(folder):
    write(folder, "expired", not_before=NOW - 2 * YEAR, not_after=NOW - YEAR)
    write(folder, "early", not_before=NOW + YEAR, not_after=NOW + 2 * YEAR)
    write(folder, "soon", not_after=NOW + datetime.timedelta(days=3))
    write(folder, "other", host="mx2.example.org")
    names = ("expired", "early", "soon", "other")
    (folder / "smtpgw.toml").write_text(text(folder, *((f"{name}.pem", f"{name}.key") for name in names)))
    done = CliRunner().invoke(app, ["check", "-c", str(folder / "smtpgw.toml")])
    assert done.exit_code == 0, done.output
    said = [line for line in done.stderr.splitlines() if "certificates" in line]
    words = ("it expired on", "it is not valid before", "it expires on")
    for at, (line, name, word) in enumerate(zip(said, names, words, strict=False)):
        assert line.startswith(f"warning: listener[0].certificates[{at}] ({folder / name}.pem): {word} 20")
    assert len(said) == 3, "one of them is for the gateway's own name"
    (folder / "smtpgw.toml").write_text(text(folder, ("other.pem", "other.key")))
    done = CliRunner().invoke(app, ["check", "-c", str(folder / "smtpgw.toml")])
    assert "warning: listener[0].certificates: the gateway's own name (hostname) is in none of them" in done.stderr


def test_a_gateway_of_a_finished_configuration_looks_when_it_starts(folder):
    made = config.parse(settings(folder, ("late.pem", "late.key")), base=folder)
    gateway = Gateway(made)
    with pytest.raises(SmtpgwError, match=r"late\.pem"):
        gateway.start()
    write(folder, "late")
    with gateway:
        assert gateway.addresses
    with pytest.raises(ConfigError, match=r"listener\[0\]\.certificates\[0\]\.chain"):
        Gateway(settings(folder, (folder / "no.pem", folder / "no.key")))
