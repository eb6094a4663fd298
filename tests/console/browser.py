"""A browser for tests: asks an ASGI application in this very process, keeps its cookies, follows where it is sent."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from html import unescape
from typing import Any
from urllib.parse import urlencode

from starlette.types import ASGIApp


@dataclass(slots=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()


@dataclass(slots=True)
class Browser:
    """Headers given here go with every request: a peer's address, a language, a bearer token."""

    app: ASGIApp
    headers: dict[str, str] = field(default_factory=dict)
    cookies: dict[str, str] = field(default_factory=dict)

    async def get(self, path: str, *, follow: bool = True) -> Answer:
        answer = await self.ask("GET", path)
        while follow and answer.status in {302, 303, 307}:
            answer = await self.ask("GET", answer.headers["location"])
        return answer

    async def post(self, path: str, fields: Mapping[str, str], *, follow: bool = True) -> Answer:
        answer = await self.ask(
            "POST", path, urlencode(fields).encode(), {"content-type": "application/x-www-form-urlencoded"}
        )
        return await self.get(answer.headers["location"]) if follow and answer.status == 303 else answer

    async def submit(self, page: Answer, what: str, **fields: str) -> Answer:
        """Send the form for the change ``what`` that stands on a page, its hidden fields as they are."""
        for form in re.findall(r"<form[^>]*action=\"/change\".*?</form>", page.text, re.DOTALL):
            hidden = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', form))
            if hidden.get("what") == what:
                return await self.post("/change", {name: unescape(value) for name, value in hidden.items()} | fields)
        raise AssertionError(f"no form for {what} on the page")

    async def ask(self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Answer:
        bare, _, query = path.partition("?")
        sent = {"host": "switch.test"} | self.headers | dict(headers or {})
        if self.cookies:
            sent["cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        scope: dict[str, Any] = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": bare,
            "raw_path": bare.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "headers": [(name.lower().encode(), value.encode()) for name, value in sent.items()],
            "client": ("127.0.0.1", 1),
            "server": ("switch.test", 80),
        }
        to_send = [{"type": "http.request", "body": body, "more_body": False}]
        said: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return to_send.pop(0) if to_send else {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            said.append(dict(message))

        await self.app(scope, receive, send)
        return self._answer(said)

    def _answer(self, said: list[dict[str, Any]]) -> Answer:
        start = next(message for message in said if message["type"] == "http.response.start")
        headers = {}
        for raw_name, raw_value in start["headers"]:
            name, value = raw_name.decode().lower(), raw_value.decode()
            headers[name] = value
            if name == "set-cookie":
                self._keep(value)
        body = b"".join(message.get("body", b"") for message in said if message["type"] == "http.response.body")
        return Answer(start["status"], headers, body)

    def _keep(self, cookie: str) -> None:
        name, _, value = cookie.partition(";")[0].partition("=")
        if "Max-Age=0" in cookie:
            self.cookies.pop(name, None)
        else:
            self.cookies[name] = value.strip('"')
