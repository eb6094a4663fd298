"""Operators' passwords: hashed with Argon2id, known again, and refused where what is stored is no hash."""

from __future__ import annotations

from itertools import count

import pytest

from switch.errors import ConfigurationError
from switch.security.passwords import hashed, password_matches

# the reference implementation's own test (phc-winner-argon2, src/test.c): Argon2id, t=2, m=65536, p=1
REFERENCE = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
STORED = hashed("0000")


def test_a_hash_made_by_the_reference_implementation_is_known_again() -> None:
    assert password_matches(REFERENCE, "password")
    assert not password_matches(REFERENCE, "Password")


@pytest.mark.parametrize("password", ["1234", "", "口令 1", "undecodable \udcff"])
def test_a_password_matches_its_hash_and_no_other(password: str) -> None:
    stored = hashed(password)

    assert password_matches(stored, password)
    assert not password_matches(stored, f"{password}0")


def test_a_hash_names_its_parameters_and_has_a_salt_of_its_own() -> None:
    other = hashed("0000")

    assert STORED.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert other != STORED
    assert password_matches(other, "0000")


@pytest.mark.parametrize(
    "stored",
    [
        "",
        "0000",
        STORED[1:],
        STORED[:-1],
        f"{STORED}\n",
        STORED.replace("argon2id", "argon2i"),
        STORED.replace("v=19", "v=16"),
        STORED.replace("m=19456", "m=1"),
        STORED.replace("m=19456", "m=9999999"),
        STORED.replace("t=2", "t=0"),
        STORED.replace("t=2", "t=999"),
        STORED.replace("p=1", "p=0"),
        STORED.replace("p=1", "p=１"),  # noqa: RUF001 - a digit, but not of ASCII
        REFERENCE.replace("c29tZXNhbHQ", "c29t"),
        REFERENCE.replace("c29tZXNhbHQ", "c29tZXNhbHQAA"),
    ],
    ids=count(),  # the hashes are new each time, and two workers must name a test alike
)
def test_what_is_no_hash_is_the_operators_to_set_anew_and_is_not_shown(stored: str) -> None:
    with pytest.raises(ConfigurationError, match="set the operator's password anew") as refused:
        password_matches(stored, "0000")

    assert "0000" not in str(refused.value)
    assert refused.value.__suppress_context__ or refused.value.__context__ is None
