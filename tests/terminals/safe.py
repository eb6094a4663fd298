"""What the guard and the judge stand on in tests: a security module, a terminal's keys, and books that answer."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field

from switch.ledger.lookups import Answer, KeptKey, Question, Verification
from switch.messages.protected import ProtectedFields
from switch.messages.verdicts import Finding
from switch.security.ciphers import des
from switch.security.issuers import IssuerKeyRow, Issuers
from switch.security.key_blocks import KeyUsage, range_owner, terminal_owner
from switch.security.keyring import Keyring
from switch.security.mac import MacAlgorithm, MacMethod, MacOutput, mac_key
from switch.security.pin_blocks import PinFormat, closed
from switch.security.pin_checks import pvv
from switch.security.software_hsm import SoftwareHsm
from switch.security.working_keys import WorkingKeys, taken
from switch.telemetry import ListenerMetrics
from switch.terminals.asking import Asker
from switch.terminals.exchange import Security
from switch.terminals.guard import Guard, MacPolicy, Protection
from switch.terminals.judge import Judge, PasswordQuestion
from switch.values import Pan
from switch.wire.codec import Codec, Fields
from switch.wire.dialect import Dialect
from tests.terminals.door import NOON

MASTER = bytes(range(32))
TERMINAL_MASTER = bytes.fromhex("3B1CB5D6A2E94F7083C4DA61582F9E0D")
ISSUER_KEY = bytes.fromhex("9E15204313F7318ACB79B90BD986AD29")
CVK = bytes.fromhex("0123456789ABCDEFFEDCBA9876543210")
GRACE_US = 60_000_000
PIN = "1234"
UNIONPAY = MacMethod(MacAlgorithm.ECB, MacOutput.ASCII8)


class FakeBooks:
    """Stands in for the books behind `Asker`: knows keys by terminal, cards by number, passwords by operator.

    Answers at once, or, with ``later``, when told to.
    """

    def __init__(self, *, later: bool = False) -> None:
        self.keys: dict[str, dict[str, KeptKey]] = {}
        self.cards: dict[bytes, Verification] = {}
        self.passwords: dict[tuple[str, str], str] = {}
        self.questions: list[Question] = []
        self.is_broken = False
        self.is_full = False
        self._later = later
        self._open: list[tuple[Question, Callable[[Answer | None], None]]] = []

    def ask(self, question: Question, deliver: Callable[[Answer | None], None]) -> bool:
        self.questions.append(question)
        if self.is_full:
            return False
        if self._later:
            self._open.append((question, deliver))
        else:
            deliver(self._answer(question))
        return True

    def answer(self) -> None:
        """Answer the question that waits for longest."""
        question, deliver = self._open.pop(0)
        deliver(self._answer(question))

    def _answer(self, question: Question) -> Answer | None:
        if self.is_broken:
            return None
        password = self.passwords.get(question.operator) if question.operator else None
        return Answer(self.keys.get(question.terminal_id, {}), self.cards.get(question.pan_key), password)


class FakePasswords:
    """Stands in for the slow comparison of passwords: a stored one is its own text."""

    def ask(self, question: PasswordQuestion, deliver: Callable[[Finding | None], None]) -> bool:
        deliver(Finding.RIGHT if question.stored == question.password.reveal() else Finding.WRONG)
        return True


def pan_key(pan: Pan) -> bytes:
    return hashlib.sha256(pan.reveal().encode()).digest()


@dataclass
class Safe:
    """One switch's security: ``secure`` is handed to `open_door`."""

    policy: MacPolicy = "optional"
    books: FakeBooks = field(default_factory=FakeBooks)
    hsm: SoftwareHsm = field(default_factory=lambda: SoftwareHsm(MASTER))
    keyring: Keyring = field(default_factory=lambda: Keyring(GRACE_US))
    now: int = NOON
    issuers: Issuers = field(default_factory=Issuers)
    method: MacMethod = UNIONPAY
    faults: list[Exception] = field(default_factory=list)

    def secure(self, dialect: Dialect, metrics: ListenerMetrics) -> Security:
        protected = ProtectedFields(dialect)
        protection = Protection(self.policy, self.method, protected.mac_is_hex)
        guard = Guard(protection, protected, self.hsm, self.keyring, lambda: self.now, metrics)
        judge = Judge(
            protected,
            self.hsm,
            lambda: self.issuers,
            pan_key,
            double_length_mac=False,
            keys_required=self.policy == "required",
        )
        return Security(protected, guard, judge, Asker(self.books, FakePasswords(), self.faults.append))

    def own_terminal(self, terminal_id: str = "TERM0001") -> None:
        """Give a terminal its master key."""
        kept = self.hsm.take_in(
            KeyUsage.TERMINAL_MASTER, TERMINAL_MASTER, owner=terminal_owner(terminal_id), is_demo=False
        )
        self.books.keys[terminal_id] = {KeyUsage.TERMINAL_MASTER: KeptKey(kept.block, "", NOON)}

    def sign_on(self, terminal_id: str = "TERM0001", form: str = "004") -> WorkingKeys:
        """Give out working keys as a sign-on elsewhere would: they are in the books, not in the keyring."""
        from switch.security.working_keys import FORMS

        kept = self.books.keys[terminal_id]
        new = self.hsm.working_keys(
            kept[KeyUsage.TERMINAL_MASTER].block,
            FORMS[form],
            owner=terminal_owner(terminal_id),
            double_length_mac=False,
        )
        for usage, _, block in new.kept:
            before = kept.get(KeyUsage(usage))
            kept[KeyUsage(usage)] = KeptKey(block, before.block if before else "", self.now)
        return taken(TERMINAL_MASTER, new.delivery)

    def issue(self, prefix: str, usage: KeyUsage, key: bytes, method: str = "", index: str = "") -> IssuerKeyRow:
        kept = self.hsm.take_in(usage, key, owner=range_owner(prefix, index), is_demo=True)
        return IssuerKeyRow(prefix, usage, index, kept.block, method)

    def know_card(self, pan: str, *, pin: str = PIN, service_code: str = "201") -> None:
        value = pvv(des(CVK), pan, "1", pin)
        self.books.cards[pan_key(Pan(pan))] = Verification(value, "1", "", service_code, "3012", "")


def maced(codec: Codec, keys: WorkingKeys, fields: Fields) -> Fields:
    """The fields with their MAC, as a UnionPay terminal makes it."""
    body = codec.encode({**fields, 64: "0" * 8})
    mac = mac_key(MacAlgorithm.ECB, keys.mac_key).compute(body[:-8])
    return {**fields, 64: MacOutput.ASCII8.wire(mac).decode()}


def has_right_mac(codec: Codec, keys: WorkingKeys, answer: Fields) -> bool:
    return maced(codec, keys, {number: text for number, text in answer.items() if number != 64})[64] == answer[64]


def pin_block(keys: WorkingKeys, pan: str, pin: str = PIN) -> str:
    block = closed(PinFormat.ISO_0, des(keys.pin_key), pin, pan, bytes)
    return block.hex().upper()
