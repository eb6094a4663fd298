"""Says of bytes from an unknown peer how they are framed, how they are written, and which dialect they look like.

`diagnose` weighs every guess of `switch.wire.guesses` by what speaks for it, and returns the best ones, best first. It
looks at `LOOKED_AT_BYTES` and tries a bounded number of readings, so it can be asked about whatever a stranger sends.
Nothing in a finding's words quotes what a field holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from switch.wire.codec import Codec, Examination, Fields
from switch.wire.dialect import Dialect
from switch.wire.doctor import examine
from switch.wire.framing import MAX_FRAME_BYTES, TPDU_BYTES, Framing
from switch.wire.guesses import Cut, Head, cuts, framing_words, has_tpdu, header_words, heads

LOOKED_AT_BYTES: Final = 4096
FIRST_LOOK_BYTES: Final = 2048
"""What `one_line` looks at: a stranger may make a listener do this, so it must cost little whatever the bytes are."""

RECOGNISED: Final = 40
"""The least confidence, in percent, at which a finding is more than a guess."""

_READINGS_MAX: Final = 24
"""Pairs of a cut and a head that are tried field by field: more never stood in a message that somebody could read."""

_FINDINGS_MAX: Final = 3
_MANY_FIELDS: Final = 24
_FEW_BYTES: Final = 24
"""Too few for length, header and bitmaps: nothing can be said of them, not even that they are wrong."""

_BASE24: Final = b"ISO"
_BASE24_BYTES: Final = 12
_UNIONPAY_BYTES: Final = 6

# fmt: off
_STRANGERS: Final = (
    (b"\x16\x03", "a TLS handshake: the peer encrypts, and this port does not"),
    (b"GET ",     "an HTTP request"),
    (b"POST ",    "an HTTP request"),
    (b"HEAD ",    "an HTTP request"),
    (b"PRI * HTTP", "an HTTP/2 connection"),
    (b"SSH-",     "an SSH connection"),
    (b"PROXY ",   "a PROXY protocol header of a load balancer"),
    (b"\r\n\r\n\0\r\nQUIT\n", "a PROXY protocol header of a load balancer"),
)
"""What connects to a port by mistake, by its first bytes."""

_MTI_WORDS: Final = {"ascii": "ASCII", "bcd": "BCD", "ebcdic": "EBCDIC"}
# fmt: on


class Evidence(NamedTuple):
    """Bytes ``begin`` to ``end`` (exclusive) and what they say; ``part`` is length, TPDU, header, MTI or bitmap."""

    begin: int
    end: int
    part: str
    says: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One reading of the bytes. ``framing`` is None where no listener can be set up to cut them like this.

    ``dialect`` is the one whose fields fit, or fit furthest; ``examination`` how far. Both are None where no dialect
    at hand writes its message type and bitmap like this.
    """

    confidence: int
    cut: Cut
    head: Head
    framing: Framing | None
    tpdu: bool
    header_bytes: int
    dialect: Dialect | None
    examination: Examination | None
    has_known_header: bool
    evidence: tuple[Evidence, ...]

    @property
    def is_whole(self) -> bool:
        """Whether every field of the message fits the dialect."""
        return self.cut.frames > 0 and self.examination is not None and self.examination.fault is None

    @property
    def is_placed(self) -> bool:
        """Whether it is certain enough where the message begins that its type and bitmap may be shown.

        In a wrong reading, what is taken for a bitmap can be a card number.
        """
        return self.is_whole or self.has_known_header

    @property
    def encoding(self) -> str:
        """How the message is written: ``BCD with binary bitmap``."""
        return encoding_words(self.head.mti_encoding, self.head.bitmap_encoding)

    @property
    def words(self) -> str:
        """The finding in one line."""
        header = header_words(tpdu=self.tpdu, header_bytes=self.header_bytes)
        return f"{self.cut.words}{header} + {self.encoding}"


def diagnose(data: bytes, codecs: Sequence[Codec]) -> list[Finding]:
    """Return the most likely readings of what a peer sent first, the best one first; [] where there is none."""
    data = data[:LOOKED_AT_BYTES]
    found = heads(data)
    pairs = [
        (_first_weight(data, cut, head), cut, head)
        for cut in cuts(data)
        for at in range(cut.start, cut.stop)
        for head in found.get(at, ())
        if head.end <= cut.stop
    ]
    pairs.sort(key=lambda pair: -pair[0])
    findings = [_finding(data, weight, cut, head, codecs) for weight, cut, head in pairs[:_READINGS_MAX]]
    findings.sort(key=lambda finding: -finding.confidence)
    return findings[:_FINDINGS_MAX]


def stranger(data: bytes) -> str:
    """Name what is no ISO 8583 at all, by how it begins; "" where that is not known."""
    return next((words for prefix, words in _STRANGERS if data.startswith(prefix)), "")


def encoding_words(mti_encoding: str, bitmap_encoding: str) -> str:
    """Name how type and bitmap are written: ``ASCII with hex bitmap``."""
    return f"{_MTI_WORDS[mti_encoding]} with {bitmap_encoding} bitmap"


def one_line(data: bytes, codec: Codec, framing: Framing) -> str:
    """Say to the operator of a listener what its peer seems to speak; "" where that is what the listener expects.

    The listener's own dialect is the only one tried. Never quotes more of the bytes than their form.
    """
    dialect = codec.dialect
    expected = f"{framing_words(framing)} + {encoding_words(dialect.mti_encoding, dialect.bitmap_encoding)}"
    words = stranger(data)
    if not words:
        best = next(iter(diagnose(data[:FIRST_LOOK_BYTES], (codec,))), None)
        if best is None or best.confidence < RECOGNISED:
            if len(data) < _FEW_BYTES:
                return ""
            return f"looks like no ISO 8583 that is known here; this listener expects {expected}"
        words = best.words
    return "" if words == expected else f"looks like {words}; this listener expects {expected}"


# --- weighing ---------------------------------------------------------------------------------------------


def _first_weight(data: bytes, cut: Cut, head: Head) -> float:
    """What speaks for a reading before its fields are looked at, at most 66."""
    header = data[cut.start : head.at]
    many = max(0, len(head.numbers) - _MANY_FIELDS) / _MANY_FIELDS
    has_text = head.mti_encoding != "bcd" and _is_known(header)  # four digits as text right there are no accident
    return _cut_weight(cut) + _header_weight(header) + 5 + 6 * has_text + 15 * max(0.0, head.usual - many)


def _cut_weight(cut: Cut) -> float:
    """30 where a length accounts for every byte; a little less for each oddity, so that the plainest reading wins."""
    if cut.start == cut.length_at:
        return 10
    odd = 2.0 if cut.framing is None else cut.framing.length_includes_itself + 1.5 * bool(cut.framing.trailer)
    if cut.is_exact:
        return 30 - odd
    if cut.frames > 1:
        return 22 - odd
    return 10 - odd if cut.frames else 12 - odd


def _is_known(header: bytes) -> bool:
    """Whether what precedes a message is nothing, or of a form that is in use."""
    if has_tpdu(header):
        return len(header) in {TPDU_BYTES, TPDU_BYTES + _UNIONPAY_BYTES}
    return not header or (header[:3] == _BASE24 and len(header) == _BASE24_BYTES)


def _header_weight(header: bytes) -> float:
    return 10 if _is_known(header) else max(0.0, 6 + 2 * has_tpdu(header) - len(header) / 6)


def _finding(data: bytes, weight: float, cut: Cut, head: Head, codecs: Iterable[Codec]) -> Finding:
    header = data[cut.start : head.at]
    tpdu = has_tpdu(header)
    header_bytes = len(header) - TPDU_BYTES * tpdu
    message = data[head.at : cut.stop]
    best: tuple[float, Dialect | None, Examination | None] = (0.0, None, None)
    for codec in codecs:
        dialect = codec.dialect
        if (dialect.mti_encoding, dialect.bitmap_encoding) == (head.mti_encoding, head.bitmap_encoding):
            examination = examine(codec, message)
            if cut.frames and examination.fault is None:
                fits = _fit(dialect, examination.fields, tpdu=tpdu, header_bytes=header_bytes)
            else:
                fits = _fit_in_part(examination, len(message)) if _is_known(header) else 0.0
                fits += (dialect.framing.tpdu, dialect.framing.header_bytes) == (tpdu, header_bytes)
            if best[1] is None or fits > best[0]:
                best = (fits, dialect, examination)
    framing = _with_header(cut.framing, tpdu=tpdu, header_bytes=header_bytes)
    confidence, is_known = min(100, round(weight + best[0])), _is_known(header)
    finding = Finding(confidence, cut, head, framing, tpdu, header_bytes, best[1], best[2], is_known, ())
    return replace(finding, evidence=_evidence(data, finding))


def _fit(dialect: Dialect, fields: Fields, *, tpdu: bool, header_bytes: int) -> float:
    """How well a message that decodes fits the dialect, at most 40: its type, its fields, what precedes it."""
    mti = fields[0]
    asked = f"{mti[:2]}{int(mti[2]) & ~1}{int(mti[3]) & ~1}"
    rows = [row for row in dialect.transactions if row.mti == asked]
    is_answer = int(mti[2]) & 1
    has_needed = any(is_answer or {int(number) for number in row.required} <= fields.keys() for row in rows)
    has_preset = (dialect.framing.tpdu, dialect.framing.header_bytes) == (tpdu, header_bytes)
    return 30 + 4 * bool(rows) + 4 * has_needed + 2 * has_preset


def _fit_in_part(examination: Examination, size: int) -> float:
    """How far a message that does not decode can be read, at most 15."""
    fault = examination.fault
    return 15 * min(1.0, fault.position / size) if fault is not None else 15.0


def _with_header(framing: Framing | None, *, tpdu: bool, header_bytes: int) -> Framing | None:
    """The framing that a listener is set up with, its limit as everywhere."""
    if framing is None:
        return None
    return Framing(
        framing.length,
        framing.length_includes_itself,
        framing.trailer,
        framing.trailer_counted,
        tpdu,
        header_bytes,
        MAX_FRAME_BYTES,
    )


# --- evidence ---------------------------------------------------------------------------------------------


def _evidence(data: bytes, finding: Finding) -> tuple[Evidence, ...]:
    cut, head, found = finding.cut, finding.head, []
    if cut.start > cut.length_at:
        found.append(Evidence(cut.length_at, cut.start, "length", f"{cut.words}: {_accounted(data, cut)}"))
    at = cut.start
    if finding.tpdu:
        found.append(Evidence(at, at + TPDU_BYTES, "TPDU", "60 and two addresses of four digits"))
        at += TPDU_BYTES
    if at < head.at:
        found.append(Evidence(at, head.at, "header", f"{head.at - at} opaque bytes"))
    mti = f"{head.mti} in " if finding.is_placed else ""
    announced = ", ".join(map(str, head.numbers)) if finding.is_placed else f"{len(head.numbers)} fields"
    found.append(Evidence(head.at, head.bitmap_at, "MTI", f"{mti}{_MTI_WORDS[head.mti_encoding]}"))
    found.append(Evidence(head.bitmap_at, head.end, "bitmap", f"{head.bitmap_encoding}, announces {announced}"))
    return tuple(found)


def _accounted(data: bytes, cut: Cut) -> str:
    if cut.is_exact:
        many = f"{cut.frames} frames" if cut.frames > 1 else "one frame"
        return f"{many}, no byte left over"
    if not cut.frames:
        return f"announces more than the {len(data) - cut.start} bytes that follow"
    return f"{cut.frames} frame{'s' * (cut.frames > 1)}, then {cut.rest} bytes that are no whole frame"
