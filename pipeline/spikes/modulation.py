"""Which units change their rate between two epochs, and how many go up, stay, go down.

The test of one unit compares its counts in blocks of equal length before and after. Blocks are
not independent (the rate of a neuron wanders) and a step is easily feigned by a slow drift, so:

* the statistic is the squared step divided by a self-normaliser, the partial sums of the step's
  own scores (Kiefer, Vogelsang & Bunzel, Econometrica 2000, 68:695): it needs no bandwidth and
  feels the memory of the counts far less than a t does;
* with ``trend="linear"`` the step is what a straight line through both epochs leaves over;
* p comes from a permutation of blocks: residuals are made free of their memory of one block (AR(1)
  with the estimate corrected for its small-sample bias), permuted, given the memory again.

**What the null holds for** (per cent of 3000 to 8000 simulated units of 1 to 5 Hz with p <= 0.05;
blocks of 60 s; a wandering rate has an SD of 0.3 on log2, a drift goes through 50 % of the mean):

=====================================  ==================  ==================  ==================
trains                                 10 + 10 min         10 + 20 min         28 + 55 min
                                       none / linear       none / linear       none / linear
=====================================  ==================  ==================  ==================
Poisson                                4.2 / 4.1           4.4 / 4.2           5.2 / 4.5
gamma, shape 4                         4.1 / 4.2           4.9 / 5.0
wandering, memory 30 s                 4.9 / 5.2           4.7 / 4.7           4.8 / 5.1
wandering, memory 60 s                 5.0 / 5.6           4.4 / 4.7           4.5 / 4.9
wandering, memory 168 s                7.2 / 7.3           5.5 / 5.4           4.1 / 4.7
wandering, memory 300 s                10 / 7.8            8.2 / 7.5           5.0 / 6.0
linear drift                           **46** / 4.3        **22** / 4.6        **51** / 5.0
linear drift, wandering (60 s)         **18** / 5.3        **19** / 4.4        **34** / 5.0
random walk                            **26** / **8.2**    **25** / **13**     **29** / **15**
=====================================  ==================  ==================  ==================

So it is kept (4 to 6 %) for memories of up to a tenth of the shorter epoch, and with
``trend="linear"`` for linear drifts too. It is **not** kept for a memory as long as the epochs, a
random walk, a drift that bends, and with ``trend="none"`` any drift at all: no test within one
session can tell those from a drug. Compare the fractions with the vehicle session's; that
comparison needs no null of the single unit, only that both sessions drift alike.

Units chosen for their baseline rate fall by regression to the mean when measured again. Fold
changes of selected units mean something only beside those of the vehicle session.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.simulate.randomness import generator
from pipeline.spikes.step_test import step_test
from pipeline.spikes.units import EpochUnits

Floats = NDArray[np.float64]
Trend = Literal["none", "linear"]


@dataclass(frozen=True, eq=False, kw_only=True)
class Modulation:
    """Change of the rate of each unit of a session between two epochs.

    Attributes
    ----------
    unit_id, region : list of str
        Units that could be tested.
    before_hz, after_hz : ndarray, shape (n,)
        Rates over the whole epochs.
    log2_fold_change, index : ndarray, shape (n,)
        See :func:`log2_fold_change` and :func:`modulation_index`.
    step : ndarray, shape (n,)
        Hz; what the test judges. With a linear trend it is the jump that the trend leaves over.
    p, q : ndarray, shape (n,)
        Per unit, and after :func:`benjamini_hochberg` over the units of this session.
    blocks : (int, int)
        Blocks before and after.
    absent : dict of str to int
        Reason, and how many units were not tested for it.
    """

    unit_id: list[str]
    region: list[str]
    before_hz: Floats
    after_hz: Floats
    log2_fold_change: Floats
    index: Floats
    step: Floats
    p: Floats
    q: Floats
    blocks: tuple[int, int]
    absent: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, eq=False, kw_only=True)
class CellModulation:
    """Which units of a cell have another rate than in the baseline.

    Attributes
    ----------
    modulation : Modulation
    calls : ndarray of int, shape (n,)
        Per tested unit: up (1), unchanged (0), down (-1).
    seconds : float
        Of the cell.
    """

    modulation: Modulation
    calls: NDArray[np.int64]
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Fractions:
    """How many of the tested units go up, do not change, go down."""

    up: int
    none: int
    down: int

    @property
    def tested(self) -> int:
        """Units that the fractions rest on."""
        return self.up + self.none + self.down


def log2_fold_change(
    before: ArrayLike, after: ArrayLike, *, before_s: float, after_s: float
) -> Floats:
    """``log2((after + 0.5) / after_s) - log2((before + 0.5) / before_s)`` of spike counts.

    Parameters
    ----------
    before, after : array_like, shape (n,)
        Spikes. Half a spike is added, so that a silenced unit has a value.
    before_s, after_s : float
        Seconds, above 0.

    Returns
    -------
    ndarray, shape (n,)
    """
    rates = [
        (np.asarray(count, dtype=float) + 0.5) / seconds
        for count, seconds in ((before, before_s), (after, after_s))
    ]
    return np.log2(rates[1] / rates[0])


def modulation_index(before_hz: ArrayLike, after_hz: ArrayLike) -> Floats:
    """``(after - before) / (after + before)`` of rates, -1 to 1.

    Parameters
    ----------
    before_hz, after_hz : array_like, shape (n,)
        Rates.

    Returns
    -------
    ndarray, shape (n,)
        NaN for a unit that is silent in both: there is no index of nothing.
    """
    before_hz, after_hz = np.asarray(before_hz, dtype=float), np.asarray(after_hz, dtype=float)
    total = before_hz + after_hz
    with np.errstate(invalid="ignore"):
        return (after_hz - before_hz) / total


def benjamini_hochberg(p: ArrayLike) -> Floats:
    """Smallest false-discovery rate at which each test would be called.

    Benjamini & Hochberg, J R Stat Soc B 1995, 57:289; holds for independent tests and for those
    that depend positively, as neurons with a common drive do.

    Parameters
    ----------
    p : array_like, shape (n,)
        Finite, 0 to 1.

    Returns
    -------
    ndarray, shape (n,)
    """
    p = np.asarray(p, dtype=float)
    if not ((p >= 0) & (p <= 1)).all():
        raise ValueError("expected p values between 0 and 1, and no NaN")
    order = np.argsort(p)
    raised = p[order] * len(p) / np.arange(1, len(p) + 1)
    q = np.empty_like(p)
    q[order] = np.minimum.accumulate(raised[::-1])[::-1].clip(max=1.0)
    return q


def block_counts(units: EpochUnits, block_s: float) -> tuple[NDArray[np.int64], Floats]:
    """Spikes in blocks of observed time.

    The intervals of the epoch are put end to end and cut into blocks, so that every block holds
    `block_s` seconds of observation even where movement or artefacts break the epoch up. What is
    left at the end is not counted.

    Parameters
    ----------
    units : EpochUnits
        Spikes of the epoch.
    block_s : float
        Seconds.

    Returns
    -------
    counts : ndarray of int, shape (n_units, n_blocks)
    middle_s : ndarray, shape (n_blocks,)
        Mean time, on the session clock, of what each block holds.
    """
    lengths = units.intervals[:, 1] - units.intervals[:, 0]
    elapsed = np.r_[0.0, np.cumsum(lengths)]
    n_blocks = int(np.floor(elapsed[-1] / block_s + 1e-9))
    counts = np.zeros((len(units.unit_id), n_blocks), dtype=np.int64)
    for index, times in enumerate(units.spike_times):
        home = np.searchsorted(units.intervals[:, 0], times, side="right") - 1
        place = (elapsed[home] + times - units.intervals[home, 0]) / block_s + 1e-9
        place = place.astype(int)
        counts[index] = np.bincount(place[place < n_blocks], minlength=n_blocks)
    # Mean time of a block: the integral of the session clock over observed time, at its borders.
    integral = np.r_[0.0, np.cumsum(lengths * units.intervals.mean(axis=1))]
    borders = block_s * np.arange(n_blocks + 1)
    home = np.clip(np.searchsorted(elapsed, borders, side="right") - 1, 0, max(len(lengths) - 1, 0))
    if not n_blocks:
        return counts, np.empty(0)
    into = borders - elapsed[home]
    upto = integral[home] + into * (units.intervals[home, 0] + into / 2)
    return counts, np.diff(upto) / block_s


def modulated_units(
    before: EpochUnits,
    after: EpochUnits,
    *,
    block_s: float = 60.0,
    trend: Trend = "linear",
    minimum_blocks: int = 5,
    minimum_baseline_hz: float = 0.05,
    permutations: int = 9999,
) -> Modulation:
    """Test every unit of a session for a change of its rate.

    Parameters
    ----------
    before, after : EpochUnits
        The same units in two epochs (context, movement and so on alike); `before` may be the
        later one.
    block_s : float
        60 s, or 30 s for short epochs. Longer blocks forget more of each other.
    trend : {"linear", "none"}
        Whether a straight line through both epochs is taken out first. It keeps a drift from being
        called a drug effect, and it costs power: of wandering units (memory 60 s) that double their
        rate, 27 instead of 72 % have p < 0.05 in 10 + 10 min, 61 instead of 96 % in 20 + 20 min,
        85 instead of 100 % in 28 + 55 min; of Poisson units all do.
    minimum_blocks : int
        In either epoch.
    minimum_baseline_hz : float
        Units below are not tested: they could go up only.
    permutations : int
        The least p is ``1 / (1 + permutations)``. A unit whose p is 0.1 or more after 999 has had
        enough.

    Returns
    -------
    Modulation

    Raises
    ------
    ValueError
        If the two epochs do not hold the same units in the same order.
    """
    if before.unit_id != after.unit_id:
        raise ValueError("found different units before and after; expected the same, in one order")
    counted = [block_counts(epoch, block_s) for epoch in (before, after)]
    blocks = (counted[0][0].shape[1], counted[1][0].shape[1])
    spikes = [np.array([len(train) for train in epoch.spike_times]) for epoch in (before, after)]
    n_units = len(before.unit_id)
    absent: dict[str, int] = {}
    if min(blocks) < minimum_blocks:
        keep = np.zeros(n_units, dtype=bool)
        reason = f"fewer than {minimum_blocks} blocks of {block_s:g} s"
    else:
        keep = spikes[0] >= max(minimum_baseline_hz * before.seconds, 1)
        reason = f"silent or below {minimum_baseline_hz:g} Hz in the baseline"
    if not keep.all():
        absent[reason] = int(np.count_nonzero(~keep))
    names = [name for name, kept in zip(before.unit_id, keep, strict=True) if kept]
    regions = [name for name, kept in zip(before.region, keep, strict=True) if kept]
    if not names:
        nothing = np.empty(0)
        return Modulation(
            unit_id=[], region=[], before_hz=nothing, after_hz=nothing, log2_fold_change=nothing,
            index=nothing, step=nothing, p=nothing, q=nothing, blocks=blocks, absent=absent,
        )  # fmt: skip
    step, p = step_test(
        counted[0][0][keep],
        counted[1][0][keep],
        before_at=counted[0][1] / block_s,
        after_at=counted[1][1] / block_s,
        linear=trend == "linear",
        permutations=permutations,
        rng=generator("spikes", "modulation", *map(str, blocks)),
    )
    rates = [n[keep] / epoch.seconds for n, epoch in zip(spikes, (before, after), strict=True)]
    return Modulation(
        unit_id=names,
        region=regions,
        before_hz=rates[0],
        after_hz=rates[1],
        log2_fold_change=log2_fold_change(
            spikes[0][keep], spikes[1][keep], before_s=before.seconds, after_s=after.seconds
        ),
        index=modulation_index(*rates),
        step=step / block_s,
        p=p,
        q=benjamini_hochberg(p),
        blocks=blocks,
        absent=absent,
    )


def called(
    modulation: Modulation, *, level: float = 0.05, least_log2: float | None = 1.0
) -> NDArray[np.int64]:
    """Which units are called up (1), unchanged (0), down (-1).

    Parameters
    ----------
    modulation : Modulation
        From :func:`modulated_units`.
    level : float
        q below this.
    least_log2 : float or None
        And a fold change of at least this, on log2; None: q alone. Show both. Where the fold
        change points the other way than the tested step, a unit is called with neither: such a
        drift is stronger than the jump in it.

    Returns
    -------
    ndarray of int, shape (n,)
    """
    fold = modulation.log2_fold_change
    sure = (modulation.q < level) & (np.sign(fold) == np.sign(modulation.step))
    if least_log2 is not None:
        sure &= np.abs(fold) >= least_log2
    return np.where(sure, np.sign(fold), 0).astype(int)


def fractions(calls: Sequence[int] | NDArray[np.int64]) -> Fractions:
    """Count the calls of the units of one animal and session.

    Parameters
    ----------
    calls : sequence of int
        From :func:`called`, of all units or of those of a region.

    Returns
    -------
    Fractions
        Always to be shown beside those of the vehicle session: the null of the test is no change
        beyond drift, and real units change without any drug.
    """
    calls = np.asarray(calls, dtype=int)
    up, down = np.count_nonzero(calls > 0), np.count_nonzero(calls < 0)
    return Fractions(up=int(up), none=int(len(calls) - up - down), down=int(down))


def cell_modulation(
    before: EpochUnits, after: EpochUnits, *, options: Mapping[str, Any],
    minimum_baseline_hz: float = 0.05,
) -> CellModulation | None:  # fmt: skip
    """Test the units of a cell against the baseline of its context.

    Parameters
    ----------
    before, after : EpochUnits
        The baseline and the cell, the same units. One that falls silent is tested like the others.
    options, minimum_baseline_hz : mapping, float
        The config's ``spikes.modulation``; ``spikes.minimum_baseline_rate_hz``.

    Returns
    -------
    CellModulation or None
        None where no unit can be tested (too few blocks, no unit that fires in the baseline).
    """
    found = modulated_units(
        before,
        after,
        block_s=options["block_s"],
        trend=options["trend"],
        minimum_blocks=options["minimum_blocks"],
        minimum_baseline_hz=minimum_baseline_hz,
        permutations=options["permutations"],
    )
    if not found.unit_id:
        return None
    calls = called(found, level=options["level"], least_log2=options["least_log2"])
    return CellModulation(modulation=found, calls=calls, seconds=after.seconds)
