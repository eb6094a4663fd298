from __future__ import annotations

from pathlib import Path

import pytest

from switch.errors import ConfigurationError
from switch.load.key_pair import KeyPair, read_key_pair
from switch.load.keys_given import GivenKeys
from switch.security.working_keys import KeyForm, delivery
from switch.wire.codec import Codec
from tests.load.test_rewriting import CUP, MAC_KEY, MASTER, PIN_KEY, STANDING, a_cup_sale


def a_file(folder: Path, text: str, mode: int = 0o600) -> Path:
    path = folder / "keys.hex"
    path.write_text(text)
    path.chmod(mode)
    return path


@pytest.mark.parametrize(
    ("text", "pair"),
    [
        (MASTER.hex(), KeyPair(MASTER)),
        (MASTER.hex().upper() + "\n", KeyPair(MASTER)),
        (MASTER.hex() + STANDING.hex(), KeyPair(MASTER, STANDING)),
        (MASTER.hex() + STANDING.hex()[:16] + "00" * 8, KeyPair(MASTER, STANDING[:8] + bytes(8))),
        (MASTER.hex() + "00" * 16, KeyPair(MASTER)),  # zeros are no key
    ],
)
def test_a_file_holds_a_master_key_and_perhaps_a_mac_key(tmp_path: Path, text: str, pair: KeyPair) -> None:
    found = read_key_pair(a_file(tmp_path, text))

    assert found == pair
    assert repr(found) == "KeyPair(********)"


def test_the_master_key_opens_what_a_sign_on_gives_out(tmp_path: Path) -> None:
    keys = GivenKeys(CUP, read_key_pair(a_file(tmp_path, MASTER.hex() * 2)))

    assert keys.take("TERM0001", delivery(MASTER, KeyForm.DOUBLE, PIN_KEY, MAC_KEY))


def test_without_a_mac_key_a_message_keeps_its_mac(tmp_path: Path) -> None:
    keys = GivenKeys(CUP, read_key_pair(a_file(tmp_path, MASTER.hex() + "00" * 16)))

    assert Codec(CUP).decode(keys.written(Codec(CUP), a_cup_sale(f64="DEADBEEF"), "TERM0001"))[64] == "DEADBEEF"


@pytest.mark.parametrize("text", ["", "00" * 15, "00" * 33, "zz" * 32, "0123456789ABCDEX"])
def test_another_size_is_refused_without_showing_it(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigurationError, match="wants 64 hexadecimal digits") as refused:
        read_key_pair(a_file(tmp_path, text))

    assert not text or text not in str(refused.value)


def test_a_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="chmod 600"):
        read_key_pair(a_file(tmp_path, MASTER.hex() * 2, 0o644))
