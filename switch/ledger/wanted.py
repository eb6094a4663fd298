"""What a group wants to know: the given rows of each query, found in one pass over its requests. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from switch.decisions import Needs
from switch.ledger.entry import Entry
from switch.ledger.finding import Way, original_code, original_date, original_stan, ways_of
from switch.ledger.rows import Claim, Probe, Row, days_around
from switch.messages.kinds import Kind
from switch.messages.model import NO_EXTRAS, Request
from switch.messages.verdicts import UNCHECKED, Finding

DAY: Final = ""
"""What the business day is claimed under: before everything else."""


@dataclass(slots=True)
class Wanted:
    """The given rows of each query, each once and in the order of the requests, and the entries that need more."""

    probes: dict[Row, None] = field(default_factory=dict)
    burials: dict[Row, None] = field(default_factory=dict)
    sales: dict[Row, None] = field(default_factory=dict)
    authorisations: dict[Row, None] = field(default_factory=dict)
    journal_ids: dict[Row, None] = field(default_factory=dict)
    terminals: dict[Row, None] = field(default_factory=dict)
    cards: dict[Row, None] = field(default_factory=dict)
    pay_codes: dict[Row, None] = field(default_factory=dict)
    operators: dict[Row, None] = field(default_factory=dict)
    key_counters: dict[Row, None] = field(default_factory=dict)
    with_original: list[Entry] = field(default_factory=list)
    with_security: list[Entry] = field(default_factory=list)
    activations: list[Entry] = field(default_factory=list)
    with_batch: list[Entry] = field(default_factory=list)


def claims_of(entries: Iterable[Entry], needs: Mapping[Kind, Needs]) -> Iterator[Claim]:
    """Yield what a group keeps other writers off, each name once; nothing is done for who does not ask.

    Terminals and STANs, its originals' included: a request, its repeat and its reversal wait for each other. The
    business day, which a cut-over claims for itself: it waits for the groups under way, and those after it for it.
    The device whose key of one transaction it is under: two with one counter, on two connections, are two uses. And the
    terminals of its batches: no sale slips in between the totals of a batch and its end, and its last free
    place is given away once. A terminal seldom asks two things at once, so that this costs no waiting.
    """
    is_shared = {DAY: True}
    for entry in entries:
        request = entry.request
        need = needs[request.kind]
        is_shared[_prefix(request, request.stan)] = False
        if need.original:
            stan = original_stan(request)
            if stan:
                is_shared[_prefix(request, stan)] = False
        if request.verdicts is not UNCHECKED and request.verdicts.key_use is not None:
            use = request.verdicts.key_use
            is_shared[f"key\x1f{use.base}\x1f{use.device.hex()}"] = False
        if request.batch:
            is_shared[f"terminal\x1f{request.terminal_id}"] = False
    yield from (Claim(*claim) for claim in is_shared.items())


def _prefix(request: Request, stan: str) -> str:
    return f"{request.terminal_id}\x1f{request.merchant_id}\x1f{stan}"


def wanted_by(entries: Sequence[Entry], needs: Mapping[Kind, Needs]) -> Wanted:
    """Return what these requests want loaded; what is the same of two of them once."""
    wanted = Wanted()
    for entry in entries:
        request = entry.request
        need = needs[request.kind]
        wanted.terminals[(request.terminal_id,)] = None
        if entry.pan_key:
            wanted.cards[(entry.pan_key,)] = None
        if need.keyed:
            own = Probe(request.terminal_id, request.merchant_id, request.stan, *days_around(request.local_date))
            wanted.probes[own] = wanted.burials[own] = None
        if need.original:
            _want_original(wanted, entry)
        if request.extras is not NO_EXTRAS:
            _want_extras(wanted, entry)
        if request.chip is not None or (request.verdicts is not UNCHECKED and request.verdicts.pin != Finding.ABSENT):
            wanted.with_security.append(entry)
        if request.verdicts is not UNCHECKED and request.verdicts.key_use is not None:
            wanted.key_counters[request.verdicts.key_use[:2]] = None
        if need.batch:
            wanted.with_batch.append(entry)
        if request.kind is Kind.ACTIVATION:
            wanted.activations.append(entry)
    return wanted


def _want_original(wanted: Wanted, entry: Entry) -> None:
    request = entry.request
    wanted.with_original.append(entry)
    ways, reference = ways_of(request.kind), request.original
    stan = original_stan(request) if Way.STAN in ways else ""
    if stan:
        around = days_around(original_date(request))
        probe = Probe(request.terminal_id, request.merchant_id, stan, *around)
        wanted.probes[probe] = None
        if request.kind is Kind.REVERSAL:  # a second one of what never came must not bury it twice
            wanted.burials[probe] = None
    code = original_code(request) if Way.CODE in ways else ""
    if code:
        wanted.authorisations[request.merchant_id, code] = None
    if reference is not None and reference.rrn and Way.RRN in ways:
        wanted.sales[request.merchant_id, reference.rrn] = None
    if reference is not None and reference.journal_id is not None and Way.ID in ways:
        wanted.journal_ids[(reference.journal_id,)] = None


def _want_extras(wanted: Wanted, entry: Entry) -> None:
    if entry.to_key:
        wanted.cards[(entry.to_key,)] = None
    if entry.code_key:
        wanted.pay_codes[(entry.code_key,)] = None
    operator_id = entry.request.extras.operator_id
    if operator_id:
        wanted.operators[entry.request.merchant_id, operator_id] = None
