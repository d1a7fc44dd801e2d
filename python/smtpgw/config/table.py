"""What every table of the file has in common: exact types, no unknown keys, later names refused by name."""

from __future__ import annotations

from typing import Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict

from smtpgw.config.units import LATER, wrong

__all__ = ["Table", "later", "not_yet"]


def later(instead: str) -> AfterValidator:
    """Refuses the words of the contract that this version does not build."""

    def check(value: str) -> str:
        if value in LATER:
            raise wrong(f'"{value}" is not available in this version', instead)
        return value

    return AfterValidator(check)


def not_yet(instead: str) -> BeforeValidator:
    """Refuses any value for a key of the contract that this version does not build."""

    def check(value: Any) -> Any:  # noqa: ANN401
        if value not in (None, [], {}):
            raise wrong("is not available in this version", instead)
        return value

    return BeforeValidator(check)


class Table(BaseModel):
    """A table of the file: exact types, no unknown keys."""

    model_config = ConfigDict(
        strict=True, extra="forbid", frozen=True, allow_inf_nan=False, use_attribute_docstrings=True
    )
