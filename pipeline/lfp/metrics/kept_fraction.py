"""Part of the recorded time that was kept: does it differ between drug and vehicle?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pipeline.metric import Metric, Value

if TYPE_CHECKING:
    from pipeline.lfp import EpochQuality

# Linear, because epochs without any artefact are common: the logit of 1 rests on the length of the
# epoch alone, and would turn a difference of length into one of quality.
METRIC = Metric(
    name="kept_fraction",
    label="Kept fraction of time",
    domain="other",
    entity="animal",
    needs=("quality",),
    value_unit="fraction",
    scale="linear",
    description="Part of the recorded time without artefacts; a drug that changes it selects time",
    definition=(
        "Seconds of the epoch outside artefact windows (amplitude, flat, saturated, bursts; "
        "amplitude is the distance from the median over the 20 s around, its threshold that of the "
        "baseline, raised where the channel's spread over the minute around is larger, to at most "
        "twice) divided by its recorded seconds"
    ),
    formula="seconds outside artefacts / recorded seconds",
    fails_when=(
        "No value where the epoch has no recorded time.",
        "A drug that changes it selects the time in which everything else is measured: look at it "
        "first.",
    ),
    reference="Definition of a proportion",
)


def compute(*, quality: EpochQuality, options: Mapping[str, Any]) -> list[Value]:
    """Kept fraction of the epoch.

    Parameters
    ----------
    quality : EpochQuality
        Of the epoch.
    options : mapping
        Not used.

    Returns
    -------
    list of Value
        One, 0 to 1; empty when the epoch has no time.
    """
    if quality.seconds <= 0:
        return []
    return [
        Value(
            value=quality.kept_fraction,
            n_effective=quality.seconds,
            n_effective_unit="seconds",
        )
    ]
