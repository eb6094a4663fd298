"""What terminals fetch: CA public keys, application identifiers (AIDs), parameters; the files of ``specs/terminals``.

Answers go into field 62 as UnionPay's terminals read them. A list or an item begins with a character: 0 there is
none, 1 that is all, 2 there is more. A terminal asks for a list with "1" and two digits, how many it has already.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from switch.data_files import specs_directory
from switch.messages.download_files import AidsFile, KeysFile, ParametersFile, read_file
from switch.messages.unionpay import ItemName, read_item_name
from switch.wire.tlv import Tlv, build_tlv

LIST_BYTES_MAX: Final = 512
"""Room for one list: the largest field 62 that the older terminals take."""

_NONE, _LAST, _MORE = b"0", b"1", b"2"
_POSITION_CHARACTERS: Final = 3


class Downloads:
    """All that can be fetched, by topic (``ca_keys``, ``aids``, ``parameters``)."""

    def __init__(self, items: Mapping[str, Mapping[ItemName, bytes]], parameters: bytes) -> None:
        self._items = items
        self._names = {topic: tuple(map(_name_tlv, named)) for topic, named in items.items()}
        self._parameters = parameters

    def listed(self, topic: str, asked: bytes) -> bytes | None:
        """The answer to a query: what there is, from the position that ``asked`` names; None for an unknown topic.

        A position that is none counts as the first.
        """
        names = self._names.get(topic)
        if names is None:
            return None
        left = names[_position(asked) :]
        told = _as_many_as_fit(left)
        if not told:
            return _NONE
        return (_LAST if len(told) == len(left) else _MORE) + b"".join(told)

    def item(self, topic: str, asked: bytes) -> bytes | None:
        """One item by the name in ``asked``, "0" where there is none of that name; all parameters, whatever is asked.

        None for an unknown topic and where ``asked`` names nothing.
        """
        if topic == "parameters":
            return self._parameters
        items, name = self._items.get(topic), read_item_name(asked)
        if items is None or name is None:
            return None
        found = items.get(name)
        return _NONE if found is None else _LAST + found


def load_downloads(directory: Path | None = None) -> Downloads:
    """Read ``ca_keys.toml``, ``aids.toml`` and ``parameters.toml`` (default: those that come with the switch).

    Raises `ConfigurationError` with file, key and reason: also for a CA key that its own hash does not fit.
    """
    folder = directory or specs_directory() / "terminals"
    keys = read_file(KeysFile, folder / "ca_keys.toml").ca_keys
    applications = read_file(AidsFile, folder / "aids.toml")
    parameters = read_file(ParametersFile, folder / "parameters.toml").parameters
    return Downloads(
        {
            "ca_keys": {ItemName(key.rid, key.index): key.tlv() for key in keys},
            "aids": {ItemName(one.aid, b""): applications.tlv(one) for one in applications.aids},
        },
        b"".join(f"{one.tag}{one.value}".encode("ascii") for one in parameters),
    )


def _position(asked: bytes) -> int:
    """How many a terminal has already: "1" and two digits."""
    digits = asked[1:_POSITION_CHARACTERS]
    return int(digits) if asked[:1] == b"1" and len(digits) == _POSITION_CHARACTERS - 1 and digits.isdigit() else 0


def _as_many_as_fit(names: Sequence[bytes]) -> Sequence[bytes]:
    size = 1  # the character before them
    for count, name in enumerate(names):
        size += len(name)
        if size > LIST_BYTES_MAX:
            return names[:count]
    return names


def _name_tlv(name: ItemName) -> bytes:
    parts = [Tlv("9F06", name.name)]
    if name.key_index:
        parts.append(Tlv("9F22", name.key_index))
    return build_tlv(tuple(parts))
