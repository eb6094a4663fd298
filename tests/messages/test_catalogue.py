"""Every message of a terminal's day is of one kind, by the dialect's own table."""

from __future__ import annotations

import pytest

from switch.messages.actions import Action
from switch.messages.kinds import Kind
from switch.messages.model import Reject
from tests.messages.fields import (
    DIALECTS,
    NETWORK,
    OTHER_CARD,
    PURCHASE_1987,
    SALE,
    a_map,
    changed,
    entry_of,
    hex_of,
    reject_of,
    sample,
)

PAY_CODE = {2: None, 35: None, 59: "A30186212345678901234AB"}
CHIP = "9F3602031E"
Changes = dict[int, str | None]

# fmt: off
CARD_MESSAGES: list[tuple[Changes, Kind]] = [
    ({},                                                                   Kind.PURCHASE),
    ({3: "200000", 60: "23000007", 37: "ABC123456789", 61: "000007000041"}, Kind.VOID),
    ({0: "0220", 3: "200000", 60: "25000007"},                             Kind.REFUND),
    ({3: "310000", 60: "01000007"},                                        Kind.BALANCE),
    ({0: "0100", 3: "030000", 25: "06", 60: "10000007"},                   Kind.AUTHORISATION),
    ({0: "0100", 3: "030000", 25: "60", 60: "10000007"},                   Kind.INCREMENT),
    ({0: "0100", 3: "200000", 25: "06", 60: "11000007", 38: "123456"},     Kind.AUTHORISATION_VOID),
    ({25: "06", 60: "20000007", 38: "123456"},                             Kind.COMPLETION),
    ({0: "0220", 25: "06", 60: "24000007", 38: "123456"},                  Kind.COMPLETION_ADVICE),
    ({3: "200000", 25: "06", 60: "21000007", 38: "123456"},                Kind.COMPLETION_VOID),
    ({0: "0400", 39: "98"},                                                Kind.REVERSAL),
    ({0: "0400", 39: "98", 4: None, 35: None},                             Kind.REVERSAL),
    ({60: "36000007"},                                                     Kind.OFFLINE_SALE),
    ({0: "0220", 60: "30000007", 38: "123456"},                            Kind.OFFLINE_SALE),
    ({0: "0220", 60: "32000007", 61: "000007000041"},                      Kind.ADJUSTMENT),
    ({0: "0220", 60: "34000007", 61: "000007000041"},                      Kind.TIP),
    ({3: "400000", 25: "66", 60: "49000007", 62: hex_of(OTHER_CARD)},      Kind.TRANSFER),
    ({0: "0100", 3: "330000", 60: "48000007"},                             Kind.ACTIVATION),
    ({3: "630000", 60: "48000007"},                                        Kind.LOAD),
    ({3: "170000", 60: "48000007"},                                        Kind.LOAD_VOID),
    ({3: "170000", 25: "91", 60: "51000007"},                              Kind.LOAD_VOID),
    ({22: "032", **PAY_CODE},                                              Kind.CODE_PURCHASE),
    ({3: "450000", 25: "01", **PAY_CODE},                                  Kind.CODE_PURCHASE),
    ({3: "680000", 25: "01", **PAY_CODE},                                  Kind.CODE_CANCEL),
    ({3: "200000", 22: "032", 60: "23000007", **PAY_CODE},                 Kind.CODE_CANCEL),
    ({3: "670000", 25: "01", **PAY_CODE},                                  Kind.CODE_QUERY),
    ({3: "690000", 25: "01", **PAY_CODE},                                  Kind.CODE_QUERY),
    ({0: "0220", 3: "200000", 22: "032", 60: "25000007", **PAY_CODE},      Kind.REFUND),
    ({0: "0620", 60: "00000007951", 55: CHIP},                             Kind.SCRIPT_RESULT),
]
TERMINAL_MESSAGES: list[tuple[Changes, Kind, str]] = [
    ({60: "00000000001"},                                        Kind.SIGN_ON,          ""),
    ({60: "00000000003"},                                        Kind.SIGN_ON,          ""),
    ({60: "00000000004"},                                        Kind.SIGN_ON,          ""),
    ({0: "0820", 60: "00000007002", 11: None},                   Kind.SIGN_OFF,         ""),
    ({0: "0820", 60: "00000007301", 11: None},                   Kind.ECHO,             ""),
    ({0: "0820", 60: "07000007301", 62: "00"},                   Kind.SIGNATURE_UPLOAD, ""),
    ({0: "0820", 60: "07000007800", 62: "00"},                   Kind.SIGNATURE_UPLOAD, ""),
    ({0: "0820", 60: "00000007362", 11: None},                   Kind.STATUS_UPLOAD,    ""),
    ({0: "0820", 60: "00000007372", 11: None},                   Kind.DOWNLOAD_QUERY,   "ca_keys"),
    ({60: "00000007370", 11: None, 62: "9F0605A0000003339F220108"}, Kind.DOWNLOAD,      "ca_keys"),
    ({60: "00000007371", 11: None},                              Kind.DOWNLOAD_END,     "ca_keys"),
    ({0: "0820", 60: "00000007382", 11: None},                   Kind.DOWNLOAD_QUERY,   "aids"),
    ({60: "00000007380", 11: None, 62: "9F0608A000000333010101"}, Kind.DOWNLOAD,        "aids"),
    ({60: "00000007381", 11: None},                              Kind.DOWNLOAD_END,     "aids"),
    ({60: "00000007360", 11: None},                              Kind.DOWNLOAD,         "parameters"),
    ({60: "00000007361", 11: None},                              Kind.DOWNLOAD_END,     "parameters"),
    ({0: "0500", 60: "00000007201", 48: "0" * 62},               Kind.SETTLEMENT,       ""),
    ({0: "0320", 60: "00000007201", 48: "01" + "0" * 40},        Kind.BATCH_UPLOAD,     "records"),
    ({0: "0320", 60: "22000007203", 4: "000000000100"},          Kind.BATCH_UPLOAD,     "detail"),
    ({0: "0320", 60: "22000007206", 4: "000000000100"},          Kind.BATCH_UPLOAD,     "detail"),
    ({0: "0320", 60: "00000007202", 48: "0008"},                 Kind.BATCH_END,        ""),
    ({0: "0320", 60: "00000007207"},                             Kind.BATCH_END,        ""),
]
KINDS_1987: list[tuple[Changes, Kind]] = [
    ({3: "020000", 90: "0200" + "000041" + "1121022900" + "0" * 22}, Kind.VOID),
    ({0: "0100", 3: "020000"},                                   Kind.AUTHORISATION_VOID),
    ({0: "0220", 38: "123456"},                                  Kind.COMPLETION_ADVICE),
    ({3: "400000", 103: OTHER_CARD},                             Kind.TRANSFER),
]
# fmt: on


@pytest.mark.parametrize(("changes", "kind"), CARD_MESSAGES)
def test_what_moves_money_has_its_kind_and_carries_a_mac(changes: Changes, kind: Kind) -> None:
    entry = entry_of(changed(SALE, changes))

    assert (entry.kind, entry.mac) == (kind, True)


@pytest.mark.parametrize(("changes", "kind", "topic"), TERMINAL_MESSAGES)
def test_the_terminals_own_messages_have_their_kind_and_topic_and_no_mac(
    changes: Changes, kind: Kind, topic: str
) -> None:
    entry = entry_of(changed(NETWORK, changes))

    assert (entry.kind, entry.topic, entry.mac) == (kind, topic, False)


def test_a_terminal_can_ask_for_every_kind_there_is() -> None:
    asked = {kind for _, kind in CARD_MESSAGES} | {kind for _, kind, _ in TERMINAL_MESSAGES}

    assert asked == set(Kind) - {Kind.EXPIRY, Kind.CORRECTION, Kind.STATEMENT}  # which are the host's own


@pytest.mark.parametrize("dialect", ["iso8583-1987-ascii", "iso8583-1987-binary"])
@pytest.mark.parametrize(("changes", "kind"), KINDS_1987)
def test_1987_has_parts_of_it(dialect: str, changes: Changes, kind: Kind) -> None:
    entry = entry_of(changed(PURCHASE_1987, changes), dialect)

    assert (entry.kind, entry.mac) == (kind, True)


def test_a_completion_of_1987_must_name_its_authorisation() -> None:
    reject = reject_of(changed(PURCHASE_1987, {0: "0220"}), "iso8583-1987-ascii")

    assert reject.because == "a completion_advice needs field 37 or 38 or 90"


@pytest.mark.parametrize(("changes", "kind", "topic"), TERMINAL_MESSAGES)
def test_a_mac_where_there_should_be_none_is_let_pass(changes: Changes, kind: Kind, topic: str) -> None:
    entry = entry_of(changed(NETWORK, {**changes, 64: "0" * 8}))

    assert (entry.kind, entry.topic) == (kind, topic)


@pytest.mark.parametrize("missing", [4, 11, 22, 41, 42])
def test_a_void_of_a_card_needs_what_decides_it(missing: int) -> None:
    fields = changed(SALE, {3: "200000", 60: "23000007", missing: None})

    entry = a_map().find(fields)

    assert isinstance(entry, Reject) is (missing != 22)


def test_what_no_row_fits_is_an_invalid_transaction() -> None:
    assert reject_of(changed(SALE, {60: "45000007"})).action is Action.INVALID_TRANSACTION
    assert reject_of(changed(SALE, {0: "0320"})).action is Action.INVALID_TRANSACTION


# fmt: off
SAMPLES = {
    "S3": Kind.SIGN_ON, "S6": Kind.SIGN_ON, "S7a": Kind.SIGN_ON, "S11b": Kind.SIGN_ON, "S21a": Kind.SIGN_ON,
    "S17a": Kind.REVERSAL, "S33": Kind.CODE_PURCHASE,
}
# fmt: on


@pytest.mark.parametrize("name", SAMPLES)
def test_captured_messages_have_their_kind(name: str) -> None:
    assert entry_of(sample(name)).kind is SAMPLES[name]


def test_the_dialects_agree_on_which_kinds_carry_a_mac() -> None:
    macs: dict[str, set[bool]] = {}
    for dialect in DIALECTS.values():
        for row in dialect.transactions:
            macs.setdefault(row.kind, set()).add(row.mac)

    assert all(len(answers) == 1 for answers in macs.values())
