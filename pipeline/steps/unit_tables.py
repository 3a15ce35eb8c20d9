"""units.tsv of a session: every unit, whether it counts, why not, and its numbers."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.files import replacing

if TYPE_CHECKING:
    import xarray as xr

#: column -> what it holds; further metrics of the sorting follow in their own order
COLUMNS = {
    "unit_id": "name of the unit",
    "region": "region",
    "probe": "probe, empty in a session with one",
    "channel": "channel where the unit is largest, empty where unknown",
    "label": "label of the sorting or its curation",
    "kept": "yes or no: whether the unit enters the comparison",
    "reason": "all reasons why not",
    "n_spikes": "spikes of the session",
    "rate_hz": "spikes per second of the recorded time",
    "baseline_rate_hz": "spikes per second of the baseline",
    "presence_ratio": "part of the baseline's bins with a spike",
    "contamination": "estimated share of spikes of other cells, 0 to 0.5",
    "contamination_at_least": "yes: more short intervals than any share explains",
    "junk": "yes: faster than neurons are, without refractory period",
    "waveform_class": "narrow, wide, grey (between the two) or unknown",
    "trough_to_peak_ms": "from the trough to the peak of the mean waveform",
    "amplitude_change": "relative change of the median amplitude from the baseline to what follows",
    "drifting": "yes: it changed by more than 0.2 either way; no reason to leave a unit out",
}
#: what a metric of the sorting is called that has the name of a column above
SORTING_PREFIX = "sorting_"
_FROM_UNITS = {"region": "region", "probe": "probe", "channel": "channel", "label": "quality"}


def write_units_table(units: xr.Dataset, judged: xr.Dataset, path: str | Path) -> Path:
    """Write one row per unit, tab-separated.

    Parameters
    ----------
    units : Dataset
        From :func:`pipeline.spikes.load_units`.
    judged : Dataset
        From :func:`pipeline.spikes.judgement.judge_units`, of the same units.
    path : str or Path
        Written under a temporary name, then renamed. Empty for a session without units.

    Returns
    -------
    Path

    Raises
    ------
    ValueError
        If the units are not those that were judged.
    """
    names = [str(name) for name in units["unit_id"].values]
    if names != [str(name) for name in judged["unit_id"].values]:
        raise ValueError("units.tsv: the units are not those that were judged")
    table = _columns(units, judged) if names else {}
    lines = ["\t".join(table)] if names else []
    lines += ["\t".join(cells) for cells in zip(*table.values(), strict=True)]
    with replacing(path) as partial:
        partial.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8", newline="\n")
    return Path(path)


def _columns(units: xr.Dataset, judged: xr.Dataset) -> dict[str, list[str]]:
    """Return the cells of each column, in the order of the table."""
    from pipeline.spikes.units import metric_names

    number = units.sizes["unit"]
    table = {}
    for name in COLUMNS:
        if name in _FROM_UNITS:
            source = _FROM_UNITS[name]
            values = units[source].values.tolist() if source in units.coords else [""] * number
        else:
            values = judged["keep" if name == "kept" else name].values.tolist()
        table[name] = [_cell(value) for value in values]
    for metric in metric_names(units):
        name = f"{SORTING_PREFIX}{metric}" if metric in COLUMNS else metric
        table[name] = [_cell(value) for value in units[metric].values.tolist()]
    return table


def _cell(value: Any) -> str:
    """Return a cell: blank where a number is not known, no tabs or line breaks in text."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.6g}"
    return " ".join(str(value).split())
