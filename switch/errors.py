"""The exception tree, by blame: who has to change something for this not to happen again.

Expected outcomes (a decline, a repeat, a conflict) are values, not exceptions. No error carries the
bytes, PAN, track or key it is about: it names dialect, field, position and rule instead.
"""

from __future__ import annotations


class SwitchError(Exception):
    """Root of everything that the switch raises on purpose."""


class PeerError(SwitchError):
    """The other end of a connection sent something it should not have."""


class FrameError(PeerError):
    """The byte stream can no longer be cut into frames; the connection must end.

    ``reason`` is one word of a bounded set, for the metric label: ``too_long``, ``bad_length``,
    ``bad_trailer``, ``bad_header``, ``incomplete``.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class DecodeError(PeerError):
    """A frame does not follow its dialect.

    ``field`` is a path (``"mti"``, ``"bitmap"``, ``"4"``, ``"55.9F26"``); ``position`` is the offset in
    the frame of the byte where the trouble starts, in bytes; ``reason`` never quotes field contents.
    """

    def __init__(self, dialect: str, field: str, position: int, reason: str) -> None:
        super().__init__(f"{dialect}: field {field} at byte {position}: {reason}")
        self.dialect = dialect
        self.field = field
        self.position = position
        self.reason = reason


class OperatorError(SwitchError):
    """Someone who runs the switch has to change a file, an option or a command. Exit status 2."""


class ConfigurationError(OperatorError):
    """A setting, dialect, rule or key file is wrong; the message names file, key and reason."""


class DatabaseError(OperatorError):
    """The database is missing, unreachable, or of a version this program must not touch."""


class ImportRefused(OperatorError):  # noqa: N818 - an outcome told to a person, not a fault
    """Rows of an import are wrong; nothing was imported. ``problems`` lists (line, column, reason)."""

    def __init__(self, problems: list[tuple[int, str, str]]) -> None:
        super().__init__(f"{len(problems)} problem(s); nothing was imported")
        self.problems = problems


class NotInBooks(OperatorError):  # noqa: N818 - an outcome told to a person, not a fault
    """An operator named a card, terminal, merchant or transaction that the books do not have."""


class InternalError(SwitchError):
    """The switch itself is at fault: an invariant it relies on does not hold."""


class EncodeError(InternalError):
    """An answer cannot be written in its dialect: the mapping produced a value the field cannot hold."""

    def __init__(self, dialect: str, field: str, reason: str) -> None:
        super().__init__(f"{dialect}: field {field}: {reason}")
        self.dialect = dialect
        self.field = field
        self.reason = reason


class CommitUnknown(InternalError):  # noqa: N818 - the state of the books, not a fault
    """The connection to the database broke while a commit was under way: it may or may not have happened."""
