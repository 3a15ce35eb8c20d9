"""A blind run from recordings to report: no name in any file, then the codes are opened."""

from __future__ import annotations

import csv
import gzip
import json
import re
import shutil
import zlib
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pyarrow.parquet
import pytest
import yaml
from experiments import write_table
from mini import jobs_run, run_snakemake, write_mini

from pipeline.__main__ import main
from pipeline.simulate.writers import write_phy

pytestmark = pytest.mark.workflow

#: conditions, drugs and routes of the experiment below; nothing of the pipeline is called so
NAMES = ("psilocybin", "saline", "controlgroup", "activegroup", "ketanserin", "subcutaneous")
AFTER_COHORT = {"cohort": 1, "shuffles": 1, "figures": 1, "report": 1, "acknowledge": 1}
LOG = """Trial,t (s),Rule,Light,Choice,Correct
1,2,Light,L,L,1
2,8,Light,R,R,1
3,20,Light,L,R,0
4,66,Light,R,R,1
5,75,Left,R,L,1
6,90,Left,L,L,1
"""


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream, delimiter="\t"))


def edit_config(path: Path, change) -> None:
    config = yaml.safe_load(path.read_text())
    change(config)
    path.write_text(yaml.safe_dump(config, sort_keys=False))


def write_lab(folder: Path) -> Path:
    """The mini experiment with logs, units, movement, measurements, an antagonist and a sham."""
    config = write_mini(folder)
    rng = np.random.default_rng(2)
    sessions = rows_of(folder / "sessions.tsv")
    measured = []
    for index, row in enumerate(sessions):
        name = row["session"]
        (folder / f"{name}_log.csv").write_text(LOG)
        times = np.arange(0, 120, 0.1)
        speed = pd.DataFrame({"time_s": times, "speed_cm_s": rng.uniform(0, 30, len(times))})
        speed.to_csv(folder / f"{name}_speed.csv", index=False)
        trains = [np.sort(rng.uniform(0, 120, 400)) for _ in range(6)]
        write_phy(
            folder / f"{name}_phy", spike_times_s=trains, rate_hz=30_000.0,
            region=["mPFC"] * 6, quality=["good"] * 6,
        )  # fmt: skip
        row.update(
            behaviour=f"{name}_log.csv", behaviour_format="box", movement=f"{name}_speed.csv",
            sorting=f"{name}_phy", batch=f"batch {index % 2}", exclude="",
        )  # fmt: skip
        measured.append(
            {"animal": row["animal"], "session": name, "outcome": "spines", "value": 10 + index,
             "context": "home_cage", "phase": "acute"}
        )  # fmt: skip
    write_table(folder / "sessions.tsv", sessions)
    write_table(folder / "measurements.tsv", measured)
    given = rows_of(folder / "administrations.tsv")
    for row in given:
        row.update(role="test", route="subcutaneous")
    given.append(
        {"animal": "r0", "session": "r0_w0", "time_s": 20, "drug": "ketanserin",
         "dose_mg_per_kg": 2, "role": "pretreatment", "route": "subcutaneous"}
    )  # fmt: skip
    write_table(folder / "administrations.tsv", given)

    def change(config):
        config["experiment"]["title"] = "A blind trial"
        config["tables"]["measurements"] = "measurements.tsv"
        config["statistics"] = {"blind": True}
        config["design"]["conditions"] = {
            "controlgroup": {"drug": "saline"},
            "activegroup": {"drug": "psilocybin", "dose_mg_per_kg": 1},
            "ketanserin_first": {
                "drug": "psilocybin",
                "pretreatment": {"drug": "ketanserin", "dose_mg_per_kg": 2},
            },
        }
        config["design"]["reference_condition"] = "controlgroup"
        config["outcomes"]["declare"] = {"spines": {"label": "Spine density"}}
        config["spikes"] = {"minimum_baseline_presence": 0}
        config["flexibility"] = {
            "task": {
                "sides": ["left", "right"],
                "rules": {"light": "follow cue", "left": "choose left"},
                "criterion": {"consecutive": 2},
            }
        }
        config["behaviour"] = {
            "formats": {
                "box": {
                    "columns": {
                        "trial": "Trial", "t_cue": "t (s)", "rule": "Rule", "cue_side": "Light",
                        "choice_side": "Choice", "correct": "Correct",
                    },
                    "values": {
                        "rule": {"Light": "light", "Left": "left"},
                        "cue_side": {"L": "left", "R": "right"},
                        "choice_side": {"L": "left", "R": "right"},
                        "correct": {"1": True, "0": False},
                    },
                }
            }
        }  # fmt: skip

    edit_config(config, change)
    return config


def contents(path: Path) -> str:
    """All that can be read in a file: its bytes, decompressed, tables and attributes as text."""
    raw = path.read_bytes()
    found = [raw]
    if path.suffix == ".gz":
        found.append(gzip.decompress(raw))
    elif path.suffix == ".pdf":
        for stream in re.findall(rb"stream\r?\n(.*?)endstream", raw, re.S):
            try:
                found.append(zlib.decompress(stream.strip(b"\r\n")))
            except zlib.error:
                found.append(stream)
    elif path.suffix == ".parquet" and raw:
        table = pyarrow.parquet.read_table(path)
        found.append(repr(table.schema.metadata).encode())
        found.append(table.to_pandas().to_csv().encode())
    elif path.suffix == ".nc" and raw:
        found.append(netcdf_text(path).encode())
    return b"\n".join(found).decode("utf-8", "replace").casefold()


def netcdf_text(path: Path) -> str:
    said = []

    def look(name, item):
        said.append(f"{name} {[(k, str(v)) for k, v in item.attrs.items()]}")
        if isinstance(item, h5py.Dataset) and item.dtype.kind in "OSU":
            said.append(str(item.asstr()[...].tolist() if item.dtype.kind == "O" else item[...]))

    with h5py.File(path) as file:
        look("/", file)
        file.visititems(look)
    return "\n".join(said)


def naming(folder: Path) -> dict[str, list[str]]:
    """Files under a folder that hold a name, in their content or their path."""
    found: dict[str, list[str]] = {}
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        text = contents(path) + str(path.relative_to(folder)).casefold()
        for name in NAMES:
            if name in text:
                found.setdefault(str(path.relative_to(folder)), []).append(name)
    return found


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A finished blind run; tests copy it."""
    folder = tmp_path_factory.mktemp("blind")
    config = write_lab(folder / "lab")
    process = run_snakemake(config, folder / "run")
    assert process.returncode == 0, process.stderr[-3000:]
    return folder


@pytest.fixture
def experiment(finished, tmp_path):
    shutil.copytree(finished, tmp_path / "x", copy_function=shutil.copy2)
    return tmp_path / "x"


def run(folder: Path, *arguments: str):
    return run_snakemake(folder / "lab" / "config.yaml", folder / "run", *arguments)


def test_no_name_stands_in_any_file_of_a_blind_run(finished):
    results = finished / "run" / "results"
    kinds = {path.suffix for path in results.rglob("*") if path.is_file()}
    assert kinds >= {".nc", ".parquet", ".gz", ".tsv", ".json", ".html", ".svg", ".pdf", ".log"}
    assert naming(results) == {}


def test_every_kind_of_data_was_in_the_blind_run(finished):
    outcomes = pd.read_parquet(finished / "run/results/cohort/outcomes.parquet")
    assert {"spines", "trials_to_criterion", "firing_rate@mPFC", "band_power/theta@mPFC"} <= set(
        outcomes["outcome"]
    )
    assert set(outcomes["condition"]) == {"A", "B", "C"}
    observations = pd.read_parquet(finished / "run/results/cohort/observations.parquet")
    assert set(observations["drug"]) == {""} and set(observations["pretreatment"]) == {""}
    assert observations["dose_mg_per_kg"].isna().all()
    assert observations["n_prior_doses"].isna().all()
    contrasts = pd.read_csv(finished / "run/results/cohort/contrasts.tsv", sep="\t")
    assert set(contrasts["contrast"]) <= {"omnibus"}
    verdicts = pd.read_csv(finished / "run/results/cohort/verdicts.tsv", sep="\t")
    assert verdicts.empty
    figures = {path.name for path in (finished / "run/results/report/figures").iterdir()}
    assert "spines.svg" in figures
    page = (finished / "run/results/report/index.html").read_text()
    assert "conditions are shown by code" in page


def test_the_search_finds_names_where_they_are(experiment, capsys):
    """The record opens the run, and reruns cohort and report only; then names are everywhere."""
    config = experiment / "lab" / "config.yaml"
    assert main(["unblind", str(config), "--by", "AN", "--directory", str(experiment / "run")]) == 0
    process = run(experiment)
    assert process.returncode == 0, process.stderr[-3000:]
    assert jobs_run(process) == AFTER_COHORT | {"spectra": 1}
    found = naming(experiment / "run" / "results")
    for name in ("observations.parquet", "observations.tsv.gz", "outcomes.tsv", "run.json"):
        assert "activegroup" in found[f"cohort/{name}"], name
    assert set(found["report/index.html"]) == set(NAMES)
    assert not [path for path in found if path.startswith("sessions/")]
    page = (experiment / "run/results/report/index.html").read_text()
    record = json.loads((experiment / "lab/unblinding.json").read_text())
    until = record["unblinded_at"].replace("T", " ").replace("Z", " UTC")
    assert f"until {until} (unblinded by AN" in page
    assert "those that the record locked" in page
    # afterwards nothing is left to do
    assert jobs_run(run(experiment, "-n")) == {}
    # a change after the record is said in the report
    edit_config(config, lambda c: c["outcomes"].update(primary=["spines"]))
    process = run(experiment)
    assert jobs_run(process) == AFTER_COHORT
    page = (experiment / "run/results/report/index.html").read_text()
    assert "Changed since the codes were opened: config.yaml (outcomes.primary)" in page


def test_a_label_reruns_the_cohort_only_and_stays_blind(experiment):
    table = experiment / "lab" / "administrations.tsv"
    rows = rows_of(table)
    rows[1].update(drug="psilocybin", dose_mg_per_kg="1")
    write_table(table, rows)
    process = run(experiment, "-n")
    assert process.returncode == 0, process.stderr[-3000:]
    assert jobs_run(process) == AFTER_COHORT | {"spectra": 1}


def test_switching_blind_off_is_refused_with_the_command_to_run(experiment):
    edit_config(experiment / "lab/config.yaml", lambda c: c["statistics"].update(blind=False))
    process = run(experiment, "-n")
    assert process.returncode != 0
    assert "python -m pipeline unblind" in process.stdout + process.stderr


def test_nothing_changed_nothing_runs(experiment):
    assert jobs_run(run(experiment, "-n")) == {}
