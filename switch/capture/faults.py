"""What can be wrong with a file that is read or written as a capture."""

from __future__ import annotations

from pathlib import Path

from switch.errors import OperatorError


class CaptureFault(OperatorError):  # noqa: N818 - an outcome told to a person, not a fault of ours
    """A file cannot be read as a capture, or not on from here; ``place`` says where ("line 17"), "" for all of it.

    The message names file, place and reason, never what stands there.
    """

    def __init__(self, path: Path | str, place: str, reason: str) -> None:
        super().__init__(f"{path}: {place}: {reason}" if place else f"{path}: {reason}")
        self.place = place
        self.reason = reason


class CaptureCut(CaptureFault):
    """The file ends in the middle of something; every whole entry before was handed out. Callers may go on."""
