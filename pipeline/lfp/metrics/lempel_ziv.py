"""Lempel-Ziv complexity of the LFP."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pipeline.metric import Metric, Value

if TYPE_CHECKING:
    from pipeline.lfp import Complexity

METRIC = Metric(
    name="lempel_ziv",
    label="Lempel-Ziv complexity",
    domain="oscillations",
    entity="region",
    needs=("complexity",),
    grain="cell",
    value_unit="",
    scale="log2",
    options=("lfp.complexity", "recording.line_noise_hz"),
    description="Lempel-Ziv complexity of the LFP; follows the slope of the spectrum",
    definition=(
        "Number c of words of the LZ76 parsing of the LFP (1-100 Hz without the mains, 250 Hz, "
        "windows of 10 s, cut at the window's median), as c log2(n) / n; mean over windows and "
        "over at most 4 good channels of the region, evenly spread"
    ),
    formula=(
        "c · log₂(n) / n, c words of the LZ76 parsing of n bits (above or not above the window's "
        "median)"
    ),
    fails_when=(
        "No value where the cell holds fewer than lfp.complexity.windows (6) clean windows of "
        "lfp.complexity.window_s (10 s) beside 2 s of every piece, or where the recording does not "
        "reach the end of lfp.complexity.band_hz.",
        "Follows the slope of the spectrum above all: a flatter spectrum reads as more complex. "
        "lempel_ziv_normalised takes that away.",
        "More walking means more theta, and less complexity: look at the strata of movement.",
    ),
    reference="Lempel & Ziv 1976, IEEE Trans Inf Theory 22:75; Kaspar & Schuster 1987, "
    "Phys Rev A 36:842",
)


def compute(*, complexity: Complexity, options: Mapping[str, Any]) -> list[Value]:
    """Complexity of each region.

    Parameters
    ----------
    complexity : Complexity
        Of the cell.
    options : mapping
        Not used: the options were used when the source was made.

    Returns
    -------
    list of Value
        Above 0; near 1 for a signal without structure.
    """
    return [
        Value(
            value=float(value),
            region=str(region),
            n_effective=complexity.n_windows,
            n_effective_unit="windows",
        )
        for region, value in zip(
            complexity.lempel_ziv["region"].values, complexity.lempel_ziv.values, strict=True
        )
    ]
