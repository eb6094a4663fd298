"""What a message asks (`Request`) and what is answered (`Reply`), in the switch's own words.

Both are frozen and carry no wire detail: no dialect, no DE 39, no packed digits. Times are integer
microseconds since 1970 in UTC (``*_at``); dates are `datetime.date` in the switch's configured zone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from switch.messages.verdicts import UNCHECKED, Verdicts

if TYPE_CHECKING:
    from datetime import date

    from switch.messages.actions import Action
    from switch.messages.chip import ChipData
    from switch.messages.kinds import Kind
    from switch.messages.settlement import BatchTotals, UploadedRecord
    from switch.values import Pan, Secret


@dataclass(frozen=True, slots=True)
class OriginalReference:
    """How a reversal or refund names the request it is about (DE 90 or 61, else its own key).

    ``message_class`` is the second digit of the original's MTI, "" where the dialect does not say;
    ``local_date`` is None where the message carries none; ``batch``, ``rrn`` and ``approval_code`` are "" likewise.
    ``journal_id`` is known only to the host, about its own books (an expiry).
    """

    message_class: str
    stan: str
    local_date: date | None
    batch: str
    rrn: str
    approval_code: str = ""
    journal_id: int | None = None


class Extras(NamedTuple):
    """What only some kinds carry. Absent text is "", secrets show nothing of themselves.

    ``to_pan`` is the card that a transfer goes to; ``pay_code`` the QR code that stands for an account; ``topic`` what
    a download or an upload is about (``ca_keys``, ``aids``, ``parameters``); ``content`` the private field as it came
    (bytes in hex where the dialect has it so). ``serial`` and ``software`` are the terminal's, ``operator_id`` and
    ``password`` its operator's; ``can_tell_serial`` says that its dialect has a place for the first. ``totals`` are
    those of a settlement, ``records`` those of an upload, ``record_count`` how many there were in all, at its end.
    """

    to_pan: Pan | None = None
    pay_code: Secret | None = None
    tip_minor: int | None = None
    topic: str = ""
    network_code: str = ""
    content: str = ""
    serial: str = ""
    software: str = ""
    operator_id: str = ""
    password: Secret | None = None
    totals: BatchTotals | None = None
    records: tuple[UploadedRecord, ...] = ()
    record_count: int | None = None
    can_tell_serial: bool = True

    def __reduce__(self) -> str | tuple[object, ...]:
        """Pickled, `NO_EXTRAS` stays the one that it is."""
        return "NO_EXTRAS" if self is NO_EXTRAS else (Extras, tuple(self))


NO_EXTRAS: Final = Extras()


class Request(NamedTuple):
    """One decoded request of a terminal.

    ``local_date`` is DE 13 resolved with its year, or the host's date where the message has none (then
    ``has_local_date`` is False and a repeat just after midnight is still found). Absent text is "".
    ``amount_minor`` and ``new_amount_minor`` (DE 95) are None where absent. ``can_read_chip`` is what the terminal says
    of itself (None: nothing), ``is_fallback`` that it read the stripe because the chip would not be read. ``has_track``
    says that its card was read from track 2. ``pan_key`` is what the books look its card up by (a keyed hash),
    b"" where that is left to them.
    """

    kind: Kind
    mti: str
    processing_code: str
    terminal_id: str
    merchant_id: str
    stan: str
    batch: str
    local_date: date
    has_local_date: bool
    local_time: str
    received_at: int
    pan: Pan | None
    expiry_yymm: str
    amount_minor: int | None
    currency: str
    entry_mode: str
    condition_code: str
    rrn: str
    reason: str
    new_amount_minor: int | None
    original: OriginalReference | None
    listener: str = ""  # the door it came in by: its policy applies
    approval_code: str = ""  # DE 38 of a request: its original's
    card_sequence: str = ""
    service_code: str = ""  # of the stripe, ISO/IEC 7813
    can_read_chip: bool | None = None
    is_fallback: bool = False
    chip: ChipData | None = None
    verdicts: Verdicts = UNCHECKED
    extras: Extras = NO_EXTRAS
    has_track: bool = False
    pan_key: bytes = b""

    def with_verdicts(self, verdicts: Verdicts) -> Request:
        """Return the request with what was found about it; itself if nothing was."""
        if verdicts is self.verdicts:
            return self
        return Request._make((*self[:_VERDICTS], verdicts, *self[_VERDICTS + 1 :]))

    @property
    def message_class(self) -> str:
        """Second digit of the MTI: part of the key, so a reversal never collides with its original."""
        return self.mti[1]

    @property
    def is_number_alone(self) -> bool:
        """Whether nothing was read of the card that the request names: no track, and no cryptogram of its chip.

        Whatever the entry mode says, whoever knows the number could have typed it in.
        """
        return self.pan is not None and not self.has_track and (self.chip is None or not self.chip.cryptogram)

    @property
    def is_repeat(self) -> bool:
        """Whether the sender says that it sent this before (MTI xxx1, xxx3)."""
        return self.mti[3] in "1357"


_VERDICTS: Final = Request._fields.index("verdicts")


_CHANNELS: Final = {
    "01": "manual",
    "02": "swipe",
    "03": "qr",
    "05": "chip",
    "07": "contactless",
    "80": "swipe",  # the chip would not be read
    "90": "swipe",
    "91": "contactless",
    "95": "chip",  # read, but not to be trusted in every respect
    "96": "contactless",
}


def channel_of(entry_mode: str) -> str:
    """How the card was presented, by the first two digits of DE 22 (ISO 8583:1987 and UnionPay); "" if unknown."""
    return _CHANNELS.get(entry_mode[:2], "")


@dataclass(frozen=True, slots=True)
class Balance:
    """One amount of DE 54: account type, what it is (01 ledger, 02 available), currency, signed minor units."""

    account_type: str
    amount_type: str
    currency: str
    amount_minor: int


class Reply(NamedTuple):
    """The host-made part of an answer; echoes are taken from the request (or its repeat) when it is written.

    ``answered_at`` is the moment of the decision, so that a repeat shows the first answer's DE 12 and 13.
    ``rrn`` is DE 37; ``approval_code`` DE 38 is "" unless approved; ``batch`` is given out at sign-on. ``private``
    goes into the dialect's private field (working keys at sign-on, what is downloaded); ``results`` are those of a
    settlement (`switch.messages.settlement`), domestic and foreign, beside the host's own ``totals``; ``wish`` is what
    the host wants of the terminal next, for the header of dialects that have a place for it: ``parameters``,
    ``status``, ``sign_on``, ``ca_keys``, ``aids``, ``software``. ``chip`` is what the issuer's answer to the chip is
    made of where its cryptogram was right (`switch.messages.chip.answerable`): a repeat's own chip data do not count.
    """

    action: Action
    answered_at: int
    rrn: str = ""
    approval_code: str = ""
    balances: tuple[Balance, ...] = ()
    batch: str = ""
    private: bytes = b""
    wish: str = ""
    results: str = ""
    totals: BatchTotals | None = None
    chip: bytes = b""


@dataclass(frozen=True, slots=True)
class Reject:
    """A message that decodes but asks nothing we can decide: no kind fits, or a field is missing or wrong.

    ``because`` names the field and what is wrong with it, never its contents.
    """

    action: Action
    because: str
