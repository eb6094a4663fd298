"""Figures: what is looked at now and then, or at each scrape; absent until somebody has looked.

A gauge says 0 before it was ever set, and 0 means something here: no certificate, no imbalance.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final, NamedTuple

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from switch.telemetry.series import Type, heading, series

Read = Callable[[], float | None]
"""Tells a figure at the moment of the scrape; None: there is none."""

ReadAll = Callable[[], Mapping[tuple[str, ...], float]]
"""Tells all series of a figure at the moment of the scrape, by their labels."""

_UNLABELLED: Final[tuple[str, ...]] = ()


class Figure(NamedTuple):
    """One metric: its whole name, what it says, and its labels."""

    name: str
    text: str
    labels: tuple[str, ...] = ()
    kind: Type = "gauge"


class Figures(Collector):
    """Keeps what was last found for each `Figure`; set on one thread, scraped on any."""

    def __init__(self) -> None:
        self._defined: dict[str, Figure] = {}
        self._found: dict[str, Mapping[tuple[str, ...], float]] = {}
        self._read: dict[str, ReadAll] = {}

    def define(self, figure: Figure) -> None:
        self._defined[figure.name] = figure

    def set(self, name: str, value: float | None) -> None:
        """Keep one figure without labels; None takes it away."""
        assert not self._defined[name].labels
        self._found[name] = {} if value is None else {_UNLABELLED: value}

    def set_all(self, name: str, values: Mapping[tuple[str, ...], float]) -> None:
        """Keep all series of a figure with labels; those that are not among ``values`` are gone."""
        assert all(len(labels) == len(self._defined[name].labels) for labels in values)
        self._found[name] = dict(values)

    def read_by(self, name: str, read: Read) -> None:
        """Have a figure without labels told at each scrape."""
        assert not self._defined[name].labels

        def read_all() -> Mapping[tuple[str, ...], float]:
            value = read()
            return {} if value is None else {_UNLABELLED: value}

        self._read[name] = read_all

    def read_all_by(self, name: str, read: ReadAll) -> None:
        """Have all series of a figure with labels told at each scrape."""
        assert self._defined[name].labels
        self._read[name] = read

    def text(self) -> Iterator[str]:
        """Yield what a scrape is told, metric by metric."""
        for figure, found in self._now():
            yield heading(figure.name, figure.kind, figure.text)
            for values, value in found.items():
                yield f"{series(figure.name, [*zip(figure.labels, values, strict=True)])}{float(value)}\n"

    def collect(self) -> Iterator[Metric]:
        for figure, found in self._now():
            family = Metric(figure.name.removesuffix("_total"), figure.text, figure.kind)
            for values, value in found.items():
                family.add_sample(figure.name, dict(zip(figure.labels, values, strict=True)), value)
            yield family

    def _now(self) -> Iterator[tuple[Figure, Mapping[tuple[str, ...], float]]]:
        for name, figure in self._defined.items():
            read = self._read.get(name)
            yield figure, self._found.get(name, {}) if read is None else read()
