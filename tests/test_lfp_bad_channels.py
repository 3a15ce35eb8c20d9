"""Bad channels: planted ones are found, good ones are left alone, simulated and real."""

from __future__ import annotations

import gzip
import io
import tracemalloc

import numpy as np
import pytest
from spikeinterface.core import NumpyRecording

from pipeline.errors import InputError
from pipeline.ingest.joining import RecordedProbe, RecordingPart
from pipeline.intervals import total_seconds
from pipeline.lfp import lfp_array, open_lfp
from pipeline.lfp.artefacts import find_artefacts
from pipeline.lfp.bad_channels import find_bad_channels, in_runs, survey_channels
from pipeline.lfp.signal import good_channels, write_lfp
from pipeline.simulate.signals import shaped_noise
from pipeline.steps.extract_quality import check_lfp, saturated_parts
from pipeline.steps.extract_recordings import _flat_channels

RATE = 1000.0


def fallen(n_samples, exponent, rng, sd_uv, rate_hz=RATE, white=0.005):
    """Noise with a 1/f^exponent spectrum of the given standard deviation, and white noise."""
    frequency = np.maximum(np.fft.rfftfreq(n_samples, 1 / rate_hz), 1.0)
    noise = shaped_noise(frequency**-exponent, n_samples=n_samples, rate_hz=rate_hz, rng=rng)
    amplifier = rng.standard_normal(n_samples) * np.sqrt(white * rate_hz / 2)
    return noise / noise.std() * sd_uv + amplifier


def region(n_channels, seconds=48.0, seed=0, *, gains=None, own=0.6, exponent=2.0, rate_hz=RATE):
    """Channels that share part of their signal, each with a gain, shape (n_samples, n_channels)."""
    rng = np.random.default_rng(seed)
    n = round(seconds * rate_hz)
    shared = fallen(n, exponent, rng, 100.0, rate_hz)
    gains = np.ones(n_channels) if gains is None else gains
    return np.stack(
        [gain * (shared + fallen(n, exponent, rng, 100.0 * own, rate_hz)) for gain in gains], axis=1
    )


def judged(values, regions=None, rate_hz=RATE, **options):
    names = [f"c{index}" for index in range(values.shape[1])]
    regions = dict(zip(names, regions or ["CA1"] * len(names), strict=True))
    lfp = lfp_array(
        values, rate_hz=rate_hz, channels=names, region=regions, pass_band_hz=0.4 * rate_hz
    )
    return find_bad_channels(survey_channels(lfp), **options)


def test_every_kind_is_found_and_named_with_measure_and_limit():
    values = region(12)
    rng = np.random.default_rng(1)
    n = len(values)
    time = np.arange(n) / RATE
    values[:, 2] = 0.02 * rng.standard_normal(n)
    values[int(0.3 * n) :, 4] = 31.0
    values[:, 6] = np.clip(values[:, 6], -1e9, np.quantile(values[:, 6], 0.8))
    values[:, 7] += 60 * rng.standard_normal(n)
    values[:, 9] = fallen(n, 2.0, rng, 100.0)
    values[:, 11] = 300 * np.sin(2 * np.pi * 60 * time) + fallen(n, 2.0, rng, 30.0)
    found = judged(values, line_hz=60)
    assert list(found) == ["c2", "c4", "c6", "c7", "c9", "c11"]
    kinds = [reason.split(":")[0] for reason in found.values()]
    assert kinds == ["flat", "flat", "saturated", "noisy", "disconnected", "disconnected"]
    assert found["c2"] == "flat: robust standard deviation 0.0198 uV, at least 0.1 expected"
    assert "at most 12.0 dB" in found["c7"] and "mains" in found["c11"]
    assert all("expected" in reason for reason in found.values())


def test_a_channel_constant_for_half_of_the_time_has_no_spread_and_one_for_longer_is_named():
    values = region(4, own=0.3)
    noise = np.random.default_rng(2).standard_normal(len(values)) * 0.3
    # steps from level to level, every one of them constant: spread, but no signal
    values[:, 1] = np.repeat(np.arange(len(values) // 500) % 7 * 50.0, 500)
    values[: len(values) // 5, 1] += noise[: len(values) // 5]
    assert "constant for 80 % of the time" in judged(values)["c1"]


def test_hardly_any_of_a_thousand_good_channels_is_called_bad():
    """1/f of any slope, gains over 20 dB, correlations of 0.35 to 0.9: stated rate below 0.3 %."""
    rng = np.random.default_rng(3)
    wrong = 0
    for seed in range(50):
        gains = 10 ** (rng.uniform(-10, 10, 20) / 20)
        values = region(
            20, 16.0, seed, gains=gains, own=rng.uniform(0.35, 1.3),
            exponent=rng.uniform(0.5, 2.5), rate_hz=500.0,
        )  # fmt: skip
        wrong += len(judged(values, rate_hz=500.0))
    assert wrong <= 2


@pytest.mark.parametrize("n_channels", [1, 2, 3])
def test_small_regions_are_not_compared(n_channels):
    """Two or three channels cannot tell which of them is the odd one."""
    values = region(n_channels, own=3.0)
    values[:, 0] += 60 * np.random.default_rng(4).standard_normal(len(values))
    white = 50 * np.random.default_rng(5).standard_normal(values.shape)
    assert judged(values) == {} and judged(white) == {}
    rising = np.diff(white, axis=0, prepend=0)
    assert [r.split(":")[0] for r in judged(rising).values()] == ["noisy"] * n_channels


def test_regions_differ_and_are_judged_by_themselves():
    loud = region(6, seed=1) + 60 * np.random.default_rng(6).standard_normal((48_000, 6))
    both = np.hstack([region(6), loud])
    assert judged(both, ["CA1"] * 6 + ["mPFC"] * 6) == {}
    mixed = np.hstack([region(11), loud[:, :1]])
    assert [r.split(":")[0] for r in judged(mixed).values()] == ["noisy"]


def test_another_gain_is_no_noise():
    """Two probes in one region, the amplifier of the smaller one ten times stronger."""
    gains = np.array([1.0] * 5 + [10.0] * 3)
    assert judged(region(8, gains=gains)) == {}


def test_channels_without_anything_in_common_are_not_disconnected():
    """A region of far apart electrodes: nobody correlates, so nobody stands out."""
    rng = np.random.default_rng(7)
    values = np.stack([fallen(48_000, 2.0, rng, 100.0) for _ in range(8)], axis=1)
    assert judged(values) == {}


def test_stated_channels_are_neither_judged_nor_compared_with():
    values = region(5)
    values[:, :2] = 0.0
    assert list(judged(values, stated=["c0"])) == ["c1"]


def test_runs_of_three():
    mask = np.array([1, 1, 0, 1, 1, 1, 0, 1, 1, 1, 1], dtype=bool)
    assert in_runs(mask).astype(int).tolist() == [0, 0, 0, 1, 1, 1, 0, 1, 1, 1, 1]


@pytest.mark.real
def test_channels_of_real_recordings_are_all_good(real_data):
    with gzip.open(real_data / "neurodent_mouse_eeg" / "Cage 2 A10-0_RowMajor.npy.gz") as stream:
        mouse = np.load(io.BytesIO(stream.read()), allow_pickle=False)
    assert mouse.shape[1] == 10 and judged(mouse, line_hz=60) == {}
    pair = [1000 * np.load(real_data / "bycycle_rat_ca1_ec3" / f"{n}.npy") for n in ("ca1", "ec3")]
    assert judged(np.stack(pair, axis=1), ["CA1", "EC3"], rate_hz=1250.0, line_hz=60) == {}
    hpc = np.load(real_data / "neurodsp_rat_hpc" / "sample_data_2.npy")
    assert judged(hpc[:, None].astype(float), line_hz=60) == {}


@pytest.mark.real
def test_bad_channels_planted_among_real_ones_are_found(real_data):
    with gzip.open(real_data / "neurodent_mouse_eeg" / "Cage 2 A10-0_RowMajor.npy.gz") as stream:
        mouse = np.load(io.BytesIO(stream.read()), allow_pickle=False).astype(float)
    time = np.arange(len(mouse)) / RATE
    mouse[:, 3] += 200 * np.random.default_rng(8).standard_normal(len(mouse))
    mouse[:, 5] = 300 * np.sin(2 * np.pi * 60 * time) + 0.1 * mouse[:, 5]
    found = judged(mouse, line_hz=60)
    assert {k: r.split(":")[0] for k, r in found.items()} == {"c3": "noisy", "c5": "disconnected"}


# --- in the extract job ---------------------------------------------------------------------------


def counts(values, names):
    """A recording of int16 counts, one microvolt each."""
    made = NumpyRecording([values.astype(np.int16)], RATE, channel_ids=list(names))
    made.set_channel_gains(1.0)
    made.set_channel_offsets(0.0)
    return made


def probe(values, names):
    part = RecordingPart("/d/x", "x", "", 0.0, counts(values, names))
    return RecordedProbe("", (part,), {name: name for name in names})


def settings(names, regions, **changed):
    rows = [{"channel": name, "region": regions[name], "shank": "", "bad": False} for name in names]
    return {"bad_channels": "detect", "line_noise_hz": 60, "reference": "recorded",
            "channels": rows} | changed  # fmt: skip


def checked(tmp_path, values, regions, known=None, **changed):
    """Write an LFP, judge it in place; return file, warnings and facts."""
    names = list(regions)
    path = tmp_path / "lfp.nc"
    write_lfp(
        path, [values.astype(np.float32)], n_samples=len(values), rate_hz=RATE, channels=names,
        region=regions, bad=set(known or ()), pass_band_hz=400.0,
    )  # fmt: skip
    warnings, facts = [], {}
    check_lfp(
        settings(names, regions, **changed), path, [probe(values, names)], known or {}, warnings,
        facts,
    )  # fmt: skip
    return open_lfp(path), warnings, facts


def test_raw_counts_show_short_stays_at_the_rail():
    values = region(3, 20.0)
    fast = 500 * np.random.default_rng(10).standard_normal(len(values))
    values[:, 1] = np.clip(np.convolve(fast, np.ones(5), "same"), -700, 700)
    values[:, 2] /= 100.0  # a few counts: at its extremes by chance
    parts = saturated_parts([probe(values, ["a", "b", "c"])], {"a"})
    assert list(parts) == ["b", "c"]
    at_rail = [in_runs(values[:, 1] == rail).mean() for rail in (-700, 700)]
    assert parts["b"] == pytest.approx(max(at_rail), abs=0.01) and parts["c"] == 0.0
    assert parts["b"] > 0.1


def test_the_file_the_warnings_and_the_facts_name_bad_channels(tmp_path):
    values = region(6)
    values[:, 1] += 60 * np.random.default_rng(9).standard_normal(len(values))
    regions = dict.fromkeys("abcdef", "CA1")
    lfp, warnings, facts = checked(tmp_path, values, regions, known={"f": "channel table"})
    assert lfp["bad"].values.tolist() == [False, True, False, False, False, True]
    assert lfp.attrs["reference"] == "recorded"
    np.testing.assert_array_equal(lfp.values, values.astype(np.float32))
    assert facts["bad_channels"] == ["b", "f"]
    assert facts["bad_channel_reasons"]["f"] == "channel table"
    assert facts["bad_channel_reasons"]["b"].startswith("noisy: power at 200-400 Hz is ")
    assert warnings == [f"channel b (CA1) counts as bad: {facts['bad_channel_reasons']['b']}"]
    assert facts["line_noise"].keys() == {"CA1"} and facts["regions"] == ["CA1"]


def test_only_listed_channels_are_bad_where_the_config_says_so(tmp_path):
    values = region(6)
    values[:, 1] += 60 * np.random.default_rng(9).standard_normal(len(values))
    lfp, warnings, facts = checked(
        tmp_path, values, dict.fromkeys("abcdef", "CA1"), bad_channels="listed"
    )
    assert not lfp["bad"].values.any() and warnings == [] and facts["bad_channels"] == []


def test_a_region_without_good_channels_vanishes_with_a_warning(tmp_path):
    values = region(4)
    values[:, 2:] = 0.0
    regions = {"a": "CA1", "b": "CA1", "c": "mPFC", "d": "mPFC"}
    lfp, warnings, facts = checked(tmp_path, values, regions)
    assert good_channels(lfp).tolist() == [0, 1] and facts["regions"] == ["CA1"]
    assert warnings[-1].startswith("region mPFC has no good channel left (c, d)")


def test_without_any_good_channel_the_lfp_is_refused(tmp_path):
    lfp, warnings, facts = checked(tmp_path, np.zeros((9000, 2)), {"a": "CA1", "b": "CA1"})
    assert facts["regions"] == [] and len(warnings) == 3
    with pytest.raises(InputError, match="all channels"):
        good_channels(lfp)


def test_judging_gives_the_same_bytes_however_the_file_was_written(tmp_path):
    values = region(4, 70.0).astype(np.float32)
    regions = dict.fromkeys("abcd", "CA1")
    written = []
    for pieces in (1, 7):
        path = tmp_path / f"{pieces}.nc"
        write_lfp(
            path, np.array_split(values, pieces), n_samples=len(values), rate_hz=RATE,
            channels=list(regions), region=regions,
        )  # fmt: skip
        check_lfp(settings(list(regions), regions), path, [probe(values, "abcd")], {}, [], {})
        written.append(path.read_bytes())
    assert written[0] == written[1]


@pytest.mark.parametrize("seconds", [0.002, 0.2, 3.0])
def test_recordings_of_moments_are_looked_at_too(tmp_path, seconds):
    values = region(4, 10.0)[: round(seconds * RATE)]
    _, warnings, facts = checked(tmp_path, values, dict.fromkeys("abcd", "CA1"))
    assert warnings == [] and facts["bad_channels"] == []


def test_the_reference_is_made_of_good_channels_and_written_into_the_file(tmp_path):
    values = region(6)
    values[:, 1] += 60 * np.random.default_rng(9).standard_normal(len(values))
    regions = dict.fromkeys("abcdef", "CA1")
    lfp, _, facts = checked(tmp_path, values, regions, reference="common_median")
    good = [0, 2, 3, 4, 5]
    expected = values.astype(np.float32)
    expected[:, good] -= np.median(expected[:, good], axis=1)[:, None]
    np.testing.assert_allclose(lfp.values, expected, atol=1e-4)
    assert lfp.attrs["reference"] == facts["reference"] == "common_median"
    assert lfp["bad"].values.tolist() == [False, True, False, False, False, False]
    lfp, warnings, facts = checked(tmp_path, values, regions, reference="bipolar")
    assert lfp["channel"].values.tolist() == ["c-d", "d-e", "e-f"]
    assert warnings[-1] == "bipolar reference: no good neighbour for channel a: left out"
    assert facts["bad_channels"] == ["b"] and facts["reference"] == "bipolar"
    with pytest.raises(InputError, match=r"CA1: 2\); expected at least 3"):
        checked(tmp_path, values[:, :2], dict.fromkeys("ab", "CA1"), reference="common_median")


@pytest.mark.parametrize("reference", ["common_median", "bipolar"])
def test_flat_and_saturated_time_is_found_before_the_reference_hides_it(tmp_path, reference):
    values = 10 * region(8, 120.0)
    values[70_000:80_000, 1] = 0.0
    top = values[:, 5].max() + 1
    values[90_200:90_300, 5] = top
    names = dict.fromkeys("abcd", "CA1") | dict.fromkeys("efgh", "mPFC")
    lfp, warnings, facts = checked(tmp_path, values, names, reference=reference)
    found = find_artefacts(lfp, baseline=[[0, 60]])
    assert warnings == [] and facts["regions"] == ["CA1", "mPFC"]
    np.testing.assert_allclose(found.kinds["flat"], [[69.5, 80.5], [89.5, 91.5]])
    np.testing.assert_allclose(found.kinds["saturated"][-1], [89.5, 91.5])
    del lfp.attrs["flat_s"], lfp.attrs["saturated_s"]  # what was left without
    assert total_seconds(find_artefacts(lfp, baseline=[[0, 60]]).kinds["flat"]) == 0


def test_a_channel_that_is_flat_for_long_has_no_part_in_the_reference(tmp_path):
    values = 10 * region(8, 120.0)
    values[70_000:, 1] = 0.0
    names = dict.fromkeys("abcd", "CA1") | dict.fromkeys("efgh", "mPFC")
    lfp, warnings, facts = checked(tmp_path, values, names, reference="common_median")
    assert facts["bad_channels"] == ["b"] and "flat or saturated in 42 %" in warnings[0]
    expected = values.astype(np.float32)[:, [0, 2, 3]]
    expected -= np.median(expected, axis=1)[:, None]
    np.testing.assert_allclose(lfp.values[:, [0, 2, 3]], expected, atol=1e-3)
    assert total_seconds(find_artefacts(lfp, baseline=[[0, 60]]).intervals) == 0


def test_a_region_too_small_for_the_reference_is_left_out_with_a_warning(tmp_path):
    names = dict.fromkeys("abcd", "CA1") | {"e": "mPFC"}
    for reference in ("common_median", "bipolar"):
        lfp, warnings, facts = checked(tmp_path, region(5), names, reference=reference)
        assert facts["regions"] == ["CA1"] and "region mPFC" in warnings[-1]
        assert lfp["region"].values[good_channels(lfp)].tolist().count("mPFC") == 0


def test_flat_channels_count_as_bad_only_where_the_config_detects():
    values = region(2, 10.0)
    values[:, 1] = 0.0
    for detects, expected in (("detect", ["b"]), ("listed", [])):
        warnings = []
        found = _flat_channels([probe(values, "ab")], set(), {"bad_channels": detects}, warnings)
        assert list(found) == expected and len(warnings) == 1 and "channel b is flat" in warnings[0]


def test_memory_does_not_grow_with_duration(tmp_path):
    """Ten minutes and an hour of four channels: the same pieces in number and size."""
    peaks = []
    for seconds in (1000, 3600):
        values = np.random.default_rng(0).standard_normal((seconds * 100, 4), dtype=np.float32)
        names = list("abcd")
        path = write_lfp(
            tmp_path / f"{seconds}.nc", [values], n_samples=len(values), rate_hz=100.0,
            channels=names, region=dict.fromkeys(names, "CA1"),
        )  # fmt: skip
        lfp = open_lfp(path)
        time_bytes = lfp["time"].nbytes
        tracemalloc.start()
        survey_channels(lfp)
        peaks.append(tracemalloc.get_traced_memory()[1] - time_bytes)
        tracemalloc.stop()
    assert peaks[1] < 1.3 * peaks[0] + 3e6
