"""Whatever fields a message has, it becomes a request or a reject: the mapping never raises."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switch.messages.actions import Action
from switch.messages.dates import HostCalendar
from switch.messages.mapping import MessageMap
from switch.messages.model import Reject, Reply
from switch.messages.sensitive import SecretsReader
from switch.wire.codec import Codec, Fields
from switch.wire.dialect import Dialect, dialect_names, load_dialect
from tests.messages.fields import NOW
from tests.wire.messages import values

DIALECTS = {name: load_dialect(name) for name in dialect_names()}
MAPS = {
    name: MessageMap(dialect, HostCalendar(ZoneInfo("Asia/Shanghai")), "door") for name, dialect in DIALECTS.items()
}


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


@pytest.mark.parametrize("name", dialect_names())
@given(st.data())
def test_fields_of_any_contents_make_a_request_or_a_reject(name: str, data: st.DataObject) -> None:
    mapping, fields = MAPS[name], data.draw(messages(DIALECTS[name]))

    entry = mapping.find(fields)
    if not isinstance(entry, Reject):
        SecretsReader(DIALECTS[name]).read(fields, entry)
        mapping.request(fields, entry, NOW)
        answer = mapping.answer(
            fields, entry.echo, Reply(Action.APPROVED, NOW, "A" * 12, "123456", private=b"\xff\x00")
        )
        Codec(DIALECTS[name]).encode(answer)


@pytest.mark.parametrize("name", dialect_names())
@given(st.data())
def test_even_what_no_codec_would_decode_is_survived(name: str, data: st.DataObject) -> None:
    mapping, fields = MAPS[name], data.draw(messages(DIALECTS[name]))
    number = data.draw(st.sampled_from([one for one in fields if one] or [0]))
    fields[number] = data.draw(st.text("".join(map(chr, range(256))), max_size=40)) if number else fields[0]

    entry = mapping.find(fields)
    if not isinstance(entry, Reject):
        mapping.request(fields, entry, NOW)
