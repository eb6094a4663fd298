"""What a listener that records notes down, and how its recording begins, goes on and ends: never at terminals' cost."""

from __future__ import annotations

from functools import partial
from typing import Final

import trio

from switch.capture.notes import Kind
from switch.capture.recording import FLUSH_INTERVAL_S, Recording
from switch.errors import ConfigurationError
from switch.telemetry import EventLog, ListenerMetrics

FINISH_DEADLINE_S: Final = 10.0
"""For looking through the last file when the switch ends; after it the scribe goes on alone."""


class Tape:
    """One connection's part of a recording."""

    __slots__ = ("_has_ended", "_number", "_recording")

    def __init__(self, recording: Recording, name: str) -> None:
        self._recording = recording
        self._number = recording.opened(name)
        self._has_ended = False

    def received(self, data: bytes) -> None:
        """Note what one read took; nothing is the end of the terminal's stream."""
        if data:
            self._recording.passed(Kind.TO_HOST, self._number, data)
        else:
            self._has_ended = True
            self._recording.ended(Kind.ENDED_BY_TERMINAL, self._number)

    def sent(self, data: bytes) -> None:
        """Note what is sent, or will be when the terminal reads."""
        self._recording.passed(Kind.TO_TERMINAL, self._number, data)

    def end(self, *, by_host: bool) -> None:
        """Note the end of the connection."""
        if not self._has_ended:
            self._recording.ended(Kind.ENDED_BY_HOST if by_host else Kind.ENDED_BY_TERMINAL, self._number)
        self._recording.gone(self._number)


async def start_recording(recording: Recording, listener: str) -> None:
    """Open the first file. Raises `ConfigurationError` naming the setting."""
    try:
        await trio.to_thread.run_sync(recording.start)
    except ConfigurationError as error:
        raise ConfigurationError(f"listener {listener}: record: {error}") from None


async def keep_recording(recording: Recording, listener: str, metrics: ListenerMetrics, events: EventLog) -> None:
    """Hand notes on, and count what there is no room for; returns when nothing can be recorded any more."""
    lost = 0
    while not recording.stopped:
        await trio.sleep(FLUSH_INTERVAL_S)
        recording.flush()
        if recording.lost > lost:
            metrics.unrecorded.inc(recording.lost - lost)
            lost = recording.lost
    await end_recording(recording, listener, events)


async def end_recording(recording: Recording, listener: str, events: EventLog) -> None:
    """Close the last file and log what it all came to; once, whoever calls first."""
    if recording.is_finished:
        return
    with trio.CancelScope(shield=True):
        account = await trio.to_thread.run_sync(partial(recording.finish, FINISH_DEADLINE_S))
    dropped = sum(account.dropped.values())
    events.recorded(listener, account.files, account.frames, dropped, account.lost)
    for name in account.untrusted:
        events.recording_trouble(listener, f"{name}: a card number is left in it, do not pass it on")
    if account.trouble:
        events.recording_trouble(listener, account.trouble)
