"""Asynchronous hooks: one event loop, one task a batch, cancelled when over their time."""

import asyncio
import contextvars
import logging
import threading
import time
import weakref

import pytest
from peers import wait_until

from smtpgw import Inspector, Verdict, config
from smtpgw._core import Scanner
from smtpgw.inspector import roster
from smtpgw.testing import ask, make_message, make_part


def inspector(hook, **attributes):
    return type("Made", (Inspector,), {"on_part": hook, **attributes})()


def parts(number):
    return [make_part(path=str(each)) for each in range(1, number + 1)]


def hook_threads():
    return [thread for thread in threading.enumerate() if thread.name.startswith("smtpgw-inspector")]


def test_calls_are_awaited_one_after_the_other():
    calls = []

    class Waits(Inspector):
        async def on_part(self, part):
            await asyncio.sleep(0.05 / int(part.path))
            calls.append(part.path)
            return Verdict.score(int(part.path), "PATH")

        async def on_message(self, message):
            await asyncio.sleep(0)
            calls.append("message")
            return [Verdict.score(1, "A"), Verdict.score(2, "B")]

    answers = ask(Waits(), make_message(*parts(4)))
    assert calls == ["1", "2", "3", "4", "message"]
    assert [[verdict.points for verdict in answer.verdicts] for answer in answers] == [[1], [2], [3], [4], [1, 2]]
    assert answers[0].seconds >= 0.05


def test_they_run_in_a_loop_of_their_own_thread():
    names = set()

    async def hook(self):
        names.add((threading.current_thread().name, id(asyncio.get_running_loop())))

    ask(inspector(hook), make_message(*parts(3)))
    [(name, _)] = names
    assert name == "smtpgw-inspector-loop"
    wait_until(lambda: not hook_threads(), "the threads end")


def test_plain_hooks_beside_async_ones_run_in_the_loop_too():
    class Mixed(Inspector):
        async def on_part(self):
            return Verdict.score(1, "ASYNC")

        def on_message(self):
            return Verdict.score(asyncio.get_running_loop() is not None, "PLAIN")

    answers = ask(Mixed(), make_message(*parts(1)))
    assert [answer.verdicts[0].symbol for answer in answers] == ["ASYNC", "PLAIN"]


def test_plain_and_async_inspectors_side_by_side():
    class Plain(Inspector):
        def on_part(self, part):
            return Verdict.reject(threading.current_thread().name)

    class Async(Inspector):
        async def on_part(self, part):
            return Verdict.reject(threading.current_thread().name)

    answers = ask([Async(), Plain()], make_message(*parts(3)))
    names = {(answer.inspector, answer.verdicts[0].reason.rstrip("0123456789")) for answer in answers}
    assert names == {("async", "smtpgw-inspector-loop"), ("plain", "smtpgw-inspector-")}
    assert len(answers) == 6


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ValueError("x"), "ValueError: x ("),
        (asyncio.CancelledError(), "CancelledError ("),
        (SystemExit(1), "SystemExit: 1 ("),
        (KeyboardInterrupt(), "KeyboardInterrupt ("),
    ],
)
def test_raising_ends_nothing_but_the_call(error, text):
    async def hook(self, part):
        if part.path == "1":
            raise error
        return Verdict.reject(part.path)

    first, second = ask(inspector(hook), make_message(*parts(2)))
    assert first.error.startswith(text)
    assert second.verdicts[0].reason == "2"


def test_a_call_over_its_time_is_cancelled():
    """At once, and not when the crew ends."""
    calls = []

    async def hook(self, part):
        calls.append(part.path)
        try:
            await asyncio.sleep(20 if part.path == "2" else 0)
        except asyncio.CancelledError:
            calls.append(f"{part.path} cancelled")
            raise
        return Verdict.reject(part.path)

    begin = time.monotonic()
    answers = ask(inspector(hook, timeout_s=1.0), make_message(*parts(4)))
    assert time.monotonic() - begin < 5
    assert [answer.error for answer in answers] == [None, "timed out", None, None]
    assert calls == ["1", "2", "2 cancelled", "3", "4"]


def test_a_call_that_will_not_be_cancelled_is_left_behind():
    release = threading.Event()

    async def hook(self, part):
        while part.path == "1" and not release.is_set():
            try:
                await asyncio.sleep(0.05)
            except asyncio.CancelledError:
                continue
        return Verdict.reject(part.path)

    first, second = ask(inspector(hook, timeout_s=1.0), make_message(*parts(2)))
    assert first.error == "timed out"
    assert second.verdicts[0].reason == "2"
    release.set()
    wait_until(lambda: not hook_threads(), "the threads end")


def test_a_blocked_loop_is_replaced(caplog):
    release = threading.Event()

    async def hook(self, part):
        if part.path == "2":
            release.wait(30)
        return Verdict.reject(part.path)

    with caplog.at_level(logging.ERROR, "smtpgw.inspectors"):
        answers = ask(inspector(hook, timeout_s=1.0), make_message(*parts(4)))
    assert [answer.error for answer in answers] == [None, "timed out", None, None]
    [record] = [record for record in caplog.records if record.name == "smtpgw.inspectors"]
    assert "made.on_part blocks the event loop" in record.getMessage()
    release.set()
    wait_until(lambda: not hook_threads(), "the threads end")


def test_nothing_is_kept_once_it_is_answered():
    """The loop stays; what it was about is gone."""
    kept = []

    class Keeps(Inspector):
        async def on_part(self, part, message):
            await asyncio.sleep(0)
            kept.extend([weakref.ref(part), weakref.ref(message)])

        async def on_message(self, message):
            kept.append(weakref.ref(message))
            raise ValueError("with a traceback")

    scanner = Scanner(config.default().to_core_json(), roster([Keeps()]), threads=1)
    scanner.scan(b"Subject: x\r\n\r\nx\r\n")
    assert len(kept) == 3
    wait_until(lambda: not any(reference() for reference in kept), "all is let go")
    assert hook_threads()


def test_context_variables_do_not_leak_between_messages():
    variable = contextvars.ContextVar("variable", default="unset")

    async def hook(self, part):
        before = variable.get()
        variable.set(part.path)
        return Verdict.reject(before)

    inspected = inspector(hook)
    for _ in range(2):
        [answer] = ask(inspected, make_message(*parts(1)))
        assert answer.verdicts[0].reason == "unset"
