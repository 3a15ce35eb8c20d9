"""The index of sessions: who stands in it, what it says of each, and what it never says."""

from __future__ import annotations

import json

import pytest
from test_report_page import Page

from pipeline.report import write_session_index
from pipeline.report.session_index import conditions_of, index_rows, neighbours

HOSTILE = "</script><b onmouseover='alert(1)'>\"&=1+1</b>"


def listing(number: int, **changes) -> dict:
    """One row of what the session pages leave."""
    row = {
        "session": f"r{number // 4}_s{number % 4}",
        "animal": f"r{number // 4}",
        "href": f"../sessions/r{number // 4}_s{number % 4}/session.html",
        "state": "failed" if number == 7 else "ok",
        "reason": "log.csv cannot be read" if number == 7 else "",
        "warnings": ["2 channels are flat"] if number == 5 else [],
        "contexts": ["home_cage", "open_field"] if number % 2 else ["home_cage"],
        "duration_s": 600.0 + number,
        "kept_fraction": 0.5 + number / 2000,
        "n_units_kept": number,
        "n_units_sorted": number + 3,
        "n_trials": 10 * number,
    }
    return row | changes


def given(number: int, **changes) -> dict:
    row = {"session": f"r{number // 4}_s{number % 4}", "animal": f"r{number // 4}"}
    return {**row, "start": f"2025-03-{1 + number % 28:02d}T09:30:00", "exclude": "", **changes}


def conditions(n: int) -> dict[str, list[str]]:
    names = ("vehicle", "psilocybin", "ketamine", "MDMA")
    return {f"r{i // 4}_s{i % 4}": [names[(i + i // 4) % 4]] for i in range(n)}


def written(folder, n, **options):
    path = folder / "sessions.html"
    sessions = [given(i) for i in range(n)]
    rows = [listing(i) for i in range(n)]
    return write_session_index(rows, path, sessions=sessions, **{"title": "T", **options})


def test_excluded_sessions_stand_in_their_place_with_their_reason_and_no_link(tmp_path):
    sessions = [given(0), given(1, exclude="pump failed"), given(2)]
    path = write_session_index([listing(0), listing(2)], tmp_path / "i.html", sessions=sessions)
    page = Page(path.read_text())
    assert [row.session for row in index_rows([listing(0), listing(2)], sessions=sessions)] == [
        "r0_s0", "r0_s1", "r0_s2"
    ]  # fmt: skip
    assert "pump failed" in page.text and "2 without remark, 1 excluded" in page.text
    assert [a["href"] for a in page.all("a") if "session.html" in a["href"]] == [
        "../sessions/r0_s0/session.html", "../sessions/r0_s2/session.html"
    ]  # fmt: skip


def test_a_session_that_went_well_with_warnings_is_of_its_own_kind():
    kinds = [row.kind for row in index_rows([listing(i) for i in (0, 5, 7)])]
    assert kinds == ["ok", "warnings", "failed"]


def test_unknown_numbers_are_dashes_and_sorted_last():
    lacking = dict.fromkeys(("duration_s", "kept_fraction", "n_units_kept", "n_trials"))
    (row,) = index_rows([listing(0, **lacking)])
    for cell in (row.duration, row.kept, row.units, row.trials):
        assert (cell.shown, cell.order) == ("–", None)


def test_numbers_are_those_of_the_listing():
    (row,) = index_rows([listing(6)])
    shown = [cell.shown.replace("\xa0", " ") for cell in (row.duration, row.kept, row.units)]
    assert shown == ["10.1 min", "50.3 %", "6 of 9"]
    assert (row.duration.order, row.units.order, row.trials.order) == (606.0, 6.0, 60.0)


def test_no_condition_is_named_while_blind(tmp_path):
    source = written(tmp_path, 8, conditions=None).read_text()
    assert "psilocybin" not in source and "Condition" not in source
    assert "psilocybin" in written(tmp_path, 8, conditions=conditions(8)).read_text()


def test_conditions_of_a_session_in_the_order_of_its_doses():
    anchors = [
        {"session": "a", "condition": "MDMA", "time_s": 900.0},
        {"session": "", "condition": "ketamine", "time_s": None},
        {"session": "a", "condition": "vehicle", "time_s": 100.0},
        {"session": "b", "condition": "vehicle", "time_s": None},
    ]
    assert conditions_of(anchors) == {"a": ["vehicle", "MDMA"], "b": ["vehicle"]}


def test_lists_to_choose_from_hold_what_there_is_and_no_single_value(tmp_path):
    page = Page(written(tmp_path, 8, conditions=conditions(8)).read_text())
    assert [a["name"] for a in page.all("select")] == ["animal", "condition", "context", "state"]
    one = Page(written(tmp_path, 3).read_text())
    assert [a["name"] for a in one.all("select")] == ["context"]


@pytest.mark.parametrize(("n", "most"), [(100, 90_000), (500, 350_000)])
def test_many_sessions_stay_one_small_page_without_scripts(tmp_path, n, most):
    path = written(tmp_path, n, conditions=conditions(n))
    page = Page(path.read_text())
    links = [a["href"] for a in page.all("a") if "session.html" in a["href"]]
    assert len(links) == len(set(links)) == n
    assert not [a for a in page.all("tr") if "hidden" in a]
    assert path.stat().st_size < most
    assert path.read_bytes() == written(tmp_path, n, conditions=conditions(n)).read_bytes()


def test_hostile_names_are_text_and_data(tmp_path):
    row = listing(0, animal=HOSTILE, contexts=[HOSTILE], reason=HOSTILE, warnings=[HOSTILE])
    path = write_session_index(
        [row, listing(1)], tmp_path / "i.html", title=HOSTILE, conditions={"r0_s0": [HOSTILE]}
    )
    source = path.read_text()
    assert "<b onmouseover" not in source and source.count("</script>") == 1
    page = Page(source)
    assert page.text.count(HOSTILE) > 6
    first = next(a for a in page.all("tr") if "data-animal" in a)
    for name in ("animal", "condition", "context"):
        assert json.loads(first[f"data-{name}"]) == [HOSTILE]


def test_neighbours_at_the_ends_and_of_unlisted_sessions():
    visits = [("a1", "a"), ("b1", "b"), ("a2", "a")]
    assert (neighbours("a1", "a", visits).before, neighbours("a1", "a", visits).after) == ("", "b1")
    assert neighbours("a2", "a", visits).siblings == ("a1", "a2")
    assert neighbours("c", "c", visits).siblings == ()
