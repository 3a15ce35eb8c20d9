"""Share of the time in a scored behaviour: immobility, freezing, social contact, grooming."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pipeline.metric import Metric, Value

if TYPE_CHECKING:
    from pipeline.ingest.scored import EpochScored

# Logit, as every share here: the same change weighs more near none and near all. Half a second in
# and out keeps it finite; beside it the other scale, linear, shows the difference of the shares.
METRIC = Metric(
    name="time_in_state",
    label="Time in state",
    domain="other",
    entity="animal",
    needs=("scored",),
    per_band=True,
    value_unit="fraction",
    scale="logit",
    description="Fraction of the scored time that the animal spent in a behaviour (immobility, "
    "freezing, social contact, grooming)",
    definition="Seconds in bouts of the behaviour divided by the seconds in which it was scored, "
    "in the epoch; a behaviour that was scored and never seen is 0",
    formula="Σ seconds in bouts of the behaviour / scored seconds",
    fails_when=(
        "No value of a behaviour that nobody scored in the epoch; one that was scored and never "
        "seen is 0.",
        "Scorers differ: one scorer, who does not know the condition, for all sessions that are "
        "compared.",
    ),
    reference="Definition of a fraction of time; bouts as a person scored them",
    grain="interval",
    baseline="change",
    weight="seconds",
)


def compute(*, scored: EpochScored, options: Mapping[str, Any]) -> list[Value]:
    """Return the fraction of the scored time in each behaviour.

    Parameters
    ----------
    scored : EpochScored
        Scored behaviour inside the epoch's intervals.
    options : mapping
        Not used.

    Returns
    -------
    list of Value
        One per behaviour that was scored in the epoch, ``band`` its name. ``n_effective`` is the
        scored time in seconds (on the logit scale half a second is added in and out).
    """
    return [
        Value(
            # Sums in another order may differ in the last digit: a fraction stays within 0 to 1.
            value=min(1.0, scored.state_s[name] / seconds),
            band=name,
            n_effective=seconds,
            n_effective_unit="s",
        )
        for name, seconds in scored.observed_s.items()
    ]
