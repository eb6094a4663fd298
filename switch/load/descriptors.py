"""Makes room for many connections: each is a file descriptor, of which a process may have only so many."""

from __future__ import annotations

import resource
from typing import Final

from switch.errors import OperatorError

SPARE: Final = 128
"""For everything else that a process has open."""


def make_room(connections: int) -> None:
    """Raise this process's limit as far as that many need. Raises `OperatorError` where it may not be raised so far."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + SPARE
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    except (OSError, ValueError):  # above the hard limit, or above what the system has for anybody
        allowed = soft if hard == resource.RLIM_INFINITY else hard
        raise OperatorError(
            f"{connections} connections need {wanted} file descriptors, and this process may have {allowed}: "
            f"raise the hard limit (ulimit -Hn), or name fewer --connections"
        ) from None
