"""Every page, every endpoint and every change, asked by every role and by nobody."""

from __future__ import annotations

import json
import re

import pytest
from starlette.routing import Mount

from switch.api.application import build_api
from switch.api.looks import LOOKS
from switch.api.makes import Making
from switch.console.application import build_console
from switch.console.pages import PAGES
from switch.office.acts import Desk
from switch.office.all_acts import ACTS
from switch.office.change_log import list_changes
from switch.office.roles import Actor, may
from tests.console.browser import Answer, Browser
from tests.desks import FINANCE, OFFICER, OPERATOR, VIEWER, token_of

ROLES = (VIEWER, OPERATOR, OFFICER, FINANCE)
POSTS = ("/change", "/proposals/1/approve", "/proposals/1/refuse")
ENDPOINTS = (*LOOKS, *Making(ACTS).endpoints())
REFUSED = 403


def a_browser(desk: Desk, **headers: str) -> Browser:
    mounts = [Mount("/api/v1", build_api(desk, ACTS))]
    return Browser(build_console(desk, PAGES, ACTS, mounts=mounts), headers)


def somewhere(path: str) -> str:
    return re.sub(r"\{[^}]*\}", "1", path)


async def asked(browser: Browser, method: str, path: str, body: object = None) -> Answer:
    sent = json.dumps({} if body is None else body).encode() if method == "POST" else b""
    return await browser.ask(method, f"/api/v1{somewhere(path)}", sent, {"content-type": "application/json"})


async def test_nobody_sees_or_does_anything(desk: Desk) -> None:
    browser = a_browser(desk)

    for page in PAGES:
        for method in ("GET", "POST") if page.takes_form else ("GET",):
            answer = await browser.ask(method, somewhere(page.path))
            assert answer.headers["location"].startswith("/login"), page.path
    for path in POSTS:
        assert (await browser.post(path, {"what": "card.freeze"}, follow=False)).headers["location"] == "/login"
    for endpoint in ENDPOINTS:
        assert (await asked(browser, endpoint.method, endpoint.path)).status == 401, endpoint.path


@pytest.mark.parametrize("actor", ROLES)
async def test_a_role_is_shown_what_it_may_look_at_and_told_where_it_may_not(desk: Desk, actor: Actor) -> None:
    token = token_of(desk, actor)
    browser, program = a_browser(desk), a_browser(desk, authorization=f"Bearer {token}")
    await browser.post("/login", {"token": token})

    for page in PAGES:
        answer = await browser.get(somewhere(page.path), follow=False)
        assert (answer.status == REFUSED) is not may(actor, page.permission), page.path
    for endpoint in ENDPOINTS:
        answer = await asked(program, endpoint.method, endpoint.path)
        assert (answer.status == REFUSED) is not may(actor, endpoint.permission), endpoint.path


@pytest.mark.parametrize("actor", ROLES)
async def test_a_role_is_refused_every_change_that_is_not_its_own(desk: Desk, actor: Actor) -> None:
    browser = a_browser(desk, authorization=f"Bearer {token_of(desk, actor)}")

    for act in ACTS.values():
        if not may(actor, act.permission):
            answer = await asked(browser, "POST", "/changes", {"what": act.name, "target": f"{act.of}:1"})
            assert answer.status == REFUSED, act.name

    with desk.database.reading() as connection:
        assert list_changes(connection, limit=9) == []


async def test_a_page_that_takes_a_form_and_a_verdict_want_the_sessions_own(desk: Desk) -> None:
    browser = a_browser(desk)
    await browser.post("/login", {"token": token_of(desk, OFFICER)})

    for path in (*POSTS, *(somewhere(page.path) for page in PAGES if page.takes_form)):
        assert (await browser.post(path, {"csrf": "0" * 64}, follow=False)).status == REFUSED, path
