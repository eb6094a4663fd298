from __future__ import annotations

import pytest
import sqlalchemy as sa

from switch.errors import NotInBooks, OperatorError
from switch.ledger import schema
from switch.ledger.key_store import keep_base_key, keep_issuer_key, shown_keys
from switch.office.acts import Desk
from switch.office.all_acts import ACTS
from switch.office.change_log import list_changes
from switch.office.changes import approve, make_change
from switch.office.key_acts import IssuerKey, issuer_key_of, issuer_keys, master_keys
from switch.office.roles import Actor, NotAllowedError, Role
from switch.security.key_blocks import KeyBlocks, KeyUsage
from switch.security.keys import load_keys
from tests.desks import FINANCE, OFFICER, OPERATOR

SECOND = Actor("sunniva", Role.OFFICER)
OWNER = Actor("root at a shell", Role.OWNER)
NEW, REMOVE = ACTS["terminal.new_master_key"], ACTS["issuer_key.remove"]


def with_an_issuers_key(desk: Desk, index: str = "1") -> None:
    with desk.database.writing() as connection:
        keep_issuer_key(connection, "622848", "pvk", index, "", "A1B2C3", "BLOCK", 1)


def test_one_officer_changes_no_key(desk: Desk) -> None:
    with_an_issuers_key(desk)

    made = [
        make_change(desk, OFFICER, NEW, "terminal:TERM0001", {}),
        make_change(desk, OFFICER, REMOVE, "issuer_key:622848/pvk/1", {}),
    ]

    assert [each.proposal_id for each in made] == [1, 2]
    with desk.database.reading() as connection:
        assert master_keys(connection) == []
        assert len(issuer_keys(connection)) == 1


def test_two_make_a_new_master_key_which_only_its_check_value_names(desk: Desk) -> None:
    for _ in range(2):
        made = make_change(desk, OFFICER, NEW, "terminal:TERM0001", {}, "quarterly")
        assert made.proposal_id is not None
        approve(desk, SECOND, ACTS, made.proposal_id)

    with desk.database.reading() as connection:
        (key,) = connection.execute(sa.select(schema.terminal_key)).all()
        later, _, first, _ = list_changes(connection, limit=4)
    master = load_keys(desk.settings.keys.file).master
    assert master is not None
    clear = KeyBlocks(master).unwrap(key.block, KeyUsage.TERMINAL_MASTER)
    assert KeyBlocks.check_value(clear) == key.check_value
    assert later.after == {"check_value": key.check_value}
    assert later.before == first.after != later.after
    assert first.before == {"check_value": ""}
    assert clear.hex() not in str((later, first)).lower()


def test_two_take_an_issuers_key_out(desk: Desk) -> None:
    with_an_issuers_key(desk)
    with_an_issuers_key(desk, "2")

    make_change(desk, OFFICER, REMOVE, "issuer_key:622848/pvk/1", {})
    approve(desk, SECOND, ACTS, 1)

    with desk.database.reading() as connection:
        assert [key.key_index for key in issuer_keys(connection)] == ["2"]
        assert list_changes(connection, limit=1)[0].before == {"check_value": "A1B2C3"}


def test_two_take_a_base_derivation_key_out(desk: Desk) -> None:
    with desk.database.writing() as connection:
        keep_base_key(connection, "FFFF987654", "A1B2C3", "BLOCK", 1)

    made = make_change(desk, OFFICER, ACTS["base_key.remove"], "base_key:FFFF987654", {})
    assert made.proposal_id == 1
    approve(desk, SECOND, ACTS, 1)

    with desk.database.reading() as connection:
        assert shown_keys(connection) == []
        assert list_changes(connection, limit=1)[0].before == {"check_value": "A1B2C3"}


def test_the_machines_owner_needs_nobody_else(desk: Desk) -> None:
    assert make_change(desk, OWNER, NEW, "terminal:TERM0001", {}).proposal_id is None


@pytest.mark.parametrize("actor", [OPERATOR, FINANCE])
def test_others_do_not_propose_one(desk: Desk, actor: Actor) -> None:
    with pytest.raises(NotAllowedError):
        make_change(desk, actor, NEW, "terminal:TERM0001", {})


def test_what_is_not_there_is_named(desk: Desk) -> None:
    with pytest.raises(OperatorError, match="no terminal TERM9999"):
        make_change(desk, OWNER, NEW, "terminal:TERM9999", {})
    with pytest.raises(NotInBooks, match="no key 622848 pvk"):
        make_change(desk, OWNER, REMOVE, "issuer_key:622848/pvk/", {})


@pytest.mark.parametrize("key", ["622848", "622848/pvk", "x/pvk/1", "622848/pvk/1/2"])
def test_an_issuers_key_is_named_in_three_parts(key: str) -> None:
    with pytest.raises(OperatorError, match="PREFIX/USAGE/INDEX"):
        issuer_key_of(key)

    assert issuer_key_of("622848/pvk/") == IssuerKey("622848", "pvk", "")
