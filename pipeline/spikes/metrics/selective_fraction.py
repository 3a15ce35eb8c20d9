"""Share of units that are selective for choice, outcome and rule."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pipeline.metric import Metric, Value
from pipeline.spikes.task_values import LEVEL, regions_of

if TYPE_CHECKING:
    from pipeline.spikes.task_selectivity import CellSelectivity

METRIC = Metric(
    name="selective_fraction",
    label="Selective units",
    domain="spikes",
    entity="region",
    needs=("selectivity",),
    grain="cell",
    per_band=True,
    band_names=("choice", "outcome", "rule"),
    baseline="none",
    weight="n_effective",
    value_unit="fraction",
    # Linear, not logit: half a unit added to none would turn a difference in the number of units
    # into one of shares.
    scale="linear",
    description="Share of the units whose spikes tell the choice, the outcome or the rule",
    definition=(
        "Units with q < 0.05 divided by all units of the region; p of the ROC area (see "
        "selectivity) by exchange of labels within blocks of neighbouring trials (choice, "
        "outcome), by turning the direction of changes (rule); false-discovery control over the "
        "units of the session. No value where the cell allows no p below 0.05: with fewer than "
        "six changes of the rule. More trials find more units: read it beside selectivity, which "
        "does not grow with them"
    ),
    formula="units with q < 0.05 / units of the region",
    fails_when=(
        "No value with fewer than spikes.task.minimum_trials (10) trials on either side that can "
        "be compared (rule: and two changes), or in sessions without trials.",
        "No value where the cell allows no p below 0.05 (rule: fewer than six changes), and in "
        "regions with fewer than spikes.minimum_units units.",
        "More trials find more units: read it beside selectivity.",
    ),
    reference=(
        "Bamber 1975, J Math Psychol 12:387; Benjamini & Hochberg 1995, J R Stat Soc B 57:289; "
        "Harris 2020, bioRxiv 2020.11.29.402719 (drift)"
    ),
    options=("spikes.task", "spikes.minimum_units"),
)


def compute(*, selectivity: CellSelectivity, options: Mapping[str, Any]) -> list[Value]:
    """Share of each region's units that tell each label.

    Parameters
    ----------
    selectivity : CellSelectivity
        Of the cell.
    options : mapping
        ``spikes.minimum_units``.

    Returns
    -------
    list of Value
        0 to 1. Regions with fewer units, and labels that allow no small p, are left out.
    """
    members = regions_of(selectivity.region, options["spikes"]["minimum_units"])
    return [
        Value(
            value=float((found.q[here] < LEVEL).mean()),
            region=region,
            band=label,
            n_effective=len(here),
            n_effective_unit="units",
        )
        for label, found in selectivity.labels.items()
        if found.least_p < LEVEL
        for region, here in members.items()
    ]
