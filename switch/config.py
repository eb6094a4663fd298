"""The settings of one switch: read from switch.toml and the environment, checked whole before anything starts.

Every setting can be given in the environment, which wins over the file: ``SWITCH_`` and the path of the key,
joined by two underscores (``SWITCH_LEDGER__DATABASE``, ``SWITCH_LOG__LEVEL``); a list as JSON
(``SWITCH_LISTENERS='[{"name": ...}]'``). Unknown keys are refused. Paths are relative to the file's folder.
Units stand last in every name: ``_s`` seconds, ``_minor`` minor units of the currency, ``_bytes`` bytes.
"""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from switch.errors import ConfigurationError
from switch.sections import (
    Address,
    AdminSettings,
    AdminTlsSettings,
    ChoreSettings,
    FramingSettings,
    KeySettings,
    LedgerSettings,
    LimitSettings,
    ListenerSettings,
    LogSettings,
    SecuritySettings,
    ServerSettings,
    TracingSettings,
)

__all__ = [
    "DEFAULT_FILE",
    "DEFAULT_LISTENERS",
    "Address",
    "AdminSettings",
    "AdminTlsSettings",
    "ChoreSettings",
    "FramingSettings",
    "KeySettings",
    "LedgerSettings",
    "LimitSettings",
    "ListenerSettings",
    "LogSettings",
    "SecuritySettings",
    "ServerSettings",
    "Settings",
    "TracingSettings",
    "load_settings",
    "masked_url",
    "settings_of",
]

DEFAULT_FILE: Final = "switch.toml"
_PREFIX: Final = "SWITCH_"
_MASK: Final = "********"

DEFAULT_LISTENERS: Final = (
    ListenerSettings(name="iso8583", dialect="iso8583-1987-ascii", bind=Address("127.0.0.1", 8583)),
    ListenerSettings(name="unionpay", dialect="unionpay-pos", bind=Address("127.0.0.1", 8584)),
)


class _Environment(EnvSettingsSource):
    """Reads JSON where it can (lists), and leaves the rest as text for the setting itself to judge."""

    def decode_complex_value(self, field_name: str, field: FieldInfo, value: Any) -> Any:
        try:
            return super().decode_complex_value(field_name, field, value)
        except ValueError:
            return value


class Settings(BaseSettings):
    """All settings, checked and frozen. `load_settings` makes it."""

    model_config = SettingsConfigDict(env_prefix=_PREFIX, env_nested_delimiter="__", extra="forbid", frozen=True)

    time_zone: str = "Asia/Shanghai"  # of business days, DE 12 and DE 13
    cut_over: Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")] = "00:00"  # when a business day ends
    ledger: LedgerSettings
    listeners: Annotated[tuple[ListenerSettings, ...], Field(min_length=1, max_length=64)] = DEFAULT_LISTENERS
    admin: AdminSettings = AdminSettings()
    keys: KeySettings = KeySettings()
    chores: ChoreSettings = ChoreSettings()
    log: LogSettings = LogSettings()
    server: ServerSettings = ServerSettings()
    tracing: TracingSettings = TracingSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the library's signature
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - same
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - same
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment wins over the file, whose content is handed in by `load_settings`."""
        return _Environment(settings_cls), init_settings

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError('no such time zone; write it like "Asia/Shanghai" or "UTC"') from None
        return name

    @model_validator(mode="after")
    def _consistent(self) -> Settings:
        _refuse_twice("name", (listener.name for listener in self.listeners))
        _refuse_twice("record", (str(listener.record) for listener in self.listeners if listener.record))
        binds = [self.admin.bind, *(listener.bind for listener in self.listeners)]
        _refuse_twice("bind", (str(bind) for bind in binds if bind.port))
        return self

    @property
    def zone(self) -> ZoneInfo:
        """The zone in which days begin."""
        return ZoneInfo(self.time_zone)

    def masked(self) -> dict[str, Any]:
        """The effective settings as plain JSON values, without anything secret: for people to read."""
        shown = self.model_dump(mode="json", exclude_none=True)
        shown["ledger"]["database"] = masked_url(self.ledger.database)
        return shown


def load_settings(path: Path | None) -> Settings:
    """Read the settings from ``path``, or from switch.toml here, and from the environment.

    Without a path the file may be missing if the environment names the database. Raises `ConfigurationError`,
    whose one message lists every wrong key with its source and reason.
    """
    file = path or Path(DEFAULT_FILE)
    content = _read(file, required=path is not None)
    problems = [f"{name}: no such setting" for name in _strangers(os.environ)]
    try:
        settings = Settings(**content)
    except ValidationError as error:
        wrong = [(tuple(entry["loc"]), entry["msg"]) for entry in error.errors(include_input=False)]
        within = {location[:size] for location, _ in wrong for size in range(1, len(location))}
        problems += [_problem(file, location, message) for location, message in wrong if location not in within]
    if problems:
        hint = "" if file.exists() else f"there is no {file} here: run `switch init`, or name one with --config\n"
        raise ConfigurationError(hint + "\n".join(problems))
    return _resolved(settings, file.resolve().parent)


class _Told(Settings):
    """Settings that another process of ours has read, with its environment, and resolved."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - the library's signature
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - same
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - same
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - same
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings,)


def settings_of(document: bytes) -> Settings:
    """Read settings as ``Settings.model_dump_json`` wrote them: they stand as they are."""
    return _Told(**json.loads(document))


def masked_url(url: str) -> str:
    """A database URL without its passwords."""
    parts = urlsplit(url)
    netloc = parts.netloc
    if parts.password is not None:
        user, _, host = netloc.rpartition("@")
        netloc = f"{user.partition(':')[0]}:{_MASK}@{host}"
    query = urlencode([(key, _MASK if "pass" in key else value) for key, value in parse_qsl(parts.query)], safe="*/:,")
    # not urlunsplit: what it does with the empty authority of sqlite:///FILE depends on Python's version
    return f"{parts.scheme}://{netloc}{parts.path}{'?' if query else ''}{query}"


def _read(file: Path, *, required: bool) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text("utf-8"))
    except FileNotFoundError:
        if required:
            raise ConfigurationError(f"{file}: no such file; `switch init` writes one") from None
        return {}
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "is not UTF-8 text"
        raise ConfigurationError(f"{file}: cannot be read: {reason}") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{file}: not TOML: {error}") from None


def _strangers(environment: Mapping[str, str]) -> list[str]:
    """Variables that look like a nested setting of ours and are none: most likely a slip of the pen."""
    sections = set(Settings.model_fields)
    return sorted(
        name
        for name in environment
        if name.upper().startswith(_PREFIX)
        and "__" in name
        and name[len(_PREFIX) :].lower().partition("__")[0] not in sections
    )


def _problem(file: Path, location: tuple[str | int, ...], message: str) -> str:
    reason = message.removeprefix("Value error, ")
    variable = _PREFIX + "__".join(str(part) for part in location).upper()
    whole = f"{_PREFIX}{str(location[0]).upper()}" if location else ""
    source = next((name for name in (variable, whole) if name in os.environ), str(file))
    key = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location).lstrip(".")
    return ": ".join(part for part in (source, key, _plain(reason)) if part)


def _plain(reason: str) -> str:
    """Pydantic's words for the most common slips, in ours."""
    return {
        "Extra inputs are not permitted": "no such setting",
        "Field required": "required, and missing",
        "Input should be a valid tuple": "must be a list of tables (in the environment: JSON)",
    }.get(reason, reason)


def _refuse_twice(what: str, values: Iterable[str]) -> None:
    seen: set[str] = set()
    for value in values:
        if value in seen:
            raise ValueError(f"two listeners have the {what} {value}")
        seen.add(value)


def _resolved(settings: Settings, folder: Path) -> Settings:
    database = settings.ledger.database
    if database.startswith("sqlite:///"):
        path, mark, query = database.removeprefix("sqlite:///").partition("?")
        database = f"sqlite:///{folder / path}{mark}{query}"
    return settings.model_copy(
        update={
            "ledger": settings.ledger.model_copy(update={"database": database}),
            "keys": settings.keys.model_copy(update={"file": folder / settings.keys.file}),
            "listeners": tuple(_recorded(listener, folder) for listener in settings.listeners),
            "admin": settings.admin.model_copy(update={"tls": _found(settings.admin.tls, folder)}),
        }
    )


def _recorded(listener: ListenerSettings, folder: Path) -> ListenerSettings:
    if listener.record is None or listener.record_key_file is None:
        return listener
    paths = {"record": folder / listener.record, "record_key_file": folder / listener.record_key_file}
    return listener.model_copy(update=paths)


def _found(tls: AdminTlsSettings | None, folder: Path) -> AdminTlsSettings | None:
    if tls is None:
        return None
    files = {name: folder / path for name, path in tls if path is not None}
    return tls.model_copy(update=files)
