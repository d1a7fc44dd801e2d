"""From pydantic's errors to problems that an administrator can act on: path, value, reason, hint."""

from __future__ import annotations

import difflib
import reprlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import NoneType, UnionType
from typing import Annotated, Any, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from smtpgw.config.units import LATER
from smtpgw.errors import Problem

__all__ = ["from_validation", "meant", "path_of", "shorten"]


def from_validation(error: ValidationError, model: type[BaseModel], *, also: Iterable[str] = ()) -> list[Problem]:
    """Every mistake that pydantic found in a value for `model`, in the order of the file. `also` are keys that the same
    table may have and somebody else reads."""
    problems: dict[str, Problem] = {}
    for details in error.errors(include_url=False, include_context=True):
        problem = _problem(details, model, also)
        # A union reports one error for each of its members; the first is the one that its author put first.
        problems.setdefault(problem.path, problem)
    # Of `certificates[0].key` and `certificates[0]` the first is the true one: its table was meant.
    deeper = {path for path in problems if any(other.startswith((f"{path}.", f"{path}[")) for other in problems)}
    return [problem for path, problem in problems.items() if path not in deeper]


def path_of(location: Iterable[str | int]) -> str:
    """`listener[0].tls` from its steps."""
    path = ""
    for step in location:
        if isinstance(step, int):
            path += f"[{step}]"
        else:
            path += f".{step}" if path else step
    return path


def meant(word: str, known: Iterable[str]) -> str | None:
    """`did you mean "tls"?`, if a known word is close."""
    close = difflib.get_close_matches(word, list(known), n=1)
    return f'did you mean "{close[0]}"?' if close else None


def shorten(value: Any) -> str:  # noqa: ANN401
    """A value as it stands in the file, on one bounded line."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        text = f'"{value}"' if value.isprintable() else repr(value)
        return text if len(text) <= AT_MOST else f"{text[: AT_MOST - 4]}..."
    if isinstance(value, Mapping):
        return "{...}" if value else "{}"
    text = SHORT.repr(value)
    return text.replace("'", '"') if isinstance(value, list) else text


def _problem(details: ErrorDetails, model: type[BaseModel], also: Iterable[str]) -> Problem:
    kind, context = details["type"], details.get("ctx", {})
    owner, steps = _owner(model, details["loc"])
    key = str(steps[-1]) if steps else ""
    path = path_of(steps)
    if kind == "missing":
        return Problem(path, "is missing", hint=_described(owner, key))
    value = shorten(details["input"])
    if kind == "extra_forbidden":
        known = [*(owner.model_fields if owner else ()), *(also if len(steps) == 1 else ())]
        hint = meant(key, known) or _elsewhere(key) or f"known here: {', '.join(known)}"
        return Problem(path, "is no key of this table", value, hint)
    if kind == "smtpgw":
        return Problem(path, context["reason"], value, context["hint"])
    if kind == "literal_error":
        words = _words(owner, key)
        close = meant(details["input"], words) if isinstance(details["input"], str) else None
        return Problem(path, f"is none of {', '.join(words)}" if words else "is no known word", value, close)
    known_reason = REASONS.get(kind)
    reason = known_reason.format(**context) if known_reason else f"is wrong: {details['msg']}"
    return Problem(path, reason, value, _form(kind, owner, key, value))


def _form(kind: str, owner: type[BaseModel] | None, key: str, value: str) -> str | None:
    """How to write what has to be a list or a table."""
    field = owner.model_fields.get(key) if owner else None
    of_tables = field is not None and _model_in(field.annotation) is not None
    if kind == "model_type" or (kind == "dict_type" and of_tables):
        return f"begin {'it' if kind == 'model_type' else 'each'} with [{key}{'' if kind == 'model_type' else '.NAME'}]"
    if kind == "list_type" and of_tables and key != "certificates":
        return f"begin each with [[{key}]]"
    return f"write [{value}]" if kind in ("list_type", "sequence_str") and value.startswith('"') else None


def _owner(model: type[BaseModel], location: Sequence[str | int]) -> tuple[type[BaseModel] | None, list[str | int]]:
    """The table that the last step of `location` is a key of, and the steps without those that are pydantic's own
    (which member of a union it tried)."""
    owner: type[BaseModel] | None = None
    here: Any = model
    steps: list[str | int] = []
    for step in location:
        here = _without_none(here)
        if _is_table(here):
            owner = here
            field = here.model_fields.get(str(step))
            here = field.annotation if field else None
        elif get_origin(here) in (list, dict):
            owner, here = None, get_args(here)[-1]
        else:
            here = next((table for table in get_args(here) if getattr(table, "__name__", None) == step), here)
            continue
        steps.append(step)
    return owner, steps


def _without_none(annotation: Any) -> Any:  # noqa: ANN401
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    members = [member for member in get_args(annotation) if member is not NoneType]
    return members[0] if isinstance(annotation, UnionType) and len(members) == 1 else annotation


def _is_table(annotation: Any) -> bool:  # noqa: ANN401
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _model_in(annotation: Any) -> type[BaseModel] | None:  # noqa: ANN401
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for inner in get_args(annotation) if (found := _model_in(inner))), None)


def _words(owner: type[BaseModel] | None, key: str) -> list[str]:
    """The words that a key may have, without those of later versions."""

    def strings(annotation: Any) -> Iterator[str]:  # noqa: ANN401
        for inner in get_args(annotation):
            if isinstance(inner, str):
                yield inner
            else:
                yield from strings(inner)

    field = owner.model_fields.get(key) if owner else None
    return [word for word in strings(field.annotation) if word not in LATER] if field else []


def _described(owner: type[BaseModel] | None, key: str) -> str | None:
    field = owner.model_fields.get(key) if owner else None
    if field is None or field.description is None:
        return None
    return " ".join(field.description.split()).rstrip(".")


def _elsewhere(key: str) -> str | None:
    from smtpgw.config.model import Config

    for name, field in Config.model_fields.items():
        table = _model_in(field.annotation)
        if table and key in table.model_fields:
            return f"it belongs to {name}.{key}"
    return f"it is a table of the file: [{key}]" if key in Config.model_fields else None


REASONS = {
    "bool_parsing": "is neither true nor false",
    "bool_type": "is neither true nor false",
    "dict_type": "is no table",
    "float_parsing": "is no number",
    "float_type": "is no number",
    "finite_number": "is no number",
    "greater_than": "must be above {gt}",
    "greater_than_equal": "must be at least {ge}",
    "int_from_float": "is no whole number",
    "int_parsing": "is no whole number",
    "int_type": "is no whole number",
    "less_than_equal": "must be at most {le}",
    "list_type": "is no list",
    "model_type": "is no table",
    "path_type": "is no path",
    "sequence_str": "is no list",
    "string_type": "is no text",
    "too_short": "must have at least {min_length}",
}
AT_MOST = 80
SHORT = reprlib.Repr()
SHORT.maxstring = SHORT.maxother = AT_MOST
