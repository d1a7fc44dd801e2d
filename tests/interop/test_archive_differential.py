"""What 7-Zip, bsdtar, unzip and Python extract from an archive, we extract: content they write is content we show.

The archives are those of the corpus, and made ones in which such programs differ: lying counts and sizes, things in
front and behind, streams one after the other, polyglots. Where something is missing of ours, the message must say that
it was not wholly looked at; of what is ordinary nothing is missing, and nothing is said.
"""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import subprocess
import tarfile
import zipfile
import zlib
from email.message import EmailMessage
from pathlib import Path

import pytest
from peers import program

from smtpgw import Inspector, config
from smtpgw._core import Scanner
from smtpgw.inspector import roster

CORPUS = Path(__file__).parents[1] / "corpus/archive"
CONTENT = b"MZ a program " * 60
SECOND = b"MZ another one " * 60
JUNK = b"GIF89a, or so it says\n" * 9

MADE_BY = {
    "zip": ["7zz", "a", "-bso0", "-bsp0", "-tzip", "{}", "a.exe"],
    "7z": ["7zz", "a", "-bso0", "-bsp0", "-t7z", "{}", "a.exe"],
    "wim": ["7zz", "a", "-bso0", "-bsp0", "-twim", "{}", "a.exe"],
    "tar": ["bsdtar", "-cf", "{}", "a.exe"],
    "zst": ["bsdtar", "--zstd", "-cf", "{}", "a.exe"],
    "lz": ["bsdtar", "--lzip", "-cf", "{}", "a.exe"],
    "lz4": ["bsdtar", "--lz4", "-cf", "{}", "a.exe"],
    "Z": ["bsdtar", "-Z", "-cf", "{}", "a.exe"],
    "xar": ["bsdtar", "--format=xar", "-cf", "{}", "a.exe"],
    "cpio": ["bsdtar", "--format=newc", "-cf", "{}", "a.exe"],
    "cab": ["gcab", "-cz", "{}", "a.exe"],
    "iso": ["genisoimage", "-quiet", "-J", "-R", "-o", "{}", "a.exe"],
    "ar": ["ar", "rc", "{}", "a.exe"],
}
STREAMS = {
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "lzma": lambda data: lzma.compress(data, format=lzma.FORMAT_ALONE),
    "lzma of other properties": lambda data: lzma.compress(data, format=lzma.FORMAT_ALONE, filters=[LZMA]),
    "xz with a filter": lambda data: lzma.compress(data, filters=[{"id": lzma.FILTER_X86}, {"id": lzma.FILTER_LZMA2}]),
}
LZMA = {"id": lzma.FILTER_LZMA1, "lc": 4, "lp": 0, "pb": 2}
"""Not what anybody writes, and everybody reads."""
UNKNOWN_TO_ALL = ("xar",)
"""Behind something else nobody but 7-Zip knows one."""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """An archive of each kind."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "a.exe").write_bytes(CONTENT)
    archives = {kind: pack(CONTENT) for kind, pack in STREAMS.items()}
    for kind, command in MADE_BY.items():
        program(command[0])
        out = folder / f"out.{kind}"
        filled = [word.format(out) for word in command]
        subprocess.run(filled, cwd=folder, check=True, timeout=60, stdin=subprocess.DEVNULL, capture_output=True)
        archives[kind] = out.read_bytes()
    return archives


class Collector(Inspector):
    """Keeps what it is shown."""

    name = "collector"

    def __init__(self):
        self.contents = []

    def on_part(self, part):
        self.contents.append(bytes(part.data))


@pytest.fixture(scope="module")
def ours():
    collector = Collector()
    scanner = Scanner(config.default().to_core_json(), roster([collector]), threads=1)

    def scan(octets):
        collector.contents = []
        message = EmailMessage()
        message.set_content("see attachment")
        message.add_attachment(octets, maintype="application", subtype="octet-stream", filename="a")
        report = json.loads(scanner.scan(message.as_bytes()))
        return collector.contents, {one["reason"] for one in report["unscanned"]}

    return scan


EXTRACTORS = {
    "7-Zip": ["7zz", "x", "-y", "-aou", "-p-", "{}"],
    "bsdtar": ["bsdtar", "-xf", "{}"],
    "unzip": ["unzip", "-o", "-qq", "-P", "-", "{}"],
}


@pytest.fixture
def theirs(tmp_path):
    for command in EXTRACTORS.values():
        program(command[0])

    def extract(octets):
        archive = tmp_path / "a"
        archive.write_bytes(octets)
        for name, command in EXTRACTORS.items():
            out = tmp_path / f"{name}{extract.times}"
            out.mkdir()
            filled = [word.format(archive) for word in command]
            subprocess.run(filled, cwd=out, check=False, timeout=60, stdin=subprocess.DEVNULL, capture_output=True)
            yield from (
                (name, file.read_bytes()) for file in out.rglob("*") if file.is_file() and not file.is_symlink()
            )
        extract.times += 1
        yield from (("Python", data) for data in by_python(octets))

    extract.times = 0
    return extract


def by_python(octets):
    for read in (of_zip, of_tar):
        try:
            yield from read(io.BytesIO(octets))
        except Exception:  # noqa: S112  (the oracle's own trouble)
            continue


def of_zip(file):
    with zipfile.ZipFile(file) as archive:
        yield from (archive.read(member) for member in archive.infolist())


def of_tar(file):
    with tarfile.open(fileobj=file) as archive:
        yield from (data.read() for member in archive if (data := archive.extractfile(member)))


def hostile(made):
    """Archives that programs read in different ways."""
    zipped = made["zip"]
    end = zipped.rfind(b"PK\x05\x06")

    def lie(at, value, size):
        return zipped[: end + at] + value.to_bytes(size, "little") + zipped[end + at + size :]

    for name, lying in {
        "no records": lie(8, 0, 4),
        "too many records": lie(8, 0x0909_0909, 4),
        "no size": lie(12, 0, 4),
        "too large a directory": lie(12, 0x3000_0000, 4),
        "a directory elsewhere": lie(16, 0, 4),
        "another disk": lie(4, 1, 2),
        "no end": zipped[:end],
        "no directory": zipped[: zipped.find(b"PK\x01\x02")],
        "an end far away": zipped + b"j" * 70_000,
    }.items():
        yield f"zip with {name}", lying
        yield f"something and a zip with {name}", JUNK + lying
    for kind, archive in made.items():
        yield f"{kind}", archive
        yield f"{kind} and junk", archive + JUNK
        yield f"{kind} and a zip", archive + zipped
        yield f"{kind} and a 7z", archive + made["7z"]
        if kind not in UNKNOWN_TO_ALL:
            yield f"something and {kind}", JUNK + archive
            yield f"letters and {kind}", b"MZ" + bytes(3_000) + archive
    for kind, pack in STREAMS.items():
        yield f"two of {kind}", pack(CONTENT) + pack(SECOND)
        yield f"nothing and {kind}", pack(b"") + pack(CONTENT)
        yield f"{kind}, zeros and {kind}", pack(CONTENT) + bytes(12) + pack(SECOND)
        yield f"{kind} cut short", pack(CONTENT)[:-7]
    header = b"\x1f\x8b\x08\x1e\0\0\0\0\0\x03\x04\0abcda.exe\0why\0"
    deflated = zlib.compressobj(9, zlib.DEFLATED, -15)
    body = deflated.compress(CONTENT) + deflated.flush() + zlib.crc32(CONTENT).to_bytes(4, "little")
    sums = (zlib.crc32(header) & 0xFFFF).to_bytes(2, "little"), len(CONTENT).to_bytes(4, "little")
    yield "gz with every field", header + sums[0] + body + sums[1]
    skipped = b"\x50\x2a\x4d\x18\x04\0\0\0skip"
    yield "zst behind what is skipped", skipped + made["zst"] + skipped


def test_they_extract_nothing_else(ours, theirs, made):
    cases = [(file.name, file.read_bytes()) for file in sorted(CORPUS.iterdir()) if file.suffix != ".md"]
    missing, seen = [], 0
    for name, archive in [*cases, *hostile(made)]:
        contents, unscanned = ours(archive)
        for who, content in theirs(archive):
            seen += 1
            if content and not unscanned and not any(content in part for part in contents):
                missing.append(f"{name}: {who} extracts {content[:40]!r}")
    assert not missing, "\n".join(missing)
    assert seen > 300


def test_what_is_ordinary_is_called_so(ours, made):
    for kind, archive in made.items():
        contents, unscanned = ours(archive)
        if kind in ("wim", "lz", "lz4", "Z", "xar"):
            assert unscanned == {"unhandled"}, kind
        else:
            assert unscanned == set(), kind
            assert CONTENT in contents, kind
