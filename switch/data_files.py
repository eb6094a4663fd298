"""Where the files that travel with the program are: specs and migrations, in a wheel or in a checkout."""

from __future__ import annotations

from pathlib import Path
from typing import Final

_PACKAGE: Final = Path(__file__).resolve().parent


def specs_directory() -> Path:
    """Return the folder of dialects, response texts, rules and demo data."""
    return _find("specs")


def migrations_directory() -> Path:
    """Return the folder of Alembic's scripts."""
    return _find("migrations")


def _find(name: str) -> Path:
    """A wheel carries them in ``switch/_data``; a checkout has them beside ``switch``."""
    packed = _PACKAGE / "_data" / name
    return packed if packed.is_dir() else _PACKAGE.parent / name
