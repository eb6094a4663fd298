"""Receipts fit 32 columns, say what the books say, and never a whole card number."""

from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switch.messages.actions import Action
from switch.messages.kinds import Kind
from switch.messages.responses import load_responses
from switch.tools.receipts import COLUMNS, TITLES, Slip, receipt, width
from switch.values import Money

TEXTS = load_responses()
AT = datetime(2026, 11, 21, 19, 51, 29)  # noqa: DTZ001 - local time as a receipt shows it


def a_slip(**changes: object) -> Slip:
    parts: dict[str, object] = {
        "kind": Kind.PURCHASE,
        "action": Action.APPROVED,
        "merchant": "Lantern Street Noodles",
        "merchant_id": "MERCHANT0000001",
        "terminal_id": "TERM0001",
        "masked_pan": "411111******1111",
        "entry_mode": "051",
        "batch": "000001",
        "stan": "000042",
        "approval_code": "959532",
        "rrn": "6RKXU860GSEG",
        "amount": Money(12_000, "156"),
        "at": AT,
    }
    return Slip(**{**parts, **changes})  # type: ignore[arg-type]


def lines(slip: Slip, **options: bool) -> list[str]:
    return receipt(slip, TEXTS[slip.action], **options).splitlines()


def test_a_sale_shows_who_what_and_how_much() -> None:
    shown = lines(a_slip())

    assert shown[0].strip() == "Lantern Street Noodles"
    assert "卡号 CARD     411111******1111 I" in shown
    assert "金额 AMOUNT           120.00 CNY" in shown
    assert "时间 TIME    2026-11-21 19:51:29" in shown
    assert "参考 RRN            6RKXU860GSEG" in shown
    assert any(line.endswith("交易成功") for line in shown)
    assert any("SIGNATURE" in line for line in shown)


def test_only_a_reprint_says_so() -> None:
    assert not any("REPRINT" in line for line in lines(a_slip()))
    assert any("重印 REPRINT" in line for line in lines(a_slip(), is_reprint=True))


def test_a_decline_says_what_to_do_instead_of_asking_for_a_signature() -> None:
    shown = "\n".join(lines(a_slip(action=Action.INSUFFICIENT_FUNDS, approval_code="")))

    assert "SIGNATURE" not in shown
    assert "AUTH" not in shown
    assert TEXTS[Action.INSUFFICIENT_FUNDS].zh.next[:6] in shown


def test_a_refund_names_its_sale() -> None:
    assert "原交易 ORIGINAL     6RKXU860GSEF" in lines(a_slip(kind=Kind.REFUND, original_rrn="6RKXU860GSEF"))


@pytest.mark.parametrize("kind", TITLES)
@pytest.mark.parametrize("action", Action)
def test_every_receipt_fits(kind: Kind, action: Action) -> None:
    assert max(map(width, lines(a_slip(kind=kind, action=action)))) <= COLUMNS


@given(st.text(st.sampled_from("aB1 消费退"), max_size=120), st.integers(0, 10**12))
def test_no_name_or_amount_breaks_a_line(name: str, amount: int) -> None:
    assert max(map(width, lines(a_slip(merchant=name, amount=Money(amount, "156"))))) <= COLUMNS
