"""Sequences in which the books, as they are now, come out wrong: each is expected to fail until that is put right."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any, Final

import pytest
import sqlalchemy as sa

from switch.ledger import schema
from switch.ledger.audit import audit
from switch.ledger.database import Database, open_database
from switch.ledger.group import Rules
from switch.ledger.importing import import_file
from switch.ledger.pay_codes import NEVER, keep_code
from switch.ledger.ports import Ids
from switch.ledger.sessions import connector
from switch.ledger.statements import Session
from switch.ledger.store import Store
from switch.messages.actions import Action
from switch.messages.chip import ChipData
from switch.messages.kinds import Kind
from switch.messages.model import Extras, OriginalReference, Request
from switch.messages.verdicts import Finding, Verdicts
from switch.rules.limits import counter_of, given_back, parsed
from switch.rules.parties import BATCH_MAX
from switch.rules.rule import Policy
from switch.transactions.decide import decider
from switch.transactions.table import NEEDS
from switch.values import Pan, Secret
from tests.ledger.sample_books import RUN, VAULT
from tests.ledger.shop import NOON, TODAY, business_day, purchase

RICH, POOR = Pan("4111111111111111"), Pan("378282246310005")
PREPAID, UNSOLD = Pan("6200000000000047"), Pan("5555555555554444")
MANY_TIMES, ONCE = "6200000000000000001", "6200000000000000002"
"""Pay codes of the first card."""

FIRST_ID: Final = 1 << 40
_ID_STRIDE: Final = 4_096  # approval codes are made of what is above the lowest twelve bits
_FILES: Final = {
    "merchants": "merchant_id,name,mcc\nM1,Tea House,5812\n",
    "terminals": "terminal_id,merchant_id,serial\nT1,M1,SN-1\nT2,M1,SN-2\n",
    "cards": (
        "pan,expiry_yymm,balance_minor,class,status\n"
        f"{RICH.reveal()},9912,100000,,\n"
        f"{POOR.reveal()},9912,5000,,\n"
        f"{PREPAID.reveal()},9912,3000,prepaid,\n"
        f"{UNSOLD.reveal()},9912,0,prepaid,inactive\n"
    ),
}
_MTIS: Final = {
    Kind.AUTHORISATION: "0100",
    Kind.INCREMENT: "0100",
    Kind.AUTHORISATION_VOID: "0100",
    Kind.ACTIVATION: "0100",
    Kind.REFUND: "0220",
    Kind.COMPLETION_ADVICE: "0220",
    Kind.ADJUSTMENT: "0220",
    Kind.TIP: "0220",
    Kind.REVERSAL: "0400",
}
_CHIP: Final = ChipData(b"", 0x80, b"", b"", 5, b"", None, "", "", "", None, "", b"", b"", {})
_DAY_US: Final = 86_400_000_000


class Till:
    """Two terminals of one merchant, on books of their own; ``day`` is the day that it is."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.day = TODAY
        self._store = self.store(count(FIRST_ID, _ID_STRIDE).__next__)
        self._stans = count(1)
        self._codes: dict[str, str] = {}  # of authorisations, by STAN

    def store(self, numbers: Ids, connect: Callable[[], Session] | None = None, **policy: Any) -> Store:
        rules = Rules(decider({"": Policy(**policy)}), NEEDS, business_day, "", parsed, counter_of({}), given_back)
        connect = connect or connector(self.database)
        return Store(connect, rules, VAULT.pan_key, self._now, numbers, lambda _: None, VAULT.code_key)

    def _now(self) -> int:
        return NOON + (self.day - TODAY).days * _DAY_US

    def close(self) -> None:
        self._store.close()

    def tomorrow(self, days: int = 1) -> None:
        self.day += timedelta(days=days)

    def new(self, kind: Kind, amount: int | None, pan: Pan | None = RICH, **others: Any) -> Request:
        own = {"kind": kind, "mti": _MTIS.get(kind, "0200"), "local_date": self.day}
        return purchase(next(self._stans), amount, pan)._replace(**{**own, **others})

    def about(self, kind: Kind, original: Request, amount: int | None = None, **others: Any) -> Request:
        """A request that names an earlier one by STAN and date, and by the approval code of an authorisation."""
        reference = OriginalReference("", original.stan, original.local_date, "", others.pop("named_rrn", ""))
        code = self._codes.get(original.stan, "") if kind is not Kind.REVERSAL else ""
        told = original.amount_minor if amount is None else amount
        pan = others.pop("pan", original.pan)
        own = {"original": reference, "approval_code": code, "terminal_id": original.terminal_id}
        return self.new(kind, told, pan, **{**own, **others})

    def send(self, request: Request) -> Action:
        (outcome,) = self._store.run([request]).outcomes
        if outcome.reply is None or outcome.reply.action is Action.SYSTEM_ERROR:
            raise RuntimeError(f"{request.kind}: {outcome.because}")
        if request.kind is Kind.AUTHORISATION:
            self._codes[request.stan] = outcome.reply.approval_code
        return outcome.reply.action

    def approved(self, request: Request) -> Request:
        action = self.send(request)
        if action is not Action.APPROVED:
            raise RuntimeError(f"{request.kind}: {action}")
        return request

    def expire(self, authorisation: Request) -> None:
        reference = OriginalReference("", "", None, "", "", "", FIRST_ID)
        self.approved(self.new(Kind.EXPIRY, None, None, mti="", stan="", original=reference))
        assert self._codes[authorisation.stan]

    def run_sql(self, text: str, **values: Any) -> None:
        with self.database.writing() as connection:
            connection.execute(sa.text(text), values)

    def one(self, text: str, **values: Any) -> Any:
        with self.database.reading() as connection:
            return connection.execute(sa.text(text), values).scalar()

    def ledger(self, pan: Pan = RICH) -> int:
        return int(self._of_account(pan).ledger_minor)

    def held(self, pan: Pan = RICH) -> int:
        return int(self._of_account(pan).held_minor)

    def _of_account(self, pan: Pan) -> Any:
        balance, card = schema.balance, schema.card
        mine = sa.select(balance).where(balance.c.account_id == card.c.account_id, card.c.pan_key == VAULT.pan_key(pan))
        with self.database.reading() as connection:
            return connection.execute(mine).one()

    def set_card(self, pan: Pan, **values: Any) -> None:
        with self.database.writing() as connection:
            its = schema.card.c.pan_key == VAULT.pan_key(pan)
            connection.execute(sa.update(schema.card).where(its).values(**values))

    def card_status(self, pan: Pan) -> str:
        with self.database.reading() as connection:
            its = schema.card.c.pan_key == VAULT.pan_key(pan)
            return str(connection.scalar(sa.select(schema.card.c.status).where(its)))

    def queued(self) -> int:
        return int(self.one("SELECT coalesce(sum(amount_minor), 0) FROM adjustment"))


def _till(url: str, folder: Path) -> Iterator[Till]:
    with closing(open_database(url)) as opened:
        for subject, content in _FILES.items():
            path = folder / f"{subject}.csv"
            path.write_text(content)
            import_file(opened, subject, path, VAULT, RUN)
        with opened.writing() as connection:
            for text in (MANY_TIMES, ONCE):
                of_rich = VAULT.code_key(text), VAULT.pan_key(RICH)
                keep_code(connection, *of_rich, NEVER, single_use=text == ONCE)
        with closing(Till(opened)) as till:
            yield till


@pytest.fixture
def till(sqlite_database: str, tmp_path: Path) -> Iterator[Till]:
    yield from _till(sqlite_database, tmp_path)


@pytest.fixture
def postgresql_till(postgresql_database: str, tmp_path: Path) -> Iterator[Till]:
    yield from _till(postgresql_database, tmp_path)


def code(text: str) -> Extras:
    return Extras(pay_code=Secret(text))


# --- whose money -------------------------------------------------------------------------------------------


def test_a_pay_code_takes_the_money_of_its_own_card_only(till: Till) -> None:
    till.send(till.new(Kind.CODE_PURCHASE, 1_000, POOR, extras=code(ONCE)))

    assert till.ledger(POOR) == 5_000


def test_the_reversal_of_one_purchase_frees_no_other_purchases_code(till: Till) -> None:
    one = till.approved(till.new(Kind.CODE_PURCHASE, 100, None, extras=code(MANY_TIMES)))
    till.approved(till.new(Kind.CODE_PURCHASE, 200, None, extras=code(ONCE)))

    till.send(till.about(Kind.REVERSAL, one, extras=code(ONCE)))

    assert till.send(till.new(Kind.CODE_PURCHASE, 300, None, extras=code(ONCE))) is Action.PAY_CODE_INVALID


# --- reversals that do nothing, or the wrong thing ---------------------------------------------------------


def test_the_cancel_of_a_late_completion_can_be_reversed(till: Till) -> None:
    authorisation = till.approved(till.new(Kind.AUTHORISATION, 1_000))
    till.tomorrow(31)
    till.expire(authorisation)
    completion = till.approved(till.about(Kind.COMPLETION_ADVICE, authorisation))
    void = till.approved(till.about(Kind.COMPLETION_VOID, completion))

    till.approved(till.about(Kind.REVERSAL, void))

    assert till.ledger() == 99_000


def test_a_reversal_that_overtook_its_original_buries_it_although_yesterday_had_the_same_number(till: Till) -> None:
    till.approved(till.new(Kind.PURCHASE, 1_000, stan="000005"))
    till.tomorrow()
    lost = till.new(Kind.PURCHASE, 1_000, stan="000005")

    till.send(till.about(Kind.REVERSAL, lost))

    assert till.send(lost) is Action.ALREADY_REVERSED
    assert till.queued() == 0


def test_an_activation_that_named_an_amount_can_be_reversed(till: Till) -> None:
    activation = till.approved(till.new(Kind.ACTIVATION, 5_000, UNSOLD))

    assert till.send(till.about(Kind.REVERSAL, activation)) is Action.APPROVED
    assert till.card_status(UNSOLD) == "inactive"


def test_a_card_that_was_stolen_stays_stolen_when_its_activation_is_reversed(till: Till) -> None:
    activation = till.approved(till.new(Kind.ACTIVATION, None, UNSOLD))
    till.set_card(UNSOLD, status="stolen")

    till.send(till.about(Kind.REVERSAL, activation, pan=None))

    assert till.card_status(UNSOLD) == "stolen"


def test_a_sale_of_yesterday_that_was_reversed_after_its_refund_is_not_forgotten_with_the_refund(till: Till) -> None:
    sale = till.approved(till.new(Kind.PURCHASE, 1_000))
    till.tomorrow()
    refund = till.approved(till.about(Kind.REFUND, sale))
    till.approved(till.about(Kind.REVERSAL, sale))

    till.approved(till.about(Kind.REVERSAL, refund))

    assert till.ledger() + till.queued() == 100_000


# --- what waits for an operator ----------------------------------------------------------------------------


def test_no_more_is_given_back_and_queued_than_was_paid(till: Till) -> None:
    sale = till.approved(till.new(Kind.PURCHASE, 1_000))
    till.tomorrow()
    till.send(till.about(Kind.REVERSAL, sale))

    till.send(till.about(Kind.ADJUSTMENT, sale, 100))

    assert till.ledger() + till.queued() <= 100_000


def test_a_hold_that_an_operator_is_to_release_does_not_stay_queued_once_it_was_released(till: Till) -> None:
    authorisation = till.approved(till.new(Kind.AUTHORISATION, 1_000))
    till.tomorrow()
    till.send(till.about(Kind.REVERSAL, authorisation))

    till.send(till.about(Kind.AUTHORISATION_VOID, authorisation))

    assert till.held() == till.queued()


# --- originals and keys ------------------------------------------------------------------------------------


def test_of_two_sales_of_one_rrn_the_one_with_the_named_number_is_refunded(till: Till) -> None:
    rrn = "0" * 12
    first = till.approved(till.new(Kind.PURCHASE, 1_000, rrn=rrn))
    till.approved(till.new(Kind.PURCHASE, 50, rrn=rrn))

    assert till.send(till.about(Kind.REFUND, first, named_rrn=rrn)) is Action.APPROVED


def test_a_completion_under_the_key_of_a_sale_is_no_repeat_of_it(till: Till) -> None:
    till.approved(till.new(Kind.PURCHASE, 1_000, stan="000077"))
    authorisation = till.approved(till.new(Kind.AUTHORISATION, 1_000))

    answer = till.send(till.about(Kind.COMPLETION, authorisation, stan="000077"))

    assert answer is Action.DUPLICATE_CONFLICT


@pytest.mark.parametrize("kind", [Kind.TIP, Kind.ADJUSTMENT, Kind.COMPLETION_ADVICE])
def test_what_has_happened_is_not_refused_for_the_chip_data_of_its_own_original(till: Till, kind: Kind) -> None:
    shown: dict[str, Any] = {"chip": _CHIP, "verdicts": Verdicts(cryptogram=Finding.RIGHT), "entry_mode": "051"}
    first = Kind.AUTHORISATION if kind is Kind.COMPLETION_ADVICE else Kind.PURCHASE
    original = till.approved(till.new(first, 1_000, **shown))

    assert till.send(till.about(kind, original, 1_100, **shown)) is Action.APPROVED


# --- limits ------------------------------------------------------------------------------------------------


def test_increments_of_an_older_hold_stay_within_the_cards_daily_limit(till: Till) -> None:
    till.set_card(RICH, daily_limit_minor=8_000)
    authorisation = till.approved(till.new(Kind.AUTHORISATION, 100))
    till.tomorrow()
    till.approved(till.about(Kind.INCREMENT, authorisation, 8_000))

    assert till.send(till.about(Kind.INCREMENT, authorisation, 8_000)) is Action.EXCEEDS_AMOUNT_LIMIT


def test_the_void_of_a_sale_from_before_the_limit_makes_no_room_under_it(till: Till) -> None:
    morning = till.approved(till.new(Kind.PURCHASE, 5_000))
    till.set_card(RICH, limits="daily=1000")
    till.approved(till.new(Kind.PURCHASE, 1_000))

    till.approved(till.about(Kind.VOID, morning))

    assert till.send(till.new(Kind.PURCHASE, 1_000)) is Action.EXCEEDS_AMOUNT_LIMIT


def test_an_increment_of_another_terminal_makes_no_room_under_the_limit_of_the_first(till: Till) -> None:
    till.run_sql("UPDATE terminal SET limits = 'daily=1000'")
    till.approved(till.new(Kind.PURCHASE, 900))
    authorisation = till.approved(till.new(Kind.AUTHORISATION, 100))
    till.approved(till.about(Kind.INCREMENT, authorisation, 900, terminal_id="T2"))

    till.approved(till.about(Kind.AUTHORISATION_VOID, authorisation, 1_000))

    assert till.send(till.new(Kind.PURCHASE, 1_000)) is Action.EXCEEDS_AMOUNT_LIMIT


class _Meeting:
    """A session that, once its group is decided, waits for the other's to be decided too, if that can be."""

    def __init__(self, real: Session, both: threading.Barrier) -> None:
        self._real = real
        self._both = both

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def flush(self) -> None:
        with suppress(threading.BrokenBarrierError):  # the other one waits for this one's locks: as it should be
            self._both.wait(timeout=1)
        self._real.flush()


def _at_once(till: Till, requests: Sequence[Request], **policy: Any) -> list[Action]:
    """Decide each on a writer of its own, at the same moment."""
    both, answers = threading.Barrier(len(requests)), [Action.SYSTEM_ERROR] * len(requests)

    def run(place: int) -> None:
        connect = connector(till.database)
        store = till.store(
            count(FIRST_ID * (place + 2) + place, _ID_STRIDE).__next__, lambda: _Meeting(connect(), both), **policy
        )
        with closing(store):
            (outcome,) = store.run([requests[place]]).outcomes
            assert outcome.reply is not None
            answers[place] = outcome.reply.action

    threads = [threading.Thread(target=run, args=(place,)) for place in range(len(requests))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    return answers


def test_the_last_place_of_a_batch_is_given_away_once(postgresql_till: Till) -> None:
    till = postgresql_till
    till.approved(till.new(Kind.PURCHASE, 10))  # the terminal has been heard of today
    till.run_sql(
        "INSERT INTO spending (owner, period, stripe, amount_minor, count) VALUES ('batch:T1/000001', 0, 7, 0, :count)",
        count=BATCH_MAX - 1,
    )
    last = [till.new(Kind.PURCHASE, 10, pan, batch="000001") for pan in (RICH, PREPAID)]

    answers = _at_once(till, last, has_batches=True)

    assert sorted(answers) == [Action.APPROVED, Action.BATCH_FULL]


# --- limits and the audit ----------------------------------------------------------------------------------


@pytest.mark.parametrize("refund_stands", [True, False], ids=["refunded", "its refund reversed too"])
@pytest.mark.parametrize("times", [1, 3])
def test_the_audit_knows_what_counts_of_a_completion_that_was_refunded_and_then_reversed(
    till: Till, times: int, *, refund_stands: bool
) -> None:
    till.run_sql("UPDATE terminal SET limits = 'daily=1000000'")
    authorisation = till.approved(till.new(Kind.AUTHORISATION, 1_000))
    for _ in range(times):
        completion = till.approved(till.about(Kind.COMPLETION, authorisation, 1_100))
        refund = till.approved(till.about(Kind.REFUND, completion, 900))
        till.approved(till.about(Kind.REVERSAL, completion))
        if not refund_stands:
            till.approved(till.about(Kind.REVERSAL, refund))

    with till.database.reading() as connection:
        assert [finding.offenders for finding in audit(connection, None) if not finding.holds] == []
