from __future__ import annotations

import pytest

from switch.cli.command_line import command_typed


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("postgresql://load:s3cret@db/books", "postgresql://load:***@db/books"),
        ("postgresql://:s3cret@db/books", "postgresql://:***@db/books"),
        ("postgresql://db/books?user=load&password=s3cret&sslmode=require", "=***&sslmode=require"),
        ("postgresql://db/books?Password=s3cret", "books?Password=***"),
        ("sqlite:///books.db", "sqlite:///books.db"),
    ],
)
def test_a_command_is_told_without_its_database_s_password(url: str, told: str) -> None:
    command = command_typed(["replay", "a b.pcap", "--to", "[::1]:8583", "--ledger", url])

    assert command.startswith("switch replay 'a b.pcap' --to '[::1]:8583' --ledger ")
    assert told in command
    assert "s3cret" not in command
