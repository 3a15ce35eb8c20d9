"""Makes the small files under tests/data; run it from anywhere: ``python tests/make_data.py``.

A test makes them again elsewhere and compares, so an edit here needs a new run.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from pipeline.simulate.writers import (
    write_edf,
    write_nwb,
    write_openephys,
    write_phy,
    write_spikeglx,
)

DATA = Path(__file__).resolve().parent / "data"
RATE_HZ, SECONDS = 1000, 2
CHANNELS = ["mPFC1", "mPFC2", "CA1"]
REGIONS = ["mPFC", "mPFC", "CA1"]
SPIKE_RATE_HZ = 30_000


def signals_uv() -> np.ndarray:
    """Return (time, channel): 8 Hz of another size in each channel, and noise."""
    rng = np.random.default_rng(20240612)
    time = np.arange(RATE_HZ * SECONDS) / RATE_HZ
    rhythm = np.sin(2 * np.pi * 8 * time)[:, None] * np.array([100.0, 200.0, 400.0])
    return (rhythm + rng.normal(0, 20, rhythm.shape)).astype(np.float32)


def spike_times_s() -> list[np.ndarray]:
    """Return spikes of three units, on the sample grid of the sorted recording."""
    rng = np.random.default_rng(1)
    counts = (30, 12, 5)
    return [
        np.sort(rng.choice(SPIKE_RATE_HZ * SECONDS, n, replace=False)) / SPIKE_RATE_HZ
        for n in counts
    ]


def trials() -> pd.DataFrame:
    """Return eight trials as a lab would log them; trial 4 is omitted."""
    return pd.DataFrame(
        {
            "Trial": range(1, 9),
            "t (s)": [0.5, 10.5, 20.25, 30.0, 41.0, 52.5, 60.0, 71.0],
            "Rule": ["Light"] * 4 + ["Left"] * 4,
            "Light": list("LRLRRLRL"),
            "Choice": ["L", "R", "R", "", "R", "L", "L", "L"],
            "Correct": [1, 1, 0, 0, 0, 1, 1, 1],
        }
    )


def make(folder: Path) -> None:
    """Write all files into a folder."""
    signals = signals_uv()
    write_openephys(
        folder / "openephys", signals, rate_hz=RATE_HZ, channels=CHANNELS, start_sample=5000
    )
    write_spikeglx(folder / "spikeglx", "run", signals, rate_hz=RATE_HZ, channels=CHANNELS)
    write_edf(folder / "recording.edf", signals, rate_hz=RATE_HZ, channels=CHANNELS)
    write_phy(
        folder / "phy",
        spike_times_s=spike_times_s(),
        rate_hz=SPIKE_RATE_HZ,
        unit_id=[3, 7, 12],
        region=["mPFC", "CA1", ""],
        quality=["good", "mua", "good"],
    )
    log = trials()
    log.to_csv(folder / "trials.csv", index=False, lineterminator="\n")
    table = log.assign(start_time=log["t (s)"], stop_time=log["t (s)"] + 5).drop(columns="t (s)")
    write_nwb(
        folder / "session.nwb",
        signals_uv=signals,
        rate_hz=RATE_HZ,
        channels=CHANNELS,
        regions=REGIONS,
        session_start=datetime(2024, 6, 12, 9, 0, tzinfo=UTC),
        identifier="tests",
        subject_id="rat1",
        units=[
            {"spike_times": times, "region": region, "unit_id": unit, "quality": quality}
            for times, region, unit, quality in zip(
                spike_times_s(), REGIONS, (3, 7, 12), ("good", "mua", "good"), strict=True
            )
        ],
        trials=table,
        # 200 kB of schema
        cache_spec=False,
    )
    time = np.arange(0, 20, 0.1).round(1)
    speed = np.select([time < 6, time < 14], [0.5, 8.0], 25.0)
    pd.DataFrame({"time_s": time, "speed_cm_s": speed}).to_csv(
        folder / "movement.csv", index=False, lineterminator="\n"
    )


if __name__ == "__main__":
    make(DATA)
