"""`smtpgw tls-failures` counts what the records say, and nothing else."""

import json

import pytest
from typer.testing import CliRunner

from smtpgw.cli.app import app
from smtpgw.cli.tls_failures import failures

OLD = {
    "time": "2026-11-25T06:00:00.000Z",
    "level": "info",
    "event": "connection",
    "client": "192.0.2.1:4711",
    "client_hello": {"versions": ["TLSv1.0"], "fingerprint": "t10i010000_0_0"},
    "tls_failure": "incompatible",
    "error": "peer is incompatible: Tls12NotOffered",
}
LINES = [
    json.dumps(OLD),
    json.dumps(OLD | {"client": "192.0.2.1:4712", "time": "2026-11-25T07:00:00.000Z"}),
    json.dumps(
        {"event": "connection", "client": "[2001:db8::1]:5", "tls_failure": "not-tls", "error": "this is no TLS"}
    ),
    json.dumps({"event": "connection", "client": "192.0.2.9:1", "end": "quit"}),
    json.dumps({"event": "transaction", "subject": '"tls_failure"'}),
    '{"event": "connection", "tls_failure": "cut off',
    "",
]


def test_counts_by_cause_and_client():
    old, garbage = failures(LINES)
    assert (old.cause, old.client, old.count, old.versions) == ("incompatible", "192.0.2.1", 2, ["TLSv1.0"])
    assert old.last == "2026-11-25T07:00:00.000Z"
    assert (garbage.cause, garbage.client, garbage.count, garbage.versions) == ("not-tls", "2001:db8::1", 1, [])


@pytest.mark.parametrize("way", ["file", "standard input"])
def test_command(way, tmp_path):
    log = tmp_path / "log.jsonl"
    log.write_text("\n".join(LINES))
    arguments, given = ([str(log)], None) if way == "file" else (["-"], log.read_text())
    result = CliRunner().invoke(app, ["tls-failures", *arguments, "--json"], input=given)
    assert result.exit_code == 0, result.output
    assert [json.loads(line)["count"] for line in result.output.splitlines()] == [2, 1]
    result = CliRunner().invoke(app, ["tls-failures", *arguments], input=given)
    assert "incompatible" in result.output
    assert "192.0.2.1" in result.output


def test_into_a_pipe_nothing_is_cut(tmp_path):
    log = tmp_path / "log.jsonl"
    error = "no end of words " * 200 + "end"
    log.write_text("\n".join(json.dumps(OLD | {"client": f"192.0.2.{n}:1", "error": error}) for n in (1, 2)))
    lines = CliRunner().invoke(app, ["tls-failures", str(log)]).output.splitlines()
    assert [line.split()[0] for line in lines] == ["cause", "incompatible", "incompatible"]
    for line in lines[1:]:
        assert "  2026-11-25T06:00:00.000Z  " in line
        assert line.endswith(f"  {error}")


def test_nothing_is_shown_that_a_terminal_obeys(tmp_path):
    log = tmp_path / "log.jsonl"
    log.write_text(json.dumps(OLD | {"error": "\x1b[2J\nfaked  line"}))
    output = CliRunner().invoke(app, ["tls-failures", str(log)]).output
    assert len(output.splitlines()) == 2
    assert all(line.isprintable() for line in output.splitlines())


def test_without_a_log_it_says_what_is_missing(tmp_path):
    assert CliRunner().invoke(app, ["tls-failures"]).exit_code == 78
    assert CliRunner().invoke(app, ["tls-failures", str(tmp_path / "none")]).exit_code == 78


def test_a_log_in_another_format_is_not_one_without_failures(tmp_path):
    log = tmp_path / "log"
    log.write_text("time=2026-11-25T06:00:00.000Z level=info event=connection tls_failure=alert\n")
    result = CliRunner().invoke(app, ["tls-failures", str(log)])
    assert result.exit_code == 78
    assert "no failed handshake" not in result.output
    log.write_text("")
    assert CliRunner().invoke(app, ["tls-failures", str(log)]).exit_code == 0
