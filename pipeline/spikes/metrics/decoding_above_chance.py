"""How well the units of a region tell the rule and the choice."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pipeline.metric import Metric, Value

if TYPE_CHECKING:
    from pipeline.spikes.task_selectivity import CellDecoding

METRIC = Metric(
    name="decoding_above_chance",
    label="Decoding above chance",
    domain="spikes",
    entity="region",
    needs=("decoding",),
    grain="cell",
    per_band=True,
    band_names=("rule", "choice"),
    baseline="none",
    weight="n_effective",
    value_unit="",
    scale="linear",
    description="Share of left-out trials that the region's units tell right, less chance",
    definition=(
        "Balanced cross-validated accuracy of a ridge classifier of the square roots of the "
        "counts, less the mean accuracy with relabelled trials. Every decoder has "
        "spikes.task.decoding_units units (mean over draws) and spikes.task.decoding_trials trials "
        "of each label; rule: before the cue, 4 changes left out one after the other, counts as "
        "differences from the midpoint between both sides of a change, chance by turning changes; "
        "choice: before it, 5 parts of the time left out, chance by exchange in blocks of about "
        "six neighbouring trials. Never whole sets: drift would tell rules apart, or the wrong way"
    ),
    formula="balanced accuracy on left-out trials − its mean with relabelled trials",
    fails_when=(
        "No value where the region has fewer than spikes.task.decoding_units (5) or "
        "spikes.minimum_units units, a label fewer than spikes.task.decoding_trials (10) trials, "
        "or, for the rule, the cell fewer than 4 changes.",
        "May lie below 0 by chance. Whatever differs between labels can be decoded, movement "
        "included.",
    ),
    reference=(
        "Hastie, Tibshirani & Friedman 2009, The Elements of Statistical Learning, section 4.2; "
        "Durstewitz et al. 2010, Neuron 66:438 (rule); Harris 2020, bioRxiv 2020.11.29.402719 "
        "(drift)"
    ),
    options=("spikes.task", "spikes.minimum_units"),
)


def compute(*, decoding: CellDecoding, options: Mapping[str, Any]) -> list[Value]:
    """Accuracy above chance of each region and label.

    Parameters
    ----------
    decoding : CellDecoding
        Of the cell.
    options : mapping
        Not used: the options were used when the source was made.

    Returns
    -------
    list of Value
        -1 to 1; 0.5 is perfect where chance is one half.
    """
    return [
        Value(
            value=found.accuracy - found.chance,
            region=region,
            band=label,
            n_effective=found.n_trials,
            n_effective_unit="trials",
        )
        for label, of_regions in decoding.decoded.items()
        for region, found in of_regions.items()
    ]
