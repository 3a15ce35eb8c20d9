"""Every unit is judged by its label, the baseline, and limits set beforehand; never by the drug."""

import numpy as np
import pytest
from convert_real import wmaze_spikes

from pipeline.errors import InputError
from pipeline.experiment.spike_options import SpikeOptions
from pipeline.spikes import units_dataset
from pipeline.spikes.judgement import judge_units

BASELINE = [[0.0, 600.0]]
AFTER = [[[700.0, 1300.0]]]


def options(**changed):
    return SpikeOptions(**changed).model_dump()


def neuron(rate_hz, start=0.0, stop=1300.0, seed=0, refractory_s=0.004):
    rng = np.random.default_rng(seed)
    gaps = refractory_s + rng.exponential(
        1 / rate_hz - refractory_s, int(rate_hz * (stop - start) * 2)
    )
    times = start + np.cumsum(gaps)
    return times[times < stop]


def judge(trains, *, baseline=BASELINE, epochs=AFTER, config=None, by_context=None, **more):
    more = {"region": ["mPFC"] * len(trains)} | more
    dataset = units_dataset(trains, [f"u{index}" for index in range(len(trains))], **more)
    return judge_units(
        dataset,
        baseline,
        options=config or options(),
        epochs=epochs,
        recorded=[[0.0, 1300.0]],
        by_context=by_context,
    )


def test_a_unit_of_one_context_counts():
    """Silent in the other context's baseline: that is what an experiment on contexts looks for."""
    one = neuron(5.0, stop=300.0)
    contexts = [[[0.0, 300.0]], [[300.0, 600.0]]]
    found = judge([one, neuron(5.0), [100.0]], by_context=contexts)
    assert found.keep.values.tolist() == [True, True, False]
    assert found.presence_ratio.values.tolist() == pytest.approx([1.0, 1.0, 0.2])
    assert found.baseline_rate_hz.values[0] == pytest.approx(len(one) / 300)
    # together the two contexts would leave it out
    whole = judge([one, neuron(5.0), [100.0]])
    assert whole.keep.values.tolist() == [False, True, False]
    # a context too short to be judged in lets nobody through
    short = judge([one, [100.0]], by_context=[*contexts, [[600.0, 620.0]]], baseline=[[0, 620]])
    assert short.keep.values.tolist() == [True, False]


def test_a_steady_unit_of_the_least_rate_is_present():
    """20 minutes of 0.05 Hz: 60-s bins, 95 % of which hold a spike, keep 9 units in 10."""
    trains = [neuron(0.05, stop=1200.0, seed=seed, refractory_s=0.0) for seed in range(200)]
    config = options() | {"minimum_baseline_rate_hz": 0.0}
    found = judge(trains, baseline=[[0.0, 1200.0]], config=config)
    assert 0.85 < found.keep.values.mean() < 0.98


def test_units_sorted_from_some_recordings_do_not_count_where_others_are_compared():
    """Baseline in one recording, drug in another, sorted apart: no unit was silenced."""
    spans = {"sorted_from_s": [0.0, 650.0, np.nan], "sorted_until_s": [600.0, 1300.0, np.nan]}
    trains = [neuron(5.0, stop=600.0), neuron(5.0, start=650.0), neuron(5.0)]
    found = judge(trains, metrics=spans)
    assert found.keep.values.tolist() == [False, False, True]
    assert found.reason.values[0].startswith("sorted from 0 to 600 s only")
    # where nothing else is compared, the units of the one recording count
    assert judge(trains, metrics=spans, epochs=[]).keep.values.tolist() == [True, False, True]


def test_every_reason_is_given():
    # u1: label, presence and rate; u2: silenced after the baseline, which is data
    found = judge(
        [neuron(5.0), [100.0], neuron(5.0, stop=600.0, seed=1)], quality=["good", "mua", "good"]
    )
    assert found.keep.values.tolist() == [True, False, True]
    assert found.reason.values.tolist() == [
        "",
        "labelled mua; present in 0.10 of the baseline, below 0.9; 0.00167 Hz in the baseline, "
        "below 0.05",
        "",
    ]
    assert found.n_spikes.values.tolist()[1] == 1
    assert found.rate_hz.values[1] == pytest.approx(1 / 1300)
    assert found.baseline_rate_hz.values[1] == pytest.approx(1 / 600)
    assert found.attrs["notes"] == "" and not found.drifting.values.any()


def test_nothing_behind_the_baseline_decides():
    """Silence, a thousand spikes a second, and bursts without refractory period change nothing."""
    before = neuron(5.0, stop=600.0)
    rng = np.random.default_rng(5)
    wild = np.sort(rng.uniform(600, 1300, 200_000))
    found = judge([before, np.concatenate([before, wild])])
    assert found.keep.values.tolist() == [True, True]
    assert found.contamination.values[0] == found.contamination.values[1] == 0.0
    assert found.baseline_rate_hz.values[0] == found.baseline_rate_hz.values[1]


def test_rate_limit_is_the_baselines():
    slow = np.arange(1.0, 600, 25.0)  # 0.04 Hz
    enough = np.arange(1.0, 600, 20.0)  # 0.05 Hz
    config = options(minimum_baseline_presence=0)
    assert judge([slow, enough], config=config).keep.values.tolist() == [False, True]
    config = options(minimum_baseline_presence=0, minimum_baseline_rate_hz=0)
    assert judge([slow, enough], config=config).keep.values.all()


def test_contaminated_units_are_left_out_unless_not_judged():
    mixture = np.sort(np.concatenate([neuron(10, seed=1), neuron(10, seed=2), neuron(10, seed=3)]))
    clean = neuron(10, seed=4)
    found = judge([mixture, clean])
    assert found.keep.values.tolist() == [False, True]
    assert found.reason.values[0].startswith("contamination at least 0.50, above 0.5 (")
    assert found.contamination_at_least.values.tolist() == [True, False]
    config = options(maximum_contamination=None)
    assert judge([mixture, clean], config=config).keep.values.all()
    stricter = judge([np.sort(np.concatenate([neuron(18, seed=6), neuron(2, seed=7)]))],
                     config=options(maximum_contamination=0.02))  # fmt: skip
    assert 0.05 < stricter.contamination.values[0] < 0.2 and not stricter.keep.values.any()


def test_few_violations_by_chance_do_not_leave_a_unit_out():
    # 300 spikes in 600 s: (2 ms) 300^2 / 600 s = 0.3 short intervals of unrelated spikes
    times = np.arange(300) * 2.0 + 0.5
    times[1] = times[0] + 0.001
    found = judge([times])
    assert found.contamination_at_least.values[0] and found.keep.values[0]
    for index in (11, 21, 31):
        times[index] = times[index - 1] + 0.001
    assert not judge([times]).keep.values[0]


def test_units_at_the_limit_are_rarely_left_out():
    """Half and half is the largest share accepted: at most 1 in 20 such units goes, by design."""
    trains = []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        halves = [np.sort(rng.uniform(0, 600, 600)) for _ in range(2)]
        # a refractory period within each half, none between them
        halves = [half[np.diff(half, prepend=-1) > 0.002] for half in halves]
        trains.append(np.sort(np.concatenate(halves)))
    found = judge(trains, epochs=())
    left_out = ~found.keep.values
    # 200 units at 5 %: 10 expected, 99.9 % range up to 21
    assert left_out.sum() <= 21 and found.contamination_at_least.values.mean() > 0.2


def test_junk_is_left_out_with_its_reason_even_where_contamination_is_not_judged():
    rng = np.random.default_rng(0)
    junk = np.sort(rng.uniform(0, 1300, 130_000))
    fast = neuron(60, seed=1)
    found = judge([junk, fast], config=options(maximum_contamination=None))
    assert found.junk.values.tolist() == [True, False] == (~found.keep.values).tolist()
    assert found.reason.values[0].startswith("junk: 100 spikes/s on average, more than 50")


def test_dead_time_of_the_detector_is_that_of_the_baselines_spikes_of_all_units():
    """A tetrode system sees no spike within 1.4 ms: violations between 1.4 and 2 ms count more."""
    rng = np.random.default_rng(0)
    times = np.sort(rng.uniform(0, 1300, 40_000))
    times = times[np.diff(times, prepend=-1) > 0.0014]
    found = judge([times])
    assert found.contamination_at_least.values[0] and not found.keep.values[0]
    # two spikes of another unit within 0.1 ms after the dose are nothing behind the baseline either
    after = judge([times, np.array([1000.0, 1000.0001])])
    assert after.reason.values[0] == found.reason.values[0]


def test_session_without_baseline_says_what_was_not_judged():
    found = judge([neuron(5.0), [1.0]], baseline=np.empty((0, 2)))
    assert found.keep.values.all() and np.isnan(found.baseline_rate_hz.values).all()
    assert found.attrs["notes"] == "no baseline: presence and rate of the units not judged"
    assert np.isfinite(found.contamination.values[0])
    short = judge([neuron(5.0)], baseline=[[0.0, 20.0]])
    assert short.attrs["notes"] == "no baseline of 60 s: presence of the units not judged"


def test_drift_is_a_flag_and_no_reason():
    trains = [neuron(5.0, seed=seed) for seed in range(4)]
    factors = (1.3, 1.1, 0.5, 1.0)
    sizes = [np.where(t < 600, -80.0, -80.0 * f) for t, f in zip(trains, factors, strict=True)]
    sizes[3][::2] = np.nan  # unknown spikes are passed over
    found = judge(trains, amplitude=sizes)
    np.testing.assert_allclose(found.amplitude_change.values, [0.3, 0.1, -0.5, 0.0], atol=1e-6)
    assert found.drifting.values.tolist() == [True, False, True, False]
    assert found.keep.values.all() and not found.reason.values.astype(bool).any()
    silenced = judge([neuron(5.0, stop=600.0)], amplitude=[np.ones(len(neuron(5.0, stop=600.0)))])
    assert np.isnan(silenced.amplitude_change.values[0]) and not silenced.drifting.values[0]


def test_baseline_inside_the_epochs_is_not_what_follows():
    train = neuron(5.0)
    sizes = [np.where(train < 600, 80.0, 120.0)]
    epochs = [[[0.0, 600.0]], [[700.0, 900.0]], [[800.0, 1300.0]]]
    assert judge([train], amplitude=sizes, epochs=epochs).amplitude_change.values[0] == 0.5


def spike_shape(trough_to_peak_ms, rate_hz=30_000.0, n_samples=90):
    at = np.arange(n_samples) - 30
    peak = trough_to_peak_ms * rate_hz / 1000
    return 0.4 * np.exp(-0.5 * ((at - peak) / 2) ** 2) - np.exp(-0.5 * (at / 1.2) ** 2)


def test_waveform_classes_with_a_grey_zone_and_shorter_waveforms():
    rows = np.full((5, 90), np.nan)
    for row, width in zip(rows, (0.25, 0.45, 0.7), strict=False):
        row[:] = spike_shape(width)
    rows[3, :70] = spike_shape(0.3)[:70]
    found = judge([neuron(5.0)] * 5, waveform=rows, waveform_rate_hz=30_000.0)
    assert found.waveform_class.values.tolist() == ["narrow", "grey", "wide", "narrow", "unknown"]
    expected = [0.25, 0.45, 0.7, 0.3, np.nan]
    np.testing.assert_allclose(found.trough_to_peak_ms.values, expected, atol=0.02)
    config = options(narrow_below_ms=0.46, wide_above_ms=0.46)
    moved = judge([neuron(5.0)] * 5, waveform=rows, waveform_rate_hz=30_000.0, config=config)
    assert moved.waveform_class.values[1] == "narrow"
    slow = judge([neuron(5.0)] * 5, waveform=rows, waveform_rate_hz=10_000.0)
    assert set(slow.waveform_class.values) == {"unknown"}


def test_limits_of_the_sortings_metrics():
    metrics = {"snr": [2.0, 8.0, np.nan], "drift_um": [3.0, 30.0, 4.0]}
    config = options(minimum={"snr": 3.0}, maximum={"drift_um": 20.0})
    found = judge([neuron(5.0)] * 3, metrics=metrics, config=config)
    assert found.reason.values.tolist() == ["snr 2, below 3", "drift_um 30, above 20", ""]
    assert found.attrs["notes"] == "snr unknown of 1 unit(s): not judged"
    without = judge([neuron(5.0)], config=config)
    assert without.keep.values.all()
    assert without.attrs["notes"].count("the sorting has no metrics") == 2
    with pytest.raises(InputError, match=r"limit of 'sn' \(did you mean 'snr'\?\)"):
        judge([neuron(5.0)] * 3, metrics=metrics, config=options(minimum={"sn": 3.0}))


def test_units_without_a_region_are_left_out_and_counted_once():
    trains = [neuron(5.0, seed=seed) for seed in range(4)]
    found = judge(trains, region=["mPFC", "", "CA1", ""])
    assert found.keep.values.tolist() == [True, False, True, False]
    assert found.reason.values.tolist() == ["", "no region", "", "no region"]
    assert found.attrs["notes"].startswith("2 of 4 unit(s) without a region are left out of all")


@pytest.mark.parametrize("trains", [[], [[], []]])
def test_no_units_and_no_spikes(trains):
    found = judge(trains)
    assert found.sizes.get("unit", 0) == len(trains) and not found.keep.values.any()
    dataset = units_dataset(trains, list("ab")[: len(trains)])
    assert np.isnan(judge_units(dataset, BASELINE, options=options()).rate_hz.values).all()


def test_overlapping_baselines_are_refused():
    with pytest.raises(InputError, match="overlap"):
        judge([[1.0]], baseline=[[0, 10], [5, 20]])


@pytest.mark.real
def test_the_junk_cluster_of_a_real_session_is_found(real_data):
    """One of 25 clusters of a W-maze session holds 461464 spikes that nobody could sort."""
    trains = wmaze_spikes(real_data / "nelpy_rat_units" / "w-maze" / "spikes.mat")
    start, stop = min(t[0] for t in trains), max(t[-1] for t in trains) + 1
    names = [str(index) for index in range(len(trains))]
    dataset = units_dataset(trains, names, ["CA1"] * len(trains))
    found = judge_units(
        dataset, [[start, start + 900]], options=options(), recorded=[[start, stop]]
    )
    assert found.n_spikes.values[found.junk.values].tolist() == [461464]
    assert not found.keep.values[found.junk.values].any()
    assert int(found.keep.sum()) == 12 and len(trains) == 25
    mixed = [why for why in found.reason.values if why.startswith("contamination at least 0.50")]
    assert len(mixed) == 3  # the other 9 are too silent in the first 15 minutes
