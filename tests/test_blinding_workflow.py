"""A blind run from recordings to report: no name in any file, then the codes are opened."""

from __future__ import annotations

import gzip
import json
import re
import zipfile
import zlib
from pathlib import Path

import h5py
import pandas as pd
import pyarrow.parquet
import pytest
from mini import write_full
from workflow_runs import (
    AFTER_COHORT,
    AFTER_DESIGN,
    copied,
    edit_cells,
    edit_config,
    finished_run,
    jobs_run,
    planned,
    refusal,
    run,
)

from pipeline.__main__ import main

pytestmark = pytest.mark.workflow

#: conditions, drugs and routes of the experiment below; nothing of the pipeline is called so
NAMES = ("psilocybin", "saline", "controlgroup", "activegroup", "ketanserin", "subcutaneous")


def contents(path: Path) -> str:
    """All that can be read in a file: its bytes, decompressed, tables and attributes as text."""
    raw = path.read_bytes()
    found = [raw]
    if path.suffix == ".gz":
        found.append(gzip.decompress(raw))
    elif path.suffix == ".xlsx":
        with zipfile.ZipFile(path) as archive:
            found += [archive.read(name) for name in archive.namelist()]
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
    return finished_run(tmp_path_factory.mktemp("blind"), write_full, blind=True)


@pytest.fixture
def experiment(finished, tmp_path):
    return copied(finished, tmp_path / "x")


def test_no_name_stands_in_any_file_of_a_blind_run(finished):
    results = finished / "run" / "results"
    kinds = {path.suffix for path in results.rglob("*") if path.is_file()}
    assert kinds >= {".nc", ".parquet", ".gz", ".tsv", ".json", ".html", ".svg", ".pdf", ".log"}
    assert kinds >= {".xlsx", ".png"}
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
    assert jobs_run(process) == AFTER_DESIGN
    found = naming(experiment / "run" / "results")
    for name in ("observations.parquet", "observations.tsv.gz", "outcomes.tsv", "run.json"):
        assert "activegroup" in found[f"cohort/{name}"], name
    assert "activegroup" in found["report/tables.xlsx"]
    assert set(found["report/index.html"]) == set(NAMES)
    assert not [path for path in found if path.startswith("sessions/")]
    page = (experiment / "run/results/report/index.html").read_text()
    record = json.loads((experiment / "lab/unblinding.json").read_text())
    until = record["unblinded_at"].replace("T", " ").replace("Z", " UTC")
    assert f"until {until} (unblinded by AN" in page
    assert "those that the record locked" in page
    # afterwards nothing is left to do
    assert planned(experiment) == {}
    # a change after the record reaches the report, which says so (tests/test_blinding.py)
    edit_config(experiment, lambda c: c["outcomes"].update(primary=["spines"]))
    assert planned(experiment) == AFTER_COHORT


def test_a_label_reruns_the_cohort_only_and_stays_blind(experiment):
    edit_cells(experiment, "administrations", 1, drug="psilocybin", dose_mg_per_kg="1")
    assert planned(experiment) == AFTER_DESIGN


def test_switching_blind_off_is_refused_with_the_command_to_run(experiment):
    edit_config(experiment, lambda c: c["statistics"].update(blind=False))
    assert "python -m pipeline unblind" in refusal(experiment)


def test_nothing_changed_nothing_runs(finished):
    assert planned(finished) == {}
