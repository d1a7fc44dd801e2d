"""A disk that is really full, at each place where something is written: spool, parts, quarantine, Maildir, log.

Whatever finds no room costs a 4yz (the log: records, which are counted); nothing half-written stays, and once there is
room again all is as before.
"""

from __future__ import annotations

import base64
import gzip
import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from peers import free_port, wait_until
from peers.clients import deliver
from peers.contents import CONTENTS, infected, letter, without_received
from peers.fixtures import Disk
from peers.gateway import SMTPGW, Certificate, RunningGateway, configuration, streaming, write
from peers.recorder import Recorder

Run = Callable[..., RunningGateway]
FULL = b"452 4.3.1 "


def fill(folder: Path) -> Path:
    """Takes all the room there is; the file that has it."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            pass
    assert os.statvfs(folder).f_bfree == 0
    return filler


def attached(subject: str, name: str, octets: bytes) -> bytes:
    """A message with one attachment."""
    head = letter(subject, b"").replace(b"\r\n\r\n", b"\r\n")
    body = base64.encodebytes(octets).replace(b"\n", b"\r\n")
    return head + (
        b'MIME-Version: 1.0\r\nContent-Type: application/octet-stream; name="%b"\r\n'
        b"Content-Transfer-Encoding: base64\r\n\r\n%b"
    ) % (name.encode(), body)


def test_no_file_can_be_made(disk: Disk, recorder: Recorder, run_gateway: Run, certificate: Certificate) -> None:
    """There is room for octets, and none for a file that has them."""
    spool = disk("size=16m,nr_inodes=2")
    gateway = run_gateway(recorder.address, spool={"path": str(spool), "memory": "64 KiB"})
    (spool / "taken").touch()
    assert deliver(gateway.port, certificate.authority, CONTENTS["in the spool file"]).startswith(FULL)
    assert not recorder.deliveries
    assert not recorder.saw(b"DATA")
    assert deliver(gateway.port, certificate.authority, letter("small")).startswith(b"250 ")


@pytest.mark.parametrize("packed", [False, True])
def test_what_comes_out_of_a_message_finds_no_room(
    packed: bool, disk: Disk, recorder: Recorder, run_gateway: Run, certificate: Certificate
) -> None:
    """Decoded parts, and members of what is packed, wait in the spool like the message itself: what could not be put
    there was not inspected, and is not relayed."""
    spool = disk("size=128k")
    gateway = run_gateway(
        recorder.address,
        spool={"path": str(spool), "memory": "16 KiB"},
        inspectors=[{"use": "inspectors:Nothing"}],
    )
    text = os.urandom(100_000)
    content = attached("packed", "x.gz", gzip.compress(bytes(1_000) * 300)) if packed else attached("raw", "x", text)
    assert deliver(gateway.port, certificate.authority, content).startswith(FULL)
    record = gateway.record("transaction")
    assert (record["outcome"], record["error"].partition(":")[0]) == ("deferred", "spool")
    assert not recorder.deliveries
    assert not recorder.saw(b"DATA")
    assert os.statvfs(spool).f_bfree == os.statvfs(spool).f_blocks, "what was spooled is given back"
    assert deliver(gateway.port, certificate.authority, letter("small")).startswith(b"250 ")


def test_the_quarantine_is_full(disk: Disk, recorder: Recorder, run_gateway: Run, certificate: Certificate) -> None:
    """Deferred and not acknowledged, whichever of its two files finds no room; and no half of one stays."""
    folder = disk("size=64k")
    (folder / "kept").mkdir()
    gateway = run_gateway(
        recorder.address,
        inspectors=[{"use": "yara", "action": "quarantine"}],
        quarantine={"path": str(folder / "kept")},
    )
    filler = fill(folder)
    # A page at a time: at first there is room for no file, then for a message without its card, in the end for both.
    replies = []
    for pages in range(4):
        os.truncate(filler, os.stat(filler).st_size - (4096 if pages else 0))
        replies.append(deliver(gateway.port, certificate.authority, infected("to be kept")))
        names = sorted(path.suffix for path in (folder / "kept").iterdir())
        assert names == ([".eml", ".json"] if replies[-1].startswith(b"250 ") else []), replies
        if names:
            break
    assert [reply[:10] for reply in replies[:-1]] == [FULL, FULL]
    assert replies[-1].startswith(b"250 ")
    assert not recorder.deliveries
    gateway.record("transaction", number=3)
    assert [record["outcome"] for record in gateway.found("transaction")] == ["deferred", "deferred", "quarantined"]


def test_the_maildir_is_full(disk: Disk, run_gateway: Run, certificate: Certificate) -> None:
    folder = disk("size=64k")
    gateway = run_gateway(f"maildir:{folder}/mail")
    filler = fill(folder)
    assert deliver(gateway.port, certificate.authority, letter("no room")).startswith(FULL)
    mail = folder / "mail"
    assert not [path for name in ("tmp", "new", "cur") for path in (mail / name).iterdir()]
    filler.unlink()
    assert deliver(gateway.port, certificate.authority, letter("room")).startswith(b"250 ")
    assert b"Subject: room" in next((mail / "new").iterdir()).read_bytes()


def test_the_log_is_full(disk: Disk, recorder: Recorder, certificate: Certificate, tmp_path: Path) -> None:
    """Mail goes on; when there is room again the log says how many records it lacks, and no line is half a line."""
    folder = disk("size=64k")
    log = folder / "log"
    settings = configuration(certificate, recorder.address, log={"file": str(log)})
    settings["listener"][0]["address"] = f"127.0.0.1:{(port := free_port())}"
    config = write(settings, tmp_path)
    process = subprocess.Popen([SMTPGW, "run", "-c", config], cwd=tmp_path, stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: log.exists() and b'"ready"' in log.read_bytes(), "it is ready", within_s=30)
        filler = fill(folder)
        sent = 12
        for number in range(sent):
            assert deliver(port, certificate.authority, letter(f"number {number}")).startswith(b"250 ")
        filler.unlink()
        assert deliver(port, certificate.authority, letter("room again")).startswith(b"250 ")
        wait_until(lambda: b"room again" in log.read_bytes(), "the log goes on", within_s=10)
    finally:
        process.terminate()
        try:
            process.wait(timeout=20)
        finally:
            process.kill()
    assert len(recorder.deliveries) == sent + 1
    records = []
    for line in log.read_text().splitlines():
        try:
            records.append(json.loads(line))
        except ValueError:
            records.append({"event": "half a line"})
    events = [record["event"] for record in records]
    assert events.count("half a line") <= 1, "that where the disk was full"
    lost = sum(record["count"] for record in records if record["event"] == "records-lost")
    told = events.count("transaction") + events.count("connection")
    assert lost > 0
    assert lost + told == 2 * (sent + 1)
    assert [without_received(one.content) for one in recorder.deliveries][-1] == letter("room again")


def test_a_message_that_is_on_its_way_already_is_broken_off(
    disk: Disk, recorder: Recorder, run_gateway: Run, certificate: Certificate
) -> None:
    """With `relay = "stream"` the server behind has some of it when the disk is full, and never its end."""
    spool = disk("size=128k")
    gateway = run_gateway(
        "",
        **streaming(recorder.address),
        spool={"path": str(spool), "memory": "16 KiB"},
        inspectors=[{"use": "inspectors:Nothing"}],
    )
    assert deliver(gateway.port, certificate.authority, CONTENTS["in the spool file"]).startswith(FULL)
    record = gateway.record("transaction")
    assert (record["outcome"], record["streamed"]) == ("deferred", True)
    wait_until(lambda: recorder.abandoned, "the backend's connection ends without a dot")
    assert not recorder.deliveries
    assert deliver(gateway.port, certificate.authority, letter("small")).startswith(b"250 ")
    assert [without_received(one.content) for one in recorder.deliveries] == [letter("small")]
