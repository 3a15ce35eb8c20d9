"""Spectra, time courses and maps of the cohort, and where conditions differ."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipeline.compare.curves import Curves, compare_curves
from pipeline.compare.outcomes import build_outcomes
from pipeline.experiment.plan import AnalysisPlan
from pipeline.metric import Metric
from pipeline.registry import metrics
from pipeline.steps.cohort import join_design
from pipeline.steps.cohort_comodulograms import comodulograms
from pipeline.steps.cohort_spectrograms import spectrograms
from pipeline.steps.cohort_time_courses import time_courses
from pipeline.steps.extract import write_parquet
from pipeline.steps.measure import COLUMNS
from pipeline.steps.typed import write_text

#: width of the rows of a spectrum; the tapers tell no finer ones apart
RESOLUTION_HZ = 1.0
#: highest frequency
MAX_HZ = 200.0

#: whose scale and baseline rule the density of a spectrum follows
_LIKE = "band_power"
_METRIC = "spectrum"
_KEYS = ["anchor", "phase", "context", "interval"]


def spectra(*, inputs: Any, outputs: Any, settings: Mapping[str, Any]) -> None:
    """Bring the sessions' spectra and time courses to animals, and test where conditions differ.

    Spectrograms and comodulograms are described, not tested. All in one job, because a job costs
    its imports.

    Parameters
    ----------
    inputs : object
        ``spectra`` (spectra.nc), ``epochs`` (epochs.tsv), ``timecourses`` (timecourse.parquet) and
        ``couplings`` (coupling.nc) of all sessions, in one order; empty files of failed sessions
        and of sessions without LFP are passed over.
    outputs : object
        Attributes named as :data:`pipeline.steps.paths.SPECTRA_TABLES`.
    settings : mapping
        :func:`pipeline.steps.settings.spectra_settings`.
    """
    plan = AnalysisPlan.model_validate(settings["plan"])
    observed = [
        observations_of(
            Path(spectrum),
            Path(epochs),
            line_hz=settings["line_noise_hz"],
            width_hz=width_of(settings["segment_s"]),
        )
        for spectrum, epochs in zip(inputs.spectra, inputs.epochs, strict=True)
        if Path(spectrum).stat().st_size
    ]
    tables = _compared([table for table in observed if len(table)], plan, settings)
    write_parquet(tables.means.rename(columns={"axis": "frequency_hz"}), Path(outputs.means))
    write_parquet(tables.units.rename(columns={"axis": "frequency_hz"}), Path(outputs.units))
    in_hz = {name: f"{name}_hz" for name in ("start", "stop", "from", "to")}
    write_text(tables.clusters.rename(columns=in_hz), outputs.clusters)
    time_courses(inputs=inputs, outputs=outputs, settings=settings)
    both = zip(map(Path, inputs.spectra), map(Path, inputs.timecourses), strict=True)
    write_parquet(spectrograms(list(both), plan, settings), Path(outputs.spectrograms))
    couplings = [Path(path) for path in inputs.couplings]
    write_parquet(comodulograms(couplings, plan, settings), Path(outputs.comodulograms))


def metric_of(plan: AnalysisPlan) -> tuple[Metric, AnalysisPlan]:
    """Return what the density at one frequency is compared as: on the scale of band power.

    The plan that is returned too compares it with the baseline as band power is compared.
    """
    like = metrics()[_LIKE]
    rules = {_METRIC: plan.baseline.get(_LIKE, like.baseline), **plan.baseline}
    metric = replace(like, name=_METRIC, value_unit="uV^2/Hz")
    return metric, plan.model_copy(update={"baseline": rules})


def _compared(
    observed: list[pd.DataFrame], plan: AnalysisPlan, settings: Mapping[str, Any]
) -> Curves:
    """Region by region, so that memory does not grow with their number."""
    if not observed:
        nothing = pd.DataFrame(columns=["region"])
        return compare_curves(nothing, plan, axis=np.zeros(0), points="frequencies")
    animal = {row["session"]: row["animal"] for row in settings["sessions"]}
    table = pd.concat(observed, ignore_index=True)
    table["animal"] = table["session"].map(animal)
    width = width_of(settings["segment_s"])
    positions = np.unique(table["band"].astype(float))
    axis = np.arange(round(positions[0] / width), round(positions[-1] / width) + 1) * width
    metric, ruled = metric_of(plan)
    parts = []
    for _, rows in table.groupby("region", sort=True):
        joined = join_design(rows, settings)
        outcomes = build_outcomes(joined, ruled, {_METRIC: metric}).table
        parts.append(compare_curves(outcomes, plan, axis=axis, points="frequencies"))
    return Curves(
        *(
            pd.concat([getattr(part, name) for part in parts], ignore_index=True)
            for name in ("means", "units", "clusters")
        )
    )


def width_of(segment_s: float) -> float:
    """Return the width of a row in Hz: whole steps of the segments' frequencies, at least 1 Hz."""
    step = 1 / segment_s
    return step * math.ceil(RESOLUTION_HZ / step - 1e-9)


def observations_of(
    spectrum: Path, epochs: Path, *, line_hz: float | None, width_hz: float
) -> pd.DataFrame:
    """Return one session's densities as observations, one per epoch, region and frequency row.

    The mean over the region's channels, then over the frequencies nearest to a row; those within
    2 Hz of the mains and its harmonics are left out, and so is a row that has no other.

    Parameters
    ----------
    spectrum : Path
        spectra.nc (:func:`pipeline.steps.epoch_tables.write_spectra`).
    epochs : Path
        epochs.tsv of the same session: the step of each anchor.
    line_hz : float or None
        Mains frequency.
    width_hz : float
        Of a row; rows are centred on its multiples, from one to MAX_HZ.

    Returns
    -------
    DataFrame
        Columns of :data:`pipeline.steps.measure.COLUMNS` without animal; ``band`` is the row's
        frequency in Hz.
    """
    import xarray as xr

    from pipeline.lfp.bands import line_bands, region_mean

    unused = ["spectrogram", "speed_cm_s", "time", "row_frequency"]
    with xr.open_dataset(spectrum, engine="h5netcdf", drop_variables=unused) as dataset:
        if "psd" not in dataset:
            return pd.DataFrame(columns=list(COLUMNS))
        psd = dataset["psd"].load()
    frequency = psd["frequency"].values
    row = np.floor(frequency / width_hz + 0.5).astype(int)
    kept = (row >= 1) & (row * width_hz <= MAX_HZ)
    for low, high in line_bands(line_hz, frequency[-1]):
        kept &= (frequency < low) | (frequency > high)
    # the topmost row may reach beyond the spectrum: its mean would be lopsided
    kept &= (row + 0.5) * width_hz <= 2 * frequency[-1] - frequency[-2]
    rows, at = np.unique(row[kept], return_inverse=True)
    mixing = np.zeros((len(frequency), len(rows)))
    mixing[np.flatnonzero(kept), at] = 1
    mixing /= mixing.sum(axis=0)
    densities = [region_mean(psd.isel(epoch=epoch)) for epoch in range(psd.sizes["epoch"])]
    regions = densities[0]["region"].values.astype(str)
    values = np.stack([density.values for density in densities]) @ mixing
    keys = pd.DataFrame({name: psd[name].values for name in (*_KEYS, "n_windows", "seconds")})
    steps = pd.read_csv(epochs, sep="\t", dtype={"anchor": "str"}, keep_default_na=False)
    keys = keys.merge(steps[[*_KEYS, "step", "start_s", "stop_s"]], on=_KEYS, validate="1:1")
    table = keys.loc[np.repeat(np.arange(len(keys)), len(regions) * len(rows))]
    table = table.reset_index(drop=True).rename(columns={"n_windows": "n_effective"})
    names = [f"{number * width_hz:g}" for number in rows]
    table = table.assign(
        session=spectrum.parent.name,
        region=np.tile(np.repeat(regions, len(rows)), len(keys)),
        band=np.tile(names, len(keys) * len(regions)),
        value=values.ravel(),
        since_dose_s=math.nan,
        split="",
        split_level="",
        entity="region",
        region_b="",
        unit_id="",
        metric=_METRIC,
        value_unit="uV^2/Hz",
        censored=False,
        n_effective_unit="windows",
    )
    return table
