from __future__ import annotations

from switch.telemetry import Metrics


def exported(metrics: Metrics) -> list[str]:
    return metrics.registry.text().decode().splitlines()


def test_a_request_is_counted_by_listener_kind_and_action() -> None:
    metrics = Metrics()

    metrics.listener("a").answered("purchase", "approved", 0.003)
    metrics.listener("a").answered("purchase", "approved", 0.004)
    metrics.listener("b").answered("refund", "card_unknown", 0.004)

    lines = exported(metrics)
    assert 'switch_requests_total{action="approved",kind="purchase",listener="a"} 2.0' in lines
    assert 'switch_requests_total{action="card_unknown",kind="refund",listener="b"} 1.0' in lines
    assert 'switch_request_duration_seconds_bucket{kind="purchase",le="0.005",listener="a"} 2.0' in lines


def test_two_registries_share_nothing() -> None:
    one, other = Metrics(), Metrics()

    one.listener("a").duplicate("repeat")

    assert 'switch_duplicates_total{listener="a",standing="repeat"} 1.0' in exported(one)
    assert not [line for line in exported(other) if line.startswith("switch_duplicates_total{")]


def test_reasons_become_labels() -> None:
    metrics = Metrics()
    door = metrics.listener("a")

    door.refused("address_cap")
    door.closed("idle")
    door.frame_refused("too_long")
    metrics.shed.labels("queue_full").inc()

    lines = exported(metrics)
    assert 'switch_connections_refused_total{listener="a",reason="address_cap"} 1.0' in lines
    assert 'switch_connections_closed_total{listener="a",reason="idle"} 1.0' in lines
    assert 'switch_frames_refused_total{listener="a",reason="too_long"} 1.0' in lines
    assert 'switch_requests_shed_total{reason="queue_full"} 1.0' in lines


def test_a_listener_keeps_its_children() -> None:
    metrics = Metrics()

    assert metrics.listener("a") is metrics.listener("a")


def test_every_metric_can_be_summed_over_processes() -> None:
    metrics = Metrics()
    metrics.listener("a").answered("purchase", "approved", 0.1)

    kinds = {family.type for family in metrics.registry.collect()}
    samples = [sample.name for family in metrics.registry.collect() for sample in family.samples]

    assert kinds <= {"counter", "gauge", "histogram"}
    assert all(name.startswith(("switch_", "process_", "python_gc_")) for name in samples)
    assert not [name for name in samples if name.endswith("_created")]
