"""Which units of a session the cells of the comparison rest on: the same before and after."""

from types import SimpleNamespace

import numpy as np
import pytest

from pipeline.experiment.spike_options import SpikeOptions
from pipeline.lfp.signal import write_lfp
from pipeline.spikes import save_units, units_dataset
from pipeline.steps.session_data import SessionData, Span, assess, silent_ends, unplaced
from pipeline.steps.sources import cell_sources, interval_sources
from pipeline.steps.spike_sources import SpikeSession

#: seconds of a cell; whole milliseconds, so that counts are known exactly
CELL_S = 400.0
NAMES = ["loud", "quiet", "silenced", "steady"]


def span(context, phase, start_s, seconds=CELL_S):
    return Span(
        context=context,
        phase=phase,
        interval=0,
        start_s=start_s,
        stop_s=start_s + seconds,
        anchor="a1",
        step=1,
        since_dose_zero_s=CELL_S,
    )


CELLS = [
    [span("cage", "baseline", 0.0)],
    [span("maze", "baseline", 400.0)],
    [span("cage", "acute", 800.0)],
    [span("maze", "acute", 1200.0)],
    [span("late", "acute", 1600.0, 30.0)],
]


def session(trains, *, baseline_context="same", cells=CELLS, minimum_epoch_s=60.0):
    names = [f"u{unit}" for unit in range(len(trains))] if len(trains) != 4 else NAMES
    units = units_dataset(trains, names, ["mPFC"] * len(trains))
    data = SimpleNamespace(
        units=units,
        recorded=np.array([[0.0, 2000.0]]),
        options={
            "spikes": SpikeOptions().model_dump(mode="json", exclude={"sorting"}),
            "design": {"minimum_epoch_s": minimum_epoch_s},
            "lfp": {"bands": {}},
        },
        has=lambda name: name == "units",
    )
    quality = SimpleNamespace(kept_units=np.ones(len(trains), bool), artefacts=np.empty((0, 2)))
    return SpikeSession(
        data, quality, cells, baseline_phase="baseline", baseline_context=baseline_context
    )


def at(rates_hz):
    """Evenly spaced spikes in each of the five cells."""
    starts = [0.0, 400.0, 800.0, 1200.0, 1600.0]
    seconds = [CELL_S] * 4 + [30.0]
    pieces = [
        start + (np.arange(round(hz * length)) + 0.5) / max(hz, 1e-9)
        for start, length, hz in zip(starts, seconds, rates_hz, strict=True)
    ]
    return np.concatenate(pieces)


#: by unit, in cage and maze before, cage and maze after, and in a cell too short to be compared
TRAINS = [
    at([5, 5, 5, 5, 5]),
    at([1, 1, 0.1, 1, 1]),  # 40 spikes in the cage after the dose
    at([1, 1, 0, 0, 0]),
    at([1, 1, 1, 1, 0]),
]


def kept(found, cell):
    within = np.vstack([part.intervals for part in CELLS[cell]])
    return found.with_enough(found.units(within), CELLS[cell][0].context, 50).unit_id


def test_a_context_has_the_same_units_before_and_after():
    found = session(TRAINS)
    assert kept(found, 0) == kept(found, 2) == ["loud", "steady"]
    assert kept(found, 1) == kept(found, 3) == ["loud", "quiet", "steady"]


def test_where_one_baseline_serves_all_so_have_all_cells_of_the_session():
    found = session(TRAINS, baseline_context="cage")
    assert [kept(found, cell) for cell in range(4)] == [["loud", "steady"]] * 4


def test_cells_that_nothing_is_compared_with_take_all_that_there_is():
    """`late` is shorter than the minimum: it takes no unit from others, nor do others from it."""
    assert kept(session(TRAINS), 4) == NAMES


def test_lowest_rates_are_those_of_cells_that_are_compared():
    lowest = session(TRAINS).lowest_hz
    assert lowest == pytest.approx({"loud": 5, "quiet": 0.1, "silenced": 0, "steady": 1})
    assert session(TRAINS, minimum_epoch_s=500.0).lowest_hz == {}


def test_units_that_fall_silent_do_not_decorrelate_the_rest():
    """Six units fire together and fall silent, six fire on their own: nothing changes in these."""
    rng = np.random.default_rng(3)
    shared = np.sort(rng.uniform(0, 400, 1200))
    alone = [np.sort(rng.uniform(0, 2000, 6000)) for _ in range(6)]
    together = [np.sort(np.r_[shared, rng.uniform(0, 400, 400)]) for _ in range(6)]
    cells = [[span("cage", "baseline", 0.0)], [span("cage", "acute", 800.0)]]
    found = session(together + alone, cells=cells)
    own = [f"u{unit}" for unit in range(6, 12)]
    for cell in cells:
        makers = found.sources(cell[0].intervals, context="cage", phase=cell[0].phase, split="")
        pairs, groups = makers["pairs"](), makers["groups"]()
        assert pairs.pairs.unit_id == own and groups.groups[0].unit_id == own
        # 1200 of 1600 spikes are shared: 0.75 between the six, and 0.17 with all 12 units
        assert pairs.means["100ms"][0].value == pytest.approx(0, abs=0.02)
        assert pairs.matched["100ms"][0].value == pytest.approx(0, abs=0.02)
        assert groups.groups[0].synchrony == pytest.approx(1, abs=0.15)


def test_limits_of_the_config_hold_in_every_source():
    """A unit of 0.2 Hz is tested for a change unless the config asks for more in the baseline."""
    trains = [np.arange(0.5, 2000, 5.0), np.arange(0.25, 2000, 0.5)]
    found = session(trains)
    found.data.options["spikes"]["modulation"]["permutations"] = 99
    tested = {}
    for least in (0.05, 0.5):
        found.data.options["spikes"]["minimum_baseline_rate_hz"] = least
        makers = found.sources(np.array([[800.0, 1200.0]]), context="cage", phase="acute", split="")
        tested[least] = makers["modulation"]().modulation.unit_id
    assert tested == {0.05: ["u0", "u1"], 0.5: ["u1"]}


def test_time_after_the_last_spike_is_not_left_out_in_silence():
    data = SimpleNamespace(recorded_lfp=False, recorded=np.array([[0.0, 900.0]]))
    epochs = [part for cell in CELLS for part in cell]
    (said,) = silent_ends(data, epochs, least_s=30.0)
    assert "after 900 s (last spike or movement) in acute, cage; acute, late; acute, maze:" in said
    assert silent_ends(data, epochs[:2], least_s=30.0) == []
    data.recorded = np.array([[0.0, 1610.0]])  # the last epoch ends 20 s later
    assert silent_ends(data, epochs, least_s=30.0) == []
    data.recorded, data.recorded_lfp = np.array([[0.0, 900.0]]), True
    assert silent_ends(data, epochs, least_s=30.0) == []


def data_of_units(tmp_path, regions, channels, *, lfp=True):
    """Ten minutes of units of 5 Hz, and an LFP of four channels without a signal."""
    names = [f"u{unit}" for unit in range(len(regions))]
    trains = [np.arange(0.01 * (unit + 1), 600, 0.2) for unit in range(len(regions))]
    save_units(units_dataset(trains, names, regions, channel=channels), tmp_path / "units.nc")
    inputs = {"units": tmp_path / "units.nc"}
    if lfp:
        inputs["lfp"] = tmp_path / "lfp.nc"
        places = dict.fromkeys(("c0", "c1", "c2", "c3"), "CA1")
        noise = np.random.default_rng(4).standard_normal((600 * 250, 4)).astype(np.float32)
        write_lfp(
            inputs["lfp"], [100 * noise], n_samples=len(noise), rate_hz=250.0,
            channels=list(places), region=places, bad=(), pass_band_hz=100.0,
        )  # fmt: skip
    options = {
        "spikes": SpikeOptions().model_dump(mode="json", exclude={"sorting"}),
        "lfp": {"artefact_sd": 6.0, "bands": {}, "segment_s": 4.0, "half_bandwidth_hz": 1.0},
        "recording": {"line_noise_hz": None},
        "movement": {"zones": {}},
        "design": {"baseline_context": "same"},
    }
    return SessionData(inputs, options)


def test_units_without_a_region_or_a_channel_are_counted_once_per_session(tmp_path):
    data = data_of_units(tmp_path, ["CA1", "CA1", "", "CA1"], ["c0", "", "c1", "c3"])
    found = assess(data, [span("cage", "baseline", 0.0, 300.0)], data.options)
    assert found.kept_units.tolist() == [True, True, False, True]
    assert found.facts["n_units_kept"] == 3 and found.facts["units_left_out"] == {"u2": "no region"}
    (region,) = (said for said in found.warnings if "region" in said)
    assert region.startswith("units: 1 of 4 unit(s) without a region are left out of all outcomes")
    assert found.facts["units_of_unknown_channel"] == 1


@pytest.mark.parametrize("channels", [None, ["c0", "c1"]])
def test_channels_are_asked_for_where_an_lfp_gives_phases(tmp_path, channels):
    data = data_of_units(tmp_path, ["CA1", "CA1"], channels, lfp=False)
    assert unplaced(data, np.ones(2, bool)) == {}
    data = data_of_units(tmp_path, ["CA1", "CA1"], channels)
    unknown = {"units_of_unknown_channel": 2} if channels is None else {}
    assert unplaced(data, np.ones(2, bool)) == unknown
    assert unplaced(data, np.zeros(2, bool)) == {}


def test_a_baseline_that_each_step_lists_is_one_baseline(tmp_path):
    """Two doses of one session share the baseline before the first."""
    data = data_of_units(tmp_path, ["CA1", "CA1"], ["c0", "c1"], lfp=False)
    once = [span("cage", "baseline", 0.0, 150.0), span("maze", "baseline", 200.0, 100.0)]
    twice = assess(data, [*once, *once], data.options)
    alone = assess(data, once, data.options)
    assert twice.judged_units.identical(alone.judged_units)
    assert twice.judged_units["baseline_rate_hz"].values == pytest.approx([5.0, 5.0])


def test_phases_of_learning_have_power_rates_and_locking_only(tmp_path):
    """They are short: what needs longer stretches is measured in whole cells."""
    data = data_of_units(tmp_path, ["CA1", "CA1"], ["c0", "c1"])
    baseline = [span("cage", "baseline", 0.0, 300.0)]
    quality = assess(data, baseline, data.options)
    cells = [baseline]
    spikes = SpikeSession(data, quality, cells, baseline_phase="baseline", baseline_context="same")
    within = np.array([[0.0, 300.0]])

    def names(split):
        alone = interval_sources(within, data, quality, split=split, spikes=spikes)
        pooled = cell_sources(within, data, quality, split=split, cell=baseline[0], spikes=spikes)
        return set(alone) | set(pooled)

    assert names("learning") == {"spectrum", "quality", "units", "locking"}
    assert {"shape", "coupling", "pairs"} < names("movement") < names("")
