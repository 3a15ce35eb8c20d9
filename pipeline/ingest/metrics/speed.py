"""Mean speed: how much the animal moves, the first suspect behind a change of rhythms or rates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pipeline.metric import Metric, Value

if TYPE_CHECKING:
    from pipeline.ingest.movement import EpochMovement

# Linear scale: speeds of resting, anaesthetised or sedated animals are near zero, where a logarithm
# turns tracking noise of a millimetre per second into the largest effects of the cohort, and is
# undefined at zero itself. A difference in cm/s is also what is compared across papers.
METRIC = Metric(
    name="speed",
    label="Mean speed",
    domain="other",
    entity="animal",
    needs=("movement",),
    value_unit="cm/s",
    scale="linear",
    description="Mean speed of the animal in the epoch",
    definition="Distance travelled divided by the time with known position, in the epoch",
    formula="Σₖ vₖ · Δtₖ / Σₖ Δtₖ, Δt the seconds until the next sample",
    fails_when=(
        "No value where the position is never known in the epoch.",
        "Jitter of the tracked point reads as slow movement; a wrong scale (cm per pixel) scales "
        "every value.",
    ),
    reference="Definition of mean speed; samples weighted by the time until the next sample",
    grain="interval",
    baseline="change",
    weight="seconds",
)


def compute(*, movement: EpochMovement, options: Mapping[str, Any]) -> list[Value]:
    """Return the time-weighted mean speed of an epoch.

    Parameters
    ----------
    movement : EpochMovement
        Speed inside the epoch's intervals.
    options : mapping
        Not used.

    Returns
    -------
    list of Value
        One value in cm/s; none when the position is never known.
    """
    seconds = movement.seconds
    if not seconds > 0:
        return []
    mean = float((movement.speed_cm_s * movement.weight_s).sum() / seconds)
    return [Value(value=mean, n_effective=seconds, n_effective_unit="s")]
