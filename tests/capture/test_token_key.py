from __future__ import annotations

from pathlib import Path

import pytest

from switch.capture.token_key import read_token_key
from switch.errors import ConfigurationError

DIGITS = "00112233445566778899aAbBcCdDeEfF" * 2


def key_file(folder: Path, text: str, mode: int = 0o600) -> Path:
    path = folder / "token.key"
    path.write_text(text, "utf-8")
    path.chmod(mode)
    return path


@pytest.mark.parametrize("text", [DIGITS, f"{DIGITS}\n", f"  {DIGITS.lower()}\r\n"])
def test_a_key_is_64_hexadecimal_digits(tmp_path: Path, text: str) -> None:
    assert read_token_key(key_file(tmp_path, text)) == bytes.fromhex(DIGITS)


@pytest.mark.parametrize(
    "text", ["", DIGITS[:-2], f"{DIGITS}00", f"{DIGITS[:-1]}x", f"{DIGITS[:32]} {DIGITS[:32]}", "é"]
)
def test_what_is_no_key_is_refused_without_being_shown(tmp_path: Path, text: str) -> None:
    path = key_file(tmp_path, text)

    with pytest.raises(ConfigurationError, match="must hold 64 hexadecimal digits") as caught:
        read_token_key(path)

    assert "0011" not in str(caught.value)


def test_a_key_that_others_may_read_is_refused(tmp_path: Path) -> None:
    path = key_file(tmp_path, DIGITS, 0o640)

    with pytest.raises(ConfigurationError, match="chmod 600"):
        read_token_key(path)


def test_a_missing_key_file_comes_with_the_command_that_makes_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="openssl rand -hex 32"):
        read_token_key(tmp_path / "none.key")
