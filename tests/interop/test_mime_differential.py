"""What other programs extract from a message, we extract: Python's email, ripMIME, munpack, GMime and mail-parser.

The messages are those of the corpus, those that come with Python, the seeds of the fuzzer, and those made to hide
something. Programs show a
great deal that tells nothing: headers, delimiters, base64 that they do not decode. What is left of the lines they wrote
has to stand in one of our parts. Each is skipped where it is not installed.
"""

from __future__ import annotations

import email
import email.policy
import re
import shutil
import subprocess
import sys
from pathlib import Path
from quopri import decodestring

import pytest

from smtpgw import Inspector, config
from smtpgw._core import Scanner
from smtpgw.inspector import roster
from smtpgw.inspectors.text import texts_of

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from evasions.messages import FAMILIES  # noqa: E402  (tests are no package)
from peers import extractors, program  # noqa: E402


class Collector(Inspector):
    """Keeps what it is shown."""

    name = "collector"

    def __init__(self):
        self.contents = []

    def on_part(self, part):
        self.contents.append(bytes(part.data))
        self.contents += (text.encode("utf-8", "replace") for text in texts_of(part))


@pytest.fixture(scope="module")
def ours():
    collector = Collector()
    scanner = Scanner(config.default().to_core_json(), roster([collector]), threads=1)

    def extract(raw):
        collector.contents = []
        scanner.scan(raw)
        return [plain(content) for content in collector.contents]

    return extract


def plain(content: bytes) -> bytes:
    """Without what programs do to line ends."""
    return content.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def forms(content: bytes):
    """The same octets as they come out of a program that hands out texts only, in UTF-8."""
    yield content
    yield content.decode("utf-8", "replace").encode()
    yield content.decode("latin-1").encode()
    yield content.decode("cp1252", "replace").encode()


def telling(content: bytes):
    """The lines of `content` that say something by themselves."""
    for line in plain(content).split(b"\n"):
        # munpack writes an octet of ones where quoted-printable ends a line.
        for piece in line.split(b"\xff"):
            piece = piece.strip()
            if len(piece) > 3 and not DULL.fullmatch(piece):
                yield piece


DULL = re.compile(rb"[A-Za-z0-9+/]{8,}[A-Za-z0-9+/=]*|[A-Za-z0-9+/]+={1,2}|--.*|[!-9;-~]+[ \t]*:.*", re.DOTALL)
"""base64, a delimiter, a field."""
REFUSED = {"composites: message/partial"}
"""Not opened, and said to be so."""


def messages():
    for file in sorted((ROOT / "tests/corpus/mime").glob("*.eml")):
        yield file.name, file.read_bytes()
    for family, make in FAMILIES.items():
        for name, raw in make():
            yield f"{family}: {name}", raw
    for seeds in ("mime", "inline", "content"):
        for file in sorted((ROOT / "rust/fuzz/seeds" / seeds).iterdir()):
            yield f"seed {seeds}/{file.name}", file.read_bytes()
    try:
        import test.test_email as own
    except ImportError:
        return
    for file in sorted((Path(own.__file__).parent / "data").glob("msg_*.txt")):
        yield file.name, file.read_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def compare(ours, theirs, is_own_fault=lambda line: False):
    """Every message whose content by `theirs` is not among ours."""
    missing, seen = {}, 0
    for name, raw in messages():
        if name in REFUSED:
            continue
        found = list(dict.fromkeys(form for content in ours(raw) for form in forms(content)))
        for line in (line for content in theirs(raw) for line in telling(content)):
            seen += 1
            # Python joins the lines of base64 that it cannot decode; ripMIME leaves some quoted-printable as it is.
            seen_in = (line in part or line in part.replace(b"\n", b"") or decodestring(line) in part for part in found)
            if not any(seen_in) and not is_own_fault(line):
                missing.setdefault(name, []).append(line[:120])
    print(f"{seen} lines")
    assert seen > 300
    return missing


def by_python(policy):
    def extract(raw):
        message = email.message_from_bytes(raw, policy=policy)
        for part in message.walk():
            if not part.is_multipart():
                try:
                    yield part.get_payload(decode=True) or b""
                except Exception:  # noqa: S112  (the oracle's own trouble)
                    continue

    return extract


def by_program(folder, *command):
    """Runs `command` in an empty folder; `{}` is the message."""
    message, out = folder / "in.eml", folder / "out"

    def extract(raw):
        message.write_bytes(raw)
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir()
        filled = [word.format(message) for word in command]
        subprocess.run(filled, cwd=out, capture_output=True, timeout=20, check=False, stdin=subprocess.DEVNULL)
        return [file.read_bytes() for file in sorted(out.rglob("*")) if file.is_file()]

    return extract


@pytest.mark.parametrize("policy", ["compat32", "default"])
def test_python_extracts_nothing_else(ours, policy):
    missing = compare(ours, by_python(getattr(email.policy, policy)))
    assert not missing, "\n".join(map(str, missing.items()))


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "command", [("ripmime", "-i", "{}", "-d", "."), ("munpack", "-t", "-f", "{}")], ids=lambda c: c[0]
)
def test_programs_extract_nothing_else(ours, tmp_path, command):
    command = (program(command[0]), *command[1:])
    # munpack takes `= 5` for an escape.
    missing = compare(
        ours, by_program(tmp_path, *command), lambda line: command[0].endswith("munpack") and not line.isascii()
    )
    assert not missing, "\n".join(map(str, missing.items()))


@pytest.mark.timeout(900)
@pytest.mark.parametrize("library", ["gmime", "mail_parser"])
def test_libraries_extract_nothing_else(ours, library):
    with getattr(extractors, library)() as theirs:
        missing = compare(ours, theirs)
    assert not theirs.failures
    assert not missing, "\n".join(map(str, missing.items()))
