from __future__ import annotations

import re
import sqlite3

import pytest
import sqlalchemy as sa

from switch.console.application import FORM_BYTES_MAX, build_console
from switch.console.sessions import LIFE_S, Seal
from switch.console.visit import Page, Shown, Visit
from switch.office.acts import Desk
from switch.office.all_acts import ACTS
from switch.office.attempts import ADDRESSES_MAX, PER_ADDRESS, WINDOW_S, Attempts
from switch.office.change_log import list_changes
from switch.office.roles import Actor, Permission
from switch.office.tokens import create_token, revoke_token
from tests.console.browser import Answer, Browser
from tests.desks import OFFICER, OPERATOR, VIEWER, card_id, token_of


def told(visit: Visit) -> Shown:
    return Shown("told.html", {"because": f"<b>{visit.where.get('key', '')}</b>"})


def secret_of_forms(visit: Visit) -> Shown:
    return Shown("told.html", {"because": visit.csrf})


async def csrf_of(browser: Browser) -> str:
    found = re.search(r"[0-9a-f]{64}", (await browser.get("/csrf")).text)
    assert found is not None
    return found[0]


PAGES = (
    Page("/", told),
    Page("/csrf", secret_of_forms),
    Page("/hostile/{key}", told),
    Page("/tokens", told, Permission.TOKENS),
)


class Slow:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def a_browser(desk: Desk) -> Browser:
    return Browser(build_console(desk, PAGES, ACTS, clock=Slow()))


async def logged_in(desk: Desk, actor: Actor = OPERATOR) -> Browser:
    browser = a_browser(desk)
    answer = await browser.post("/login", {"token": token_of(desk, actor)})
    assert answer.status == 200, answer.text
    return browser


async def freeze(browser: Browser, desk: Desk, **changes: str) -> Answer:
    target = f"card:{card_id(desk, '411111******1111')}"
    fields = {"what": "card.freeze", "target": target, "csrf": await csrf_of(browser), "back": "/"}
    return await browser.post("/change", fields | changes, follow=False)


async def test_nobody_sees_a_page_without_logging_in(desk: Desk) -> None:
    browser = a_browser(desk)

    answer = await browser.get("/hostile/x?a=b", follow=False)

    assert (answer.status, answer.headers["location"]) == (303, "/login?back=/hostile/x?a=b")
    assert (await browser.get("/tokens")).text.count('name="token"') == 1


async def test_a_token_opens_the_console_and_its_end_closes_it(desk: Desk) -> None:
    browser = a_browser(desk)
    with desk.database.writing() as connection:
        made = create_token(connection, "oscar", OPERATOR.role, days=1, now=desk.clock())
    answer = await browser.post("/login", {"token": made.secret})
    assert "oscar" in answer.text

    with desk.database.writing() as connection:
        revoke_token(connection, made.token_id, desk.clock())

    assert (await browser.get("/", follow=False)).status == 303


async def test_logging_out_forgets_the_session(desk: Desk) -> None:
    browser = await logged_in(desk)

    await browser.post("/logout", {})

    assert (await browser.get("/", follow=False)).status == 303


async def test_a_copy_of_the_cookie_is_worth_nothing_after_logging_out(desk: Desk) -> None:
    browser = await logged_in(desk)
    copied = dict(browser.cookies)

    await browser.post("/logout", {})
    browser.cookies.update(copied)

    assert (await browser.get("/", follow=False)).status == 303


async def test_another_site_neither_logs_anybody_out_nor_chooses_their_language(desk: Desk) -> None:
    browser = await logged_in(desk)
    browser.headers = {"sec-fetch-site": "cross-site"}

    await browser.ask("POST", "/logout")
    await browser.ask("POST", "/language/zh")

    assert list(browser.cookies) == ["switch_session"]
    assert (await browser.get("/", follow=False)).status == 200


@pytest.mark.parametrize("cookie", ["", "1.2.3.4", "x", "1.99999999999.ab.0000", "..."])
async def test_a_cookie_that_is_not_ours_opens_nothing(desk: Desk, cookie: str) -> None:
    browser = a_browser(desk)
    browser.cookies["switch_session"] = cookie

    assert (await browser.get("/", follow=False)).status == 303


def test_a_session_ends_with_the_shift() -> None:
    seal = Seal()
    cookie = seal.cookie(7, 1_000.0)

    found = seal.read(cookie, 1_000.0 + LIFE_S - 1)
    assert found is not None
    assert found.token_id == 7
    assert seal.read(cookie, 1_000.0 + LIFE_S) is None
    assert Seal().read(cookie, 1_000.0) is None


async def test_a_role_that_may_not_see_a_page_is_told(desk: Desk) -> None:
    assert (await (await logged_in(desk, VIEWER)).get("/tokens")).status == 403
    assert (await (await logged_in(desk, OFFICER)).get("/tokens")).status == 200


# --- log-in attempts ---------------------------------------------------------------------------------------


async def test_ten_thousand_attempts_get_an_address_nowhere_and_nobody_else_waits(desk: Desk) -> None:
    clock = Slow()
    app = build_console(desk, PAGES, ACTS, clock=clock)
    attacker = Browser(app, {"x-switch-peer": "203.0.113.9"})
    good = token_of(desk, OPERATOR)

    statuses = [(await attacker.post("/login", {"token": f"swt_{n}"})).status for n in range(PER_ADDRESS + 20)]

    assert statuses == [401] * PER_ADDRESS + [429] * 20
    assert (await attacker.post("/login", {"token": good})).status == 429
    assert (await Browser(app, {"x-switch-peer": "203.0.113.10"}).post("/login", {"token": good})).status == 200
    clock.now += WINDOW_S
    assert (await attacker.post("/login", {"token": good})).status == 200


def test_an_army_of_addresses_does_not_fill_the_memory() -> None:
    attempts = Attempts(Slow())

    for number in range(10_000):
        attempts.failed(f"2001:db8:{number:x}::1")

    assert len(attempts._failures) == ADDRESSES_MAX


def test_whoever_has_a_network_of_version_6_has_no_more_attempts_than_others() -> None:
    attempts = Attempts(Slow())

    for number in range(PER_ADDRESS):
        attempts.failed(f"2001:db8:0:1:{number:x}::1")

    assert attempts.wait_s("2001:db8:0:1::ffff") > 0
    assert attempts.wait_s("2001:db8:0:2::1") == 0


async def test_asking_for_the_head_of_the_log_in_page_is_no_attempt(desk: Desk) -> None:
    assert (await a_browser(desk).ask("HEAD", "/login")).status == 200


# --- forgery and hostile words -----------------------------------------------------------------------------


@pytest.mark.parametrize("back", ["https://evil.test/", "//evil.test", "/\\evil.test", "javascript:alert(1)", "/a\nb"])
async def test_log_in_leads_nowhere_else(desk: Desk, back: str) -> None:
    answer = await a_browser(desk).post("/login", {"token": token_of(desk, OPERATOR), "back": back}, follow=False)

    assert (answer.status, answer.headers["location"]) == (303, "/")


async def test_a_change_needs_the_sessions_own_form(desk: Desk) -> None:
    browser, other = await logged_in(desk), await logged_in(desk)
    theirs = await csrf_of(other)

    for wrong in ({"csrf": ""}, {"csrf": "0" * 64}, {"csrf": theirs}):
        assert (await freeze(browser, desk, **wrong)).status == 403
    with desk.database.reading() as connection:
        assert list_changes(connection, limit=9) == []


async def test_a_form_from_another_site_changes_nothing(desk: Desk) -> None:
    browser = await logged_in(desk)

    for header in ({"origin": "https://evil.test"}, {"sec-fetch-site": "cross-site"}):
        browser.headers = header
        assert (await freeze(browser, desk)).status == 403
    browser.headers = {}
    assert (await freeze(browser, desk)).status == 303


async def test_a_form_that_is_too_long_is_none(desk: Desk) -> None:
    browser = await logged_in(desk)

    assert (await freeze(browser, desk, because="x" * FORM_BYTES_MAX)).status == 403


async def test_hostile_words_are_shown_not_obeyed(desk: Desk) -> None:
    browser = await logged_in(desk)

    page = await browser.get("/hostile/<script>alert(1)<%2Fscript>")

    assert "<script>alert" not in page.text
    assert "&lt;b&gt;" in page.text


async def test_every_answer_keeps_the_browser_on_a_short_leash(desk: Desk) -> None:
    browser = await logged_in(desk)

    for path in ("/", "/login", "/nowhere/at/all", "/tokens"):
        headers = (await browser.get(path, follow=False)).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"


async def test_a_reader_of_chinese_is_met_in_chinese(desk: Desk) -> None:
    browser = a_browser(desk)
    browser.headers["accept-language"] = "zh-CN,zh;q=0.9,en;q=0.8"

    assert 'lang="zh-CN"' in (await browser.get("/login")).text

    await browser.post("/language/en", {"back": "/login"})
    assert 'lang="en"' in (await browser.get("/login")).text


# --- books that cannot be had ------------------------------------------------------------------------------


def waits_for_nobody(connection: sqlite3.Connection, *_: object) -> None:
    connection.execute("PRAGMA busy_timeout = 0")


async def test_whoever_only_looks_does_not_need_the_books_to_be_written(desk: Desk) -> None:
    browser = a_browser(desk)
    token = token_of(desk, OPERATOR)
    sa.event.listen(desk.database.engine, "checkout", waits_for_nobody)

    with desk.database.writing():  # somebody else has the one lock
        assert (await browser.post("/login", {"token": token})).status == 200
        assert (await freeze(browser, desk)).status == 503


async def test_books_that_are_gone_are_told_as_that(desk: Desk) -> None:
    browser = await logged_in(desk)
    with desk.database.writing() as connection:
        connection.exec_driver_sql("ALTER TABLE access_token RENAME TO lost")

    answer = await browser.get("/", follow=False)

    assert (answer.status, answer.headers["retry-after"]) == (503, "5")
    assert "The books cannot be reached" in answer.text
    assert "access_token" not in answer.text
