"""Writes a recording, as a process of its own: cutting, tokenising and writing must not hold up who passes bytes on.

Standard input is a pipe with an order (4 bytes of size, then JSON) and then notes until it ends; standard output gets
one line of JSON when the first file is open (``ready``), and one at the end (``account``). It ends when the pipe does,
not by a signal: so nothing noted is lost, whatever way the other process ends.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Final

import orjson

from switch.capture.cutting import FrameCutter
from switch.capture.entry import Direction, Entry, Event
from switch.capture.files import Head
from switch.capture.losses import Losses
from switch.capture.notes import SIZE_BYTES, Kind, Note, NoteReader
from switch.capture.orders import Account, Order
from switch.capture.proof import leftovers_in
from switch.capture.rotating import RotatingCapture
from switch.capture.tokenising import Tokeniser
from switch.errors import OperatorError
from switch.wire.codec import Codec
from switch.wire.dialect import Dialect, load_dialect

READ_BYTES: Final = 1 << 20
FLUSH_S: Final = 1.0
"""About how long what was recorded may be invisible to readers of the file."""

_NICENESS: Final = 10
"""Less urgent than who passes bytes on; what it cannot keep up with waits in the pipe."""

_DIRECTIONS: Final = {
    Kind.TO_HOST: Direction.TO_HOST,
    Kind.TO_TERMINAL: Direction.TO_TERMINAL,
    Kind.ENDED_BY_TERMINAL: Direction.TO_HOST,
    Kind.ENDED_BY_HOST: Direction.TO_TERMINAL,
}


class Scribe:
    """Turns notes into captures. Raises `OperatorError` where a file cannot be begun, OSError when one is cut short."""

    def __init__(self, order: Order, at_us: int) -> None:
        self._order = order
        self._dialect = _spoken(order)
        self._codec = Codec(self._dialect) if self._dialect is not None else None
        self._losses = Losses()
        self._account = Account()
        self._tokeniser = Tokeniser(order.key, self._dialect) if order.key else None
        self._names: dict[int, str] = {}
        self._cutters: dict[tuple[int, Direction], FrameCutter] = {}
        head = Head(dialect=order.dialect, tokenised=bool(order.key))
        self._files = RotatingCapture(order.path, head, order.rotate_bytes, self._prove if order.key else None)
        self._files.open(at_us)

    def take(self, notes: Iterable[Note]) -> None:
        """Write what the notes say."""
        for note in notes:
            for entry in self._entries(note):
                self._write(entry)

    def flush(self) -> None:
        """Let readers of the file see what was written."""
        self._files.flush()

    def finish(self, trouble: str = "") -> Account:
        """Close the file and give account of all of them."""
        account = self._account
        try:
            self._files.close()
        except (OSError, OperatorError) as error:
            trouble = trouble or f"the last file cannot be closed: {_reason(error)}"
        if trouble and self._files.unfinished:
            trouble += f"; what came before is in {self._files.unfinished}"
        account.files, account.untrusted = self._files.files, self._files.untrusted
        account.forms = dict(self._files.forms)
        account.skipped_bytes = self._losses.skipped_bytes
        account.trouble = trouble
        self._add_tokenised()
        return account

    # --- from notes to entries -----------------------------------------------------------------------------

    def _entries(self, note: Note) -> list[Entry]:
        kind, at_us, number, data = note
        if kind is Kind.OPENED:
            self._names[number] = name = data.decode("utf-8", "replace")
            return [Entry(at_us, name, Direction.TO_HOST, b"", self._order.dialect, Event.OPEN)]
        if kind is Kind.LOST:
            self._account.lost += 1
            for direction in Direction:
                self._cutter(number, direction, lose_step=True)
            return []
        if kind is Kind.GONE:
            entries = [entry for direction in Direction for entry in self._last(number, direction, at_us)]
            self._names.pop(number, None)
            return entries
        direction = _DIRECTIONS[kind]
        name = self._names.get(number, str(number))
        if kind in {Kind.TO_HOST, Kind.TO_TERMINAL}:
            cutter = self._cutter(number, direction)
            frames = [data] if cutter is None else cutter.feed(data)
            return [Entry(at_us, name, direction, frame, self._order.dialect) for frame in frames]
        closed = Entry(at_us, name, direction, b"", self._order.dialect, Event.CLOSE)
        return [*self._last(number, direction, at_us), closed]

    def _last(self, number: int, direction: Direction, at_us: int) -> list[Entry]:
        """What only the end of a stream shows to be a frame."""
        cutter = self._cutters.pop((number, direction), None)
        name = self._names.get(number, str(number))
        frames = cutter.finish() if cutter is not None else []
        return [Entry(at_us, name, direction, frame, self._order.dialect) for frame in frames]

    def _cutter(self, number: int, direction: Direction, *, lose_step: bool = False) -> FrameCutter | None:
        if self._codec is None:
            return None
        cutter = self._cutters.get((number, direction))
        if cutter is None:
            cutter = self._cutters[number, direction] = FrameCutter(self._codec, self._losses, in_step=not lose_step)
        elif lose_step:
            cutter.lose_step()
        return cutter

    # --- from entries to files -----------------------------------------------------------------------------

    def _write(self, entry: Entry) -> None:
        written: Entry | None = entry
        if self._tokeniser is not None:
            try:
                written = self._tokeniser.entry(entry)
            except OverflowError:  # more cards than are remembered: the next file begins with none
                self._next_file(entry.at_us)
                written = self._tokeniser.entry(entry)
        if written is None:
            return
        self._files.write(written)
        account = self._account
        account.entries += 1
        if written.event is Event.FRAME:
            account.frames += 1
            account.frame_bytes += len(written.frame)
        if self._files.is_due:
            self._next_file(entry.at_us)

    def _next_file(self, at_us: int) -> None:
        self._files.close()
        if self._tokeniser is not None and self._tokeniser.is_full:
            self._add_tokenised()
            self._tokeniser = Tokeniser(self._order.key, self._dialect)
        self._files.open(at_us)

    def _prove(self, path: Path) -> Counter[str]:
        assert self._tokeniser is not None
        return leftovers_in(path, self._tokeniser.leftovers)

    def _add_tokenised(self) -> None:
        if self._tokeniser is None:
            return
        account = self._account
        account.cards += self._tokeniser.cards
        account.shared += self._tokeniser.leftovers.shared
        for total, more in ((account.dropped, self._tokeniser.dropped), (account.left_out, self._tokeniser.left_out)):
            for what, count in more.items():
                total[what] = total.get(what, 0) + count


def _spoken(order: Order) -> Dialect | None:
    if not order.dialect:
        return None
    dialect = load_dialect(order.dialect)
    return dialect if order.framing is None else replace(dialect, framing=order.framing)


def _reason(error: Exception) -> str:
    """Say why, without what was being written."""
    if isinstance(error, OperatorError):
        return str(error)
    return (error.strerror or type(error).__name__) if isinstance(error, OSError) else type(error).__name__


def serve(source: int, target: int) -> int:
    """Read order and notes from the descriptor ``source``, tell ``target``; the exit status."""
    packed = _read_exactly(source, int.from_bytes(_read_exactly(source, SIZE_BYTES), "little"))
    at_us = int.from_bytes(_read_exactly(source, 8), "little")
    try:
        scribe = Scribe(Order.unpacked(packed), at_us)
    except (OperatorError, OSError) as error:
        os.write(target, orjson.dumps({"refused": _reason(error)}, option=orjson.OPT_APPEND_NEWLINE))
        return 2
    os.write(target, b'{"ready":true}\n')
    trouble = ""
    try:
        _take_all(scribe, source)
    except Exception as error:  # noqa: BLE001 - the account says so; a traceback could show what was recorded
        trouble = f"recording stopped: {_reason(error)}"
        os.close(source)  # who notes hears of it at once
    account = scribe.finish(trouble)
    os.write(target, account.packed())
    return 1 if trouble or account.untrusted else 0


def _take_all(scribe: Scribe, source: int) -> None:
    reader = NoteReader()
    flushed_at = time.monotonic()
    is_flushed = True
    while True:
        if not is_flushed and time.monotonic() - flushed_at >= FLUSH_S:
            scribe.flush()
            flushed_at, is_flushed = time.monotonic(), True
        if not select.select([source], [], [], None if is_flushed else FLUSH_S)[0]:
            continue
        data = os.read(source, READ_BYTES)
        if not data:
            return
        scribe.take(reader.feed(data))
        is_flushed = False


def _read_exactly(source: int, size: int) -> bytes:
    data = b""
    while len(data) < size:
        more = os.read(source, size - len(data))
        if not more:
            raise EOFError("the pipe ended before the order")
        data += more
    return data


def main() -> None:
    """Serve standard input; signals for the whole group are the other process's business."""
    for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(one, signal.SIG_IGN)
    os.nice(_NICENESS)
    sys.exit(serve(0, 1))


if __name__ == "__main__":
    main()
