"""The console script ``switch``, equal to ``python -m switch``."""

from __future__ import annotations

import sys
from collections.abc import Iterator


def main() -> None:
    """Run one command; what an operator has to change is one message on standard error and exit status 2."""
    from switch.cli.main import app
    from switch.errors import OperatorError

    problems: list[BaseException] = []
    try:
        app()
    except* OperatorError as group:  # alone, or out of a nursery
        problems.extend(_leaves(group))
    if problems:
        print("\n".join(f"switch: {problem}" for problem in problems), file=sys.stderr)  # noqa: T201 - nobody else to tell
        sys.exit(2)


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _leaves(inner)
    else:
        yield error


if __name__ == "__main__":
    main()
