"""Irregularity of neighbouring intervals: CV2."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pipeline.metric import Metric, Value

if TYPE_CHECKING:
    from pipeline.spikes.irregularity import EpochIrregularity

METRIC = Metric(
    name="cv2",
    label="CV2",
    domain="spikes",
    entity="unit",
    needs=("irregularity",),
    grain="cell",
    value_unit="",
    # Linear: a mean over pairs of intervals, which has no bias however few they are; its logarithm
    # would have one, and a drug that lowers rates leaves fewer pairs.
    scale="linear",
    options=("spikes.irregularity",),
    description="Difference of neighbouring intervals between spikes: 1 for Poisson, 0 for a clock",
    definition=(
        "Mean of 2 |a - b| / (a + b) over neighbouring inter-spike intervals a and b; the three "
        "spikes of a pair lie in one interval of the cell. Slow changes of the rate leave it "
        "alone; a refractory period lowers it at high rates, which lvr corrects. Units with "
        "fewer pairs than spikes.irregularity.minimum (20) have no value"
    ),
    formula="mean of 2 · |a − b| / (a + b) over neighbouring intervals a, b",
    fails_when=(
        "No value for a unit with fewer pairs of intervals than spikes.irregularity.minimum (20).",
        "A refractory period lowers it at high rates: lvr corrects for that.",
    ),
    reference="Holt et al. 1996, J Neurophysiol 75:1806",
)


def compute(*, irregularity: EpochIrregularity, options: Mapping[str, Any]) -> list[Value]:
    """CV2 of every unit.

    Parameters
    ----------
    irregularity : EpochIrregularity
        Of the cell.
    options : mapping
        Not used: the options were used when the source was made.

    Returns
    -------
    list of Value
        0 to 2. Units with fewer than ``minimum`` pairs are left out.
    """
    from pipeline.spikes.unit_values import observations

    return observations(irregularity.measures["cv2"], pieces="pairs of intervals")
