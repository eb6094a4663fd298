"""The demo's keys are known again, however they are written down."""

from __future__ import annotations

import pytest

from switch.security.demo_keys import is_demo_key


@pytest.mark.parametrize(
    "key",
    [
        "0123456789ABCDEFFEDCBA9876543210",
        "9E15204313F7318ACB79B90BD986AD29",
        "0022446688AACCEEFEDCBA9876543210",  # other parity bits
        "9F14214212F6308BCA78B80AD887AC28",
        "0123456789ABCDEFFEDCBA98765432100123456789ABCDEF",  # the same Triple DES key, all three parts written
        "0123456789ABCDEFFEDCBA98765432100022446688AACCEE",
    ],
)
def test_a_key_that_enciphers_as_the_demos_do_is_one(key: str) -> None:
    assert is_demo_key(bytes.fromhex(key))


@pytest.mark.parametrize(
    "key",
    [
        "",
        "0123456789ABCDEF",
        "FEDCBA98765432100123456789ABCDEF",
        "0323456789ABCDEFFEDCBA9876543210",
        "9E15204313F7318ACB79B90BD986AD2B",
        "0123456789ABCDEFFEDCBA98765432109E15204313F7318A",
    ],
)
def test_any_other_key_is_none(key: str) -> None:
    assert not is_demo_key(bytes.fromhex(key))
