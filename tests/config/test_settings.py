from __future__ import annotations

from pathlib import Path

import pytest

from switch.config import Address, Settings, load_settings, masked_url
from switch.errors import ConfigurationError

MINIMAL = '[ledger]\ndatabase = "sqlite:///books.sqlite3"\n'


def write(folder: Path, text: str) -> Path:
    path = folder / "switch.toml"
    path.write_text(text, "utf-8")
    return path


def complaint(path: Path | None) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load_settings(path)
    return str(caught.value)


def test_a_file_that_names_only_the_database_gets_the_listeners_of_the_demo(tmp_path: Path) -> None:
    path = write(tmp_path, MINIMAL)

    settings = load_settings(path)

    assert [(one.dialect, str(one.bind)) for one in settings.listeners] == [
        ("iso8583-1987-ascii", "127.0.0.1:8583"),
        ("unionpay-pos", "127.0.0.1:8584"),
    ]
    assert str(settings.admin.bind) == "127.0.0.1:8580"
    assert settings.zone.key == "Asia/Shanghai"


def test_paths_are_relative_to_the_folder_of_the_file(tmp_path: Path) -> None:
    path = write(tmp_path, MINIMAL)

    settings = load_settings(path)

    assert settings.ledger.database == f"sqlite:///{tmp_path}/books.sqlite3"
    assert settings.keys.file == tmp_path / "keys.toml"


def test_the_environment_wins_over_the_file_and_the_file_over_the_defaults(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path, MINIMAL + 'group_max = 7\nqueue_max = 70\n[log]\nformat = "json"\n')
    monkeypatch.setenv("SWITCH_LEDGER__QUEUE_MAX", "71")
    monkeypatch.setenv("SWITCH_LOG__LEVEL", "debug")
    monkeypatch.setenv("SWITCH_ADMIN__BIND", "0.0.0.0:9000")
    monkeypatch.setenv("SWITCH_KEYS__FILE", "/etc/switch/keys.toml")

    settings = load_settings(path)

    assert (settings.ledger.group_max, settings.ledger.queue_max) == (7, 71)
    assert (settings.log.format, settings.log.level) == ("json", "debug")
    assert settings.admin.bind == Address("0.0.0.0", 9000)  # noqa: S104 - nobody listens
    assert settings.keys.file == Path("/etc/switch/keys.toml")


def test_listeners_can_be_given_as_json_in_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path, MINIMAL)
    monkeypatch.setenv(
        "SWITCH_LISTENERS",
        '[{"name": "one", "dialect": "unionpay-pos", "bind": "[::1]:0", "framing": {"header_bytes": 0}}]',
    )

    settings = load_settings(path)

    assert [one.name for one in settings.listeners] == ["one"]
    assert settings.listeners[0].bind == Address("::1", 0)
    assert settings.listeners[0].framing.header_bytes == 0


def test_without_a_file_the_environment_is_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SWITCH_LEDGER__DATABASE", "postgresql://books@db/switch")

    settings = load_settings(None)

    assert settings.ledger.database == "postgresql://books@db/switch"


def test_without_file_and_environment_the_message_says_what_to_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    message = complaint(None)

    assert "switch init" in message
    assert "ledger: required" in message


def test_every_wrong_key_is_listed_with_file_key_and_reason(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        MINIMAL + 'colour = "red"\ngroup_max = 0\n[[listeners]]\nname = "a"\ndialect = "d"\nbind = "localhost"\n',
    )

    lines = complaint(path).splitlines()

    assert f"{path}: ledger.colour: no such setting" in lines
    assert any(line.startswith(f"{path}: ledger.group_max: ") for line in lines)
    assert any(line.startswith(f"{path}: listeners[0].bind: must be HOST:PORT") for line in lines)
    assert len(lines) == 3  # nothing about the list that is short of a listener because of it


def test_a_wrong_variable_is_named_instead_of_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path, MINIMAL)
    monkeypatch.setenv("SWITCH_LEDGER__GROUP_MAX", "many")

    message = complaint(path)

    assert message.startswith("SWITCH_LEDGER__GROUP_MAX: ledger.group_max: ")


def test_a_variable_of_a_section_that_does_not_exist_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path, MINIMAL)
    monkeypatch.setenv("SWITCH_LEGDER__DATABASE", "sqlite:///other.sqlite3")

    message = complaint(path)

    assert message == "SWITCH_LEGDER__DATABASE: no such setting"


def test_listeners_that_are_not_json_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path, MINIMAL)
    monkeypatch.setenv("SWITCH_LISTENERS", "[oops")

    assert complaint(path) == "SWITCH_LISTENERS: listeners: must be a list of tables (in the environment: JSON)"


@pytest.mark.parametrize(
    ("listeners", "reason"),
    [
        ((("a", "127.0.0.1:1"), ("a", "127.0.0.1:2")), "the name a"),
        ((("a", "127.0.0.1:1"), ("b", "127.0.0.1:1")), "the bind 127.0.0.1:1"),
        ((("a", "127.0.0.1:8580"),), "the bind 127.0.0.1:8580"),
    ],
)
def test_two_listeners_cannot_share_a_name_or_an_address(
    tmp_path: Path, listeners: tuple[tuple[str, str], ...], reason: str
) -> None:
    tables = "".join(f'[[listeners]]\nname = "{name}"\ndialect = "d"\nbind = "{bind}"\n' for name, bind in listeners)
    path = write(tmp_path, MINIMAL + tables)

    assert reason in complaint(path)


def test_any_number_of_listeners_may_ask_for_a_free_port(tmp_path: Path) -> None:
    tables = "".join(f'[[listeners]]\nname = "{name}"\ndialect = "d"\nbind = "127.0.0.1:0"\n' for name in "ab")
    path = write(tmp_path, MINIMAL + tables)

    assert len(load_settings(path).listeners) == 2


@pytest.mark.parametrize("database", ["sqlite://", "sqlite:///:memory:", "mysql://db/books", "books.sqlite3"])
def test_a_database_that_could_not_keep_the_books_is_refused(tmp_path: Path, database: str) -> None:
    path = write(tmp_path, f'[ledger]\ndatabase = "{database}"\n')

    assert complaint(path).startswith(f"{path}: ledger.database: must ")


def test_a_trailer_is_written_in_hex(tmp_path: Path) -> None:
    table = '[[listeners]]\nname = "a"\ndialect = "d"\nbind = "127.0.0.1:1"\nframing = {{ trailer = "{}" }}\n'
    good, bad = MINIMAL + table.format("03"), MINIMAL + table.format("ETX")

    assert load_settings(write(tmp_path, good)).listeners[0].framing.trailer == b"\x03"
    assert "listeners[0].framing.trailer: must be hex digits" in complaint(write(tmp_path, bad))


def test_an_unknown_time_zone_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, 'time_zone = "Asia/Atlantis"\n' + MINIMAL)

    assert complaint(path).startswith(f"{path}: time_zone: no such time zone")


def test_text_that_is_not_toml_is_named_by_line(tmp_path: Path) -> None:
    path = write(tmp_path, "[ledger\n")

    assert complaint(path).startswith(f"{path}: not TOML: ")
    assert "line 1" in complaint(path)


def test_a_named_file_that_is_missing_is_an_error(tmp_path: Path) -> None:
    assert complaint(tmp_path / "other.toml").endswith("no such file; `switch init` writes one")


def test_bytes_that_are_not_utf8_and_folders_are_refused(tmp_path: Path) -> None:
    binary = tmp_path / "binary.toml"
    binary.write_bytes(b"\xff\xfe")

    assert complaint(binary).endswith("is not UTF-8 text")
    assert "cannot be read" in complaint(tmp_path)


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [("127.0.0.1:8583", "127.0.0.1", 8583), ("[::1]:80", "::1", 80), ("localhost:0", "localhost", 0)],
)
def test_an_address_reads_and_writes_itself(text: str, host: str, port: int) -> None:
    address = Address.parse(text)

    assert address == Address(host, port)
    assert str(address) == text


@pytest.mark.parametrize("text", ["", "8583", ":8583", "host:", "host:-1", "host:65536", "::1:80", "host:\uff18\uff10"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="HOST:PORT"):
        Address.parse(text)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("sqlite:////var/books.sqlite3", "sqlite:////var/books.sqlite3"),
        ("postgresql://u:secret@db:5432/s", "postgresql://u:********@db:5432/s"),
        (
            "postgresql://u@db/s?password=secret&sslmode=require",
            "postgresql://u@db/s?password=********&sslmode=require",
        ),
    ],
)
def test_a_masked_url_shows_no_password(url: str, shown: str) -> None:
    assert masked_url(url) == shown


@pytest.mark.parametrize("secret", ["pa#ss", "pa/ss", "pa?ss", "p@ss", "[pass"])
def test_a_password_that_could_be_read_in_two_ways_is_refused_without_being_shown(tmp_path: Path, secret: str) -> None:
    path = write(tmp_path, f'[ledger]\ndatabase = "postgresql://u:{secret}@db/s"\n')

    message = complaint(path)

    assert "in a password as %XX" in message
    assert "ss@" not in message


@pytest.mark.parametrize("address", ["db:port", "db:", "::1:5432"])
def test_a_database_address_without_a_number_for_its_port_is_refused(tmp_path: Path, address: str) -> None:
    path = write(tmp_path, f'[ledger]\ndatabase = "postgresql://u@{address}/s"\n')

    assert "ledger.database: must be postgresql://USER:PASSWORD@HOST:PORT/NAME" in complaint(path)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://",
        "postgresql:///s?host=/run/postgresql",
        "postgresql://u:p%40ss:word@[::1]:5432/s",
        "postgresql+psycopg://db/s?sslmode=require",
    ],
)
def test_the_usual_ways_to_name_a_postgresql_database_are_taken(tmp_path: Path, url: str) -> None:
    path = write(tmp_path, f'[ledger]\ndatabase = "{url}"\n')

    assert load_settings(path).ledger.database == url


def test_neither_the_masked_settings_nor_their_repr_show_a_password() -> None:
    settings = Settings.model_validate({"ledger": {"database": "postgresql://u:hunter2@db/s"}})

    assert "hunter2" not in str(settings.masked())
    assert "hunter2" not in repr(settings)
