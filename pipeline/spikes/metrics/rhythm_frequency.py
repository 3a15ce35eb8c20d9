"""Frequency of a unit's rhythm in each band."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pipeline.metric import Metric, Value
from pipeline.spikes.metrics._values import of_rhythms

if TYPE_CHECKING:
    from pipeline.spikes.periodicity import Periodicity

METRIC = Metric(
    name="rhythm_frequency",
    label="Rhythm frequency of units",
    domain="spikes",
    entity="unit",
    needs=("periodicity",),
    grain="cell",
    value_unit="Hz",
    # Linear: hertz, as the peak frequency of the LFP.
    scale="linear",
    per_band=True,
    options=("lfp.bands",),
    description="Frequency at which a unit fires rhythmically in a band, where it surely does",
    definition=(
        "Frequency of the highest peak of the cosine fits (rhythm_strength, the whole cell) "
        "inside the band, in standard deviations of independent spikes, refined by a parabola; "
        "stated where the peak is at least 4 of them above zero. Bands within 3 to 80 Hz. Units "
        "without such a peak have no value, and they are more where rates are low"
    ),
    formula=(
        "argmax over the band of height / standard error of the cosine fits, refined by a parabola"
    ),
    fails_when=(
        "No value for a unit with fewer than 100 spikes.",
        "No value where the band's highest peak is less than 4 standard deviations of independent "
        "spikes above zero, and for bands outside 3 to 80 Hz: low rates leave fewer units.",
    ),
    reference="Autocorrelogram: Perkel et al. 1967, Biophys J 7:391",
)


def compute(*, periodicity: Periodicity, options: Mapping[str, Any]) -> list[Value]:
    """Frequency of every rhythmic unit in each band.

    Parameters
    ----------
    periodicity : Periodicity
        Of the cell.
    options : mapping
        ``lfp.bands`` (name -> [low, high] in Hz); those within 3 to 80 Hz are measured.

    Returns
    -------
    list of Value
        Hz. Units without a sure peak are left out.
    """
    from pipeline.spikes.rhythms import band_frequency

    return of_rhythms(periodicity, options, band_frequency)
