"""Tokenises what was recorded: every frame taken apart as its dialect says, and put together around other cards.

What does not decode is dropped and counted, never handed on as it was: nobody knows what stands in it. At the end
`Tokeniser.leftovers` looks whether a card number of before is left where nobody expected it.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import Final

from switch.capture.cards_replaced import CardsReplaced
from switch.capture.cards_seen import CARDS_MAX, CardsSeen
from switch.capture.entry import Entry, Event
from switch.capture.leftovers import Leftovers
from switch.capture.message_rebuilt import MessageRebuilder
from switch.capture.tokens import Tokens
from switch.errors import ConfigurationError, DecodeError, EncodeError, FrameError
from switch.wire.codec import Codec
from switch.wire.dialect import Dialect, load_dialect
from switch.wire.framing import KEEP_ALIVE, Frame, Framing

FRAME_BYTES_MAX: Final = 65_535
"""A recording may come from a peer that takes longer frames than we do."""


@dataclass(frozen=True, slots=True)
class _Spoken:
    """What is needed for the frames of one dialect."""

    framing: Framing
    codec: Codec
    rebuilder: MessageRebuilder


class Tokeniser:
    """Tokenises entries under one key of 32 bytes (`switch.capture.token_key`). Not for two threads at once.

    ``dialect`` is that of entries that name none, also where it is not one of those that come with the switch.
    Equal cards get equal tokens, in this capture and in every other under the same key.
    """

    def __init__(self, key: bytes, dialect: Dialect | None = None, cards_max: int = CARDS_MAX) -> None:
        self._tokens = Tokens(key)
        self._seen = CardsSeen(cards_max)
        self._cards = CardsReplaced(self._tokens, self._seen)
        self._default = dialect.name if dialect is not None else ""
        self.frames = 0
        """Frames tokenised."""
        self.dropped: Counter[str] = Counter()
        """Frames that were not, by why: not one whole frame, does not decode, does not encode."""
        self.left_out: Counter[str] = Counter()
        """Fields that tokenised messages lost, by what they were."""
        self.leftovers = Leftovers(self._seen, self._tokens)
        """Looks for the cards that were replaced so far."""
        self._spoken: dict[str, _Spoken] = {}
        if dialect is not None:
            self._spoken[dialect.name] = self._prepared(dialect)

    @property
    def cards(self) -> int:
        """How many different cards were replaced."""
        return len(self._seen)

    @property
    def is_full(self) -> bool:
        """Whether `entry` raises OverflowError for another card: go on with a new tokeniser and a new file."""
        return self._seen.is_full

    def token(self, pan: str) -> str:
        """Return what stands for a card number."""
        return self._tokens.token(pan)

    def entry(self, entry: Entry) -> Entry | None:
        """Return the entry with other cards, None where its frame cannot be read; openings and ends stay.

        Raises `ConfigurationError` where nobody knows its dialect, OverflowError for one card too many.
        """
        if entry.event is not Event.FRAME:
            return entry
        name = entry.dialect or self._default
        spoken = self._spoken.get(name) or self._load(name)
        try:
            frame = _unframed(spoken.framing, entry.frame)
            if frame == KEEP_ALIVE:
                return entry
            fields = spoken.codec.decode(frame.body)
            body = spoken.codec.encode(spoken.rebuilder.rebuilt(fields))
            data = spoken.framing.wrap_request(body, frame.header)
        except (FrameError, DecodeError, EncodeError) as error:
            self.dropped[_WHY[type(error)]] += 1
            return None
        self.frames += 1
        return entry._replace(frame=data)

    def _load(self, name: str) -> _Spoken:
        if not name:
            raise ConfigurationError("a frame without a dialect cannot be tokenised: name it with --dialect")
        self._spoken[name] = self._prepared(load_dialect(name))
        return self._spoken[name]

    def _prepared(self, dialect: Dialect) -> _Spoken:
        framing = replace(dialect.framing, max_frame_bytes=FRAME_BYTES_MAX)
        return _Spoken(framing, Codec(dialect), MessageRebuilder(dialect, self._cards, self.left_out))

    def __repr__(self) -> str:
        return f"<Tokeniser {self.frames} frames, {self.cards} cards>"


_WHY: Final = {FrameError: "not one whole frame", DecodeError: "does not decode", EncodeError: "does not encode"}


def _unframed(framing: Framing, data: bytes) -> Frame:
    """Return the one frame that the bytes are. Raises `FrameError` where they are not just one."""
    framer = framing.framer()
    frames = framer.feed(data)
    if len(frames) != 1 or framer.has_partial or framer.error is not None:
        raise FrameError("incomplete", "the bytes are not one whole frame")
    return frames[0]
