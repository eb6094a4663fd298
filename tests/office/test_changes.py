from __future__ import annotations

from collections.abc import Callable
from functools import partial
from threading import Thread

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from switch.errors import DatabaseError, NotInBooks, OperatorError
from switch.ledger import schema
from switch.office.acts import Desk
from switch.office.all_acts import ACTS
from switch.office.change_log import LoggedChange, list_changes, verify_changes
from switch.office.changes import PROPOSAL_LIFE_US, approve, list_proposals, make_change, refuse
from switch.office.roles import Actor, NotAllowedError
from switch.values import Pan
from tests.desks import FINANCE, OFFICER, OPERATOR, OTHER, VIEWER, card_id

FROZEN = "555555******4444"
ACTIVE = "411111******1111"
FAR_MINOR = 6_000_000


def card(desk: Desk, masked: str) -> str:
    return f"card:{card_id(desk, masked)}"


def status_of(desk: Desk, masked: str) -> str:
    with desk.database.reading() as connection:
        its = schema.card.c
        return str(connection.execute(sa.select(its.status).where(its.masked_pan == masked)).scalar_one())


def limit_of(desk: Desk, masked: str) -> int | None:
    with desk.database.reading() as connection:
        its = schema.card.c
        found = connection.execute(sa.select(its.daily_limit_minor).where(its.masked_pan == masked)).scalar_one()
        return None if found is None else int(found)


def changes(desk: Desk) -> list[LoggedChange]:
    with desk.database.reading() as connection:
        return list_changes(connection, limit=100)


def test_a_change_is_made_and_written_down_with_what_was_and_what_is(desk: Desk) -> None:
    made = make_change(desk, OPERATOR, ACTS["card.unfreeze"], card(desk, FROZEN), {}, "customer called")

    assert status_of(desk, FROZEN) == "active"
    (logged,) = changes(desk)
    assert logged.change_id == made.change_id
    assert logged[2:] == (
        "oscar", "operator", "card.unfreeze", card(desk, FROZEN), {"status": "frozen"}, {"status": "active"},
        "customer called",
    )  # fmt: skip


@pytest.mark.parametrize("actor", [VIEWER, FINANCE])
def test_a_role_without_the_permission_changes_nothing(desk: Desk, actor: Actor) -> None:
    with pytest.raises(NotAllowedError, match="takes the role officer or operator"):
        make_change(desk, actor, ACTS["card.unfreeze"], card(desk, FROZEN), {})

    assert status_of(desk, FROZEN) == "frozen"
    assert changes(desk) == []


def test_a_change_that_cannot_be_made_is_not_written_down(desk: Desk) -> None:
    with pytest.raises(OperatorError, match="unfreeze takes one that is frozen"):
        make_change(desk, OPERATOR, ACTS["card.unfreeze"], card(desk, "620000******0005"), {})
    with pytest.raises(NotInBooks):
        make_change(desk, OPERATOR, ACTS["card.freeze"], "card:999999", {})

    assert changes(desk) == []


@pytest.mark.parametrize(
    ("target", "arguments", "told"),
    [
        ("terminal:TERM0001", {}, "the target must be card:"),
        ("card:", {}, "the target must be card:"),
        ("card:x", {"daily_count": 1}, "must be a number"),
        ("card:1", {"daily_limit_minor": -1}, "daily_limit_minor"),
        ("card:1", {"daily_limit_minor": 10**15}, "daily_limit_minor"),
        ("card:1", {"daily_limit": 1}, "daily_limit: Extra"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(
    desk: Desk, target: str, arguments: dict[str, object], told: str
) -> None:
    with pytest.raises(OperatorError, match=told):
        make_change(desk, OPERATOR, ACTS["card.limits"], target, arguments)


def test_a_change_of_no_limit_is_none(desk: Desk) -> None:
    with pytest.raises(OperatorError, match="name at least one limit"):
        make_change(desk, OPERATOR, ACTS["card.limits"], card(desk, ACTIVE), {})


def test_an_argument_that_is_refused_is_not_quoted(desk: Desk) -> None:
    with pytest.raises(OperatorError) as refused:
        make_change(desk, OPERATOR, ACTS["card.limits"], "card:1", {"daily_count": "4111111111111111x"})

    assert "4111111111111111" not in str(refused.value)


# --- two officers ------------------------------------------------------------------------------------------


def test_a_high_limit_waits_for_a_second_officer(desk: Desk) -> None:
    target, before = card(desk, ACTIVE), limit_of(desk, ACTIVE)

    made = make_change(desk, OPERATOR, ACTS["card.limits"], target, {"daily_limit_minor": FAR_MINOR}, "VIP")

    assert made.proposal_id == 1
    assert limit_of(desk, ACTIVE) == before
    assert changes(desk)[0].what == "card.limits:proposed"

    approve(desk, OTHER, ACTS, 1)

    assert limit_of(desk, ACTIVE) == FAR_MINOR
    assert changes(desk)[0].actor == "olga"
    assert "proposal 1 of oscar: VIP" in changes(desk)[0].because


@pytest.mark.parametrize("arguments", [{"daily_limit_minor": None}, {"daily_limit_minor": str(FAR_MINOR)}])
def test_taking_a_limit_away_is_as_high_as_it_gets(desk: Desk, arguments: dict[str, object]) -> None:
    assert make_change(desk, OPERATOR, ACTS["card.limits"], card(desk, ACTIVE), arguments).proposal_id == 1


def test_lowering_a_limit_takes_one(desk: Desk) -> None:
    made = make_change(desk, OPERATOR, ACTS["card.limits"], card(desk, ACTIVE), {"daily_limit_minor": 1})

    assert made.proposal_id is None
    assert limit_of(desk, ACTIVE) == 1


def test_nobody_approves_what_they_proposed(desk: Desk) -> None:
    make_change(desk, OPERATOR, ACTS["card.limits"], card(desk, ACTIVE), {"daily_limit_minor": FAR_MINOR})

    with pytest.raises(NotAllowedError, match="another officer"):
        approve(desk, OPERATOR, ACTS, 1)
    with pytest.raises(NotAllowedError):
        approve(desk, FINANCE, ACTS, 1)
    assert limit_of(desk, ACTIVE) != FAR_MINOR


def test_a_proposal_is_decided_once(desk: Desk) -> None:
    make_change(desk, OPERATOR, ACTS["card.limits"], card(desk, ACTIVE), {"daily_limit_minor": FAR_MINOR})
    refuse(desk, OFFICER, ACTS, 1)

    with pytest.raises(OperatorError, match="is refused"):
        approve(desk, OTHER, ACTS, 1)
    with pytest.raises(OperatorError, match="no proposal 2"):
        approve(desk, OTHER, ACTS, 2)


def test_a_proposal_that_nobody_decided_expires(desk: Desk) -> None:
    make_change(desk, OPERATOR, ACTS["card.limits"], card(desk, ACTIVE), {"daily_limit_minor": FAR_MINOR})
    late = Desk(desk.settings, desk.database, desk.open_vault, lambda: desk.clock() + PROPOSAL_LIFE_US)

    with pytest.raises(OperatorError, match="is expired"):
        approve(late, OTHER, ACTS, 1)
    with desk.database.reading() as connection:
        assert [line.state for line in list_proposals(connection, late.clock())] == ["expired"]


# --- the chain ---------------------------------------------------------------------------------------------


def fill(desk: Desk) -> None:
    for verb in ("lock", "unlock", "lock", "unlock"):
        make_change(desk, OPERATOR, ACTS[f"terminal.{verb}"], "terminal:TERM0001", {})


def test_the_chain_holds_from_its_beginning(desk: Desk) -> None:
    fill(desk)

    with desk.database.reading() as connection:
        assert verify_changes(connection).changes == 4


def test_a_digest_that_was_kept_shows_what_is_cut_off_at_the_end(desk: Desk) -> None:
    fill(desk)
    with desk.database.reading() as connection:
        kept = verify_changes(connection).digest
    fill(desk)
    with desk.database.reading() as connection:
        assert verify_changes(connection, kept).changes == 8
    with desk.database.writing() as connection:
        drop_guards(connection)
        connection.execute(sa.text("DELETE FROM change_log WHERE change_id > 3"))

    with desk.database.reading() as connection:
        assert verify_changes(connection).changes == 3
        with pytest.raises(DatabaseError, match="cut off"):
            verify_changes(connection, kept)


def test_the_database_refuses_to_alter_the_log(desk: Desk) -> None:
    fill(desk)

    for statement in (sa.update(schema.change_log).values(actor="nobody"), sa.delete(schema.change_log)):
        with pytest.raises(DBAPIError, match="append-only"), desk.database.writing() as connection:
            connection.execute(statement)


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("UPDATE change_log SET actor = 'nobody' WHERE change_id = 2", "change 2"),
        ("UPDATE change_log SET after = '{}' WHERE change_id = 4", "change 4"),
        ("DELETE FROM change_log WHERE change_id = 3", "lacks change 3"),
        ("DELETE FROM change_log WHERE change_id = 1", "lacks change 1"),
    ],
)
def test_whoever_gets_around_the_database_is_found_out(desk: Desk, statement: str, told: str) -> None:
    fill(desk)
    with desk.database.writing() as connection:
        drop_guards(connection)
        connection.execute(sa.text(statement))

    with desk.database.reading() as connection, pytest.raises(DatabaseError, match=told):
        verify_changes(connection)


def drop_guards(connection: sa.Connection) -> None:
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("DROP TRIGGER change_log_no_update")
        connection.exec_driver_sql("DROP TRIGGER change_log_no_delete")
    else:
        connection.exec_driver_sql("DROP TRIGGER change_log_append_only ON change_log")


# --- many at once ------------------------------------------------------------------------------------------


def test_changes_made_at_once_are_all_made_and_their_chain_stays_whole(desk: Desk) -> None:
    target = card(desk, ACTIVE)
    failures: list[Exception] = []
    asked = (
        partial(make_change, desk, OPERATOR, ACTS["card.note"], target, {"words": "called"}),
        partial(make_change, desk, OFFICER, ACTS["token.create"], "token:new", {"name": "anna", "role": "viewer"}),
        partial(make_change, desk, OTHER, ACTS["card.limits"], target, {"daily_limit_minor": FAR_MINOR}),
    )

    def make(wish: Callable[[], object]) -> None:
        try:
            for _ in range(8):
                wish()
        except Exception as error:  # noqa: BLE001 - told by the test
            failures.append(error)

    threads = [Thread(target=make, args=(wish,)) for wish in asked * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failures == []
    with desk.database.reading() as connection:
        assert verify_changes(connection).changes == 48


def test_two_officers_at_once_approve_a_proposal_once(desk: Desk) -> None:
    proposed = make_change(desk, OPERATOR, ACTS["card.limits"], card(desk, ACTIVE), {"daily_limit_minor": FAR_MINOR})
    outcomes: list[str] = []

    def decide(actor: Actor) -> None:
        try:
            approve(desk, actor, ACTS, proposed.proposal_id or 0)
        except OperatorError as error:
            outcomes.append(str(error))
        else:
            outcomes.append("made")

    threads = [Thread(target=decide, args=(actor,)) for actor in (OTHER, OFFICER, OTHER)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(outcomes) == ["made", *["proposal 1 is made: propose it anew"] * 2]
    assert [one.what for one in changes(desk)].count("card.limits") == 1


# --- hostile words -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("what", "target", "arguments"),
    [
        ("maintenance.on", "maintenance:on", {"notice": "card 4111 1111 1111 1111 waits"}),
        ("terminal.lock", "terminal:TERM0001", {"because": "stole 4111-1111-1111-1111"}),
        ("terminal.lock", "terminal:TERM0001", {"because": "\uff14\uff11\uff11\uff11" + "1" * 12}),
        ("terminal.lock", "terminal:TERM\0001", {}),
        ("terminal.lock", "terminal:TERM0001", {"because": "a\0b"}),
    ],
)
def test_card_numbers_and_zero_bytes_are_kept_nowhere(
    desk: Desk, what: str, target: str, arguments: dict[str, object]
) -> None:
    with pytest.raises(OperatorError, match=r"may be a card's|zero byte"):
        make_change(desk, OPERATOR, ACTS[what], target, arguments)

    assert changes(desk) == []


def test_a_number_given_for_a_target_is_not_repeated(desk: Desk) -> None:
    with pytest.raises(OperatorError) as told:
        make_change(desk, OPERATOR, ACTS["card.freeze"], "4111111111111111", {})

    assert "4111" not in str(told.value)


@pytest.mark.parametrize("key", ["6200000000000047", "6200000000000047/000001", "6" * 40_000, "6" * 40_000 + "/000001"])
@pytest.mark.parametrize(
    "name", ["settlement.adjust", "settlement.settle", "day.cutover", "settlement.close_batch", "base_key.remove"]
)
def test_a_card_number_as_the_target_of_a_change_is_not_logged(desk: Desk, name: str, key: str) -> None:
    """Some changes are logged before they begin, and proposals before anybody looks."""
    act = ACTS[name]
    told = {"accept": "host"} if "accept" in act.arguments.model_fields else {}
    actor = OFFICER if name == "base_key.remove" else FINANCE

    with pytest.raises(OperatorError):
        make_change(desk, actor, act, f"{act.of}:{key}", told, "why")

    with desk.database.reading() as connection:
        assert list_changes(connection, limit=2) == []


@pytest.mark.parametrize("name", ["settlement.adjust", "settlement.settle"])
def test_an_id_that_could_be_a_card_number_by_chance_is_looked_for(desk: Desk, name: str) -> None:
    number = next(
        number for number in range(890_000_000_000_000_000, 2**63) if Pan(f"{number}").has_valid_check_digit()
    )
    act = ACTS[name]

    with pytest.raises(NotInBooks, match=f"{number}"):
        make_change(desk, FINANCE, act, f"{act.of}:{number}", {"accept": "host"}, "why")
