"""The configuration as models: every key with its type, its default and what it means.

The names are a contract with administrators, and with `Settings` of the Rust core, which `to_core_json` writes.
Names of the contract that this version does not build yet are known here and refused by name, never silently
accepted. What needs more than one key or a look at the disk is checked in `smtpgw.config.check`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import ConfigDict, Field, PrivateAttr, model_validator

from smtpgw.config.backend import Backend
from smtpgw.config.decode import Archive, Decode, Unscanned
from smtpgw.config.limits import Limits, Spool
from smtpgw.config.listener import Certificate, Listener
from smtpgw.config.table import Table, later, not_yet
from smtpgw.config.units import File, Hostname, Seconds, wrong
from smtpgw.inspector import Failing, Mode

__all__ = [
    "Archive",
    "Backend",
    "Certificate",
    "Config",
    "Decode",
    "InspectorTable",
    "Limits",
    "Listener",
    "Log",
    "Quarantine",
    "Spool",
    "Table",
    "Unscanned",
    "VerdictPolicy",
]


class InspectorTable(Table):
    """One inspector. Keys beside these are arguments of its constructor, checked against its signature; paths among
    them are relative to the configuration file."""

    model_config = ConfigDict(extra="allow")

    use: str
    """`yara`, `urls`, `spam`, the name of an installed entry point of `smtpgw.inspectors`, or `module:Class`."""
    name: str | None = None
    """For records and logs. Default: the inspector's own, else the name of its class. Equal names are numbered: `yara`,
    `yara#2`."""
    mode: Mode | None = None
    """`enforce`; `shadow`: verdicts are recorded, never acted on; `off`. Default: the inspector's own, `enforce`."""
    timeout_s: Seconds | None = None
    """How long one call may run, seconds. Default: the inspector's own, 30."""
    on_error: Failing | None = None
    """What a raised exception counts as: `reject`, `quarantine`, `defer`, `accept`. Default: its own, `defer`."""
    on_timeout: Failing | None = None
    """What a call over its time counts as. Default: the inspector's own, `defer`."""
    isolation: Annotated[
        Literal["thread", "process"],
        later('use "thread"'),
    ] = "thread"
    """Where it runs: `thread`: in this process. (`process`: later.)"""

    @property
    def arguments(self) -> dict[str, Any]:
        """What goes to the constructor."""
        return dict(self.__pydantic_extra__ or {})


class VerdictPolicy(Table):
    """How the inspectors' verdicts become one: reject > quarantine > discard > defer > accept."""

    budget_s: Seconds = 120.0
    """The one budget of all inspectors between the end of the content and its reply, seconds."""
    reject_score: float = Field(default=15.0, gt=0)
    """From this many points a message is refused."""
    tag_score: float = Field(default=6.0, gt=0)
    """From this many points a message is marked `X-Spam-Flag: YES`."""
    discard: bool = False
    """Whether the verdict `discard` (say yes, throw away) may be used; otherwise it counts as `defer`."""


class Quarantine(Table):
    """Where quarantined messages go. Without this table the verdict `quarantine` defers."""

    path: File
    """Folder."""
    reply: Literal["accept", "reject"] = "accept"
    """What the sender is told: `accept`: 250, once it is safely stored; `reject`: 554."""


class Log(Table):
    """Where records go."""

    format: Annotated[
        Literal["json", "logfmt", "syslog"],
        later('use "json" or "logfmt"'),
    ] = "json"
    """`json`: an object a line; `logfmt`: for people, and the default on a terminal. (`syslog`: later.)"""
    level: Literal["debug", "info", "warning", "error"] = "info"
    """The least severe level that is written."""
    file: File | None = None
    """File to append to; standard error without it."""


class Config(Table):
    """All of it. Make one with `smtpgw.config.load`, `parse` or `default`, which name every mistake at once."""

    hostname: Hostname = "localhost"
    """Our own name, in the greeting, `Received` and the EHLO to a backend."""
    listener: list[Listener] = Field(min_length=1)
    """Where we listen."""
    backend: dict[str, Backend] = Field(min_length=1)
    """The servers we protect, by the name that listeners use."""
    limits: Limits = Limits()
    """What one client may cost."""
    spool: Spool = Field(default_factory=Spool)
    """Where content waits for its verdict."""
    decode: Decode = Decode()
    """How far decoding goes."""
    inspector: list[InspectorTable] = []
    """Who judges, in this order."""
    verdict: VerdictPolicy = VerdictPolicy()
    """How verdicts become one."""
    quarantine: Quarantine | None = None
    """Where quarantined messages go."""
    log: Log = Log()
    """Where records go."""
    metrics: Annotated[dict[str, Any] | None, not_yet("leave the table out")] = None
    """Where metrics are served. (Later.)"""

    CORE_LEAVES_OUT: ClassVar[dict[str, Iterable[str]]] = {
        "": ("inspector", "metrics"),
    }

    _base: Path = PrivateAttr(default_factory=Path.cwd)

    @property
    def base(self) -> Path:
        """The folder that relative paths are relative to."""
        return self._base

    @model_validator(mode="before")
    @classmethod
    def _table(cls, value: Any) -> Any:  # noqa: ANN401
        if not isinstance(value, Mapping | Config):
            raise wrong("is no table")
        return value

    def to_core_json(self) -> str:
        """The resolved settings for the core: durations as seconds, sizes as octets, no inspectors."""
        whole = self.model_dump(mode="json")
        for key in self.CORE_LEAVES_OUT[""]:
            del whole[key]
        return json.dumps(whole)
