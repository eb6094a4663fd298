"""What every command on the books opens: settings, a database of the right version, and the vault if needed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    import sqlalchemy as sa

    from switch.config import Settings
    from switch.ledger.database import Database
    from switch.office.acts import Changed
    from switch.office.roles import Actor
    from switch.security.vault import Vault

_MICROSECONDS = 1_000_000


@dataclass(frozen=True, slots=True)
class OpenBooks:
    """The books of one installation, opened for one command."""

    settings: Settings
    database: Database

    def vault(self) -> Vault:
        """The vault under the keys of the settings. Raises `ConfigurationError`."""
        from switch.security.keys import load_keys
        from switch.security.vault import Vault

        return Vault(load_keys(self.settings.keys.file))

    def change(
        self, what: str, target: str, arguments: Mapping[str, object] | None = None, because: str = ""
    ) -> Changed:
        """Make a change of `switch.office.all_acts`, as the owner of the machine; it is in the change log too."""
        from switch.clock import wall_clock
        from switch.office.acts import Desk
        from switch.office.all_acts import ACTS
        from switch.office.changes import make_change

        desk = Desk(self.settings, self.database, self.vault, wall_clock)
        return make_change(desk, shell_actor(), ACTS[what], target, arguments or {}, because).changed

    def log(
        self,
        connection: sa.Connection,
        what: str,
        target: str,
        after: Mapping[str, object],
        before: Mapping[str, object] | None = None,
    ) -> None:
        """Write a change that is no act of the back office into the change log, in its own transaction; no secrets."""
        from switch.clock import wall_clock
        from switch.office.change_log import log_change

        log_change(connection, shell_actor(), what, target, at=wall_clock(), before=before, after=after)

    def now(self) -> datetime:
        """The present moment, in the time zone of the business days."""
        return datetime.now(self.settings.zone)

    def moment(self, at: int) -> str:
        """A moment of the books (microseconds since 1970, UTC) as people here read it."""
        return f"{datetime.fromtimestamp(at / _MICROSECONDS, self.settings.zone):%Y-%m-%d %H:%M:%S}"


def shell_actor() -> Actor:
    """Whoever sits at the shell, under their name on this machine."""
    import getpass

    from switch.office.roles import Actor, Role

    try:
        name = getpass.getuser()
    except (KeyError, OSError):  # no such user in this container
        name = str(os.getuid())
    return Actor(f"{name} at a shell", Role.OWNER)


@contextmanager
def open_books(config: Path | None) -> Iterator[OpenBooks]:
    """Open the books that the settings name; raises `OperatorError` where they cannot be used."""
    from switch.config import load_settings
    from switch.ledger.database import check_version, open_database

    settings = load_settings(config)
    with closing(open_database(settings.ledger.database)) as database:
        check_version(database)
        yield OpenBooks(settings, database)
