"""The demo: a switch with its own small books, and a script of messages sent to it through TCP.

Everything is real: the installation is made as `switch init` makes it, the data is imported as an operator
would, the messages go over sockets, and the audit reads the database that the switch wrote.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from contextlib import AsyncExitStack, closing
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final

import sqlalchemy as sa
import trio
from rich.table import Table

from switch.config import Settings
from switch.data_files import specs_directory
from switch.ledger.database import Database, open_database, set_meta
from switch.ledger.ids import JournalIds
from switch.ledger.import_staging import Borrowed, Run
from switch.ledger.importing import import_file
from switch.ledger.pay_codes import NEVER, check_code, code_is_kept, keep_code
from switch.ledger.schema import account, balance, card, journal
from switch.messages.actions import Action
from switch.messages.responses import ResponseTexts, load_responses
from switch.rules.limits import parsed
from switch.security.keys import load_keys
from switch.security.passwords import hashed, password_matches
from switch.security.vault import Vault
from switch.settlement.fees import load_fee_plans, plan_named
from switch.settlement.shares import parsed_shares
from switch.tools import day
from switch.tools.client import Client, connect
from switch.tools.demo_terminal import DIALECT, MERCHANT, play_protected
from switch.tools.script import Step, load_script
from switch.tools.statement_preview import statement_preview
from switch.tools.statements import as_table
from switch.values import Money, Pan, Secret
from switch.wire.codec import Fields
from switch.wire.dialect import Dialect, load_dialect

_DATA: Final = ("merchants", "terminals", "cards", "operators")

_SCRIPTS_BATCH: Final = "000001"
_BATCH_AT: Final = ((60, 2), (61, 0))
"""Fields that name a batch, and where."""


def load_data(settings: Settings) -> None:
    """Import the demo's merchants, terminals, cards and operators, and keep its pay codes; twice is once."""
    now = datetime.now(settings.zone)
    at = int(now.timestamp() * 1_000_000)
    ids = JournalIds(lambda: at)
    vault = Vault(load_keys(settings.keys.file))
    plan = partial(plan_named, load_fee_plans())
    borrowed = Borrowed(parsed, hashed, password_matches, plan, parsed_shares)
    with closing(open_database(settings.ledger.database)) as database:
        set_meta(database, "demo", "yes")
        for subject in _DATA:
            run = Run(ids(), at, now, int(now.strftime("%Y%m%d")))
            import_file(database, subject, _demo_file(f"{subject}.csv"), vault, run, borrowed=borrowed)
        _keep_pay_codes(database, vault)


def _keep_pay_codes(database: Database, vault: Vault) -> None:
    """Codes that everybody can read in ``pay_codes.csv``: good for any number of payments, without end."""
    with _demo_file("pay_codes.csv").open(encoding="utf-8", newline="") as file, database.writing() as connection:
        for row in csv.DictReader(file):
            code = Secret(row["code"])
            check_code(code)
            code_key, pan_key = vault.code_key(code.reveal()), vault.pan_key(Pan(row["pan"]))
            if not code_is_kept(connection, code_key):
                keep_code(connection, code_key, pan_key, NEVER, single_use=False)


def _demo_file(name: str) -> Path:
    return specs_directory() / "demo" / name


@dataclass(frozen=True, slots=True)
class Line:
    """What came of one step, as the table shows it."""

    listener: str
    say: str
    code: str
    because: str
    balance: str
    as_expected: bool
    expected: str = ""


async def play(settings: Settings, addresses: Mapping[str, tuple[str, int]]) -> list[Line]:
    """Send the script to a running demo; one line for each step, in order."""
    script = load_script(_demo_file("script.toml"))
    dialects = {listener.name: load_dialect(listener.dialect) for listener in settings.listeners}
    books = _Books(settings)
    references: dict[str, str] = {}
    batch = _SCRIPTS_BATCH
    lines = []
    async with AsyncExitStack() as stack:
        clients: dict[str, Client] = {}
        for name in {step.listener for step in script.steps}:
            host, port = addresses[name]
            clients[name] = await stack.enter_async_context(connect(dialects[name], host, port))
        for step in script.steps:
            fields = script.message(step, datetime.now(settings.zone), datetime.now(UTC), references)
            fields = _in_batch(fields, batch)
            answer = await clients[step.listener].ask(fields)
            batch = _batch_given(answer) or batch
            references[step.name] = answer.get(37, "")
            lines.append(await trio.to_thread.run_sync(books.line, step, dialects[step.listener], fields, answer))
    books.close()
    protected = await play_protected(*_speaks(DIALECT, settings, addresses), settings.zone)
    return lines + [
        Line("a terminal with keys", step.says, step.code, _checked(step), "", step.is_as_expected, step.expected)
        for step in protected
    ]


def _in_batch(fields: Fields, batch: str) -> Fields:
    """The message with the terminal's open batch where it names the script's: by now that may be settled."""
    changed = dict(fields)
    for number, at in _BATCH_AT:
        text = fields.get(number, "")
        if text[at : at + len(batch)] == _SCRIPTS_BATCH:
            changed[number] = text[:at] + batch + text[at + len(batch) :]
    return changed


def _batch_given(answer: Fields) -> str:
    """The batch that a sign-on's answer gives out, "" in any other answer."""
    return answer.get(60, "")[2:8] if answer[0] == "0810" and answer.get(39) == "00" else ""


def statement(settings: Settings) -> str:
    """The open day's statement of the terminals' merchant as it would be now, for 80 columns."""
    with closing(open_database(settings.ledger.database)) as database:
        return as_table(statement_preview(database, MERCHANT, load_fee_plans(), settings.zone))


def _speaks(dialect: str, settings: Settings, addresses: Mapping[str, tuple[str, int]]) -> tuple[str, int]:
    """Where the dialect is spoken."""
    return next(addresses[listener.name] for listener in settings.listeners if listener.dialect == dialect)


def _checked(step: day.Line) -> str:
    return "; ".join(step.faults or (*(["approved"] if step.code == "00" else []), *step.checked))


def table(lines: list[Line]) -> Table:
    """The lines for a terminal of 80 columns."""
    shown = Table(box=None, pad_edge=False, padding=(0, 1))
    shown.add_column("", width=1)
    shown.add_column("sent", width=20, no_wrap=True)
    shown.add_column("39", width=2)
    shown.add_column("why", ratio=1)
    shown.add_column("card, available after", width=21, justify="right", no_wrap=True)
    listener = ""
    for line in lines:
        if line.listener != listener:
            listener = line.listener
            shown.add_row("", f"[bold]{listener}[/bold]")
        mark = "[green]✓[/green]" if line.as_expected else "[red]✗[/red]"
        because = line.because if line.as_expected else f"{line.because} [red](expected {line.expected})[/red]"
        shown.add_row(mark, line.say, line.code, because, line.balance)
    return shown


class _Books:
    """Reads, beside the running switch, what it wrote."""

    def __init__(self, settings: Settings) -> None:
        self._database: Database = open_database(settings.ledger.database)
        self._vault = Vault(load_keys(settings.keys.file))
        self._texts: Mapping[Action, ResponseTexts] = load_responses()

    def line(self, step: Step, dialect: Dialect, sent: Fields, answer: Fields) -> Line:
        code = answer.get(39, "")
        as_expected = code == dialect.actions[step.expect]
        with self._database.reading() as connection:
            because = self._because(connection, answer) or self._texts[Action(step.expect)].en.technician
            available = self._available(connection, sent)
        if code == dialect.actions["approved"]:
            because = "approved"
        return Line(step.listener, step.say, code, because, available, as_expected, step.expect)

    def _because(self, connection: sa.Connection, answer: Fields) -> str:
        newest = (
            sa.select(journal.c.because)
            .where(journal.c.terminal_id == answer.get(41, ""), journal.c.stan == answer.get(11, ""))
            .order_by(journal.c.journal_id.desc())
        )
        return connection.execute(newest.limit(1)).scalar() or ""

    def _available(self, connection: sa.Connection, sent: Fields) -> str:
        digits = sent.get(2) or sent.get(35, "").partition("D")[0]
        if not digits:
            return ""
        found = connection.execute(
            sa.select(balance.c.ledger_minor - balance.c.held_minor + balance.c.credit_limit_minor, account.c.currency)
            .select_from(card.join(balance, card.c.account_id == balance.c.account_id).join(account))
            .where(card.c.pan_key == self._vault.pan_key(Pan(digits)))
        ).first()
        return f"*{digits[-4:]}{Money(found[0], found[1])!s:>16}" if found else ""

    def close(self) -> None:
        self._database.close()
