"""The sample experiment, whole: recordings in, and the verdicts are those that were planted."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pandas as pd
import pytest
import xarray as xr
import yaml
from test_docs_gallery import ALONE, DOCS, EXAMPLES, run_example, run_page
from test_docs_tutorial import (
    PAGE,
    diff_of_the_change,
    interval_of_section_3,
    sentences_missing,
)
from test_report_page import Page
from workflow_runs import REPOSITORY, jobs_run, rows_of, run_snakemake

from pipeline.__main__ import main
from pipeline.compare import read_contrasts

pytestmark = pytest.mark.workflow

TRUTH = yaml.safe_load((REPOSITORY / "sample_data" / "truth.yaml").read_text())["verdicts"]


@pytest.fixture(scope="module")
def results(tmp_path_factory) -> Path:
    """Results of the sample experiment, run in a folder of their own."""
    folder = tmp_path_factory.mktemp("demo")
    process = run_snakemake(None, folder)
    assert process.returncode == 0, process.stderr[-3000:]
    return folder / "results"


def table(results: Path, name: str) -> list[dict[str, str]]:
    return rows_of(results / "cohort" / f"{name}.tsv")


def label(row: dict[str, str]) -> str:
    return "-".join(str(row.get(k, "")) for k in ("outcome", "condition", "phase", "split_level"))


@pytest.mark.parametrize("planted", TRUTH, ids=label)
def test_verdicts_are_the_planted_ones(results, planted):
    keys = ("outcome", "condition", "phase", "split", "split_level", "modifier")
    found = [
        row
        for row in table(results, "verdicts")
        if all(row[key] == planted.get(key, "") for key in keys)
    ]
    assert [row["verdict"] for row in found] == [planted["verdict"]], found
    if planted.get("pattern"):
        assert found[0]["pattern"] == planted["pattern"]


def test_the_truth_holds_every_kind_of_verdict():
    verdicts = {row["verdict"] for row in TRUTH}
    assert verdicts >= {"process", "pill", "no drug effect", "inconclusive"}
    assert "drug effect, one context" in verdicts


def test_certain_outcomes_scatter_less_than_the_smallest_interaction(results):
    """Standard deviation of the difference of differences under 0.6 of the smallest effect."""
    contrasts = pd.read_csv(results / "cohort" / "contrasts.tsv", sep="\t", keep_default_na=False)
    config = yaml.safe_load((REPOSITORY / "config" / "config.yaml").read_text())
    smallest = config["outcomes"]["smallest_effect"]
    checked = 0
    for row in TRUTH:
        if row["verdict"] in ("inconclusive", "drug effect, one context") or row.get("split"):
            continue
        chosen = contrasts[
            (contrasts["contrast"] == "difference_of_differences")
            & (contrasts["outcome"] == row["outcome"])
            & (contrasts["condition"] == row["condition"])
            & (contrasts["phase"] == row["phase"])
            & (contrasts["split"] == "")
        ]
        for _, contrast in chosen.iterrows():
            sd = float(contrast["se"]) * float(contrast["n_animals"]) ** 0.5
            bound = smallest[row["outcome"].split("/")[0].split("@")[0]]["interaction"]
            assert sd < 0.6 * bound, (row["outcome"], row["condition"], contrast["level"], sd)
            checked += 1
    assert checked > 30


def test_files_that_others_rely_on_have_their_columns(results):
    observations = pd.read_parquet(results / "cohort" / "observations.parquet")
    documented = (
        "session animal sex cohort cage stage condition drug dose_mg_per_kg pretreatment "
        "dosing_context anchor step period context phase interval start_s stop_s seconds "
        "since_dose_s split split_level entity region region_b unit_id band metric value "
        "value_unit censored n_effective n_effective_unit"
    )
    assert set(documented.split()) <= set(observations.columns)
    outcomes = pd.read_parquet(results / "cohort" / "outcomes.parquet")
    documented = (
        "outcome domain priority animal session sex cohort cage stage condition dosing_context "
        "context phase split split_level region region_b step period previous_condition "
        "days_since_previous n_prior_doses since_dose_s value baseline_value censored scale "
        "n_entities seconds"
    )
    assert set(documented.split()) <= set(outcomes.columns)
    assert len(observations) > 10_000
    assert set(observations["condition"]) == {"vehicle", "psilocybin", "ketamine", "MDMA"}


def test_per_session_files_name_no_drug(results):
    """The steps of a session are told times only, so that they cannot be tuned to a label."""
    drugs = (b"psilocybin", b"ketamine", b"MDMA", b"saline")
    for path in (results / "sessions").rglob("*"):
        if path.is_file() and path.suffix in (".json", ".tsv", ".html"):
            content = path.read_bytes()
            if path.name == "session.html":  # the experiment's title may name them
                content = content.replace(b"Psilocybin, ketamine and MDMA across", b"")
            assert not any(drug in content for drug in drugs), path


def test_every_session_is_complete(results):
    rows = table(results, "completeness")
    assert len(rows) == 32
    assert {(row["extract"], row["measure"]) for row in rows} == {("ok", "ok")}


def test_the_report_answers_and_its_numbers_are_those_of_the_tables(results):
    page = (results / "report" / "index.html").read_text()
    for row in TRUTH:
        if row["verdict"] == "process" and not row.get("split"):
            (found,) = [
                verdict
                for verdict in table(results, "verdicts")
                if all(verdict[k] == row.get(k, "") for k in ("outcome", "condition", "split"))
                and verdict["phase"] == row["phase"]
            ]
            # as the report writes it: two decimals, a true minus sign
            estimate = f"{float(found['interaction_estimate']):+.2f}".replace("-", "\N{MINUS SIGN}")
            assert estimate in page
    assert "<script src=" not in page
    figures = sorted((results / "report" / "figures").glob("*.svg"))
    assert len(figures) >= 20
    for figure in figures:
        for suffix in (".pdf", ".png", ".tsv", ".vl.json"):
            assert figure.with_suffix("").with_name(figure.stem + suffix).stat().st_size > 0
    assert len(list((results / "sessions").glob("*/session.html"))) == 32


@pytest.mark.parametrize(
    "outcome", ["band_power/theta@mPFC", "firing_rate@mPFC", "trials_to_criterion"]
)
def test_explain_computes_an_animals_values_and_a_contrast_again(results, capsys, outcome):
    asked = ["--condition", "psilocybin", "--context", "set_shifting", "--animal", "rat01"]
    assert main(["explain", outcome, *asked, "--results", str(results)]) == 0
    said = capsys.readouterr().out
    assert said.count(": agrees") == 2 and "computed again: " in said
    assert "DOES NOT AGREE" not in said


def test_explain_names_the_samples_that_the_lfp_was_made_from(results, capsys):
    """Recorded at the rate of the LFP, so that file and LFP hold the same voltages."""
    asked = ["--session", "rat01_s2", "--context", "set_shifting", "--results", str(results)]
    assert main(["explain", "band_power/theta@mPFC", *asked]) == 0
    said = capsys.readouterr().out
    assert "channels of mPFC: CH1, CH2; bad: none" in said
    stretch = re.search(r"190 to 370 s: samples (\d+) to (\d+)", said)
    first, last = int(stretch[1]), int(stretch[2])
    folder = REPOSITORY / "sample_data" / "recordings" / "rat01_s2" / "openephys"
    (data,) = folder.rglob("continuous.dat")
    raw = np.fromfile(data, "<i2").reshape(-1, 4)[first : last + 1, 0] * 0.195  # uV per bit
    with xr.open_dataset(results / "sessions/rat01_s2/lfp.nc", engine="h5netcdf") as file:
        lfp = file["lfp"].sel(channel="CH1")
        kept = lfp.where((lfp["time"] >= 190) & (lfp["time"] < 370), drop=True).to_numpy()
    np.testing.assert_allclose(kept, raw, atol=1e-4)


@pytest.mark.parametrize("page", ["index.html", "sessions.html", "run.html"])
def test_every_link_of_the_report_leads_to_a_file(results, page):
    """Figures, tables, session pages: what is offered is there."""
    report = results / "report"
    links = [a["href"] for a in Page((report / page).read_text()).all("a")]
    files = {link.partition("#")[0] for link in links if not link.startswith("#")}
    assert page == "run.html" or len(files) > 30
    assert not [link for link in files if ":" in link.split("/")[0]]  # nothing of the network
    missing = [link for link in sorted(files) if not (report / unquote(link)).exists()]
    assert missing == []


def test_links_of_session_pages_lead_to_files_too(results):
    for name in ("rat01_s1", "rat04_s2", "rat08_s4"):
        folder = results / "sessions" / name
        links = [a["href"] for a in Page((folder / "session.html").read_text()).all("a")]
        files = [link for link in links if not link.startswith("#")]
        assert len(files) >= 6
        assert [link for link in files if not (folder / unquote(link)).exists()] == []


def test_the_index_names_conditions_and_the_pages_of_sessions_do_not(results):
    index = Page((results / "report" / "sessions.html").read_text())
    assert "psilocybin" in index.text and "ketamine" in index.text


@pytest.fixture
def beside(results, tmp_path, monkeypatch) -> Path:
    """A folder in which config, sample and results lie, as the pages on Python say."""
    places = {"results": results} | {n: REPOSITORY / n for n in ("config", "sample_data")}
    for name, place in places.items():
        (tmp_path / name).symlink_to(place)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SET_AND_SETTING_RESULTS", str(results))
    monkeypatch.setattr("matplotlib.pyplot.show", lambda: None)
    return tmp_path


@pytest.mark.parametrize("path", [p for p in EXAMPLES if p != ALONE], ids=lambda p: p.stem)
def test_the_gallery_runs(beside, path, capsys):
    """Each script holds what it shows against the results itself."""
    run_example(path)
    assert str(beside / "results") not in capsys.readouterr().out
    assert not [file.name for file in beside.iterdir() if not file.is_symlink()]  # tidy


def test_the_snippets_on_python_run_and_compare_as_the_report_does(results, beside):
    again = run_page(DOCS / "python" / "index.md")["again"].contrasts
    reported = read_contrasts(results)
    keys = ["contrast", "condition", "phase", "split", "split_level", "level", "term"]
    mine, theirs = (
        table[(table["outcome"] == "band_power/theta@mPFC") & (table["se"] > 0)].set_index(keys)
        for table in (again, reported)
    )
    assert len(mine) > 30
    theirs = theirs.loc[mine.index]
    assert np.allclose(mine[["estimate", "se"]], theirs[["estimate", "se"]])


def test_the_page_on_nwb_runs_and_the_inspector_is_content(beside):
    from nwbinspector import inspect_nwbfile

    from pipeline.__main__ import main

    page = DOCS / "python" / "nwb.md"
    run_page(page)
    (line,) = [row for row in page.read_text().splitlines() if row.startswith("python -m pipeline")]
    assert main([*shlex.split(line)[3:], "--session", "rat08_s4"]) == 0
    files = sorted((beside / "nwb").iterdir())
    assert [file.name for file in files] == ["rat01_s2.nwb", "rat08_s4.nwb"]
    found = {message.check_function_name for message in inspect_nwbfile(nwbfile_path=files[1])}
    assert not [name for name in found if f"`{name}`" not in page.read_text()], found


def test_the_tutorial_quotes_this_report_and_what_a_change_does_to_it(results, tmp_path, capsys):
    assert sentences_missing(results) == []
    low, high = interval_of_section_3(results)
    assert f"in set shifting it is {low} to {high}\n" in PAGE
    assert diff_of_the_change(results, tmp_path, capsys) == []


def test_a_second_run_has_nothing_to_do(results):
    """That all of it would be the same bytes again is seen in tests/test_workflow_reruns.py."""
    process = run_snakemake(None, results.parent)
    assert process.returncode == 0
    assert jobs_run(process) == {}
