"""What the rig takes from a session's spectra: the mains, and what lies beyond the pass band.

How much of the spectrum fits leave out around the mains is decided once per session.

A rig's notch filter takes away more than 3 Hz to either side, or it does not: that is a matter of
the rig, not of the drug. It is told from the clean time of the baseline (from the whole recording
in a session without one), for all regions together, and holds for every epoch of the session.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from pipeline.intervals import Intervals, intersect, subtract
from pipeline.steps.session_data import Quality, SessionData, Span

#: windows that the decision rests on at most, evenly spread: 5 min of the default segments
_MOST_WINDOWS = 75


def with_limits(quality: Quality, data: SessionData, baseline: Sequence[Span]) -> Quality:
    """Add what fits leave out around the mains, and say what the pass band forbids.

    Parameters
    ----------
    quality, data, baseline
        As in :func:`with_mains`.
    """
    quality = with_mains(quality, data, baseline)
    if not data.has("lfp"):
        return quality
    said = beyond_pass_band(
        data.lfp.attrs["pass_band_hz"], data.options["lfp"], mains=quality.mains
    )
    return replace(quality, warnings=(*quality.warnings, *said))


def beyond_pass_band(
    pass_band_hz: float, options: Mapping[str, Any], *, mains: Any = None
) -> list[str]:
    """Say what a recording cannot show: an outcome must not vanish in silence.

    Parameters
    ----------
    pass_band_hz : float
        Highest frequency that the LFP holds.
    options : mapping
        The config's section ``lfp``.
    mains : ndarray, shape (n, 2), optional
        What fits leave out, Hz.

    Returns
    -------
    list of str
        At most one warning: what has no value, and what rests on a narrower range.
    """
    from pipeline.lfp.hfo import held_band
    from pipeline.lfp.mains import fitted_range
    from pipeline.lfp.metrics.relative_band_power import TOTAL_HZ
    from pipeline.lfp.metrics.spectral_entropy import RANGE_HZ

    end = pass_band_hz + 1e-9
    frequency = np.arange(0.0, end, 1.0 / options["segment_s"])
    left_out = np.empty((0, 2)) if mains is None else mains
    fits = options["aperiodic"]
    fit, fast = (
        fitted_range(frequency, tuple(fits[name]), mains=left_out)
        for name in ("fit_hz", "hfo_fit_hz")
    )
    wanted = options["hfo"]["band_hz"]
    band = None if fast is None else held_band(wanted, fast)
    names = [name for name, (_, high) in options["bands"].items() if high > end]
    lacking, narrower = [], []
    if names:
        lacking.append(f"bands {', '.join(names)}" if len(names) > 1 else f"band {names[0]}")
    if TOTAL_HZ[1] > end:
        lacking.append("relative_band_power")
    if RANGE_HZ[1] > end:
        lacking.append("spectral_entropy")
    if options["complexity"]["band_hz"][1] > end:
        lacking.append("lempel_ziv, lempel_ziv_normalised")
    if fit is None:
        lacking.append("aperiodic_exponent, aperiodic_offset")
    elif fits["fit_hz"][1] > end:
        narrower.append(f"the aperiodic fit on {fit[0]:g}-{fit[1]:g} Hz")
    if band is None:
        lacking.append("hfo_power, hfo_frequency, hfo_prevalence")
    elif (band[0], band[1]) != tuple(wanted):
        narrower.append(
            f"hfo_power, hfo_frequency and hfo_prevalence on {band[0]:g}-{band[1]:g} Hz"
        )
    if held_band(wanted, (0.0, end)) is None:
        lacking.append("hfo_spike_leakage")
    said = [f"no value for {', '.join(lacking)}"] if lacking else []
    said += [f"resting on less: {'; '.join(narrower)}"] if narrower else []
    if not said:
        return []
    return [f"{'; '.join(said)}: the recording holds frequencies up to {pass_band_hz:g} Hz only"]


def with_mains(quality: Quality, data: SessionData, baseline: Sequence[Span]) -> Quality:
    """Add what fits leave out around the mains, and the fact of it.

    Parameters
    ----------
    quality : Quality
        Of the session; its artefacts are passed over.
    data : SessionData
        The session.
    baseline : sequence of Span
        Its baseline; none where it has none.

    Returns
    -------
    Quality
        With ``mains``, and the fact ``mains_left_out_hz``: half width in Hz, by frequency. As it
        was where no mains is declared, there is no LFP, or no clean window.
    """
    line_hz = data.options["recording"]["line_noise_hz"]
    if line_hz is None or not data.has("lfp"):
        return quality
    from pipeline.lfp import epoch_spectrum
    from pipeline.lfp.bands import region_mean
    from pipeline.lfp.mains import mains_ranges

    options = data.options["lfp"]
    spans = [span.intervals for span in baseline]
    own = intersect(np.vstack(spans), data.recorded) if spans else np.empty((0, 2))
    for within in (own, data.recorded):
        windows = spread_windows(subtract(within, quality.artefacts), window_s=options["segment_s"])
        spectrum = epoch_spectrum(
            data.lfp,
            windows,
            segment_s=options["segment_s"],
            overlap=0.0,
            half_bandwidth_hz=options["half_bandwidth_hz"],
        )
        if spectrum is None:
            continue
        density = region_mean(spectrum.psd)
        if not density.sizes["region"]:
            return quality
        mains = mains_ranges(density, line_hz)
        halves = {f"{(low + high) / 2:g}": float((high - low) / 2) for low, high in mains}
        return replace(quality, mains=mains, facts={**quality.facts, "mains_left_out_hz": halves})
    return quality


def spread_windows(clean: Intervals, *, window_s: float, most: int = _MOST_WINDOWS) -> Intervals:
    """At most so many windows of one length, evenly spread over those that fit, as intervals.

    Parameters
    ----------
    clean : ndarray, shape (n, 2)
        Seconds, without overlaps.
    window_s : float
        Length of a window.
    most : int
        How many at most.

    Returns
    -------
    ndarray, shape (m, 2)
        Each window lies in one interval, and is longer by a thousandth, so that rounding to samples
        leaves it whole; a thousandth lies between two.
    """
    longer, step = 1.001 * window_s, 1.002 * window_s
    starts = np.concatenate(
        [np.empty(0)]
        + [start + step * np.arange(int((stop - start) / step)) for start, stop in clean]
    )
    if len(starts) > most:
        starts = starts[np.linspace(0, len(starts) - 1, most).round().astype(int)]
    return np.column_stack([starts, starts + longer])
