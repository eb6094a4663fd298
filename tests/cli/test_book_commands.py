"""The commands on the books, as an operator types them: what they print, and how they end."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from switch.cli import audit, authorisations, cards, imports, journal, merchants, operators, pay_codes, terminals
from switch.cli.books import open_books
from switch.cli.setup import install, settings_text
from switch.errors import ConfigurationError, DatabaseError, ImportRefused, NotInBooks, OperatorError
from switch.ledger.database import open_database
from switch.office.change_log import list_changes
from switch.security.keys import write_fresh_keys
from switch.security.vault import Vault
from tests.ledger import sample_books
from tests.ledger.sample_books import CARDS, MERCHANTS, RICH, TERMINALS, send
from tests.ledger.shop import NOON

PAN = RICH.reveal()
STRANGER = "5555555555554444"

root = typer.Typer()
root.add_typer(imports.import_app, name="import")
root.add_typer(cards.card_app, name="card")
root.add_typer(terminals.terminal_app, name="terminal")
root.add_typer(merchants.merchant_app, name="merchant")
root.add_typer(operators.operator_app, name="operator")
root.add_typer(pay_codes.paycode_app, name="paycode")
root.add_typer(authorisations.authorisation_app, name="authorisation")
root.add_typer(journal.journal_app, name="journal")
root.command("audit")(audit.audit)
root.callback()(lambda: None)


class Installation:
    """A folder as `switch init` makes it, and the commands run there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = folder / "switch.toml"
        self.database_file = folder / "switch.sqlite3"
        self.keys_file = folder / "keys.toml"

    def file(self, name: str, content: str) -> str:
        path = self.folder / name
        path.write_text(content)
        return str(path)

    def run(self, *arguments: str, typed: str = "") -> Result:
        """Run a command; what it printed to both streams is in ``output``."""
        environment = {"COLUMNS": "80", "NO_COLOR": "1", "TERM": "dumb"}
        result = CliRunner(env=environment).invoke(root, [*arguments, "--config", str(self.config)], input=typed)
        assert PAN not in result.output
        return result

    def ok(self, *arguments: str, typed: str = "") -> str:
        result = self.run(*arguments, typed=typed)
        assert result.exit_code == 0, result.exception or result.output
        return result.output

    def fails(self, *arguments: str) -> OperatorError:
        """Run a command that ends in an operator's error: the console script makes it exit status 2."""
        error = self.run(*arguments).exception
        assert isinstance(error, OperatorError), error
        assert PAN not in str(error)
        return error

    def damage(self, *statements: str) -> None:
        with open_books(self.config) as books:
            sample_books.SampleBooks(books.database, []).damage(*statements)


@pytest.fixture
def empty(migrated_folder: Path) -> Installation:
    install(migrated_folder, settings_text("sqlite:///switch.sqlite3"))
    return Installation(migrated_folder)


@pytest.fixture
def installation(empty: Installation) -> Installation:
    for subject, content in (("merchants", MERCHANTS), ("terminals", TERMINALS), ("cards", CARDS)):
        empty.ok("import", subject, empty.file(f"{subject}.csv", content))
    with open_books(empty.config) as books:
        send(books.database, *sample_books.REQUESTS, vault=books.vault())
    return empty


# --- import ------------------------------------------------------------------------------------------------


def test_an_import_says_what_it_did_and_a_second_that_nothing_changed(empty: Installation) -> None:
    file = empty.file("merchants.csv", "merchant_id,name\nM1,Tea\nM2,Rice\n")

    first, second = empty.ok("import", "merchants", file), empty.ok("import", "merchants", file)

    assert first == f"{file}: 2 merchants: 2 added, 0 changed, 0 unchanged\n"
    assert second == f"{file}: 2 merchants: 0 added, 0 changed, 2 unchanged\n"


def test_a_refused_import_lists_line_column_and_reason(empty: Installation) -> None:
    file = empty.file("cards.csv", f"pan,expiry_yymm\n{PAN},3013\n{PAN[:-1]}2,3012\n{PAN}\n")

    result = empty.run("import", "cards", file)

    assert isinstance(result.exception, ImportRefused)
    assert result.output.splitlines() == [
        f"{file}:2: expiry_yymm: must be yymm, with a month from 01 to 12",
        f"{file}:3: pan: its check digit is wrong",
        f"{file}:4: has 1 cells where the header has 2",
    ]


def test_cards_are_not_imported_again_under_other_keys(installation: Installation) -> None:
    installation.keys_file.unlink()
    write_fresh_keys(installation.keys_file)

    error = installation.fails("import", "cards", installation.file("cards.csv", CARDS))

    assert "the keys are not those of the cards" in str(error)


def test_a_file_that_is_no_database_is_told(empty: Installation) -> None:
    empty.database_file.write_text("a letter to an old friend, long enough to be taken for a page\n" * 20)

    assert "file is not a database" in str(empty.fails("journal", "list"))


def test_a_missing_file_or_installation_is_told(empty: Installation, tmp_path: Path) -> None:
    assert isinstance(empty.fails("import", "cards", "none.csv"), ConfigurationError)
    assert isinstance(Installation(tmp_path / "elsewhere").fails("audit"), ConfigurationError)


def test_a_database_without_books_is_told(empty: Installation) -> None:
    empty.database_file.unlink()

    assert isinstance(empty.fails("journal", "list"), DatabaseError)


# --- parties -----------------------------------------------------------------------------------------------


def test_a_card_is_shown_masked(installation: Installation) -> None:
    shown = installation.ok("card", "show", PAN)

    assert (
        "card          411111******1111\nstatus        active\nscheme        not given\nexpires       2030-12\n"
        in shown
    )
    assert "ledger        982.00 CNY\nheld          34.50 CNY\n" in shown
    assert "available     947.50 CNY\nsingle limit  none\ndaily limit   800.00 CNY\n" in shown
    assert "open hold     30.00 CNY  2026-03-04 20:00:00  M1  RRN " in shown


def test_a_card_number_is_asked_for_without_an_echo(installation: Installation) -> None:
    assert "411111******1111" in installation.ok("card", "show", typed=f"{PAN}\n")


def test_a_card_is_frozen_once_and_again_and_thawed(installation: Installation) -> None:
    said = [installation.ok("card", verb, PAN) for verb in ("freeze", "freeze", "unfreeze")]

    assert said == [
        "411111******1111: active -> frozen\n",
        "411111******1111: frozen already\n",
        "411111******1111: frozen -> active\n",
    ]


def test_limits_are_set_and_taken_away(installation: Installation) -> None:
    installation.ok("card", "limits", PAN, "--single", "5000", "--daily", "none", "--count", "3")

    shown = installation.ok("card", "show", PAN)
    assert "single limit  50.00 CNY\ndaily limit   none\ndaily count   3\n" in shown
    assert "must be a whole number" in str(installation.fails("card", "limits", PAN, "--single", "5.00"))
    assert "name at least one limit" in str(installation.fails("card", "limits", PAN))


def test_terminals_and_merchants_are_shown_and_moved(installation: Installation) -> None:
    assert installation.ok("terminal", "lock", "T1") == "T1: active -> locked\n"
    assert installation.ok("merchant", "freeze", "M1") == "M1: active -> frozen\n"

    terminal, merchant = installation.ok("terminal", "show", "T1"), installation.ok("merchant", "show", "M1")

    assert "status        locked\nmerchant      M1  Tea House  (frozen)\n" in terminal
    assert "last heard    2026-03-04 20:00:00\n" in terminal
    assert (
        "status        frozen\naccount       19.00 CNY\nmanual entry  free\nlimits        none\noperators     none\nterminals     1 active, 1 locked\n"
        in merchant
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ("card", "show", STRANGER),
        ("card", "freeze", STRANGER),
        ("terminal", "show", "T9"),
        ("terminal", "lock", "T9"),
        ("merchant", "show", "M9"),
        ("merchant", "close", "M9"),
        ("journal", "show", "42"),
        ("journal", "show", PAN),
    ],
)
def test_what_is_not_in_the_books_is_told(installation: Installation, arguments: tuple[str, ...]) -> None:
    assert isinstance(installation.fails(*arguments), NotInBooks)


def test_what_is_done_to_a_card_at_a_shell_is_in_the_record_of_changes(installation: Installation) -> None:
    installation.ok("card", "freeze", PAN)
    installation.ok("card", "limits", PAN, "--count", "3")
    installation.ok("card", "reset-pin", PAN)

    with open_books(installation.config) as books, books.database.reading() as connection:
        logged = list_changes(connection, limit=3)  # before them: imports
    assert [(one.what, one.role) for one in logged] == [
        ("card.reset_pin", "owner"),
        ("card.limits", "owner"),
        ("card.freeze", "owner"),
    ]
    assert {one.target for one in logged} == {logged[0].target}
    assert PAN not in logged[0].target


def test_what_is_no_card_number_is_told(installation: Installation) -> None:
    assert "12 to 19 digits" in str(installation.fails("card", "show", "41x1"))


def test_a_card_is_shown_with_its_class_limits_and_wrong_pins_but_not_what_its_pin_is_held_against(
    installation: Installation,
) -> None:
    file = installation.file(
        "more.csv", f"pan,expiry_yymm,scheme,pvv,pvki,limits\n{PAN},3012,visa,9731,1,monthly=9000000 qr.daily=50000\n"
    )
    installation.ok("import", "cards", file)
    installation.damage("INSERT INTO card_security (card_id, pin_tries) SELECT card_id, 2 FROM card WHERE pvv <> ''")

    shown, reset = installation.ok("card", "show", PAN), installation.ok("card", "reset-pin", PAN)

    assert "scheme        visa\n" in shown
    assert "class         I\n" in shown
    assert "other limits  monthly=9000000 qr.daily=50000\nPIN           2 wrong in a row\n" in shown
    assert "9731" not in shown
    assert reset == "411111******1111: 2 wrong PINs forgotten\n"
    assert "PIN           none wrong\n" in installation.ok("card", "show", PAN)
    assert installation.ok("card", "reset-pin", PAN) == "411111******1111: no wrong PINs\n"


def test_a_terminal_is_locked_for_a_reason(installation: Installation) -> None:
    installation.ok("terminal", "lock", "T1", "--because", "two cards cloned there")

    assert "status        locked, because two cards cloned there\n" in installation.ok("terminal", "show", "T1")
    assert installation.ok("terminal", "unlock", "T1") == "T1: locked -> active\n"
    assert "because" not in installation.ok("terminal", "show", "T1")
    assert "--because takes one line" in str(installation.fails("terminal", "lock", "T1", "--because", "a\nb"))


def test_a_terminal_is_shown_with_its_keys_and_what_it_is_to_do_within_80_columns(installation: Installation) -> None:
    installation.damage(
        "INSERT INTO terminal_key (terminal_id, usage, check_value, block, changed_at) "
        f"VALUES ('T1', 'terminal_master', '08D7B4', 'secret-block', {NOON})",
        "UPDATE terminal SET kinds = 'authorisation balance completion echo increment purchase refund reversal sign_on', "
        "software = '20.1', last_seen_day = 20260304 WHERE terminal_id = 'T1'",
    )
    asked = [installation.ok("terminal", "ask", "T1", what) for what in ("parameters", "ca_keys", "nothing", "aids")]

    shown = installation.ok("terminal", "show", "T1")

    assert asked[1:3] == ["T1: will be told: parameters ca_keys\n", "T1: parameters ca_keys taken back\n"]
    assert "key           terminal_master  08D7B4  since 2026-03-04 20:00:00\n" in shown
    assert "software      20.1\nto do next    aids\n" in shown
    assert "last message  2026-03-04\n" in shown
    assert "secret-block" not in shown
    assert max(map(len, shown.splitlines())) <= 80
    assert "a terminal can be asked for parameters" in str(installation.fails("terminal", "ask", "T1", "tea"))


def test_a_sweep_names_who_fell_asleep(installation: Installation) -> None:
    installation.damage("UPDATE terminal SET last_seen_day = CASE terminal_id WHEN 'T2' THEN 20200101 ELSE 0 END")

    swept = installation.ok("terminal", "sweep", "--days", "30")

    assert swept.splitlines()[0] == "T2: active -> dormant"
    assert "1 of the active terminals were silent for 30 days" in swept
    assert "T2" not in installation.ok("terminal", "sweep")


# --- operators ---------------------------------------------------------------------------------------------


def test_an_operator_is_registered_reset_unlocked_and_closed(installation: Installation) -> None:
    said = [
        installation.ok("operator", "add", "M1", "01", "--password-stdin", typed="tea4two\n"),
        installation.ok("operator", "add", "M1", "02", "--no-password"),
        installation.ok("operator", "reset", "M1", "01", typed="another1\nanother1\n"),
    ]
    installation.damage("UPDATE operator SET failures = 5 WHERE operator_id = '01'")
    listed = installation.ok("operator", "list", "M1")
    said.append(installation.ok("operator", "unlock", "M1", "01"))
    said.append(installation.ok("operator", "close", "M1", "01"))

    assert [line.splitlines()[-1] for line in said] == [
        "operator 01 of M1: added, with a password",
        "operator 02 of M1: added, without a password",
        "operator 01 of M1: set anew, with a password",
        "operator 01 of M1: 5 wrong passwords forgotten",
        "operator 01 of M1: active -> closed",
    ]
    assert listed == "01   active  with a password, 5 wrong in a row\n02   active  without a password\n"
    assert not {"tea4two", "another1", "argon2"} & set("".join([*said, listed]).split())
    assert "operators     1\n" in installation.ok("merchant", "show", "M1")


def test_what_makes_no_sense_of_operators_is_told(installation: Installation) -> None:
    assert "number must be 1 to 3 digits" in str(installation.fails("operator", "add", "M1", "0001", "--no-password"))
    assert "a password must be 1 to 32" in str(installation.fails("operator", "add", "M1", "01", "--password-stdin"))
    both = ("--no-password", "--password-stdin")
    assert "exclude each other" in str(installation.fails("operator", "add", "M1", "01", *both))
    assert isinstance(installation.fails("operator", "list", "M9"), NotInBooks)
    assert installation.ok("operator", "list", "M1") == "M1 has no operators\n"


def test_operators_are_imported_and_their_passwords_not_shown(installation: Installation) -> None:
    file = installation.file("operators.csv", "merchant_id,operator_id,password\nM1,01,tea4two\nM1,001,\n")

    said = installation.ok("import", "operators", file), installation.ok("import", "operators", file)

    assert said[0].endswith("2 operators: 2 added, 0 changed, 0 unchanged\n")
    assert said[1].endswith("2 operators: 0 added, 0 changed, 2 unchanged\n")
    assert "01   active  with a password\n" in installation.ok("operator", "list", "M1")


# --- pay codes and authorisations --------------------------------------------------------------------------


def test_a_pay_code_is_printed_once_and_kept_as_a_hash(installation: Installation) -> None:
    once, reusable = installation.ok("paycode", "new", PAN), installation.ok("paycode", "new", PAN, "--reusable")

    code, told = once.splitlines()
    assert (len(code), code[:2]) == (19, "62")
    assert told.startswith("411111******1111: for one payment, until 2")
    assert reusable.splitlines()[1] == "411111******1111: for any number of payments, without end"
    assert code.encode() not in installation.database_file.read_bytes()


def test_a_card_that_cannot_pay_gets_no_code(installation: Installation) -> None:
    installation.ok("card", "freeze", PAN)

    assert "the card is frozen" in str(installation.fails("paycode", "new", PAN))
    assert isinstance(installation.fails("paycode", "new", STRANGER), NotInBooks)


def test_holds_that_nobody_captured_are_ended_once(installation: Installation) -> None:
    said = installation.ok("authorisation", "expire"), installation.ok("authorisation", "expire")

    assert said == (
        "2 authorisations of more than 30 days ago expired\n",
        "0 authorisations of more than 30 days ago expired\n",
    )
    assert "held          0.00 CNY\n" in installation.ok("card", "show", PAN)
    assert "expiry" in installation.ok("journal", "list", "--limit", "2")


# --- journal -----------------------------------------------------------------------------------------------


def test_the_journal_is_listed_within_80_columns(installation: Installation) -> None:
    listed = installation.ok("journal", "list", "--terminal", "T1", "--limit", "3")

    assert max(map(len, listed.splitlines())) <= 80
    assert [line.split()[2:4] for line in listed.splitlines()[2:]] == [
        ["T1", "balance"],
        ["T1", "purchase"],
        ["T1", "reversal"],
    ]


def test_the_journal_is_narrowed(installation: Installation) -> None:
    declined = installation.ok("journal", "list", "--action", "insufficient_funds", "--terminal", "T1")
    of_card = installation.ok("journal", "list", "--card", "--kind", "balance", typed=f"{PAN}\n")

    assert "500.00 CNY" in declined
    assert "approved" not in declined
    assert " balance " in of_card
    assert installation.ok("journal", "list", "--kind", "purchase", "--since", "2h") == "no such requests\n"
    assert "purchase" in installation.ok("journal", "list", "--since", "2026-03-04T20:00")
    assert "purchase" not in installation.ok("journal", "list", "--since", "2026-03-04T20:01")
    assert "--since takes" in str(installation.fails("journal", "list", "--since", "yesterday"))


def test_a_decline_is_explained_rung_by_rung(installation: Installation) -> None:
    shown = installation.ok("journal", "show", "1007")

    assert "purchase of 500.00 CNY: insufficient_funds, because 500.00 CNY with 2.00 CNY available" in shown
    assert "NO  funds " in shown
    assert "ok  card_status " in shown
    assert "* nothing in the books was changed" in shown


def test_an_approval_shows_its_effects(installation: Installation) -> None:
    shown = installation.ok("journal", "show", "1001")

    assert "* moved 20.00 CNY from cardholder ~2 to merchant M1" in shown
    assert "* payment of 20.00 CNY: posted, 15.00 CNY left, 7.00 CNY refunded" in shown


def test_adjustments_are_listed(installation: Installation) -> None:
    with open_books(installation.config) as books:
        sample_books.SampleBooks(books.database, []).damage(
            "INSERT INTO adjustment VALUES (1014, 1000, 1000, 'a day already closed', 'open')"
        )

    listed = installation.ok("journal", "adjustments")

    assert "T1  411111******1111  10.00 CNY  open\n  journal 1014 of payment 1000: a day already closed\n" in listed


def test_without_adjustments_nothing_waits(installation: Installation) -> None:
    assert installation.ok("journal", "adjustments") == "nothing waits for an operator\n"


# --- audit -------------------------------------------------------------------------------------------------


def test_the_audit_of_sound_books_ends_with_0(installation: Installation) -> None:
    printed = installation.ok("audit")

    assert [line.split()[:2] for line in printed.splitlines() if line[:1] == "I" and " ok " in line] == [
        [name, "ok"] for name in ("I1", "I2", "I3", "I4", "I5", "I6", "I7", "I10", "I12")
    ]
    assert "I3   forced: transfer 1011/0 of 50 from account " in printed
    assert printed.endswith("all invariants hold\n")
    assert max(map(len, printed.splitlines())) <= 80


def test_a_broken_invariant_is_named_and_ends_with_1(installation: Installation) -> None:
    with open_books(installation.config) as books:
        sample_books.SampleBooks(books.database, []).damage("UPDATE balance SET ledger_minor = ledger_minor + 7")

    result = installation.run("audit")

    assert result.exit_code == 1
    assert "I2    BROKEN" in result.output
    assert "its entries sum to" in result.output
    assert result.output.endswith("BROKEN: I2\n")


def test_many_offenders_are_cut_short_unless_all_are_wanted(installation: Installation) -> None:
    with open_books(installation.config) as books:
        sample_books.SampleBooks(books.database, []).damage("UPDATE journal SET rrn = ''")

    assert "I5   ... and 3 more (--all)" in installation.run("audit").output
    assert "more" not in installation.run("audit", "--all").output


def test_a_key_file_that_others_may_touch_breaks_i12(installation: Installation) -> None:
    installation.keys_file.chmod(0o644)

    result = installation.run("audit")

    assert result.exit_code == 1
    assert "chmod 600" in result.output
    assert result.output.endswith("BROKEN: I12\n")


def test_the_vault_of_an_installation_is_not_shown(installation: Installation) -> None:
    with open_books(installation.config) as books:
        vault, database = books.vault(), open_database(books.settings.ledger.database)
        database.close()

    assert isinstance(vault, Vault)
    assert repr(vault) == "Vault(current=1, versions=[1])"
