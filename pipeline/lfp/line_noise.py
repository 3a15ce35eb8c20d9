"""Mains: how far its line and harmonics stand above the spectrum, and whether it was notched.

Nothing is filtered out: measures leave out 2 Hz around the mains and its harmonics
(:mod:`pipeline.lfp.bands`). A notch that the rig applied is found as a trough instead of a peak;
it must be masked as well, for it would lower gamma power.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

#: the level is that of the mean density within this of the line
CENTRE_HZ = 1.0
#: above the median densities between these distances, below and above it
FLANK_HZ = (3.0, 6.0)
#: a line that reaches this is stated; one that reaches the second at the wrong mains is warned of
PRESENT_DB, STRONG_DB = 3.0, 10.0
#: a trough this deep is a notch
NOTCHED_DB = -4.0
#: harmonics that are looked at, the line itself included
HARMONICS = 6
MAINS_HZ = (50.0, 60.0)


def line_levels(
    frequency: NDArray[np.float64], psd: NDArray[np.floating], line_hz: float
) -> dict[float, NDArray[np.float64]]:
    """Level of the line and its harmonics above the spectrum beside them.

    Parameters
    ----------
    frequency : ndarray, shape (n_frequencies,)
        Hz; no level is stated where the bins are wider than 1 Hz (recordings below a second).
    psd : ndarray, shape (n_channels, n_frequencies)
        uV^2/Hz, as far as the pass band reaches.
    line_hz : float
        Mains.

    Returns
    -------
    dict of float to ndarray, shape (n_channels,)
        Frequency of each harmonic -> dB: mean density within 1 Hz of it, above the mean (of
        decibels) of the median densities 3 to 6 Hz below and above. A line of amplitude A in a
        density S has the level 10 log10(1 + A^2 / (2 w S)), w being the width of the bins within
        1 Hz. A harmonic whose flanks the spectrum does not hold is left out.
    """
    levels: dict[float, NDArray[np.float64]] = {}
    if len(frequency) < 2 or frequency[1] - frequency[0] > 1.0:
        return levels
    for harmonic in line_hz * np.arange(1, HARMONICS + 1):
        away = frequency - harmonic
        centre = np.abs(away) <= CENTRE_HZ + 1e-9
        flanks = [
            (side * away >= FLANK_HZ[0] - 1e-9) & (side * away <= FLANK_HZ[1] + 1e-9)
            for side in (-1, 1)
        ]
        if frequency[-1] < harmonic + FLANK_HZ[1] - 1e-9:
            break
        beside = np.mean([_decibels(np.median(psd[:, flank], axis=1)) for flank in flanks], axis=0)
        levels[float(harmonic)] = _decibels(psd[:, centre].mean(axis=1)) - beside
    return levels


def _decibels(density: NDArray[np.floating]) -> NDArray[np.float64]:
    return 10.0 * np.log10(np.maximum(np.asarray(density, dtype=float), 1e-30))


def mains_part(
    frequency: NDArray[np.float64], psd: NDArray[np.floating], line_hz: float
) -> NDArray[np.float64]:
    """Part of the power above 1 Hz that lies within 1 Hz of the mains or a harmonic, 0 to 1."""
    nearest = np.abs(frequency - line_hz * np.round(frequency / line_hz))
    above = frequency >= 1.0
    on_line = above & (nearest <= CENTRE_HZ + 1e-9) & (frequency > line_hz / 2)
    total = psd[:, above].sum(axis=1, dtype=float)
    return np.divide(
        psd[:, on_line].sum(axis=1, dtype=float), total, out=np.zeros(len(psd)), where=total > 0
    )


@dataclass(frozen=True)
class LineNoise:
    """What is said of the mains.

    Attributes
    ----------
    regions : dict of str to str
        One line per region.
    warnings : tuple of str
    """

    regions: dict[str, str]
    warnings: tuple[str, ...]


def describe_line_noise(
    frequency: NDArray[np.float64],
    psd: NDArray[np.floating],
    *,
    channels: Sequence[str],
    regions: Sequence[str],
    line_hz: float | None,
) -> LineNoise:
    """State the mains of each region, and where the config does not fit it.

    Parameters
    ----------
    frequency, psd
        As in :func:`line_levels`; good channels only.
    channels, regions : sequence of str, shape (n_channels,)
        Names, and the region of each.
    line_hz : float or None
        Mains that the config states.

    Returns
    -------
    LineNoise
        Levels are medians over the region's channels. Looked at: 50 and 60 Hz; the one that the
        config does not name is stated where it stands out.
    """
    names = np.asarray(channels, dtype=str)
    labels = np.asarray(regions, dtype=str)
    told: dict[str, str] = {}
    warnings: list[str] = []
    levels = {mains: line_levels(frequency, psd, mains) for mains in MAINS_HZ}
    for region in sorted(set(labels.tolist())):
        own = np.flatnonzero(labels == region)
        parts = []
        for mains in MAINS_HZ:
            here = {hz: values[own] for hz, values in levels[mains].items()}
            if mains not in here:
                continue
            base = float(np.median(here[mains]))
            odd = base >= STRONG_DB or base <= NOTCHED_DB
            if mains == line_hz or odd or (line_hz is None and base >= PRESENT_DB):
                parts += _stated(mains, here, names[own])
            if odd and mains != line_hz:
                warnings.append(_warning(mains, base, region, line_hz))
        # 300 Hz is a harmonic of both: said once.
        told[region] = ", ".join(dict.fromkeys(parts)) or "none found at 50 or 60 Hz"
    return LineNoise(told, tuple(warnings))


def _stated(
    mains: float, levels: dict[float, NDArray[np.float64]], names: NDArray[np.str_]
) -> list[str]:
    """The mains and those harmonics that stand out, in words."""
    parts = []
    for hz, values in levels.items():
        level = float(np.median(values))
        most = int(np.argmax(values))
        outlier = values[most] >= max(PRESENT_DB, level + 6.0)
        if hz != mains and abs(level) < PRESENT_DB and not outlier:
            continue
        words = f"{hz:g} Hz {level:+.1f} dB"
        if level <= NOTCHED_DB:
            words += " (already notched)"
        if outlier:
            words += f" (channel {names[most]}: {values[most]:+.1f} dB)"
        parts.append(words)
    return parts


def _warning(mains: float, level: float, region: str, line_hz: float | None) -> str:
    where = f"region {region}" if region else "channels without a region"
    found = (
        f"the mains line at {mains:g} Hz stands {level:.1f} dB above the spectrum"
        if level > 0
        else f"the spectrum has a trough of {-level:.1f} dB at {mains:g} Hz (a notch filter?)"
    )
    says = "names no mains" if line_hz is None else f"says {line_hz:g}"
    return (
        f"{where}: {found}, but recording.line_noise_hz {says}: set it to {mains:g}, so that "
        "these frequencies are left out of band power"
    )
