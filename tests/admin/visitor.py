"""Somebody at a browser, over a real connection: keeps cookies as browsers do, and says which ones they were given."""

from __future__ import annotations

import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode

import trio

from tests.admin.http import Told, ask

_FORM = {"content-type": "application/x-www-form-urlencoded"}


@dataclass(slots=True)
class Visitor:
    """``trust`` is the client's side of TLS, None for plain HTTP. ``given`` is the last Set-Cookie."""

    address: tuple[str, int]
    trust: ssl.SSLContext | None = None
    cookies: dict[str, str] = field(default_factory=dict)
    given: str = ""

    async def get(self, path: str) -> Told:
        return await self._ask("GET", path)

    async def post(self, path: str, **fields: str) -> Told:
        return await self._ask("POST", path, urlencode(fields))

    async def log_in(self, token: str) -> Told:
        return await self.post("/login", token=token, back="/cards")

    async def _ask(self, method: str, path: str, body: str = "") -> Told:
        headers = dict(_FORM) if body else {}
        if self.cookies:
            headers["cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        async with await self._connected() as stream:
            told = await ask(stream, path, headers, method=method, body=body)
        self._keep(told.headers)
        return told

    async def _connected(self) -> trio.abc.Stream:
        if self.trust is None:
            return await trio.open_tcp_stream(*self.address)
        return await trio.open_ssl_over_tcp_stream(*self.address, ssl_context=self.trust, https_compatible=True)

    def _keep(self, headers: Mapping[str, str]) -> None:
        said = headers.get("set-cookie", "")
        if not said:
            return
        self.given = said
        name, value = re.match(r'([^=]+)="?([^;"]*)', said).groups()  # type: ignore[union-attr]
        flags = {flag.strip().partition("=")[0].lower() for flag in said.split(";")[1:]}
        if "secure" in flags and self.trust is None:
            return  # RFC 6265bis, 5.7: no cookie for TLS over anything else
        if name.startswith("__Host-") and not ({"secure", "path"} <= flags and "domain" not in flags):
            return  # RFC 6265bis, 4.1.3.2
        if re.search(r"max-age=0\b", said, re.IGNORECASE):
            self.cookies.pop(name, None)
        else:
            self.cookies[name] = value
