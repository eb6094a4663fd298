"""Whatever fields a message has, it becomes a request that says what they say, or a reject; its answer can be read."""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switch.messages.actions import Action
from switch.messages.catalogue import Entry
from switch.messages.dates import HostCalendar
from switch.messages.mapping import MessageMap, first_mti
from switch.messages.model import Reject, Reply, Request
from switch.messages.sensitive import SecretsReader
from switch.wire.codec import Codec, Fields
from switch.wire.dialect import Dialect, dialect_names, load_dialect
from tests.messages.fields import NOW
from tests.wire.messages import values

DIALECTS = {name: load_dialect(name) for name in dialect_names()}
ZONE = ZoneInfo("Asia/Shanghai")
MAPS = {name: MessageMap(dialect, HostCalendar(ZONE), "door") for name, dialect in DIALECTS.items()}
TODAY = HostCalendar(ZONE).day_of(NOW)
CODECS = {name: Codec(dialect) for name, dialect in DIALECTS.items()}
MADE = Reply(Action.APPROVED, NOW, "A" * 12, "123456", private=b"\xff\x00")
HALF_A_YEAR = timedelta(days=184)
LONG = 8  # a value as long as the shortest card number


@st.composite
def messages(draw: st.DrawFn, dialect: Dialect) -> Fields:
    """Fields of any contents, most of them such that a row of the dialect's table fits them."""
    row = draw(st.sampled_from(dialect.transactions))
    numbers = {int(number) for number in row.required} | {int(choice[0]) for choice in row.required_one_of}
    others = draw(st.sets(st.sampled_from([*map(int, row.optional), *dialect.fields]), max_size=6))
    fields = {0: row.mti}
    for number in sorted(numbers | others - set(map(int, row.forbidden))):
        fields[number] = draw(values(dialect.fields[number]))
    for path, pattern in row.when.items():
        wanted = pattern.split("|")[0].replace("?", "0")
        number, start = int(path.partition(".")[0]), dialect.subfields[path].start if "." in path else 0
        if wanted:
            text = fields.get(number, "").ljust(start, "0")
            fields[number] = text[:start] + wanted + (text[start + len(wanted) :] if "." in path else "")
    return fields


# What a request takes over from the fields as it stands there, and the role of the dialect under which it does.
TAKEN_OVER = {
    "processing_code": "processing_code",
    "terminal_id": "terminal",
    "merchant_id": "merchant",
    "stan": "stan",
    "batch": "batch",
    "local_time": "local_time",
    "currency": "currency",
    "entry_mode": "entry_mode",
    "condition_code": "condition_code",
    "rrn": "rrn",
    "reason": "reason",
    "approval_code": "approval_code",
    "card_sequence": "card_sequence",
}


def said(dialect: Dialect, fields: Fields, role: str) -> str:
    """What a message says of a role, read slowly: the text of its field, or the part of it that is meant."""
    path = dialect.roles.get(role, "")
    text = fields.get(int(path.partition(".")[0] or -1), "")
    return dialect.subfields[path].of(text) if "." in path else text


def agrees(dialect: Dialect, fields: Fields, request: Request) -> bool:
    """Whether a request says what its fields say, and no more: where they have no amount it has none."""
    amount = said(dialect, fields, "amount")
    taken_over = {name: said(dialect, fields, role) for name, role in TAKEN_OVER.items()}
    return (
        {name: getattr(request, name) for name in taken_over} == taken_over
        and request.amount_minor == (int(amount) if amount else None)
        and (request.mti, request.received_at, request.listener) == (fields[0], NOW, "door")
        and abs(request.local_date - TODAY) <= HALF_A_YEAR
        and (request.has_local_date or request.local_date == TODAY)
    )


def names_no_contents(reject: Reject, fields: Fields) -> bool:
    """Whether a reject keeps what the message says to itself: no long value of it stands in its words."""
    return not any(text in reject.because for number, text in fields.items() if number and len(text) >= LONG)


def reads_what_is_sensitive(dialect: Dialect, fields: Fields, entry: Entry) -> bool:
    """Whether tracks, MAC and chip data are those of their own fields, and of a typed code no more than its digits."""
    secrets = SecretsReader(dialect).read(fields, entry)
    chip = int(dialect.roles.get("chip", -1))
    is_binary = chip in dialect.fields and dialect.fields[chip].format == "b"
    return (
        (secrets.track2, secrets.track3) == (said(dialect, fields, "track2"), said(dialect, fields, "track3"))
        and secrets.mac == (said(dialect, fields, "mac_secondary") or said(dialect, fields, "mac"))
        and (not is_binary or secrets.chip.hex().upper() == said(dialect, fields, "chip"))
        and len(secrets.card_code) in (0, 3)
    )


def expected_answer(dialect: Dialect, fields: Fields, entry: Entry, answer: Fields) -> Fields:
    """The answer to an approval: its echoes, and over them what `MADE` says; the host's own fields are as they are."""
    number = {role: int(path) for role, path in dialect.roles.items() if "." not in path}
    echoes = {echo: fields[echo] for echo in entry.echo if echo in fields}
    host = {field: answer[field] for field in map(int, dialect.answers.host) if field not in echoes}
    made = {number["action"]: MAPS[dialect.name].code_of(MADE.action), number["approval_code"]: MADE.approval_code}
    if "private" in number:
        is_binary = dialect.fields[number["private"]].format == "b"
        made[number["private"]] = "FF00" if is_binary else "\xff\x00"
    return {0: answer[0], number["rrn"]: MADE.rrn} | host | echoes | made


@pytest.mark.parametrize("name", dialect_names())
@given(st.data())
def test_fields_of_any_contents_make_a_request_that_says_the_same_or_a_reject_that_says_why(
    name: str, data: st.DataObject
) -> None:
    dialect, mapping, fields = DIALECTS[name], MAPS[name], data.draw(messages(DIALECTS[name]))

    entry = mapping.find(fields)
    found = entry if isinstance(entry, Reject) else mapping.request(fields, entry, NOW)

    if isinstance(found, Reject):
        assert found.action in (Action.FORMAT_ERROR, Action.INVALID_TRANSACTION)
        assert found.because
        assert names_no_contents(found, fields)
    if isinstance(entry, Reject):
        return
    assert isinstance(found, Reject) or (found.kind is entry.kind and agrees(dialect, fields, found))
    assert entry.kind in {row.kind for row in dialect.transactions if row.mti == first_mti(fields[0])}
    assert reads_what_is_sensitive(dialect, fields, entry)
    answer = mapping.answer(fields, entry.echo, MADE)
    assert answer == expected_answer(dialect, fields, entry, answer)
    assert CODECS[name].decode(CODECS[name].encode(answer)) == answer


@pytest.mark.parametrize("name", dialect_names())
@given(st.data())
def test_even_what_no_codec_would_decode_says_the_same_or_is_rejected(name: str, data: st.DataObject) -> None:
    mapping, fields = MAPS[name], data.draw(messages(DIALECTS[name]))
    number = data.draw(st.sampled_from([one for one in fields if one] or [0]))
    fields[number] = data.draw(st.text("".join(map(chr, range(256))), max_size=40)) if number else fields[0]

    entry = mapping.find(fields)
    found = entry if isinstance(entry, Reject) else mapping.request(fields, entry, NOW)

    if isinstance(found, Request):
        assert agrees(DIALECTS[name], fields, found)
    else:
        assert found.because
        assert names_no_contents(found, fields)
