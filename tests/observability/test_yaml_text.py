from __future__ import annotations

import pytest

from observability.yaml_text import Value, yaml_text


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ({"name": "a-b c/d.yml"}, "name: a-b c/d.yml\n"),
        ({"said": "yes"}, 'said: "yes"\n'),
        ({"said": "up == 0"}, 'said: "up == 0"\n'),
        ({"said": 'a "b": {c}'}, 'said: "a \\"b\\": {c}"\n'),
        ({"said": "5m"}, 'said: "5m"\n'),
        ({"said": ""}, 'said: ""\n'),
        ({"said": "a\n  and b"}, "said: |-\n  a\n    and b\n"),
        ({"list": []}, "list: []\n"),
        ({"map": {}}, "map: {}\n"),
        ({"list": ["a", 1, True]}, "list:\n  - a\n  - 1\n  - true\n"),
        ({"list": [{"a": "b", "c": "d"}]}, "list:\n  - a: b\n    c: d\n"),
        ({"a": {"b": [{"c": ["d"]}]}}, "a:\n  b:\n    - c:\n        - d\n"),
    ],
)
def test_values_are_written_as_prometheus_reads_them(value: dict[str, Value], written: str) -> None:
    assert yaml_text(value) == written
