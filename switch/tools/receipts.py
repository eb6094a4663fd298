"""Electronic receipts: what a terminal would print of a payment, 32 columns wide, in Chinese and English.

A receipt is not kept: it is made from the journal whenever it is asked for, so that a reprint can only say what the
books say. The card number is masked as everywhere.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from switch.messages.actions import Action
from switch.messages.kinds import Kind
from switch.messages.model import channel_of
from switch.messages.responses import ResponseTexts
from switch.values import Money

COLUMNS: Final = 32

# fmt: off
TITLES: Final = {
    Kind.PURCHASE:           ("消费",             "SALE"),
    Kind.CODE_PURCHASE:      ("扫码消费",         "QR SALE"),
    Kind.OFFLINE_SALE:       ("离线消费",         "OFFLINE SALE"),
    Kind.AUTHORISATION:      ("预授权",           "PRE-AUTHORISATION"),
    Kind.INCREMENT:          ("追加预授权",       "ADDITIONAL PRE-AUTH"),
    Kind.COMPLETION:         ("预授权完成",       "COMPLETION"),
    Kind.COMPLETION_ADVICE:  ("预授权完成通知",   "COMPLETION"),
    Kind.VOID:               ("消费撤销",         "SALE VOID"),
    Kind.CODE_CANCEL:        ("扫码撤销",         "QR SALE VOID"),
    Kind.AUTHORISATION_VOID: ("预授权撤销",       "PRE-AUTH VOID"),
    Kind.COMPLETION_VOID:    ("预授权完成撤销",   "COMPLETION VOID"),
    Kind.REFUND:             ("退货",             "REFUND"),
    Kind.REVERSAL:           ("冲正",             "REVERSAL"),
    Kind.TRANSFER:           ("转账",             "TRANSFER"),
    Kind.ACTIVATION:         ("预付卡激活",       "CARD ACTIVATION"),
    Kind.LOAD:               ("预付卡充值",       "LOAD"),
    Kind.LOAD_VOID:          ("充值撤销",         "LOAD VOID"),
    Kind.ADJUSTMENT:         ("结算调整",         "ADJUSTMENT"),
    Kind.TIP:                ("小费",             "TIP"),
    Kind.CORRECTION:         ("差错调账",         "CORRECTION"),
    Kind.EXPIRY:             ("预授权到期",       "PRE-AUTH EXPIRED"),
}
"""Kinds that have a receipt: those about money of a card."""

_HOW: Final = {"swipe": "S", "chip": "I", "contactless": "C", "manual": "M", "qr": "Q"}
"""The letter after the card number on UnionPay's receipts: swiped, inserted, contactless, manual, QR."""
# fmt: on


@dataclass(frozen=True, slots=True)
class Slip:
    """What one receipt says. ``at`` is local time; ``code`` is DE 39."""

    kind: Kind
    action: Action
    merchant: str
    merchant_id: str
    terminal_id: str
    masked_pan: str
    entry_mode: str
    batch: str
    stan: str
    approval_code: str
    rrn: str
    amount: Money | None
    at: datetime
    original_rrn: str = ""


def receipt(slip: Slip, texts: ResponseTexts, *, is_reprint: bool = False) -> str:
    """Return the receipt's lines, each at most `COLUMNS` wide on a terminal where Chinese takes two columns a sign."""
    return "\n".join(line.rstrip() for line in _lines(slip, texts, is_reprint=is_reprint))


def width(text: str) -> int:
    """How many columns a text takes (Unicode Standard Annex 11: wide and full-width signs take two)."""
    return sum(2 if unicodedata.east_asian_width(sign) in "WF" else 1 for sign in text)


def _lines(slip: Slip, texts: ResponseTexts, *, is_reprint: bool) -> Iterator[str]:
    title_zh, title = TITLES[slip.kind]
    yield from _centred(slip.merchant or slip.merchant_id)
    yield from _centred("签购单 SALES SLIP")
    if is_reprint:
        yield from _centred("重印 REPRINT")
    yield "-" * COLUMNS
    yield from _pair("商户 MERCHANT", slip.merchant_id)
    yield from _pair("终端 TERMINAL", slip.terminal_id)
    if slip.masked_pan:
        how = _HOW.get(channel_of(slip.entry_mode), "")
        yield from _pair("卡号 CARD", f"{slip.masked_pan} {how}".rstrip())
    yield from _pair("交易 TYPE", title_zh)
    yield from _pair("", title)
    for label, value in (
        ("批次 BATCH", slip.batch),
        ("凭证 TRACE", slip.stan),
        ("授权 AUTH", slip.approval_code),
        ("参考 RRN", slip.rrn),
        ("原交易 ORIGINAL", slip.original_rrn),
    ):
        if value:
            yield from _pair(label, value)
    yield from _pair("时间 TIME", f"{slip.at:%Y-%m-%d %H:%M:%S}")
    yield "-" * COLUMNS
    if slip.amount is not None:
        yield from _pair("金额 AMOUNT", str(slip.amount))
    yield from _pair("结果 RESULT", texts.zh.cashier)
    yield from _pair("", texts.en.cashier)
    yield "-" * COLUMNS
    if slip.action is Action.APPROVED:
        yield from _centred("持卡人签名 SIGNATURE")
        yield ""
        yield "_" * COLUMNS
    else:
        yield from _folded(texts.zh.next)
        yield from _folded(texts.en.next)


def _pair(label: str, value: str) -> Iterator[str]:
    """A label on the left and its value on the right, on two lines where one is too short."""
    gap = COLUMNS - width(label) - width(value)
    if gap > 0 or not label:
        lines = [value] if gap < 0 else []
        yield from (_right(line) for part in lines for line in _folded(part))
        if not lines:
            yield label + " " * gap + value
        return
    yield label
    yield from (_right(line) for line in _folded(value))


def _right(line: str) -> str:
    return " " * max(0, COLUMNS - width(line)) + line


def _centred(text: str) -> Iterator[str]:
    for line in _folded(text):
        yield " " * ((COLUMNS - width(line)) // 2) + line


def _folded(text: str) -> Iterator[str]:
    """Break a text into lines that fit: at spaces, and between Chinese signs."""
    line = ""
    for word in _words(text):
        if line and width(line + word.rstrip()) > COLUMNS:
            yield line.rstrip()
            line = ""
        line += word.lstrip() if not line else word
    if line.strip():
        yield line.rstrip()


def _words(text: str) -> Iterator[str]:
    """What must not be broken: a word with the space after it (at most a line of it), or one wide sign."""
    word = ""
    for sign in text:
        if unicodedata.east_asian_width(sign) in "WF":
            if word:
                yield word
            word = ""
            yield sign
            continue
        word += sign
        if sign == " " or width(word) == COLUMNS:
            yield word
            word = ""
    if word:
        yield word
