"""The pages of officers: maintenance, proposals, tokens, the audit log, keys."""

from __future__ import annotations

import re

import pytest
import sqlalchemy as sa

from switch.console.changes import PAGE_ROWS, followed
from switch.console.rendering import TEMPLATES
from switch.console.words import chinese_words
from switch.ledger import schema
from switch.ledger.key_store import keep_base_key
from switch.ledger.maintenance import read_maintenance
from switch.office.acts import Desk
from switch.office.all_acts import ACTS
from switch.office.change_log import list_changes
from switch.office.changes import approve, make_change
from switch.office.key_acts import master_keys
from switch.office.roles import Actor, Role
from switch.office.tokens import list_tokens
from tests.console.browser import Answer, Browser
from tests.console.test_transactions import a_browser
from tests.desks import FINANCE, OFFICER, OPERATOR, OTHER, VIEWER, card_id
from tests.plans import is_full_scan, plans_of

MASKED = "411111******1111"
EVIL = "<script>alert(1)</script>"
FAR_MINOR = 6_000_000
SECOND = Actor("sunniva", Role.OFFICER)


def limit_of(desk: Desk) -> int | None:
    its = schema.card.c
    with desk.database.reading() as connection:
        found = connection.execute(sa.select(its.daily_limit_minor).where(its.masked_pan == MASKED)).scalar_one()
    return None if found is None else int(found)


def propose(desk: Desk, because: str = "VIP") -> None:
    target = f"card:{card_id(desk, MASKED)}"
    make_change(desk, OPERATOR, ACTS["card.limits"], target, {"daily_limit_minor": FAR_MINOR}, because)


async def decide(browser: Browser, page: Answer, verdict: str, proposal_id: int = 1) -> Answer:
    """Send the form that approves or refuses."""
    csrf = re.search(r'name="csrf" value="([0-9a-f]+)"', page.text)
    assert csrf is not None
    return await browser.post(f"/proposals/{proposal_id}/{verdict}", {"csrf": csrf[1], "back": "/proposals"})


# --- maintenance -------------------------------------------------------------------------------------------


async def test_while_it_is_on_every_page_says_so_in_the_readers_language(desk: Desk) -> None:
    browser = await a_browser(desk)
    page = await browser.get("/maintenance")

    page = await browser.submit(
        page, "maintenance.on", **{"with.notice": f"Back at noon {EVIL}", "with.notice_zh": "中午恢复。"}
    )
    elsewhere = await browser.get("/transactions")
    browser.headers["accept-language"] = "zh-CN"
    in_chinese = await browser.get("/transactions")
    del browser.headers["accept-language"]
    off = await browser.submit(page, "maintenance.off")

    assert "Back at noon &lt;script&gt;" in elsewhere.text
    assert "中午恢复。" in in_chinese.text
    assert "Back at noon" not in (await browser.get("/transactions")).text
    assert "New requests are let in." in off.text
    with desk.database.reading() as connection:
        assert not read_maintenance(connection).is_on
        assert [change.what for change in list_changes(connection, limit=2)] == ["maintenance.off", "maintenance.on"]


@pytest.mark.parametrize("actor", [VIEWER, FINANCE])
async def test_whoever_may_not_switch_it_is_offered_nothing(desk: Desk, actor: Actor) -> None:
    assert "maintenance.on" not in (await (await a_browser(desk, actor)).get("/maintenance")).text


# --- proposals ---------------------------------------------------------------------------------------------


async def test_a_second_officer_reads_what_is_proposed_and_approves_it(desk: Desk) -> None:
    propose(desk, EVIL)
    browser = await a_browser(desk, OTHER)
    page = await browser.get("/proposals")

    after = await decide(browser, page, "approve")

    for told in ("card.limits", "daily limit minor", str(FAR_MINOR), "oscar", "Open until", "&lt;script&gt;"):
        assert told in page.text, told
    assert EVIL not in page.text + after.text
    assert limit_of(desk) == FAR_MINOR
    assert "Nothing waits here." in after.text
    assert "olga" in after.text


async def test_who_proposed_it_may_only_take_it_back(desk: Desk) -> None:
    propose(desk)
    browser = await a_browser(desk, OPERATOR)
    page = await browser.get("/proposals")

    approved = await decide(browser, page, "approve")
    withdrawn = await decide(browser, page, "refuse")

    assert "/approve" not in page.text
    assert approved.status == 403
    assert "refused" in withdrawn.text
    assert limit_of(desk) != FAR_MINOR


async def test_who_may_not_make_such_a_change_decides_nothing(desk: Desk) -> None:
    propose(desk)
    browser = await a_browser(desk, FINANCE)
    page = await browser.get("/proposals")

    assert "/approve" not in page.text
    assert "/refuse" not in page.text


async def test_a_decision_needs_its_form(desk: Desk) -> None:
    propose(desk)
    browser = await a_browser(desk, OTHER)
    page = await browser.get("/proposals")

    forged = await browser.post("/proposals/1/approve", {"csrf": "0" * 64, "back": "/proposals"})
    unknown = await decide(browser, page, "forget")
    missing = await decide(browser, page, "approve", 77)
    stranger = await Browser(browser.app).post("/proposals/1/approve", {}, follow=False)

    assert (forged.status, unknown.status, missing.status) == (403, 404, 404)
    assert (stranger.status, stranger.headers["location"]) == (303, "/login")
    assert limit_of(desk) != FAR_MINOR


# --- tokens ------------------------------------------------------------------------------------------------


async def test_an_officer_lets_somebody_in_and_shuts_them_out(desk: Desk) -> None:
    browser = await a_browser(desk, OFFICER)
    page = await browser.get("/tokens")

    made = await browser.submit(
        page, "token.create", **{"with.name": EVIL, "with.role": "viewer", "with.days": "7", "with.certificate": ""}
    )
    page = await browser.get("/tokens")

    secret = re.search(r"swt_[\w-]{43}", made.text)
    assert secret is not None
    assert secret[0] not in page.text
    assert EVIL not in page.text
    assert "&lt;script&gt;" in page.text
    with desk.database.reading() as connection:
        newest = list_tokens(connection, desk.clock())[0]
    revoked = await browser.submit(page, "token.revoke")  # the first on the page is the newest
    assert newest.name == EVIL
    assert "revoked" in revoked.text
    assert (await Browser(browser.app).post("/login", {"token": secret[0]})).status == 401


async def test_two_officers_let_an_officer_in_with_a_half_of_the_token_each(desk: Desk) -> None:
    first, second = await a_browser(desk, OFFICER), await a_browser(desk, SECOND)
    page = await first.get("/tokens")

    proposed = await first.submit(
        page,
        "token.create",
        **{"with.name": "mallory", "with.role": "officer", "with.days": "7", "with.certificate": ""},
    )
    alone = await decide(first, await first.get("/proposals"), "approve")
    approved = await decide(second, await second.get("/proposals"), "approve")

    halves = re.search(r"swt_[\w-]{43}\.", proposed.text), re.search(r"<code>([\w-]{43})</code>", approved.text)
    assert halves[0] is not None
    assert halves[1] is not None
    assert "another officer" in proposed.text
    assert alone.status == 403
    for half in (halves[0][0], halves[1][1]):
        assert (await Browser(first.app).post("/login", {"token": half})).status == 401
    newcomer = Browser(first.app)
    await newcomer.post("/login", {"token": halves[0][0] + halves[1][1]})
    assert "mallory" in (await newcomer.get("/tokens")).text


@pytest.mark.parametrize("actor", [VIEWER, OPERATOR, FINANCE])
async def test_only_officers_see_tokens_and_keys(desk: Desk, actor: Actor) -> None:
    browser = await a_browser(desk, actor)

    assert [(await browser.get(path)).status for path in ("/tokens", "/keys")] == [403, 403]


# --- the audit log -----------------------------------------------------------------------------------------


async def test_changes_are_found_by_target_and_by_who_made_them(desk: Desk) -> None:
    make_change(desk, OPERATOR, ACTS["terminal.lock"], "terminal:TERM0001", {"because": EVIL}, EVIL)
    make_change(desk, OTHER, ACTS["terminal.lock"], "terminal:TERM0002", {})
    browser = await a_browser(desk, OFFICER)

    everything = await browser.get("/changes")
    of_target = await browser.get("/changes?target=terminal:TERM0002")
    by_actor = await browser.get("/changes?actor=oscar")

    assert everything.text.count("terminal.lock") == 2
    assert EVIL not in everything.text
    assert "TERM0001" not in of_target.text.partition("<tbody>")[2]
    assert "TERM0002" not in by_actor.text.partition("<tbody>")[2]
    assert 'href="/terminals/TERM0002"' in of_target.text


async def test_pages_of_changes_follow_without_gap(desk: Desk) -> None:
    for number in range(PAGE_ROWS + 3):
        make_change(desk, OPERATOR, ACTS["maintenance.on"], "maintenance:on", {"notice": f"no {number}."})
    browser = await a_browser(desk, FINANCE)

    first = await browser.get("/changes?actor=oscar")
    second = await browser.get("/changes?actor=oscar&before=4")

    assert "before=4" in first.text
    assert [f"no {number}." in second.text for number in range(4)] == [True, True, True, False]


async def test_the_chain_is_followed_when_asked(desk: Desk) -> None:
    make_change(desk, OPERATOR, ACTS["terminal.lock"], "terminal:TERM0001", {})
    browser = await a_browser(desk, OFFICER)

    whole = await browser.get("/changes?verify=1")
    with desk.database.writing() as connection:
        connection.exec_driver_sql("DROP TRIGGER change_log_no_update")
        connection.exec_driver_sql("UPDATE change_log SET actor = 'nobody'")
    broken = await browser.get("/changes?verify=1")
    with desk.database.reading() as connection:
        too_long = followed(connection, at_most=0)

    assert "The record is whole." in whole.text
    assert "change 1 of the change log was altered" in broken.text
    assert (too_long.changes, too_long.is_too_long, too_long.broken) == (1, True, "")


async def test_operators_do_not_read_it(desk: Desk) -> None:
    assert (await (await a_browser(desk, OPERATOR)).get("/changes")).status == 403


# --- keys --------------------------------------------------------------------------------------------------


async def test_two_officers_give_a_terminal_a_new_master_key_that_nobody_sees(desk: Desk) -> None:
    browser = await a_browser(desk, OFFICER)
    page = await browser.get("/keys?terminal=TERM0001")
    proposed = await browser.submit(page, "terminal.new_master_key", because="lost in transit")
    second = await a_browser(desk, SECOND)

    await decide(second, await second.get("/proposals"), "approve")
    page = await second.get("/keys?terminal=TERM0001")

    with desk.database.reading() as connection:
        (kept,) = connection.execute(sa.select(schema.terminal_key)).all()
        logged = list_changes(connection, limit=1)[0]
    assert "lost in transit" in proposed.text
    assert "No keys." in (await browser.get("/keys?terminal=TERM0002")).text
    assert kept.check_value in page.text
    assert logged.after == {"check_value": kept.check_value}
    assert kept.block not in page.text


async def test_two_officers_take_a_base_key_out(desk: Desk) -> None:
    with desk.database.writing() as connection:
        keep_base_key(connection, "FFFF987654", "08D7B4", "a block", 1)
    browser = await a_browser(desk, OFFICER)
    listed = await browser.get("/keys")
    await browser.submit(listed, "base_key.remove", because="compromised")
    second = await a_browser(desk, SECOND)

    await decide(second, await second.get("/proposals"), "approve")

    assert "FFFF987654" in listed.text
    assert "08D7B4" in listed.text
    assert "a block" not in listed.text
    assert "FFFF987654" not in (await second.get("/keys")).text


def test_each_way_of_asking_for_changes_and_keys_goes_by_its_index(desk: Desk) -> None:
    propose(desk)
    approve(desk, OTHER, ACTS, 1)
    with desk.database.reading() as connection:
        asked = {
            "ix_change_log_target": lambda: list_changes(connection, limit=9, before_id=9, target="card:1"),
            "ix_change_log_actor": lambda: list_changes(connection, limit=9, before_id=9, actor="oscar"),
            "change_log USING INTEGER PRIMARY KEY": lambda: list_changes(connection, limit=9, before_id=9),
            "terminal_key USING PRIMARY KEY": lambda: master_keys(connection, "T"),
            "access_token USING": lambda: list_tokens(connection, 1, limit=9, before_id=9),
        }
        plans = plans_of(connection, *asked.values())

    for plan, index in zip(plans, asked, strict=True):
        assert index in plan, plan
        assert not any(is_full_scan(line) for line in plan.splitlines()), plan


@pytest.mark.parametrize("path", ["/changes?target=%00", "/keys?terminal=%00", "/batches/\0/M/1", "/days?before=%00"])
async def test_a_zero_byte_is_no_text(desk: Desk, path: str) -> None:
    browser = await a_browser(desk, OFFICER)

    assert (await browser.get(path)).status == 400


async def test_a_form_with_a_zero_byte_changes_nothing(desk: Desk) -> None:
    browser = await a_browser(desk)
    page = await browser.get("/maintenance")

    answer = await browser.submit(page, "maintenance.on", **{"with.notice": "back at\0noon"})

    assert answer.status == 403
    assert "New requests are let in." in (await browser.get("/maintenance")).text


# --- words -------------------------------------------------------------------------------------------------


def test_every_text_of_these_pages_is_there_in_chinese() -> None:
    pages = (
        *(
            "base",
            "batches",
            "batch",
            "settling",
            "discrepancies",
            "adjustments",
            "days",
            "day",
            "closing",
            "statement",
        ),
        *("maintenance", "proposals", "tokens", "changes", "keys", "targets", "shown_once", "told", "shown"),
    )
    said = set()
    for page in pages:
        text = (TEMPLATES / f"{page}.html").read_text("utf-8")
        said |= set(re.findall(r"""\bt\((["'])(.+?)\1\)""", text))
        said |= set(re.findall(r"""forms\.change\(visit, t, .*?(["'])([A-Z][^"']+)\1, ?(?:danger|ask_why)?""", text))

    assert {text for _, text in said} - set(chinese_words()) == set()


def test_every_permission_and_role_is_there_in_chinese() -> None:
    from switch.office.roles import Permission

    assert {str(each) for each in (*Permission, *Role)} - set(chinese_words()) == set()
