"""``switch doctor``: what bytes look like, or what a host speaks."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Annotated, Final

import typer

from switch.errors import OperatorError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

    from switch.tools.doctor import Seen
    from switch.tools.doctor_calls import Call
    from switch.wire.diagnosis import Finding

_ADDRESS: Final = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\s:]+):(\d{1,5})")
_COLUMNS: Final = 79
_NOT_RECOGNISED: Final = 1
_NO_CONNECTION: Final = 3
_PORT_MAX: Final = 65_535


def doctor(
    what: Annotated[
        list[str],
        typer.Argument(metavar="HEX|FILE|HOST:PORT", help="Bytes in hex, a file of them, or a host; - reads stdin."),
    ],
    terminal: Annotated[
        str, typer.Option("--terminal", metavar="ID", help="HOST:PORT: field 41 of what is sent.")
    ] = "00000001",
    merchant: Annotated[
        str, typer.Option("--merchant", metavar="ID", help="HOST:PORT: field 42 of what is sent.")
    ] = "000000000000001",
) -> None:
    """Say which framing, header, encoding and dialect bytes look like.

    FILE holds hex text, raw bytes, a capture, or a pcap. A host is sent the
    echo of each dialect, one connection each, and nothing else: it moves no
    money.

    Exit status: 0 recognised, 1 not, or the host gave no answer that parses,
    2 usage, 3 no connection.
    """
    from rich.console import Console

    console = Console(highlight=False, markup=False)
    found = _ADDRESS.fullmatch(what[0]) if len(what) == 1 else None
    if len(what) == 1 and what[0] != "-" and _is_file(what[0]):
        _look_at_file(console, Path(what[0]))
    elif found is not None:
        if int(found[2]) > _PORT_MAX:
            raise OperatorError(f"{what[0]}: a port is at most {_PORT_MAX}")
        _ask_host(console, (found[1].strip("[]"), int(found[2])), (terminal, merchant))
    else:
        _look_at_hex(console, sys.stdin.read() if what == ["-"] else " ".join(what))


def _is_file(text: str) -> bool:
    """Whether a file has this name; hex is often too long to be a name at all."""
    try:
        return Path(text).exists()
    except OSError:
        return False


# --- bytes ------------------------------------------------------------------------------------------------


def _look_at_file(console: Console, path: Path) -> None:
    from switch.tools.doctor import all_codecs, look_at
    from switch.tools.doctor_samples import samples

    kind, found = samples(path)
    seen = look_at(found, all_codecs())
    console.print(f"{path} is {kind}; looked at {len(found)} piece{'s' * (len(found) > 1)} of it.")
    _tell(console, seen)


def _look_at_hex(console: Console, text: str) -> None:
    from switch.tools.describe import parse_hex
    from switch.tools.doctor import all_codecs, look_at

    try:
        data = parse_hex(text)
    except OperatorError as error:
        raise OperatorError(f"neither a file nor HOST:PORT, and as hex: {error}") from None
    _tell(console, look_at([data], all_codecs()))


def _tell(console: Console, seen: Seen) -> None:
    for line in _told(seen):
        console.print(line)
    if not seen.is_recognised:
        raise typer.Exit(_NOT_RECOGNISED)


def _told(seen: Seen) -> Iterator[str]:
    from switch.tools.doctor import head_rows
    from switch.wire.diagnosis import stranger

    known = stranger(seen.data)
    if known or not seen.findings:
        yield f"This is no ISO 8583: it looks like {known}." if known else "Nothing in these bytes is known."
    if not seen.findings or (known and not seen.is_recognised):
        return
    best = seen.findings[0]
    if not seen.is_recognised:
        yield f"Nothing in these bytes is sure; the best guess ({best.confidence} %) is"
        yield f"  {best.words}"
        return
    yield f"{best.words} ({best.confidence} %)"
    yield ""
    for one in best.evidence:
        head = f"{_span(one.begin, one.end):>9}  {one.part:6}  "
        yield from wrap(head + one.says, _COLUMNS, subsequent_indent=" " * len(head))
    yield ""
    yield from head_rows(seen.data, best)
    yield ""
    yield from _dialect_lines(seen.data, best)
    for other in seen.others:
        yield f"Less likely ({other.confidence} %): {other.words}"
    yield from _listener_lines(best)


def _dialect_lines(data: bytes, best: Finding) -> Iterator[str]:
    from switch.tools.doctor import fault_rows

    if best.dialect is None:
        yield "No dialect here writes its message type and bitmap like this."
    elif best.is_whole:
        yield f"Every field fits {best.dialect.name} ({best.dialect.title})."
    else:
        yield f"The nearest dialect is {best.dialect.name}, but not every field fits:"
        yield from fault_rows(data, best) or ("the frame is not complete",)


def _listener_lines(best: Finding) -> Iterator[str]:
    from switch.tools.doctor import listener_toml

    toml = listener_toml(best)
    if toml:
        yield ""
        yield "A listener for this, in switch.toml:"
        yield ""
        yield from toml.splitlines()
    elif best.cut.start == best.cut.length_at:
        yield "No length precedes the message, so the bytes do not tell how the connection is"
        yield "framed. `switch describe --bare` explains them."
    elif best.framing is None:
        yield "No listener of the switch can cut frames like this."


def _span(begin: int, end: int) -> str:
    return f"{begin}-{end - 1}" if end > begin + 1 else f"{begin}"


# --- a host -----------------------------------------------------------------------------------------------


def _ask_host(console: Console, address: tuple[str, int], who: tuple[str, str]) -> None:
    """Try each dialect in turn, and say at once what came of it."""
    from datetime import UTC, datetime

    import trio

    from switch.tools.doctor import all_codecs
    from switch.tools.doctor_calls import call, echo_message, sent_words

    calls: list[Call] = []
    for codec in all_codecs():
        fields = echo_message(codec.dialect, *who, datetime.now(UTC))
        if fields is None:
            continue
        console.print(f"{codec.dialect.name}: sending {sent_words(fields)}")
        try:
            calls.append(trio.run(call, address, codec, fields))
        except OSError as error:
            console.print(f"no connection to {address[0]}, port {address[1]}: {_reason(error)}")
            raise typer.Exit(_NO_CONNECTION) from None
        console.print(f"  {calls[-1].outcome}")
    answered = [one.dialect for one in calls if one.answered]
    console.print("")
    if not answered:
        console.print("No dialect got an answer that parses.")
        raise typer.Exit(_NOT_RECOGNISED)
    console.print(f"This host speaks {' or '.join(answered)}.")


def _reason(error: BaseException) -> str:
    """What went wrong at last, of one attempt or of one for each address of the host."""
    cause = error.__cause__
    if isinstance(cause, BaseExceptionGroup):
        cause = cause.exceptions[0]
    if cause is not None:
        return _reason(cause)
    number = getattr(error, "errno", None)
    return os.strerror(number) if number is not None and number > 0 else str(error)
