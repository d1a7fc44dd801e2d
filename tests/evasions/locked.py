"""A zip of one member under the traditional encryption (APPNOTE §6.1), which Python reads and does not write."""

from __future__ import annotations

import binascii
import struct

__all__ = ["locked_zip"]


def locked_zip(name: str, content: bytes, password: str) -> bytes:
    """The member is stored; of the twelve octets in front of it only the last, a check, means something."""
    crc = binascii.crc32(content)
    packed = encrypted(b"\x5a" * 11 + bytes([crc >> 24]) + content, password.encode())
    common = struct.pack("<HHHHHIIIHH", 20, 1, 0, 0, 0x21, crc, len(packed), len(content), len(name), 0)
    local = b"PK\3\4" + common + name.encode() + packed
    central = b"PK\1\2" + struct.pack("<H", 20) + common + bytes(14) + name.encode()
    return local + central + struct.pack("<4s4xHHIIH", b"PK\5\6", 1, 1, len(central), len(local), 0)


def encrypted(octets: bytes, password: bytes) -> bytes:
    """The octets by the keys of the password."""
    keys = [0x12345678, 0x23456789, 0x34567890]

    def update(octet: int) -> None:
        keys[0] = step(keys[0], octet)
        keys[1] = ((keys[1] + (keys[0] & 0xFF)) * 0x08088405 + 1) & 0xFFFFFFFF
        keys[2] = step(keys[2], keys[1] >> 24)

    for octet in password:
        update(octet)
    out = bytearray()
    for octet in octets:
        mix = keys[2] & 0xFFFF | 2
        out.append(octet ^ (mix * (mix ^ 1) >> 8 & 0xFF))
        update(octet)
    return bytes(out)


def step(crc: int, octet: int) -> int:
    """One step of the sum, without what is done at its beginning and end."""
    return binascii.crc32(bytes([octet]), crc ^ 0xFFFFFFFF) ^ 0xFFFFFFFF
