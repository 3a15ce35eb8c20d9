"""Share of the tested units whose rate is below that of the baseline."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pipeline.metric import Metric, Value
from pipeline.spikes.task_values import called_shares

if TYPE_CHECKING:
    from pipeline.spikes.modulation import CellModulation

METRIC = Metric(
    name="units_down",
    label="Units that go down",
    domain="spikes",
    entity="region",
    needs=("modulation",),
    grain="cell",
    baseline="none",
    value_unit="fraction",
    # Linear, not logit: half a unit added to none would turn a difference in the number of units
    # tested into one of shares.
    scale="linear",
    description="Share of the tested units whose rate is below that of the baseline",
    definition=(
        "Units called down divided by the units tested. Tested is the "
        "step between the counts of the context's baseline and of the cell in blocks, beyond a "
        "straight line through both (spikes.modulation.trend), self-normalised, by permutation of "
        "blocks freed of their memory; a unit counts with q below spikes.modulation.level "
        "(false-discovery control over the units of the session) and a change of "
        "spikes.modulation.least_log2 or more. Where a session has several steps of doses, each is "
        "held against the baseline before the first. The null is no change beyond drift, and units "
        "change without any drug: the share means something beside the vehicle session's only. "
        "Regions with fewer than spikes.minimum_units tested units have none"
    ),
    formula="units called down (q < level and |log₂ change| ≥ least_log2) / tested units",
    fails_when=(
        "No value without a baseline in the same context, with fewer than "
        "spikes.modulation.minimum_blocks (5) blocks of 60 s in baseline or cell, or where fewer "
        "than spikes.minimum_units units fire in the baseline.",
        "Units change without any drug: the share means something beside the vehicle session's "
        "only.",
        "Longer cells and more spikes find more units.",
    ),
    reference=(
        "Kiefer, Vogelsang & Bunzel 2000, Econometrica 68:695 (step test); Benjamini & Hochberg "
        "1995, J R Stat Soc B 57:289; fractions beside the vehicle session's: Purple et al. 2025, "
        "Mol Psychiatry, doi 10.1038/s41380-025-03182-y"
    ),
    options=("spikes.modulation", "spikes.minimum_baseline_rate_hz", "spikes.minimum_units"),
)


def compute(*, modulation: CellModulation, options: Mapping[str, Any]) -> list[Value]:
    """Share of each region's tested units.

    Parameters
    ----------
    modulation : CellModulation
        Of the cell.
    options : mapping
        ``spikes.minimum_units``.

    Returns
    -------
    list of Value
        0 to 1. Regions with fewer tested units are left out.
    """
    return called_shares(modulation, (-1,), minimum_units=options["spikes"]["minimum_units"])
