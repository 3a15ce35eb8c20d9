"""Latency of collection, by kind of trial."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.flexibility.epochs import EpochTrials
from pipeline.flexibility.latencies import median_latencies
from pipeline.metric import Metric, Value

METRIC = Metric(
    name="latency_collection",
    label="Latency of collection",
    domain="flexibility",
    entity="animal",
    needs=("trials",),
    grain="cell",
    per_band=True,
    band_names=("all", "conflict", "congruent", "switch", "stable"),
    baseline="none",
    weight="n_effective",
    value_unit="s",
    scale="log2",
    description="Time from the choice to the collection of the reward, by kind of trial",
    definition=(
        "Median of t_reward - t_choice of rewarded trials over the scored trials of the cell; by "
        "conflict, on the first flexibility.task.after_switch_trials trials after a switch "
        "(switch) and on all later trials of a set (stable)"
    ),
    formula="median(t_reward − t_choice) of rewarded trials",
    fails_when=(
        "No value of a kind of trials without a latency in the cell.",
        "No value in a log without the times of rewards.",
        "A reward that the box delivers is not its collection: check what t_reward is in the log.",
    ),
    reference="in use; docs/flexibility.md",
    options=("flexibility.task",),
)


def compute(*, trials: EpochTrials, options: Mapping[str, Any]) -> list[Value]:
    """Median latency of each kind of trials.

    Parameters
    ----------
    trials : EpochTrials
        Trials and sets of one cell.
    options : mapping
        Unused.

    Returns
    -------
    list of Value
        A value for each kind that has latencies; ``n_effective`` is their number.
    """
    return median_latencies(trials, "collection", METRIC.band_names)
