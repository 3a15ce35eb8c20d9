"""How well sorted units agree with spikes that are known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

#: a spike of the sort within this of a true one is that spike, as in SpikeInterface's comparison
WITHIN_MS = 0.4

COLUMNS = {
    "true_unit": "str",
    "n_spikes": "int64",
    "sorted_unit": "str",
    "n_sorted": "int64",
    "accuracy": "float64",
    "precision": "float64",
    "recall": "float64",
}


def score_units(
    truth: Sequence[NDArray[Any]],
    found: Sequence[NDArray[Any]],
    names: Sequence[str],
    *,
    rate_hz: float,
) -> pd.DataFrame:
    """Compare sorted units with true ones, by SpikeInterface's ``compare_sorter_to_ground_truth``.

    Parameters
    ----------
    truth, found : sequence of array_like
        Spike times of the true and of the sorted units, seconds on one clock.
    names : sequence of str
        Of the sorted units.
    rate_hz : float
        Samples per second.

    Returns
    -------
    DataFrame
        One row per true unit, paired with one sorted unit at most (Hungarian matching of the
        agreement): accuracy ``tp / (tp + fn + fp)``, precision ``tp / (tp + fp)``, recall
        ``tp / (tp + fn)``; 0 and no name for a unit that was not found.
    """
    from spikeinterface.comparison import compare_sorter_to_ground_truth

    if not len(found):
        rows = [(str(unit), len(train), "", 0, 0.0, 0.0, 0.0) for unit, train in enumerate(truth)]
        return pd.DataFrame(rows, columns=list(COLUMNS)).astype(COLUMNS)
    compared = compare_sorter_to_ground_truth(
        _sorting(truth, [str(unit) for unit in range(len(truth))], rate_hz),
        _sorting(found, names, rate_hz),
        delta_time=WITHIN_MS,
        exhaustive_gt=True,
    )
    performance = compared.get_performance().astype(float)
    pairs = compared.hungarian_match_12
    lengths = dict(zip(names, map(len, found), strict=True))
    records: list[dict[str, object]] = []
    for unit, train in enumerate(truth):
        pair = str(pairs[str(unit)])
        known = pair in lengths
        records.append(
            {
                "true_unit": str(unit),
                "n_spikes": len(train),
                "sorted_unit": pair if known else "",
                "n_sorted": lengths[pair] if known else 0,
                **performance.loc[str(unit), ["accuracy", "precision", "recall"]].to_dict(),
            }
        )
    return pd.DataFrame(records, columns=list(COLUMNS)).astype(COLUMNS)


def _sorting(trains: Sequence[NDArray[Any]], names: Sequence[str], rate_hz: float) -> object:
    from spikeinterface.core import NumpySorting

    samples: dict[str, NDArray[np.int64]] = {
        name: np.round(np.asarray(train) * rate_hz).astype(np.int64)
        for name, train in zip(names, trains, strict=True)
    }
    return NumpySorting.from_unit_dict([samples], rate_hz)
