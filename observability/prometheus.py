"""A Prometheus of one's own, on a free port of this machine, and the questions that are asked of it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final
from urllib.error import HTTPError
from urllib.parse import quote
from urllib.request import urlopen

import trio

from observability.generate import DEPLOY
from observability.yaml_text import Value, yaml_text

RULES: Final = (DEPLOY / "prometheus/rules/recording.yml", DEPLOY / "prometheus/rules/alerts.yml")
STARTS_WITHIN_S: Final = 30.0
ANSWERS_WITHIN_S: Final = 10.0

_LISTENING: Final = re.compile(rb'msg="Listening on" address=([0-9.]+):(\d+)')


class QueryError(Exception):
    """Prometheus does not understand a query."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One series of an answer, and its value now; NaN and infinite are values, too."""

    labels: dict[str, str]
    value: float


def missing() -> str:
    """Return why Prometheus cannot be run here, "" if it can."""
    absent = [name for name in ("prometheus", "promtool") if shutil.which(name) is None]
    return f"not installed: {', '.join(absent)}" if absent else ""


def configuration(target: str, certificate: Path) -> str:
    """Return a configuration that scrapes ``target`` (host:port, HTTPS) and evaluates the rules each second."""
    scrape: Value = {
        "job_name": "switch",
        "scheme": "https",
        "tls_config": {"ca_file": str(certificate)},
        "static_configs": [{"targets": [target]}],
    }
    return yaml_text(
        {
            "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
            "rule_files": [str(path) for path in RULES],
            "scrape_configs": [scrape],
        }
    )


@asynccontextmanager
async def running(folder: Path, config: str) -> AsyncIterator[Prometheus]:
    """Run Prometheus, its data in ``folder``, while the block runs. Raises `trio.TooSlowError` if it does not start."""
    file = folder / "prometheus.yml"
    file.write_text(config, "utf-8")
    command = ["prometheus", f"--config.file={file}", f"--storage.tsdb.path={folder / 'data'}"]
    options = ["--web.listen-address=127.0.0.1:0", "--log.format=logfmt"]
    async with trio.open_nursery() as nursery:
        process = await nursery.start(
            partial(trio.run_process, [*command, *options], stderr=subprocess.PIPE, check=False)
        )
        with trio.fail_after(STARTS_WITHIN_S):
            host, port = await _address(process.stderr)
        nursery.start_soon(_drain, process.stderr)
        prometheus = Prometheus(f"http://{host}:{port}")
        try:
            await prometheus.ready()
            yield prometheus
        finally:
            process.terminate()
            nursery.cancel_scope.deadline = trio.current_time() + STARTS_WITHIN_S


async def _address(log: trio.abc.ReceiveStream) -> tuple[str, int]:
    said = b""
    async for part in log:
        said += part
        if found := _LISTENING.search(said):
            return found[1].decode(), int(found[2])
    raise RuntimeError(f"Prometheus ended: {said.decode(errors='replace')[-500:]}")


async def _drain(log: trio.abc.ReceiveStream) -> None:
    async for _ in log:
        pass


class Prometheus:
    """Asks a Prometheus over HTTP."""

    def __init__(self, address: str) -> None:
        self.address = address

    async def ready(self) -> None:
        """Wait until it answers queries."""
        with trio.fail_after(STARTS_WITHIN_S):
            while not await trio.to_thread.run_sync(self._is_ready):  # noqa: ASYNC110 - it calls nobody
                await trio.sleep(0.1)

    async def ask(self, expr: str) -> list[Sample]:
        """Return what an expression comes to now. Raises `QueryError`."""
        answer = await trio.to_thread.run_sync(self._get, f"/api/v1/query?query={quote(expr)}")
        if answer["status"] != "success":
            raise QueryError(f"{answer.get('error', 'no reason given')}: {expr}")
        data = answer["data"]
        if data["resultType"] == "scalar":
            return [Sample({}, float(data["result"][1]))]
        return [Sample(each["metric"], float(each["value"][1])) for each in data["result"]]

    async def rules(self) -> list[dict[str, Any]]:
        """Return all rules with their health, as Prometheus tells them."""
        answer = await trio.to_thread.run_sync(self._get, "/api/v1/rules")
        return [rule for group in answer["data"]["groups"] for rule in group["rules"]]

    async def scraped(self) -> set[str]:
        """Return the names of all metrics that the targets tell of, those without a series among them."""
        answer = await trio.to_thread.run_sync(self._get, "/api/v1/targets/metadata")
        return {each["metric"] for each in answer["data"]}

    def _is_ready(self) -> bool:
        try:
            with urlopen(f"{self.address}/-/ready", timeout=ANSWERS_WITHIN_S):  # noqa: S310 - our own address
                return True
        except HTTPError:
            return False

    def _get(self, path: str) -> dict[str, Any]:
        try:
            with urlopen(self.address + path, timeout=ANSWERS_WITHIN_S) as answer:  # noqa: S310 - our own address
                told: dict[str, Any] = json.load(answer)
        except HTTPError as error:
            told = json.load(error)
        return told
