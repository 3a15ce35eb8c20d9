"""What the config's section ``lfp`` refuses, and what it derives."""

import pytest
from pydantic import ValidationError

from pipeline.experiment.lfp_options import LfpOptions

BANDS = {"theta": (6, 10), "low_gamma": (30, 55), "high_gamma": (65, 100), "hfo": (110, 180)}


def test_pairs_left_out_are_those_of_the_bands_there_are():
    assert LfpOptions().phase_amplitude_pairs == (
        ("theta", "low_gamma"),
        ("theta", "high_gamma"),
        ("theta", "hfo"),
    )
    assert LfpOptions(bands={"theta": (6, 10), "gamma": (30, 80)}).phase_amplitude_pairs == ()
    # a gamma band that ends before mains of 50 Hz has no room for the sidebands of theta
    european = {**BANDS, "low_gamma": (30, 48)}
    assert ("theta", "low_gamma") not in LfpOptions(bands=european).phase_amplitude_pairs


@pytest.mark.parametrize(
    ("pairs", "said"),
    [
        ([["thta", "hfo"]], "'thta' is no band of lfp.bands (did you mean 'theta'?)"),
        ([["hfo", "theta"]], "the band of the phase must lie below that of the amplitude"),
        ([["theta", "beta"]], "must be at least 20 Hz wide, twice the upper end of theta"),
    ],
)
def test_pairs_that_cannot_be_measured_are_refused(pairs, said):
    bands = {**BANDS, "beta": (15, 30)}
    with pytest.raises(ValidationError) as error:
        LfpOptions(bands=bands, phase_amplitude={"pairs": pairs})
    assert said in str(error.value)


def test_a_band_beyond_the_pass_band_is_refused():
    with pytest.raises(ValidationError, match="beyond the pass band of the LFP, 160 Hz"):
        LfpOptions(rate_hz=400.0)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"hfo": {"band_hz": (80, 300)}}, "is not inside aperiodic.hfo_fit_hz [60.0, 250.0]"),
        ({"hfo": {"band_hz": (50, 200)}}, "is not inside aperiodic.hfo_fit_hz"),
        ({"aperiodic": {"hfo_fit_hz": (100, 250)}}, "is not inside aperiodic.hfo_fit_hz"),
        (
            {"hfo": {"band_hz": (80, 450)}, "aperiodic": {"hfo_fit_hz": (60, 480)}},
            "hfo.band_hz reaches 450 Hz, beyond the pass band of the LFP, 400 Hz",
        ),
        ({"complexity": {"rate_hz": 150}}, "complexity.rate_hz 150 is too low for band_hz up to"),
        ({"complexity": {"band_hz": (1, 300)}}, "more than 601 Hz"),
        (
            {"complexity": {"band_hz": (1, 90), "rate_hz": 190}, "rate_hz": 200, "bands": {}},
            "complexity.band_hz reaches 90 Hz, beyond the pass band of the LFP, 80 Hz",
        ),
    ],
)
def test_ranges_that_cannot_be_had_are_refused(changes, said):
    with pytest.raises(ValidationError) as error:
        LfpOptions(**changes)
    assert said in str(error.value)


def test_a_slow_lfp_needs_no_other_defaults():
    """What its pass band forbids is warned of per session; only what was written is refused."""
    assert LfpOptions(rate_hz=200, bands={"theta": (6, 10)}).complexity.band_hz == (1, 100)
    assert LfpOptions(rate_hz=500).hfo.band_hz == (80, 200)
    assert LfpOptions(rate_hz=500, hfo={"band_hz": (80, 200)}).hfo.band_hz == (80, 200)
