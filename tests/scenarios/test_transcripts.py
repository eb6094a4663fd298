from __future__ import annotations

from pathlib import Path

import pytest

from tests.scenarios.stage import play, transcripts
from tests.scenarios.transcript import load

_PLAYS = [
    pytest.param(path, dialect, id=f"{path.stem}-{dialect}")
    for path in transcripts()
    for dialect in load(path).dialects
]


@pytest.mark.parametrize(("path", "dialect"), _PLAYS)
async def test_the_switch_answers_as_the_transcript_says(
    path: Path, dialect: str, database: str, tmp_path: Path
) -> None:
    log = await play(load(path), database, dialect, tmp_path)

    assert "unexpected" not in log
