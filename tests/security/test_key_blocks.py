"""Key blocks: what was wrapped opens for its usage, under its master key, unaltered; and nothing shows."""

from __future__ import annotations

import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switch.errors import ConfigurationError
from switch.security.key_blocks import (
    OWNER_MAX,
    KeyAlgorithm,
    KeyBlocks,
    KeyUsage,
    algorithm_of,
    check_owner,
    range_owner,
    terminal_owner,
)
from switch.security.keys import MasterKeys

TDES, AES, SM4 = KeyAlgorithm.TDES, KeyAlgorithm.AES, KeyAlgorithm.SM4
MASTER = bytes(range(32))
KEY = bytes.fromhex("5DB50B454F8389ADCE573BE50861F2BF")
BLOCKS = KeyBlocks(MASTER)

# fmt: off
#                                       header     TDES         AES           SM4
TABLE = {
    KeyUsage.TERMINAL_MASTER:   ("K0%sB", (16, 24),    (16, 24, 32), (16,)),
    KeyUsage.PIN:               ("P0%sB", (8, 16, 24), (16, 24, 32), (16,)),
    KeyUsage.MAC:               ("M3%sC", (8, 16, 24), (16, 24, 32), (16,)),
    KeyUsage.TRACK:             ("D0%sB", (8, 16, 24), (16, 24, 32), (16,)),
    KeyUsage.ISSUER_CRYPTOGRAM: ("E0%sX", (16,),       (16, 24, 32), (16,)),
    KeyUsage.CVK:               ("C0%sC", (16,),       (),           ()),
    KeyUsage.PVK:               ("V2%sC", (16,),       (),           ()),
    KeyUsage.PIN_NATURAL:       ("V1%sC", (8, 16, 24), (),           ()),
    KeyUsage.BDK:               ("B0%sX", (16,),       (16, 24, 32), ()),
}
# fmt: on
CASES = [
    (usage, algorithm, header % letter, size)
    for usage, (header, *columns) in TABLE.items()
    for algorithm, letter, sizes in zip((TDES, AES, SM4), "TA4", columns, strict=True)
    for size in sizes
]

cases = st.sampled_from(CASES).flatmap(
    lambda case: st.tuples(st.just(case[0]), st.just(case[1]), st.binary(min_size=case[3], max_size=case[3]))
)


@given(cases, st.binary(min_size=32, max_size=32))
def test_what_is_wrapped_opens_again(case: tuple[KeyUsage, KeyAlgorithm, bytes], master: bytes) -> None:
    usage, algorithm, key = case

    block = KeyBlocks(master).wrap(usage, key, algorithm)

    assert KeyBlocks(master).unwrap(block, usage, algorithm) == key
    assert algorithm_of(block) is algorithm
    assert key.hex().upper() not in block


@pytest.mark.parametrize(("usage", "algorithm", "header", "size"), CASES)
def test_a_block_says_what_its_key_is_for_and_not_how_long_it_is(
    usage: KeyUsage, algorithm: KeyAlgorithm, header: str, size: int
) -> None:
    block = BLOCKS.wrap(usage, bytes(size), algorithm)

    assert block.startswith(f"D0192{header}00N0100LB30001 ")
    assert len(block) == 192


def test_wrapping_twice_gives_another_block() -> None:
    assert BLOCKS.wrap(KeyUsage.PIN, KEY) != BLOCKS.wrap(KeyUsage.PIN, KEY)


@pytest.mark.parametrize(
    ("master", "block", "usage", "algorithm", "key"),
    [
        pytest.param(
            "88E1AB2A2E3DD38C1FA039A536500CC8A87AB9D62DC92C01058FA79F44657DE6",
            "D0112P0AE00E0000B82679114F470F540165EDFBF7E250FCEA43F810D215F8D207E2E417C07156A27E8E31DA05F7425509593D03A457DC34",
            KeyUsage.PIN,
            AES,
            "3F419E1CB7079442AA37474C2EFBF8B8",
            id="TR-31:2018 A.7.4",
        ),
        pytest.param(
            "41" * 32,
            "D0112B0TN00N000037DB9B046B7B0048785690759580ABC3B9842AB4BB7717B49E92528E575785D8123559376A2553B27BE94F054F4E971C",
            KeyUsage.BDK,
            TDES,
            "1FA1F7CEC798D91545DA8AE0C7796BD9",
            id="made by a payShield 10k",
        ),
        pytest.param(
            "41" * 32,
            "D0144D0AN00N0000127862F945C2DED04530FAF7CDBC8B0BA10C7AA79BD5E0C2C5D6AC173BF588E4B19ACF1357178D50EA0AB193228E13958304FC6149632DFDCADF3A5B3D57E814",
            KeyUsage.TRACK,
            AES,
            "BE19E6A07A760F10EF8E83A226B63AAD141F463FDDD4F47DB244B4023EC3CACC",
            id="made by a payShield 10k, masked length",
        ),
    ],
)
def test_blocks_made_elsewhere_under_the_same_master_key_open(
    master: str, block: str, usage: KeyUsage, algorithm: KeyAlgorithm, key: str
) -> None:
    assert KeyBlocks(bytes.fromhex(master)).unwrap(block, usage, algorithm) == bytes.fromhex(key)


def test_a_bit_flipped_anywhere_keeps_a_block_shut() -> None:
    block = BLOCKS.wrap(KeyUsage.MAC, KEY)
    altered = [
        block[:position] + chr(ord(block[position]) ^ 1 << bit) + block[position + 1 :]
        for position in range(len(block))
        for bit in range(8)
    ]

    opened = []
    for candidate in altered:
        try:
            BLOCKS.unwrap(candidate, KeyUsage.MAC)
        except ConfigurationError as error:
            assert "does not open" in str(error)  # noqa: PT017 - over a thousand of them
        else:
            opened.append(candidate)

    assert BLOCKS.unwrap(block, KeyUsage.MAC) == KEY
    assert opened == []


@pytest.mark.parametrize("cut", [0, 5, 15, 16, 48, 80, 112, 128, 142, 143])
def test_a_block_cut_short_does_not_open(cut: int) -> None:
    block = BLOCKS.wrap(KeyUsage.MAC, KEY)

    with pytest.raises(ConfigurationError, match="does not open"):
        BLOCKS.unwrap(block[:cut], KeyUsage.MAC)
    with pytest.raises(ConfigurationError, match="does not open"):
        BLOCKS.unwrap(f"D{cut:04}{block[5:cut]}", KeyUsage.MAC)


@given(st.text())
def test_text_that_is_no_block_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError):
        BLOCKS.unwrap(text, KeyUsage.MAC)
    with pytest.raises(ConfigurationError):
        algorithm_of(text)


def test_a_block_does_not_open_under_another_master_key() -> None:
    other = KeyBlocks(bytes(32))

    with pytest.raises(
        ConfigurationError, match="the key block of pin does not open: altered, or of another master key"
    ):
        other.unwrap(BLOCKS.wrap(KeyUsage.PIN, KEY), KeyUsage.PIN)


@pytest.mark.parametrize("asked", list(KeyUsage))
@pytest.mark.parametrize("wrapped", list(KeyUsage))
def test_a_key_opens_for_its_own_usage_only(wrapped: KeyUsage, asked: KeyUsage) -> None:
    block = BLOCKS.wrap(wrapped, KEY)

    if asked is wrapped:
        assert BLOCKS.unwrap(block, asked) == KEY
    else:
        with pytest.raises(ConfigurationError, match=f"^the key block of {asked} holds a key of {wrapped}$"):
            BLOCKS.unwrap(block, asked)


def test_a_block_of_a_usage_that_only_others_have_is_refused() -> None:
    # an initial DUKPT key (B1), made with psec.tr31 under MASTER
    block = "D0144B1TX00N000085B4A0AF61341B5717A7607545837036F6D0ABA7E6EB6296B9241D0FE92A39ECAE184993A1C286868BDA0DE1AACC1F47D8614630BFB4D96CC3B9CEF79565D6E9"

    with pytest.raises(ConfigurationError, match="holds a key of no usage known here"):
        BLOCKS.unwrap(block, KeyUsage.BDK)


@pytest.mark.parametrize(("wrapped", "asked"), [(TDES, AES), (AES, TDES), (SM4, TDES), (TDES, SM4)])
def test_a_key_opens_for_its_own_algorithm_only(wrapped: KeyAlgorithm, asked: KeyAlgorithm) -> None:
    block = BLOCKS.wrap(KeyUsage.MAC, KEY, wrapped)

    with pytest.raises(ConfigurationError, match=f"holds a key for {wrapped.upper()}, not {asked.upper()}"):
        BLOCKS.unwrap(block, KeyUsage.MAC, asked)


@pytest.mark.parametrize(
    ("usage", "algorithm", "size", "reason"),
    [
        (KeyUsage.TERMINAL_MASTER, TDES, 8, "a key of terminal_master for TDES has 16 or 24 bytes, not 8"),
        (KeyUsage.PIN, TDES, 0, "has 8 or 16 or 24 bytes, not 0"),
        (KeyUsage.PIN, AES, 8, "has 16 or 24 or 32 bytes, not 8"),
        (KeyUsage.MAC, SM4, 24, "has 16 bytes, not 24"),
        (KeyUsage.CVK, TDES, 24, "has 16 bytes, not 24"),
        (KeyUsage.CVK, AES, 16, "a key of cvk for AES is not supported"),
    ],
)
def test_a_key_of_another_size_is_not_wrapped(usage: KeyUsage, algorithm: KeyAlgorithm, size: int, reason: str) -> None:
    with pytest.raises(ConfigurationError, match=reason):
        BLOCKS.wrap(usage, bytes(size), algorithm)


@pytest.mark.parametrize("size", [0, 16, 24, 31, 33])
def test_a_master_key_of_another_size_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match=f"32 bytes, not {size}"):
        KeyBlocks(bytes(size))


@pytest.mark.parametrize(
    ("key", "algorithm", "shown"),
    [
        ("5DB50B454F8389ADCE573BE50861F2BF", TDES, "5C9405"),  # payShield 10k
        ("F039121BEC83D26B169BDCD5B22AAF8F", TDES, "CB9DEA"),  # TR-31:2018 A.7.2.1
        ("F138131AEC83D26B169BDCD5B22AAF8F", TDES, "CB9DEA"),  # its parity does not matter
        ("0123456789ABCDEFFEDCBA9876543210", TDES, "08D7B4"),
        ("0123456789ABCDEF", TDES, "D5D44F"),
        ("3F419E1CB7079442AA37474C2EFBF8B8", AES, "08793E"),  # TR-31:2018 A.7.4
        ("BE19E6A07A760F10EF8E83A226B63AAD141F463FDDD4F47DB244B4023EC3CACC", AES, "0A00E3"),  # payShield 10k
        ("0123456789ABCDEFFEDCBA9876543210", SM4, "2677F4"),
    ],
)
def test_a_check_value_is_three_bytes_in_hex(key: str, algorithm: KeyAlgorithm, shown: str) -> None:
    assert KeyBlocks.check_value(bytes.fromhex(key), algorithm) == shown


def test_a_check_value_of_half_a_key_is_refused() -> None:
    with pytest.raises(ValueError, match="8, 16 or 24 bytes"):
        KeyBlocks.check_value(bytes(4))


def test_nothing_shows_a_key_or_a_block() -> None:
    block = BLOCKS.wrap(KeyUsage.PIN, KEY)
    told = [repr(BLOCKS), str(BLOCKS)]
    for attempt in (
        lambda: BLOCKS.unwrap(block, KeyUsage.MAC),
        lambda: BLOCKS.unwrap(block[:-1] + "g", KeyUsage.PIN),
        lambda: KeyBlocks(bytes(32)).unwrap(block, KeyUsage.PIN),
        lambda: BLOCKS.wrap(KeyUsage.CVK, KEY + KEY),
    ):
        with pytest.raises(ConfigurationError) as refused:
            attempt()
        told += ["".join(traceback.format_exception_only(refused.value)), repr(refused.value)]
        assert refused.value.__suppress_context__ or refused.value.__context__ is None

    assert told[:2] == ["KeyBlocks()", "KeyBlocks()"]
    for secret in (MASTER, KEY):
        assert not any(secret.hex() in line.lower() or repr(secret) in line for line in told)
    assert not any(block[16:32] in line for line in told)


# --- owners and versions -----------------------------------------------------------------------------------

OTHER = bytes(range(32, 64))
BOTH = KeyBlocks(MasterKeys(2, {1: MASTER, 2: OTHER}))
ONE, TWO = terminal_owner("TERM0001"), terminal_owner("TERM0002")


def test_a_key_moved_to_another_owner_is_seen_and_its_label_cannot_be_changed() -> None:
    block = BLOCKS.wrap(KeyUsage.PIN, KEY, owner=ONE)
    relabelled = block.replace("TERM0001", "TERM0002")

    check_owner(block, ONE)
    for foreign in (TWO, terminal_owner("TERM000"), terminal_owner("term0001"), range_owner("TERM0001", "")):
        with pytest.raises(ConfigurationError, match="is another's"):
            check_owner(block, foreign)
    check_owner(relabelled, TWO)
    with pytest.raises(ConfigurationError, match="does not open"):
        BLOCKS.unwrap(relabelled, KeyUsage.PIN)
    with pytest.raises(ConfigurationError, match="is another's"):
        BLOCKS.again(block, KeyUsage.PIN, TWO)


def test_a_label_cannot_be_taken_off() -> None:
    block = BLOCKS.wrap(KeyUsage.PIN, KEY, owner=ONE)

    with pytest.raises(ConfigurationError, match="does not open"):
        BLOCKS.unwrap(f"D0144{block[5:12]}0000{block[64:]}", KeyUsage.PIN)


def test_keys_of_one_range_are_told_apart_by_their_index() -> None:
    block = BLOCKS.wrap(KeyUsage.PVK, KEY, owner=range_owner("62", "1"))

    with pytest.raises(ConfigurationError, match="is another's"):
        check_owner(block, range_owner("62", "2"))
    with pytest.raises(ConfigurationError, match="is another's"):
        check_owner(block, range_owner("621", ""))


@pytest.mark.parametrize("owner", ["x" * (OWNER_MAX + 1), "terminal \u4e00", "terminal \n"])
def test_an_owner_that_no_label_holds_is_refused(owner: str) -> None:
    with pytest.raises(ConfigurationError, match="printable ASCII"):
        BLOCKS.wrap(KeyUsage.PIN, KEY, owner=owner)


def test_a_block_from_before_there_were_labels_opens_for_whom_it_is_kept_and_gets_a_label(unlabelled: str) -> None:
    check_owner(unlabelled, ONE)
    again = BLOCKS.again(unlabelled, KeyUsage.MAC, ONE)

    assert BLOCKS.unwrap(unlabelled, KeyUsage.MAC) == KEY
    assert again is not None
    assert BLOCKS.unwrap(again, KeyUsage.MAC) == KEY
    with pytest.raises(ConfigurationError, match="is another's"):
        check_owner(again, TWO)


def test_a_block_is_wrapped_anew_once(unlabelled: str) -> None:
    old = BLOCKS.wrap(KeyUsage.MAC, KEY, owner=ONE)

    for block in (old, unlabelled):
        new = BOTH.again(block, KeyUsage.MAC, ONE)
        assert new is not None
        assert BOTH.again(new, KeyUsage.MAC, ONE) is None
        assert KeyBlocks(MasterKeys(2, {2: OTHER})).unwrap(new, KeyUsage.MAC) == KEY


def test_both_versions_open_until_the_old_one_is_taken_out() -> None:
    old, new = BLOCKS.wrap(KeyUsage.MAC, KEY, owner=ONE), BOTH.wrap(KeyUsage.MAC, KEY, owner=ONE)
    without = KeyBlocks(MasterKeys(2, {2: OTHER}))

    assert BOTH.unwrap(old, KeyUsage.MAC) == BOTH.unwrap(new, KeyUsage.MAC) == KEY
    assert without.unwrap(new, KeyUsage.MAC) == KEY
    with pytest.raises(ConfigurationError, match="does not open: it is under master key 1, add that"):
        without.unwrap(old, KeyUsage.MAC)
    with pytest.raises(ConfigurationError, match="does not open"):
        without.unwrap(old.replace("LB30001", "LB30002"), KeyUsage.MAC)
    assert KEY.hex().upper() not in old + new


@pytest.fixture(scope="module")
def unlabelled() -> str:
    """KEY as a MAC key under MASTER, wrapped before there were labels."""
    return "D0144M3TC00N000098E9C6CFA54046E50C3F3101EF41EE3617D0B816B7ED8FFEDDE99D5E749F5FD8F31F8EA8FB340EE63203F3F33550D5E235B595ED73A3CE18CC4FC4689C873426"


def test_a_block_that_cannot_be_wrapped_anew_is_told_by_its_owner() -> None:
    block = KeyBlocks(OTHER).wrap(KeyUsage.PIN, KEY, owner=ONE)

    with pytest.raises(ConfigurationError, match=r"^terminal TERM0001: the key block of pin does not open"):
        BOTH.again(block, KeyUsage.PIN, ONE)
