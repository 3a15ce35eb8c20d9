"""Latency of the choice, by kind of trial."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.flexibility.epochs import EpochTrials
from pipeline.flexibility.latencies import median_latencies
from pipeline.metric import Metric, Value

METRIC = Metric(
    name="latency_choice",
    label="Latency of the choice",
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
    description="Time until the choice, by kind of trial",
    definition=(
        "Median of latency_choice of the log (t_choice - t_cue where that is blank) over the "
        "scored trials of the cell without omissions (a latency of the response window or longer "
        "is one); by outcome, by conflict, on the first flexibility.task.after_switch_trials "
        "trials after a switch (switch) and on all later trials of a set (stable)"
    ),
    formula="median(t_choice − t_cue), or of latency_choice of the log",
    fails_when=(
        "No value of a kind of trials without a latency in the cell.",
        "No value in a log without latencies or times.",
        "Omissions have none: a drug that turns slow choices into omissions shortens the median.",
    ),
    reference="Torrado Pacheco et al. 2023, doi 10.1038/s41386-023-01545-z (response time)",
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
    return median_latencies(trials, "choice", METRIC.band_names)
