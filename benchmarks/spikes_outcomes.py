"""All measures of one session's spikes: CPU seconds in all, and by source.

The job is that of the workflow (:func:`pipeline.steps.measure.measure`) with its default options,
as in :mod:`benchmarks.lfp_outcomes`, whose session this is: an hour, six epochs of ten minutes,
sixteen channels of LFP at 1 kHz in two regions. Added are 200 units, of which half change their
rate at the dose, eight bands in place of six, and 300 trials of a task in two of the epochs. The
measures of the LFP are made in the same job; they stand in one line.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import lfp_outcomes
from benchmarks.contenders import RESULTS, print_table, run, versions, write_result
from benchmarks.lfp_outcomes import REGIONS

#: mean of the units' rates; log-normal with an SD of 1 (natural logarithm)
MEAN_HZ, LOG_SD = 4.0, 1.0
BANDS = {
    "delta": (1, 4),
    "theta": (6, 10),
    "alpha": (10, 14),
    "beta": (15, 30),
    "low_gamma": (30, 55),
    "high_gamma": (65, 100),
    "fast_gamma": (100, 140),
    "hfo": (110, 180),
}
N_EPOCHS, N_TRIALS = 6, 300
#: epochs that the trials are in: one context before and after the dose
TASK_EPOCHS = (1, 3)
#: CPU seconds that the job may take, imports and LFP included, and megabytes
LIMIT_S, LIMIT_MB = 60.0, 1500.0
MODULE = "benchmarks.spikes_outcomes"
#: what the sources of the LFP are called; all others are of spikes or shared
LFP_SOURCES = frozenset(
    ["spectrum", "shape", "hfo", "quality", "coupling", "phase_amplitude", "complexity", "leakage"]
)
CONFIG = """
lfp: {{bands: {{{bands}}}}}
flexibility:
  task:
    rules:
      light: {{expression: follow cue, dimension: light}}
      left: choose left
      right: choose right
    criterion: {{consecutive: 8}}
"""


# --- data ----------------------------------------------------------------------------------------


def write_session(folder: Path, *, units: int, channels: int, seconds: float) -> None:
    """Write lfp.nc, units.nc, trials.parquet and the experiment."""
    from pipeline.spikes import save_units, units_dataset

    config = lfp_outcomes.write_session(folder, channels=channels, seconds=seconds)
    bands = ", ".join(f"{name}: [{low}, {high}]" for name, (low, high) in BANDS.items())
    config.write_text(config.read_text() + CONFIG.format(bands=bands))
    labels = [REGIONS[n * len(REGIONS) // units] for n in range(units)]
    trains = make_trains(units, seconds)
    save_units(
        units_dataset(trains, [f"u{n + 1}" for n in range(units)], labels), folder / "units.nc"
    )
    make_trials(seconds).to_parquet(folder / "trials.parquet")


def make_trains(units: int, seconds: float) -> list[np.ndarray]:
    """Poisson spikes with a dead time, of log-normal rates that share a course of seconds.

    After a third of the time the rates of a quarter of the units double, those of a quarter halve.
    """
    rng = np.random.default_rng(0)
    rates = MEAN_HZ * np.exp(LOG_SD * rng.standard_normal(units) - LOG_SD**2 / 2)
    course = np.exp(0.2 * rng.standard_normal(int(seconds) + 1))
    later = np.arange(len(course)) >= seconds / 3
    trains = []
    for unit, rate in enumerate(np.clip(rates, 0.1, 40.0)):
        own = course * np.where(later, (1.0, 2.0, 0.5, 1.0)[unit % 4], 1.0)
        times = np.sort(rng.uniform(0, seconds, rng.poisson(rate * own.max() * seconds)))
        times = times[rng.random(len(times)) * own.max() < own[times.astype(int)]]
        trains.append(times[np.diff(times, prepend=-1.0) > 0.002])
    return trains


def make_trials(seconds: float) -> Any:
    """Trials of one simulated animal, half of them in either task epoch."""
    import pandas as pd

    from pipeline.simulate.agent import Agent, simulate_trials

    epoch_s, each = seconds / N_EPOCHS, N_TRIALS // len(TASK_EPOCHS)
    steps = np.arange(each) * (epoch_s - 10.0) / each
    found = simulate_trials(
        Agent(learning_rate=0.35),
        rules=("light", "left", "light", "right"),
        trial_times_s=np.concatenate([5.0 + epoch * epoch_s + steps for epoch in TASK_EPOCHS]),
        rng=np.random.default_rng(1),
        criterion=8,
        restart_at_s=seconds / 3,
    )
    choice = [np.nan if one.omitted else one.start_s + one.response_s for one in found]
    return pd.DataFrame(
        {
            "trial": [one.number for one in found],
            "t_cue": [one.start_s for one in found],
            "t_init": np.nan,
            "t_choice": choice,
            "t_reward": np.array(choice) + 0.5,
            "rule": [one.rule for one in found],
            "cue_side": [one.light for one in found],
            "choice_side": ["" if one.omitted else one.choice for one in found],
            "source_file": "log.csv",
            "source_row": [one.number + 1 for one in found],
        }
    )


# --- the job -------------------------------------------------------------------------------------


def measuring(folder: Path) -> Callable[[], dict[str, Any]]:
    """The job ``measure`` on the session; CPU seconds of each source without those it rests on."""
    from pipeline.experiment import load_experiment
    from pipeline.registry import registered
    from pipeline.spikes import load_units
    from pipeline.steps import settings
    from pipeline.steps.measure import measure
    from pipeline.steps.paths import MEASURED
    from pipeline.steps.sources import Sources

    experiment = load_experiment(folder / "config.yaml")
    (session,) = experiment.included
    chosen = settings.measure_settings(experiment, session)
    taken = lfp_outcomes.timed(Sources)
    outputs = {key: folder / Path(name).name for key, name in MEASURED.items()}
    files = {"lfp": "lfp.nc", "units": "units.nc", "trials": "trials.parquet"}

    def work() -> Callable[[], dict[str, Any]]:
        inputs = {key: folder / name for key, name in files.items()}
        measure(settings=chosen, outputs=outputs, inputs=inputs)

        def facts() -> dict[str, Any]:
            import pandas as pd

            found = pd.read_parquet(outputs["observations"])
            of_spikes = {
                entry.metric.name
                for entry in registered().values()
                if not LFP_SOURCES.issuperset(entry.metric.needs)
            }
            return {
                "sources_s": {name: round(seconds, 3) for name, seconds in taken.items()},
                "observations": len(found),
                "metrics": sorted(set(found["metric"]) & of_spikes),
                "all_metrics": sorted(set(found["metric"])),
                "spikes": load_units(folder / "units.nc").sizes["spike"],
            }

        return facts

    return work


# --- the table -----------------------------------------------------------------------------------


def benchmark(
    folder: Path,
    *,
    units: int = 200,
    channels: int = 16,
    seconds: float = 3600.0,
    repeats: int = 2,
    results: Path = RESULTS,
) -> dict[str, Any]:
    """Measure one session, print the table, write spikes_outcomes.json."""
    write_session(folder, units=units, channels=channels, seconds=seconds)
    found = run(MODULE, "measuring", folder, repeats=repeats)
    made = {name: taken for name, taken in found.facts["sources_s"].items() if taken > 0}
    of_lfp = sum(taken for name, taken in made.items() if name in LFP_SOURCES)
    sources = {name: taken for name, taken in made.items() if name not in LFP_SOURCES}
    sources = dict(sorted(sources.items(), key=lambda item: -item[1]))
    rest = found.cpu_s - sum(made.values())
    content = {
        "versions": versions("numpy", "scipy", "xarray", "scikit-learn"),
        "session": {
            "units": units,
            "spikes": found.facts["spikes"],
            "channels": channels,
            "seconds": seconds,
            "bands": len(BANDS),
            "epochs": N_EPOCHS,
            "trials": N_TRIALS,
        },
        "limit_s": LIMIT_S,
        "limit_mb": LIMIT_MB,
        "cpu_s": found.process_s,
        "peak_mb": found.peak_mb,
        "sources_s": sources,
        "lfp_sources_s": round(of_lfp, 3),
        "metrics_artefacts_files_s": round(rest, 3),
        "start_and_imports_s": round(found.process_s - found.cpu_s, 3),
        "observations": found.facts["observations"],
        "metrics": found.facts["metrics"],
    }
    rows: list[tuple[str, Any]] = [(f"source {name}", taken) for name, taken in sources.items()]
    rows += [
        ("all sources of the LFP", of_lfp),
        ("metrics, artefacts, tables, files", content["metrics_artefacts_files_s"]),
        ("start and imports of the job", content["start_and_imports_s"]),
        (f"in all (limit {LIMIT_S:g})", found.process_s),
    ]
    print_table(
        f"All measures of a session with spikes: {units} units ({found.facts['spikes']} spikes), "
        f"{channels} channels x {seconds:g} s, {N_EPOCHS} epochs, {len(BANDS)} bands; "
        f"{len(content['metrics'])} metrics of spikes and trials, peak {found.peak_mb:.0f} MB "
        f"(limit {LIMIT_MB:.0f})",
        ("", "CPU s"),
        rows,
    )
    write_result("spikes_outcomes", content, results)
    return content
