"""Reads transcripts: text files in which each line is a message to a running switch and what it must answer.

    dialect  iso8583-1987-ascii                      # one or more; the transcript runs in each
    setting  sign_on required                        # of the listener
    merchant M1 frozen                               # M1 and T1 need no line when they are ordinary
    terminal T2 M1 locked kinds=purchase,reversal
    card     C1 balance=50.00 daily_limit=40.00      # further columns of the import, without the unit
    day      2026-03-04                              # or: day next, day +3
    10:00    T1 purchase #42 C1 10.00 -> approved    # an action, or the literal DE 39
    & T1 repeat purchase #42 -> approved             # sent with the line before, before that is answered
    books    C1 available=40.00 held=0.00 ledger=40.00
    books    M1 10.00

A message is a kind, its STAN, card and amount, then options: ``of #42`` names the original as the dialect does
(DE 90, 56 or 61), ``rrn #42`` by its retrieval reference, ``to 4.00`` is the new amount of a partial reversal,
``49=840`` gives a field another value, ``13=`` leaves it out and ``0=0420`` is the MTI. ``repeat`` sends an
earlier message once more as MTI xxx1, ``again`` exactly as it was. What an answer must hold beside DE 39
follows its action: ``-> approved 54=...``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from pathlib import Path

_LINE = re.compile(r"(?:(?P<time>\d\d:\d\d(?::\d\d)?)|(?P<together>&))\s+(?P<what>.*?)\s*->\s*(?P<expected>.*)")
_COMMENT = re.compile(r"(?:^|\s)#(?!\d).*$")


@dataclass(frozen=True)
class Message:
    """One message to send. ``resent`` is "" for a new one, else ``repeat`` or ``again``."""

    terminal: str
    kind: str
    stan: str
    card: str = ""
    amount_minor: int | None = None
    resent: str = ""
    original: str = ""
    rrn_of: str = ""
    new_amount_minor: int | None = None
    fields: dict[int, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Sent:
    """A message, when it is sent (local time), and the answer expected: an action or DE 39, and other fields."""

    line: int
    at: datetime
    message: Message
    action: str
    answer: dict[int, str]


@dataclass(frozen=True)
class Group:
    """Messages that are sent together, in this order."""

    messages: list[Sent]


@dataclass(frozen=True)
class BooksAre:
    """What the books must say now about a card, a merchant or the adjustment queue."""

    line: int
    subject: str
    figures: dict[str, int]


@dataclass
class Transcript:
    """A parsed file."""

    name: str
    dialects: list[str] = field(default_factory=list)
    settings: dict[str, str] = field(default_factory=dict)
    merchants: dict[str, dict[str, str]] = field(default_factory=lambda: {"M1": {}})
    terminals: dict[str, dict[str, str]] = field(default_factory=lambda: {"T1": {"merchant_id": "M1"}})
    cards: dict[str, dict[str, str]] = field(default_factory=dict)
    steps: list[Group | BooksAre] = field(default_factory=list)
    begins: date = date(2026, 3, 4)


def load(path: Path) -> Transcript:
    """Read a transcript; a line that makes no sense raises ValueError with its number."""
    transcript = Transcript(path.stem)
    reader = _Reader(transcript)
    for number, text in enumerate(path.read_text("utf-8").splitlines(), 1):
        words = _COMMENT.sub("", text).strip()
        if not words:
            continue
        try:
            reader.read(number, words)
        except (ValueError, KeyError, IndexError) as error:
            raise ValueError(f"{path.name}:{number}: {text.strip()!r}: {error}") from error
    return transcript


class _Reader:
    def __init__(self, transcript: Transcript) -> None:
        self._transcript = transcript
        self._today = transcript.begins
        self._at = datetime.combine(self._today, time())

    def read(self, number: int, words: str) -> None:
        found = _LINE.fullmatch(words)
        if found:
            self._message(number, found)
            return
        keyword, *rest = words.split()
        getattr(self, f"_{keyword}")(number, *rest)

    def _dialect(self, _: int, *names: str) -> None:
        self._transcript.dialects += names

    def _setting(self, _: int, name: str, value: str) -> None:
        self._transcript.settings[name] = value

    def _merchant(self, _: int, name: str, *columns: str) -> None:
        self._transcript.merchants[name] = _columns(columns)

    def _terminal(self, _: int, name: str, merchant: str, *columns: str) -> None:
        self._transcript.terminals[name] = {"merchant_id": merchant, **_columns(columns)}

    def _card(self, _: int, name: str, *columns: str) -> None:
        self._transcript.cards[name] = _columns(columns)

    def _day(self, _: int, word: str) -> None:
        if word == "next":
            self._today += timedelta(days=1)
        elif word.startswith("+"):
            self._today += timedelta(days=int(word))
        else:
            self._today = date.fromisoformat(word)
        if not self._transcript.steps:
            self._transcript.begins = self._today

    def _books(self, number: int, subject: str, *figures: str) -> None:
        named = dict(figure.partition("=")[::2] if "=" in figure else ("balance", figure) for figure in figures)
        values = {name: int(text) if subject == "adjustments" else minor(text) for name, text in named.items()}
        self._transcript.steps.append(BooksAre(number, subject, values))

    def _message(self, number: int, found: re.Match[str]) -> None:
        if found["time"]:
            self._at = datetime.combine(self._today, time.fromisoformat(found["time"]))
            self._transcript.steps.append(Group([]))
        action, *fields = found["expected"].split()
        answer = dict(_field(each) for each in fields)
        group = self._transcript.steps[-1]
        if not isinstance(group, Group):
            raise TypeError("nothing to send this together with")
        group.messages.append(Sent(number, self._at, _message(found["what"]), action, answer))


def _columns(words: tuple[str, ...]) -> dict[str, str]:
    return dict(word.partition("=")[::2] if "=" in word else ("status", word) for word in words)


def _message(text: str) -> Message:
    words = iter(text.split())
    terminal, kind = next(words), next(words)
    resent = ""
    if kind in ("repeat", "again"):
        resent, kind = kind, next(words)
    stan = _stan(next(words))
    parts: dict[str, object] = {}
    fields: dict[int, str] = {}
    for word in words:
        _option(word, words, parts, fields)
    return Message(terminal, kind, stan, resent=resent, fields=fields, **parts)  # type: ignore[arg-type]


def _option(word: str, words: Iterator[str], parts: dict[str, object], fields: dict[int, str]) -> None:
    if "=" in word:
        number, value = _field(word)
        fields[number] = value
    elif word == "of":
        parts["original"] = _stan(next(words))
    elif word == "rrn":
        parts["rrn_of"] = _stan(next(words))
    elif word == "to":
        parts["new_amount_minor"] = minor(next(words))
    elif word.startswith("C"):
        parts["card"] = word
    else:
        parts["amount_minor"] = minor(word)


def _field(word: str) -> tuple[int, str]:
    number, _, value = word.partition("=")
    return int(number), value


def _stan(word: str) -> str:
    if not word.startswith("#"):
        raise ValueError(f"{word} is no #STAN")
    return f"{int(word[1:]):06d}"


def minor(text: str) -> int:
    """An amount with two decimals in minor units."""
    sign = -1 if text.startswith("-") else 1
    whole, _, cents = text.lstrip("-").partition(".")
    if len(cents) != 2:
        raise ValueError(f"{text} is no amount")
    return sign * (int(whole) * 100 + int(cents))
