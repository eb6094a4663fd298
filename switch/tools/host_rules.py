"""Decides what a simulated host does with a message: a script compiled for one dialect. No sockets here.

Everything that looks random comes from the script's seed, so the same messages in the same order get the same answers.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from switch.errors import ConfigurationError, EncodeError
from switch.messages.actions import Action
from switch.messages.catalogue import Entry
from switch.messages.dates import HostCalendar
from switch.messages.mapping import MessageMap, answer_mti
from switch.messages.model import Reply
from switch.messages.paths import Getter, field_of, getter, span_of
from switch.tools.host_delays import Draw, draw_of
from switch.tools.host_script import Behaviour, Condition, Deed, Rule, Script, Value
from switch.wire.codec import Codec, Fields
from switch.wire.dialect import Dialect

DEFAULT_RULE: Final = "(default)"
WRONG_MAC: Final = "(MAC wrong)"

_ZONE: Final = ZoneInfo("Asia/Shanghai")
"""Of the times that the host itself puts into answers: the switch's own default."""

_RRN_SIZE: Final = 12
_APPROVAL_SIZE: Final = 6
_MAC_STATES: Final = frozenset({"absent", "right", "wrong", "unchecked"})

Writer = Callable[[Fields, Fields], None]
"""Changes the answer (second) to the message (first)."""


class Plan(NamedTuple):
    """What is done: ``answer`` is None where nothing is said. ``kind`` is "" for what is no known transaction."""

    rule: str
    kind: str
    do: Deed
    answer: Fields | None
    delay_s: float
    close: bool
    garbage_bytes: int


@dataclass(slots=True)
class _Compiled:
    """A rule with its counters."""

    name: str
    tests: tuple[tuple[str | Getter, Callable[[str], bool]], ...]
    every: int
    share: float
    chance: random.Random
    behaviour: Behaviour
    action: Action
    draw: Draw | None
    writers: tuple[Writer, ...]
    fitted: int = 0


class HostRules:
    """One script in one dialect. ``clock`` gives microseconds since 1970, UTC.

    Raises `ConfigurationError` for a script that does not fit the dialect.
    """

    def __init__(self, script: Script, dialect: Dialect, clock: Callable[[], int], path: Path | None = None) -> None:
        self._path = path or "the script"
        self._dialect = dialect
        self._codec = Codec(dialect)
        self._map = MessageMap(dialect, HostCalendar(_ZONE), "host")
        self._echo = tuple(map(int, dialect.answers.echo))
        self._clock = clock
        self._number = 0
        self._chance = random.Random(script.seed)  # noqa: S311 - a simulation
        if script.dialect not in {"", dialect.name}:
            raise self._wrong("dialect", f"the script is for {script.dialect}, not for {dialect.name}")
        self._rules = [self._compiled(f"rules.{at}", rule, script.seed + at) for at, rule in enumerate(script.rules)]
        self._default = self._compiled("default", script.default, script.seed - 1)

    @property
    def names(self) -> tuple[str, ...]:
        """All rules in order, the default last."""
        return (*(rule.name for rule in self._rules), DEFAULT_RULE)

    def plan(self, fields: Fields, mac: str = "absent") -> Plan | None:
        """Decide; None for what is never answered, because it is an answer itself.

        ``mac`` is what was found of the message's MAC; a wrong one is refused unless a rule asks for it.
        """
        if answer_mti(fields[0]) is None:
            return None
        entry = self._map.find(fields)
        kind = entry.kind.value if isinstance(entry, Entry) else ""
        words = {"mti": fields[0], "kind": kind, "mac": mac}
        echo = entry.echo if isinstance(entry, Entry) else self._echo
        rule = next((rule for rule in self._rules if _fits(rule, fields, words)), None)
        if rule is None and mac == "wrong":
            return Plan(WRONG_MAC, kind, "answer", self._answer(fields, echo, Action.MAC_WRONG), 0.0, False, 0)
        rule = rule or self._default
        behaviour = rule.behaviour
        answer = None
        if behaviour.do not in {"drop", "garbage"}:
            answer = self._answer(fields, echo, rule.action)
            for write in rule.writers:
                write(fields, answer)
        delay_s = rule.draw(rule.chance) if rule.draw is not None else 0.0
        return Plan(rule.name, kind, behaviour.do, answer, delay_s, behaviour.close, behaviour.garbage_bytes)

    def garbage(self, size: int) -> bytes:
        """Bytes that are no frame; their first ones announce more than any frame may have."""
        return b"\xff" * min(size, 4) + self._chance.randbytes(max(0, size - 4))

    def _answer(self, fields: Fields, echo: tuple[int, ...], action: Action) -> Fields:
        """What every host answers: the dialect's echoes, its own times, and DE 39."""
        return self._map.answer(fields, echo, Reply(action, self._clock()))

    # --- compiling -----------------------------------------------------------------------------------------

    def _compiled(self, key: str, rule: Rule | Behaviour, seed: int) -> _Compiled:
        name, every, share = DEFAULT_RULE, 1, 1.0
        tests: tuple[tuple[str | Getter, Callable[[str], bool]], ...] = ()
        if isinstance(rule, Rule):
            name, every, share = rule.name, rule.every, rule.share
            tests = tuple(self._tests(key, rule))
        if rule.action not in {action.value for action in Action}:
            raise self._wrong(f"{key}.action", f"no action {rule.action!r}; the dialect's [actions] names them")
        writers = tuple(self._writer(f"{key}.answer.{path}", path, value) for path, value in rule.answer.items())
        chance = random.Random(seed)  # noqa: S311 - a simulation
        return _Compiled(name, tests, every, share, chance, rule, Action(rule.action), draw_of(rule.delay), writers)

    def _tests(self, key: str, rule: Rule) -> Iterator[tuple[str | Getter, Callable[[str], bool]]]:
        for place, condition in rule.when.items():
            if place == "mac" and not ({condition.equals} | (condition.one_of or set())) <= {None, *_MAC_STATES}:
                raise self._wrong(f"{key}.when.mac", f"must be one of {', '.join(sorted(_MAC_STATES))}")
            where = place if place in {"mti", "kind", "mac"} else self._getter(f"{key}.when.{place}", place)
            yield where, _test(condition)

    def _getter(self, key: str, path: str) -> Getter:
        self._check(key, path)
        return getter(self._dialect, path)

    def _check(self, key: str, path: str) -> None:
        if path not in self._dialect.subfields and not (path.isdecimal() and int(path) in self._dialect.fields):
            raise self._wrong(key, f"{self._dialect.name} has no field {path}")

    def _writer(self, key: str, path: str, value: Value) -> Writer:
        self._check(key, path)
        number = field_of(self._dialect, path)
        make = self._maker(key, number, value)
        if "." not in path:
            if value.text:
                self._try(key, number, value.text)
            return lambda fields, answer: _put(answer, number, make(fields))
        start, end = span_of(self._dialect, path)

        def write_part(fields: Fields, answer: Fields) -> None:
            text = answer.get(number, "").ljust(end, "0")
            answer[number] = text[:start] + make(fields)[: end - start].rjust(end - start, "0") + text[end:]

        return write_part

    def _maker(self, key: str, number: int, value: Value) -> Callable[[Fields], str]:
        """How the text of one place is made."""
        if value.copy_of is not None:
            return self._getter(key, value.copy_of)
        field = self._dialect.fields[number]
        size = field.characters if not field.prefix else 1
        if value.counter is not None:
            return _counter(value.counter, size)
        if value.generate == "rrn":
            return lambda _: self._next(_RRN_SIZE)
        if value.generate == "approval_code":
            return lambda _: f"{self._chance.randrange(10**_APPROVAL_SIZE):06d}"
        text = value.text or ""
        return lambda _: text

    def _next(self, size: int) -> str:
        self._number += 1
        return f"{self._number % 10**size:0{size}d}"

    def _try(self, key: str, number: int, text: str) -> None:
        """Refuse at once what the dialect cannot say. The reason names the rule of the field, not the value."""
        try:
            self._codec.encode({0: "0210", number: text})
        except EncodeError as error:
            raise self._wrong(key, error.reason) from None

    def _wrong(self, key: str, reason: str) -> ConfigurationError:
        return ConfigurationError(f"{self._path}: {key}: {reason}")


def _fits(rule: _Compiled, fields: Fields, words: dict[str, str]) -> bool:
    for where, test in rule.tests:
        if not test(words[where] if isinstance(where, str) else where(fields)):
            return False
    rule.fitted += 1
    if rule.fitted % rule.every:
        return False
    return rule.share == 1.0 or rule.chance.random() < rule.share


def _test(condition: Condition) -> Callable[[str], bool]:
    """Compile a condition; what is not a number is in no range."""
    tests: list[Callable[[str], bool]] = []
    equals, prefix, one_of = condition.equals, condition.prefix, condition.one_of
    low, high, present = condition.at_least, condition.at_most, condition.present
    if equals is not None:
        tests.append(lambda text: text == equals)
    if prefix is not None:
        tests.append(lambda text: text.startswith(prefix))
    if one_of is not None:
        tests.append(lambda text: text in one_of)
    if low is not None or high is not None:
        tests.append(lambda text: text.isdecimal() and (low or 0) <= int(text) <= (int(text) if high is None else high))
    if present is not None:
        tests.append(lambda text: bool(text) == present)
    return tests[0] if len(tests) == 1 else lambda text: all(test(text) for test in tests)


def _put(answer: Fields, number: int, text: str) -> None:
    if text:
        answer[number] = text
    else:
        answer.pop(number, None)


def _counter(start: int, size: int) -> Callable[[Fields], str]:
    """Count up, filled with zeros to the field's size, beginning again at 0 where that is too small."""
    state = {"next": start}

    def count(_: Fields) -> str:
        number = state["next"]
        state["next"] = number + 1
        return f"{number % 10**size if size > 1 else number:0{size}d}"

    return count
