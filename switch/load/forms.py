"""How each kind of message looks in the dialects that terminals are simulated in: UnionPay's, and ISO 8583:1987."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from switch.errors import ConfigurationError
from switch.load.population import Card
from switch.load.scenario import Entry
from switch.messages.kinds import Kind
from switch.wire.codec import Fields
from switch.wire.dialect import Dialect
from switch.wire.tlv import Tlv, build_tlv

UNIONPAY: Final = "unionpay-pos"
ISO: Final = ("iso8583-1987-ascii", "iso8583-1987-binary")

_OPERATOR: Final = "01 "
_SERIAL: Final = b"Sequence No08LOAD0001".hex().upper()


class Form(NamedTuple):
    """A kind of message as its dialect tells it from others.

    ``names`` are the fields that name what it is about; ``of`` the kind that it needs an approved one of; ``more`` what
    every message of the form carries besides.
    """

    mti: str
    processing: str = ""
    condition: str = ""
    message_type: str = ""  # 60.1
    network: str = ""  # 60.3, or 70
    of: Kind | None = None
    names: tuple[int, ...] = ()
    has_mac: bool = True
    more: Mapping[int, str] = MappingProxyType({})


_VOICE: Final = MappingProxyType({38: "VOICE1"})
_TILL: Final = MappingProxyType({63: _OPERATOR})
_MACHINE: Final = MappingProxyType({62: _SERIAL, 63: _OPERATOR})

# fmt: off
_UNIONPAY: Final[Mapping[Kind, Form]] = {
    #                                  MTI     3         25    60.1  60.3   about                is named by
    Kind.PURCHASE:           Form("0200", "000000", "00", "22", "000"),
    Kind.BALANCE:            Form("0200", "310000", "00", "01", "000"),
    Kind.AUTHORISATION:      Form("0100", "030000", "06", "10", "000"),
    Kind.OFFLINE_SALE:       Form("0220", "000000", "00", "30", "000", more=_VOICE),
    Kind.VOID:               Form("0200", "200000", "00", "23", "000", Kind.PURCHASE,      (37, 38, 61)),
    Kind.REFUND:             Form("0220", "200000", "00", "25", "000", Kind.PURCHASE,      (37, 61), more=_TILL),
    Kind.COMPLETION:         Form("0200", "000000", "06", "20", "000", Kind.AUTHORISATION, (38, 61)),
    Kind.AUTHORISATION_VOID: Form("0100", "200000", "06", "11", "000", Kind.AUTHORISATION, (38, 61)),
    Kind.REVERSAL:           Form("0400", "",       "",   "",   "",    Kind.PURCHASE),
    Kind.SIGN_ON:            Form("0800", "",       "",   "00", "003", has_mac=False, more=_MACHINE),
    Kind.SIGN_OFF:           Form("0820", "",       "",   "00", "002", has_mac=False),
    Kind.ECHO:               Form("0820", "",       "",   "00", "301", has_mac=False),
}
_ISO: Final[Mapping[Kind, Form]] = {
    #                                  MTI     3                              about                is named by
    Kind.PURCHASE:           Form("0200", "000000", "00"),
    Kind.BALANCE:            Form("0100", "310000", "00"),
    Kind.AUTHORISATION:      Form("0100", "000000", "00"),
    Kind.VOID:               Form("0200", "020000", "00", of=Kind.PURCHASE,      names=(90,)),
    Kind.REFUND:             Form("0200", "200000", "00", of=Kind.PURCHASE,      names=(90,)),
    Kind.COMPLETION_ADVICE:  Form("0220", "000000", "00", of=Kind.AUTHORISATION, names=(38,)),
    Kind.AUTHORISATION_VOID: Form("0100", "020000", "00", of=Kind.AUTHORISATION, names=(90,)),
    Kind.REVERSAL:           Form("0400", "000000", "00", of=Kind.PURCHASE,      names=(90,)),
    Kind.SIGN_ON:            Form("0800", network="001", has_mac=False),
    Kind.SIGN_OFF:           Form("0800", network="002", has_mac=False),
    Kind.ECHO:               Form("0800", network="301", has_mac=False),
}
_ENTRY_MODES: Final = {  # 22: how, and 2 for no PIN
    Entry.SWIPE:       "022",
    Entry.CHIP:        "052",
    Entry.CONTACTLESS: "072",
    Entry.MANUAL:      "012",
    Entry.QR:          "032",
}
_CHIP_SAYS: Final = {  # what the terminal adds to what it read; no cryptogram, for the card's key is not ours
    "95":   "0080048000",
    "82":   "7C00",
    "9F1A": "0156",
    "9F33": "E0F8C8",
    "9F34": "1F0000",
    "9F35": "22",
}
# fmt: on
_CHIP: Final = build_tlv(tuple(Tlv(tag, bytes.fromhex(value)) for tag, value in _CHIP_SAYS.items())).hex().upper()
_READS_ALL: Final = "600"
_READS_STRIPES: Final = "200"
_WITH_CHIP: Final = (Entry.CHIP, Entry.CONTACTLESS)
_WITHOUT_CARD: Final = frozenset({Kind.SIGN_ON, Kind.SIGN_OFF, Kind.ECHO})
WITHOUT_AMOUNT: Final = _WITHOUT_CARD | {Kind.BALANCE}


def forms_of(dialect: Dialect) -> Mapping[Kind, Form]:
    """The kinds that can be sent in a dialect. Raises `ConfigurationError` where none are written."""
    if dialect.name == UNIONPAY:
        return _UNIONPAY
    if dialect.name in ISO:
        return _ISO
    known = ", ".join((UNIONPAY, *ISO))
    raise ConfigurationError(f"no messages are written for dialect {dialect.name}; there are for {known}")


def has_batches(dialect: Dialect) -> bool:
    """Whether a message says which batch it is of (60.2), and may leave its times to the host."""
    return dialect.name == UNIONPAY


def standing(dialect: Dialect, kind: Kind, entry: Entry, card: Card, currency: str, pay_code: str = "") -> Fields:
    """What all messages of a kind have in common that show a card in one way: everything but numbers and amounts."""
    form = forms_of(dialect)[kind]
    fields: Fields = {0: form.mti, **form.more}
    if form.processing:
        fields |= {3: form.processing, 25: form.condition}
    if form.network and not has_batches(dialect):
        fields[70] = form.network
    if kind in _WITHOUT_CARD:
        return fields
    if kind not in WITHOUT_AMOUNT:
        fields[49] = currency
    fields[22] = _ENTRY_MODES[entry]
    if entry is Entry.QR:
        return fields if form.names else {**fields, 59: f"A3{len(pay_code):03d}{pay_code}"}
    return fields | _shown(dialect, entry, card)


def _shown(dialect: Dialect, entry: Entry, card: Card) -> Fields:
    if entry is Entry.MANUAL:
        return {2: card.pan.reveal(), 14: card.expiry_yymm}
    if entry in _WITH_CHIP:
        return {23: "001", 35: as_written(dialect, card.chip_track), 55: _CHIP}
    return {35: as_written(dialect, card.stripe)}


def as_written(dialect: Dialect, track: str) -> str:
    """Track 2 with the separator that the dialect writes: ``D`` in packed digits, ``=`` in characters."""
    return track if dialect.fields[35].packed else track.replace("D", "=")


def reserved(form: Form, kind: Kind, entry: Entry, batch: str) -> str:
    """Field 60: message type, batch, network code, and of a card what the terminal can read."""
    reads = "" if kind in _WITHOUT_CARD else _READS_STRIPES if entry is Entry.SWIPE else _READS_ALL
    return f"{form.message_type}{batch}{form.network}{reads}"
