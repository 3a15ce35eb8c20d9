"""What a run does again: only what a change can alter; a session that fails fails alone."""

from __future__ import annotations

import csv
import json
import os
import shutil
from pathlib import Path

import pytest
import yaml
from mini import jobs_run, run_snakemake, write_mini

pytestmark = pytest.mark.workflow


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The mini experiment, run once; tests copy it."""
    folder = tmp_path_factory.mktemp("mini")
    config = write_mini(folder / "lab")
    process = run_snakemake(config, folder / "run")
    assert process.returncode == 0, process.stderr[-3000:]
    return folder


@pytest.fixture
def experiment(finished, tmp_path):
    """A copy of the finished run, to be changed."""
    shutil.copytree(finished, tmp_path / "x", copy_function=shutil.copy2)
    return tmp_path / "x"


def run(folder: Path, *arguments: str):
    return run_snakemake(folder / "lab" / "config.yaml", folder / "run", *arguments)


def edit_config(folder: Path, change) -> None:
    path = folder / "lab" / "config.yaml"
    config = yaml.safe_load(path.read_text())
    change(config)
    path.write_text(yaml.safe_dump(config, sort_keys=False))


def edit_cell(folder: Path, table: str, row: int, column: str, value: str) -> None:
    path = folder / "lab" / f"{table}.tsv"
    with path.open(newline="") as stream:
        rows = list(csv.DictReader(stream, delimiter="\t"))
    rows[row][column] = value
    with path.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]), delimiter="\t", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


AFTER_COHORT = {"cohort": 1, "shuffles": 1, "figures": 1, "report": 1, "acknowledge": 1}
#: spectra know the design, and nothing of titles, priorities and smallest effects
AFTER_DESIGN = AFTER_COHORT | {"spectra": 1}


def test_nothing_changed_nothing_runs(experiment):
    assert jobs_run(run(experiment, "-n")) == {}


CHANGES = {
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
        lambda f: [
            edit_cell(f, "administrations", 0, "drug", "saline"),
            edit_cell(f, "administrations", 0, "dose_mg_per_kg", ""),
        ],
        AFTER_DESIGN,
    ),
    "one session's context": (
        lambda f: edit_cell(f, "contexts", 0, "stop_s", "25"),
        {"measure": 1, "pages": 1, **AFTER_DESIGN},
    ),
    "a comment in the config": (
        lambda f: (f / "lab" / "config.yaml").write_text(
            (f / "lab" / "config.yaml").read_text() + "# a thought\n"
        ),
        {},
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_only_what_changed_reruns(experiment, change):
    apply, expected = CHANGES[change]
    apply(experiment)
    process = run(experiment, "-n")
    assert process.returncode == 0, process.stderr[-3000:]
    assert jobs_run(process) == expected


def test_a_recording_replaced_by_an_older_file_reruns_its_session(experiment):
    (data,) = (experiment / "lab" / "r0_w0").rglob("continuous.dat")
    data.write_bytes(data.read_bytes()[::-1])
    os.utime(data, (1, 1))
    assert jobs_run(run(experiment, "-n")) == {
        "extract": 1,
        "measure": 1,
        "pages": 1,
        **AFTER_DESIGN,
    }


def completeness(folder: Path) -> dict[str, dict[str, str]]:
    with (folder / "run/results/cohort/completeness.tsv").open(newline="") as stream:
        return {row["session"]: row for row in csv.DictReader(stream, delimiter="\t")}


def test_a_failing_session_fails_alone_until_it_is_excluded(experiment):
    (data,) = (experiment / "lab" / "r1_w1").rglob("continuous.dat")
    kept = data.read_bytes()
    data.unlink()
    process = run(experiment)
    assert process.returncode != 0
    assert "r1_w1" in process.stderr
    status = json.loads((experiment / "run/results/sessions/r1_w1/extract.status.json").read_text())
    assert status["state"] == "failed"
    rows = completeness(experiment)
    assert rows["r1_w1"]["extract"] == "failed"
    assert rows["r1_w1"]["measure"] == "skipped"
    assert {rows[name]["measure"] for name in ("r0_w0", "r0_w1", "r1_w0")} == {"ok"}
    report = (experiment / "run/results/report/index.html").read_text()
    assert "r1_w1" in report
    # excluded with a reason: the run ends well, and only the cohort is done again
    edit_cell(experiment, "sessions", 3, "exclude", "file lost")
    process = run(experiment)
    assert process.returncode == 0, process.stderr[-3000:]
    assert "extract" not in jobs_run(process)
    assert completeness(experiment)["r1_w1"]["exclude_reason"] == "file lost"
    # mended and included again: that session and the cohort
    data.write_bytes(kept)
    edit_cell(experiment, "sessions", 3, "exclude", "")
    process = run(experiment)
    assert process.returncode == 0, process.stderr[-3000:]
    assert jobs_run(process)["extract"] == 1


def test_the_samples_config_is_never_merged_into_the_labs(experiment):
    edit_config(experiment, lambda c: c["design"].pop("reference_condition"))
    process = run(experiment, "-n")
    assert process.returncode != 0
    assert "design.reference_condition: this key is required" in process.stdout + process.stderr


def test_values_on_the_command_line_are_refused(experiment):
    process = run(experiment, "-n", "--config", "rate_hz=500")
    assert process.returncode != 0
    assert "edit the config file" in process.stdout + process.stderr
