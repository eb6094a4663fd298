"""Fields of each dialect become requests, and replies become the fields that its terminals expect."""

from __future__ import annotations

import dataclasses
from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest

from switch.errors import ConfigurationError
from switch.messages.actions import Action
from switch.messages.dates import HostCalendar
from switch.messages.kinds import Kind
from switch.messages.mapping import MessageMap, answer_mti, first_mti
from switch.messages.model import Balance, OriginalReference, Reject, Reply, Request
from switch.values import Pan
from switch.wire.codec import Fields
from switch.wire.dialect import HeaderWishes, dialect_names, load_dialect

ZONE = ZoneInfo("Asia/Shanghai")
NOW = int(datetime(2026, 11, 21, 10, 30, 5, tzinfo=ZONE).timestamp()) * 1_000_000

PURCHASE: Fields = {
    0: "0200", 2: "4111111111111111", 3: "000000", 4: "000000001000", 7: "1121023005", 11: "000042", 12: "103005",
    13: "1121", 14: "3012", 22: "021", 25: "00", 37: "123456789012", 41: "TERM0001", 42: "MERCHANT0000001", 49: "156",
}  # fmt: skip
SALE: Fields = {
    0: "0200", 3: "000000", 4: "000000001000", 11: "000042", 22: "021", 25: "00",
    35: "6200000000000047D30122010000012345", 41: "TERM0001", 42: "MERCHANT0000001", 49: "156", 60: "22000007",
}  # fmt: skip


def a_map(name: str) -> MessageMap:
    return MessageMap(load_dialect(name), HostCalendar(ZONE), "door")


def to_request(name: str, fields: Fields) -> Request | Reject:
    mapping = a_map(name)
    entry = mapping.find(fields)
    return entry if isinstance(entry, Reject) else mapping.request(fields, entry, NOW)


def a_good_request(name: str, fields: Fields) -> Request:
    request = to_request(name, fields)
    assert isinstance(request, Request), request
    return request


@pytest.mark.parametrize("name", dialect_names())
def test_every_dialect_maps_its_kinds_and_every_action(name: str) -> None:
    mapping = a_map(name)

    assert all(mapping.code_of(action) for action in Action)


# fmt: off
KINDS_1987 = [
    ({},                                    Kind.PURCHASE),
    ({0: "0201"},                           Kind.PURCHASE),
    ({0: "0100"},                           Kind.AUTHORISATION),
    ({0: "0100", 3: "311000"},              Kind.BALANCE),
    ({0: "0200", 3: "310000"},              Kind.BALANCE),
    ({0: "0200", 3: "200000"},              Kind.REFUND),
    ({0: "0400"},                           Kind.REVERSAL),
    ({0: "0421"},                           Kind.REVERSAL),
    ({0: "0800", 70: "301"},                Kind.ECHO),
    ({0: "0800", 70: "001"},                Kind.SIGN_ON),
    ({0: "0800", 70: "002"},                Kind.SIGN_OFF),
]
# fmt: on


@pytest.mark.parametrize(("changes", "kind"), KINDS_1987)
def test_1987_messages_have_their_kind(changes: Fields, kind: Kind) -> None:
    entry = a_map("iso8583-1987-ascii").find({**PURCHASE, **changes})

    assert not isinstance(entry, Reject)
    assert entry.kind is kind


# fmt: off
KINDS_UNIONPAY = [
    ({},                                                 Kind.PURCHASE),
    ({0: "0100", 3: "030000", 25: "06", 60: "10000007"}, Kind.AUTHORISATION),
    ({3: "310000", 60: "01000007"},                      Kind.BALANCE),
    ({0: "0220", 3: "200000", 60: "25000007"},           Kind.REFUND),
    ({0: "0400", 39: "98"},                              Kind.REVERSAL),
    ({0: "0800", 60: "00000000003"},                     Kind.SIGN_ON),
    ({0: "0820", 60: "00000007002"},                     Kind.SIGN_OFF),
    ({0: "0820", 60: "00000007301"},                     Kind.ECHO),
]
# fmt: on


@pytest.mark.parametrize(("changes", "kind"), KINDS_UNIONPAY)
def test_unionpay_messages_have_their_kind(changes: Fields, kind: Kind) -> None:
    entry = a_map("unionpay-pos").find({**SALE, **changes})

    assert not isinstance(entry, Reject), entry
    assert entry.kind is kind


def test_a_card_comes_with_what_it_is_looked_up_by() -> None:
    def key_of(pan: Pan) -> bytes:
        return f"key of {pan.reveal()}".encode()

    mapping = MessageMap(load_dialect("unionpay-pos"), HostCalendar(ZONE), "door", pan_key=key_of)
    asked = []
    for fields in (SALE, {0: "0820", 41: "TERM0001", 42: "MERCHANT0000001", 60: "00000001002"}):
        entry = mapping.find(fields)
        assert not isinstance(entry, Reject), entry
        asked.append(mapping.request(fields, entry, NOW))

    assert [request.pan_key for request in asked if isinstance(request, Request)] == [b"key of 6200000000000047", b""]
    assert a_good_request("unionpay-pos", SALE).pan_key == b""


@pytest.mark.parametrize("changes", [{0: "0600"}, {3: "990000"}, {0: "0800", 70: "555"}])
def test_what_has_no_kind_is_an_invalid_transaction(changes: Fields) -> None:
    reject = to_request("iso8583-1987-ascii", {**PURCHASE, **changes})

    assert isinstance(reject, Reject)
    assert reject.action is Action.INVALID_TRANSACTION


@pytest.mark.parametrize("missing", [4, 11, 41, 42])
def test_a_missing_field_is_named(missing: int) -> None:
    fields = {number: value for number, value in PURCHASE.items() if number != missing}

    reject = to_request("iso8583-1987-ascii", fields)

    assert isinstance(reject, Reject)
    assert reject.action is Action.FORMAT_ERROR
    assert reject.because == f"field {missing} is missing from a purchase"


def test_a_purchase_is_read_whole() -> None:
    request = a_good_request("iso8583-1987-ascii", PURCHASE)

    assert request.pan is not None
    assert request.pan.reveal() == "4111111111111111"
    assert (request.amount_minor, request.currency, request.expiry_yymm) == (1000, "156", "3012")
    assert (request.stan, request.rrn, request.listener) == ("000042", "123456789012", "door")
    assert (request.local_date, request.has_local_date) == (date(2026, 11, 21), True)


def test_the_card_may_come_from_the_track() -> None:
    request = a_good_request("unionpay-pos", SALE)

    assert request.pan is not None
    assert request.pan.reveal() == "6200000000000047"
    assert request.expiry_yymm == "3012"
    assert (request.batch, request.has_local_date) == ("000007", False)


def test_a_track_of_another_card_is_a_format_error() -> None:
    reject = to_request("unionpay-pos", {**SALE, 2: "4111111111111111"})

    assert isinstance(reject, Reject)
    assert reject.action is Action.FORMAT_ERROR
    assert "4111" not in reject.because


def test_a_track_without_a_number_is_a_format_error() -> None:
    reject = to_request("unionpay-pos", {**SALE, 35: "679A9A86108D14D221D00"})

    assert isinstance(reject, Reject)


def test_a_reversal_of_1987_names_its_original_in_field_90() -> None:
    original = "0100" + "000041" + "1121022900" + "0" * 22

    request = a_good_request("iso8583-1987-ascii", {**PURCHASE, 0: "0400", 90: original, 95: "000000000400" + "0" * 30})

    assert request.original == OriginalReference("1", "000041", date(2026, 11, 21), "", "")
    assert request.new_amount_minor == 400


def test_a_unionpay_reversal_carries_its_originals_own_number_and_batch() -> None:
    request = a_good_request("unionpay-pos", {**SALE, 0: "0400", 39: "98", 61: "000003000001"})

    assert request.original is not None
    assert (request.original.stan, request.original.batch) == ("000042", "000007")
    assert request.reason == "98"


def test_a_unionpay_refund_names_its_sale_in_fields_37_and_61() -> None:
    fields = {**SALE, 0: "0220", 3: "200000", 60: "25000007", 37: "ABC123456789", 61: "0000030000011101"}

    request = a_good_request("unionpay-pos", fields)

    assert request.original == OriginalReference("", "000001", date(2026, 11, 1), "000003", "ABC123456789")


def test_an_answer_mirrors_what_is_an_echo_and_adds_what_the_host_made() -> None:
    mapping = a_map("iso8583-1987-ascii")
    entry = mapping.find(PURCHASE)
    assert not isinstance(entry, Reject)

    answer = mapping.answer(PURCHASE, entry.echo, Reply(Action.APPROVED, NOW, "IGNORED00000", "654321"))

    assert answer[0] == "0210"
    assert (answer[37], answer[38], answer[39]) == ("123456789012", "654321", "00")
    assert all(answer[number] == PURCHASE[number] for number in (2, 3, 4, 7, 11, 12, 13, 41, 42, 49))
    assert 14 not in answer


def test_a_repeat_is_answered_with_the_mti_of_the_first() -> None:
    mapping = a_map("iso8583-1987-ascii")

    assert mapping.refusal({**PURCHASE, 0: "0201"}, Reply(Action.FORMAT_ERROR, NOW))[0] == "0210"


def test_unionpay_answers_get_the_hosts_time_and_the_batch_at_sign_on() -> None:
    mapping = a_map("unionpay-pos")
    sign_on: Fields = {0: "0800", 11: "000001", 41: "TERM0001", 42: "MERCHANT0000001", 60: "00000000003"}
    entry = mapping.find(sign_on)
    assert not isinstance(entry, Reject)

    answer = mapping.answer(sign_on, entry.echo, Reply(Action.APPROVED, NOW, "RRN000000001", batch="000519"))

    assert (answer[12], answer[13], answer[60]) == ("103005", "1121", "00000519003")
    assert 62 not in answer


def test_balances_are_entries_of_twenty_characters() -> None:
    balances = (Balance("00", "01", "156", -500), Balance("00", "02", "156", 12345))
    reply = Reply(Action.APPROVED, NOW, balances=balances)

    both = a_map("iso8583-1987-ascii").answer(PURCHASE, (), reply)[54]
    one = a_map("unionpay-pos").answer(SALE, (), reply)[54]

    assert both == "0001156D000000000500" + "0002156C000000012345"
    assert one == "0002156C000000012345"


# fmt: off
MESSAGE_TYPES = [
    ("0200", "0200", "0210"), ("0201", "0200", "0210"), ("0221", "0220", "0230"), ("0401", "0400", "0410"),
    ("0421", "0420", "0430"), ("0800", "0800", "0810"), ("1200", "1200", "1210"), ("0210", "0210", None), ("0430", "0430", None),
]
# fmt: on


@pytest.mark.parametrize(("mti", "first", "answer"), MESSAGE_TYPES)
def test_message_types(mti: str, first: str, answer: str | None) -> None:
    assert first_mti(mti) == first
    assert answer_mti(mti) == answer


@pytest.mark.parametrize("code", ["001", "002"])
def test_a_line_that_signs_on_or_off_names_no_terminal_and_is_answered_like_an_echo(code: str) -> None:
    entry = a_map("iso8583-1987-ascii").find({0: "0800", 7: "1121023005", 11: "000001", 70: code})

    assert not isinstance(entry, Reject)
    assert entry.kind is Kind.ECHO


def test_what_is_private_goes_out_in_the_private_field_and_a_sign_on_has_no_approval_code() -> None:
    sign_on: Fields = {0: "0800", 11: "000001", 41: "TERM0001", 42: "MERCHANT0000001", 60: "00000000003"}

    answer = a_map("unionpay-pos").answer(sign_on, (), Reply(Action.APPROVED, NOW, "R" * 12, private=b"\x00\xabkeys"))

    assert (answer[12], answer[13], answer[37], answer[62]) == ("103005", "1121", "R" * 12, "00AB6B657973")
    assert 38 not in answer


def test_a_dialect_without_a_private_field_says_nothing_there() -> None:
    answer = a_map("iso8583-1987-ascii").answer(PURCHASE, (), Reply(Action.APPROVED, NOW, private=b"keys"))

    assert set(answer) == {0, 39}


def test_the_answer_to_a_void_has_a_reference_of_its_own() -> None:
    mapping = a_map("unionpay-pos")
    void: Fields = {**SALE, 3: "200000", 37: "ABC123456789", 60: "23000007"}
    entry = mapping.find(void)
    assert not isinstance(entry, Reject)

    assert mapping.answer(void, entry.echo, Reply(Action.APPROVED, NOW, "OURS00000001"))[37] == "OURS00000001"


# fmt: off
WISHES = [
    ("parameters", "1"), ("status", "2"), ("sign_on", "3"), ("ca_keys", "4"), ("aids", "5"), ("software", "6"),
    ("", "0"), ("tea", "0"),
]
# fmt: on


@pytest.mark.parametrize(("wish", "digit"), WISHES)
def test_what_the_host_wants_next_stands_in_the_header(wish: str, digit: str) -> None:
    tpdu, header = "6000030000", "60310{}31110E"

    told = a_map("unionpay-pos").header(bytes.fromhex(tpdu + header.format("0")), wish)

    assert told.hex().upper() == tpdu + header.format(digit)


def test_a_header_without_room_for_it_is_left_as_it_is() -> None:
    assert a_map("unionpay-pos").header(b"\x60\0\0\0\0", "sign_on") == b"\x60\0\0\0\0"
    assert a_map("iso8583-1987-ascii").header(b"", "sign_on") == b""


def test_an_unknown_wish_in_a_dialect_is_named() -> None:
    dialect = load_dialect("unionpay-pos")
    wishing = dataclasses.replace(dialect, header=HeaderWishes(5, {"tea": "1"}))

    with pytest.raises(ConfigurationError, match=r"header\.wishes: no wish 'tea'"):
        MessageMap(wishing, HostCalendar(ZONE), "door")


@pytest.mark.parametrize("name", dialect_names())
@pytest.mark.parametrize(("configured", "brought", "answered"), [
    ("08000001", "", "08000001"),
    ("08000001", "95840", "95840"),
    ("", "", None),
    ("", "95840", "95840"),
])  # fmt: skip
def test_an_answer_names_the_acquirer_unless_its_request_did(
    name: str, configured: str, brought: str, answered: str | None
) -> None:
    mapping = MessageMap(load_dialect(name), HostCalendar(ZONE), "door", configured)
    asked = PURCHASE | ({32: brought} if brought else {})

    assert mapping.answer(asked, (11, 32), Reply(Action.APPROVED, NOW, "R" * 12)).get(32) == answered
