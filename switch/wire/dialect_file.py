"""The shape of a dialect file, checked row by row: what pydantic accepts here, the rest of the wire trusts.

Unknown keys are refused everywhere. A file that ``extends`` another is laid over it table by table, so that a
variant lists only what differs; its ``[[transactions]]``, if it has any, replace the other's as a whole.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, StringConstraints, model_validator
from pydantic import Field as Limits

from switch.wire import fields
from switch.wire.framing import MAX_FRAME_BYTES, Framing
from switch.wire.framing import LengthEncoding as FrameLength

Path = Annotated[str, StringConstraints(pattern=r"^\d{1,3}(\.\d{1,2})?$")]
"""A field (``"60"``) or a part of one (``"60.2"``)."""

Number = Annotated[str, StringConstraints(pattern=r"^\d{1,3}$")]
Mti = Annotated[str, StringConstraints(pattern=r"^\d{3}[02468]$")]
Word = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]
Text = Annotated[str, StringConstraints(min_length=1)]

NAME: Final = r"^[a-z0-9][a-z0-9-]*$"
"""What a dialect, and so its file, may be called."""

_LARGEST: Final = {"l": 9, "ll": 99, "lll": 999, "llll": 9999}


_ENCODINGS: Final = {"n": {"ascii", "bcd"}, "z": {"ascii", "bcd"}, "x+n": {"ascii", "bcd"}, "b": {"raw", "hex"}}
"""What each format can be encoded as; text is always ASCII."""


class Row(BaseModel):
    """Frozen, strict about types, refuses what it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


def _hex_bytes(value: object) -> object:
    return bytes.fromhex(value) if isinstance(value, str) else value


class FramingRow(Row):
    """``[framing]``: see `switch.wire.framing.Framing`; ``trailer`` is hex ("03" is ETX)."""

    length: FrameLength = "binary2"
    length_includes_itself: bool = False
    trailer: Annotated[bytes, BeforeValidator(_hex_bytes)] = b""
    trailer_counted: bool = False
    tpdu: bool = False
    header_bytes: int = 0
    max_frame_bytes: int = MAX_FRAME_BYTES

    def framing(self) -> Framing:
        return Framing(**self.model_dump())


class MessageRow(Row):
    """``[message]``: how MTI and bitmap are written, and the last field that the bitmap can announce."""

    mti: Literal["ascii", "bcd"]
    bitmap: Literal["binary", "hex"]
    last_field: Literal[64, 128]


class EncodingsRow(Row):
    """``[encodings]``: what a field row need not repeat. Variable ``b`` fields are always raw."""

    numbers: Literal["ascii", "bcd"]
    binary: Literal["raw", "hex"]
    lengths: fields.LengthEncoding
    odd_fixed: fields.Align = "left"
    odd_variable: fields.Align = "left"


class FieldRow(Row):
    """One row of ``[fields]``: exactly one of ``size`` (fixed) and ``l``, ``ll``, ``lll``, ``llll`` (the largest)."""

    name: Text
    format: fields.Format
    size: Annotated[int, Limits(ge=1)] | None = None
    l: Annotated[int, Limits(ge=1)] | None = None  # noqa: E741 - the standard's own name of a one-digit length
    ll: Annotated[int, Limits(ge=1)] | None = None
    lll: Annotated[int, Limits(ge=1)] | None = None
    llll: Annotated[int, Limits(ge=1)] | None = None
    encoding: fields.Encoding | None = None
    length_encoding: fields.LengthEncoding | None = None
    counts: fields.Counts | None = None
    align: fields.Align | None = None
    pad: Annotated[str, StringConstraints(pattern=r"^[0-9A-F]$")] = "0"
    show: fields.Show = "clear"

    @model_validator(mode="after")
    def _fits_together(self) -> FieldRow:
        for mistake in self._mistakes():
            raise ValueError(mistake)
        return self

    def _mistakes(self) -> Iterator[str]:
        """Say what is wrong with the row as a whole, the first thing first."""
        sizes = {key: getattr(self, key) for key in ("size", *_LARGEST) if getattr(self, key) is not None}
        if len(sizes) != 1:
            yield "give exactly one of size, l, ll, lll, llll"
        ((key, size),) = sizes.items()
        if size > _LARGEST.get(key, size):
            yield f"{key} cannot be more than {_LARGEST[key]}"
        if self.encoding is not None and self.encoding not in _ENCODINGS.get(self.format, {"ascii"}):
            yield f"format {self.format} cannot be encoded as {self.encoding}"
        if self.encoding == "hex" and key != "size":
            yield "a variable binary field is raw"
        if self.format == "b" and self.counts == "digits":
            yield "the length of a binary field counts bytes"
        if self.format in {"n", "z"} and self.counts == "bytes" and size % 2:
            yield "an odd number of packed digits cannot be told by counting bytes"
        if self.format == "x+n" and (key != "size" or size % 2 == 0):
            yield "x+n is one sign and a fixed, even number of digits"
        if self.format == "n" and not self.pad.isdecimal():
            yield "digits are padded with a digit"

    def field(self, number: int, defaults: EncodingsRow) -> fields.Field:
        """Return the field with everything that it takes from ``[encodings]``."""
        prefix = next((len(key) for key in _LARGEST if getattr(self, key) is not None), 0)
        encoding = self.encoding or self._default_encoding(defaults, variable=bool(prefix))
        return fields.Field(
            number=number,
            name=self.name,
            format=self.format,
            max_size=next(size for size in (self.size, self.l, self.ll, self.lll, self.llll) if size is not None),
            prefix=prefix,
            encoding=encoding,
            length_encoding=self.length_encoding or defaults.lengths,
            counts=self.counts or ("bytes" if encoding == "raw" else "digits"),
            align=self.align or (defaults.odd_variable if prefix else defaults.odd_fixed),
            pad=self.pad,
            show=self.show,
        )

    def _default_encoding(self, defaults: EncodingsRow, *, variable: bool) -> fields.Encoding:
        if self.format in {"n", "z", "x+n"}:
            return defaults.numbers
        if self.format == "b":
            return "raw" if variable else defaults.binary
        return "ascii"


class SubfieldRow(Row):
    """One row of ``[subfields]``: ``size`` characters of the field's value from ``start`` on."""

    start: Annotated[int, Limits(ge=0)]
    size: Annotated[int, Limits(ge=1)]
    name: Text


class TransactionFileRow(Row):
    """One ``[[transactions]]``: which messages are of this kind, and what they must and must not carry."""

    kind: Word
    mti: Mti
    topic: Word | Literal[""] = ""
    mac: bool = False
    when: dict[Path, str] = {}
    required: tuple[Number, ...] = ()
    required_one_of: tuple[tuple[Number, ...], ...] = ()
    optional: tuple[Number, ...] = ()
    forbidden: tuple[Number, ...] = ()
    echo: tuple[Number, ...] | None = None

    model_config = ConfigDict(strict=False)


class AnswersRow(Row):
    """``[answers]``: fields copied from the request, and fields the host supplies where the request has none."""

    echo: tuple[Number, ...]
    host: tuple[Number, ...] = ()

    model_config = ConfigDict(strict=False)


class HeaderRow(Row):
    """``[header]``: the half byte of the opaque header (the first is 0) in which a host tells a terminal what to do."""

    request_nibble: Annotated[int, Limits(ge=0)]
    wishes: dict[Word, Annotated[str, StringConstraints(pattern=r"^[1-9A-F]$")]]


class DialectFile(Row):
    """A whole dialect file, ``extends`` already resolved."""

    name: Annotated[str, StringConstraints(pattern=NAME)]
    title: Text
    framing: FramingRow
    message: MessageRow
    header: HeaderRow | None = None
    encodings: EncodingsRow
    fields: dict[Number, FieldRow]
    subfields: dict[Path, SubfieldRow] = {}
    roles: dict[Word, Path]
    transactions: tuple[TransactionFileRow, ...]
    answers: AnswersRow
    actions: dict[Word, str]

    model_config = ConfigDict(strict=False)
