"""Folder of a finished sorting, as phy leaves it after curation."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pipeline.errors import InputError


def write_phy(
    folder: str | Path,
    *,
    spike_times_s: Sequence[np.ndarray],
    rate_hz: float,
    unit_id: Sequence[int] | None = None,
    region: Sequence[str] | None = None,
    quality: Sequence[str] | None = None,
) -> Path:
    """Write ``params.py``, ``spike_times.npy``, ``spike_clusters.npy`` and the cluster tables.

    Spike times are sample numbers since the recording's first sample, as phy keeps them, so they
    come back rounded to half a sample.

    Parameters
    ----------
    folder : path
        Made if absent.
    spike_times_s : sequence of numpy.ndarray
        One array of seconds per unit, since the first sample.
    rate_hz : float
        Samples per second of the sorted recording.
    unit_id : sequence of int, optional
        Cluster numbers; 0, 1, ... by default.
    region : sequence of str, optional
        Region per unit; written as a label of cluster_info.tsv.
    quality : sequence of str, optional
        ``good``, ``mua`` or ``noise`` per unit; ``good`` by default.

    Returns
    -------
    pathlib.Path
        ``folder``.

    Raises
    ------
    InputError
        Lists of unequal length, or spikes before the first sample.
    """
    number = len(spike_times_s)
    ids = list(range(number)) if unit_id is None else [int(unit) for unit in unit_id]
    regions = [""] * number if region is None else list(region)
    qualities = ["good"] * number if quality is None else list(quality)
    if not len(ids) == len(regions) == len(qualities) == number or len(set(ids)) != number:
        raise InputError(f"{folder}: expected {number} different unit ids, regions and qualities")
    samples = [np.rint(np.asarray(times) * rate_hz).astype(np.int64) for times in spike_times_s]
    times = np.concatenate([np.empty(0, np.int64), *samples])
    if np.any(times < 0):
        raise InputError(f"{folder}: found a spike at sample {times.min()}; expected 0 or later")
    clusters = np.repeat(np.array(ids, dtype=np.int32), [len(unit) for unit in samples])
    order = np.lexsort((clusters, times))
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / "spike_times.npy", times[order])
    np.save(folder / "spike_clusters.npy", clusters[order])
    _write(
        folder / "params.py",
        [
            'dat_path = "continuous.dat"',
            "n_channels_dat = 1",
            'dtype = "int16"',
            "offset = 0",
            f"sample_rate = {float(rate_hz)!r}",
            "hp_filtered = False",
        ],
    )
    counts = [len(unit) for unit in samples]
    _write(
        folder / "cluster_group.tsv",
        ["cluster_id\tgroup"] + [f"{i}\t{q}" for i, q in zip(ids, qualities, strict=True)],
    )
    rows = zip(ids, counts, regions, qualities, strict=True)
    _write(
        folder / "cluster_info.tsv",
        ["cluster_id\tn_spikes\tregion\tgroup"] + [f"{i}\t{n}\t{r}\t{q}" for i, n, r, q in rows],
    )
    return folder


def _write(path: Path, lines: Sequence[str]) -> None:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")
