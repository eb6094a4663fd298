"""The root of all commands: their names, their order in the help, and ``--version``."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from switch import __version__
from switch.cli import (
    audit,
    audit_log,
    authorisations,
    capture,
    cards,
    console,
    database,
    day,
    demo,
    describe,
    diff,
    doctor,
    explain,
    host,
    imports,
    journal,
    keys,
    load,
    maintenance,
    merchants,
    operators,
    pay_codes,
    receipt,
    record,
    replay,
    report,
    serve,
    settlement,
    setup,
    terminals,
    tokens,
)

app = typer.Typer(
    name="switch",
    help="An ISO 8583 acquiring switch: terminals in, durable decisions out.",
    epilog="Begin with `switch demo`, or with `switch init` in an empty folder.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # its tracebacks would show local variables
    context_settings={"help_option_names": ["-h", "--help"]},
)
# fmt: off
RUNNING: Final = "Running"
BOOKS: Final   = "The books"
WIRE: Final    = "The wire"
LOAD: Final    = "For load testers"

app.command("demo",     rich_help_panel=RUNNING)(demo.demo)
app.command("init",     rich_help_panel=RUNNING)(setup.init)
app.command("serve",    rich_help_panel=RUNNING)(serve.serve)
app.command("console",  hidden=True)(console.console)
app.command("audit-beside", hidden=True)(audit.audit_beside)
app.add_typer(setup.config_app,       name="config",   rich_help_panel=RUNNING)
app.add_typer(database.database_app,  name="db",       rich_help_panel=RUNNING)
app.add_typer(tokens.token_app,       name="token",    rich_help_panel=RUNNING)
app.add_typer(audit_log.audit_log_app, name="audit-log", rich_help_panel=RUNNING)
app.add_typer(maintenance.maintenance_app, name="maintenance", rich_help_panel=RUNNING)
app.add_typer(imports.import_app,     name="import",   rich_help_panel=BOOKS)
app.add_typer(cards.card_app,         name="card",     rich_help_panel=BOOKS)
app.add_typer(pay_codes.paycode_app,  name="paycode",  rich_help_panel=BOOKS)
app.add_typer(terminals.terminal_app, name="terminal", rich_help_panel=BOOKS)
terminals.terminal_app.command("day")(day.day)
app.add_typer(operators.operator_app, name="operator", rich_help_panel=BOOKS)
app.add_typer(merchants.merchant_app, name="merchant", rich_help_panel=BOOKS)
app.add_typer(keys.keys_app,          name="keys",     rich_help_panel=BOOKS)
app.add_typer(authorisations.authorisation_app, name="authorisation", rich_help_panel=BOOKS)
app.add_typer(journal.journal_app,    name="journal",  rich_help_panel=BOOKS)
app.add_typer(settlement.settlement_app, name="settlement", rich_help_panel=BOOKS)
app.command("explain",  rich_help_panel=BOOKS)(explain.explain)
app.command("receipt",  rich_help_panel=BOOKS)(receipt.print_receipt)
app.command("audit",    rich_help_panel=BOOKS)(audit.audit)
app.add_typer(capture.capture_app,    name="capture",  rich_help_panel=WIRE)
app.command("describe", rich_help_panel=WIRE)(describe.describe)
app.command("diff",     rich_help_panel=WIRE)(diff.diff)
app.command("doctor",   rich_help_panel=WIRE)(doctor.doctor)
app.command("host",     rich_help_panel=WIRE)(host.host)
app.command("record",   rich_help_panel=WIRE)(record.record)
app.command("load",     rich_help_panel=LOAD)(load.load)
app.command("report",   rich_help_panel=LOAD)(report.report)
app.command("replay",   rich_help_panel=LOAD)(replay.replay)
# fmt: on


def _show_version(asked: bool) -> None:
    if asked:
        typer.echo(f"switch {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Take the options that stand before the command."""
