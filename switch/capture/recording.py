"""Notes down what passes a door or a proxy, for a scribe that writes it: a microsecond or two for each read.

The scribe is a process of its own (`switch.capture.scribe`), because cutting, tokenising and packing in a thread would
take turns with whoever answers terminals. Notes gather here and go through a pipe, many at a time and never waiting;
what the pipe does not take stays here, up to a limit. What happens then is the owner's choice: to read no more until
there is room (`has_room`), so that nothing is lost, or to go on: then what is too much is dropped and counted.
"""

from __future__ import annotations

import fcntl
import os
import select
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import orjson

from switch.capture.notes import HEAD_BYTES, SIZE_BYTES, Kind, pack_head, written_note
from switch.capture.orders import Account, Order
from switch.clock import wall_clock
from switch.errors import ConfigurationError

BUFFER_BYTES: Final = 16 << 20
"""Notes that may wait here: a few seconds of the busiest listener."""

READ_BYTES_MAX: Final = 1 << 16
"""What an owner that wants to lose nothing takes with one read."""

PIPE_BYTES: Final = 1 << 20
FLUSH_BYTES: Final = 1 << 15
"""So many go to the scribe at once; fewer when `flush` is called, a few times a second."""

FLUSH_INTERVAL_S: Final = 0.1
START_DEADLINE_S: Final = 30.0
END_DEADLINE_S: Final = 600.0
"""For reading everything once more, where cards were replaced."""


class Recording:
    """One recording. Everything but `start` and `finish` returns at once. Not for two threads.

    ``stopped`` is why nothing is written any more (a full disk), "" while it is; noting then costs nothing and does
    nothing. ``lost`` counts reads that were dropped for want of room.
    """

    def __init__(self, order: Order, clock: Callable[[], int] = wall_clock, buffer_bytes: int = BUFFER_BYTES) -> None:
        self._order = order
        self._clock = clock
        self._buffer_bytes = buffer_bytes
        self._pieces: list[bytes] = []
        self._sending = memoryview(b"")  # what the pipe has taken in part
        self._fresh = 0  # bytes that came since the pipe was last tried
        self._next = 0
        self._incomplete: set[int] = set()
        self._process: subprocess.Popen[bytes] | None = None
        self._pipe = -1
        self._told = b""
        self.size = 0
        """Bytes of notes that wait here."""
        self.lost = 0
        self.stopped = ""
        self.is_finished = False

    def start(self) -> None:
        """Start the scribe and wait until its first file is open; blocks for about half a second.

        Raises `ConfigurationError` with the scribe's reason: the file exists, its folder cannot be written.
        """
        folder = str(Path(__file__).resolve().parents[2])
        path = os.pathsep.join(filter(None, (folder, os.environ.get("PYTHONPATH", ""))))
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "switch.capture.scribe"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": path},
        )
        assert self._process.stdin is not None
        self._pipe = self._process.stdin.fileno()
        packed = self._order.packed()
        os.write(self._pipe, len(packed).to_bytes(SIZE_BYTES, "little") + packed + self._clock().to_bytes(8, "little"))
        said = self._line(START_DEADLINE_S)
        if "ready" not in said:
            self._end_process()
            raise ConfigurationError(str(said.get("refused", f"{self._order.path}: cannot be recorded to")))
        os.set_blocking(self._pipe, False)
        _widen(self._pipe)

    @property
    def has_room(self) -> bool:
        """Whether one more read, of `READ_BYTES_MAX` at most, can be noted without dropping anything."""
        return self.size + READ_BYTES_MAX <= self._buffer_bytes

    @property
    def descriptor(self) -> int:
        """The pipe: when it can be written to, `flush` makes room."""
        return self._pipe

    def opened(self, name: str) -> int:
        """Note a new connection; its number in all the other notes. ``name`` may come again: the number is added."""
        self._next += 1
        self._note(Kind.OPENED, self._next, f"{name}#{self._next}".encode())
        return self._next

    def passed(self, kind: Kind, connection: int, data: bytes) -> None:
        """Note bytes (`Kind.TO_HOST` or `Kind.TO_TERMINAL`), or drop and count them."""
        if self.stopped:
            return
        if self.size + len(data) > self._buffer_bytes:
            self.lost += 1
            self._incomplete.add(connection)
            return
        if self._incomplete and connection in self._incomplete:
            self._incomplete.discard(connection)
            self._note(Kind.LOST, connection)
        self._pieces.append(pack_head(kind, self._clock(), connection, len(data)))
        self._pieces.append(data)
        more = HEAD_BYTES + len(data)
        self.size += more
        self._fresh += more
        if self._fresh >= FLUSH_BYTES:
            self.flush()

    def ended(self, kind: Kind, connection: int) -> None:
        """Note that one side ended its stream (`Kind.ENDED_BY_TERMINAL` or `Kind.ENDED_BY_HOST`)."""
        self._note(kind, connection)

    def gone(self, connection: int) -> None:
        """Note that there is nothing more to say of a connection."""
        self._incomplete.discard(connection)
        self._note(Kind.GONE, connection)

    def flush(self) -> None:
        """Hand the scribe as much as the pipe takes now."""
        self._fresh = 0
        if self.stopped:
            return
        try:
            while self._sending or self._pieces:
                if not self._sending:
                    self._sending = memoryview(b"".join(self._pieces))
                    self._pieces.clear()
                sent = os.write(self._pipe, self._sending[:PIPE_BYTES])
                self._sending = self._sending[sent:]
                self.size -= sent
        except BlockingIOError:
            return
        except OSError:
            self._stop()

    def finish(self, deadline_s: float = END_DEADLINE_S) -> Account:
        """Hand over the rest, let the scribe close its file, and return what it all came to; blocks meanwhile.

        After ``deadline_s`` the scribe is left to itself: it ends when it is done, whoever started it.
        """
        assert self._process is not None
        self.is_finished = True
        if not self.stopped:
            os.set_blocking(self._pipe, True)
            self.flush()
        self._close_pipe()
        until = time.monotonic() + deadline_s
        told = self._line(deadline_s).get("account")
        if told is None and time.monotonic() >= until:
            account = Account(trouble="still looking for card numbers: until that is done the file is called unproven-")
        else:
            account = Account(**told) if told else Account(trouble="the process that wrote it ended unexpectedly")
            self._end_process()
        account.lost = self.lost
        self.stopped = self.stopped or account.trouble or "finished"
        return account

    def _note(self, kind: Kind, connection: int, data: bytes = b"") -> None:
        """Note what is never dropped: it is small, and there are few of it."""
        if self.stopped:
            return
        note = written_note(kind, self._clock(), connection, data)
        self._pieces.append(note)
        self.size += len(note)
        self._fresh += len(note)

    def _stop(self) -> None:
        self.stopped = "recording stopped"
        self._pieces, self._sending, self.size = [], memoryview(b""), 0
        self._incomplete.clear()

    def _close_pipe(self) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.close()

    def _line(self, deadline_s: float) -> dict[str, Any]:
        """Return what the scribe says next, {} where it says nothing in time or ever."""
        assert self._process is not None
        assert self._process.stdout is not None
        descriptor = self._process.stdout.fileno()
        until = time.monotonic() + deadline_s
        while b"\n" not in self._told:
            if not select.select([descriptor], [], [], max(0.0, until - time.monotonic()))[0]:
                return {}
            more = os.read(descriptor, 1 << 16)
            if not more:
                return {}
            self._told += more
        line, _, self._told = self._told.partition(b"\n")
        said: dict[str, Any] = orjson.loads(line)
        return said

    def _end_process(self) -> None:
        assert self._process is not None
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None and not stream.closed:
                stream.close()
        try:
            self._process.wait(START_DEADLINE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _widen(pipe: int) -> None:
    """Let the pipe hold more than its 64 KiB where the system allows it."""
    try:
        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
    except (OSError, AttributeError):
        return
