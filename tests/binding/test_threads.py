"""Threads of ordinary hooks: who works and who watches, and that whoever blocks holds up nobody."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

from peers import wait_until

from smtpgw import Inspector, Verdict
from smtpgw.testing import running_gateway

MESSAGE = b"Subject: x\r\n\r\n%d\r\n"


class Blocking(Inspector):
    """Waits until it is released, and notes how many of it wait at a time, and in which threads."""

    timeout_s = 30.0

    def __init__(self):
        self.release = threading.Event()
        self.lock = threading.Lock()
        self.inside = self.most = 0
        self.threads = set()

    def on_part(self, part):
        with self.lock:
            self.threads.add(threading.get_ident())
            self.inside += 1
            self.most = max(self.most, self.inside)
        if bytes(part.data).startswith(b"1"):
            assert self.release.wait(20)
        with self.lock:
            self.inside -= 1
        return Verdict.score(1, "SEEN")


def send_all(gateway, numbers):
    with ThreadPoolExecutor(len(numbers)) as clients:
        return [reply.code for reply in clients.map(lambda number: gateway.send(MESSAGE % number), numbers)]


def test_hooks_that_wait_run_side_by_side_in_all_threads():
    inspector = Blocking()
    with running_gateway([inspector], threads=4) as gateway, ThreadPoolExecutor(1) as aside:
        codes = aside.submit(send_all, gateway, [1] * 6)
        wait_until(lambda: inspector.inside == 4, "4 wait")
        # There is no fifth thread.
        time.sleep(0.1)
        assert inspector.most == 4
        inspector.release.set()
        assert codes.result(20) == [250] * 6
    assert len(inspector.threads) == 4


def test_whoever_hangs_holds_up_nobody():
    inspector = Blocking()
    with running_gateway([inspector], threads=2) as gateway, ThreadPoolExecutor(1) as aside:
        hangs = aside.submit(gateway.send, MESSAGE % 1)
        wait_until(lambda: inspector.inside == 1, "1 wait")
        for _ in range(3):
            begin = time.monotonic()
            assert gateway.send(MESSAGE % 2).code == 250
            assert time.monotonic() - begin < 5
            # Watchers have gone to rest meanwhile, and are called again.
            time.sleep(0.05)
        assert not hangs.done()
        inspector.release.set()
        assert hangs.result(20).code == 250


def test_one_after_the_other_goes_to_the_thread_that_worked_last():
    inspector = Blocking()
    with running_gateway([inspector], threads=8) as gateway:
        for _ in range(8):
            assert gateway.send(MESSAGE % 2).code == 250
        # The one that answered may not be idle again when the next message comes.
        assert len(inspector.threads) <= 3


def test_many_at_once_are_all_answered():
    inspector = Blocking()
    inspector.release.set()
    with running_gateway([inspector], threads=3) as gateway:
        for _ in range(5):
            assert send_all(gateway, [1, 2] * 8) == [250] * 16
    assert inspector.inside == 0
