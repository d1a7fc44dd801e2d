"""The base class of inspectors, and what is checked when one is registered.

An inspector is an object with any of four hooks, plain or `async`, called by keyword with what they ask for:

    on_connect(session)                                   once a connection, before EHLO and TLS are known
    on_recipient(session, reverse_path, forward_path)     once a recipient
    on_part(part, message)                                once a decoded part, while the message still arrives
    on_message(message)                                   once a message, when all of it is there

Each returns `None` (nothing to say), a `Verdict`, or an iterable of them. Names and parameters are checked by
`register`, so that a misspelt one stops the start with the line to mend and not a message at night. Folding,
time limits and circuit breakers are the gateway's; finding inspectors by name is `smtpgw.discovery`'s.
"""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, TypeAlias

from smtpgw.errors import InspectorError

__all__ = ["Failing", "Inspector", "Mode", "RosterEntry", "register", "roster"]

Mode: TypeAlias = Literal["enforce", "shadow", "off"]
"""Whether an inspector's verdicts count (`shadow`: recorded, never acted on)."""

Failing: TypeAlias = Literal["accept", "defer", "quarantine", "reject"]
"""What a failed call counts as."""


class Inspector:
    """Judges mail. Derive from it, and write the hooks you need: methods that ask by name for what they want.

        on_connect(self, session)                                 once a connection, before EHLO and TLS are known
        on_recipient(self, session, reverse_path, forward_path)   once a recipient
        on_part(self, part, message)                              once a decoded part, while the message still arrives
        on_message(self, message)                                 once a message, when all of it is there

    Each returns `None`, a `Verdict`, or several of them. Hooks that are not `async` run on worker threads, several at a
    time: keep no state between calls without a lock. If one hook of an inspector is `async`, all of them run on the
    one event loop of the gateway.

    The attributes below are set in the class or on the object:

        name          for records and logs; the class's name in lower case unless set
        mode          `enforce`; `shadow`: its verdicts are recorded, never acted on; `off`
        timeout_s     how long one call may run, seconds
        on_error      what a raised exception counts as: `accept`, `defer`, `quarantine`, `reject`
        on_timeout    what a call over its time counts as
        scores        whether it gives points
        largest       octets of one part that it looks at; `None`: any

    The first five of them may be set in its `[[inspector]]` table as well, which counts more.
    """

    name: str = ""
    """For records and logs; the class's name in lower case unless set."""
    mode: Mode = "enforce"
    """Whether its verdicts count."""
    timeout_s: float = 30.0
    """How long one call may run, seconds; all calls after the end of data share `verdict.budget_s` as well."""
    on_error: Failing = "defer"
    """What a raised exception counts as."""
    on_timeout: Failing = "defer"
    """What a call over its time counts as."""
    scores: bool = False
    """Whether it gives points: then relayed messages carry `X-Spam-` fields, and forged ones are removed."""
    largest: int | None = None
    """Octets of one part that it looks at; `None`: any. It is not asked about a larger one, which is then `oversize`,
    and a gateway that accepts such messages only starts if `[decode.unscanned]` says what becomes of them."""

    HOOKS: ClassVar[dict[str, tuple[str, ...]]] = {
        "on_connect": ("session",),
        "on_recipient": ("session", "reverse_path", "forward_path"),
        "on_part": ("part", "message"),
        "on_message": ("message",),
    }
    """Every hook, and what it may ask for."""


Hook: TypeAlias = tuple[Callable[..., Any], tuple[str, ...], bool]
"""A bound method, the keywords that it takes, and whether it is a coroutine function."""


@dataclass(frozen=True, slots=True)
class RosterEntry:
    """A registered inspector, as the core reads it."""

    name: str
    """Unique among the inspectors of a gateway: `yara`, `yara#2`."""
    mode: Literal["enforce", "shadow"]
    """Whether its verdicts count."""
    timeout_s: float
    """How long one call may run, seconds."""
    on_error: Failing
    """What a raised exception counts as."""
    on_timeout: Failing
    """What a call over its time counts as."""
    scores: bool
    """Whether it gives points."""
    largest: int | None
    """Octets of one part that it looks at."""
    on_connect: Hook | None
    """Its hook for connections."""
    on_recipient: Hook | None
    """Its hook for recipients."""
    on_part: Hook | None
    """Its hook for parts."""
    on_message: Hook | None
    """Its hook for messages."""


def roster(inspectors: Iterable[Inspector]) -> list[RosterEntry]:
    """Registers all of them in order, leaving out what is `off`; equal names are numbered.

    Raises `InspectorError`, with one line for every mistake in any of them.
    """
    entries: list[RosterEntry] = []
    mistakes: list[str] = []
    taken: set[str] = set()
    for inspector in inspectors:
        try:
            entry = register(inspector, taken=taken)
        except InspectorError as error:
            mistakes.append(str(error))
            continue
        if entry is not None:
            taken.add(entry.name)
            entries.append(entry)
    if mistakes:
        raise InspectorError("\n".join(mistakes))
    return entries


def register(inspector: Inspector, *, taken: Iterable[str] = ()) -> RosterEntry | None:
    """Checks one inspector; `None` if it is `off`.

    `taken` are names that others have. Raises `InspectorError`, with one line for every mistake.
    """
    if isinstance(inspector, type):
        raise InspectorError(f"{inspector.__name__} is a class; give an object of it: {inspector.__name__}()")
    if not isinstance(inspector, Inspector):
        raise InspectorError(f"{inspector!r} is no smtpgw.Inspector; derive its class from it")
    mistakes: list[str] = [*_wrong_policies(inspector), *_unknown_hooks(inspector)]
    hooks: dict[str, Hook | None] = {}
    for name, offered in Inspector.HOOKS.items():
        hook = getattr(inspector, name, None)
        hooks[name] = None
        if hook is not None:
            found = _check_hook(inspector, name, hook, offered)
            if isinstance(found, str):
                mistakes.append(found)
            else:
                hooks[name] = found
    if not mistakes and not any(hooks.values()):
        mistakes.append(f"{_place(type(inspector))} has no hook; write one of {', '.join(Inspector.HOOKS)}")
    if mistakes:
        raise InspectorError("\n".join(mistakes))
    if inspector.mode == "off":
        return None
    return RosterEntry(
        name=_unique(inspector.name or type(inspector).__name__.lower(), set(taken)),
        mode=inspector.mode,
        timeout_s=float(inspector.timeout_s),
        on_error=inspector.on_error,
        on_timeout=inspector.on_timeout,
        scores=bool(inspector.scores),
        largest=inspector.largest,
        **hooks,
    )


def _wrong_policies(inspector: Inspector) -> Iterable[str]:
    for key, allowed in POLICIES.items():
        value = getattr(inspector, key)
        if value not in allowed:
            yield f"{_place(type(inspector))}: {key} = {value!r}; it is one of {', '.join(allowed)}"
    timeout = inspector.timeout_s
    if isinstance(timeout, bool) or not isinstance(timeout, int | float) or not 0 < timeout <= A_DAY:
        yield f"{_place(type(inspector))}: timeout_s = {timeout!r}; it is above 0 and at most a day"
    largest = inspector.largest
    if largest is not None and (isinstance(largest, bool) or not isinstance(largest, int) or largest < 1):
        yield f"{_place(type(inspector))}: largest = {largest!r}; it is a number of octets, or None"
    if not isinstance(inspector.name, str) or any(not c.isprintable() for c in inspector.name):
        yield f"{_place(type(inspector))}: name = {inspector.name!r}; it is printable text"


def _unknown_hooks(inspector: Inspector) -> Iterable[str]:
    for name in dir(inspector):
        if not name.startswith("on_") or name in Inspector.HOOKS or name in POLICIES:
            continue
        value = getattr(inspector, name)
        if callable(value):
            yield f"{_place(value)}: {type(inspector).__name__}.{name} is no hook{_meant(name, Inspector.HOOKS)}"


def _check_hook(inspector: Inspector, name: str, hook: Any, offered: tuple[str, ...]) -> Hook | str:  # noqa: ANN401
    owner = type(inspector).__name__
    if not callable(hook):
        return f"{_place(type(inspector))}: {owner}.{name} is no method"
    if inspect.ismethod(hook) and next(iter(inspect.signature(hook.__func__).parameters), None) in offered:
        return f"{_place(hook)}: {owner}.{name} lacks self; write {name}(self, {', '.join(offered)})"
    if inspect.isasyncgenfunction(hook):
        return f"{_place(hook)}: {owner}.{name} is an async generator; let it return a list of verdicts"
    try:
        signature = inspect.signature(hook)
    except (TypeError, ValueError):
        return f"{_place(type(inspector))}: {owner}.{name} has no signature that Python could read"
    takes: list[str] = []
    for parameter in signature.parameters.values():
        if parameter.kind is parameter.VAR_KEYWORD:
            takes = list(offered)
            break
        if parameter.kind is parameter.VAR_POSITIONAL or parameter.kind is parameter.POSITIONAL_ONLY:
            return f"{_place(hook)}: {owner}.{name} takes {parameter}, but hooks are called by keyword"
        if parameter.name not in offered:
            meant = _meant(parameter.name, offered)
            there = ", ".join(offered)
            return f"{_place(hook)}: {owner}.{name} asks for {parameter.name!r}{meant or f'; it may ask for {there}'}"
        takes.append(parameter.name)
    return hook, tuple(takes), _is_async(hook)


def _is_async(hook: Callable[..., Any]) -> bool:
    if inspect.iscoroutinefunction(hook):
        return True
    # An object with an async __call__ in place of a method.
    return inspect.iscoroutinefunction(getattr(type(hook), "__call__", None))  # noqa: B004


def _place(thing: Any) -> str:  # noqa: ANN401
    """`file.py:12` of a function or class; its name where there is no source."""
    thing = inspect.unwrap(thing) if callable(thing) else thing
    code = getattr(getattr(thing, "__func__", thing), "__code__", None)
    if code is not None:
        return f"{code.co_filename}:{code.co_firstlineno}"
    if isinstance(thing, type):
        try:
            return f"{inspect.getsourcefile(thing)}:{inspect.getsourcelines(thing)[1]}"
        except (OSError, TypeError):
            return thing.__qualname__
    return repr(thing)


def _meant(word: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(word, list(known), n=1)
    return f"; did you mean {close[0]}?" if close else ""


def _unique(name: str, taken: set[str]) -> str:
    number, unique = 1, name
    while unique in taken:
        number += 1
        unique = f"{name}#{number}"
    return unique


FAILING = ("accept", "defer", "quarantine", "reject")
POLICIES: dict[str, tuple[str, ...]] = {
    "mode": ("enforce", "shadow", "off"),
    "on_error": FAILING,
    "on_timeout": FAILING,
}
A_DAY = 86_400.0
