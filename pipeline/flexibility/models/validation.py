"""Does a model describe the choices? Cross-validation, posterior predictive curves, comparison."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from pipeline.errors import InputError
from pipeline.flexibility.models import null
from pipeline.flexibility.models.choices import Choices, stack
from pipeline.flexibility.models.fitting import Array, Model, fit_map, trial_log_likelihoods
from pipeline.simulate.agents import ChoiceAgent, replay

if TYPE_CHECKING:
    import pandas as pd

#: Choices per block of cross-validation where a session has one set only.
_BLOCK = 20


def fold_of_choices(choices: Choices, *, n_folds: int = 4) -> np.ndarray:
    """Fold of each choice: whole sets, or blocks of 20 choices where there is one set.

    Parameters
    ----------
    choices : Choices
        One session.
    n_folds : int
        Folds.

    Returns
    -------
    ndarray of int, shape (n_choices,)
        From 0; sets (blocks) are dealt out in turn.
    """
    if len(np.unique(choices.set_index)) > 1:
        block = np.cumsum(np.diff(choices.set_index, prepend=choices.set_index[0]) != 0)
    else:
        block = np.arange(len(choices)) // _BLOCK
    return block % n_folds


def cross_validate(sessions: Sequence[Choices], model: Model, *, n_folds: int = 4) -> Array:
    """Log likelihood of held-out choices, per session.

    Parameters are fitted (fixed prior) to the choices outside a fold; the choices inside it are
    then predicted one by one, the model's state having seen all earlier choices and outcomes, as
    it must to predict the next.

    Parameters
    ----------
    sessions : sequence of Choices
        Sessions of one task.
    model : Model
        The model.
    n_folds : int
        Folds (:func:`fold_of_choices`).

    Returns
    -------
    ndarray, shape (n_sessions,)
        Sum over all choices, nats.
    """
    batch = stack(sessions)
    fold = np.full(batch.weight.shape, -1)
    for position, session in enumerate(sessions):
        fold[: len(session), position] = fold_of_choices(session, n_folds=n_folds)
    total = np.zeros(len(sessions))
    for held in range(n_folds):
        inside = fold == held
        if not inside.any():
            continue
        train = batch.weighted(np.where(inside, 0.0, batch.weight))
        free = fit_map(model, train).free
        total += np.where(inside, trial_log_likelihoods(model, free, batch), 0.0).sum(axis=0)
    return total


def compare_models(
    sessions: Sequence[Choices],
    animals: Sequence[str],
    models: Sequence[Model],
    *,
    n_folds: int = 4,
) -> pd.DataFrame:
    """Compare models per animal by held-out likelihood, each against the null agent.

    Parameters
    ----------
    sessions : sequence of Choices
        Sessions of one task.
    animals : sequence of str
        Animal of each session.
    models : sequence of Model
        Models; the null agent is added.
    n_folds : int
        Folds.

    Returns
    -------
    pandas.DataFrame
        One row per animal and model: ``animal``, ``model``, ``n_sessions``, ``n_choices``,
        ``log_likelihood`` (held out, nats), ``gain`` (bits per choice over the null agent),
        ``predicted`` (geometric mean probability of a held-out choice), ``best`` (highest of the
        animal's). The gain is a description per animal: sessions of an animal are not independent
        choices from a population.

    Raises
    ------
    InputError
        If sessions and animals do not match.
    """
    import pandas as pd

    if len(sessions) != len(animals):
        raise InputError(
            f"compare models: found {len(sessions)} sessions and {len(animals)} animals; expected "
            "one animal per session"
        )
    held = {
        model.name: cross_validate(sessions, model, n_folds=n_folds)
        for model in (null.MODEL, *models)
    }
    counts = np.array([len(session) for session in sessions])
    owner = np.array(list(animals), dtype=object)
    rows = []
    for animal in dict.fromkeys(animals):
        mine = owner == animal
        n_choices, base = counts[mine].sum(), held["null"][mine].sum()
        best = max(held, key=lambda name: held[name][mine].sum())
        for name, values in held.items():
            total = values[mine].sum()
            rows.append(
                {
                    "animal": animal,
                    "model": name,
                    "n_sessions": int(mine.sum()),
                    "n_choices": int(n_choices),
                    "log_likelihood": float(total),
                    "gain": float((total - base) / n_choices / np.log(2)),
                    "predicted": float(np.exp(total / n_choices)),
                    "best": name == best,
                }
            )
    return pd.DataFrame(rows)


def accuracy_by_lag(lag: np.ndarray, correct: np.ndarray, *, lags: int) -> Array:
    """Mean of correct at each lag 0 ... lags - 1; NaN where there is no choice."""
    kept = lag < lags
    count = np.bincount(lag[kept], minlength=lags)
    total = np.bincount(lag[kept], weights=correct[kept], minlength=lags)
    return np.divide(total, count, out=np.full(lags, np.nan), where=count > 0)


def predictive_curve(
    sessions: Sequence[Choices],
    model: Model,
    agent: Callable[..., ChoiceAgent],
    *,
    rng: np.random.Generator,
    draws: int = 20,
    lags: int = 20,
) -> pd.DataFrame:
    """Posterior predictive accuracy by trials since a switch.

    Parameters of each session are drawn from the Laplace posterior of its fit; agents with these
    parameters do the session again, under its own sequence of rules and cues.

    Parameters
    ----------
    sessions : sequence of Choices
        Sessions of one task.
    model : Model
        The model.
    agent : callable
        Makes the agent from the model's parameters by name.
    rng : numpy.random.Generator
        Draws parameters and choices.
    draws : int
        Replicates.
    lags : int
        Choices after a switch.

    Returns
    -------
    pandas.DataFrame
        ``lag`` (choices since the switch, from 0), ``observed``, ``predicted`` (mean of the
        replicates), ``low``, ``high`` (their 2.5 and 97.5 percentiles). Sets that follow another
        rule, all choices.

    Raises
    ------
    InputError
        If feedback may mislead: the replicates' outcomes follow the rules.
    """
    import pandas as pd

    if any(session.task.probabilistic for session in sessions):
        raise InputError(
            "predictive curve: found a probabilistic task; expected one whose outcomes follow the "
            "rules, as the replicates' do"
        )
    batch = stack(sessions)
    fit = fit_map(model, batch)
    lag = np.concatenate([_choice_lags(session) for session in sessions])
    observed = np.concatenate([session.correct for session in sessions])
    curves = np.empty((draws, lags))
    for draw in range(draws):
        replicate = []
        for position, session in enumerate(sessions):
            free = rng.multivariate_normal(fit.free[position], fit.covariance[position])
            values = {
                p.name: float(p.natural(value))
                for p, value in zip(fit.parameters, free, strict=True)
            }
            replicate.append(_replay(agent(**values), session, rng))
        curves[draw] = accuracy_by_lag(lag, np.concatenate(replicate), lags=lags)
    return pd.DataFrame(
        {
            "lag": np.arange(lags),
            "observed": accuracy_by_lag(lag, observed, lags=lags),
            "predicted": curves.mean(axis=0),
            "low": np.percentile(curves, 2.5, axis=0),
            "high": np.percentile(curves, 97.5, axis=0),
        }
    )


def _choice_lags(session: Choices) -> np.ndarray:
    """Choices since the switch, from 0; a very large number in a set that follows no other rule."""
    starts = np.flatnonzero(np.diff(session.set_index, prepend=-1))
    lag = np.arange(len(session)) - np.repeat(starts, np.diff([*starts, len(session)]))
    return np.where(session.previous_rule >= 0, lag, np.iinfo(np.intp).max)


def _replay(agent: ChoiceAgent, session: Choices, rng: np.random.Generator) -> np.ndarray:
    cues = [session.task.cue_names[cue] if cue >= 0 else "" for cue in session.cue]
    rules = [_label(session, position) for position in session.rule]
    return replay(agent, task=session.task, rules=rules, cues=cues, rng=rng)


def _label(session: Choices, strategy: int) -> str:
    """A label of the task that declares a strategy."""
    name = session.strategies[strategy]
    if name in session.task.rules and strategy >= session.n_sides:
        return name
    for label in session.task.rules:
        if set(session.task.correct_sides(label).values()) == {name}:
            return label
    raise InputError(f"replay: found no rule of the task for the strategy {name!r}")


def recovery_table(truth: Array, free: Array, spread: Array, names: Sequence[str]) -> pd.DataFrame:
    """Compare estimates with the truth, per parameter, on the transformed scale.

    Parameters
    ----------
    truth, free, spread : ndarray, shape (n_sessions, n_parameters)
        True and estimated values, and the estimates' standard errors.
    names : sequence of str
        Of the parameters.

    Returns
    -------
    pandas.DataFrame
        ``parameter``, ``correlation``, ``bias`` (mean of estimate - truth), ``error`` (root mean
        square), ``spread_of_truth`` (sd), ``coverage`` (of the 95 % interval).
    """
    import pandas as pd

    off = free - truth
    return pd.DataFrame(
        {
            "parameter": list(names),
            "correlation": [
                np.corrcoef(truth[:, i], free[:, i])[0, 1] for i in range(truth.shape[1])
            ],
            "bias": off.mean(axis=0),
            "error": np.sqrt((off**2).mean(axis=0)),
            "spread_of_truth": truth.std(axis=0),
            "coverage": (np.abs(off) < 1.96 * spread).mean(axis=0),
        }
    )
