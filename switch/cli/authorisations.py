"""``switch authorisation``: holds of authorisations that nobody completed."""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Final

import typer

from switch.cli.books import OpenBooks, open_books
from switch.cli.options import Config

if TYPE_CHECKING:
    from switch.ledger.store import Store

authorisation_app = typer.Typer(help="Look after holds that nobody captured.", no_args_is_help=True)

_GROUP: Final = 256
_DAYS: Final = 30  # for so long an authorisation may be completed: switch.transactions.hold_moves


@authorisation_app.command("expire")
def expire(
    days: Annotated[int, typer.Option(min=_DAYS, help="Older than so many days.")] = _DAYS, config: Config = None
) -> None:
    """Release the holds of authorisations that may not be completed any more.

    Each is decided and journalled like any request, also beside a running
    switch, which does this once a day.
    """
    from switch.errors import OperatorError

    with open_books(config) as books, closing(_store(books)) as store:
        ended, others = _expire_all(books, store, days)
        with books.database.writing() as connection:
            books.log(connection, "authorisation.expire", "authorisation:all", {"days": days, "expired": ended})
    for why, number in sorted(others.items()):
        typer.echo(f"{number} left as they are: {why}", err=True)
    typer.echo(f"{ended} authorisations of more than {days} days ago expired")
    if others:
        raise OperatorError("not every hold could be ended")


def _expire_all(books: OpenBooks, store: Store, days: int) -> tuple[int, Counter[str]]:
    """End holds group by group; return how many have ended, and of the others how many for which reason."""
    from switch.ledger.sweeping import expired_authorisations
    from switch.messages.actions import Action

    before = books.now().date() - timedelta(days=days)
    ended, others, after = 0, Counter[str](), 0
    while due := expired_authorisations(books.database, before, _GROUP, after=after):
        for outcome in store.run(due).outcomes:
            if outcome.reply is not None and outcome.reply.action is Action.APPROVED:
                ended += 1
            else:
                others[outcome.because] += 1
        last = due[-1].original
        assert last is not None
        assert last.journal_id is not None
        after = last.journal_id
    return ended, others


def _store(books: OpenBooks) -> Store:
    """A store of this command's own, which decides as the switch does."""
    from switch.clock import wall_clock
    from switch.ledger.group import Rules
    from switch.ledger.ids import JournalIds
    from switch.ledger.sessions import connector
    from switch.ledger.store import Store
    from switch.messages.dates import HostCalendar
    from switch.rules.rulebook import RULE_SET
    from switch.transactions.decide import decide
    from switch.transactions.table import NEEDS

    rules = Rules(decide, NEEDS, HostCalendar(books.settings.zone).day_of, RULE_SET)
    return Store(connector(books.database), rules, books.vault().pan_key, wall_clock, JournalIds(wall_clock))
