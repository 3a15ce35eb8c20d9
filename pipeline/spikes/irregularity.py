"""How irregularly units fire: CV2, LV, LvR, bursts, Fano factors.

What depends on the rate, and what stands beside it:

===================  ===========================================  =============================
measure              how the rate alone changes it                rate-matched beside it
===================  ===========================================  =============================
``cv2``, ``lv``      a dead time d takes a growing part of every  ``lvr``: corrected for the
                     interval (LV near ``(1 - r d)^2``); without  refractory time
                     one, not at all
``burst_fraction``   chance neighbours: ``1 - exp(-2 r isi)`` in  ``burst_excess``: chance
                     a Poisson train                              neighbours taken away
``burst_index``      falls as chance neighbours rise              ``burst_excess``
``fano_*``           ``F - 1`` is proportional to the rate when   ``fano_*_matched``: at one
                     spikes are lost or added at random           reference rate, closed form
===================  ===========================================  =============================

No interval between spikes and no bin reaches over a gap in the epoch. Slow changes of the rate
leave CV2 and LV alone (they compare neighbours) and raise the Fano factor; that is taken within
blocks of one length, so that a long epoch is not more variable for being long.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.intervals import Intervals
from pipeline.spikes.fano import fano_factor, matched_fano
from pipeline.spikes.unit_values import UnitValues, stated
from pipeline.spikes.units import EpochUnits

Floats = NDArray[np.float64]

#: bins of the Fano factors: fixed, for the names of outcomes stand for them
FANO_BINS_S = (0.1, 1.0)


@dataclass(frozen=True, eq=False, kw_only=True)
class EpochIrregularity:
    """Irregularity of the units of a cell.

    Attributes
    ----------
    measures : dict of str to UnitValues
        As :func:`epoch_irregularity` names them.
    seconds : float
        Length of the cell.
    """

    measures: dict[str, UnitValues]
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Bursts:
    """Neighbours of a unit's spikes.

    Attributes
    ----------
    n_spikes : int
        Spikes.
    in_burst : int
        Those with a neighbour, before or after, closer than the burst interval.
    near, far : int
        Pairs of spikes whose lag lies in the near window, and in the far one.
    near_hz, far_hz : float
        Rate of further spikes at those lags after a spike: pairs divided by spikes and by the
        width of the window, corrected for what the ends of the intervals cut off.
    near_s : float
        Width of the near window.
    """

    n_spikes: int
    in_burst: int
    near: int
    far: int
    near_hz: float
    far_hz: float
    near_s: float

    @property
    def fraction(self) -> float:
        """Share of spikes in bursts."""
        return self.in_burst / self.n_spikes

    @property
    def index(self) -> float:
        """Near minus far, divided by the larger: -1 to 1, 0 for a Poisson train."""
        return (self.near_hz - self.far_hz) / max(self.near_hz, self.far_hz)

    @property
    def excess(self) -> float:
        """Spikes within the near window after a spike, beyond those that chance puts there."""
        return (self.near_hz - self.far_hz) * self.near_s


def interval_pairs(times: ArrayLike, intervals: Intervals) -> tuple[Floats, Floats]:
    """Neighbouring inter-spike intervals.

    Parameters
    ----------
    times : array_like, shape (k,)
        Seconds, ascending, inside the intervals.
    intervals : ndarray, shape (n, 2)
        Seconds, disjoint and in the order of time.

    Returns
    -------
    first, second : ndarray, shape (m,)
        Seconds. The three spikes of a pair lie in one interval; three spikes at the same time make
        no pair.
    """
    times = np.asarray(times, dtype=float)
    lag = np.diff(times)
    inside = _same_interval(times, intervals, 1)
    first, second = lag[:-1], lag[1:]
    usable = inside[:-1] & inside[1:] & (first + second > 0)
    return first[usable], second[usable]


def cv2(first: Floats, second: Floats) -> float:
    """Mean of ``2 |a - b| / (a + b)``: 1 for a Poisson train, 0 for a clock.

    Holt et al., J Neurophysiol 1996, 75:1806.
    """
    return float(np.mean(2 * np.abs(first - second) / (first + second)))


def lv(first: Floats, second: Floats) -> float:
    """Mean of ``3 ((a - b) / (a + b))^2``: 3 / (1 + 2 k) for gamma intervals of shape k.

    Shinomoto et al., Neural Comput 2003, 15:2823.
    """
    return float(np.mean(3 * ((first - second) / (first + second)) ** 2))


def lvr(first: Floats, second: Floats, *, refractory_s: float = 0.005) -> float:
    """LV corrected for a refractory time R: each term times ``1 + 4 R / (a + b)``.

    The factor is the first order of what subtracting R from both intervals would do. 5 ms made
    the measure least dependent on the rate in cortical units: Shinomoto et al., PLoS Comput Biol
    2009, 5:e1000433.
    """
    total = first + second
    return float(np.mean(3 * ((first - second) / total) ** 2 * (1 + 4 * refractory_s / total)))


def bursts(
    times: ArrayLike,
    intervals: Intervals,
    *,
    burst_isi_s: float = 0.006,
    near_s: tuple[float, float] = (0.0, 0.010),
    far_s: tuple[float, float] = (0.040, 0.050),
) -> Bursts:
    """Count near neighbours, and those that chance explains.

    ``fraction``: spikes with a neighbour within 6 ms (Harris et al., Neuron 2001, 32:141).
    ``index``: the autocorrelogram from 0 to 10 ms against 40 to 50 ms, after Royer et al., Nat
    Neurosci 2012, 15:769, with the mean in place of the peak of the near bins: the peak of few
    counts lies above their mean by chance, and more so at low rates. ``excess``: the same
    difference in spikes per spike. In a train of bursts that come at random it counts the further
    spikes of the bursts, however often these come.

    Parameters
    ----------
    times : array_like, shape (k,)
        Seconds, ascending, inside the intervals.
    intervals : ndarray, shape (n, 2)
        Seconds, disjoint and in the order of time.
    burst_isi_s : float
        Neighbours closer than this make a burst.
    near_s, far_s : (float, float)
        Lags in seconds, start included, stop not.

    Returns
    -------
    Bursts
        Rates are 0 without spikes.
    """
    times = np.asarray(times, dtype=float)
    close = (np.diff(times) < burst_isi_s) & _same_interval(times, intervals, 1)
    in_burst = np.count_nonzero(np.r_[close, False] | np.r_[False, close])
    pairs = {near_s: 0, far_s: 0}
    longest = max(near_s[1], far_s[1])
    for step in range(1, len(times)):
        lag = times[step:] - times[:-step]
        if lag.min() >= longest:
            break
        lag = lag[_same_interval(times, intervals, step)]
        for low, high in pairs:
            pairs[low, high] += int(np.count_nonzero((lag >= low) & (lag < high)))
    lengths = intervals[:, 1] - intervals[:, 0]
    rates = []
    for (low, high), count in pairs.items():
        # A spike near the end of an interval is followed by less time.
        share = np.maximum(lengths - (low + high) / 2, 0).sum() / max(lengths.sum(), 1e-12)
        exposure = len(times) * share * (high - low)
        rates.append(count / exposure if exposure > 0 else 0.0)
    return Bursts(
        n_spikes=len(times),
        in_burst=int(in_burst),
        near=int(pairs[near_s]),
        far=int(pairs[far_s]),
        near_hz=rates[0],
        far_hz=rates[1],
        near_s=near_s[1] - near_s[0],
    )


def cell_irregularity(units: EpochUnits, *, options: Mapping[str, Any]) -> EpochIrregularity | None:
    """Irregularity of the units of a cell.

    Parameters
    ----------
    units : EpochUnits
        Spikes of all intervals of the cell.
    options : mapping
        ``minimum``, ``refractory_ms`` and ``fano_reference_hz`` of the config's
        ``spikes.irregularity``.

    Returns
    -------
    EpochIrregularity or None
        None where the cell has no time.
    """
    if units.seconds <= 0:
        return None
    measures = epoch_irregularity(
        units,
        minimum=options["minimum"],
        refractory_s=options["refractory_ms"] / 1000,
        reference_hz=options["fano_reference_hz"],
    )
    return EpochIrregularity(measures=measures, seconds=units.seconds)


def epoch_irregularity(
    units: EpochUnits,
    *,
    minimum: int = 20,
    refractory_s: float = 0.005,
    fano_bins_s: Sequence[float] = FANO_BINS_S,
    block_s: float = 60.0,
    reference_hz: float = 1.0,
) -> dict[str, UnitValues]:
    """Irregularity of every unit of an epoch.

    Parameters
    ----------
    units : EpochUnits
        Spikes of the epoch.
    minimum : int
        Least number of what a value rests on: pairs of intervals for ``cv2``, ``lv`` and ``lvr``,
        pairs of spikes in the two windows for ``burst_index``, spikes for the others.
    refractory_s : float
        Of ``lvr``.
    fano_bins_s : sequence of float
        Bins of the Fano factors.
    block_s : float
        Of :func:`fano_factor`.
    reference_hz : float
        Rate at which the matched Fano factors are given.

    Returns
    -------
    dict of str to UnitValues
        ``cv2``, ``lv``, ``lvr``, ``burst_fraction``, ``burst_index``, ``burst_excess``, and per
        bin ``fano_100ms`` and ``fano_100ms_matched``. Units below the minimum are absent, and
        counted.
    """
    pairs = [interval_pairs(train, units.intervals) for train in units.spike_times]
    number = np.array([len(first) for first, _ in pairs])
    few = [_few(n, max(minimum, 1), "pairs of intervals") for n in number]
    measures = {
        name: stated(
            units,
            [np.nan if why else of(*pair) for pair, why in zip(pairs, few, strict=True)],
            number,
            few,
        )
        for name, of in {
            "cv2": cv2,
            "lv": lv,
            "lvr": lambda a, b: lvr(a, b, refractory_s=refractory_s),
        }.items()
    }
    measures |= _bursts(units, minimum)
    for bin_s in fano_bins_s:
        fano, mean, n_bins = fano_factor(
            units.spike_times, units.intervals, bin_s=bin_s, block_s=block_s
        )
        spikes = np.rint(mean * n_bins)
        # At least one spike, whatever the minimum: without any there is no ratio.
        few = [
            _few(n, max(minimum, 1), "spikes") or ("" if np.isfinite(value) else "no two bins")
            for n, value in zip(spikes, fano, strict=True)
        ]
        few = few if n_bins else ["no two bins"] * len(few)
        name = f"fano_{_text(bin_s)}"
        measures[name] = stated(units, fano, spikes, few)
        with np.errstate(divide="ignore", invalid="ignore"):
            matched = matched_fano(fano, mean, reference_hz * bin_s)
        measures[f"{name}_matched"] = stated(units, matched, spikes, few)
    return measures


def _bursts(units: EpochUnits, minimum: int) -> dict[str, UnitValues]:
    found = [bursts(train, units.intervals) for train in units.spike_times]
    spikes = [one.n_spikes for one in found]
    lags = [one.near + one.far for one in found]
    few = [_few(n, max(minimum, 1), "spikes") for n in spikes]
    no_lags = [_few(n, max(minimum, 1), "pairs of spikes") for n in lags]
    return {
        "burst_fraction": stated(units, _each(found, "fraction", few), spikes, few),
        "burst_index": stated(units, _each(found, "index", no_lags), lags, no_lags),
        "burst_excess": stated(units, _each(found, "excess", few), spikes, few),
    }


def _each(found: Sequence[Bursts], name: str, few: Sequence[str]) -> list[float]:
    return [np.nan if why else getattr(one, name) for one, why in zip(found, few, strict=True)]


def _few(n: float, minimum: int, what: str) -> str:
    return "" if n >= minimum else f"fewer than {minimum} {what}"


def _text(bin_s: float) -> str:
    return f"{bin_s:g}s" if bin_s >= 1 else f"{1000 * bin_s:g}ms"


def _same_interval(times: Floats, intervals: Intervals, step: int) -> NDArray[np.bool_]:
    """Whether a spike and the one some steps later lie in one interval."""
    if len(intervals) < 2:
        return np.ones(max(len(times) - step, 0), dtype=bool)
    home = np.searchsorted(intervals[:, 0], times, side="right")
    return home[step:] == home[: len(home) - step]
