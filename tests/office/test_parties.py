"""How officers find cards, merchants and terminals: by an index each, however many there are."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import pytest
import sqlalchemy as sa

from switch.errors import NotInBooks, OperatorError
from switch.ledger import queries, schema
from switch.ledger.queries import list_journal, show_story
from switch.messages.dates import HostCalendar
from switch.messages.kinds import Kind
from switch.office.acts import Desk
from switch.office.all_acts import ACTS
from switch.office.cards import account_page, card_page, cards_like, find_card
from switch.office.changes import make_change
from switch.office.health import ACT
from switch.office.merchants import find_merchants, list_merchants, merchant_page, newest_of_merchant
from switch.office.terminals import (
    SILENT,
    Filter,
    find_terminals,
    health_of,
    newest_transactions,
    terminal_page,
    unwell_terminals,
)
from switch.office.transactions import Wanted, find_transactions
from switch.transactions.table import NEEDS
from tests.desks import OPERATOR, card_id, write_journal

FROZEN = "555555******4444"
ROW = {
    "kind": "purchase", "action": "approved", "mti": "0200", "merchant_id": "MERCHANT0000001", "local_date": 20261121,
    "business_day": 20261121, "amount_minor": 1500, "currency": "156", "masked_pan": FROZEN, "entry_mode": "051",
    "received_at": 1, "decided_at": 1,
}  # fmt: skip


def fill(desk: Desk, terminal_id: str, batches: list[str], *, first: int = 1, **changes: object) -> None:
    """Write one transaction for each batch named, numbered from ``first``."""
    rows = [
        ROW | {"journal_id": number, "terminal_id": terminal_id, "batch": batch, "stan": f"{number:06d}"} | changes
        for number, batch in enumerate(batches, first)
    ]
    write_journal(desk, rows)


def more_terminals(desk: Desk, count: int) -> None:
    with desk.database.writing() as connection:
        connection.execute(
            sa.insert(schema.terminal),
            [
                {"terminal_id": f"X{number:07d}", "merchant_id": "MERCHANT0000002", "status": "active"}
                | {"last_seen_day": 20200101 if number % 10 == 0 else 0}
                for number in range(count)
            ],
        )


# --- cards -------------------------------------------------------------------------------------------------


def test_a_card_is_found_by_its_number_however_it_is_typed(desk: Desk) -> None:
    for typed in ("5555555555554444", "5555 5555 5555 4444", "5555-5555-5555-4444"):
        assert find_card(desk, typed) == card_id(desk, FROZEN)


def test_a_number_that_is_none_is_not_quoted(desk: Desk) -> None:
    with pytest.raises(NotInBooks) as unknown:
        find_card(desk, "4000000000000002")
    with pytest.raises(OperatorError) as wrong:
        find_card(desk, "55555555555544x4")

    assert "4000" not in str(unknown.value)
    assert "5555" not in str(wrong.value)


def test_a_card_is_found_by_what_a_receipt_shows_of_it(desk: Desk) -> None:
    with desk.database.reading() as connection:
        (found,) = cards_like(connection, "555555", "4444")
        assert found.card_id == card_id(desk, FROZEN)
        assert cards_like(connection, "555555", "4445") == []
        for first, last in (("55555", "4444"), ("555555", ""), ("%%%%%%", "____")):
            with pytest.raises(OperatorError, match="first six digits"):
                cards_like(connection, first, last)


def test_an_account_shows_its_cards_and_what_is_held(desk: Desk) -> None:
    with desk.database.reading() as connection:
        page = card_page(desk, connection, str(card_id(desk, FROZEN)))
        account = account_page(connection, str(page.account_id))

    assert [card.masked_pan for card in account.cards] == [FROZEN]
    assert account.available_minor == page.standing.available_minor == 1_000_000
    assert account.holds == []


def test_holds_that_were_ended_are_not_shown(desk: Desk) -> None:
    fill(desk, "TERM0001", ["1"] * 3, kind="authorisation")
    with desk.database.reading() as connection:
        account_id = card_page(desk, connection, str(card_id(desk, FROZEN))).account_id
    with desk.database.writing() as connection:
        its = schema.balance.c.account_id == account_id
        connection.execute(sa.update(schema.balance).where(its).values(held_minor=1))
        holds = [
            {"hold_id": number, "account_id": account_id, "amount_minor": 9, "currency": "156"} for number in (1, 2)
        ]
        connection.execute(sa.insert(schema.hold), holds)
        connection.execute(sa.insert(schema.hold_end), [{"hold_id": 1, "journal_id": 3, "how": "released"}])

    with desk.database.reading() as connection:
        assert [hold.hold_id for hold in account_page(connection, str(account_id)).holds] == [2]


# --- merchants ---------------------------------------------------------------------------------------------


def test_merchants_are_listed_by_id_and_found_by_what_id_or_name_begins_with(desk: Desk) -> None:
    with desk.database.reading() as connection:
        listed = list_merchants(connection)
        assert [one.merchant_id[-1] for one in listed.lines] == ["1", "2", "3"]
        assert [one.merchant_id[-1] for one in list_merchants(connection, "MERCHANT0000001").lines] == ["2", "3"]
        assert [one.name for one in find_merchants(connection, "Harb")] == ["Harbour Books"]
        assert len(find_merchants(connection, "MERCHANT")) == 3
        assert find_merchants(connection, "%") == []


def test_the_newest_transactions_of_a_merchant_are_those_of_its_terminals(desk: Desk) -> None:
    fill(desk, "TERM0001", ["000001"] * 20)
    fill(desk, "TERM0002", ["000001"] * 20, first=21)

    with desk.database.reading() as connection:
        page = merchant_page(connection, "MERCHANT0000001")
        newest = newest_of_merchant(connection, page.terminals)

    assert [line.journal_id for line in newest] == list(range(40, 25, -1))
    assert page.fee_plan == "standard"


# --- terminals ---------------------------------------------------------------------------------------------


def test_pages_of_terminals_follow_without_gap(desk: Desk) -> None:
    more_terminals(desk, 120)
    after, seen = "", []

    with desk.database.reading() as connection:
        for _ in range(5):
            page = find_terminals(connection, Filter(prefix="X"), after)
            seen += [line.terminal_id for line in page.lines]
            after = page.next_after
            if not after:
                break

    assert seen == [f"X{number:07d}" for number in range(120)]


def test_terminals_are_found_by_merchant_and_status_and_silence(desk: Desk) -> None:
    more_terminals(desk, 30)

    def found(wanted: Filter) -> list[str]:
        with desk.database.reading() as connection:
            page = find_terminals(connection, wanted, seen_before_day=20261120)
        return [line.terminal_id for line in page.lines]

    assert found(Filter(status="locked")) == ["TERM0002"]
    assert found(Filter(merchant_id="MERCHANT0000001", status="dormant")) == ["TERM0003"]
    assert found(Filter(status=SILENT)) == ["X0000000", "X0000010", "X0000020"]
    assert found(Filter(prefix="TERM", merchant_id="MERCHANT0000002")) == [
        one for one in found(Filter(merchant_id="MERCHANT0000002")) if one.startswith("TERM")
    ]


def test_the_newest_of_a_terminal_are_found_though_its_batches_began_anew(desk: Desk) -> None:
    fill(desk, "TERM0001", ["999998", "999999", "", "000001", "000002", ""])

    with desk.database.reading() as connection:
        newest = newest_transactions(connection, {"TERM0001": "000002"}, 4)

    assert [line.journal_id for line in newest] == [6, 5, 4, 3]


def test_what_has_no_key_is_found_as_well(desk: Desk) -> None:
    fill(desk, "TERM0001", ["", ""])
    fill(desk, "TERM0001", ["", "000001"], first=3, kind="sign_on")
    fill(desk, "TERM0002", ["", ""], first=5)

    with desk.database.reading() as connection:
        newest = newest_transactions(connection, {"TERM0001": "000001"}, 9)
        searched = find_transactions(connection, Wanted(terminal_id="TERM0001"))
        of_merchant = find_transactions(connection, Wanted(merchant_id="MERCHANT0000001"), before_id=4)

    assert [line.journal_id for line in newest] == [4, 3, 2, 1]
    assert [line.journal_id for line in searched.lines] == [4, 3, 2, 1]
    assert [line.journal_id for line in of_merchant.lines] == [3, 2, 1]


def test_kinds_without_keys_are_those_that_are_journalled_without_one() -> None:
    """A correction has one too: of what it puts right."""
    journalled = set(Kind) - {Kind.ECHO, Kind.CORRECTION}

    assert set(schema.KEYLESS) == {kind.value for kind in journalled if kind not in NEEDS or not NEEDS[kind].keyed}


def test_a_terminal_shows_when_it_was_last_heard_of(desk: Desk) -> None:
    fill(desk, "TERM0001", ["000001"], decided_at=77)

    with desk.database.reading() as connection:
        assert terminal_page(connection, "TERM0001").last_seen_at == 77
        assert terminal_page(connection, "TERM0002").last_seen_at is None
        with pytest.raises(NotInBooks):
            terminal_page(connection, "NOPE")


def test_terminals_that_decline_everything_stand_in_the_overview_and_the_others_do_not(desk: Desk) -> None:
    now = desk.clock()
    fill(desk, "TERM0001", ["000001"] * 30, received_at=now)
    fill(desk, "TERM0005", ["000001"] * 12, first=31, received_at=now, action="mac_wrong")

    with desk.database.reading() as connection:
        found = unwell_terminals(connection, now, HostCalendar(desk.settings.zone).skew_s)

    assert [(one.terminal_id, one.word) for one in found] == [("TERM0005", ACT)]


def test_why_a_terminal_was_locked_is_in_the_record(desk: Desk) -> None:
    made = make_change(desk, OPERATOR, ACTS["terminal.lock"], "terminal:TERM0001", {"because": "stolen from the shop"})

    assert made.changed.after == {"status": "locked", "because": "stolen from the shop"}


def test_a_limit_is_taken_away_by_a_word(desk: Desk) -> None:
    made = make_change(desk, OPERATOR, ACTS["card.limits"], f"card:{card_id(desk, FROZEN)}", {"daily_count": "none"})

    assert made.changed.after == {"daily_count": None}


# --- by which index ----------------------------------------------------------------------------------------

BY_TERMINAL = ("ix_journal_terminal_id_batch", "ix_journal_terminal_id_keyless", "request_key USING PRIMARY KEY")
LOOKS: dict[str, tuple[Callable[[Desk, sa.Connection], object], tuple[str, ...]]] = {
    "masked": (lambda _, connection: cards_like(connection, "555555", "4444"), ("ix_card_masked_pan",)),
    "account": (lambda _, connection: account_page(connection, "1"), ("ix_card_account_id", "ix_hold_account_id")),
    "card": (lambda desk, connection: card_page(desk, connection, "4"), ("ix_hold_account_id",)),
    "names": (lambda _, connection: find_merchants(connection, "Harb"), ("ix_merchant_name",)),
    "merchant": (
        lambda _, connection: merchant_page(connection, "MERCHANT0000001"),
        ("ix_terminal_merchant_id_terminal_id",),
    ),
    "of merchant": (
        lambda _, connection: find_terminals(connection, Filter(merchant_id="MERCHANT0000001")),
        ("ix_terminal_merchant_id_terminal_id",),
    ),
    "terminals": (lambda _, connection: find_terminals(connection, Filter(prefix="TERM"), "TERM0001"), ()),
    "terminal": (lambda _, connection: terminal_page(connection, "TERM0001"), BY_TERMINAL),
    "health": (
        lambda desk, connection: health_of(
            connection, "TERM0001", "000001", 1, HostCalendar(desk.settings.zone).skew_s, expected=True
        ),
        BY_TERMINAL,
    ),
    "overview": (
        lambda desk, connection: unwell_terminals(connection, 1, HostCalendar(desk.settings.zone).skew_s),
        (),
    ),
}
IN_ORDER = ("card's", "overview", "terminals", "of merchant")
BIG = ("journal", "card", "hold", "transfer", "terminal", "request_key")


@pytest.mark.parametrize("look", LOOKS)
def test_each_look_goes_by_its_index_and_sorts_no_table(desk: Desk, look: str) -> None:
    asked: list[tuple[str, tuple[object, ...]]] = []
    fill(desk, "TERM0001", ["000001"] * 3_000)
    more_terminals(desk, 500)
    ask, indexes = LOOKS[look]
    with desk.database.writing() as connection:
        connection.execute(sa.update(schema.balance).values(held_minor=1))
        connection.execute(sa.update(schema.card).where(schema.card.c.masked_pan == FROZEN).values(card_id=4))
        connection.execute(sa.insert(schema.account).values(account_id=1, kind="cardholder", name="A", currency="156"))
        connection.execute(
            sa.insert(schema.balance).values(account_id=1, ledger_minor=0, held_minor=1, credit_limit_minor=0)
        )

    with desk.database.reading() as connection:
        sa.event.listen(connection, "before_cursor_execute", lambda *seen: asked.append((seen[2], seen[3])))
        ask(desk, connection)
        plan = plan_of(connection, list(asked))

    if desk.database.dialect == "sqlite":
        assert all(index in plan for index in indexes), plan
        assert look not in IN_ORDER or "TEMP B-TREE FOR ORDER BY" not in plan, plan
    for step in plan.splitlines():
        _, scans, table = step.replace("Seq Scan on ", "SCAN ").partition("SCAN ")
        assert not scans or look == "overview" or table.split()[0] not in BIG, plan


def plan_of(connection: sa.Connection, statements: list[tuple[str, tuple[object, ...]]]) -> str:
    """Return how the database finds it; PostgreSQL, which reads small tables whole, how it would if they were large."""
    explain = "EXPLAIN QUERY PLAN"
    if connection.dialect.name == "postgresql":
        explain = "EXPLAIN (COSTS OFF)"
        connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
    return "\n".join(
        str(row[-1])
        for statement, parameters in statements
        for row in connection.exec_driver_sql(f"{explain} {statement}", parameters)
    )


@pytest.mark.parametrize("named", ["000002", "999999", "R2"])
def test_what_a_command_shows_of_a_terminal_goes_by_its_keys(desk: Desk, named: str) -> None:
    asked: list[tuple[str, tuple[object, ...]]] = []
    fill(desk, "TERM0001", [""] * 300)
    fill(desk, "TERM0002", ["", "", "000001"], first=301, rrn="R2")

    with desk.database.reading() as connection:
        sa.event.listen(connection, "before_cursor_execute", lambda *seen: asked.append((seen[2], seen[3])))
        listed = list_journal(connection, queries.Wanted(limit=2, terminal_id="TERM0002"))
        with suppress(NotInBooks):
            show_story(connection, named, "TERM0002")
        plan = plan_of(connection, asked[:2])

    assert [line.journal_id for line in listed] == [302, 303]
    assert "request_key" in plan
    for step in plan.splitlines():
        _, scans, table = step.replace("Seq Scan on ", "SCAN ").partition("SCAN ")
        assert not scans or table.split()[0] not in BIG, plan
