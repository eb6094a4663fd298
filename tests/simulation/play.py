"""Plays messages through the real store in groups, and says where it and the model part."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from switch.decisions import Standing as Came
from switch.ledger.database import Database, open_database
from switch.messages.model import Reply
from tests.simulation import town
from tests.simulation.payments import Standing
from tests.simulation.traffic import Message, key_of


def play(database: Database, messages: Sequence[Message], sizes: Sequence[int]) -> None:
    """Settle messages in groups of these sizes, over and over; a new day begins a new group.

    Raises `AssertionError` at the first answer that the rules do not allow, and the first group that leaves other
    books than the model's.
    """
    clock = town.Clock()
    store = town.store(database, clock, town.ids())
    first: dict[object, Reply] = {}
    try:
        for group in _groups(messages, sizes):
            clock.day = group[0].clock.day
            report = store.run([message.request for message in group])
            assert report.faults == [], (report.faults, group)
            for message, outcome in zip(group, report.outcomes, strict=True):
                said = (message.request.kind.value, outcome.reply and outcome.reply.action.value, outcome.because)
                assert outcome.reply is not None, said
                assert outcome.reply.action in message.answers, (said, sorted(message.answers))
                assert message.is_again == (outcome.standing is Came.REPEAT) or not message.request.mti, said
                if message.is_again:
                    assert outcome.reply == first[key_of(message.request)], said
                elif message.request.mti:
                    first.setdefault(key_of(message.request), outcome.reply)
            assert differences(group[-1].after, town.standing(database)) == {}, group[-1].request
    finally:
        store.close()


def differences(model: Standing, real: Standing) -> dict[str, Any]:
    """What the two books do not agree about: by subject, what the model and what the real ones say."""
    found: dict[str, Any] = {}
    for name, ours, theirs in zip(model._fields, model, real, strict=True):
        mine, its = _by_key(ours), _by_key(theirs)
        for key in sorted({*mine, *its}, key=str):
            if mine.get(key) != its.get(key):
                found[f"{name} {key}"] = (mine.get(key), its.get(key))
    return found


def _by_key(found: object) -> dict[object, object]:
    return found if isinstance(found, dict) else {"": found}


def _groups(messages: Sequence[Message], sizes: Sequence[int]) -> Iterator[list[Message]]:
    group: list[Message] = []
    made = 0
    for message in messages:
        if group and (len(group) >= sizes[made % len(sizes)] or group[-1].clock != message.clock):
            yield group
            group, made = [], made + 1
        group.append(message)
    if group:
        yield group


@contextmanager
def copy_of(template: Path) -> Iterator[Database]:
    """A copy of a town's books on SQLite, in memory where there is a file system in memory."""
    memory = Path("/dev/shm")  # noqa: S108 - a private folder is made in it
    with tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None) as folder:
        path = Path(shutil.copy(template, f"{folder}/books.db"))
        opened = open_database(f"sqlite:///{path}")
        try:
            yield opened
        finally:
            opened.close()
