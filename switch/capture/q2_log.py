"""Messages that jPOS logged (``<log realm= at=><send|receive><isomsg direction=>...``), made into frames again.

Such a log holds fields, not bytes: the dialect's codec writes them anew. Only what a channel sent or received is
taken; the same message shown again by a transaction manager is not. A log need not be well-formed XML: other
events in it are passed over whatever they hold.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from switch.capture.cutting import function_digit
from switch.capture.entry import Direction, Entry
from switch.capture.faults import CaptureCut, CaptureFault
from switch.capture.hex_lines import microseconds
from switch.capture.isomsg import Logged, fields_of, parsed
from switch.capture.source import ForeignSource
from switch.capture.unpacking import PackedFault
from switch.errors import EncodeError
from switch.wire.codec import Codec

LINE_BYTES_MAX: Final = 1 << 18
MESSAGE_CHARACTERS_MAX: Final = 1 << 20

_STEP_US: Final = 1000
_NO_REALM: Final = "1"
_PART: Final = re.compile(r"<log\b([^>]*)>|</log>|<(send|receive)>|</(?:send|receive)>|(<isomsg\b)")
_LEVEL: Final = re.compile(r"<!\[CDATA\[.*?\]\]>|<isomsg\b|</isomsg>", re.DOTALL)
_ATTRIBUTE: Final = re.compile(r'([\w-]+)\s*=\s*"([^"]*)"')
_JAVA_DATE: Final = re.compile(
    r"[A-Z][a-z]{2} ([A-Z][a-z]{2}) +(\d+) (\d\d:\d\d:\d\d) (?:GMT([+-]\d\d:\d\d)|\S+) (\d{4})(?:\.(\d{1,3}))?"
)


class Q2Log(ForeignSource):
    """Reads a log of jPOS's Q2. A message that the dialect cannot say is counted in ``losses`` and left out."""

    def __init__(self, path: Path, codec: Codec) -> None:
        super().__init__(path, codec.dialect.name)
        self._codec = codec
        self._line = 0
        self._realm = _NO_REALM
        self._at_us = -_STEP_US
        self._has_logs = False
        self._way = ""  # "send" or "receive" within such an element
        self._is_host: dict[str, bool] = {}  # by channel: whether jPOS is the host on it

    def __iter__(self) -> Iterator[Entry]:
        """Yield the entries. Raises `CaptureFault` at the end where no message at all could be made."""
        pending = ""
        found = 0
        for line in self._lines():
            if pending and "<log " in line:
                self.losses.unread(f"before line {self._line}", "the message ends in the middle")
                pending = ""
            pending += line
            if pending is not line and "</isomsg>" not in line and len(pending) < MESSAGE_CHARACTERS_MAX:
                continue
            texts: list[str] = []
            pending = self._taken(pending, texts)
            for text in texts:
                entry = self._entry(text)
                if entry is not None:
                    found += 1
                    yield entry
        if pending:
            raise CaptureCut(self.path, f"line {self._line}", "the file ends in the middle of a message")
        if not found:
            why = self.losses.first_unreadable or "no <isomsg> that a channel sent or received"
            raise CaptureFault(self.path, "", f"no message of {self.head.dialect} in it: {why}")

    def _lines(self) -> Iterator[str]:
        while True:
            try:
                line = self._file.readline(LINE_BYTES_MAX)
            except PackedFault as fault:
                raise CaptureCut(self.path, f"line {self._line + 1}", f"{fault} here") from None
            if not line:
                return
            self._line += 1
            yield line.decode("utf-8", "replace")

    def _taken(self, text: str, messages: list[str]) -> str:
        """Move the whole messages of ``text`` to ``messages``, note what is around them; return what has only begun."""
        at = 0
        while part := _PART.search(text, at):
            at = part.end()
            log, way, message = part.groups()
            if message is None:
                self._note(log, way or "")
                continue
            end = _end_of_message(text, part.start())
            if end < 0 and len(text) - part.start() > MESSAGE_CHARACTERS_MAX:
                self.losses.unread(f"line {self._line}", f"more than {MESSAGE_CHARACTERS_MAX} characters")
                return ""
            if end < 0:
                return text[part.start() :]
            if self._way or not self._has_logs:
                messages.append(text[part.start() : end])
            at = end
        return ""

    def _note(self, log: str | None, way: str) -> None:
        self._way = way
        if log is None:
            return
        self._has_logs = True
        attributes = dict(_ATTRIBUTE.findall(log))
        self._realm = attributes.get("realm") or _NO_REALM
        at_us = _time(attributes.get("at", ""))
        if at_us is not None:
            self._at_us = at_us

    def _entry(self, text: str) -> Entry | None:
        if not self._has_logs:
            self._at_us += _STEP_US
        logged = parsed(text)
        framing = self._codec.dialect.framing
        try:
            body = self._codec.encode(fields_of(logged, self._codec.dialect))
            header = logged.header if len(logged.header) == framing.all_header_bytes else b""
            frame = framing.wrap_request(body, header)
        except (EncodeError, ValueError) as error:
            reason = str(error) if isinstance(error, EncodeError) else "a field's number or value cannot be read"
            self.losses.unread(f"at line {self._line}", reason)
            return None
        return Entry(max(self._at_us, 0), self._realm, self._direction(logged, frame), frame, self.head.dialect)

    def _direction(self, logged: Logged, frame: bytes) -> Direction:
        """Say which way it went: jPOS is the host on a channel whose first message is a request that came in."""
        digit = function_digit(self._codec, frame)
        asks = digit < 0 or digit % 2 == 0
        way = {"incoming": "receive", "outgoing": "send"}.get(logged.direction) or self._way
        if not way:
            return Direction.TO_HOST if asks else Direction.TO_TERMINAL
        channel = self._realm.partition("/")[0]
        is_host = self._is_host.setdefault(channel, asks == (way == "receive"))
        return Direction.TO_HOST if is_host == (way == "receive") else Direction.TO_TERMINAL


def is_q2_log(first_bytes: bytes) -> bool:
    """Whether a file that begins so is a log of jPOS, or of its messages alone."""
    text = first_bytes.decode("utf-8", "replace").lstrip("\ufeff \t\r\n")
    return text.startswith("<") and re.search(r"<(?:logger|log|isomsg)\b", text) is not None


def _end_of_message(text: str, start: int) -> int:
    """Return where the message that begins at ``start`` ends; -1 where it does not yet."""
    depth = 0
    for found in _LEVEL.finditer(text, start):
        if found[0] == "<isomsg":
            depth += 1
        elif found[0] == "</isomsg>":
            depth -= 1
            if depth == 0:
                return found.end()
    return -1


def _time(text: str) -> int | None:
    """Read ``at``: ISO 8601, or Java's date with milliseconds behind (not padded: ``.9`` is nine)."""
    java = _JAVA_DATE.fullmatch(text)
    try:
        if java is None:
            return microseconds(text)
        month, day, clock, offset, year, millis = java.groups()
        moment = datetime.strptime(f"{year} {month} {day} {clock} {offset or '+00:00'}", "%Y %b %d %H:%M:%S %z")
    except ValueError:
        return None
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) + int(millis or 0) * 1000
