"""Local variation, corrected for the refractory period."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pipeline.metric import Metric, Value

if TYPE_CHECKING:
    from pipeline.spikes.irregularity import EpochIrregularity

METRIC = Metric(
    name="lvr",
    label="Revised local variation",
    domain="spikes",
    entity="unit",
    needs=("irregularity",),
    grain="cell",
    value_unit="",
    # Linear: a mean over pairs of intervals, which has no bias however few they are; its logarithm
    # would have one, and a drug that lowers rates leaves fewer pairs.
    scale="linear",
    options=("spikes.irregularity",),
    description="Local variation corrected for the refractory period; follows the rate less",
    definition=(
        "Mean of 3 ((a - b) / (a + b))^2 (1 + 4 R / (a + b)) over neighbouring inter-spike "
        "intervals a and b, R = 5 ms (spikes.irregularity.refractory_ms); the three spikes of a "
        "pair lie in one interval of the cell. The correction is of the first order: units that "
        "burst within a few R read high. Units with fewer pairs than "
        "spikes.irregularity.minimum (20) have no value"
    ),
    formula=(
        "mean of 3 · ((a − b) / (a + b))² · (1 + 4R / (a + b)) over neighbouring intervals a, b; R "
        "= 5 ms"
    ),
    fails_when=(
        "No value for a unit with fewer pairs of intervals than spikes.irregularity.minimum (20).",
        "The correction is of the first order: units that burst within a few R read high, above 3 "
        "as well.",
    ),
    reference="Shinomoto et al. 2009, PLoS Comput Biol 5:e1000433",
)


def compute(*, irregularity: EpochIrregularity, options: Mapping[str, Any]) -> list[Value]:
    """Revised local variation of every unit.

    Parameters
    ----------
    irregularity : EpochIrregularity
        Of the cell.
    options : mapping
        Not used: the options were used when the source was made.

    Returns
    -------
    list of Value
        0 or more. Units with fewer than ``minimum`` pairs are left out.
    """
    from pipeline.spikes.unit_values import observations

    return observations(irregularity.measures["lvr"], pieces="pairs of intervals")
