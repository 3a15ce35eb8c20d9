"""The guard of units: sizes no amplifier gives are refused, dead channels are named."""

import numpy as np
import pytest

from pipeline.errors import InputError
from pipeline.ingest import assert_microvolts


def traces(*sizes, n=1001):
    """Square waves: the median absolute value is exactly the size."""
    sign = np.where(np.arange(n) % 2, 1.0, -1.0)[:, None]
    return (sign * np.array(sizes)).astype(np.float32)


@pytest.mark.parametrize("size", [0.0101, 1.0, 99_000.0])
def test_plausible_sizes_pass(size):
    check = assert_microvolts(traces(size), file="f", channels=["a"])
    assert check.median_abs_uv["a"] == pytest.approx(size, rel=1e-6)
    assert check.flat == ()


@pytest.mark.parametrize("size", [1e-4, 0.0099, 100_100.0, 1e7])
def test_impossible_sizes_name_channel_value_and_cause(size):
    with pytest.raises(
        InputError, match=r"rec.nwb: channel b: found .*Volts or millivolts"
    ) as said:
        assert_microvolts(traces(50.0, size), file="rec.nwb", channels=["a", "b"])
    assert "channel a" not in str(said.value)


def test_every_wrong_channel_is_named():
    with pytest.raises(InputError, match=r"channel a: .*channel c: "):
        assert_microvolts(traces(1e-5, 10, 1e-5), file="f", channels=["a", "b", "c"])


def test_dead_channels_are_no_error_of_units():
    x = traces(10, 10, 10, 10)
    x[:, 0], x[:, 1], x[:, 2] = 0, np.nan, 7e5
    check = assert_microvolts(x, file="f", channels=["zero", "lost", "rail", "good"])
    assert check.flat == ("zero", "lost", "rail")


def test_all_channels_dead():
    check = assert_microvolts(np.zeros((10, 2)), file="f", channels=["a", "b"])
    assert check.flat == ("a", "b")


def test_missing_samples_do_not_count():
    x = traces(10)
    x[::2] = np.nan
    check = assert_microvolts(x, file="f", channels=["a"])
    # What is left is the positive half of the wave: it never changes.
    assert check.flat == ("a",)
    x = traces(10)
    x[:400] = np.nan
    assert assert_microvolts(x, file="f", channels=["a"]).median_abs_uv["a"] == 10
