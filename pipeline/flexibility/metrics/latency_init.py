"""Latency of initiation, by kind of trial."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.flexibility.epochs import EpochTrials
from pipeline.flexibility.latencies import median_latencies
from pipeline.metric import Metric, Value

METRIC = Metric(
    name="latency_init",
    label="Latency of initiation",
    domain="flexibility",
    entity="animal",
    needs=("trials",),
    grain="cell",
    per_band=True,
    band_names=("all", "correct", "error", "conflict", "congruent", "switch", "stable"),
    baseline="none",
    weight="n_effective",
    value_unit="s",
    scale="log2",
    description="Time from the cue to the initiation of the trial, by kind of trial",
    definition=(
        "Median of t_init - t_cue over the scored trials of the cell without omissions (a choice "
        "latency of the response window or longer is one) in which the animal initiates after the "
        "cue (before it, or at its onset, an initiation is no response to it: no value in tasks "
        "in which the initiation brings the cue); by outcome, by conflict, on the first "
        "flexibility.task.after_switch_trials trials after a switch (switch) and on all later "
        "trials of a set (stable)"
    ),
    formula="median(t_init − t_cue)",
    fails_when=(
        "No value of a kind of trials without a latency in the cell.",
        "No value in tasks in which the initiation brings the cue, or in logs without t_init.",
        "Few initiations after the cue leave few trials.",
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
    return median_latencies(trials, "initiation", METRIC.band_names)
