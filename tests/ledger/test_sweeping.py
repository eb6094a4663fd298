"""What time does: terminals that are silent for long go to sleep, holds that nobody captured end."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
import sqlalchemy as sa

from switch.decisions import Standing
from switch.ledger.schema import hold_end, journal, payment, terminal
from switch.ledger.sweeping import expired_authorisations, sweep_dormant
from switch.messages.actions import Action
from switch.messages.kinds import Kind
from tests.ledger.shop import HOUR, NOON, RICH, TODAY, Shop, authorisation, purchase

DAY = 24 * HOUR


def heard_of(shop: Shop, terminal_id: str, day: int, status: str = "active") -> None:
    with shop.database.writing() as connection:
        changed = sa.update(terminal).where(terminal.c.terminal_id == terminal_id)
        connection.execute(changed.values(last_seen_day=day, status=status))


@pytest.mark.parametrize(
    ("day", "asleep"),
    [
        (20260304, []),
        (20251205, []),  # 89 days ago
        (20251204, ["T1"]),
        (20240229, ["T1"]),
        (0, []),  # never heard of
    ],
)
def test_a_terminal_sleeps_after_ninety_days_of_silence(shop: Shop, day: int, asleep: list[str]) -> None:
    heard_of(shop, "T1", day)

    assert sweep_dormant(shop.database, TODAY, 90) == asleep
    assert [row.terminal_id for row in shop.rows(terminal) if row.status == "dormant"] == asleep


@pytest.mark.parametrize("status", ["registered", "locked", "retired", "dormant"])
def test_only_active_terminals_go_to_sleep(shop: Shop, status: str) -> None:
    heard_of(shop, "T1", 20250101, status)

    assert sweep_dormant(shop.database, TODAY, 90) == []
    assert [row.status for row in shop.rows(terminal)] == [status, "active"]


def test_all_that_are_silent_are_named_once(shop: Shop) -> None:
    heard_of(shop, "T2", 20250101)
    heard_of(shop, "T1", 20250102)

    assert sweep_dormant(shop.database, TODAY, 90) == ["T1", "T2"]
    assert sweep_dormant(shop.database, TODAY, 90) == []


def test_a_hold_that_is_due_ends_by_a_request_of_the_hosts_own(shop: Shop) -> None:
    (held,) = shop.send(authorisation(1, 3_000))
    shop.now = NOON + 31 * DAY
    (request,) = expired_authorisations(shop.database, TODAY + timedelta(days=1), 10, clock=lambda: shop.now)

    (outcome,) = shop.send(request)

    assert outcome.standing is Standing.FIRST
    assert outcome.reply is not None
    assert outcome.reply.action is Action.APPROVED
    assert shop.account(RICH) == (100_000, 0)
    assert [row.state for row in shop.rows(payment)] == ["expired"]
    assert [(row.hold_id, row.how) for row in shop.rows(hold_end)] == [(held.journal_id, "expired")]
    expiry = shop.rows(journal)[-1]
    assert (expiry.kind, expiry.terminal_id, expiry.masked_pan, expiry.received_at) == ("expiry", "T1", "", shop.now)


def test_an_expiry_asked_for_twice_releases_once(shop: Shop) -> None:
    shop.send(authorisation(1, 3_000), authorisation(2, 400))
    shop.now = NOON + 31 * DAY
    due = expired_authorisations(shop.database, TODAY + timedelta(days=1), 1)

    shop.send(*due, *due)

    assert shop.account(RICH) == (100_000, 400)
    assert len(shop.rows(hold_end)) == 1


def test_a_hold_that_may_still_be_completed_is_not_ended(shop: Shop) -> None:
    shop.send(authorisation(1, 3_000))
    shop.now = NOON + 30 * DAY
    (request,) = expired_authorisations(shop.database, TODAY + timedelta(days=1), 10)

    (outcome,) = shop.send(request)

    assert outcome.reply is not None
    assert outcome.reply.action is not Action.APPROVED
    assert shop.account(RICH) == (100_000, 3_000)


def test_only_authorisations_of_days_before_are_due(shop: Shop) -> None:
    shop.send(authorisation(1, 3_000), purchase(2))

    assert expired_authorisations(shop.database, TODAY, 10) == []
    assert len(expired_authorisations(shop.database, date(2026, 3, 5), 10)) == 1


def test_due_ones_come_in_pages_the_oldest_first(shop: Shop) -> None:
    held = [outcome.journal_id for outcome in shop.send(*(authorisation(stan, 100) for stan in range(1, 4)))]
    tomorrow = TODAY + timedelta(days=1)

    first = expired_authorisations(shop.database, tomorrow, 2)
    rest = expired_authorisations(shop.database, tomorrow, 2, after=held[1] or 0)

    assert [request.original.journal_id for request in (*first, *rest) if request.original] == held
    assert {request.kind for request in first} == {Kind.EXPIRY}
