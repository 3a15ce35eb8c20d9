"""Latency of the choice (dig) in each stage of a digging series."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.experiment.task import STAGES
from pipeline.flexibility.digging import stage_latencies
from pipeline.flexibility.epochs import EpochTrials
from pipeline.metric import Metric, Value

METRIC = Metric(
    name="latency_by_stage",
    label="Latency by stage",
    domain="flexibility",
    entity="animal",
    needs=("trials",),
    grain="cell",
    per_band=True,
    band_names=STAGES,
    baseline="none",
    weight="n_effective",
    value_unit="s",
    scale="log2",
    description="Time until the choice (the dig) in each stage of a series",
    definition=(
        "Median latency of all choices of the cell under the rule of each stage; omissions "
        "have none"
    ),
    formula="median of the choice latencies under the rule of each stage",
    fails_when=(
        "No value of a stage without a latency in the cell, in a log without latencies, or in a "
        "task without stages.",
        "Omissions have no latency: a drug that turns slow choices into omissions shortens the "
        "median.",
    ),
    reference="Birrell & Brown 2000 J Neurosci 20:4320",
    options=("flexibility.task",),
)


def compute(*, trials: EpochTrials, options: Mapping[str, Any]) -> list[Value]:
    """Median latency of the choices in each stage.

    Parameters
    ----------
    trials : EpochTrials
        Trials and sets of one cell.
    options : mapping
        Unused.

    Returns
    -------
    list of Value
        One for each stage with a latency; n_effective is the number of latencies.
    """
    return stage_latencies(trials)
