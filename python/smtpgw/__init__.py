"""smtpgw: a mail inspection gateway, to run as it is or to build into your own.

from smtpgw import Gateway, Inspector, Message, Part, Verdict

class NoExecutables(Inspector):
    def on_part(self, part: Part) -> Verdict | None:
        if part.data[:2] == b"MZ":
            return Verdict.reject("executable content")

Gateway("smtpgw.toml", inspectors=[NoExecutables()]).run()

Everything public is here; the compiled core and the configuration's models are loaded when they are first named.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from smtpgw.errors import BackendError, ConfigError, InspectorError, SmtpgwError, TlsError
from smtpgw.inspector import Inspector
from smtpgw.verdict import Verdict

if TYPE_CHECKING:
    from smtpgw._core import Header, Message, Part, Session
    from smtpgw.config import Config
    from smtpgw.gateway import Gateway

__all__ = [
    "BackendError",
    "Config",
    "ConfigError",
    "Gateway",
    "Header",
    "Inspector",
    "InspectorError",
    "Message",
    "Part",
    "Session",
    "SmtpgwError",
    "TlsError",
    "Verdict",
    "__version__",
]

__version__ = "0.1.0"

_LAZY = {
    "Config": "smtpgw.config",
    "Gateway": "smtpgw.gateway",
    "Header": "smtpgw._core",
    "Message": "smtpgw._core",
    "Part": "smtpgw._core",
    "Session": "smtpgw._core",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401
    if name in _LAZY:
        value = getattr(import_module(_LAZY[name]), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
