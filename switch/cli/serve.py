"""``switch serve``: listen for terminals until told to stop."""

from __future__ import annotations

import resource

from switch.cli.options import Config


def serve(config: Config = None) -> None:
    """Listen for terminals, decide, answer.

    SIGTERM or Ctrl-C stops accepting, finishes what is in flight, and ends; a
    second one ends at once.
    """
    from switch.app import serve as serve_until_signalled
    from switch.config import load_settings

    settings = load_settings(config)
    _allow_many_connections()
    serve_until_signalled(settings)


def _allow_many_connections() -> None:
    """Lift the soft limit of open files to the hard one: a connection is a file, and many systems start at 1,024."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
