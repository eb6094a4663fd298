"""How a UnionPay terminal ends its batch: totals first; where they differ, an upload of what it has, and the end of it.

What it states is what it has noted. That is what it counted, but for the mistakes that a step may be told to make: a
sale that it forgot, one noted with another amount, one that it never sent. So the host has something to find.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Final, NamedTuple

from switch.tools.day import APPROVED, Asked, Form, Line, Play, Shown, Step, Trick, ask, judged
from switch.tools.tally import BatchTotals, Counted, Mistake, Settled, added
from switch.tools.terminal import Answer
from switch.tools.unionpay_errands import sign_on
from switch.wire.codec import Fields

RECORDS_MAX: Final = 8
"""Records in one message of an upload."""

BALANCED: Final = "11"
UNEQUAL: Final = "22"
"""Results for domestic and for foreign cards: 1 balanced, 2 not balanced, 3 wrong in itself."""

_TOTALS: Final = 48
_RESULTS_AT: Final = (30, 61)
_TOTALS_DIGITS: Final = 62
_AMOUNT, _STAN, _PAN, _ENTRY_MODE = 4, 11, 2, 22
_SIGN_ON: Final = "sign_on"
_BY_CHIP: Final = (Shown.CHIP, Shown.CONTACTLESS)


class Record(NamedTuple):
    """One transaction as the terminal has noted it. ``pan`` is "" of one by pay code."""

    counted: Counted
    step: Step
    stan: str
    pan: str


# --- what the terminal has ---------------------------------------------------------------------------------


def noted(play: Play) -> list[Record]:
    """Return the records of the terminal's batch, mistakes included, in the order of their steps."""
    found = []
    for one in play.tally.counted(play.terminal.batch):
        step = play.counted[one.name]
        if step.trick is not Trick.FORGOTTEN:
            amount = one.minor + 1 if step.trick is Trick.MISNOTED else one.minor
            found.append(_record(play, step, one._replace(minor=amount)))
    return found + [record for step in play.unsent if (record := _made_up(play, step))]


def mistakes(play: Play) -> Iterator[Mistake]:
    """Yield what the terminal has wrong in its batch."""
    for one in play.tally.counted(play.terminal.batch):
        trick, stan = play.counted[one.name].trick, play.asked[one.name].sent[_STAN]
        if trick is Trick.FORGOTTEN:
            yield Mistake(stan, "missing", one.minor, None)
        elif trick is Trick.MISNOTED:
            yield Mistake(stan, "different", one.minor, one.minor + 1)
    for record in (record for step in play.unsent if (record := _made_up(play, step))):
        yield Mistake(record.stan, "extra", None, record.counted.minor)


def _record(play: Play, step: Step, counted: Counted) -> Record:
    pan = "" if step.shown is Shown.CODE else play.cards[step.card].pan.reveal()
    return Record(counted, step, play.asked[step.name].sent[_STAN], pan)


def _made_up(play: Play, step: Step) -> Record | None:
    """The record of a sale that was never sent; None where it is of another batch."""
    if play.asked[step.name].sent[60][2:8] != play.terminal.batch:
        return None
    is_domestic = play.tally.is_domestic(step.card)
    return _record(play, step, Counted(step.name, is_domestic, is_debit=True, minor=step.amount or 0))


async def make_up(play: Play, step: Step) -> Line:
    """Note a sale without sending it."""
    play.asked[step.name] = Asked(play.message(step), Answer({}), is_lost=True)
    play.unsent.append(step)
    return Line(step.says, step.amount, "--", "--", ("noted, never sent",))


# --- settlement --------------------------------------------------------------------------------------------


async def settle(play: Play, step: Step, *, results: str) -> Line:
    """State the batch's totals, or the very same again; ``results`` are what the host should say of them."""
    fields = play.message(step)
    if step.trick is not Trick.AGAIN:
        stated = added(record.counted for record in noted(play))
        counted = added(play.tally.counted(play.terminal.batch))
        fields[_TOTALS] = written(stated)
        play.settled.append(Settled(play.terminal.batch, stated, counted, tuple(mistakes(play))))
    answer = await play.send(step, fields)
    line = judged(play, step, fields, answer)
    told = told_results(answer.fields)
    if told != results:
        return line._replace(faults=(*line.faults, f"results {_said(told)}, expected {_said(results)}"))
    fault = _other_totals(play.settled[-1], answer.fields[_TOTALS])
    play.batch_is_over = results == BALANCED
    return line._replace(
        checked=(*line.checked, f"results {_said(told)}"), faults=(*line.faults, *[fault] * bool(fault))
    )


async def refused_until_sign_on(play: Play, step: Step) -> Line:
    """Ask for something that a closed batch takes no more: the host has to ask for a sign-on."""
    line = await ask(play, step)
    wish = play.asked[step.name].answer.wish
    return line if wish == _SIGN_ON else line._replace(faults=(*line.faults, "the host asks for no sign-on"))


async def begin_afresh(play: Play, step: Step) -> Line:
    """Sign on; settle what may be in the batch, whatever it is, as if it were nothing; sign on again.

    So what follows is counted from nothing. A batch that was not empty cannot balance: its upload ends at once, and
    the host names all of it as missing.
    """
    line = await sign_on(play, step)
    if line.faults:
        return line
    number = play.terminal.batch
    settled = await _told(play, step, SETTLE, {_TOTALS: written(BatchTotals())})
    is_empty = told_results(play.asked[step.name].answer.fields) == BALANCED
    if not settled.faults and not is_empty:
        settled = await _told(play, step, UPLOAD_END, {_TOTALS: "0000"})
    if settled.faults:
        return settled
    play.batch_is_over = True
    again = await sign_on(play, step)
    was = f"{number} was empty" if is_empty else f"{number} had others' transactions, closed"
    return again._replace(checked=(was, *again.checked[1:]))


def written(totals: BatchTotals) -> str:
    """Return field 48 of a settlement: of each side two sums (12 digits) and numbers (3), and a result (0)."""
    return "".join(
        f"{side.debits.minor:012d}{side.debits.number:03d}{side.credits.minor:012d}{side.credits.number:03d}0"
        for side in totals
    )


def told_results(answer: Fields) -> str:
    """Return the two results in field 48 of an answer; "" where it holds none."""
    told = answer.get(_TOTALS, "")
    return "".join(told[at] for at in _RESULTS_AT) if len(told) == _TOTALS_DIGITS else ""


def _other_totals(settled: Settled, told: str) -> str:
    """What is wrong with the totals in an answer: they are as stated or, where the two differ, the host's own."""
    right = {_without_results(written(totals)) for totals in (settled.stated, settled.counted)}
    return "" if _without_results(told) in right else "the host states other totals"


def _without_results(text: str) -> str:
    return "".join(digit for at, digit in enumerate(text) if at not in _RESULTS_AT)


def _said(results: str) -> str:
    return " and ".join(results) or "none"


# --- upload ------------------------------------------------------------------------------------------------


async def upload(play: Play, step: Step) -> Line:
    """Upload what the terminal has noted: eight records of stripes to a message, each chip transaction by itself."""
    records = noted(play)
    chips = [record for record in records if record.step.shown in _BY_CHIP]
    stripes = [record for record in records if record not in chips]
    groups = [stripes[at : at + RECORDS_MAX] for at in range(0, len(stripes), RECORDS_MAX)]
    line = Line(step.says, None, "", step.expect)
    for group in groups:
        if not line.faults:
            line = await _told(play, step, step.form, {_TOTALS: f"{len(group):02d}{''.join(map(_digits, group))}"})
    for record in chips:
        if not line.faults:
            line = await _told(play, step, *_detail(record))
    return line._replace(checked=(f"{len(records)} records in {len(groups) + len(chips)} messages",))


async def end_upload(play: Play, step: Step) -> Line:
    """Say that all has been uploaded, and how much that was."""
    line = await _told(play, step, step.form, {_TOTALS: f"{len(noted(play)):04d}"})
    play.batch_is_over = line.code == APPROVED
    return line


def _digits(record: Record) -> str:
    """Domestic or foreign, number, card, amount."""
    kind = "00" if record.counted.is_domestic else "01"
    return f"{kind}{record.stan}{record.pan:0>20}{record.counted.minor:012d}"


def _detail(record: Record) -> tuple[Form, Fields]:
    """One chip transaction under its own number, its own kind of message in 60.1."""
    form = Form("0320", kind=record.step.form.kind, network="205", has_mac=False, is_numbered=False)
    mode = {Shown.CHIP: "052", Shown.CONTACTLESS: "072"}[record.step.shown]
    amount = f"{record.counted.minor:012d}"
    return form, {_PAN: record.pan, _AMOUNT: amount, _STAN: record.stan, _ENTRY_MODE: mode, 49: "156"}


async def _told(play: Play, step: Step, form: Form, more: Fields) -> Line:
    return await ask(play, Step(step.name, step.says, form._replace(more={**form.more, **more})))


# fmt: off
_OPERATOR: Final = {49: "156", 63: "01 "}

#                    MTI            60.1       60.3
SETTLE     = Form("0500", kind="00", network="201", gives=(48,), has_mac=False, more=_OPERATOR,
                  does=partial(settle, results=BALANCED))
DIFFER     = Form("0500", kind="00", network="201", gives=(48,), has_mac=False, more=_OPERATOR,
                  does=partial(settle, results=UNEQUAL))
UPLOAD     = Form("0320", kind="00", network="201",              has_mac=False, does=upload)
UPLOAD_END = Form("0320", kind="00", network="202",              has_mac=False, does=end_upload)
# fmt: on
