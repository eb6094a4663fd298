from __future__ import annotations

import json
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from switch.api.application import BODY_BYTES_MAX, build_api
from switch.office.acts import Desk
from switch.office.all_acts import ACTS
from switch.office.attempts import PER_ADDRESS
from switch.office.roles import Actor, Role
from tests.console.browser import Answer, Browser
from tests.console.test_transactions import fill
from tests.desks import FINANCE, OFFICER, OPERATOR, OTHER, VIEWER, card_id, token_of

FROZEN = "555555******4444"
PAN = "5555555555554444"


class Client:
    """A program that holds a token."""

    def __init__(self, desk: Desk, actor: Actor | None = VIEWER, **headers: str) -> None:
        app = Starlette(routes=[Mount("/api/v1", build_api(desk, ACTS, clock=lambda: 0.0))])
        if actor is not None:
            headers["authorization"] = f"Bearer {token_of(desk, actor)}"
        self._browser = Browser(app, headers)

    async def get(self, path: str) -> Answer:
        return await self._browser.ask("GET", f"/api/v1{path}")

    async def post(self, path: str, body: object = None, **headers: str) -> Answer:
        sent = {"content-type": "application/json"} | {name.replace("_", "-"): value for name, value in headers.items()}
        text = b"" if body is None else json.dumps(body).encode()
        return await self._browser.ask("POST", f"/api/v1{path}", text, sent)

    async def told(self, path: str) -> Any:
        answer = await self.get(path)
        assert answer.status == 200, answer.text
        return json.loads(answer.body)


def assert_is_problem(answer: Answer, status: int) -> str:
    assert answer.status == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    told = json.loads(answer.body)
    assert told["status"] == status
    return str(told["detail"])


# --- who is let in -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("shown", ["", "Bearer", "Bearer ", "Bearer swt_wrong", "Basic b3NjYXI6eA==", "Token x"])
async def test_without_a_good_token_there_is_nothing_to_see(desk: Desk, shown: str) -> None:
    answer = await Client(desk, None, authorization=shown).get("/transactions")

    assert_is_problem(answer, 401)
    assert answer.headers["www-authenticate"] == "Bearer"


async def test_an_address_that_guesses_has_to_wait(desk: Desk) -> None:
    guesser = Client(desk, None, authorization="Bearer swt_wrong")

    statuses = [(await guesser.get("/days")).status for _ in range(PER_ADDRESS + 3)]

    assert statuses == [401] * PER_ADDRESS + [429] * 3


@pytest.mark.parametrize(
    ("actor", "path", "status"),
    [
        (VIEWER, "/tokens", 403),
        (VIEWER, "/changes", 403),
        (OPERATOR, "/tokens", 403),
        (OFFICER, "/tokens", 200),
        (FINANCE, "/changes", 200),
        (VIEWER, "/proposals", 200),
    ],
)
async def test_each_role_sees_what_it_may(desk: Desk, actor: Actor, path: str, status: int) -> None:
    assert (await Client(desk, actor).get(path)).status == status


async def test_a_good_token_may_read_metrics(desk: Desk) -> None:
    assert (await Client(desk, VIEWER).get("/may-read-metrics")).status == 204
    assert (await Client(desk, None).get("/may-read-metrics")).status == 401


# --- looking -----------------------------------------------------------------------------------------------


async def test_pages_follow_their_cursor_without_gap_or_double(desk: Desk) -> None:
    fill(desk, 120)
    client, cursor, seen = Client(desk), "", []

    for _ in range(5):
        page = await client.told(f"/transactions?terminal=TERM0001{cursor}")
        seen += [line["journal_id"] for line in page["items"]]
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"

    assert seen == list(range(120, 0, -1))


async def test_a_decline_is_explained(desk: Desk) -> None:
    fill(desk, 100)

    told = await Client(desk).told("/transactions/100")

    assert told["line"]["action"] == "card_frozen"
    assert told["trace"][1] == {"rule": "card_status", "value": "frozen", "limit": "active", "passed": False}
    assert told["explained"]["zh"]["cashier"]
    assert told["line"]["amount"] == {"minor": 1500, "currency": "156"}


async def test_a_card_is_found_by_its_number_and_shown_masked(desk: Desk) -> None:
    client = Client(desk)

    found = await client.post("/cards/find", {"pan": PAN})
    card = await client.told(f"/cards/{json.loads(found.body)['card_id']}")

    assert card["masked_pan"] == FROZEN
    assert card["status"] == "frozen"
    assert PAN not in found.text + json.dumps(card)
    assert_is_problem(await client.post("/cards/find", {"pan": "4000000000000002"}), 404)


@pytest.mark.parametrize(
    ("path", "key", "value"),
    [
        ("/merchants/MERCHANT0000001", "name", "Lantern Street Noodles"),
        ("/terminals/TERM0002", "status", "locked"),
        ("/days", "next", None),
    ],
)
async def test_parties_and_days_are_shown(desk: Desk, path: str, key: str, value: object) -> None:
    assert (await Client(desk).told(path))[key] == value


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/nowhere", 404),
        ("/transactions/77", 404),
        ("/transactions/0", 422),
        ("/transactions/x", 422),
        ("/transactions/99999999999999999999", 422),
        ("/transactions?cursor=-1", 422),
        ("/transactions?colour=red", 422),
        ("/transactions?terminal=" + "x" * 65, 422),
        ("/cards/1", 404),
        ("/merchants/x", 404),
    ],
)
async def test_what_cannot_be_had_is_a_problem(desk: Desk, path: str, status: int) -> None:
    assert_is_problem(await Client(desk).get(path), status)


async def test_a_wrong_method_names_the_right_one(desk: Desk) -> None:
    answer = await Client(desk).post("/transactions", {})

    assert_is_problem(answer, 405)
    assert "GET" in answer.headers["allow"]


# --- changing ----------------------------------------------------------------------------------------------


async def test_a_change_is_made_and_stands_in_the_log(desk: Desk) -> None:
    target = f"card:{card_id(desk, FROZEN)}"

    answer = await Client(desk, OPERATOR).post("/changes", {"what": "card.unfreeze", "target": target, "because": "ok"})

    assert answer.status == 201
    assert json.loads(answer.body)["before"] == {"status": "frozen"}
    logged = (await Client(desk, OFFICER).told(f"/changes?target={target}"))["items"]
    assert [(line["actor"], line["what"], line["because"]) for line in logged] == [("oscar", "card.unfreeze", "ok")]


async def test_two_officers_change_what_takes_two(desk: Desk) -> None:
    target = f"card:{card_id(desk, '411111******1111')}"  # has a limit
    wish = {"what": "card.limits", "target": target, "arguments": {"daily_limit_minor": 9_000_000}}
    first, second = Client(desk, OPERATOR), Client(desk, OTHER)

    proposed = json.loads((await first.post("/changes", wish)).body)
    number = proposed["proposal_id"]

    assert number == 1
    assert_is_problem(await first.post(f"/proposals/{number}/approve"), 403)
    assert (await second.post(f"/proposals/{number}/approve")).status == 201
    assert_is_problem(await second.post(f"/proposals/{number}/approve"), 422)
    assert (await first.told(f"/cards/{target[5:]}"))["daily_limit_minor"] == 9_000_000


async def test_two_officers_make_a_token_of_which_neither_sees_the_whole(desk: Desk) -> None:
    first, second = Client(desk, OFFICER), Client(desk, Actor("sunniva", Role.OFFICER))
    wish = {"what": "token.create", "target": "token:new", "arguments": {"name": "mallory", "role": "operator"}}

    proposed = json.loads((await first.post("/changes", wish)).body)
    assert_is_problem(await first.post("/proposals/1/approve"), 403)
    approved = json.loads((await second.post("/proposals/1/approve")).body)

    (half,), (rest,) = proposed["shown"].values(), approved["shown"].values()
    assert (proposed["proposal_id"], approved["proposal_id"]) == (1, None)
    for shown, status in ((half, 401), (rest, 401), (half + rest, 200)):
        assert (await Client(desk, None, authorization=f"Bearer {shown}").get("/transactions")).status == status


@pytest.mark.parametrize(
    ("wish", "status"),
    [
        ({"what": "card.explode", "target": "card:1"}, 404),
        ({"what": "card.freeze", "target": "card:999999"}, 404),
        ({"what": "card.freeze", "target": "terminal:TERM0001"}, 422),
        ({"what": "card.freeze", "target": "card:1", "arguments": {"x": 1}}, 422),
        ({"what": "card.freeze", "target": "card:1", "arguments": {"x": {"y": 1}}}, 422),
        ({"what": "card.freeze", "target": "card:1", "because": "x" * 201}, 422),
        ({"what": "card.freeze"}, 422),
        ([], 422),
        ("text", 422),
    ],
)
async def test_a_change_that_makes_no_sense_is_a_problem(desk: Desk, wish: object, status: int) -> None:
    assert_is_problem(await Client(desk, OPERATOR).post("/changes", wish), status)


async def test_a_viewer_changes_nothing(desk: Desk) -> None:
    wish = {"what": "card.unfreeze", "target": f"card:{card_id(desk, FROZEN)}"}

    assert_is_problem(await Client(desk, VIEWER).post("/changes", wish), 403)


async def test_only_json_of_a_bounded_size_from_no_other_site_is_taken(desk: Desk) -> None:
    client = Client(desk, OPERATOR)

    assert_is_problem(await client.post("/changes", {}, content_type="text/plain"), 415)
    assert_is_problem(await client.post("/changes", {"what": "x" * BODY_BYTES_MAX}), 413)
    assert_is_problem(await client.post("/changes", {}, sec_fetch_site="cross-site"), 403)


async def test_a_wrong_value_is_named_not_quoted(desk: Desk) -> None:
    detail = assert_is_problem(await Client(desk, OPERATOR).post("/cards/find", {"pan": f"{PAN}x"}), 422)

    assert "pan" in detail
    assert PAN not in detail


async def test_what_can_be_changed_is_described(desk: Desk) -> None:
    acts = {act["name"]: act for act in (await Client(desk).told("/acts"))["items"]}

    assert set(acts) == set(ACTS)
    assert "daily_limit_minor" in acts["card.limits"]["arguments"]["properties"]
    assert acts["card.limits"]["permission"] == "raise_limits"


@pytest.mark.parametrize("query", ["terminal", "merchant", "kind", "action", "stan", "rrn"])
async def test_a_zero_byte_is_no_filter(desk: Desk, query: str) -> None:
    assert (await Client(desk).get(f"/transactions?{query}=a%00")).status == 422
