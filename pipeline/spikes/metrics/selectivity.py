"""Selectivity of each unit for choice, outcome and rule."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pipeline.metric import Metric, Value

if TYPE_CHECKING:
    from pipeline.spikes.task_selectivity import CellSelectivity

METRIC = Metric(
    name="selectivity",
    label="Selectivity",
    domain="spikes",
    entity="unit",
    needs=("selectivity",),
    grain="cell",
    per_band=True,
    band_names=("choice", "outcome", "rule"),
    baseline="none",
    weight="n_effective",
    value_unit="",
    scale="linear",
    description="Squared distance of the ROC area from 0.5, without what chance makes of it",
    definition=(
        "(area - 0.5)^2, estimated as the mean product of (more or fewer spikes, +-0.5) of two "
        "pairs of trials that share no trial: 0 on average without selectivity, for any number of "
        "trials. The area under the ROC curve is the probability that a trial of one label has "
        "more spikes than one of the other, of pairs of trials of one block. Choice (side): as "
        "long before the choice as spikes.task.response_s lasts, blocks of about six neighbours "
        "of one set; outcome (correct, error): spikes.task.response_s after it, the same blocks; "
        "rule: spikes.task.baseline_s before the cue, last third of a set with the first third of "
        "the next, the mean product of two different changes. Fewer spikes per trial make areas "
        "smaller: read it beside the rates"
    ),
    formula=(
        "(A − ½)² without bias: mean product of ±½ over two pairs of trials that share no trial; A "
        "the area under the ROC curve"
    ),
    fails_when=(
        "No value with fewer than spikes.task.minimum_trials (10) trials on either side that can "
        "be compared (rule: and two changes), or in sessions without trials.",
        "Fewer spikes per trial make areas smaller: read it beside firing_rate.",
        "May lie below 0 by chance. Choice and outcome go together in an animal that prefers a "
        "side.",
    ),
    reference=(
        "Green & Swets 1966, Signal Detection Theory and Psychophysics; Bamber 1975, J Math "
        "Psychol 12:387; van Elteren 1960, Bull Int Stat Inst 37:351 (blocks); Harris 2020, "
        "bioRxiv 2020.11.29.402719 (drift)"
    ),
    options=("spikes.task",),
)


def compute(*, selectivity: CellSelectivity, options: Mapping[str, Any]) -> list[Value]:
    """Selectivity of every unit for every label.

    Parameters
    ----------
    selectivity : CellSelectivity
        Of the cell.
    options : mapping
        Not used: the options were used when the source was made.

    Returns
    -------
    list of Value
        -0.25 to 0.25, one per unit and label.
    """
    return [
        Value(
            value=float(value),
            region=region,
            unit_id=unit_id,
            band=label,
            n_effective=sum(found.n_trials),
            n_effective_unit="trials",
        )
        for label, found in selectivity.labels.items()
        for unit_id, region, value in zip(
            selectivity.unit_id, selectivity.region, found.squared_excess, strict=True
        )
    ]
