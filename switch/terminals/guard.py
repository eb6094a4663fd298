"""What stands between a message's bytes and its reading: the terminal's keys, its MAC, its encrypted tracks.

The guard says what may be read (`Guard.admit`) and puts the MAC on the answer (`Guard.sealed`). Keys are held in a
keyring; those that are not are asked for by yielding a question, so that the message waits and not the loop
(`switch.terminals.asking` drives it). A message under a key of its own (DUKPT) says which, and needs none of them. One
that carries nothing to look at costs one look at its field numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from switch.errors import PeerError
from switch.ledger.lookups import Answer, Question
from switch.messages.actions import Action
from switch.messages.catalogue import Entry
from switch.messages.kinds import Kind
from switch.messages.model import Reject
from switch.messages.protected import ProtectedFields
from switch.messages.sensitive import NO_SECRETS, Secrets
from switch.security.base_keys import BaseKeys
from switch.security.hsm import Hsm, TransactionKey
from switch.security.key_blocks import KeyUsage, check_owner, terminal_owner
from switch.security.key_serials import read_key_serial
from switch.security.keyring import Keyring, TerminalKeys
from switch.security.mac import MacMethod
from switch.security.tracks import is_plausible_track2
from switch.telemetry import ListenerMetrics
from switch.wire.codec import Fields

MacPolicy = Literal["off", "optional", "required"]

MAC_BYTES: Final = 8

UNREADABLE: Final = Reject(Action.TEMPORARILY_UNAVAILABLE, "the books cannot be read for its keys")


MacKey = str | TransactionKey
"""A terminal's key block, or the key of one transaction."""


@dataclass(frozen=True, slots=True)
class Protection:
    """How one listener's messages carry MACs. ``is_hex``: their field is written as 16 hexadecimal characters."""

    policy: MacPolicy
    method: MacMethod
    is_hex: bool

    @property
    def field_bytes(self) -> int:
        """What the MAC's field takes on the wire: it is the last of its message."""
        return 2 * MAC_BYTES if self.is_hex else MAC_BYTES


class Admitted(NamedTuple):
    """A message that may be read: its fields with the tracks in clear, its terminal's keys as far as they were needed.

    ``mac_key`` is what its MAC was right under, "" where it carries none: the answer's is made with it. ``transaction``
    is the key made for this one transaction that PIN block and MAC are under (DUKPT), in place of the terminal's.
    ``secrets`` are what the fields, tracks in clear, carry for the judge. ``refused`` says why there is nothing to
    judge though its MAC was right: its tracks do not open.
    """

    fields: Fields
    keys: TerminalKeys | None = None
    mac_key: MacKey = ""
    secrets: Secrets = NO_SECRETS
    refused: Reject | None = None
    transaction: TransactionKey | None = None

    def __repr__(self) -> str:
        return "Admitted(********)"


Admission = Generator[Question, Answer | None, Admitted | Reject]


class Guard:
    """Looks after the messages of one listener, on the loop's thread."""

    def __init__(
        self,
        protection: Protection,
        protected: ProtectedFields,
        hsm: Hsm,
        keyring: Keyring,
        clock: Callable[[], int],
        metrics: ListenerMetrics,
        bases: Callable[[], BaseKeys] = BaseKeys,
    ) -> None:
        self.protection = protection
        self._protected = protected
        self._hsm = hsm
        self._keyring = keyring
        self._clock = clock
        self._metrics = metrics
        self._bases = bases

    def admit(self, body: bytes, fields: Fields, entry: Entry) -> Admission:
        """Check the MAC of a message and open its tracks; why not, where they are not as they should be."""
        secrets = self._protected.secrets(fields, entry)
        wants_mac = entry.mac and self.protection.policy != "off"
        if wants_mac and not secrets.mac and self.protection.policy == "required":
            return self._refused("missing", f"a {entry.kind} needs a MAC here")
        checks_mac = wants_mac and bool(secrets.mac)
        is_protected = checks_mac or secrets.is_track_encrypted or bool(secrets.pin_block)
        if not is_protected and entry.kind is not Kind.SIGN_ON:
            return Admitted(fields, secrets=secrets)
        if is_protected and secrets.key_serial:
            return self._admit_once(body, fields, secrets, checks_mac=checks_mac)
        terminal_id = self._protected.terminal(fields)
        # a sign-on is worth a look into the books: an officer may have put another master key in
        keys = None if entry.kind is Kind.SIGN_ON else self._keyring.get(terminal_id)
        keys = keys or (yield from self._read_keys(terminal_id))
        if keys is None:
            return UNREADABLE
        block = ""
        if checks_mac:
            found = yield from self._check_mac(terminal_id, keys, body)
            if isinstance(found, Reject):
                return found
            block, keys = found
        if secrets.is_track_encrypted and not fields.keys().isdisjoint(self._protected.tracks):
            opened = self._open_tracks(fields, keys)
            if isinstance(opened, Reject):
                return Admitted(fields, keys, block, refused=opened)
            fields, secrets = opened, self._protected.secrets(opened, entry)
        return Admitted(fields, keys, block, secrets)

    def sealed(self, body: bytes, key: MacKey) -> bytes:
        """The encoded answer with the MAC in its last field, which was left as zeros."""
        size = self.protection.field_bytes
        data = body[:-size]
        if isinstance(key, TransactionKey):
            mac = self._hsm.answer_mac(key, data)
        else:
            mac = self._hsm.mac(key, self.protection.method, data)
        return data + (mac.hex().upper().encode() if self.protection.is_hex else mac)

    def signed_on(self, terminal_id: str, kept: tuple[tuple[str, str, str], ...]) -> None:
        """Take over the keys that a sign-on gave out, once that is durable."""
        self._keyring.renew(terminal_id, ((usage, block) for usage, _, block in kept), self._clock())

    # --- keys ----------------------------------------------------------------------------------------------

    def _read_keys(self, terminal_id: str) -> Generator[Question, Answer | None, TerminalKeys | None]:
        """Raises `ConfigurationError` where the books have another terminal's key in this one's place."""
        answer = yield Question(terminal_id=terminal_id)
        if answer is None:
            return None
        owner = terminal_owner(terminal_id)
        for key in answer.keys.values():
            for block in (key.block, key.previous):
                check_owner(block, owner)
        blocks = {usage: (key.block, key.previous, key.changed_at) for usage, key in answer.keys.items()}
        return self._keyring.put(terminal_id, blocks)

    # --- the MAC -------------------------------------------------------------------------------------------

    def _check_mac(
        self, terminal_id: str, keys: TerminalKeys, body: bytes
    ) -> Generator[Question, Answer | None, tuple[str, TerminalKeys] | Reject]:
        """One that fails is tried once more under keys read anew: the terminal may have signed on elsewhere."""
        found = self._authentic(keys, body)
        if found is None:
            again = yield from self._read_keys(terminal_id)
            if again is None:
                return UNREADABLE
            keys = again
            found = self._authentic(keys, body)
        if found is None:
            is_keyless = KeyUsage.MAC not in keys.current
            why = "cannot be checked: the terminal has no MAC key" if is_keyless else "is not that of the message"
            return self._refused("wrong", f"the MAC {why}")
        if found == keys.current[KeyUsage.MAC]:
            self._keyring.settle(terminal_id)
            return found, keys
        return found, keys.before  # it has not had its new keys: its PIN and tracks are under the old ones too

    def _authentic(self, keys: TerminalKeys, body: bytes) -> str | None:
        blocks = keys.candidates(KeyUsage.MAC, self._clock())
        if not blocks:
            return None
        received = self._received(body)
        data = body[: -self.protection.field_bytes]
        return self._hsm.authentic(blocks, self.protection.method, data, received) if received else None

    def _received(self, body: bytes) -> bytes:
        """The MAC at a message's end; b"" where another field is its last."""
        received = body[-self.protection.field_bytes :]
        if not self.protection.is_hex:
            return received
        try:
            return bytes.fromhex(received.decode("ascii"))
        except ValueError:
            return b""

    # --- keys for one transaction --------------------------------------------------------------------------

    def _admit_once(self, body: bytes, fields: Fields, secrets: Secrets, *, checks_mac: bool) -> Admitted | Reject:
        """Look at a message whose own key serial number says what it is under: the terminal's keys play no part.

        Whether its counter was seen before is for the books to say, inside its group.
        """
        try:
            serial = read_key_serial(secrets.key_serial)
        except PeerError as error:
            return Reject(Action.KEY_SERIAL_WRONG, str(error))
        key = self._bases().find(serial)
        if key is None:
            why = f"there is no base derivation key for key set {serial.key_set}: see `switch keys base`"
            return Reject(Action.KEYS_MISSING, why)
        if checks_mac:
            data, received = body[: -self.protection.field_bytes], self._received(body)
            if self._hsm.authentic_under(key, data, received) is None:
                return self._refused("wrong", "the MAC is not that of the message under its transaction's key")
        refused = None
        if secrets.is_track_encrypted and not fields.keys().isdisjoint(self._protected.tracks):
            refused = Reject(Action.KEYS_MISSING, "the track is encrypted, and is not opened under DUKPT")
        return Admitted(fields, None, key if checks_mac else "", secrets, refused, key)

    def _refused(self, reason: str, because: str) -> Reject:
        self._metrics.mac_refused(reason)
        return Reject(Action.MAC_WRONG, because)

    # --- tracks --------------------------------------------------------------------------------------------

    def _open_tracks(self, fields: Fields, keys: TerminalKeys) -> Fields | Reject:
        block = keys.current.get(KeyUsage.TRACK)
        if block is None:
            return Reject(Action.KEYS_MISSING, "the track is encrypted, and the terminal has no track key")
        opened = dict(fields)
        try:
            for number in self._protected.tracks:
                if number in opened:
                    opened[number] = self._hsm.open_track(block, opened[number])
        except ValueError as error:
            return Reject(Action.FORMAT_ERROR, f"the encrypted track cannot be opened: {error}")
        track2 = opened.get(self._protected.tracks[0])
        if track2 is not None and not is_plausible_track2(track2):
            return Reject(Action.FORMAT_ERROR, "the encrypted track opens to none: it was made with another key")
        return opened
