"""BER-TLV as chip cards write it (EMV Book 3 annex B): the contents of field 55, templates inside templates.

Unknown tags are kept. What is built again from what was parsed is the same bytes, unless the original was padded
or wrote a length longer than it need be.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from switch.errors import DecodeError

TAG_BYTES_MAX: Final = 4
"""Chip cards use up to three; a fourth leaves room for private ones."""

LENGTH_BYTES_MAX: Final = 3
"""After the first; three say 16 MiB, far more than a message holds."""

DEPTH_MAX: Final = 8
"""Templates inside templates; real ones stop at three."""

_CONSTRUCTED: Final = 0x20
_MORE_TAG: Final = 0x1F
_MORE: Final = 0x80
_PADDING: Final = 0x00


@dataclass(frozen=True, slots=True)
class Tlv:
    """One data object: ``tag`` in upper-case hex, and either a ``value`` or, for a template, ``parts``.

    ``start`` is the position of its value in what was parsed; it does not count when two are compared.
    """

    tag: str
    value: bytes = field(default=b"", repr=False)
    parts: tuple[Tlv, ...] = ()
    start: int = field(default=0, compare=False)

    @property
    def is_template(self) -> bool:
        """Whether the tag says that it holds other objects."""
        return bool(int(self.tag[:2], 16) & _CONSTRUCTED)


def parse_tlv(data: bytes, dialect: str = "tlv", path: str = "55", position: int = 0) -> tuple[Tlv, ...]:
    """Return the objects in ``data``, in their order; zero bytes between them are padding (EMV Book 3 annex B1).

    Raises `DecodeError` naming a path like ``55.70.9F26`` and the position in the frame, if ``position`` is
    where ``data`` begins in it.
    """
    return _Parser(data, dialect, position).objects(0, len(data), path, DEPTH_MAX)


def build_tlv(objects: tuple[Tlv, ...]) -> bytes:
    """Return the bytes of these objects, every length as short as it can be."""
    return b"".join(_build(one) for one in objects)


def _build(one: Tlv) -> bytes:
    value = build_tlv(one.parts) if one.is_template else one.value
    return bytes.fromhex(one.tag) + _length(len(value)) + value


def _length(size: int) -> bytes:
    if size < _MORE:
        return bytes((size,))
    digits = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((_MORE | len(digits),)) + digits


@dataclass(frozen=True, slots=True)
class _Parser:
    data: bytes
    dialect: str
    position: int

    def objects(self, at: int, end: int, path: str, depth: int) -> tuple[Tlv, ...]:
        if not depth:
            raise self._fault(path, at, f"templates are nested more than {DEPTH_MAX} deep")
        return tuple(self._objects(at, end, path, depth))

    def _objects(self, at: int, end: int, path: str, depth: int) -> Iterator[Tlv]:
        while at < end:
            if self.data[at] == _PADDING:
                at += 1
                continue
            begin, at = at, self._after_tag(at, end, path)
            tag = self.data[begin:at].hex().upper()
            inner = f"{path}.{tag}"
            size, start = self._length(at, end, inner)
            at = start + size
            if at > end:
                raise self._fault(inner, start, f"{size} bytes announced, {end - start} are there")
            if self.data[begin] & _CONSTRUCTED:
                yield Tlv(tag, b"", self.objects(start, at, inner, depth - 1), start)
            else:
                yield Tlv(tag, self.data[start:at], (), start)

    def _after_tag(self, begin: int, end: int, path: str) -> int:
        """Return where the tag that begins here is over (ISO/IEC 8825-1 clause 8.1.2)."""
        at = begin + 1
        if self.data[begin] & _MORE_TAG != _MORE_TAG:
            return at
        while at < end:
            if at - begin >= TAG_BYTES_MAX:
                raise self._fault(path, begin, f"a tag of more than {TAG_BYTES_MAX} bytes")
            at += 1
            if not self.data[at - 1] & _MORE:
                return at
        raise self._fault(path, begin, "ends inside a tag")

    def _length(self, at: int, end: int, path: str) -> tuple[int, int]:
        """Return the size of the value, and where it starts (ISO/IEC 8825-1 clause 8.1.3)."""
        if at >= end:
            raise self._fault(path, at, "ends before its length")
        first = self.data[at]
        if first < _MORE:
            return first, at + 1
        width = first - _MORE
        if width == 0:
            raise self._fault(path, at, "an indefinite length, which chip cards do not use")
        if width > LENGTH_BYTES_MAX:
            raise self._fault(path, at, f"a length of more than {LENGTH_BYTES_MAX} bytes")
        start = at + 1 + width
        if start > end:
            raise self._fault(path, at, "ends inside its length")
        return int.from_bytes(self.data[at + 1 : start], "big"), start

    def _fault(self, path: str, at: int, reason: str) -> DecodeError:
        return DecodeError(self.dialect, path, self.position + at, reason)
