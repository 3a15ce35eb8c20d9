"""All measures of one session's spikes: CPU seconds in all, and by part.

200 units in two regions, an hour, six epochs of ten minutes, eight bands, sixteen channels of LFP
at 1 kHz, 300 trials in two of the epochs. Every function of the room is called with its defaults.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.contenders import RESULTS, print_table, run, versions, write_result

RATE_HZ = 1000.0
REGIONS = ("mPFC", "CA1")
#: mean of the units' rates; log-normal with an SD of 1 (natural logarithm)
MEAN_HZ, LOG_SD = 4.0, 1.0
BANDS = {
    "delta": (1.0, 4.0),
    "theta": (6.0, 10.0),
    "alpha": (10.0, 14.0),
    "beta": (15.0, 30.0),
    "low_gamma": (30.0, 55.0),
    "high_gamma": (65.0, 100.0),
    "fast_gamma": (100.0, 140.0),
    "hfo": (110.0, 180.0),
}
N_EPOCHS = 6
#: epochs with a task, trials in all
TASK_EPOCHS, N_TRIALS = (1, 3), 300
#: CPU seconds that the job may take, imports included, and megabytes
LIMIT_S, LIMIT_MB = 60.0, 1500.0
MODULE = "benchmarks.spikes_outcomes"


# --- data ----------------------------------------------------------------------------------------


def write_session(folder: Path, *, units: int, channels: int, seconds: float) -> None:
    """Write lfp.nc and units.nc."""
    from benchmarks.lfp_outcomes import _signals
    from pipeline.lfp.signal import write_lfp
    from pipeline.spikes import save_units, units_dataset

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
    labels = [REGIONS[n * len(REGIONS) // units] for n in range(units)]
    trains = make_trains(units, seconds)
    save_units(
        units_dataset(trains, [f"u{n + 1}" for n in range(units)], labels), folder / "units.nc"
    )


def make_trains(units: int, seconds: float, *, seed: int = 0) -> list[np.ndarray]:
    """Poisson spikes with a dead time, of log-normal rates that share a slow course."""
    rng = np.random.default_rng(seed)
    rates = MEAN_HZ * np.exp(LOG_SD * rng.standard_normal(units) - LOG_SD**2 / 2)
    course = np.exp(0.2 * rng.standard_normal(int(seconds) + 1))
    course /= course.max()
    trains = []
    for rate in np.clip(rates, 0.1, 40.0):
        times = np.sort(rng.uniform(0, seconds, rng.poisson(rate * seconds / course.mean())))
        times = times[rng.random(len(times)) < course[times.astype(int)]]
        trains.append(times[np.diff(times, prepend=-1.0) > 0.002])
    return trains


# --- the job -------------------------------------------------------------------------------------


def measuring(folder: Path) -> Callable[[], dict[str, Any]]:
    """All functions of the room on the session; CPU seconds of each part."""
    taken: dict[str, float] = {}

    @contextmanager
    def part(name: str) -> Iterator[None]:
        start = time.process_time()
        yield
        taken[name] = taken.get(name, 0.0) + time.process_time() - start

    def work() -> dict[str, Any]:
        with part("imports and files"):
            from pipeline.lfp.signal import open_lfp
            from pipeline.spikes import load_units
            from pipeline.spikes.groups import epoch_groups  # noqa: F401
            from pipeline.spikes.phases import spike_phases

            lfp, units = open_lfp(folder / "lfp.nc"), load_units(folder / "units.nc")
        end = lfp.sizes["time"] / RATE_HZ
        n_spikes = units.sizes["spike"]
        with part("phases of all spikes"):
            phases = spike_phases(lfp, units, [[0.0, end]], bands=BANDS, line_hz=50.0)
        borders = np.linspace(0.0, end, N_EPOCHS + 1)
        spans = [[[a, b]] for a, b in pairwise(borders)]
        epochs = _epochs(units, phases, spans, part)
        _changes(epochs, part)
        rng = np.random.default_rng(1)
        for number in TASK_EPOCHS:
            if number < len(epochs):
                _task(epochs[number], spans[number][0], rng, part)
        return {
            "parts_s": {name: round(seconds, 3) for name, seconds in taken.items()},
            "spikes": n_spikes,
        }

    return work


def _epochs(units: Any, phases: Any, spans: list[Any], part: Any) -> list[Any]:
    """What is measured in every epoch."""
    from pipeline.spikes import epoch_units
    from pipeline.spikes.complexity import epoch_spike_complexity
    from pipeline.spikes.groups import epoch_groups
    from pipeline.spikes.irregularity import epoch_irregularity
    from pipeline.spikes.locking import unit_locking
    from pipeline.spikes.pairs import correlation, epoch_pairs, matched_correlation, pair_means
    from pipeline.spikes.periodicity import unit_periodicity
    from pipeline.spikes.rate_power import rate_power_correlation

    epochs = []
    for span in spans:
        with part("spikes of the epochs"):
            epoch = epoch_units(units, span)
        epochs.append(epoch)
        with part("locking"):
            unit_locking(phases, span)
        with part("irregularity"):
            epoch_irregularity(epoch)
        with part("pairs: correlations, tiling"):
            pairs = epoch_pairs(epoch)
            for moments in pairs.moments.values():
                pair_means(correlation(moments), pairs.region)
                rates = 0.8 * pairs.n_spikes / pairs.seconds
                pair_means(matched_correlation(moments, rates), pairs.region)
            pair_means(pairs.tiling, pairs.region)
        with part("groups"):
            epoch_groups(epoch)
        with part("rates and band power"):
            rate_power_correlation(epoch, phases)
        with part("periodicity"):
            unit_periodicity(epoch)
        with part("Lempel-Ziv"):
            epoch_spike_complexity(epoch)
    return epochs


def _changes(epochs: list[Any], part: Any) -> None:
    """Modulation of each context's later epochs against its first."""
    from pipeline.spikes.modulation import called, fractions, modulated_units

    with part("modulation"):
        for number in range(2, len(epochs)):
            changed = modulated_units(
                epochs[number % 2], epochs[number], block_s=30.0, trend="linear"
            )
            fractions(called(changed))


def _task(epoch: Any, span: list[float], rng: np.random.Generator, part: Any) -> None:
    """Responses, selectivity and decoding of a task of one epoch."""
    from pipeline.spikes.decoding import decode
    from pipeline.spikes.events import (
        event_response,
        next_after,
        normalised_rate,
        peri_event_counts,
        window_counts,
    )
    from pipeline.spikes.selectivity import change_blocks, selectivity, time_blocks

    n = N_TRIALS // len(TASK_EPOCHS)
    cue = np.linspace(span[0] + 2, span[1] - 4, n)
    trains, within = epoch.spike_times, epoch.intervals
    with part("responses to events"):
        for event in (cue, cue + 0.7, cue + 1.2, cue[:: n // 5]):
            limits = {"not_after_s": next_after(event, cue)}
            around = peri_event_counts(
                trains, event, window_s=(-1.0, 2.0), bin_s=0.05, intervals=within, **limits
            )
            before = peri_event_counts(
                trains, event, window_s=(-1.0, 0.0), bin_s=0.05, intervals=within
            )
            normalised_rate(around, before)
            event_response(
                trains, event, response_s=(0.0, 0.5), baseline_s=(-0.5, 0.0), intervals=within
            )
    sets = np.arange(n) * 5 // n
    labels = {
        "choice": (rng.random(n) < 0.5, "permute"),
        "outcome": (rng.random(n) < 0.7, "permute"),
        "rule": (sets % 2, "flip"),
    }
    counts, seen = window_counts(trains, cue, window_s=(0.0, 1.0), intervals=within)
    counts = counts[:, seen]
    regions = np.array(epoch.region)
    for label, null in labels.values():
        label, own = label[seen], sets[seen]
        short = change_blocks(own) if null == "flip" else time_blocks(own)
        with part("selectivity"):
            selectivity(counts, label, short, null=null)
        with part("decoding"):
            for region in REGIONS:
                decode(
                    counts[regions == region],
                    label,
                    short if null == "flip" else own,
                    null=null,
                    blocks=short,
                    n_units=min(20, int(np.sum(regions == region))),
                )


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
    parts: Mapping[str, float] = dict(
        sorted(found.facts["parts_s"].items(), key=lambda item: -item[1])
    )
    content = {
        "versions": versions("numpy", "scipy", "xarray", "scikit-learn"),
        "session": {
            "units": units,
            "spikes": found.facts["spikes"],
            "channels": channels,
            "seconds": seconds,
            "rate_hz": RATE_HZ,
            "bands": len(BANDS),
            "epochs": N_EPOCHS,
            "trials": N_TRIALS,
        },
        "limit_s": LIMIT_S,
        "limit_mb": LIMIT_MB,
        "cpu_s": found.process_s,
        "peak_mb": found.peak_mb,
        "parts_s": parts,
    }
    rest = found.process_s - sum(parts.values())
    rows: list[tuple[str, Any]] = [*parts.items(), ("start and the rest", rest)]
    rows.append((f"in all (limit {LIMIT_S:g})", found.process_s))
    print_table(
        f"All measures of a session's spikes: {units} units ({found.facts['spikes']} spikes) x "
        f"{seconds:g} s, {N_EPOCHS} epochs, {len(BANDS)} bands, {channels} channels; peak "
        f"{found.peak_mb:.0f} MB (limit {LIMIT_MB:.0f})",
        ("", "CPU s"),
        rows,
    )
    write_result("spikes_outcomes", content, results)
    return content
