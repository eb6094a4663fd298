"""The keys that a replay makes MACs with: one master key and one MAC key from a file, then what each sign-on gave."""

from __future__ import annotations

from switch.errors import PeerError
from switch.load.key_pair import NO_KEYS, KeyPair
from switch.load.tills import mac_method
from switch.security.mac import MAC_BYTES, MacAlgorithm, MacKey, MacMethod, MacOutput, mac_key
from switch.security.working_keys import taken
from switch.wire.codec import Codec, Fields
from switch.wire.dialect import Dialect


class GivenKeys:
    """The MAC key of each terminal. The master key opens what sign-ons give out; the standing one is used until then.

    Without a standing one the messages of a terminal that has not signed on keep the MAC that they have.
    """

    def __init__(self, dialect: Dialect, keys: KeyPair = NO_KEYS) -> None:
        self._method = mac_method(dialect) if "mac" in dialect.roles else MacMethod(MacAlgorithm.X9_19, MacOutput.RAW8)
        self._field = int(dialect.roles["mac"]) if "mac" in dialect.roles else 0
        field = dialect.fields.get(self._field)
        self._no_mac = "0" * (field.characters if field else MAC_BYTES)
        self._wire_bytes = field.wire_bytes(field.characters) if field else MAC_BYTES
        self._master = keys.master
        self._standing = mac_key(self._method.algorithm, keys.standing) if keys.standing else None
        self._by_terminal: dict[str, MacKey] = {}

    def __repr__(self) -> str:
        """Show how many there are."""
        return f"<GivenKeys of {len(self._by_terminal)} terminals>"

    def take(self, terminal: str, delivery: bytes) -> bool:
        """Take a sign-on's working keys (field 62); whether they could be opened with the master key."""
        if not self._master:
            return False
        try:
            keys = taken(self._master, delivery)
        except PeerError:
            return False
        self._by_terminal[terminal] = mac_key(self._method.algorithm, keys.mac_key)
        return True

    def written(self, codec: Codec, fields: Fields, terminal: str) -> bytes:
        """The message with its MAC made anew, in the last field; as it is where there is no key."""
        key = self._by_terminal.get(terminal, self._standing)
        if key is None or not self._field or max(fields) > self._field:
            return codec.encode(fields)
        body = codec.encode({**fields, self._field: self._no_mac})[: -self._wire_bytes]
        mac = self._method.output.wire(key.compute(body))
        return body + (mac if len(mac) == self._wire_bytes else mac.hex().upper().encode())
