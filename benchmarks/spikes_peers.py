"""Locking, tiling, correlations and responses to events against elephant and pynapple.

Neither is among the project's packages. Give them an environment of their own and tell where its
Python is::

    python -m venv peers && peers/bin/pip install elephant==1.2.1 pynapple==0.11.4
    PEERS_PYTHON=peers/bin/python python -m benchmarks.run spikes_peers

Without it only the pipeline is measured. Both get the same spikes; what the others need around them
(spike trains with units, filtered analytic signals) is made before the clock starts.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.contenders import RESULTS, print_table, run, versions, write_result

RATE_HZ = 1000.0
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
BINS_S, TILING_S = (0.1, 1.0), 0.05
WINDOW_S, EVENT_BIN_S, N_EVENTS = (-1.0, 2.0), 0.05, 150
#: mean and spread (natural logarithm) of the units' log-normal rates
MEAN_HZ, LOG_SD = 4.0, 1.0
MODULE = "benchmarks.spikes_peers"


@dataclass(frozen=True, kw_only=True)
class Task:
    """What is compared: contenders by name, size, and the least ratio that is aimed at.

    `loops` and `their_loops` say how often the work is done in one process: what takes milliseconds
    is not to be measured once.
    """

    ours: str
    others: tuple[str, ...]
    units: int
    seconds: float
    goal: float | None = None
    loops: int = 20
    their_loops: int = 1


_CORRELATIONS = {
    "ours": "ours_correlations", "others": ("elephant_correlations",),
    "goal": 10.0, "their_loops": 20,
}  # fmt: skip
TASKS = {
    "locking, 8 bands": Task(
        ours="ours_locking",
        others=("elephant_nearest", "elephant_interpolated"),
        units=10,
        seconds=300.0,
        goal=50.0,
        loops=5,
    ),
    "tiling": Task(
        ours="ours_tiling", others=("elephant_tiling",), units=20, seconds=600.0, goal=10.0
    ),
    "correlations, 50 units": Task(units=50, seconds=600.0, **_CORRELATIONS),
    "correlations, 100 units": Task(units=100, seconds=600.0, **_CORRELATIONS),
    "correlations, 200 units": Task(units=200, seconds=600.0, **_CORRELATIONS),
    "correlations, 200 units x 1 h": Task(units=200, seconds=3600.0, **_CORRELATIONS),
    "counts around events": Task(
        ours="ours_events", others=("pynapple_events",), units=100, seconds=600.0
    ),
}


# --- data ----------------------------------------------------------------------------------------


def make_trains(units: int, seconds: float) -> list[np.ndarray]:
    """Poisson trains of log-normal rates, seconds."""
    rng = np.random.default_rng(0)
    rates = MEAN_HZ * np.exp(LOG_SD * rng.standard_normal(units) - LOG_SD**2 / 2)
    return [
        np.sort(rng.uniform(0.0, seconds, rng.poisson(rate * seconds)))
        for rate in np.clip(rates, 0.1, 40.0)
    ]


def make_events(seconds: float) -> np.ndarray:
    """Events at random times, seconds."""
    return np.sort(np.random.default_rng(2).uniform(2.0, seconds - 3.0, N_EVENTS))


def make_lfp(seconds: float) -> np.ndarray:
    """Noise that falls with frequency, in microvolts."""
    rng = np.random.default_rng(1)
    n = round(seconds * RATE_HZ)
    spectrum = np.fft.rfft(rng.standard_normal(n))
    line = np.fft.irfft(spectrum * np.maximum(np.fft.rfftfreq(n, 1 / RATE_HZ), 0.5) ** -0.5, n)
    return 100 * line / line.std()


# --- ours ----------------------------------------------------------------------------------------


def ours_locking(folder: Path, *, units: int, seconds: float, loops: int = 1) -> Callable[[], Any]:
    """Filters, phases of all spikes, band power, and locking with its tests."""
    from pipeline.lfp.signal import lfp_array
    from pipeline.spikes import units_dataset
    from pipeline.spikes.locking import unit_locking
    from pipeline.spikes.phases import spike_phases

    names = [f"u{n}" for n in range(units)]
    spikes = units_dataset(make_trains(units, seconds), names, ["CA1"] * units)
    lfp = lfp_array(
        make_lfp(seconds)[:, np.newaxis],
        rate_hz=RATE_HZ,
        channels=["CH1"],
        region={"CH1": "CA1"},
        pass_band_hz=0.4 * RATE_HZ,
    )

    def once() -> Callable[[], dict[str, Any]]:
        phases = spike_phases(lfp, spikes, [[0.0, seconds]], bands=BANDS)
        unit_locking(phases, [[0.0, seconds]])
        return _kept(folder, "ours_locking", np.concatenate(
            [phases.radians(unit) for unit in range(units)], axis=1
        ))  # fmt: skip

    return _looped(once, loops)


def ours_tiling(folder: Path, *, units: int, seconds: float, loops: int = 1) -> Callable[[], Any]:
    """Spike-time tiling of all pairs."""
    from pipeline.spikes.tiling import tiling

    trains = make_trains(units, seconds)

    def once() -> Callable[[], dict[str, Any]]:
        return _kept(folder, "ours_tiling", tiling(trains, [[0.0, seconds]], dt_s=TILING_S))

    return _looped(once, loops)


def ours_correlations(
    folder: Path, *, units: int, seconds: float, loops: int = 1
) -> Callable[[], Any]:
    """Counts and correlations of all pairs, both bin widths; one window, as elephant has it."""
    from pipeline.spikes.pairs import correlation, moments_by_bin

    trains = make_trains(units, seconds)

    def once() -> Callable[[], dict[str, Any]]:
        moments = moments_by_bin(trains, [[0.0, seconds]], bins_s=BINS_S, window_s=2 * seconds)
        found = [correlation(moments[bin_s]) for bin_s in BINS_S]
        return _kept(folder, "ours_correlations", found)

    return _looped(once, loops)


def ours_events(folder: Path, *, units: int, seconds: float, loops: int = 1) -> Callable[[], Any]:
    """Counts around events."""
    from pipeline.spikes.events import peri_event_counts

    trains, events = make_trains(units, seconds), make_events(seconds)
    settings = {"window_s": WINDOW_S, "bin_s": EVENT_BIN_S, "intervals": [[0.0, seconds]]}

    def once() -> Callable[[], dict[str, Any]]:
        return _kept(folder, "ours_events", peri_event_counts(trains, events, **settings).counts)

    return _looped(once, loops)


def _looped(once: Callable[[], Any], loops: int) -> Callable[[], Any]:
    """The work done several times; the facts are those of the last."""
    once()  # first touch of libraries and memory is no part of the work

    def work() -> Any:
        for _ in range(loops - 1):
            once()
        return once()

    return work


def _kept(folder: Path, name: str, found: Any) -> Callable[[], dict[str, Any]]:
    """Keep what was found, after the clock has stopped, for comparison with the others."""

    def keep() -> dict[str, Any]:
        np.save(folder / f"{name}.npy", np.asarray(found))
        return {}

    return keep


# --- the others ----------------------------------------------------------------------------------


def _neo_trains(units: int, seconds: float) -> list[Any]:
    import neo

    return [
        neo.SpikeTrain(times, units="s", t_start=0.0, t_stop=seconds)
        for times in make_trains(units, seconds)
    ]


def elephant_nearest(
    folder: Path, *, units: int, seconds: float, loops: int = 1
) -> Callable[[], Any]:
    """``spike_triggered_phase`` as it stands: the phase of the sample before the spike."""
    return _elephant_phases(units, seconds, loops, interpolate=False)


def elephant_interpolated(
    folder: Path, *, units: int, seconds: float, loops: int = 1
) -> Callable[[], Any]:
    """``spike_triggered_phase`` between samples, which is what the pipeline states."""
    return _elephant_phases(units, seconds, loops, interpolate=True)


def _elephant_phases(
    units: int, seconds: float, loops: int, *, interpolate: bool
) -> Callable[[], Any]:
    import neo
    import quantities as pq
    from elephant.phase_analysis import spike_triggered_phase
    from scipy.signal import butter, hilbert, sosfiltfilt

    trains, lfp = _neo_trains(units, seconds), make_lfp(seconds)
    signals = []
    for band in BANDS.values():
        filtered = sosfiltfilt(butter(2, band, "bandpass", fs=RATE_HZ, output="sos"), lfp)
        signals.append(
            neo.AnalogSignal(hilbert(filtered), units="uV", sampling_rate=RATE_HZ * pq.Hz)
        )

    def work() -> None:
        for _ in range(loops):
            for signal in signals:
                spike_triggered_phase(signal, trains, interpolate=interpolate)

    return work


def elephant_tiling(
    folder: Path, *, units: int, seconds: float, loops: int = 1
) -> Callable[[], Any]:
    """``spike_time_tiling_coefficient`` of all pairs."""
    import quantities as pq
    from elephant.spike_train_correlation import spike_time_tiling_coefficient

    trains, dt = _neo_trains(units, seconds), TILING_S * pq.s

    def work() -> Callable[[], dict[str, Any]]:
        found = np.eye(units)
        for one in range(units):
            for other in range(one):
                found[one, other] = found[other, one] = spike_time_tiling_coefficient(
                    trains[one], trains[other], dt=dt
                )
        return _difference(folder, "ours_tiling", found)

    return work


def elephant_correlations(
    folder: Path, *, units: int, seconds: float, loops: int = 1
) -> Callable[[], Any]:
    """``BinnedSpikeTrain`` and ``correlation_coefficient``, both bin widths."""
    import quantities as pq
    from elephant.conversion import BinnedSpikeTrain
    from elephant.spike_train_correlation import correlation_coefficient

    trains = _neo_trains(units, seconds)

    def once() -> Callable[[], dict[str, Any]]:
        found = [
            correlation_coefficient(
                BinnedSpikeTrain(
                    trains, bin_size=bin_s * pq.s, t_start=0 * pq.s, t_stop=seconds * pq.s
                )
            )
            for bin_s in BINS_S
        ]
        return _difference(folder, "ours_correlations", found)

    return _looped(once, loops)


def pynapple_events(
    folder: Path, *, units: int, seconds: float, loops: int = 1
) -> Callable[[], Any]:
    """``compute_perievent`` and counts of what it aligned."""
    import pynapple as nap

    trains = [nap.Ts(times) for times in make_trains(units, seconds)]
    events, window = nap.Ts(make_events(seconds)), nap.IntervalSet(*WINDOW_S)

    def aligned(train: Any) -> np.ndarray:
        found = nap.compute_perievent(train, events, WINDOW_S)
        return found.count(EVENT_BIN_S, window).values.T.astype(int)

    def once() -> Callable[[], dict[str, Any]]:
        return _difference(folder, "ours_events", [aligned(train) for train in trains])

    return _looped(once, loops)


def _difference(folder: Path, ours: str, theirs: Any) -> Callable[[], dict[str, Any]]:
    def compare() -> dict[str, Any]:
        apart = np.abs(np.load(folder / f"{ours}.npy") - np.asarray(theirs))
        return {"largest_difference": float(np.nanmax(apart))}

    return compare


def their_versions(folder: Path) -> Callable[[], dict[str, Any]]:
    """Versions of the others and of what they rest on."""
    return lambda: versions("elephant", "pynapple", "neo", "numpy", "scipy")


# --- the table -----------------------------------------------------------------------------------


def benchmark(
    folder: Path,
    *,
    tasks: Mapping[str, Task] = TASKS,
    repeats: int = 3,
    peers: str | None = None,
    results: Path = RESULTS,
) -> dict[str, Any]:
    """Run every task, print the table, write spikes_peers.json.

    `peers` is the Python that has elephant and pynapple; else PEERS_PYTHON of the environment.
    """
    python = peers or os.environ.get("PEERS_PYTHON")
    rows: dict[str, Any] = {}
    for title, task in tasks.items():
        sizes = {"units": task.units, "seconds": task.seconds}
        own = run(MODULE, task.ours, folder, repeats=repeats, loops=task.loops, **sizes)
        own_s = own.cpu_s / task.loops
        others = {}
        for name in task.others if python else ():
            # Of a loop of a minute the least of three would be no other number.
            often = repeats if task.their_loops > 1 else 1
            other = run(
                MODULE, name, folder, repeats=often, python=python, loops=task.their_loops, **sizes
            )
            their_s = other.cpu_s / task.their_loops
            others[name] = {
                "cpu_s": round(their_s, 5),
                "ratio": round(their_s / max(own_s, 1e-9), 1),
                **other.facts,
            }
        rows[title] = {
            **sizes,
            "spikes": sum(map(len, make_trains(task.units, task.seconds))),
            "ours_cpu_s": round(own_s, 5),
            "goal": task.goal,
            "others": others,
        }
    theirs = run(MODULE, "their_versions", folder, python=python).facts if python else {}
    content = {
        "versions": {"ours": versions("numpy", "scipy"), "theirs": dict(theirs)},
        "bands": len(BANDS),
        "tasks": rows,
    }
    lines = []
    for title, row in rows.items():
        first = (title, row["spikes"], row["ours_cpu_s"])
        for name, other in row["others"].items() or [("–", {})]:
            apart = other.get("largest_difference")
            lines.append((
                *first, name.replace("_", " "), other.get("cpu_s"), other.get("ratio"),
                None if row["goal"] is None else f"{row['goal']:g}",
                None if apart is None else f"{apart:.1e}",
            ))  # fmt: skip
    print_table(
        "Spikes beside elephant and pynapple" + ("" if python else " (PEERS_PYTHON is not set)"),
        ("task", "spikes", "ours CPU s", "other", "CPU s", "times ours", "goal", "difference"),
        lines,
    )
    write_result("spikes_peers", content, results)
    return content
