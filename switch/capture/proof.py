"""Reads a tokenised capture once more, as bytes, and says whether a card number of before is left in it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from switch.capture.files import read_capture
from switch.capture.leftovers import Leftovers


def leftovers_in(path: Path, leftovers: Leftovers) -> Counter[str]:
    """Return in which forms cards of before stand in the file, and how often; empty is the proof.

    Frames are looked through whole, header and all, and the names of connections. Raises `CaptureFault`.
    """
    forms: Counter[str] = Counter()
    with read_capture(path) as capture:
        for entry in capture:
            forms.update(found.form for found in leftovers.look(entry.frame))
            if any(one.isdigit() for one in entry.connection):
                forms.update(found.form for found in leftovers.look(entry.connection.encode()))
    return forms
