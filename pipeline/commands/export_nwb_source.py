"""The files of one finished session, opened when an export asks for them."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from pipeline.errors import InputError
from pipeline.steps.guard import read_status
from pipeline.steps.paths import COHORT_TABLES, EXTRACTED, MEASURED

#: files of a session that an export holds, in the order in which they are hashed
_FILES = {
    **{key: EXTRACTED[key] for key in ("lfp", "units", "trials", "movement", "scored")},
    **{key: MEASURED[key] for key in ("epochs", "units_table")},
    "sync": EXTRACTED["sync"],
}
#: columns of epochs.tsv that are no floats
_EPOCH_TYPES = {
    **dict.fromkeys(("phase", "context", "anchor", "judgement"), "str"),
    **dict.fromkeys(("interval", "step", "n_windows"), "int64"),
    "n_bursts": "Int64",
}
_STATUSES = {"extract": EXTRACTED["status"], "measure": MEASURED["status"]}


@dataclass(frozen=True, eq=False)
class SessionResults:
    """What a run left of one session.

    Attributes
    ----------
    session : str
        Its name.
    results : Path
        Folder ``results`` of the run.
    """

    session: str
    results: Path

    def path(self, pattern: str) -> Path:
        """Return where a file of this session lies, whose path begins with ``results/``."""
        return self.results / Path(pattern.format(session=self.session)).relative_to("results")

    def has(self, key: str) -> bool:
        """Whether the session has data of a kind; a step leaves an empty file where it has none."""
        path = self.path(_FILES[key])
        return path.is_file() and path.stat().st_size > 0

    def trouble(self) -> str:
        """Return why the session is not finished, "" if it is."""
        for step, pattern in _STATUSES.items():
            path = self.path(pattern)
            if not path.is_file():
                return f"{step} has not run: found no {path.name} in {path.parent}"
            status = read_status(path)
            if status["state"] != "ok":
                return f"{step} {status['state']}: {status['reason']}"
        return ""

    @cached_property
    def lfp(self) -> xr.DataArray:
        """LFP (time, channel) in microvolts, read from disk piece by piece."""
        from pipeline.lfp import open_lfp

        return open_lfp(self.path(_FILES["lfp"]))

    @cached_property
    def units(self) -> xr.Dataset:
        """Units, as :func:`pipeline.spikes.load_units` gives them."""
        from pipeline.spikes import load_units

        return load_units(self.path(_FILES["units"]))

    @cached_property
    def units_table(self) -> pd.DataFrame:
        """units.tsv, all cells as text."""
        return pd.read_csv(self.path(_FILES["units_table"]), sep="\t", dtype=str).fillna("")

    @cached_property
    def trials(self) -> pd.DataFrame:
        """Trials as extracted."""
        from pipeline.flexibility import read_trials

        return read_trials(self.path(_FILES["trials"]))

    @cached_property
    def movement(self) -> pd.DataFrame:
        """Speed over time."""
        return pd.read_parquet(self.path(_FILES["movement"]))

    @cached_property
    def scored(self) -> pd.DataFrame:
        """Bouts that a person scored."""
        return pd.read_parquet(self.path(_FILES["scored"]))

    @cached_property
    def epochs(self) -> pd.DataFrame:
        """epochs.tsv."""
        from pipeline.steps.epoch_tables import EPOCH_COLUMNS
        from pipeline.steps.typed import read_typed

        numbers = {name: "float64" for name in EPOCH_COLUMNS if name not in _EPOCH_TYPES}
        return read_typed(self.path(_FILES["epochs"]), {**numbers, **_EPOCH_TYPES})

    @cached_property
    def recording_rate_hz(self) -> float | None:
        """Highest sampling rate of the session's recordings, None without any."""
        if not self.has("sync"):
            return None
        sync = json.loads(self.path(_FILES["sync"]).read_text(encoding="utf-8"))
        return max((float(part["rate_hz"]) for part in sync.get("recordings", ())), default=None)

    @cached_property
    def gaps_s(self) -> np.ndarray:
        """(n, 2) seconds between recorded stretches of the LFP; empty where there was no pause."""
        from pipeline.intervals import subtract
        from pipeline.lfp.signal import extent, rate_of, start_of

        start = start_of(self.lfp)
        whole = np.array([[start, start + self.lfp.sizes["time"] / rate_of(self.lfp)]])
        return subtract(whole, extent(self.lfp))

    def end_s(self) -> float:
        """When the last of the session's data ends, in seconds on its clock."""
        ends = [0.0]
        if self.has("lfp"):
            from pipeline.lfp.signal import extent

            ends.append(float(extent(self.lfp)[-1, 1]))
        if self.has("units") and self.units.sizes["spike"]:
            ends.append(float(self.units["spike_time"].values.max()))
        if self.has("movement"):
            ends.append(float(self.movement["time_s"].iloc[-1]))
        if self.has("epochs"):
            ends += self.epochs["stop_s"].dropna().tolist()
        return max(ends)

    def digest(self, *more: str) -> str:
        """SHA-256 over the session's files and further texts: the same content, the same digest."""
        digest = hashlib.sha256()
        for key, pattern in _FILES.items():
            path = self.path(pattern)
            if path.is_file():
                with path.open("rb") as stream:
                    content = hashlib.file_digest(stream, "sha256").hexdigest()
                digest.update(f"{key} {content}\n".encode())
        for text in more:
            digest.update(f"{len(text)} {text}\n".encode())
        return digest.hexdigest()


def read_record(results: Path) -> dict[str, Any]:
    """Read the record of a finished run, cohort/run.json.

    Raises
    ------
    InputError
        If there is none: the run is not finished, or the folder is another.
    """
    path = results / Path(COHORT_TABLES["record"]).relative_to("results")
    if not path.is_file():
        raise InputError(
            f"{path}: not found; expected the results of a finished run: run snakemake to its end, "
            "or name the folder with --results"
        )
    return json.loads(path.read_text(encoding="utf-8"))
