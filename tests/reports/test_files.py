from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from switch.reports.files import CannotWrite, ResultsFault, read_results, write_report, write_results
from switch.reports.results import Results
from tests.reports.sample_results import a_changed_run, a_knee_search, a_run, nothing_answered


def with_changes(path: Path, **changes: object) -> Path:
    path.write_bytes(orjson.dumps({**a_run().model_dump(mode="json"), **changes}))
    return path


@pytest.mark.parametrize("run", [a_run(), a_knee_search(), a_changed_run(), nothing_answered()], ids=lambda r: r.title)
def test_results_read_again_are_those_written(run: Results, tmp_path: Path) -> None:
    path = tmp_path / "run.json"

    write_results(path, run)

    assert read_results(path) == run


def test_what_was_there_is_written_over_and_no_draft_stays(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    write_results(path, a_run(title="before"))

    write_results(path, a_run(title="after"))

    assert read_results(path).title == "after"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"version": 2}, "version 2 of results; this program reads version 1"),
        ({"version": "1"}, "version of no number"),
        ({"version": True}, "version of no number"),
        ({"sent": "many"}, ": sent: input should be a valid integer"),
        ({"surprise": 1}, ": surprise: extra inputs are not permitted"),
        ({"timeline": [{"second": 0}, {"sent": 1}]}, ": timeline.1.second: field required"),
        ({"a\x1b[2J": 1}, ": a?[2J: extra inputs"),
    ],
)
def test_a_wrong_key_is_named_with_file_and_reason(changes: dict[str, object], told: str, tmp_path: Path) -> None:
    path = with_changes(tmp_path / "run.json", **changes)

    with pytest.raises(ResultsFault) as caught:
        read_results(path)

    assert str(caught.value).startswith(f"{path}: ")
    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "line 1, column 1: not JSON"),
        (b'{\n"title": nope}', "line 2, column"),
        (b"\xff\xfe", "not JSON"),
        (b"[]", "not the results of a run"),
        (b'{"title": "x"}', "command: field required"),
    ],
)
def test_another_file_is_refused(content: bytes, told: str, tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    path.write_bytes(content)

    with pytest.raises(ResultsFault) as caught:
        read_results(path)

    assert told in str(caught.value)


def test_what_stands_in_a_file_is_not_told(tmp_path: Path) -> None:
    path = with_changes(tmp_path / "run.json", sent="4111111111111111x")

    with pytest.raises(ResultsFault) as caught:
        read_results(path)

    assert "4111" not in str(caught.value)


def test_a_file_that_is_not_there_says_why(tmp_path: Path) -> None:
    with pytest.raises(ResultsFault, match="cannot be read: No such file"):
        read_results(tmp_path / "none.json")


def test_where_nothing_can_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(CannotWrite, match=r"no-folder/run\.json: cannot be written: No such file or directory"):
        write_results(tmp_path / "no-folder" / "run.json", a_run())


def test_a_page_with_half_a_character_is_written_all_the_same(tmp_path: Path) -> None:
    write_report(tmp_path / "page.html", "before \ud800 after")

    assert (tmp_path / "page.html").read_text("utf-8") == "before ? after"
