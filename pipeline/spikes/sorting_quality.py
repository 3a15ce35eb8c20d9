"""What is measured of units sorted here: channel, size, waveform, and SpikeInterface's metrics.

No presence ratio over the session: a unit that the drug silenced is data. Presence is judged on the
baseline alone (:mod:`pipeline.spikes.quality`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipeline.spikes.sorting_parameters import SEED

if TYPE_CHECKING:
    from spikeinterface import BaseRecording, BaseSorting

#: mean waveforms from this long before to this long after the trough, of at most so many spikes
BEFORE_MS, AFTER_MS, MEAN_OF = 1.0, 2.0, 500
#: drift: median place of a unit's spikes per interval, where it has so many
DRIFT_INTERVAL_S, DRIFT_MINIMUM = 60, 20
#: what is asked of SpikeInterface, and the columns that are kept of its answer (sd_ratio is not
#: among them: it draws noise without a seed)
METRICS = {
    "num_spikes": (),
    "snr": ("snr",),
    "isi_violation": ("isi_violations_ratio",),
    "amplitude_cutoff": ("amplitude_cutoff",),
    "amplitude_median": ("amplitude_median",),
    "drift": ("drift_ptp", "drift_std", "drift_mad"),
}
DRIFT = METRICS["drift"]


@dataclass(frozen=True, eq=False)
class UnitDescriptions:
    """One entry per unit.

    Attributes
    ----------
    channel : list of str
        Where the mean waveform has its deepest trough.
    amplitude : list of ndarray
        Depth of each spike's trough there, microvolts.
    waveform : ndarray, shape (n_units, n_samples)
        Mean waveform there, microvolts.
    metrics : mapping of str to ndarray, shape (n_units,)
        NaN where a metric cannot be stated.
    """

    channel: list[str]
    amplitude: list[NDArray[np.float64]]
    waveform: NDArray[np.float64]
    metrics: Mapping[str, NDArray[np.float64]]


def describe_units(
    recording: BaseRecording, sorting: BaseSorting, *, places_known: bool
) -> UnitDescriptions:
    """Measure sorted units.

    Parameters
    ----------
    recording : BaseRecording
        Filtered signals with places of the channels; they are read in pieces.
    sorting : BaseSorting
        Units, each with spikes.
    places_known : bool
        Whether the places are the probe's: drift in micrometres has no meaning where they are
        assumed, and is NaN then.

    Returns
    -------
    UnitDescriptions
        Spikes in the order of time within each unit.
    """
    columns = [column for kept in METRICS.values() for column in kept]
    n_units = len(sorting.unit_ids)
    if not n_units:
        empty = {column: np.empty(0) for column in columns}
        return UnitDescriptions([], [], np.empty((0, 0)), empty)
    analyzer = _analyzer(recording, sorting)
    templates = analyzer.get_extension("templates").get_data(operator="average")
    largest = templates.min(axis=1).argmin(axis=1)
    table = analyzer.get_extension("quality_metrics").get_data()
    metrics = {column: _floats(table, column, n_units) for column in columns}
    # A size, as the amplitudes of the spikes are.
    metrics["amplitude_median"] = np.abs(metrics["amplitude_median"])
    if not places_known:
        metrics |= {column: np.full(n_units, np.nan) for column in DRIFT}
    sizes = analyzer.get_extension("spike_amplitudes").get_data()
    owner = sorting.to_spike_vector()["unit_index"]
    return UnitDescriptions(
        channel=[str(recording.channel_ids[index]) for index in largest],
        # stable: in the order of time
        amplitude=[np.abs(sizes[owner == unit]).astype(float) for unit in range(n_units)],
        waveform=templates[np.arange(n_units), :, largest].astype(float),
        metrics=metrics,
    )


def _analyzer(recording: BaseRecording, sorting: BaseSorting) -> Any:
    """SpikeInterface's own object, in memory: what it holds grows with spikes, not with samples."""
    from spikeinterface.core import create_sorting_analyzer

    jobs = {"n_jobs": 1, "progress_bar": False, "chunk_duration": "1s"}
    analyzer = create_sorting_analyzer(
        sorting,
        recording,
        format="memory",
        sparse=False,
        peak_sign="neg",
        seed=SEED,
        job_kwargs=jobs,
    )
    analyzer.compute("random_spikes", max_spikes_per_unit=MEAN_OF, seed=SEED)
    analyzer.compute("noise_levels", random_slices_kwargs={"seed": SEED}, **jobs)
    analyzer.compute("templates", ms_before=BEFORE_MS, ms_after=AFTER_MS, **jobs)
    analyzer.compute("spike_amplitudes", **jobs)
    analyzer.compute("spike_locations", method="center_of_mass", **jobs)
    drift = {"interval_s": DRIFT_INTERVAL_S, "min_spikes_per_interval": DRIFT_MINIMUM}
    analyzer.compute(
        "quality_metrics",
        metric_names=list(METRICS),
        metric_params={"drift": drift},
        skip_pc_metrics=True,
        **jobs,
    )
    return analyzer


def _floats(table: Any, column: str, n_units: int) -> NDArray[np.float64]:
    """Return a column as numbers; SpikeInterface leaves out what it could not compute at all."""
    if column not in table:
        return np.full(n_units, np.nan)
    return table[column].to_numpy(dtype=float, na_value=np.nan)
