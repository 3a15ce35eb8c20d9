"""What a run does again: only what a change can alter; a session that fails fails alone."""

from __future__ import annotations

import html
import json
import os
import re
import zipfile
from pathlib import Path

import pytest
from mini import EXCLUDED, write_full
from workflow_runs import (
    AFTER_COHORT,
    AFTER_DESIGN,
    cohort_table,
    copied,
    digest,
    edit_cells,
    edit_config,
    finished_run,
    jobs_run,
    planned,
    refusal,
    rows_of,
    run,
)

pytestmark = pytest.mark.workflow


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The experiment with every kind of data, run once; tests copy it."""
    return finished_run(tmp_path_factory.mktemp("full"), write_full)


@pytest.fixture
def experiment(finished, tmp_path):
    """A copy of the finished run, to be changed."""
    return copied(finished, tmp_path / "x")


CHANGES = {
    "nothing but a comment in the config": (
        lambda f: (f / "lab" / "config.yaml").write_text(
            (f / "lab" / "config.yaml").read_text() + "# a thought\n"
        ),
        {},
    ),
    "a smallest effect": (
        lambda f: edit_config(
            f, lambda c: c["outcomes"]["smallest_effect"]["band_power"].update(drug=2)
        ),
        AFTER_COHORT,
    ),
    "a band": (
        lambda f: edit_config(f, lambda c: c.update(lfp={"bands": {"theta": [5, 9]}})),
        {"measure": 4, "pages": 1, **AFTER_DESIGN},
    ),
    "the rate of the LFP": (
        lambda f: edit_config(
            f, lambda c: c.update(lfp={"rate_hz": 500, "bands": {"theta": [6, 10]}})
        ),
        {"extract": 4, "measure": 4, "pages": 1, **AFTER_DESIGN},
    ),
    "the title": (
        lambda f: edit_config(f, lambda c: c["experiment"].update(title="Another")),
        {"pages": 1, **AFTER_COHORT},
    ),
    "a drug's label": (
        lambda f: edit_cells(f, "administrations", 3, drug="saline", dose_mg_per_kg=""),
        AFTER_DESIGN,
    ),
    "one session's context": (
        lambda f: edit_cells(f, "contexts", 0, stop_s="15"),
        {"measure": 1, "pages": 1, **AFTER_DESIGN},
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_only_what_changed_reruns(experiment, change):
    apply, expected = CHANGES[change]
    apply(experiment)
    assert planned(experiment) == expected


def test_a_recording_replaced_by_an_older_file_reruns_its_session(experiment):
    (data,) = (experiment / "lab" / "r0_w0").rglob("continuous.dat")
    data.write_bytes(data.read_bytes()[::-1])
    os.utime(data, (1, 1))
    assert planned(experiment) == {"extract": 1, "measure": 1, "pages": 1, **AFTER_DESIGN}


def completeness(folder):
    return {row["session"]: row for row in cohort_table(folder, "completeness")}


def test_an_excluded_session_needs_no_files_and_a_reason_only(finished):
    """The finished run ended well without its recording."""
    assert not (finished / "lab" / "lost").exists()
    assert completeness(finished)[EXCLUDED["session"]]["exclude_reason"] == EXCLUDED["exclude"]


def test_a_failing_session_fails_alone_and_the_same_input_gives_the_same_bytes(experiment):
    """Lost, found again, and two other sessions extracted anew with one core: not a byte differs.

    That excluding it ends the run well is the state of the fifth session; here it is seen that the
    exclusion itself does no session again.
    """
    results = experiment / "run" / "results"
    before = digest(results)
    (data,) = (experiment / "lab" / "r1_w1").rglob("continuous.dat")
    times, kept = data.stat(), data.read_bytes()
    data.unlink()
    process = run(experiment)
    assert process.returncode != 0
    assert "r1_w1" in process.stderr
    status = json.loads((results / "sessions/r1_w1/extract.status.json").read_text())
    assert status["state"] == "failed"
    rows = completeness(experiment)
    assert rows["r1_w1"]["extract"] == "failed"
    assert rows["r1_w1"]["measure"] == "skipped"
    assert {rows[name]["measure"] for name in ("r0_w0", "r0_w1", "r1_w0")} == {"ok"}
    assert "r1_w1" in (results / "report/index.html").read_text()
    # excluded with a reason: only the cohort would be done again
    edit_cells(experiment, "sessions", 3, exclude="file lost")
    assert planned(experiment) == {"pages": 1, **AFTER_DESIGN}
    # mended and included again: that session, those that are asked for, and the cohort
    edit_cells(experiment, "sessions", 3, exclude="")
    data.write_bytes(kept)
    os.utime(data, ns=(times.st_atime_ns, times.st_mtime_ns))
    again = [f"results/sessions/{session}/lfp.nc" for session in ("r0_w0", "r0_w1")]
    process = run(experiment, "--cores", "1", "--forcerun", *again)
    assert process.returncode == 0, process.stderr[-3000:]
    assert jobs_run(process) == {"extract": 3, "measure": 3, "pages": 1, **AFTER_DESIGN}
    after = digest(results)
    assert set(before) == set(after)
    assert {name for name in before if before[name] != after[name]} == set()
    kinds = {Path(name).suffix for name in before}
    pictures = {".svg", ".png"}
    assert kinds == {".nc", ".parquet", ".gz", ".tsv", ".json", ".html", ".xlsx"} | pictures


def test_snakemakes_own_report_holds_the_figures_and_needs_no_network(
    finished, tmp_path, monkeypatch
):
    for name in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # where nobody answers
    process = run(finished, "--report", str(tmp_path / "report.zip"))
    assert process.returncode == 0, process.stderr[-3000:]
    with zipfile.ZipFile(tmp_path / "report.zip") as archive:
        names = archive.namelist()
        page = archive.read("report/report.html").decode()
    held = json.loads(re.search(r"var results = (\{.*?\});\n", page, re.S).group(1))
    folder = finished / "run" / "results" / "report"
    figures = {
        f"results/report/figures/{path.name}"
        for path in (folder / "figures").iterdir()
        if path.suffix in (".svg", ".pdf", ".png", ".tsv")
    }
    further = {"index.html", "tables.xlsx", "figures.index.tsv"}
    assert set(held) == figures | {f"results/report/{name}" for name in further}
    assert all(f"report/{result['data_uri']}" in names for result in held.values())
    rows = {row["name"]: row for row in rows_of(folder / "figures.index.tsv")}
    assert len(rows) * 4 == len(figures)
    for path in figures:
        result, row = held[path], rows[Path(path).name.partition(".")[0]]
        assert result["labels"]["outcome"] == (row["outcome"] or "–")
        assert result["labels"]["figure"] == row["title"]
        said = html.unescape(re.sub(r"<[^>]+>", "", result["caption"]))
        assert said.split() == row["caption"].split()
    formats = {result["labels"].get("format") for result in held.values()}
    assert formats == {"SVG", "PDF", "PNG", "data (TSV)", None}
    categories = json.loads(re.search(r"var categories = (\{.*?\});\n", page, re.S).group(1))
    assert set(categories) == {"Report", "Tables"} | {row["chapter"] for row in rows.values()}
    assert planned(finished) == {}


def test_the_samples_config_is_never_merged_into_the_labs(experiment):
    edit_config(experiment, lambda c: c["design"].pop("reference_condition"))
    assert "design.reference_condition: this key is required" in refusal(experiment)


def test_values_on_the_command_line_are_refused(finished):
    assert "edit the config file" in refusal(finished, "--config", "rate_hz=500")
