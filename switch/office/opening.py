"""Opens an installation for the back office: its settings, its books, its vault."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager

from switch.clock import wall_clock
from switch.config import Settings
from switch.ledger.database import check_keys, check_version, open_database
from switch.office.acts import Desk
from switch.security.keys import load_keys
from switch.security.vault import Vault


@contextmanager
def open_desk(settings: Settings) -> Iterator[Desk]:
    """Open what changes are made with; raises `OperatorError` where the books or the keys cannot be used."""
    with closing(open_database(settings.ledger.database)) as database:
        check_version(database)
        vault = Vault(load_keys(settings.keys.file))
        check_keys(database, vault)
        yield Desk(settings, database, lambda: vault, wall_clock)
