"""One row per set (run of trials under one rule) and one row per session."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pipeline.experiment.task import Task
from pipeline.flexibility.coding import CORRECT, ERROR, OMISSION
from pipeline.flexibility.restricted import restricted_to_criterion
from pipeline.flexibility.runs import find_runs, streak_lengths
from pipeline.flexibility.schemes import ERROR_TYPES, NO_ERROR, SCHEMES

if TYPE_CHECKING:
    import pandas as pd


def summarise_sets(trials: pd.DataFrame, task: Task) -> pd.DataFrame:
    """One row per set.

    Trials to criterion are the index of the trial that completes the first run meeting the
    criterion, among the trials that count (omissions only if ``task.omissions_count``); with
    ``criterion_run_included: false``, the trials before that run. Where the criterion was not met
    the row is right-censored: the value is the smallest that is still possible (all trials run, or
    for the exclusive form those before which the run can no longer begin), never a session cap.

    Parameters
    ----------
    trials : pandas.DataFrame
        Scored trials of whole sets (``outcome`` other than ``unscored``), with the columns that
        :func:`pipeline.flexibility.score` adds, in order.
    task : Task
        Criterion and what counts.

    Returns
    -------
    pandas.DataFrame
        ``set_index``, ``rule``, ``previous_rule``, ``direction``, ``switch``, ``first_trial`` and
        ``last_trial`` (the log's numbers), ``n_trials``, ``n_correct``, ``n_errors``,
        ``n_omissions``, ``accuracy`` (correct / (correct + error), NaN without choices),
        ``t_start``, ``t_stop`` (first and last trial, s), ``t_criterion`` (trial that meets the
        criterion, s, NaN if not met), ``criterion_run_begins`` (first trial of the run that meets
        it, counted in the set from 1; 0 if not met), ``trials_to_criterion``,
        ``time_to_criterion`` (s from ``t_start`` to ``t_criterion``, else to ``t_stop``),
        ``reached``, ``censored`` (= not reached),
        ``n_after_criterion`` (trials), ``errors_to_criterion``, ``n_streaks``, ``mean_streak``
        (trials, NaN without streaks), and ``<scheme>_<type>``: errors of each type up to the
        criterion, for each scheme and each type that it knows; ``<scheme>_untyped``: errors that
        it cannot classify (no previous rule, or the log does not say what that rule asked for).
    """
    import pandas as pd

    set_index, first, set_id = np.unique(
        trials["set_index"].to_numpy(), return_index=True, return_inverse=True
    )
    n_sets, n_trials = len(first), len(trials)
    outcome = trials["outcome"].cat.codes.to_numpy()
    time = trials["t_trial"].to_numpy(dtype=float)
    number = _trial_numbers(trials)
    last = np.append(first[1:], n_trials)[:n_sets] - 1
    counted = (outcome != OMISSION) | task.omissions_count
    run_trials = (outcome != OMISSION) | task.omissions_break_run
    runs = find_runs(
        good=outcome == CORRECT,
        takes_part=run_trials,
        set_id=set_id,
        n_sets=n_sets,
        needed=task.criterion.needed,
        window=task.criterion.window,
    )
    reached = runs.found
    end = np.where(reached, runs.end, last)
    upto = np.arange(n_trials) <= end[set_id]

    def tally(mask: NDArray[np.bool_]) -> NDArray[np.intp]:
        return np.bincount(set_id[mask], minlength=n_sets)

    if task.criterion_run_included:
        to_criterion = tally(counted & upto)
    else:
        begin = np.where(reached, runs.begin, runs.earliest)
        to_criterion = tally(counted & (np.arange(n_trials) < begin[set_id]))
    streak_set, streak = streak_lengths(
        good=outcome == CORRECT, takes_part=run_trials, set_id=set_id
    )
    long = streak >= task.streak_minimum
    n_streaks = np.bincount(streak_set[long], minlength=n_sets)
    streak_trials = np.bincount(streak_set[long], weights=streak[long], minlength=n_sets)
    n_correct, n_errors = tally(outcome == CORRECT), tally(outcome == ERROR)
    run_begins = np.where(reached, runs.begin - first + 1, 0)
    rule = trials["rule"].to_numpy(dtype=object)[first]
    previous_rule = trials["previous_rule"].to_numpy(dtype=object)[first]
    directions, kinds = _switches(previous_rule, rule, task)
    columns = {
        "set_index": set_index,
        "rule": pd.array(rule, dtype="str"),
        "previous_rule": pd.array(previous_rule, dtype="str"),
        "direction": pd.array(directions, dtype="str"),
        "switch": pd.array(kinds, dtype="str"),
        "first_trial": number[first],
        "last_trial": number[last],
        "n_trials": tally(np.ones(n_trials, dtype=bool)),
        "n_correct": n_correct,
        "n_errors": n_errors,
        "n_omissions": tally(outcome == OMISSION),
        "accuracy": _ratio(n_correct, n_correct + n_errors),
        "t_start": time[first],
        "t_stop": time[last],
        "t_criterion": np.where(reached, time[end], np.nan),
        "criterion_run_begins": run_begins,
        "trials_to_criterion": to_criterion,
        "time_to_criterion": time[end] - time[first],
        "reached": reached,
        "censored": ~reached,
        "n_after_criterion": tally(~upto),
        "errors_to_criterion": tally((outcome == ERROR) & upto),
        "n_streaks": n_streaks,
        "mean_streak": _ratio(streak_trials, n_streaks),
    }
    for name, scheme in SCHEMES.items():
        codes = trials[f"error_{name}"].cat.codes.to_numpy()
        for kind in scheme.types:
            columns[f"{name}_{kind}"] = tally(upto & (codes == ERROR_TYPES.index(kind)))
        columns[f"{name}_untyped"] = tally(upto & (codes == NO_ERROR) & (outcome == ERROR))
    return pd.DataFrame(columns)


def summarise_session(trials: pd.DataFrame, sets: pd.DataFrame, task: Task) -> pd.DataFrame:
    """One row for the session.

    Parameters
    ----------
    trials : pandas.DataFrame
        All trials as :func:`pipeline.flexibility.score` returns them.
    sets : pandas.DataFrame
        All sets, with ``ended``: the rule changed after the criterion ("switch") or before it
        ("early"), or the session ended ("session"); of the sets of an epoch also "cut".
    task : Task
        Says where the restricted mean ends, and what counts.

    Returns
    -------
    pandas.DataFrame
        ``n_trials``, ``n_unscored``, ``n_correct``, ``n_errors``, ``n_omissions``, ``accuracy``,
        ``omission_fraction``, ``n_sets``, ``sets_completed``, ``trials_to_criterion`` and
        ``errors_to_criterion`` (mean over completed sets, NaN without any),
        ``trials_to_criterion_restricted`` and ``trials_to_criterion_restricted_censored``
        (:func:`pipeline.flexibility.restricted.restricted_to_criterion`: with the unfinished set),
        ``time_to_criterion`` (s, mean over completed sets),
        ``n_early_switches`` (the rule changed before the criterion was met: is the criterion the
        box's?), ``n_late_switches`` (it changed trials after), ``n_streaks`` and ``mean_streak``
        (per set, mean over sets with a choice, with a streak), ``t_start``, ``t_stop`` (s).
    """
    import pandas as pd

    outcome = trials["outcome"]
    n_correct, n_errors, n_omissions, n_unscored = (
        int((outcome == name).sum()) for name in outcome.cat.categories
    )
    completed = sets[sets["reached"]]
    times = trials["t_trial"].dropna()
    restricted, still_open = restricted_to_criterion(sets, task=task)
    row = {
        "n_trials": len(trials),
        "n_unscored": n_unscored,
        "n_correct": n_correct,
        "n_errors": n_errors,
        "n_omissions": n_omissions,
        "accuracy": float(_ratio(n_correct, n_correct + n_errors)),
        "omission_fraction": float(_ratio(n_omissions, len(trials) - n_unscored)),
        "n_sets": len(sets),
        "sets_completed": len(completed),
        "trials_to_criterion": completed["trials_to_criterion"].mean(),
        "errors_to_criterion": completed["errors_to_criterion"].mean(),
        "trials_to_criterion_restricted": restricted,
        "trials_to_criterion_restricted_censored": still_open,
        "time_to_criterion": completed["time_to_criterion"].mean(),
        "n_early_switches": int((sets["ended"] == "early").sum()),
        "n_late_switches": int(
            ((sets["ended"] == "switch") & (sets["n_after_criterion"] > 0)).sum()
        ),
        "n_streaks": sets.loc[sets["n_correct"] + sets["n_errors"] > 0, "n_streaks"].mean(),
        "mean_streak": sets["mean_streak"].mean(),
        "t_start": times.iloc[0] if len(times) else np.nan,
        "t_stop": times.iloc[-1] if len(times) else np.nan,
    }
    return pd.DataFrame([row])


def _switches(
    before: NDArray[np.object_], now: NDArray[np.object_], task: Task
) -> tuple[list[str], list[str]]:
    """Direction ("light to side") and kind of each switch; empty without a previous rule."""
    pairs = list(zip(before, now, strict=True))
    named = {pair: (task.direction(*pair), task.switch(*pair)) for pair in set(pairs) if pair[0]}
    found = [named.get(pair, ("", "")) for pair in pairs]
    return [direction for direction, _ in found], [kind for _, kind in found]


def _trial_numbers(trials: pd.DataFrame) -> NDArray[np.int64]:
    """Trial numbers of the log, or positions from 1."""
    if "trial" in trials:
        return trials["trial"].to_numpy()
    return trials.index.to_numpy() + 1


def _ratio(part: NDArray[np.intp] | int, whole: NDArray[np.intp] | int) -> NDArray[np.float64]:
    """``part / whole``, NaN where there is nothing to divide by."""
    part, whole = np.asarray(part, dtype=float), np.asarray(whole, dtype=float)
    return np.divide(part, whole, out=np.full(part.shape, np.nan), where=whole > 0)
