"""The day of a UnionPay terminal, step by step: every transaction that it can send, and the settlement of its batches.

It begins with a batch of its own and settles three: the day's, which balances; a short one that does not, since the
terminal has made mistakes, and is uploaded; an empty one. Amounts are small, so that the day can be played many times
in a row with the demo's cards and their limits. It leaves the prepaid card as it found it: empty, and waiting for its
activation.
"""

from __future__ import annotations

from typing import Final

from switch.tools.chip_counter import find_counter
from switch.tools.day import Form, Script, Shown, Step, Trick
from switch.tools.tally import Move
from switch.tools.unionpay_batch import (
    DIFFER,
    SETTLE,
    UPLOAD,
    UPLOAD_END,
    begin_afresh,
    make_up,
    refused_until_sign_on,
)
from switch.tools.unionpay_errands import download_all, download_parameters, sign_on
from switch.tools.unionpay_messages import message
from switch.wire.tlv import Tlv, build_tlv

UNION: Final = "union"
VISA: Final = "visa"
PREPAID: Final = "prepaid"

_OPERATOR: Final = {63: "01 "}
_SERIAL: Final = {62: b"Sequence No08DAY00001".hex().upper(), **_OPERATOR}
_NEWS: Final = {59: "A20120208DAY00001", 62: b"paper ok".hex().upper()}
_SIGNATURE: Final = {62: bytes(range(64)).hex().upper()}
_CHIP_SAID: Final = {"95": "0080048000", "9F36": "0001", "DF31": "2000000001"}
"""Verification results, counter, and that script 1 was processed (2)."""

_SCRIPT_RESULT: Final = {
    55: build_tlv(tuple(Tlv(tag, bytes.fromhex(value)) for tag, value in _CHIP_SAID.items())).hex().upper()
}

# fmt: off
NOT, SWIPED, PASSED, TYPED = Shown.NOT, Shown.SWIPED, Shown.PASSED_OVER, Shown.TYPED
CHIP, TAPPED, CODE         = Shown.CHIP, Shown.CONTACTLESS, Shown.CODE
NONE, LOST, AGAIN, FORGED  = Trick.NONE, Trick.LOST, Trick.AGAIN, Trick.FORGED
PIN, WRONG_PIN, ENCRYPTED  = Trick.PIN, Trick.WRONG_PIN, Trick.ENCRYPTED
OFFLINE                    = Trick.OFFLINE
FORGOTTEN, MISNOTED        = Trick.FORGOTTEN, Trick.MISNOTED
_SALE, _REFUND, CANCEL     = Move.SALE, Move.REFUND, Move.CANCEL
HOLD, MORE, CAPTURE, TOTAL = Move.HOLD, Move.MORE, Move.CAPTURE, Move.TOTAL
_TRANSFER, _LOAD, UNDO     = Move.TRANSFER, Move.LOAD, Move.UNDO

_TIMES: Final = (12, 13)
_GIVEN: Final = (12, 13, 37, 38)
_KEYS: Final  = (12, 13, 37, 62)

#                      MTI     3         25    60.1  60.3   approvals have  its original is named by
SALE          = Form("0200", "000000", "00", "22", "000", _GIVEN)
LATE_SALE     = SALE._replace(does=refused_until_sign_on)
UNSENT        = SALE._replace(does=make_up)
VOID          = Form("0200", "200000", "00", "23", "000", _GIVEN,         "rrn code 12")
REFUND        = Form("0220", "200000", "00", "25", "000", _GIVEN,         "rrn 16", more=_OPERATOR)
BALANCE       = Form("0200", "310000", "00", "01", "000", (54,))
PROBE         = Form("0200", "310000", "00", "01", "000", (54,), does=find_counter)
TRANSFER      = Form("0200", "400000", "66", "49", "000", _GIVEN)
AUTH          = Form("0100", "030000", "06", "10", "000", _GIVEN)
INCREMENT     = Form("0100", "030000", "60", "10", "000", _GIVEN,         "code date")
AUTH_VOID     = Form("0100", "200000", "06", "11", "000", _GIVEN,         "code date")
COMPLETE      = Form("0200", "000000", "06", "20", "000", _GIVEN,         "code date")
COMPLETE_TOLD = Form("0220", "000000", "06", "24", "000", _GIVEN,         "code date")
COMPLETE_VOID = Form("0200", "200000", "06", "21", "000", _GIVEN,         "rrn code 12")
REVERSAL      = Form("0400", gives=_TIMES)
CHIP_SALE     = Form("0200", "000000", "00", "36", "000", _GIVEN)
VOICE_SALE    = Form("0220", "000000", "00", "30", "000", _GIVEN,         more={38: "VOICE1"})
ADJUST        = Form("0220", "000000", "00", "32", "000", _GIVEN,         "rrn code 12")
TIP           = Form("0220", "000000", "00", "34", "000", _GIVEN,         "rrn code 12", more={48: "000000000500"})
TIP_OF_020    = TIP._replace(more={48: "000000000020"})
ACTIVATION    = Form("0100", "330000", "00", "48", "000", _GIVEN)
LOAD          = Form("0200", "630000", "00", "48", "000", _GIVEN)
LOAD_VOID     = Form("0200", "170000", "00", "48", "000", _GIVEN,         "rrn code 12")
CODE_QUERY    = Form("0200", "670000", "00", "22", "000", _TIMES,         "rrn 12")
SCRIPT        = Form("0620", "000000", "00", "00", "951", (),             "rrn 12", more=_SCRIPT_RESULT)
SIGNATURE     = Form("0820", "",       "",   "07", "800", (),             "rrn 12", has_mac=False, more=_SIGNATURE)
STATUS        = Form("0820", "",       "",   "00", "362", has_mac=False, is_numbered=False, more=_NEWS)
SIGN_ON       = Form("0800", "",       "",   "00", "003", _KEYS, has_mac=False, more=_SERIAL, does=sign_on)
FRESH         = SIGN_ON._replace(does=begin_afresh)
TRACK_SIGN_ON = Form("0800", "",       "",   "00", "004", _KEYS, has_mac=False, more=_SERIAL, does=sign_on)
SIGN_OFF      = Form("0820", "",       "",   "00", "002", has_mac=False)
ECHO          = Form("0820", "",       "",   "00", "301", has_mac=False, is_numbered=False)
CA_KEYS       = Form("0820", "",       "",   "00", "372", (62,), has_mac=False, is_numbered=False, does=download_all)
AIDS          = Form("0820", "",       "",   "00", "382", (62,), has_mac=False, is_numbered=False, does=download_all)
PARAMETERS    = Form("0800", "",       "",   "00", "360", (62,), has_mac=False, is_numbered=False,
                     does=download_parameters)

STEPS: Final = (
    #    name        says                        form           card     shown   trick      minor  about    then
    Step("fresh",    "a fresh batch",            FRESH),
    Step("on",       "sign-on",                  SIGN_ON),
    Step("ca",       "CA public keys",           CA_KEYS),
    Step("aids",     "applications (AIDs)",      AIDS),
    Step("params",   "parameters",               PARAMETERS),
    Step("echo",     "echo",                     ECHO),
    Step("status",   "status upload",            STATUS),
    Step("union1",   "balance, UnionPay chip",   PROBE,         UNION,   CHIP),
    Step("visa1",    "balance, Visa chip",       PROBE,         VISA,    CHIP),

    Step("sale",     "sale, swiped",             SALE,          UNION,   SWIPED, NONE,       1200, "",      _SALE),
    Step("chip",     "sale, UnionPay chip",      SALE,          UNION,   CHIP,   NONE,       2100, "",      _SALE),
    Step("chip2",    "sale, Visa chip",          SALE,          VISA,    CHIP,   NONE,       2200, "",      _SALE),
    Step("tap",      "sale, contactless",        SALE,          UNION,   TAPPED, NONE,       1500, "",      _SALE),
    Step("typed",    "sale, card number typed",  SALE,          VISA,    TYPED,  NONE,        900, "",      _SALE),
    Step("stripe",   "chip card swiped",         SALE,          VISA,    PASSED, NONE,        900, "",      "45"),
    Step("pin1",     "sale, wrong PIN",          SALE,          VISA,    SWIPED, WRONG_PIN,  1300, "",      "55"),
    Step("pin2",     "sale, right PIN",          SALE,          VISA,    SWIPED, PIN,        1300, "",      _SALE),
    Step("on2",      "sign-on with track key",   TRACK_SIGN_ON),
    Step("track",    "sale, encrypted track",    SALE,          UNION,   SWIPED, ENCRYPTED,  1400, "",      _SALE),
    Step("void",     "void of the first sale",   VOID,          UNION,   SWIPED, NONE,       1200, "sale",  CANCEL),
    Step("void2",    "void of it again",         VOID,          UNION,   SWIPED, NONE,       1200, "sale",  "25"),
    Step("refund",   "refund of 8.00",           REFUND,        UNION,   SWIPED, NONE,        800, "chip",  _REFUND),
    Step("refund2",  "refund of more than left", REFUND,        UNION,   SWIPED, NONE,       2100, "chip",  "61"),
    Step("union2",   "balance",                  BALANCE,       UNION,   SWIPED),

    Step("auth",     "pre-authorisation",        AUTH,          UNION,   CHIP,   NONE,      10000, "",      HOLD),
    Step("more",     "additional pre-auth.",     INCREMENT,     UNION,   SWIPED, NONE,       2000, "auth",  MORE),
    Step("done",     "completion",               COMPLETE,      UNION,   SWIPED, NONE,      11500, "auth",  CAPTURE),
    Step("done2",    "completion again",         COMPLETE,      UNION,   SWIPED, NONE,      11500, "auth",  "25"),
    Step("undone",   "completion void",          COMPLETE_VOID, UNION,   SWIPED, NONE,      11500, "done",  CANCEL),
    Step("advised",  "completion advice",        COMPLETE_TOLD, UNION,   SWIPED, NONE,       9000, "auth",  CAPTURE),
    Step("auth2",    "pre-authorisation",        AUTH,          VISA,    TYPED,  NONE,       3000, "",      HOLD),
    Step("over",     "completion of 150 %",      COMPLETE,      VISA,    TYPED,  NONE,       4500, "auth2", "64"),
    Step("let",      "pre-authorisation void",   AUTH_VOID,     VISA,    TYPED,  NONE,       3000, "auth2", CANCEL),
    Step("auth3",    "pre-authorisation",        AUTH,          VISA,    SWIPED, NONE,       1000, "",      HOLD),
    Step("done3",    "completion",               COMPLETE,      VISA,    SWIPED, NONE,       1100, "auth3", CAPTURE),
    Step("rev3",     "reversal of it",           REVERSAL,      VISA,    SWIPED, NONE,       1100, "done3", UNDO),
    Step("rev3a",    "and of the pre-auth.",     REVERSAL,      VISA,    SWIPED, NONE,       1000, "auth3", UNDO),

    Step("auth4",    "pre-authorisation",        AUTH,          VISA,    TYPED,  NONE,       2000, "",      HOLD),
    Step("more4",    "additional pre-auth.",     INCREMENT,     VISA,    TYPED,  NONE,        500, "auth4", MORE),
    Step("rmore4",   "its reversal",             REVERSAL,      VISA,    TYPED,  NONE,        500, "more4", UNDO),
    Step("let4",     "pre-authorisation void",   AUTH_VOID,     VISA,    TYPED,  NONE,       2000, "auth4", CANCEL),
    Step("rlet4",    "its reversal",             REVERSAL,      VISA,    TYPED,  NONE,       2000, "let4",  UNDO),
    Step("done4",    "completion",               COMPLETE,      VISA,    TYPED,  NONE,       1900, "auth4", CAPTURE),
    Step("unto4",    "completion void",          COMPLETE_VOID, VISA,    TYPED,  NONE,       1900, "done4", CANCEL),
    Step("rundone",  "its reversal",             REVERSAL,      VISA,    TYPED,  NONE,       1900, "unto4", UNDO),
    Step("back4",    "refund",                   REFUND,        VISA,    TYPED,  NONE,        400, "done4", _REFUND),
    Step("rback4",   "its reversal",             REVERSAL,      VISA,    TYPED,  NONE,        400, "back4", UNDO),
    Step("visa4",    "balance",                  BALANCE,       VISA,    SWIPED),

    Step("lost",     "sale, answer lost",        SALE,          UNION,   SWIPED, LOST,       1600),
    Step("rev",      "reversal, no answer",      REVERSAL,      UNION,   SWIPED, NONE,       1600, "lost"),
    Step("rev2",     "reversal once more",       REVERSAL,      UNION,   SWIPED, AGAIN,      1600, "rev"),
    Step("lost2",    "sale, answer lost",        SALE,          UNION,   SWIPED, LOST,       1700),
    Step("again",    "the same sent again",      SALE,          UNION,   SWIPED, AGAIN,      1700, "lost2", _SALE),
    Step("lost3",    "void of it, answer lost",  VOID,          UNION,   SWIPED, LOST,       1700, "again"),
    Step("rev4",     "reversal of the void",     REVERSAL,      UNION,   SWIPED, NONE,       1700, "lost3"),
    Step("union3",   "balance",                  BALANCE,       UNION,   SWIPED),

    Step("voice",    "offline sale, by voice",   VOICE_SALE,    VISA,    TYPED,  NONE,        700, "",      _SALE),
    Step("offline",  "offline sale, by chip",    CHIP_SALE,     UNION,   CHIP,   OFFLINE,     600, "",      _SALE),
    Step("adjust",   "adjusted to 6.50",         ADJUST,        VISA,    TYPED,  NONE,        650, "voice", TOTAL),
    Step("meal",     "sale, swiped",             SALE,          VISA,    SWIPED, NONE,       5000, "",      _SALE),
    Step("tip",      "tip of 5.00, total",       TIP,           VISA,    SWIPED, NONE,       5500, "meal",  TOTAL),
    Step("transfer", "transfer to another card", TRANSFER,      VISA,    SWIPED, NONE,        300, UNION,   _TRANSFER),
    Step("moved",    "transfer to another card", TRANSFER,      VISA,    SWIPED, NONE,        200, UNION,   _TRANSFER),
    Step("rmoved",   "its reversal",             REVERSAL,      VISA,    SWIPED, NONE,        200, "moved", UNDO),
    Step("voice2",   "offline sale, by voice",   VOICE_SALE,    VISA,    TYPED,  NONE,        300, "",      _SALE),
    Step("rvoice2",  "its reversal",             REVERSAL,      VISA,    TYPED,  NONE,        300, "voice2", UNDO),

    Step("issue",    "prepaid card activated",   ACTIVATION,    PREPAID, SWIPED),
    Step("prepaid1", "its balance",              BALANCE,       PREPAID, SWIPED),
    Step("load",     "load",                     LOAD,          PREPAID, SWIPED, NONE,       2000, "",      _LOAD),
    Step("load2",    "load",                     LOAD,          PREPAID, SWIPED, NONE,        500, "",      _LOAD),
    Step("unload",   "load void",                LOAD_VOID,     PREPAID, SWIPED, NONE,        500, "load2", CANCEL),
    Step("load3",    "load",                     LOAD,          PREPAID, SWIPED, NONE,        700, "",      _LOAD),
    Step("rload3",   "its reversal",             REVERSAL,      PREPAID, SWIPED, NONE,        700, "load3", UNDO),
    Step("pay",      "paid with it",             SALE,          PREPAID, SWIPED, NONE,       2000, "",      _SALE),
    Step("broke",    "more than is left",        SALE,          PREPAID, SWIPED, NONE,       2000, "",      "51"),
    Step("prepaid2", "its balance",              BALANCE,       PREPAID, SWIPED),
    Step("unissue",  "reversal of activation",   REVERSAL,      PREPAID, SWIPED, NONE,       None, "issue"),

    Step("qr",       "sale by pay code",         SALE,          UNION,   CODE,   NONE,       1000, "",      _SALE),
    Step("query",    "what became of it",        CODE_QUERY,    UNION,   CODE,   NONE,       None, "qr"),
    Step("unqr",     "its cancel",               VOID,          UNION,   CODE,   NONE,       1000, "qr",    CANCEL),
    Step("query2",   "what became of it",        CODE_QUERY,    UNION,   CODE,   NONE,       None, "qr",    "94"),
    Step("qr2",      "sale by pay code",         SALE,          UNION,   CODE,   NONE,        400, "",      _SALE),
    Step("qr3",      "sale by pay code",         SALE,          UNION,   CODE,   NONE,        300, "",      _SALE),
    Step("rqr3",     "its reversal",             REVERSAL,      UNION,   CODE,   NONE,        300, "qr3",   UNDO),

    Step("script",   "script result",            SCRIPT,        "",      NOT,    NONE,       None, "chip"),
    Step("sign",     "e-signature",              SIGNATURE,     "",      NOT,    NONE,       None, "chip"),
    Step("forged",   "sale, wrong MAC",          SALE,          UNION,   SWIPED, FORGED,      500, "",      "A0"),
    Step("on3",      "sign-on again",            SIGN_ON),
    Step("last",     "sale under the new keys",  SALE,          UNION,   SWIPED, NONE,        500, "",      _SALE),
    Step("union4",   "balance, UnionPay",        BALANCE,       UNION,   SWIPED),
    Step("visa2",    "balance, Visa",            BALANCE,       VISA,    SWIPED),

    Step("sum",      "settlement",               SETTLE),
    Step("sum2",     "the same sent again",      SETTLE,        "",      NOT,    AGAIN,      None, "sum"),
    Step("late",     "sale after it",            LATE_SALE,     UNION,   SWIPED, NONE,        100, "",      "77"),
    Step("next",     "sign-on, next batch",      SIGN_ON),
    Step("a1",       "sale, swiped",             SALE,          UNION,   SWIPED, NONE,        110, "",      _SALE),
    Step("a2",       "sale, UnionPay chip",      SALE,          UNION,   CHIP,   NONE,        120, "",      _SALE),
    Step("a3",       "sale, card number typed",  SALE,          VISA,    TYPED,  NONE,        130, "",      _SALE),
    Step("a4",       "sale it will forget",      SALE,          UNION,   SWIPED, FORGOTTEN,   140, "",      _SALE),
    Step("a5",       "sale noted wrongly",       SALE,          VISA,    SWIPED, MISNOTED,    150, "",      _SALE),
    Step("a6",       "sale it made up",          UNSENT,        UNION,   SWIPED, NONE,        160, "",      _SALE),
    Step("a7",       "sale by pay code",         SALE,          UNION,   CODE,   NONE,        170, "",      _SALE),
    Step("a8",       "sale, swiped",             SALE,          VISA,    SWIPED, NONE,        180, "",      _SALE),
    Step("a9",       "tip of 0.20, total",       TIP_OF_020,    VISA,    SWIPED, NONE,        200, "a8",    TOTAL),
    Step("b1",       "sale, swiped",             SALE,          UNION,   SWIPED, NONE,        190, "",      _SALE),
    Step("b2",       "void of it",               VOID,          UNION,   SWIPED, NONE,        190, "b1",    CANCEL),
    Step("b3",       "refund of 0.50",           REFUND,        VISA,    TYPED,  NONE,         50, "a3",    _REFUND),
    Step("b4",       "sale, swiped",             SALE,          UNION,   SWIPED, NONE,        100, "",      _SALE),
    Step("rb4",      "its reversal",             REVERSAL,      UNION,   SWIPED, NONE,        100, "b4",    UNDO),
    Step("b5",       "sale, swiped",             SALE,          UNION,   SWIPED, NONE,        210, "",      _SALE),

    Step("differ",   "settlement, with mistakes", DIFFER),
    Step("wait",     "sale meanwhile",           SALE,          UNION,   SWIPED, NONE,        100, "",      "95"),
    Step("upload",   "upload of the batch",      UPLOAD),
    Step("upload2",  "the same once more",       UPLOAD),
    Step("end",      "end of the upload",        UPLOAD_END),
    Step("next2",    "sign-on, next batch",      SIGN_ON),
    Step("union5",   "balance, UnionPay",        BALANCE,       UNION,   SWIPED),
    Step("visa3",    "balance, Visa",            BALANCE,       VISA,    SWIPED),
    Step("empty",    "settlement, empty",        SETTLE),
    Step("off",      "sign-off",                 SIGN_OFF),
)
# fmt: on

DAY: Final = Script(STEPS, message)
