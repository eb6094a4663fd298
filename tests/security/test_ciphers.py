"""Ciphers that are kept: nothing of one call may be left in the next."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from switch.security.ciphers import BlockCipher, aes, des, sm4

# fmt: off
AES_KEY   = bytes.fromhex("2b7e151628aed2a6abf7158809cf4f3c")
AES_START = bytes.fromhex("000102030405060708090a0b0c0d0e0f")
AES_TEXT  = bytes.fromhex("6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51")
AES_CBC   = bytes.fromhex("7649abac8119b246cee98e9b12e9197d5086cb9b507219ee95db113a917678b2")
# fmt: on
"""The first two blocks of NIST SP 800-38A, F.2.1 CBC-AES128.Encrypt."""

KEY = bytes.fromhex("0123456789ABCDEFFEDCBA9876543210")
MAKERS = {"des": des, "aes": aes, "sm4": sm4}


def chained_by_hand(cipher: BlockCipher, data: bytes, start: bytes) -> bytes:
    size, last, found = cipher.block_bytes, start, b""
    for at in range(0, len(data), size):
        last = cipher.encrypt(bytes(left ^ right for left, right in zip(data[at : at + size], last, strict=True)))
        found += last
    return found


def test_the_published_chain_comes_out_however_often_it_is_asked_for() -> None:
    cipher = aes(AES_KEY)

    assert [cipher.encrypt_cbc(AES_TEXT, AES_START) for _ in range(3)] == [AES_CBC] * 3


@pytest.mark.parametrize("name", MAKERS)
@settings(deadline=None)
@given(data=st.data())
def test_a_chain_starts_anew_with_every_call(name: str, data: st.DataObject) -> None:
    cipher, other = MAKERS[name](KEY), MAKERS[name](KEY)
    size = cipher.block_bytes
    blocks = st.integers(0, 4).flatmap(lambda count: st.binary(min_size=count * size, max_size=count * size))
    starts = st.none() | st.binary(min_size=size, max_size=size)

    for text, start in data.draw(st.lists(st.tuples(blocks, starts), min_size=2, max_size=5)):
        assert cipher.encrypt_cbc(text, start) == chained_by_hand(other, text, start or bytes(size))
        assert cipher.decrypt(cipher.encrypt(text)) == text


@pytest.mark.parametrize("wrong", [(bytes(7), None), (bytes(8), bytes(9))])
def test_what_is_refused_leaves_nothing_behind(wrong: tuple[bytes, bytes | None]) -> None:
    cipher, other = des(KEY), des(KEY)
    cipher.encrypt_cbc(b"the call before!")

    with pytest.raises(ValueError, match=r"block|size"):
        cipher.encrypt_cbc(*wrong)

    assert cipher.encrypt_cbc(bytes(8)) == other.encrypt_cbc(bytes(8))


def test_a_cipher_shows_no_key() -> None:
    assert repr(des(KEY)) == "BlockCipher(TripleDES)"
