"""Settles one group of requests inside one database transaction: load, decide in order, save."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from switch.decisions import Limits, Needs, Payment, Standing
from switch.ledger.batch_effects import keep_repeated
from switch.ledger.books import Books
from switch.ledger.effects import apply
from switch.ledger.entry import Entry
from switch.ledger.finding import is_same
from switch.ledger.loading import load
from switch.ledger.ports import BusinessDay, Counter, Counters, Decide, GivenBack, PanKey, ReadLimits
from switch.ledger.rows import stored_reply
from switch.ledger.saving import save
from switch.ledger.statements import JOURNALLED, Session
from switch.ledger.wanted import claims_of
from switch.messages.actions import Action
from switch.messages.kinds import Kind
from switch.messages.model import Reply, Request
from switch.messages.references import rrn_of
from switch.messages.verdicts import UNCHECKED
from switch.values import Pan


def _no_limits(_: str) -> Limits:
    return ()


def _not_counted(_: Payment) -> Sequence[Counter]:
    return ()


def _not_known(_: Pan) -> bytes:
    return b""


@dataclass(frozen=True, slots=True)
class Rules:
    """What the program hands in to decide by; without ``counters`` nothing is held against a counter with a limit."""

    decide: Decide
    needs: Mapping[Kind, Needs]
    business_day: BusinessDay
    rule_set: str = ""  # stored with every decision: which rules were in force
    limits: ReadLimits = _no_limits
    counters: Counters | None = None
    given_back: GivenBack = _not_counted
    pan_key: PanKey = _not_known  # of uploaded records


class Settled(NamedTuple):
    """What will be answered to one request once its group is durable."""

    entry: Entry
    standing: Standing
    reply: Reply | None
    because: str
    journal_id: int | None


def settle(session: Session, entries: Sequence[Entry], rules: Rules, decided_at: int) -> list[Settled]:
    """Decide a group and write what it changed into the open transaction; the caller commits or rolls back."""
    session.claim(claims_of(entries, rules.needs))
    books = Books(decided_at, rules.business_day(decided_at), rules.rule_set, rules.given_back, rules.pan_key)
    load(session, books, entries, rules)
    settled = [_settle(books, entry, rules) for entry in entries]
    save(session, books)
    return settled


def is_stored(session: Session, entries: Sequence[Entry], rules: Rules) -> bool:
    """Whether a group whose commit's fate is unknown is in the books: it is there as a whole or not at all.

    Its keys are claimed first: should the broken connection's commit still be under way, this waits for it.
    """
    session.claim(claims_of(entries, rules.needs))
    ours = {(entry.journal_id, entry.request.terminal_id, entry.request.stan) for entry in entries}
    (found,) = session.read((JOURNALLED, [(entry.journal_id,) for entry in entries]))
    return not ours.isdisjoint(found)


def _settle(books: Books, entry: Entry, rules: Rules) -> Settled:
    request = entry.request
    need = rules.needs[request.kind]
    earlier = books.known.earlier(entry) if need.keyed else None
    if earlier is not None:
        _note_key(books, request)
        if is_same(earlier, entry):
            if request.kind is Kind.BATCH_UPLOAD and earlier.action == Action.APPROVED:
                keep_repeated(books, earlier, books.batch_key(entry), request.extras.records)
            return Settled(entry, Standing.REPEAT, stored_reply(earlier), earlier.because, earlier.journal_id)
        reply = Reply(Action.DUPLICATE_CONFLICT, books.decided_at, request.rrn or rrn_of(entry.journal_id))
        return Settled(entry, Standing.CONFLICT, reply, "its key is that of another request", None)
    facts = books.facts_for(entry, need)
    decision = rules.decide(request, facts)
    if not decision.journalled:
        _note_key(books, request)
        return Settled(entry, Standing.FIRST, decision.reply, decision.because, None)
    apply(books, entry, facts, decision, keyed=need.keyed)
    return Settled(entry, Standing.FIRST, decision.reply, decision.because, entry.journal_id)


def _note_key(books: Books, request: Request) -> None:
    """What leaves no row uses up its key as well, else its PIN block would be good for another request.

    A repeat may come under the device's next key, and a device of ours may stand at a terminal that is not.
    """
    if request.verdicts is UNCHECKED:
        return
    use = request.verdicts.key_use
    if use is not None and use.is_shown:
        books.raise_key_counter(use.base, use.device, use.counter)
