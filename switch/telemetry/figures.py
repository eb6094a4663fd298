"""Figures: gauges of what is looked at now and then, which are absent until somebody has looked.

A gauge of `prometheus_client` says 0 before it was ever set, and 0 means something here: no certificate, no imbalance.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final, NamedTuple

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

Read = Callable[[], float | None]
"""Tells a figure at the moment of the scrape; None: there is none."""

_UNLABELLED: Final[tuple[str, ...]] = ()


class Figure(NamedTuple):
    """One gauge: its whole name, what it says, and its labels."""

    name: str
    text: str
    labels: tuple[str, ...] = ()


class Figures(Collector):
    """Keeps what was last found for each `Figure`; set on one thread, scraped on any."""

    def __init__(self) -> None:
        self._defined: dict[str, Figure] = {}
        self._found: dict[str, Mapping[tuple[str, ...], float]] = {}
        self._read: dict[str, Read] = {}

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
        self._read[name] = read

    def collect(self) -> Iterator[GaugeMetricFamily]:
        for name, figure in self._defined.items():
            family = GaugeMetricFamily(name, figure.text, labels=figure.labels)
            read = self._read.get(name)
            if read is None:
                found = self._found.get(name, {})
            else:
                value = read()
                found = {} if value is None else {_UNLABELLED: value}
            for labels, value in found.items():
                family.add_metric(labels, value)
            yield family
