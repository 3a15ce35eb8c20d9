"""What a job asks of a cluster: from the recording, more with each attempt, never from the node."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from experiments import minimal

from benchmarks.contenders import REPOSITORY
from pipeline.experiment import load_experiment
from pipeline.steps.resources import (
    Size,
    cohort_needs,
    extract_needs,
    measure_needs,
    size_of,
    sort_needs,
)

#: 128 channels x 2 h: int16 at 30 kHz, float32 at 1 kHz
LONG = Size(raw_mb=55_296, lfp_mb=3_686.4, hours=2)


def test_time_of_extract_grows_with_the_file_and_its_memory_does_not():
    small, large = extract_needs(Size(raw_mb=12, lfp_mb=1, hours=0.1)), extract_needs(LONG)
    assert small["mem_mb"] == large["mem_mb"]
    # 55,296 MB at 20 MB/s are 46 minutes
    assert large["runtime"] - small["runtime"] == pytest.approx(46, abs=1)


def test_measure_asks_for_a_part_of_the_lfp_and_for_units():
    none = measure_needs(replace(LONG, lfp_mb=0))
    assert measure_needs(LONG)["mem_mb"] - none["mem_mb"] == pytest.approx(3_686.4, abs=1)
    with_units = measure_needs(replace(LONG, units=True))
    assert with_units["mem_mb"] - measure_needs(LONG)["mem_mb"] == 600


@pytest.mark.parametrize("job", ["measure", "extract"])
def test_what_is_asked_for_is_twice_what_was_measured(job):
    """The measured points of docs/scale.md: all fit in with room, and none by a factor of ten."""
    needs = {"measure": measure_needs, "extract": extract_needs}[job]
    path = REPOSITORY / "benchmarks" / "results" / "session_growth.json"
    for row in json.loads(path.read_text())["points"][job]:
        lfp_mb = row["channels"] * row["seconds"] * 1000 * 4 / 1e6
        raw_mb = row["channels"] * row["seconds"] * 30_000 * 2 / 1e6
        size = Size(raw_mb=raw_mb, lfp_mb=lfp_mb, hours=row["seconds"] / 3600, units=True)
        asked = needs(size)
        assert 2 < asked["mem_mb"] * 1.048576 / row["peak_mb"] < 10
        assert asked["runtime"] * 60 > 4 * row["cpu_s"]


@pytest.mark.parametrize("needs", [extract_needs, measure_needs, sort_needs])
def test_a_second_attempt_gets_twice_as_much_and_a_third_four_times(needs):
    first, second, third = (needs(LONG, attempt=attempt) for attempt in (1, 2, 3))
    assert second["mem_mb"] == pytest.approx(2 * first["mem_mb"], abs=2)
    assert third["mem_mb"] == pytest.approx(4 * first["mem_mb"], abs=4)
    assert second["runtime"] == pytest.approx(2 * first["runtime"], abs=3)
    assert all(isinstance(value, int) for value in first.values())


def test_jobs_of_the_cohort_grow_with_the_sessions():
    few, many = cohort_needs(32), cohort_needs(500)
    assert many["mem_mb"] - few["mem_mb"] == 90 * 468
    assert many["runtime"] > few["runtime"]


def test_size_comes_from_the_tables_and_the_files(tmp_path):
    (tmp_path / "s1.dat").write_bytes(bytes(3_000_000))
    sessions = [
        {"session": "s1", "animal": "r1", "start": "2026-03-01T09:00:00", "recording": "s1.dat",
         "recording_format": "neuroscope"},
        {"session": "s2", "animal": "r1", "start": "2026-03-08T09:00:00"},
    ]  # fmt: skip
    channels = [
        {"animal": "r1", "channel": name, "region": "mPFC", "bad": bad}
        for name, bad in (("CH1", "no"), ("CH2", "no"), ("CH3", "yes"))
    ]
    experiment = load_experiment(minimal(tmp_path, sessions=sessions, channels=channels))
    recorded, not_recorded = experiment.included
    size = size_of(experiment, recorded, {})
    # 2 channels that are analysed x 3600 s x 1000 Hz x 4 bytes
    assert size == Size(raw_mb=3.0, lfp_mb=28.8, hours=1.0)
    assert size_of(experiment, not_recorded, {}) == Size(raw_mb=0, lfp_mb=0, hours=1.0)
    sorted_elsewhere = size_of(experiment, replace(recorded, sorting="phy"), {})
    assert sorted_elsewhere == replace(size, units=True)
    # tables that say nothing of channels: not more than all that is on the disk
    assert size_of(experiment, replace(recorded, channels=()), {}).lfp_mb == 3.0
