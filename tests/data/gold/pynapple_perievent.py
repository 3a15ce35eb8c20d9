"""Make pynapple_perievent.json: counts around events, as pynapple makes them.

Run in an environment of its own, outside the project: ``pip install pynapple==0.11.4``, then
``python pynapple_perievent.py > pynapple_perievent.json``. The test makes the same trains and
events again (`trains_and_events` is imported from here) and needs no pynapple.
"""

from __future__ import annotations

import json
import sys

import numpy as np

WINDOW_S = (-0.5, 1.0)
BIN_S = 0.1
#: the recording, with a gap
EPOCH_S = [(0.0, 55.0), (60.0, 120.0)]


def trains_and_events() -> tuple[list[np.ndarray], np.ndarray]:
    """Three Poisson trains of 2, 8 and 30 Hz, and 25 events whose windows the epoch holds."""
    rng = np.random.default_rng(7)
    trains = [np.sort(rng.uniform(0, 120, rng.poisson(120 * rate))) for rate in (2, 8, 30)]
    events = np.sort(np.concatenate([rng.uniform(1, 53, 12), rng.uniform(61, 118, 13)]))
    inside = [
        np.any([(train >= start) & (train < stop) for start, stop in EPOCH_S], axis=0)
        for train in trains
    ]
    return [train[keep] for train, keep in zip(trains, inside, strict=True)], events


def main() -> None:
    """Print the answers."""
    from importlib.metadata import version

    import pynapple as nap

    trains, events = trains_and_events()
    window = nap.IntervalSet(*WINDOW_S)
    counts = []
    for train in trains:
        aligned = nap.compute_perievent(nap.Ts(train), nap.Ts(events), WINDOW_S)
        counts.append(aligned.count(BIN_S, window).values.T.astype(int).tolist())
    answers = {
        "versions": {name: version(name) for name in ("pynapple", "numpy")},
        "counts": counts,
    }
    json.dump(answers, sys.stdout)
    print()


if __name__ == "__main__":
    main()
