"""Plays a transcript on a real switch: real import, real books, real TCP; only the clock is the transcript's."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Final

import sqlalchemy as sa
import trio

from switch.app import run
from switch.config import Address, AdminSettings, KeySettings, LedgerSettings, ListenerSettings, Settings
from switch.ledger import schema
from switch.ledger.audit import audit, snapshot
from switch.ledger.database import Database, open_database
from switch.ledger.ids import JournalIds
from switch.ledger.import_staging import Run
from switch.ledger.importing import import_file
from switch.security.keys import load_keys, write_fresh_keys
from switch.security.vault import Vault
from switch.values import Pan
from switch.wire.codec import Codec, Fields
from switch.wire.dialect import Dialect, load_dialect
from tests.scenarios.terminals import MERCHANTS, PANS, TERMINALS, ZONE, Past, fields_of
from tests.scenarios.transcript import BooksAre, Group, Message, Sent, Transcript, minor

_ANYWHERE: Final = Address("127.0.0.1", 0)
_AMOUNT_COLUMNS: Final = ("balance", "credit_limit", "single_limit", "daily_limit")
_ANSWER_DEADLINE_S: Final = 30.0
_ALWAYS_ECHOED: Final = (3, 4, 11, 41, 42)
_CONFLICTS: Final = ("94", "913")  # what is expected to conflict is not what a later line repeats


class Clock:
    """The wall clock of a transcript: it stands still until the next line moves it."""

    def __init__(self) -> None:
        self.now = 0

    def __call__(self) -> int:
        return self.now

    def move_to(self, local: datetime) -> None:
        self.now = int(local.replace(tzinfo=ZONE).astimezone(UTC).timestamp() * 1_000_000)


def install(transcript: Transcript, database: str, dialect: str, folder: Path, clock: Clock) -> Settings:
    """Import what the transcript names; returns the settings of a switch that serves it."""
    keys = folder / "keys.toml"
    write_fresh_keys(keys)
    clock.move_to(datetime.combine(transcript.begins, datetime.min.time()))
    run_at = Run(JournalIds(clock)(), clock(), datetime.now(ZONE), int(f"{transcript.begins:%Y%m%d}"))
    with closing(open_database(database)) as books:
        for subject, rows in _tables(transcript).items():
            file = folder / f"{subject}.csv"
            file.write_text(_csv(rows), "utf-8")
            if rows:
                import_file(books, subject, file, Vault(load_keys(keys)), run_at)
    listener = ListenerSettings(name="door", dialect=dialect, bind=_ANYWHERE, **transcript.settings)  # type: ignore[arg-type]
    return Settings(
        time_zone="Asia/Shanghai",
        ledger=LedgerSettings(database=database),
        listeners=(listener,),
        admin=AdminSettings(bind=_ANYWHERE),
        keys=KeySettings(file=keys),
    )


def _tables(transcript: Transcript) -> dict[str, list[dict[str, str]]]:
    return {
        "merchants": [{"merchant_id": MERCHANTS[name], **columns} for name, columns in transcript.merchants.items()],
        "terminals": [
            {"terminal_id": TERMINALS[name], **columns, "merchant_id": MERCHANTS[columns["merchant_id"]]}
            for name, columns in transcript.terminals.items()
        ],
        "cards": [_card(name, columns) for name, columns in transcript.cards.items()],
    }


def _card(name: str, columns: dict[str, str]) -> dict[str, str]:
    row = {"pan": PANS[name], "expiry_yymm": "3012"}
    for column, value in columns.items():
        if column in _AMOUNT_COLUMNS:
            row[f"{column}_minor"] = str(minor(value))
        else:
            row[column] = value
    return row


def _csv(rows: list[dict[str, str]]) -> str:
    columns = list(dict.fromkeys(column for row in rows for column in row))
    text = StringIO()
    writer = csv.DictWriter(text, columns)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


async def play(transcript: Transcript, database: str, dialect: str, folder: Path) -> str:
    """Send every message and compare what comes back; returns the log of the switch."""
    clock, log = Clock(), StringIO()
    settings = install(transcript, database, dialect, folder, clock)
    failure: Exception | None = None
    async with trio.open_nursery() as nursery:
        running = await nursery.start(lambda task_status: run(settings, clock=clock, log=log, task_status=task_status))
        with closing(open_database(database)) as books:
            player = _Player(transcript, load_dialect(dialect), running.listeners["door"], clock)
            reader = BooksReader(books, Vault(load_keys(settings.keys.file)))
            try:
                for step in transcript.steps:
                    if isinstance(step, Group):
                        await player.send(step)
                    else:
                        reader.check(step)
            except Exception as error:  # noqa: BLE001 - the switch ends first, then the test fails plainly
                failure = error
        running.drain()
        await running.ended.wait()
    if failure is not None:
        raise failure
    audit_is_clean(database, Vault(load_keys(settings.keys.file)))
    return log.getvalue()


class _Player:
    """Speaks for all terminals of a transcript, each group of messages over a connection of its own."""

    def __init__(self, transcript: Transcript, dialect: Dialect, address: tuple[str, int], clock: Clock) -> None:
        self._merchants = {name: columns["merchant_id"] for name, columns in transcript.terminals.items()}
        self._dialect = dialect
        self._codec = Codec(dialect)
        self._address = address
        self._clock = clock
        self._past: dict[str, dict[str, Past]] = {}  # by terminal, by STAN: what can be an original
        self._sent: dict[tuple[str, str, str], Past] = {}  # by terminal, kind and STAN: what can be sent again

    async def send(self, group: Group) -> None:
        self._clock.move_to(group.messages[0].at)
        requests = [self._fields(each) for each in group.messages]
        frames = [self._dialect.framing.wrap_request(self._codec.encode(fields)) for fields in requests]
        answers = await self._exchange(b"".join(frames), len(frames))
        for each, request in zip(group.messages, requests, strict=True):
            self._judge(each, request, _answer_to(request, answers))

    def _fields(self, sent: Sent) -> Fields:
        message = sent.message
        if not message.resent:
            past = self._past.setdefault(message.terminal, {})
            merchant = self._merchants.get(message.terminal, "M1")
            fields = fields_of(self._dialect.name, message, sent.at, merchant, past)
            if sent.action not in _CONFLICTS:
                self._remember(message, fields, {})
            return fields
        earlier = self._sent[message.terminal, message.kind, message.stan].fields
        mti = earlier[0][:3] + str(int(earlier[0][3]) | 1) if message.resent == "repeat" else earlier[0]
        fields = {**earlier, 0: mti, **message.fields}
        return {number: text for number, text in fields.items() if text}

    def _remember(self, message: Message, fields: Fields, answer: Fields) -> None:
        past = Past(fields, answer)
        self._sent[message.terminal, message.kind, message.stan] = past
        if message.kind != "reversal":
            self._past[message.terminal][message.stan] = past

    async def _exchange(self, data: bytes, count: int) -> list[Fields]:
        framer = self._dialect.framing.framer()
        answers: list[Fields] = []
        with trio.fail_after(_ANSWER_DEADLINE_S):
            async with await trio.open_tcp_stream(*self._address) as stream:
                await stream.send_all(data)
                while len(answers) < count:
                    received = await stream.receive_some()
                    assert received, "the switch closed the connection instead of answering"
                    answers += [self._codec.decode(frame.body) for frame in framer.feed(bytes(received))]
        return answers

    def _judge(self, sent: Sent, request: Fields, answer: Fields) -> None:
        where = f"line {sent.line}"
        code = self._dialect.actions.get(sent.action, sent.action)
        actions = sorted(name for name, its in self._dialect.actions.items() if its == answer[39])
        assert answer[39] == code, f"{where}: answered {answer[39]} ({', '.join(actions)}), expected {code}"
        for number in _ALWAYS_ECHOED:
            assert answer.get(number) == request.get(number), f"{where}: field {number} is not echoed"
        for number, text in sent.answer.items():
            assert answer.get(number, "") == text, f"{where}: field {number} is {answer.get(number)!r}, not {text!r}"
        message = sent.message
        earlier = self._sent.get((message.terminal, message.kind, message.stan))
        if message.resent and not message.fields and earlier and earlier.answer:
            assert answer == earlier.answer, f"{where}: a repeat is answered otherwise than the first"
        elif not message.resent and sent.action not in _CONFLICTS:
            self._remember(message, request, answer)


def _answer_to(request: Fields, answers: list[Fields]) -> Fields:
    mti = f"{request[0][:2]}{int(request[0][2]) + 1}{int(request[0][3]) & ~1}"
    for answer in answers:
        if answer[0] == mti and answer.get(11) == request.get(11):
            answers.remove(answer)
            return answer
    raise AssertionError(f"no {mti} with STAN {request.get(11)} among the answers")


class BooksReader:
    """What the books say, beside the running switch."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database = database
        self._vault = vault

    def check(self, expected: BooksAre) -> None:
        figures = self.figures(expected.subject)
        found = {name: figures[name] for name in expected.figures}
        assert found == expected.figures, f"line {expected.line}: the books say {found} of {expected.subject}"

    def figures(self, subject: str) -> dict[str, int]:
        with self._database.reading() as connection:
            if subject.startswith("C"):
                return self._card(connection, PANS[subject])
            if subject.startswith("M"):
                return {"balance": self._merchant(connection, MERCHANTS[subject])}
            rows = connection.execute(sa.select(schema.adjustment.c.amount_minor)).scalars().all()
            return {"balance": len(rows), "sum": sum(rows)}

    def _card(self, connection: sa.Connection, pan: str) -> dict[str, int]:
        balance = schema.balance.c
        row = connection.execute(
            sa.select(balance.ledger_minor, balance.held_minor, balance.credit_limit_minor)
            .select_from(schema.card.join(schema.balance, schema.card.c.account_id == balance.account_id))
            .where(schema.card.c.pan_key == self._vault.pan_key(Pan(pan)))
        ).one()
        ledger, held, credit = row
        return {"ledger": ledger, "held": held, "available": ledger - held + credit}

    def _merchant(self, connection: sa.Connection, merchant_id: str) -> int:
        transfer = schema.transfer.c
        account = (
            sa.select(schema.merchant.c.account_id)
            .where(schema.merchant.c.merchant_id == merchant_id)
            .scalar_subquery()
        )
        sums = [
            connection.execute(
                sa.select(sa.func.coalesce(sa.func.sum(transfer.amount_minor), 0)).where(side == account)
            ).scalar_one()
            for side in (transfer.credit_account_id, transfer.debit_account_id)
        ]
        return int(sums[0]) - int(sums[1])


def audit_is_clean(database: str, vault: Vault) -> None:
    with closing(open_database(database)) as books, snapshot(books) as connection:
        findings = audit(connection, vault)
    broken = [f"{finding.invariant}: {finding.offenders}" for finding in findings if finding.broken]
    assert not broken


def transcripts() -> Iterator[Path]:
    yield from sorted((Path(__file__).parent / "transcripts").glob("*.txt"))
