"""The console as an ASGI application: log-in, pages, changes, and the headers that keep browsers safe.

It may run behind the switch's admin address or by itself; it opens nothing and listens nowhere. The front that
faces the network says in ``x-switch-peer`` who asks and in ``x-switch-certificate`` which client certificate (its
SHA-256) was shown; it takes both away from what comes from outside.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import aclosing, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, urlsplit

import trio
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from switch.console.rendering import rendered, rendered_bare
from switch.console.sessions import COOKIE, LIFE_S, SECURE_COOKIE, Seal, Session
from switch.console.visit import Page, Shown, Visit
from switch.console.words import LANGUAGES, preferred
from switch.errors import DatabaseError, NotInBooks, OperatorError
from switch.ledger.maintenance import Maintenance, read_maintenance
from switch.office.acts import Act, Desk
from switch.office.attempts import Attempts
from switch.office.changes import Made, approve, make_change, refuse
from switch.office.roles import Actor, NotAllowedError, check_allowed
from switch.office.tokens import Holder, holder_by_certificate, holder_of, holder_of_id, note_use

STATIC: Final = Path(__file__).with_name("static")
FORM_BYTES_MAX: Final = 16_384
LANGUAGE_COOKIE: Final = "switch_language"
TOO_OLD: Final = "This form is too old: go back, load the page anew and try again."

_LANGUAGE_LIFE_S: Final = 365 * 86_400
_MICROSECONDS: Final = 1_000_000
_HEADERS: Final = {
    "content-security-policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cache-control": "no-store",
}


def build_console(
    desk: Desk,
    pages: Iterable[Page],
    acts: Mapping[str, Act],
    *,
    mounts: Iterable[BaseRoute] = (),
    clock: Callable[[], float] = time.monotonic,
) -> Starlette:
    """Return the application. ``clock`` is monotonic, in seconds; ``mounts`` are what stands beside the pages."""
    console = Console(desk, acts, Attempts(clock))
    return Starlette(
        routes=[
            *mounts,
            Mount("/static", StaticFiles(directory=STATIC)),
            Route("/login", console.log_in, methods=["GET", "POST"]),
            Route("/logout", console.log_out, methods=["POST"]),
            Route("/language/{language}", console.choose_language, methods=["POST"]),
            Route("/change", console.change, methods=["POST"]),
            Route("/proposals/{proposal_id:int}/{verdict}", console.decide, methods=["POST"]),
            *(Route(page.path, console.shower(page), methods=_methods(page)) for page in pages),
        ],
        exception_handlers={404: console.nowhere, DatabaseError: console.unreachable},
    )


class Console:
    """Answers requests: finds who asks, makes the page or the change off the event loop."""

    def __init__(self, desk: Desk, acts: Mapping[str, Act], attempts: Attempts) -> None:
        self._desk = desk
        self._acts = acts
        self._attempts = attempts
        self._seal = Seal()

    def shower(self, page: Page) -> Callable[[Request], Awaitable[Response]]:
        """Return what answers requests for one page."""

        async def show(request: Request) -> Response:
            visitor = await self._visitor(request)
            if visitor is None:
                back = request.url.path + (f"?{request.url.query}" if request.url.query else "")
                return _headed(RedirectResponse(f"/login?back={_quoted(back)}", 303))
            visit = self._visit(request, *visitor)
            if request.method == "POST":
                form = await _form(request)
                if form.get("csrf") != visit.csrf or not _same_origin(request):
                    return _headed(_told(visit, TOO_OLD, 403))
                visit = replace(visit, form=form)
            return _headed(await trio.to_thread.run_sync(_made, page, visit))

        return show

    async def nowhere(self, request: Request, _error: Exception) -> Response:
        """Answer for a page that does not exist."""
        return _headed(HTMLResponse(rendered_bare("nowhere.html", _language(request)), 404))

    async def unreachable(self, request: Request, _error: Exception) -> Response:
        """Answer where the books cannot be read, not even to know who asks."""
        return unreachable(request)

    # --- log-in --------------------------------------------------------------------------------------------

    async def log_in(self, request: Request) -> Response:
        """Show the log-in page, or take a token and begin a session."""
        language = _language(request)
        show = partial(rendered_bare, "login.html", language, back=_local(request.query_params.get("back", "/")))
        if request.method != "POST":
            return _headed(HTMLResponse(show(because="")))
        address = request.headers.get("x-switch-peer", "")
        if self._attempts.wait_s(address) > 0:
            answer = HTMLResponse(show(because="Too many attempts: wait a minute."), 429)
            answer.headers["retry-after"] = str(int(self._attempts.wait_s(address)) + 1)
            return _headed(answer)
        form = await _form(request)
        holder = await trio.to_thread.run_sync(self._holder_of, form.get("token", "").strip())
        if holder is None or not _same_origin(request):
            self._attempts.failed(address)
            return _headed(HTMLResponse(show(because="This token is unknown, or it has ended."), 401))
        self._attempts.succeeded(address)
        welcome = RedirectResponse(_local(form.get("back", "/")), 303)
        _set_cookie(request, welcome, _cookie_of(request), self._seal.cookie(holder.token_id, time.time()), LIFE_S)
        return _headed(welcome)

    async def log_out(self, request: Request) -> Response:
        """End the browser's session, and with it whatever copy of its cookie there is."""
        if not _same_origin(request):
            return _headed(RedirectResponse("/", 303))
        self._seal.end(request.cookies.get(_cookie_of(request), ""), time.time())
        answer = RedirectResponse("/login", 303)
        _set_cookie(request, answer, _cookie_of(request), "", 0)
        return _headed(answer)

    async def choose_language(self, request: Request) -> Response:
        """Remember a language in the browser, and go back."""
        language = request.path_params["language"]
        form = await _form(request)
        answer = RedirectResponse(_local(form.get("back", "/")), 303)
        if language in LANGUAGES and _same_origin(request):
            _set_cookie(request, answer, LANGUAGE_COOKIE, language, _LANGUAGE_LIFE_S)
        return _headed(answer)

    # --- changes -------------------------------------------------------------------------------------------

    async def change(self, request: Request) -> Response:
        """Make the change that a form asks for, and go back to where it stood.

        Its fields: ``what``, ``target``, ``because``, ``csrf``, ``back``, and each argument as ``with.NAME``.
        """
        visitor = await self._visitor(request)
        if visitor is None:
            return _headed(RedirectResponse("/login", 303))
        form = await _form(request)
        visit = self._visit(request, *visitor)
        if form.get("csrf") != visit.csrf or not _same_origin(request):
            return _headed(_told(visit, TOO_OLD, 403))
        act = self._acts.get(form.get("what", ""))
        if act is None:
            return _headed(_told(visit, "There is no such change.", 404))
        arguments = {name[5:]: value for name, value in form.items() if name.startswith("with.") and value != ""}
        make = partial(
            make_change, self._desk, visit.actor, act, form.get("target", ""), arguments, form.get("because", "")
        )
        return await _changed(visit, form, make)

    async def decide(self, request: Request) -> Response:
        """Approve or refuse what another officer proposed, and go back. Its fields: ``csrf``, ``back``."""
        visitor = await self._visitor(request)
        if visitor is None:
            return _headed(RedirectResponse("/login", 303))
        form = await _form(request)
        visit = self._visit(request, *visitor)
        if form.get("csrf") != visit.csrf or not _same_origin(request):
            return _headed(_told(visit, TOO_OLD, 403))
        decide = {"approve": approve, "refuse": refuse}.get(request.path_params["verdict"])
        if decide is None:
            return _headed(_told(visit, "There is no such change.", 404))
        proposal_id = request.path_params["proposal_id"]
        return await _changed(visit, form, partial(decide, self._desk, visit.actor, self._acts, proposal_id))

    # --- who asks ------------------------------------------------------------------------------------------

    async def _visitor(self, request: Request) -> tuple[Actor, str, Maintenance] | None:
        session = self._seal.read(request.cookies.get(_cookie_of(request), ""), time.time())
        certificate = request.headers.get("x-switch-certificate", "")
        if session is None and not certificate:
            return None
        return await trio.to_thread.run_sync(self._actor, session, certificate)

    def _actor(self, session: Session | None, certificate: str) -> tuple[Actor, str, Maintenance] | None:
        now = int(time.time() * _MICROSECONDS)
        with self._desk.database.reading() as connection:
            if session is not None:
                holder, csrf = holder_of_id(connection, session.token_id, now), session.csrf
            else:
                holder, csrf = holder_by_certificate(connection, certificate, now), self._seal.form(certificate)
            maintenance = read_maintenance(connection)
        if holder is None:
            return None
        self._note(holder, now)
        return holder.actor, csrf, maintenance

    def _holder_of(self, token: str) -> Holder | None:
        now = int(time.time() * _MICROSECONDS)
        with self._desk.database.reading() as connection:
            holder = holder_of(connection, token, now)
        if holder is not None:
            self._note(holder, now)
        return holder

    def _note(self, holder: Holder, now: int) -> None:
        if holder.is_stale:
            with suppress(DatabaseError), self._desk.database.writing() as connection:  # a look is good without it
                note_use(connection, holder.token_id, now)

    def _visit(self, request: Request, actor: Actor, csrf: str, maintenance: Maintenance) -> Visit:
        return Visit(
            self._desk,
            actor,
            csrf,
            request.url.path,
            {name: str(value) for name, value in request.path_params.items()},
            dict(request.query_params),
            _language(request),
            maintenance,
            is_part=request.headers.get("hx-request") == "true",
        )


def unreachable(request: Request) -> Response:
    """Return the page that says that the books cannot be reached."""
    answer = HTMLResponse(rendered_bare("unreachable.html", _language(request)), 503)
    answer.headers["retry-after"] = "5"
    return _headed(answer)


def _methods(page: Page) -> list[str]:
    return ["GET", "POST"] if page.takes_form else ["GET"]


async def _changed(visit: Visit, form: Mapping[str, str], make: Callable[[], Made | None]) -> Response:
    """Make a change off the event loop, and lead to where its form stood."""
    back = _local(form.get("back", "/"))
    try:
        made = await trio.to_thread.run_sync(make)
    except OperatorError as error:
        return _headed(_told(visit, str(error), _status_of(error)))
    is_proposed = made is not None and made.proposal_id is not None
    if made is not None and made.changed.shown:
        shown = Shown("shown_once.html", {"shown": made.changed.shown, "back": back, "is_proposed": is_proposed})
        return _headed(HTMLResponse(rendered(shown, visit)))
    return _headed(RedirectResponse("/proposals" if is_proposed else back, 303))


def _made(page: Page, visit: Visit) -> Response:
    try:
        check_allowed(visit.actor, page.permission)
        _check_words(visit)
        shown = page.view(visit)
    except OperatorError as error:
        return _told(visit, str(error), _status_of(error))
    if shown.to:
        return RedirectResponse(shown.to, 303)
    if shown.download is not None:
        file = shown.download
        kept = {"content-disposition": f'attachment; filename="{file.name}"'}
        return Response(file.content, media_type=file.kind, headers=kept)
    return HTMLResponse(rendered(shown, visit), shown.status)


def _check_words(visit: Visit) -> None:
    """Refuse what no database takes for text. Raises `OperatorError`."""
    if any("\0" in word for word in (*visit.where.values(), *visit.query.values())):
        raise OperatorError("a zero byte is no part of any text")


def _told(visit: Visit, because: str, status: int) -> Response:
    return HTMLResponse(rendered(Shown("told.html", {"because": because}), visit), status)


def _status_of(error: OperatorError) -> int:
    if isinstance(error, NotAllowedError):
        return 403
    if isinstance(error, DatabaseError):
        return 503
    return 404 if isinstance(error, NotInBooks) else 400


def _headed(response: Response) -> Response:
    response.headers.update(_HEADERS)
    return response


async def _form(request: Request) -> dict[str, str]:
    """Return the fields of an urlencoded form; {} for one that is too long, has a zero byte, or is no form."""
    body = b""
    async with aclosing(request.stream()) as stream:
        async for chunk in stream:
            body += chunk
            if len(body) > FORM_BYTES_MAX:
                return {}
    try:
        fields = dict(parse_qsl(body.decode("utf-8"), keep_blank_values=True, max_num_fields=100))
    except ValueError:
        return {}
    return {} if any("\0" in value for value in fields.values()) else fields


def _language(request: Request) -> str:
    chosen = request.cookies.get(LANGUAGE_COOKIE, "")
    return chosen if chosen in LANGUAGES else preferred(request.headers.get("accept-language", ""))


def _is_over_tls(request: Request) -> bool:
    return request.headers.get("x-forwarded-proto") == "https"


def _cookie_of(request: Request) -> str:
    """Return the name of the session's cookie, as the request came."""
    return SECURE_COOKIE if _is_over_tls(request) else COOKIE


def _set_cookie(request: Request, answer: Response, name: str, value: str, life_s: int) -> None:
    """Give the browser a cookie that no script reads and no other site's page sends; a life of 0 takes it away."""
    answer.set_cookie(
        name, value, max_age=life_s, httponly=True, samesite="strict", secure=_is_over_tls(request), path="/"
    )


def _same_origin(request: Request) -> bool:
    """Whether the browser says that the form came from one of our own pages; those that say nothing are no browsers."""
    if request.headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
        return False
    origin = request.headers.get("origin")
    return origin is None or urlsplit(origin).netloc == request.headers.get("host", "")


def _local(back: str) -> str:
    """Return a path on this server: whatever else it was told is the first page."""
    is_path = back.startswith("/") and not back.startswith(("//", "/\\")) and back.isprintable()
    return back if is_path else "/"


def _quoted(path: str) -> str:
    return path.replace("%", "%25").replace("&", "%26").replace("#", "%23").replace("+", "%2B").replace(" ", "%20")
