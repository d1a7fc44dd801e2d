"""Who of several threads calls the hooks."""

import collections
import threading
import time

from smtpgw import Inspector, config
from smtpgw._core import Scanner
from smtpgw.inspector import roster

# Larger than what is read at a time, so that the parts are asked about one by one, as fast as they are decoded.
PART = b"--x\r\nContent-Type: application/octet-stream\r\n\r\n" + b"0123456789abcdef" * 4100 + b"\r\n"
MESSAGE = b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n" + PART * 120 + b"--x--\r\n"


def test_what_one_thread_cannot_do_in_time_others_help_with():
    calls = collections.Counter()

    class Brief(Inspector):
        """Waits, as for a network, less than the time after which somebody helps."""

        def on_part(self, part):
            calls[threading.get_ident()] += 1
            time.sleep(0.0005)

    scanner = Scanner(config.default().to_core_json(), roster([Brief()]), threads=4)
    for _ in range(2):
        scanner.scan(MESSAGE)
    assert max(calls.values()) < sum(calls.values()) / 2, calls
