"""What needs more than one key or a look at the disk: rule O1, names that must exist, folders.

Works on a whole `Config`, or on the raw tables of one that has mistakes, where it checks what it can. `warnings`
are about what is allowed but should be known. Certificates and keys are looked at in `smtpgw.config.credentials`.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from smtpgw.config.backend import Backend
from smtpgw.config.logins import logins
from smtpgw.config.model import Config, InspectorTable
from smtpgw.config.problems import meant, path_of, shorten
from smtpgw.config.streams import streams
from smtpgw.errors import Problem
from smtpgw.inspector import RosterEntry

__all__ = ["cross_check", "warnings"]


def cross_check(config: Config | Mapping[str, Any], base: Path, *, files: bool = True) -> list[Problem]:
    """Every mistake; with `files = False` without a look at the disk."""
    whole = config.model_dump() if isinstance(config, Config) else config
    listeners = [(at, table) for at, table in enumerate(_list(whole, "listener")) if isinstance(table, Mapping)]
    problems = [*_backends(whole, listeners), *_tunnels(whole, listeners), *_addresses(listeners)]
    problems += [*_scores(whole), *streams(whole), *logins(whole, listeners)]
    return [*problems, *_folders(whole, base)] if files else problems


def warnings(config: Config, entries: Sequence[RosterEntry] | None = None) -> list[str]:
    """What is allowed but should be known, a sentence each.

    `entries` are the inspectors as they are registered: with what their classes say, and those that Python gave.
    Without them it is their tables that are looked at.
    """
    said: list[str] = []
    for at, listener in enumerate(config.listener):
        where = f"listener[{at}] ({listener.address})"
        if "*" in listener.recipient_domains:
            said.append(f'{where} takes mail for any domain (recipient_domains = ["*"])')
        for key in ("proxy_protocol_from", "xclient_from"):
            for network in getattr(listener, key):
                if ipaddress.ip_network(network).prefixlen == 0:
                    said.append(f"{where} lets anybody be anybody ({key} names {network})")
        if listener.tls == "tunnel":
            said.append(f'{where} inspects nothing that comes under TLS (tls = "tunnel")')
            if listener.recipient_domains and "*" not in listener.recipient_domains:
                said.append(f"{where} cannot hold a tunnel to recipient_domains: the server behind decides")
        if _is_local(listener.address):
            continue
        if listener.tls == "none":
            said.append(f'{where} never offers STARTTLS (tls = "none")')
        if "self-signed" in listener.certificates:
            said.append(f"{where} shows a self-signed certificate, which senders that check will refuse")
        if listener.client_certificate == "require":
            said.append(f'{where} takes no mail from senders without a certificate (client_certificate = "require")')
        if config.hostname == "localhost":
            said.append(f'{where} greets the world as "localhost": set hostname')
    for name, backend in config.backend.items():
        if backend.pool and (why := _unpooled(backend)):
            said.append(f"backend.{name}.pool keeps no connection: {why}")
    tables = [(f"inspector[{at}] ({table.use})", table) for at, table in enumerate(config.inspector)]
    judges = tables if entries is None else [(f"inspector {entry.name}", entry) for entry in entries]
    if not any(judge.mode != "off" for _, judge in judges):
        said.append("the configuration names no inspector")
    for where, judge in judges:
        if judge.mode != "shadow" and "accept" in (judge.on_error, judge.on_timeout):
            said.append(f"{where} lets mail pass when it fails")
    for where, table in tables:
        if table.timeout_s is not None and table.timeout_s > config.verdict.budget_s:
            said.append(f"{where}: timeout_s is above verdict.budget_s, which ends it sooner")
    return [*said, *_never_kept(config, judges)]


def _never_kept(config: Config, judges: Sequence[tuple[str, InspectorTable | RosterEntry]]) -> Iterator[str]:
    """What asks for a quarantine that is not there: such mail is deferred until its sender gives up."""
    if config.quarantine is not None:
        return
    why = "defers such mail until its sender gives up: there is no [quarantine]"
    for reason in type(config.decode.unscanned).model_fields:
        if getattr(config.decode.unscanned, reason) == "quarantine":
            yield f'decode.unscanned.{reason} = "quarantine" {why}'
    for at, table in enumerate(config.inspector):
        if table.arguments.get("action") == "quarantine" and table.mode in (None, "enforce"):
            yield f'inspector[{at}].action = "quarantine" {why}'
    for where, judge in judges:
        for key in ("on_error", "on_timeout"):
            if judge.mode != "shadow" and getattr(judge, key) == "quarantine":
                yield f'{where}: {key} = "quarantine" {why}'


def _backends(whole: Mapping[str, Any], listeners: list[tuple[int, Mapping[str, Any]]]) -> Iterator[Problem]:
    backends = whole.get("backend")
    if not isinstance(backends, Mapping):
        return
    for name, backend in backends.items():
        if not isinstance(backend, Mapping):
            continue
        maildir = str(backend.get("address", "")).startswith("maildir:")
        if maildir and backend.get("identity", "none") != "none":
            path = path_of(["backend", name, "identity"])
            yield Problem(path, "means nothing to a Maildir", shorten(backend["identity"]), "leave it out")
        if maildir and backend.get("tls") in ("required", "verified"):
            path = path_of(["backend", name, "tls"])
            yield Problem(path, "means nothing to a Maildir", shorten(backend["tls"]), "leave it out")
        yield from _verification(name, backend)
    for at, listener in listeners:
        yield from _used(at, listener, backends)


def _used(at: int, listener: Mapping[str, Any], backends: Mapping[str, Any]) -> Iterator[Problem]:
    """The backends that a listener names: they exist, and none of them trusts us blindly (rule O1)."""
    routes = listener.get("routes")
    places: list[tuple[list[str | int], Any]] = [(["listener", at, "backend"], listener.get("backend"))]
    if isinstance(routes, Mapping):
        places += [(["listener", at, "routes", str(domain)], names) for domain, names in routes.items()]
    trusting: list[str] = []
    for path, names in places:
        for name in [names] if isinstance(names, str) else names if isinstance(names, list) else []:
            backend = backends.get(name) if isinstance(name, str) else None
            if isinstance(backend, Mapping):
                if backend.get("identity", "none") in ("none", "xforward") and name not in trusting:
                    trusting.append(name)
            elif isinstance(name, str) and name not in backends:
                there = f"there are: {', '.join(map(str, backends))}" if backends else None
                hint = meant(name, map(str, backends)) or there
                yield Problem(path_of(path), f"there is no [backend.{name}]", shorten(name), hint)
    if not listener.get("recipient_domains"):
        for name in trusting[:1]:
            yield Problem(
                path_of(["listener", at, "recipient_domains"]),
                f"is empty, and backend.{name} does not learn the client's address, which makes an open relay",
                hint=f'name the domains to take mail for, or set backend.{name}.identity = "xclient"; '
                'recipient_domains = ["*"] takes any',
            )


def _verification(name: str, backend: Mapping[str, Any]) -> Iterator[Problem]:
    verified = backend.get("tls") == "verified"
    if verified and not backend.get("ca") and not backend.get("pin"):
        hint = 'name the authority (ca = "ca.pem"), or the key (pin = ["..."])'
        yield Problem(path_of(["backend", name, "tls"]), "has nothing to verify against", "verified", hint)
    for key in ("ca", "name", "pin"):
        if backend.get(key) and not verified:
            reason = 'is looked at by tls = "verified" alone, and would promise a check that is not made'
            yield Problem(path_of(["backend", name, key]), reason, shorten(str(backend[key])), 'set tls = "verified"')


def _tunnels(whole: Mapping[str, Any], listeners: list[tuple[int, Mapping[str, Any]]]) -> Iterator[Problem]:
    backends = whole.get("backend")
    for at, listener in listeners:
        if listener.get("tls") != "tunnel" or not isinstance(backends, Mapping):
            continue
        if listener.get("routes"):
            reason = "cannot be: recipients are not seen in a tunnel"
            yield Problem(path_of(["listener", at, "routes"]), reason, hint="leave them out")
        names = listener.get("backend")
        for name in names if isinstance(names, list) else [names]:
            if isinstance(name, str) and isinstance(backend := backends.get(name), Mapping):
                yield from _tunnel(at, listener, name, backend)


def _tunnel(at: int, listener: Mapping[str, Any], name: str, backend: Mapping[str, Any]) -> Iterator[Problem]:
    path = path_of(["listener", at, "tls"])
    if str(backend.get("address", "")).startswith("maildir:"):
        yield Problem(path, f"has nowhere to lead: backend.{name} is a Maildir", shorten("tunnel"))
    elif backend.get("identity", "none") in ("none", "xforward") and "*" not in (
        listener.get("recipient_domains") or []
    ):
        reason = f"shows us no recipients, and backend.{name} does not learn the client's address: an open relay"
        yield Problem(path, reason, shorten("tunnel"), f'set backend.{name}.identity = "xclient"')


def _addresses(listeners: list[tuple[int, Mapping[str, Any]]]) -> Iterator[Problem]:
    first: dict[str, int] = {}
    for at, listener in listeners:
        asks = listener.get("client_certificate", "off")
        if (tls := listener.get("tls")) in ("none", "external", "tunnel") and asks != "off":
            reason = f'means nothing to tls = "{tls}": a certificate is shown to us under TLS'
            yield Problem(path_of(["listener", at, "client_certificate"]), reason, shorten(asks), "leave it out")
        if listener.get("tls") == "external" and not (
            listener.get("proxy_protocol_from") or listener.get("xclient_from")
        ):
            reason = "needs somebody who ends TLS and says so"
            yield Problem(
                path_of(["listener", at, "tls"]),
                reason,
                "external",
                "name its network in proxy_protocol_from or xclient_from",
            )
        if not listener.get("certificates") and listener.get("tls", "starttls") in ("starttls", "implicit"):
            hint = 'name a chain and its key, or ["self-signed"] to try things out'
            yield Problem(path_of(["listener", at, "certificates"]), "is empty, and TLS needs a certificate", hint=hint)
        address = listener.get("address")
        if not isinstance(address, str) or address.endswith(":0"):
            continue
        if listener.get("tls") == "implicit" and address.endswith(":25"):
            reason = "cannot be on port 25, where senders speak plaintext until they say STARTTLS"
            yield Problem(path_of(["listener", at, "tls"]), reason, "implicit", 'use "starttls", or another port (465)')
        if address in first:
            same = f"is the address of listener[{first[address]}] as well"
            yield Problem(path_of(["listener", at, "address"]), same, shorten(address))
        first.setdefault(address, at)


def _scores(whole: Mapping[str, Any]) -> Iterator[Problem]:
    verdict = whole.get("verdict")
    if not isinstance(verdict, Mapping):
        return
    tag, reject = verdict.get("tag_score", 6.0), verdict.get("reject_score", 15.0)
    if isinstance(tag, int | float) and isinstance(reject, int | float) and tag > reject:
        reason = f"is above verdict.reject_score ({reject}), so that nothing would ever be tagged"
        yield Problem("verdict.tag_score", reason, shorten(tag))


def _folders(whole: Mapping[str, Any], base: Path) -> Iterator[Problem]:
    spool = whole.get("spool")
    if isinstance(spool, Mapping) and isinstance(spool.get("path"), str | Path):
        folder = base / spool["path"]
        if reason := _closed(folder):
            yield Problem("spool.path", reason, shorten(str(folder)))
        elif not os.path.isdir(folder):
            yield Problem("spool.path", "is no folder", shorten(str(folder)), f"make it: mkdir -p {folder}")
        elif not os.access(folder, os.W_OK | os.X_OK):
            yield Problem("spool.path", "is a folder we may not write to", shorten(str(folder)))
    for path in _created(whole):
        value: Any = whole
        for step in path:
            value = value.get(step) if isinstance(value, Mapping) else None
        if isinstance(value, str | Path):
            text = str(value)
            if path[0] == "backend" and not text.startswith("maildir:"):
                continue
            folder = base / Path(text.removeprefix("maildir:")).expanduser()
            if path == ["log", "file"]:
                yield from _log_file(folder)
                continue
            if reason := _uncreatable(folder):
                yield Problem(path_of(path), reason, shorten(text))


def _created(whole: Mapping[str, Any]) -> list[list[str | int]]:
    """Keys of the folders that the gateway makes itself, if it may, and of the log, whose folder has to be there."""
    backends = whole.get("backend")
    names = [str(name) for name in backends] if isinstance(backends, Mapping) else []
    keys: list[list[str | int]] = [["backend", name, "address"] for name in names]
    return [["quarantine", "path"], ["log", "file"], *keys]


def _log_file(file: Path) -> Iterator[Problem]:
    """It is opened before anything is served, and its folder is the administrator's to make."""
    value = shorten(str(file))
    if reason := _closed(file):
        yield Problem("log.file", reason, value)
    elif os.path.isdir(file):
        yield Problem("log.file", "is a folder", value, f"name a file in it: {file / 'smtpgw.log'}")
    elif not os.path.exists(file.parent):
        yield Problem("log.file", "is in a folder that is not there", value, f"make it: mkdir -p {file.parent}")
    elif not os.path.isdir(file.parent):
        yield Problem("log.file", f"cannot be: {file.parent} is no folder", value)
    elif not os.access(file if os.path.exists(file) else file.parent, os.W_OK):
        yield Problem("log.file", "may not be written to by us", value)


def _uncreatable(folder: Path) -> str | None:
    there = _nearest(folder)
    if not os.path.isdir(there):
        return f"cannot be: {there} is no folder"
    return None if os.access(there, os.W_OK | os.X_OK) else f"cannot be: we may not write to {there}"


def _closed(path: Path) -> str | None:
    """Why nobody can tell whether `path` is there, if nobody can."""
    there = _nearest(path)
    return f"is behind a folder that we may not enter: {there}" if there != path and _unsearchable(there) else None


def _unsearchable(folder: Path) -> bool:
    return os.path.isdir(folder) and not os.access(folder, os.X_OK)


def _nearest(path: Path) -> Path:
    """`path`, or what of it is there. What may not be looked at counts as not there, where `Path.exists` raises."""
    return next((place for place in (path, *path.parents) if os.path.exists(place)), Path("/"))


def _unpooled(backend: Backend) -> str | None:
    """Why a connection to `backend` serves one client alone."""
    if backend.address.startswith("maildir:"):
        return "a Maildir has none"
    if backend.identity in ("xclient", "none"):
        return None
    return f'with identity = "{backend.identity}" each is one client\'s alone ("xclient" and "none" allow for more)'


def _is_local(address: str) -> bool:
    host = address.rpartition(":")[0].strip("[]")
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _list(whole: Mapping[str, Any], key: str) -> list[Any]:
    value = whole.get(key)
    return value if isinstance(value, list) else []
