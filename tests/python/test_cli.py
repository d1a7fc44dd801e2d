"""The command line as people and service managers use it: real processes, real sockets, exit statuses."""

import json
import os
import re
import resource
import signal
import smtplib
import socket
import ssl
import subprocess
import sys
import tomllib
from email.message import EmailMessage
from pathlib import Path

import pytest

SMTPGW = [sys.executable, "-m", "smtpgw"]
CLEAN = (
    b"From: a@b.example\r\nDate: Wed, 25 Nov 2026 11:00:00 +0000\r\nMessage-ID: <1@b>\r\nSubject: x\r\n\r\nHello\r\n"
)
# In two pieces, so that scanners leave this file alone.
EICAR = CLEAN + rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD-" + rb"ANTIVIRUS-TEST-FILE!$H+H*" + b"\r\n"


@pytest.fixture
def smtpgw(tmp_path):
    def smtpgw(*arguments, status=0, stdin=b""):
        environment = {**os.environ, "COLUMNS": "100", "NO_COLOR": "1"}
        done = subprocess.run(
            [*SMTPGW, *map(str, arguments)], input=stdin, capture_output=True, cwd=tmp_path, timeout=60, env=environment
        )
        assert done.returncode == status, done.stderr.decode()
        return done.stdout.decode(), done.stderr.decode()

    return smtpgw


class Running:
    """A gateway process, from its ready record to its end."""

    def __init__(self, process):
        self.process = process
        self.ready = self.wait_for("ready")
        host, _, port = self.ready["listeners"][0].rpartition(":")
        self.address = host, int(port)

    def wait_for(self, event):
        for line in self.process.stderr:
            record = json.loads(line)
            if record["event"] == event:
                return record
        raise AssertionError(f"ended with {self.process.wait()} before {event}")

    def send(self, message=CLEAN):
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        with smtplib.SMTP(*self.address, timeout=20) as client:
            client.starttls(context=context)
            client.sendmail("a@b.example", ["c@d.example"], message)

    def end(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        return self.process.wait(30)


@pytest.fixture
def run(tmp_path):
    processes = []

    def run(*arguments):
        process = subprocess.Popen([*SMTPGW, "run", *map(str, arguments)], stderr=subprocess.PIPE, cwd=tmp_path)
        processes.append(process)
        return Running(process)

    yield run
    for process in processes:
        process.kill()
        process.wait()
        process.stderr.close()


def test_version(smtpgw):
    import smtpgw as package

    assert smtpgw("--version") == (f"smtpgw {package.__version__}\n", "")


@pytest.mark.parametrize("command", [(), ("run",), ("demo",), ("scan",), ("check",)])
def test_help_teaches(smtpgw, command):
    out, _ = smtpgw(*command, "--help")
    assert "smtpgw" in out
    if command:
        assert "Examples" in out or "Next" in out


@pytest.mark.parametrize(
    "arguments",
    [("chek",), ("scan",), ("run", "--lisen", "x"), ("run", "module:gateway", "-c", "x"), ("check", "surplus")],
)
def test_wrong_use(smtpgw, arguments):
    out, err = smtpgw(*arguments, status=64)
    assert out == ""
    assert "Error" in err


def test_check_shows_what_it_comes_to(smtpgw, tmp_path):
    out, err = smtpgw("check")
    resolved = tomllib.loads(out)
    assert resolved["backend"]["mail"]["address"] == f"maildir:{tmp_path}/mail"
    assert resolved["limits"]["message_size"] == "25 MiB"
    assert "yara (enforce), urls (enforce), spam (enforce)" in err
    assert "takes mail for any domain" in err
    (tmp_path / "smtpgw.toml").write_text(out)
    assert smtpgw("check", "-c", "smtpgw.toml")[0] == out


def test_check_explains_every_key_and_stays_the_same(smtpgw):
    plain, _ = smtpgw("check")
    explained, _ = smtpgw("check", "--explain")
    assert tomllib.loads(plain) == tomllib.loads(explained)
    lines = explained.splitlines()
    keys = [at for at, line in enumerate(lines) if " = " in line and not line.startswith("#")]
    first_tables = lines[: lines.index('use = "urls"')]
    assert all(lines[at - 1].startswith("#") for at in keys if at < len(first_tables))


def test_check_shows_every_limit(smtpgw):
    out, _ = smtpgw("check", "--limits", "--set", "limits.connections=7")
    lines = out.splitlines()
    assert lines[0].startswith("limits.connections = 7 (default 10000), number: Connections at a time")
    # What the documentation says of each is what is said here, of those that are not to be set as well.
    documented = re.findall(
        r"^\| `([^`]+)` \| ([^|]+) \| ([^|]+) \| (.+) \|$",
        (Path(__file__).parents[2] / "docs/limits.md").read_text(),
        re.M,
    )
    shown = dict(line.split(" = ", 1) for line in lines)
    assert shown["smtp::limits::DOMAIN"].startswith("255 B, octets: ")
    for name, default, unit, reason in documented:
        text = shown[name.replace("backend.NAME.", "backend.mail.")]
        assert text.endswith(f", {unit}: {reason}")
        assert name == "limits.connections" or text.startswith(f"{default}, ")


def test_check_gives_the_core_its_json(smtpgw):
    out, _ = smtpgw("check", "--json", "--set", "limits.message_size=1 MiB")
    assert json.loads(out)["limits"]["message_size"] == 1 << 20


def test_check_names_every_mistake_at_once(smtpgw, tmp_path):
    (tmp_path / "bad.toml").write_text(
        '[[listener]]\naddress = "25"\nbackend = "a"\n[backend.b]\naddress = "127.0.0.1:1"\n'
        '[[inspector]]\nuse = "yara"\nrules = ["no.yar"]\n[[inspector]]\nuse = "urls"\nblock = 3\n'
        '[[inspector]]\nuse = "spam"\nrule = []\n[[inspector]]\nuse = "nothing.at.all:X"\n[[inspector]]\nuse = "spum"\n'
    )
    out, err = smtpgw("check", "-c", "bad.toml", status=78)
    assert out == ""
    assert "8 mistakes in bad.toml" in err
    for path in ("listener[0].address", "listener[0].backend", "listener[0].certificates", "inspector[0].rules",
                 "inspector[1].block", "inspector[2].rule", "inspector[3].use", "inspector[4].use"):  # fmt: skip
        assert f"\n  {path} = " in err or f"\n  {path}\n" in err, path
    assert 'did you mean "rules"?' in err
    assert 'did you mean "spam"?' in err
    assert f"{tmp_path}/no.yar" in err


def test_run_says_the_same_mistakes_and_does_not_start(smtpgw):
    _, err = smtpgw("run", "--set", "limits.memry=1", "--listen", "nowhere", status=78)
    assert "2 mistakes" in err
    assert 'did you mean "memory"?' in err


def test_short_options_are_text(smtpgw):
    _, err = smtpgw("check", "--listen", "2525", "--backend", "10025", status=78)
    assert 'write "0.0.0.0:2525"' in err
    assert 'write "127.0.0.1:10025"' in err


def test_a_file_that_is_not_there(smtpgw):
    _, err = smtpgw("run", "-c", "no.toml", status=78)
    assert "no.toml" in err
    assert "No such file or directory" in err


def limited(soft, hard, *command):
    """`command` with these limits on descriptors."""
    return ["sh", "-c", f'ulimit -S -n {soft}; ulimit -H -n {hard}; exec "$@"', "sh", *command]


def test_too_few_descriptors_are_said(tmp_path):
    def said(*arguments, soft, hard):
        done = subprocess.run(
            limited(soft, hard, *SMTPGW, "check", *arguments), capture_output=True, cwd=tmp_path, timeout=60, text=True
        )
        assert done.returncode == 0, done.stderr
        return [line for line in done.stderr.splitlines() if "descriptors" in line]

    (line,) = said(soft=64, hard=512)
    assert line == (
        "warning: limits.connections = 10000 may take 40000 descriptors, and the system allows 512: raise that "
        "(LimitNOFILE of systemd, ulimit -n), or lower limits.connections"
    )
    assert said("--set", "limits.connections=128", soft=64, hard=512) == []
    assert len(said("--set", "limits.connections=129", soft=64, hard=512)) == 1


def test_run_takes_all_the_descriptors_that_it_may(tmp_path):
    options = ["run", "--listen", "127.0.0.1:0", "--set", "limits.connections=129"]
    process = subprocess.Popen(limited(64, 512, *SMTPGW, *options), stderr=subprocess.PIPE, cwd=tmp_path)
    try:
        notices = []
        for line in process.stderr:
            record = json.loads(line)
            if record["event"] == "ready":
                break
            notices.append(record.get("message", ""))
        assert resource.prlimit(process.pid, resource.RLIMIT_NOFILE) == (512, 512)
        assert (
            len([notice for notice in notices if "may take 516 descriptors, and the system allows 512" in notice]) == 1
        )
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


def test_a_gateway_in_a_program_leaves_its_limits_alone(tmp_path):
    code = (
        "import resource, smtpgw, smtpgw.config\n"
        "with smtpgw.Gateway(smtpgw.config.default(overrides=['listener[0].address=127.0.0.1:0'])):\n"
        "    print(resource.getrlimit(resource.RLIMIT_NOFILE))\n"
    )
    command = limited(64, 512, sys.executable, "-c", code)
    done = subprocess.run(command, capture_output=True, cwd=tmp_path, timeout=60, text=True)
    assert done.stdout == "(64, 512)\n", done.stderr


def test_run_a_port_in_use(smtpgw):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        out, err = smtpgw("run", "--listen", f"127.0.0.1:{port}", status=69)
    assert out == ""
    last = err.splitlines()[-1]
    assert last.startswith(f"smtpgw: cannot listen on 127.0.0.1:{port}: ")


def test_run_serves_and_drains(run, tmp_path):
    gateway = run("--listen", "127.0.0.1:0")
    assert gateway.ready["inspectors"] == ["yara", "urls", "spam"]
    gateway.send()
    with pytest.raises(smtplib.SMTPDataError):
        gateway.send(EICAR)
    assert gateway.wait_for("transaction")["outcome"] == "relayed"
    assert gateway.wait_for("transaction")["outcome"] == "rejected"
    assert gateway.end() == 0
    (message,) = (tmp_path / "mail" / "new").iterdir()
    assert message.read_bytes().endswith(CLEAN)


def begin(wire):
    """A message up to its content."""
    for line in (b"", b"HELO a.example\r\n", b"MAIL FROM:<a@b.example>\r\n", b"RCPT TO:<c@d.example>\r\n", b"DATA\r\n"):
        wire.write(line)
        assert wire.readline()[:1] in (b"2", b"3")


def test_run_lets_a_message_finish_and_a_second_signal_does_not(run, tmp_path):
    gateway = run("--listen", "127.0.0.1:0")
    with socket.create_connection(gateway.address, timeout=20) as client, client.makefile("rwb", buffering=0) as wire:
        begin(wire)
        gateway.process.send_signal(signal.SIGTERM)
        with pytest.raises(subprocess.TimeoutExpired):
            gateway.process.wait(1)
        wire.write(CLEAN + b".\r\n")
        assert wire.readline().startswith(b"250")
        assert gateway.process.wait(20) == 0
    gateway = run("--listen", "127.0.0.1:0")
    with socket.create_connection(gateway.address, timeout=20) as client, client.makefile("rwb", buffering=0) as wire:
        begin(wire)
        gateway.process.send_signal(signal.SIGTERM)
        with pytest.raises(subprocess.TimeoutExpired):
            gateway.process.wait(1)
        assert gateway.end() == 0
        assert wire.readline()[:1] != b"2"
    assert len(list((tmp_path / "mail" / "new").iterdir())) == 1


def test_run_reloads_and_keeps_the_last_good_state(run, tmp_path):
    path = tmp_path / "smtpgw.toml"
    good = (
        '[[listener]]\naddress = "127.0.0.1:0"\ncertificates = ["self-signed"]\nbackend = "mail"\n'
        'recipient_domains = ["d.example"]\n[backend.mail]\naddress = "maildir:mail"\n'
    )
    path.write_text(good)
    gateway = run("-c", path)
    gateway.send(EICAR)
    path.write_text(good + '[[inspector]]\nuse = "yara"\n')
    gateway.process.send_signal(signal.SIGHUP)
    while gateway.wait_for("notice")["message"] != "configuration reloaded":
        pass
    with pytest.raises(smtplib.SMTPDataError):
        gateway.send(EICAR)
    path.write_text(good + "[limits]\nmemry = 1\n")
    gateway.process.send_signal(signal.SIGHUP)
    notice = gateway.wait_for("notice")
    assert notice["level"] == "error"
    assert "limits.memry" in notice["message"]
    with pytest.raises(smtplib.SMTPDataError):
        gateway.send(EICAR)
    # An inspector whose module or signature breaks in a way of its own must not take the gateway with it.
    (tmp_path / "odd.py").write_text(
        'import smtpgw\n\nclass Odd(smtpgw.Inspector):\n    def __init__(self, x: "int.foo" = 1) -> None:\n'
        "        raise SystemError('odd')\n\n    def on_message(self):\n        pass\n"
    )
    path.write_text(good + '[[inspector]]\nuse = "odd:Odd"\n')
    gateway.process.send_signal(signal.SIGHUP)
    while "SystemError: odd" not in gateway.wait_for("notice")["message"]:
        pass
    gateway.send()
    assert gateway.end(signal.SIGINT) == 0


def test_run_takes_a_gateway_object(run, smtpgw, tmp_path):
    (tmp_path / "mygateway.py").write_text(
        "import smtpgw\n\nclass Never(smtpgw.Inspector):\n    def on_message(self):\n"
        "        return smtpgw.Verdict.reject('never', reply='Never')\n\n"
        "listener = {'address': '127.0.0.1:0', 'backend': 'm', 'recipient_domains': ['*'],\n"
        "            'certificates': ['self-signed']}\n"
        "settings = {'listener': [listener], 'backend': {'m': {'address': 'maildir:mail'}}}\n"
        "gateway = smtpgw.Gateway(settings, inspectors=[Never()])\n"
        "other = 3\n"
    )
    gateway = run("mygateway:gateway")
    with pytest.raises(smtplib.SMTPDataError, match="Never"):
        gateway.send()
    assert gateway.end() == 0
    for target, said in (("mygateway:other", "is no smtpgw.Gateway"), ("mygateway:none", "cannot be imported"),
                         ("nomodule:x", "cannot be imported"), ("mygateway", "is no module:gateway")):  # fmt: skip
        assert said in smtpgw("run", target, status=78)[1]


def test_inspectors_beside_the_configuration(run, smtpgw, tmp_path):
    folder = tmp_path / "etc"
    folder.mkdir()
    (folder / "mine.py").write_text(
        "from pathlib import Path\nimport smtpgw\nfrom smtpgw.config.units import Size\n\n"
        "class Mine(smtpgw.Inspector):\n"
        "    def __init__(self, *, words: Path, most: Size = 10):\n"
        "        self.words, self.most = words.read_text().split(), most\n\n"
        "    def on_part(self, part):\n"
        "        if part.size > self.most and any(word in part.text for word in self.words):\n"
        "            return smtpgw.Verdict.reject('word')\n"
    )
    (folder / "words").write_text("Hello")
    text = (
        '[[listener]]\naddress = "127.0.0.1:0"\ncertificates = ["self-signed"]\nbackend = "mail"\n'
        'recipient_domains = ["*"]\n[backend.mail]\naddress = "maildir:mail"\n'
        '[[inspector]]\nuse = "mine:Mine"\nwords = "words"\nmost = "{most}"\n'
    )
    (folder / "smtpgw.toml").write_text(text.format(most="3 B"))
    gateway = run("-c", folder / "smtpgw.toml")
    with pytest.raises(smtplib.SMTPDataError):
        gateway.send()
    assert gateway.wait_for("transaction")["verdict"]["by"] == "Mine"
    (folder / "smtpgw.toml").write_text(text.format(most="3 Bits") + "surplus = 1\n")
    err = smtpgw("check", "-c", folder / "smtpgw.toml", status=78)[1]
    assert "Bits is no unit of size" in err
    assert "inspector[0].surplus" in err


@pytest.fixture
def messages(tmp_path):
    (tmp_path / "clean.eml").write_bytes(CLEAN)
    (tmp_path / "eicar.eml").write_bytes(EICAR)
    (tmp_path / "box" / "tmp").mkdir(parents=True)
    (tmp_path / "box" / "tmp" / "unfinished").write_bytes(EICAR)
    (tmp_path / "box" / "1").write_bytes(CLEAN.replace(b"\r\n", b"\n"))
    return tmp_path


@pytest.mark.parametrize(
    ("paths", "status"),
    [(["clean.eml"], 0), (["eicar.eml"], 1), (["clean.eml", "eicar.eml"], 1), (["box"], 0), ([], 64),
     (["no.eml"], 66), (["eicar.eml", "no.eml"], 66)],
)  # fmt: skip
@pytest.mark.usefixtures("messages")
def test_scan_exit_statuses(smtpgw, paths, status):
    smtpgw("scan", *paths, status=status)


@pytest.mark.usefixtures("messages")
def test_scan_one_line_each(smtpgw):
    out, err = smtpgw("scan", "clean.eml", "eicar.eml", status=1)
    assert out == "accept  clean.eml\nreject  eicar.eml  yara: rule eicar:EICAR\n"
    assert err == ""


def test_scan_standard_input_as_json(smtpgw):
    out, _ = smtpgw("scan", "-", "--json", stdin=EICAR, status=1)
    report = json.loads(out)
    assert (report["file"], report["clean"], report["verdict"]["action"]) == ("-", False, "reject")


@pytest.mark.usefixtures("messages")
def test_scan_explains(smtpgw):
    out, _ = smtpgw("scan", "--explain", "eicar.eml", status=1)
    for word in ("eicar.eml  reject", "yara: rule eicar:EICAR", "subject: x", "1 parts", "text/plain", "spam (1 calls"):
        assert word in out, word


def test_scan_explains_what_was_opened_and_not_by_which_word(smtpgw):
    locked = (Path(__file__).parent.parent / "corpus/archive/encrypted-names.7z").read_bytes()
    message = EmailMessage()
    message.set_content("password: secret")
    message.add_attachment(locked, maintype="application", subtype="x-7z-compressed", filename="a.7z")
    out, _ = smtpgw("scan", "--explain", "-", stdin=message.as_bytes(), status=1)
    assert "decrypted" in out
    # The sums of a 7z vouch for no word.
    assert "encrypted" in out.replace("decrypted", "")
    assert "2/hello.txt" in out
    assert "secret" not in out


def test_scan_explains_parts_readings_and_gaps(smtpgw):
    message = b"""Content-Type: multipart/mixed; boundary=b

not mime
--b
Content-Type: text/plain; name=a.txt

begin 644 x.exe
"35H\x20
`
end
--b--
--b
Content-Type: application/zip

MZ hidden
--b--
""".replace(b"\n", b"\r\n")
    out, _ = smtpgw("scan", "--explain", "-", stdin=message)
    for words in (
        "preamble  text/plain", "(preamble)", "1/x.exe", "(really application/x-msdownload)", "(after_close=reopen)",
        "seen by yara, urls", "delimiter_after_close",
    ):  # fmt: skip
        assert words in out, f"{words}\n{out}"
    assert out.index("1  text/plain") < out.index("1/x.exe") < out.index("2  application/zip")


def test_scan_shows_nothing_that_a_terminal_obeys(smtpgw):
    hostile = b'Subject: \x1b[2Jx [bold]y[/]\r\nContent-Type: x/\x1b]0;z; name="\x1b[31m\xe2\x80\xae[red]"\r\n\r\nx\r\n'
    for arguments in (["--explain"], []):
        out, _ = smtpgw("scan", "-", *arguments, stdin=hostile)
        assert all(line.isprintable() for line in out.splitlines())
    assert "[bold]y[/]" in smtpgw("scan", "-", "--explain", stdin=hostile)[0]


def test_scan_explains_without_an_end_to_its_lines(smtpgw, tmp_path):
    path = "/".join(["d" * 200] * 12) + "/clean.eml"
    (tmp_path / path).parent.mkdir(parents=True)
    (tmp_path / path).write_bytes(CLEAN)
    out, _ = smtpgw("scan", path, "--explain")
    assert out.startswith(f"{path}  accept\n")


def test_scan_leaves_pipes_in_folders_alone(smtpgw, tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    os.mkfifo(folder / "fifo")
    _, said = smtpgw("scan", "folder", status=66)
    assert "no messages" in said
    (folder / "clean.eml").write_bytes(CLEAN)
    out, _ = smtpgw("scan", "folder")
    assert len(out.splitlines()) == 1


def test_scan_names_any_file_in_json(smtpgw, tmp_path):
    name = b"na\xffme.eml"
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name)).write_bytes(CLEAN)
    out, _ = smtpgw("scan", "--json", os.fsdecode(name))
    assert os.fsencode(json.loads(out)["file"]) == name


@pytest.mark.parametrize(
    ("target", "meant"),
    [
        ("smtpgw.toml", "smtpgw run -c smtpgw.toml"),
        ("mine.py", "smtpgw run mine:gateway"),
        ("mine", "mygateway:gateway"),
    ],
)
def test_run_a_file_as_if_it_were_an_object(smtpgw, tmp_path, target, meant):
    (tmp_path / "smtpgw.toml").touch()
    _, said = smtpgw("run", target, status=78)
    assert meant in said


def test_run_without_the_folder_of_its_log(smtpgw, tmp_path):
    for command in ("check", "run"):
        _, said = smtpgw(command, "--set", "log.file=none/log", status=78)
        assert f"mkdir -p {tmp_path}/none" in said
        assert "Traceback" not in said


def test_a_full_disk_is_no_traceback(tmp_path):
    script = (
        "import logging, pathlib; from smtpgw import log; from smtpgw.config.model import Log;"
        "log.configure(Log(file=pathlib.Path('/dev/full'))); logging.getLogger('smtpgw').warning('x')"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert "Traceback" not in done.stderr


def test_run_a_module_that_ends_the_program(smtpgw, tmp_path):
    (tmp_path / "leaving.py").write_text("import sys\nsys.exit(0)\n")
    _, said = smtpgw("run", "leaving:gateway", status=78)
    assert "SystemExit" in said


def test_run_a_module_that_raises(smtpgw, tmp_path):
    (tmp_path / "raising.py").write_text("raise ValueError('half done')\n")
    _, said = smtpgw("run", "raising:gateway", status=78)
    assert "ValueError: half done" in said
    assert "Traceback" not in said


def test_scan_with_a_wrong_configuration(smtpgw):
    smtpgw("scan", "-", "--set", "x=1", status=78)


@pytest.mark.usefixtures("messages")
def test_scan_with_many_files_says_how_many(smtpgw, tmp_path):
    for number in range(25):
        (tmp_path / "box" / f"a{number}").write_bytes(CLEAN)
    _, err = smtpgw("scan", "box")
    assert err == "26 messages, 0 with findings, 0 unreadable\n"


def test_demo_is_real_and_goes_as_it_must(smtpgw):
    out, err = smtpgw("demo")
    assert err == ""
    assert out.count("over TLSv1.3") == 5
    assert out.count("mailbox  delivered") == 1
    assert out.count("reply    554 5.7.1") == 4
    for reason in (
        "rule eicar:EICAR in invoice.pdf",
        "rule eicar:EICAR in photos/setup.exe",
        "GTUBE=1000",
        "bad.example",
    ):
        assert reason in out


def test_nothing_heavy_is_loaded_before_it_is_needed():
    code = (
        "import sys, smtpgw; print([m for m in ('pydantic', 'yara', 'hyperscan', 'smtpgw._core') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert done.stdout == b"[]\n"


def test_the_package_says_that_it_is_typed():
    import smtpgw

    assert (Path(smtpgw.__file__).parent / "py.typed").exists()
