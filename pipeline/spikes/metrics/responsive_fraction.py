"""Share of units that respond to the events of a trial, up or down."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pipeline.metric import Metric, Value
from pipeline.spikes.task_values import LEVEL, regions_of

if TYPE_CHECKING:
    from pipeline.spikes.task_responses import CellResponses

METRIC = Metric(
    name="responsive_fraction",
    label="Responsive units",
    domain="spikes",
    entity="region",
    needs=("responses",),
    grain="cell",
    per_band=True,
    band_names=("cue", "choice", "outcome", "rule_change"),
    baseline="none",
    weight="n_effective",
    value_unit="fraction",
    # Linear, not logit: half a unit added to none would turn a difference in the number of units
    # into one of shares.
    scale="linear",
    description="Share of the units that fire more or less after an event than before the cue",
    definition=(
        "Units with q < 0.05 divided by all units of the region; p of the spikes in "
        "spikes.task.response_s after the event less those in spikes.task.baseline_s before the "
        "cue of the same trial, scaled to the same length, summed over trials, by turning the "
        "signs of trials at random (spikes.task.relabelled times); false-discovery control over "
        "the units of the session. Windows, events and trials as in event_response, where "
        "responses up and down cancel in the mean: here they do not. No value with fewer than six "
        "events, which allow no p below 0.05, and in regions with fewer than spikes.minimum_units "
        "units. More trials and more spikes find more units"
    ),
    formula="units with q < 0.05 / units of the region",
    fails_when=(
        "No value with fewer than spikes.task.minimum_trials (10) trials that show both windows "
        "(rule change: 3 changes), or in sessions without trials; of the outcome where the log has "
        "no times of rewards.",
        "No value with fewer than six events, which allow no p below 0.05, and in regions with "
        "fewer than spikes.minimum_units units.",
        "More trials and more spikes find more units.",
    ),
    reference=(
        "Fisher 1935, The Design of Experiments, section 21 (signs turned at random); Benjamini & "
        "Hochberg 1995, J R Stat Soc B 57:289"
    ),
    options=("spikes.task", "spikes.minimum_units"),
)


def compute(*, responses: CellResponses, options: Mapping[str, Any]) -> list[Value]:
    """Share of each region's units that respond to each event.

    Parameters
    ----------
    responses : CellResponses
        Of the cell.
    options : mapping
        ``spikes.minimum_units``.

    Returns
    -------
    list of Value
        0 to 1. Regions with fewer units, and events that allow no small p, are left out.
    """
    from pipeline.spikes.modulation import benjamini_hochberg
    from pipeline.spikes.response_test import least_p

    members = regions_of(responses.region, options["spikes"]["minimum_units"])
    found = {
        event: benjamini_hochberg(p)
        for event, p in responses.p.items()
        if least_p(responses.n_events[event]) < LEVEL
    }
    return [
        Value(
            value=float((q[here] < LEVEL).mean()),
            region=region,
            band=event,
            n_effective=len(here),
            n_effective_unit="units",
        )
        for event, q in found.items()
        for region, here in members.items()
    ]
