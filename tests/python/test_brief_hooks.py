"""Whether several threads call the hooks when one is not enough."""

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
    lock = threading.Lock()
    inside: set[int] = set()
    calls = collections.Counter()

    class Brief(Inspector):
        """Waits, as for a network, less than the time after which somebody helps."""

        def on_part(self, part):
            with lock:
                calls["beside others" if inside else "alone"] += 1
                inside.add(threading.get_ident())
            time.sleep(0.0005)
            with lock:
                inside.discard(threading.get_ident())

    scanner = Scanner(config.default().to_core_json(), roster([Brief()]), threads=4)
    # On a busy machine parts may come more slowly than one thread takes them: then nobody has to help.
    for _ in range(20):
        calls.clear()
        scanner.scan(MESSAGE)
        assert calls.total() == 120
        if calls["beside others"] > calls["alone"]:
            return
    raise AssertionError(f"one thread was left alone: {calls}")
