"""Where everything is: the built programs, a folder for the run, messages to send."""

from __future__ import annotations

import json
import os
import random
import resource
import shutil
import subprocess
import sys
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from typing import Any

__all__ = ["ROOT", "Bench"]

ROOT = Path(__file__).resolve().parents[2]


class Bench:
    """The surroundings of one run."""

    def __init__(self, folder: Path) -> None:
        """`folder` takes logs, configurations and messages; it is the caller's to remove."""
        self.folder = folder
        self.python = Path(sys.executable)
        self.programs = _target() / "release"
        # Thousands of connections need as many descriptors, here and in every child.
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))

    def build(self) -> None:
        """Builds the suite's programs, with the profile of everything else."""
        command = ["cargo", "build", "--release", "--locked", "-p", "smtpgw-bench"]
        subprocess.run(command, cwd=ROOT, check=True)  # noqa: S603 - a fixed command

    def program(self, name: str) -> Path:
        """One of the suite's programs."""
        return self.programs / name

    def load(self, *arguments: str | int | Path) -> dict[str, Any]:
        """Runs the load generator and returns its report."""
        command = [str(self.program("smtpgw-load")), *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own program
        if done.returncode:
            raise RuntimeError(f"smtpgw-load: {done.stderr.strip()}")
        report: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return report

    def file(self, name: str, text: str | bytes) -> Path:
        """Writes a file of the run, once."""
        path = self.folder / name
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    def text_message(self) -> Path:
        """A short letter; 4 KiB."""
        message = _message("A short message")
        message.set_content("This is a line of text, as people write them to one another.\n" * 62)
        return self.file("messages/text.eml", message.as_bytes(policy=SMTP))

    def typical_message(self) -> Path:
        """What a company sends: text and HTML side by side, a picture and a document; about 75 KiB."""
        message = _message("A typical message")
        lines = [f"Grüße aus dem Büro, dies ist Zeile {n} von vielen, und so geht es weiter.\n" for n in range(60)]
        message.set_content("".join(lines), cte="quoted-printable")
        html = [
            f'<p style="margin:0">{line.strip()} <a href="https://www.example.org/de/{n}?id={n}">mehr</a></p>\n'
            for n, line in enumerate(lines[:40])
        ]
        page = "<html><head><style>p { color: #333 }</style></head><body>\n" + "".join(html) * 3 + "</body></html>\n"
        message.add_alternative(page, subtype="html", cte="quoted-printable")
        noise = random.Random(1)  # noqa: S311 - the same octets every time
        message.add_attachment(noise.randbytes(8 << 10), maintype="image", subtype="png", filename="logo.png")
        message.add_attachment(
            noise.randbytes(28 << 10), maintype="application", subtype="pdf", filename="Übersicht.pdf"
        )
        return self.file("messages/typical.eml", message.as_bytes(policy=SMTP))

    def large_message(self, octets: int) -> Path:
        """A message whose attachment makes it about so many octets long."""
        message = _message("A large message")
        message.set_content("The file.\n")
        noise = random.Random(2)  # noqa: S311 - the same octets every time
        raw = noise.randbytes(octets * 57 // 78)
        message.add_attachment(raw, maintype="application", subtype="octet-stream", filename="large.bin")
        return self.file(f"messages/large-{octets}.eml", message.as_bytes(policy=SMTP))

    def facts(self) -> dict[str, Any]:
        """What the figures depend on beside the code."""
        models = {line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")}
        git = shutil.which("git")
        commit = ""
        if git:
            describe = [git, "describe", "--always", "--dirty"]
            commit = subprocess.run(describe, cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()  # noqa: S603
        return {
            "commit": commit,
            "processor": ", ".join(sorted(models)),
            "processors": os.cpu_count(),
            "kernel": os.uname().release,
            "python": sys.version.split()[0],
            "load_average": round(os.getloadavg()[0], 2),
        }


def _message(subject: str) -> EmailMessage:
    message = EmailMessage()
    message["From"] = "Sender <sender@example.net>"
    message["To"] = "Recipient <recipient@example.org>"
    message["Subject"] = subject
    message["Date"] = "Mon, 02 Nov 2026 10:00:00 +0000"
    message["Message-ID"] = "<bench@example.net>"
    return message


def _target() -> Path:
    command = ["cargo", "metadata", "--format-version", "1", "--no-deps", "--offline"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S603 - a fixed command
    return Path(json.loads(done.stdout)["target_directory"])


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []
