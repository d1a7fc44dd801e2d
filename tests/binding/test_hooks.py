"""Ordinary hooks: how they are called, what they may return and raise, what happens when they hang."""

import json
import logging
import os
import re
import sys
import threading
import time
import weakref

import pytest
from peers import wait_until

from smtpgw import Inspector, Verdict, config
from smtpgw._core import Scanner
from smtpgw.inspector import roster
from smtpgw.testing import ask, make_message, make_part


def of(answers, hook="on_part"):
    return [answer for answer in answers if answer.hook == hook]


def inspector(hook, **attributes):
    """An inspector with this `on_part`."""
    return type("Made", (Inspector,), {"on_part": hook, **attributes})()


def ask_one(hook, **attributes):
    [answer] = ask(inspector(hook, **attributes), make_message(make_part(b"x")))
    return answer


def hook_threads():
    return [thread for thread in threading.enumerate() if thread.name.startswith("smtpgw-inspector")]


def test_every_hook_gets_what_it_asks_for_in_order():
    calls = []

    class All(Inspector):
        def on_connect(self, session):
            calls.append(("connect", session.helo))

        def on_recipient(self, forward_path, session, reverse_path):
            calls.append(("recipient", reverse_path, forward_path, session.helo))

        def on_part(self, message, part):
            calls.append(("part", part.path, message.envelope.reverse_path))

        def on_message(self, message):
            calls.append(("message", len(message.parts)))

    message = make_message(make_part(path="1"), make_part(path="2"), forward_paths=["a@b", "c@d"], reverse_path="e@f")
    answers = ask(All(), message)
    assert calls == [
        ("connect", "client.example.org"),
        ("recipient", "e@f", "a@b", "client.example.org"),
        ("recipient", "e@f", "c@d", "client.example.org"),
        ("part", "1", "e@f"),
        ("part", "2", "e@f"),
        ("message", 2),
    ]
    assert [(answer.hook, answer.path) for answer in answers] == [
        ("on_connect", ""), ("on_recipient", ""), ("on_recipient", ""), ("on_part", "1"), ("on_part", "2"),
        ("on_message", ""),
    ]  # fmt: skip
    assert all(answer.inspector == "all" and answer.error is None and not answer.verdicts for answer in answers)


@pytest.mark.parametrize(
    "hook",
    [
        lambda self: Verdict.reject("x"),
        lambda self, part: Verdict.reject(part.path),
        lambda self, message: Verdict.reject(message.envelope.reverse_path),
        lambda self, **all: Verdict.reject(",".join(sorted(all))),
        lambda self, *, part, message=None: Verdict.reject(f"{part.path} {message is not None}"),
    ],
)
def test_a_hook_takes_only_what_it_wants(hook):
    answer = ask_one(hook)
    assert answer.error is None
    assert answer.verdicts[0].reason in {"x", "1", "sender@example.org", "message,part", "1 True"}


def test_every_attribute_of_a_verdict_comes_through():
    verdict = Verdict(
        "quarantine", "a réason \U0001f40d", -2.5, "SYMBOL", (("X-One", "1"), ("X-Two", "zwei")), "a reply"
    )
    assert ask_one(lambda self: verdict).verdicts == (verdict,)


def test_a_verdict_is_not_lost_over_what_it_quotes():
    [verdict] = ask_one(lambda self: Verdict.reject("bad\udcff\x00 name" + "x" * 100_000)).verdicts
    assert verdict.action == "reject"
    assert verdict.reason.startswith("bad")
    assert len(verdict.reason) < 3_000


@pytest.mark.parametrize(
    ("result", "number"),
    [
        (lambda: None, 0),
        (lambda: [], 0),
        (lambda: [Verdict.score(1, "A"), Verdict.reject("b")], 2),
        (lambda: (Verdict.score(1, "A") for _ in range(3)), 3),
        (lambda: {Verdict.reject("b")}, 1),
        (lambda: [Verdict.score(1, "A")] * 1_000, 1_000),
    ],
)
def test_one_verdict_or_several_or_none(result, number):
    answer = ask_one(lambda self: result())
    assert answer.error is None
    assert len(answer.verdicts) == number


def endless():
    while True:
        yield Verdict.score(1, "A")


def broken_generator():
    yield Verdict.reject("x")
    raise ValueError("in the middle")


@pytest.mark.parametrize(
    ("result", "error"),
    [
        (lambda: True, "returned bool, where"),
        (lambda: "reject", "returned str, where"),
        (lambda: b"reject", "returned bytes, where"),
        (lambda: Verdict, "returned type, where"),
        (lambda: [Verdict.reject("x"), "y"], "returned str, where"),
        (lambda: {"action": "reject"}, "returned str, where"),
        (lambda: [None], "returned NoneType, where"),
        (endless, "more than 1000 verdicts"),
        (broken_generator, "ValueError: in the middle ("),
    ],
)
def test_anything_else_is_an_error_of_the_inspector(result, error):
    answer = ask_one(lambda self: result())
    assert error in answer.error
    assert answer.verdicts == ()


class UnprintableError(Exception):
    def __str__(self):
        raise RuntimeError


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ValueError("some text"), "ValueError: some text ("),
        (KeyError(), "KeyError ("),
        (UnprintableError(), "UnprintableError: its text cannot be had"),
        (SystemExit(3), "SystemExit: 3 ("),
        (KeyboardInterrupt(), "KeyboardInterrupt ("),
        (GeneratorExit(), "GeneratorExit ("),
        (StopIteration(), "StopIteration ("),
        (ValueError("\udcff\x00"), "ValueError: "),
    ],
)
def test_raising_is_an_answer_with_type_text_and_place(error, text):
    def hook(self):
        raise error

    answer = ask_one(hook)
    assert answer.error.startswith(text)
    line = hook.__code__.co_firstlineno + 1
    assert answer.error.endswith(f"{__file__}:{line})")


def test_the_text_of_an_error_is_bounded():
    def hook(self):
        raise ValueError("é" * 1_000_000)

    assert len(ask_one(hook).error) < 1_500


def test_the_place_is_the_innermost_one():
    def deep(depth):
        return deep(depth - 1) if depth else 1 / 0

    answer = ask_one(lambda self: deep(50))
    assert answer.error == f"ZeroDivisionError: division by zero ({__file__}:{deep.__code__.co_firstlineno + 1})"


def test_the_line_of_the_hook_comes_before_that_of_a_library():
    def hook(self):
        return json.loads("{")

    line = hook.__code__.co_firstlineno + 1
    assert re.search(rf" \({re.escape(__file__)}:{line}, in \S+/json/decoder\.py:\d+\)$", ask_one(hook).error)


def test_a_thread_outlives_every_exception():
    """One thread answers everything, so none of these may have ended it."""
    errors = iter([SystemExit(1), KeyboardInterrupt(), MemoryError(), RecursionError(), GeneratorExit()])
    threads = set()

    def hook(self):
        threads.add(threading.get_ident())
        raise next(errors)

    parts = [make_part(path=str(number)) for number in range(5)]
    answers = ask(inspector(hook), make_message(*parts), threads=1)
    assert len(answers) == 5
    assert all("timed out" not in answer.error for answer in answers)
    assert len(threads) == 1


def test_a_thread_keeps_its_own_state():
    """Rule P1: a thread is attached once, so `threading.local` lasts (a scratch of hyperscan, for example)."""
    local = threading.local()

    def hook(self):
        local.calls = getattr(local, "calls", 0) + 1
        return Verdict.score(local.calls, "CALLS")

    parts = [make_part(path=str(number)) for number in range(50)]
    answers = ask(inspector(hook), make_message(*parts), threads=1)
    assert [answer.verdicts[0].points for answer in answers] == list(range(1, 51))


def test_hooks_never_run_in_the_callers_thread():
    def hook(self):
        return Verdict.reject(threading.current_thread().name)

    assert ask_one(hook).verdicts[0].reason.startswith("smtpgw-inspector-")


@pytest.mark.skipif(sys.platform != "linux", reason="other systems cannot be asked to")
def test_threads_of_hooks_interrupt_nobody():
    policies = []
    assert not ask_one(lambda self, part: policies.append(os.sched_getscheduler(0))).error
    assert policies == [os.SCHED_BATCH]
    assert os.sched_getscheduler(0) == os.SCHED_OTHER


@pytest.mark.parametrize("last", ["returns", "generates", "raises", "errs"])
def test_nothing_is_kept_once_it_is_answered(last):
    """A thread that waits holds no message, whatever its last call came to: messages can be large."""
    kept = []

    class Keeps(Inspector):
        def on_part(self, part, message):
            kept.extend([weakref.ref(part), weakref.ref(message)])

        def on_message(self, message):
            kept.append(weakref.ref(message))
            if last == "raises":
                raise ValueError("with a traceback")
            if last == "errs":
                return message
            return (Verdict.score(1, "A") for _ in [message]) if last == "generates" else None

    scanner = Scanner(config.default().to_core_json(), roster([Keeps()]), threads=1)
    scanner.scan(b"Subject: x\r\n\r\nx\r\n")
    assert len(kept) == 3
    wait_until(lambda: not any(reference() for reference in kept), "all is let go")
    # The thread is still there, waiting.
    assert hook_threads()


def test_threads_end_with_the_crew():
    ask_one(lambda self: None)
    wait_until(lambda: not hook_threads(), "the threads end")


@pytest.mark.parametrize("threads", [1, 3])
def test_a_call_over_its_time_is_given_up_and_the_rest_goes_on(threads, caplog):
    release = threading.Event()

    def hook(self, part):
        if part.path == "2":
            release.wait(20)
        return Verdict.reject(part.path)

    parts = [make_part(path=str(number)) for number in range(1, 6)]
    with caplog.at_level(logging.WARNING, "smtpgw.inspectors"):
        begin = time.monotonic()
        answers = ask(inspector(hook, timeout_s=0.5), make_message(*parts), threads=threads)
        took = time.monotonic() - begin
        # Whoever takes the place may be done before the watchman has written it down.
        wait_until(lambda: any(record.name == "smtpgw.inspectors" for record in caplog.records), "it is written down")
    assert [answer.error for answer in answers] == [None, "timed out", None, None, None]
    assert [answer.verdicts[0].reason for answer in answers if answer.verdicts] == ["1", "3", "4", "5"]
    assert 0.5 <= took < 10
    # The log says which hook, and where it hangs.
    [record] = [record for record in caplog.records if record.name == "smtpgw.inspectors"]
    assert "made.on_part runs for more than 0.5 s" in record.getMessage()
    assert "another thread takes its place" in record.getMessage()
    # And the thread that hung ends once it can.
    release.set()
    wait_until(lambda: not hook_threads(), "the threads end")


def test_the_order_of_an_inspectors_calls_survives_a_hang():
    """`on_message` comes after every `on_part`, the one that hangs included."""
    release, calls = threading.Event(), []

    class Hangs(Inspector):
        timeout_s = 1.0

        def on_part(self, part):
            calls.append(part.path)
            if part.path == "1":
                release.wait(20)

        def on_message(self):
            calls.append("message")

    answers = ask(Hangs(), make_message(make_part(path="1"), make_part(path="2")), threads=4)
    release.set()
    assert calls == ["1", "2", "message"]
    assert [answer.error for answer in answers] == ["timed out", None, None]


def test_hangs_beyond_the_bound_are_not_replaced():
    """64 threads may hang, and the one that serves; then calls wait for one that comes back, which serves again."""
    release = threading.Event()
    calls = []

    class Releases(logging.Handler):
        def emit(self, record):
            if "too many threads hang, none takes its place" in record.getMessage():
                release.set()

    def hook(self, part):
        calls.append(part.path)
        if not release.is_set():
            release.wait(60)
        return Verdict.reject(part.path)

    parts = [make_part(path=str(number)) for number in range(80)]
    handler = Releases()
    log = logging.getLogger("smtpgw.inspectors")
    log.addHandler(handler)
    try:
        answers = ask(inspector(hook, timeout_s=0.05), make_message(*parts), threads=1)
    finally:
        log.removeHandler(handler)
    assert release.is_set()
    assert [answer.error for answer in answers[:65]] == ["timed out"] * 65
    assert any(answer.verdicts for answer in answers[65:])
    assert calls == [part.path for part in parts]
    wait_until(lambda: not hook_threads(), "the threads end")


def test_a_thread_that_dies_is_replaced(monkeypatch):
    """Whatever ends a thread (memory, say), the calls go on."""
    from smtpgw import _workers

    died, begun = [], []

    def work(worker):
        begun.append(worker)
        if not died:
            died.append(True)
            del worker
            begun.clear()
            return
        begun.clear()
        real(worker)

    real = _workers._work
    monkeypatch.setattr(_workers, "_work", work)
    answer = ask_one(lambda self: Verdict.reject("x"))
    assert answer.verdicts[0].reason == "x"
    assert died
