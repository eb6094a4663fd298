"""Where a fact stands in a message: a field ("11") or a part of one ("60.2"), as a compiled getter."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from switch.errors import ConfigurationError
from switch.wire.codec import Fields
from switch.wire.dialect import Dialect

Getter = Callable[[Fields], str]
"""The text at a path, "" where the message has none or was cut short."""

BytesGetter = Callable[[Fields], bytes]
"""The bytes of a field, b"" where the message has none."""


def getter(dialect: Dialect, path: str) -> Getter:
    """Compile a path. Raises `ConfigurationError` where it names no field or subfield of the dialect."""
    number = field_of(dialect, path)
    if "." not in path:
        return lambda fields: fields.get(number, "")
    start, end = span_of(dialect, path)
    return lambda fields: fields.get(number, "")[start:end]


def role_getter(dialect: Dialect, role: str) -> Getter:
    """The getter of a role; one that the dialect does not have is always ""."""
    path = dialect.roles.get(role)
    return getter(dialect, path) if path else lambda _: ""


def reader(dialect: Dialect, roles: Sequence[str]) -> Callable[[Fields], tuple[str, ...]]:
    """The texts of several roles as one compiled function: a call for each takes longer than the reading."""
    texts = "".join(f"{_text_of(dialect, role)}, " for role in roles)
    names: dict[str, Callable[[Fields], tuple[str, ...]]] = {}
    exec(f"def read(fields):\n    get = fields.get\n    return ({texts})", names)  # noqa: S102 - numbers of fields
    return names["read"]


def _text_of(dialect: Dialect, role: str) -> str:
    path = dialect.roles.get(role)
    if not path:
        return "''"
    start, end = span_of(dialect, path) if "." in path else (None, None)
    text = f"get({field_of(dialect, path)}, '')"
    return text if end is None else f"{text}[{start}:{end}]"


def bytes_getter(dialect: Dialect, role: str) -> BytesGetter:
    """The bytes of a role's field: those of a binary one; of a text, what its hex says, else its own characters."""
    path = dialect.roles.get(role)
    if not path:
        return lambda _: b""
    number = field_of(dialect, path)
    return lambda fields: bytes_of(fields[number]) if number in fields else b""


def text_getter(dialect: Dialect, role: str) -> Getter:
    """The characters of a role's field, also where the dialect keeps it as bytes."""
    path = dialect.roles.get(role)
    if path and dialect.fields[field_of(dialect, path)].format == "b":
        get = bytes_getter(dialect, role)
        return lambda fields: get(fields).decode("latin-1")
    return role_getter(dialect, role)


def bytes_of(text: str) -> bytes:
    """What hex says; of a text that is none, its characters (one byte each, as everywhere above the wire)."""
    try:
        return bytes.fromhex(text)
    except ValueError:
        return text.encode("latin-1", "replace")


def field_of(dialect: Dialect, path: str) -> int:
    """The field number that a path starts with."""
    number = path.partition(".")[0]
    if not number.isdigit() or int(number) not in dialect.fields:
        raise ConfigurationError(f"dialect {dialect.name}: {path!r} names no field of it")
    return int(number)


def span_of(dialect: Dialect, path: str) -> tuple[int, int]:
    """(start, end) of a subfield within its field's text."""
    subfield = dialect.subfields.get(path)
    if subfield is None:
        raise ConfigurationError(f"dialect {dialect.name}: {path!r} is not among its [subfields]")
    return subfield.start, subfield.start + subfield.size
