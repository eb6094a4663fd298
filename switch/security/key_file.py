"""A file of keys on disk: only its owner may touch it, and it is written whole, once, over nothing."""

from __future__ import annotations

import os
import secrets
import stat
import tomllib
from pathlib import Path
from typing import Any, Final

from switch.errors import ConfigurationError

_FOR_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


def read_private(path: Path) -> dict[str, Any]:
    """Return the TOML document at ``path``.

    Raises `ConfigurationError`: no file, one that others may touch, or not TOML; never with what is in it.
    """
    check_private(path)
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):  # their messages may quote the line: a key
        raise ConfigurationError(f"{path}: not TOML; `switch init` in an empty folder shows how it looks") from None
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be read: {error.strerror}") from None


def check_private(path: Path) -> None:
    """Raise `ConfigurationError`, with the command that helps, unless only the owner may touch the file."""
    try:
        found = path.stat()
    except FileNotFoundError:
        raise ConfigurationError(
            f"{path}: no such key file; `switch init` writes fresh keys, which open no older database"
        ) from None
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be read: {error.strerror}") from None
    if not stat.S_ISREG(found.st_mode):
        raise ConfigurationError(f"{path}: not a file")
    if found.st_mode & _FOR_OTHERS:
        mode = stat.S_IMODE(found.st_mode)
        raise ConfigurationError(f"{path}: others may touch the keys (mode {mode:04o}); run: chmod 600 {path}")


def write_private(path: Path, text: str) -> None:
    """Write ``text`` with mode 0600: whole or not at all, never over another file.

    Raises `ConfigurationError` where ``path`` exists: the cards in the books open with those keys only.
    """
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        path.hardlink_to(draft)
    except FileExistsError:
        raise ConfigurationError(f"{path}: exists; its keys open the cards in the books, so it is left alone") from None
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be written: {error.strerror}") from None
    finally:
        draft.unlink(missing_ok=True)
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
