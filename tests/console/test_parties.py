"""The pages of cards, accounts, merchants, terminals and taps, as a browser sees them."""

from __future__ import annotations

import json
import re

import pytest
import sqlalchemy as sa

from switch.console.application import build_console
from switch.console.pages import PAGES
from switch.console.words import chinese_words
from switch.ledger import schema
from switch.office.acts import Desk
from switch.office.all_acts import ACTS
from switch.office.roles import Actor
from tests.console.browser import Answer, Browser
from tests.desks import FINANCE, OFFICER, OPERATOR, OTHER, VIEWER, card_id, token_of

FROZEN = "555555******4444"
ACTIVE = "411111******1111"
NUMBER = "5555555555554444"
HOSTILE = "<script>alert(1)</script><img src=x onerror=y>"


async def a_browser(desk: Desk, actor: Actor = OPERATOR) -> Browser:
    browser = Browser(build_console(desk, PAGES, ACTS))
    await browser.post("/login", {"token": token_of(desk, actor)}, follow=False)
    return browser


def offered(page: Answer) -> set[str]:
    """The changes that a page offers."""
    return set(re.findall(r'name="what" value="([^"]+)"', page.text))


def hidden(page: Answer, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', page.text)
    assert found is not None
    return found[1]


# --- cards -------------------------------------------------------------------------------------------------


async def test_a_card_is_found_by_its_number_which_stands_in_no_address(desk: Desk) -> None:
    browser = await a_browser(desk)
    asked = await browser.get("/cards")

    led = await browser.post("/cards", {"number": NUMBER, "csrf": hidden(asked, "csrf")}, follow=False)
    page = await browser.get(led.headers["location"])

    assert led.headers["location"] == f"/cards/{card_id(desk, FROZEN)}"
    assert FROZEN in page.text
    assert NUMBER not in page.text


async def test_a_number_that_is_unknown_or_none_is_told_without_it(desk: Desk) -> None:
    browser = await a_browser(desk)
    csrf = hidden(await browser.get("/cards"), "csrf")

    for number, status in (("4000000000000002", 404), ("12345", 400), ("", 400), ("5555555555554444x", 400)):
        answer = await browser.post("/cards", {"number": number, "csrf": csrf})
        assert answer.status == status
        assert not number or number not in answer.text


async def test_a_search_that_another_site_sends_is_not_made(desk: Desk) -> None:
    browser = await a_browser(desk)
    csrf = hidden(await browser.get("/cards"), "csrf")

    assert (await browser.post("/cards", {"number": NUMBER})).status == 403
    browser.headers["origin"] = "https://elsewhere.test"
    assert (await browser.post("/cards", {"number": NUMBER, "csrf": csrf})).status == 403


async def test_a_card_is_found_by_what_a_receipt_shows(desk: Desk) -> None:
    browser = await a_browser(desk)

    page = await browser.get("/cards?first=555555&last=4444")

    assert f'href="/cards/{card_id(desk, FROZEN)}"' in page.text
    assert "No such card" in (await browser.get("/cards?first=999999&last=4444")).text
    assert (await browser.get("/cards?first=5555555555&last=4444")).status == 400


async def test_a_card_offers_only_what_its_state_allows(desk: Desk) -> None:
    browser = await a_browser(desk)

    frozen = offered(await browser.get(f"/cards/{card_id(desk, FROZEN)}"))
    active = offered(await browser.get(f"/cards/{card_id(desk, ACTIVE)}"))

    notes_and_limits = {"card.limits", "card.note"}
    assert frozen == {"card.unfreeze", "card.deactivate", "card.lost", "card.stolen"} | notes_and_limits
    assert active == {"card.freeze", "card.deactivate", "card.lost", "card.stolen"} | notes_and_limits


async def test_an_operator_unfreezes_a_card_and_an_officer_reads_who_did(desk: Desk) -> None:
    browser = await a_browser(desk)
    page = await browser.get(f"/cards/{card_id(desk, FROZEN)}")

    page = await browser.submit(page, "card.unfreeze", because="customer called")

    assert '<span class="good">active</span>' in page.text
    assert "What was changed" not in page.text
    record = await (await a_browser(desk, OFFICER)).get(f"/cards/{card_id(desk, FROZEN)}")
    assert "customer called" in record.text
    assert "status frozen → status active" in record.text


async def test_a_high_limit_is_told_beforehand_and_then_waits(desk: Desk) -> None:
    browser = await a_browser(desk)
    page = await browser.get(f"/cards/{card_id(desk, ACTIVE)}")

    assert "second officer approves" in page.text
    assert "50,000.00 CNY" in page.text
    await browser.submit(page, "card.limits", **{"with.daily_limit_minor": "none"})

    page = await browser.get(f"/cards/{card_id(desk, ACTIVE)}")
    assert "Waits for a second officer" in page.text
    assert "oscar" in page.text


async def test_wrong_pins_are_forgotten_where_there_are_any(desk: Desk) -> None:
    which = card_id(desk, ACTIVE)
    with desk.database.writing() as connection:
        connection.execute(sa.insert(schema.card_security), [{"card_id": which, "pin_tries": 3}])
    browser = await a_browser(desk)
    page = await browser.get(f"/cards/{which}")

    page = await browser.submit(page, "card.reset_pin")

    assert "card.reset_pin" not in offered(page)


@pytest.mark.parametrize("actor", [VIEWER, FINANCE])
async def test_who_may_not_change_parties_is_offered_no_change(desk: Desk, actor: Actor) -> None:
    browser = await a_browser(desk, actor)

    for path in (f"/cards/{card_id(desk, ACTIVE)}", "/merchants/MERCHANT0000001", "/terminals/TERM0001"):
        assert {what.partition(".")[2] for what in offered(await browser.get(path))} <= {"note"}


# --- accounts and merchants --------------------------------------------------------------------------------


async def test_a_card_leads_to_its_account_and_that_to_its_cards(desk: Desk) -> None:
    browser = await a_browser(desk)
    page = await browser.get(f"/cards/{card_id(desk, FROZEN)}")
    found = re.search(r"/accounts/\d+", page.text)
    assert found is not None

    account = await browser.get(found[0])

    assert FROZEN in account.text
    assert "10,000.00 CNY" in account.text


async def test_a_merchants_account_leads_back_to_it(desk: Desk) -> None:
    browser = await a_browser(desk)
    page = await browser.get("/merchants/MERCHANT0000001")
    found = re.search(r"/accounts/\d+", page.text)
    assert found is not None

    account = await browser.get(found[0])

    assert 'href="/merchants/MERCHANT0000001"' in account.text


async def test_a_merchant_is_frozen_and_unfrozen(desk: Desk) -> None:
    browser = await a_browser(desk)
    page = await browser.get("/merchants/MERCHANT0000001")
    assert offered(page) == {"merchant.freeze", "merchant.close", "merchant.note"}

    page = await browser.submit(page, "merchant.freeze")
    assert offered(page) == {"merchant.unfreeze", "merchant.close", "merchant.note"}
    page = await browser.submit(page, "merchant.unfreeze")

    assert '<span class="good">active</span>' in page.text


async def test_a_merchant_leads_to_its_statements_terminals_and_transactions(desk: Desk) -> None:
    row = {
        "merchant_id": "MERCHANT0000001", "business_day": 20261120, "currency": "156", "gross_minor": 10_000,
        "credit_minor": 0, "fee_minor": 100, "share_minor": 0, "net_minor": 9_900, "items": 3, "content": "{}",
        "made_at": 1,
    }  # fmt: skip
    with desk.database.writing() as connection:
        connection.execute(sa.insert(schema.statement), [row])
    browser = await a_browser(desk)

    page = await browser.get("/merchants/MERCHANT0000001")

    assert 'href="/statements/MERCHANT0000001/20261120"' in page.text
    assert "99.00 CNY" in page.text
    assert 'href="/terminals/TERM0003"' in page.text
    assert "standard" in page.text


# --- terminals ---------------------------------------------------------------------------------------------


async def test_terminals_are_listed_with_their_states(desk: Desk) -> None:
    browser = await a_browser(desk)

    assert "TERM0002" in (await browser.get("/terminals")).text
    locked = await browser.get("/terminals?status=locked")
    assert "TERM0002" in locked.text
    assert "TERM0001" not in locked.text
    assert (await browser.get("/terminals?begins=" + "x" * 65)).status == 400


async def test_a_terminal_is_locked_with_a_reason_and_unlocked(desk: Desk) -> None:
    browser = await a_browser(desk)
    page = await browser.get("/terminals/TERM0001")
    assert {"terminal.lock", "terminal.retire", "terminal.ask", "terminal.tap"} <= offered(page)

    page = await browser.submit(page, "terminal.lock", **{"with.because": "lost in a taxi"})
    assert "lost in a taxi" in page.text
    page = await browser.submit(page, "terminal.unlock")

    assert "lost in a taxi" not in page.text


async def test_a_terminal_is_told_what_to_do_next(desk: Desk) -> None:
    browser = await a_browser(desk)
    page = await browser.get("/terminals/TERM0001")

    page = await browser.submit(page, "terminal.ask", **{"with.what": "ca_keys"})
    assert '<span class="warn">ca keys</span>' in page.text
    page = await browser.submit(page, "terminal.ask", **{"with.what": "nothing"})

    assert '<span class="warn">ca keys</span>' not in page.text


async def test_a_terminals_health_is_told_with_its_reasons(desk: Desk) -> None:
    now = desk.clock()
    rows = [
        {
            "journal_id": number, "kind": "purchase", "action": "mac_wrong", "mti": "0200", "terminal_id": "TERM0001",
            "batch": "000001", "merchant_id": "MERCHANT0000001", "local_date": 20261121, "business_day": 20261121,
            "received_at": now, "decided_at": now, "stan": "000007",
        }
        for number in range(1, 13)
    ]  # fmt: skip
    with desk.database.writing() as connection:
        connection.execute(sa.insert(schema.journal), rows)
    browser = await a_browser(desk)

    page = await browser.get("/terminals/TERM0001")
    overview = await browser.get("/terminals/health")

    assert "None of 12 was approved." in page.text
    assert "11 in the last day." in page.text
    assert '<span class="bad">act</span>' in page.text
    assert "TERM0001" in overview.text
    assert "None of 12 was approved." in overview.text


# --- taps --------------------------------------------------------------------------------------------------


def tapped(desk: Desk, words: dict[str, object]) -> None:
    line = {"line_id": 1, "tap_id": 1, "at": desk.clock(), "words": json.dumps(words)}
    with desk.database.writing() as connection:
        connection.execute(sa.insert(schema.tap_line), [line])


async def test_a_tap_is_opened_looked_at_and_ended(desk: Desk) -> None:
    browser = await a_browser(desk)
    page = await browser.get("/terminals/TERM0001")

    page = await browser.submit(page, "terminal.tap", **{"with.minutes": "5"})
    assert 'href="/taps/1"' in page.text
    tapped(desk, {"way": "request", "about": "10.0.0.1", "lines": [["2", "PAN", ACTIVE]], "trouble": ""})
    tap = await browser.get("/taps/1")
    assert ACTIVE in tap.text
    assert 'hx-get="/taps/1"' in tap.text
    browser.headers["hx-request"] = "true"
    assert "<html" not in (await browser.get("/taps/1")).text
    del browser.headers["hx-request"]
    await browser.submit(page, "terminal.untap")

    over = await browser.get("/taps/1")
    assert "hx-get" not in over.text
    assert ACTIVE in over.text


async def test_a_tap_is_only_for_those_who_may_and_is_in_the_record(desk: Desk) -> None:
    browser = await a_browser(desk)
    await browser.submit(await browser.get("/terminals/TERM0001"), "terminal.tap", **{"with.minutes": "1"})

    for actor in (VIEWER, FINANCE):
        assert (await (await a_browser(desk, actor)).get("/taps/1")).status == 403
    record = await (await a_browser(desk, OFFICER)).get("/terminals/TERM0001")
    assert "terminal.tap" in record.text
    assert "oscar" in record.text


async def test_taps_are_few_and_short(desk: Desk) -> None:
    browser = await a_browser(desk)
    page = await browser.get("/terminals/TERM0001")

    for minutes in ("0", "16", "x", ""):
        assert (await browser.submit(page, "terminal.tap", **{"with.minutes": minutes})).status == 400
    for number in (1, 2, 3):
        page = await browser.get(f"/terminals/TERM000{number}")
        assert (await browser.submit(page, "terminal.tap", **{"with.minutes": "1"})).status == 200
    page = await browser.get("/terminals/TERM0004")
    refused = await browser.submit(page, "terminal.tap", **{"with.minutes": "1"})

    assert refused.status == 400
    assert "TERM0001" in refused.text
    assert (await browser.get("/taps/99")).status == 404


# --- all of them -------------------------------------------------------------------------------------------


async def test_hostile_words_in_the_books_are_shown_not_obeyed(desk: Desk) -> None:
    with desk.database.writing() as connection:
        connection.execute(sa.update(schema.merchant).values(name=HOSTILE, limits=HOSTILE, fee_plan=HOSTILE))
        connection.execute(
            sa.update(schema.terminal).values(because=HOSTILE, software=HOSTILE, serial=HOSTILE, schemes=HOSTILE)
        )
        connection.execute(sa.update(schema.card).values(limits=HOSTILE, scheme=HOSTILE))
    browser = await a_browser(desk, OFFICER)
    page = await browser.get("/terminals/TERM0001")
    await browser.submit(page, "terminal.tap", because=HOSTILE, **{"with.minutes": "1"})
    tapped(desk, {"way": "request", "about": HOSTILE, "lines": [["2", HOSTILE, HOSTILE]], "trouble": HOSTILE})

    for path in (
        "/merchants", "/merchants?begins=%3Cscript%3E", "/merchants/MERCHANT0000001", "/terminals", "/taps/1",
        "/terminals/TERM0001", "/terminals?begins=%22%3E%3Cscript%3E", f"/cards/{card_id(desk, ACTIVE)}",
        f"/cards?first={ACTIVE[:6]}&last={ACTIVE[-4:]}", "/cards?first=%22%3E%3Cscript%3Ealert&last=1",
    ):  # fmt: skip
        text = (await browser.get(path)).text
        assert "<script>alert" not in text, path
        assert "<img" not in text, path


async def test_what_is_not_there_says_so(desk: Desk) -> None:
    browser = await a_browser(desk)

    for path in ("/cards/999999", "/accounts/999999", "/merchants/NOPE", "/terminals/NOPE"):
        assert (await browser.get(path)).status == 404
    for path in ("/cards/x", "/accounts/x", "/taps/x", "/cards/99999999999999999999"):
        assert (await browser.get(path)).status == 400


async def test_every_text_of_these_pages_is_there_in_chinese() -> None:
    from switch.console.rendering import TEMPLATES

    pages = (
        "cards", "card", "account", "merchants", "merchant", "terminals", "terminal", "terminals_health", "tap",
        "tap_messages", "party",
    )  # fmt: skip
    said = {
        text
        for page in pages
        for text in re.findall(r'\bt\("([^"]+)"\)', (TEMPLATES / f"{page}.html").read_text("utf-8"))
    }

    assert said - set(chinese_words()) - {"MCC"} == set()


async def test_another_officer_sees_the_same_in_chinese(desk: Desk) -> None:
    browser = await a_browser(desk, OTHER)
    browser.headers["accept-language"] = "zh-CN"

    assert "健康状况" in (await browser.get("/terminals/TERM0001")).text
    assert "冻结" in (await browser.get(f"/cards/{card_id(desk, ACTIVE)}")).text
