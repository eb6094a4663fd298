"""The codecs of the dialects that a capture speaks, each loaded once."""

from __future__ import annotations

from switch.capture.entry import Entry
from switch.wire.codec import Codec
from switch.wire.dialect import load_dialect


class Codecs:
    """Finds an entry's codec. Raises `switch.errors.ConfigurationError` for a dialect that is not known here."""

    def __init__(self) -> None:
        self._codecs: dict[str, Codec] = {}

    def of(self, entry: Entry) -> Codec | None:
        """Return the codec of the entry's dialect, None where nobody knows which it is."""
        name = entry.dialect
        if not name:
            return None
        codec = self._codecs.get(name)
        if codec is None:
            codec = self._codecs[name] = Codec(load_dialect(name))
        return codec
