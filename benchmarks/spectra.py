"""Multitaper spectra against MNE: the same windows, the same tapers, the same calibration."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.contenders import RESULTS, print_table, run, versions, write_result

RATE_HZ = 1000.0
MODULE = "benchmarks.spectra"
#: window in seconds: half bandwidth in Hz, tapers (as many as MNE takes: 2 NW - 1)
WINDOWS = {1.0: (2.0, 3), 4.0: (1.0, 7)}


def _segments(channels: int, seconds: float, window_s: float) -> np.ndarray:
    """Windows that share half, shape (channel, window, sample): noise that falls with frequency."""
    rng = np.random.default_rng(0)
    signal = np.cumsum(rng.standard_normal((channels, round(seconds * RATE_HZ))), axis=1)
    length = round(window_s * RATE_HZ)
    return np.lib.stride_tricks.sliding_window_view(signal, length, axis=1)[:, :: length // 2]


def _ours(segments: np.ndarray, window_s: float) -> np.ndarray:
    from pipeline.lfp.multitaper import multitaper_psd

    half, tapers = WINDOWS[window_s]
    return multitaper_psd(segments, rate_hz=RATE_HZ, half_bandwidth_hz=half, tapers=tapers)


def _mne(segments: np.ndarray, window_s: float) -> np.ndarray:
    from mne.time_frequency import psd_array_multitaper

    half, _ = WINDOWS[window_s]
    # MNE's bandwidth is the full one; its default normalization is wrong by the sampling rate.
    settings = {"bandwidth": 2 * half, "normalization": "full", "verbose": "error"}
    return psd_array_multitaper(segments, RATE_HZ, **settings)[0]


def ours(folder: Path, **sizes: float) -> Callable[[], None]:
    """The pipeline's spectra."""
    return _work(_ours, **sizes)


def mne(folder: Path, **sizes: float) -> Callable[[], None]:
    """``mne.time_frequency.psd_array_multitaper``."""
    return _work(_mne, **sizes)


def _work(
    psd: Callable[..., np.ndarray], *, channels: int, seconds: float, window_s: float
) -> Callable[[], None]:
    segments = _segments(channels, seconds, window_s)
    # Imports, tapers and first touch are no part of the work.
    psd(segments[:1, :1], window_s)

    def work() -> None:
        psd(segments, window_s)

    return work


def agreement(folder: Path, *, window_s: float) -> Callable[[], dict[str, float]]:
    """Largest relative difference, with MNE's own tapers and with orthonormal ones in MNE.

    MNE's tapers are the first n values of those of length n + 1 (``sym=False``), and so not quite
    orthonormal.
    """
    import mne.time_frequency.multitaper as theirs

    def work() -> dict[str, float]:
        segments = _segments(2, 20.0, window_s)
        found, stock = _ours(segments, window_s), _mne(segments, window_s)
        made = theirs.dpss_windows

        def orthonormal(*arguments: Any, sym: bool, **settings: Any) -> Any:
            return made(*arguments, sym=True, **settings)

        theirs.dpss_windows = orthonormal
        try:
            same = _mne(segments, window_s)
        finally:
            theirs.dpss_windows = made
        return {
            "mean_difference_own_tapers": float(np.abs(np.log(found / stock)).mean()),
            "largest_difference_same_tapers": float(np.abs(found / same - 1).max()),
        }

    return work


def benchmark(
    folder: Path,
    *,
    channels: int = 16,
    seconds: float = 300.0,
    repeats: int = 3,
    results: Path = RESULTS,
) -> dict[str, Any]:
    """Run both on the same windows, print the table, write spectra.json."""
    rows = {}
    for window_s, (half, tapers) in WINDOWS.items():
        sizes = {"channels": channels, "seconds": seconds, "window_s": window_s}
        found = {name: run(MODULE, name, folder, repeats=repeats, **sizes) for name in (
            "ours", "mne",
        )}  # fmt: skip
        rows[f"{window_s:g}"] = {
            "half_bandwidth_hz": half,
            "tapers": tapers,
            "ours_cpu_s": found["ours"].cpu_s,
            "mne_cpu_s": found["mne"].cpu_s,
            "ratio": round(found["mne"].cpu_s / max(found["ours"].cpu_s, 1e-9), 2),
            "ours_above_mb": found["ours"].above_mb,
            "mne_above_mb": found["mne"].above_mb,
            **run(MODULE, "agreement", folder, window_s=window_s).facts,
        }
    content = {
        "versions": versions("numpy", "scipy", "mne"),
        "input": {"channels": channels, "seconds": seconds, "rate_hz": RATE_HZ, "overlap": 0.5},
        "by_window_s": rows,
    }
    print_table(
        f"Multitaper spectra: {channels} channels x {seconds:g} s at 1 kHz, windows share half",
        ("window s", "tapers", "ours CPU s", "mne CPU s", "mne / ours", "ours MB", "mne MB",
         "difference, same tapers", "mne's own tapers"),
        [
            (
                window,
                row["tapers"],
                row["ours_cpu_s"],
                row["mne_cpu_s"],
                row["ratio"],
                row["ours_above_mb"],
                row["mne_above_mb"],
                f"{row['largest_difference_same_tapers']:.1e}",
                f"{row['mean_difference_own_tapers']:.1e}",
            )
            for window, row in rows.items()
        ],
    )  # fmt: skip
    write_result("spectra", content, results)
    return content
