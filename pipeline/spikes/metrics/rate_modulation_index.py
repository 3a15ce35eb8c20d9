"""Modulation index of each unit's rate against the baseline."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pipeline.metric import Metric, Value

if TYPE_CHECKING:
    from pipeline.spikes.modulation import CellModulation

METRIC = Metric(
    name="rate_modulation_index",
    label="Modulation index of the rate",
    domain="spikes",
    entity="unit",
    needs=("modulation",),
    grain="cell",
    baseline="none",
    value_unit="",
    scale="linear",
    description="Rate of the cell less that of the baseline, over their sum; -1 is silence",
    definition=(
        "(after - before) / (after + before) of a unit's rates in the cell and in the baseline of "
        "its context, -1 to 1; of the units whose change is tested. The change from the baseline "
        "is in it. Units chosen for their baseline rate fall by regression to the mean, so that it "
        "means something beside the vehicle session's only"
    ),
    formula=(
        "(after − before) / (after + before) of the rates in the cell and in its context's baseline"
    ),
    fails_when=(
        "No value without a baseline in the same context, or with fewer than "
        "spikes.modulation.minimum_blocks (5) blocks of 60 s in baseline or cell; for units that "
        "do not fire there.",
        "Units chosen for their baseline rate fall by regression to the mean: read it beside the "
        "vehicle session's only.",
        "Saturates: a unit that doubles reads 1/3, one that falls silent −1.",
    ),
    reference=(
        "davidgwyrick/psilocybin on GitHub (index, of Neuropixels recordings under psilocybin); "
        "Barnett, van der Pols & Dobson 2005, Int J Epidemiol 34:215 (regression to the mean)"
    ),
    options=("spikes.modulation", "spikes.minimum_baseline_rate_hz"),
)


def compute(*, modulation: CellModulation, options: Mapping[str, Any]) -> list[Value]:
    """Index of every tested unit.

    Parameters
    ----------
    modulation : CellModulation
        Of the cell.
    options : mapping
        Not used: the options were used when the source was made.

    Returns
    -------
    list of Value
        -1 to 1, one per unit.
    """
    found = modulation.modulation
    return [
        Value(
            value=float(value),
            region=region,
            unit_id=unit_id,
            n_effective=sum(found.blocks),
            n_effective_unit="blocks",
        )
        for unit_id, region, value in zip(found.unit_id, found.region, found.index, strict=True)
    ]
