"""What a scribe is told to do, and what it says of what it did: plain values that pass between two processes."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import orjson

from switch.wire.framing import Framing


@dataclass(frozen=True, slots=True)
class Order:
    """Where and how to write a recording.

    ``dialect`` is how the streams are cut into frames, "" where nobody knows: then each read is written as one.
    ``framing`` is what a listener does otherwise than its dialect. ``rotate_bytes`` is after about how many bytes
    another file is begun, 0 for never; with it files have the time and a number in their names. ``key`` makes the
    tokens, b"" for a recording as it was on the wire.
    """

    path: Path
    dialect: str = ""
    framing: Framing | None = None
    rotate_bytes: int = 0
    key: bytes = field(default=b"", repr=False)

    def packed(self) -> bytes:
        """Return the order for the pipe, which is the only way that a key goes."""
        framing = self.framing
        if framing is not None:
            names = ("length", "length_includes_itself", "trailer_counted", "tpdu", "header_bytes", "max_frame_bytes")
            kept: dict[str, Any] | None = {name: getattr(framing, name) for name in names}
            kept = {**kept, "trailer": framing.trailer.hex()} if kept is not None else None
        else:
            kept = None
        return orjson.dumps(
            {
                "path": str(self.path),
                "dialect": self.dialect,
                "framing": kept,
                "rotate_bytes": self.rotate_bytes,
                "key": self.key.hex(),
            }
        )

    @classmethod
    def unpacked(cls, data: bytes) -> Order:
        """Return the order that `packed` wrote."""
        raw = orjson.loads(data)
        framing = raw["framing"]
        if framing is not None:
            framing = Framing(**{**framing, "trailer": bytes.fromhex(framing["trailer"])})
        return cls(Path(raw["path"]), raw["dialect"], framing, raw["rotate_bytes"], bytes.fromhex(raw["key"]))


@dataclass(slots=True)
class Account:
    """What a recording came to. ``trouble`` is why it ended before its time, "" where it did not.

    ``untrusted`` are files put aside because a card number was left in them; ``dropped`` counts frames that could not
    be tokenised, ``left_out`` fields that tokenised ones lost, ``skipped_bytes`` what was no frame of the dialect,
    ``lost`` reads that there was no room to note.
    """

    files: list[str] = field(default_factory=list)
    untrusted: list[str] = field(default_factory=list)
    entries: int = 0
    frames: int = 0
    frame_bytes: int = 0
    cards: int = 0
    shared: int = 0
    skipped_bytes: int = 0
    lost: int = 0
    dropped: dict[str, int] = field(default_factory=dict)
    left_out: dict[str, int] = field(default_factory=dict)
    forms: dict[str, int] = field(default_factory=dict)
    trouble: str = ""

    def packed(self) -> bytes:
        """Return it as one line."""
        return orjson.dumps({"account": asdict(self)}, option=orjson.OPT_APPEND_NEWLINE)
