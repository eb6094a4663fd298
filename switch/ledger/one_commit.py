"""What an operator's command changes in the books, in one commit: done as a whole or not at all, and tried again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

from switch.errors import DatabaseError, OperatorError
from switch.ledger.statements import Fault, Session

ATTEMPTS: Final = 3
"""How often a change is tried, where another writer was in the way or the connection broke."""

_T = TypeVar("_T")


def in_one_commit(connect: Callable[[], Session], what: str, work: Callable[[Session], _T]) -> _T:
    """Do ``work`` and commit it; it has to find what it has done before, because it may be done again.

    That is so where another writer was in the way, and after a commit of unknown fate. Raises what ``work`` raises as
    `OperatorError`, and `DatabaseError` where ``what`` cannot be stored.
    """
    for attempt in range(1, ATTEMPTS + 1):
        session = connect()
        try:
            session.begin()
            done = work(session)
            session.commit()
        except OperatorError:
            raise
        except Exception as error:
            if session.fault(error) is Fault.REQUEST or attempt == ATTEMPTS:
                why = f"{type(error).__name__}; run the command again: what has been done is not done twice"
                raise DatabaseError(f"{what} cannot be stored: {why}") from error
        else:
            return done
        finally:
            session.close()  # what was not committed is rolled back
    raise AssertionError("the last attempt returns or raises")
