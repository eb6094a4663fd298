"""How a terminal is doing, told from its newest messages: one word for each sign, and why. Pure.

A terminal is held against its own week before; where it has none that is worth the name, against what is usual.
Thresholds are guesses that err on the side of quiet: "look" when it suits, "act" means that somebody cannot sell.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from statistics import median
from typing import Final, NamedTuple

from switch.messages.kinds import Kind
from switch.messages.model import channel_of

FINE: Final = "fine"
LOOK: Final = "look"
ACT: Final = "act"
WORDS: Final = (FINE, LOOK, ACT)
"""From good to bad."""

HOUR_US: Final = 3_600_000_000
DAY_US: Final = 24 * HOUR_US
WEEK_US: Final = 7 * DAY_US

CUSTOMERS: Final = frozenset({Kind.PURCHASE, Kind.AUTHORISATION, Kind.CODE_PURCHASE, Kind.TRANSFER, Kind.LOAD})
"""Kinds that a customer waits for: what an approval rate is made of."""

_RECENT_MIN: Final = {HOUR_US: 5, DAY_US: 10}
_USUAL_MIN: Final = 20
_SKEW_ROWS: Final = 20
_OWN_NUMBERS: Final = frozenset({Kind.SIGN_ON, Kind.SIGN_OFF, Kind.DOWNLOAD, Kind.DOWNLOAD_QUERY, Kind.DOWNLOAD_END})
"""Kinds whose messages may share a STAN."""

Skew = Callable[[date, str, int], int]
"""How far a local date and time (hhmmss) is off the host's at a moment, in seconds (`HostCalendar.skew_s`)."""


class Seen(NamedTuple):
    """One message, as far as health is told from it; moments are microseconds since 1970, UTC, dates yyyymmdd."""

    journal_id: int
    kind: str
    action: str
    mti: str
    stan: str
    local_date: int
    local_time: str
    received_at: int
    entry_mode: str


class Sign(NamedTuple):
    """One sign of health: what it is about, the word, and why, with what goes into its places."""

    about: str
    word: str
    why: str
    values: tuple[object, ...] = ()


class Rate(NamedTuple):
    """So many of so many."""

    some: int
    all: int

    @property
    def share(self) -> float:
        return self.some / self.all if self.all else 0.0

    def __str__(self) -> str:
        return f"{self.share:.0%}"


class Usual(NamedTuple):
    """What is usual: how many are approved, how many are typed in or fallback."""

    approved: Rate
    by_hand: Rate


def usual_of(seen: Sequence[Seen]) -> Usual:
    """Return what is usual where these messages were seen."""
    return Usual(_approved(seen), _by_hand(seen))


def signs_of(seen: Sequence[Seen], now: int, skew: Skew, *, expected: bool, usual: Usual | None = None) -> list[Sign]:
    """Return all signs of a terminal from its newest messages, the newest first.

    ``expected`` is whether it should be heard of at all (it is active). ``usual`` is held against it in place of its
    own week.
    """
    week = [one for one in seen if one.received_at > now - WEEK_US]
    today = [one for one in week if one.received_at > now - DAY_US]
    hour = [one for one in today if one.received_at > now - HOUR_US]
    before = usual or usual_of([one for one in week if one.received_at <= now - DAY_US])
    before_hour = usual or usual_of([one for one in week if one.received_at <= now - HOUR_US])
    return [
        last_seen(seen, now, expected=expected),
        approvals("Approved in the last hour", hour, before_hour.approved, _RECENT_MIN[HOUR_US]),
        approvals("Approved in the last day", today, before.approved, _RECENT_MIN[DAY_US]),
        entry_modes(today, before.by_hand),
        reversals(today),
        clock(seen[:_SKEW_ROWS], skew),
        duplicates(today),
    ]


def worst(signs: Sequence[Sign]) -> str:
    """Return the word for all of them."""
    return max((sign.word for sign in signs), key=WORDS.index, default=FINE)


# --- signs -------------------------------------------------------------------------------------------------


def last_seen(seen: Sequence[Seen], now: int, *, expected: bool) -> Sign:
    """Whether a terminal that should be heard of is."""
    about = "Last seen"
    if not seen:
        return Sign(about, LOOK if expected else FINE, "Never heard of.")
    hours = max(0, now - seen[0].received_at) // HOUR_US
    if not expected:
        return Sign(about, FINE, "{} hours ago; nothing is expected of it while it is not active.", (hours,))
    word = _word(hours, look=24, act=72)
    return Sign(about, word, "{} hours ago." if hours else "Within the hour.", (hours,) if hours else ())


def approvals(about: str, recent: Sequence[Seen], then: Rate, recent_min: int) -> Sign:
    """Whether as many customers are served as usual, which is ``then``."""
    now = _approved(recent)
    if now.all < recent_min:
        return Sign(about, FINE, "Too few to tell: {} of {}.", now)
    if not now.some:
        return Sign(about, ACT, "None of {} was approved.", (now.all,))
    if then.all < _USUAL_MIN:
        word = LOOK if now.share < 0.5 else FINE  # noqa: PLR2004 - most of a shop's cards are good
        return Sign(about, word, "{}, {} of {}; no week before to hold it against.", (now, *now))
    word = _word(then.share - now.share, look=0.2, act=0.4)
    return Sign(about, word, "{}, {} of {}; usually {}.", (now, *now, then))


def entry_modes(recent: Sequence[Seen], then: Rate) -> Sign:
    """Whether more cards are typed in, or read by their stripe although they have a chip, than usual."""
    about = "Typed and fallback"
    now = _by_hand(recent)
    if now.all < _RECENT_MIN[DAY_US]:
        return Sign(about, FINE, "Too few to tell: {} of {}.", now)
    if then.all < _USUAL_MIN:
        return Sign(about, FINE, "{}, {} of {}; no week before to hold it against.", (now, *now))
    word = _word(now.share - then.share, look=0.15, act=0.35)
    return Sign(about, word, "{}, {} of {}; usually {}.", (now, *now, then))


def reversals(recent: Sequence[Seen]) -> Sign:
    """Whether answers do not reach it: each one that is missed comes back as a reversal."""
    about = "Reversals"
    undone = sum(one.kind == Kind.REVERSAL for one in recent)
    rate = Rate(undone, sum(one.kind in CUSTOMERS for one in recent))
    word = _word(undone, look=2, act=3) if undone else FINE
    if word == ACT and rate.share < 0.1:  # noqa: PLR2004 - one in ten
        word = LOOK
    if word == LOOK and rate.share < 0.03:  # noqa: PLR2004 - now and then a line breaks
        word = FINE
    return Sign(about, word, "{} for {} requests in the last day.", rate)


def clock(newest: Sequence[Seen], skew: Skew) -> Sign:
    """How far its clock is off: the median, so that one message from the night before does not count."""
    about = "Clock"
    off = [skew(_date(one.local_date), one.local_time, one.received_at) for one in newest if _tells_time(one)]
    if not off:
        return Sign(about, FINE, "It does not tell its time.")
    seconds = int(median(off))
    return Sign(about, _word(seconds, look=120, act=900), "{} s off.", (seconds,))


def duplicates(recent: Sequence[Seen]) -> Sign:
    """Whether it gives two requests one number: its counter was set back, or two machines have one identity."""
    numbered = [(one.local_date, one.stan, one.mti[1:2]) for one in recent if one.stan and one.kind not in _OWN_NUMBERS]
    twice = len(numbered) - len(set(numbered))
    return Sign("Duplicate STANs", _word(twice, look=1, act=5), "{} in the last day.", (twice,))


# --- how ---------------------------------------------------------------------------------------------------


def _word(found: float, *, look: float, act: float) -> str:
    if found >= act:
        return ACT
    return LOOK if found >= look else FINE


def _approved(seen: Sequence[Seen]) -> Rate:
    asked = [one for one in seen if one.kind in CUSTOMERS]
    return Rate(sum(one.action == "approved" for one in asked), len(asked))


def _by_hand(seen: Sequence[Seen]) -> Rate:
    read = [one for one in seen if one.kind in CUSTOMERS and channel_of(one.entry_mode)]
    return Rate(sum(channel_of(one.entry_mode) == "manual" or one.entry_mode[:2] == "80" for one in read), len(read))


def _tells_time(one: Seen) -> bool:
    return len(one.local_time) == 6 and one.local_time.isdigit() and one.local_date > 0  # noqa: PLR2004 - hhmmss


def _date(day: int) -> date:
    return date(day // 10_000, day // 100 % 100, day % 100)
