"""The results of a run on disk: one JSON document, refused with file, key and reason where it is not one."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Any, Final

import orjson
from pydantic import ValidationError

from switch.errors import OperatorError
from switch.reports.results import VERSION, Results

FILE_BYTES_MAX: Final = 64 << 20
"""Results are a few kilobytes, a day's second by second ten megabytes: what is larger is another file by mistake."""


class ResultsFault(OperatorError):  # noqa: N818 - an outcome told to a person, not a fault of ours
    """A file cannot be read as the results of a run; the message names file, key and reason, not what stands there."""


class CannotWrite(OperatorError):  # noqa: N818 - an outcome told to a person, not a fault of ours
    """A report cannot be written where it was asked for. Exit status 3: the run was made, its report is lost."""


def read_results(path: Path) -> Results:
    """Return the results in a file. Raises `ResultsFault`: not there, not JSON, an unknown version, a wrong key."""
    raw = _document(path)
    version = raw.get("version", VERSION)
    if version != VERSION or isinstance(version, bool):
        named = version if isinstance(version, int) and not isinstance(version, bool) else "of no number"
        raise ResultsFault(f"{path}: version {named} of results; this program reads version {VERSION}")
    try:
        return Results.model_validate(raw)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        key = ".".join(str(part) for part in first["loc"])
        raise ResultsFault(f"{path}: {_printable(key)}: {first['msg'].lower()}") from None


def write_results(path: Path, results: Results) -> None:
    """Write the results as indented JSON, whole or not at all, over what was there. Raises `CannotWrite`."""
    write_report(path, orjson.dumps(results.model_dump(mode="json"), option=orjson.OPT_INDENT_2) + b"\n")


def write_report(path: Path, content: str | bytes) -> None:
    """Write a page or a document, whole or not at all, over what was there. Raises `CannotWrite`."""
    data = content.encode("utf-8", "replace") if isinstance(content, str) else content
    draft = path.with_name(f".{path.name[:200]}.{secrets.token_hex(4)}")
    try:
        if path.exists() and not path.is_file():  # /dev/stdout, a pipe: nothing there to keep whole
            path.write_bytes(data)
            return
        try:
            draft.write_bytes(data)
            os.replace(draft, path)  # noqa: PTH105 - the draft takes the file's place at once
        finally:
            draft.unlink(missing_ok=True)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "no such name is possible"
        raise CannotWrite(f"{path}: cannot be written: {reason}") from None


def _document(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            data = file.read(FILE_BYTES_MAX + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "no such name is possible"
        raise ResultsFault(f"{path}: cannot be read: {reason}") from None
    if len(data) > FILE_BYTES_MAX:
        raise ResultsFault(f"{path}: not the results of a run (more than {FILE_BYTES_MAX >> 20} MiB)")
    try:
        raw = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise ResultsFault(f"{path}: line {error.lineno}, column {error.colno}: not JSON") from None
    if not isinstance(raw, dict):
        raise ResultsFault(f"{path}: not the results of a run (a JSON object, as --json writes it)")
    return raw


def _printable(key: str) -> str:
    """A file may name its keys as it likes; a terminal is to show them as they are."""
    return "".join(one if one.isprintable() else "?" for one in key[:80])
