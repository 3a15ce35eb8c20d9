"""All measures of one session's LFP: CPU seconds in all, and by source.

The job is that of the workflow (:func:`pipeline.steps.measure.measure`) with its default options:
whatever is registered is measured. Sixteen channels in two regions, an hour at 1 kHz, six epochs of
ten minutes (two contexts in three phases), no movement.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.contenders import RESULTS, print_table, run, versions, write_result

RATE_HZ = 1000.0
REGIONS = ("mPFC", "CA1")
SESSION = "s1"
#: CPU seconds that the job may take, imports included
LIMIT_S = 20.0
MODULE = "benchmarks.lfp_outcomes"
CONFIG = """
experiment: {{title: Benchmark, species: rat}}
tables:
  sessions: sessions.tsv
  administrations: administrations.tsv
  contexts: contexts.tsv
  channels: channels.tsv
design:
  conditions: {{vehicle: {{drug: saline}}, psilocybin: {{drug: psilocybin}}}}
  reference_condition: vehicle
  contexts: [home_cage, open_field]
  phases: {{baseline: [-{third}, 0], acute: [0, {third}], late: [{third}, {late}]}}
  handling_s: [0, 0]
"""


# --- data ----------------------------------------------------------------------------------------


def write_session(folder: Path, *, channels: int, seconds: float) -> Path:
    """Write lfp.nc and the experiment; returns the config's path."""
    from pipeline.lfp.signal import write_lfp

    folder.mkdir(parents=True, exist_ok=True)
    names = [f"CH{number + 1}" for number in range(channels)]
    region = {name: REGIONS[n * len(REGIONS) // channels] for n, name in enumerate(names)}
    write_lfp(
        folder / "lfp.nc",
        [_signals(channels, round(seconds * RATE_HZ))],
        n_samples=round(seconds * RATE_HZ),
        rate_hz=RATE_HZ,
        channels=names,
        region=region,
        pass_band_hz=0.4 * RATE_HZ,
    )
    third = seconds / 3
    config = CONFIG.format(third=f"{third:g}", late=f"{2 * third:g}")
    (folder / "config.yaml").write_text(config)
    _table(folder / "sessions.tsv", ("session", "animal", "start"), [(SESSION, "r1", "2026-03-01")])
    _table(
        folder / "administrations.tsv",
        ("animal", "session", "time_s", "drug", "dose_mg_per_kg"),
        [("r1", SESSION, third, "psilocybin", 1)],
    )
    stays = [
        (SESSION, ("home_cage", "open_field")[n % 2], n * third / 2, (n + 1) * third / 2)
        for n in range(6)
    ]
    _table(folder / "contexts.tsv", ("session", "context", "start_s", "stop_s"), stays)
    _table(folder / "channels.tsv", ("channel", "region"), list(region.items()))
    return folder / "config.yaml"


def _signals(channels: int, n_samples: int) -> np.ndarray:
    """Noise that falls with frequency, partly shared, and a theta wave that carries gamma."""
    rng = np.random.default_rng(0)
    frequency = np.fft.rfftfreq(n_samples, 1 / RATE_HZ)
    shape = np.maximum(frequency, 0.5) ** -0.75

    def noise() -> np.ndarray:
        made = np.fft.irfft(np.fft.rfft(rng.standard_normal(n_samples)) * shape, n_samples)
        return made / made.std()

    times = np.arange(n_samples) / RATE_HZ
    phase = 2 * np.pi * 8 * times + 0.3 * np.cumsum(rng.standard_normal(n_samples)) / RATE_HZ**0.5
    theta = np.cos(phase)
    gamma = (1 + theta) * np.sin(2 * np.pi * 70 * times)
    shared = noise()
    out = np.empty((n_samples, channels), dtype=np.float32)
    for channel in range(channels):
        out[:, channel] = 80 * (shared + noise()) + 100 * theta + 8 * gamma
        out[:, channel] += 3 * rng.standard_normal(n_samples)
    return out


def _table(path: Path, header: tuple[str, ...], rows: list[tuple[Any, ...]]) -> None:
    lines = ["\t".join(map(str, row)) for row in (header, *rows)]
    path.write_text("\n".join(lines) + "\n")


# --- the job -------------------------------------------------------------------------------------


def measuring(folder: Path) -> Callable[[], dict[str, Any]]:
    """The job ``measure`` on the session; CPU seconds of each source without those it rests on."""
    from pipeline.experiment import load_experiment
    from pipeline.steps import settings
    from pipeline.steps.measure import measure
    from pipeline.steps.paths import MEASURED
    from pipeline.steps.sources import Sources

    experiment = load_experiment(folder / "config.yaml")
    (session,) = experiment.included
    chosen = settings.measure_settings(experiment, session)
    taken = timed(Sources)
    outputs = {key: folder / Path(name).name for key, name in MEASURED.items()}

    def work() -> dict[str, Any]:
        import pandas as pd

        measure(settings=chosen, outputs=outputs, inputs={"lfp": folder / "lfp.nc"})
        found = pd.read_parquet(outputs["observations"])
        return {
            "sources_s": {name: round(seconds, 3) for name, seconds in taken.items()},
            "observations": len(found),
            "metrics": sorted(found["metric"].unique().tolist()),
        }

    return work


def timed(sources: Any) -> dict[str, float]:
    """Let a class of sources note its CPU seconds by name; what a source rests on is not its own.

    Only what this process computes later is noted.
    """
    taken: dict[str, float] = {}
    inner: list[float] = []
    original = sources.__getitem__

    def noting(self: Any, name: str) -> Any:
        inner.append(0.0)
        start = time.process_time()
        try:
            return original(self, name)
        finally:
            whole = time.process_time() - start
            taken[name] = taken.get(name, 0.0) + whole - inner.pop()
            if inner:
                inner[-1] += whole

    sources.__getitem__ = noting
    return taken


def benchmark(
    folder: Path,
    *,
    channels: int = 16,
    seconds: float = 3600.0,
    repeats: int = 2,
    results: Path = RESULTS,
) -> dict[str, Any]:
    """Measure one session, print the table, write lfp_outcomes.json."""
    write_session(folder, channels=channels, seconds=seconds)
    found = run(MODULE, "measuring", folder, repeats=repeats)
    # sources that the session cannot have take nothing
    made = {name: taken for name, taken in found.facts["sources_s"].items() if taken > 0}
    sources = dict(sorted(made.items(), key=lambda item: -item[1]))
    rest = found.cpu_s - sum(sources.values())
    content = {
        "versions": versions("numpy", "scipy", "xarray", "h5netcdf", "specparam"),
        "session": {"channels": channels, "seconds": seconds, "rate_hz": RATE_HZ, "epochs": 6},
        "limit_s": LIMIT_S,
        "cpu_s": found.process_s,
        "peak_mb": found.peak_mb,
        "sources_s": sources,
        "metrics_artefacts_files_s": round(rest, 3),
        "start_and_imports_s": round(found.process_s - found.cpu_s, 3),
        "observations": found.facts["observations"],
        "metrics": found.facts["metrics"],
    }
    rows: list[tuple[str, Any]] = [(f"source {name}", taken) for name, taken in sources.items()]
    rows += [
        ("metrics, artefacts, time course, files", content["metrics_artefacts_files_s"]),
        ("start and imports of the job", content["start_and_imports_s"]),
        (f"in all (limit {LIMIT_S:g})", found.process_s),
    ]
    print_table(
        f"All LFP measures of a session: {channels} channels x {seconds:g} s at 1 kHz, 6 epochs; "
        f"{len(content['metrics'])} metrics, peak {found.peak_mb:.0f} MB",
        ("", "CPU s"),
        rows,
    )
    write_result("lfp_outcomes", content, results)
    return content
