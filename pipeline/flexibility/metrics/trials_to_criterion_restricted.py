"""Trials to criterion with the unfinished set: restricted mean."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from pipeline.flexibility.epochs import EpochTrials
from pipeline.flexibility.restricted import restricted_to_criterion
from pipeline.metric import Metric, Value

METRIC = Metric(
    name="trials_to_criterion_restricted",
    label="Trials to criterion, unfinished sets included",
    domain="flexibility",
    entity="animal",
    needs=("trials",),
    grain="cell",
    baseline="none",
    weight="n_effective",
    value_unit="trials",
    scale="time_to_event",
    description=(
        "Mean trials to criterion of all sets, the unfinished one included, each counted up to a "
        "common number of trials"
    ),
    definition=(
        "Area under the Kaplan-Meier curve of trials to criterion over the sets that start in "
        "the cell, from 0 to flexibility.task.restricted_at_trials (by default ten times the "
        "correct choices that the criterion asks for; the same for all sessions); right-censored "
        "at the longest set where that one is unfinished and shorter; where trials before the "
        "criterion run are counted: of trials up to the criterion, less the run"
    ),
    formula=(
        "∫₀^τ S(t) dt, S the Kaplan-Meier curve of trials to criterion over the cell's sets, τ = "
        "flexibility.task.restricted_at_trials"
    ),
    fails_when=(
        "No value in a cell in which no set starts, or no choice was made in one.",
        "No value where trials before a criterion run of varying length are counted "
        "(criterion_run_included: false with a criterion that is no run).",
        "Right-censored where the longest set is unfinished and shorter than τ.",
    ),
    reference=(
        "Royston & Parmar 2013 BMC Med Res Methodol 13:152; gap times: Pena, Strawderman & "
        "Hollander 2001 J Am Stat Assoc 96:1299"
    ),
    options=("flexibility.task",),
)


def compute(*, trials: EpochTrials, options: Mapping[str, Any]) -> list[Value]:
    """Restricted mean over all sets in which a choice was made.

    Parameters
    ----------
    trials : EpochTrials
        Trials and sets of one cell.
    options : mapping
        Unused.

    Returns
    -------
    list of Value
        One value, censored where the curve is unknown before the common end; none in a cell where
        no choice was made in a set of its own, or where trials before a criterion run of varying
        length are counted. ``n_effective`` is the number of sets.
    """
    sets = trials.sets[trials.sets["n_correct"] + trials.sets["n_errors"] > 0]
    if not len(sets):
        return []
    mean, censored = restricted_to_criterion(sets, task=trials.task)
    if math.isnan(mean):
        return []
    return [
        Value(
            value=mean,
            censored=censored,
            n_effective=float(len(sets)),
            n_effective_unit="sets",
        )
    ]
