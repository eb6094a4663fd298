"""The passwords of terminal operators, kept as Argon2id hashes (RFC 9106) in the PHC string format."""

from __future__ import annotations

import os
import re
from base64 import b64decode
from typing import Final

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from switch.errors import ConfigurationError

# The least that OWASP's Password Storage Cheat Sheet recommends.
MEMORY_KIB: Final = 19 * 1024
ITERATIONS: Final = 2
LANES: Final = 1
SALT_BYTES: Final = 16
HASH_BYTES: Final = 32
MEMORY_KIB_MAX: Final = 256 * 1024
"""A stored hash may be of other parameters than today's, but must not take the machine's memory."""

_PHC: Final = re.compile(
    r"\$argon2id\$v=19\$m=([1-9]\d{0,6}),t=([1-9]\d?),p=([1-9])\$([A-Za-z\d+/]{1,86})\$([A-Za-z\d+/]{43})", re.ASCII
)


def hashed(password: str) -> str:
    """Return what to store: ``$argon2id$v=19$m=...,t=...,p=...$salt$hash``, another one at each call.

    Takes tens of milliseconds without the interpreter's lock: not for the event loop's thread.
    """
    salt = os.urandom(SALT_BYTES)
    kdf = Argon2id(salt=salt, length=HASH_BYTES, iterations=ITERATIONS, lanes=LANES, memory_cost=MEMORY_KIB)
    return kdf.derive_phc_encoded(_material(password))


def password_matches(stored: str, password: str) -> bool:
    """Whether ``stored`` is a hash of ``password``, compared in constant time; as long as `hashed` takes.

    Raises `ConfigurationError` if ``stored`` is no Argon2id hash of 32 bytes, or one that would take too much memory.
    """
    kdf, expected = _parsed(stored)
    try:
        kdf.verify(_material(password), expected)
    except InvalidKey:
        return False
    return True


def _parsed(stored: str) -> tuple[Argon2id, bytes]:
    found = _PHC.fullmatch(stored)
    if found is None or int(found[1]) > MEMORY_KIB_MAX:
        raise ConfigurationError(_MALFORMED)
    memory, iterations, lanes = (int(found[place]) for place in (1, 2, 3))
    try:
        salt, expected = (_unpadded(found[place]) for place in (4, 5))
        kdf = Argon2id(salt=salt, length=HASH_BYTES, iterations=iterations, lanes=lanes, memory_cost=memory)
    except ValueError:
        raise ConfigurationError(_MALFORMED) from None
    return kdf, expected


_MALFORMED: Final = "a stored password is no Argon2id hash that can be used: set the operator's password anew"


def _unpadded(text: str) -> bytes:
    return b64decode(text + "=" * (-len(text) % 4), validate=True)


def _material(password: str) -> bytes:
    return password.encode("utf-8", "surrogatepass")  # bytes that are no text, typed in a shell, are a password too
