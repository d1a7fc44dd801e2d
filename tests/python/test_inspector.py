"""Registration: what a hook may be called and may ask for, and that a mistake names the line to mend."""

import pytest

from smtpgw import Inspector, InspectorError, Verdict
from smtpgw.inspector import register, roster


def line_of(function):
    return f"{function.__code__.co_filename}:{function.__code__.co_firstlineno}"


def test_takes_only_what_it_asks_for():
    class Picky(Inspector):
        def on_part(self, message):
            return None

        async def on_message(self, message):
            return Verdict.accept()

        def on_recipient(self, **everything):
            return None

        @staticmethod
        def on_connect():
            return None

    picky = Picky()
    entry = register(picky)
    assert entry.name == "picky"
    assert (entry.mode, entry.timeout_s, entry.on_error, entry.on_timeout) == ("enforce", 30.0, "defer", "defer")
    assert entry.scores is False
    assert entry.on_part == (picky.on_part, ("message",), False)
    assert entry.on_message == (picky.on_message, ("message",), True)
    assert entry.on_recipient[1:] == (("session", "reverse_path", "forward_path"), False)
    assert entry.on_connect[1:] == ((), False)


def test_missing_hooks_are_none():
    class Only(Inspector):
        def on_message(self):
            return None

    entry = register(Only())
    assert (entry.on_connect, entry.on_recipient, entry.on_part) == (None, None, None)


def test_an_unknown_hook_is_named_with_its_line():
    class Misspelt(Inspector):
        def on_mesage(self, message):
            return None

    with pytest.raises(InspectorError) as caught:
        register(Misspelt())
    place = line_of(Misspelt.on_mesage)
    assert str(caught.value) == f"{place}: Misspelt.on_mesage is no hook; did you mean on_message?"


def test_an_unknown_parameter_is_named_with_its_line():
    class Misspelt(Inspector):
        def on_part(self, part, mesage=None):
            return None

        def on_connect(self, envelope):
            return None

    with pytest.raises(InspectorError) as caught:
        register(Misspelt())
    connect, part = str(caught.value).splitlines()
    assert part == f"{line_of(Misspelt.on_part)}: Misspelt.on_part asks for 'mesage'; did you mean message?"
    assert connect.endswith("Misspelt.on_connect asks for 'envelope'; it may ask for session")
    assert connect.startswith(line_of(Misspelt.on_connect))


def test_a_hook_without_self_is_named_with_its_line():
    class Selfless(Inspector):
        def on_part(part):  # noqa: N805
            return None

    with pytest.raises(InspectorError) as caught:
        register(Selfless())
    assert str(caught.value) == (
        f"{line_of(Selfless.on_part)}: Selfless.on_part lacks self; write on_part(self, part, message)"
    )


def test_hooks_are_called_by_keyword():
    class Positional(Inspector):
        def on_part(self, part, /):
            return None

        def on_message(self, *message):
            return None

    with pytest.raises(InspectorError) as caught:
        register(Positional())
    assert str(caught.value).count("hooks are called by keyword") == 2


def test_a_hook_is_callable_and_no_async_generator():
    class Bad(Inspector):
        on_part = 3

        async def on_message(self, message):
            yield Verdict.accept()

    with pytest.raises(InspectorError) as caught:
        register(Bad())
    assert "Bad.on_part is no method" in str(caught.value)
    assert "Bad.on_message is an async generator" in str(caught.value)


def test_an_inspector_without_hooks_is_refused():
    class Empty(Inspector):
        pass

    with pytest.raises(InspectorError, match="has no hook"):
        register(Empty())


@pytest.mark.parametrize("wrong", [object(), Inspector, "yara"])
def test_only_objects_of_the_class(wrong):
    with pytest.raises(InspectorError):
        register(wrong)


@pytest.mark.parametrize(
    ("key", "value"),
    [("mode", "enforced"), ("on_error", "discard"), ("on_timeout", None), ("timeout_s", 0), ("timeout_s", "30"),
     ("timeout_s", True), ("timeout_s", float("nan")), ("name", "a\nb")],
)  # fmt: skip
def test_policies_are_checked(key, value):
    class Fine(Inspector):
        def on_message(self):
            return None

    inspector = Fine()
    setattr(inspector, key, value)
    with pytest.raises(InspectorError, match=key):
        register(inspector)


def test_a_roster_numbers_equal_names_and_leaves_out_what_is_off():
    class One(Inspector):
        def on_message(self):
            return None

    off, shadow = One(), One()
    off.mode, shadow.mode = "off", "shadow"
    entries = roster([One(), off, shadow, One()])
    assert [entry.name for entry in entries] == ["one", "one#2", "one#3"]
    assert [entry.mode for entry in entries] == ["enforce", "shadow", "enforce"]


def test_a_roster_reports_every_mistake():
    class Bad(Inspector):
        on_foo = print

    with pytest.raises(InspectorError) as caught:
        roster([Bad(), object(), Bad()])
    assert len(str(caught.value).splitlines()) == 3


def test_is_a_type_error_too():
    with pytest.raises(TypeError):
        register(object())
