"""Published direction: the table is sound, found by what it is about, shown and never used."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from pathlib import Path

import pytest
import yaml
from report_example import METRICS, few, plan
from test_report_page import Page, build

from pipeline.compare.literature import PATH, literature, published, read_literature
from pipeline.errors import InputError
from pipeline.experiment.plan import PlanCondition
from pipeline.registry import metrics
from pipeline.report.names import Names
from pipeline.report.published import published_beside

PACKAGE = PATH.parents[1]

SMALL = {
    "regions": {"mPFC": ["mPFC", "PL"], "cortex": ["cortex", "EEG"], "thalamus": ["MD"]},
    "covers": {"cortex": ["mPFC"]},
    "drugs": {"ketamine": ["ketamine", "esketamine"], "ketanserin": ["ketanserin"]},
    "studies": {"a": {"cite": "A 2001", "authors": "A B", "journal": "J 1:1", "year": 2001}},
    "entries": [
        {
            "study": "a",
            "drug": "ketamine",
            "outcomes": ["band_power/theta"],
            "region": "mPFC",
            "species": "rat",
            "time": "acute",
            "direction": "increase",
            "finding": "it rose",
            "checked": "abstract",
        }
    ],
}


def table(tmp_path: Path, *entries: dict, **changes):
    """A table whose entries are variations of one."""
    content = SMALL | changes
    content |= {"entries": [SMALL["entries"][0] | entry for entry in entries or ({},)]}
    path = tmp_path / "literature.yaml"
    path.write_text(yaml.safe_dump(content))
    return read_literature(path)


def order(found, by):
    return [getattr(entry, by) for entry in found]


# ---- the table itself


def test_the_table_has_thirty_entries_and_all_four_drugs():
    entries = literature().entries
    assert len(entries) >= 30
    assert {entry.drug for entry in entries} == {"psilocybin", "ketamine", "MDMA", "ketanserin"}


def test_no_entry_stands_twice():
    seen = [entry.model_dump_json(exclude={"finding"}) for entry in literature().entries]
    assert len(set(seen)) == len(seen)


def test_dois_look_like_dois_and_are_of_one_study_each():
    dois = [study.doi for study in literature().studies.values() if study.doi]
    assert len(set(dois)) == len(dois)
    assert all(re.fullmatch(r"10\.\d{4,}/[^\s]+", doi) for doi in dois)


def test_contradictions_stand_side_by_side():
    directions = defaultdict(set)
    for entry in literature().entries:
        for outcome in entry.outcomes:
            directions[entry.drug, outcome].add(entry.direction)
    opposed = {key for key, found in directions.items() if {"increase", "decrease"} <= found}
    assert {
        ("ketamine", "trials_to_criterion"),
        ("ketamine", "firing_rate"),
        ("psilocybin", "band_power/delta"),
        ("psilocybin", "accuracy"),
    } <= opposed


def test_every_metric_of_the_registry_is_spelt_as_there():
    known, later = (
        set(metrics()),
        {
            "coherence",
            "lempel_ziv",
            "lose_shift",
            "phase_locking",
            "rewards_earned",
            "spine_density",
        },
    )  # not measured here (yet); a lab may declare them
    named = {outcome.split("/")[0] for entry in literature().entries for outcome in entry.outcomes}
    assert named <= known | later


# ---- shown, never used


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def test_only_the_reports_line_reads_the_table():
    readers = {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        if any(name.startswith("pipeline.compare.literature") for name in imports(path))
        or (path != PATH.with_suffix(".py") and "literature.yaml" in path.read_text())
    }
    assert readers == {"report/published.py"}


def test_only_the_chapters_show_the_line():
    readers = {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        if any(name.startswith("pipeline.report.published") for name in imports(path))
    }
    assert readers == {"report/chapters.py"}


# ---- what is found


def test_drug_and_outcome_must_match(tmp_path):
    small = table(tmp_path)
    assert published("band_power/theta@mPFC", drug="ketamine", table=small)
    for outcome, drug in (
        ("band_power/beta@mPFC", "ketamine"),
        ("coherence/theta@mPFC", "ketamine"),
        ("band_power/theta@mPFC", "ketanserin"),
        ("band_power/theta@mPFC", "LSD"),
        ("band_power/theta@mPFC", ""),
        ("not an @ outcome @", "ketamine"),
    ):
        assert not published(outcome, drug=drug, table=small)


@pytest.mark.parametrize("name", ["Ketamine", "esketamine", "ketamine 10 mg/kg", "KETAMINE"])
def test_drugs_are_known_by_their_names(tmp_path, name):
    assert published("band_power/theta@mPFC", drug=name, table=table(tmp_path))


def test_another_place_in_the_brain_is_left_out(tmp_path):
    small = table(tmp_path, {"region": "mPFC"}, {"region": "cortex"}, {"region": "thalamus"})
    found = published("band_power/theta@PL", drug="ketamine", table=small)
    assert order(found, "region") == ["mPFC", "cortex"]  # the same place, then what covers it
    assert not published("band_power/theta@OFC", drug="ketamine", table=small)
    moved = published("band_power/theta@OFC", drug="ketamine", region="MD", table=small)
    assert order(moved, "region") == ["thalamus"]


def test_both_regions_of_a_coupling_must_match(tmp_path):
    small = table(
        tmp_path,
        {"outcomes": ["coherence/theta"], "region": "mPFC", "region_b": "thalamus"},
    )
    for outcome in ("coherence/theta@PL~MD", "coherence/theta@MD~PL"):
        assert published(outcome, drug="ketamine", table=small)
    assert not published("coherence/theta@PL~OFC", drug="ketamine", table=small)


def test_a_finding_that_names_no_band_comes_after_those_that_do(tmp_path):
    small = table(tmp_path, {"outcomes": ["band_power"]}, {"direction": "decrease"})
    found = published("band_power/theta@mPFC", drug="ketamine", table=small)
    assert order(found, "direction") == ["decrease", "increase"]
    assert len(published("band_power/beta@mPFC", drug="ketamine", table=small)) == 1


def test_a_pretreatment_is_another_condition(tmp_path):
    small = table(tmp_path, {}, {"pretreatment": "ketanserin", "direction": "no change"})
    outcome = "band_power/theta@mPFC"
    alone = published(outcome, drug="ketamine", table=small)
    blocked = published(outcome, drug="ketamine", pretreatment="ketanserin 1 mg/kg", table=small)
    assert order(alone, "direction") == ["increase"]
    assert order(blocked, "direction") == ["no change"]
    assert not published(outcome, drug="ketamine", pretreatment="prazosin", table=small)


@pytest.mark.parametrize(
    ("near", "far", "asked"),
    [
        ({"species": "rat"}, {"species": "mouse"}, {"species": "Rat"}),
        ({"context": "open field"}, {"context": "rest"}, {"contexts": ["open_field"]}),
        ({"dose_mg_per_kg": [10]}, {"dose_mg_per_kg": [100]}, {"dose_mg_per_kg": 25.0}),
        ({"time": "acute"}, {"time": "day 1"}, {"phase": "acute"}),
        ({"time": "day 1"}, {"time": "acute"}, {"phase": "day+1"}),
    ],
)
def test_the_most_specific_comes_first_and_the_others_stay(tmp_path, near, far, asked):
    near |= {"direction": "decrease"}
    small = table(tmp_path, far, near)
    found = published("band_power/theta@mPFC", drug="ketamine", table=small, **asked)
    assert order(found, "direction") == ["decrease", "increase"]


WRONG = {
    "an unknown study": ({"study": "b"}, "'b' is not in studies"),
    "an unknown drug": ({"drug": "coffee"}, "'coffee' is not in drugs"),
    "an unknown region": ({"region": "toe"}, "'toe' is not in regions"),
    "an unknown direction": ({"direction": "up"}, "entries.0.direction"),
    "an unknown key": ({"spcies": "rat"}, "did you mean 'species'"),
    "an outcome with a region": ({"outcomes": ["a@mPFC"]}, "not a metric or metric/band"),
    "a dose of nothing": ({"dose_mg_per_kg": [0]}, "a dose is above zero"),
    "a band upside down": ({"hz": [10, 6]}, "hz is [low, high]"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_entry_is_refused_by_place(tmp_path, case):
    entry, message = WRONG[case]
    with pytest.raises(InputError, match=re.escape(message)):
        table(tmp_path, entry)


def test_a_study_without_entry_and_a_doi_that_is_none_are_refused(tmp_path):
    more = SMALL["studies"] | {"b": SMALL["studies"]["a"]}
    with pytest.raises(InputError, match="b has no entry"):
        table(tmp_path, studies=more)
    with pytest.raises(InputError, match=r"studies\.a\.doi"):
        table(tmp_path, studies={"a": SMALL["studies"]["a"] | {"doi": "unknown"}})


# ---- the line in the report


def names(**changes) -> Names:
    return Names(plan=plan(**changes), metrics=METRICS)


def row(**changes) -> dict[str, str]:
    base = {"outcome": "band_power/theta@mPFC", "condition": "ketamine", "phase": "acute"}
    return base | changes


def test_the_line_groups_studies_by_direction(tmp_path):
    small = table(tmp_path, {}, {"direction": "decrease", "species": "mouse"}, {"hz": [4, 8]})
    line = published_beside(row(), names(), table=small)
    assert line.directions == (
        ("increase", "A 2001, rat mPFC; A 2001, rat mPFC, 4 to 8 Hz"),
        ("decrease", "A 2001, mouse mPFC"),
    )
    assert line.findings[0].said == "It rose."
    assert line.findings[0].citation == "A B. J 1:1 (2001)."


def test_a_long_line_names_three_studies_and_counts_the_rest(tmp_path):
    small = table(tmp_path, *({"time": f"day {day}"} for day in range(5)))
    line = published_beside(row(), names(), table=small)
    ((_, said),) = line.directions
    assert said.count("A 2001") == 3
    assert said.endswith("; 2 more")
    assert len(line.findings) == 5


def test_dose_compound_context_and_state_are_said(tmp_path):
    entry = {
        "compound": "esketamine",
        "dose_mg_per_kg": [2.5, 10],
        "route": "s.c.",
        "context": "treadmill",
        "state": "stressed",
        "time": "day 1",
    }
    line = published_beside(row(), names(), table=table(tmp_path, entry))
    assert line.findings[0].where == (
        "rat mPFC, esketamine 2.5, 10 mg/kg s.c., treadmill, stressed, day 1"
    )


def test_without_an_entry_there_is_no_line(tmp_path):
    small = table(tmp_path)
    assert published_beside(row(outcome="band_power/beta@mPFC"), names(), table=small) is None
    assert published_beside(row(condition="MDMA"), names(), table=small) is None
    assert published_beside(row(condition="unheard of"), names(), table=small) is None


def test_a_coded_condition_has_no_line():
    coded = [PlanCondition(name="K1", reference=None, drug="", is_reference=False)]
    assert published_beside(row(condition="K1"), names(conditions=coded)) is None


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    return build(few(), tmp_path_factory.mktemp("published")).read_text()


def test_the_report_shows_the_line_beside_the_verdict(page):
    words = Page(page).text
    assert "Published: decrease ( Golden & Chadderton 2022, mouse mPFC, 2 mg/kg" in words.replace(
        " (Golden", " ( Golden"
    )
    assert "doi:10.1038/s41598-022-16325-w" in words
    assert "no estimate, test or verdict uses them" in words


def test_no_verdict_or_number_moves_with_the_table(monkeypatch, tmp_path, page):
    monkeypatch.setattr("pipeline.report.published.published", lambda *_, **__: ())
    without = build(few(), tmp_path).read_text()
    assert "Published:" not in without
    assert re.sub(r'<details class="published">.*?</details>', "", page, flags=re.S) == without


def test_the_line_is_escaped(monkeypatch, tmp_path):
    evil = "<script>alert(1)</script>"
    entry = {"finding": evil, "context": evil, "region": "mPFC"}
    studies = {"a": SMALL["studies"]["a"] | {"cite": f"A {evil}", "title": evil}}
    small = table(tmp_path, entry, studies=studies)
    monkeypatch.setattr("pipeline.report.published.literature", lambda: small)
    shown = build(few(), tmp_path / "report").read_text()
    assert evil not in shown
    assert shown.count("&lt;script&gt;alert(1)") >= 4
