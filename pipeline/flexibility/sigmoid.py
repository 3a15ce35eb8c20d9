"""The switch as a sigmoid: offset of every set, slope and lapse of the session.

P(correct at lag t) = eps + (1 - 2 eps) / (1 + exp(-alpha (t - s))), after Le et al. 2023 (PLoS
Comput Biol 19:e1011430). s is the offset of a set: the lag, in trials from the first one under the
new rule (0), at which the animal is half-way; alpha the slope and eps the lapse, shared by the
sets. At the old rule's level P(correct) is eps only where the two rules disagree, so that only
conflict trials take part (all of them after a reversal, half of them after a shift of dimension).

The posterior is summed on a grid, which is exact to the grid's width and has no local maxima. The
priors are weak: s normal with mean 10 and sd 20 trials, cut at -10 and 120; log alpha normal with
mean log 0.5 and sd 1; eps with density falling as (1 - 2 eps)^8 (mean 0.05). An unfinished set
takes part like every other: its offset then lies where the prior lets it, with its uncertainty.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

    from pipeline.flexibility.epochs import EpochTrials

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]

#: Grid of offsets: this many per trial, from first to last (trials).
PER_TRIAL = 4
OFFSET_RANGE = (-10, 120)
_SLOPES = np.exp(np.linspace(np.log(0.05), np.log(5.0), 16))
_LAPSES = np.array([0.002, 0.01, 0.02, 0.04, 0.07, 0.11, 0.16, 0.22, 0.3])
#: Width of lapse that each point of the grid stands for.
_LAPSE_WIDTHS = np.gradient(_LAPSES)


@dataclass(frozen=True, kw_only=True)
class Switches:
    """Transitions of one session (or cell).

    Attributes
    ----------
    offset, offset_sd : ndarray, shape (n_sets,)
        Posterior mean and sd of s, trials.
    offset_mode : ndarray, shape (n_sets,)
        Most probable s of each set at the most probable slope and lapse.
    unfinished : ndarray of bool, shape (n_sets,)
        Whether s lies beyond the set's last trial with a probability above 1/2.
    slope, slope_log_sd : float
        exp of the posterior mean of log alpha, per trial, and posterior sd of log alpha.
    lapse, lapse_sd : float
        Posterior mean and sd of eps.
    n_trials : int
        Conflict trials that it rests on.
    """

    offset: Array
    offset_sd: Array
    offset_mode: Array
    unfinished: NDArray[np.bool_]
    slope: float
    slope_log_sd: float
    lapse: float
    lapse_sd: float
    n_trials: int


def fit_switches(lags: Sequence[Array], correct: Sequence[Array | Flags]) -> Switches:
    """Posterior of the transitions of several sets.

    Parameters
    ----------
    lags : sequence of ndarray of int
        Trials since the switch (0: the first) of the choices of each set, each from 0 upwards.
    correct : sequence of ndarray of bool
        Whether each was correct.

    Returns
    -------
    Switches

    Raises
    ------
    InputError
        If there is no set, a set is empty, or a lag is negative.
    """
    if not len(lags) or any(len(lag) == 0 or np.min(lag) < 0 for lag in lags):
        raise InputError("transitions: found no set, or one without lags of 0 and above")
    longest = max(int(np.max(lag)) for lag in lags)
    offsets = np.arange(OFFSET_RANGE[0] * PER_TRIAL, OFFSET_RANGE[1] * PER_TRIAL + 1) / PER_TRIAL
    right, wrong = _tables(longest, offsets)
    shape = (len(_SLOPES) * len(_LAPSES), len(offsets))
    prior = -0.5 * ((offsets - 10.0) / 20.0) ** 2
    prior = prior - np.log(np.exp(prior).sum())
    joint = np.empty((len(lags), *shape))
    for position, (lag, hit) in enumerate(zip(lags, correct, strict=True)):
        counts = np.zeros((2, longest + 1))
        np.add.at(counts, (np.asarray(hit, dtype=int), np.asarray(lag, dtype=int)), 1.0)
        joint[position] = right @ counts[1] + wrong @ counts[0] + prior
    # Sum over each set's own offset first: what is left is the posterior of slope and lapse.
    top = joint.max(axis=2, keepdims=True)
    evidence = (top[..., 0] + np.log(np.exp(joint - top).sum(axis=2))).sum(axis=0)
    shared = evidence + _shared_prior()
    weight = np.exp(shared - shared.max())
    weight /= weight.sum()
    within = np.exp(joint - top)
    within /= within.sum(axis=2, keepdims=True)
    density = np.einsum("g,sgo->so", weight, within)
    offset = density @ offsets
    last = np.array([np.max(lag) for lag in lags])
    log_slope = np.repeat(np.log(_SLOPES), len(_LAPSES))
    lapse = np.tile(_LAPSES, len(_SLOPES))
    mean_log, mean_lapse = weight @ log_slope, weight @ lapse
    return Switches(
        offset=offset,
        offset_sd=np.sqrt(density @ offsets**2 - offset**2),
        offset_mode=offsets[joint[:, shared.argmax()].argmax(axis=1)],
        unfinished=(density * (offsets > last[:, None])).sum(axis=1) > 0.5,
        slope=float(np.exp(mean_log)),
        slope_log_sd=float(np.sqrt(weight @ (log_slope - mean_log) ** 2)),
        lapse=float(mean_lapse),
        lapse_sd=float(np.sqrt(weight @ (lapse - mean_lapse) ** 2)),
        n_trials=sum(len(lag) for lag in lags),
    )


def switch_trials(trials: pd.DataFrame) -> tuple[list[int], list[Array], list[Flags]]:
    """Conflict choices of each set that follows another rule.

    Parameters
    ----------
    trials : pandas.DataFrame
        Scored trials.

    Returns
    -------
    set_index : list of int
        Sets with at least one conflict choice.
    lags, correct : list of ndarray
        As :func:`fit_switches` takes them; the lag counts all trials of the set.
    """
    conflict = trials["conflict"].fillna(False).to_numpy(dtype=bool)
    chosen = trials["outcome"].isin(["correct", "error"]).to_numpy()
    kept = trials[conflict & chosen]
    index: list[int] = []
    lags: list[Array] = []
    correct: list[Flags] = []
    for number, rows in kept.groupby("set_index", sort=True):
        index.append(int(str(number)))
        lags.append(rows["trial_in_set"].to_numpy() - 1)
        correct.append((rows["outcome"] == "correct").to_numpy())
    return index, lags, correct


@lru_cache(maxsize=1)
def cell_switches(trials: EpochTrials) -> Switches | None:
    """Transitions to the sets that start in a cell; kept for the next metric of the same cell.

    Parameters
    ----------
    trials : EpochTrials
        Trials and sets of one cell.

    Returns
    -------
    Switches or None
        None without a conflict choice.
    """
    _, lags, correct = switch_trials(trials.of_sets)
    return fit_switches(lags, correct) if lags else None


def _tables(longest: int, offsets: Array) -> tuple[Array, Array]:
    """Log P(correct) and log P(error), shape (slopes x lapses, offsets, lags)."""
    away = np.arange(longest + 1) - offsets[:, None]
    # t - s takes few distinct values: compute those, then look them up.
    lattice = np.arange(-offsets.max(), longest - offsets.min() + 1 / PER_TRIAL, 1 / PER_TRIAL)
    place = np.rint((away - lattice[0]) * PER_TRIAL).astype(np.intp)
    rise = 1.0 / (1.0 + np.exp(-_SLOPES[:, None] * lattice))
    probability = _LAPSES[:, None] + (1 - 2 * _LAPSES[:, None]) * rise[:, None, :]
    flat = probability.reshape(-1, len(lattice))
    return np.log(flat)[:, place], np.log1p(-flat)[:, place]


def _shared_prior() -> Array:
    """Log prior of slope and lapse on the grid, slopes outermost."""
    slope = -0.5 * (np.log(_SLOPES) - np.log(0.5)) ** 2
    lapse = 8.0 * np.log(1 - 2 * _LAPSES) + np.log(_LAPSE_WIDTHS)
    return (slope[:, None] + lapse).ravel()
