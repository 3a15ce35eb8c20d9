"""Lempel-Ziv complexity of the LFP against signals of the same spectrum."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pipeline.metric import Metric, Value

if TYPE_CHECKING:
    from pipeline.lfp import Complexity

METRIC = Metric(
    name="lempel_ziv_normalised",
    label="Normalised Lempel-Ziv complexity",
    domain="oscillations",
    entity="region",
    needs=("complexity",),
    grain="cell",
    value_unit="",
    scale="log2",
    options=("lfp.complexity", "recording.line_noise_hz"),
    description="Lempel-Ziv complexity as a multiple of that of noise with the same spectrum",
    definition=(
        "Mean Lempel-Ziv complexity of the windows divided by that of their surrogates, one per "
        "window, with the same amplitude spectrum and random phases: 1 for Gaussian noise of any "
        "spectrum, below 1 where a signal has more order than its spectrum demands"
    ),
    formula="mean c of the windows / mean c of their phase-randomised surrogates",
    fails_when=(
        "No value where the cell holds fewer than lfp.complexity.windows (6) clean windows of "
        "lfp.complexity.window_s (10 s) beside 2 s of every piece, or where the recording does not "
        "reach the end of lfp.complexity.band_hz.",
        "Departs from 1 wherever a signal is not Gaussian, such as by sharp waves or artefacts, "
        "and not by order alone.",
    ),
    reference="Lempel & Ziv 1976, IEEE Trans Inf Theory 22:75; Theiler et al. 1992, Physica D "
    "58:77; Schartner et al. 2015, PLoS One 10:e0133532",
)


def compute(*, complexity: Complexity, options: Mapping[str, Any]) -> list[Value]:
    """Complexity of each region relative to its surrogates.

    Parameters
    ----------
    complexity : Complexity
        Of the cell.
    options : mapping
        Not used: the options were used when the source was made.

    Returns
    -------
    list of Value
        Above 0; 1 for Gaussian noise.
    """
    ratio = complexity.lempel_ziv / complexity.surrogate
    return [
        Value(
            value=float(value),
            region=str(region),
            n_effective=complexity.n_windows,
            n_effective_unit="windows",
        )
        for region, value in zip(ratio["region"].values, ratio.values, strict=True)
    ]
