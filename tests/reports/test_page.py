from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from switch.reports.page import page
from switch.reports.results import Books, ConnectionEvent, Difference, Environment, Limit, Percentile, Results, Second
from tests.reports.sample_results import a_changed_run, a_knee_search, a_run, nothing_answered

RUNS = [a_run(), a_knee_search(), a_changed_run(), nothing_answered()]
VOID = {"meta", "link", "br", "line", "path", "rect", "circle"}
HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>&lt;"


class Elements(HTMLParser):
    """The elements of a page in their order; complains where they are not nested."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def words(text: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<style>.*?</style>|<[^>]+>", " ", text, flags=re.DOTALL))


@pytest.mark.parametrize("run", RUNS, ids=lambda run: run.title)
def test_a_page_is_whole_and_well_nested(run: Results) -> None:
    elements = Elements(page(run))

    assert elements.open == []
    assert elements.tags[0] == "html"


@pytest.mark.parametrize("run", RUNS, ids=lambda run: run.title)
def test_a_page_asks_nothing_of_a_network_and_runs_nothing(run: Results) -> None:
    text = page(run)

    elements = Elements(text)

    assert re.findall(r"https?:", text.replace('xmlns="http://www.w3.org/2000/svg"', "")) == []
    assert re.findall(r"@import|url\(|//[a-z]", text) == []
    assert {"script", "img", "iframe", "object", "embed", "form", "base"} & set(elements.tags) == set()
    assert [name for name, _ in elements.attributes if name.startswith("on") or name == "src"] == []
    assert [value for name, value in elements.attributes if name == "href"] == ["data:,"]
    assert "default-src 'none'" in text


def test_nothing_in_the_results_becomes_markup() -> None:
    run = a_run(
        title=HOSTILE,
        command=HOSTILE,
        target=HOSTILE,
        dialect=HOSTILE,
        environment=Environment(switch=HOSTILE, python=HOSTILE, system=HOSTILE, cores=1),
        answers={HOSTILE: 1},
        faults_sent={HOSTILE: 1},
        limits=[Limit(name=HOSTILE, limit=HOSTILE, value=HOSTILE, held=False)],
        differences=1,
        difference_list=[Difference(message=HOSTILE, field=HOSTILE, before=HOSTILE, after=HOSTILE)],
        connection_events=[ConnectionEvent(second=1, connection=HOSTILE, what=HOSTILE)],
        books=Books(approvals_on_wire=1, approvals_in_books=0, audit_findings=[HOSTILE], agree=False),
    )

    text = page(run)

    assert Elements(text).open == []
    assert "<script" not in text
    assert "<img" not in text
    assert text.count("&lt;script&gt;") > 12


def test_the_verdict_and_the_figures_stand_at_the_head() -> None:
    told = words(page(a_run()))

    assert "Held" in told
    assert "53,991 of 54,000 answered in time" in told
    for figure in ("899.9/s", "2.31 ms", "11.9 ms", "48.2 ms", "183 ms", "&gt; 99.99 %"):
        assert figure in told


def test_every_part_of_the_results_has_its_place() -> None:
    told = words(page(a_run()))

    assert "p99 at most 50 ms 11.9 ms ✓ held" in told
    assert "00 Approved 53,120 98.38 %" in told
    assert "31.402 s 17 closed by the host" in told
    assert "half frames 12" in told
    assert "approvals in the books 53,120" in told
    assert "switch load purchase --to 127.0.0.1:8583 --rate 900 --duration 60 --warm-up 5 --html run.html" in told
    assert "Linux 6.8 x86_64, 2 cores" in told


def test_codes_of_a_dialect_that_is_not_known_stand_alone() -> None:
    told = words(page(a_run(dialect="of-somebody-else", answers={"00": 3, "": 1})))

    assert "00 3 75 %" in told.replace("75.00", "75")
    assert "Approved" not in told
    assert "none no response code 1" in told


def test_differences_are_told_field_by_field_and_the_rest_is_counted() -> None:
    told = words(page(a_changed_run()))

    assert "#1 0210 STAN 000001 39 response code 00 05" in told
    assert "392 more differences are not listed." in told


def test_a_field_that_was_not_there_is_told_as_absent() -> None:
    run = a_run(differences=1, difference_list=[Difference(message="#1", field="38", before="", after="A1")])

    assert "38 (absent) A1" in words(page(run))


def test_many_events_are_told_by_what_happened_and_how_often() -> None:
    opened = [ConnectionEvent(second=-2.0, connection=f"#{one}", what="opened") for one in range(16)]
    closed = [ConnectionEvent(second=3.5, connection="#4", what="closed by the host")]

    told = words(page(a_run(connection_events=[*opened, *closed])))

    assert "opened 16 \N{MINUS SIGN}2.000 s \N{MINUS SIGN}2.000 s closed by the host 1 3.500 s 3.500 s" in told
    assert "17 events, one by one" in told
    assert "3.500 s #4 closed by the host" in told


def test_the_knee_is_drawn_with_rings_for_what_did_not_hold() -> None:
    text = page(a_knee_search())

    assert text.count('class="dot s1"') == 4
    assert text.count('class="dot s1 hollow"') == 2
    assert "the highest that held is 4,000/s" in text


def test_a_run_without_answers_has_a_page_that_says_so() -> None:
    told = words(page(nothing_answered()))

    assert "Nothing was answered" in told
    assert "there is no latency to draw" in told
    assert "NaN" not in told


def test_a_run_of_which_nothing_is_known_has_a_page() -> None:
    text = page(nothing_answered(sent=0, missing=0, timeline=[], duration_s=0, command="", dialect="", target=""))

    assert Elements(text).open == []
    assert "No second of this run was recorded." in text


@pytest.mark.parametrize(
    "odd",
    [
        {"timeline": [Second(second=0)]},
        {"timeline": [Second(second=-3)]},
        {"timeline": [Second(second=9, p99_ms=0.0, p50_ms=0.0), Second(second=2, answered=1)]},
        {"timeline": [Second(second=0, p99_ms=1.0), Second(second=10**12, p99_ms=1e300)]},
        {"timeline": [Second(second=-(10**30), sent=-5), Second(second=10**30)]},
        {"distribution": [Percentile(share=1.0, ms=0.0)]},
        {"distribution": [Percentile(share=-3.0, ms=-1.0), Percentile(share=7.0, ms=1e-9)]},
        {"answers": {"00": 0}},
        {"duration_s": 1e300},
        {"throughput_per_s": -1.0, "sent": -4},
    ],
    ids=str,
)
def test_odd_results_do_not_break_a_page(odd: dict[str, object]) -> None:
    text = page(a_run(**odd))

    assert Elements(text).open == []
    assert re.findall(r"[^a-z](?:nan|inf)[^a-z]", text) == []


def test_every_picture_has_a_title_and_a_text_alternative() -> None:
    text = page(a_knee_search())

    pictures = re.findall(r'aria-labelledby="(\S+) (\S+)"', text)

    assert len(pictures) == text.count('role="img"') == 4
    for title, description in pictures:
        assert re.search(f'<title id="{title}">[^<]+</title>', text)
        assert re.search(f'<desc id="{description}">[^<]+</desc>', text)


def test_ids_are_unique() -> None:
    ids = re.findall(r' id="([^"]+)"', page(a_knee_search()))

    assert len(ids) == len(set(ids))


def test_a_day_of_seconds_makes_a_page_of_a_moderate_size() -> None:
    day = [Second(second=one, sent=900, answered=900, p50_ms=2.0, p99_ms=9.0) for one in range(86_400)]

    assert len(page(a_run(timeline=day))) < 100_000
