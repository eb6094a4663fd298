from __future__ import annotations

from switch.data_files import migrations_directory, specs_directory


def test_specs_and_migrations_are_found_wherever_the_program_is() -> None:
    assert (specs_directory() / "dialects" / "unionpay-pos.toml").is_file()
    assert (migrations_directory() / "env.py").is_file()
