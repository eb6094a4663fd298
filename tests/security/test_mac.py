"""MACs: published vectors, a second implementation, and what a receiver makes of a wrong one."""

from __future__ import annotations

import json
from functools import reduce
from pathlib import Path
from typing import Any, Final

import psec.mac
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from switch.errors import PeerError
from switch.security.ciphers import BlockCipher, des, sm4, xor
from switch.security.mac import MacAlgorithm, MacMethod, MacOutput, mac_key, single_or_double, verify_mac

VECTORS: Final = Path(__file__).resolve().parents[1] / "vectors" / "messages.jsonl"
SAMPLES: Final[dict[str, Any]] = {
    sample["id"]: sample for sample in map(json.loads, VECTORS.read_text("utf-8").splitlines())
}
FRAMING_BYTES: Final = 2 + 5 + 6  # length, TPDU, header

SINGLE = bytes.fromhex("0123456789ABCDEF")
DOUBLE = bytes.fromhex("0123456789ABCDEFFEDCBA9876543210")
CUP: Final = MacMethod(MacAlgorithm.ECB, MacOutput.ASCII8)

# psec still takes Triple DES from where the library announces that it will not stay
psec_moves = pytest.mark.filterwarnings("ignore:TripleDES has been moved")

messages = st.binary(max_size=600)
double_keys = st.binary(min_size=16, max_size=16).filter(lambda key: any(key[8:]))


def ascii_mac(algorithm: MacAlgorithm, key: bytes, data: bytes) -> bytes:
    return MacOutput.ASCII8.wire(mac_key(algorithm, key).compute(data))


# --- UnionPay's ECB ---------------------------------------------------------------------------------------


def test_the_published_ecb_vector_comes_out_whole() -> None:
    vector = SAMPLES["V1"]
    key = mac_key(MacAlgorithm.ECB, bytes.fromhex(vector["decoded"]["mak"]))

    mac = key.compute(bytes.fromhex(vector["hex"]))

    assert mac.hex().upper() == vector["decoded"]["result"]
    assert MacOutput.ASCII8.wire(mac) == vector["decoded"]["f64_ascii"].encode()


def test_a_published_sale_has_its_mac_under_the_key_that_its_master_key_opens() -> None:
    master = des(bytes.fromhex("70F2A84CCBC2AE8625CBB0F2C22AB923"))
    key = master.decrypt(bytes.fromhex("96D605EA176B7E9E"))

    assert ascii_mac(MacAlgorithm.ECB, key, bytes.fromhex(SAMPLES["S16"]["hex"])) == b"8A9E91B8"


def test_a_captured_frame_carries_its_mac_from_the_message_type_to_field_62() -> None:
    frame = bytes.fromhex(SAMPLES["S33"]["hex"])
    key = mac_key(MacAlgorithm.ECB, bytes.fromhex("0723C80DB5F4CD3D0723C80DB5F4CD3D"))
    covered, received = frame[FRAMING_BYTES:-8], frame[-8:]

    assert received == b"B3A092AE"
    assert verify_mac(key, MacOutput.ASCII8, covered, received) == covered


@given(messages, double_keys)
@example(b"", DOUBLE)
@example(bytes(8 * 33), DOUBLE)
def test_ecb_is_the_blocks_xored_then_written_out_then_encrypted_twice(data: bytes, key: bytes) -> None:
    assert mac_key(MacAlgorithm.ECB, key).compute(data) == step_by_step(des(key), data)


@given(messages, double_keys)
def test_sm4_ecb_is_the_same_in_blocks_of_16_bytes(data: bytes, key: bytes) -> None:
    assert mac_key(MacAlgorithm.SM4_ECB, key).compute(data) == step_by_step(sm4(key), data)[:8]


def step_by_step(cipher: BlockCipher, data: bytes) -> bytes:
    size = cipher.block_bytes
    padded = data + bytes(-len(data) % size)
    blocks = [padded[at : at + size] for at in range(0, len(padded), size)]
    text = reduce(xor, blocks, bytes(size)).hex().upper().encode()
    return cipher.encrypt(xor(cipher.encrypt(text[:size]), text[size:]))


# --- ISO/IEC 9797-1 ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("data", "written"), [("hex", "f64_hex"), ("second_data", "second_f64_hex")])
def test_the_published_x9_19_vectors(data: str, written: str) -> None:
    vector = SAMPLES["V2"] | SAMPLES["V2"]["decoded"]

    mac = ascii_mac(MacAlgorithm.X9_19, bytes.fromhex(vector["key"]), bytes.fromhex(vector[data]))

    assert mac.hex().upper() == vector[written]


@psec_moves
@given(messages, double_keys)
@example(b"", DOUBLE)
def test_x9_19_is_what_psec_calls_a_retail_mac(data: bytes, key: bytes) -> None:
    oracle = psec.mac.generate_retail_mac(key[:8] * 3, key[8:] * 3, data, padding=1)

    assert mac_key(MacAlgorithm.X9_19, key).compute(data) == oracle


@psec_moves
@given(messages, double_keys)
@example(b"", DOUBLE)
def test_cbc_is_what_psec_makes_of_the_whole_key(data: bytes, key: bytes) -> None:
    oracle = psec.mac.generate_cbc_mac(key + key[:8], data, padding=1)

    assert mac_key(MacAlgorithm.CBC, key).compute(data) == oracle


@psec_moves
@given(messages, double_keys)
def test_x9_9_is_the_chain_under_the_left_half_alone(data: bytes, key: bytes) -> None:
    oracle = psec.mac.generate_cbc_mac(key[:8] * 3, data, padding=1)

    assert mac_key(MacAlgorithm.X9_9, key).compute(data) == oracle
    assert mac_key(MacAlgorithm.X9_9, key[:8]).compute(data) == oracle


# --- keys -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", [MacAlgorithm.ECB, MacAlgorithm.X9_9, MacAlgorithm.X9_19, MacAlgorithm.CBC])
def test_a_double_key_with_a_zero_half_is_a_single_one(algorithm: MacAlgorithm) -> None:
    padded, single = mac_key(algorithm, SINGLE + bytes(8)), mac_key(algorithm, SINGLE)

    assert padded.compute(b"0200 message") == single.compute(b"0200 message")


@pytest.mark.parametrize("algorithm", [MacAlgorithm.X9_19, MacAlgorithm.CBC])
def test_under_a_single_key_every_chain_is_the_same(algorithm: MacAlgorithm) -> None:
    assert mac_key(algorithm, SINGLE).compute(b"0200") == mac_key(MacAlgorithm.X9_9, SINGLE).compute(b"0200")


def test_an_sm4_key_that_ends_in_zeros_is_still_a_whole_key() -> None:
    key = SINGLE + bytes(8)

    assert mac_key(MacAlgorithm.SM4_ECB, key).compute(b"0200") == step_by_step(sm4(key), b"0200")[:8]


@pytest.mark.parametrize("algorithm", MacAlgorithm)
@pytest.mark.parametrize("size", [0, 7, 15, 17, 24])
def test_other_sizes_are_no_keys(algorithm: MacAlgorithm, size: int) -> None:
    with pytest.raises(ValueError, match=r"key|Invalid"):
        mac_key(algorithm, b"\1" * size)


@pytest.mark.parametrize(
    ("key", "counts"), [(SINGLE, SINGLE), (SINGLE + bytes(8), SINGLE), (DOUBLE, DOUBLE), (bytes(8), bytes(8))]
)
def test_what_of_a_key_counts(key: bytes, counts: bytes) -> None:
    assert single_or_double(key) == counts


def test_one_key_makes_the_same_mac_again_whatever_came_between() -> None:
    for algorithm in MacAlgorithm:
        key = mac_key(algorithm, DOUBLE)
        first = key.compute(b"one")

        assert key.compute(b"two") != first
        assert key.compute(b"one") == first


def test_a_key_shows_its_algorithm_only() -> None:
    assert repr(mac_key(MacAlgorithm.X9_19, DOUBLE)) == "MacKey(x9.19)"


# --- written and checked ----------------------------------------------------------------------------------


def test_raw_output_is_all_eight_bytes() -> None:
    mac = mac_key(MacAlgorithm.ECB, DOUBLE).compute(b"0200")

    assert MacOutput.RAW8.wire(mac) == mac
    assert len(mac) == 8


@pytest.mark.parametrize("output", MacOutput)
@given(data=st.binary(min_size=1, max_size=100), bit=st.integers(0))
def test_a_bit_altered_on_the_way_is_noticed(output: MacOutput, data: bytes, bit: int) -> None:
    key = mac_key(MacAlgorithm.CBC, DOUBLE)
    received = output.wire(key.compute(data))
    altered = (int.from_bytes(data, "big") ^ 1 << bit % (8 * len(data))).to_bytes(len(data), "big")

    assert verify_mac(key, output, data, received) == data
    with pytest.raises(PeerError, match="wrong MAC"):
        verify_mac(key, output, altered, received)


@pytest.mark.parametrize("received", [b"", b"E267B6E", b"e267b6e2", b"E267B6E20", b"00000000", b"\xff" * 8])
def test_what_is_not_exactly_the_mac_is_wrong_and_not_quoted(received: bytes) -> None:
    vector = SAMPLES["V1"]
    key = mac_key(CUP.algorithm, bytes.fromhex(vector["decoded"]["mak"]))

    with pytest.raises(PeerError) as error:
        verify_mac(key, CUP.output, bytes.fromhex(vector["hex"]), received)

    assert str(error.value) == "wrong MAC (ecb, ascii8): another key, or a message altered on its way"
