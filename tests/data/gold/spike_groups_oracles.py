"""Make spike_groups_oracles.json: what elephant says about the same spikes.

Run in an environment of its own, outside the project: ``pip install elephant==1.2.1``, then
``python spike_groups_oracles.py > spike_groups_oracles.json``. The tests make the same spikes and
signals again (`trains`, `tones` are imported from here) and need no elephant.

elephant 1.2.1 looks for spikes within dt + 1e-5 x |t| instead of dt (`np.isclose` with its default
relative tolerance; NeuralEnsemble/elephant pull request 706), while the covered time is that of dt:
its coefficient depends on where the clock begins. The tolerance is set to 0 here.
"""

from __future__ import annotations

import functools
import json
import sys

import numpy as np

SECONDS = 120.0
#: frequencies, amplitudes and phases of the tones of the theta band
TONES = ((6.9, 1.0, 0.3), (8.0, 2.0, -1.1), (9.1, 0.7, 2.0))


def trains() -> list[np.ndarray]:
    """Six trains in seconds, ascending: independent, sharing spikes, sparse, in bursts."""
    rng = np.random.default_rng(20260)
    shared = rng.uniform(0.0, SECONDS, 400)
    made = [
        rng.uniform(0.0, SECONDS, 600),
        np.concatenate([shared, rng.uniform(0.0, SECONDS, 200)]),
        np.concatenate([shared + rng.normal(0.0, 0.02, 400), rng.uniform(0.0, SECONDS, 500)]),
        rng.uniform(0.0, SECONDS, 12),
        (rng.uniform(0.0, SECONDS, 80)[:, None] + np.arange(5) * 0.006).ravel(),
        rng.uniform(0.0, SECONDS, 3000),
    ]
    return [np.sort(times[(times > 0) & (times < SECONDS)]) for times in made]


def tones(times_s: np.ndarray) -> np.ndarray:
    """Analytic signal of the theta band at any times (n,), complex."""
    return sum(a * np.exp(1j * (2 * np.pi * f * times_s + p)) for f, a, p in TONES)


def main() -> None:
    """Print the answers."""
    from importlib.metadata import version

    import neo
    import quantities as pq
    from elephant.conversion import BinnedSpikeTrain
    from elephant.phase_analysis import spike_triggered_phase
    from elephant.spike_train_correlation import (
        correlation_coefficient,
        spike_time_tiling_coefficient,
    )

    np.isclose = functools.partial(np.isclose, rtol=0.0)
    made = [neo.SpikeTrain(times, units="s", t_start=0.0, t_stop=SECONDS) for times in trains()]
    # Ten times the rate of the tests' LFP: elephant interpolates in straight lines.
    signal = neo.AnalogSignal(
        tones(np.arange(int(SECONDS * 10000)) / 10000.0), units="uV", sampling_rate=10 * pq.kHz
    )
    phases, _, _ = spike_triggered_phase(signal, made[1][:200], interpolate=True)
    answers = {
        "versions": {name: version(name) for name in ("elephant", "neo", "quantities", "numpy")},
        "correlation_coefficient": {
            str(bin_s): correlation_coefficient(
                BinnedSpikeTrain(made, bin_size=bin_s * pq.s, t_start=0 * pq.s)
            ).tolist()
            for bin_s in (0.1, 1.0)
        },
        "spike_time_tiling_coefficient": {
            str(dt): [
                [float(spike_time_tiling_coefficient(a, b, dt=dt * pq.s)) for b in made]
                for a in made
            ]
            for dt in (0.005, 0.05, 0.4)
        },
        "spike_triggered_phase": phases[0].tolist(),
    }
    json.dump(answers, sys.stdout)
    print()


if __name__ == "__main__":
    main()
