"""What an error looks like: problem details (RFC 9457), one shape for all of them."""

from __future__ import annotations

from http import HTTPStatus

from pydantic import BaseModel
from starlette.responses import Response

from switch.errors import DatabaseError, NotInBooks, OperatorError
from switch.office.roles import NotAllowedError

MEDIA_TYPE = "application/problem+json"


class Problem(BaseModel):
    """What went wrong, for people (``title``, ``detail``) and programs (``status``)."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str = ""


def problem(status: HTTPStatus, detail: str = "", **headers: str) -> Response:
    """Return an answer that says what went wrong."""
    body = Problem(title=status.phrase, status=status, detail=detail).model_dump_json()
    return Response(body, status, {name.replace("_", "-"): value for name, value in headers.items()}, MEDIA_TYPE)


def problem_of(error: OperatorError) -> Response:
    """Return the answer for what an operator asked and cannot have."""
    if isinstance(error, NotAllowedError):
        return problem(HTTPStatus.FORBIDDEN, str(error))
    if isinstance(error, NotInBooks):
        return problem(HTTPStatus.NOT_FOUND, str(error))
    if isinstance(error, DatabaseError):
        return problem(HTTPStatus.SERVICE_UNAVAILABLE, "the books cannot be reached", retry_after="5")
    return problem(HTTPStatus.UNPROCESSABLE_ENTITY, str(error))
