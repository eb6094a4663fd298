"""Puts the demo's fixed keys into its books: terminals' master keys, base derivation keys, cards' issuers' keys."""

from __future__ import annotations

from contextlib import closing
from typing import Final

from switch.clock import wall_clock
from switch.config import Settings
from switch.ledger.database import Database, open_database
from switch.ledger.key_store import keep_base_key, keep_issuer_key, keep_terminal_key, terminal_keys_kept
from switch.security.base_keys import key_set_algorithm
from switch.security.demo_keys import DEMO_BDK, DEMO_BDK_AES, DEMO_CVK, DEMO_ISSUER_MASTER, DEMO_TERMINAL_MASTER
from switch.security.issuers import IF_LAID_OUT
from switch.security.key_blocks import KeyUsage, base_owner, range_owner, terminal_owner
from switch.security.keys import load_keys
from switch.security.software_hsm import SoftwareHsm

TERMINALS: Final = ("TERM0001", "TERM0005", "TERM0007")

BASES: Final = {"FFFF987654": DEMO_BDK, "12345678": DEMO_BDK_AES}
"""By key set: those of the published examples' key serial numbers."""

# fmt: off
ISSUERS: Final = (
    #  prefix    usage                        key                 method
    ("411111", KeyUsage.ISSUER_CRYPTOGRAM, DEMO_ISSUER_MASTER, "padding=either"),
    ("620000", KeyUsage.ISSUER_CRYPTOGRAM, DEMO_ISSUER_MASTER, "padding=either"),
    ("4",      KeyUsage.CVK,               DEMO_CVK,           IF_LAID_OUT),
    ("5",      KeyUsage.CVK,               DEMO_CVK,           IF_LAID_OUT),
    ("62",     KeyUsage.CVK,               DEMO_CVK,           IF_LAID_OUT),
    ("4",      KeyUsage.PVK,               DEMO_CVK,           ""),
    ("5",      KeyUsage.PVK,               DEMO_CVK,           ""),
    ("62",     KeyUsage.PVK,               DEMO_CVK,           ""),
    ("37",     KeyUsage.PIN_NATURAL,       DEMO_CVK,           ""),
)
# fmt: on


def load_demo_keys(settings: Settings) -> None:
    """Put the keys into the books that the settings name; a folder from before there was a master key has none."""
    master = load_keys(settings.keys.file).master
    if master is not None:
        with closing(open_database(settings.ledger.database)) as database:
            put_in_keys(database, SoftwareHsm(master), wall_clock())


def put_in_keys(database: Database, hsm: SoftwareHsm, now: int) -> None:
    """Put all of them in where they are not there yet; ``now`` is in microseconds since 1970."""
    with database.writing() as connection:
        if terminal_keys_kept(connection):
            return
        for terminal_id in TERMINALS:
            owner = terminal_owner(terminal_id)
            kept = hsm.take_in(KeyUsage.TERMINAL_MASTER, DEMO_TERMINAL_MASTER, owner=owner, is_demo=True)
            keep_terminal_key(connection, terminal_id, KeyUsage.TERMINAL_MASTER, *kept, now)
        for key_set, key in BASES.items():
            owner, algorithm = base_owner(key_set), key_set_algorithm(key_set)
            kept = hsm.take_in(KeyUsage.BDK, key, owner=owner, is_demo=True, algorithm=algorithm)
            keep_base_key(connection, key_set, *kept, now)
        for prefix, usage, key, method in ISSUERS:
            kept = hsm.take_in(usage, key, owner=range_owner(prefix, ""), is_demo=True)
            keep_issuer_key(connection, prefix, usage, "", method, *kept, now)
