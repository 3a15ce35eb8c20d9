"""Units: form, file, epochs, refusals."""

import hashlib
from itertools import pairwise

import numpy as np
import pytest
import xarray as xr

from pipeline.errors import InputError
from pipeline.spikes import (
    epoch_units,
    load_units,
    save_units,
    select_units,
    units_dataset,
)
from pipeline.spikes.units import metric_names, unit_amplitudes

TRAINS = [[0.5, 1.0, 1.0, 7.25], [], [2.0, 5.0, 9.999]]


def units(trains=TRAINS, **labels):
    names = [f"u{index}" for index in range(len(trains))]
    return units_dataset(trains, names, **labels)


def test_form_of_the_dataset():
    dataset = units(region=["CA1", "CA1", "mPFC"], quality=["good", "mua", "good"])
    assert dict(dataset.sizes) == {"spike": 7, "unit": 3}
    assert dataset.spike_time.values.tolist() == [0.5, 1.0, 1.0, 7.25, 2.0, 5.0, 9.999]
    assert dataset.spike_unit.values.tolist() == [0, 0, 0, 0, 2, 2, 2]
    assert dataset.region.values.tolist() == ["CA1", "CA1", "mPFC"]


def test_file_gives_back_the_same_and_the_same_bytes(tmp_path):
    dataset = units(region=["CA1", "mPFC", "größer"], quality=["good", "", "unsorted"])
    paths = [save_units(dataset, tmp_path / name) for name in ("a.nc", "b.nc")]
    loaded = load_units(paths[0])
    xr.testing.assert_identical(loaded, dataset)
    assert loaded.unit_id.dtype.kind == "U"
    assert loaded.spike_time.dtype == np.float64 and "_FillValue" not in loaded.spike_time.encoding
    digests = {hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}
    assert len(digests) == 1
    xr.testing.assert_identical(load_units(save_units(loaded, tmp_path / "c.nc")), dataset)
    assert hashlib.sha256((tmp_path / "c.nc").read_bytes()).hexdigest() in digests


@pytest.mark.parametrize("trains", [[], [[], []]])
def test_sessions_without_units_or_spikes_are_files_too(tmp_path, trains):
    loaded = load_units(save_units(units(trains), tmp_path / "units.nc"))
    assert dict(loaded.sizes) == {"spike": 0, "unit": len(trains)}
    epoch = epoch_units(loaded, [[0, 10]])
    assert [len(times) for times in epoch.spike_times] == [0] * len(trains)
    assert epoch.seconds == 10


def test_epoch_takes_half_open_intervals_and_keeps_silent_units():
    epoch = epoch_units(units(region=["CA1", "CA1", "mPFC"]), [[5.0, 9.999], [1.0, 2.0]])
    assert [times.tolist() for times in epoch.spike_times] == [[1.0, 1.0, 7.25], [], [5.0]]
    assert epoch.unit_id == ["u0", "u1", "u2"] and epoch.region == ["CA1", "CA1", "mPFC"]
    np.testing.assert_array_equal(epoch.intervals, [[1.0, 2.0], [5.0, 9.999]])
    assert epoch.seconds == pytest.approx(5.999)


def test_epochs_that_share_a_border_share_no_spike():
    rng = np.random.default_rng(0)
    trains = [np.sort(np.round(rng.uniform(0, 100, 5000), 2)) for _ in range(3)]
    dataset = units(trains)
    edges = [0, 12.5, 40, 77.77, 100.01]
    counts = sum(
        np.array([len(times) for times in epoch_units(dataset, [[start, stop]]).spike_times])
        for start, stop in pairwise(edges)
    )
    assert counts.tolist() == [5000] * 3


def test_selection_counts_positions_anew():
    kept = select_units(units(quality=["good", "mua", "good"]), [False, True, True])
    expected = units_dataset(TRAINS[1:], ["u1", "u2"], quality=["mua", "good"])
    xr.testing.assert_identical(kept, expected)


# --- bad input --------------------------------------------------------------------------


def test_unsorted_times_are_refused_with_their_place():
    with pytest.raises(InputError, match=r"unit u1: spike 3 at 1\.500000 s comes after"):
        units([[1.0], [1.0, 2.0, 1.5]])


def test_times_that_are_no_numbers_are_refused():
    with pytest.raises(InputError, match="unit u0: spike 2: found nan"):
        units([[1.0, np.nan]])


def test_lengths_and_names_must_fit():
    with pytest.raises(InputError, match="lengths"):
        units_dataset([[1.0]], ["a", "b"])
    with pytest.raises(InputError, match="unit a more than once"):
        units_dataset([[1.0], [2.0]], ["a", "a"])


def test_overlapping_epochs_are_refused():
    with pytest.raises(InputError, match="overlap"):
        epoch_units(units(), [[0, 2], [1, 3]])


def test_foreign_file_with_spikes_in_time_order_is_refused():
    dataset = units()
    dataset["spike_unit"] = ("spike", [0, 2, 0, 2, 0, 2, 0])
    with pytest.raises(InputError, match="grouped by unit"):
        epoch_units(dataset, [[0, 10]])


# --- what only some sortings give -----------------------------------------------------------


def whole(trains=TRAINS):
    """Units with everything that a sorting may give."""
    n_units = len(trains)
    rng = np.random.default_rng(0)
    waveforms = rng.normal(size=(n_units, 12)).astype(np.float32)
    waveforms[-1, 9:] = np.nan
    return units(
        trains,
        quality=["good", "mua", "good"][:n_units],
        channel=["CH1", "", "A:CH2"][:n_units],
        probe=["", "A", "A"][:n_units],
        amplitude=[np.arange(len(times)) + 0.5 for times in trains],
        waveform=waveforms,
        waveform_rate_hz=30000.0,
        waveform_units="a.u.",
        metrics={"snr": [5.0, np.nan, 2.5][:n_units], "drift_um": [1.0, 2.0, 3.0][:n_units]},
    )


def test_everything_that_a_sorting_gives_is_written_and_read_the_same(tmp_path):
    dataset = whole()
    loaded = load_units(save_units(dataset, tmp_path / "a.nc"))
    xr.testing.assert_identical(loaded, dataset)
    assert loaded.amplitude.dtype == np.float32 and loaded.amplitude.attrs["units"] == "uV"
    assert loaded.waveform.attrs["rate_hz"] == 30000 and loaded.waveform.attrs["units"] == "a.u."
    save_units(loaded, tmp_path / "b.nc")
    assert (tmp_path / "a.nc").read_bytes() == (tmp_path / "b.nc").read_bytes()
    assert metric_names(loaded) == ["snr", "drift_um"]


def test_selection_carries_everything():
    kept = select_units(whole(), [True, False, True])
    assert kept.channel.values.tolist() == ["CH1", "A:CH2"]
    assert kept.probe.values.tolist() == ["", "A"]
    assert kept.amplitude.values.tolist() == [0.5, 1.5, 2.5, 3.5, 0.5, 1.5, 2.5]
    np.testing.assert_array_equal(kept.waveform.values, whole().waveform.values[[0, 2]])
    assert kept.snr.values.tolist() == [5.0, 2.5] and kept.waveform.attrs == whole().waveform.attrs


def test_amplitudes_by_unit():
    assert unit_amplitudes(units()) is None
    assert [sizes.tolist() for sizes in unit_amplitudes(whole())] == [
        [0.5, 1.5, 2.5, 3.5],
        [],
        [0.5, 1.5, 2.5],
    ]


def test_units_without_more_have_no_more_variables():
    assert set(units().variables) == {"spike_time", "spike_unit", "unit_id", "region", "quality"}


def test_whole_form_without_a_unit(tmp_path):
    dataset = units([], amplitude=[], waveform=np.empty((0, 5)), waveform_rate_hz=1.0)
    loaded = load_units(save_units(dataset, tmp_path / "units.nc"))
    assert dict(loaded.sizes) == {"spike": 0, "unit": 0, "waveform_sample": 5}
    assert select_units(loaded, []).sizes == loaded.sizes


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"amplitude": [[1.0], [], [1.0]]}, "unit u0: found 1 amplitudes for 4 spikes"),
        ({"amplitude": [[1.0]]}, "amplitudes of 1 units; expected 3"),
        ({"amplitude": TRAINS, "amplitude_units": "mV"}, "amplitudes in 'mV'"),
        ({"waveform": np.zeros((2, 9)), "waveform_rate_hz": 1.0}, r"shape \(2, 9\)"),
        ({"waveform": np.zeros((3, 9))}, "rate of None"),
        ({"metrics": {"region": [1, 2, 3]}}, "metric named 'region'"),
        ({"metrics": {"signal to noise": [1, 2, 3]}}, "metric named 'signal to noise'"),
        ({"metrics": {"snr": [1, 2]}}, r"metric snr: found shape \(2,\)"),
        ({"channel": ["CH1"]}, "'channel': 1"),
    ],
)
def test_what_does_not_fit_the_units_is_refused(more, said):
    with pytest.raises(InputError, match=said):
        units(**more)
