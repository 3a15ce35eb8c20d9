"""Make lfp_oracles.json: what other packages say about the same numbers.

Run in an environment of its own, outside the project: ``pip install antropy==0.2.3
tensorpac==0.6.5 pactools==0.3.1``, then ``python lfp_oracles.py > lfp_oracles.json``. The tests
make the same numbers again (`sequence`, `phases_and_envelopes`, `coupled` are imported from here)
and need none of these packages.
"""

from __future__ import annotations

import json
import sys

import numpy as np


def sequence(kind: str, n: int, seed: int) -> np.ndarray:
    """Bits: fair flips, a sticky chain, or noise with a falling spectrum cut at its median."""
    rng = np.random.default_rng(seed)
    flips = rng.random(n)
    if kind == "fair":
        return flips < 0.5
    if kind == "sticky":
        return np.cumsum(flips < 0.1) % 2 == 1
    walk = np.cumsum(flips - 0.5)
    return walk > np.median(walk)


SEQUENCES = [("fair", 1000, 1), ("fair", 2500, 2), ("sticky", 2500, 3), ("walk", 2500, 4)]


def phases_and_envelopes(depth: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Phases (n,) in radians, and envelopes (n,) that follow them with some depth."""
    rng = np.random.default_rng(seed)
    phase = (np.cumsum(rng.normal(0.4, 0.1, 20000)) + np.pi) % (2 * np.pi) - np.pi
    return phase, rng.rayleigh(1.0, 20000) * (1 + depth * np.cos(phase - 1.0))


DEPTHS = [(0.0, 1), (0.2, 2), (0.8, 3)]


def coupled(depth: float, seed: int, *, rate_hz: float = 1000.0, seconds: float = 64.0):
    """Theta of wandering frequency and noise of 105-135 Hz whose envelope follows it (n,)."""
    rng = np.random.default_rng(seed)
    n = round(rate_hz * seconds)
    phase = np.cumsum(2 * np.pi * (8 + 0.02 * np.cumsum(rng.standard_normal(n)) / 20) / rate_hz)
    frequency = np.fft.rfftfreq(n, 1 / rate_hz)
    spectrum = np.fft.rfft(rng.standard_normal(n)) * ((frequency > 105) & (frequency < 135))
    carrier = np.fft.irfft(spectrum, n)
    theta = np.cos(phase)
    return theta + 0.5 * carrier * (1 + depth * theta) + 0.005 * rng.standard_normal(n)


def main() -> None:
    """Print the answers."""
    from importlib.metadata import version

    import antropy
    import pactools
    from tensorpac.methods import modulation_index

    answers = {
        "versions": {name: version(name) for name in ("antropy", "pactools", "tensorpac", "numpy")},
        "antropy_lziv_complexity": [
            int(antropy.lziv_complexity(sequence(*entry))) for entry in SEQUENCES
        ],
        "antropy_lziv_complexity_normalised": [
            float(antropy.lziv_complexity(sequence(*entry), normalize=True)) for entry in SEQUENCES
        ],
        "tensorpac_modulation_index": [
            float(
                np.squeeze(
                    modulation_index(
                        *(part[np.newaxis, np.newaxis] for part in phases_and_envelopes(*entry)), 18
                    )
                )
            )
            for entry in DEPTHS
        ],
        "pactools_tort": [
            float(
                pactools.Comodulogram(
                    fs=1000.0,
                    low_fq_range=[8.0],
                    low_fq_width=4.0,
                    high_fq_range=[120.0],
                    high_fq_width=60.0,
                    method="tort",
                    progress_bar=False,
                )
                .fit(coupled(depth, seed))
                .comod_[0, 0]
            )
            for depth, seed in ((0.3, 1), (0.6, 2), (0.9, 3))
        ],
    }
    json.dump(answers, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
