"""The sections of switch.toml: each setting with its bounds and its default. `switch.config` reads them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, field_validator, model_validator

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
    own_process: bool = True  # `switch serve` decides and commits in a second process, on a second processor

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
    acquirer_id: Annotated[str, Field(pattern=r"^[0-9]{0,11}$")] = ""  # DE 32 of answers whose request brought none
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
    audit_hours: Annotated[int, Field(ge=0, le=720)] = 24  # how old the last audit of the books gets; 0: any age


class LogSettings(_Section):
    """How the log is written, to standard error."""

    format: Literal["console", "json"] = "console"
    level: Literal["debug", "info", "warning", "error"] = "info"


class TracingSettings(_Section):
    """Traces of single requests, for OpenTelemetry; needs the extra ``tracing``."""

    exporter: Literal["off", "console", "otlp"] = "off"  # console: JSON lines to standard error; otlp: over HTTP
    endpoint: Annotated[str, Field(pattern=r"^https?://[^\s@]+$")] = "http://127.0.0.1:4318/v1/traces"
    one_in: Annotated[int, Field(ge=1, le=1_000_000)] = 100  # requests of which one is traced


class ServerSettings(_Section):
    """The process as a whole."""

    drain_deadline_s: Deadline = 10.0  # on SIGTERM: how long requests in flight may take to finish
