"""Tells SQLite that no connection of this process is used by two threads at the same time, so it need not be on guard.

As it comes it locks a connection for each value that is bound to a statement, and counts its memory under another
lock: writing a row of the journal takes half as long again with them. (SQLite's "multi-thread" mode:
sqlite.org/threadsafe.html; SQLITE_CONFIG_MULTITHREAD and SQLITE_CONFIG_MEMSTATUS: sqlite.org/c3ref/config.html.)
"""

from __future__ import annotations

import _sqlite3
import ctypes
from typing import Final

_MULTITHREAD: Final = 2
_MEMSTATUS: Final = 9
_OK: Final = 0


def relieve_sqlite() -> bool:
    """Do so for the whole process, which must have no connection yet; return whether SQLite could be told.

    Where Python has SQLite built into itself it may not be, and works as it comes.
    """
    file = getattr(_sqlite3, "__file__", None)
    try:
        library = ctypes.CDLL(file)  # its names include those of the library that it is linked with
        told = library.sqlite3_shutdown() == _OK
        told = told and library.sqlite3_config(_MULTITHREAD) == _OK and library.sqlite3_config(_MEMSTATUS, 0) == _OK
        return bool(library.sqlite3_initialize() == _OK and told)
    except (OSError, AttributeError):
        return False
