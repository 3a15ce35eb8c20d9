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
