"""Sessions' files with known spectrograms and comodulograms (no test in here)."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr
from cohorts import PLACES
from test_steps_spectra import settings_of

from pipeline.experiment.plan import AnalysisPlan

HANDLING = [-30.0, 30.0]
ROW_HZ = np.arange(0.0, 201.0)
SLOW, FAST = np.array([4.0, 8.0]), np.array([60.0, 80.0, 100.0])


def write_gram(folder, change, *, dose_s=300.0, order=PLACES, regions=None, bad=()):
    """Ten minutes in columns of 10 s, the dose in the middle, each place half of either side.

    ``change(place, minute)`` in dB after the dose; a place has its own level at all times, and so
    has every row; ``regions`` are names with their levels. Columns whose number is in ``bad`` have
    no clean window.
    """
    folder.mkdir(parents=True, exist_ok=True)
    start = np.arange(0.0, 600.0, 10.0)
    place = np.where((start % 300) < 150, order[0], order[1])
    since = start - dose_s
    db = np.array([change(p, s / 60) if s >= 0 else 0.0 for p, s in zip(place, since, strict=True)])
    power = 10.0 ** (db / 10) * np.where(place == PLACES[1], 5.0, 1.0)
    regions = regions or {"mPFC": 1.0}
    gram = np.outer(power, list(regions.values()))[:, :, None] * (1 + ROW_HZ)
    gram[list(bad)] = np.nan
    xr.Dataset(
        {"spectrogram": (("time", "channel", "row_frequency"), gram.astype("f4"))},
        coords={
            "time": start + 5, "row_frequency": ROW_HZ,
            "channel": [f"c{k}" for k in range(len(regions))],
            "region": ("channel", list(regions)),
        },
    ).to_netcdf(folder / "spectra.nc", engine="h5netcdf")  # fmt: skip
    handled = (since < HANDLING[1]) & (since + 10 > HANDLING[0])
    course = pd.DataFrame(
        {
            "anchor": f"{folder.name}.1", "step": 1, "bin_start_s": since, "session_s": start,
            "shown": True, "context": place, "handling": handled,
            "phase": np.where(handled, "", np.where(since < 0, "baseline", "acute")),
            "seconds": 10.0,
        }
    )  # fmt: skip
    course = course[~course.index.isin(bad)]
    course.to_parquet(folder / "timecourse.parquet")
    return folder / "spectra.nc", folder / "timecourse.parquet"


def write_coupling(folder, cells, *, regions=("CA1",), slow=SLOW, fast=FAST, anchor=""):
    """``cells``: (phase, context) -> index (region, slow, fast), or a number for all of it."""
    folder.mkdir(parents=True, exist_ok=True)
    shape = (len(regions), len(slow), len(fast))
    index = np.array([np.broadcast_to(value, shape) for value in cells.values()], dtype=float)
    labels = {"phase": [p for p, _ in cells], "context": [c for _, c in cells]}
    labels |= {"anchor": [anchor or f"{folder.name}.1"] * len(cells), "step": [1] * len(cells)}
    dimensions = ("cell", "region", "phase_frequency", "amplitude_frequency")
    xr.Dataset(
        {"comodulogram": (dimensions, index)},
        coords={
            "region": list(regions), "phase_frequency": slow, "amplitude_frequency": fast,
            **{name: ("cell", values) for name, values in labels.items()},
        },
    ).to_netcdf(folder / "coupling.nc", engine="h5netcdf")  # fmt: skip
    return folder / "coupling.nc"


def given(sessions, **plan):
    """Plan and settings of (session, animal, drug)."""
    settings = settings_of(sessions)
    settings["plan"] |= plan
    settings |= {"handling_s": HANDLING, "line_noise_hz": None}
    return AnalysisPlan.model_validate(settings["plan"]), settings
