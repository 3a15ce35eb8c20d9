"""The spikes' benchmarks run and write what they say; at toy size, for no time is asserted here."""

from __future__ import annotations

import json
import sys
from dataclasses import replace

import numpy as np
import pytest

from benchmarks import contenders, spikes_outcomes, spikes_peers


@pytest.fixture
def here(monkeypatch):
    """Contenders run in this process: starting one for each would take a minute."""

    def in_process(module, name, folder, *, repeats=1, python=None, **sizes):
        home = {spikes_peers.MODULE: spikes_peers, spikes_outcomes.MODULE: spikes_outcomes}
        return contenders.measure(getattr(home[module], name), folder, **sizes)

    for module in (spikes_peers, spikes_outcomes):
        monkeypatch.setattr(module, "run", in_process)


def written(folder, name):
    content = json.loads((folder / f"{name}.json").read_text())
    assert {"date", "machine", "versions"} <= set(content)
    return content


def small(units=4, seconds=60.0):
    return {
        title: replace(task, units=units, seconds=seconds, loops=1, their_loops=1)
        for title, task in spikes_peers.TASKS.items()
    }


def test_without_the_others_the_pipeline_alone_is_measured(here, tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("PEERS_PYTHON", raising=False)
    spikes_peers.benchmark(tmp_path, tasks=small(), repeats=1, results=tmp_path)
    content = written(tmp_path, "spikes_peers")
    assert set(content["tasks"]) == set(spikes_peers.TASKS)
    assert not any(task["others"] for task in content["tasks"].values())
    assert content["versions"]["theirs"] == {}
    said = capsys.readouterr().out
    assert "PEERS_PYTHON is not set" in said and "| tiling" in said


def test_the_others_are_held_against_what_the_pipeline_found(here, tmp_path, monkeypatch, capsys):
    """Two stand-ins: one finds the same, the other half of it."""

    def stand_in(factor):
        def prepare(folder, *, units, seconds, loops=1):
            found = np.load(folder / "ours_tiling.npy")
            return lambda: spikes_peers._difference(folder, "ours_tiling", factor * found)

        return prepare

    monkeypatch.setattr(spikes_peers, "elephant_tiling", stand_in(1.0))
    monkeypatch.setattr(spikes_peers, "half", stand_in(0.5), raising=False)
    monkeypatch.setattr(spikes_peers, "their_versions", lambda folder: lambda: {"elephant": "0"})
    task = replace(small()["tiling"], others=("elephant_tiling", "half"))
    spikes_peers.benchmark(
        tmp_path, tasks={"tiling": task}, repeats=1, peers=sys.executable, results=tmp_path
    )
    content = written(tmp_path, "spikes_peers")
    others = content["tasks"]["tiling"]["others"]
    assert others["elephant_tiling"]["largest_difference"] == 0.0
    assert others["half"]["largest_difference"] == 0.5  # of the diagonal
    assert content["versions"]["theirs"] == {"elephant": "0"}
    assert "5.0e-01" in capsys.readouterr().out


def test_all_measures_of_a_session(here, tmp_path, monkeypatch):
    from pipeline.steps.sources import Sources

    monkeypatch.setattr(Sources, "__getitem__", Sources.__getitem__)  # put back afterwards
    monkeypatch.setattr(spikes_outcomes, "N_TRIALS", 60)
    sizes = {"units": 12, "channels": 2, "seconds": 360.0, "repeats": 1}
    spikes_outcomes.benchmark(tmp_path, results=tmp_path, **sizes)
    content = written(tmp_path, "spikes_outcomes")
    assert {"locking", "pairs", "groups", "trials"} <= set(content["sources_s"])
    assert {"spike_phase_locking", "firing_rate", "accuracy"} <= set(content["metrics"])
    assert "band_power" not in content["metrics"] and "spectrum" not in content["sources_s"]
    assert content["session"]["units"] == 12
    assert content["cpu_s"] > sum(content["sources_s"].values()) > 0


def test_a_planted_change_and_a_task_are_in_the_session():
    trains = spikes_outcomes.make_trains(8, 900.0)
    rates = np.array([np.histogram(train, [0, 300, 900])[0] / (300, 600) for train in trains])
    assert rates[1::4, 1] / rates[1::4, 0] == pytest.approx(2.0, rel=0.15)
    assert rates[2::4, 1] / rates[2::4, 0] == pytest.approx(0.5, rel=0.15)
    trials = spikes_outcomes.make_trials(3600.0)
    assert len(trials) == spikes_outcomes.N_TRIALS
    inside = trials["t_cue"].between(600, 1200) | trials["t_cue"].between(1800, 2400)
    assert inside.all() and trials["t_cue"].is_monotonic_increasing
