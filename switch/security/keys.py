"""The keys in clear: made fresh, and read from a file that only its owner may read, or from the environment.

A key has one purpose: *vault* keys encrypt card numbers (AES-256-GCM), versioned so that they can rotate; the
one *lookup* key makes the hash that cards are found by (HMAC-SHA-256) and cannot change without hashing every
card anew; the *master* key wraps every other key (AES-256, `switch.security.key_blocks`), and a file made before
there was one has none. The file is TOML::

    [vault]
    current = 2                # seals from now on; the older ones still open
    keys.1 = "64 hex digits"
    keys.2 = "64 hex digits"
    [lookup]
    key = "64 hex digits"
    [master]
    key = "64 hex digits"      # the same as current = 1 and keys.1, which is how more than one is written

In the environment the same are ``SWITCH_VAULT_KEYS="1:HEX 2:HEX"``, ``SWITCH_LOOKUP_KEY=HEX`` and, where the newest
is not the current one, ``SWITCH_VAULT_CURRENT=1``; where any of these is set, no file is read. The master key is
``SWITCH_MASTER_KEY=HEX``, or ``"1:HEX 2:HEX"`` with the newest the current one; it wins over the file's and may be
beside a file that gives the others.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from switch.errors import ConfigurationError
from switch.security.key_file import read_private, write_private

KEY_BYTES: Final = 32
_VAULT_KEYS: Final = "SWITCH_VAULT_KEYS"
_VAULT_CURRENT: Final = "SWITCH_VAULT_CURRENT"
_LOOKUP_KEY: Final = "SWITCH_LOOKUP_KEY"
_MASTER_KEY: Final = "SWITCH_MASTER_KEY"
_MASTER_VERSION_MAX: Final = 999
"""A key block has three digits for it."""

_NAMES: Final = ("vault", "current", "keys", "lookup", "master", "key")
_VERSION_DIGITS: Final = 5


@dataclass(frozen=True, slots=True)
class MasterKeys:
    """The keys that wrap all others, by version; ``current`` wraps from now on. The repr shows versions only."""

    current: int
    keys: Mapping[int, bytes] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys in clear: the vault's for `switch.security.vault.Vault` alone, ``master`` for the key blocks.

    The repr shows versions only.
    """

    current: int
    vault: Mapping[int, bytes] = field(repr=False)
    lookup: bytes = field(repr=False)
    master: MasterKeys | None = None


def load_keys(path: Path, environment: Mapping[str, str] = os.environ) -> Keys:
    """Read the keys from the environment if it names any, else from the file at ``path``.

    Raises `ConfigurationError`: no file, a file that others may read, or a wrong key; never with key material.
    """
    master = {"master": _versioned(environment[_MASTER_KEY])} if _MASTER_KEY in environment else {}
    if any(name in environment for name in (_VAULT_KEYS, _VAULT_CURRENT, _LOOKUP_KEY)):
        return _checked("environment", _document_of(environment) | master)
    source = f"{path} with {_MASTER_KEY}" if master else str(path)
    return _checked(source, read_private(path) | master)


def write_fresh_keys(path: Path) -> None:
    """Write a file of new random keys, version 1, with mode 0600: whole or not at all, never over another file.

    Raises `ConfigurationError` where ``path`` exists: the cards in the books open with those keys only.
    """
    write_private(path, _fresh_document())


def _fresh_document() -> str:
    return (
        "# Keys of the switch. Without them no card and no key in the books can be read; with them everyone can.\n"
        "# Mode 0600; back it up apart from the database.\n\n"
        f'[vault]\ncurrent = 1\nkeys.1 = "{secrets.token_hex(KEY_BYTES)}"\n\n'
        f'[lookup]\nkey = "{secrets.token_hex(KEY_BYTES)}"\n\n'
        f'[master]\nkey = "{secrets.token_hex(KEY_BYTES)}"\n'
    )


# --- the document, checked ---------------------------------------------------------------------------------


def _key_bytes(text: object) -> bytes:
    if not isinstance(text, str):
        raise ValueError("must be text of 64 hex digits")  # noqa: TRY004 - pydantic takes ValueError
    try:
        key = bytes.fromhex(text)
    except ValueError:
        raise ValueError("must be 64 hex digits") from None
    if len(key) != KEY_BYTES:
        raise ValueError(f"must be {KEY_BYTES} bytes ({2 * KEY_BYTES} hex digits), not {len(key)}")
    return key


_Key = Annotated[bytes, BeforeValidator(_key_bytes)]
_Version = Annotated[int, Field(ge=1, le=65_535)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


class _VaultSection(_Section):
    current: _Version
    keys: dict[_Version, _Key] = Field(min_length=1)

    @model_validator(mode="after")
    def _current_is_there(self) -> _VaultSection:
        if self.current not in self.keys:
            raise ValueError(f"current is {self.current}, but there is no key of that version")
        return self


class _OneKey(_Section):
    key: _Key


class _MasterSection(_Section):
    """One ``key``, or several with ``current``."""

    key: _Key | None = None
    current: Annotated[int, Field(ge=1, le=_MASTER_VERSION_MAX)] | None = None
    keys: dict[Annotated[int, Field(ge=1, le=_MASTER_VERSION_MAX)], _Key] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _is_one_or_the_other(self) -> _MasterSection:
        if (self.key is None) == (not self.keys) or (self.key is not None and self.current is not None):
            raise ValueError("give one key, or current and keys.1, keys.2 and so on")
        if self.keys and self.current not in self.keys:
            raise ValueError("current must be the version of one of its keys")
        return self

    @property
    def versions(self) -> MasterKeys:
        if self.key is not None:
            return MasterKeys(1, {1: self.key})
        assert self.current is not None
        return MasterKeys(self.current, self.keys)


class _Document(_Section):
    vault: _VaultSection
    lookup: _OneKey
    master: _MasterSection | None = None

    @model_validator(mode="after")
    def _one_purpose_per_key(self) -> _Document:
        every = [*self.vault.keys.values(), self.lookup.key]
        if self.master:
            every.extend(self.master.versions.keys.values())
        if len(set(every)) != len(every):
            raise ValueError("two keys are equal; each must be its own")
        return self


def _document_of(environment: Mapping[str, str]) -> dict[str, Any]:
    versions = _pairs(environment.get(_VAULT_KEYS, ""))
    return {
        "vault": {"current": environment.get(_VAULT_CURRENT, _newest(versions)), "keys": versions},
        "lookup": {"key": environment.get(_LOOKUP_KEY, "")},
    }


def _versioned(text: str) -> dict[str, Any]:
    if ":" not in text:
        return {"key": text}
    versions = _pairs(text)
    return {"current": _newest(versions), "keys": versions}


def _pairs(text: str) -> dict[str, str]:
    return {version: key for version, _, key in (pair.partition(":") for pair in text.split())}


def _newest(versions: Mapping[str, str]) -> str:
    return max((version for version in versions if version.isascii() and version.isdigit()), key=int, default="")


def _checked(source: str, document: dict[str, Any]) -> Keys:
    try:
        found = _Document.model_validate(document)
    except ValidationError as error:
        raise ConfigurationError(
            "\n".join(f"{source}: {_place(entry['loc'])}{_reason(entry['msg'])}" for entry in error.errors())
        ) from None
    master = found.master.versions if found.master else None
    return Keys(found.vault.current, found.vault.keys, found.lookup.key, master)


def _place(location: tuple[int | str, ...]) -> str:
    """The path of a wrong key; a part that is no name of ours may be a key pasted in the wrong place."""
    parts = [str(part) for part in location if part != "[key]"]
    shown = [part if part in _NAMES or len(part) <= _VERSION_DIGITS else "?" for part in parts]
    return f"{'.'.join(shown)}: " if shown else ""


def _reason(message: str) -> str:
    return message.removeprefix("Value error, ")
