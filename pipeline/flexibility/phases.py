"""Learning phases in time, so that a recording can be split by them.

Own definition, because publications cut the time after a switch in different ways. Per set of the
log, in the order of its trials:

* ``perseverative``: from the first trial under the new rule to the last perseverative error of the
  configured scheme before the criterion run; none without such an error.
* ``post_perseverative``: from there to the first trial of the run that meets the criterion (to the
  end of the set where it is not met).
* ``established``: from the first trial of that run to the switch.
* ``before_switch``: of the established trials the last ``task.switch_cost_trials`` ones, where
  another rule follows; taken out of ``established``.

The trials of a set that follows no other rule (or a new label for the same sides), before its
criterion run, are in no phase. A set with an error that the scheme cannot type has no perseverative
and post-perseverative phase, rather than wrong ones. A trial lasts until the next trial of the log
begins.

Where something is given in the session, trials before it are judged by the trials before it alone
(errors are typed, and usual trials timed, by these too): else the phases of a baseline would depend
on what the drug did. A set that goes on after the dose is then followed by no switch, and has no
criterion run that is completed after it. Trials after a dose are judged with those before it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import InputError
from pipeline.experiment.strict import did_you_mean
from pipeline.experiment.task import Task
from pipeline.flexibility.coding import CodedTrials, code_trials
from pipeline.flexibility.schemes import ERROR_TYPES, PERSEVERATIVE, SCHEMES, label_errors
from pipeline.flexibility.scoring import Scores
from pipeline.flexibility.sets import summarise_sets
from pipeline.intervals import Intervals

if TYPE_CHECKING:
    import pandas as pd

PHASES = ("before_switch", "perseverative", "post_perseverative", "established")
#: A trial lasts no longer than so many usual ones: then the animal paused, or was elsewhere.
LONGEST_TRIALS = 5.0


def learning_phases(
    scores: Scores, *, scheme: str, administrations_s: Sequence[float] = ()
) -> pd.DataFrame:
    """Intervals of the learning phases.

    Parameters
    ----------
    scores : Scores
        One session; trials without a time are passed over.
    scheme : str
        Error scheme that says which errors are perseverative.
    administrations_s : sequence of float
        When anything was given in the session, in seconds on its clock.

    Returns
    -------
    pandas.DataFrame
        ``t_start``, ``t_stop`` (s on the session clock, half-open), ``phase`` (``PHASES``),
        ``set_index``, ``n_trials``; in order of time, without overlaps. Neighbouring trials of one
        phase and set are one interval, unless something was given between them.

    Raises
    ------
    InputError
        If the scheme is unknown.
    """
    import pandas as pd

    if scheme not in SCHEMES:
        raise InputError(
            f"flexibility.error_scheme: found {scheme!r}; expected one of {', '.join(SCHEMES)}"
            f"{did_you_mean(scheme, SCHEMES)}"
        )
    trials = scores.trials
    phase = np.full(len(trials), -1)
    stop, part = np.full(len(trials), np.nan), np.zeros(len(trials), dtype=np.intp)
    parts = _parts(scores, scheme, administrations_s)
    for number, (own, end_s, (known, sets)) in enumerate(parts):
        part[own] = number
        scored = np.flatnonzero(known["set_index"].to_numpy() > 0)
        found = np.full(len(known), -1)
        found[scored] = _phase_of_trials(known.iloc[scored], sets, scores.task, scheme)
        phase[own] = found[own]
        time = known["t_trial"].to_numpy(dtype=float)
        ends = np.full(len(known), np.nan)
        ends[np.isfinite(time)] = _trial_ends(time[np.isfinite(time)])
        stop[own] = np.minimum(ends, end_s)[own]
    timed = np.isfinite(trials["t_trial"].to_numpy(dtype=float))
    start, stop = trials["t_trial"].to_numpy(dtype=float)[timed], stop[timed]
    phase, set_index, part = phase[timed], trials["set_index"].to_numpy()[timed], part[timed]
    # Zero-length trials (two at one time, clocks of whole seconds) hold no time.
    kept = np.flatnonzero((phase >= 0) & (stop > start))
    start, stop, phase, set_index, part = (
        values[kept] for values in (start, stop, phase, set_index, part)
    )
    opens = np.ones(len(kept), dtype=bool)
    opens[1:] = (
        (start[1:] > stop[:-1]) | (phase[1:] != phase[:-1]) | (set_index[1:] != set_index[:-1])
    )
    opens[1:] |= part[1:] != part[:-1]
    first = np.flatnonzero(opens)
    last = np.append(first[1:], len(kept))[: len(first)] - 1
    return pd.DataFrame(
        {
            "t_start": start[first],
            "t_stop": stop[last],
            "phase": pd.array([PHASES[code] for code in phase[first]], dtype="str"),
            "set_index": set_index[first],
            "n_trials": last - first + 1,
        }
    )


def learning_strata(
    scores: Scores, *, scheme: str, administrations_s: Sequence[float] = ()
) -> dict[str, Intervals]:
    """Divide a session into learning phases.

    Parameters
    ----------
    scores : Scores
        One session.
    scheme : str
        As in :func:`learning_phases`.
    administrations_s : sequence of float
        As in :func:`learning_phases`.

    Returns
    -------
    dict of str to numpy.ndarray
        By name of ``PHASES``: (n, 2) seconds on the session clock, disjoint, in order.
    """
    phases = learning_phases(scores, scheme=scheme, administrations_s=administrations_s)
    return {
        name: phases.loc[phases["phase"] == name, ["t_start", "t_stop"]].to_numpy(dtype=float)
        for name in PHASES
    }


def _parts(
    scores: Scores, scheme: str, given: Sequence[float]
) -> Iterator[tuple[slice, float, tuple[pd.DataFrame, pd.DataFrame]]]:
    """Rows between two administrations, when they end, and the trials and sets known by then."""
    import pandas as pd

    trials, begin = scores.trials, 0
    # An untimed trial stands at the time of the trial before it.
    time = trials["t_trial"].ffill().to_numpy(dtype=float)
    coded: CodedTrials | None = None
    for dose in np.unique(np.asarray(given, dtype=float)):
        later = np.flatnonzero(time >= dose)
        end = int(later[0]) if len(later) else len(trials)
        if end == len(trials):
            break
        if end > begin:
            coded = code_trials(trials, scores.task) if coded is None else coded
            known = trials.iloc[:end]
            part = _first_trials(coded, int(np.searchsorted(coded.row, end)))
            codes = np.zeros(end, dtype=np.int8)
            codes[part.row] = label_errors(part, scores.task)[scheme]
            labels = pd.Categorical.from_codes(codes, pd.Index(ERROR_TYPES))
            known = known.assign(**{f"error_{scheme}": labels})
            yield (
                slice(begin, end),
                dose,
                (known, summarise_sets(known.iloc[part.row], scores.task)),
            )
            begin = end
    yield slice(begin, len(trials)), np.inf, (trials, scores.sets)


def _first_trials(coded: CodedTrials, count: int) -> CodedTrials:
    """Keep the first scored trials of a session, and the sets that they are of."""
    n_sets = int(coded.set_id[count - 1]) + 1 if count else 0
    per_set = {name: getattr(coded, name)[:n_sets] for name in ("first", "rule", "previous_rule")}
    per_trial = {
        name: getattr(coded, name)[:count]
        for name in ("row", "set_id", "outcome", "choice", "correct_side", "previous_side")
    }
    return replace(coded, **per_set, **per_trial)


def _phase_of_trials(
    trials: pd.DataFrame, sets: pd.DataFrame, task: Task, scheme: str
) -> NDArray[np.intp]:
    """Position in ``PHASES`` of each scored trial; -1 for none."""
    before_switch, perseverative, post_perseverative, established = range(len(PHASES))
    set_id = trials["set_index"].to_numpy() - 1
    number = trials["trial_in_set"].to_numpy()
    reached = sets["reached"].to_numpy()
    begins = np.where(reached, sets["criterion_run_begins"], np.iinfo(np.int64).max)
    learnt = number >= begins[set_id]
    codes = trials[f"error_{scheme}"].cat.codes.to_numpy()
    wrong = (trials["outcome"] == "error").to_numpy()
    last_error = np.zeros(len(sets), dtype=np.int64)
    persists = (codes == PERSEVERATIVE) & ~learnt
    np.maximum.at(last_error, set_id[persists], number[persists])
    untyped = wrong & (codes == ERROR_TYPES.index("none")) & ~learnt
    typed = np.bincount(set_id[untyped], minlength=len(sets)) == 0
    is_shift = ~sets["switch"].isin(["", "repeat"]).to_numpy()
    typed &= is_shift
    followed = np.append(is_shift[1:], False)[: len(sets)]
    from_end = sets["n_trials"].to_numpy()[set_id] - number
    last = learnt & followed[set_id] & (from_end < task.switch_cost_trials)
    early = ~learnt & typed[set_id]
    return np.select(
        [last, learnt, early & (number <= last_error[set_id]), early],
        [before_switch, established, perseverative, post_perseverative],
        default=-1,
    )


def _trial_ends(start: NDArray[np.float64]) -> NDArray[np.float64]:
    """When each trial ends: where the next one begins, unless the animal paused."""
    if len(start) < 2:
        # The length of a lone trial is not known.
        return start.copy()
    steps = np.diff(start)
    usual = float(np.median(steps[steps > 0])) if (steps > 0).any() else 0.0
    stops = np.where(steps > LONGEST_TRIALS * usual, start[:-1] + usual, start[1:])
    return np.append(stops, start[-1] + usual)
