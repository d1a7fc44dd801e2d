"""Who reads a message in which way: what `docs/readings.md` says of s-nail, ripMIME, munpack and Python, shown by them.

Each row is a message in which one choice decides whether a marker is seen, and the programs that show it. One that is
not installed is skipped. A new version that reads otherwise fails here, and then the page has to be mended.
"""

from __future__ import annotations

import email
import email.policy
import os
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from evasions.pieces import B64, MARKER, PLAIN, QP, evil, letter, mixed, one
from peers import program

CTE = "Content-Transfer-Encoding"
GOOD = "Content-Type: multipart/mixed; boundary=b\n"
TEXT = "Content-Type: text/plain\n"
PADDED = "YWxwaGEgYWxwaGEgeA==" + B64

CLAIMS = {
    "content_type=0": (letter(f"{GOOD}{TEXT}\n{one()}"), {"s-nail", "compat32", "default", "ripmime", "munpack"}),
    "encoding=1, a longer name": (letter(f"X-{CTE}: base64\n\n{B64}\n"), {"ripmime"}),
    "content_type=1, a boundary": (mixed(one(), "text/plain; boundary=b"), {"ripmime", "munpack"}),
    "encoding=0": (letter(f"{CTE}: base64\n{CTE}: 7bit\n\n{B64}\n"), {"s-nail", "compat32", "default"}),
    "encoding=1": (letter(f"{CTE}: 7bit\n{CTE}: base64\n\n{B64}\n"), {"ripmime", "munpack"}),
    "boundary=0": (
        mixed(one(), "multipart/mixed; boundary=b; boundary=c"),
        {"s-nail", "compat32", "default", "ripmime", "munpack"},
    ),
    "boundary=1": (mixed(one("c"), "multipart/mixed; boundary=b; boundary=c"), {"ripmime"}),
    "missing_boundary=guess": (letter(f"{TEXT}\n{one()}"), {"ripmime", "munpack"}),
    "junk_line=skip": (letter(f"no field\n{CTE}: base64\n\n{B64}\n"), {"ripmime", "munpack"}),
    "junk_line=field": (letter(f"{CTE}\n : base64\n\n{B64}\n"), {"ripmime"}),
    "blank_line=continues": (
        letter(f"X: y\n \n{CTE}: base64\n\n{B64}\n"), {"s-nail", "compat32", "default", "ripmime", "munpack"},
    ),
    "blank_before_colon=field": (letter(f"{CTE} : base64\n\n{B64}\n"), {"s-nail", "ripmime"}),
    "nul": (letter(f"{CTE}: base64\0 7bit\n\n{B64}\n"), {"s-nail", "ripmime", "munpack"}),
    "base64_after_padding=continue": (letter(f"{CTE}: base64\n\n{PADDED}\n"), {"s-nail"}),
    "base64_junk=skip": (
        letter(f"{CTE}: base64\n\n{B64[:10]}!-{B64[10:]}\n"), {"s-nail", "compat32", "default", "ripmime", "munpack"},
    ),
    "quoted_printable=lenient": (
        letter(f"{CTE}: quoted-printable\n\n{QP.replace('=6D', '=6d')}\n"),
        {"s-nail", "compat32", "default", "ripmime", "munpack"},
    ),
    "a soft line break with a blank": (
        letter(f"{CTE}: quoted-printable\n\n=6Darker= \n-of-evil-7f3a\n"), {"s-nail", "ripmime"},
    ),
    "delimiter=prefix": (mixed(f"--b\n\nx\n--bjunk\n{evil()}--b--\n"), {"ripmime", "munpack"}),
    "after_close=reopen": (mixed(f"--b\n\nx\n--b--\n--b\n{evil()}--b--\n"), {"ripmime"}),
    "preamble": (mixed(f"{PLAIN}\n--b\n\nx\n--b--\n"), {"ripmime"}),
}  # fmt: skip


def python(policy):
    def shows(raw, folder):
        parts = email.message_from_bytes(raw, policy=policy).walk()
        return b"".join(part.get_payload(decode=True) or b"" for part in parts if not part.is_multipart())

    return shows


def files(*command):
    def shows(raw, folder):
        (folder / "in.eml").write_bytes(raw)
        (folder / "out").mkdir()
        filled = [word.format(folder / "in.eml") for word in (program(command[0]), *command[1:])]
        subprocess.run(
            filled, cwd=folder / "out", capture_output=True, timeout=20, check=False, stdin=subprocess.DEVNULL
        )
        return b"".join(file.read_bytes() for file in (folder / "out").rglob("*") if file.is_file())

    return shows


def s_nail(raw, folder):
    (folder / "box").write_bytes(b"From a@b Mon Nov  2 10:00:00 2026\n" + raw.replace(b"\r\n", b"\n") + b"\n")
    command = [program("s-nail"), "-n", "-Rf", folder / "box"]
    environment = os.environ | {"HOME": str(folder), "LC_ALL": "C.UTF-8"}
    done = subprocess.run(
        command, input=b"print 1\nexit\n", capture_output=True, timeout=20, check=False, env=environment
    )
    return done.stdout


PROGRAMS = {
    "s-nail": s_nail,
    "ripmime": files("ripmime", "-i", "{}", "-d", "."),
    "munpack": files("munpack", "-t", "-f", "{}"),
    "compat32": python(email.policy.compat32),
    "default": python(email.policy.default),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_read_as_the_page_says(name, tmp_path):
    said, shown = set(), set()
    for number, (choice, (raw, programs)) in enumerate(CLAIMS.items()):
        folder = tmp_path / str(number)
        folder.mkdir()
        if MARKER in PROGRAMS[name](raw, folder):
            shown.add(choice)
        if name in programs:
            said.add(choice)
    assert shown == said
