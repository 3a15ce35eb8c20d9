"""Sorting without a sorter: options, groups, filtered signals, and back to the session clock."""

from __future__ import annotations

import errno

import numpy as np
import probeinterface
import pytest
from pydantic import ValidationError
from scipy import signal

from pipeline.errors import InputError
from pipeline.experiment.sorting_options import (
    SORTERS,
    SortingOptions,
    how_to_install,
    lacking_packages,
)
from pipeline.experiment.spike_options import SpikeOptions
from pipeline.ingest.joining import RecordedProbe, RecordingPart
from pipeline.ingest.lazy import LazyRecording
from pipeline.simulate.randomness import generator
from pipeline.simulate.sorting_sample import (
    SortingSample,
    _templates,
    read_truth,
    simulate_raw,
    write_sorting_sample,
)
from pipeline.spikes import sorting_signals
from pipeline.spikes.sorting import SortedGroup, SortedSession, _failure, sort_probes, units_of
from pipeline.spikes.sorting_groups import SortingGroup, assumed_places, sorting_groups
from pipeline.spikes.sorting_parameters import sorter_parameters
from pipeline.spikes.sorting_score import score_units
from pipeline.spikes.sorting_signals import Joined, crossings_per_s, open_signals, write_signals

RATE = 30_000.0


def recording(values: np.ndarray, *, rate_hz: float = RATE, gain: float = 1.0) -> LazyRecording:
    names = [f"CH{n + 1}" for n in range(values.shape[1])]
    return LazyRecording(
        lambda start, stop: values[start:stop],
        samples=len(values),
        rate_hz=rate_hz,
        channels=names,
        dtype=str(values.dtype),
        gains_uv=gain,
    )


def part(values: np.ndarray, *, at: float = 0.0, **options) -> RecordingPart:
    return RecordingPart("a.dat", "a.dat", "", at, recording(values, **options))


def same_names(one: RecordingPart) -> dict[str, str]:
    return {name: name for name in one.channels}


# --- config --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"run": "spykingcircus"}, "did you mean 'spykingcircus2'?"),
        ({"preprocesing": {}}, "did you mean 'preprocessing'?"),
        ({"preprocessing": {"pass_band_hz": [6000, 300]}}, "smaller than the second"),
        ({"preprocessing": {"pass_band_hz": [1, 300]}}, "100 Hz or more"),
        ({"jobs": 0}, "greater than or equal to 1"),
        ("exsiting", "should be 'existing'"),
    ],
)
def test_a_wrong_word_of_the_config_is_refused(given, said):
    with pytest.raises(ValidationError) as error:
        SpikeOptions.model_validate({"sorting": given})
    assert said in str(error.value)
    assert error.value.error_count() == 1  # of the kind that was meant, not of both


def test_a_sorter_that_lacks_a_package_says_which_and_what_runs_without():
    installed = {"numba", "hdbscan"}
    find = {name: object() for name in installed}.get
    assert lacking_packages("spykingcircus2", find=find) == ()
    assert lacking_packages("lupin", find=find) == ("torch",)
    said = how_to_install("lupin", ("torch",))
    assert "sorting-extra.txt" in said and "spykingcircus2 and simple" in said


def test_what_the_lock_holds_is_enough_for_every_sorter_but_one():
    assert [name for name in SORTERS if lacking_packages(name) not in ((), ("torch",))] == []
    assert lacking_packages(SortingOptions().run) == ()


def test_a_misspelt_parameter_is_refused_with_the_nearest():
    with pytest.raises(InputError, match=r"min_firing_rat: .* \(did you mean 'min_firing_rate'"):
        sorter_parameters("spykingcircus2", {"min_firing_rat": 1})
    with pytest.raises(InputError, match="cleaning: found 3; expected a mapping"):
        sorter_parameters("spykingcircus2", {"cleaning": 3})
    with pytest.raises(InputError, match="has no such parameter"):  # `jobs` is the way to say it
        sorter_parameters("spykingcircus2", {"job_kwargs": {"n_jobs": 4}})


def test_parameters_of_the_lab_replace_single_keys_of_ours():
    given = {"detection": {"method_kwargs": {"detect_threshold": 4}}, "min_firing_rate": 0.5}
    settled = sorter_parameters("spykingcircus2", given, jobs=3)
    assert settled["detection"]["method"] == "locally_exclusive"
    assert settled["detection"]["method_kwargs"]["detect_threshold"] == 4
    assert settled["detection"]["method_kwargs"]["random_slices_kwargs"] == {"seed": 42}
    assert settled["min_firing_rate"] == 0.5
    assert settled["job_kwargs"]["n_jobs"] == 3
    assert settled["cache_preprocessing"] == {"mode": "no-cache"}  # never whole in memory


# --- groups --------------------------------------------------------------------------------------


def test_shanks_of_the_channel_table_are_sorted_apart():
    one = recording(np.zeros((10, 5), dtype="int16"))
    shanks = {"CH1": "a", "CH2": "b", "CH3": "a", "CH4": "b", "CH5": "b"}
    names = {name: name for name in shanks}
    groups = sorting_groups(one, names, shanks=shanks, group_by="shank")
    assert [(g.name, g.channels) for g in groups] == [
        ("a", ("CH1", "CH3")),
        ("b", ("CH2", "CH4", "CH5")),
    ]
    assert not any(g.known for g in groups)
    whole = sorting_groups(one, names, shanks=shanks, group_by="probe")
    assert [(g.name, g.channels) for g in whole] == [("", tuple(names))]


def test_a_probe_states_shanks_and_places():
    one = recording(np.zeros((10, 4), dtype="int16"))
    one.set_property("shank", ["0", "0", "1", "1"])
    one.set_property("location", np.array([[0.0, 0], [0, 20], [250, 0], [np.nan, np.nan]]))
    # The session's names differ from the file's.
    names = {f"p:CH{n}": f"CH{n}" for n in (1, 2, 3, 4)}
    first, second = sorting_groups(one, names, shanks={}, group_by="shank")
    assert first.channels == ("p:CH1", "p:CH2") and first.known
    assert first.places_um.tolist() == [[0, 0], [0, 20]]
    assert not second.known  # one of its channels is on no contact


def test_a_probe_of_the_recording_itself_counts():
    one = recording(np.zeros((10, 4), dtype="int16"))
    probe = probeinterface.generate_multi_shank(
        num_shank=2, num_columns=1, num_contact_per_column=2
    )
    probe.set_device_channel_indices(np.arange(4))
    one.set_probe(probe)
    names = {f"CH{n}": f"CH{n}" for n in (1, 2, 3, 4)}
    groups = sorting_groups(one, names, shanks={}, group_by="shank")
    assert [g.channels for g in groups] == [("CH1", "CH2"), ("CH3", "CH4")]
    assert all(g.known for g in groups)


def test_assumed_places_are_a_square_or_a_column():
    assert assumed_places(4).tolist() == [[0, 0], [20, 0], [0, 20], [20, 20]]
    assert assumed_places(6)[:, 0].tolist() == [0.0] * 6
    assert np.diff(assumed_places(6)[:, 1]).tolist() == [25.0] * 5


# --- signals -------------------------------------------------------------------------------------


def test_signals_are_filtered_as_scipy_filters_the_whole(tmp_path, monkeypatch):
    monkeypatch.setattr(sorting_signals, "BLOCK_VALUES", 1)  # blocks of one second
    rng = np.random.default_rng(3)
    counts = rng.integers(-2000, 2000, (75_000, 2)).astype("int16")
    counts += (3000 * np.sin(2 * np.pi * 8 * np.arange(75_000) / RATE)).astype("int16")[:, None]
    one = part(counts, gain=0.195)
    path = tmp_path / "s.dat"
    joined = write_signals(
        [one], same_names(one), path, pass_band_hz=(300.0, 6000.0), reference="auto"
    )
    sos = signal.butter(5, (300, 6000), "bandpass", fs=RATE, output="sos")
    expected = signal.sosfiltfilt(sos, counts * 0.195, axis=0)
    got = open_signals(path, ["CH1", "CH2"], RATE, {"CH2": (0, 0)}).get_traces(return_in_uV=True)
    # half a count of the file, away from the recording's ends, which each filter pads its way
    assert np.abs(got[3000:-3000, 0] - expected[3000:-3000, 1]).max() < 0.051
    assert joined.clipped == 0 and joined.lengths.tolist() == [75_000]


def test_the_median_over_the_channels_is_subtracted_where_asked(tmp_path):
    rng = np.random.default_rng(4)
    own = rng.normal(0, 5, (30_000, 3)).astype("float32")
    common = rng.normal(0, 100, (30_000, 1)).astype("float32")
    one = part(own + common)
    sizes = {}
    for reference in ("none", "auto", "common_median"):
        path = tmp_path / reference
        write_signals(
            [one], same_names(one), path, pass_band_hz=(300.0, 6000.0), reference=reference
        )
        sizes[reference] = np.fromfile(path, "<i2").std() * sorting_signals.UV_PER_BIT
    assert sizes["none"] == sizes["auto"] > 50  # 3 channels are fewer than 32
    assert sizes["common_median"] < 5


def test_artefacts_beyond_the_file_are_cut_off_and_counted(tmp_path):
    values = np.zeros((30_000, 1), dtype="float32")
    values[15_000] = 1e5
    one = part(values)
    joined = write_signals(
        [one], same_names(one), tmp_path / "s", pass_band_hz=(300.0, 6000.0), reference="none"
    )
    held = np.fromfile(tmp_path / "s", "<i2")
    assert joined.clipped == np.count_nonzero(np.abs(held) == 32767) > 0


def test_rates_that_cannot_be_sorted_are_refused(tmp_path):
    slow = part(np.zeros((100, 2), dtype="int16"), rate_hz=1000.0)
    fast = part(np.zeros((100, 2), dtype="int16"))
    band = {"pass_band_hz": (300.0, 6000.0), "reference": "none"}
    with pytest.raises(InputError, match="found 1000 samples per second; expected more than 12000"):
        write_signals([slow], same_names(slow), tmp_path / "s", **band)
    with pytest.raises(InputError, match=r"a\.dat 30000 Hz, a\.dat 1000 Hz; expected one rate"):
        write_signals([fast, slow], same_names(fast), tmp_path / "s", **band)


def test_parts_whose_clocks_differ_by_millionths_are_one_rate(tmp_path):
    """Rates of Neuralynx files are measured on the rig's clock, those of Neuropixels calibrated."""
    values = np.zeros((3000, 2), dtype="int16")
    parts = [part(values), part(values, at=1.0, rate_hz=30_000.27)]
    joined = write_signals(
        parts, same_names(parts[0]), tmp_path / "s", pass_band_hz=(300.0, 6000.0), reference="none"
    )
    np.testing.assert_allclose(
        joined.session_times(np.array([2999, 5999])), [2999 / 30_000, 1 + 2999 / 30_000.27]
    )


def test_probes_of_other_rates_are_refused_before_anything_is_sorted(tmp_path):
    probes = [
        RecordedProbe(name, (one,), same_names(one))
        for name, one in (
            ("A", part(np.zeros((10, 2), dtype="int16"))),
            ("B", part(np.zeros((10, 2), dtype="int16"), rate_hz=20_000.0)),
        )
    ]
    with pytest.raises(InputError, match="probes of 20000, 30000 Hz; expected one rate"):
        sort_probes(probes, sorter="spykingcircus2", scratch=tmp_path / "s", shanks={})
    assert not (tmp_path / "s").exists()


def test_samples_go_back_to_the_session_clock_with_the_gaps():
    # the clock of the second part runs otherwise
    rates = np.array([10.0, 10.005, 10.0])
    joined = Joined(rates, np.array([0.0, 100.0, 250.5]), np.array([30, 20, 10]))
    samples = np.array([0, 29, 30, 49, 50, 59])
    expected = [0.0, 2.9, 100.0, 100 + 19 / 10.005, 250.5, 251.4]
    assert joined.rate_hz == 10.0
    np.testing.assert_allclose(joined.session_times(samples), expected, rtol=0, atol=1e-12)
    with pytest.raises(ValueError, match="0 to 59"):
        joined.session_times(np.array([60]))


def test_noise_alone_crosses_the_threshold_as_gauss_says(tmp_path):
    rng = np.random.default_rng(5)
    counts = np.round(rng.normal(0, 1000, (900_000, 4))).astype("<i2")
    (tmp_path / "s").write_bytes(counts.tobytes())
    names = ["a", "b", "c", "d"]
    places = {name: (0, 20 * n) for n, name in enumerate(names)}
    noise = open_signals(tmp_path / "s", names, RATE, places)
    # white noise: RATE * P(x < -3) * P(x > -3) a second
    expected = RATE * 0.00134990 * (1 - 0.00134990)
    assert crossings_per_s(noise, threshold=3.0) == pytest.approx(expected, rel=0.05)
    assert crossings_per_s(noise) < 0.05


def test_the_pass_band_keeps_the_width_of_spikes_and_most_of_their_size():
    """What docs/sorting.md says of waveforms: 20 % of the trough, 0.05 ms of the width at most."""
    sample = SortingSample()
    shapes = _templates(sample, list(sample.amplitudes_uv), generator("any"))[..., 0]
    sos = signal.butter(5, (300, 6000), "bandpass", fs=RATE, output="sos")
    for shape in shapes:
        wave = np.pad(shape[:, shape.min(axis=0).argmin()], 600)
        held = signal.sosfiltfilt(sos, wave)
        assert 0.8 < held.min() / wave.min() < 1
        widths = [x[x.argmin() : x.argmin() + 60].argmax() / RATE * 1000 for x in (wave, held)]
        assert 0.4 < widths[0] < 0.8 and abs(widths[1] - widths[0]) < 0.05


# --- units ---------------------------------------------------------------------------------------


def sorted_group(probe: str, name: str, n_units: int) -> SortedGroup:
    return SortedGroup(
        probe,
        SortingGroup(name, ("CH1",), np.zeros((1, 2)), True),
        [np.array([0.5, 1.5])] * n_units,
        ["CH1"] * n_units,
        [np.array([80.0, 90.0])] * n_units,
        np.ones((n_units, 90)) if n_units else np.empty((0, 0)),
        {"snr": np.full(n_units, 5.0)},
    )


@pytest.mark.parametrize(
    ("groups", "names"),
    [
        ([("", "", 2)], ["1", "2"]),
        ([("", "tt1", 1), ("", "tt2", 0), ("", "tt3", 2)], ["tt1:1", "tt3:1", "tt3:2"]),
        ([("", "", 1), ("", "tt1", 1)], ["1", "tt1:1"]),
        ([("left", "", 1), ("right", "", 1)], ["left:1", "right:1"]),
        ([("left", "0", 1), ("left", "1", 1), ("b", "", 1)], ["left:0:1", "left:1:1", "b:1"]),
    ],
)
def test_units_are_named_by_probe_group_and_number(groups, names):
    units = units_of(SortedSession([sorted_group(*group) for group in groups], RATE))
    assert units["unit_id"].values.tolist() == names
    assert units["waveform"].shape == (len(names), 90)
    assert set(units["quality"].values) == {""}


def test_no_units_at_all_are_units_too():
    units = units_of(SortedSession([sorted_group("", "", 0)], RATE))
    assert units.sizes["unit"] == 0 and "snr" in units


def test_a_sorter_that_fails_says_why_and_trouble_of_the_machine_is_told_apart():
    trace = 'Spike sorting error trace:\nTraceback:\n  File "x"\n{}\nYou can inspect the trace'
    bad = _failure(trace.format("ValueError: no clusters"), "simple", "tt1")
    assert isinstance(bad, InputError)
    assert "simple failed on the channels of tt1: ValueError: no clusters" in str(bad)
    assert isinstance(_failure(trace.format("MemoryError"), "simple", ""), MemoryError)
    full = _failure(trace.format("OSError: [Errno 28] No space left on device"), "simple", "")
    assert isinstance(full, OSError) and full.errno == errno.ENOSPC


# --- truth and score -----------------------------------------------------------------------------


def test_the_sample_is_the_same_every_time_and_holds_its_truth(tmp_path):
    sample = SortingSample(seconds=2.0, channels=4, amplitudes_uv=(200.0, 150.0), seed=3)
    first, again = (write_sorting_sample(tmp_path / name, sample) for name in "ab")
    assert first.read_bytes() == again.read_bytes()
    signals, trains = simulate_raw(sample)
    written = np.fromfile(first, "<i2").reshape(-1, 4) * 0.195
    assert np.abs(written - signals).max() <= 0.0976
    for kept, train in zip(read_truth(tmp_path / "a"), trains, strict=True):
        np.testing.assert_allclose(kept, train, rtol=0, atol=6e-7)


def test_the_troughs_of_the_truth_are_where_it_says():
    """Mean of the raw signal around each true time: a trough there, of the declared size."""
    sample = SortingSample(
        seconds=20.0, channels=4, amplitudes_uv=(200.0,), rates_hz=(10.0, 10.0), seed=3,
        background_units=0,
    )  # fmt: skip
    signals, (train,) = simulate_raw(sample)
    at = np.round(train * RATE).astype(int)
    mean = np.mean([signals[i - 30 : i + 60] for i in at if 30 <= i < len(signals) - 60], axis=0)
    mean -= mean[:10].mean(axis=0)
    channel = mean.min(axis=0).argmin()
    assert mean[:, channel].argmin() in (29, 30, 31)
    assert -mean[:, channel].min() == pytest.approx(200, rel=0.1)


def test_a_silent_unit_has_no_spikes_then():
    sample = SortingSample(
        seconds=20.0, channels=4, amplitudes_uv=(200.0, 150.0), silent_s={1: (10.0, 20.0)}
    )
    _, (heard, silenced) = simulate_raw(sample)
    assert np.count_nonzero(heard > 10) > 10
    assert np.count_nonzero(silenced < 10) > 10 and np.count_nonzero(silenced >= 10) == 0


def test_scores_by_hand():
    truth = [np.arange(1.0, 11.0), np.arange(1.25, 11.25), np.arange(1.5, 11.5)]
    # 8 of 10 spikes and 2 that are not its own; all of them, 0.3 ms late; not found.
    found = [np.sort([*truth[0][:8], 20.0, 21.0]), truth[1] + 0.0003]
    scores = score_units(truth, found, ["7", "9"], rate_hz=RATE)
    assert scores["sorted_unit"].tolist() == ["7", "9", ""]
    np.testing.assert_allclose(scores["accuracy"], [8 / 12, 1.0, 0.0])
    np.testing.assert_allclose(scores["precision"], [0.8, 1.0, 0.0])
    np.testing.assert_allclose(scores["recall"], [0.8, 1.0, 0.0])
    nothing = score_units(truth, [], [], rate_hz=RATE)
    assert nothing["accuracy"].tolist() == [0.0, 0.0, 0.0]
