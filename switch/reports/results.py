"""The results of one run, as written to JSON and read again: the words that load, pages and comparison share."""

from __future__ import annotations

from datetime import datetime
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field

VERSION: Final = 1


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Latency(_Part):
    """Milliseconds from the time a message was due until its answer was read (no coordinated omission)."""

    p50: float = 0.0
    p90: float = 0.0
    p99: float = 0.0
    p999: float = 0.0
    max: float = 0.0
    mean: float = 0.0


class Percentile(_Part):
    """One point of the latency distribution: this share of the answers (0 to 1) came within so many milliseconds."""

    share: float
    ms: float


class Second(_Part):
    """One second of the run, counted from its start; the warm-up has negative ones."""

    second: int
    sent: int = 0
    answered: int = 0
    errors: int = 0
    p50_ms: float | None = None
    p99_ms: float | None = None


class Difference(_Part):
    """One field of one answer that is not what the capture has. Values are masked as the dialect says."""

    message: str
    field: str
    before: str
    after: str


class ConnectionEvent(_Part):
    """What happened to a connection: opened, refused, closed by the host, broken off."""

    second: float
    connection: str
    what: str


class Limit(_Part):
    """One limit that the run was held to."""

    name: str
    limit: str
    value: str
    held: bool


class Step(_Part):
    """One rate of a search for the knee."""

    rate_per_s: float
    throughput_per_s: float
    p99_ms: float
    errors: int
    held: bool


class Books(_Part):
    """Approvals seen on the wire held against those in the books, and the audit."""

    approvals_on_wire: int
    approvals_in_books: int
    audit_findings: list[str]
    agree: bool


class Environment(_Part):
    """Where and with what the run was made."""

    switch: str
    python: str
    system: str
    cores: int


class Results(_Part):
    """Everything about one run.

    ``sent`` counts messages after the warm-up that ask for an answer. Each of them is one of ``answered``, ``late``
    (answered after the deadline) or ``missing``; ``unmatched`` and ``duplicates`` count answers, not messages.
    ``differences`` counts all that were found, ``difference_list`` and ``connection_events`` keep the first ones.
    """

    version: Literal[1] = VERSION
    title: str
    command: str
    target: str
    dialect: str
    started_at: datetime
    duration_s: float
    warm_up_s: float = 0.0
    interrupted: bool = False
    environment: Environment
    connections: int = 0
    sent: int = 0
    answered: int = 0
    late: int = 0
    missing: int = 0
    unmatched: int = 0
    duplicates: int = 0
    unreadable: int = 0
    differences: int = 0
    throughput_per_s: float = 0.0
    latency_ms: Latency = Latency()
    distribution: list[Percentile] = Field(default_factory=list)
    answers: dict[str, int] = Field(default_factory=dict)
    timeline: list[Second] = Field(default_factory=list)
    difference_list: list[Difference] = Field(default_factory=list)
    connection_events: list[ConnectionEvent] = Field(default_factory=list)
    faults_sent: dict[str, int] = Field(default_factory=dict)
    limits: list[Limit] = Field(default_factory=list)
    knee: list[Step] = Field(default_factory=list)
    books: Books | None = None
