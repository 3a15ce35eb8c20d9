"""Errors to criterion in each stage of a digging series."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.experiment.task import STAGES
from pipeline.flexibility.digging import stage_values
from pipeline.flexibility.epochs import EpochTrials
from pipeline.metric import Metric, Value

METRIC = Metric(
    name="errors_to_criterion_by_stage",
    label="Errors to criterion by stage",
    domain="flexibility",
    entity="animal",
    needs=("trials",),
    grain="cell",
    per_band=True,
    band_names=STAGES,
    baseline="none",
    weight="n_effective",
    value_unit="errors",
    scale="count",
    zero_offset="half_count",
    description="Errors to criterion in each stage of a series, such as reversal_1",
    definition=(
        "Wrong choices (omissions excluded) up to the criterion of the first set under the "
        "rule of each stage; the errors so far, right-censored, where the stage was not "
        "finished"
    ),
    formula="wrong choices up to the criterion, first set of each stage",
    fails_when=(
        "No value of a stage that was not begun in the cell, or in a task without stages.",
        "Right-censored where the stage was not finished.",
        "Animals that stop at an early stage have no later ones: those that remain are the able "
        "ones.",
    ),
    reference="Birrell & Brown 2000 J Neurosci 20:4320",
    options=("flexibility.task",),
)


def compute(*, trials: EpochTrials, options: Mapping[str, Any]) -> list[Value]:
    """Errors to criterion of each stage that starts in the cell.

    Parameters
    ----------
    trials : EpochTrials
        Trials and sets of one cell.
    options : mapping
        Unused.

    Returns
    -------
    list of Value
        One for each stage in which a choice was made, in the order of the series; none in a task
        without stages.
    """
    return stage_values(trials, "errors_to_criterion")
