"""The threads that run inspectors' hooks.

Private: `smtpgw._core` calls `start`. Ordinary hooks run in a few threads; asynchronous ones in one event loop, which
has a thread of its own; a supervisor puts a new thread in the place of one that hangs in a hook.

The loops are Python, not Rust, so that below a hook there are only the interpreter's own frames: a thread that hangs
in a hook is a daemon thread like any other and never keeps the process from ending. All waiting is done in Rust, with
the interpreter released; a thread is attached to it once in its life.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import itertools
import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, TypeVar

from smtpgw.verdict import Verdict

if TYPE_CHECKING:
    from smtpgw._core import Crew, Incident, Loop, Task, Worker

log = logging.getLogger("smtpgw.inspectors")

VERDICTS_AT_MOST = 1_000
"""Verdicts taken from one call; the core refuses more, so that an endless generator is an error and not a leak."""

LOOP_PATIENCE_S = 2.0
"""How long the event loop may be busy with one thing when a hook that is over its time is to be cancelled."""

VACANCY_PAUSE_S = 1.0
"""How long the supervisor rests when no thread could be started."""

# How a hook is called: see `Shape` in the core.
PART, MESSAGE, PART_AND_MESSAGE = 1, 2, 3

_numbers = itertools.count(1)

_T = TypeVar("_T")


def start(crew: Crew, asynchronous: bool) -> None:
    """Start the threads of a crew."""
    _fill(crew)
    if asynchronous:
        _start_loop(crew)
    _spawn(_supervise, crew, "smtpgw-inspector-supervisor")


def _spawn(target: Callable[[_T], None], argument: _T, name: str) -> None:
    threading.Thread(target=target, args=(argument,), name=name, daemon=True).start()


def _fill(crew: Crew) -> None:
    """Start threads until the crew needs no more."""
    while (worker := crew.worker()) is not None:
        _spawn(_work, worker, f"smtpgw-inspector-{next(_numbers)}")


def _start_loop(crew: Crew) -> None:
    if (calls := crew.event_loop()) is not None:
        _spawn(_run_loop, calls, "smtpgw-inspector-loop")


def _work(worker: Worker) -> None:
    """Run ordinary hooks until the crew ends, or until this thread was given up on."""
    worker.sit(threading.get_ident())
    _give_way()
    returned, raised = worker.returned, worker.raised
    for hook, _, shape, first, second in worker:
        result = None
        try:
            if shape == PART_AND_MESSAGE:
                result = hook(part=first, message=second)
            elif shape == PART:
                result = hook(part=first)
            elif shape == MESSAGE:
                result = hook(message=first)
            else:
                result = hook(**first)
            if result is not None and result.__class__ is not Verdict:
                result = _collect(result)
        except BaseException as error:  # whatever it is: the core judges
            raised(error)
        else:
            returned(result)
        # The next step of the iterator may wait for long, and a waiting thread keeps no message alive.
        del hook, first, second, result


def _give_way() -> None:
    """Ask the kernel not to interrupt what greets and relays for this thread each time that it has something to do.

    Hooks keep their share of the processors; they only wait, some milliseconds at most, until whoever runs has had its
    turn. So do programs and threads that a hook starts.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError):  # a sandbox that forbids it: all the rest works without
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


def _collect(result: object) -> object:
    """Several verdicts as a tuple, made here because a generator runs code of the hook; anything else as it is."""
    if isinstance(result, Iterable) and not isinstance(result, (Verdict, str, bytes, bytearray, memoryview)):
        return tuple(itertools.islice(result, VERDICTS_AT_MOST + 1))
    return result


def _run_loop(calls: Loop) -> None:
    asyncio.run(_EventLoop(calls).serve())


class _EventLoop:
    """Runs asynchronous hooks, one task a batch, until the crew ends or another loop has taken over."""

    def __init__(self, calls: Loop) -> None:
        self._calls = calls
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._over = asyncio.Event()

    async def serve(self) -> None:
        loop = asyncio.get_running_loop()
        loop.add_reader(self._calls.fileno(), self._look_up)
        try:
            await self._over.wait()
            # What was begun may come to its end if another loop has taken over; if the crew is closed it is cancelled.
            while self._tasks and not self._calls.is_closed:
                await asyncio.wait(self._tasks.values())
        finally:
            loop.remove_reader(self._calls.fileno())

    def _look_up(self) -> None:
        for number in self._calls.look_up():
            if (late := self._tasks.get(number)) is not None:
                late.cancel()
        self._begin()
        if self._calls.is_over:
            self._over.set()

    def _begin(self) -> None:
        while (task := self._calls.next_task()) is not None:
            number = task.number
            running = asyncio.get_running_loop().create_task(_run_task(task), name=f"smtpgw-inspector-task-{number}")
            running.add_done_callback(functools.partial(self._end, number))
            self._tasks[number] = running

    def _end(self, number: int, _: asyncio.Task[None]) -> None:
        del self._tasks[number]
        self._begin()


async def _run_task(task: Task) -> None:
    """Run the calls of one batch one after the other."""
    for hook, awaited, shape, first, second in task:
        result = None
        try:
            if shape == PART_AND_MESSAGE:
                result = hook(part=first, message=second)
            elif shape == PART:
                result = hook(part=first)
            elif shape == MESSAGE:
                result = hook(message=first)
            else:
                result = hook(**first)
            if awaited:
                result = await result
            if result is not None and result.__class__ is not Verdict:
                result = _collect(result)
        except BaseException as error:  # whatever it is: the core judges
            task.raised(error)
        else:
            task.returned(result)


def _supervise(crew: Crew) -> None:
    """Look after hooks that are over their time, until the crew ends."""
    while (incident := crew.next_incident()) is not None:
        try:
            if incident.asynchronous:
                if crew.event_loop_is_stuck(LOOP_PATIENCE_S):
                    log.error("%s blocks the event loop: another loop takes its place", incident.hook)
                    _start_loop(crew)
            else:
                if incident.hook:
                    _report(incident)
                _fill(crew)
        except (RuntimeError, OSError) as error:  # no more threads or descriptors, or the interpreter is about to end
            log.error("cannot start another inspector thread: %s", error)
            # The vacancy is reported again at once; what is used up now may be there in a moment.
            time.sleep(VACANCY_PAUSE_S)


def _report(incident: Incident) -> None:
    what = "another thread takes its place" if incident.replaced else "too many threads hang, none takes its place"
    place = _whereabouts(incident.ident)
    log.warning("%s runs for more than %g s (%s): %s", incident.hook, incident.timeout_s, place, what)


def _whereabouts(ident: int) -> str:
    """Where a thread is: file, line and function of its innermost frame."""
    frame = sys._current_frames().get(ident)
    if frame is None:
        return "nobody knows where"
    return f"{frame.f_code.co_filename}:{frame.f_lineno} in {frame.f_code.co_qualname}"
