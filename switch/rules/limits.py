"""Limits as operators write them, and the counters that they are held against.

A counter belongs to an owner and a period (`switch.decisions.CountSpending`). A card's own limits and those of its
account's class share the card's counters. Only what has a limit is counted: one that is set at noon counts from noon.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from functools import lru_cache, partial
from typing import Final, NamedTuple

from switch.decisions import Card, Limit, Limits, Merchant, Payment, Terminal
from switch.errors import ConfigurationError
from switch.messages.kinds import Kind
from switch.messages.model import Request, channel_of

CHANNELS: Final = ("swipe", "chip", "contactless", "manual", "qr")
"""How a card is presented; a limit may be for one of them."""

Counter = tuple[str, int]
"""An owner and a period: ``card:1`` or ``card:1/qr``, and yyyymmdd, yyyymm or 0 for all time."""

# fmt: off
SPENDS: Final = frozenset({
    Kind.PURCHASE, Kind.AUTHORISATION, Kind.INCREMENT, Kind.TRANSFER, Kind.CODE_PURCHASE, Kind.OFFLINE_SALE,
})
"""Kinds whose amount counts against limits. A completion's was counted with its authorisation."""

FILLS_BATCH: Final = SPENDS | {
    Kind.COMPLETION, Kind.COMPLETION_ADVICE, Kind.REFUND, Kind.LOAD, Kind.ACTIVATION,
}
"""New financials, which use up one of a batch's numbers. Cancels use none: they must be possible in a full batch."""
# fmt: on

UNKNOWN_BATCH: Final = "000000"
"""What a terminal sends that was never told its batch; the open one is meant."""


class _Field(NamedTuple):
    field: str  # of `Limit`
    channels: tuple[str, ...] = ("", *CHANNELS)


# fmt: off
NAMES: Final[Mapping[str, _Field]] = {
    # as written         of Limit         where it means something
    "single":        _Field("single_minor"),
    "daily":         _Field("daily_minor"),
    "daily_count":   _Field("daily_count"),
    "monthly":       _Field("monthly_minor"),
    "monthly_count": _Field("monthly_count"),
    "no_pin":        _Field("no_pin_minor",  ("", "contactless")),
    "floor":         _Field("floor_minor",   ("", "chip", "contactless")),
}
# fmt: on
_DIGITS_MAX: Final = 15
"""A limit that no sum of twelve-digit amounts in a month reaches, and that fits the books' 64 bits."""


@lru_cache(maxsize=1024)  # many terminals are given the same few limits
def parsed(text: str) -> Limits:
    """Read limits such as ``single=500000 daily=800000 daily_count=20 qr.daily=50000 contactless.no_pin=100000``.

    Amounts are minor units. Words are separated by spaces, their order does not matter; "" is no limits at all.
    Raises `ConfigurationError` naming the word that is wrong and what is allowed.
    """
    found: dict[str, dict[str, int]] = {}
    for word in text.split():
        channel, field, value = _read(word)
        if field in found.setdefault(channel, {}):
            raise ConfigurationError(f"limit {word!r}: {word.partition('=')[0]} is given twice")
        found[channel][field] = value
    return tuple((channel, Limit(**found[channel])) for channel in ("", *CHANNELS) if channel in found)


def counter_of(
    classes: Mapping[str, Limits],
) -> Callable[[Request, Terminal | None, Merchant | None, Card | None, date], tuple[Counter, ...]]:
    """Return `counters_of` with the limits of account classes in its hands."""
    return partial(counters_of, classes)


def counters_of(
    classes: Mapping[str, Limits],
    request: Request,
    terminal: Terminal | None,
    merchant: Merchant | None,
    card: Card | None,
    business_day: date,
) -> tuple[Counter, ...]:
    """Return the names of a request's counters.

    These are the counters that have a daily or monthly limit and that the request's amount would count in, and that of
    the batch, which counts its financial requests. What is not known (None) has none.
    """
    if request.kind not in FILLS_BATCH:
        return ()
    found: dict[Counter, None] = {}  # as a set that keeps its order
    if request.kind in SPENDS:
        for owner, limits in _limited(classes, terminal, merchant, card):
            _add(found, owner, limits, channel_for(request.kind, request.entry_mode), business_day)
    if request.batch and terminal is not None:
        found[batch_counter(request, terminal)] = None
    return tuple(found)


def _limited(
    classes: Mapping[str, Limits], terminal: Terminal | None, merchant: Merchant | None, card: Card | None
) -> list[tuple[str, Limits]]:
    """Whose limits a request is held against, by the owner of their counters: nobody's, most often."""
    limited: list[tuple[str, Limits]] = []
    if card is not None and (card.limits or card.account_class):
        limited.append((f"card:{card.card_id}", (*classes.get(card.account_class, ()), *card.limits)))
    if terminal is not None and terminal.limits:
        limited.append((f"terminal:{terminal.terminal_id}", terminal.limits))
    if merchant is not None and merchant.limits:
        limited.append((f"merchant:{merchant.merchant_id}", merchant.limits))
    return limited


def given_back(payment: Payment) -> tuple[Counter, ...]:
    """Return every counter that ``payment`` may have been counted in when it was made; not all of them need exist.

    A batch's is not among them: a number that was used up stays so.
    """
    if payment.kind not in SPENDS:
        return ()
    day, month = day_of(payment.business_day), month_of(payment.business_day)
    channel = channel_for(payment.kind, payment.entry_mode)
    owners = [f"card:{payment.card_id}"] if payment.card_id is not None else []
    owners += [f"terminal:{payment.terminal_id}"] if payment.terminal_id else []
    owners += [f"merchant:{payment.merchant_id}"] if payment.merchant_id else []
    suffixes = ("", f"/{channel}") if channel else ("",)
    return tuple((owner + suffix, period) for owner in owners for suffix in suffixes for period in (day, month))


def lowest(limits: Limits, channel: str, name: str) -> int | None:
    """Return the lowest limit called ``name`` (of `NAMES`) that applies to ``channel``, None if there is none."""
    field = NAMES[name].field
    found: list[int | None] = [getattr(limit, field) for limited, limit in limits if limited in ("", channel)]
    return min((limit for limit in found if limit is not None), default=None)


def channel_for(kind: Kind, entry_mode: str) -> str:
    """Return the channel that a request counts in: a pay code is QR, whatever its DE 22 says. "" if unknown."""
    return "qr" if kind is Kind.CODE_PURCHASE else channel_of(entry_mode)


def batch_counter(request: Request, terminal: Terminal) -> Counter:
    """Return the counter of the financial requests in the request's batch."""
    batch = terminal.batch if request.batch == UNKNOWN_BATCH else request.batch
    return f"batch:{terminal.terminal_id}/{batch}", 0


def day_of(day: date) -> int:
    """Return a day as a period: yyyymmdd."""
    return day.year * 10_000 + day.month * 100 + day.day


def month_of(day: date) -> int:
    """Return a day's month as a period: yyyymm."""
    return day.year * 100 + day.month


def _add(found: dict[Counter, None], owner: str, limits: Limits, channel: str, day: date) -> None:
    for limited, limit in limits:
        if limited not in ("", channel):
            continue
        name = f"{owner}/{limited}" if limited else owner
        if limit.daily_minor is not None or limit.daily_count is not None:
            found[name, day_of(day)] = None
        if limit.monthly_minor is not None or limit.monthly_count is not None:
            found[name, month_of(day)] = None


def _read(word: str) -> tuple[str, str, int]:
    left, _, digits = word.partition("=")
    channel, dot, name = left.rpartition(".")
    if dot and channel not in CHANNELS:
        raise ConfigurationError(f"limit {word!r}: no such channel; there are {', '.join(CHANNELS)}")
    if name not in NAMES:
        raise ConfigurationError(f"limit {word!r}: no such limit; there are {', '.join(NAMES)}")
    field, channels = NAMES[name]
    if channel not in channels:
        raise ConfigurationError(f"limit {word!r}: {name} is for {' or '.join(filter(None, channels))} only")
    if not (digits.isascii() and digits.isdecimal() and len(digits) <= _DIGITS_MAX):
        raise ConfigurationError(f"limit {word!r}: write {left}=NUMBER, at most {_DIGITS_MAX} digits, in minor units")
    return channel, field, int(digits)
