"""How a UnionPay terminal (dialect ``unionpay-pos``) makes a message of a step."""

from __future__ import annotations

import secrets
from typing import Final

from switch.tools.day import CURRENCY, Play, Shown, Step, Trick
from switch.tools.simulated_card import ARQC, TC, SimulatedCard
from switch.tools.tally import Move
from switch.wire.codec import Fields

# fmt: off
_ENTRY_MODES: Final = {  # 22, without its last digit: 1 with a PIN, 2 without
    Shown.SWIPED:      "02",
    Shown.PASSED_OVER: "02",
    Shown.TYPED:       "01",
    Shown.CHIP:        "05",
    Shown.CONTACTLESS: "07",
    Shown.CODE:        "03",
}
_READS: Final = {  # 60.4: what the terminal can read
    Shown.SWIPED:      "2",
}
# fmt: on
_READS_ALL: Final = "6"
_WITH_CHIP: Final = (Shown.CHIP, Shown.CONTACTLESS)
_NOT_REVERSED: Final = (12, 13, 26, 35, 36, 37, 38, 52, 53, 55, 59, 61, 62, 63, 64)
"""Fields of an original that its reversal does not repeat; 61 is kept of those that name an original themselves."""

_REVERSALS: Final = "4"
"""Second digit of the message type."""

_RRN: Final = 37
_CODE: Final = 38
_ORIGINAL: Final = 61
_PRIVATE: Final = 62

_NO_ANSWER: Final = "98"
_OTHER_REASON: Final = "06"


def message(play: Play, step: Step) -> Fields:
    """Return the fields of a step's message. Raises `PeerError` where keys, or what it is about, never came."""
    if step.trick is Trick.AGAIN:
        return dict(play.original(step).sent)
    if step.form.mti[1] == _REVERSALS:
        return _reversal(play, step)
    terminal, form = play.terminal, step.form
    fields: Fields = {0: form.mti, 41: terminal.terminal_id, 42: terminal.merchant_id}
    if form.is_numbered:
        fields[11] = terminal.next_stan()
    if form.processing:
        fields |= {3: form.processing, 25: form.condition}
    if step.amount is not None:
        fields |= {4: f"{step.amount:012d}", 49: CURRENCY}
    fields[60] = f"{form.kind}{terminal.batch}{form.network}"
    if step.shown is not Shown.NOT:
        fields[60] += _READS.get(step.shown, _READS_ALL) + "00"
        fields |= _shown(play, step)
    if step.move is Move.TRANSFER:
        fields[_PRIVATE] = play.cards[step.about].pan.reveal().encode().hex().upper()
    if form.names:
        fields |= _original(play, step)
    return {**fields, **form.more}


# --- the card ------------------------------------------------------------------------------------------------


def _shown(play: Play, step: Step) -> Fields:
    """22, the card's fields, and the PIN."""
    mode = _ENTRY_MODES[step.shown]
    if step.shown is Shown.CODE:
        return {22: f"{mode}2", 59: f"A3{len(play.pay_code):03d}{play.pay_code}"}
    card = play.cards[step.card]
    has_pin = step.trick in (Trick.PIN, Trick.WRONG_PIN)
    fields: Fields = {22: f"{mode}{1 if has_pin else 2}"}
    if step.shown is Shown.TYPED:
        fields |= {2: card.pan.reveal(), 14: card.expiry_yymm}
    elif step.shown in _WITH_CHIP:
        fields |= {23: card.sequence, 35: card.chip_track, 55: _chip(play, step, card)}
    else:
        fields[35] = card.stripe if step.shown is Shown.SWIPED else card.chip_track
    if step.trick is Trick.ENCRYPTED:
        fields |= {35: play.terminal.encrypted(fields[35]), 53: "0610000000000000"}
    if has_pin:
        pin = card.pin if step.trick is Trick.PIN else _another(card.pin)
        fields |= {26: "12", 52: play.terminal.pin_block(pin, card.pan), 53: "2600000000000000"}
    return fields


def _chip(play: Play, step: Step, card: SimulatedCard) -> str:
    decides = TC if step.trick is Trick.OFFLINE else ARQC
    kind, random = step.form.processing[:2], secrets.token_bytes(4)
    data = card.chip(step.amount or 0, CURRENCY, kind, play.now().date(), random, decides=decides)
    return data.hex().upper()


def _another(pin: str) -> str:
    return f"{pin[:-1]}{(int(pin[-1]) + 1) % 10}"


# --- what a message is about ---------------------------------------------------------------------------------


def _original(play: Play, step: Step) -> Fields:
    """37, 38 and 61 as far as the form names them: 12 digits of batch and STAN, 16 with the date, or the date alone."""
    original = play.original(step)
    answer, sent = original.answer.fields, original.sent
    fields: Fields = {}
    for name in step.form.names.split():
        if name == "rrn" and _RRN in answer:
            fields[_RRN] = answer[_RRN]
        elif name == "code" and _CODE in answer:
            fields[_CODE] = answer[_CODE]
        else:
            date = answer.get(13) or f"{play.now():%m%d}"
            number = sent[60][2:8] + sent.get(11, "")
            parts = {"12": number, "16": number + date, "date": "0" * 12 + date}
            fields |= {_ORIGINAL: parts[name]} if name in parts else {}
    return fields


def _reversal(play: Play, step: Step) -> Fields:
    """The original's fields and number without its secrets; why (39): no answer came, or another reason."""
    original = play.original(step)
    fields = {number: text for number, text in original.sent.items() if number not in _NOT_REVERSED}
    if _ORIGINAL in original.sent:
        fields[_ORIGINAL] = original.sent[_ORIGINAL]
    if step.card and step.shown is not Shown.CODE:
        fields[2] = play.cards[step.card].pan.reveal()
    if not original.is_lost and _CODE in original.answer.fields:
        fields[_CODE] = original.answer.fields[_CODE]
    return {**fields, 0: step.form.mti, 39: _NO_ANSWER if original.is_lost else _OTHER_REASON}
