"""A merchant's statement as a page to print: one file of HTML, in Chinese and English, on A4.

It holds no script, loads nothing from anywhere and says so to the browser; all that is not ours is escaped.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from html import escape
from typing import Final

from switch.settlement.items import Item
from switch.settlement.statements import Statement
from switch.tools.statements import TOTALS, Sheet, currency_text, date_text, label_of, number, time_text

_STYLE: Final = """
@page { size: A4; margin: 14mm 12mm 16mm; }
:root { color-scheme: light; }
* { box-sizing: border-box; }
body {
  margin: 0 auto; padding: 10mm; max-width: 210mm; background: #fff; color: #1a1f26;
  font: 10pt/1.45 "Noto Sans", "Noto Sans CJK SC", "Source Han Sans SC", "PingFang SC", "Microsoft YaHei", sans-serif;
}
header { display: flex; justify-content: space-between; align-items: flex-end; gap: 8mm;
  border-bottom: 2px solid #1a1f26; padding-bottom: 4mm; }
h1 { font-size: 17pt; line-height: 1.2; margin: 0; }
h1 small, h2 small, th small, dt small { font-weight: 400; color: #5b6572; }
h1 small { display: block; font-size: 10.5pt; }
h2 { font-size: 11.5pt; margin: 8mm 0 2mm; break-after: avoid; }
.who { text-align: right; }
.who b { display: block; font-size: 12pt; overflow-wrap: anywhere; }
.facts { display: grid; grid-template-columns: repeat(4, 1fr); gap: 3mm; margin: 4mm 0 0; }
.facts div, .totals div { min-width: 0; }
dt { font-size: 8.5pt; color: #5b6572; }
dd { margin: 0; overflow-wrap: anywhere; }
.totals { display: grid; grid-template-columns: repeat(4, 1fr); gap: 3mm; margin: 6mm 0 0; }
.totals div { border: 1px solid #c9d0d8; border-radius: 2mm; padding: 2.5mm 3mm; }
.totals dd { font-size: 12.5pt; font-weight: 600; font-variant-numeric: tabular-nums; white-space: nowrap; }
.totals .net { background: #1a1f26; border-color: #1a1f26; color: #fff; print-color-adjust: exact; }
.totals .net dt, .totals .net small { color: #d5dbe2; }
table { width: 100%; border-collapse: collapse; font-size: 8pt; }
thead { display: table-header-group; }
tr { break-inside: avoid; }
th { text-align: left; font-weight: 600; border-bottom: 1px solid #1a1f26; padding: 1mm 1.5mm; vertical-align: bottom; }
th small { display: block; font-size: 7.5pt; }
td { border-bottom: 1px solid #e3e7ec; padding: .8mm 1.5mm; white-space: nowrap; }
td.words { white-space: normal; overflow-wrap: anywhere; }
.n { text-align: right; font-variant-numeric: tabular-nums; }
footer { margin-top: 8mm; border-top: 1px solid #c9d0d8; padding-top: 2mm; font-size: 8pt; color: #5b6572; }
@media print { body { padding: 0; max-width: none; } }
@media screen and (max-width: 640px) {
  body { padding: 4mm; }
  .facts, .totals { grid-template-columns: repeat(2, 1fr); }
  main { overflow-x: auto; }
}
"""

_SCHEMES: Final = {"unionpay": "银联", "visa": "Visa", "mastercard": "Mastercard", "other": "其他"}
_TYPES: Final = {"debit": "借记卡", "credit": "贷记卡", "prepaid": "预付卡"}

# fmt: off
_BY_SCHEME: Final = (
    ("卡组织", "Scheme", ""), ("卡种", "Card type", ""), ("借记笔数", "Debits", "n"), ("借记金额", "Amount", "n"),
    ("贷记笔数", "Credits", "n"), ("贷记金额", "Amount", "n"), ("手续费", "Fees", "n"),
)
_ITEMS: Final = (
    ("时间", "Time", ""), ("终端号", "Terminal", ""), ("批次号", "Batch", ""), ("凭证号", "STAN", "words"),
    ("参考号", "RRN", ""), ("交易类型", "Type", "words"), ("卡号", "Card", ""), ("金额", "Amount", "n"),
    ("手续费", "Fee", "n"),
)
_SHARES: Final = (("代理商", "Agent", ""), ("分润金额", "Share of the fees", "n"))
# fmt: on


def as_html(sheet: Sheet) -> str:
    """Return the page, in UTF-8 when it is written."""
    return "\n".join(_page(sheet)) + "\n"


def _page(sheet: Sheet) -> Iterator[str]:
    statement = sheet.statement
    title = f"{statement.merchant_id} {date_text(statement.day)}"
    yield '<!DOCTYPE html>\n<html lang="zh-CN">\n<head>\n<meta charset="utf-8">'
    yield """<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">"""
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f"<title>商户对账单 Merchant statement {escape(title)}</title>"
    yield f"<style>{_STYLE}</style>\n</head>\n<body>\n<main>"
    yield from _head(sheet)
    yield from _totals(statement)
    if statement.items:
        yield "<h2>按卡组织汇总 <small>By scheme and card type</small></h2>"
        yield from _table(_BY_SCHEME, _scheme_rows(statement))
    if statement.shares:
        yield "<h2>代理商分润 <small>Agents' shares of the fees</small></h2>"
        shares = ((agent, number(minor, statement.currency)) for agent, minor in statement.shares)
        yield from _table(_SHARES, shares)
    yield "<h2>交易明细 <small>Items</small></h2>"
    if statement.items:
        yield from _table(_ITEMS, (_item(item, statement) for item in statement.items))
    else:
        yield "<p>当日无交易 <small>There was nothing on this day.</small></p>"
    made = f"{sheet.made_at:%Y-%m-%d %H:%M:%S}"
    yield f"<footer>生成时间 Made {made}。净额 = 总额 - 贷记 - 手续费 · Net = gross - credits - fees.</footer>"
    yield "</main>\n</body>\n</html>"


def _head(sheet: Sheet) -> Iterator[str]:
    statement = sheet.statement
    name = sheet.merchant_name or statement.merchant_id
    facts = (
        ("商户号", "Merchant", statement.merchant_id),
        ("清算日期", "Business day", date_text(statement.day)),
        ("币种", "Currency", currency_text(statement.currency)),
        ("费率方案", "Fee plan", statement.fee_plan or "无 none"),
    )
    yield "<header><h1>商户对账单<small>Merchant statement</small></h1>"
    yield f'<div class="who"><b>{escape(name)}</b>{date_text(statement.day)}</div></header>'
    yield '<dl class="facts">'
    for chinese, english, value in facts:
        yield f"<div><dt>{chinese} <small>{english}</small></dt><dd>{escape(value)}</dd></div>"
    yield "</dl>"


def _totals(statement: Statement) -> Iterator[str]:
    yield '<dl class="totals">'
    for name, chinese, english, sign in TOTALS:
        minor = getattr(statement, name)
        amount = number(minor, statement.currency)
        mark = ' class="net"' if name == "net_minor" else ""
        minus = "&minus;" if sign and minor else ""
        yield f"<div{mark}><dt>{chinese} <small>{english}</small></dt><dd>{minus}{amount}</dd></div>"
    yield "</dl>"


def _scheme_rows(statement: Statement) -> Iterator[tuple[str, ...]]:
    for line in statement.lines:
        yield (
            _SCHEMES.get(line.scheme, line.scheme),
            _TYPES.get(line.card_type, line.card_type),
            f"{line.debits:,}",
            number(line.debit_minor, statement.currency),
            f"{line.credits:,}",
            number(line.credit_minor, statement.currency),
            number(line.fee_minor, statement.currency),
        )


def _item(item: Item, statement: Statement) -> tuple[str, ...]:
    """The date stands before the time where it is not the business day."""
    date = "" if item.local_date == statement.day else f"{date_text(item.local_date)[5:]} "
    return (
        f"{date}{time_text(item.local_time)}",
        item.terminal_id,
        item.batch,
        item.stan,
        item.rrn,
        " ".join(label_of(item.kind)),
        item.masked_pan,
        number(item.amount_minor, statement.currency),
        number(item.fee_minor, statement.currency),
    )


def _table(columns: tuple[tuple[str, str, str], ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    yield "<table><thead><tr>"
    for chinese, english, align in columns:
        yield f"<th{_class(align)}>{chinese}<small>{english}</small></th>"
    yield "</tr></thead><tbody>"
    for row in rows:
        cells = zip(columns, row, strict=True)
        yield "<tr>" + "".join(f"<td{_class(align)}>{escape(cell)}</td>" for (_, _, align), cell in cells) + "</tr>"
    yield "</tbody></table>"


def _class(align: str) -> str:
    return f' class="{align}"' if align else ""
