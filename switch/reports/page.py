"""The results of one run as a page: one HTML file that asks nothing of any network and runs no script."""

from __future__ import annotations

from html import escape

from switch.reports.results import Results


def page(results: Results) -> str:
    """Return the page, whole. Nothing in the results can be markup: everything is escaped."""
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(results.title)}</title></head>'
        f"<body><h1>{escape(results.title)}</h1><p>{results.answered:,} of {results.sent:,} answered</p>\n"
    )
