"""The benchmarks of growth run and write what they say; at toy size, no time is asserted here."""

from __future__ import annotations

import csv
import json
import xml.etree.ElementTree as ElementTree

import numpy as np
import pandas as pd
import pytest

from benchmarks import by_hand, cohort_growth, contenders, dry_run, figure, report_size
from benchmarks import session_growth as growth


@pytest.fixture
def here(monkeypatch):
    """Contenders run in this process: starting one for each would take a minute."""
    home = {module.MODULE: module for module in (growth, cohort_growth)}

    def in_process(module, name, folder, *, repeats=1, python=None, **sizes):
        return contenders.measure(getattr(home[module], name), folder, **sizes)

    for module in (growth, cohort_growth):
        monkeypatch.setattr(module, "run", in_process)


def written(folder, name):
    content = json.loads((folder / f"{name}.json").read_text())
    assert {"date", "machine", "versions"} <= set(content)
    return content


def rows_of(path):
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream, delimiter="\t"))


# --- the line ------------------------------------------------------------------------------------


def test_a_line_is_found_and_what_lies_beside_it_is_told():
    exact = growth.line((1, 2, 4), (5.0, 7.0, 11.0))
    assert exact["slope"] == pytest.approx(2) and exact["at_zero"] == pytest.approx(3)
    assert exact["residual"] == pytest.approx(0, abs=1e-12)
    # x squared at 1, 2, 3: weighted by 1 / y the best line is found by hand in units of 1 / 1225:
    # no line is nearer than a few tenths of its points
    assert 0.1 < growth.line((1, 2, 3), (1.0, 4.0, 9.0))["residual"] < 0.5


# --- the plan ------------------------------------------------------------------------------------


def test_the_experiment_has_so_many_sessions_and_all_their_files(tmp_path):
    from pipeline.steps import inputs
    from pipeline.steps.outcomes_check import load_checked

    config = dry_run.write_experiment(tmp_path, sessions=35)
    experiment = load_checked(config)
    names = [session.name for session in experiment.included]
    assert len(names) == len(set(names)) == 35
    listed = rows_of(contenders.REPOSITORY / "sample_data" / "files.tsv")
    for session in (experiment.included[0], experiment.included[-1]):
        own = session.name.partition("x")[0] + "/"
        files = inputs.files_of(experiment, session, {})
        sizes = sorted(size for _, size, _ in files.values())
        assert sizes == sorted(int(row["bytes"]) for row in listed if row["file"].startswith(own))
        assert len(session.channels) == 4 and len(session.contexts) == 7


def test_files_of_a_session_are_listed_once(tmp_path, monkeypatch):
    """Params, resources and inputs ask again and again: the answer must not cost again."""
    from pipeline.steps import inputs
    from pipeline.steps.outcomes_check import load_checked

    experiment = load_checked(dry_run.write_experiment(tmp_path, sessions=2))
    session, other = experiment.included
    first = inputs.files_of(experiment, session, {})

    def refuse(*given):
        raise AssertionError(f"listed again: {given[1].name}")

    monkeypatch.setattr(inputs, "session_files", refuse)
    assert inputs.files_of(experiment, session, {}) == first
    with pytest.raises(AssertionError, match=other.name):
        inputs.files_of(experiment, other, {})


def test_dry_run(tmp_path, monkeypatch):
    planned = []

    def plan(config, folder, *targets):
        planned.append((config, targets))
        return {"cpu_s": 2.0, "wall_s": 3.0, "peak_mb": 100.0, "jobs": 7}

    monkeypatch.setattr(dry_run, "plan", plan)
    dry_run.benchmark(tmp_path, limits_s={2: None, 3: 5.0}, repeats=2, results=tmp_path)
    rows = written(tmp_path, "dry_run")["by_sessions"]
    assert set(rows) == {"2", "3"} and rows["3"]["limit_s"] == 5.0
    assert [len(targets) for _, targets in planned] == [0, 0, 1, 0, 0, 1]


def test_a_dry_run_that_fails_says_why(tmp_path):
    with pytest.raises(RuntimeError, match=r"nothing\.yaml"):
        dry_run.plan(tmp_path / "nothing.yaml", tmp_path / "plan")


# --- sessions, cohort, report --------------------------------------------------------------------


def test_session_growth(here, tmp_path, capsys):
    """``measure`` at toy size is tests/test_benchmarks_spikes.py: the same job."""
    small = {"seconds": 12.0, "channels": 2, "units": 2}
    series = {"seconds": (12.0, 15.0), "channels": (2,), "units": (2,)}
    growth.benchmark(tmp_path, middle={"extract": small}, series=series, results=tmp_path / "out")
    content = written(tmp_path / "out", "session_growth")
    # the middle is one point, however many series it lies in
    assert [row["seconds"] for row in content["points"]["extract"]] == [12.0, 15.0]
    assert all(row["cpu_s"] > 0 and row["peak_mb"] > 0 for row in content["points"]["extract"])
    # 15 s of two channels at 1 kHz are 0.12 MB
    assert content["points"]["extract"][1]["written_mb"] > 0.12
    assert set(content["lines"]["extract"]["units"]) == {"cpu_s", "peak_mb"}
    assert "| extract" in capsys.readouterr().out
    assert not (tmp_path / "session").exists()


def test_cohort_growth(here, tmp_path, monkeypatch):
    monkeypatch.setattr(cohort_growth, "FEW_OUTCOMES", 1)
    monkeypatch.setattr(cohort_growth, "FEW_SESSIONS", 12)
    cohort_growth.benchmark(tmp_path, sessions=(8, 12), outcomes=(1, 2), results=tmp_path)
    points = written(tmp_path, "cohort_growth")["points"]
    assert [(row["sessions"], row["outcomes"]) for row in points] == [
        (8, 1), (12, 1), (12, 1), (12, 2),
    ]  # fmt: skip
    # sessions x outcomes x contexts x phases
    assert [row["observations"] for row in points] == [48, 72, 72, 144]


def test_the_cohort_finds_what_was_put_in():
    """A pill of 0.8 dB everywhere: what is measured is the comparison of a real effect."""
    from pipeline.compare import build_outcomes, compare
    from pipeline.registry import metrics

    rows = cohort_growth.observations(sessions=48, outcomes=4)
    plan, known = cohort_growth.plan(), metrics()
    found = compare(build_outcomes(rows, plan, known).table, plan, known, permutations=False)
    main = found.contrasts[found.contrasts["contrast"] == "main"]
    assert len(main) == 12
    # the mean of three drugs in four cohorts of twelve animals: SE 0.1
    assert main["estimate"].mean() == pytest.approx(0.8, abs=0.3)


def test_report_size_needs_a_finished_run(tmp_path, capsys):
    assert report_size.benchmark(tmp_path, where=tmp_path, results=tmp_path) == {}
    assert "run make demo first" in capsys.readouterr().out


def test_a_grown_cohort_has_its_animals_again_under_new_names():
    rows = pd.DataFrame(
        {
            "part": ["unit", "unit", "mean"],
            "unit": ["rat01", "rat02", None],
            "session": ["rat01_s1", "rat02_s1", ""],
            "fraction": [1.0, 0.5, 0.75],
            "frequency_hz": [4.0, 8.0, 6.0],
        }
    )
    found = report_size.grown(rows, animals=5)
    assert found["unit"].dropna().tolist() == ["rat01", "rat02", "rat01x1", "rat02x1", "rat01x2"]
    assert found["session"].iloc[-1] == "rat01_s1x2"
    # the mean of all stays one row, a share stays a share, what is no value is not moved
    assert found["unit"].isna().sum() == 1
    assert found["fraction"].max() == 1.0 and found["fraction"].nunique() == 6
    assert set(found["frequency_hz"]) == {4.0, 6.0, 8.0}
    assert found.equals(report_size.grown(rows, animals=5))
    assert report_size.grown(rows, animals=1)["unit"].dropna().tolist() == ["rat01"]
    # rows of a session name its animal; a table of neither stays
    sessions = report_size.grown(rows[["session"]].head(2), animals=3)
    assert sessions["session"].tolist() == ["rat01_s1", "rat02_s1", "rat01_s1x1"]
    assert report_size.grown(rows[["frequency_hz"]], animals=9).equals(rows[["frequency_hz"]])


def test_sizes_of_figures_by_kind(tmp_path):
    for stem, size in {"theta": 1000, "theta-kaplan-meier": 2000, "rasters": 3000}.items():
        (tmp_path / f"{stem}.svg").write_bytes(b"x" * size)
        (tmp_path / f"{stem}.vl.json").write_bytes(b"x" * size * 2)
    (tmp_path / "spectrum-of-A.svg").write_bytes(b"x" * 500)
    (tmp_path / "spectrum-of-A.vl.json").write_bytes(b"x" * 500)
    (tmp_path / "spectrum-of-B.svg").write_bytes(b"x" * 1500)
    (tmp_path / "spectrum-of-B.vl.json").write_bytes(b"x" * 2500)
    assert report_size.figure_sizes(tmp_path, {"theta"}) == {
        "outcome": [2.0, 1.0],
        "survival": [4.0, 2.0],
        "rasters": [6.0, 3.0],
        "spectrum-of": [1.5, 1.0],
    }


def test_report_size_prints_what_grows(tmp_path, monkeypatch, capsys):
    def stand_in(module, name, folder, **sizes):
        facts = {"outcomes": 3, "sessions": sizes.get("sessions", 32), "page_mb": 4.0}
        if name == "drawing":
            facts |= {"per_outcome_mb": 0.1, "kb": {"rasters": [20.0 * sizes["sessions"], 7.0]}}
        return contenders.Measured(1.0, 2.0, 300.0, 10.0, facts)

    page = tmp_path / "results" / "report" / "index.html"
    page.parent.mkdir(parents=True)
    page.write_text("")
    monkeypatch.setattr(report_size, "run", stand_in)
    found = report_size.benchmark(
        tmp_path, where=tmp_path, sessions=(8, 16), drawn=3, results=tmp_path
    )
    assert [row["sessions"] for row in found["grown"]] == [8, 16]
    assert found["limit"] == {"mb": 8.0, "outcomes": 60, "grown_mb": 25.0}
    said = capsys.readouterr().out
    # 4 MB with 3 outcomes, and 57 more of 0.1 MB
    assert "| 8        | 3        | 4" in said and "9.7" in said
    assert "| rasters | 160 + 7    | 320 + 7" in said


# --- the script ----------------------------------------------------------------------------------


@pytest.fixture
def measured(monkeypatch):
    """The jobs take 1 and 4 CPU seconds, the script 30: imports 2, two sections 20 and 8."""

    def stand_in(module, name, folder, *, repeats=1, python=None, **sizes):
        facts = {"measuring": {"all_metrics": ["band_power"]}, "their_versions": {"mne": "1"}}
        facts["script"] = {"sections_s": {"locking": 20.0, "tiling": 8.0}, "values": {"locking": 9}}
        cpu_s = {"extracting": 1.0, "measuring": 4.0, "script": 30.0}.get(name, 0.0)
        return contenders.Measured(cpu_s, cpu_s, 100.0, 10.0, facts.get(name, {}))

    monkeypatch.setattr(by_hand, "run", stand_in)
    monkeypatch.setattr(by_hand, "write_session", lambda folder, **sizes: None)
    monkeypatch.delenv("PEERS_PYTHON", raising=False)


def test_without_the_others_the_pipeline_alone_is_measured(measured, tmp_path, capsys):
    by_hand.benchmark(tmp_path, results=tmp_path)
    content = written(tmp_path, "by_hand")
    assert set(content["ours"]) == {"extract", "measure"} and "ratio" not in content
    assert "PEERS_PYTHON is not set" in capsys.readouterr().out


def test_the_script_is_held_against_both_jobs(measured, tmp_path, capsys):
    by_hand.benchmark(tmp_path, peers="python", results=tmp_path)
    content = written(tmp_path, "by_hand")
    assert content["ratio"] == 6.0 and content["ratio_without_largest"] == 2.0
    said = capsys.readouterr().out
    assert "| script without: locking" in said and "| script: imports and loading" in said


def test_the_modulation_index_of_the_script_is_that_of_the_pipeline():
    from pipeline.lfp.modulation import modulation_index

    rng = np.random.default_rng(0)
    phase_bin = rng.integers(0, by_hand.N_PHASES, 5000)
    envelope = 1 + 0.5 * np.cos(2 * np.pi * phase_bin / by_hand.N_PHASES) + rng.random(5000)
    mean = np.array([envelope[phase_bin == n].mean() for n in range(by_hand.N_PHASES)])
    expected = float(modulation_index(mean))
    assert by_hand._index(phase_bin, envelope) == pytest.approx(expected, rel=1e-9)


# --- the figure ----------------------------------------------------------------------------------


def test_the_figure_is_drawn_from_the_numbers(tmp_path):
    middle = {"seconds": 600.0, "channels": 16, "units": 50}
    rows = [middle | {"cpu_s": 9.0}, middle | {"seconds": 7200.0, "cpu_s": 60.0}]
    rows += [middle | {"channels": 128, "cpu_s": 30.0}, middle | {"units": 500, "cpu_s": 80.0}]
    session = {"middle": {"measure": middle}, "points": {"measure": rows}}
    (tmp_path / "session_growth.json").write_text(json.dumps(session))
    plan = {"by_sessions": {"100": {"cpu_s": 3.0}, "2000": {"cpu_s": 22.0}}}
    (tmp_path / "dry_run.json").write_text(json.dumps(plan))
    assert [len(p.series.get("measure", ())) for p in figure.panels(tmp_path)] == [2, 2, 2, 0]
    figure.main(tmp_path, tmp_path / "growth.svg")
    root = ElementTree.parse(tmp_path / "growth.svg").getroot()
    circles = [one for one in root.iter() if one.tag.endswith("circle")]
    # two points in each of four panels, and one mark in each key
    assert len(circles) == 12
