"""Which keys a terminal's message may have been made with, and for how long."""

from __future__ import annotations

from switch.security.keyring import Keyring

GRACE = 60


def held(keyring: Keyring, usage: str = "mac", now: int = 0) -> tuple[str, ...]:
    keys = keyring.get("T1")
    assert keys is not None
    return keys.candidates(usage, now)


def test_a_terminal_that_was_never_read_is_not_there() -> None:
    assert Keyring(GRACE).get("T1") is None


def test_a_terminal_without_keys_takes_no_room() -> None:
    keyring = Keyring(GRACE)

    keys = keyring.put("T1", {})

    assert keys.candidates("mac", 0) == ()
    assert keyring.get("T1") is None


def test_the_key_before_is_good_beside_the_new_one_for_a_while() -> None:
    keyring = Keyring(GRACE)
    keyring.put("T1", {"mac": ("new", "old", 1000)})

    assert held(keyring, now=1000 + GRACE - 1) == ("new", "old")
    assert held(keyring, now=1000 + GRACE) == ("new",)


def test_the_key_before_is_good_no_more_once_the_new_one_was_used() -> None:
    keyring = Keyring(GRACE)
    keyring.put("T1", {"mac": ("new", "old", 1000)})

    keyring.settle("T1")

    assert held(keyring, now=1000) == ("new",)


def test_a_sign_on_makes_the_current_keys_the_previous_ones() -> None:
    keyring = Keyring(GRACE)
    keyring.put("T1", {"mac": ("first", "", 0), "terminal_master": ("master", "", 0)})

    keyring.renew("T1", [("mac", "second"), ("pin", "pins")], now=500)

    assert held(keyring, now=501) == ("second", "first")
    assert held(keyring, "pin", now=501) == ("pins",)
    assert held(keyring, "terminal_master", now=501) == ("master",)


def test_those_not_heard_of_for_longest_make_room() -> None:
    keyring = Keyring(GRACE, terminals_max=2)
    for terminal in ("T1", "T2"):
        keyring.put(terminal, {"mac": ("key", "", 0)})
    keyring.get("T1")

    keyring.put("T3", {"mac": ("key", "", 0)})

    assert [name for name in ("T1", "T2", "T3") if keyring.get(name)] == ["T1", "T3"]


def test_no_key_block_shows() -> None:
    keyring = Keyring(GRACE)
    keyring.put("T1", {"mac": ("block", "", 0)})

    assert repr(keyring) == "Keyring(1 terminals)"
