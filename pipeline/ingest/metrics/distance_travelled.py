"""Distance travelled: the usual readout of an open field."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pipeline.metric import Metric, Value

if TYPE_CHECKING:
    from pipeline.ingest.movement import EpochMovement

# A sum over a cell, not a mean: intervals of one cell add up, and a baseline of another length is
# nothing to subtract. Mean speed is the outcome that does not depend on how long was tracked.
METRIC = Metric(
    name="distance_travelled",
    label="Distance travelled",
    domain="other",
    entity="animal",
    needs=("movement",),
    value_unit="m",
    scale="linear",
    description="Length of the animal's path; compare it between epochs of equal length only",
    definition="Sum of speed times seconds over all tracked time of the context in the phase; time "
    "without known position adds nothing",
    formula="Σₖ vₖ · Δtₖ / 100, v in cm/s, Δt the seconds until the next sample",
    fails_when=(
        "No value where the position is never known in the cell.",
        "Epochs of unequal length, or with unequal gaps of the tracking, cannot be compared: read "
        "speed.",
        "Jitter of the tracked point adds way to an animal that sits still.",
    ),
    reference="Definition of distance; smoothing of the position as for the speed",
    grain="cell",
    baseline="none",
    weight="seconds",
)


def compute(*, movement: EpochMovement, options: Mapping[str, Any]) -> list[Value]:
    """Return the distance travelled in a cell.

    Parameters
    ----------
    movement : EpochMovement
        Speed inside all intervals of the cell.
    options : mapping
        Not used.

    Returns
    -------
    list of Value
        One value in m, ``n_effective`` the tracked seconds; none when the speed is never known.
    """
    seconds = movement.seconds
    if not seconds > 0:
        return []
    path_cm = float((movement.speed_cm_s * movement.weight_s).sum())
    return [Value(value=path_cm / 100.0, n_effective=seconds, n_effective_unit="s")]
