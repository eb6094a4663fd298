"""Keys in the books: wrapped and sealed anew page by page, beside those who read and change them."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from switch.errors import ConfigurationError
from switch.ledger.database import Database
from switch.ledger.key_store import (
    keep_base_key,
    keep_issuer_key,
    keep_terminal_key,
    reseal_cards,
    rewrap_base_keys,
    rewrap_issuer_keys,
    rewrap_terminal_keys,
)
from switch.ledger.lookups import Question, read_answers, read_any_key, read_base_keys, read_issuer_keys
from switch.ledger.schema import card, terminal_key
from switch.security.key_blocks import (
    KeyAlgorithm,
    KeyBlocks,
    KeyUsage,
    algorithm_of,
    base_owner,
    range_owner,
    terminal_owner,
)
from switch.security.keys import Keys, MasterKeys
from switch.security.vault import Vault
from switch.values import Pan
from tests.ledger.shop import Shop

ONE, TWO = bytes(range(32)), bytes(range(1, 33))
KEY = bytes.fromhex("5DB50B454F8389ADCE573BE50861F2BF")
OLD, BOTH = KeyBlocks(ONE), KeyBlocks(MasterKeys(2, {1: ONE, 2: TWO}))
NEW = KeyBlocks(MasterKeys(2, {2: TWO}))
USAGES = (KeyUsage.TERMINAL_MASTER, KeyUsage.PIN, KeyUsage.MAC, KeyUsage.TRACK)


def of_terminal(terminal_id: str, usage: str, block: str) -> str | None:
    return BOTH.again(block, KeyUsage(usage), terminal_owner(terminal_id))


@pytest.fixture
def books(shop: Shop) -> Database:
    return shop.database


@pytest.fixture
def terminal_id(books: Database) -> str:
    """A terminal with four keys, one of which has one before it."""
    with books.writing() as connection:
        found = str(connection.execute(sa.text("SELECT min(terminal_id) FROM terminal")).scalar_one())
        for usage in USAGES:
            block = OLD.wrap(usage, KEY, owner=terminal_owner(found))
            keep_terminal_key(connection, found, usage, "000000", block, 1)
        previous = OLD.wrap(KeyUsage.MAC, KEY, owner=terminal_owner(found))
        its = terminal_key.c
        change = sa.update(terminal_key).where(its.terminal_id == found, its.usage == KeyUsage.MAC)
        connection.execute(change.values(previous_block=previous))
    return found


@pytest.mark.parametrize("page_max", [1, 2, 3, 4, 5])
def test_every_key_of_a_terminal_is_wrapped_anew_once_whatever_the_size_of_a_page(
    page_max: int, books: Database, terminal_id: str
) -> None:
    changed = [rewrap_terminal_keys(books, of_terminal, page_max) for _ in range(2)]

    [answer] = read_answers(books, [Question(terminal_id=terminal_id)])
    assert changed == [len(USAGES) + 1, 0]
    assert {usage: NEW.unwrap(key.block, KeyUsage(usage)) for usage, key in answer.keys.items()} == dict.fromkeys(
        USAGES, KEY
    )
    assert NEW.unwrap(answer.keys[KeyUsage.MAC].previous, KeyUsage.MAC) == KEY
    assert answer.keys[KeyUsage.PIN].previous == ""
    assert {key.changed_at for key in answer.keys.values()} == {1}


def test_what_is_interrupted_leaves_keys_that_open_and_goes_on_where_it_was(books: Database, terminal_id: str) -> None:
    wrapped: list[str] = []

    def until_it_fails(terminal_id: str, usage: str, block: str) -> str | None:
        if len(wrapped) == 3:
            raise OSError("killed")
        wrapped.append(usage)
        return of_terminal(terminal_id, usage, block)

    with pytest.raises(OSError, match="killed"):
        rewrap_terminal_keys(books, until_it_fails, page_max=1)
    [between] = read_answers(books, [Question(terminal_id=terminal_id)])
    opened = [BOTH.unwrap(key.block, KeyUsage(usage)) for usage, key in between.keys.items()]
    rest = rewrap_terminal_keys(books, of_terminal, page_max=1)

    assert opened == [KEY] * len(USAGES)
    assert 0 < rest < len(USAGES) + 1


def test_a_key_copied_to_another_terminal_stops_the_rewrapping_by_name(books: Database, terminal_id: str) -> None:
    with books.writing() as connection:
        other = str(connection.execute(sa.text("SELECT max(terminal_id) FROM terminal")).scalar_one())
        assert other != terminal_id
        block = OLD.wrap(KeyUsage.MAC, KEY, owner=terminal_owner(terminal_id))
        keep_terminal_key(connection, other, KeyUsage.MAC, "000000", block, 1)

    with pytest.raises(ConfigurationError, match=f"kept for terminal {other} is another's"):
        rewrap_terminal_keys(books, of_terminal)


def test_the_keys_of_ranges_are_wrapped_anew(books: Database) -> None:
    with books.writing() as connection:
        for index in ("1", "2"):
            block = OLD.wrap(KeyUsage.PVK, KEY, owner=range_owner("62", index))
            keep_issuer_key(connection, "62", KeyUsage.PVK, index, "", "000000", block, 1)

    def again(prefix: str, usage: str, index: str, block: str) -> str | None:
        return BOTH.again(block, KeyUsage(usage), range_owner(prefix, index))

    changed = [rewrap_issuer_keys(books, again) for _ in range(2)]

    assert changed == [2, 0]
    assert [NEW.unwrap(row[3], KeyUsage.PVK) for row in read_issuer_keys(books)] == [KEY, KEY]


def test_the_base_derivation_keys_are_wrapped_anew_and_replaced_by_key_set(books: Database) -> None:
    with books.writing() as connection:
        for key_set, algorithm in (("12345678", KeyAlgorithm.AES), ("FFFF987654", KeyAlgorithm.TDES)):
            for check_value in ("000000", "A1B2C3"):
                block = OLD.wrap(KeyUsage.BDK, KEY, algorithm, base_owner(key_set))
                keep_base_key(connection, key_set, check_value, block, 1)

    changed = [
        rewrap_base_keys(books, lambda key_set, block: BOTH.again(block, KeyUsage.BDK, base_owner(key_set)))
        for _ in range(2)
    ]

    assert changed == [2, 0]
    assert [row[:2] for row in sorted(read_base_keys(books))] == [("12345678", "A1B2C3"), ("FFFF987654", "A1B2C3")]
    assert [NEW.unwrap(row[2], KeyUsage.BDK, algorithm_of(row[2])) for row in read_base_keys(books)] == [KEY, KEY]
    assert read_any_key(books) in [("bdk", row[2]) for row in read_base_keys(books)]


@pytest.mark.parametrize("page_max", [1, 2, 1000])
def test_card_numbers_are_sealed_anew_and_stay_the_same(page_max: int, books: Database) -> None:
    lookup = bytes(range(2, 34))
    old, both = Vault(Keys(1, {1: ONE}, lookup)), Vault(Keys(2, {1: ONE, 2: TWO}, lookup))
    new = Vault(Keys(2, {2: TWO}, lookup))
    with books.writing() as connection:
        for number, (card_id,) in enumerate(connection.execute(sa.select(card.c.card_id)).all()):
            sealed = old.seal(_pan(number))
            change = sa.update(card).where(card.c.card_id == card_id)
            connection.execute(change.values(pan_sealed=sealed, key_version=1))
    cards = number + 1

    changed = [reseal_cards(books, both, page_max) for _ in range(2)]

    with books.reading() as connection:
        rows = connection.execute(sa.select(card.c.pan_sealed, card.c.key_version).order_by(card.c.card_id)).all()
    assert changed == [cards, 0]
    assert sorted(new.open(bytes(sealed), version).reveal() for sealed, version in rows) == sorted(
        _pan(number).reveal() for number in range(cards)
    )


def _pan(number: int) -> Pan:
    return Pan(f"62000000{number:08d}")
