"""The kinds of value that a configuration has beside plain text and numbers: sizes, durations, counts, paths.

Each is an annotated type for pydantic whose errors carry a reason in words and, where one can be given, a hint.
Relative paths stay as they were written here; `smtpgw.config.load` makes them absolute, which knows the file.
"""

from __future__ import annotations

import ipaddress
import re
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, TypeAlias

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_core import PydanticCustomError

__all__ = [
    "LATER",
    "Address",
    "BackendAddress",
    "Count",
    "Domain",
    "File",
    "Hostname",
    "Network",
    "Pin",
    "Seconds",
    "Size",
    "parse_size",
    "wrong",
]


def wrong(reason: str, hint: str | None = None) -> PydanticCustomError:
    """The error that a validator raises: half a sentence, and what to write instead."""
    # Braces would be taken for places to fill in.
    return PydanticCustomError("smtpgw", "{reason}", {"reason": reason, "hint": hint})


def parse_size(value: Any) -> int:  # noqa: ANN401
    """Octets from `"25 MiB"`, `"500 B"` or a plain number of octets."""
    if isinstance(value, int) and not isinstance(value, bool):
        octets = value
    elif isinstance(value, str) and (match := SIZE.fullmatch(value.strip())):
        unit = UNITS.get((match["unit"] or "B").lower())
        if unit is None:
            raise wrong(f"{match['unit']} is no unit of size", f"the units are {', '.join(SPELLED)}")
        exactly = Fraction(match["number"]) * unit
        if exactly.denominator != 1:
            raise wrong("is no whole number of octets")
        octets = exactly.numerator
    else:
        raise wrong("is no size", 'write a number with a unit: "25 MiB"')
    if not 0 <= octets < TOO_MANY_OCTETS:
        raise wrong("is out of range", "at least 1 B, and below 8 PiB")
    return octets


def _positive(octets: int) -> int:
    if octets == 0:
        raise wrong("is no limit", "write at least 1 B")
    return octets


def _seconds(value: Any) -> float:  # noqa: ANN401
    if isinstance(value, str):
        meant = DURATION.fullmatch(value.strip())
        seconds = float(meant["number"]) * SECONDS[meant["unit"].lower()] if meant else 30.0
        raise wrong("is text", f"write a plain number of seconds: {seconds:g}")
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise wrong("is no number of seconds")
    if not 0 < value <= A_DAY:
        raise wrong("is out of range", "above 0 and at most 86400 seconds")
    return float(value)


def _count(value: Any) -> int:  # noqa: ANN401
    if isinstance(value, bool) or not isinstance(value, int):
        raise wrong("is no whole number")
    if not 0 < value <= MOST:
        raise wrong("is out of range", f"at least 1 and at most {MOST}")
    return value


def _file(value: Any) -> Path:  # noqa: ANN401
    if isinstance(value, Path):
        return value
    if not isinstance(value, str) or not value or "\0" in value:
        raise wrong("is no path")
    return Path(value)


def _hostname(value: str) -> str:
    # RFC 5321 §4.1.2 Domain, RFC 1035 §2.3.4 for the lengths.
    if len(value) > 253 or not all(LABEL.fullmatch(label) for label in value.split(".")):
        raise wrong("is no host name", 'letters, digits, hyphens and dots: "mx1.example.org"')
    return value


def _domain(value: str) -> str:
    if value == "*":
        return value
    if value.startswith(("*.", ".", "@")):
        raise wrong("is no domain", f'every domain is named in full: "{value.lstrip("*.@")}"')
    return _hostname(value.lower())


def _address(value: str, *, ours: bool = True) -> str:
    host, colon, port = value.rpartition(":")
    if not colon or (":" in host and not host.startswith("[")):
        if value.count(":") > 1:
            value = f"[{value.strip('[]')}]"
        missing = f"{value}:25" if value and not value.isdigit() else f"{ANY if ours else LOOPBACK}:{value or 25}"
        raise wrong("has no port", f'write "{missing}"')
    if host in ("", "*"):
        hint = f'write "{ANY}:{port}", or "[::]:{port}" for IPv6 as well' if ours else f'write "{LOOPBACK}:{port}"'
        raise wrong("has no host", hint)
    if not (port.isascii() and port.isdigit() and int(port) <= 65_535):
        raise wrong(f"{port or 'nothing'} is no port", "0 to 65535")
    if host.startswith("[") and host.endswith("]"):
        try:
            ipaddress.IPv6Address(host[1:-1])
        except ValueError:
            raise wrong(f"{host} is no IPv6 address") from None
    elif NUMBERS.fullmatch(host):
        try:
            ipaddress.IPv4Address(host)
        except ValueError:
            raise wrong(f"{host} is no IPv4 address") from None
    else:
        _hostname(host)
    return value


def _backend_address(value: str) -> str:
    if value.startswith("maildir:"):
        if value == "maildir:":
            raise wrong("names no folder", 'write "maildir:/var/lib/smtpgw/mail"')
        return value
    if value.startswith(("smtp:", "smtps:", "lmtp:", "unix:", "/")):
        raise wrong("is no kind of backend", 'write "host:port" (SMTP) or "maildir:/folder"')
    if _address(value, ours=False).endswith(":0"):
        raise wrong("0 is no port to connect to")
    return value


def _network(value: str) -> str:
    try:
        return str(ipaddress.ip_network(value))
    except ValueError:
        pass
    try:
        meant = ipaddress.ip_network(value, strict=False)
    except ValueError:
        raise wrong("is no address or network", 'write "192.0.2.7" or "192.0.2.0/24"') from None
    raise wrong("has bits set behind its prefix", f'write "{meant}", or one address')


def _pin(value: str) -> str:
    if not PIN.fullmatch(value):
        how = "openssl x509 -in FILE -pubkey -noout | openssl pkey -pubin -outform DER | sha256sum"
        raise wrong("is no SHA-256 in 64 hexadecimal digits", how)
    return value.lower()


LATER = frozenset(("process", "syslog"))
"""Words of the contract that a later version builds: known, and refused."""

SIZE = re.compile(r"(?P<number>[0-9]{1,18}(?:\.[0-9]{1,3})?)\s*(?P<unit>[A-Za-z]*)")
SPELLED = ("B", "KiB", "MiB", "GiB", "TiB", "kB", "MB", "GB", "TB")
UNITS = {"b": 1, "kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30, "tib": 1 << 40}
UNITS |= {"kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12}
TOO_MANY_OCTETS = 1 << 53
DURATION = re.compile(r"(?P<number>[0-9]{1,9}(?:\.[0-9]{1,9})?)\s*(?P<unit>|ms|s|sec|m|min|h|d)", re.IGNORECASE)
SECONDS = {"": 1.0, "ms": 0.001, "s": 1.0, "sec": 1.0, "m": 60.0, "min": 60.0, "h": 3_600.0, "d": 86_400.0}
ANY, LOOPBACK = "0.0.0.0", "127.0.0.1"  # noqa: S104
A_DAY = 86_400
MOST = (1 << 31) - 1
LABEL = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)")
PIN = re.compile(r"[0-9A-Fa-f]{64}")
NUMBERS = re.compile(r"[0-9.]+")

Size: TypeAlias = Annotated[int, BeforeValidator(parse_size), AfterValidator(_positive)]
"""Octets."""
Seconds: TypeAlias = Annotated[float, BeforeValidator(_seconds)]
"""A duration."""
Count: TypeAlias = Annotated[int, BeforeValidator(_count)]
"""A whole number of things, at least one."""
File: TypeAlias = Annotated[Path, BeforeValidator(_file)]
"""A file or folder, relative to the configuration file."""
Hostname: TypeAlias = Annotated[str, Field(strict=True), AfterValidator(_hostname)]
"""A host name."""
Network: TypeAlias = Annotated[str, Field(strict=True), AfterValidator(_network)]
"""A network, or one address."""
Pin: TypeAlias = Annotated[str, Field(strict=True), AfterValidator(_pin)]
"""SHA-256 of a public key."""
Domain: TypeAlias = Annotated[str, Field(strict=True), AfterValidator(_domain)]
"""A domain of recipients, or `*`."""
Address: TypeAlias = Annotated[str, Field(strict=True), AfterValidator(_address)]
"""`host:port` or `[ipv6]:port`."""
BackendAddress: TypeAlias = Annotated[str, Field(strict=True), AfterValidator(_backend_address)]
"""`host:port`, `[ipv6]:port` or `maildir:/folder`."""
