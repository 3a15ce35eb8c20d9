"""Trials counted from the change of the rule, by its direction, and what the change costs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pipeline.flexibility.epochs import EpochTrials
from pipeline.flexibility.latencies import latencies
from pipeline.flexibility.scoring import Scores
from pipeline.flexibility.shifts import shift_sets
from pipeline.metric import Value

if TYPE_CHECKING:
    import pandas as pd

#: Kinds of trials in the switch-aligned curves.
KINDS = ("all", "conflict", "congruent")


def switch_rows(scored: Scores | EpochTrials, *, before: int, after: int) -> pd.DataFrame:
    """Trials around each change of the rule.

    A switch is a set whose rule asks for other sides than the rule before it (a new label for the
    same sides is none). It belongs to the cell in which its first trial lies; trials outside the
    cell are left out, and so are trials before it in another interval than its first trial. Trials
    of a set that is shorter end with it, so that no trial stands on two sides of one switch.

    Parameters
    ----------
    scored : Scores or EpochTrials
        A session, or a cell of it.
    before, after : int
        From lag ``-before`` to lag ``after``. Lag 0 is the first trial under the new rule, -1 the
        last one under the old.

    Returns
    -------
    pandas.DataFrame
        One row per trial and switch: ``lag``; ``switch`` (the set's ``set_index``); ``direction``
        ("light to side"); ``outcome``; ``latency`` (of the choice, s, NaN where there is none);
        ``conflict`` (1 where old and new rule ask for different sides, 0 where for the same, NaN
        where that is not known: also before the switch, it is these two rules that are compared);
        ``old_choice`` (1 where the old rule's side was chosen, 0 where another, NaN where not
        known).
    """
    import pandas as pd

    trials = scored.trials[scored.trials["set_index"].to_numpy() > 0]
    sets = scored.sets[shift_sets(scored.sets)]
    set_index = trials["set_index"].to_numpy()
    number = trials["scored_trial"].to_numpy()
    interval = (
        trials["interval"].to_numpy() if "interval" in trials else np.zeros(len(trials), dtype=int)
    )
    first = (trials["trial_in_set"] == 1).to_numpy()
    size = int(max(set_index.max(initial=0), sets["set_index"].to_numpy().max(initial=0))) + 2
    # By set_index: number and interval of the first trial; -1 where the set is no switch here.
    starts, piece = np.full(size, -1), np.full(size, -1)
    starts[set_index[first]] = number[first]
    piece[set_index[first]] = interval[first]
    is_switch = np.zeros(size, dtype=bool)
    is_switch[sets["set_index"].to_numpy()] = True
    is_switch &= starts >= 0
    lag = trials["trial_in_set"].to_numpy() - 1
    late = np.flatnonzero(is_switch[set_index] & (lag <= after))
    to_go = number - starts[set_index + 1]
    early = np.flatnonzero(
        is_switch[set_index + 1] & (to_go >= -before) & (interval == piece[set_index + 1])
    )
    position = np.concatenate([early, late])
    switch = np.concatenate([set_index[early] + 1, set_index[late]])
    by_set = sets.set_index("set_index")
    conflict, old_choice = _flags(trials, "conflict"), _flags(trials, "previous_rule_choice")
    outcome = trials["outcome"]
    chose = outcome.isin(["correct", "error"]).to_numpy()
    before_new = _new_sides(
        trials.iloc[early], by_set["rule"].reindex(switch[: len(early)]), scored
    )
    now = trials["correct_side"].to_numpy(dtype=object)[early]
    differ = np.where((before_new == "") | (now == ""), np.nan, (before_new != now).astype(float))
    right = np.where(chose, (outcome == "correct").to_numpy(), np.nan)
    return pd.DataFrame(
        {
            "lag": np.concatenate([to_go[early], lag[late]]),
            "switch": switch,
            "direction": by_set["direction"].reindex(switch).to_numpy(),
            "outcome": outcome.to_numpy()[position],
            "latency": latencies(trials, "choice")[position],
            "conflict": np.concatenate([differ, conflict[late]]),
            "old_choice": np.concatenate([right[early], old_choice[late]]),
        }
    )


def switch_aligned(
    scored: Scores | EpochTrials, *, before: int = 5, after: int = 20
) -> pd.DataFrame:
    """Counts by lag from the switch: for curves of accuracy and of previous-rule choice.

    Parameters
    ----------
    scored : Scores or EpochTrials
        A session, or a cell of it.
    before, after : int
        Lags, as in :func:`switch_rows`.

    Returns
    -------
    pandas.DataFrame
        One row per direction, kind (``KINDS``) and lag, zeros included: ``lag``, ``direction``,
        ``kind``, ``n_switches`` (of that direction), ``n_trials`` (choices), ``n_correct``,
        ``n_omissions``, ``n_compared`` (choices for which it is known what the old rule asks for),
        ``n_previous_rule`` (of these, choices of the old rule's side). On trials without conflict
        the old rule's side is the new rule's too.
    """
    import pandas as pd

    rows = switch_rows(scored, before=before, after=after)
    codes, directions = pd.factorize(rows["direction"], sort=True)
    n_lags = before + after + 1
    cell = codes * n_lags + rows["lag"].to_numpy() + before
    outcome = rows["outcome"]
    correct, omitted = (outcome == "correct").to_numpy(), (outcome == "omission").to_numpy()
    old, conflict = rows["old_choice"].to_numpy(), rows["conflict"].to_numpy()
    of_kind = {"all": np.ones(len(rows), dtype=bool), "conflict": conflict == 1}
    of_kind["congruent"] = conflict == 0
    switches = rows.groupby("direction")["switch"].nunique().reindex(directions).to_numpy()
    size = len(directions) * n_lags

    def tally(mask: NDArray[np.bool_]) -> NDArray[np.intp]:
        return np.bincount(cell[mask], minlength=size)

    parts = [
        pd.DataFrame(
            {
                "lag": np.tile(np.arange(-before, after + 1), len(directions)),
                "direction": pd.array(np.repeat(directions.to_numpy(), n_lags), dtype="str"),
                "kind": kind,
                "n_switches": np.repeat(switches, n_lags),
                "n_trials": tally(mask & ~omitted),
                "n_correct": tally(mask & correct),
                "n_omissions": tally(mask & omitted),
                "n_compared": tally(mask & np.isfinite(old)),
                "n_previous_rule": tally(mask & (old == 1)),
            }
        )
        for kind, mask in of_kind.items()
    ]
    return pd.concat(parts, ignore_index=True)


def by_direction(cell: EpochTrials, rows: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Rows of all switches, and of each direction by the name that an outcome id uses.

    Parameters
    ----------
    cell : EpochTrials
        For its task (:attr:`pipeline.experiment.task.Task.directions`).
    rows : pandas.DataFrame
        With ``direction``: of :func:`switch_rows`, or sets.

    Returns
    -------
    dict of str to pandas.DataFrame
        ``all`` first; a direction without rows is left out.
    """
    parts: Mapping[str, str] = cell.task.directions
    found = {"all": rows} | {
        name: rows[rows["direction"] == direction] for name, direction in parts.items()
    }
    return {name: part for name, part in found.items() if len(part)}


def switch_costs(cell: EpochTrials, *, of: str) -> list[Value]:
    """What the change of the rule costs: last trials before it against the first after it.

    Parameters
    ----------
    cell : EpochTrials
        Trials of one cell; ``task.switch_cost_trials`` on either side of a switch are compared.
    of : {"accuracy", "latency"}
        Accuracy before minus after, all switches taken together; or median latency of the choice
        after minus before (s). Only switches with a choice on either side count.

    Returns
    -------
    list of Value
        Positive where the switch costs something; ``all``, then each direction. ``n_effective`` is
        the number of switches.
    """
    m = cell.task.switch_cost_trials
    rows = switch_rows(cell, before=m, after=m - 1)
    used = "latency" if of == "latency" else "right"
    right = np.where(rows["outcome"] == "correct", 1.0, 0.0)
    rows["right"] = np.where(rows["outcome"] == "omission", np.nan, right)
    rows = rows[rows[used].notna()]
    both = rows.groupby("switch")["lag"].agg(["min", "max"])
    paired = both.index[(both["min"] < 0) & (both["max"] >= 0)]
    rows = rows[rows["switch"].isin(paired)]
    values = []
    for name, part in by_direction(cell, rows).items():
        old, new = (part.loc[part["lag"] < 0, used], part.loc[part["lag"] >= 0, used])
        cost = old.mean() - new.mean() if of == "accuracy" else new.median() - old.median()
        values.append(
            Value(
                value=float(cost),
                band=name,
                n_effective=float(part["switch"].nunique()),
                n_effective_unit="switches",
            )
        )
    return values


def _new_sides(
    trials: pd.DataFrame, rules: pd.Series, scored: Scores | EpochTrials
) -> NDArray[np.object_]:
    """Side that the rule to come would have made correct; "" where the cue is not known."""
    cue = (
        trials["cue_side"].fillna("").to_numpy(dtype=object)
        if "cue_side" in trials
        else np.full(len(trials), "", dtype=object)
    )
    sides = np.full(len(trials), "", dtype=object)
    labels = rules.to_numpy(dtype=object)
    for rule in rules.unique():
        table = scored.task.correct_sides(rule)
        for name in np.unique(cue[labels == rule].astype(str)):
            sides[(labels == rule) & (cue == name)] = table.get(name, "")
    return sides


def _flags(trials: pd.DataFrame, name: str) -> NDArray[np.float64]:
    """Return 0, 1, or NaN where it is missing."""
    return trials[name].to_numpy(dtype=float, na_value=np.nan)
