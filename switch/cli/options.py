"""Arguments and options that several commands share, and how those that are secrets are asked for."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from switch.errors import OperatorError

if TYPE_CHECKING:
    from switch.values import Pan

_HOST_AND_PORT: Final = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\s:]+):([0-9]{1,5})")
_PORT_MAX: Final = 65_535

Config = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="The settings (default: switch.toml in this folder)."),
]
PanArgument = Annotated[
    str | None,
    typer.Argument(metavar="[PAN]", show_default=False, help="Asked for where missing: what is typed here stays in "
                   "the shell's history."),
]  # fmt: skip
TerminalArgument = Annotated[str, typer.Argument(metavar="TERMINAL")]
MerchantArgument = Annotated[str, typer.Argument(metavar="MERCHANT")]
OperatorArgument = Annotated[str, typer.Argument(metavar="OPERATOR", help="One to three digits, like 01.")]


def pan_from(typed: str | None) -> Pan:
    """Return the card number that was given, or ask for it without showing it. Raises `OperatorError`."""
    from switch.values import Pan

    digits = (typed or typer.prompt("Card number", hide_input=True)).replace(" ", "")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 19):  # noqa: PLR2004 - ISO/IEC 7812-1
        raise OperatorError("a card number is 12 to 19 digits")
    return Pan(digits)


def host_from(to: str) -> tuple[str, int]:
    """Return host and port of ``--to HOST:PORT``. Raises `OperatorError`."""
    found = _HOST_AND_PORT.fullmatch(to)
    if found is None or not 0 < int(found[2]) <= _PORT_MAX:
        raise OperatorError("--to wants HOST:PORT, and [ADDRESS]:PORT for IPv6")
    return found[1].strip("[]"), int(found[2])


def password_from(*, piped: bool) -> str:
    """Return a new password: the first line of standard input, or typed twice without being shown."""
    if piped:
        return sys.stdin.readline().rstrip("\r\n")
    return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))
