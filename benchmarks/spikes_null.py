"""How often the tests of the spikes room call what is not there: 5 % should be 4 to 6 %.

Run ``python benchmarks/spikes_null.py --units 4000 --seed 1``. Trains without any effect, of five
kinds and two that are known to break some test, go through the room's own functions from spike
times on; the table gives the per cent with p <= 0.05 (expected 5). It ends with 1 where a claimed
rate lies outside the exact binomial limits of 99.9 % for a true rate of 4 to 6 %. Four minutes of
CPU.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

if __name__ == "__main__":  # run as a file, from anywhere
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.contenders import RESULTS, print_table, versions, write_result

LEVEL = 0.05
KINDS = ("poisson", "gamma", "wandering", "drifting", "both", "bursts", "walk")
TITLES = {
    "poisson": "Poisson",
    "gamma": "gamma, shape 4",
    "wandering": "wandering, 60 s",
    "drifting": "linear drift",
    "both": "drift, wandering",
    "bursts": "bursts of 4",
    "walk": "random walk",
}
#: units of a simulated session, and of a decoded population
PER_SESSION, PER_POPULATION = 100, 5
#: animals of an experiment, units of an animal, for what is tested across animals only
ANIMALS, PER_ANIMAL = 6, 1
BANDS = {"delta": (1, 4), "theta": (6, 10), "beta": (15, 30), "low_gamma": (30, 55)}
#: seconds from trial to trial; sets of trials and trials of a set
TRIAL_S, SETS, PER_SET = 10.0, 12, 30
#: steps of the rates, seconds
_STEP_S = 5.0
#: where a test does not claim to hold (its module says why): (test, kind)
UNCLAIMED = {
    ("modulation, no trend", "drifting"),
    ("modulation, no trend", "both"),
    ("modulation, no trend", "walk"),
    ("modulation, linear trend", "walk"),
    ("selectivity, choice 5", "wandering"),
    ("selectivity, choice 5", "both"),
    # fewer than 5 %: a drift that goes one way turns with every other change
    ("selectivity, rule", "drifting"),
    ("selectivity, rule", "both"),
    ("decoding, rule", "drifting"),
    ("decoding, rule", "both"),
    *(("Rayleigh", kind) for kind in KINDS),
}


# --- trains without any effect -------------------------------------------------------------------


def make_trains(kind: str, rng: np.random.Generator, *, n: int, seconds: float) -> list[np.ndarray]:
    """Trains of mean rates of 1 to 8 Hz (log-uniform), seconds, ascending.

    Parameters
    ----------
    kind : str
        One of :data:`KINDS`. A wandering rate has a memory of 60 s and an SD of 0.3 on log2; a
        drift goes through half of the mean, up or down; a random walk has an SD of 0.6 on log2 at
        its end; a burst is four spikes 3 to 8 ms apart.
    rng : numpy.random.Generator
    n : int
        Trains.
    seconds : float
        Length.

    Returns
    -------
    list of ndarray
    """
    steps = round(seconds / _STEP_S)
    edges = np.arange(steps + 1) * _STEP_S
    hertz = 2.0 ** rng.uniform(0, 3, (n, 1)) * 2.0 ** rate_courses(kind, rng, n=n, steps=steps)
    size = 4 if kind == "bursts" else 1
    shape = 4.0 if kind == "gamma" else 1.0
    trains = []
    for rates in hertz / size:
        # A renewal process of rate 1 in operational time; it runs in before the start.
        operational = np.concatenate(([0.0], np.cumsum(rates * _STEP_S)))
        many = int(operational[-1] + 8 * np.sqrt(operational[-1]) + 40)
        at = np.cumsum(rng.gamma(shape, 1 / shape, many)) - rng.uniform(10, 11)
        at = at[(at > 0) & (at < operational[-1])]
        times = np.interp(at, operational, edges)
        if size > 1:
            further = np.cumsum(rng.uniform(0.003, 0.008, (len(times), size - 1)), axis=1)
            times = np.sort(np.concatenate([times, (times[:, None] + further).ravel()]))
            times = times[times < seconds]
        trains.append(times)
    return trains


def rate_courses(kind: str, rng: np.random.Generator, *, n: int, steps: int) -> np.ndarray:
    """log2 of each rate over its mean in steps of 5 s, shape (n, steps)."""
    course = np.zeros((n, steps))
    along = np.linspace(-0.5, 0.5, steps)
    if kind in ("wandering", "both"):
        keep = np.exp(-_STEP_S / 60.0)
        noise = 0.3 * rng.standard_normal((steps, n))
        for step in range(1, steps):
            noise[step] = keep * noise[step - 1] + np.sqrt(1 - keep**2) * noise[step]
        course += noise.T
    if kind in ("drifting", "both"):
        course += np.log2(1 + 0.5 * along * rng.choice([-1, 1], (n, 1)))
    if kind == "walk":
        course += 0.6 / np.sqrt(steps) * np.cumsum(rng.standard_normal((n, steps)), axis=1)
    return course


def units_of(trains: list[np.ndarray]) -> Any:
    """Units of one region."""
    from pipeline.spikes import units_dataset

    return units_dataset(trains, [f"u{n}" for n in range(len(trains))], ["CA1"] * len(trains))


# --- the tests -----------------------------------------------------------------------------------


def modulation_p(kind: str, rng: np.random.Generator, *, n: int) -> Iterator[tuple[str, Any]]:
    """Change of rate between 10 and 20 min, 5 min of handling between them."""
    from pipeline.spikes import epoch_units
    from pipeline.spikes.modulation import modulated_units

    units = units_of(make_trains(kind, rng, n=n, seconds=2100.0))
    before, after = epoch_units(units, [[0.0, 600.0]]), epoch_units(units, [[900.0, 2100.0]])
    for title, trend in (("linear trend", "linear"), ("no trend", "none")):
        found = modulated_units(before, after, trend=trend, permutations=1999)
        yield f"modulation, {title}", found.p


def locking_p(kind: str, rng: np.random.Generator, *, n: int) -> Iterator[tuple[str, Any]]:
    """Locking to one channel of falling noise and theta, ten minutes, four bands."""
    from pipeline.lfp import lfp_array
    from pipeline.simulate.tracks import drifting_phase
    from pipeline.spikes.locking import unit_locking
    from pipeline.spikes.phases import spike_phases

    seconds, rate = 600.0, 250.0
    t = np.arange(round(seconds * rate)) / rate
    phase = drifting_phase(seconds=seconds, frequency_hz=8.0, rng=rng)
    hz = np.fft.rfftfreq(len(t), 1 / rate)
    noise = np.fft.irfft(np.fft.rfft(rng.standard_normal(len(t))) / np.maximum(hz, 1.0), len(t))
    wave = noise / noise.std() + np.cos(np.interp(t, phase.times_s, phase.values))
    lfp = lfp_array(
        wave[:, np.newaxis],
        rate_hz=rate,
        channels=["CH1"],
        region={"CH1": "CA1"},
        pass_band_hz=0.4 * rate,
    )
    units = units_of(make_trains(kind, rng, n=n, seconds=seconds))
    phases = spike_phases(lfp, units, [[0.0, seconds]], bands=BANDS)
    found = unit_locking(phases, [[0.0, seconds]])
    yield "locking over blocks", found.block_p[np.isfinite(found.block_p)]
    yield "Rayleigh", found.rayleigh_p


@dataclass(frozen=True, eq=False)
class Session:
    """Trials of a task that the units know nothing of."""

    cue: np.ndarray
    sets: np.ndarray
    labels: dict[str, tuple[np.ndarray, str]]


def make_session(rng: np.random.Generator) -> Session:
    """Sets of 20 to 40 trials whose rule alternates; errors come early, choices repeat."""
    lengths = rng.integers(PER_SET - 10, PER_SET + 11, SETS)
    sets = np.repeat(np.arange(SETS), lengths)
    n = len(sets)
    since = np.arange(n) - np.searchsorted(sets, sets)
    return Session(
        cue=5.0 + TRIAL_S * np.arange(n) + rng.uniform(0, 2, n),
        sets=sets,
        labels={
            "outcome": (rng.random(n) < 0.1 + 0.7 * np.exp(-since / 8), "permute"),
            "choice 3": (np.cumsum(rng.random(n) < 1 / 3) % 2, "permute"),
            "choice 5": (np.cumsum(rng.random(n) < 1 / 5) % 2, "permute"),
            "rule": (sets % 2, "flip"),
        },
    )


def task_p(kind: str, rng: np.random.Generator, *, n: int) -> Iterator[tuple[str, Any]]:
    """Selectivity, decoding and responses in one session of trials."""
    from pipeline.spikes.decoding import decode
    from pipeline.spikes.events import event_response, window_counts
    from pipeline.spikes.selectivity import change_blocks, selectivity, time_blocks

    session = make_session(rng)
    seconds = float(np.ceil((session.cue[-1] + TRIAL_S) / _STEP_S) * _STEP_S)
    trains = make_trains(kind, rng, n=n, seconds=seconds)
    within = [[0.0, seconds]]
    counts, _ = window_counts(trains, session.cue, window_s=(0.0, 1.0), intervals=within)
    seed = int(rng.integers(2**31))
    for name, (label, null) in session.labels.items():
        short = change_blocks(session.sets) if null == "flip" else time_blocks(session.sets)
        found = selectivity(counts, label, short, null=null, n_relabelled=399, seed=seed)
        yield f"selectivity, {name}", found.p
    for name in ("outcome", "choice 3", "rule"):
        label, null = session.labels[name]
        short = change_blocks(session.sets) if null == "flip" else time_blocks(session.sets)
        folds = short if null == "flip" else session.sets // 3
        yield f"decoding, {name}", np.array([
            decode(
                counts[first : first + PER_POPULATION], label, folds,
                null=null, blocks=short, n_relabelled=39, seed=seed + first,
            ).p
            for first in range(0, n - PER_POPULATION + 1, PER_POPULATION)
        ])  # fmt: skip
    answer = event_response(
        trains, session.cue, response_s=(0.0, 0.5), baseline_s=(-1.0, 0.0), intervals=within
    )
    size = ANIMALS * PER_ANIMAL
    change = answer.log2_change[: n // size * size].reshape(-1, ANIMALS, PER_ANIMAL)
    yield "responses, t over animals", stats.ttest_1samp(change.mean(axis=2), 0.0, axis=1).pvalue


# --- the table -----------------------------------------------------------------------------------


@dataclass
class Rate:
    """How many of how many were called."""

    hits: int = 0
    n: int = 0

    def add(self, p: Any) -> None:
        """Count what is called in some p values."""
        p = np.asarray(p)
        self.hits += int(np.count_nonzero(p <= LEVEL + 1e-12))
        self.n += p.size


def outside(hits: int, n: int, *, tail: float = 0.0005) -> bool:
    """Whether a count lies beyond the exact limits for every true rate from 4 to 6 %."""
    low = stats.binom.cdf(hits, n, 0.04) <= tail
    return bool(low or stats.binom.sf(hits - 1, n, 0.06) <= tail)


def rates(kind: str, *, units: int, seed: int) -> dict[str, Rate]:
    """Rates of all tests for one kind of train."""
    found: dict[str, Rate] = {}
    parts = (modulation_p, locking_p, task_p)
    for part_number, part in enumerate(parts):
        rng = np.random.default_rng([seed, KINDS.index(kind), part_number])
        left = units
        while left > 0:
            for name, p in part(kind, rng, n=min(left, PER_SESSION)):
                found.setdefault(name, Rate()).add(p)
            left -= PER_SESSION
    return found


def main(arguments: list[str] | None = None, *, results: Path = RESULTS) -> int:
    """Print the table, write spikes_null.json; 1 where a claimed rate is not kept."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--units", type=int, default=4000, help="Units of every kind")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    options = parser.parse_args(arguments)
    table: dict[str, dict[str, Rate]] = {}
    for kind in options.kinds:
        for name, rate in rates(kind, units=options.units, seed=options.seed).items():
            table.setdefault(name, {})[kind] = rate
    broken = [
        f"{name}, {kind}: {rate.hits} of {rate.n}"
        for name, row in table.items()
        for kind, rate in row.items()
        if (name, kind) not in UNCLAIMED and outside(rate.hits, rate.n)
    ]
    print_table(
        f"Per cent of tests with p <= 0.05 where nothing changed ({options.units} units of each "
        f"kind, seed {options.seed})",
        ("test", "n of each", *(TITLES[kind] for kind in options.kinds), "all claimed"),
        [
            (name, max(rate.n for rate in row.values()),
             *(_cell(name, kind, row[kind]) for kind in options.kinds), _pooled(name, row))
            for name, row in table.items()
        ],
    )  # fmt: skip
    print("\n(not claimed)" + "".join(f"\nNOT KEPT: {line}" for line in broken))
    content = {
        "versions": versions("numpy", "scipy", "scikit-learn"),
        "units": options.units,
        "seed": options.seed,
        "level": LEVEL,
        "tests": {
            name: {
                kind: {
                    "hits": rate.hits,
                    "n": rate.n,
                    "per_cent": round(100 * rate.hits / rate.n, 2),
                    "claimed": (name, kind) not in UNCLAIMED,
                }
                for kind, rate in row.items()
            }
            for name, row in table.items()
        },
    }
    write_result("spikes_null", content, results)
    return 1 if broken else 0


def _cell(name: str, kind: str, rate: Rate) -> str:
    text = f"{100 * rate.hits / rate.n:.1f}"
    return f"({text})" if (name, kind) in UNCLAIMED else text


def _pooled(name: str, row: dict[str, Rate]) -> str | None:
    """Per cent over the kinds of train that the test claims to hold for."""
    claimed = [rate for kind, rate in row.items() if (name, kind) not in UNCLAIMED]
    if not claimed:
        return None
    return f"{100 * sum(rate.hits for rate in claimed) / sum(rate.n for rate in claimed):.1f}"


if __name__ == "__main__":
    sys.exit(main())
