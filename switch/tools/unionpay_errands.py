"""What a UnionPay terminal does in more than one question, or with more of the answer than to check it."""

from __future__ import annotations

from typing import Final

from switch.errors import DecodeError, PeerError
from switch.tools.day import APPROVED, Form, Line, Play, Step, ask, judged
from switch.wire.codec import Fields
from switch.wire.tlv import Tlv, build_tlv, parse_tlv

_PRIVATE: Final = 62
_ITEMS_MAX: Final = 64
_NO_BATCH: Final = "0" * 6
_BATCH_MAX: Final = 999_999


async def sign_on(play: Play, step: Step) -> Line:
    """Sign on: take the working keys that the host gives out, and its batch number.

    A batch that is over is followed by the next number; one that is not keeps its own.
    """
    fields = play.message(step)
    answer = await play.send(step, fields)
    line = judged(play, step, fields, answer)
    if answer.code != APPROVED or _PRIVATE not in answer.fields:
        return line
    try:
        names = play.terminal.take_keys(bytes.fromhex(answer.fields[_PRIVATE]))
    except PeerError as error:
        return line._replace(faults=(*line.faults, str(error)))
    expected, told = _expected_batch(play), answer.fields.get(60, "")[2:8]
    faults = (f"the host gives batch {told}, not {expected}",) if told != (expected or told) else ()
    play.terminal.batch, play.batch_is_over = told or play.terminal.batch, False
    checked = (*line.checked, names, f"batch {play.terminal.batch}")
    return line._replace(checked=checked, faults=(*line.faults, *faults))


def _expected_batch(play: Play) -> str:
    """The number that the host has to give out, "" before the first."""
    batch = play.terminal.batch
    if batch == _NO_BATCH:
        return ""
    return f"{int(batch) % _BATCH_MAX + 1:06d}" if play.batch_is_over else batch


async def download_all(play: Play, step: Step) -> Line:
    """Ask what there is (its list may come in parts), fetch each, and say that the terminal has them."""
    names: list[bytes] = []
    line, has_more = Line(step.says, None, "", step.expect), True
    while has_more and line.is_as_expected and len(names) < _ITEMS_MAX:
        content = f"1{len(names):02d}".encode().hex().upper()
        line = await _told(play, step, step.form, {_PRIVATE: content})
        found = _names(play, step)
        has_more = bool(found) and _status(play, step) == b"2"
        names += found
    fetch = step.form._replace(mti="0800", network=f"{step.form.network[:2]}0")
    for name in names:
        if line.is_as_expected:
            line = await _told(play, step, fetch, {_PRIVATE: name.hex().upper()})
    end = step.form._replace(mti="0800", network=f"{step.form.network[:2]}1", gives=())
    if line.is_as_expected:
        line = await _told(play, step, end, {})
    faults = line.faults if names or line.faults else ("the host offers none",)
    return line._replace(checked=(f"{len(names)} fetched",), faults=faults)


async def download_parameters(play: Play, step: Step) -> Line:
    """Fetch the parameters, and say that the terminal has them."""
    line = await ask(play, step)
    size = len(play.asked[step.name].answer.fields.get(_PRIVATE, "")) // 2
    end = step.form._replace(network="361", gives=())
    return line if line.faults else (await _told(play, step, end, {}))._replace(checked=(f"{size} bytes",))


async def _told(play: Play, step: Step, form: Form, more: Fields) -> Line:
    return await ask(play, Step(step.name, step.says, form._replace(more=more)))


def _content(play: Play, step: Step) -> bytes:
    return bytes.fromhex(play.asked[step.name].answer.fields.get(_PRIVATE, ""))


def _status(play: Play, step: Step) -> bytes:
    """What comes before the list: 0 nothing, 1 this is all, 2 there is more."""
    return _content(play, step)[:1]


def _names(play: Play, step: Step) -> list[bytes]:
    """The names in the list, each as it is asked for: 9F06, with the 9F22 that follows it if there is one."""
    try:
        objects = parse_tlv(_content(play, step)[1:])
    except DecodeError:
        return []
    names: list[list[Tlv]] = []
    for one in objects:
        if one.tag == "9F06":
            names.append([one])
        elif one.tag == "9F22" and names:
            names[-1].append(one)
    return [build_tlv(tuple(name)) for name in names]
