"""What a decision changes of cards, terminals, operators, pay codes and counters, and what the next request sees."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import date
from typing import Any, get_args

import pytest
import sqlalchemy as sa

from switch.decisions import (
    CardSecurity,
    ChangeCard,
    ChangeCardSecurity,
    ChangeOperator,
    ChangeTerminal,
    CountSpending,
    Effect,
    Facts,
    KeepKeys,
    KeepUpload,
    Limit,
    Limits,
    OpenHold,
    Payment,
    RaiseKeyCounter,
    SeeTerminal,
    Spent,
    Transfer,
    UsePayCode,
)
from switch.ledger import effects, schema, statements
from switch.ledger.entry import Entry
from switch.ledger.rows import Row
from switch.ledger.sqlite_session import SqliteSession
from switch.ledger.statements import Query
from switch.ledger.wanted import claims_of
from switch.messages.actions import Action
from switch.messages.chip import ChipData
from switch.messages.kinds import Kind
from switch.messages.model import Extras, OriginalReference, Request
from switch.messages.verdicts import Finding, KeyUse, Verdicts
from switch.values import Secret
from tests.ledger.script import NEEDS, Effects, Script, moves
from tests.ledger.shop import CARDS, MERCHANT_ACCOUNT, NOON, POOR, RICH, Shop, authorisation, code_key, purchase

CARD = CARDS[RICH][0]
WRONG_PIN = Verdicts(pin=Finding.WRONG)
CHIP = ChipData(
    cryptogram=bytes(8),
    cryptogram_information=0x80,
    issuer_data=bytes.fromhex("07010103A0A80001"),
    unpredictable=b"",
    atc=7,
    tvr=bytes.fromhex("0000008000"),
    amount_minor=None,
    currency="",
    aid="A000000333010101",
    pan_sequence="",
    pan=None,
    track2="",
    cvm_results=b"",
    script_results=b"",
    tags={},
)

both = pytest.mark.parametrize("together", [True, False], ids=["same group", "later"])


def always(*effects: Effect) -> Script:
    return Script(lambda _request, _facts: effects)


def add(shop: Shop, table: sa.Table, *rows: dict[str, Any]) -> None:
    with shop.database.writing() as connection:
        connection.execute(sa.insert(table), list(rows))


def change(shop: Shop, table: sa.Table, **values: Any) -> None:
    with shop.database.writing() as connection:
        connection.execute(sa.update(table).values(**values))


# --- keys for one transaction ------------------------------------------------------------------------------


def under(counter: int, base: str = "08D7B4", device: bytes = b"device") -> Verdicts:
    return Verdicts(key_use=KeyUse(base, device, counter, 0x1FF800, is_shown=True))


def raise_counter(request: Request, facts: Facts) -> Effects:
    use = request.verdicts.key_use
    assert use is not None
    return (RaiseKeyCounter(use.base, use.device, use.counter),) if use.counter > facts.key_counter else ()


@both
def test_the_highest_counter_of_a_device_is_known_to_its_next_request(shop: Shop, *, together: bool) -> None:
    script = Script(raise_counter)
    uses = (under(3), under(5), under(4), under(9, base="A1B2C3"), under(8, device=b"another"), under(6))

    script.send_each(shop, *(purchase(stan, verdicts=use) for stan, use in enumerate(uses, 1)), together=together)

    assert [facts.key_counter for facts in script.facts] == [0, 3, 5, 0, 0, 5]
    rows = {(row.base, row.device): row.counter for row in shop.rows(schema.key_counter)}
    assert rows == {("08D7B4", b"device"): 6, ("A1B2C3", b"device"): 9, ("08D7B4", b"another"): 8}


def test_requests_under_one_devices_keys_wait_for_each_other_and_for_no_others() -> None:
    def devices(*requests: Request) -> set[str]:
        claims = list(claims_of([Entry(request, 1, b"") for request in requests], NEEDS))
        return {claim.name for claim in claims if claim.name.startswith("key") and not claim.is_shared}

    one, other = purchase(1, verdicts=under(1)), purchase(2, verdicts=under(2), terminal_id="T2")

    assert devices(one) == devices(other) == devices(one, other)
    assert len(devices(one)) == 1
    assert devices(one).isdisjoint(devices(purchase(1, verdicts=under(1, device=b"another"))))
    assert devices(purchase(1), purchase(2, verdicts=WRONG_PIN)) == set()


def test_two_writers_take_a_counter_once(shop: Shop) -> None:
    script = Script(lambda request, facts: raise_counter(request, facts) or Action.KEY_SERIAL_WRONG)
    sides = [[purchase(stan, verdicts=under(stan), terminal_id=name) for stan in range(1, 31)] for name in ("T1", "T2")]

    outcomes = [outcome for side in script.race(shop, *sides) for outcome in side]

    taken = [each.request.stan for each in outcomes if each.reply and each.reply.action is Action.APPROVED]
    assert len(outcomes) == 60
    assert sorted(set(taken)) == sorted(taken)
    assert [row.counter for row in shop.rows(schema.key_counter)] == [30]


# --- what a card's past says -------------------------------------------------------------------------------


def count_wrong_pin(_: Request, facts: Facts) -> Effects:
    return (ChangeCardSecurity(CARD, pin_tries=facts.security.pin_tries + 1),)


@both
def test_wrong_pins_are_counted_one_by_one(shop: Shop, *, together: bool) -> None:
    script = Script(count_wrong_pin)

    script.send_each(shop, *(purchase(stan, verdicts=WRONG_PIN) for stan in range(1, 4)), together=together)

    assert [facts.security.pin_tries for facts in script.facts] == [0, 1, 2]
    [row] = shop.rows(schema.card_security)
    assert (row.card_id, row.pin_tries, row.atc) == (CARD, 3, -1)


def test_no_wrong_pin_is_lost_between_two_writers(shop: Shop) -> None:
    script = Script(count_wrong_pin)
    sides = [[purchase(stan, verdicts=WRONG_PIN, terminal_id=name) for stan in range(1, 16)] for name in ("T1", "T2")]

    script.race(shop, *sides)

    assert [row.pin_tries for row in shop.rows(schema.card_security)] == [30]


def test_a_chips_counter_and_the_wrong_pins_do_not_overwrite_each_other(shop: Shop) -> None:
    always(ChangeCardSecurity(CARD, pin_tries=2)).send(shop, purchase(1, verdicts=WRONG_PIN))
    always(ChangeCardSecurity(CARD, atc=7)).send(shop, purchase(2, chip=CHIP))
    script = Script()

    script.send(shop, purchase(3, chip=CHIP))

    assert script.facts[0].security == CardSecurity(pin_tries=2, atc=7)


def test_a_change_of_what_was_not_loaded_is_a_fault_of_that_request_alone(shop: Shop) -> None:
    unloaded: dict[str, Effect] = {
        "000001": ChangeCardSecurity(CARD, pin_tries=0),
        "000002": UsePayCode(b"no such code", used=True),
        "000003": ChangeOperator("99", 1),
    }
    script = Script(lambda request, _: (unloaded[request.stan],) if request.stan in unloaded else ())

    outcomes = script.send(shop, *(purchase(stan) for stan in range(1, 5)))

    actions = [outcome.reply and outcome.reply.action for outcome in outcomes]
    assert actions == [Action.SYSTEM_ERROR] * 3 + [Action.APPROVED]


@both
def test_an_activated_card_is_active_for_the_next_request(shop: Shop, *, together: bool) -> None:
    change(shop, schema.card, status="inactive")
    script = Script(lambda request, _: (ChangeCard(CARD, "active"),) if request.kind is Kind.ACTIVATION else ())

    script.send_each(shop, purchase(1, kind=Kind.ACTIVATION), purchase(2), purchase(3, pan=POOR), together=together)

    assert [facts.card and facts.card.status for facts in script.facts] == ["inactive", "active", "inactive"]
    assert [row.status for row in shop.rows(schema.card)] == ["active", "inactive", "inactive"]


def test_what_a_chip_said_is_kept_without_its_cryptogram(shop: Shop) -> None:
    change(shop, schema.card, scheme="unionpay")

    [outcome] = Script().send(shop, purchase(1, chip=CHIP, verdicts=Verdicts(cryptogram=Finding.RIGHT)))

    [row] = shop.rows(schema.chip_record)
    assert row.journal_id == outcome.journal_id
    assert json.loads(row.content) == {
        "tvr": "0000008000",
        "cvr": "03a0a800",
        "aid": "A000000333010101",
        "atc": 7,
        "cryptogram": "right",
    }


# --- pay codes, transfers ----------------------------------------------------------------------------------


def scan(stan: int, code: str = "62-one", **others: Any) -> Request:
    return purchase(stan, pan=None, kind=Kind.CODE_PURCHASE, extras=Extras(pay_code=Secret(code)), **others)


def pay_by_code(request: Request, facts: Facts) -> Effects | Action:
    if facts.pay_code is None or facts.pay_code.is_used:
        return Action.PAY_CODE_INVALID
    done = moves(request, facts)
    assert isinstance(done, tuple)
    return (UsePayCode(facts.pay_code.code_key, used=True), *done)


def a_code(code: str = "62-one", **values: Any) -> dict[str, Any]:
    return {"code_key": code_key(code), "card_id": CARD, "expires_at": NOON + 1, **values}


@both
def test_a_pay_code_stands_for_its_card_and_is_used_once(shop: Shop, *, together: bool) -> None:
    add(shop, schema.pay_code, a_code())
    script = Script(pay_by_code)

    first, second, unknown = script.send_each(shop, scan(1), scan(2), scan(3, "62-two"), together=together)

    actions = [outcome.reply and outcome.reply.action for outcome in (first, second, unknown)]
    assert actions == [Action.APPROVED, Action.PAY_CODE_INVALID, Action.PAY_CODE_INVALID]
    assert [facts.card.card_id if facts.card else None for facts in script.facts] == [CARD, CARD, None]
    assert shop.account(RICH) == (99_000, 0)
    assert [row.used_by for row in shop.rows(schema.pay_code)] == [first.journal_id]
    assert shop.rows(schema.journal)[0].card_id == CARD


def test_a_pay_code_stands_for_its_card_whatever_other_card_comes_with_it(shop: Shop) -> None:
    add(shop, schema.pay_code, a_code())
    script = Script(pay_by_code)

    script.send(shop, *(scan(stan, code)._replace(pan=POOR) for stan, code in ((1, "62-one"), (2, "62-two"))))

    assert [facts.card.card_id if facts.card else None for facts in script.facts] == [CARD, None]


def test_a_pay_code_that_two_writers_see_at_once_is_used_once(shop: Shop) -> None:
    add(shop, schema.pay_code, *(a_code(f"62-{number}") for number in range(20)))
    script = Script(pay_by_code)
    sides = [[scan(stan, f"62-{stan}", terminal_id=terminal) for stan in range(20)] for terminal in ("T1", "T2")]

    script.race(shop, *sides)

    assert shop.account(RICH) == (80_000, 0)


def test_a_pay_code_can_be_made_usable_again(shop: Shop) -> None:
    add(shop, schema.pay_code, a_code(used_by=5))

    always(UsePayCode(code_key("62-one"), used=False)).send(shop, scan(1))

    assert [row.used_by for row in shop.rows(schema.pay_code)] == [None]


def test_a_card_by_number_and_by_code_in_one_group_is_one_card(shop: Shop) -> None:
    add(shop, schema.pay_code, a_code())
    script = Script(pay_by_code)

    script.send(shop, scan(1))
    Script().send(shop, purchase(2), scan(3))

    assert shop.account(RICH) == (97_000, 0)


@both
def test_a_transfer_sees_both_cards_and_is_known_by_both_accounts(shop: Shop, *, together: bool) -> None:
    script = Script()
    transfer = purchase(1, kind=Kind.TRANSFER, extras=Extras(to_pan=POOR))
    reversal = purchase(1, kind=Kind.REVERSAL, mti="0400")

    script.send_each(shop, transfer, reversal, together=together)

    first, second = script.facts
    assert (first.to_card and first.to_card.card_id, first.to_account and first.to_account.account_id) == (102, 12)
    assert second.original is not None
    assert (second.original.account_id, second.original.merchant_account_id) == (11, 12)
    assert (shop.account(RICH), shop.account(POOR)) == ((99_000, 0), (6_000, 0))


# --- terminals, operators ----------------------------------------------------------------------------------


def test_a_terminal_is_changed_only_in_what_a_request_says_of_it(shop: Shop) -> None:
    signs_on = ChangeTerminal(signed_on=True, software="1.2", operator_id="01")

    always(signs_on, SeeTerminal(20260304)).send(shop, purchase(1))
    always(SeeTerminal(20260305)).send(shop, purchase(2))
    always(ChangeTerminal(software="1.3")).send(shop, purchase(3))

    row = shop.rows(schema.terminal)[0]
    assert (row.signed_on, row.software, row.operator_id, row.last_seen_day) == (1, "1.3", "01", 20260305)


def test_the_next_request_of_a_group_sees_what_became_of_its_terminal(shop: Shop) -> None:
    change(shop, schema.terminal, pending="parameters software")
    script = always(ChangeTerminal(signed_on=True, done=("parameters",)), SeeTerminal(20260304))

    script.send(shop, purchase(1), purchase(2))

    before, after = (facts.terminal for facts in script.facts)
    assert before is not None
    assert after is not None
    assert (before.signed_on, before.pending, before.last_seen_day) == (False, ("parameters", "software"), 0)
    assert (after.signed_on, after.pending, after.last_seen_day) == (True, ("software",), 20260304)


def test_what_an_operator_asks_of_a_terminal_meanwhile_stays_pending(postgresql_shop: Shop) -> None:
    shop = postgresql_shop
    change(shop, schema.terminal, pending="parameters aids")

    def meanwhile(_: Request, __: Facts) -> Effects:
        change(shop, schema.terminal, pending="parameters aids software")
        return (ChangeTerminal(done=("parameters", "aids")),)

    Script(meanwhile).send(shop, purchase(1))

    assert shop.rows(schema.terminal)[0].pending == "software"


def test_parties_come_with_all_that_is_registered_of_them(shop: Shop) -> None:
    change(shop, schema.terminal, manual_entry="off", fallback=0, schemes="visa unionpay", because="stolen", limits="L")
    change(shop, schema.merchant, manual_entry="with_code", limits="M")
    change(shop, schema.card, scheme="visa", limits="C")
    change(shop, schema.account, **{"class": "II"})
    read: Callable[[str], Limits] = lambda text: ((text, Limit(single_minor=5)),)  # noqa: E731
    script = Script(limits=read)

    script.send(shop, purchase(1))

    [facts] = script.facts
    assert facts.terminal is not None
    assert facts.merchant is not None
    assert facts.card is not None
    assert (facts.terminal.manual_entry, facts.terminal.allows_fallback) == ("off", False)
    assert (facts.terminal.schemes, facts.terminal.because) == (frozenset({"visa", "unionpay"}), "stolen")
    assert (facts.merchant.manual_entry, facts.card.scheme, facts.card.account_class) == ("with_code", "visa", "II")
    assert [party.limits[0][0] for party in (facts.terminal, facts.merchant, facts.card)] == ["L", "M", "C"]


def test_keys_given_out_take_the_place_of_those_before_which_stay_beside_them(shop: Shop) -> None:
    def give_out(request: Request, _: Facts) -> Effects:
        return (KeepKeys((("mac", f"check {request.stan}", f"block {request.stan}"), ("pin", "check", request.stan))),)

    script = Script(give_out)
    script.send(shop, purchase(1))
    shop.now += 1
    script.send(shop, purchase(2), purchase(3))  # the answer to one of two sign-ons at once was lost

    rows = {row.usage: row for row in shop.rows(schema.terminal_key)}
    mac = rows["mac"]
    assert (mac.terminal_id, mac.check_value, mac.block) == ("T1", "check 000003", "block 000003")
    assert (mac.previous_block, mac.changed_at) == ("block 000001", NOON + 1)
    assert (rows["pin"].block, rows["pin"].previous_block) == ("000003", "000001")


@both
def test_wrong_passwords_of_an_operator_are_counted_one_by_one(shop: Shop, *, together: bool) -> None:
    add(shop, schema.operator, {"merchant_id": "M1", "operator_id": "01", "password": "hash", "failures": 1})

    def count_wrong(_: Request, facts: Facts) -> Effects:
        assert facts.operator is not None
        return (ChangeOperator("01", facts.operator.failures + 1),)

    script = Script(count_wrong)
    script.send_each(shop, *(purchase(stan, extras=Extras(operator_id="01")) for stan in (1, 2, 3)), together=together)

    assert [facts.operator and facts.operator.failures for facts in script.facts] == [1, 2, 3]
    assert script.facts[0].operator is not None
    assert (script.facts[0].operator.has_password, script.facts[0].operator.is_active) == (True, True)
    assert [row.failures for row in shop.rows(schema.operator)] == [4]


def test_an_operator_of_another_merchant_is_nobody_here(shop: Shop) -> None:
    add(
        shop,
        schema.merchant,
        {"merchant_id": "M2", "status": "active", "currency": "156", "account_id": MERCHANT_ACCOUNT},
    )
    add(shop, schema.operator, {"merchant_id": "M2", "operator_id": "01"})
    script = Script()

    script.send(shop, purchase(1, extras=Extras(operator_id="01")))

    assert script.facts[0].operator is None


def test_what_a_terminal_uploads_is_kept_as_it_came(shop: Shop) -> None:
    [sale] = Script().send(shop, purchase(1))

    [upload] = always(KeepUpload("signature", sale.journal_id, b"\x00\xff{}")).send(shop, purchase(2))

    [row] = shop.rows(schema.upload)
    assert tuple(row) == (upload.journal_id, "signature", sale.journal_id, b"\x00\xff{}")


def test_a_hold_that_is_opened_again_is_marked(shop: Shop) -> None:
    account = CARDS[RICH][1]

    always(OpenHold(account, 5, "156", forced=True)).send(shop, purchase(1))
    always(OpenHold(account, 5, "156")).send(shop, authorisation(2))

    assert [row.forced for row in shop.rows(schema.hold)] == [1, 0]


# --- counters with a limit ---------------------------------------------------------------------------------

DAY = ("merchant:M1", 20260304)


def of_merchant(_request: Request, _terminal: object, merchant: object, _card: object, _day: date) -> Any:
    return (DAY,) if merchant else ()


def of_payment(_: Payment) -> Sequence[tuple[str, int]]:
    return (DAY, ("terminal:T1", 20260304))


def count_it(request: Request, facts: Facts) -> Effects:
    """Count what is sold, and give back what a void is about."""
    if request.kind is Kind.PURCHASE:
        done = moves(request, facts)
        assert isinstance(done, tuple)
        return (*done, *(CountSpending(*counter, request.amount_minor or 0, 1) for counter in facts.spending))
    assert facts.original is not None
    return tuple(CountSpending(*counter, -facts.original.amount_minor, -1) for counter in facts.spending)


def counting() -> Script:
    return Script(count_it, counters=of_merchant, given_back=of_payment)


def void(stan: int, of: int, **others: Any) -> Request:
    reference = OriginalReference("", f"{of:06d}", None, "", "")
    return purchase(stan, kind=Kind.VOID, original=reference, **others)


def counters(shop: Shop) -> dict[tuple[str, int], tuple[int, int]]:
    sums: dict[tuple[str, int], tuple[int, int]] = {}
    for row in shop.rows(schema.spending):
        amount, number = sums.get((row.owner, row.period), (0, 0))
        sums[row.owner, row.period] = amount + row.amount_minor, number + row.count
    return sums


@both
def test_a_counter_starts_at_nothing_and_each_sale_sees_those_before_it(shop: Shop, *, together: bool) -> None:
    script = counting()

    script.send_each(shop, purchase(1, 100), purchase(2, 20), purchase(3, 3), together=together)

    assert [facts.spending for facts in script.facts] == [
        {DAY: Spent(0, 0)},
        {DAY: Spent(100, 1)},
        {DAY: Spent(120, 2)},
    ]
    assert counters(shop) == {DAY: (123, 3)}


@both
def test_a_void_gives_back_to_the_counters_that_are_kept_and_to_no_other(shop: Shop, *, together: bool) -> None:
    script = counting()

    script.send_each(shop, purchase(1, 100), purchase(2, 20), void(3, 1), together=together)

    assert script.facts[-1].spending == {DAY: Spent(120, 2)}
    assert counters(shop) == {DAY: (20, 1)}


def test_a_counter_younger_than_the_sale_that_is_given_back_keeps_what_it_counted(shop: Shop) -> None:
    Script().send(shop, purchase(1, 100))
    script = Script(count_it, given_back=of_payment)
    counting().send(shop, purchase(2, 20))

    script.send(shop, void(3, 1))

    assert counters(shop) == {DAY: (20, 1)}


def test_two_writers_count_for_one_merchant_without_losing_anything(shop: Shop) -> None:
    script = counting()
    sides = [
        [purchase(stan, 1, pan, terminal_id=name) for stan in range(1, 26)]
        for name, pan in (("T1", RICH), ("T2", POOR))
    ]

    script.race(shop, *sides)

    assert counters(shop) == {DAY: (50, 50)}


def test_writers_of_postgresql_count_in_stripes_and_all_of_them_are_seen(postgresql_shop: Shop) -> None:
    script = counting()
    for stan in range(1, 4):  # each group's first id chooses its stripe
        script.send(postgresql_shop, purchase(stan, 100))

    script.send(postgresql_shop, purchase(9, 1))

    assert len(postgresql_shop.rows(schema.spending)) == 4
    assert script.facts[-1].spending == {DAY: Spent(300, 3)}


def test_a_sum_that_two_writers_took_below_nothing_is_shown_as_nothing(shop: Shop) -> None:
    add(shop, schema.spending, {"owner": DAY[0], "period": DAY[1], "stripe": 0, "amount_minor": -5, "count": -1})
    script = counting()

    script.send(shop, purchase(1, 100))

    assert script.facts[0].spending == {DAY: Spent(0, 0)}


# --- the whole -----------------------------------------------------------------------------------------------


def test_every_effect_has_its_way_into_the_books() -> None:
    assert set(get_args(Effect)) == {Transfer, *effects._APPLIED}


# --- what it costs -----------------------------------------------------------------------------------------


class Listening(SqliteSession):
    """Hears which queries are really run."""

    def __init__(self, connection: sqlite3.Connection, heard: list[Query]) -> None:
        super().__init__(connection)
        self._heard = heard

    def read(self, *asked: tuple[Query, Sequence[Row]]) -> list[list[Row]]:
        self._heard += [query for query, rows in asked if rows]
        return super().read(*asked)


def test_a_plain_purchase_asks_for_nothing_that_only_others_need(sqlite_shop: Shop) -> None:
    heard: list[Query] = []
    path = sqlite_shop.database.url.removeprefix("sqlite:///")
    connect = lambda: Listening(sqlite3.connect(path, isolation_level=None), heard)  # noqa: E731

    with closing(sqlite_shop.store(Script(), connect, needs=NEEDS)) as store:
        store.run([purchase(1)])

    assert heard == [
        statements.NEWEST_DAY,
        statements.REQUESTS,
        statements.TOMBSTONES,
        statements.TERMINALS,
        statements.CARDS,
        statements.BALANCES,
        statements.SPENT,
    ]
