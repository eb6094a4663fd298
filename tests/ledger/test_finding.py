"""What a request is found to be about: by STAN, RRN, approval code or id, in the books or in its own group."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from switch.decisions import ChangePayment, CountRefund, EndHold, Facts, LayTombstone, PaymentState, QueueAdjustment
from switch.ledger import schema
from switch.messages.actions import Action
from switch.messages.kinds import Kind
from switch.messages.model import OriginalReference, Request
from switch.values import Pan
from tests.ledger.script import Effects, Script, code_of, moves
from tests.ledger.shop import HOUR, POOR, RICH, TODAY, Shop, authorisation, purchase

YESTERDAY, LAST_WEEK = date(2026, 3, 3), date(2026, 2, 25)


def about(kind: Kind, stan: int, pan: Pan | None = RICH, amount: int = 1_000, **others: Any) -> Request:
    """A request of this kind; ``of`` names its original's STAN, ``rrn_of`` its RRN, the rest as in a request."""
    names = {"of": 0, "rrn_of": "", "on": None, "of_batch": "", "of_id": None}
    given = {name: others.pop(name, default) for name, default in names.items()}
    of = given["of"]
    reference = OriginalReference(
        "", f"{of:06d}" if of else "", given["on"], given["of_batch"], given["rrn_of"], "", given["of_id"]
    )
    return purchase(stan, amount, pan, kind=kind, original=reference, **others)


def found(script: Script) -> int | None:
    """The id of the original of the request that was decided last."""
    original = script.facts[-1].original
    return original.payment_id if original else None


both = pytest.mark.parametrize("together", [True, False], ids=["same group", "later"])


# --- authorisations ----------------------------------------------------------------------------------------

AFTER_AUTHORISATION = (Kind.INCREMENT, Kind.COMPLETION, Kind.COMPLETION_ADVICE, Kind.AUTHORISATION_VOID)


@pytest.mark.parametrize("kind", AFTER_AUTHORISATION)
def test_an_authorisation_is_found_by_its_code_from_another_terminal_on_another_day(shop: Shop, kind: Kind) -> None:
    script = Script()
    [held] = script.send(shop, authorisation(1))
    shop.now += 200 * HOUR

    script.send(shop, about(kind, 1, terminal_id="T2", approval_code=code_of(held), local_date=date(2026, 3, 12)))

    assert found(script) == held.journal_id
    assert shop.rows(schema.journal)[1].original_id == held.journal_id


def test_a_completion_in_the_group_of_its_authorisation_finds_it(shop: Shop) -> None:
    script = Script()

    held, _ = script.send(shop, authorisation(1), about(Kind.COMPLETION, 2, approval_code="000000"))

    assert held.journal_id == 1_000_000  # whose approval code is 000000
    assert found(script) == held.journal_id


def test_an_authorisation_of_another_card_is_not_found(shop: Shop) -> None:
    script = Script()
    [held] = script.send(shop, authorisation(1))

    script.send(shop, about(Kind.COMPLETION, 2, POOR, approval_code=code_of(held)))

    assert found(script) is None


def test_of_two_authorisations_with_one_code_the_card_counts_first_and_then_the_date_that_is_named(shop: Shop) -> None:
    script = Script()
    shop.ids = iter([3_000_007, 4_000_007, 5_000_007, 6_000_008, 6_000_009, 6_000_010])
    old, new, others = (
        *script.send(shop, authorisation(1, local_date=LAST_WEEK)),
        *script.send(shop, authorisation(2)),
        *script.send(shop, authorisation(3, pan=POOR)),
    )

    named = []
    for stan, on in ((4, LAST_WEEK), (5, TODAY), (6, None)):
        script.send(shop, about(Kind.COMPLETION, stan, approval_code="000007", on=on))
        named.append(found(script))

    assert {code_of(old), code_of(new), code_of(others)} == {"000007"}
    assert named == [old.journal_id, new.journal_id, new.journal_id]


def test_without_a_code_an_authorisation_is_found_by_its_stan_and_with_a_wrong_one_not_at_all(shop: Shop) -> None:
    script = Script()
    [held] = script.send(shop, authorisation(1))

    script.send(shop, about(Kind.COMPLETION, 2, of=1))
    by_stan = found(script)
    script.send(shop, about(Kind.COMPLETION, 3, of=1, approval_code="999999"))

    assert by_stan == held.journal_id
    assert found(script) is None


def test_an_expiry_names_its_authorisation_by_its_id(shop: Shop) -> None:
    script = Script()
    [held] = script.send(shop, authorisation(1))

    script.send(shop, about(Kind.EXPIRY, 2, None, of_id=held.journal_id))

    assert found(script) == held.journal_id


def capture(request: Request, facts: Facts) -> Effects | Action:
    """Complete an authorisation that is still held."""
    if request.kind is not Kind.COMPLETION:
        return moves(request, facts)
    held = facts.original
    if held is None or held.state is not PaymentState.HELD:
        return Action.ORIGINAL_NOT_FOUND
    assert held.account_id is not None
    assert held.hold_id is not None
    end = EndHold(held.hold_id, held.account_id, held.current_minor, "captured")
    captured = ChangePayment(held.payment_id, PaymentState.CAPTURED, held.current_minor, None)
    done = moves(request, facts)
    assert isinstance(done, tuple)
    return (end, *done, captured)


def test_two_completions_at_once_capture_their_authorisation_once(shop: Shop) -> None:
    script = Script(capture)
    held = script.send(shop, *(authorisation(stan, 100) for stan in range(1, 21)))
    sides = [
        [
            about(Kind.COMPLETION, stan, amount=100, approval_code=code_of(outcome), terminal_id=terminal)
            for stan, outcome in enumerate(held, start=101)
        ]
        for terminal in ("T1", "T2")
    ]

    one, other = script.race(shop, *sides)

    for first, second in zip(one, other, strict=True):
        assert first.reply is not None
        assert second.reply is not None
        assert {first.reply.action, second.reply.action} == {Action.APPROVED, Action.ORIGINAL_NOT_FOUND}
    assert shop.account(RICH) == (98_000, 0)
    assert len(shop.rows(schema.hold_end)) == 20


def test_two_completions_in_one_group_capture_their_authorisation_once(shop: Shop) -> None:
    script = Script(capture)
    [held] = script.send(shop, authorisation(1))
    code = code_of(held)

    outcomes = script.send(
        shop, about(Kind.COMPLETION, 2, approval_code=code), about(Kind.COMPLETION, 3, approval_code=code)
    )

    assert [outcome.reply and outcome.reply.action for outcome in outcomes] == [
        Action.APPROVED,
        Action.ORIGINAL_NOT_FOUND,
    ]
    assert shop.account(RICH) == (99_000, 0)


# --- sales -------------------------------------------------------------------------------------------------

CANCELS = {
    Kind.VOID: Kind.PURCHASE,
    Kind.LOAD_VOID: Kind.LOAD,
    Kind.CODE_CANCEL: Kind.CODE_PURCHASE,
    Kind.CODE_QUERY: Kind.CODE_PURCHASE,
    Kind.COMPLETION_VOID: Kind.COMPLETION,
    Kind.TIP: Kind.PURCHASE,
    Kind.ADJUSTMENT: Kind.OFFLINE_SALE,
    Kind.SCRIPT_RESULT: Kind.PURCHASE,
    Kind.SIGNATURE_UPLOAD: Kind.PURCHASE,
}


@both
@pytest.mark.parametrize(("kind", "sale"), CANCELS.items())
def test_a_sale_is_found_by_its_stan_and_only_by_kinds_that_are_about_it(
    shop: Shop, kind: Kind, sale: Kind, *, together: bool
) -> None:
    script = Script()
    sold, *_ = script.send_each(shop, purchase(1, kind=sale), about(kind, 2, of=1), together=together)
    by_its_own = found(script)

    script.send(shop, about(Kind.LOAD_VOID if sale is not Kind.LOAD else Kind.VOID, 3, of=1))

    assert by_its_own == sold.journal_id
    assert found(script) is None


@both
def test_a_sale_is_found_by_its_rrn_where_no_stan_is_named(shop: Shop, *, together: bool) -> None:
    script = Script()
    rrn = "RRN000000001"
    sale = purchase(1, rrn=rrn)

    sold, *_ = script.send_each(shop, sale, about(Kind.VOID, 2, rrn_of=rrn, rrn=rrn), together=together)
    by_void = found(script)
    script.send(shop, about(Kind.TIP, 3, rrn_of=rrn, rrn=rrn, terminal_id="T2"))

    assert by_void == sold.journal_id
    assert found(script) == sold.journal_id


def test_a_sale_of_another_batch_date_or_terminal_is_not_found_by_its_stan(shop: Shop) -> None:
    script = Script()
    script.send(shop, purchase(1, batch="000001"))

    others: list[dict[str, Any]] = [{"of_batch": "000002"}, {"on": LAST_WEEK}, {"terminal_id": "T2"}]

    for stan, other in enumerate(others, start=2):
        script.send(shop, about(Kind.VOID, stan, of=1, **other))

        assert found(script) is None


def test_a_stan_of_zeros_names_nothing(shop: Shop) -> None:
    script = Script()
    script.send(shop, purchase(0))

    script.send(shop, about(Kind.VOID, 2)._replace(original=OriginalReference("", "000000", None, "", "")))

    assert found(script) is None


def test_where_any_card_will_do_those_of_the_requests_own_come_first(shop: Shop) -> None:
    script = Script()
    [own] = script.send(shop, purchase(1, local_date=YESTERDAY))
    [others] = script.send(shop, purchase(1, pan=POOR))

    script.send(shop, about(Kind.VOID, 2, of=1))
    of_own = found(script)
    script.send(shop, about(Kind.VOID, 3, Pan("6200000000000047"), of=1))

    assert of_own == own.journal_id
    assert found(script) == others.journal_id


@pytest.mark.parametrize("sale", [Kind.PURCHASE, Kind.COMPLETION, Kind.COMPLETION_ADVICE, Kind.OFFLINE_SALE])
def test_a_refund_finds_every_kind_of_sale_by_its_rrn(shop: Shop, sale: Kind) -> None:
    script = Script()
    rrn = "RRN000000001"
    [sold] = script.send(shop, purchase(1, kind=sale, rrn=rrn))
    script.send(shop, about(Kind.REFUND, 2, rrn_of=rrn, rrn=rrn))

    script.send(shop, about(Kind.REFUND, 3, rrn_of=rrn, rrn=rrn))

    assert found(script) == sold.journal_id


def test_no_refund_of_one_sale_is_lost_between_two_writers(shop: Shop) -> None:
    def refund(request: Request, facts: Facts) -> Effects | Action:
        if request.kind is not Kind.REFUND:
            return moves(request, facts)
        assert facts.original is not None
        return (CountRefund(facts.original.payment_id, 10),)

    script = Script(refund)
    script.send(shop, purchase(1, rrn="RRN000000001"))
    sides = [
        [about(Kind.REFUND, stan, rrn_of="RRN000000001", terminal_id=name) for stan in range(2, 22)]
        for name in ("T1", "T2")
    ]

    script.race(shop, *sides)

    assert shop.rows(schema.payment)[0].refunded_minor == 400


@both
def test_what_waits_for_an_operator_is_seen_by_the_next_who_asks(shop: Shop, *, together: bool) -> None:
    def queue(request: Request, facts: Facts) -> Effects | Action:
        if request.kind is not Kind.REVERSAL:
            return moves(request, facts)
        assert facts.original is not None
        return (QueueAdjustment(facts.original.payment_id, 400, "late"),)

    script = Script(queue)
    requests = [about(Kind.REVERSAL, stan, of=1, mti="0400") for stan in (2, 3, 4)]

    script.send_each(shop, purchase(1), *requests, together=together)

    assert [facts.queued_minor for facts in script.facts] == [0, 0, 400, 800]


# --- around midnight -----------------------------------------------------------------------------------------


NEAR = {
    "late the day before": {"local_date": YESTERDAY, "local_time": "233000"},
    "early the day after": {"local_date": date(2026, 3, 5), "local_time": "003000"},
    "without a date of its own": {"local_date": YESTERDAY, "local_time": ""},
}
FAR = {
    "at noon of the day before": {"local_date": YESTERDAY, "local_time": "120000"},
    "for another amount": {"local_date": YESTERDAY, "local_time": "233000", "amount_minor": 999},
    "early the day before": {"local_date": YESTERDAY, "local_time": "003000"},
}


@pytest.mark.parametrize("named", [{"on": TODAY}, {"on": None}], ids=["by reference", "by its own date"])
@pytest.mark.parametrize("sold", NEAR.values(), ids=NEAR)
def test_a_reversal_finds_what_another_clock_had_beside_its_date(
    shop: Shop, sold: dict[str, Any], named: dict[str, Any]
) -> None:
    script = Script()
    [sale] = script.send(shop, purchase(1)._replace(**sold))

    script.send(shop, about(Kind.REVERSAL, 2, of=1, mti="0400", **named))

    assert found(script) == sale.journal_id


@pytest.mark.parametrize("sold", FAR.values(), ids=FAR)
def test_a_reversal_that_tells_its_date_does_not_take_what_has_the_same_number_of_the_day_beside(
    shop: Shop, sold: dict[str, Any]
) -> None:
    script = Script()
    script.send(shop, purchase(1)._replace(**sold))

    script.send(shop, about(Kind.REVERSAL, 2, of=1, mti="0400", on=TODAY))

    assert found(script) is None


def test_a_reversal_that_tells_no_date_finds_the_day_before(shop: Shop) -> None:
    script = Script()
    [sale] = script.send(shop, purchase(1, local_date=YESTERDAY))

    script.send(shop, about(Kind.REVERSAL, 2, of=1, mti="0400", has_local_date=False))

    assert found(script) == sale.journal_id


@pytest.mark.parametrize(
    ("sale", "is_buried"),
    [
        (purchase(1), False),
        (purchase(1, local_time="001500"), True),
        (purchase(1, has_local_date=False), True),
        (purchase(1, local_date=YESTERDAY), True),
    ],
    ids=["at noon", "after midnight", "without a date", "of the same day"],
)
def test_what_was_reversed_before_it_came_is_not_the_next_days_of_the_same_number(
    shop: Shop, sale: Request, *, is_buried: bool
) -> None:
    def bury(request: Request, facts: Facts) -> Effects | Action:
        return (LayTombstone("", "000001", YESTERDAY, ""),) if request.kind is Kind.REVERSAL else moves(request, facts)

    script = Script(bury)
    script.send(shop, about(Kind.REVERSAL, 2, of=1, mti="0400", on=YESTERDAY))

    script.send(shop, sale)

    assert script.facts[-1].tombstone is is_buried


# --- what an original is about -----------------------------------------------------------------------------


@both
def test_a_reversal_sees_what_its_original_is_about_and_what_that_is_about(shop: Shop, *, together: bool) -> None:
    script = Script()
    outcomes = script.send_each(
        shop,
        authorisation(1),
        about(Kind.COMPLETION, 2, of=1),
        about(Kind.COMPLETION_VOID, 3, of=2),
        about(Kind.REVERSAL, 4, of=3),
        together=together,
    )

    facts = script.facts[-1]
    line = [payment.payment_id if payment else None for payment in (facts.original, facts.parent, facts.grandparent)]
    assert line == [outcomes[2].journal_id, outcomes[1].journal_id, outcomes[0].journal_id]
    assert facts.parent is not None
    assert (facts.parent.kind, facts.parent.terminal_id, facts.parent.entry_mode) == (Kind.COMPLETION, "T1", "021")
