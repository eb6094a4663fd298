"""The settings of one switch: read from switch.toml and the environment, checked whole before anything starts.

Every setting can be given in the environment, which wins over the file: ``SWITCH_`` and the path of the key,
joined by two underscores (``SWITCH_LEDGER__DATABASE``, ``SWITCH_LOG__LEVEL``); a list as JSON
(``SWITCH_LISTENERS='[{"name": ...}]'``). Unknown keys are refused. Paths are relative to the file's folder.
Units stand last in every name: ``_s`` seconds, ``_minor`` minor units of the currency, ``_bytes`` bytes.
"""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from urllib.parse import parse_qsl, urlencode, urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from switch.errors import ConfigurationError

DEFAULT_FILE: Final = "switch.toml"
_PREFIX: Final = "SWITCH_"
_MASK: Final = "********"
_DATABASES: Final = ("sqlite", "postgresql", "postgresql+psycopg")
_NETWORK_URL: Final = re.compile(
    r"[a-z+]+://([^:/?#@\[\]]*(:[^/?#@\[\]]*)?@)?(\[[0-9A-Fa-f:.]+\]|[^:/?#@\[\]]*)(:[0-9]+)?(/[^?#]*)?(\?[^#]*)?"
)
"""Has one reading only: whoever parses it finds the same password, so that whoever masks it hides the whole."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen: a host name or IP address without brackets, and a port (0: any free one)."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: object) -> Address:
        """Read ``HOST:PORT`` or ``[IPV6]:PORT``. Raises ValueError."""
        if isinstance(text, Address):
            return text
        host, colon, port = str(text).rpartition(":")
        if host.startswith("[") and host.endswith("]"):
            host = host[1:-1]
        elif ":" in host:
            raise ValueError("must be HOST:PORT, an IPv6 address in brackets: [::1]:8583")
        if not (colon and host and port.isascii() and port.isdigit() and int(port) <= 65535):  # noqa: PLR2004 - TCP
            raise ValueError("must be HOST:PORT, with a port from 0 (any free one) to 65535")
        return cls(host, int(port))

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


Bind = Annotated[Address, BeforeValidator(Address.parse), PlainSerializer(str, return_type=str)]
Deadline = Annotated[float, Field(gt=0, le=86_400)]
Count = Annotated[int, Field(ge=1, le=1_000_000)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class LedgerSettings(_Section):
    """The books: where they are, and how much may wait for one commit."""

    database: str = Field(repr=False)  # may hold a password
    group_max: Count = 256  # requests that share one commit
    queue_max: Count = 4096  # requests waiting for a group; more are shed

    @field_validator("database")
    @classmethod
    def _known_database(cls, url: str) -> str:
        scheme, found, rest = url.partition("://")
        if not found or scheme not in _DATABASES:
            raise ValueError(f"must be sqlite:///FILE or postgresql://USER@HOST/NAME, not {scheme.partition(':')[0]!r}")
        if scheme == "sqlite" and (not rest.startswith("/") or rest in {"/", "/:memory:"} or "mode=memory" in rest):
            raise ValueError("must name a file: sqlite:///FILE, or sqlite:////ABSOLUTE/FILE")
        if scheme != "sqlite" and not _NETWORK_URL.fullmatch(url):
            raise ValueError("must be postgresql://USER:PASSWORD@HOST:PORT/NAME, with / ? # @ [ ] in a password as %XX")
        return url


def _hex_bytes(text: object) -> bytes:
    if isinstance(text, bytes):
        return text
    try:
        return bytes.fromhex(str(text))
    except ValueError:
        raise ValueError('must be hex digits, like "03"') from None


class FramingSettings(_Section):
    """What a listener does otherwise than its dialect's preset framing. None: as the dialect says."""

    length: Literal["binary2", "bcd2", "ascii4", "hex4"] | None = None
    length_includes_itself: bool | None = None
    trailer: Annotated[bytes, BeforeValidator(_hex_bytes), PlainSerializer(bytes.hex, return_type=str)] | None = None
    trailer_counted: bool | None = None
    tpdu: bool | None = None
    header_bytes: Annotated[int, Field(ge=0, le=256)] | None = None
    max_frame_bytes: Annotated[int, Field(ge=32, le=65_535)] | None = None


class LimitSettings(_Section):
    """How much one listener takes on, and how long it waits for its peers."""

    max_connections: Count = 10_000
    max_connections_per_address: Count = 4_000
    max_in_flight: Annotated[int, Field(ge=1, le=4096)] = 64  # of one connection; more wait in its socket
    partial_frame_deadline_s: Deadline = 10.0  # from a frame's first byte to its last
    idle_deadline_s: Deadline = 900.0  # nothing received and nothing in flight
    send_deadline_s: Deadline = 10.0  # a peer that does not read
    answer_deadline_s: Deadline = 50.0  # the terminal waits 60; an older request is dropped, not decided


class SecuritySettings(_Section):
    """How one listener's messages are protected. None: as its dialect does it."""

    mac: Literal["off", "optional", "required"] = "optional"  # optional: checked where it is there
    mac_algorithm: Literal["ecb", "x9.9", "x9.19", "cbc", "sm4-ecb"] | None = None
    mac_output: Literal["ascii8", "raw8"] | None = None
    double_length_mac: bool = False  # the MAC key given out at sign-on has 16 bytes where its form has room
    old_keys_s: Deadline = 60.0  # how long keys stay good after new ones were given out, if the terminal uses them


class ListenerSettings(_Section):
    """One door for terminals: an address that speaks one dialect."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_.-]{0,31}$")]  # a metric label: short and plain
    dialect: Annotated[str, Field(min_length=1, max_length=64)]
    bind: Bind
    sign_on: Literal["optional", "required"] = "optional"
    maximum_amount_minor: Annotated[int, Field(ge=1, le=999_999_999_999)] = 999_999_999_999  # DE 4 has 12 digits
    record: Path | None = None  # captures of what is said here, their cards replaced; names get time and number
    record_key_file: Path | None = None  # 64 hex digits, mode 0600: makes the tokens that stand for cards
    record_rotate_bytes: Annotated[int, Field(ge=1_000_000, le=10_000_000_000)] = 64_000_000  # then another file
    minimum_software: Annotated[str, Field(pattern=r"^[0-9A-Za-z.]{0,20}$")] = ""  # older terminals must update first
    security: SecuritySettings = SecuritySettings()
    framing: FramingSettings = FramingSettings()
    limits: LimitSettings = LimitSettings()

    @model_validator(mode="after")
    def _recorded_without_cards(self) -> ListenerSettings:
        if self.record is not None and self.record_key_file is None:
            raise ValueError("record needs record_key_file: what is recorded is tokenised at the source")
        return self


class AdminTlsSettings(_Section):
    """HTTPS on the admin address. With ``client_ca`` a client certificate may stand for a token."""

    certificate: Path
    private_key: Path
    client_ca: Path | None = None


class AdminSettings(_Section):
    """The HTTP side: metrics, health, and the console. Keep it off the terminals' network."""

    bind: Bind = Address("127.0.0.1", 8580)
    console: bool = True  # the operators' pages and their API, in a process of their own, begun when first asked for
    metrics_need_token: bool = False
    two_officers_above_minor: Annotated[int, Field(ge=0, le=999_999_999_999)] = 5_000_000  # a card's limits
    tls: AdminTlsSettings | None = None


class KeySettings(_Section):
    """Where the vault's keys are: a file that only its owner may read."""

    file: Path = Path("keys.toml")


class ChoreSettings(_Section):
    """What the switch does once a business day."""

    dormant_days: Annotated[int, Field(ge=1, le=3650)] = 90  # a terminal silent for so long is put to sleep
    expire_days: Annotated[int, Field(ge=30, le=366)] = 30  # a hold that nobody completed ends after so long


class LogSettings(_Section):
    """How the log is written, to standard error."""

    format: Literal["console", "json"] = "console"
    level: Literal["debug", "info", "warning", "error"] = "info"


class ServerSettings(_Section):
    """The process as a whole."""

    drain_deadline_s: Deadline = 10.0  # on SIGTERM: how long requests in flight may take to finish


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
