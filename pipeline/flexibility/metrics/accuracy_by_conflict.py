"""Accuracy where old and new rule differ, and where they agree."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.flexibility.epochs import EpochTrials
from pipeline.flexibility.latencies import trial_kinds
from pipeline.flexibility.per_set import share
from pipeline.flexibility.shifts import shift_trials
from pipeline.metric import Metric, Value

METRIC = Metric(
    name="accuracy_by_conflict",
    label="Accuracy by conflict",
    domain="flexibility",
    entity="animal",
    needs=("trials",),
    grain="cell",
    per_band=True,
    band_names=("conflict", "congruent"),
    baseline="none",
    weight="n_effective",
    value_unit="fraction",
    scale="logit",
    description=(
        "Fraction of choices that were correct on trials on which the previous rule asks for "
        "another side (conflict), and for the same (congruent)"
    ),
    definition=(
        "correct / (correct + error) over the scored trials of the cell on which the previous "
        "rule asks for another side than the present one (conflict), or for the same (congruent);"
        " not of sets under a new label for the same sides, where all would be congruent"
    ),
    formula="correct / (correct + error), on conflict and on congruent trials apart",
    fails_when=(
        "No value of a kind without choices, in sets without a previous rule, and under a new "
        "label for the same sides.",
        "Congruent trials are right under either rule: high accuracy there is no flexibility.",
    ),
    reference="in use; docs/flexibility.md",
    options=("flexibility.task",),
)


def compute(*, trials: EpochTrials, options: Mapping[str, Any]) -> list[Value]:
    """Correct choices over all choices, by conflict.

    Parameters
    ----------
    trials : EpochTrials
        Trials and sets of one cell.
    options : mapping
        Unused.

    Returns
    -------
    list of Value
        A value for each of conflict and congruent that has choices; ``n_effective`` is their
        number.
    """
    kinds = trial_kinds(trials)
    shifted = shift_trials(trials.trials, trials.task)
    values: list[Value] = []
    for kind in METRIC.band_names:
        correct = int((kinds["correct"] & kinds[kind] & shifted).sum())
        wrong = int((kinds["error"] & kinds[kind] & shifted).sum())
        values += share(correct, correct + wrong, unit="trials", band=kind)
    return values
