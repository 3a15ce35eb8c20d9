"""Random pulse trains of known truth: how often is the right map found, refused, or got wrong?

Run ``python benchmarks/clock_study.py --cases 10000 --seed 1``. It prints the table of
docs/clocks.md, and ends with 1 when a wrong map was accepted.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context

import numpy as np

from pipeline.errors import InputError
from pipeline.ingest.clock import align

TOLERANCE_MS = 2.0
#: kind of train: share of the cases
KINDS = {
    "irregular": 0.15,
    "trial-like": 0.15,
    "irregular, long": 0.05,
    "irregular, short": 0.10,
    "irregular, pulse counts far apart": 0.10,
    "log restarts": 0.10,
    "one clock jumps": 0.10,
    "nearly regular": 0.10,
    "exactly regular": 0.05,
    "unrelated": 0.10,
}
#: kinds for which no map can be known
UNKNOWABLE = ("exactly regular", "unrelated")


@dataclass(frozen=True)
class Case:
    """Two trains and the truth.

    Attributes
    ----------
    kind : str
        One of KINDS.
    behaviour, recording : numpy.ndarray
        (n,), (m,) pulses as the two files hold them, in order, seconds.
    clean : numpy.ndarray
        (n,) the log's pulses without jitter, on its own clock.
    truth : numpy.ndarray
        (n,) the recording's clock at these moments; NaN where there is none.
    run : numpy.ndarray
        (n,) how often the log's clock had gone back before.
    note : str
        The draw, for looking into a case.
    """

    kind: str
    behaviour: np.ndarray
    recording: np.ndarray
    clean: np.ndarray
    truth: np.ndarray
    run: np.ndarray
    note: str


def moments(kind: str, rng: np.random.Generator) -> np.ndarray:
    """Return (n,) seconds at which pulses are sent."""
    n = int(rng.integers(60, 600))
    if kind.endswith("long"):
        n = int(rng.integers(1000, 2001))
    if kind.endswith("short"):
        n = int(rng.integers(10, 31))
    period = float(np.exp(rng.uniform(np.log(0.3), np.log(20))))
    if kind in ("log restarts", "one clock jumps", "unrelated"):
        kind = str(rng.choice(["irregular", "trial-like", "nearly regular"]))
    if kind == "exactly regular":
        return np.arange(n) * period
    if kind == "nearly regular":
        # Half of them keep to a grid, half drift off it; 0.1 to 20 % of the period.
        spread = period * float(np.exp(rng.uniform(np.log(0.001), np.log(0.2))))
        if rng.random() < 0.5:
            return np.sort(np.arange(n) * period + rng.normal(0, spread, n))
        return np.cumsum(np.maximum(period + rng.normal(0, spread, n), period / 10))
    if kind == "trial-like":
        # Cue, choice and reward: fixed and drawn waits; waits in whole steps of the box's clock.
        trials = max(10, n // 3)
        step = float(rng.choice([0.001, 0.01, 0.1]))
        wait = np.round(rng.uniform(4, 4 + period, trials) / step) * step
        choice = np.round(rng.lognormal(0, 0.5, trials) / step) * step
        cue = np.cumsum(wait + choice + 1.0)
        return np.sort(np.concatenate([cue, cue + choice, cue + choice + 0.5]))
    if rng.random() < 0.5:
        return np.cumsum(rng.uniform(0.5, 1.5, n) * period)
    return np.cumsum(0.02 + rng.exponential(period, n))


def draw(rng: np.random.Generator) -> Case:
    """Draw one case."""
    kind = str(rng.choice(list(KINDS), p=np.array(list(KINDS.values()))))
    sent = moments(kind, rng)
    drift, jitter = rng.uniform(-500e-6, 500e-6), rng.uniform(0, 1e-3)
    lost, extra, doubled = rng.uniform(0, 0.3, 2), rng.uniform(0, 0.3, 2), rng.uniform(0, 0.2, 2)
    span = sent[-1] - sent[0]
    seen, heard = sent, sent
    if kind == "unrelated" and rng.random() < 0.5:
        heard = moments(kind, rng)
    elif kind == "unrelated":  # intervals of the same session in another order
        heard = np.cumsum(rng.permutation(np.diff(sent, prepend=-1.0)))
    if kind.endswith("far apart"):
        if rng.random() < 0.5:  # the log was on for a part of the recording
            start = sent[0] + rng.uniform(0, 0.7) * span
            seen = sent[(sent >= start) & (sent <= start + rng.uniform(0.15, 0.3) * span)]
        else:  # the line carries other pulses too
            other = rng.uniform(sent[0], sent[-1], int(rng.uniform(1, 8) * len(sent)))
            heard = np.sort(np.concatenate([sent, other]))
    seen = _faulty(seen, rng, lost[0], extra[0], doubled[0])
    heard = _faulty(heard, rng, lost[1], extra[1], doubled[1])
    offset = rng.uniform(-4 * 3600, 4 * 3600)
    clean, truth = (seen - seen[0]) * (1 + drift), seen + offset
    run = np.zeros(len(seen), dtype=int)
    recorded = heard + offset
    if kind.endswith("restarts"):
        for at in np.sort(rng.uniform(0.05, 0.95, int(rng.integers(1, 3)))) * span + sent[0]:
            later = seen > at
            if later.any():  # the clock starts again at 0, at this moment
                clean[later] = (seen[later] - at) * (1 + drift)
                run[later] += 1
    if kind.endswith("jumps"):
        at = rng.uniform(0.05, 0.95) * span + sent[0]
        size = float(np.exp(rng.uniform(np.log(0.005), np.log(1000))))
        if rng.random() < 0.5:
            clean = clean + size * (seen > at)
        else:
            back = -1 if size > 1 and rng.random() < 0.5 else 1
            truth, recorded = (
                truth + back * size * (seen > at),
                recorded + back * size * (heard > at),
            )
    noisy = clean + rng.normal(0, jitter, len(clean))
    for number in np.unique(run):  # a log keeps its order
        noisy[run == number] = np.sort(noisy[run == number])
    if kind == "unrelated":
        truth = np.full(len(truth), np.nan)
    recorded = recorded + rng.normal(0, 3e-5, len(recorded))
    if not kind.endswith("jumps"):
        recorded = np.sort(recorded)
    note = (
        f"{len(sent)} sent, drift {drift * 1e6:.0f} ppm, jitter {jitter * 1e3:.2f} ms, lost "
        f"{lost.round(2)}, extra {extra.round(2)}, doubled {doubled.round(2)}"
    )
    return Case(kind, noisy, recorded, clean, truth, run, note)


def _faulty(
    sent: np.ndarray, rng: np.random.Generator, lost: float, extra: float, doubled: float
) -> np.ndarray:
    kept = sent[rng.random(len(sent)) >= lost]
    added = rng.uniform(sent[0], sent[-1], rng.binomial(len(sent), extra))
    again = kept[rng.random(len(kept)) < doubled]
    again = again + rng.uniform(1e-4, 0.02, len(again))
    return np.sort(np.concatenate([kept, added, again]))


@dataclass(frozen=True)
class Verdict:
    """What came of a case: ``right``, ``refused`` or ``wrong``.

    Attributes
    ----------
    kind, verdict : str
        See above.
    error_ms : float
        Largest error of the map over the log's pulses; NaN when refused.
    mapped : float
        Share of the log's pulses that got a time.
    seconds : float
        Taken.
    said : str
        The refusal.
    """

    kind: str
    verdict: str
    error_ms: float
    mapped: float
    seconds: float
    said: str


def judge(case: Case) -> Verdict:
    """Align a case and compare it with the truth at every pulse of the log."""
    start = time.perf_counter()
    try:
        found = align(case.behaviour, case.recording, tolerance_ms=TOLERANCE_MS)
    except InputError as error:
        taken = time.perf_counter() - start
        return Verdict(case.kind, "refused", np.nan, 0.0, taken, str(error))
    taken = time.perf_counter() - start
    # The lab knows the runs from the steps back in its file, not from the truth.
    mapped = found.to_recording(case.clean, run=found.runs_of(case.behaviour))
    error = np.abs(mapped - case.truth)
    if np.isnan(case.truth).any():
        return Verdict(case.kind, "wrong", np.inf, 1.0, taken, "")
    share = float(np.isfinite(mapped).mean())
    worst = float(np.nanmax(error)) * 1000 if share else np.inf
    verdict = "right" if worst < TOLERANCE_MS else "wrong"
    return Verdict(case.kind, verdict, worst, share, taken, "")


def wilson_upper(k: int, n: int, z: float = 1.959964) -> float:
    """Return the upper end of Wilson's 95 % interval of a proportion."""
    p = k / n
    centre = p + z**2 / (2 * n)
    half = z * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    return float((centre + half) / (1 + z**2 / n))


def one(seed: int, number: int) -> Verdict:
    """Judge case ``number`` of a seed; the same whatever else runs."""
    return judge(draw(np.random.default_rng([seed, number])))


def _some(job: tuple[int, int, int]) -> list[Verdict]:
    seed, start, stop = job
    return [one(seed, number) for number in range(start, stop)]


def study(n_cases: int, seed: int, *, processes: int = 1) -> list[Verdict]:
    """Judge cases 0 to ``n_cases`` of a seed."""
    jobs = [(seed, s, min(s + 50, n_cases)) for s in range(0, n_cases, 50)]
    if processes == 1:
        return [verdict for job in jobs for verdict in _some(job)]
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        return [verdict for some in pool.map(_some, jobs) for verdict in some]


def table(verdicts: Iterable[Verdict]) -> str:
    """Return the Markdown table: one row per kind, and all."""
    verdicts = list(verdicts)
    rows = [
        "| pulse trains | cases | right | refused | wrong | wrong, upper 95 % | largest error of "
        "right maps, ms | log pulses mapped, least |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for kind in (*KINDS, "all"):
        mine = [v for v in verdicts if kind in (v.kind, "all")]
        if not mine:
            continue
        right = [v for v in mine if v.verdict == "right"]
        n_wrong = sum(v.verdict == "wrong" for v in mine)
        n_refused = len(mine) - len(right) - n_wrong
        error = f"{max(v.error_ms for v in right):.2f}" if right else "–"
        mapped = f"{100 * min(v.mapped for v in right):.0f} %" if right else "–"
        rows.append(
            f"| {kind} | {len(mine)} | {len(right)} | {n_refused} | {n_wrong} | "
            f"{100 * wilson_upper(n_wrong, len(mine)):.2f} % | {error} | {mapped} |"
        )
    return "\n".join(rows)


def main(arguments: list[str] | None = None) -> int:
    """Run the study from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=10000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--show", action="store_true", help="name the wrong and refused cases")
    options = parser.parse_args(arguments)
    verdicts = study(options.cases, options.seed, processes=options.processes)
    print(table(verdicts))
    seconds = np.array([v.seconds for v in verdicts])
    print(f"\nSeconds per case: median {np.median(seconds):.3f}, largest {seconds.max():.3f}")
    for number, verdict in enumerate(verdicts):
        if verdict.verdict == "wrong" or (
            options.show and verdict.verdict == "refused" and verdict.kind not in UNKNOWABLE
        ):
            case = draw(np.random.default_rng([options.seed, number]))
            print(f"{number} {verdict.kind}: {verdict.verdict} {verdict.error_ms:.2f} ms")
            print(f"   {case.note}\n   {verdict.said}")
    return int(any(verdict.verdict == "wrong" for verdict in verdicts))


if __name__ == "__main__":
    sys.exit(main())
