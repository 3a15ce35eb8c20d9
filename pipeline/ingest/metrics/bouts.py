"""How often a scored behaviour begins: many short bouts and one long one fill the same time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pipeline.metric import Metric, Value

if TYPE_CHECKING:
    from pipeline.ingest.scored import EpochScored

# Events per second, so that half an event (0.5 / seconds) keeps the logarithm finite at none.
METRIC = Metric(
    name="bouts",
    label="Bouts of a state",
    domain="other",
    entity="animal",
    needs=("scored",),
    per_band=True,
    value_unit="Hz",
    scale="log2",
    zero_offset="half_count",
    description="Bouts of a scored behaviour per second of scored time",
    definition="Bouts that began in the epoch divided by the seconds in which the behaviour was "
    "scored there; a bout that lasts into the epoch began before it",
    formula="bouts that begin in the epoch / scored seconds",
    fails_when=(
        "No value of a behaviour that nobody scored in the epoch; one that was scored and never "
        "seen is 0.",
        "A behaviour that fills the epoch has few bouts because it never ends: read time_in_state "
        "beside it.",
    ),
    reference="Definition of a rate of events; bouts as a person scored them",
    grain="interval",
    baseline="change",
    weight="seconds",
)


def compute(*, scored: EpochScored, options: Mapping[str, Any]) -> list[Value]:
    """Return the rate of bouts of each behaviour.

    Parameters
    ----------
    scored : EpochScored
        Scored behaviour inside the epoch's intervals.
    options : mapping
        Not used.

    Returns
    -------
    list of Value
        One per behaviour that was scored in the epoch, ``band`` its name; bouts per second.
    """
    return [
        Value(
            value=scored.bouts[name] / seconds,
            band=name,
            n_effective=float(scored.bouts[name]),
            n_effective_unit="bouts",
        )
        for name, seconds in scored.observed_s.items()
    ]
