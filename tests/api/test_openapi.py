"""The OpenAPI document, and a fuzzer that believes it: schemathesis against the API over real TCP."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import partial
from pathlib import Path

import trio
from starlette.applications import Starlette
from starlette.routing import Mount

from switch.admin.server import serve_admin
from switch.api.application import build_api
from switch.config import Address
from switch.office.acts import Desk
from switch.office.all_acts import ACTS
from tests.api.test_api import Client
from tests.console.test_transactions import fill
from tests.desks import OFFICER, token_of

EXAMPLES = 15
DEADLINE_S = 200


async def test_every_reference_of_the_document_leads_somewhere(desk: Desk) -> None:
    document = await Client(desk, None).told("/openapi.json")

    named = set(document["components"]["schemas"])
    text = json.dumps(document)
    used = {part.partition('"')[0] for part in text.split("#/components/schemas/")[1:]}
    assert used <= named
    assert document["openapi"].startswith("3.1")


async def test_the_api_is_as_its_document_says_whatever_it_is_asked(desk: Desk, tmp_path: Path) -> None:
    fill(desk, 50)
    app = Starlette(routes=[Mount("/api/v1", build_api(desk, ACTS))])
    async with trio.open_nursery() as nursery:
        address = await nursery.start(serve_admin, Address("127.0.0.1", 0), app)
        command = [
            str(Path(sys.executable).with_name("schemathesis")), "run",
            f"http://{address}/api/v1/openapi.json",
            "--header", f"Authorization: Bearer {token_of(desk, OFFICER)}",
            "--max-examples", str(EXAMPLES), "--seed", "8583", "--no-color", "--suppress-health-check", "all",
            "--phases", "examples,coverage,fuzzing", "--exclude-checks", "unsupported_method",
        ]  # fmt: skip
        run = partial(trio.run_process, command, capture_stdout=True, capture_stderr=True, check=False, cwd=tmp_path)
        with trio.fail_after(DEADLINE_S):
            done: subprocess.CompletedProcess[bytes] = await run()
        nursery.cancel_scope.cancel()

    assert done.returncode == 0, (done.stdout + done.stderr).decode()[-6000:]
