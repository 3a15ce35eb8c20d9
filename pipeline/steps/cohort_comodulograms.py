"""Comodulograms of the cohort: change from the baseline per condition and context, over animals.

The sessions' files hold the modulation index of narrow bands (:mod:`pipeline.lfp.phase_amplitude`).
It is compared as the outcome of that name is: as log2, each session against its own baseline. What
the index reads without any coupling is the same in all cells, because all blocks have one length.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipeline.experiment.plan import AnalysisPlan
from pipeline.report.curve_words import LEVEL
from pipeline.steps.cohort_maps import (
    CELL,
    Maps,
    decoded,
    mean_over,
    over_baseline,
    over_units,
    with_design,
)

COLUMNS = ("part", "region", "phase", "context", "condition", "reference_condition", "step",
           "paired", "n_units", "n_reference", "phase_hz", "amplitude_hz", "value")  # fmt: skip

_AXES = ("phase_frequency", "amplitude_frequency")


def comodulograms(
    couplings: Sequence[Path], plan: AnalysisPlan, settings: Mapping[str, Any]
) -> pd.DataFrame:
    """Bring the sessions' comodulograms to animals.

    Parameters
    ----------
    couplings : sequence of Path
        coupling.nc of all sessions; empty files are passed over.
    plan : AnalysisPlan
        Conditions, phases, baseline.
    settings : mapping
        As :func:`pipeline.steps.cohort_maps.with_design` reads it.

    Returns
    -------
    DataFrame
        :data:`COLUMNS`, a row per map and pair of frequencies (centres of the bands, Hz). ``value``
        of a ``mean`` is log2 of the index over the baseline, of a ``difference`` that minus the
        reference's; of a :data:`LEVEL` it is the index in the baseline, as geometric mean over all
        units, whatever they got later (its ``phase`` is the baseline's).
    """
    maps, slow, fast = _sessions([path for path in couplings if path.stat().st_size])
    if not len(maps.keys):
        return pd.DataFrame(columns=list(COLUMNS))
    maps = Maps(with_design(maps.keys, settings), maps.values)
    is_baseline = (maps.keys["phase"] == plan.baseline_phase).to_numpy()
    wanted = maps.keys["phase"].isin(plan.phases).to_numpy()
    change = over_baseline(maps.where(wanted), maps.where(is_baseline), plan)
    found = over_units(change, ["region", "phase", "context"], plan)
    parts = [_long(_levels(maps.where(is_baseline)), slow, fast), _long(found, slow, fast)]
    return pd.concat(parts, ignore_index=True)[list(COLUMNS)]


def _levels(baselines: Maps) -> Maps:
    """Geometric mean of the baselines' index per context, sessions within units first."""
    units = mean_over(baselines, ["region", "phase", "context", "unit"])
    found = mean_over(units, ["region", "phase", "context"], count="n_units")
    keys = found.keys.assign(
        part=LEVEL, condition="", reference_condition="", step=1, paired=False, n_reference=0
    )
    return Maps(keys, 2.0**found.values)


def _sessions(paths: Sequence[Path]) -> tuple[Maps, np.ndarray, np.ndarray]:
    """log2 of every cell's index on the frequencies that any session has; NaN where it has not."""
    import h5netcdf

    read = []
    for path in paths:
        with h5netcdf.File(path) as file:
            if "comodulogram" not in file.variables:
                continue
            variable = file.variables["comodulogram"]
            order = [variable.dimensions.index(name) for name in
                     ("cell", "region", *_AXES)]  # fmt: skip
            labels = {name: decoded(file.variables[name][...]) for name in
                      ("phase", "context", "anchor", "region")}  # fmt: skip
            axes = [
                file.variables[name][...] for name in ("phase_frequency", "amplitude_frequency")
            ]
            step = file.variables["step"][...]
            read.append((path.parent.name, variable[...].transpose(order), labels, step, axes))
    if not read:
        nothing = pd.DataFrame(columns=[*CELL, "phase", "region"])
        return Maps(nothing, np.zeros((0, 0, 0))), np.zeros(0), np.zeros(0)
    slow, fast = (np.unique(np.concatenate([one[4][k] for one in read])) for k in (0, 1))
    keys, values = [], []
    for session, index, labels, step, (own_slow, own_fast) in read:
        regions = labels["region"]
        whole = np.full((*index.shape[:2], len(slow), len(fast)), np.nan)
        at = np.ix_(np.searchsorted(slow, own_slow), np.searchsorted(fast, own_fast))
        with np.errstate(divide="ignore", invalid="ignore"):
            level = np.log2(index)
        whole[:, :, at[0], at[1]] = np.where(np.isfinite(level), level, np.nan)
        n = len(regions)
        cells = {name: np.repeat(labels[name], n) for name in ("phase", "context", "anchor")}
        keys.append(
            pd.DataFrame({"session": session, "step": np.repeat(step, n), **cells}).assign(
                region=np.tile(regions, len(index))
            )
        )
        values.append(whole.reshape(len(whole) * n, len(slow), len(fast)))
    maps = Maps(pd.concat(keys, ignore_index=True), np.concatenate(values))
    return maps.where(np.isfinite(maps.values).any(axis=(1, 2))), slow, fast


def _long(maps: Maps, slow: np.ndarray, fast: np.ndarray) -> pd.DataFrame:
    """A row per map and pair of frequencies."""
    size = len(slow) * len(fast)
    table = maps.keys.loc[np.repeat(np.arange(len(maps.keys)), size)].reset_index(drop=True)
    n = len(maps.keys)
    return table.assign(
        phase_hz=np.tile(np.repeat(slow, len(fast)), n),
        amplitude_hz=np.tile(fast, n * len(slow)),
        value=maps.values.ravel(),
    )
