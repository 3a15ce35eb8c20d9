"""Narrow and wide: planted widths between samples, positive-first spikes, what cannot be said."""

import numpy as np
import pytest

from pipeline.errors import InputError
from pipeline.spikes.waveform_classes import waveform_classes


def spike(width_ms, rate_hz=30000.0, *, offset=0.0, hump=0.0, rest=0.3, after_ms=2.0):
    """A trough at 1 ms (and `offset` samples), a peak `width_ms` later; in units of the trough."""
    t = np.arange(round((1.0 + after_ms) * rate_hz / 1000)) / rate_hz * 1000 - 1.0
    t = t - offset * 1000 / rate_hz
    shape = -np.exp(-((t / 0.08) ** 2) / 2) + rest * np.exp(-(((t - width_ms) / 0.12) ** 2) / 2)
    return shape + hump * np.exp(-(((t + 0.3) / 0.08) ** 2) / 2)


@pytest.mark.parametrize("rate_hz", [20000.0, 30000.0])
@pytest.mark.parametrize("width_ms", [0.36, 0.45, 0.62, 0.75])
def test_planted_widths_are_recovered_between_samples(width_ms, rate_hz):
    shapes = [spike(width_ms, rate_hz, offset=offset) for offset in (0.0, 0.25, 0.5, 0.75)]
    found = waveform_classes(shapes, rate_hz=rate_hz).trough_to_peak_ms
    # a tenth of a sample; the tail of the trough moves the peak by 1 microsecond
    assert np.abs(found - width_ms).max() < 0.1 * 1000 / rate_hz + 0.001


def test_classes_and_their_grey_zone():
    widths = [0.30, 0.39, 0.41, 0.49, 0.51, 0.80]
    answer = waveform_classes([spike(width) for width in widths], rate_hz=30000.0)
    assert answer.label == ["narrow", "narrow", "grey", "grey", "wide", "wide"]
    assert [bool(reason) for reason in answer.reason] == [False, False, True, True, False, False]
    assert "between 0.4 and 0.5 ms" in answer.reason[2]
    moved = waveform_classes([spike(0.45)], rate_hz=30000.0, grey_zone_ms=(0.5, 0.6))
    assert moved.label == ["narrow"]


def test_the_class_does_not_depend_on_size_or_level():
    shapes = np.array([spike(0.36), spike(0.6)])
    for gain, level in ((80.0, 0.0), (1e-6, 0.0), (80.0, 500.0)):
        answer = waveform_classes(gain * shapes + level, rate_hz=30000.0)
        assert answer.label == ["narrow", "wide"]


def test_noise_of_a_mean_of_many_spikes_moves_the_width_little():
    rng = np.random.default_rng(1)
    shapes = [spike(0.6) + rng.normal(0, 0.01, 90) for _ in range(200)]
    found = waveform_classes(shapes, rate_hz=30000.0).trough_to_peak_ms
    assert abs(found.mean() - 0.6) < 0.01 and found.std() < 0.05


def test_positive_first_spikes_are_left_out():
    # a rise before the trough as a filter makes it; one that is a spike of its own; inverted
    shapes = [spike(0.6, hump=0.2), spike(0.6, hump=0.8), -spike(0.6), spike(0.6, rest=1.3)]
    answer = waveform_classes(shapes, rate_hz=30000.0)
    assert answer.label == ["wide", "positive_first", "positive_first", "positive_first"]
    assert np.isnan(answer.trough_to_peak_ms[1:]).all()
    assert all("upward" in reason for reason in answer.reason[1:])


def test_what_cannot_be_measured_says_why():
    short = spike(0.9, after_ms=0.7)
    missing, flat = np.full(len(short), np.nan), np.ones(len(short))
    answer = waveform_classes([short, missing, flat], rate_hz=30000.0)
    assert answer.label == ["unmeasured"] * 3
    assert "longer waveforms" in answer.reason[0] and answer.reason[1:] == ["no waveform"] * 2
    assert waveform_classes(np.empty((0, 60)), rate_hz=30000.0).label == []


def test_refusals():
    with pytest.raises(InputError, match="largest channel"):
        waveform_classes(np.zeros((3, 60, 4)), rate_hz=30000.0)
    with pytest.raises(InputError, match="20000 Hz at least"):
        waveform_classes(np.zeros((3, 60)), rate_hz=1000.0)
