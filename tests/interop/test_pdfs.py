"""PDFs that qpdf encrypts under an empty word: what comes out is what comes out once qpdf has decrypted them."""

from __future__ import annotations

import json
import subprocess
from email.message import EmailMessage

import pytest
from peers import program

from smtpgw import Inspector, config
from smtpgw._core import Scanner
from smtpgw.inspector import roster
from smtpgw.inspectors.urls.pdf import links

FILES = {"numbers.exe": b"MZ" + b"".join(b"%d\n" % n for n in range(20_000)), "empty.txt": b"", "a.txt": b"hello\n"}
LINK = r"https://bad.example/?a=\(b\)"
"""As it is written: the inspector of links undoes that."""
OBJECTS = (
    b"<</Type/Catalog/Pages 2 0 R/OpenAction<</S/JavaScript/JS(app.alert\\(1\\))>>>>",
    b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
    b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 99 99]/Resources<<>>/Annots[4 0 R]>>",
    b"<</Type/Annot/Subtype/Link/Rect[0 0 9 9]/A<</S/URI/URI(https://bad.example/?a=\\(b\\))>>>>",
)
SCHEMES = {
    "RC4 of 40 bits": ("40",),
    "RC4 of 128 bits": ("128", "--use-aes=n"),
    "a crypt filter of RC4": ("128", "--force-V4"),
    "AES of 128 bits": ("128", "--use-aes=y"),
    "metadata in clear": ("128", "--use-aes=y", "--cleartext-metadata"),
    "AES of 256 bits, early": ("256", "--force-R5"),
    "AES of 256 bits": ("256",),
    "AES of 256 bits, metadata in clear": ("256", "--cleartext-metadata"),
}


class Collector(Inspector):
    """Keeps what comes out of a PDF, but for its strings, and the links that are in it."""

    name = "collector"

    def __init__(self):
        self.parts, self.links, self.facts = {}, set(), ()

    def on_part(self, part):
        self.links |= set(links(part.data).splitlines())
        self.facts += part.facts
        if part.container == "pdf" and not part.path.endswith("/strings"):
            self.parts[part.path] = bytes(part.data)


@pytest.fixture
def scan():
    def scan(octets, text="see attachment"):
        message = EmailMessage()
        message.set_content(text)
        message.add_attachment(octets, maintype="application", subtype="pdf", filename="a.pdf")
        collector = Collector()
        scanner = Scanner(config.default().to_core_json(), roster([collector]), threads=1)
        report = json.loads(scanner.scan(message.as_bytes()))
        return collector, {(one["reason"], one["what"]) for one in report["unscanned"]}

    return scan


@pytest.fixture
def qpdf(tmp_path):
    program("qpdf")
    numbers = range(1, len(OBJECTS) + 1)
    objects = b"".join(b"%d 0 obj%bendobj\n" % each for each in zip(numbers, OBJECTS, strict=True))
    # Without a table: qpdf makes one, and says so by its status.
    (tmp_path / "plain.pdf").write_bytes(b"%PDF-1.7\n" + objects + b"trailer<</Size 5/Root 1 0 R>>\n")
    attachments = []
    for name, octets in FILES.items():
        (tmp_path / name).write_bytes(octets)
        attachments += ["--add-attachment", name, "--"]

    def qpdf(*options, source="whole.pdf"):
        command = ["qpdf", "--allow-weak-crypto", "--warning-exit-0", *options, source, "out.pdf"]
        subprocess.run(command, cwd=tmp_path, check=True, timeout=60, capture_output=True)
        return (tmp_path / "out.pdf").read_bytes()

    (tmp_path / "whole.pdf").write_bytes(qpdf(*attachments, source="plain.pdf"))
    return qpdf


@pytest.mark.parametrize("objects", ["generate", "disable"])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_what_is_locked_comes_out_as_if_it_were_not(qpdf, scan, tmp_path, scheme, objects):
    locked = qpdf(f"--object-streams={objects}", "--encrypt", "", "owner", *SCHEMES[scheme], "--")
    (tmp_path / "locked.pdf").write_bytes(locked)
    expected, unscanned = scan(qpdf("--decrypt", f"--object-streams={objects}", source="locked.pdf"))
    assert unscanned == set()
    collector, unscanned = scan(locked)
    assert unscanned == set()
    assert collector.facts == ()
    assert LINK in collector.links
    # What is encrypted may look like one, too.
    assert collector.links >= expected.links
    for name, octets in FILES.items():
        assert [data for path, data in collector.parts.items() if path.endswith("/" + name)] == [octets]
    assert len(collector.parts) == len(expected.parts)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_word_that_the_message_says_opens_it(qpdf, scan, scheme):
    locked = qpdf("--encrypt", "Tr0ub4dor", "owner", *SCHEMES[scheme], "--")
    collector, unscanned = scan(locked)
    assert {reason for reason, _ in unscanned} >= {"encrypted"}
    assert FILES["numbers.exe"] not in collector.parts.values()
    collector, unscanned = scan(locked, "the password is Tr0ub4dor\n")
    # The word of the owner may give another key where AES has 256 bits.
    assert unscanned == ({("encrypted", "2")} if "256" in scheme else set())
    assert collector.facts == ("decrypted",)
    assert FILES["numbers.exe"] in collector.parts.values()
    assert LINK in collector.links
