"""A made-up session in the files that the steps leave (no test in here)."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from pipeline.spikes import save_units, units_dataset

CHANNELS = ["ch1", "ch2", "ch3"]
REGIONS = ["mPFC", "mPFC", "CA1"]
DOSE_S = 300.0
CONTEXTS = [
    {"context": "home_cage", "start_s": 0.0, "stop_s": 270.0},
    {"context": "set_shifting", "start_s": 330.0, "stop_s": 600.0},
]
EPOCHS = [("baseline", "home_cage", 0.0, 270.0), ("acute", "set_shifting", 330.0, 600.0)]


def spectra() -> xr.Dataset:
    """1/f with a peak at 8 Hz that is four times larger after the dose; one artefact column."""
    frequency = np.arange(0.0, 200.25, 0.25)
    base = 100.0 / (1.0 + frequency) + 20 * np.exp(-(((frequency - 8) / 1) ** 2))
    psd = np.stack([np.stack([base * gain] * 3) for gain in (1.0, 4.0)])
    row = np.arange(0.0, 201.0, 1.0)
    time = np.arange(5.0, 600.0, 10.0)
    gram = np.ones((len(time), 3, len(row)), np.float32) / (1 + row)
    gram[time > DOSE_S] *= 4.0
    gram[10] = np.nan
    region = ("channel", REGIONS)
    return xr.Dataset(
        {
            "psd": (("epoch", "channel", "frequency"), psd),
            "spectrogram": (("time", "channel", "row_frequency"), gram),
        },
        coords={
            "channel": CHANNELS, "region": region, "frequency": frequency, "row_frequency": row,
            "time": time,
            "phase": ("epoch", [phase for phase, *_ in EPOCHS]),
            "context": ("epoch", [context for _, context, *_ in EPOCHS]),
            "interval": ("epoch", [1, 1]),
        },
    )  # fmt: skip


def trials() -> pd.DataFrame:
    correct = pd.array([True, False, pd.NA, True] * 5, dtype="boolean")
    return pd.DataFrame(
        {
            "trial": range(1, 21),
            "t_choice": np.linspace(340, 590, 20),
            "rule": ["light"] * 10 + ["left"] * 10,
            "correct": correct,
            "omission": pd.isna(correct),
        }
    )


def write_session(folder: Path, *, warnings: tuple[str, ...] = ()) -> Path:
    """Write all files; units fire at 1 and 10 Hz, twice as fast after the dose."""
    folder.mkdir(parents=True)
    spectra().to_netcdf(folder / "spectra.nc", engine="h5netcdf")
    trains = [
        np.concatenate([np.arange(0, 300, 1 / rate), np.arange(300, 600, 0.5 / rate)])
        for rate in (1, 10)
    ]
    save_units(units_dataset(trains, ["a", "b"], REGIONS[1:], ["good", "mua"]), folder / "units.nc")
    trials().to_parquet(folder / "trials.parquet")
    rows = [
        {"phase": phase, "context": context, "interval": 1, "anchor": "r1.1", "step": 1,
         "start_s": start, "stop_s": stop, "recorded_s": stop - start,
         "clean_s": 0.9 * (stop - start),
         "kept_fraction": 0.9, "n_windows": 40}
        for phase, context, start, stop in EPOCHS
    ]  # fmt: skip
    pd.DataFrame(rows).to_csv(folder / "epochs.tsv", sep="\t", index=False)
    sync = {"clock": "first sample of the recording", "logs": [
        {"file": "log.csv", "method": "declared", "offset_s": 0.012}]}  # fmt: skip
    (folder / "sync.json").write_text(json.dumps(sync))
    facts = {"duration_s": 600.0, "n_channels": 3, "regions": ["CA1", "mPFC"], "bad_channels": [],
             "kept_fraction": 0.9, "n_units_sorted": 2, "n_units_kept": 1, "n_trials": 20,
             "units_left_out": {"b": "quality mua"}}  # fmt: skip
    for step in ("extract", "measure"):
        status = {"state": "ok", "step": step, "reason": "", "warnings": list(warnings),
                  "facts": facts}  # fmt: skip
        (folder / f"{step}.status.json").write_text(json.dumps(status))
    return folder
