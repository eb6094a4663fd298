from __future__ import annotations

import pytest
import sqlalchemy as sa

from switch.errors import NotInBooks, OperatorError
from switch.ledger import schema
from switch.office.acts import Desk
from switch.office.roles import Role
from switch.office.tokens import (
    NewToken,
    create_token,
    holder_by_certificate,
    holder_of,
    holder_of_id,
    list_tokens,
    note_use,
    revoke_token,
)

NOW = 1_800_000_000_000_000
DAY_US = 86_400_000_000
FINGERPRINT = "ab" * 32


def a_token(desk: Desk, **changes: object) -> NewToken:
    given = {"name": "oscar", "role": Role.OPERATOR, "days": 2, "now": NOW} | changes
    with desk.database.writing() as connection:
        return create_token(connection, **given)  # type: ignore[arg-type]


def test_a_token_lets_its_holder_in_until_it_ends(desk: Desk) -> None:
    made = a_token(desk)

    with desk.database.reading() as connection:
        found = holder_of(connection, made.secret, NOW + 2 * DAY_US - 1)
        assert found is not None
        assert found.actor == ("oscar", Role.OPERATOR)
        assert holder_of(connection, made.secret, NOW + 2 * DAY_US) is None
        assert holder_of(connection, made.secret + "x", NOW) is None
        assert holder_of(connection, "", NOW) is None


def test_a_token_is_nowhere_in_the_books(desk: Desk) -> None:
    made = a_token(desk)

    with desk.database.reading() as connection:
        row = connection.execute(sa.select(schema.access_token)).one()
    assert made.secret not in str(tuple(row))
    assert made.secret not in repr(made)


def test_what_is_kept_of_the_first_half_and_the_second_half_are_no_token(desk: Desk) -> None:
    """Where the hash that is kept happens to be text, whoever approved could show it as the beginning of a token."""
    kept = b"swt_" + b"a" * 28

    second = a_token(desk, first_half_sha256=kept.hex()).secret

    with desk.database.reading() as connection:
        assert [holder_of(connection, kept.decode() + between + second, NOW) for between in ("", ".")] == [None, None]


def test_a_revoked_token_ends_at_once_and_its_sessions_too(desk: Desk) -> None:
    made = a_token(desk)
    with desk.database.writing() as connection:
        assert revoke_token(connection, made.token_id, NOW).state == "active"
        revoke_token(connection, made.token_id, NOW + 5)

    with desk.database.reading() as connection:
        assert holder_of(connection, made.secret, NOW) is None
        assert holder_of_id(connection, made.token_id, NOW) is None
        assert [line.state for line in list_tokens(connection, NOW)] == ["revoked"]


def test_a_certificate_stands_for_its_token(desk: Desk) -> None:
    a_token(desk, certificate=FINGERPRINT.upper())

    with desk.database.reading() as connection:
        found = holder_by_certificate(connection, FINGERPRINT, NOW)
        assert found is not None
        assert found.actor.name == "oscar"
        assert holder_by_certificate(connection, "cd" * 32, NOW) is None
        assert holder_by_certificate(connection, "", NOW) is None


def test_use_is_noted_once_a_minute(desk: Desk) -> None:
    made = a_token(desk)
    with desk.database.writing() as connection:
        note_use(connection, made.token_id, NOW)

    with desk.database.reading() as connection:
        stale = [holder_of(connection, made.secret, NOW + late) for late in (1, 61_000_000)]
    assert [found is not None and found.is_stale for found in stale] == [False, True]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"name": ""}, "name"),
        ({"name": " oscar"}, "name"),
        ({"name": "o\x1b[2J"}, "name"),
        ({"name": "o" * 65}, "name"),
        ({"days": 0}, "days"),
        ({"days": 367}, "days"),
        ({"certificate": "ab"}, "fingerprint"),
    ],
)
def test_what_makes_no_sense_is_refused(desk: Desk, changes: dict[str, object], told: str) -> None:
    with pytest.raises(OperatorError, match=told):
        a_token(desk, **changes)


def test_revoking_what_is_not_there_says_so(desk: Desk) -> None:
    with pytest.raises(NotInBooks), desk.database.writing() as connection:
        revoke_token(connection, 7, NOW)
