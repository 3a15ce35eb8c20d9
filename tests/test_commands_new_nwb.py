"""``new --from`` proposes what an NWB file says of its session, on the session's clock."""

from __future__ import annotations

import csv
from datetime import UTC, datetime
from pathlib import Path

import h5py
import numpy as np
import pytest
from pynwb import NWBHDF5IO
from pynwb.epoch import TimeIntervals

from pipeline.__main__ import main
from pipeline.commands.new_nwb import MOST_ROWS
from pipeline.commands.new_propose import session_names
from pipeline.simulate.writers import write_nwb

SEED = 20261121
#: the file's clock at the first sample
ZERO_S = 8.734
SECONDS = 60


def rows_of(path):
    with path.open() as stream:
        return list(csv.DictReader(stream, delimiter="\t"))


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """One mouse's file, with contexts and a dose inside, proposed."""
    top = tmp_path_factory.mktemp("nwb")
    path = top / "raw" / "sub-M01" / "sub-M01_ses-1.nwb"
    signals = np.random.default_rng(SEED).normal(0, 50, (SECONDS * 500, 2)).astype(np.float32)
    units = [{"spike_times": ZERO_S + np.arange(1.0, SECONDS), "region": "CA1", "unit_id": "u"}]
    write_nwb(
        path, signals_uv=signals, rate_hz=500, channels=["a", "b"], regions=["mPFC", "unknown"],
        session_start=datetime(2026, 3, 2, 13, 15, tzinfo=UTC), identifier="x", subject_id="M 01",
        units=units,
    )  # fmt: skip
    with NWBHDF5IO(path, "a") as io:
        file = io.read()
        file.add_epoch(ZERO_S, ZERO_S + 30, ["home_cage"])
        file.add_epoch(ZERO_S + 32, ZERO_S + 60, ["open_field", "second"])
        doses = TimeIntervals(name="injections", description="d")
        doses.add_column("compound", "c")
        doses.add_column("mg_per_kg", "c")
        doses.add_interval(
            start_time=ZERO_S + 30, stop_time=ZERO_S + 31, compound="ketamine", mg_per_kg=10.0
        )
        file.add_time_intervals(doses)
        licks = TimeIntervals(name="licks", description="d")
        for n in range(MOST_ROWS + 1):
            licks.add_interval(start_time=ZERO_S + n / 10, stop_time=ZERO_S + n / 10 + 0.05)
        file.add_time_intervals(licks)
        file.add_trial(ZERO_S + 1, ZERO_S + 2)
        io.write(file)
    with h5py.File(path, "a") as file:  # the writer begins at 0 and knows no sex
        file["acquisition/ElectricalSeries/starting_time"][()] = ZERO_S
        if "general/subject/sex" in file:
            del file["general/subject/sex"]
        file["general/subject/sex"] = "F"
    assert main(["new", str(top / "lab"), "--from", str(top / "raw")]) == 0
    return top / "lab"


def test_intervals_are_listed_from_the_first_sample(lab):
    found = rows_of(lab / "intervals_found.tsv")
    assert [tuple(row.values()) for row in found] == [
        ("sub-M01_ses-1", "home_cage", "0.000", "30.000", "intervals/epochs"),
        ("sub-M01_ses-1", "open_field, second", "32.000", "60.000", "intervals/epochs"),
        ("sub-M01_ses-1", "compound ketamine; mg_per_kg 10", "30.000", "31.000",
         "intervals/injections"),
    ]  # fmt: skip


def test_animal_sex_start_and_regions_are_proposed(lab):
    (session,) = rows_of(lab / "sessions.tsv")
    assert (session["animal"], session["sex"]) == ("M_01", "F")
    assert session["start"] == "2026-03-02T13:15:08"  # of the first sample, not of the file
    assert [row["animal"] for row in rows_of(lab / "administrations.tsv")] == ["M_01"]
    channels = [(row["channel"], row["region"]) for row in rows_of(lab / "channels.tsv")]
    assert channels == [("a", "mPFC"), ("b", "")]


def test_it_is_told_what_lies_in_the_file(lab, tmp_path, capsys):
    main(["new", str(tmp_path / "again"), "--from", str(lab.parent / "raw")])
    said = capsys.readouterr().out
    assert "first sample at 8.734 s of the file's clock: this is 0 in all tables" in said
    assert "intervals/epochs 2, intervals/injections 1, intervals/licks 201 (too many" in said


def test_the_check_counts_spikes_from_the_first_sample_too(lab, capsys):
    def fill(name, **cells):
        rows = [row | cells for row in rows_of(lab / f"{name}.tsv")]
        text = "\n".join("\t".join(row.values()) for row in [dict(zip(rows[0], rows[0])), *rows])  # noqa: B905
        (lab / f"{name}.tsv").write_text(text + "\n")

    fill("administrations", time_s="30", drug="saline")
    fill("contexts", context="home_cage")
    fill("channels", region="mPFC")
    main(["check", str(lab / "config.yaml")])
    assert "the last spike at" not in capsys.readouterr().out
    # the same units as another file's: 67 s of its own clock in a recording of 60 s
    fill("sessions", sorting="copy.nwb")
    (lab / "copy.nwb").write_bytes(next((lab.parent / "raw").rglob("*.nwb")).read_bytes())
    main(["check", str(lab / "config.yaml")])
    assert "the last spike at 67.7 s" in capsys.readouterr().out


def test_a_folder_that_the_file_repeats_is_named_once():
    paths = [Path("/raw/sub-M01/sub-M01_ses-1.nwb"), Path("/raw/rat1/rat10.nwb"), Path("/raw/a/a")]
    assert session_names(paths, base=Path("/raw")) == [
        "sub-M01_ses-1_nwb", "rat1_rat10_nwb", "a"
    ]  # fmt: skip
