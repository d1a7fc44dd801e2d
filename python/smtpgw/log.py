"""Log lines of the Python side in the form of the core's records: one JSON object a line, or `key=value`.

The core writes the records of mail by itself. What is left for Python's `logging` is rare: reloads, block lists read
again, a warning about the configuration. Libraries never configure logging: only the command line calls `configure`.
"""

from __future__ import annotations

import datetime
import json
import logging
import logging.handlers
import os
import sys
from io import TextIOWrapper

from smtpgw.config.model import Log
from smtpgw.errors import SmtpgwError

__all__ = ["configure"]


def configure(settings: Log) -> None:
    """Sends the `smtpgw` loggers to where the core's records go, in their form. Raises `SmtpgwError`."""
    handler: logging.Handler
    if settings.file is None:
        handler = logging.StreamHandler(sys.stderr)
    else:
        try:
            handler = _File(settings.file, encoding="utf-8")
        except OSError as error:
            raise SmtpgwError(f"log.file: {settings.file} cannot be opened: {error.strerror}") from error
    handler.handleError = _lost  # type: ignore[method-assign]
    handler.setFormatter(_Lines(as_json=settings.format == "json"))
    logger = logging.getLogger("smtpgw")
    logger.handlers = [handler]
    logger.propagate = False
    logger.setLevel(settings.level.upper())


class _File(logging.handlers.WatchedFileHandler):
    """A file that is opened anew when it has been moved away, as the core does with its own."""

    def _open(self) -> TextIOWrapper:
        # Not for everybody to read, if it is made here.
        os.close(os.open(self.baseFilename, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o640))
        return super()._open()

    def emit(self, record: logging.LogRecord) -> None:
        try:
            super().emit(record)
        except OSError:
            self.handleError(record)


def _lost(record: logging.LogRecord) -> None:
    """A full disk is told by the core, of the records that it loses; a traceback of ours would help nobody."""


class _Lines(logging.Formatter):
    def __init__(self, *, as_json: bool) -> None:
        super().__init__()
        self._as_json = as_json

    def format(self, record: logging.LogRecord) -> str:
        time = datetime.datetime.fromtimestamp(record.created, datetime.UTC)
        fields = {
            "time": time.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "event": "notice",
            "message": record.getMessage(),
        }
        if record.name != "smtpgw":
            fields["logger"] = record.name
        if record.exc_info:
            fields["traceback"] = self.formatException(record.exc_info)
        if self._as_json:
            return json.dumps(fields, ensure_ascii=False)
        return " ".join(f"{key}={_quoted(value)}" for key, value in fields.items())


def _quoted(value: str) -> str:
    plain = value.isprintable() and value and not set(value) & set(' ="\\')
    return value if plain else json.dumps(value, ensure_ascii=False)
