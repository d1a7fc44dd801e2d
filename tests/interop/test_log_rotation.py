"""A log that is moved away while the gateway runs, as logrotate does it, without a signal."""

from __future__ import annotations

import json
import signal
import stat
import subprocess
from pathlib import Path

from peers import free_port, wait_until
from peers.clients import deliver
from peers.contents import letter
from peers.gateway import SMTPGW, Certificate, configuration, write
from peers.recorder import Recorder


def events(log: Path) -> list[str]:
    return [json.loads(line)["event"] for line in log.read_text().splitlines()] if log.exists() else []


def test_records_go_on_in_a_new_file(recorder: Recorder, certificate: Certificate, tmp_path: Path) -> None:
    log, kept = tmp_path / "log", tmp_path / "log.1"
    settings = configuration(certificate, recorder.address, log={"file": str(log)})
    settings["listener"][0]["address"] = f"127.0.0.1:{(port := free_port())}"
    process = subprocess.Popen([SMTPGW, "run", "-c", write(settings, tmp_path)], stderr=subprocess.DEVNULL, umask=0o022)
    try:
        wait_until(lambda: "ready" in events(log), "it is ready", within_s=30)
        assert deliver(port, certificate.authority, letter("before")).startswith(b"250 ")
        wait_until(lambda: "connection" in events(log), "its record is there")
        log.rename(kept)
        before = events(kept)
        assert deliver(port, certificate.authority, letter("after")).startswith(b"250 ")
        wait_until(lambda: "connection" in events(log), "and that of the next one in a new file")
        # What Python says goes there as well.
        process.send_signal(signal.SIGHUP)
        wait_until(lambda: {"notice", "reloaded"} <= set(events(log)), "it has reloaded")
        assert events(kept) == before
        for file in (log, kept):
            assert stat.S_IMODE(file.stat().st_mode) == 0o640
        log.unlink()
        # Nothing can be opened there: the one that is open goes on.
        log.mkdir()
        assert deliver(port, certificate.authority, letter("nowhere")).startswith(b"250 ")
        log.rmdir()
        assert deliver(port, certificate.authority, letter("again")).startswith(b"250 ")
        wait_until(lambda: "connection" in events(log), "it goes on")
        process.terminate()
        assert process.wait(timeout=20) == 0
    finally:
        process.kill()
    assert len(recorder.deliveries) == 4
