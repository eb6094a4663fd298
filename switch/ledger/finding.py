"""How a request finds those before it in the journal: the one it repeats, and the one it is about. Pure.

What a request is about it says in one of four ways, and each kind has its own that it may use, tried in order: the
first that finds anything ends the search. Which of several is meant is decided by what they have in common with the
request: the card, the RRN, STAN, batch and date that it names; then the latest.

    by STAN      of its own terminal and merchant, of the batch it names, of the date it names or of one beside it
    by RRN       of its merchant, whatever the terminal and however long ago
    by code      an authorisation's approval code at its merchant: by any terminal, on any day
    by id        the journal's own, known to the host alone

Terminals that number their requests anew each day make the day before dangerous: a lost request of today, and one of
yesterday, have the same STAN. So where the date of the original is told, another day's counts only around midnight,
where two clocks may take it for either day, or where one of the two has no date of its own and got the host's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date
from enum import Enum, auto
from typing import Final, NamedTuple

from switch.ledger.entry import Entry
from switch.ledger.rows import JournalRow, Prefix, TombstoneRow, date_of, days_around, number_of
from switch.messages.actions import Action
from switch.messages.kinds import Kind
from switch.messages.model import Request

_FINANCIAL_CLASSES: Final = "12"  # what another request can be about: authorisation, financial (ISO 8583 MTI)
_LATE: Final = "230000"
_EARLY: Final = "010000"
"""Local times, hhmmss, after and before which another clock may have the day beside."""

_MIDNIGHT_WINDOW_US: Final = 3_600_000_000  # a repeat without a date comes this soon after the first, or is another


class Way(Enum):
    """What an original is looked up by."""

    STAN = auto()
    RRN = auto()
    CODE = auto()
    ID = auto()


class Search(NamedTuple):
    """What a kind is about (empty ``kinds``: any), and the ways to find it."""

    kinds: frozenset[str]
    ways: tuple[Way, ...]


_ANY: Final[frozenset[str]] = frozenset()
_NOTHING: Final = Search(_ANY, ())
_AUTHORISATIONS: Final = frozenset({Kind.AUTHORISATION.value})
_COMPLETIONS: Final = frozenset({Kind.COMPLETION.value, Kind.COMPLETION_ADVICE.value})
_CODE_PURCHASES: Final = frozenset({Kind.CODE_PURCHASE.value})
_SALES: Final = frozenset({Kind.PURCHASE.value, Kind.OFFLINE_SALE.value}) | _COMPLETIONS | _CODE_PURCHASES

NAMED_BY_RRN: Final = _SALES | {Kind.AUTHORISATION.value, Kind.LOAD.value, Kind.TRANSFER.value}
"""Kinds whose RRN names them: what comes after them (a void, a refund) may repeat it in its own answer."""

# fmt: off
SEARCHES: Final[dict[Kind, Search]] = {
    #                        what it is about                  found by
    Kind.REVERSAL:           Search(_ANY,                      (Way.STAN,)),
    Kind.REFUND:             Search(_SALES,                    (Way.RRN, Way.STAN)),
    Kind.VOID:               Search(frozenset({"purchase"}),   (Way.STAN, Way.RRN)),
    Kind.COMPLETION_VOID:    Search(_COMPLETIONS,              (Way.STAN, Way.RRN)),
    Kind.LOAD_VOID:          Search(frozenset({"load"}),       (Way.STAN, Way.RRN)),
    Kind.CODE_CANCEL:        Search(_CODE_PURCHASES,           (Way.STAN, Way.RRN)),
    Kind.CODE_QUERY:         Search(_CODE_PURCHASES,           (Way.STAN, Way.RRN)),
    Kind.TIP:                Search(_SALES,                    (Way.STAN, Way.RRN)),
    Kind.ADJUSTMENT:         Search(_SALES,                    (Way.STAN, Way.RRN)),
    Kind.SCRIPT_RESULT:      Search(_ANY,                      (Way.STAN, Way.RRN)),
    Kind.SIGNATURE_UPLOAD:   Search(_ANY,                      (Way.STAN, Way.RRN)),
    Kind.INCREMENT:          Search(_AUTHORISATIONS,           (Way.CODE, Way.STAN, Way.RRN)),
    Kind.COMPLETION:         Search(_AUTHORISATIONS,           (Way.CODE, Way.STAN, Way.RRN)),
    Kind.COMPLETION_ADVICE:  Search(_AUTHORISATIONS,           (Way.CODE, Way.STAN, Way.RRN)),
    Kind.AUTHORISATION_VOID: Search(_AUTHORISATIONS,           (Way.CODE, Way.STAN, Way.RRN)),
    Kind.EXPIRY:             Search(_AUTHORISATIONS,           (Way.ID,)),
    Kind.CORRECTION:         Search(_ANY,                      (Way.ID,)),
}
# fmt: on


_SAYS_THE_AMOUNT: Final = frozenset(
    {Kind.REVERSAL, Kind.VOID, Kind.COMPLETION_VOID, Kind.LOAD_VOID, Kind.CODE_CANCEL, Kind.AUTHORISATION_VOID}
)
"""Kinds that name the amount of their original."""


def ways_of(kind: Kind) -> tuple[Way, ...]:
    """Return the ways in which a kind looks for its original, in the order in which they are tried."""
    return SEARCHES.get(kind, _NOTHING).ways


# --- what a request says of its original -------------------------------------------------------------------


def original_stan(request: Request) -> str:
    """Return the STAN of the request that this one is about; a reversal that names none carries it as its own."""
    reference = request.original
    named = reference.stan if reference is not None else ""
    if named.strip("0"):
        return named
    return request.stan if request.kind is Kind.REVERSAL else ""


def original_date(request: Request) -> date:
    """Return the local date of the request that this one is about, as far as it says."""
    reference = request.original
    return reference.local_date if reference and reference.local_date else request.local_date


def original_code(request: Request) -> str:
    """Return the approval code of the authorisation that a request is about, "" where it names none."""
    reference = request.original
    return request.approval_code or (reference.approval_code if reference is not None else "")


def is_same(row: JournalRow, entry: Entry) -> bool:
    """Whether a request under a stored key is that request again: same kind, card, amount and processing code.

    A completion may be asked for first and then told, which is one. One of the two without a PAN is another request: a
    repeat is sent as the first was.
    """
    request = entry.request
    return (
        (row.kind == request.kind or {row.kind, request.kind} <= _COMPLETIONS)
        and (row.pan_key or b"") == entry.pan_key
        and row.amount_minor == request.amount_minor
        and row.processing_code == request.processing_code
    )


# --- the journal as far as a group knows it ----------------------------------------------------------------


class Known:
    """Journal rows and tombstones that a group has loaded or made, by all that they are looked up by."""

    def __init__(self) -> None:
        self._by_prefix: dict[Prefix, list[JournalRow]] = {}
        self._by_rrn: dict[tuple[str, str], list[JournalRow]] = {}
        self._by_code: dict[tuple[str, str], list[JournalRow]] = {}
        self._by_id: dict[int, JournalRow] = {}
        self._tombstones: dict[Prefix, list[TombstoneRow]] = {}

    def add_requests(self, rows: Iterable[JournalRow]) -> None:
        for row in rows:
            self._by_prefix.setdefault(Prefix(row.terminal_id, row.merchant_id, row.stan), []).append(row)

    def add_by_rrn(self, rows: Iterable[JournalRow]) -> None:
        for row in rows:
            self._by_rrn.setdefault((row.merchant_id, row.rrn), []).append(row)

    def add_authorisations(self, rows: Iterable[JournalRow]) -> None:
        for row in rows:
            self._by_code.setdefault((row.merchant_id, row.approval_code), []).append(row)

    def add_by_id(self, rows: Iterable[JournalRow]) -> None:
        for row in rows:
            self._by_id[row.journal_id] = row

    def add_tombstones(self, stones: Iterable[TombstoneRow]) -> None:
        for stone in stones:
            self._tombstones.setdefault(Prefix(*stone[:3]), []).append(stone)

    def keep(self, prefix: Prefix, row: JournalRow) -> None:
        """Let later requests of the group find a decision that was made in it, under its own key."""
        self._by_prefix.setdefault(prefix, []).append(row)
        if row.action == Action.APPROVED and row.kind in NAMED_BY_RRN:
            self._by_rrn.setdefault((row.merchant_id, row.rrn), []).append(row)

    def bury(self, stone: TombstoneRow) -> bool:
        """Lay a tombstone; False where there is one already, because a second reversal buries nothing more."""
        laid = self._tombstones.setdefault(Prefix(*stone[:3]), [])
        if any(other[:-1] == stone[:-1] for other in laid):
            return False
        laid.append(stone)
        return True

    def is_buried(self, request: Request) -> bool:
        """Whether a reversal of this request came before it."""
        found = self._tombstones.get(Prefix(request.terminal_id, request.merchant_id, request.stan))
        if not found or request.message_class not in _FINANCIAL_CLASSES:
            return False
        first, last = days_around(request.local_date)
        return any(
            first <= stone.local_date <= last
            and (not request.has_local_date or _may_be_of(stone.local_date, request.local_date, request.local_time))
            and stone.message_class in ("", request.message_class)
            and stone.batch in ("", request.batch)
            for stone in found
        )

    def earlier(self, entry: Entry) -> JournalRow | None:
        """Return the journalled request that has the same key, if any.

        A request without a date of its own also repeats one of the day before, if that was moments ago and
        is the same in every respect: its terminal sent it again just after midnight.
        """
        request = entry.request
        found = self._by_prefix.get(Prefix(request.terminal_id, request.merchant_id, request.stan))
        if not found:
            return None
        today = number_of(request.local_date)
        yesterday = days_around(request.local_date)[0]
        for row in found:
            if row.mti[1] != request.message_class or row.batch != request.batch:
                continue
            if row.local_date == today:
                return row
            if (
                row.local_date == yesterday
                and not request.has_local_date
                and request.received_at - row.received_at <= _MIDNIGHT_WINDOW_US
                and is_same(row, entry)
            ):
                return row
        return None

    def originals(self, entry: Entry, *, any_card: bool = False) -> list[JournalRow]:
        """Return the journalled requests that this one may be about, the likeliest first.

        ``any_card``: those of other cards too, after those of the request's own.
        """
        search = SEARCHES.get(entry.request.kind, _NOTHING)
        for way in search.ways:
            found = self._found_by(way, entry.request)
            if found is None:
                continue
            candidates = [
                row
                for row in found
                if (not search.kinds or row.kind in search.kinds)
                and row.journal_id != entry.journal_id
                and (any_card or _may_be_of_card(row, entry))
            ]
            if candidates or way is Way.CODE:
                return sorted(candidates, key=_likeness(entry), reverse=True)
        return []

    def _found_by(self, way: Way, request: Request) -> Iterable[JournalRow] | None:
        """Return what one way finds, or None where the request does not say what that way looks up."""
        reference = request.original
        if way is Way.STAN:
            return self._found_by_stan(request)
        if way is Way.CODE:
            code = original_code(request)
            return self._by_code.get((request.merchant_id, code), ()) if code else None
        if reference is None:
            return None
        if way is Way.RRN:
            return self._by_rrn.get((request.merchant_id, reference.rrn), ()) if reference.rrn else None
        row = self._by_id.get(reference.journal_id or 0)
        return None if row is None else (row,)

    def _found_by_stan(self, request: Request) -> Iterable[JournalRow] | None:
        stan, reference = original_stan(request), request.original
        if not stan:
            return None
        classes = reference.message_class if reference and reference.message_class else _FINANCIAL_CLASSES
        batch = reference.batch if reference else ""
        day, is_told = original_date(request), _tells_its_originals_date(request)
        first, last = days_around(day)
        return [
            row
            for row in self._by_prefix.get(Prefix(request.terminal_id, request.merchant_id, stan), ())
            if row.mti[1] in classes
            and first <= row.local_date <= last
            and batch in ("", row.batch)
            and (not is_told or row.local_date == number_of(day) or _is_likely(row, request, day))
        ]


def _tells_its_originals_date(request: Request) -> bool:
    """A reversal that names no other has its original's; what else comes may come days later, on a date of its own."""
    if request.original is not None and request.original.local_date is not None:
        return True
    return request.kind is Kind.REVERSAL and request.has_local_date


def _is_likely(row: JournalRow, request: Request, day: date) -> bool:
    """Whether what is of the day beside the one that was told may be meant: around midnight, and for this amount."""
    is_amount = request.kind not in _SAYS_THE_AMOUNT or request.amount_minor in (None, row.amount_minor)
    return is_amount and _may_be_of(number_of(day), date_of(row.local_date), row.local_time)


def _may_be_of(number: int, day: date, time: str) -> bool:
    """Whether what has this date and time (none: the date is the host's) may by another clock be of that other date."""
    if number == number_of(day) or not time:
        return True
    before, after = days_around(day)
    return (number == after and time >= _LATE) or (number == before and time < _EARLY)


def _may_be_of_card(row: JournalRow, entry: Entry) -> bool:
    return not entry.pan_key or not row.pan_key or row.pan_key == entry.pan_key


def _likeness(entry: Entry) -> Callable[[JournalRow], tuple[bool, bool, bool, bool, bool, bool, int]]:
    """Return the key that candidates are sorted by: what each has in common with what the request says."""
    request, pan_key = entry.request, entry.pan_key
    reference = request.original
    rrn, batch = (reference.rrn, reference.batch) if reference is not None else ("", "")
    stan = original_stan(request)
    day = original_date(request)
    named, (first, last) = number_of(day), days_around(day)

    def likeness(row: JournalRow) -> tuple[bool, bool, bool, bool, bool, bool, int]:
        return (
            bool(pan_key) and row.pan_key == pan_key,
            bool(rrn) and row.rrn == rrn,
            bool(stan) and row.stan == stan,
            bool(batch) and row.batch == batch,
            row.local_date == named,
            first <= row.local_date <= last,
            row.journal_id,
        )

    return likeness
