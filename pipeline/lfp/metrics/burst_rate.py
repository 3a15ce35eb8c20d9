"""Rate of bursts like those of muscles: head twitches, chewing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pipeline.metric import Metric, Value

if TYPE_CHECKING:
    from pipeline.lfp import EpochQuality

# Events per second, so that half an event (0.5 / seconds) keeps the logarithm finite at none.
METRIC = Metric(
    name="burst_rate",
    label="Rate of muscle-like bursts",
    domain="other",
    entity="animal",
    needs=("quality",),
    value_unit="Hz",
    scale="log2",
    zero_offset="half_count",
    description="Short broadband bursts (70-110 Hz together with above 200 Hz) per second",
    definition=(
        "Bursts that begin in the epoch divided by its recorded seconds; a burst lasts at most 2 s "
        "and lies at least 6 dB (3 robust standard deviations) at 70-110 Hz and 10 dB (6) above "
        "200 Hz over the baseline and over the 20 s around it, in half of the regions (windows of "
        "0.128 s, each frequency relative to its baseline median, median over a region's "
        "channels); with one region only, bursts of spikes beside a cell layer may count"
    ),
    formula="bursts that begin in the epoch / recorded seconds",
    fails_when=(
        "No value where the pass-band ends below 160 Hz, the baseline is too short to set the "
        "limits, or the epoch has no recorded time.",
        "A stand-in: bursts of chewing or grooming count as head twitches do.",
        "With one region only, bursts of spikes beside a cell layer may count.",
    ),
    reference="Own detector; a stand-in for head twitches where no video or magnetometer sees them",
)


def compute(*, quality: EpochQuality, options: Mapping[str, Any]) -> list[Value]:
    """Rate of bursts in the epoch.

    Parameters
    ----------
    quality : EpochQuality
        Of the epoch.
    options : mapping
        Not used.

    Returns
    -------
    list of Value
        Hz; empty when the epoch has no time, or the LFP's pass band does not allow to tell bursts.
    """
    if quality.seconds <= 0 or quality.n_bursts is None:
        return []
    return [
        Value(
            value=quality.n_bursts / quality.seconds,
            n_effective=quality.n_bursts,
            n_effective_unit="bursts",
        )
    ]
