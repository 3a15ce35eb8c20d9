"""Make irregularity_oracles.json: what elephant says about the same spike trains.

Run in an environment of its own, outside the project: ``pip install elephant==1.2.1
quantities==0.16.4 neo==0.14.6``, then ``python irregularity_oracles.py >
irregularity_oracles.json``. The tests make the same trains again (`train` is imported from here)
and need none of these packages.
"""

from __future__ import annotations

import json
import sys
from itertools import pairwise

import numpy as np

#: seconds of each train
SECONDS = 120.0


def train(kind: str, seed: int) -> np.ndarray:
    """Spike times (k,) in seconds: Poisson, regular or bursting, inside SECONDS."""
    rng = np.random.default_rng(seed)
    if kind == "poisson":
        return np.sort(rng.uniform(0, SECONDS, rng.poisson(7 * SECONDS)))
    if kind == "gamma":
        times = np.cumsum(rng.gamma(4.0, 1 / 48.0, 3000))
        return times[times < SECONDS]
    times = np.cumsum(rng.exponential(0.4, 1000))
    burst = np.sort(np.concatenate((times, times[::2] + 0.003, times[::3] + 0.0065)))
    return burst[burst < SECONDS]


TRAINS = [("poisson", 1), ("gamma", 2), ("bursts", 3)]


def main() -> None:
    """Print the answers."""
    from importlib.metadata import version

    import neo
    import quantities as pq
    from elephant.statistics import cv2, fanofactor, lv, lvr

    def fano(times: np.ndarray, bin_s: float) -> float:
        n = round(SECONDS / bin_s)
        edges = np.arange(n + 1) * bin_s
        parts = [times[(times >= a) & (times < b)] for a, b in pairwise(edges)]
        trains = [
            neo.SpikeTrain((part - a) * pq.s, t_start=0 * pq.s, t_stop=bin_s * pq.s)
            for part, a in zip(parts, edges[:-1], strict=True)
        ]
        return float(fanofactor(trains))

    answers = {"versions": {name: version(name) for name in ("elephant", "neo", "quantities")}}
    for kind, seed in TRAINS:
        times = train(kind, seed)
        intervals = np.diff(times)
        answers[kind] = {
            "n_spikes": len(times),
            "cv2": float(cv2(intervals)),
            "lv": float(lv(intervals)),
            "lvr": float(lvr(intervals * pq.s, R=5 * pq.ms)),
            "fano_100ms": fano(times, 0.1),
            "fano_1s": fano(times, 1.0),
        }
    json.dump(answers, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
