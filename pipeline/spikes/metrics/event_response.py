"""Response of each unit to the events of a trial."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pipeline.metric import Metric, Value
from pipeline.spikes.task_values import LEAST_SPIKES

if TYPE_CHECKING:
    from pipeline.spikes.task_responses import CellResponses

METRIC = Metric(
    name="event_response",
    label="Response to the event",
    domain="spikes",
    entity="unit",
    needs=("responses",),
    grain="cell",
    per_band=True,
    band_names=("cue", "choice", "outcome", "rule_change"),
    baseline="none",
    weight="n_effective",
    value_unit="log2",
    scale="linear",
    description="log2 of the rate after an event over the rate before the cue of the same trials",
    definition=(
        "log2 of the rate in spikes.task.response_s after the event over that in "
        "spikes.task.baseline_s before the cue of the same trial, summed over the trials that show "
        "both windows, half a spike added to both counts; a window ends at the next event. Units "
        "with fewer than 10 spikes in both windows together have no value: half spikes alone would "
        "be a response. The outcome is the time of the reward, and on unrewarded trials the choice "
        "plus the session's median wait for it; a log without times of rewards has no outcome of "
        "its own. Rule change: the first outcome under the new rule"
    ),
    formula=(
        "log₂((r + ½) / T_r) − log₂((b + ½) / T_b), r and b spikes in the T_r and T_b seconds of "
        "response and baseline, summed over trials"
    ),
    fails_when=(
        "No value with fewer than spikes.task.minimum_trials (10) trials that show both windows "
        "(rule change: 3 changes), or in sessions without trials; of the outcome where the log has "
        "no times of rewards.",
        "No value for a unit with fewer than 10 spikes in both windows together.",
        "Movement towards the port is a response, too.",
        "Responses up and down cancel in the mean over units: read responsive_fraction.",
    ),
    reference=(
        "Sul et al. 2010, Neuron 66:449 (choice, outcome); Rich & Shapiro 2009, J Neurosci 29:7208 "
        "(switch of the rule); counts as pynapple's (Viejo et al. 2023, eLife 12:RP85786)"
    ),
    options=("spikes.task",),
)


def compute(*, responses: CellResponses, options: Mapping[str, Any]) -> list[Value]:
    """Response of every unit to every event.

    Parameters
    ----------
    responses : CellResponses
        Of the cell.
    options : mapping
        Not used: the options were used when the source was made.

    Returns
    -------
    list of Value
        log2, one per unit and event. Units with too few spikes are left out.
    """
    return [
        Value(
            value=float(value),
            region=region,
            unit_id=unit_id,
            band=event,
            n_effective=answer.n_events,
            n_effective_unit="events",
        )
        for event, answer in responses.response.items()
        for unit_id, region, value, spikes in zip(
            responses.unit_id,
            responses.region,
            answer.log2_change,
            answer.response + answer.baseline,
            strict=True,
        )
        if spikes >= LEAST_SPIKES
    ]
