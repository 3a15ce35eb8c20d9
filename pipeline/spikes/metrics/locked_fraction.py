"""Share of units that are locked to the LFP."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pipeline.metric import Metric, Value

if TYPE_CHECKING:
    from pipeline.spikes.locking import Locking

METRIC = Metric(
    name="locked_fraction",
    label="Share of locked units",
    domain="spikes",
    entity="region",
    needs=("locking",),
    value_unit="fraction",
    # Linear, not logit: half a unit added to none would make 0 of 20 units less than 0 of 10, so
    # that a drug that lowers rates, and leaves fewer units to test, would seem to add locking.
    scale="linear",
    grain="cell",
    per_band=True,
    options=(
        "spikes.locking.level",
        "spikes.locking.minimum_spikes",
        "spikes.minimum_units",
    ),
    description=(
        "Share of a region's units whose spikes prefer a phase of the band, errors of the many "
        "tests controlled"
    ),
    definition=(
        "Share of units with q below spikes.locking.level: p of the test over blocks of 5 s (sums "
        "S of their spikes' phase vectors, less what each block's own time offers; R = |sum S|^2 "
        "/ sum |S|^2 over B blocks, p = (1 - R / B)^(B - 1)), by Benjamini and Hochberg over all "
        "units of all regions within the band. Units with spikes.locking.minimum_spikes spikes in "
        "8 blocks or more; regions with fewer than spikes.minimum_units such units have none. "
        "More spikes and longer cells find more locked units at the same strength: read it beside "
        "spike_phase_locking, which does not depend on them"
    ),
    formula="units with q < spikes.locking.level / tested units",
    fails_when=(
        "No value without an LFP channel of the region other than those the units are on, for a "
        "band beyond the pass-band, or for a unit with fewer than spikes.locking.minimum_spikes "
        "(50) spikes with a phase.",
        "No value where fewer than spikes.minimum_units units of the region could be tested "
        "(spikes in 8 blocks of 5 s or more).",
        "Grows with spikes and with the length of the cell at the same strength of locking: read "
        "spike_phase_locking beside it.",
    ),
    reference=(
        "Benjamini & Hochberg 1995, J R Stat Soc B 57:289; the test over blocks is this "
        "pipeline's own"
    ),
)


def compute(*, locking: Locking, options: Mapping[str, Any]) -> list[Value]:
    """Share of each region's units that are locked, in each band.

    Parameters
    ----------
    locking : Locking
        Of the cell.
    options : mapping
        ``spikes.locking.level``, ``spikes.minimum_units``.

    Returns
    -------
    list of Value
        0 to 1, out of the units that were tested.
    """
    import numpy as np

    from pipeline.spikes.locking import locking_q

    q = locking_q(locking.block_p)
    values = []
    for region in sorted(set(locking.region) - {""}):
        here = np.array([own == region for own in locking.region])
        for band, of_band in zip(locking.bands, q[here].T, strict=True):
            tested = of_band[np.isfinite(of_band)]
            if len(tested) < options["spikes"]["minimum_units"]:
                continue
            values.append(
                Value(
                    value=float(np.mean(tested < options["spikes"]["locking"]["level"])),
                    region=region,
                    band=band,
                    n_effective=len(tested),
                    n_effective_unit="units",
                )
            )
    return values
