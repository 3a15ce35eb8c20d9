"""What is left out around the mains: one decision per session, from the baseline."""

from functools import cache

import numpy as np
import pytest

from pipeline.experiment.lfp_options import LfpOptions
from pipeline.lfp import lfp_array
from pipeline.steps.session_data import Quality, Span
from pipeline.steps.session_mains import spread_windows, with_mains
from pipeline.steps.sources import interval_sources

RATE = 500.0
EPOCH_S, N_EPOCHS = 60, 4


class Session:
    """What `measure` asks a session for."""

    def __init__(self, lfp, line_hz=50):
        self.lfp = lfp
        self.recorded = np.array([[0.0, lfp.sizes["time"] / RATE]])
        self.options = {
            "lfp": LfpOptions().model_dump(mode="json"),
            "recording": {"line_noise_hz": line_hz},
        }

    def has(self, source):
        return source == "lfp"


def span(start_s, stop_s):
    return Span("home", "baseline", 0, start_s, stop_s, "a1", 1, None)


@cache
def session(quality, line_hz=50):
    """1/f^1.5 noise through a 50 Hz notch; from the middle on a rhythm at 40 Hz and no else."""
    n = round(2 * N_EPOCHS * EPOCH_S * RATE)
    hz = np.fft.rfftfreq(n, 1 / RATE)
    rng = np.random.default_rng(11)
    keep = hz > 0.5

    def noise(amplitude):
        values = np.fft.irfft(np.fft.rfft(rng.standard_normal(n)) * amplitude, n)
        return values / values.std()

    x = 100 * noise(np.where(keep, np.where(keep, hz, 1.0) ** -0.75, 0.0))
    x += 6 * noise(np.exp(-((hz - 40) ** 2) / (2 * 2.0**2))) * (np.arange(n) >= n / 2)
    if quality:
        detuned = quality * (hz**2 - 50**2) / np.maximum(hz * 50, 1e-9)
        x = np.fft.irfft(np.fft.rfft(x) * detuned / np.sqrt(1 + detuned**2), n)
    lfp = lfp_array(
        x[:, np.newaxis], rate_hz=RATE, channels=["a"], region={"a": "A"}, pass_band_hz=200.0
    )
    return Session(lfp, line_hz)


def shapes(data, quality):
    spans = [[[at * EPOCH_S, (at + 1) * EPOCH_S]] for at in range(2 * N_EPOCHS)]
    return [interval_sources(np.array(one, float), data, quality)["shape"] for one in spans]


def test_a_rhythm_beside_the_mains_does_not_widen_what_is_left_out():
    """A notch of Q 9 is near the limit: a rhythm at 40 Hz tips the decision of single epochs."""
    data = session(9)
    alone = {tuple(shape.mains[0]) for shape in shapes(data, Quality(np.empty((0, 2))))}
    assert len(alone) == 2
    quality = with_mains(Quality(np.empty((0, 2))), data, [span(0, N_EPOCHS * EPOCH_S)])
    found = shapes(data, quality)
    assert all((shape.mains == quality.mains).all() for shape in found)
    exponents = np.array([shape.broad["A"].exponent for shape in found])
    change = exponents[N_EPOCHS:].mean() - exponents[:N_EPOCHS].mean()
    assert abs(change) < 0.03


@pytest.mark.parametrize(("notch", "half_width"), [(None, 3.0), (5, 10.0)])
def test_the_decision_is_stated(notch, half_width):
    data = session(notch)
    quality = with_mains(Quality(np.empty((0, 2)), facts={"n": 1}), data, [span(0, 120)])
    assert quality.facts["n"] == 1
    assert quality.facts["mains_left_out_hz"]["50"] == half_width
    assert quality.facts["mains_left_out_hz"]["100"] == 3.0
    assert quality.mains[0].tolist() == [50 - half_width, 50 + half_width]


def test_the_whole_recording_decides_where_there_is_no_baseline():
    data = session(5)
    for baseline in ([], [span(10, 12)]):
        found = with_mains(Quality(np.empty((0, 2))), data, baseline)
        assert found.mains[0].tolist() == [40.0, 60.0]


def test_nothing_is_decided_without_mains_or_clean_time():
    quality = Quality(np.empty((0, 2)))
    assert with_mains(quality, session(5, None), [span(0, 120)]) is quality
    spoilt = Quality(np.array([[0.0, 1e6]]))
    assert with_mains(spoilt, session(5), [span(0, 120)]) is spoilt


def test_windows_are_spread_evenly_and_bounded():
    clean = np.array([[0.0, 10.0], [20.0, 23.0], [100.0, 1000.0]])
    windows = spread_windows(clean, window_s=4.0, most=20)
    assert len(windows) == 20
    assert windows[0, 0] == 0.0 and windows[-1, 0] > 950
    assert (np.diff(windows.ravel()) > 0).all()
    inside = (windows[:, :1] >= clean[:, 0]) & (windows[:, 1:] <= clean[:, 1])
    assert inside.any(axis=1).all() and not inside[:, 1].any()
    assert len(spread_windows(clean[:1], window_s=4.0)) == 2
    assert spread_windows(np.empty((0, 2)), window_s=4.0).shape == (0, 2)
