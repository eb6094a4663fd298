from __future__ import annotations

import pytest

from benchmarks.fleet import HEADER, METHOD, Fleet, Sale
from switch.errors import PeerError
from switch.messages.chip import answer_tlv
from switch.messages.chip_reading import read_chip
from switch.messages.issuer_data import Scheme
from switch.messages.model import Reject
from switch.security.cryptogram_methods import CryptogramMethod
from switch.security.cryptograms import arpc, card_key_for, verify_cryptogram
from switch.security.mac import MacKey, mac_key, verify_mac
from switch.security.working_keys import KeyForm, delivery
from switch.wire.codec import Codec, Fields
from switch.wire.dialect import load_dialect

MASTER = bytes.fromhex("2315208C9110AD402315208C9110AD41")
ISSUER = bytes.fromhex("4CA2161637D0133E5E151AEA45DA2A16")
PIN_KEY = bytes.fromhex("1C1C1C1C1C1C1C1CD0D0D0D0D0D0D0D0")
MAC_KEY = bytes.fromhex("3B3B3B3B3B3B3B3B")
SIZE = 8
CODEC = Codec(load_dialect("unionpay-pos"))


def fields_of(message: bytes) -> Fields:
    return CODEC.decode(message[len(HEADER) :])


def signed_on(code: str = "00") -> bytes:
    keys = delivery(MASTER, KeyForm.DOUBLE, PIN_KEY, MAC_KEY)
    return HEADER + CODEC.encode({0: "0810", 39: code, 60: "00000007003", 62: keys.hex().upper()})


@pytest.fixture
def fleet() -> Fleet:
    fleet = Fleet(MASTER, ISSUER, SIZE)
    fleet.take_keys([signed_on()] * SIZE)
    return fleet


def approved(sale: Sale, code: str = "00", *, mac: MacKey, issuer: bytes = ISSUER) -> bytes:
    """A host's answer to a protected sale."""
    chip = read_chip(sale.chip)
    assert not isinstance(chip, Reject)
    method = CryptogramMethod(Scheme.UNIONPAY)
    key = card_key_for(method, issuer, chip, sale.card.pan, sale.card.sequence)
    answer = answer_tlv(arpc(method, key, chip, code.encode())).hex().upper()
    body = CODEC.encode({0: "0210", 39: code, 55: answer, 64: "0" * 8})[:-8]
    return HEADER + body + METHOD.output.wire(mac.compute(body))


def test_every_terminal_signs_on_under_its_own_number() -> None:
    messages = [fields_of(message) for message in Fleet(MASTER, ISSUER, SIZE).sign_ons()]

    assert {message[0] for message in messages} == {"0800"}
    assert {message[60] for message in messages} == {"00000000003"}
    assert len({message[41] for message in messages}) == SIZE


def test_a_sign_on_that_was_refused_is_an_error() -> None:
    answers = [signed_on()] * (SIZE - 1) + [signed_on("A7")]

    with pytest.raises(RuntimeError, match="A7"):
        Fleet(MASTER, ISSUER, SIZE).take_keys(answers)


def test_protected_sales_have_the_terminals_mac_and_the_cards_cryptogram(fleet: Fleet) -> None:
    sale = fleet.sales(1, protected=True)[5]

    body, fields = sale.message[len(HEADER) :], fields_of(sale.message)
    chip = read_chip(bytes.fromhex(fields[55]))
    assert not isinstance(chip, Reject)
    method = CryptogramMethod(Scheme.UNIONPAY)
    key = card_key_for(method, ISSUER, chip, sale.card.pan, fields[23])
    assert verify_mac(mac_key(METHOD.algorithm, MAC_KEY), METHOD.output, body[:-8], body[-8:])
    assert verify_cryptogram(method, key, chip).is_right
    assert fields[60][2:8] == "000007"


def test_plain_sales_are_the_same_without_chip_data_and_mac(fleet: Fleet) -> None:
    plain, protected = (fields_of(fleet.sales(1, protected=choice)[5].message) for choice in (False, True))

    assert set(protected) - set(plain) == {55, 64}
    assert {number for number in plain if plain[number] != protected[number]} == {11}


def test_numbers_and_counters_rise_from_turn_to_turn(fleet: Fleet) -> None:
    first, second = fleet.sales(2, protected=True)[3::SIZE]

    assert first.terminal is second.terminal
    assert first.card is second.card
    assert int(fields_of(second.message)[11]) == int(fields_of(first.message)[11]) + 1
    assert counter(second) == counter(first) + 1


def test_answers_with_the_right_mac_and_arpc_pass(fleet: Fleet) -> None:
    sales = fleet.sales(1, protected=True)[:3]

    fleet.check(sales, [approved(sale, mac=mac_key(METHOD.algorithm, MAC_KEY)) for sale in sales])


def test_a_decline_is_an_error_that_names_its_code(fleet: Fleet) -> None:
    sale = fleet.sales(1, protected=True)[0]

    with pytest.raises(RuntimeError, match="'51': 1"):
        fleet.check([sale], [approved(sale, "51", mac=mac_key(METHOD.algorithm, MAC_KEY))])


def test_an_answer_under_another_mac_key_is_an_error(fleet: Fleet) -> None:
    sale = fleet.sales(1, protected=True)[0]

    with pytest.raises(PeerError, match="wrong MAC"):
        fleet.check([sale], [approved(sale, mac=mac_key(METHOD.algorithm, MASTER))])


def test_an_arpc_of_another_issuer_is_an_error(fleet: Fleet) -> None:
    sale = fleet.sales(1, protected=True)[0]

    with pytest.raises(RuntimeError, match="ARPC"):
        fleet.check([sale], [approved(sale, mac=mac_key(METHOD.algorithm, MAC_KEY), issuer=MASTER)])


def counter(sale: Sale) -> int:
    chip = read_chip(sale.chip)
    assert not isinstance(chip, Reject)
    assert chip.atc is not None
    return chip.atc
