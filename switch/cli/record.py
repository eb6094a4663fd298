"""``switch record``: a proxy between terminals and their host that writes down what they say."""

from __future__ import annotations

import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from switch.errors import ConfigurationError, OperatorError

if TYPE_CHECKING:
    from switch.capture.orders import Account, Order
    from switch.config import Address
    from switch.tools.recorder import Passed

_LEFT_OVER: Final = 1
_COULD_NOT_RUN: Final = 3
_MEGABYTE: Final = 1_000_000


def record(
    listen: Annotated[
        str, typer.Option("--listen", metavar="HOST:PORT", help="Where terminals connect; port 0 is any free one.")
    ],
    to: Annotated[str, typer.Option("--to", metavar="HOST:PORT", help="The host they are to reach.")],
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="The capture (default: capture-TIME.jsonl); .gz packs it."),
    ] = None,
    dialect: Annotated[
        str, typer.Option("--dialect", metavar="D", help="How to cut the streams; without it, as they were read.")
    ] = "",
    tokenise: Annotated[
        bool, typer.Option("--tokenise", help="Replace card numbers; leave PIN blocks and MACs out.")
    ] = False,
    key_file: Annotated[
        Path | None, typer.Option("--key-file", metavar="K", help="64 hex digits, mode 0600: makes the tokens.")
    ] = None,
    rotate_mb: Annotated[
        int, typer.Option("--rotate-mb", metavar="N", min=0, max=10_000, help="Begin another file after N megabytes.")
    ] = 0,
) -> None:
    """Pass bytes between terminals and a host, and write a capture of them.

    Ctrl-C ends it, writes what is pending and says what was written. Without
    --tokenise the capture holds card numbers and PIN blocks as they came.

    Exit status: 0, 1 a card number was left (the file is put aside as
    FILE.untrusted), 2 usage, 3 it could not listen, or not write on.
    """
    from switch.app import run_loop
    from switch.capture.orders import Order
    from switch.tools.recorder import CannotRun
    from switch.wire.dialect import load_dialect

    if tokenise != (key_file is not None):
        raise OperatorError("--tokenise and --key-file K go together")
    if tokenise and not dialect:
        raise OperatorError("--tokenise needs --dialect: nobody knows where the cards are otherwise")
    if dialect:
        load_dialect(dialect)
    path = out or Path(time.strftime("capture-%Y%m%dT%H%M%SZ.jsonl", time.gmtime()))
    if path.exists() and not rotate_mb:
        raise OperatorError(f"{path}: exists; captures are not written over: remove it or name another")
    order = Order(path, dialect, None, rotate_mb * _MEGABYTE, _key(key_file))
    addresses = _address(listen, "--listen"), _address(to, "--to")
    try:
        account, passed = run_loop(_record, order, *addresses)
    except CannotRun as error:
        typer.echo(f"switch: {error}", err=True)
        raise typer.Exit(_COULD_NOT_RUN) from None
    _tell(account, passed, is_tokenised=tokenise)
    if account.untrusted:
        raise typer.Exit(_LEFT_OVER)
    if account.trouble:
        raise typer.Exit(_COULD_NOT_RUN)


async def _record(order: Order, listen: Address, to: Address) -> tuple[Account, Passed]:
    """Record until SIGINT or SIGTERM. Raises `ConfigurationError` for a file that cannot be begun."""
    import signal

    import trio

    from switch.capture.recording import Recording
    from switch.tools.recorder import CannotRun, Recorder

    recording = Recording(order)
    recorder = Recorder(recording, lambda why: typer.echo(f"switch: {why}: the bytes go on, unrecorded", err=True))
    with closing(recorder), trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        bound = await recorder.open(listen.host, listen.port, to.host, to.port)
        try:
            recording.start()
        except ConfigurationError as error:
            raise CannotRun(str(error)) from None
        try:
            typer.echo(f"{bound[0]}:{bound[1]} -> {to}, written to {order.path}; Ctrl-C ends it", err=True)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(recorder.run)
                await anext(signals)
                nursery.cancel_scope.cancel()
        finally:
            account = recording.finish()
    return account, recorder.passed


def _tell(account: Account, passed: Passed, *, is_tokenised: bool) -> None:
    """Say what was written, and all that was not."""
    typer.echo(
        f"{passed.connections} connections, {account.frames} messages in {', '.join(account.files) or 'no file'}"
    )
    if is_tokenised and not account.untrusted:
        typer.echo(f"{account.cards} cards replaced; none of them is left")
    told = [
        *(f"{name}: a card number is left in it, do not pass it on" for name in account.untrusted),
        *(f"{count} left as {form}" for form, count in account.forms.items()),
        *(f"{count} message(s) left out: {why}" for why, count in account.dropped.items()),
        *(f"{count} field(s) left out: {what}" for what, count in account.left_out.items()),
    ]
    if passed.refused:
        told.append(f"{passed.refused} connection(s) that the host did not take")
    if account.skipped_bytes:
        told.append(f"{account.skipped_bytes} bytes that are no messages of the dialect")
    if account.lost:
        told.append(f"{account.lost} read(s) passed on unrecorded")
    if account.trouble:
        told.append(account.trouble)
    for line in told:
        typer.echo(f"switch: {line}", err=True)


def _key(key_file: Path | None) -> bytes:
    from switch.capture.token_key import read_token_key

    return read_token_key(key_file) if key_file is not None else b""


def _address(text: str, option: str) -> Address:
    from switch.config import Address

    try:
        return Address.parse(text)
    except ValueError as error:
        raise OperatorError(f"{option}: {error}") from None
