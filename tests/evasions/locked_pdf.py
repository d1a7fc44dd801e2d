"""A PDF that is encrypted under the empty word of the user (ISO 32000-1 §7.6, ISO 32000-2 §7.6), so that every program
opens it without a question. By hand, for nothing that writes PDFs writes odd ones.

AES is that of `cryptography`, which comes with trustme.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

__all__ = ["SCHEMES", "Lock"]

PADDING = bytes.fromhex("28bf4e5e4e758a4164004e56fffa01082e2e00b6d0683e802f0ca9fe6453697a")
ID = b"an identifier of"
OWNER = bytes(range(48))
PERMISSIONS = 0xFFFFFFFC


@dataclass(frozen=True)
class Scheme:
    """What a dictionary says: `/V`, `/R`, octets of the key, `/CFM`."""

    version: int
    revision: int
    size: int
    method: Literal["V2", "AESV2", "AESV3"]


SCHEMES = {
    "RC4 of 40 bits": Scheme(1, 2, 5, "V2"), "RC4 of 128 bits": Scheme(2, 3, 16, "V2"),
    "a crypt filter of RC4": Scheme(4, 4, 16, "V2"), "AES of 128 bits": Scheme(4, 4, 16, "AESV2"),
    "AES of 256 bits, early": Scheme(5, 5, 32, "AESV3"), "AES of 256 bits": Scheme(5, 6, 32, "AESV3"),
}  # fmt: skip


class Lock:
    """A key, and the dictionary that belongs to it."""

    def __init__(self, scheme: Scheme, *, is_owners: bool = False) -> None:
        """`is_owners`: the empty word is also that of the owner, and as such it gives another key, which is taken."""
        self.scheme, owner = scheme, OWNER[:32]
        if scheme.version == 5:
            self.key = hashlib.sha256(b"a key").digest()
            salts = b"validatekey salt"
            user, owner, owner_key = self._hash(salts[:8]) + salts, OWNER, OWNER[:32]
            more = b"/UE" + hexed(aes(self._hash(salts[8:]), bytes(16), self.key))
            if is_owners:
                self.key = hashlib.sha256(b"another").digest()
                owner = self._hash(salts[:8], user) + salts
                owner_key = aes(self._hash(salts[8:], user), bytes(16), self.key)
            more += b"/OE" + hexed(owner_key) + b"/Perms" + hexed(OWNER[:16])
        else:
            self.key = key = self._from_word()
            if scheme.revision == 2:
                user = rc4(key, PADDING)
            else:
                user = hashlib.md5(PADDING + ID).digest()  # noqa: S324 (the format's)
                for number in range(20):
                    user = rc4(bytes(octet ^ number for octet in key), user)
                user += bytes(16)
            more = b"/Length %d" % (8 * scheme.size)
        if scheme.version >= 4:
            more += f"/StmF/StdCF/StrF/StdCF/CF<</StdCF<</CFM/{scheme.method}>>>>".encode()
        head = f"<</Filter/Standard/V {scheme.version}/R {scheme.revision}/P {PERMISSIONS}".encode()
        self.dictionary = head + b"/O" + hexed(owner) + b"/U" + hexed(user) + more + b">>"
        self.trailer = b"trailer<</Root 1 0 R/Encrypt 9 0 R/ID[" + hexed(ID) * 2 + b"]>>\n"

    def _from_word(self) -> bytes:
        key = hashlib.md5(PADDING + OWNER[:32] + PERMISSIONS.to_bytes(4, "little") + ID).digest()  # noqa: S324
        for _ in range(50 if self.scheme.revision > 2 else 0):
            key = hashlib.md5(key[: self.scheme.size]).digest()  # noqa: S324
        return key[: self.scheme.size]

    def _hash(self, salt: bytes, user: bytes = b"") -> bytes:
        """Algorithm 2.B of ISO 32000-2, of a salt and, for the owner, what is held for the user."""
        made, number, last = hashlib.sha256(salt + user).digest(), 0, 0
        if self.scheme.revision == 5:
            return made
        while number < 64 or last + 32 > number:
            encrypted = aes(made[:16], made[16:32], (made + user) * 64)
            kind: Callable = (hashlib.sha256, hashlib.sha384, hashlib.sha512)[sum(encrypted[:16]) % 3]
            made, number, last = kind(encrypted).digest(), number + 1, encrypted[-1]
        return made[:32]

    def encrypt(self, number: int, octets: bytes) -> bytes:
        """Octets of the object of this number."""
        filled = octets + bytes([16 - len(octets) % 16]) * (16 - len(octets) % 16)
        start = hashlib.sha256(octets).digest()[:16]
        if self.scheme.method == "AESV3":
            return start + aes(self.key, start, filled)
        salt = b"sAlT" if self.scheme.method == "AESV2" else b""
        own = hashlib.md5(self.key + number.to_bytes(3, "little") + bytes(2) + salt).digest()  # noqa: S324
        own = own[: min(len(self.key) + 5, 16)]
        return start + aes(own, start, filled) if salt else rc4(own, octets)

    def text(self, number: int, text: bytes) -> bytes:
        """A string of that object."""
        return hexed(self.encrypt(number, text))

    def stream(self, number: int, dictionary: str, octets: bytes) -> bytes:
        """That object, as a stream."""
        data = self.encrypt(number, octets)
        head = f"{number} 0 obj<<{dictionary}/Length {len(data)}>>stream\n".encode()
        return head + data + b"\nendstream endobj\n"

    def pdf(self, *objects: bytes) -> bytes:
        """A file of these objects, the dictionary and the trailer behind them."""
        return b"%PDF-1.7\n" + b"".join(objects) + b"9 0 obj" + self.dictionary + b"endobj\n" + self.trailer


def hexed(octets: bytes) -> bytes:
    return b"<" + octets.hex().encode() + b">"


def rc4(key: bytes, octets: bytes) -> bytes:
    state, j = list(range(256)), 0
    for i in range(256):
        j = (j + state[i] + key[i % len(key)]) % 256
        state[i], state[j] = state[j], state[i]
    out, i, j = bytearray(), 0, 0
    for octet in octets:
        i = (i + 1) % 256
        j = (j + state[i]) % 256
        state[i], state[j] = state[j], state[i]
        out.append(octet ^ state[(state[i] + state[j]) % 256])
    return bytes(out)


def aes(key: bytes, start: bytes, octets: bytes) -> bytes:
    encryptor = Cipher(algorithms.AES(key), modes.CBC(start)).encryptor()
    return encryptor.update(octets) + encryptor.finalize()
