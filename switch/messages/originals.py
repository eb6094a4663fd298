"""How a message names the earlier one that it is about: `switch.messages.model.OriginalReference`."""

from __future__ import annotations

from datetime import date
from typing import Final

from switch.messages.dates import HostCalendar
from switch.messages.kinds import Kind
from switch.messages.model import OriginalReference
from switch.messages.paths import role_getter
from switch.wire.codec import Fields
from switch.wire.dialect import Dialect

HAVE_ORIGINALS: Final = frozenset(
    {
        Kind.REVERSAL, Kind.REFUND, Kind.VOID, Kind.AUTHORISATION_VOID, Kind.COMPLETION_VOID, Kind.LOAD_VOID,
        Kind.CODE_CANCEL, Kind.CODE_QUERY, Kind.INCREMENT, Kind.COMPLETION, Kind.COMPLETION_ADVICE, Kind.ADJUSTMENT,
        Kind.TIP, Kind.SCRIPT_RESULT, Kind.SIGNATURE_UPLOAD,
    }
)  # fmt: skip
"""Kinds that are about another request."""

_BY_OWN_KEY: Final = frozenset({Kind.REVERSAL, Kind.SCRIPT_RESULT, Kind.SIGNATURE_UPLOAD})
"""Kinds that, where they name nobody, carry their original's own STAN and batch."""


class OriginalReader:
    """Reads the reference in one dialect's fields. Pure: the calendar gives dates their years."""

    def __init__(self, dialect: Dialect, calendar: HostCalendar) -> None:
        self._calendar = calendar
        self._names_any = "original_mti" in dialect.roles
        self._get_mti = role_getter(dialect, "original_mti")
        self._get_stan = role_getter(dialect, "original_stan")
        self._get_date = role_getter(dialect, "original_date")
        self._get_batch = role_getter(dialect, "original_batch")
        self._get_rrn = role_getter(dialect, "original_rrn")
        self._get_approval_code = role_getter(dialect, "approval_code")
        self._get_own_stan = role_getter(dialect, "stan")
        self._get_own_batch = role_getter(dialect, "batch")

    def read(self, fields: Fields, kind: Kind, local_date: date, received_at: int) -> OriginalReference:
        """Whom a message of one of `HAVE_ORIGINALS` is about; ``local_date`` is its own.

        A reference that names the original's MTI (DE 90, DE 56) can be about anything. One that does not
        (UnionPay's DE 61) is about what a refund, void or completion names; a reversal there carries its
        original's own STAN and batch instead (domain rules 1 and 7). Zeros stand for what a terminal does not
        know, so that a 61 of zeros and a date says no more than the date: RRN and approval code do the rest.
        """
        is_reversal = kind is Kind.REVERSAL
        stan = self._get_stan(fields) if self._names_any or not is_reversal else ""
        if not stan.strip("0") and kind in _BY_OWN_KEY:
            own, batch = self._get_own_stan(fields), self._get_own_batch(fields)
            return OriginalReference("", own, local_date, batch, "" if is_reversal else self._get_rrn(fields))
        named_date = self._calendar.resolve(self._get_date(fields), received_at)
        rrn, approval_code = ("", "") if is_reversal else (self._get_rrn(fields), self._get_approval_code(fields))
        if not stan.strip("0"):
            return OriginalReference("", "", named_date, "", rrn, approval_code)
        batch = self._get_batch(fields)
        return OriginalReference(
            self._get_mti(fields)[1:2].strip("0"),
            stan,
            named_date,
            batch if batch.strip("0") else "",
            rrn,
            approval_code,
        )
