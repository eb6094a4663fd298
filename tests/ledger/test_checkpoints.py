"""SQLite's log is moved into the database beside whoever writes, and what is in the way of that is told once."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from itertools import count, pairwise
from pathlib import Path
from subprocess import PIPE, Popen
from typing import TypeVar

import pytest
import sqlalchemy as sa

from switch.ledger.checkpoints import Checkpoints
from switch.ledger.database import Database, open_database
from switch.ledger.sessions import connector
from switch.ledger.sqlite_session import LogCare, SqliteSession
from switch.ledger.statements import DAY_OPENED, Session

_T = TypeVar("_T")
LEAST_S, MOST_S = 0.1, 1.0


async def here(function: Callable[[], _T], /) -> _T:
    return function()


@pytest.fixture
def database(sqlite_database: str) -> Iterator[Database]:
    with closing(open_database(sqlite_database)) as opened:
        yield opened


def tending(database: Database, troubles: list[Exception] | None = None) -> Checkpoints:
    return Checkpoints(database, here, ([] if troubles is None else troubles).append)


def write(database: Database, rows: int) -> None:
    """One page or more for each row."""
    with database.writing() as connection:
        connection.execute(sa.text("CREATE TABLE IF NOT EXISTS filling (bytes BLOB)"))
        for _ in range(rows):
            connection.execute(sa.text("INSERT INTO filling VALUES (zeroblob(4000))"))


def in_the_file_itself(database: Database) -> int:
    """Rows in the database's file, read without its log."""
    path = Path(str(database.engine.url.database))
    with closing(sqlite3.connect(f"file:{path}?immutable=1", uri=True)) as alone:
        return int(alone.execute("SELECT count(*) FROM filling").fetchone()[0])


def log_bytes(database: Database) -> int:
    return Path(f"{database.engine.url.database}-wal").stat().st_size


async def test_what_was_written_is_in_the_database_after_a_look(database: Database) -> None:
    troubles: list[Exception] = []
    checkpoints = tending(database, troubles)
    write(database, 50)

    with closing(checkpoints):
        await checkpoints.look(LEAST_S)

    assert in_the_file_itself(database) == 50
    assert troubles == []


async def test_the_log_begins_anew_instead_of_growing(database: Database) -> None:
    with closing(tending(database)) as checkpoints:
        for _ in range(2):
            write(database, 100)
            await checkpoints.look(LEAST_S)
        before = log_bytes(database)
        for _ in range(10):
            write(database, 50)
            await checkpoints.look(LEAST_S)

    assert log_bytes(database) == before


async def test_it_looks_the_sooner_the_more_is_written(database: Database) -> None:
    with closing(tending(database)) as checkpoints:
        await checkpoints.look(1.0)
        idle_s = await checkpoints.look(1.0)
        write(database, 2_000)
        busy_s = await checkpoints.look(1.0)

    assert idle_s == MOST_S
    assert LEAST_S <= busy_s < 1.0


async def test_it_looks_as_soon_again_where_the_log_began_anew_and_is_as_long_as_before(database: Database) -> None:
    write(database, 1)  # and the table
    pauses_s = []
    with closing(tending(database)) as checkpoints:
        await checkpoints.look(1.0)
        for _ in range(4):
            write(database, 2_000)
            pauses_s.append(await checkpoints.look(1.0))
        idle_s = await checkpoints.look(1.0)

    assert max(pauses_s) < 1.0
    assert idle_s == MOST_S


async def test_a_reader_of_an_older_state_keeps_nobody_waiting_and_is_kept_what_it_reads(database: Database) -> None:
    write(database, 10)
    count = sa.text("SELECT count(*) FROM filling")

    with closing(tending(database)) as checkpoints, database.reading() as reader:
        before = reader.execute(count).scalar()
        write(database, 10)
        await checkpoints.look(LEAST_S)
        beside = reader.execute(count).scalar()

    assert (before, beside) == (10, 10)


async def test_it_looks_again_soon_where_somebody_else_moves_the_log_just_then(database: Database) -> None:
    """Whose commit found the log too long is at it: what was written meanwhile is for the next look."""
    with closing(tending(database)) as checkpoints:
        write(database, 2_000)
        await checkpoints.look(1.0)
        with moving_the_log(database):
            busy_s = await checkpoints.look(1.0)
        idle_s = await checkpoints.look(1.0)

    assert busy_s == LEAST_S
    assert idle_s == MOST_S


@contextmanager
def moving_the_log(database: Database) -> Iterator[None]:
    """Hold the lock of whoever moves it, from another process: byte 121 of the log's index (sqlite.org/walformat)."""
    index = Path(f"{database.engine.url.database}-shm")
    text = "import fcntl,sys; f = open(sys.argv[1], 'r+b'); fcntl.lockf(f, fcntl.LOCK_EX, 1, 121); print(flush=True); input()"
    with Popen([sys.executable, "-c", text, str(index)], stdin=PIPE, stdout=PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()
        yield
        other.communicate(b"\n")


async def test_trouble_is_told_once_and_ends_when_it_is_over(tmp_path: Path) -> None:
    path = tmp_path / "books.db"
    path.mkdir()  # no file can be opened there
    troubles: list[Exception] = []

    with (
        closing(open_database(f"sqlite:///{path}")) as database,
        closing(tending(database, troubles)) as checkpoints,
    ):
        for _ in range(3):
            await checkpoints.look(LEAST_S)
        told = len(troubles)
        path.rmdir()
        write(database, 20)
        await checkpoints.look(LEAST_S)

        assert in_the_file_itself(database) == 20

    assert told == len(troubles) == 1


async def test_on_postgresql_there_is_nothing_to_do() -> None:
    with closing(open_database("postgresql://127.0.0.1/nobody")) as database:
        await tending(database).run()


NUMBERS = count(1)


# --- what is left to commits ---------------------------------------------------------------------------------


@contextmanager
def a_session(database: Database, care: LogCare) -> Iterator[Session]:
    with closing(connector(database, care)()) as session:
        yield session


def commit(session: Session) -> None:
    """Commit a row: a page or two."""
    session.begin()
    session.change(DAY_OPENED, [(next(NUMBERS), 1, "open")])
    session.commit()


async def test_the_last_pages_of_a_long_log_are_left_to_the_next_commit(database: Database) -> None:
    write(database, 4_100)
    with closing(tending(database)) as checkpoints, a_session(database, checkpoints.care) as session:
        with database.reading() as reader:
            reader.execute(sa.text("SELECT count(*) FROM filling"))
            write(database, 100)
            await checkpoints.look(LEAST_S)
            is_left = checkpoints.care.is_nearly_moved
        commit(session)

        assert in_the_file_itself(database) == 4_200
    assert is_left
    assert not checkpoints.care.is_nearly_moved


async def test_what_a_long_reader_made_of_the_log_is_given_back_to_the_disk_bit_by_bit(database: Database) -> None:
    kept, long, at_once = 128 << 20, 170 << 20, 16 << 20
    write(database, 1)
    with closing(tending(database)) as checkpoints, a_session(database, checkpoints.care) as session:
        with database.reading() as reader:
            reader.execute(sa.text("SELECT count(*) FROM filling"))
            with database.writing() as connection:
                connection.execute(sa.text("INSERT INTO filling VALUES (zeroblob(:size))"), {"size": long})
        sizes = [log_bytes(database)]
        for _ in range(6):
            await checkpoints.look(LEAST_S)
            commit(session)  # moves the last pages
            commit(session)  # in a log that begins anew
            sizes.append(log_bytes(database))
            write(database, 4_100)

    assert sizes[0] > long
    assert max(before - after for before, after in pairwise(sizes)) == at_once
    assert sizes[-2:] == [kept, kept]


async def test_nothing_of_a_short_log_or_of_one_that_a_reader_keeps_is_left_to_a_commit(database: Database) -> None:
    with closing(tending(database)) as checkpoints:
        write(database, 100)
        await checkpoints.look(LEAST_S)
        of_a_short_one = checkpoints.care.is_nearly_moved
        with database.reading() as reader:
            reader.execute(sa.text("SELECT count(*) FROM filling"))
            write(database, 5_000)
            await checkpoints.look(LEAST_S)
            of_a_kept_one = checkpoints.care.is_nearly_moved

    assert not of_a_short_one
    assert not of_a_kept_one


async def test_a_log_that_is_tended_is_moved_by_no_commit_and_one_that_is_not_now_and_then(database: Database) -> None:
    care = LogCare()
    write(database, 1)
    with closing(tending(database)) as checkpoints:
        await checkpoints.look(LEAST_S)
    write(database, 9)
    with a_session(database, care) as session:
        for _ in range(1_000):
            commit(session)
        tended = in_the_file_itself(database)
        care.is_tended = False
        for _ in range(1_000):
            commit(session)

        assert in_the_file_itself(database) == 10
    assert tended == 1


@pytest.mark.parametrize(("pressed_s", "least_s", "moved"), [(0.5, 0.3, False), (1.5, LEAST_S, True)])
async def test_while_groups_leave_no_gaps_the_log_is_moved_in_longer_strides(
    database: Database, pressed_s: float, least_s: float, *, moved: bool
) -> None:
    troubles: list[Exception] = []
    checkpoints = Checkpoints(database, here, troubles.append, lambda: 100.0)
    checkpoints.care.pressed_at = 100.0 - pressed_s
    write(database, 4_200)

    with closing(checkpoints), database.reading() as reader:
        reader.execute(sa.text("SELECT count(*) FROM filling")).scalar()
        write(database, 10)
        pause_s = await checkpoints.look(LEAST_S)

    assert pause_s == least_s
    assert checkpoints.care.is_nearly_moved is moved


def test_a_session_says_that_its_groups_leave_no_gaps(database: Database) -> None:
    now = [100.0]
    care = LogCare()
    connection = sqlite3.connect(str(database.engine.url.database), isolation_level=None)
    session = SqliteSession(connection, lambda: now[0], lambda _: None, log_care=care)
    with closing(session):
        for _ in range(3):
            session.begin()
            session.commit()
            assert care.pressed_at < 0
            now[0] += 1.0  # a gap
        for _ in range(200):
            session.begin()
            now[0] += 0.001
            session.commit()

    assert 100.0 < care.pressed_at <= now[0]
