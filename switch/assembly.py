"""Puts the doors together: for each listener its codec, mapping, guard and judge, on what all of them share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Final

import trio

from switch.capture.orders import Order
from switch.capture.recording import Recording
from switch.capture.token_key import read_token_key
from switch.config import ListenerSettings, Settings
from switch.errors import ConfigurationError, DatabaseError
from switch.ledger.database import Database
from switch.ledger.lookups import Answer, Question, read_answers, read_any_key, read_base_keys, read_issuer_keys
from switch.messages.dates import HostCalendar
from switch.messages.mapping import MessageMap
from switch.messages.protected import ProtectedFields
from switch.messages.verdicts import Finding
from switch.security.base_keys import BaseKeyRow, BaseKeys
from switch.security.issuers import IssuerKeyRow, Issuers
from switch.security.key_blocks import KeyBlocks, KeyUsage, algorithm_of
from switch.security.keyring import Keyring
from switch.security.keys import MasterKeys
from switch.security.mac import MacAlgorithm, MacMethod, MacOutput
from switch.security.passwords import password_matches
from switch.security.software_hsm import SoftwareHsm
from switch.telemetry import EventLog, ListenerMetrics, Metrics, TransactionLog
from switch.terminals.asking import Asker
from switch.terminals.exchange import Exchange, Security
from switch.terminals.guard import Guard, Protection
from switch.terminals.judge import Judge, PasswordQuestion
from switch.terminals.limits import Limits
from switch.terminals.listener import Listener
from switch.terminals.sweeps import Runner, Sweeper
from switch.terminals.tapping import Taps
from switch.transactions.handler import Handler, Ledger
from switch.values import Pan
from switch.wire.codec import Codec
from switch.wire.dialect import Dialect, load_dialect
from switch.wire.framing import Framing

SWEEP_MAX: Final = 256
"""Questions to the books that are answered by one query."""

PASSWORDS_MAX: Final = 512
"""Passwords that may wait for their comparison, tens of milliseconds each; more sign-ons are refused at once."""

ISSUERS_AGE_S: Final = 30.0
"""How soon an issuer's key that was put in is minded by a running switch."""

_MICROSECONDS: Final = 1_000_000
_DAY_US: Final = 86_400 * _MICROSECONDS


class KeyDesk:
    """What all listeners share of keys: the security module, the keyring, the issuers' keys, and whom to ask.

    Without a master key there is no security module, and listeners check nothing.
    """

    def __init__(
        self,
        settings: Settings,
        database: Database,
        master: MasterKeys | None,
        pan_key: Callable[[Pan], bytes],
        runner: Runner,
        clock: Callable[[], int],
        events: EventLog,
    ) -> None:
        self.hsm = SoftwareHsm(master) if master is not None else None
        self._blocks = KeyBlocks(master) if master is not None else None
        self.pan_key = pan_key
        self._database = database
        self._issuers = Issuers()
        self._bases = BaseKeys()
        self._events = events
        grace_s = max((listener.security.old_keys_s for listener in settings.listeners), default=0.0)
        self.keyring = Keyring(int(grace_s * _MICROSECONDS))
        self._clock = clock
        self._books: Sweeper[Question, Answer] = Sweeper(
            partial(read_answers, database), runner, partial(events.unexpected, "reading keys"), SWEEP_MAX
        )
        self._passwords: Sweeper[PasswordQuestion, Finding] = Sweeper(
            _check_passwords, runner, partial(events.unexpected, "checking a password"), SWEEP_MAX, PASSWORDS_MAX
        )
        self.asker = Asker(self._books, self._passwords, partial(events.unexpected, "judging a message"))

    def issuers(self) -> Issuers:
        """The issuers' keys, at most `ISSUERS_AGE_S` old."""
        return self._issuers

    def bases(self) -> BaseKeys:
        """The base derivation keys, at most `ISSUERS_AGE_S` old."""
        return self._bases

    def read_issuers(self) -> None:
        """Read the issuers' and base derivation keys anew; blocks.

        Raises `ConfigurationError` for one that makes no sense.
        """
        self._read_bases()
        self._read_issuers()

    def _read_bases(self) -> None:
        self._bases = BaseKeys(BaseKeyRow(*row) for row in read_base_keys(self._database))

    def _read_issuers(self) -> None:
        self._issuers = Issuers(IssuerKeyRow(*row) for row in read_issuer_keys(self._database))

    def check_master(self) -> None:
        """Open one key of the books; blocks. Raises `ConfigurationError` where the master key is not that of the books.

        Without a master key nothing is checked of any message: that is said in the log.
        """
        found = read_any_key(self._database)
        if self.hsm is None:
            self._events.keyless(has_keys=found is not None)
        elif found is not None and self._blocks is not None:
            usage, block = found
            self._blocks.unwrap(block, KeyUsage(usage), algorithm_of(block))

    async def run(self) -> None:
        """Answer questions until cancelled."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._books.run)
            nursery.start_soon(self._passwords.run)
            nursery.start_soon(self._keep_issuers_fresh)

    async def _keep_issuers_fresh(self) -> None:
        while True:
            await trio.sleep(ISSUERS_AGE_S)
            for what, read in (("base", self._read_bases), ("issuers'", self._read_issuers)):
                try:  # each for itself: one that makes no sense must not keep what was taken out of the other alive
                    await trio.to_thread.run_sync(read)
                except (DatabaseError, ConfigurationError) as error:
                    self._events.unexpected(f"reading the {what} keys", error)

    def security(
        self, settings: ListenerSettings, dialect: Dialect, clock: Callable[[], int], metrics: ListenerMetrics
    ) -> Security | None:
        """Who looks after one listener's messages; None without a master key. Raises `ConfigurationError`."""
        if self.hsm is None:
            if settings.security.mac == "required":
                raise ConfigurationError(
                    f"listener {settings.name}: MACs are required, but there is no master key for the terminals' keys: "
                    "add [master] to the key file, or set SWITCH_MASTER_KEY"
                )
            return None
        protected = ProtectedFields(dialect)
        protection = Protection(settings.security.mac, _method(settings, protected), protected.mac_is_hex)
        guard = Guard(protection, protected, self.hsm, self.keyring, clock, metrics, self.bases)
        judge = Judge(
            protected,
            self.hsm,
            self.issuers,
            self.pan_key,
            double_length_mac=settings.security.double_length_mac,
            keys_required=settings.security.mac == "required",
        )
        return Security(protected, guard, judge, self.asker)


class Doors:
    """Builds listeners on what they share."""

    def __init__(
        self,
        writer: Ledger,
        desk: KeyDesk,
        calendar: HostCalendar,
        clock: Callable[[], int],
        ids: Callable[[], int],
        metrics: Metrics,
        transactions: TransactionLog,
        events: EventLog,
        taps: Taps,
    ) -> None:
        self._writer = writer
        self._desk = desk
        self._calendar = calendar
        self._clock = clock
        self._ids = ids
        self._metrics = metrics
        self._transactions = transactions
        self._events = events
        self._taps = taps

    def listener(self, settings: ListenerSettings) -> Listener:
        """Build one listener. Raises `ConfigurationError` for a dialect or framing that makes no sense."""
        dialect = load_dialect(settings.dialect)
        limits = Limits(**settings.limits.model_dump())
        counters = self._metrics.listener(settings.name)
        if settings.security.mac == "off":
            self._events.unprotected(settings.name)
        exchange = Exchange(
            settings.name,
            _framing(settings, dialect.framing),
            Codec(dialect),
            MessageMap(dialect, self._calendar, settings.name, settings.acquirer_id, self._desk.pan_key),
            self._calendar,
            Handler(self._writer, limits.answer_deadline_s),
            self._clock,
            self._ids,
            counters,
            self._transactions,
            self._events,
            self._desk.security(settings, dialect, self._clock, counters),
            ProtectedFields(dialect).unreadable if settings.security.mac != "off" else frozenset(),
            self._taps,
        )
        return Listener(exchange, limits, counters, self._events, _recording(settings, exchange.framing))


def _recording(settings: ListenerSettings, framing: Framing) -> Recording | None:
    """What the listener records with, not started yet; None where it records nothing. Raises `ConfigurationError`."""
    if settings.record is None or settings.record_key_file is None:
        return None
    try:
        key = read_token_key(settings.record_key_file)
    except ConfigurationError as error:
        raise ConfigurationError(f"listener {settings.name}: record_key_file: {error}") from None
    return Recording(Order(settings.record, settings.dialect, framing, settings.record_rotate_bytes, key))


def _check_passwords(asked: Sequence[PasswordQuestion]) -> list[Finding]:
    """Compare each password once, however many terminals of a merchant send it at the same time."""
    found = {
        each: Finding.RIGHT if password_matches(each.stored, each.password.reveal()) else Finding.WRONG
        for each in set(asked)
    }
    return [found[each] for each in asked]


def _method(settings: ListenerSettings, protected: ProtectedFields) -> MacMethod:
    """The listener's own, else UnionPay's where the MAC is written as text, and the retail MAC where it is bytes."""
    usual = (MacAlgorithm.ECB, MacOutput.ASCII8) if protected.mac_is_text else (MacAlgorithm.X9_19, MacOutput.RAW8)
    algorithm, output = settings.security.mac_algorithm, settings.security.mac_output
    if algorithm == "sm4-ecb" and not settings.security.double_length_mac:
        raise ConfigurationError(
            f"listener {settings.name}: an SM4 MAC needs a key of 16 bytes: set double_length_mac = true"
        )
    return MacMethod(
        MacAlgorithm(algorithm) if algorithm else usual[0],
        MacOutput(output) if output else usual[1],
    )


def _framing(settings: ListenerSettings, preset: Framing) -> Framing:
    """The dialect's preset with what the listener does otherwise."""
    changes = settings.framing.model_dump(exclude_none=True)
    if "trailer" in changes:
        changes["trailer"] = bytes.fromhex(changes["trailer"])
    try:
        return replace(preset, **changes)
    except ValueError as error:
        raise ConfigurationError(f"listener {settings.name}: framing: {error}") from None
