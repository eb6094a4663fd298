"""Tokens made in the office: nobody who is let in by one makes themselves a second officer."""

from __future__ import annotations

import pytest

from switch.errors import OperatorError
from switch.office.acts import Desk
from switch.office.all_acts import ACTS
from switch.office.change_log import list_changes
from switch.office.changes import approve, list_proposals, make_change, refuse
from switch.office.roles import Actor, NotAllowedError, Role
from switch.office.tokens import first_half, holder_of, list_tokens
from tests.desks import OFFICER, OPERATOR

SECOND = Actor("sunniva", Role.OFFICER)
SHELL = Actor("root at a shell", Role.OWNER)
FINGERPRINT = "ab" * 32


def propose(desk: Desk, role: str = "officer", **more: object) -> str:
    """Propose a token and return its first half."""
    made = make_change(desk, OFFICER, ACTS["token.create"], "token:new", {"name": "mallory", "role": role} | more)
    assert made.proposal_id == 1
    return made.changed.shown["First half of the token"]


def let_in(desk: Desk, secret: str) -> Actor | None:
    with desk.database.reading() as connection:
        found = holder_of(connection, secret, desk.clock())
    return None if found is None else found.actor


@pytest.mark.parametrize("role", ["operator", "officer", "finance"])
def test_a_token_that_may_change_something_takes_two_officers_and_both_halves(desk: Desk, role: str) -> None:
    first = propose(desk, role, days=3)
    with desk.database.reading() as connection:
        before = list_tokens(connection, desk.clock())

    second = approve(desk, SECOND, ACTS, 1).changed.shown["Second half of the token"]

    assert before == []
    assert let_in(desk, first + second) == Actor("mallory", Role(role))
    assert [let_in(desk, each) for each in (first, second, second + first, f"{first}.{second}", f"{first}x")] == [
        None
    ] * 5
    with desk.database.reading() as connection:
        assert [line.expires_at - line.created_at for line in list_tokens(connection, desk.clock())] == [
            3 * 86_400_000_000
        ]


def test_neither_half_is_kept(desk: Desk) -> None:
    first = propose(desk)
    second = approve(desk, SECOND, ACTS, 1).changed.shown["Second half of the token"]

    with desk.database.reading() as connection:
        kept = str(list_proposals(connection, desk.clock())) + str(list_changes(connection, limit=9))
    assert first.strip("swt_.") not in kept
    assert second not in kept
    assert first_half().secret.strip("swt_.") not in repr(first_half())


def test_an_officer_does_not_make_themselves_a_second_one(desk: Desk) -> None:
    propose(desk)

    with pytest.raises(NotAllowedError, match="another officer"):
        approve(desk, OFFICER, ACTS, 1)
    with pytest.raises(NotAllowedError, match="takes the role officer"):
        approve(desk, OPERATOR, ACTS, 1)
    with desk.database.reading() as connection:
        assert list_tokens(connection, desk.clock()) == []


def test_a_half_of_a_token_that_was_refused_is_worth_nothing(desk: Desk) -> None:
    first = propose(desk)
    refuse(desk, SECOND, ACTS, 1)

    with pytest.raises(OperatorError, match="is refused"):
        approve(desk, SECOND, ACTS, 1)
    assert let_in(desk, first) is None


def test_a_certificate_would_be_whole_in_one_hand(desk: Desk) -> None:
    with pytest.raises(OperatorError, match="made at a shell"):
        propose(desk, certificate=FINGERPRINT)
    wish = {"name": "robot", "role": "officer", "certificate": FINGERPRINT}

    made = make_change(desk, SHELL, ACTS["token.create"], "token:new", wish)

    assert made.proposal_id is None
    assert let_in(desk, made.changed.shown["Token"]) == Actor("robot", Role.OFFICER)


@pytest.mark.parametrize("more", [{"first_half_sha256": "ab" * 32}, {"role": "owner"}, {"name": " mallory"}])
def test_nobody_brings_a_half_a_role_or_a_name_that_is_none(desk: Desk, more: dict[str, object]) -> None:
    with pytest.raises(OperatorError, match=r"first_half_sha256|role|name"):
        propose(desk, **more)  # type: ignore[arg-type]


def test_a_viewers_token_is_made_by_one_officer(desk: Desk) -> None:
    made = make_change(
        desk,
        OFFICER,
        ACTS["token.create"],
        "token:new",
        {"name": "robot", "role": "viewer", "certificate": FINGERPRINT},
    )

    assert let_in(desk, made.changed.shown["Token"]) == Actor("robot", Role.VIEWER)
