"""Sessions of a browser: a sealed cookie that names a token.

Nothing is kept on the server but the sealing key, and which sessions were ended before their time. The token is
looked up again at each visit, so a session ends with its token, and whoever steals the cookie has the session but not
the token. The key lives as long as the process: a restart logs everybody out.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import Final, NamedTuple

COOKIE: Final = "switch_session"
SECURE_COOKIE: Final = "__Host-switch_session"
"""Over TLS: browsers take a cookie of such a name only from this host, over TLS, and for all of its paths
(RFC 6265bis, 4.1.3.2), so nothing that answers beside the switch, on another port or a sister's name, can plant one."""

LIFE_S: Final = 8 * 3600
"""A shift."""

ENDED_MAX: Final = 10_000
"""Sessions remembered as ended: whoever ends one has logged in, so nobody fills this up from outside."""

_NONCE_BYTES: Final = 16


class Session(NamedTuple):
    """Whose token, until when (seconds since 1970), and what its forms have to carry against forgery."""

    token_id: int
    ends_at: int
    csrf: str


class Seal:
    """Makes and reads session cookies."""

    def __init__(self, key: bytes | None = None) -> None:
        self._key = key or secrets.token_bytes(32)
        self._ended: dict[str, int] = {}

    def cookie(self, token_id: int, now_s: float) -> str:
        """Return a fresh session's cookie."""
        words = f"{token_id}.{int(now_s) + LIFE_S}.{secrets.token_hex(_NONCE_BYTES)}"
        return f"{words}.{self._mac('session', words)}"

    def read(self, cookie: str, now_s: float) -> Session | None:
        """Return the session of a cookie; None for one that is not ours or has ended."""
        words, _, mac = cookie.rpartition(".")
        if not hmac.compare_digest(mac.encode(), self._mac("session", words).encode()):
            return None
        token_id, ends_at, _ = words.split(".")
        if int(ends_at) <= now_s or words in self._ended:
            return None
        return Session(int(token_id), int(ends_at), self.form(words))

    def end(self, cookie: str, now_s: float) -> None:
        """End the session of a cookie, if it is one of ours."""
        session = self.read(cookie, now_s)
        if session is None:
            return
        if len(self._ended) >= ENDED_MAX:
            self._ended = {words: ends_at for words, ends_at in self._ended.items() if ends_at > now_s}
        if len(self._ended) < ENDED_MAX:
            self._ended[cookie.rpartition(".")[0]] = session.ends_at

    def form(self, words: str) -> str:
        """Return what the forms of a session, or of a client certificate, carry: nobody else can know it."""
        return self._mac("form", words)

    def _mac(self, purpose: str, words: str) -> str:
        return hmac.new(self._key, f"{purpose}:{words}".encode(), hashlib.sha256).hexdigest()
