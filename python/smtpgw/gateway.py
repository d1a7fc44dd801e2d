"""A gateway in this process: configuration and inspectors in, listeners out.

The work is the core's (`smtpgw._core`); here a configuration becomes settings and a roster, and signals become calls.
Mail never waits for this thread: `start` returns at once, and `run` only waits for signals.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import queue
import signal
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeAlias

from smtpgw import config as configuration
from smtpgw.config import Config
from smtpgw.config.credentials import check_credentials
from smtpgw.descriptors import shortage
from smtpgw.errors import InspectorError, SmtpgwError
from smtpgw.inspector import Inspector, RosterEntry, roster

if TYPE_CHECKING:
    from smtpgw._core import Core

__all__ = ["Gateway"]

Source: TypeAlias = Config | Mapping[str, Any] | Path | str | Callable[[], Config] | None
"""Where a configuration comes from: itself, a mapping of the file's shape, a file, a function that reads it (anew for
a reload), or `None` for the defaults."""


class Gateway:
    """A mail inspection gateway.

    As a context manager it serves within the block; `run` serves until a signal ends it:

        Gateway("smtpgw.toml", inspectors=[NoExecutables()]).run()

        with Gateway(inspectors=[NoExecutables()]) as gateway:
            print(gateway.addresses)
    """

    def __init__(
        self,
        config: Source = None,
        *,
        inspectors: Sequence[Inspector] = (),
        threads: int | None = None,
        records: bool = False,
    ) -> None:
        """Reads the configuration and registers the inspectors; nothing is bound yet.

        `inspectors` are asked after those of the configuration. `threads` run hooks that are not `async`; by default
        four for each processor, since hooks wait. With `records` the log's records can be had from `next_records` as
        well, for tests and tools. Raises `ConfigError` or `InspectorError` with every mistake.
        """
        if isinstance(inspectors, Inspector):
            raise InspectorError(f"inspectors are a list: inspectors=[{type(inspectors).__name__}()]")
        if threads is not None and threads < 0:
            raise ValueError(f"threads = {threads}: it is a number of threads, or None")
        self._source = config
        self._given = tuple(inspectors)
        self._threads = threads or min(32, 4 * (os.cpu_count() or 1))
        self._records = records
        self._config = _read(config)
        if not isinstance(config, Config):
            # One that was made before may name what is written only before `start`.
            check_credentials(self._config)
        self._roster = self._register(self._config)
        self._core: Core | None = None
        self._wishes: queue.SimpleQueue[str] = queue.SimpleQueue()

    @property
    def config(self) -> Config:
        """The configuration in use."""
        return self._config

    @property
    def roster(self) -> Sequence[RosterEntry]:
        """The inspectors in use, in the order in which they are asked."""
        return self._roster

    @property
    def addresses(self) -> list[tuple[str, int]]:
        """Where it listens, in the order of the configuration; empty when it does not."""
        return list(self._core.addresses) if self._core else []

    def start(self) -> Self:
        """Binds every listener and serves, on threads of its own. Raises an `SmtpgwError` with one clear line."""
        if self._core is not None:
            raise SmtpgwError("the gateway is running")
        from smtpgw._core import Core

        core = Core(self._config.to_core_json(), self._roster, threads=self._threads, records=self._records)
        core.start()
        self._core = core
        return self

    def stop(self) -> None:
        """Ends every connection at once; senders without a 2yz try again."""
        if self._core is not None:
            self._core.stop()
            self._core = None

    def drain(self) -> None:
        """Stops accepting, lets messages under way end within `limits.drain_s`, and stops. Blocks."""
        if self._core is not None:
            self._core.drain()
            self.stop()

    def reload(self) -> None:
        """Reads the configuration and its certificates and makes its inspectors anew, for connections from now on.

        Listeners stay as they are bound, `[log]` as it was at `start`, and modules of inspectors as they were imported.
        Raises `SmtpgwError` if anything is wrong, and then goes on as before.
        """
        fresh = _read(self._source)
        entries = self._register(fresh)
        if self._core is not None:
            self._core.reload(fresh.to_core_json(), entries)
        self._config, self._roster = fresh, entries

    def next_records(self, timeout_s: float = 1.0) -> list[dict[str, Any]]:
        """The records since the last call, oldest first; waits for the first at most `timeout_s` seconds.

        Raises `SmtpgwError` unless the gateway was made with `records=True`.
        """
        if not self._records:
            raise SmtpgwError("records are kept if they are asked for: Gateway(..., records=True)")
        if self._core is None:
            return []
        return [json.loads(line) for line in self._core.next_records(timeout_s)]

    def request_stop(self) -> None:
        """Makes `run` drain and return, as SIGTERM does. From any thread."""
        self._wishes.put("drain")

    def run(self) -> None:
        """Serves until SIGTERM or SIGINT, which drain (a second one stops at once). SIGHUP reloads.

        Signals are handled where Python allows it, in the main thread; elsewhere `request_stop` ends it. What is
        allowed but should be known is logged at start and after each reload.
        """
        restore = self._handle_signals()
        try:
            self._warn()
            self.start()
            log = self._config.log
            while self._wishes.get() == "reload":
                try:
                    self.reload()
                    self._warn()
                    if self._config.log != log:
                        LOG.warning("[log] has changed, which counts from the next start")
                    LOG.info("configuration reloaded")
                except SmtpgwError as error:
                    LOG.error("reload refused, the last good configuration stays: %s", error)
                except Exception:  # an inspector's own module may raise anything; mail goes on
                    LOG.exception("reload failed, the last good configuration stays")
            # A thread of its own, so that a second signal can cut it short.
            draining = threading.Thread(target=self._drain_for_run, daemon=True, name="smtpgw-drain")
            draining.start()
            while self._wishes.get() == "reload":
                pass
        finally:
            self.stop()
            restore()

    def __enter__(self) -> Self:
        """Starts."""
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Drains."""
        self.drain()

    async def __aenter__(self) -> Self:
        """Starts, without blocking the event loop."""
        return await asyncio.to_thread(self.start)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        """Drains, without blocking the event loop."""
        await asyncio.to_thread(self.drain)

    def _register(self, config: Config) -> list[RosterEntry]:
        from smtpgw.config.streams import check_roster
        from smtpgw.discovery import build, check_coverage

        entries = roster([*build(config), *self._given])
        check_roster(config, entries)
        check_coverage(config, entries)
        return entries

    def _warn(self) -> None:
        """Logs what is allowed but should be known; of certificates the core does."""
        for warning in (*configuration.warnings(self._config, self._roster), *shortage(self._config)):
            LOG.warning("%s", warning)

    def _drain_for_run(self) -> None:
        if self._core is not None:
            self._core.drain()
        self._wishes.put("drained")

    def _handle_signals(self) -> Callable[[], None]:
        if threading.current_thread() is not threading.main_thread():
            return lambda: None

        def wish(number: int, frame: FrameType | None) -> None:
            # SimpleQueue.put may be called in the middle of itself, as a signal may do.
            self._wishes.put("reload" if number == signal.SIGHUP else "drain")

        before = {each: signal.signal(each, wish) for each in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)}

        def restore() -> None:
            for each, handler in before.items():
                signal.signal(each, handler)

        return restore


def _read(source: Source) -> Config:
    if isinstance(source, Config):
        return source
    if source is None:
        return configuration.default()
    if isinstance(source, Mapping):
        return configuration.parse(source)
    return configuration.load(source) if isinstance(source, Path | str) else source()


LOG = logging.getLogger("smtpgw")
