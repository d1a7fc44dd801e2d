"""`[decode]`: how far decoding and unpacking go, and what becomes of what they did not reach."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from smtpgw.config.table import Table
from smtpgw.config.units import Count, Seconds, Size

__all__ = ["Archive", "Decode", "Unscanned"]


class Archive(Table):
    """How far containers are unpacked; shared by all containers of one message. A limit that is hit is `mailbomb`,
    `nested`, `files_limit` or `timeout` in `[decode.unscanned]`."""

    total: Size = 100 << 20
    """Unpacked octets."""
    member: Size = 50 << 20
    """Unpacked octets of one member."""
    ratio: Count = 200
    """Unpacked octets for each packed one."""
    members: Count = 10_000
    """Members."""
    depth: Count = 8
    """Containers in containers."""
    seconds: Seconds = 10.0
    """Time of a processor that unpacking one message may take, seconds; what is above it is `timeout`."""
    concurrency: Count = 8
    """Messages whose containers are opened at a time. Each may take 72 MiB for the window of a decoder. One that finds
    no place within `seconds`, on the wall, stays closed, which is `timeout`."""


Word: TypeAlias = Annotated[str, Field(min_length=1, max_length=128, strict=True)]
Format: TypeAlias = Literal[
    "zip", "gzip", "bzip2", "xz", "lzma", "zstd", "tar", "7z", "rar",
    "ar", "cpio", "cab", "cfb", "rtf", "packed_rtf", "office_xml", "embedded", "active_mime", "pdf",
    "cms", "iso", "ace", "arj", "lha", "tnef", "other",
]  # fmt: skip


UnscannedAction: TypeAlias = Literal["reject", "quarantine", "defer", "tag", "accept"]


class Unscanned(Table):
    """What happens to a message of which something could not be scanned, by reason: `reject` (5yz), `quarantine`,
    `defer` (4yz), `tag` (pass with a header field, `X-Smtpgw-Unscanned`, that names the reasons) or `accept` (pass, in
    the record alone)."""

    encrypted: UnscannedAction = "tag"
    """Needs a password."""
    corrupted: UnscannedAction = "tag"
    """Cannot be read at all."""
    partially_corrupted: UnscannedAction = "tag"
    """Read up to the damage."""
    multipart: UnscannedAction = "tag"
    """One volume of several."""
    nested: UnscannedAction = "reject"
    """Deeper than the limit."""
    mailbomb: UnscannedAction = "reject"
    """Unpacks to more than the limits allow."""
    files_limit: UnscannedAction = "reject"
    """More members or parts than the limit."""
    timeout: UnscannedAction = "defer"
    """Took longer than the limit."""
    unhandled: UnscannedAction = "tag"
    """A container that cannot be opened here."""
    disabled_format: UnscannedAction = "tag"
    """A container that is switched off."""
    oversize: UnscannedAction = "tag"
    """Larger than an inspector takes."""
    ambiguous: UnscannedAction = "reject"
    """More plausible readings than the limit."""
    partial_message: UnscannedAction = "reject"
    """`message/partial`: the rest is elsewhere."""
    inspector_down: UnscannedAction = "tag"
    """An inspector did not answer, and its own policy lets the message go on."""


class Decode(Table):
    """How far decoding goes, and what happens to what could not be scanned."""

    depth: Count = 50
    """Nested MIME entities."""
    parts: Count = 10_000
    """Parts of one message, shared by all that comes out of it: its own, members of archives, files within texts,
    parts of attached messages."""
    total_ratio: Count = 4
    """Decoded octets of one message, shared in the same way, as a multiple of `limits.message_size`."""
    header: Size = 1 << 20
    """The largest header of one entity."""
    fields: Count = 2_000
    """Fields of one header."""
    readings: Count = 64
    """Further readings of one message that are tried where programs differ in how they read it; more of them make it
    `ambiguous`."""
    cpu_s: Seconds = 30.0
    """CPU time that one message may take for decoding, unpacking and further readings, seconds; above it is
    `timeout`."""
    passwords: Annotated[list[Word], Field(max_length=1_000)] = ["infected", "password", "1234"]
    """Words that are tried on every encrypted zip, 7z and PDF, behind those that the message itself says before it. No
    secrets: `smtpgw check` shows them. A PDF under an empty password needs none."""
    password_tries: Annotated[int, Field(ge=0, le=10_000, strict=True)] = 100
    """Words that are tried for one message, on all of its archives together, 0 for none; a 7z takes up to a tenth of a
    second of CPU time for each. What none of them opens is `encrypted`, and so is what may open to something else with
    another word: a 7z, a zip that is not by AES, a PDF by AES of 256 bits."""
    archive: Archive = Archive()
    """How far containers are unpacked."""
    disabled_formats: list[Format] = []
    """Formats of containers that are not opened; one of them is `disabled_format`. `zip` includes what is built on it:
    docx, xlsx, jar; `cfb` is doc, xls, msg; `packed_rtf` is the body of a msg; `office_xml` is a docx in one file of
    XML; `embedded` is what stands in pages, scripts, calendars, cards and armour as base64 or percent codes;
    `active_mime` is what Office packs macros in where the document is text (`.mso`); `pdf` is opened for its files,
    scripts and packed objects; `cms` is p7m, S/MIME that is signed; `other` is what is known by sight and not opened,
    such as images of disks."""
    unscanned: Unscanned = Unscanned()
    """The action for each reason."""
