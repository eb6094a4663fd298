"""The console script ``switch``, equal to ``python -m switch``."""

from __future__ import annotations

import sys


def main() -> None:
    """Run one command; what an operator has to change is one message on standard error and exit status 2."""
    from switch.cli.main import app
    from switch.errors import OperatorError

    try:
        app()
    except OperatorError as error:
        print(f"switch: {error}", file=sys.stderr)  # noqa: T201 - there is nobody else to tell
        sys.exit(2)


if __name__ == "__main__":
    main()
