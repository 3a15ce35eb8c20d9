"""The record of a run: what it holds, what it must not hold, what leaves it as it was."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from experiments import minimal

from pipeline.experiment.load import load_experiment as load
from pipeline.steps.measure import COLUMNS
from pipeline.steps.record import fingerprints, recorded_config, recorded_files, run_record
from pipeline.steps.settings import cohort_settings


def observations(**changes) -> pd.DataFrame:
    rows = []
    for session, value in (("s1", 1.0), ("s1", 2.0), ("s2", 3.0)):
        row = dict.fromkeys(COLUMNS, "")
        row |= {"session": session, "value": value, "step": 1, "censored": False}
        rows.append(row | changes)
    return pd.DataFrame(rows, columns=list(COLUMNS))


def with_file(folder: Path, name: str = "rec.edf") -> Path:
    """An experiment whose first session has a recording of 12 bytes."""
    sessions = [
        {
            "session": "s1",
            "animal": "r1",
            "start": "2026-03-01T09:00:00",
            "recording": name,
            "recording_format": "edf",
        },
        {"session": "s2", "animal": "r1", "start": "2026-03-08T09:00:00"},
    ]
    path = minimal(folder, sessions=sessions)
    Path(folder / name).write_text("twelve bytes")
    return path


def record(config: Path) -> dict:
    return run_record(observations(), cohort_settings(load(config)))


def test_it_holds_what_the_run_was_made_of(tmp_path):
    found = record(with_file(tmp_path))
    assert found["config"]["design"]["phases"]["acute"]["seconds"] == [300.0, 1800.0]
    assert found["config"]["lfp"]["rate_hz"] == 1000.0  # a default, not written by the lab
    assert found["files"] == {"s1": [{"file": "rec.edf", "bytes": 12}], "s2": []}
    assert found["seed"] == found["config"]["statistics"]["seed"]
    assert set(found["code"]) == {"extract", "measure", "cohort"}
    assert found["versions"]["numpy"]
    assert found["sessions"]["s2"]["start"] == "2026-03-08T09:00:00"
    assert {row["condition"] for row in found["anchors"].values()} >= {"vehicle", "psilocybin"}
    assert found["observations"]["s1"]["rows"] == 2


def test_a_moved_experiment_has_the_same_record(tmp_path):
    one, other = tmp_path / "here", tmp_path / "there" / "deeper"
    records = [
        json.dumps(record(with_file(folder)), sort_keys=True, allow_nan=False)
        for folder in (one, other)
    ]
    assert records[0] == records[1]
    assert str(tmp_path) not in records[0]


def test_an_absolute_path_leaves_its_folder_behind(tmp_path):
    data = tmp_path / "data" / "rec.edf"
    data.parent.mkdir()
    path = with_file(tmp_path / "lab", str(data))
    found = record(path)
    assert found["files"]["s1"] == [{"file": "rec.edf", "bytes": 12}]
    assert str(tmp_path) not in json.dumps(found)


FILES = {
    "data/r1/a/continuous.dat": ["data/r1/a/continuous.dat", 5, 1],
    "data/r1/structure.oebin": ["data/r1/structure.oebin", 2, 1],
}


@pytest.mark.parametrize(
    ("cell", "place"),
    [("../r1", "data/r1"), ("../r1/structure.oebin", "data/r1/structure.oebin")],
)
def test_files_are_named_as_the_table_names_them(cell, place):
    assert recorded_files([(cell, place)], FILES) == [
        {"file": "../r1/a/continuous.dat", "bytes": 5},
        {"file": "../r1/structure.oebin", "bytes": 2},
    ]


def test_a_file_that_no_cell_leads_to_is_still_listed():
    assert recorded_files([("x", "elsewhere/x")], {"b/c.bin": ["b/c.bin", 1, 1]}) == [
        {"file": "c.bin", "bytes": 1}
    ]


def test_fingerprints_see_values_not_the_order_of_rows():
    plain = fingerprints(observations())
    assert plain == fingerprints(observations().iloc[::-1])
    assert plain["s1"]["sha256"] != plain["s2"]["sha256"]
    moved = observations()
    moved.loc[2, "value"] = 3.0000001
    assert fingerprints(moved)["s1"] == plain["s1"]
    assert fingerprints(moved)["s2"] != plain["s2"]


def test_labels_do_not_enter_the_fingerprint():
    labelled = observations().assign(condition="psilocybin")
    coded = observations().assign(condition="K7")
    assert fingerprints(labelled) == fingerprints(coded)


def test_of_a_blinded_config_nothing_that_names_a_drug_is_kept(tmp_path):
    config = load(minimal(tmp_path)).config
    blind = config.statistics.model_copy(update={"blind": True})
    kept = recorded_config(config.model_copy(update={"statistics": blind}))
    assert "psilocybin" in json.dumps(recorded_config(config))
    assert set(kept) == {"recording", "lfp", "spikes", "movement", "statistics"}
    assert "psilocybin" not in json.dumps(kept)
    assert "saline" not in json.dumps(kept)
