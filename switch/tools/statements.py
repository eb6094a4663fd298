"""A merchant's statement of one day, for people: a table of 80 columns, or CSV for a spreadsheet.

The printable page is `switch.tools.statement_page`. All three say what the statement says, and add nothing up anew.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from io import StringIO
from typing import Final

from switch.settlement.items import Item
from switch.settlement.statements import Statement
from switch.values import CURRENCIES, Money

WIDTH: Final = 80

_FORMULAS: Final = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet would take for one

# fmt: off
LABELS: Final = {
    "purchase":          ("消费",           "sale"),
    "code_purchase":     ("扫码消费",       "QR sale"),
    "offline_sale":      ("离线消费",       "offline"),
    "completion":        ("预授权完成",     "completion"),
    "completion_advice": ("预授权完成通知", "completion"),
    "void":              ("消费撤销",       "void"),
    "code_cancel":       ("扫码撤销",       "QR void"),
    "completion_void":   ("完成撤销",       "compl void"),
    "refund":            ("退货",           "refund"),
    "reversal":          ("冲正",           "reversal"),
    "adjustment":        ("结算调整",       "adjustment"),
    "tip":               ("小费",           "tip"),
    "correction":        ("差错调账",       "correction"),
    "load":              ("充值",           "load"),
    "load_void":         ("充值撤销",       "load void"),
}
"""What an item is, in Chinese and in English."""

TOTALS: Final = (
    ("gross_minor",  "交易总额", "Gross",   ""),
    ("credit_minor", "贷记总额", "Credits", "-"),
    ("fee_minor",    "手续费",   "Fees",    "-"),
    ("net_minor",    "结算净额", "Net",     ""),
)
"""What a statement comes to, with the sign under which it goes into the net."""

CSV_COLUMNS: Final = (
    "line", "merchant", "day", "date", "time", "terminal", "batch", "stan", "rrn", "kind", "card", "scheme",
    "card_type", "currency", "amount", "fee", "agent",
)
# fmt: on


@dataclass(frozen=True, slots=True)
class Sheet:
    """What is printed: the statement, whose it is, and when it was made (local time)."""

    statement: Statement
    merchant_name: str
    made_at: datetime


def label_of(kind: str) -> tuple[str, str]:
    """Return what an item is called, in Chinese and in English."""
    return LABELS.get(kind, (kind, kind))


def number(minor: int, currency: str) -> str:
    """Return an amount as people write it, without its currency."""
    return str(Money(minor, currency)).partition(" ")[0]


def date_text(day: int) -> str:
    """Return a yyyymmdd with hyphens."""
    return f"{day // 10_000:04d}-{day // 100 % 100:02d}-{day % 100:02d}"


def time_text(time: str) -> str:
    """Return an hhmmss with colons."""
    return f"{time[:2]}:{time[2:4]}:{time[4:6]}" if len(time) >= 6 else time  # noqa: PLR2004 - hhmmss


def currency_text(code: str) -> str:
    """Return the letters of a currency, or its code where they are not known."""
    return CURRENCIES[code].letters if code in CURRENCIES else code


# --- a table -----------------------------------------------------------------------------------------------


def as_table(sheet: Sheet) -> str:
    """Return the statement as text of at most `WIDTH` columns."""
    return "\n".join(line.rstrip() for line in _lines(sheet)) + "\n"


def _lines(sheet: Sheet) -> Iterator[str]:
    statement = sheet.statement
    name = f"  {sheet.merchant_name}" if sheet.merchant_name else ""
    yield f"Statement of merchant {statement.merchant_id}{name}"[:WIDTH]
    plan = statement.fee_plan or "none"
    yield f"business day {date_text(statement.day)}, in {currency_text(statement.currency)}, fee plan {plan}"
    yield f"made {sheet.made_at:%Y-%m-%d %H:%M:%S}, {len(statement.items)} items"
    yield ""
    for name, _, english, sign in TOTALS:
        minor = getattr(statement, name)
        yield f"{english:<34}{(sign if minor else '') + _amount(sheet, minor):>18}"
    if statement.shares:
        yield ""
        yield "Of the fees, agents get"
        yield from (f"  {agent:<32}{_amount(sheet, minor):>18}" for agent, minor in statement.shares)
    if statement.items:
        yield ""
        yield from _by_scheme(sheet)
        yield ""
        yield from _items(sheet)


def _by_scheme(sheet: Sheet) -> Iterator[str]:
    yield f"{'scheme':<11}{'card':<9}{'debits':>7}{'amount':>16}{'credits':>9}{'amount':>16}{'fees':>12}"
    for line in sheet.statement.lines:
        yield (
            f"{line.scheme:<11}{line.card_type:<9}"
            f"{line.debits:>7}{_amount(sheet, line.debit_minor):>16}"
            f"{line.credits:>9}{_amount(sheet, line.credit_minor):>16}{_amount(sheet, line.fee_minor):>12}"
        )


def _items(sheet: Sheet) -> Iterator[str]:
    yield f"{'time':<9}{'terminal':<9}{'STAN':<7}{'what':<11}{'card':<20}{'amount':>13}{'fee':>10}"
    for item in sheet.statement.items:
        yield (
            f"{_when(item, sheet.statement.day):<9}{item.terminal_id:<9}{_stan(item):<7}{label_of(item.kind)[1]:<11}"
            f"{item.masked_pan:<20}{_amount(sheet, item.amount_minor):>13}{_amount(sheet, item.fee_minor):>10}"
        )


def _when(item: Item, day: int) -> str:
    """The time, or the date where it is of another day."""
    return time_text(item.local_time) if item.local_date == day else f"{date_text(item.local_date)[5:]}"


def _stan(item: Item) -> str:
    """A correction has no STAN: its key stands there, and is too long for a column."""
    return item.stan if len(item.stan) <= 6 else ""  # noqa: PLR2004 - DE 11 is n6


def _amount(sheet: Sheet, minor: int) -> str:
    return number(minor, sheet.statement.currency)


# --- CSV ---------------------------------------------------------------------------------------------------


def as_csv(sheet: Sheet) -> str:
    """Return the statement as CSV (RFC 4180, UTF-8): a line for each item, then agents' shares, then the totals.

    Amounts have a decimal point, no separators, and a minus sign for credits. What a spreadsheet would take for a
    formula begins with an apostrophe.
    """
    out = StringIO()
    writer = csv.DictWriter(out, CSV_COLUMNS, restval="")
    writer.writeheader()
    statement = sheet.statement
    common = {
        "merchant": _harmless(statement.merchant_id),
        "day": date_text(statement.day),
        "currency": currency_text(statement.currency),
    }
    for item in statement.items:
        writer.writerow({"line": "item", **common, **_cells(item, statement.currency)})
    for agent, minor in statement.shares:
        writer.writerow({"line": "share", **common, "agent": _harmless(agent), "amount": _plain(minor, statement)})
    for name, _, english, _ in TOTALS:
        writer.writerow({"line": english.lower(), **common, "amount": _plain(getattr(statement, name), statement)})
    return out.getvalue()


def _cells(item: Item, currency: str) -> dict[str, str]:
    return {
        "date": date_text(item.local_date),
        "time": time_text(item.local_time),
        "terminal": _harmless(item.terminal_id),
        "batch": _harmless(item.batch),
        "stan": _harmless(item.stan),
        "rrn": _harmless(item.rrn),
        "kind": item.kind,
        "card": item.masked_pan,
        "scheme": item.scheme,
        "card_type": item.card_type,
        "amount": number(item.amount_minor, currency).replace(",", ""),
        "fee": number(item.fee_minor, currency).replace(",", ""),
    }


def _plain(minor: int, statement: Statement) -> str:
    return number(minor, statement.currency).replace(",", "")


def _harmless(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULAS) else text
