"""The key that makes tokens: 64 hexadecimal digits in a file that only its owner may touch."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from switch.capture.tokens import KEY_BYTES
from switch.errors import ConfigurationError
from switch.security.key_file import check_private

_FILE_BYTES_MAX: Final = 1024


def read_token_key(path: Path) -> bytes:
    """Return the 32 bytes that ``path`` holds as text; blanks and line ends around them do not count.

    Raises `ConfigurationError`: no file, one that others may touch, or not 64 digits; never with what is in it.
    """
    if not path.exists():
        raise ConfigurationError(f"{path}: no such key file; to make one: (umask 077; openssl rand -hex 32 > {path})")
    check_private(path)
    try:
        with path.open("rb") as file:
            text = file.read(_FILE_BYTES_MAX).strip()
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be read: {error.strerror}") from None
    try:
        key = bytes.fromhex(text.decode("ascii"))
    except ValueError:
        key = b""
    if len(text) != 2 * KEY_BYTES or len(key) != KEY_BYTES:
        raise ConfigurationError(f"{path}: must hold {2 * KEY_BYTES} hexadecimal digits, and nothing else")
    return key
