"""References: arithmetic by hand, regions kept apart, bytes that no chunk changes."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.errors import InputError
from pipeline.lfp import open_lfp
from pipeline.lfp.reference import reference_lfp
from pipeline.lfp.signal import good_channels, write_lfp

NAN = np.nan


def written(path, values, region, bad=(), recorded_s=None, rate_hz=1000.0):
    values = np.asarray(values, dtype=np.float32)
    return write_lfp(
        path, [values], n_samples=len(values), rate_hz=rate_hz, channels=list(region),
        region=region, bad=bad, start_s=2.0, pass_band_hz=400.0, recorded_s=recorded_s,
        attributes={"resampling": "none", "recording_rate_hz": rate_hz},
    )  # fmt: skip


def referenced(tmp_path, values, region, reference, bad=(), shank=None, **options):
    source = written(tmp_path / "a.nc", values, region, bad, **options)
    notes = reference_lfp(source, tmp_path / "b.nc", reference=reference, shank=shank)
    return open_lfp(tmp_path / "b.nc"), notes


def test_common_median_is_taken_off_within_each_region(tmp_path):
    values = [[1, 2, 6, 10, 20, 30, 70], [0, -4, 2, 5, 5, 5, -9]]
    region = dict.fromkeys("abc", "CA1") | dict.fromkeys("defg", "mPFC")
    lfp, notes = referenced(tmp_path, values, region, "common_median")
    # medians: 2 and 25, 0 and 5
    expected = [[-1, 0, 4, -15, -5, 5, 45], [0, -4, 2, 0, 0, 0, -14]]
    np.testing.assert_array_equal(lfp.values, np.array(expected, dtype=np.float32))
    assert notes == () and lfp["channel"].values.tolist() == list("abcdefg")
    assert lfp["region"].values.tolist() == ["CA1"] * 3 + ["mPFC"] * 4
    assert lfp.attrs["reference"] == "common_median"
    assert {k: lfp.attrs[k] for k in ("units", "rate_hz", "pass_band_hz", "resampling")} == {
        "units": "uV", "rate_hz": 1000.0, "pass_band_hz": 400.0, "resampling": "none"
    }  # fmt: skip
    np.testing.assert_allclose(lfp["time"].values, [2.0, 2.001])


def test_bad_channels_and_channels_without_a_region_have_no_say_and_stay(tmp_path):
    values = [[1, 2, 6, 999, 50]]
    region = dict.fromkeys("abcd", "CA1") | {"e": ""}
    lfp, _ = referenced(tmp_path, values, region, "common_median", bad=["d"])
    assert lfp.values.tolist() == [[-1, 0, 4, 999, 50]]
    assert lfp["bad"].values.tolist() == [False] * 3 + [True, False]


def test_bipolar_is_the_difference_of_neighbours_within_region_and_shank(tmp_path):
    values = [[1, 2, 6, 10, 20, 50], [0, 1, 1, 3, -2, 4]]
    region = dict.fromkeys("abcd", "CA1") | dict.fromkeys("ef", "mPFC")
    shank = {"a": "1", "b": "1", "c": "2", "d": "2", "e": "2", "f": "2"}
    lfp, notes = referenced(tmp_path, values, region, "bipolar", shank=shank)
    assert lfp["channel"].values.tolist() == ["a-b", "c-d", "e-f"]
    assert lfp.values.tolist() == [[-1, -4, -30], [-1, -2, -6]]
    assert lfp["region"].values.tolist() == ["CA1", "CA1", "mPFC"] and notes == ()
    assert lfp.attrs["reference"] == "bipolar" and not lfp["bad"].values.any()


def test_a_bad_channel_parts_its_neighbours(tmp_path):
    values = [[1, 2, 6, 10, 20]]
    lfp, notes = referenced(tmp_path, values, dict.fromkeys("abcde", "CA1"), "bipolar", bad=["b"])
    assert lfp["channel"].values.tolist() == ["c-d", "d-e"] and lfp.values.tolist() == [[-4, -10]]
    assert notes == ("bipolar reference: no good neighbour for channel a: left out",)


@pytest.mark.parametrize(
    ("reference", "region", "bad", "said"),
    [
        ("common_median", {"a": "CA1", "b": "CA1", "c": "CA1"}, "c", r"CA1: 2.*at least 3"),
        ("common_median", {"a": "CA1", "b": "mPFC", "c": "mPFC"}, "", r"CA1: 1; region mPFC: 2"),
        ("bipolar", {"a": "CA1", "b": "mPFC", "c": "DG"}, "", "CA1, DG, mPFC; .*at least 2"),
        ("bipolar", {"a": "CA1", "b": "CA1", "c": "CA1"}, "b", "on one shank in region CA1"),
    ],
)
def test_too_few_good_channels_are_refused_and_nothing_is_written(
    tmp_path, reference, region, bad, said
):
    with pytest.raises(InputError, match=said):
        referenced(tmp_path, np.ones((5, 3)), region, reference, bad=list(bad))
    assert [path.name for path in tmp_path.iterdir()] == ["a.nc"]


@pytest.mark.parametrize("reference", ["common_median", "bipolar"])
def test_a_region_with_too_few_good_channels_is_left_out_with_a_note(tmp_path, reference):
    region = dict.fromkeys("abc", "CA1") | {"d": "mPFC"}
    lfp, notes = referenced(tmp_path, np.ones((5, 4)), region, reference)
    good = lfp.isel(channel=good_channels(lfp))
    assert set(good["region"].values.tolist()) == {"CA1"} and not good.values.any()
    assert "region mPFC" in notes[-1] and notes[-1].endswith("the region is left out of the LFP")


def test_a_region_that_is_wholly_bad_does_not_stop_the_others(tmp_path):
    region = dict.fromkeys("abc", "CA1") | {"d": "mPFC"}
    for reference in ("common_median", "bipolar"):
        lfp, _ = referenced(tmp_path, np.ones((5, 4)), region, reference, bad=["d"])
        assert not lfp.values[:, :2].any()


@pytest.mark.parametrize("reference", ["common_median", "bipolar"])
def test_gaps_stay_gaps(tmp_path, reference):
    values = np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32)
    values[2:4] = NAN
    values[5, 1] = NAN  # one probe stopped earlier
    lfp, _ = referenced(
        tmp_path, values, dict.fromkeys("abcd", "CA1"), reference,
        recorded_s=[[2.0, 2.002], [2.004, 2.005]],
    )  # fmt: skip
    assert np.isnan(lfp.values[2:4]).all() and np.isfinite(lfp.values[[0, 1, 4]]).all()
    np.testing.assert_allclose(lfp.attrs["recorded_s"], [2.0, 2.002, 2.004, 2.005])
    expected = 4 if reference == "common_median" else 2
    assert np.isnan(lfp.values[5]).sum() == expected


@pytest.mark.parametrize("reference", ["common_median", "bipolar"])
def test_bytes_do_not_depend_on_pieces_and_the_file_may_replace_itself(
    tmp_path, reference, monkeypatch
):
    values = np.random.default_rng(1).normal(0, 100, (70_001, 5)).astype(np.float32)
    region = dict.fromkeys("abcde", "CA1")
    bytes_of = []
    for number, held in enumerate((2**21, 5 * 1777, 2**16)):
        monkeypatch.setattr("pipeline.lfp.reference._CHUNK_VALUES", held)
        path = written(tmp_path / f"{number}.nc", values, region)
        reference_lfp(path, path, reference=reference)
        bytes_of.append(path.read_bytes())
    assert bytes_of[0] == bytes_of[1] == bytes_of[2]


def test_what_all_channels_share_goes_and_what_one_has_stays(tmp_path):
    rng = np.random.default_rng(2)
    shared, own = rng.normal(0, 300, (5000, 1)), rng.normal(0, 10, (5000, 7))
    lfp, _ = referenced(tmp_path, shared + own, dict.fromkeys("abcdefg", "CA1"), "common_median")
    # a median of seven normal values has a variance of 0.21 of one; it shares part of each
    assert lfp.values.std(axis=0) == pytest.approx(10, rel=0.12)
    pairs, _ = referenced(tmp_path, shared + own, dict.fromkeys("abcdefg", "CA1"), "bipolar")
    assert pairs.values.std(axis=0) == pytest.approx(np.sqrt(2) * 10, rel=0.05)
