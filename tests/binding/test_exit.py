"""The interpreter ends whatever hooks do: quickly, with its own status, and without a word on standard error."""

import subprocess
import sys
import time

import pytest

HANG = {
    "spins": "while True: pass",
    "sleeps": "time.sleep(1000)",
    "wakes up all the time": "while True: time.sleep(0.0003)",
    "works on buffers": "while True: len(bytes(part.data)); part.text; part.header.items()",
    "waits for a lock": "threading.Lock().acquire(); lock = threading.Lock(); lock.acquire(); lock.acquire()",
}
PROGRAM = """
import logging, threading, time, sys
from smtpgw import Inspector
from smtpgw.testing import ask, make_message, make_part
logging.getLogger("smtpgw").addHandler(logging.NullHandler())
logging.getLogger("smtpgw").propagate = False
class Hangs(Inspector):
    timeout_s = 0.05
    {kind} on_part(self, part):
        {hang}
answers = ask(Hangs(), make_message(make_part(b"x" * 100_000), make_part(b"y")), threads=2)
assert [answer.error for answer in answers] == ["timed out"] * 2, answers
sys.exit(7)
"""


@pytest.mark.parametrize("hang", HANG.values(), ids=HANG)
@pytest.mark.parametrize("kind", ["def", "async def"])
def test_a_hook_that_hangs_does_not_keep_the_process(kind, hang):
    for _ in range(1 if kind == "async def" else 3):
        begin = time.monotonic()
        program = PROGRAM.format(kind=kind, hang=hang)
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
        assert (done.returncode, done.stderr) == (7, "")
        assert time.monotonic() - begin < 20


def test_a_gateway_that_nobody_stopped_does_not_keep_the_process():
    program = """
import smtplib, sys, tempfile
from smtpgw import Gateway, Inspector
class Sees(Inspector):
    def on_message(self, message): print(message.envelope.reverse_path)
folder = tempfile.mkdtemp()
gateway = Gateway({
    "listener": [{"address": "127.0.0.1:0", "tls": "none", "backend": "mail", "recipient_domains": ["*"]}],
    "backend": {"mail": {"address": f"maildir:{folder}/mail"}},
    "log": {"file": f"{folder}/log"},
}, inspectors=[Sees()]).start()
client = smtplib.SMTP(*gateway.addresses[0])
client.sendmail("a@b.example", ["c@d.example"], b"Subject: x\\r\\n\\r\\nx\\r\\n")
# The client stays connected and the gateway running.
sys.exit(7)
"""
    begin = time.monotonic()
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (7, "a@b.example\n", "")
    assert time.monotonic() - begin < 20
