"""`auth = "relay"`: credentials come in under TLS and go out under TLS, or not at all."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from typing import Any

from smtpgw.config.problems import path_of, shorten
from smtpgw.errors import Problem

__all__ = ["logins"]


def logins(whole: Mapping[str, Any], listeners: list[tuple[int, Mapping[str, Any]]]) -> Iterator[Problem]:
    """Every listener on which `auth` cannot be what it is."""
    backends = whole.get("backend")
    for at, listener in listeners:
        if listener.get("auth") != "relay" or not isinstance(backends, Mapping):
            continue
        path = path_of(["listener", at, "auth"])
        if (tls := listener.get("tls", "starttls")) not in ("starttls", "implicit"):
            reason = f'means nothing to tls = "{tls}": credentials are taken under TLS of our own alone'
            yield Problem(path, reason, "relay", 'set tls = "starttls" or "implicit", or leave auth out')
        names = listener.get("backend")
        for name in names if isinstance(names, list) else [names]:
            if isinstance(name, str) and isinstance(backend := backends.get(name), Mapping):
                yield from _backend(path, name, backend)


def _backend(path: str, name: str, backend: Mapping[str, Any]) -> Iterator[Problem]:
    address = str(backend.get("address", ""))
    if address.startswith("maildir:"):
        yield Problem(path, f"has nobody to ask: backend.{name} is a Maildir", "relay", "leave it out")
    elif backend.get("tls", "opportunistic") in ("none", "opportunistic") and not _is_local(address):
        reason = f"would let credentials go to backend.{name} in clear, by mistake or by attack"
        yield Problem(path, reason, "relay", f'set backend.{shorten(name)}.tls = "verified", or "required"')


def _is_local(address: str) -> bool:
    host = address.rpartition(":")[0].strip("[]") or address
    try:
        return host.lower() == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
