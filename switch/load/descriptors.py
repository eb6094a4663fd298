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
    if hard != resource.RLIM_INFINITY and hard < wanted:
        raise OperatorError(
            f"{connections} connections need {wanted} file descriptors, and this process may have {hard}: "
            f"raise the hard limit (ulimit -Hn), or name fewer --connections"
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
