"""Between the bytes of a message and its fields, in one dialect.

A message's layout (which fields it has) is known from its bitmap. Layouts that come often are compiled once to
straight-line Python (`switch.wire.compiler`); everything else, and every message that a compiled layout does not
like, goes field by field through `switch.wire.careful`, which knows exactly what is wrong.

Nobody can make this grow: a layout is compiled only after several good messages had it, and the number of
compiled layouts and of layouts being counted is limited. Beyond, messages take the careful way.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from switch.errors import DecodeError, EncodeError
from switch.wire.careful import read_field, write_field
from switch.wire.decoder import Decoder, compile_decoder
from switch.wire.dialect import THIRD_BITMAP, Dialect
from switch.wire.encoder import Encoder, compile_encoder

Fields = dict[int, str]
"""A decoded message: key 0 is the MTI, others are field numbers; values as `switch.wire.fields` says."""

LAYOUTS_MAX: Final = 256
"""Compiled layouts kept for each direction; real traffic of a dialect has a few dozen."""

WORTH_COMPILING: Final = 4
"""Good messages of a layout before it is compiled: a stranger's one-off bitmap costs no compilation."""

_MTI_DIGITS: Final = 4
_BITMAP_FIELDS: Final = 64


class Examination(NamedTuple):
    """A message read as far as it goes: its fields, where each ends, and what is wrong after them, if anything."""

    fields: Fields
    ends: dict[int, int]
    fault: DecodeError | None


class Codec:
    """Decodes and encodes messages of one dialect; made once per dialect, used from one thread."""

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect
        self._mti_bytes = _MTI_DIGITS if dialect.mti_encoding == "ascii" else _MTI_DIGITS // 2
        self._bitmap_bytes = 16 if dialect.bitmap_encoding == "hex" else 8
        self._one_bitmap = slice(self._mti_bytes, self._mti_bytes + self._bitmap_bytes)
        self._two_bitmaps = slice(self._mti_bytes, self._mti_bytes + 2 * self._bitmap_bytes)
        self._decoders: dict[bytes, Decoder] = {}
        self._encoders: dict[tuple[int, ...], Encoder] = {}
        self._seen: dict[bytes | tuple[int, ...], int] = {}

    def decode(self, data: bytes) -> Fields:
        """Return the fields of a message that begins with its MTI. Raises nothing but `DecodeError`."""
        decoder = self._decoders.get(data[self._one_bitmap]) or self._decoders.get(data[self._two_bitmaps])
        if decoder is not None:
            fields = decoder(data)
            if fields is not None:
                return fields
        fields = {}
        self._read(data, fields, {})
        if decoder is None:
            self._learn_to_decode(data, fields)
        return fields

    def encode(self, fields: Mapping[int, str]) -> bytes:
        """Return the message with these fields. Raises `EncodeError` for what the dialect cannot say."""
        layout = tuple(fields)
        encoder = self._encoders.get(layout)
        if encoder is not None:
            data = encoder(fields)
            if data is not None:
                return data
        data = self._write(fields)
        if encoder is None and self._is_worth(layout, self._encoders):
            numbers = sorted(number for number in layout if number)
            self._encoders[layout] = compile_encoder(self.dialect, numbers, bitmap_bytes(self.dialect, numbers))
        return data

    def salvage(self, data: bytes) -> Fields:
        """Return what can be read of a message that does not decode: fields before the fault, at least the MTI.

        {} if not even an MTI can be read. Good enough to answer a format error, never to decide anything.
        """
        return self.examine(data).fields

    def examine(self, data: bytes) -> Examination:
        """Decode for people: keep the fields before the fault, where each one ends, and the fault itself."""
        fields: Fields = {}
        ends: dict[int, int] = {}
        try:
            self._read(data, fields, ends)
        except DecodeError as fault:
            return Examination(fields, ends, fault)
        return Examination(fields, ends, None)

    # --- decoding, the careful way -------------------------------------------------------------------------

    def _read(self, data: bytes, fields: Fields, ends: dict[int, int]) -> None:
        """Fill ``fields`` in the order of the wire, so that those before a fault are there when it raises.

        ``ends`` tells where each one ends; for the MTI, where the bitmap does.
        """
        fields[0] = self._read_mti(data)
        numbers, at = self._read_bitmaps(data)
        ends[0] = at
        for number in numbers:
            fields[number], at = read_field(self.dialect.name, self.dialect.fields[number], data, at)
            ends[number] = at
        if at != len(data):
            raise self._fault("message", at, f"{len(data) - at} bytes after the last field")

    def _read_mti(self, data: bytes) -> str:
        raw = data[: self._mti_bytes]
        mti = raw.decode("latin-1") if self.dialect.mti_encoding == "ascii" else raw.hex()
        if len(mti) != _MTI_DIGITS:
            raise self._fault("mti", 0, "the message ends before its type")
        if not mti.isdecimal():
            raise self._fault("mti", 0, "the message type is not four decimal digits")
        return mti

    def _read_bitmaps(self, data: bytes) -> tuple[list[int], int]:
        """Return the numbers of the fields that follow, and where the first one begins."""
        at = self._mti_bytes
        bits = self._read_bitmap(data, at)
        numbers = [number for number in range(2, 65) if bits >> (64 - number) & 1]
        first, at = at, at + self._bitmap_bytes
        if bits >> (_BITMAP_FIELDS - 1):
            if self.dialect.last_field == _BITMAP_FIELDS:
                raise self._fault("bitmap", first, "bit 1 announces a second bitmap, which this dialect does not have")
            bits = self._read_bitmap(data, at)
            numbers += [number for number in range(65, 129) if bits >> (128 - number) & 1]
            at += self._bitmap_bytes
        for number in numbers:
            if number not in self.dialect.fields:
                raise self._fault(str(number), self._position_of_bit(number), _unknown(number))
        return numbers, at

    def _read_bitmap(self, data: bytes, at: int) -> int:
        raw = data[at : at + self._bitmap_bytes]
        if len(raw) < self._bitmap_bytes:
            raise self._fault("bitmap", at, "the message ends in its bitmap")
        if self.dialect.bitmap_encoding == "binary":
            return int.from_bytes(raw, "big")
        wrong = next((place for place, one in enumerate(raw) if one not in b"0123456789ABCDEFabcdef"), None)
        if wrong is not None:
            raise self._fault("bitmap", at + wrong, "not a hexadecimal digit")
        return int(raw, 16)

    def _position_of_bit(self, number: int) -> int:
        """Return the position of the byte that announces a field."""
        return self._mti_bytes + (number - 1) * self._bitmap_bytes // _BITMAP_FIELDS

    def _fault(self, field: str, position: int, reason: str) -> DecodeError:
        return DecodeError(self.dialect.name, field, position, reason)

    # --- encoding, the careful way -------------------------------------------------------------------------

    def _write(self, fields: Mapping[int, str]) -> bytes:
        name = self.dialect.name
        mti = fields.get(0, "")
        if not (len(mti) == _MTI_DIGITS and mti.isascii() and mti.isdecimal()):
            raise EncodeError(name, "mti", "is not four decimal digits")
        numbers = sorted(number for number in fields if number)
        for number in numbers:
            if number not in self.dialect.fields:
                raise EncodeError(name, str(number), _unknown(number))
        head = mti.encode("ascii") if self.dialect.mti_encoding == "ascii" else bytes.fromhex(mti)
        written = [write_field(name, self.dialect.fields[number], fields[number]) for number in numbers]
        return b"".join((head, bitmap_bytes(self.dialect, numbers), *written))

    # --- layouts -------------------------------------------------------------------------------------------

    def _learn_to_decode(self, data: bytes, fields: Fields) -> None:
        """Count a good message towards its layout, written as we would write it; compile it when it comes often."""
        numbers = list(fields)[1:]
        bitmap = bitmap_bytes(self.dialect, numbers)
        if data.startswith(bitmap, self._mti_bytes) and self._is_worth(bitmap, self._decoders):
            self._decoders[bitmap] = compile_decoder(self.dialect, numbers)

    def _is_worth(
        self, layout: bytes | tuple[int, ...], compiled: Mapping[bytes, object] | Mapping[tuple[int, ...], object]
    ) -> bool:
        if len(compiled) >= LAYOUTS_MAX:
            return False
        seen = self._seen.get(layout, 0) + 1
        if seen >= WORTH_COMPILING:
            self._seen.pop(layout, None)
            return True
        if layout not in self._seen and len(self._seen) >= LAYOUTS_MAX:
            self._seen.clear()
        self._seen[layout] = seen
        return False


def bitmap_bytes(dialect: Dialect, numbers: list[int]) -> bytes:
    """Return the bitmap, or both, that announces these fields, as the dialect writes it."""
    bits = 0
    for number in numbers:
        bits |= 1 << (128 - number)
    needs_two = bits & (1 << 64) - 1
    binary = (bits | 1 << 127).to_bytes(16, "big") if needs_two else (bits >> 64).to_bytes(8, "big")
    return binary.hex().upper().encode("ascii") if dialect.bitmap_encoding == "hex" else binary


def _unknown(number: int) -> str:
    if number == THIRD_BITMAP:
        return "announces a third bitmap, which this dialect does not have"
    return "is not in this dialect"
