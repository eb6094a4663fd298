"""Makes a recorded message one of today: numbers, references, dates, batch and MAC.

What one message says of another is rewritten alike: a void names the number, the batch and the date under which its
sale was sent again, and the reference that this host gave it. What a message names that was not sent in this run is
left as it was recorded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Final, NamedTuple, TypeVar

from switch.errors import OperatorError
from switch.load.keys_given import GivenKeys
from switch.messages.catalogue import Catalogue
from switch.messages.kinds import Kind
from switch.messages.mapping import first_mti
from switch.messages.paths import bytes_of, field_of, role_getter, span_of
from switch.wire.codec import Codec, Fields
from switch.wire.dialect import Dialect

NAMES: Final = ("stan", "rrn", "dates", "batch", "mac")
REMEMBERED_MAX: Final = 50_000
"""Messages that later ones may name; of more the oldest are forgotten."""

_STAN_MAX: Final = 999_999
_REVERSAL_CLASS: Final = "4"
_NETWORK_CLASS: Final = "8"
_MMDD: Final = 4

# fmt: off
MOMENTS: Final = {  # how a moment is written, by the number of its digits
    4:  "%m%d",
    6:  "%H%M%S",
    10: "%m%d%H%M%S",
    12: "%y%m%d%H%M%S",
    14: "%Y%m%d%H%M%S",
}
# fmt: on
MOMENT_ROLES: Final = ("transmitted_at", "local_time", "local_date")
UTC_ROLE: Final = "transmitted_at"

K = TypeVar("K")
V = TypeVar("V")


def names_in(text: str) -> frozenset[str]:
    """What ``stan,dates`` says is to be rewritten. Raises `OperatorError` for a name that is none of `NAMES`."""
    names = frozenset(part.strip() for part in text.split(",") if part.strip())
    unknown = sorted(names - {*NAMES})
    if unknown:
        raise OperatorError(f"--rewrite knows {', '.join(NAMES)}; not {', '.join(unknown)}")
    return names


class Sent(NamedTuple):
    """Under which number, batch and moments a recorded message was sent again."""

    stan: str
    batch: str
    transmitted_at: str
    local_date: str


class Rewriter:
    """Rewrites the messages of one run, in order. ``now`` is the local time; numbers go on from ``first_stan``."""

    def __init__(
        self, dialect: Dialect, names: Iterable[str], now: Callable[[], datetime], first_stan: int, keys: GivenKeys
    ) -> None:
        self.names: Final = frozenset(names)
        self.keys: Final = keys
        self._dialect = dialect
        self._codec = Codec(dialect)
        self._catalogue = Catalogue(dialect)
        self._now = now
        self._stan = first_stan
        self._rrn = int(f"{now():%y%m%d%H%M}00")
        self._stans: dict[str, int] = {}
        self._sent: dict[tuple[str, str], Sent] = {}
        self._given: dict[tuple[str, str], str] = {}
        self._batches: dict[str, str] = {}
        roles = {role: path for role, path in dialect.roles.items() if "." not in path}
        self._fields = {role: field_of(dialect, path) for role, path in roles.items()}
        self._moments = moments(dialect)
        self._written_at: datetime | None = None
        self._written: dict[int, str] = {}
        self.terminal_of: Final = role_getter(dialect, "terminal")

    @property
    def changed_fields(self) -> frozenset[int]:
        """Fields that an answer may echo and that are not what was recorded any more."""
        roles = {"stan": ("stan",), "rrn": ("rrn", "approval_code"), "mac": ("mac",)}
        numbers = {self._fields[role] for name in self.names for role in roles.get(name, ()) if role in self._fields}
        if "dates" in self.names:
            numbers |= {number for number, _, _ in self._moments}
            numbers |= {self._fields[role] for role in ("settlement_date",) if role in self._fields}
        if "batch" in self.names and "batch" in self._dialect.roles:
            numbers.add(field_of(self._dialect, self._dialect.roles["batch"]))
        return frozenset(numbers)

    def kind_of(self, fields: Fields) -> Kind | None:
        """What kind of message it is, None for one of no kind."""
        entry = self._catalogue.find(fields, first_mti(fields[0]))
        return None if entry is None else entry.kind

    # --- out -----------------------------------------------------------------------------------------------

    def rewritten(self, recorded: Fields) -> Fields:
        """The fields to send instead; the MAC is made by `written`."""
        fields, terminal = dict(recorded), self.terminal_of(recorded)
        entry = self._catalogue.find(recorded, first_mti(recorded[0]))
        self._name_original(fields, terminal)
        if "rrn" in self.names:
            self._refer(fields, terminal, has_original=entry is not None and entry.has_original)
        if "dates" in self.names:
            for number, text in self._times().items():
                if number in fields:
                    fields[number] = text
        if "batch" in self.names and terminal in self._batches:
            self._put(fields, "batch", self._batches[terminal])
        if "stan" in self.names:
            self._number(recorded, fields, terminal)
        self._remember(recorded, fields, terminal)
        return fields

    def written(self, fields: Fields) -> bytes:
        """The message's bytes, from its type to its last field, its MAC made anew where that was asked for."""
        if "mac" not in self.names:
            return self._codec.encode(fields)
        entry = self._catalogue.find(fields, first_mti(fields[0]))
        if self._fields.get("mac", 0) in fields or (entry is not None and entry.mac):
            return self.keys.written(self._codec, fields, self.terminal_of(fields))
        return self._codec.encode(fields)

    def _times(self) -> dict[int, str]:
        """What the fields that hold times say now; made once a second."""
        now = self._now().replace(microsecond=0)
        if now != self._written_at:
            self._written_at = now
            self._written = {
                number: (now.astimezone(UTC) if is_utc else now).strftime(form)
                for number, form, is_utc in self._moments
            }
        return self._written

    def _number(self, recorded: Fields, fields: Fields, terminal: str) -> None:
        """A number of its own, or its original's: a reversal that names nobody else, and whatever is sent again."""
        number = self._fields["stan"]
        old = recorded.get(number)
        if old is None:
            return
        is_again = recorded[0] != first_mti(recorded[0])
        names_itself = recorded[0][1] == _REVERSAL_CLASS and "original_mti" not in self._dialect.roles
        earlier = self._sent.get((terminal, old)) if is_again or names_itself else None
        fields[number] = self._next_stan(terminal) if earlier is None else earlier.stan

    def _next_stan(self, terminal: str) -> str:
        stan = self._stans.get(terminal, self._stan)
        self._stans[terminal] = stan % _STAN_MAX + 1
        return f"{stan:06d}"

    def _name_original(self, fields: Fields, terminal: str) -> None:
        """Name the original (61, 90) as it was sent in this run."""
        earlier = self._sent.get((terminal, self._read(fields, "original_stan")))
        if earlier is None:
            return
        if "stan" in self.names:
            self._put(fields, "original_stan", earlier.stan)
        if "batch" in self.names and earlier.batch:
            self._put(fields, "original_batch", earlier.batch)
        if "dates" in self.names:
            old = self._read(fields, "original_date")
            self._put(fields, "original_date", earlier.local_date if len(old) == _MMDD else earlier.transmitted_at)

    def _refer(self, fields: Fields, terminal: str, *, has_original: bool) -> None:
        """Give 37 and 38 as this host gave them; a reference of the sender's own (37) is made anew."""
        rrn, code = self._fields.get("rrn", 0), self._fields.get("approval_code", 0)
        if code in fields:
            fields[code] = self._given.get((terminal, fields[code]), fields[code])
        if rrn not in fields:
            return
        given = self._given.get(("", fields[rrn]))
        if given is None and not has_original:
            self._rrn += 1
            given = f"{self._rrn:012d}"
            _keep(self._given, ("", fields[rrn]), given)
        fields[rrn] = given or fields[rrn]

    def _remember(self, recorded: Fields, fields: Fields, terminal: str) -> None:
        if recorded[0][1] == _REVERSAL_CLASS:
            return  # nothing names a reversal; in some dialects it has its original's number
        moment, local = self._fields.get("transmitted_at", -1), self._fields.get("local_date", -1)
        date = fields.get(local) or self._now().strftime("%m%d")
        number = self._fields["stan"]
        sent = Sent(fields.get(number, ""), self._read(fields, "batch"), fields.get(moment, ""), date)
        _keep(self._sent, (terminal, recorded.get(number, "")), sent)

    # --- in ------------------------------------------------------------------------------------------------

    def learn(self, answer: Fields) -> None:
        """Take what the answer to a sign-on gives: the working keys and the batch."""
        if answer[0][1] != _NETWORK_CLASS:
            return
        terminal = self.terminal_of(answer)
        private = answer.get(self._fields.get("private", -1))
        if private:
            self.keys.take(terminal, bytes_of(private))
        batch = self._read(answer, "batch")
        if batch.strip("0"):
            self._batches[terminal] = batch

    def refer(self, recorded: Fields, answer: Fields) -> None:
        """Take the reference and the approval code that this host gave in place of those recorded."""
        rrn, code = self._fields.get("rrn", -1), self._fields.get("approval_code", -1)
        if rrn in recorded and rrn in answer:
            _keep(self._given, ("", recorded[rrn]), answer[rrn])
        if code in recorded and code in answer:
            _keep(self._given, (self.terminal_of(recorded), recorded[code]), answer[code])

    # --- parts of fields -----------------------------------------------------------------------------------

    def _read(self, fields: Fields, role: str) -> str:
        path = self._dialect.roles.get(role)
        if path is None:
            return ""
        text = fields.get(field_of(self._dialect, path), "")
        start, end = span_of(self._dialect, path) if "." in path else (0, len(text))
        return text[start:end]

    def _put(self, fields: Fields, role: str, text: str) -> None:
        """Write a part of a field that is there; one that is cut short before it, or has another size, is left."""
        path = self._dialect.roles[role]
        number = field_of(self._dialect, path)
        old = self._read(fields, role)
        if not old or len(old) != len(text):
            return
        start, end = span_of(self._dialect, path) if "." in path else (0, len(old))
        fields[number] = fields[number][:start] + text + fields[number][end:]


def moments(dialect: Dialect) -> tuple[tuple[int, str, bool], ...]:
    """(number, form, whether it is in UTC) of the fields that hold times."""
    found = {}
    for role in MOMENT_ROLES:
        if role in dialect.roles:
            number = field_of(dialect, dialect.roles[role])
            form = MOMENTS.get(dialect.fields[number].characters)
            if form is not None:
                found[number] = (number, form, role == UTC_ROLE)
    return tuple(found.values())


def _keep(kept: dict[K, V], key: K, value: V) -> None:
    """Keep the newest: what was kept first goes where there are too many."""
    kept[key] = value
    if len(kept) > REMEMBERED_MAX:
        del kept[next(iter(kept))]
