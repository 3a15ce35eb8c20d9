"""Several recordings of one session on one clock: order, names, gaps, grid; and what is refused."""

import tracemalloc

import numpy as np
import pytest
from spikeinterface.core import NumpyRecording

from pipeline.errors import InputError
from pipeline.ingest.joining import (
    RecordingPart,
    join_recordings,
    pick_channels,
    short_names,
    spread_times,
)
from pipeline.lfp import artefact_intervals, epoch_spectrum, extract_lfp, open_lfp
from pipeline.lfp.parts import Part, Probe, extract_parts_to_netcdf, place
from pipeline.lfp.signal import extent, sample_ranges
from pipeline.lfp.spectrogram import session_spectrogram

HZ = np.array([7.3, 41.0, 97.0, 230.0])
UV = np.array([200.0, 80.0, 40.0, 30.0])


def truth(times_s):
    """Sines below the pass band's end, on the session's clock."""
    angles = 2 * np.pi * HZ * np.asarray(times_s)[..., None] + np.arange(len(HZ))
    return (UV * np.sin(angles)).sum(axis=-1)


def recording(start_s, seconds, rate_hz, channels=("a", "b"), seed=None):
    """Float microvolts: the truth at the samples' own times, or noise."""
    times = start_s + np.arange(round(seconds * rate_hz)) / rate_hz
    if seed is None:
        values = np.stack([truth(times) * (1 + i) for i in range(len(channels))], axis=1)
    else:
        values = np.random.default_rng(seed).normal(0, 50, (len(times), len(channels)))
    made = NumpyRecording([values.astype(np.float32)], rate_hz, channel_ids=list(channels))
    made.set_channel_gains(1.0)
    made.set_channel_offsets(0.0)
    return made


def file(name, start_s, seconds, probe="", rate_hz=1000.0, channels=("a", "b")):
    made = recording(start_s, seconds, rate_hz, channels, seed=1)
    return RecordingPart(f"/d/{name}", name, probe, start_s, made)


def part(start_s, seconds, rate_hz, name="part", channels=("a", "b"), **kwargs):
    return Part(
        recording(start_s, seconds, rate_hz, channels, **kwargs), name, start_s, tuple(channels)
    )


def joined(path, *probes, **kwargs):
    result = extract_parts_to_netcdf([Probe(*probe) for probe in probes], path, **kwargs)
    return open_lfp(path), result


# --- order, probes and names ---------------------------------------------------------------------


def test_parts_are_put_in_the_order_of_time():
    (probe,) = join_recordings([file("late", 50.0, 10), file("early", 0.0, 20)])
    assert [p.name for p in probe.parts] == ["early", "late"]
    assert dict(probe.channels) == {"a": "a", "b": "b"}


def test_channels_of_two_probes_get_the_probe_as_prefix_where_names_collide():
    probes = join_recordings([file("x", 0, 10, "A"), file("y", 0, 10, "B", channels=("b", "c"))])
    assert [dict(p.channels) for p in probes] == [
        {"A:a": "a", "A:b": "b"},
        {"B:b": "b", "B:c": "c"},
    ]
    apart = join_recordings([file("x", 0, 10, "A"), file("y", 0, 10, "B", channels=("c", "d"))])
    assert [list(p.channels) for p in apart] == [["a", "b"], ["c", "d"]]


def test_the_channel_table_addresses_channels_of_probes():
    probes = join_recordings([file("x", 0, 10, "A"), file("y", 0, 10, "B")])
    picked = pick_channels(probes, ["B:b", "A:a"])
    assert [dict(p.channels) for p in picked] == [{"A:a": "a"}, {"B:b": "b"}]
    (only,) = pick_channels(probes, ["B:a"])
    assert only.probe == "B"
    with pytest.raises(InputError, match=r"x, y: the channel table names a, b; the recording has"):
        pick_channels(probes, ["a", "b"])


def test_names_are_as_long_as_they_must_be():
    assert short_names(["/x/1/rec", "/x/2/rec"]) == ["1/rec", "2/rec"]
    assert short_names(["/x/one.nwb", "/y/two.nwb"]) == ["one.nwb", "two.nwb"]
    assert short_names(["/x/one.nwb", "/x/one.nwb"]) == ["one.nwb", "one.nwb"]
    assert short_names([]) == []


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ([("a", 0, 20), ("b", 15, 10)], r"a \(0.000 to 20.000 s\) and b .* overlap by 5.000 s"),
        ([("a", 0, 20), ("b", 0, 20)], r"name them in the column 'probe'"),
        ([("a", 0, 20, "A"), ("b", 15, 10, "A")], r"both of probe 'A'"),
        ([("a", 0, 20), ("b", 1_200_000, 20)], r"b: starts_at_s: found 1.2e\+06 s, 333 hours"),
    ],
)
def test_parts_that_cannot_be_one_session_are_refused(parts, said):
    with pytest.raises(InputError, match=said):
        join_recordings([file(*p) for p in parts])


def test_a_long_first_part_is_no_gap():
    day = 86_400.0
    parts = [file("a", 0, 90_000, rate_hz=1.0, probe="A"), file("b", day, 10, probe="B")]
    assert len(join_recordings([*parts, file("c", 90_000 + day, 5, probe="B")])) == 2


@pytest.mark.parametrize(
    ("channels", "said"),
    [(("a", "c"), "without b and with c"), (("a",), "without b"), (("a", "b", "c"), "with c")],
)
def test_other_channels_in_a_later_part_are_refused(channels, said):
    with pytest.raises(InputError, match=rf"late: found \d channels, {said}; expected those of"):
        join_recordings([file("early", 0, 5), file("late", 9, 5, channels=channels)])


def test_channels_in_another_order_are_put_in_order(tmp_path):
    first, second = part(0, 4, 2000), part(10, 4, 2000, channels=("b", "a"))
    second = Part(second.recording, "second", 10.0, ("a", "b"))
    lfp, _ = joined(tmp_path / "lfp.nc", (("a", "b"), (first, second)))
    late = lfp.sel(time=slice(11, 13)).values
    # "b" stands first in the second file and holds the smaller signal there
    assert np.abs(late[:, 0] / 2 - late[:, 1]).max() < 0.01


# --- times of spikes -----------------------------------------------------------------------------


def test_spikes_of_parts_sorted_as_one_land_in_their_parts():
    parts = [file("a", 2, 10), file("b", 100, 20), file("c", 300, 5)]
    times = np.array([0.0, 9.999, 10.0, 29.5, 30.0, 34.9])
    found = spread_times(times, parts, what="u", chained=True)
    assert np.allclose(found, [2, 11.999, 100, 119.5, 300, 304.9], rtol=0, atol=1e-12)
    assert spread_times(times, parts[1:], what="u", chained=False)[2] == 110.0
    assert spread_times(times[:0], parts, what="u", chained=True).size == 0


def test_spikes_beyond_what_was_recorded_are_refused():
    parts = [file("a", 0, 10), file("b", 100, 20)]
    with pytest.raises(InputError, match=r"u: found a spike at 30.100 s; expected 0 to 30.000 s"):
        spread_times(np.array([1.0, 30.1]), parts, what="u", chained=True)


# --- the grid of the LFP -------------------------------------------------------------------------


def test_parts_on_the_grid_hold_the_samples_of_each_alone(tmp_path):
    first, second = part(0, 10, 2000, seed=1), part(25.5, 8, 2000, seed=2)
    lfp, result = joined(tmp_path / "lfp.nc", (("a", "b"), (first, second)))
    values = lfp.values
    assert lfp.sizes["time"] == 33_500
    assert np.array_equal(lfp["time"].values, np.arange(33_500) / 1000)
    assert np.array_equal(values[:10_000], extract_lfp(first.recording).values)
    assert np.array_equal(values[25_500:], extract_lfp(second.recording).values)
    assert np.isnan(values[10_000:25_500]).all()
    assert np.array_equal(extent(lfp), [[0, 10], [25.5, 33.5]])
    assert np.array_equal(result.recorded_s, extent(lfp))


@pytest.mark.parametrize("start_s", [20.00037, 20.0005, 20.0009999, 20 + 1 / 3])
@pytest.mark.parametrize("rate_hz", [1000.0, 2000.0, 30_000.0])
def test_a_part_off_the_grid_is_evaluated_on_it(tmp_path, start_s, rate_hz):
    """Not shifted: the signal on the grid is the true one, far below the shift's error."""
    first, second = part(0, 5, rate_hz), part(start_s, 5, rate_hz)
    lfp, _ = joined(tmp_path / "lfp.nc", (("a", "b"), (first, second)))
    inner = lfp.sel(time=slice(start_s + 0.5, start_s + 4.5))
    off = inner.values[:, 0] - truth(inner["time"].values)
    # the pass band is flat to 0.01 dB (0.12 %); half a sample's shift would be wrong by 40 uV
    assert np.abs(off).max() < 0.4
    assert len(inner) == 4000


def test_two_probes_whose_clocks_ran_at_other_rates_stand_on_one_grid(tmp_path):
    one, other = part(0, 200, 2500.02), part(0.0004, 199, 2499.95)
    lfp, _ = joined(
        tmp_path / "lfp.nc", (("A:a", "A:b"), (one,)), (("B:a", "B:b"), (other,)), chunk_values=9999
    )
    assert lfp.attrs["rate_hz"] == 2500.02 * 2 / 5
    inner = lfp.isel(time=slice(500, -2000))
    for column in (0, 2):
        assert np.abs(inner.values[:, column] - truth(inner["time"].values)).max() < 0.4
    assert list(lfp["channel"].values) == ["A:a", "A:b", "B:a", "B:b"]
    # without the grid the second probe would be late by 28 ppm: 5 ms after 200 s
    assert extent(lfp)[0, 1] == pytest.approx(199.0, abs=0.002)


@pytest.mark.parametrize("rate_hz", [1000.0, 2500.0])
def test_the_result_does_not_depend_on_chunks(tmp_path, rate_hz):
    probes = (
        (("A:a", "A:b"), (part(0, 7, rate_hz, seed=3), part(9.00031, 3, rate_hz, seed=4))),
        (("B:a",), (part(0.5003, 12, rate_hz, channels=("a",), seed=5),)),
    )
    for name, values in (("big", 2**21), ("small", 700)):
        joined(tmp_path / f"{name}.nc", *probes, chunk_values=values)
    assert (tmp_path / "big.nc").read_bytes() == (tmp_path / "small.nc").read_bytes()


def test_parts_that_touch_share_no_sample_and_no_segment(tmp_path):
    first, second = part(0, 10.0004, 5000), part(10.0004, 10, 5000)
    lfp, result = joined(tmp_path / "lfp.nc", (("a", "b"), (first, second)))
    assert not np.isnan(lfp.values).any()
    assert [(p.first, p.n_samples) for p in result.placed[0]] == [(0, 10_001), (10_001, 10_000)]
    assert len(extent(lfp)) == 2
    spectrum = epoch_spectrum(lfp, [[0, 30]], segment_s=4.0)
    assert spectrum.n_windows == 4 + 4  # not the 9 that a seamless 20 s would give


def test_time_that_only_one_probe_recorded_counts_for_none(tmp_path):
    lfp, _ = joined(
        tmp_path / "lfp.nc",
        (("A:a", "A:b"), (part(0, 30, 1000), part(40, 20, 1000))),
        (("B:a", "B:b"), (part(5, 45, 1000),)),
    )
    assert np.array_equal(extent(lfp), [[5, 30], [40, 50]])
    assert np.isnan(lfp.sel(time=2.0).values).tolist() == [False, False, True, True]


def test_probes_that_never_ran_together_are_refused():
    probes = [Probe(("a",), (part(0, 5, 1000, "x", ("a",)),))]
    probes.append(Probe(("b",), (part(9, 5, 1000, "y", ("b",)),)))
    with pytest.raises(InputError, match=r"x, y: found no time that all probes recorded"):
        place(probes, rate_hz=1000.0)


def test_the_pass_band_of_the_rig_holds_for_all_parts(tmp_path):
    """On the grid, off it, and untouched: 0.4 of the rate, or what the rig lets pass."""
    for start_s in (9.0, 9.0003):
        for rig_pass_hz, expected in ((None, 400.0), (300.0, 300.0), (450.0, 400.0)):
            probe = Probe(("a", "b"), (part(0, 5, 1000), part(start_s, 5, 1000)))
            joined = place([probe], rate_hz=1000.0, rig_pass_hz=rig_pass_hz)
            assert [p.source.pass_band_hz for p in joined.placed[0]] == [expected] * 2
    path = tmp_path / "lfp.nc"
    extract_parts_to_netcdf([probe], path, rate_hz=1000.0, rig_pass_hz=300.0)
    with open_lfp(path) as lfp:
        assert lfp.attrs["pass_band_hz"] == 300.0


def test_a_part_slower_than_the_lfp_is_refused():
    probe = Probe(("a", "b"), (part(0, 5, 2000, "quick"), part(9, 5, 500, "slow")))
    with pytest.raises(InputError, match=r"slow: found 500 Hz; expected at least the LFP's 1000"):
        place([probe], rate_hz=1000.0)


# --- every reader takes a gap for time that was not recorded --------------------------------------


@pytest.fixture(scope="module")
def gapped(tmp_path_factory):
    path = tmp_path_factory.mktemp("gap") / "lfp.nc"
    parts = (part(0, 60, 1000, seed=6), part(100, 60, 1000, seed=7))
    lfp, _ = joined(path, (("a", "b"), parts))
    return lfp


def test_ranges_stop_at_gaps(gapped):
    assert sample_ranges(gapped, [[50, 110], [120, 130]]).tolist() == [
        [50_000, 60_000],
        [100_000, 110_000],
        [120_000, 130_000],
    ]
    assert sample_ranges(gapped, [[61, 99]]).shape == (0, 2)


def test_spectra_rest_on_recorded_time_alone(gapped):
    over = epoch_spectrum(gapped, [[40, 120]])
    apart = epoch_spectrum(gapped, [[40, 60], [100, 120]])
    assert over.seconds == apart.seconds == 40.0
    assert over.n_windows == 2 * 9
    assert np.array_equal(over.psd.values, apart.psd.values)
    assert np.isfinite(over.psd.values).all()
    assert epoch_spectrum(gapped, [[61, 99]]) is None


def test_spectrogram_is_missing_in_the_gap(gapped):
    shown = session_spectrogram(gapped, step_s=10.0)
    missing = np.isnan(shown.values).all(axis=(1, 2))
    assert missing.tolist() == [False] * 6 + [True] * 4 + [False] * 6
    assert not np.isnan(shown.values[~missing]).any()


def test_artefacts_are_found_on_both_sides_of_a_gap_and_never_in_it(tmp_path):
    values = np.random.default_rng(8).normal(0, 50, (60_000, 1)).astype(np.float32)
    late = values[::-1].copy()
    late[30_000:30_050] = late.max() + 100  # saturated: only the extremes of the whole tell
    parts = []
    for start, samples in ((0.0, values), (100.0, late)):
        made = NumpyRecording([samples], 1000.0, channel_ids=["a"])
        made.set_channel_gains(1.0)
        made.set_channel_offsets(0.0)
        parts.append(Part(made, "p", start, ("a",)))
    lfp, _ = joined(tmp_path / "lfp.nc", (("a",), tuple(parts)))
    found = artefact_intervals(lfp, baseline=[[10, 150]], threshold_sd=50.0)
    assert found.tolist() == [[129.5, 131.5]]


def test_a_long_gap_takes_no_room(tmp_path):
    """Ten hours of nothing beside a minute of signal: bounded on the disk and in memory."""
    parts = (part(0, 30, 1000, seed=1), part(36_000, 30, 1000, seed=2))
    tracemalloc.start()
    result = extract_parts_to_netcdf([Probe(("a", "b"), parts)], tmp_path / "lfp.nc")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert result.placed[0][1].first == 36_000_000
    # the time axis itself is 288 MB; two channels of samples would be another 288 MB
    assert (tmp_path / "lfp.nc").stat().st_size < 292e6
    assert peak < 60e6
