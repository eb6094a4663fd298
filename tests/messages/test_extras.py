"""What only some kinds carry is read for them, and missed by those that cannot do without."""

from __future__ import annotations

import pytest

from switch.messages.actions import Action
from switch.messages.model import NO_EXTRAS
from switch.values import Pan, Secret
from tests.messages.fields import (
    CARD,
    NETWORK,
    OTHER_CARD,
    PURCHASE_1987,
    SALE,
    TRACK,
    changed,
    hex_of,
    reject_of,
    request_of,
)

SIGN_ON = changed(NETWORK, {60: "00000000003", 62: hex_of("Sequence No12306061000001"), 63: "01 s3cret"})
TRANSFER = changed(SALE, {3: "400000", 25: "66", 60: "49000007", 62: hex_of(OTHER_CARD)})
CODE_SALE = changed(SALE, {22: "032", 35: None, 59: "A3004CODE"})
KEY_DOWNLOAD = changed(NETWORK, {60: "00000007370", 62: "9F0605A0000003339F220108"})


def test_an_ordinary_sale_has_none_whatever_stands_in_its_private_fields() -> None:
    request = request_of(changed(SALE, {59: "anything", 62: "FFFF", 63: "01 "}))

    assert request.extras is NO_EXTRAS


def test_a_sign_on_names_machine_and_operator() -> None:
    extras = request_of(SIGN_ON).extras

    assert (extras.serial, extras.operator_id, extras.password) == ("306061000001", "01", Secret("s3cret"))
    assert extras.network_code == "003"
    assert "s3cret" not in repr(request_of(SIGN_ON))


def test_the_serial_number_in_field_59_is_the_machines_own() -> None:
    device = "0206SN12340508V1.02.03"

    extras = request_of({**SIGN_ON, 59: f"A2{len(device):03d}{device}"}).extras

    assert (extras.serial, extras.software) == ("SN1234", "V1.02.03")


def test_a_sign_on_with_nonsense_in_its_private_fields_is_still_one() -> None:
    extras = request_of({**SIGN_ON, 59: "\xff" * 40, 62: "00FF", 63: "CUP"}).extras

    assert (extras.serial, extras.software, extras.operator_id, extras.password) == ("", "", "", None)


def test_a_transfer_names_the_card_it_goes_to() -> None:
    request = request_of(TRANSFER)

    assert request.extras.to_pan == Pan(OTHER_CARD)
    assert OTHER_CARD not in repr(request)


def test_a_transfer_of_1987_has_that_card_in_field_103() -> None:
    request = request_of(changed(PURCHASE_1987, {3: "400000", 103: OTHER_CARD}), "iso8583-1987-ascii")

    assert request.extras.to_pan == Pan(OTHER_CARD)


@pytest.mark.parametrize("private", ["", "FF", hex_of("620000"), hex_of("not a card number")])
def test_a_transfer_to_no_card_is_a_format_error(private: str) -> None:
    reject = reject_of({**TRANSFER, 62: private})

    assert (reject.action, reject.because) == (Action.FORMAT_ERROR, "field 62 holds no card to transfer to")


def test_a_sale_by_pay_code_has_the_code_and_no_card() -> None:
    request = request_of(CODE_SALE)

    assert (request.extras.pay_code, request.pan) == (Secret("CODE"), None)
    assert "CODE'" not in repr(request)


@pytest.mark.parametrize("code", ["000000", "670000", "680000"])
@pytest.mark.parametrize("card", [{2: CARD}, {35: TRACK}])
def test_a_card_does_not_belong_in_a_message_about_a_pay_code(code: str, card: dict[int, str | None]) -> None:
    reject = reject_of(changed(CODE_SALE, {3: code, **card}))

    assert reject.action is Action.FORMAT_ERROR
    assert "does not belong in a code_" in reject.because


def test_the_chip_of_a_card_does_not_take_the_place_of_a_pay_code() -> None:
    request = request_of({**CODE_SALE, 55: f"5A08{CARD}"})

    assert (request.pan, request.is_number_alone) == (None, False)


def test_a_sale_by_pay_code_without_one_is_a_format_error() -> None:
    assert reject_of({**CODE_SALE, 59: "nothing like it"}).because == "the message holds no pay code"


@pytest.mark.parametrize(("changes", "expected"), [({59: "A3004CODE"}, Secret("CODE")), ({59: "?"}, None)])
def test_a_query_may_name_the_sale_instead_of_the_code(changes: dict[int, str], expected: Secret | None) -> None:
    request = request_of(changed(CODE_SALE, {3: "670000", 61: "000007000041", **changes}))

    assert request.extras.pay_code == expected
    assert request.original is not None
    assert (request.original.batch, request.original.stan) == ("000007", "000041")


def test_a_tip_is_how_much_of_the_total_it_is() -> None:
    tip = changed(SALE, {0: "0220", 60: "34000007", 61: "000007000041", 48: "000000000200"})

    assert request_of(tip).extras.tip_minor == 200
    assert request_of(changed(tip, {48: None})).extras.tip_minor is None
    assert reject_of({**tip, 48: "0200"}).because == "field 48 holds no tip"


def test_a_download_says_of_what_and_which() -> None:
    extras = request_of(KEY_DOWNLOAD).extras

    assert (extras.topic, extras.content, extras.network_code) == ("ca_keys", "9F0605A0000003339F220108", "370")


@pytest.mark.parametrize("private", ["", "9F", "9F220108", "FF" * 300])
def test_a_download_that_names_nothing_is_a_format_error(private: str) -> None:
    assert reject_of({**KEY_DOWNLOAD, 62: private}).because == "field 62 names nothing to download"


def test_parameters_are_fetched_without_a_name() -> None:
    assert request_of(changed(NETWORK, {60: "00000007360"})).extras.topic == "parameters"


def test_an_upload_is_kept_as_it_came() -> None:
    signature = changed(NETWORK, {0: "0820", 60: "07000007800", 62: "00010203", 37: "ABC123456789"})
    status = changed(NETWORK, {0: "0820", 60: "00000007362", 62: hex_of("OK"), 59: "A20100206SN1234"})

    assert request_of(signature).extras.content == "00010203"
    assert request_of(status).extras.content == hex_of("OK")
    assert request_of(status).extras.serial == "SN1234"


def test_a_scripts_result_is_kept_without_the_card() -> None:
    chip = "DF31051020000000950500000080005A086200000000000047" + "5F340101" + "C1026200"

    request = request_of(changed(SALE, {0: "0620", 60: "00000007951", 35: None, 55: chip}))

    assert request.extras.content == "DF3105102000000095050000008000" + "5F340101"
    assert request.chip is not None
    assert request.chip.script_results == bytes.fromhex("1020000000")
