"""A session from the browser's side, over a real connection to a switch that runs: what its cookie is, and its end."""

from __future__ import annotations

import os
import re
import signal
from io import StringIO
from pathlib import Path

import pytest

from switch.clock import wall_clock
from switch.ledger.database import open_database
from switch.office.roles import Role
from switch.office.tokens import create_token
from tests.admin.certificates import Authority
from tests.admin.test_console_process import a_switch, consoles
from tests.admin.visitor import Visitor


def token_in(url: str) -> str:
    database = open_database(url)
    try:
        with database.writing() as connection:
            return create_token(connection, "sven", Role.OFFICER, days=1, now=wall_clock()).secret
    finally:
        database.close()


def flags_of(cookie: str) -> set[str]:
    return {flag.strip().lower() for flag in cookie.split(";")[1:]}


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


async def test_over_tls_the_cookie_is_this_hosts_alone(
    sqlite_database: str, tmp_path: Path, authority: Authority
) -> None:
    token = token_in(sqlite_database)
    async with a_switch(sqlite_database, tmp_path, StringIO(), tls=authority.settings()) as address:
        visitor = Visitor(address, authority.stranger())

        welcome = await visitor.log_in(token)
        session = visitor.given
        page = await visitor.get("/cards")
        await visitor.post("/language/zh", back="/")

        assert welcome.status == 303
        assert session.startswith("__Host-switch_session=")
        assert {"secure", "httponly", "samesite=strict", "path=/", "max-age=28800"} <= flags_of(session)
        assert "domain" not in session.lower()
        assert page.status == 200
        assert {"secure", "httponly", "samesite=strict", "path=/"} <= flags_of(visitor.given)
        assert set(visitor.cookies) == {"__Host-switch_session", "switch_language"}


async def test_over_tls_a_cookie_that_anything_beside_it_may_have_planted_opens_nothing(
    sqlite_database: str, tmp_path: Path, authority: Authority
) -> None:
    token = token_in(sqlite_database)
    async with a_switch(sqlite_database, tmp_path, StringIO(), tls=authority.settings()) as address:
        visitor = Visitor(address, authority.stranger())
        await visitor.log_in(token)
        visitor.cookies = {"switch_session": visitor.cookies["__Host-switch_session"]}

        assert (await visitor.get("/cards")).status == 303


async def test_over_plain_http_on_loopback_a_browser_takes_the_cookie(sqlite_database: str, tmp_path: Path) -> None:
    token = token_in(sqlite_database)
    async with a_switch(sqlite_database, tmp_path, StringIO()) as address:
        visitor = Visitor(address)

        await visitor.log_in(token)

        assert visitor.given.startswith("switch_session=")
        assert {"httponly", "samesite=strict", "path=/"} <= flags_of(visitor.given)
        assert "secure" not in flags_of(visitor.given)
        assert (await visitor.get("/cards")).status == 200


@pytest.mark.parametrize("is_over_tls", [True, False])
async def test_logging_out_ends_the_session_on_the_server_and_in_the_browser(
    sqlite_database: str, tmp_path: Path, authority: Authority, *, is_over_tls: bool
) -> None:
    token, tls = token_in(sqlite_database), authority.settings()
    async with a_switch(sqlite_database, tmp_path, StringIO(), tls=tls if is_over_tls else None) as address:
        trust = authority.stranger() if is_over_tls else None
        visitor, other = Visitor(address, trust), Visitor(address, trust)
        await visitor.log_in(token)
        await other.log_in(token)
        form = re.search(r'name="csrf" value="([0-9a-f]{64})"', (await visitor.get("/maintenance")).body)
        copied = dict(visitor.cookies)

        await visitor.post("/logout", back="/")
        left = dict(visitor.cookies)
        visitor.cookies = copied
        assert form is not None
        change = await visitor.post(
            "/change", csrf=form[1], what="maintenance.on", target="maintenance:on", **{"with.notice": "noon"}
        )

        assert left == {}
        assert (change.status, change.headers["location"]) == (303, "/login")
        assert (await visitor.get("/cards")).headers["location"] == "/login?back=/cards"
        assert "noon" not in (await other.get("/maintenance")).body


async def test_the_first_request_after_the_console_was_killed_begins_it_again(
    sqlite_database: str, tmp_path: Path
) -> None:
    token = token_in(sqlite_database)
    async with a_switch(sqlite_database, tmp_path, StringIO()) as address:
        visitor = Visitor(address)
        await visitor.log_in(token)
        (first,) = consoles()
        os.kill(first, signal.SIGKILL)

        told = await visitor.get("/cards")  # its session went with the process that sealed it
        await visitor.log_in(token)

        assert (told.status, told.headers["location"]) == (303, "/login?back=/cards")
        assert (await visitor.get("/cards")).status == 200
        assert consoles() not in ([], [first])
