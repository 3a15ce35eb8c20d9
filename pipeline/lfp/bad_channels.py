"""Bad channels: flat, saturated, noisy, disconnected.

A channel is compared with the others of its region, for regions differ; comparisons need at least
four channels, and limits are far out: a bad channel that stays costs some noise, a good one that is
thrown away is data. The recording is looked at in pieces spread evenly over it (ten minutes in
all), so that cost and memory do not grow with its length.

After the ideas of PREP (Bigdely-Shamlo et al. 2015, Front Neuroinform 9:16): deviation, noise at
high frequencies, lack of correlation with neighbours; limits are this project's own.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from pipeline.errors import InputError
from pipeline.lfp.bands import line_bands
from pipeline.lfp.line_noise import MAINS_HZ, mains_part
from pipeline.lfp.signal import extent, rate_of, read_samples, sample_ranges

#: a smaller robust standard deviation is no signal: amplifiers alone make more
FLAT_UV = 0.1
#: constant (within this, for a tenth of a second) for more than this part of the time
CONSTANT_UV, CONSTANT_S, CONSTANT_PART = 0.01, 0.1, 0.5
#: more than this part of the samples in runs of three or more at the rail
SATURATED_PART = 0.05
#: fewer channels of a region allow no comparison among them
LEAST_CHANNELS = 4
#: power at high frequencies so far above the region's median, and so many robust SD, of which no
#: more than the last is asked for (few channels of two kinds have a huge spread)
NOISY_DB, NOISY_SD, NOISY_ENOUGH_DB = 12.0, 5.0, 20.0
#: without others to compare with: a spectrum that rises by this from 2-30 Hz to high frequencies
RISING_DB = 6.0
#: best correlation (1-40 Hz) with any other of the region, where others reach the second
LONE_R, USUAL_R = 0.1, 0.5
#: part of the power at the mains, where others have less than the second
MAINS_MOST, MAINS_USUAL = 0.5, 0.1

_SD_PER_MAD = 1.482602218505602
#: the recording is looked at in so many pieces of two segments of this length
_PIECES, _SEGMENT_S, _PER_PIECE = 75, 4.0, 2
#: spectra are the median over so many groups of pieces, each the mean of at least so many pieces:
#: withstands artefacts, and a mean of six segments has a median within 0.25 dB of its expectation
_GROUPS, _GROUP_PIECES = 15, 3
_CORRELATED_HZ = (1.0, 40.0)


@dataclass(frozen=True, eq=False)
class Survey:
    """What is known of every channel of a recording, good or bad.

    Attributes
    ----------
    channels, regions : ndarray of str, shape (n_channels,)
        Names, and the region of each.
    sd_uv : ndarray, shape (n_channels,)
        Median over pieces of the robust standard deviation.
    constant : ndarray, shape (n_channels,)
        Part of the time in which nothing changes for a tenth of a second.
    railed : ndarray, shape (n_channels,)
        Part of the samples in runs of three or more at the highest or lowest value.
    correlation : ndarray, shape (n_channels, n_channels)
        Mean over pieces of the correlation of 1-40 Hz; NaN between regions.
    frequency : ndarray, shape (n_frequencies,)
        Hz, to the end of the pass band.
    psd : ndarray, shape (n_channels, n_frequencies)
        uV^2/Hz.
    seconds : float
        How much was looked at.
    """

    channels: NDArray[np.str_]
    regions: NDArray[np.str_]
    sd_uv: NDArray[np.float64]
    constant: NDArray[np.float64]
    railed: NDArray[np.float64]
    correlation: NDArray[np.float64]
    frequency: NDArray[np.float64]
    psd: NDArray[np.float64]
    seconds: float


def survey_channels(lfp: xr.DataArray) -> Survey:
    """Look at pieces of a recording.

    Parameters
    ----------
    lfp : DataArray (time, channel)
        Microvolts; read piece by piece. Channels marked bad are looked at as well.

    Returns
    -------
    Survey

    Raises
    ------
    InputError
        If nothing was recorded.
    """
    rate, n_channels = rate_of(lfp), lfp.sizes["channel"]
    everything = np.arange(n_channels)
    names = lfp["channel"].values.astype(str)
    regions = (
        lfp["region"].values.astype(str) if "region" in lfp.coords else np.full(n_channels, "")
    )
    places, length = _places(lfp)
    pass_hz = float(lfp.attrs.get("pass_band_hz", rate / 2))
    frequency = np.arange(length // 2 + 1) * (rate / length)
    frequency = frequency[frequency <= pass_hz + 1e-9]
    n_groups = int(np.clip(len(places) // _GROUP_PIECES, 1, _GROUPS))
    groups = np.arange(len(places)) * n_groups // len(places)
    power = np.zeros((n_groups, n_channels, len(frequency)))
    counts = np.zeros(n_groups)
    slow = (frequency >= _CORRELATED_HZ[0]) & (frequency <= _CORRELATED_HZ[1])
    together = np.zeros((n_channels, n_channels))
    same = regions[:, None] == regions[None]
    sd = np.empty((len(places), n_channels))
    still = np.empty((len(places), n_channels))
    rails = _RailCounts(n_channels)
    for index, (first, past) in enumerate(places):
        samples = read_samples(lfp, first, past, everything)
        centred = samples - np.median(samples, axis=1, keepdims=True)
        sd[index] = _SD_PER_MAD * np.median(np.abs(centred), axis=1)
        still[index] = _constant_part(samples, max(2, round(CONSTANT_S * rate)))
        rails.add(samples)
        spectra = _spectra(centred, length)[:, :, : len(frequency)]
        power[groups[index]] += (spectra.real**2 + spectra.imag**2).sum(axis=1)
        counts[groups[index]] += spectra.shape[1]
        together += _correlation(spectra[:, :, slow].reshape(n_channels, -1))
    # Hann window: its squares sum to 3/8 of its length; both halves of the spectrum in one.
    psd = power / counts[:, None, None] * (2.0 / (rate * 0.375 * length))
    return Survey(
        names,
        regions,
        np.median(sd, axis=0),
        still.mean(axis=0),
        rails.part(),
        np.where(same, together / len(places), np.nan),
        frequency.astype(np.float64, copy=False),
        np.asarray(np.median(psd, axis=0), dtype=np.float64),
        float(sum(past - first for first, past in places) / rate),
    )


def _places(lfp: xr.DataArray) -> tuple[list[tuple[int, int]], int]:
    """Pieces [first, past) to look at, and the length of a segment, in samples."""
    ranges = sample_ranges(lfp, extent(lfp))
    if len(ranges) == 0:
        raise InputError("lfp: found no recorded sample; expected a recording")
    longest = int((ranges[:, 1] - ranges[:, 0]).max())
    length = max(min(round(_SEGMENT_S * rate_of(lfp)), longest), 1)
    size = _PER_PIECE * length
    every = [
        (first, min(first + size, int(past)))
        for start, past in ranges
        for first in range(int(start), int(past) - length + 1, size)
    ]
    picked = np.unique(np.linspace(0, len(every) - 1, _PIECES).round().astype(int))
    return [every[index] for index in picked.tolist()], length


def _spectra(centred: NDArray[np.float32], length: int) -> NDArray[np.complex64]:
    """Fourier transforms of Hann-weighted segments, shape (n_channels, n_segments, n)."""
    from scipy.fft import rfft

    count = centred.shape[1] // length
    segments = centred[:, : count * length].reshape(len(centred), count, length)
    segments = segments - segments.mean(axis=2, keepdims=True)
    taper = 0.5 - 0.5 * np.cos(2 * np.pi * (np.arange(length) + 0.5) / length)
    return rfft(segments * taper.astype(np.float32), axis=-1, overwrite_x=True)


def _correlation(spectra: NDArray[np.complex64]) -> NDArray[np.float64]:
    """Correlation of the band-limited signals; 0 with a channel that has no power."""
    scale = np.sqrt(np.sum(spectra.real**2 + spectra.imag**2, axis=1, keepdims=True))
    unit = np.divide(spectra, scale, out=np.zeros_like(spectra), where=scale > 0)
    return (unit @ unit.conj().T).real.astype(float)


def _constant_part(samples: NDArray[np.float32], block: int) -> NDArray[np.float64]:
    """Part of the blocks of `block` samples in which nothing changes, per channel."""
    count = max(samples.shape[1] // block, 1)
    blocks = samples[:, : count * block].reshape(len(samples), count, -1)
    return (blocks.max(axis=2) - blocks.min(axis=2) <= CONSTANT_UV).mean(axis=1)


class _RailCounts:
    """How many samples lie in runs of three or more at a channel's extremes, piece by piece."""

    def __init__(self, n_channels: int) -> None:
        self._extreme = {sign: np.full(n_channels, -np.inf) for sign in (1, -1)}
        self._count = {sign: np.zeros(n_channels) for sign in (1, -1)}
        self._total = 0

    def add(self, samples: NDArray[np.float32]) -> None:
        """Take in a piece, shape (n_channels, n)."""
        self._total += samples.shape[1]
        for sign in (1, -1):
            top = (sign * samples).max(axis=1).astype(float)
            # A new extreme makes what was at the old one ordinary.
            self._count[sign][top > self._extreme[sign]] = 0.0
            self._extreme[sign] = np.maximum(self._extreme[sign], top)
            there = np.flatnonzero(top == self._extreme[sign])
            at = sign * samples[there] == self._extreme[sign][there, None]
            self._count[sign][there] += in_runs(at).sum(axis=1)

    def part(self) -> NDArray[np.float64]:
        """Return the larger part of the two rails."""
        return np.maximum(self._count[1], self._count[-1]) / self._total


def in_runs(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Whether each sample lies in a run of three or more true ones, along the last axis."""
    three = mask[..., :-2] & mask[..., 1:-1] & mask[..., 2:]
    out = np.zeros_like(mask)
    for offset in range(3):
        out[..., offset : offset + three.shape[-1]] |= three
    return out


def find_bad_channels(
    survey: Survey,
    *,
    stated: Collection[str] = (),
    line_hz: float | None = None,
    saturated: Mapping[str, float] | None = None,
) -> dict[str, str]:
    """Judge every channel that is not known to be bad.

    Parameters
    ----------
    survey : Survey
        Of the LFP as it was recorded.
    stated : collection of str
        Channels that count as bad already; nothing is compared with them.
    line_hz : float or None
        Mains of the config; None looks at 50 and 60 Hz.
    saturated : mapping of str to float, optional
        Part of the raw samples at the rail, where the raw counts were looked at: the low-pass of
        the LFP blurs short stays there.

    Returns
    -------
    dict of str to str
        Name -> reason, with what was measured and its limit, in the order of the channels.
    """
    mains = MAINS_HZ if line_hz is None else (float(line_hz),)
    found: dict[int, str] = {}
    known = np.isin(survey.channels, list(stated))
    for index in np.flatnonzero(~known).tolist():
        raw = (saturated or {}).get(str(survey.channels[index]), 0.0)
        if reason := _alone(survey, index, max(raw, float(survey.railed[index]))):
            found[index] = reason
    for region in sorted(set(survey.regions.tolist())):
        own = np.flatnonzero((survey.regions == region) & ~known)
        own = own[[index not in found for index in own.tolist()]] if len(own) else own
        found |= _noisy(survey, own, mains)
        own = np.array([index for index in own.tolist() if index not in found], dtype=int)
        if len(own) >= LEAST_CHANNELS:
            found |= _disconnected(survey, own, mains)
    return {str(survey.channels[index]): found[index] for index in sorted(found)}


def _alone(survey: Survey, index: int, railed: float) -> str:
    """Reason that needs no other channel; "" without one."""
    if survey.sd_uv[index] < FLAT_UV:
        return (
            f"flat: robust standard deviation {survey.sd_uv[index]:.3g} uV, at least {FLAT_UV:g} "
            "expected"
        )
    if survey.constant[index] > CONSTANT_PART:
        return (
            f"flat: constant for {100 * survey.constant[index]:.0f} % of the time, at most "
            f"{100 * CONSTANT_PART:.0f} % expected"
        )
    if railed > SATURATED_PART:
        return (
            f"saturated: {100 * railed:.0f} % of the samples at the highest or lowest value, at "
            f"most {100 * SATURATED_PART:.0f} % expected"
        )
    return ""


def _noisy(survey: Survey, own: NDArray[np.int64], mains: tuple[float, ...]) -> dict[int, str]:
    """Channels of a region with far more power at high frequencies than the others."""
    frequency = survey.frequency
    low_hz, high_hz = frequency[-1] / 2, frequency[-1]
    fast = frequency >= low_hz
    for line in mains:
        for start, stop in line_bands(line, high_hz):
            fast &= (frequency < start) | (frequency > stop)
    slow = (frequency >= 2.0) & (frequency <= 30.0)
    if len(own) == 0 or not fast.any() or not slow.any() or low_hz <= 30.0:
        return {}
    fast_db = 10 * np.log10(np.maximum(survey.psd[own][:, fast].mean(axis=1), 1e-30))
    slow_db = 10 * np.log10(np.maximum(survey.psd[own][:, slow].mean(axis=1), 1e-30))
    band = f"power at {low_hz:.0f}-{high_hz:.0f} Hz"
    if len(own) >= LEAST_CHANNELS:
        centre = np.median(fast_db)
        spread = _SD_PER_MAD * np.median(np.abs(fast_db - centre))
        limit = min(max(NOISY_DB, NOISY_SD * spread), NOISY_ENOUGH_DB)
        # Relative to slow waves too: a channel of larger gain has more of both.
        tilt = fast_db - slow_db
        above = np.minimum(fast_db - centre, tilt - np.median(tilt))
        than = "the median of its region"
    else:
        above, limit, than = fast_db - slow_db, RISING_DB, "its own at 2-30 Hz"
    return {
        index: f"noisy: {band} is {excess:.1f} dB above {than}, at most {limit:.1f} dB expected"
        for index, excess in zip(own.tolist(), above.tolist(), strict=True)
        if excess > limit
    }


def _disconnected(
    survey: Survey, own: NDArray[np.int64], mains: tuple[float, ...]
) -> dict[int, str]:
    """Channels that share nothing with their region, or hold little else than mains."""
    found: dict[int, str] = {}
    r = np.abs(survey.correlation[np.ix_(own, own)])
    np.fill_diagonal(r, 0.0)
    best = r.max(axis=1)
    line = np.max([mains_part(survey.frequency, survey.psd[own], hz) for hz in mains], axis=0)
    for place, index in enumerate(own.tolist()):
        others = np.arange(len(own)) != place
        if line[place] > MAINS_MOST and np.median(line[others]) < MAINS_USUAL:
            found[index] = (
                f"disconnected: {100 * line[place]:.0f} % of its power is mains, at most "
                f"{100 * MAINS_MOST:.0f} % expected"
            )
        elif best[place] < LONE_R and np.median(best[others]) > USUAL_R:
            found[index] = (
                f"disconnected: correlation of at most {best[place]:.2f} with any other channel "
                f"of its region (1-40 Hz), at least {LONE_R:g} expected"
            )
    return found
