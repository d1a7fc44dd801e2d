"""What real archivers pack, inspectors are shown: every octet of it, under its path.

Packed here and now, so that what the newest 7-Zip or libarchive writes is tried too. Each is skipped where it is not
installed.
"""

from __future__ import annotations

import json
import os
import subprocess
from email.message import EmailMessage

import pytest
from peers import program

from smtpgw import Inspector, config
from smtpgw._core import Scanner
from smtpgw.inspector import roster

CONTENT = {
    "hello.txt": b"hello\n",
    "folder/numbers.txt": b"".join(b"%d\n" % n for n in range(50_000)),
    "folder/program.exe": b"MZ" + bytes(range(256)) * 300 + b"\xe8\x01\x02\x03\x00" * 2_000,
    "noise.bin": bytes((n * n * 2_654_435_761 >> 13) & 0xFF for n in range(90_000)),
}
ZIP = "zip", ["7zz", "a", "-bso0", "-bsp0", "-tzip"]
SEVEN = "7z", ["7zz", "a", "-bso0", "-bsp0"]


def of(packer, *options):
    name, command = packer
    return (f"a.{name}", [*command, *options, "{out}", *CONTENT])


PACKERS = {
    **{f"7-Zip: zip by {method}": of(ZIP, f"-mm={method}") for method in
       ("Copy", "Deflate", "Deflate64", "BZip2", "LZMA", "PPMd")},
    **{f"7-Zip: 7z by {method}": of(SEVEN, f"-m0={method}") for method in
       ("Copy", "Deflate", "Deflate64", "BZip2", "LZMA", "LZMA2", "PPMd")},
    "7-Zip: 7z at its best": of(SEVEN, "-mx=9"),
    "7-Zip: 7z, not solid, names not packed": of(SEVEN, "-ms=off", "-mhc=off"),
    "7-Zip: 7z with BCJ2": of(SEVEN, "-mf=BCJ2"),
    "7-Zip: 7z with ARM64 and Delta": of(SEVEN, "-m0=Delta:4", "-m1=ARM64", "-m2=LZMA2"),
    "7-Zip: tar": ("a.tar", ["7zz", "a", "-bso0", "-bsp0", "{out}", *CONTENT]),
    "Info-ZIP": ("a.zip", ["zip", "-q", "{out}", *CONTENT]),
    "Info-ZIP by bzip2": ("a.zip", ["zip", "-q", "-Z", "bzip2", "{out}", *CONTENT]),
    "Info-ZIP to a pipe": ("a.zip", ["sh", "-c", "zip -q - " + " ".join(CONTENT) + " | cat > {out}"]),
    **{f"libarchive: {form}": ("a", ["bsdtar", f"--format={form}", "-cf", "{out}", *CONTENT]) for form in
       ("zip", "7zip", "ustar", "pax", "gnutar", "cpio", "newc", "iso9660")},
    **{f"libarchive: tar in {name}": ("a", ["bsdtar", f"--{name}", "-cf", "{out}", *CONTENT]) for name in
       ("gzip", "bzip2", "xz", "zstd", "lzma")},
    "gcab": ("a.cab", ["gcab", "-c", "{out}", *CONTENT]),
    "gcab by MSZIP": ("a.cab", ["gcab", "-cz", "{out}", *CONTENT]),
    "genisoimage": ("a.iso", ["genisoimage", "-quiet", "-J", "-R", "-o", "{out}", "."]),
    "genisoimage with UDF": ("a.iso", ["genisoimage", "-quiet", "-udf", "-J", "-R", "-o", "{out}", "."]),
    "genisoimage with UDF, short names beside": ("a.iso", ["genisoimage", "-quiet", "-udf", "-o", "{out}", "."]),
    "ar": ("a.a", ["ar", "rc", "{out}", "hello.txt", "noise.bin"]),
    "cpio": ("a.cpio", ["sh", "-c", "find . -type f | cpio -o -H bin --quiet > {out}"]),
}  # fmt: skip
ENCRYPTED = {
    "zip": of(ZIP, "-psecret"),
    "zip by Info-ZIP": ("a.zip", ["zip", "-q", "-P", "secret", "{out}", *CONTENT]),
    "zip by Info-ZIP to a pipe": ("a.zip", ["sh", "-c", "zip -q -P secret - " + " ".join(CONTENT) + " | cat > {out}"]),
    "zip by libarchive": ("a.zip", ["bsdtar", "--format=zip", "--options=zip:encryption=traditional",
                                    "--passphrase", "secret", "-cf", "{out}", *CONTENT]),
    "zip by AES of libarchive": ("a.zip", ["bsdtar", "--format=zip", "--options=zip:encryption=aes128",
                                           "--passphrase", "secret", "-cf", "{out}", *CONTENT]),
    **{f"zip by AES{bits}": of(ZIP, "-psecret", f"-mem=AES{bits}") for bits in (128, 192, 256)},
    "zip by AES of PPMd": of(ZIP, "-psecret", "-mem=AES256", "-mm=PPMd"),
    "zip by BZip2": of(ZIP, "-psecret", "-mm=BZip2"),
    "7z": of(SEVEN, "-psecret"),
    "7z with its names": of(SEVEN, "-psecret", "-mhe=on"),
}  # fmt: skip


class Collector(Inspector):
    """Keeps what it is shown."""

    name = "collector"

    def __init__(self):
        self.parts = {}
        self.facts = {}

    def on_part(self, part):
        self.parts[part.path] = bytes(part.data)
        self.facts[part.path] = part.facts


@pytest.fixture
def scan(scan_raw):
    def scan(octets, text="see attachment", **decode):
        message = EmailMessage()
        message.set_content(text)
        message.add_attachment(octets, maintype="application", subtype="octet-stream", filename="a")
        return scan_raw(message.as_bytes(), **decode)

    return scan


@pytest.fixture
def scan_raw():
    collector = Collector()

    def scan(raw, **decode):
        settings = config.default()
        settings = settings.model_copy(update={"decode": settings.decode.model_copy(update=decode)})
        scanner = Scanner(settings.to_core_json(), roster([collector]), threads=1)
        report = json.loads(scanner.scan(raw))
        return collector, {(one["reason"], one["what"]) for one in report["unscanned"]}

    return scan


@pytest.fixture
def pack(tmp_path):
    folder = tmp_path / "in"
    for name, data in CONTENT.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)

    def pack(name, command):
        packer = command[2].split()[0] if command[0] == "sh" else command[0]
        program("cpio" if "cpio" in command[-1] else packer)
        out = tmp_path / name
        filled = [word.format(out=out) for word in command]
        environment = {**os.environ, "LC_ALL": "C.UTF-8"}
        subprocess.run(filled, cwd=folder, check=True, timeout=60, env=environment, stdin=subprocess.DEVNULL)
        return out.read_bytes()

    return pack


@pytest.mark.parametrize("packer", PACKERS)
def test_everything_comes_out(pack, scan, packer):
    collector, unscanned = scan(pack(*PACKERS[packer]))
    assert unscanned == set()
    wanted = CONTENT if packer != "ar" else {name: CONTENT[name] for name in ("hello.txt", "noise.bin")}
    for name, data in wanted.items():
        found = [octets for path, octets in collector.parts.items() if path.endswith("/" + name)]
        assert found == [data], f"{name} of {list(collector.parts)}"


@pytest.mark.parametrize("packer", ENCRYPTED)
def test_encrypted_is_told(pack, scan, packer):
    collector, unscanned = scan(pack(*ENCRYPTED[packer]))
    assert {reason for reason, _ in unscanned} == {"encrypted"}
    assert not any(data in collector.parts.values() for data in CONTENT.values())


@pytest.mark.parametrize("packer", ENCRYPTED)
def test_what_the_message_says_opens_it(pack, scan, packer):
    packed = pack(*ENCRYPTED[packer])
    collector, unscanned = scan(packed, "Find it attached.\n\nThe password is: secret\n")
    # Only AES in a zip proves that the word is the one that the reader uses.
    assert {reason for reason, _ in unscanned} == (set() if packer.startswith("zip by AES") else {"encrypted"})
    assert collector.facts["2"] == ("decrypted",)
    for name, data in CONTENT.items():
        assert [octets for path, octets in collector.parts.items() if path.endswith("/" + name)] == [data]


def test_the_list_of_the_site_opens_it(pack, scan):
    packed = pack(*ENCRYPTED["zip by AES256"])
    collector, unscanned = scan(packed, passwords=["other", "secret"])
    assert unscanned == set()
    assert CONTENT["hello.txt"] in collector.parts.values()
    for text, decode in (
        ("hello", {"passwords": ["other"]}),
        ("hello", {"passwords": ["other", "secret"], "password_tries": 1}),
        ("password: secret", {"password_tries": 0}),
    ):
        _, unscanned = scan(packed, text, **decode)
        assert {reason for reason, _ in unscanned} == {"encrypted"}


def test_no_password_is_in_a_record(pack):
    message = EmailMessage()
    message["Subject"] = "hello"
    message.set_content("password: secret")
    octets = pack(*ENCRYPTED["zip"])
    message.add_attachment(octets, maintype="application", subtype="zip", filename="a.zip")
    report = Scanner(config.default().to_core_json(), roster([]), threads=1).scan(message.as_bytes())
    assert {part["path"]: part.get("facts") for part in json.loads(report)["parts"]}["2"] == ["decrypted"]
    assert "secret" not in report


@pytest.fixture(scope="module")
def openssl(tmp_path_factory):
    """Runs `openssl cms` with a certificate, on a letter that holds a program."""
    program("openssl")
    folder = tmp_path_factory.mktemp("cms")
    letter = EmailMessage()
    letter.set_content("see attachment")
    letter.add_attachment(PROGRAM, maintype="application", subtype="octet-stream", filename="a.exe")
    (folder / "letter").write_bytes(letter.as_bytes())

    def run(*command):
        subprocess.run(["openssl", *command], cwd=folder, check=True, timeout=60, capture_output=True)

    run("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "key", "-out", "chain", "-subj", "/CN=a.example")

    def cms(*options):
        run("cms", "-in", "letter", "-out", "out", *options)
        return (folder / "out").read_bytes()

    return cms


PROGRAM = b"MZ of a letter that is signed"
SIGN = ("-sign", "-signer", "chain", "-inkey", "key", "-nodetach")


@pytest.mark.parametrize("form", [("-outform", "DER"), ("-outform", "DER", "-stream", "-indef")])
def test_what_is_signed_comes_out_of_a_file(openssl, scan, form):
    collector, unscanned = scan(openssl(*SIGN, *form))
    assert unscanned == set()
    assert PROGRAM in collector.parts.values()


def test_what_is_signed_comes_out_of_a_letter(openssl, scan_raw):
    collector, unscanned = scan_raw(openssl(*SIGN, "-outform", "SMIME"))
    assert unscanned == set()
    assert PROGRAM in collector.parts.values()


def test_what_is_encrypted_for_somebody_is_told(openssl, scan, scan_raw):
    for scan_one, form in ((scan, "DER"), (scan_raw, "SMIME")):
        collector, unscanned = scan_one(openssl("-encrypt", "-outform", form, "chain"))
        assert {reason for reason, _ in unscanned} == {"encrypted"}
        assert PROGRAM not in collector.parts.values()


def test_a_long_name_in_an_image_comes_out_whole(pack, scan):
    name = "n" * 240 + ".exe"
    command = f"mkdir deep; cp hello.txt deep/{name}; genisoimage -quiet -R -o {{out}} deep"
    program("genisoimage")
    collector, unscanned = scan(pack("a.iso", ["sh", "-c", command]))
    assert unscanned == set()
    assert f"2/{name}" in collector.parts


def test_a_format_may_be_switched_off(pack, scan):
    collector, unscanned = scan(pack(*PACKERS["Info-ZIP"]), disabled_formats=["zip"])
    assert unscanned == {("disabled_format", "2")}
    assert list(collector.parts) == ["1", "2"]


def test_facts_of_a_document(scan, tmp_path):
    import zipfile

    document = tmp_path / "a.docm"
    with zipfile.ZipFile(document, "w") as packed:
        packed.writestr("word/document.xml", "<w/>")
        packed.writestr("word/vbaProject.bin", b"\0")
        relationship = '<Relationship Type="x/attachedTemplate" Target="http://a.example/" TargetMode="External"/>'
        packed.writestr("word/_rels/settings.xml.rels", f"<Relationships>{relationship}</Relationships>")
    collector, unscanned = scan(document.read_bytes())
    assert unscanned == set()
    assert collector.facts["2"] == ("macros", "external_target")
    assert collector.facts["2/word/document.xml"] == ()
