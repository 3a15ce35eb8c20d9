"""The default sorter on spikes that are known: accuracy, identity across a silence, same bytes.

One sort costs some 20 s of CPU, most of it the compilation of the sorter's inner loops, which the
second sort does not pay again: everything here rests on two sorts of one session.
"""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.experiment.sorting_options import SortingOptions
from pipeline.simulate.sorting_sample import SortingSample, simulate_raw, write_sorting_sample
from pipeline.spikes import load_units
from pipeline.spikes.sorting_score import score_units
from pipeline.spikes.units import unit_trains
from pipeline.steps.sort import sort

#: the second half of the session, 10 s, was recorded after 300 s without recording
HALF_S, GAP_S = 10.0, 300.0
#: the drug silences this unit; its largest neighbour goes on
SILENCED = 2
SAMPLE = SortingSample(
    seconds=2 * HALF_S,
    channels=8,
    amplitudes_uv=(75.0, 100.0, 130.0, 170.0, 220.0),
    rates_hz=(6.0, 14.0),
    silent_s={SILENCED: (HALF_S, 2 * HALF_S)},
    seed=11,
)


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    """Both halves as files of their own, sorted twice: with one thread and with two."""
    folder = tmp_path_factory.mktemp("sorting")
    raw = write_sorting_sample(folder / "whole", SAMPLE)
    counts = np.fromfile(raw, "<i2")
    recordings = []
    for name, values, at in zip("ab", np.split(counts, 2), (0.0, HALF_S + GAP_S), strict=True):
        (folder / name).mkdir()
        values.tofile(folder / name / "raw.dat")
        for beside in ("raw.dat.json", "probe.json"):
            (folder / name / beside).write_bytes((raw.parent / beside).read_bytes())
        path = str(folder / name / "raw.dat")
        recordings.append(
            {"path": path, "format": "binary", "starts_at_s": at, "label": "", "stream": ""}
        )
    settings = {
        "session": "s1",
        "recordings": recordings,
        "channels": [],
        "stream": "",
        "sorting": SortingOptions().model_dump(mode="json", exclude={"jobs"}),
    }
    outcomes = [
        sort(settings=settings, outputs={"sorted": folder / f"{jobs}.nc"}, jobs=jobs)
        for jobs in (1, 2)
    ]
    _, truth = simulate_raw(SAMPLE)
    on_clock = [np.where(train < HALF_S, train, train + GAP_S) for train in truth]
    return folder, on_clock, outcomes[0]


def test_well_detected_units_are_found(session):
    """All units of 75 uV and more, 7 times the noise: 0.8 on average, the floor that is promised.

    The demo's recordings of other seeds show what is lost below that: small units, and those that
    lie beside one of a similar shape.
    """
    folder, truth, outcome = session
    units = load_units(folder / "1.nc")
    names = units["unit_id"].values.tolist()
    scores = score_units(truth, unit_trains(units), names, rate_hz=SAMPLE.rate_hz)
    assert scores["accuracy"].mean() >= 0.8
    assert outcome.facts["sorting_groups"][0]["places"] == "probe"
    assert outcome.warnings == ()


def test_a_unit_that_falls_silent_keeps_its_name_and_so_do_the_others(session):
    folder, truth, _ = session
    units = load_units(folder / "1.nc")
    trains = dict(zip(units["unit_id"].values.tolist(), unit_trains(units), strict=True))
    halves = [(0.0, HALF_S), (HALF_S + GAP_S, 2 * HALF_S + GAP_S)]
    names = []
    for start, stop in halves:
        true_here = [train[(train >= start) & (train < stop)] for train in truth]
        here = {name: train[(train >= start) & (train < stop)] for name, train in trains.items()}
        scores = score_units(true_here, list(here.values()), list(here), rate_hz=SAMPLE.rate_hz)
        names.append(scores["sorted_unit"].tolist())
    others = [unit for unit in range(len(truth)) if unit != SILENCED]
    assert len(truth[SILENCED][truth[SILENCED] > HALF_S]) == 0
    assert all(names[0]) and len(set(names[0])) == len(truth)
    assert [names[0][unit] for unit in others] == [names[1][unit] for unit in others]
    silenced = trains[names[0][SILENCED]]
    before, after = (np.count_nonzero((silenced >= a) & (silenced < b)) for a, b in halves)
    assert before > 50 and after <= 0.02 * before


def test_the_session_is_sorted_to_the_same_bytes_whatever_the_threads(session):
    folder, _, _ = session
    assert (folder / "1.nc").read_bytes() == (folder / "2.nc").read_bytes()
    assert sorted(path.name for path in folder.glob("*")) == ["1.nc", "2.nc", "a", "b", "whole"]


def test_channel_size_and_waveform_are_the_true_ones(session):
    folder, truth, _ = session
    units = load_units(folder / "1.nc")
    names = units["unit_id"].values.tolist()
    scores = score_units(truth, unit_trains(units), names, rate_hz=SAMPLE.rate_hz)
    signals, own = simulate_raw(SAMPLE)
    for row, train in zip(scores.itertuples(), own, strict=True):
        position = names.index(row.sorted_unit)
        at = np.round(train * SAMPLE.rate_hz).astype(int)
        at = at[(at > 40) & (at < len(signals) - 40)]
        mean = np.mean([signals[i - 20 : i + 30] - signals[i - 20 : i - 12].mean() for i in at], 0)
        # of the true spikes in the raw signal
        assert units["channel"].values[position] == f"CH{mean.min(axis=0).argmin() + 1}"
        wave = units["waveform"].values[position]
        # The pass band takes its share; true spikes that overlap with others blur the raw mean.
        assert 0.7 < wave.min() / mean.min() < 1.05
        spikes = units["amplitude"].values[units["spike_unit"].values == position]
        assert np.median(spikes) == pytest.approx(-wave.min(), rel=0.08)
        assert units["snr"].values[position] > 5
        assert units["isi_violations_ratio"].values[position] < 0.1
