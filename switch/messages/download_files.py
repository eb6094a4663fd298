"""The shape of the files in ``specs/terminals``: what pydantic accepts here, terminals are told."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Final, Self, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from switch.errors import ConfigurationError
from switch.wire.tlv import Tlv, build_tlv

_SHA_1: Final = b"\x01"
_RSA: Final = b"\x01"


def _hex(value: object) -> object:
    """Bytes from hex, which may be broken into lines."""
    return bytes.fromhex(value) if isinstance(value, str) else value


_Bytes = Annotated[bytes, BeforeValidator(_hex), Field(min_length=1)]
_Tag = Annotated[str, StringConstraints(pattern=r"^([0-9A-F]{2}){1,3}$")]
_Plain = Annotated[str, StringConstraints(min_length=1, pattern=r"^[ -~]+$")]


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


File = TypeVar("File", bound=_Row)


class KeyRow(_Row):
    """A CA public key."""

    name: _Plain
    rid: Annotated[_Bytes, Field(min_length=5, max_length=5)]
    index: Annotated[_Bytes, Field(max_length=1)]
    expires: Annotated[str, StringConstraints(pattern=r"^20\d{6}$")]
    exponent: Annotated[_Bytes, Field(max_length=3)]
    modulus: Annotated[_Bytes, Field(max_length=248)]
    sha1: Annotated[_Bytes, Field(min_length=20, max_length=20)] | None = None

    @model_validator(mode="after")
    def _is_what_was_published(self) -> Self:
        if self.sha1 is not None and self.sha1 != self.digest:
            raise ValueError("sha1 is not that of rid, index, modulus and exponent: one of them is mistyped")
        return self

    @property
    def digest(self) -> bytes:
        """Of RID, index, modulus and exponent; it detects mistakes, it protects nothing (EMV Book 2 clause 11.2.2)."""
        whole = self.rid + self.index + self.modulus + self.exponent
        return hashlib.sha1(whole, usedforsecurity=False).digest()

    def tlv(self) -> bytes:
        """The key as terminals load it; its expiry as text."""
        return build_tlv(
            (
                Tlv("9F06", self.rid),
                Tlv("9F22", self.index),
                Tlv("DF05", self.expires.encode("ascii")),
                Tlv("DF06", _SHA_1),
                Tlv("DF07", _RSA),
                Tlv("DF02", self.modulus),
                Tlv("DF04", self.exponent),
                Tlv("DF03", self.digest),
            )
        )


class KeysFile(_Row):
    """``ca_keys.toml``."""

    ca_keys: tuple[KeyRow, ...]

    @model_validator(mode="after")
    def _are_different(self) -> Self:
        _refuse_doubles([key.rid + key.index for key in self.ca_keys], "rid and index")
        return self


class AidRow(_Row):
    """An application, with the tags that it has of its own."""

    name: _Plain
    aid: Annotated[_Bytes, Field(min_length=5, max_length=16)]
    tags: dict[_Tag, _Bytes] = {}


class AidsFile(_Row):
    """``aids.toml``."""

    tags: dict[_Tag, _Bytes]
    aids: tuple[AidRow, ...]

    @model_validator(mode="after")
    def _are_different(self) -> Self:
        _refuse_doubles([one.aid for one in self.aids], "aid")
        return self

    def tlv(self, one: AidRow) -> bytes:
        """The application as terminals load it: the tags common to all, its own instead of or after them."""
        return build_tlv((Tlv("9F06", one.aid), *(Tlv(tag, value) for tag, value in {**self.tags, **one.tags}.items())))


class ParameterRow(_Row):
    """One thing that a terminal is told of itself."""

    tag: Annotated[str, StringConstraints(pattern=r"^\d{2}$")]
    value: _Plain
    meaning: _Plain


class ParametersFile(_Row):
    """``parameters.toml``."""

    parameters: tuple[ParameterRow, ...]


def _refuse_doubles(names: Sequence[bytes], what: str) -> None:
    if len(set(names)) < len(names):
        raise ValueError(f"two rows have the same {what}")


def read_file(kind: type[File], path: Path) -> File:
    """Read and check one of them. Raises `ConfigurationError` with file, key and reason."""
    try:
        raw: dict[str, Any] = tomllib.loads(path.read_text("utf-8"))
        return kind.model_validate(raw)
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path}: not TOML: {error}") from None
    except ValidationError as error:
        first = error.errors()[0]
        raise ConfigurationError(f"{path}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from None
