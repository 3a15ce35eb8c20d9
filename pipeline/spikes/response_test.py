"""Whether a unit responds to an event: its trials against themselves with signs turned at random.

Of each trial the spikes after the event are held against those before the cue, scaled to the same
length. A unit that does not respond fires as much in one as in the other: the difference of a trial
is as likely to be above zero as below. Its sign is turned at random in each trial (Fisher 1935, The
Design of Experiments, section 21), and p is the share of turnings whose sum lies as far from zero.

Only what one trial does after the event and before the cue is compared, so that rates may drift
from trial to trial; bursts and rhythms enter all turnings alike. Windows of unequal length make
differences that are a little skewed: the test stays below its level, the more the fewer spikes and
trials there are (``tests/test_spikes_responsive.py``).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.simulate.randomness import generator

#: sums that differ by less are the same: differences are fractions of spikes
_SAME = 1e-9


def sign_flip_p(differences: ArrayLike, *, permutations: int = 999) -> NDArray[np.float64]:
    """p of the sum of each unit's differences, two-sided, by turning signs of trials.

    Parameters
    ----------
    differences : array_like, shape (n_units, n_trials)
        Spikes after the event less spikes before the cue, scaled to the same length.
    permutations : int
        Turnings; the same for all units. The true one is counted among them.

    Returns
    -------
    ndarray, shape (n_units,)
        ``1 / (1 + permutations)`` to 1; 1 of a unit without spikes.
    """
    found = np.asarray(differences, dtype=float)
    n_trials = found.shape[1]
    rng = generator("spikes", "responses", str(n_trials))
    signs = rng.integers(0, 2, (n_trials, permutations)) * 2.0 - 1.0
    turned = np.abs(found @ signs) >= np.abs(found.sum(axis=1, keepdims=True)) - _SAME
    return (1 + turned.sum(axis=1)) / (1 + permutations)


def least_p(n_trials: int) -> float:
    """Smallest p that so many trials allow: all differences of one sign, or all of the other."""
    return 2.0 ** (1 - n_trials)
