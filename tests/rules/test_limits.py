"""Limits are read as operators write them, and counted where they are set."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switch.decisions import Limit, Limits
from switch.errors import ConfigurationError
from switch.messages.kinds import Kind
from switch.rules.limits import CHANNELS, counter_of, given_back, lowest, parsed
from tests.builders import TODAY, a_card, a_merchant, a_payment, a_request, a_terminal

DAY, MONTH = 20261121, 202611
counters = counter_of({"III": parsed("daily=200000"), "I": parsed("contactless.no_pin=100000")})


def test_limits_are_read_for_all_channels_and_for_one() -> None:
    text = "single=500000 daily=800000 daily_count=20 qr.daily=50000 contactless.no_pin=100000 chip.floor=3000"

    assert parsed(text) == (
        ("", Limit(single_minor=500_000, daily_minor=800_000, daily_count=20)),
        ("chip", Limit(floor_minor=3000)),
        ("contactless", Limit(no_pin_minor=100_000)),
        ("qr", Limit(daily_minor=50_000)),
    )


def test_nothing_written_is_no_limit_and_zero_is_one() -> None:
    assert parsed("") == ()
    assert parsed("  ") == ()
    assert parsed("monthly=0 monthly_count=0") == (("", Limit(monthly_minor=0, monthly_count=0)),)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("weekly=1", "limit 'weekly=1': no such limit; there are single, daily"),
        ("fax.daily=1", "limit 'fax.daily=1': no such channel; there are swipe, chip"),
        (".daily=1", "no such channel"),
        ("qr.no_pin=1", "no_pin is for contactless only"),
        ("daily", "write daily=NUMBER"),
        ("daily=", "write daily=NUMBER"),
        ("daily=-1", "write daily=NUMBER"),
        ("daily=1.50", "write daily=NUMBER"),
        ("daily=١", "write daily=NUMBER"),  # noqa: RUF001 - a digit, but none of ours
        ("daily=1234567890123456", "at most 15 digits"),
        ("daily=1 daily=2", "daily is given twice"),
        ("qr.daily=1 daily=1 qr.daily=2", "qr.daily is given twice"),
    ],
)
def test_a_wrong_word_is_named_with_what_is_allowed(text: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match="limit ") as error:
        parsed(text)

    assert said in str(error.value)


def test_the_lowest_of_the_limits_that_apply_is_found() -> None:
    limits = parsed("no_pin=500 contactless.no_pin=300 chip.floor=100")

    assert lowest(limits, "contactless", "no_pin") == 300
    assert lowest(limits, "chip", "no_pin") == 500
    assert lowest(limits, "contactless", "floor") is None


def test_a_request_without_limits_has_no_counters() -> None:
    assert counters(a_request(), a_terminal(), a_merchant(), a_card(), TODAY) == ()
    assert counters(a_request(), None, None, None, TODAY) == ()


def test_only_what_has_a_daily_or_monthly_limit_is_counted() -> None:
    terminal = a_terminal(limits=parsed("single=1 swipe.monthly=5"))
    merchant = a_merchant(limits=parsed("daily=1 monthly_count=2 qr.daily=3"))
    card = a_card(limits=parsed("daily_count=1 swipe.daily=1"))

    found = counters(a_request(), terminal, merchant, card, TODAY)

    assert set(found) == {
        ("card:1", DAY),
        ("card:1/swipe", DAY),
        ("terminal:TERM0001/swipe", MONTH),
        ("merchant:MERCHANT0000001", DAY),
        ("merchant:MERCHANT0000001", MONTH),
    }


def test_a_card_and_the_class_of_its_account_share_counters() -> None:
    card = a_card(account_class="III", limits=parsed("daily=100"))

    assert counters(a_request(), None, None, card, TODAY) == (("card:1", DAY),)
    assert counters(a_request(), None, None, a_card(account_class="I"), TODAY) == ()
    assert counters(a_request(), None, None, a_card(account_class="unheard"), TODAY) == ()


@pytest.mark.parametrize("kind", [Kind.REFUND, Kind.COMPLETION, Kind.VOID, Kind.REVERSAL, Kind.BALANCE, Kind.LOAD])
def test_what_is_not_spent_is_not_counted(kind: Kind) -> None:
    assert counters(a_request(kind=kind), a_terminal(), a_merchant(), a_card(account_class="III"), TODAY) == ()


def test_a_pay_code_counts_as_qr_whatever_its_entry_mode() -> None:
    card = a_card(limits=parsed("qr.daily=1 swipe.daily=1"))

    found = counters(a_request(kind=Kind.CODE_PURCHASE, entry_mode="021"), None, None, card, TODAY)

    assert found == (("card:1/qr", DAY),)


def test_a_batch_counts_its_new_financials_and_not_its_cancels() -> None:
    terminal, merchant, card = a_terminal(), a_merchant(), a_card()

    def of(kind: Kind, batch: str = "000001") -> tuple[tuple[str, int], ...]:
        return counters(a_request(kind=kind, batch=batch), terminal, merchant, card, TODAY)

    assert of(Kind.PURCHASE) == of(Kind.REFUND) == of(Kind.COMPLETION) == (("batch:TERM0001/000001", 0),)
    assert of(Kind.VOID) == of(Kind.REVERSAL) == of(Kind.BALANCE) == of(Kind.PURCHASE, "") == ()


def test_a_terminal_that_was_never_told_its_batch_counts_in_the_open_one() -> None:
    found = counters(a_request(batch="000000"), a_terminal(batch="000007"), None, None, TODAY)

    assert found == (("batch:TERM0001/000007", 0),)


def test_given_back_names_all_that_may_have_been_counted_when_the_payment_was_made() -> None:
    payment = a_payment(terminal_id="TERM0001", entry_mode="051", business_day=date(2026, 10, 31))

    owners = [
        *("card:1", "card:1/chip", "terminal:TERM0001", "terminal:TERM0001/chip"),
        *("merchant:MERCHANT0000001", "merchant:MERCHANT0000001/chip"),
    ]
    assert set(given_back(payment)) == {(owner, period) for owner in owners for period in (20261031, 202610)}
    assert given_back(a_payment(kind=Kind.REFUND)) == ()


words = st.builds(
    lambda channel, name, number: f"{channel}{name}={number}",
    st.sampled_from(["", *(f"{channel}." for channel in CHANNELS)]),
    st.sampled_from(["single", "daily", "daily_count", "monthly", "monthly_count"]),
    st.integers(0, 10**12),
)
some_limits = st.lists(words, max_size=6, unique_by=lambda word: word.partition("=")[0]).map(" ".join).map(parsed)


@given(
    card=some_limits,
    terminal=some_limits,
    merchant=some_limits,
    kind=st.sampled_from([Kind.PURCHASE, Kind.AUTHORISATION, Kind.CODE_PURCHASE, Kind.TRANSFER, Kind.OFFLINE_SALE]),
    entry_mode=st.sampled_from(["011", "021", "031", "051", "071", "", "??"]),
)
def test_whatever_was_counted_can_be_given_back(
    card: Limits, terminal: Limits, merchant: Limits, kind: Kind, entry_mode: str
) -> None:
    request = a_request(kind=kind, entry_mode=entry_mode)
    parties = a_terminal(limits=terminal), a_merchant(limits=merchant), a_card(limits=card)
    payment = a_payment(kind=kind, entry_mode=entry_mode, terminal_id=request.terminal_id)

    assert set(counters(request, *parties, TODAY)) <= set(given_back(payment))
