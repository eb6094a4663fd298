"""What was typed, as reports tell it."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Sequence
from typing import Final

_PASSWORD: Final = re.compile(r"(//[^:/@\s]*):[^@\s]+(?=@)")
_PASSWORD_BEHIND: Final = re.compile(r"([?&]password)=[^&\s']*", re.IGNORECASE)


def command_typed(arguments: Sequence[str] | None = None) -> str:
    """The command and its arguments: paths and numbers, never a secret but for the password in a database's URL."""
    typed = shlex.join(["switch", *(sys.argv[1:] if arguments is None else arguments)])
    return _PASSWORD_BEHIND.sub(r"\1=***", _PASSWORD.sub(r"\1:***", typed))
