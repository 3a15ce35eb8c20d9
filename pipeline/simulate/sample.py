"""Make the sample recordings: 32 sessions in the open formats, the same every time."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import shutil
import sys
import tempfile
import threading
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.errors import InputError
from pipeline.simulate.agent import Trial
from pipeline.simulate.sample_design import (
    REGIONS,
    SessionPlan,
    channel_ids,
    sample_tables,
    session_plans,
)
from pipeline.simulate.sample_session import SessionData, simulate_session
from pipeline.simulate.sample_trials import RECORDED_SPACING_S

__all__ = ["make_sample", "sample_is_complete", "sample_tables", "sample_version", "write_session"]

#: sorters keep spike times at the rate of the wide-band recording
SORTING_HZ = 30000.0
_MARKER = ".complete"
#: pynwb and HDF5 keep state of their own that two threads must not share
_ONE_NWB_AT_A_TIME = threading.Lock()
_LETTERS = {"left": "L", "right": "R", "none": "none"}
#: time of change of every file, so that a sample made again reruns nothing in the workflow
MODIFIED_S = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp())


def sample_version() -> str:
    """Return a hash of everything that the sample's bytes depend on."""
    digest = hashlib.sha256()
    root = Path(__file__).parent
    for source in sorted(root.rglob("*.py")):
        digest.update(source.relative_to(root).as_posix().encode())
        digest.update(source.read_bytes())
    for package in ("numpy", "scipy", "pynwb", "hdmf", "h5py"):
        digest.update(f"{package} {metadata.version(package)}".encode())
    return digest.hexdigest()


def sample_is_complete(folder: str | Path) -> bool:
    """Return whether a folder holds the sample of this version, with every file in its full size.

    Parameters
    ----------
    folder : path
        As given to :func:`make_sample`.
    """
    folder = Path(folder)
    marker = _read_marker(folder)
    if marker is None or marker.get("version") != sample_version():
        return False
    sizes = {
        name: (folder / name).stat().st_size
        for name in marker["files"]
        if (folder / name).is_file()
    }
    return sizes == marker["files"]


def make_sample(folder: str | Path, *, processes: int = 2, progress: bool = True) -> Path:
    """Make the sample recordings, behaviour logs and sortings.

    They are made beside ``folder`` and renamed at the end: the folder holds all of the sample or
    none. All files have one and the same modification time, so that the same sample made again
    reruns nothing in the workflow. The same version gives the same bytes, but for the NWB files,
    in which pynwb writes random object ids (their sizes are the same).

    Parameters
    ----------
    folder : path
        ``sample_data/recordings``; a sample that it holds already is replaced.
    processes : int
        Sessions made at the same time.
    progress : bool
        Whether to say on stderr how far it is.

    Returns
    -------
    pathlib.Path
        ``folder``.

    Raises
    ------
    InputError
        If the folder holds something else than a sample.
    """
    folder = Path(folder).resolve()
    # Empty folders are no obstacle: Snakemake makes those of its outputs beforehand.
    if _read_marker(folder) is None and any(path.is_file() for path in folder.rglob("*")):
        raise InputError(
            f"{folder}: found files that are not a finished sample; expected an empty or absent "
            "folder, or an older sample (move your own files elsewhere, or remove the folder)"
        )
    folder.parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        unfinished.chmod(0o755)
        plans = session_plans()
        for done, name in enumerate(_write_all(plans, unfinished, processes), 1):
            if progress:
                _say(f"sample recordings: {done} of {len(plans)} sessions made ({name})")
        _finish(unfinished)
        if folder.exists():
            shutil.rmtree(folder)
        unfinished.rename(folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return folder


def write_session(plan: SessionPlan, folder: str | Path) -> str:
    """Simulate one session and write its files to ``folder/<session>``; return its name."""
    target = Path(folder) / plan.name
    target.mkdir(parents=True)
    data = simulate_session(plan)
    _write_movement(target / "movement.csv", data)
    if plan.format == "nwb":
        _write_nwb_session(target / f"{plan.name}.nwb", plan, data)
        return plan.name
    _write_trials(target / "trials.csv", data.trials)
    _write_recording(target / plan.format, plan, data)
    from pipeline.simulate.writers import write_phy

    write_phy(
        target / "phy",
        spike_times_s=data.spikes,
        rate_hz=SORTING_HZ,
        region=[unit.region for unit in data.units],
    )
    return plan.name


def _say(line: str) -> None:
    """Show progress: one line that rewrites itself on a terminal, plain lines elsewhere."""
    end = "\n"
    if sys.stderr.isatty():
        line, end = f"\r\x1b[K{line}", ""
    print(line, end=end, file=sys.stderr, flush=True)


def _write_all(plans: tuple[SessionPlan, ...], folder: Path, threads: int) -> Iterable[str]:
    """Write all sessions; yield the name of each when it is done.

    Threads: nearly all of the time goes into numpy calls that release the interpreter, and new
    processes would import the caller's main module again, which a workflow's script cannot bear.
    """
    with ThreadPoolExecutor(max(1, threads)) as pool:
        jobs = [pool.submit(write_session, plan, folder) for plan in plans]
        try:
            for job in as_completed(jobs):
                yield job.result()
        finally:
            for job in jobs:
                job.cancel()
    if sys.stderr.isatty():
        print(file=sys.stderr)


def _read_marker(folder: Path) -> dict[str, Any] | None:
    marker = folder / _MARKER
    return json.loads(marker.read_text(encoding="utf-8")) if marker.is_file() else None


def _finish(folder: Path) -> None:
    """Date all files and write the marker that lists them."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    sizes = {path.relative_to(folder).as_posix(): path.stat().st_size for path in files}
    for path in files:
        os.utime(path, (MODIFIED_S, MODIFIED_S))
    text = json.dumps({"version": sample_version(), "files": sizes}, indent=0)
    (folder / _MARKER).write_text(text + "\n", encoding="utf-8")


def _write_recording(folder: Path, plan: SessionPlan, data: SessionData) -> None:
    from pipeline.simulate.writers import write_openephys, write_spikeglx

    channels = channel_ids(plan.format)
    if plan.format == "openephys":
        write_openephys(folder, data.lfp_uv, rate_hz=data.rate_hz, channels=channels)
    else:
        write_spikeglx(folder, plan.name, data.lfp_uv, rate_hz=data.rate_hz, channels=channels)


def _write_csv(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    rows = list(rows)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def _write_movement(path: Path, data: SessionData) -> None:
    _write_csv(
        path,
        (
            {"time_s": f"{moment:.1f}", "speed_cm_s": f"{speed:.2f}"}
            for moment, speed in zip(data.time_s, data.speed_cm_s, strict=True)
        ),
    )


def _write_trials(path: Path, trials: list[Trial]) -> None:
    """Write the behaviour log as the box's software would: letters, 1 and 0, blanks."""
    _write_csv(
        path,
        (
            {
                "Trial": trial.number,
                "Time_s": f"{trial.start_s:.3f}",
                "Rule": trial.rule,
                "Light": _LETTERS[trial.light],
                "Choice": _LETTERS[trial.choice],
                "Correct": int(trial.correct),
                "RT": "" if trial.omitted else f"{trial.response_s:.3f}",
            }
            for trial in trials
        ),
    )


def _write_nwb_session(path: Path, plan: SessionPlan, data: SessionData) -> None:
    import pandas as pd

    with _ONE_NWB_AT_A_TIME:  # the first import too
        from pipeline.simulate.writers import write_nwb

    starts = np.array([trial.start_s for trial in data.trials])
    trials = pd.DataFrame(
        {
            "start_time": starts,
            "stop_time": starts + RECORDED_SPACING_S[0],
            "rule": [trial.rule for trial in data.trials],
            "light": [trial.light for trial in data.trials],
            "choice": [trial.choice for trial in data.trials],
            "correct": [trial.correct for trial in data.trials],
            "response_time": [round(trial.response_s, 3) for trial in data.trials],
        }
    )
    units = [
        {"spike_times": spikes, "region": unit.region, "unit_id": str(number)}
        for number, (unit, spikes) in enumerate(zip(data.units, data.spikes, strict=True))
    ]
    with _ONE_NWB_AT_A_TIME:
        write_nwb(
            path,
            signals_uv=data.lfp_uv,
            rate_hz=data.rate_hz,
            channels=channel_ids(plan.format),
            regions=REGIONS,
            session_start=plan.start.replace(tzinfo=UTC),
            identifier=plan.name,
            subject_id=plan.animal,
            units=units,
            trials=trials,
        )
