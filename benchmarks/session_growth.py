"""What one session costs as it grows: CPU and peak memory of ``extract`` and of ``measure``.

Three series from one size: duration (10 min to 2 h), channels (4 to 128) and units (5 to 500), the
others being ten minutes, 16 channels and 50 units. The jobs are those of the workflow with default
options. ``measure`` gets the LFP, the units and the trials of :mod:`benchmarks.spikes_outcomes` (6
epochs, 8 bands); ``extract`` a raw file of noise at 30 kHz and a sorting in phy's form. Each series
is held against a straight line.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import lfp_outcomes, spikes_outcomes
from benchmarks.contenders import RESULTS, print_table, run, versions, write_result

MODULE = "benchmarks.session_growth"
RAW_HZ = 30_000.0
#: one size of a series changes, the others stay as here
MIDDLE = {
    "measure": {"seconds": 600.0, "channels": 16, "units": 50},
    "extract": {"seconds": 600.0, "channels": 16, "units": 50},
}
SERIES: dict[str, tuple[float, ...]] = {
    "seconds": (600.0, 1800.0, 3600.0, 7200.0),
    "channels": (4, 16, 64, 128),
    "units": (5, 50, 200, 500),
}
#: the session that docs/scale.md counts with; ``measure`` alone
TYPICAL = {"seconds": 3600.0, "channels": 64, "units": 100}
#: seconds of LFP that are made at a time
_PIECE_S = 600.0


# --- data ----------------------------------------------------------------------------------------


def write_session(folder: Path, *, seconds: float, channels: int, units: int) -> None:
    """Write lfp.nc, units.nc, trials.parquet, raw.dat, a sorting and the experiment."""
    spikes_outcomes.write_session(folder, units=units, channels=2, seconds=seconds)
    _write_lfp(folder / "lfp.nc", channels=channels, seconds=seconds)
    names = _names(channels)
    rows = [(name, region) for name, region in _regions(channels).items()]
    _table(folder / "channels.tsv", ("channel", "region"), rows)
    car = {"rate_hz": RAW_HZ, "channels": names, "dtype": "int16", "gain_uv": 0.195, "offset_uv": 0}
    (folder / "raw.dat.json").write_text(json.dumps(car))
    header = ("session", "animal", "start", "recording", "recording_format", "sorting")
    row = (lfp_outcomes.SESSION, "r1", "2026-03-01", "raw.dat", "binary", "phy")
    _table(folder / "sessions.tsv", header, [row])


def write_raw(folder: Path, *, seconds: float, channels: int, units: int) -> None:
    """Write raw.dat and the sorting: large, and for ``extract`` alone."""
    from pipeline.simulate.writers import write_phy

    trains = spikes_outcomes.make_trains(units, seconds)
    write_phy(folder / "phy", spike_times_s=trains, rate_hz=RAW_HZ)
    block = np.random.default_rng(0).normal(0, 300, (round(RAW_HZ), channels)).astype(np.int16)
    with (folder / "raw.dat").open("wb") as stream:
        for _ in range(round(seconds)):
            stream.write(block.tobytes())


def _names(channels: int) -> list[str]:
    return [f"CH{number + 1}" for number in range(channels)]


def _regions(channels: int) -> dict[str, str]:
    """Half of the channels in either region."""
    regions = lfp_outcomes.REGIONS
    return {name: regions[n * len(regions) // channels] for n, name in enumerate(_names(channels))}


def _write_lfp(path: Path, *, channels: int, seconds: float) -> None:
    """Ten minutes of four signals again and again, each channel with noise of its own."""
    from pipeline.lfp.signal import write_lfp

    rate_hz = lfp_outcomes.RATE_HZ
    n_samples, piece = round(seconds * rate_hz), round(_PIECE_S * rate_hz)
    base = lfp_outcomes._signals(4, min(piece, n_samples))
    rng = np.random.default_rng(1)

    def blocks() -> Iterator[np.ndarray]:
        for first in range(0, n_samples, piece):
            here = base[: n_samples - first]
            wide = np.tile(here, (1, -(-channels // 4)))[:, :channels]
            yield wide + 40 * rng.standard_normal(wide.shape, dtype=np.float32)

    write_lfp(
        path,
        blocks(),
        n_samples=n_samples,
        rate_hz=rate_hz,
        channels=_names(channels),
        region=_regions(channels),
        pass_band_hz=0.4 * rate_hz,
    )


def _table(path: Path, header: tuple[str, ...], rows: Sequence[tuple[Any, ...]]) -> None:
    path.write_text("\n".join("\t".join(map(str, row)) for row in (header, *rows)) + "\n")


# --- the jobs ------------------------------------------------------------------------------------


def measuring(folder: Path) -> Callable[[], dict[str, Any]]:
    """The job ``measure``."""
    return spikes_outcomes.measuring(folder)


def extracting(folder: Path) -> Callable[[], dict[str, Any]]:
    """The job ``extract``."""
    from pipeline.experiment import load_experiment
    from pipeline.steps import settings
    from pipeline.steps.extract import extract
    from pipeline.steps.paths import EXTRACTED

    experiment = load_experiment(folder / "config.yaml")
    (session,) = experiment.included
    chosen = settings.extract_settings(experiment, session, {})
    (folder / "extracted").mkdir(exist_ok=True)
    outputs = {
        key: folder / "extracted" / Path(name).name
        for key, name in EXTRACTED.items()
        if key != "status"
    }

    def work() -> dict[str, Any]:
        extract(settings=chosen, outputs=outputs)
        return {"written_mb": sum(path.stat().st_size for path in outputs.values()) / 1e6}

    return work


# --- the series ----------------------------------------------------------------------------------


def line(sizes: Sequence[float], values: Sequence[float]) -> dict[str, float]:
    """Least squares of the relative residuals: slope, value at 0, largest relative residual.

    Relative, because a line through the largest points would say nothing of the small ones.
    """
    x, y = np.asarray(sizes, dtype=float), np.asarray(values, dtype=float)
    design = np.column_stack([x, np.ones_like(x)]) / y[:, None]
    (slope, start), *_ = np.linalg.lstsq(design, np.ones_like(y), rcond=None)
    apart = (slope * x + start) / y - 1
    return {"slope": float(slope), "at_zero": float(start), "residual": float(np.abs(apart).max())}


def benchmark(
    folder: Path,
    *,
    middle: Mapping[str, Mapping[str, float]] = MIDDLE,
    series: Mapping[str, Sequence[float]] = SERIES,
    repeats: int = 1,
    results: Path = RESULTS,
) -> dict[str, Any]:
    """Run both jobs at every size, print the table, write session_growth.json."""
    found: dict[str, dict[str, dict[str, Any]]] = {job: {} for job in middle}
    for job, sizes in middle.items():
        for name, points in series.items():
            for point in points:
                size = {**sizes, name: point}
                key = _key(size)
                if key not in found[job]:
                    found[job][key] = _one(folder / "session", job, size, repeats)
    if "measure" in found:
        found["measure"].setdefault(_key(TYPICAL), _one(folder / "session", "measure", TYPICAL, 1))
    lines = {
        job: {name: _fits(job, name, middle, series, found) for name in series} for job in found
    }
    content = {
        "versions": versions("numpy", "scipy", "xarray", "h5netcdf", "spikeinterface"),
        "middle": middle,
        "points": {job: list(rows.values()) for job, rows in found.items()},
        "lines": lines,
    }
    for job, rows in found.items():
        print_table(
            f"{job} of one session, as it grows",
            ("minutes", "channels", "units", "CPU s", "of which imports", "peak MB"),
            [
                (
                    f"{row['seconds'] / 60:g}",
                    f"{row['channels']:g}",
                    f"{row['units']:g}",
                    row["cpu_s"],
                    row["start_s"],
                    row["peak_mb"],
                )
                for row in rows.values()
            ],
        )
    print_table(
        "The same as lines",
        ("job", "over", "CPU s per", "at 0", "off the line", "MB per", "at 0", "off the line"),
        [
            (
                job,
                name,
                f"{fit['cpu_s']['slope']:.3g}",
                f"{fit['cpu_s']['at_zero']:.3g}",
                f"{fit['cpu_s']['residual']:.0%}",
                f"{fit['peak_mb']['slope']:.3g}",
                f"{fit['peak_mb']['at_zero']:.3g}",
                f"{fit['peak_mb']['residual']:.0%}",
            )
            for job, fits in lines.items()
            for name, fit in fits.items()
        ],
    )
    write_result("session_growth", content, results)
    return content


def _key(size: Mapping[str, float]) -> str:
    return " ".join(f"{name}={value:g}" for name, value in size.items())


def _one(folder: Path, job: str, size: Mapping[str, Any], repeats: int) -> dict[str, Any]:
    """One job at one size; its files are removed."""
    shutil.rmtree(folder, ignore_errors=True)
    write_session(folder, **size)
    if job == "extract":
        write_raw(folder, **size)
    name = {"measure": "measuring", "extract": "extracting"}[job]
    done = run(MODULE, name, folder, repeats=repeats)
    kept = {"sources_s", "observations", "spikes", "written_mb"}
    shutil.rmtree(folder)
    return {
        **size,
        "cpu_s": done.process_s,
        "start_s": round(done.process_s - done.cpu_s, 3),
        "peak_mb": done.peak_mb,
        "above_imports_mb": done.above_mb,
        **{key: value for key, value in done.facts.items() if key in kept},
    }


def _fits(
    job: str,
    name: str,
    middle: Mapping[str, Mapping[str, float]],
    series: Mapping[str, Sequence[float]],
    found: Mapping[str, Mapping[str, Mapping[str, Any]]],
) -> dict[str, dict[str, float]]:
    """The lines of one series: CPU seconds and peak memory over the size that changes."""
    rows = [found[job][_key({**middle[job], name: point})] for point in series[name]]
    return {what: line(series[name], [row[what] for row in rows]) for what in ("cpu_s", "peak_mb")}
