"""Messages of UnionPay's terminals as decoded fields, and the maps that read them."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from switch.messages.catalogue import Entry
from switch.messages.dates import HostCalendar
from switch.messages.mapping import MessageMap
from switch.messages.model import Reject, Request
from switch.wire.codec import Codec, Fields
from switch.wire.dialect import load_dialect

ZONE = ZoneInfo("Asia/Shanghai")
NOW = int(datetime(2026, 11, 21, 10, 30, 5, tzinfo=ZONE).timestamp()) * 1_000_000
DIALECTS = {name: load_dialect(name) for name in ("unionpay-pos", "iso8583-1987-ascii", "iso8583-1987-binary")}

CARD, OTHER_CARD = "6200000000000047", "6200000000000005"
TRACK = f"{CARD}D30122010000012345"

SALE: Fields = {
    0: "0200", 3: "000000", 4: "000000001000", 11: "000042", 22: "021", 25: "00", 35: TRACK,
    41: "TERM0001", 42: "MERCHANT0000001", 49: "156", 60: "22000007",
}  # fmt: skip
PURCHASE_1987: Fields = {
    0: "0200", 2: CARD, 3: "000000", 4: "000000001000", 7: "1121023005", 11: "000042", 12: "103005", 13: "1121",
    22: "021", 41: "TERM0001", 42: "MERCHANT0000001", 49: "156",
}  # fmt: skip
NETWORK: Fields = {0: "0800", 11: "000001", 41: "TERM0001", 42: "MERCHANT0000001", 60: "00000007003"}


def changed(fields: Fields, changes: dict[int, str | None]) -> Fields:
    """The message with some fields replaced, added or (None) taken out."""
    return {number: value for number, value in {**fields, **changes}.items() if value is not None}


def hex_of(text: str) -> str:
    """Text as a binary field holds it."""
    return text.encode("latin-1").hex().upper()


def a_map(dialect: str = "unionpay-pos") -> MessageMap:
    return MessageMap(DIALECTS[dialect], HostCalendar(ZONE), "door")


def entry_of(fields: Fields, dialect: str = "unionpay-pos") -> Entry:
    entry = a_map(dialect).find(fields)
    assert not isinstance(entry, Reject), entry
    return entry


def read(fields: Fields, dialect: str = "unionpay-pos") -> Request | Reject:
    mapping = a_map(dialect)
    entry = mapping.find(fields)
    return entry if isinstance(entry, Reject) else mapping.request(fields, entry, NOW)


def request_of(fields: Fields, dialect: str = "unionpay-pos") -> Request:
    request = read(fields, dialect)
    assert isinstance(request, Request), request
    return request


def reject_of(fields: Fields, dialect: str = "unionpay-pos") -> Reject:
    reject = read(fields, dialect)
    assert isinstance(reject, Reject)
    return reject


def sample(name: str) -> Fields:
    """A captured message of `tests/vectors`."""
    lines = (Path(__file__).parents[1] / "vectors" / "messages.jsonl").read_text("utf-8").splitlines()
    found = next(row for row in map(json.loads, lines) if row["id"] == name)
    body = bytes.fromhex(found["hex"])
    if found["framing"].startswith("len2"):
        body = body[2 + 5 + 6 :]
    return Codec(DIALECTS["unionpay-pos"]).decode(body)
