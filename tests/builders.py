"""Small builders of requests and facts: name what matters to a test, the rest is ordinary."""

from __future__ import annotations

from datetime import date
from typing import Any

from switch.decisions import Account, Card, Facts, Merchant, Operator, PayCode, Payment, PaymentState, Spent, Terminal
from switch.messages.chip import ChipData
from switch.messages.kinds import Kind
from switch.messages.model import OriginalReference, Request
from switch.values import Pan

TODAY = date(2026, 11, 21)
NOW = 1_795_228_200_000_000
JOURNAL_ID = 217_000_000_000_000 << 12 | 7
PAN = Pan("4111111111111111")


def a_request(**changes: Any) -> Request:
    """A purchase of 10.00 by a good card at a good terminal."""
    parts: dict[str, Any] = {
        "kind": Kind.PURCHASE,
        "mti": "0200",
        "processing_code": "000000",
        "terminal_id": "TERM0001",
        "merchant_id": "MERCHANT0000001",
        "stan": "000042",
        "batch": "",
        "local_date": TODAY,
        "has_local_date": True,
        "local_time": "103000",
        "received_at": NOW,
        "pan": PAN,
        "expiry_yymm": "",
        "amount_minor": 1000,
        "currency": "156",
        "entry_mode": "021",
        "condition_code": "00",
        "rrn": "",
        "reason": "",
        "new_amount_minor": None,
        "original": None,
    }
    return Request(**{**parts, **changes})


def a_reversal(**changes: Any) -> Request:
    reference = OriginalReference("2", "000042", None, "", "")
    return a_request(**{"kind": Kind.REVERSAL, "mti": "0400", "stan": "000043", "original": reference, **changes})


def a_terminal(**changes: Any) -> Terminal:
    parts: dict[str, Any] = {
        "terminal_id": "TERM0001",
        "merchant_id": "MERCHANT0000001",
        "status": "active",
        "serial": "",
        "kinds": frozenset(),
        "entry_modes": frozenset(),
        "batch": "000001",
        "signed_on": False,
        "last_seen_day": 20261121,
    }
    return Terminal(**{**parts, **changes})


def a_merchant(**changes: Any) -> Merchant:
    parts: dict[str, Any] = {
        "merchant_id": "MERCHANT0000001",
        "name": "Noodles",
        "mcc": "5812",
        "status": "active",
        "currency": "156",
        "account_id": 900,
    }
    return Merchant(**{**parts, **changes})


def a_card(**changes: Any) -> Card:
    parts: dict[str, Any] = {
        "card_id": 1,
        "account_id": 100,
        "masked_pan": PAN.masked,
        "expiry_yymm": "3012",
        "status": "active",
        "single_limit_minor": None,
        "daily_limit_minor": None,
        "daily_count": None,
    }
    return Card(**{**parts, **changes})


def an_account(**changes: Any) -> Account:
    parts: dict[str, Any] = {
        "account_id": 100,
        "currency": "156",
        "ledger_minor": 5000,
        "held_minor": 0,
        "credit_limit_minor": 0,
    }
    return Account(**{**parts, **changes})


def a_payment(**changes: Any) -> Payment:
    """A purchase of 10.00 of today, in the books."""
    parts: dict[str, Any] = {
        "payment_id": 11,
        "kind": Kind.PURCHASE,
        "state": PaymentState.POSTED,
        "amount_minor": 1000,
        "current_minor": 1000,
        "refunded_minor": 0,
        "currency": "156",
        "account_id": 100,
        "merchant_account_id": 900,
        "card_id": 1,
        "pan_key": b"k",
        "hold_id": None,
        "business_day": TODAY,
        "batch": "",
        "merchant_id": "MERCHANT0000001",
        "rrn": "R",
        "approval_code": "123456",
        "terminal_id": "TERM0001",
    }
    return Payment(**{**parts, **changes})


def a_hold(**changes: Any) -> Payment:
    """An authorisation of 10.00 of today, its hold open."""
    return a_payment(**{"kind": Kind.AUTHORISATION, "state": PaymentState.HELD, "hold_id": 11, **changes})


def about(original: Payment, **changes: Any) -> Payment:
    """What was paid, held or undone next about another payment: its amount is what that has left."""
    parts = {"payment_id": original.payment_id + 1, "original_id": original.payment_id}
    amount = changes.get("amount_minor", original.current_minor or original.amount_minor)
    return a_payment(**{"amount_minor": amount, "current_minor": amount, **parts, **changes})


def some_facts(**changes: Any) -> Facts:
    """Everything is there and in order; the card has 50.00 and has spent nothing today."""
    parts: dict[str, Any] = {
        "journal_id": JOURNAL_ID,
        "decided_at": NOW,
        "business_day": TODAY,
        "terminal": a_terminal(),
        "merchant": a_merchant(),
        "card": a_card(),
        "account": an_account(),
        "spent": Spent(0, 0),
        "original": None,
        "tombstone": False,
        "pan_key": b"k",
    }
    return Facts(**{**parts, **changes})


def a_chip(**changes: Any) -> ChipData:
    """What a chip says of a purchase of 10.00, its tenth; it wants its issuer to decide."""
    parts: dict[str, Any] = {
        "cryptogram": bytes(8),
        "cryptogram_information": 0x80,
        "issuer_data": b"",
        "unpredictable": bytes(4),
        "atc": 10,
        "tvr": bytes(5),
        "amount_minor": 1000,
        "currency": "156",
        "aid": "A000000333010101",
        "pan_sequence": "01",
        "pan": None,
        "track2": "",
        "cvm_results": b"",
        "script_results": b"",
        "tags": {},
    }
    return ChipData(**{**parts, **changes})


def an_operator(**changes: Any) -> Operator:
    parts: dict[str, Any] = {"operator_id": "01", "has_password": True, "failures": 0, "is_active": True}
    return Operator(**{**parts, **changes})


def a_pay_code(**changes: Any) -> PayCode:
    """A code for one payment, valid for another minute."""
    parts: dict[str, Any] = {
        "code_key": b"q",
        "expires_at": NOW + 60_000_000,
        "is_single_use": True,
        "used_by": None,
    }
    return PayCode(**{**parts, **changes})
