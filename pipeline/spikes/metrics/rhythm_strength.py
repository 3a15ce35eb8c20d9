"""Strength of a unit's rhythm in each band."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pipeline.metric import Metric, Value
from pipeline.spikes.metrics._values import of_rhythms

if TYPE_CHECKING:
    from pipeline.spikes.periodicity import Periodicity

METRIC = Metric(
    name="rhythm_strength",
    label="Rhythm strength of units",
    domain="spikes",
    entity="unit",
    needs=("periodicity",),
    grain="cell",
    value_unit="",
    # Linear: around 0, and so below it too, without a rhythm.
    scale="linear",
    per_band=True,
    options=("lfp.bands",),
    description="Height of a band's strongest rhythm in the autocorrelogram; 0 by chance",
    definition=(
        "Height of the cosine (least squares beside a parabola, lags of 20 to 500 ms, later "
        "ones counting less) in the autocorrelogram over that of independent spikes, at the "
        "frequency of the band that is surest in the other half of the cell (every other block "
        "of 10 s), mean of both ways: m^2 / 2 for a rate that swings as 1 + m cos(2 pi f t). "
        "Independent spikes give 0 on average, however few; a rhythm too weak to be found at a "
        "low rate reads lower, and a strong one leaves up to a tenth of its height, upside down, "
        "in other bands. Bands within 3 to 80 Hz. Units with fewer than 100 spikes, or too few "
        "pairs in either half, have no value"
    ),
    formula=(
        "h, the least-squares height of cos(2πfτ) in the autocorrelogram / chance − 1, lags τ of "
        "20 to 500 ms; m² / 2 for a rate 1 + m · cos(2πft)"
    ),
    fails_when=(
        "No value for a unit with fewer than 100 spikes, or with too few pairs in either half of "
        "the cell.",
        "No value for bands outside 3 to 80 Hz.",
        "A strong rhythm leaves up to a tenth of its height, upside down, in other bands; one too "
        "weak to be found at a low rate reads lower.",
    ),
    reference="Autocorrelogram: Perkel et al. 1967, Biophys J 7:391; choice and estimate on "
    "separate halves: Kriegeskorte et al. 2009, Nat Neurosci 12:535",
)


def compute(*, periodicity: Periodicity, options: Mapping[str, Any]) -> list[Value]:
    """Strength of every unit's rhythm in each band.

    Parameters
    ----------
    periodicity : Periodicity
        Of the cell.
    options : mapping
        ``lfp.bands`` (name -> [low, high] in Hz); those within 3 to 80 Hz are measured.

    Returns
    -------
    list of Value
        Around 0 without a rhythm. Units with too few spikes are left out.
    """
    from pipeline.spikes.rhythms import band_strength

    return of_rhythms(periodicity, options, band_strength)
