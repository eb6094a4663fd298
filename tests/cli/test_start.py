"""What every command pays for before it does anything."""

from __future__ import annotations

import subprocess
import sys

ASKED = "import sys, switch.cli.main; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
HEAVY = {"alembic", "cryptography", "hypercorn", "jinja2", "pydantic", "sqlalchemy", "starlette", "trio"}


def test_the_command_line_loads_no_more_than_it_needs_to_say_what_there_is() -> None:
    loaded = subprocess.run([sys.executable, "-c", ASKED], capture_output=True, text=True, check=True, timeout=60)

    assert set(loaded.stdout.split()) & HEAVY == set()
