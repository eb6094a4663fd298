"""What only some kinds carry, read from the fields that a dialect's roles name: `switch.messages.model.Extras`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from switch.messages.actions import Action
from switch.messages.batch_fields import read_count, read_records, read_totals
from switch.messages.chip import ChipData
from switch.messages.kinds import Kind
from switch.messages.model import NO_EXTRAS, Extras, Reject
from switch.messages.paths import bytes_getter, role_getter, text_getter
from switch.messages.settlement import DOMESTIC_PREFIX, UploadedRecord
from switch.messages.unionpay import (
    read_card_number,
    read_item_name,
    read_operator,
    read_pay_code,
    read_serial,
    read_terminal_info,
    read_tip,
)
from switch.values import Pan, Secret
from switch.wire.chip_tags import NAMES, SHOWN
from switch.wire.codec import Fields
from switch.wire.dialect import Dialect
from switch.wire.tlv import Tlv, build_tlv

_Reader = Callable[[Fields, str, ChipData | None], Extras | Reject]

HAVE_EXTRAS: Final = frozenset(
    {
        Kind.SIGN_ON, Kind.TRANSFER, Kind.CODE_PURCHASE, Kind.CODE_CANCEL, Kind.CODE_QUERY, Kind.TIP,
        Kind.DOWNLOAD_QUERY, Kind.DOWNLOAD, Kind.DOWNLOAD_END, Kind.STATUS_UPLOAD, Kind.SIGNATURE_UPLOAD,
        Kind.SCRIPT_RESULT, Kind.SETTLEMENT, Kind.BATCH_UPLOAD, Kind.BATCH_END,
    }
)  # fmt: skip
"""Kinds that carry any."""

_DETAIL: Final = "detail"
"""Topic of an upload that is one transaction's own fields."""

_NAMED_ITEMS: Final = frozenset({"ca_keys", "aids"})
"""Topics of which one item is fetched at a time, by its name; parameters come all at once."""


class ExtrasReader:
    """Finds them in one dialect's fields."""

    def __init__(self, dialect: Dialect) -> None:
        self._roles = dialect.roles
        self._get_content = role_getter(dialect, "private")
        self._get_private = text_getter(dialect, "private")
        self._get_private_bytes = bytes_getter(dialect, "private")
        self._get_to_card = text_getter(dialect, "to_card")
        self._get_terminal_info = role_getter(dialect, "terminal_info")
        self._get_operator = role_getter(dialect, "operator")
        self._can_tell_serial = not dialect.roles.keys().isdisjoint({"terminal_info", "private"})
        self._get_tip = role_getter(dialect, "tip")
        self._get_network_code = role_getter(dialect, "network_code")
        self._get_totals = role_getter(dialect, "totals")
        self._get_pan, self._get_stan = role_getter(dialect, "pan"), role_getter(dialect, "stan")
        self._get_amount = role_getter(dialect, "amount")
        self._readers: dict[Kind, _Reader] = {
            Kind.SIGN_ON: self._sign_on,
            Kind.TRANSFER: self._transfer,
            Kind.CODE_PURCHASE: self._code_purchase,
            Kind.CODE_CANCEL: self._code,
            Kind.CODE_QUERY: self._code,
            Kind.TIP: self._tip,
            Kind.DOWNLOAD_QUERY: self._topic,
            Kind.DOWNLOAD: self._download,
            Kind.DOWNLOAD_END: self._topic,
            Kind.STATUS_UPLOAD: self._status,
            Kind.SIGNATURE_UPLOAD: self._topic,
            Kind.SCRIPT_RESULT: self._script_result,
            Kind.SETTLEMENT: self._settlement,
            Kind.BATCH_UPLOAD: self._records,
            Kind.BATCH_END: self._end,
        }

    def read(self, fields: Fields, kind: Kind, topic: str, chip: ChipData | None) -> Extras | Reject:
        """The extras of a message; a `Reject` where its kind cannot do without what is missing or makes no sense.

        ``topic`` is that of the message's row in the dialect's table.
        """
        reader = self._readers.get(kind)
        return NO_EXTRAS if reader is None else reader(fields, topic, chip)

    def _sign_on(self, fields: Fields, topic: str, _: ChipData | None) -> Extras:
        """Serial number and software from field 59; where that has none, the number in field 62 is the machine's."""
        info = read_terminal_info(self._get_terminal_info(fields))
        operator_id, password = read_operator(self._get_operator(fields))
        return Extras(
            topic=topic,
            network_code=self._get_network_code(fields),
            serial=info.serial or read_serial(self._get_private(fields)),
            software=info.software,
            operator_id=operator_id,
            password=Secret(password) if password else None,
            can_tell_serial=self._can_tell_serial,
        )

    def _transfer(self, fields: Fields, topic: str, _: ChipData | None) -> Extras | Reject:
        digits = read_card_number(self._get_to_card(fields))
        if not digits:
            return _reject(f"field {self._roles.get('to_card')} holds no card to transfer to")
        return Extras(to_pan=Pan(digits), topic=topic)

    def _code_purchase(self, fields: Fields, topic: str, chip: ChipData | None) -> Extras | Reject:
        extras = self._code(fields, topic, chip)
        return extras if extras.pay_code is not None else _reject("the message holds no pay code")

    def _code(self, fields: Fields, topic: str, _: ChipData | None) -> Extras:
        info = read_terminal_info(self._get_terminal_info(fields))
        code = info.pay_code or read_pay_code(self._get_private(fields))
        return Extras(pay_code=Secret(code) if code else None, topic=topic)

    def _tip(self, fields: Fields, topic: str, _: ChipData | None) -> Extras | Reject:
        text = self._get_tip(fields)
        tip_minor = read_tip(text)
        if text and tip_minor is None:
            return _reject(f"field {self._roles.get('tip')} holds no tip")
        return Extras(tip_minor=tip_minor, topic=topic)

    def _topic(self, fields: Fields, topic: str, _: ChipData | None) -> Extras:
        network_code = self._get_network_code(fields)
        return Extras(topic=topic, network_code=network_code, content=self._get_content(fields))

    def _download(self, fields: Fields, topic: str, chip: ChipData | None) -> Extras | Reject:
        if topic in _NAMED_ITEMS and read_item_name(self._get_private_bytes(fields)) is None:
            return _reject(f"field {self._roles.get('private')} names nothing to download")
        return self._topic(fields, topic, chip)

    def _status(self, fields: Fields, topic: str, chip: ChipData | None) -> Extras:
        info = read_terminal_info(self._get_terminal_info(fields))
        return self._topic(fields, topic, chip)._replace(serial=info.serial, software=info.software)

    def _script_result(self, fields: Fields, topic: str, chip: ChipData | None) -> Extras:
        """Content is the chip's data without what could name the card: it is kept."""
        tags = chip.tags if chip is not None else {}
        kept = tuple(Tlv(tag, value) for tag, value in tags.items() if tag in NAMES and tag not in SHOWN)
        return self._topic(fields, topic, chip)._replace(content=build_tlv(kept).hex().upper())

    def _settlement(self, fields: Fields, topic: str, _: ChipData | None) -> Extras | Reject:
        totals = read_totals(self._get_totals(fields))
        if totals is None:
            return _reject(f"field {self._roles.get('totals')} holds no totals of a batch")
        return Extras(topic=topic, totals=totals)

    def _records(self, fields: Fields, topic: str, _: ChipData | None) -> Extras | Reject:
        """Several records of stripes, or the one chip transaction that the message itself is about."""
        if topic == _DETAIL:
            pan = self._get_pan(fields)
            is_domestic = not pan or pan.startswith(DOMESTIC_PREFIX)
            amount = int(self._get_amount(fields) or "0")
            one = UploadedRecord(is_domestic, self._get_stan(fields), Pan(pan) if pan else None, amount)
            return Extras(topic=topic, records=(one,))
        records = read_records(self._get_totals(fields))
        if records is None:
            return _reject(f"field {self._roles.get('totals')} holds no records of a batch")
        return Extras(topic=topic, records=records)

    def _end(self, fields: Fields, topic: str, _: ChipData | None) -> Extras:
        return Extras(topic=topic, record_count=read_count(self._get_totals(fields)))


def _reject(because: str) -> Reject:
    return Reject(Action.FORMAT_ERROR, because)
