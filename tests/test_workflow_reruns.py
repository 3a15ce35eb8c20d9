"""What a run does again: only what a change can alter; a session that fails fails alone."""

from __future__ import annotations

import html
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import pytest
from mini import EXCLUDED, write_full
from rerun_matrix import changed, plan_of, settings_of
from workflow_runs import (
    AFTER_COHORT,
    AFTER_DESIGN,
    REPOSITORY,
    can_unshare,
    cohort_table,
    copied,
    cut_off,
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

from pipeline.commands.why import explained
from pipeline.steps.outcomes_check import load_checked
from pipeline.steps.paths import BEHAVIOUR_TABLES, SPECTRA_TABLES, SPIKE_TABLES, session_file

pytestmark = pytest.mark.workflow


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The experiment with every kind of data, run once, without network; tests copy it."""
    folder = tmp_path_factory.mktemp("full")
    return finished_run(folder, write_full, network_log=folder / "network.log")


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
    "a region": (
        lambda f: edit_cells(f, "channels", 0, region="CA1"),
        {"extract": 4, "measure": 4, "pages": 1, **AFTER_DESIGN},
    ),
    "a measurement": (lambda f: edit_cells(f, "measurements", 0, value="11"), AFTER_COHORT),
    "why a session is excluded": (
        lambda f: edit_cells(f, "sessions", 4, exclude="file lost for good"),
        AFTER_COHORT,
    ),
    "the level of tests": (
        lambda f: edit_config(f, lambda c: c["statistics"].update(alpha=0.01)),
        AFTER_DESIGN,
    ),
    "a fact of the animals": (
        lambda f: edit_config(f, lambda c: c.update(reporting={"strain": "Long-Evans"})),
        {"report": 1, "acknowledge": 1},
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_only_what_changed_reruns(experiment, change, monkeypatch):
    """Snakemake plans what is expected, and what a comparison of settings foretells.

    The second holds the matrix of tests/test_workflow_rerun_matrix.py against Snakemake itself.
    """
    apply, expected = CHANGES[change]
    monkeypatch.chdir(experiment / "run")
    before = settings_of(experiment / "lab" / "config.yaml")
    apply(experiment)
    assert planned(experiment) == expected
    assert plan_of(changed(before, settings_of(experiment / "lab" / "config.yaml"))) == expected


def test_another_version_of_a_library_reruns_what_it_made(finished, tmp_path, monkeypatch):
    """A package's metadata that Python finds first; the dry run and its words name the version."""
    (tmp_path / "specparam-99.dist-info").mkdir()
    stated = "Metadata-Version: 2.1\nName: specparam\nVersion: 99\n"
    (tmp_path / "specparam-99.dist-info" / "METADATA").write_text(stated)
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    monkeypatch.setenv("PYTHONPATH", path)
    process = run(finished, "-n")
    assert jobs_run(process) == {"measure": 4, "pages": 1, **AFTER_DESIGN}
    words = explained(process.stdout + process.stderr)
    told = re.search(r"measure \(r0_w0, r0_w1, r1_w0, r1_w1\)\n +changed: (.*)\n\n", words)
    assert re.fullmatch(r"version of specparam: \S+ -> 99", told[1])


def test_another_source_file_reruns_the_rules_that_run_it(finished, tmp_path):
    """One line more in a module of the LFP, in a copy of the repository."""
    copy = tmp_path / "repository"
    for name in ("pipeline", "workflow", "profiles", "config", "requirements"):
        shutil.copytree(REPOSITORY / name, copy / name)
    for name in ("Snakefile", "environment.yml", "pyproject.toml"):
        shutil.copy2(REPOSITORY / name, copy / name)
    with (copy / "pipeline" / "lfp" / "multitaper.py").open("a") as stream:
        stream.write("# a thought\n")
    process = run(finished, "-n", "--snakefile", str(copy / "Snakefile"), repository=copy)
    assert jobs_run(process) == {"measure": 4, "pages": 1, **AFTER_DESIGN}
    assert "our source code of this step: " in explained(process.stdout + process.stderr)


def test_a_recording_replaced_by_an_older_file_reruns_its_session(experiment):
    (data,) = (experiment / "lab" / "r0_w0").rglob("continuous.dat")
    data.write_bytes(data.read_bytes()[::-1])
    os.utime(data, (1, 1))
    assert planned(experiment) == {"extract": 1, "measure": 1, "pages": 1, **AFTER_DESIGN}


#: rule -> its inputs of all sessions, and values of the plan that it is not told
NOT_TOLD = {
    "behaviour": (
        {"trials": "scored_trials.tsv", "sets": "sets.tsv"},
        {"minimum_epoch_s": 3000.0, "minimum_units": 500, "washout_days": 99.0, "seed": 7},
    ),
    "spikes": (
        {
            "units": "units.tsv",
            "modulation": "modulation.tsv",
            "locking": "locking.parquet",
            "responses": "responses.parquet",
            "autocorrelograms": "autocorrelograms.parquet",
            "unit_rates": "unit_rates.parquet",
        },
        {"washout_days": 99.0, "seed": 7},
    ),
    "spectra": (
        {
            "spectra": "spectra.nc",
            "epochs": "epochs.tsv",
            "timecourses": "timecourse.parquet",
            "couplings": "coupling.nc",
        },
        {"washout_days": 99.0, "minimum_units": 500},
    ),
}
TABLES = {"behaviour": BEHAVIOUR_TABLES, "spikes": SPIKE_TABLES, "spectra": SPECTRA_TABLES}


@pytest.mark.parametrize("rule", NOT_TOLD)
def test_what_a_rule_is_not_told_of_the_plan_changes_none_of_its_tables(
    finished, tmp_path, monkeypatch, rule
):
    """With the whole plan, and odd values in what settings leave out, the run's very bytes."""
    monkeypatch.chdir(finished / "run")
    experiment = load_checked(finished / "lab" / "config.yaml")
    told = settings_of(finished / "lab" / "config.yaml")[rule, ""]
    files, odd = NOT_TOLD[rule]
    plan = experiment.plan.model_dump(mode="json")
    assert set(odd) <= set(plan)
    whole = told | {"plan": plan | odd | {"baseline": told["plan"].get("baseline", {})}}
    inputs = {
        key: [session_file(session.name, name) for session in experiment.included]
        for key, name in files.items()
    }
    outputs = {key: str(tmp_path / Path(path).name) for key, path in TABLES[rule].items()}
    step = getattr(import_module(f"pipeline.steps.{rule}"), rule)
    step(inputs=SimpleNamespace(**inputs), outputs=SimpleNamespace(**outputs), settings=whole)
    for key, path in TABLES[rule].items():
        assert Path(outputs[key]).read_bytes() == Path(path).read_bytes(), key


def test_a_whole_run_from_recordings_to_report_asks_for_no_network(finished):
    """It was made where there is none (see finished); nothing so much as looked up a name."""
    assert not (finished / "network.log").exists(), (finished / "network.log").read_text()
    assert (finished / "run" / "results" / "report" / "index.html").is_file()
    assert (finished / "run" / "results" / "report" / "figures").is_dir()


@pytest.mark.parametrize("address", ["127.0.0.1", "192.0.2.1"])  # the second is nobody's
def test_where_that_run_was_made_there_is_no_network(tmp_path, address):
    log = tmp_path / "network.log"
    code = f"import socket; socket.create_connection(({address!r}, 9), timeout=2)"
    command, environment = cut_off([sys.executable, "-c", code], log)
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert "this run has no network" in done.stderr
    assert address in log.read_text()
    if can_unshare():  # and libraries that are not Python have none either
        command, _ = cut_off(["cat", "/proc/net/dev"], log)
        devices = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        assert [line.split(":")[0].strip() for line in devices.splitlines()[2:]] == ["lo"]
        command, _ = cut_off(["cat", "/proc/net/route"], log)
        routes = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        assert routes.splitlines()[1:] == []  # after the header


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
