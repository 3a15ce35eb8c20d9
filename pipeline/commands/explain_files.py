"""From a value back to files and samples: step files, recordings, channels, artefacts, log rows."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.commands.explain_cell import records, rows_of
from pipeline.commands.explain_run import Run
from pipeline.registry import metrics

if TYPE_CHECKING:
    import pandas as pd

#: sources of a metric that come from units or trials; every other one but these is of the LFP
_OF_UNITS = {
    "units",
    "irregularity",
    "locking",
    "rate_power",
    "pairs",
    "groups",
    "periodicity",
    "spike_complexity",
    "modulation",
    "responses",
    "selectivity",
    "decoding",
    "leakage",
}
_OF_LFP = {
    "spectrum",
    "shape",
    "hfo",
    "quality",
    "coupling",
    "phase_amplitude",
    "complexity",
    "locking",
    "rate_power",
    "leakage",
}
_OF_OTHERS = {
    "trials": ("trials.parquet", "scored_trials.tsv"),
    "movement": ("movement.parquet",),
    "track": ("movement.parquet",),
    "scored": ("scored.parquet",),
}


def needs_of(run: Run) -> set[str]:
    """Return the sources of the outcome's metric; none for values measured elsewhere."""
    metric = metrics().get(run.rule.metric)
    return set() if run.rule.elsewhere or metric is None else set(metric.needs)


def step_files(run: Run, session: str) -> list[Path]:
    """Return the files of a session that a value of the outcome passed through, first to last."""
    needs = needs_of(run)
    names = ["sync.json"] if needs else []
    names += ["lfp.nc"] if needs & _OF_LFP else []
    names += ["units.nc"] if needs & _OF_UNITS else []
    for need in sorted(needs & _OF_OTHERS.keys()):
        names += [name for name in _OF_OTHERS[need] if name not in names]
    names += ["epochs.tsv", "observations.parquet"] if needs else []
    folder = run.results / "sessions" / session
    return [folder / name for name in names if (folder / name).is_file()]


def explained_files(run: Run, session: str, cells: pd.DataFrame) -> list[str]:
    """Return where the values of one session came from, in words.

    Parameters
    ----------
    run : Run
    session : str
    cells : DataFrame
        Rows of ``run.outcomes`` of this session.

    Returns
    -------
    list of str
    """
    from pipeline.steps.made_of import hashed

    if run.rule.elsewhere:
        return _measured(run, cells)
    needs, folder = needs_of(run), run.results / "sessions" / session
    sync = _json(folder / "sync.json")
    lines = ["files of the run, first to last (size, time of change, SHA-256):"]
    for path in step_files(run, session):
        made = hashed(path, path.name)
        clock = datetime.fromtimestamp(path.stat().st_mtime).astimezone()
        lines.append(
            f"  {path} ({made['bytes']:,} bytes, {clock:%Y-%m-%d %H:%M:%S}, {made['sha256']})"
        )
    lines += ["files of the lab, as the tables name them:"]
    lines += [
        f"  {file['file']} ({file['bytes']:,} bytes when it was read)"
        for file in run.record["files"].get(session, ())
    ]
    spans = list(_spans(run, cells))
    if needs & (_OF_LFP | _OF_UNITS):
        lines += _samples(sync.get("recordings", ()), spans)
    if needs & _OF_LFP:
        lines += _channels(folder / "lfp.nc", cells.iloc[0])
        lines += _artefacts(folder / "epochs.tsv", cells)
    if "trials" in needs:
        lines += _trials(folder / "scored_trials.tsv", cells, sync.get("logs", ()))
    return lines


def _json(path: Path) -> Mapping[str, Any]:
    if not path.is_file() or not path.stat().st_size:
        return {}
    return json.loads(path.read_text(encoding="utf-8"))


def _spans(run: Run, cells: pd.DataFrame) -> Iterator[tuple[float, float]]:
    """Stretches of the session's clock that the cells were measured in, each once, in order."""
    spans = {
        (float(row.start_s), float(row.stop_s))
        for _, cell in cells.iterrows()
        for row in records(rows_of(run, cell))
        if math.isfinite(row.start_s)
    }
    yield from sorted(spans)


def sample_range(
    start_s: float, stop_s: float, *, starts_at_s: float, seconds: float, rate_hz: float
) -> tuple[int, int] | None:
    """Return the first and the last sample of a recording in a stretch of the session's clock.

    Parameters
    ----------
    start_s, stop_s : float
        Stretch [start_s, stop_s) in seconds of the session.
    starts_at_s, seconds : float
        Where the recording begins on that clock, and how long it is.
    rate_hz : float
        Its sampling rate.

    Returns
    -------
    (int, int) or None
        Counted from 0; None where they do not meet. Sample n lies at ``starts_at_s + n / rate_hz``.
    """
    # a time that is a whole sample apart from rounding is that sample
    first = max(0, math.ceil(round((start_s - starts_at_s) * rate_hz, 6)))
    last = min(round(seconds * rate_hz), math.ceil(round((stop_s - starts_at_s) * rate_hz, 6))) - 1
    return (first, last) if first <= last else None


def _samples(recordings: Any, spans: list[tuple[float, float]]) -> list[str]:
    lines = []
    for part in recordings:
        lines.append(
            f"recording {part['file']}: {part['rate_hz']:g} samples a second, {part['seconds']:g} s"
            f", its first sample is at {part['starts_at_s']:g} s of the session"
        )
        for start_s, stop_s in spans:
            found = sample_range(
                start_s,
                stop_s,
                starts_at_s=part["starts_at_s"],
                seconds=part["seconds"],
                rate_hz=part["rate_hz"],
            )
            if found:
                lines.append(f"  {start_s:g} to {stop_s:g} s: samples {found[0]} to {found[1]}")
    return lines


def _channels(path: Path, cell: pd.Series) -> list[str]:
    """Name the channels of the outcome's regions, and those that were left out as bad."""
    import xarray as xr

    if not path.is_file() or not path.stat().st_size:
        return []
    lines = []
    with xr.open_dataset(path, engine="h5netcdf") as lfp:
        region, bad = lfp["region"].to_numpy(), lfp["bad"].to_numpy().astype(bool)
        names = lfp["channel"].to_numpy()
        attributes = lfp["lfp"].attrs
        for one in filter(None, (cell["region"], cell["region_b"])):
            used, left = names[(region == one) & ~bad], names[(region == one) & bad]
            lines.append(
                f"channels of {one}: {', '.join(map(str, used)) or 'none'}; "
                f"bad: {', '.join(map(str, left)) or 'none'}"
            )
    rate = float(attributes["rate_hz"])
    return [
        *lines,
        f"LFP in lfp.nc: {rate:g} samples a second, reference {attributes['reference']}",
    ]


def _artefacts(path: Path, cells: pd.DataFrame) -> list[str]:
    """Say how much of each epoch was cut, and why."""
    if not path.is_file() or not path.stat().st_size:
        return []
    wanted = {(row.phase, row.context, row.anchor) for row in records(cells)}
    lines = []
    with path.open(encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream, delimiter="\t"):
            if (row["phase"], row["context"], row["anchor"]) not in wanted:
                continue
            why = [
                f"{name} {float(row[f'{name}_s']):g} s"
                for name in ("amplitude", "flat", "saturated", "burst")
                if float(row[f"{name}_s"] or 0) > 0
            ]
            lines.append(
                f"  {row['phase']}, {row['context']}, {float(row['start_s']):g} to "
                f"{float(row['stop_s']):g} s: {float(row['recorded_s']):g} s recorded, "
                f"{float(row['clean_s']):g} s clean" + (f" (cut: {', '.join(why)})" if why else "")
            )
    return ["artefacts cut from these epochs:", *lines] if lines else []


def _trials(path: Path, cells: pd.DataFrame, logs: Any) -> list[str]:
    """Name the rows of the log that the trials of each cell were read from."""
    lines = [
        f"log {log['file']}: clock {log['method']}"
        + (f", its 0 is at {log['offset_s']:g} s of the session" if "offset_s" in log else "")
        for log in logs
    ]
    if not path.is_file() or not path.stat().st_size:
        return lines
    with path.open(encoding="utf-8", newline="") as stream:
        trials = list(csv.DictReader(stream, delimiter="\t"))
    for cell in records(cells):
        rows = [
            row
            for row in trials
            if (row["anchor"], row["phase"], row["context"])
            == (cell.anchor, cell.phase, cell.context)
        ]
        for file in dict.fromkeys(row["source_file"] for row in rows):
            numbers = [int(row["source_row"]) for row in rows if row["source_file"] == file]
            lines.append(
                f"  {cell.phase}, {cell.context}: {len(numbers)} trials, rows {min(numbers)} to "
                f"{max(numbers)} of {file}"
            )
    return lines


def _measured(run: Run, cells: pd.DataFrame) -> list[str]:
    """Say which rows of the lab's own table the values are."""
    return ["rows of the measurements table (the column 'outcome' says what was measured):"] + [
        "  "
        + ", ".join(
            f"{name} {cell[name]}"
            for name in ("animal", "session", "context", "phase")
            if cell[name] != ""
        )
        + f", outcome {run.rule.metric}, value "
        + " and ".join(f"{value:g}" for value in rows_of(run, cell)["value"])
        for _, cell in cells.iterrows()
    ]
