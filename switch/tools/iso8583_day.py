"""The day of an ISO 8583:1987 terminal (ASCII or binary), step by step, without MACs and PINs."""

from __future__ import annotations

import secrets
from datetime import UTC
from typing import Final

from switch.tools.chip_counter import find_counter
from switch.tools.day import CURRENCY, Form, Play, Script, Shown, Step, Trick
from switch.tools.simulated_card import ARQC
from switch.tools.tally import Move
from switch.wire.codec import Fields

UNION: Final = "union"
VISA: Final = "visa"

# fmt: off
_GIVEN: Final = (37, 38)

#                 MTI     3         70             approvals have     its original is named by
SIGN_ON   = Form("0800", "",       network="001", has_mac=False)
SIGN_OFF  = Form("0800", "",       network="002", has_mac=False)
ECHO      = Form("0800", "",       network="301", has_mac=False)
SALE      = Form("0200", "000000",                gives=_GIVEN)
TRANSFER  = Form("0200", "400000",                gives=_GIVEN)
VOID      = Form("0200", "020000",                gives=_GIVEN,      names="90")
REFUND    = Form("0200", "200000",                gives=(37,),       names="90")
AUTH      = Form("0100", "000000",                gives=_GIVEN)
AUTH_VOID = Form("0100", "020000",                gives=_GIVEN,      names="90")
COMPLETE  = Form("0220", "000000",                gives=_GIVEN,      names="38")
BALANCE   = Form("0100", "310000",                gives=(37, 54))
PROBE     = Form("0100", "310000",                gives=(37, 54),    does=find_counter)
REVERSAL  = Form("0400", "000000",                gives=(37,),       names="90")

SWIPED, TYPED, CHIP          = Shown.SWIPED, Shown.TYPED, Shown.CHIP
NONE, LOST, AGAIN            = Trick.NONE, Trick.LOST, Trick.AGAIN
_SALE, _REFUND, CANCEL, HOLD = Move.SALE, Move.REFUND, Move.CANCEL, Move.HOLD
CAPTURE, _TRANSFER, UNDO     = Move.CAPTURE, Move.TRANSFER, Move.UNDO

STEPS: Final = (
    #    name        says                         form       card   shown   trick  minor  about    then
    Step("echo",     "echo",                      ECHO),
    Step("on",       "sign-on",                   SIGN_ON),
    Step("union1",   "balance, UnionPay",         BALANCE,   UNION, SWIPED),
    Step("visa1",    "balance, Visa chip",        PROBE,     VISA,  CHIP),

    Step("sale",     "sale, swiped",              SALE,      UNION, SWIPED, NONE,   1200, "",      _SALE),
    Step("typed",    "sale, card number typed",   SALE,      VISA,  TYPED,  NONE,    900, "",      _SALE),
    Step("chip",     "sale, Visa chip",           SALE,      VISA,  CHIP,   NONE,   2200, "",      _SALE),
    Step("void",     "void of the first sale",    VOID,      UNION, SWIPED, NONE,   1200, "sale",  CANCEL),
    Step("void2",    "void of it again",          VOID,      UNION, SWIPED, NONE,   1200, "sale",  "25"),
    Step("refund",   "refund of 4.00",            REFUND,    VISA,  TYPED,  NONE,    400, "typed", _REFUND),
    Step("transfer", "transfer to another card",  TRANSFER,  VISA,  SWIPED, NONE,    300, UNION,   _TRANSFER),
    Step("union2",   "balance",                   BALANCE,   UNION, SWIPED),

    Step("auth",     "authorisation",             AUTH,      UNION, SWIPED, NONE,  10000, "",      HOLD),
    Step("done",     "completion advice",         COMPLETE,  UNION, SWIPED, NONE,  11000, "auth",  CAPTURE),
    Step("auth2",    "authorisation",             AUTH,      VISA,  TYPED,  NONE,   3000, "",      HOLD),
    Step("let",      "its void",                  AUTH_VOID, VISA,  TYPED,  NONE,   3000, "auth2", CANCEL),
    Step("auth3",    "authorisation",             AUTH,      VISA,  SWIPED, NONE,   1000, "",      HOLD),
    Step("rev3",     "reversal of it",            REVERSAL,  VISA,  SWIPED, NONE,   1000, "auth3", UNDO),

    Step("lost",     "sale, answer lost",         SALE,      UNION, SWIPED, LOST,   1600),
    Step("rev",      "reversal, no answer",       REVERSAL,  UNION, SWIPED, NONE,   1600, "lost"),
    Step("lost2",    "sale, answer lost",         SALE,      UNION, SWIPED, LOST,   1700),
    Step("again",    "the same sent again",       SALE,      UNION, SWIPED, AGAIN,  1700, "lost2", _SALE),
    Step("lost3",    "void of it, answer lost",   VOID,      UNION, SWIPED, LOST,   1700, "again"),
    Step("rev4",     "reversal of the void",      REVERSAL,  UNION, SWIPED, NONE,   1700, "lost3"),

    Step("union4",   "balance, UnionPay",         BALANCE,   UNION, SWIPED),
    Step("visa2",    "balance, Visa",             BALANCE,   VISA,  SWIPED),
    Step("off",      "sign-off",                  SIGN_OFF),
)
# fmt: on

_ENTRY_MODES: Final = {Shown.SWIPED: "022", Shown.TYPED: "012", Shown.CHIP: "052"}
_REFERENCE_DIGITS: Final = 42
_APPROVAL_CODE: Final = 38
_REPEATED: Final = "1"


def message(play: Play, step: Step) -> Fields:
    """Return the fields of a step's message; a repeat says so in its message type (0201)."""
    if step.trick is Trick.AGAIN:
        sent = play.original(step).sent
        return {**sent, 0: sent[0][:3] + _REPEATED}
    terminal, form, now = play.terminal, step.form, play.now()
    fields: Fields = {
        0: form.mti,
        7: f"{now.astimezone(UTC):%m%d%H%M%S}",
        11: terminal.next_stan(),
        12: f"{now:%H%M%S}",
        13: f"{now:%m%d}",
        41: terminal.terminal_id,
        42: terminal.merchant_id,
    }
    if form.network:
        return {**fields, 70: form.network}
    fields |= {3: form.processing, 25: "00"}
    if step.amount is not None:
        fields |= {4: f"{step.amount:012d}", 49: CURRENCY}
    fields |= _shown(play, step)
    if step.move is Move.TRANSFER:
        fields[103] = play.cards[step.about].pan.reveal()
    elif form.names:
        fields |= _original(play, step)
    return {**fields, **form.more}


def _shown(play: Play, step: Step) -> Fields:
    card, fields = play.cards[step.card], {22: _ENTRY_MODES[step.shown]}
    if step.shown is Shown.TYPED:
        return {**fields, 2: card.pan.reveal(), 14: card.expiry_yymm}
    if step.shown is Shown.SWIPED:
        return {**fields, 35: play.terminal.as_written(card.stripe)}
    kind, random = step.form.processing[:2], secrets.token_bytes(4)
    chip = card.chip(step.amount or 0, CURRENCY, kind, play.now().date(), random, decides=ARQC)
    return {**fields, 23: card.sequence, 35: play.terminal.as_written(card.chip_track), 55: chip.hex().upper()}


def _original(play: Play, step: Step) -> Fields:
    """The approval code of an authorisation (38), or the original's type, STAN and transmission time (90)."""
    original = play.original(step)
    if step.form.names == str(_APPROVAL_CODE):
        return {_APPROVAL_CODE: original.answer.fields.get(_APPROVAL_CODE, "")}
    sent = original.sent
    return {90: f"{sent[0][:3]}0{sent[11]}{sent[7]}".ljust(_REFERENCE_DIGITS, "0")}


DAY: Final = Script(STEPS, message)
