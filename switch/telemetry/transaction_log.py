"""One line in the log for each request that was done with, written in one go for a whole group."""

from __future__ import annotations

import time
from json.encoder import encode_basestring_ascii as _quoted
from typing import Final, TextIO

from switch.telemetry.event_log import LogFormat, LogLevel
from switch.values import Money, Pan

LINES_MAX: Final = 256
"""Lines that may wait for a group's end: requests that are shed while the database hangs must not pile up here."""


class TransactionLog:
    """One line for each request that was done with: who asked what, what was answered, and why.

    Lines gather until `flush`, which comes after each group of answers, and go straight to the stream: a structlog
    event costs three times as much. Shows BIN and last four of a card at most, and escapes what a peer wrote, so
    that no terminal can steer an operator's screen.
    """

    def __init__(self, format: LogFormat, level: LogLevel, stream: TextIO) -> None:  # noqa: A002 - the setting's name
        self.enabled = level in {"debug", "info"}
        self._line = _json_line if format == "json" else _console_line
        self._stream = stream
        self._lines: list[str] = []
        self._second = -1
        self._at = ""

    def write(
        self,
        *,
        listener: str,
        kind: str,
        action: str,
        standing: str,
        terminal_id: str,
        merchant_id: str,
        stan: str,
        rrn: str,
        pan: Pan | None,
        amount_minor: int | None,
        currency: str,
        because: str,
        duration_s: float,
        trace_id: str = "",
    ) -> None:
        """Add one line, if the level asks for it.

        Args:
            action: "none" where no answer was sent.
            standing: first, repeat, conflict, shed or unknown.
            because: one clause without card data; "" for an approval.
            trace_id: "" for a request that is not traced.

        """
        if not self.enabled:
            return
        now = time.time()
        second = int(now)
        if second != self._second:
            self._second, self._at = second, time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
        self._lines.append(
            self._line(
                f"{self._at}.{int((now - second) * 1000):03d}Z",
                (listener, kind, action, standing, terminal_id, merchant_id, stan, rrn),
                pan.masked if pan is not None else "",
                amount_minor,
                currency,
                because,
                duration_s * 1000,
                trace_id,
            )
        )
        if len(self._lines) >= LINES_MAX:
            self.flush()

    def flush(self) -> None:
        """Write the lines that have gathered, with one call."""
        if self._lines:
            self._stream.write("".join(self._lines))
            self._lines.clear()


_Words = tuple[str, str, str, str, str, str, str, str]


def _json_line(
    at: str, words: _Words, card: str, minor: int | None, currency: str, because: str, ms: float, trace: str
) -> str:
    listener, kind, action, standing, terminal_id, merchant_id, stan, rrn = words
    traced = f',"trace_id":"{trace}"' if trace else ""
    return (
        f'{{"at":"{at}","level":"info","event":"transaction","listener":"{listener}","kind":"{kind}"'
        f',"action":"{action}","standing":"{standing}","terminal":{_quoted(terminal_id)}'
        f',"merchant":{_quoted(merchant_id)},"stan":{_quoted(stan)},"rrn":{_quoted(rrn)},"card":{_quoted(card)}'
        f',"amount_minor":{"null" if minor is None else minor},"currency":{_quoted(currency)}'
        f',"because":{_quoted(because)},"duration_ms":{ms:.2f}{traced}}}\n'
    )


def _console_line(
    at: str, words: _Words, card: str, minor: int | None, currency: str, because: str, ms: float, trace: str
) -> str:
    listener, kind, action, standing, terminal_id, merchant_id, stan, rrn = words
    money = "" if minor is None else f" {Money(minor, currency)}"
    marks = "" if standing == "first" else f" ({standing})"
    why = f": {because}" if because else ""
    traced = f" trace {trace}" if trace else ""
    line = (
        f"{at} {listener} {terminal_id} {merchant_id} {kind} #{stan} {card}{money} -> {action}{marks}{why}"
        f" [rrn {rrn} {ms:.1f} ms{traced}]"
    )
    return f"{line}\n" if line.isascii() and line.isprintable() else f"{_quoted(line)[1:-1]}\n"
