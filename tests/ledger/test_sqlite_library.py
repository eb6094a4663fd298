"""SQLite without its locks: what is told to it must hold, so it is tried in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

CONNECTIONS = """
import sqlite3, sys, threading
from switch.ledger.sqlite_library import relieve_sqlite

def work(number):
    connection = sqlite3.connect(sys.argv[1], timeout=30)
    for row in range(50):
        with connection:
            connection.execute("INSERT INTO seen VALUES (?, ?)", (number, row))
    connection.close()

told = relieve_sqlite()
connection = sqlite3.connect(sys.argv[1])
connection.execute("PRAGMA journal_mode = WAL")
connection.execute("CREATE TABLE seen (number, row)")
threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(told, *connection.execute("SELECT count(*), count(DISTINCT number) FROM seen").fetchone())
"""

UNKNOWN = """
import ctypes, sqlite3
from switch.ledger.sqlite_library import relieve_sqlite

ctypes.CDLL = lambda name: object()
print(relieve_sqlite(), *sqlite3.connect(":memory:").execute("SELECT 1").fetchone())
"""


def said(program: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_threads_with_a_connection_each_go_on_as_before(tmp_path: Path) -> None:
    assert said(CONNECTIONS, str(tmp_path / "books.sqlite3")) in ("True 200 4", "False 200 4")


def test_a_library_that_cannot_be_told_works_as_it_comes() -> None:
    assert said(UNKNOWN) == "False 1"
