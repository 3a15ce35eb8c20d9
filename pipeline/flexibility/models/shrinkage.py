"""Hierarchical shrinkage: one normal prior for all sessions, estimated from them.

Empirical Bayes by expectation-maximisation (Huys et al. 2011, PLoS Comput Biol 7:e1002028): every
session is fitted under the prior (mode and Laplace covariance), the prior's mean and variances
become those of the sessions, and so on. The prior is one for all sessions, whatever animal, drug or
context: a prior per condition would pull the sessions of a condition together and away from the
others, and so make effects out of nothing. With one prior, a contrast between conditions shrinks
towards zero, and its false alarms stay where they were (docs/models.md).

The variances carry the weight of a few sessions at the fixed prior's variance, so that a parameter
on which the sessions say little does not end as exactly the same for all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pipeline.flexibility.models.choices import Choices, stack
from pipeline.flexibility.models.fitting import Array, Fit, Model, fit_map

if TYPE_CHECKING:
    import pandas as pd

#: Sessions' worth of the fixed prior's variance in the estimated variances.
PRIOR_SESSIONS = 2.0


@dataclass(frozen=True, kw_only=True)
class Cohort:
    """A model fitted to all sessions of a cohort.

    Attributes
    ----------
    mean, sd : ndarray, shape (n_parameters,)
        The estimated prior on the transformed scale.
    fit : Fit
        The sessions under it, in the order given.
    rounds : int
        Rounds of expectation-maximisation.
    converged : bool
        Whether the prior had come to rest.
    """

    mean: Array
    sd: Array
    fit: Fit
    rounds: int
    converged: bool

    def table(self, sessions: Sequence[str] | None = None) -> pd.DataFrame:
        """One row per session and parameter.

        Parameters
        ----------
        sessions : sequence of str, optional
            Names; by default positions from 0.

        Returns
        -------
        pandas.DataFrame
            ``session``, ``parameter``, ``value`` and ``standard_error`` (natural units, delta
            method), ``free`` and ``free_standard_error`` (transformed scale),
            ``weight_of_session`` (1 - posterior variance / prior variance on the transformed scale:
            0 where the session said nothing), ``converged``.
        """
        import pandas as pd

        names = [p.name for p in self.fit.parameters]
        count, size = self.fit.free.shape
        spread = np.sqrt(np.diagonal(self.fit.covariance, axis1=1, axis2=2))
        labels = list(range(count)) if sessions is None else list(sessions)
        return pd.DataFrame(
            {
                "session": np.repeat(labels, size),
                "parameter": np.tile(names, count),
                "value": self.fit.values.ravel(),
                "standard_error": self.fit.standard_errors.ravel(),
                "free": self.fit.free.ravel(),
                "free_standard_error": spread.ravel(),
                "weight_of_session": (1.0 - spread**2 / self.sd**2).ravel(),
                "converged": np.repeat(self.fit.converged, size),
            }
        )


def fit_cohort(
    sessions: Sequence[Choices],
    model: Model,
    *,
    tolerance: float = 0.005,
    max_rounds: int = 50,
) -> Cohort:
    """Fit a model to all sessions under one prior that is estimated from them.

    Parameters
    ----------
    sessions : sequence of Choices
        Sessions of one task, of all animals and conditions.
    model : Model
        The model.
    tolerance : float
        The prior has come to rest when no mean or log sd moves by more in a round (transformed
        scale, means in units of the prior's sd).
    max_rounds : int
        Rounds of expectation-maximisation at most.

    Returns
    -------
    Cohort

    Raises
    ------
    InputError
        If there is no session, tasks differ, or the model does not describe the task.
    """
    batch = stack(sessions)
    parameters = model.parameters(batch.first)
    fixed = np.array([p.sd for p in parameters])
    mean, sd = np.array([p.mean for p in parameters]), fixed
    fit = fit_map(model, batch)
    converged, rounds = False, 0
    while rounds < max_rounds and not converged:
        rounds += 1
        previous = mean, sd
        mean, sd = update_prior(fit.free, fit.covariance, fixed_sd=fixed)
        moved = np.abs(mean - previous[0]) / previous[1]
        widened = np.abs(np.log(sd / previous[1]))
        converged = bool(max(moved.max(), widened.max()) < tolerance)
        fit = fit_map(model, batch, mean=mean, sd=sd, start=fit.free)
    return Cohort(mean=mean, sd=sd, fit=fit, rounds=rounds, converged=converged)


def update_prior(free: Array, covariance: Array, *, fixed_sd: Array) -> tuple[Array, Array]:
    """Mean and sd of the prior that suit the sessions' posteriors.

    Parameters
    ----------
    free : ndarray, shape (n_sessions, n_parameters)
        Modes.
    covariance : ndarray, shape (n_sessions, n_parameters, n_parameters)
        Laplace covariances.
    fixed_sd : ndarray, shape (n_parameters,)
        Of the fixed prior; counts as ``PRIOR_SESSIONS`` sessions.

    Returns
    -------
    mean, sd : ndarray, shape (n_parameters,)
    """
    mean = free.mean(axis=0)
    squares = (free - mean) ** 2 + np.diagonal(covariance, axis1=1, axis2=2)
    total = squares.sum(axis=0) + PRIOR_SESSIONS * fixed_sd**2
    return mean, np.sqrt(total / (len(free) + PRIOR_SESSIONS))
