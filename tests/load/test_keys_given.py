from __future__ import annotations

from pathlib import Path

import pytest

from switch.errors import ConfigurationError
from switch.load.keys_given import read_keys
from switch.security.working_keys import KeyForm, delivery
from switch.wire.codec import Codec
from tests.load.test_rewriting import CUP, MAC_KEY, MASTER, PIN_KEY, a_cup_sale


def a_file(folder: Path, text: str, mode: int = 0o600) -> Path:
    path = folder / "keys.hex"
    path.write_text(text)
    path.chmod(mode)
    return path


@pytest.mark.parametrize("text", [MASTER.hex() * 2, MASTER.hex().upper() + "\n"])
def test_a_file_begins_with_the_master_key(tmp_path: Path, text: str) -> None:
    keys = read_keys(a_file(tmp_path, text), CUP)

    assert keys.take("TERM0001", delivery(MASTER, KeyForm.DOUBLE, PIN_KEY, MAC_KEY))


@pytest.mark.parametrize("text", ["", "00" * 15, "00" * 33, "zz" * 32])
def test_another_size_is_refused_without_showing_it(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigurationError, match="wants 64 hexadecimal digits") as refused:
        read_keys(a_file(tmp_path, text), CUP)

    assert not text or text not in str(refused.value)


def test_a_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="chmod 600"):
        read_keys(a_file(tmp_path, MASTER.hex() * 2, 0o644), CUP)


def test_zeros_are_no_key(tmp_path: Path) -> None:
    keys = read_keys(a_file(tmp_path, MASTER.hex() + "00" * 16), CUP)

    assert Codec(CUP).decode(keys.written(Codec(CUP), a_cup_sale(f64="DEADBEEF"), "TERM0001"))[64] == "DEADBEEF"
