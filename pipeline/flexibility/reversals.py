"""Reversal learning: deterministic, probabilistic, with two options or more.

A reversal is a set whose rule gives every cue another side than the rule before. "Correct" is the
choice of the better option, whatever was paid for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.experiment.task import Task
from pipeline.flexibility.epochs import EpochTrials
from pipeline.flexibility.per_set import share
from pipeline.flexibility.scoring import Scores
from pipeline.metric import Value

if TYPE_CHECKING:
    import pandas as pd

#: What a side was to the animal before a reversal, by the rules of the session so far.
HISTORY = ("previous", "earlier", "never")


def is_reversal_task(task: Task) -> bool:
    """Whether the rules of a task can follow each other by reversal only."""
    kinds = {task.switch(before, now) for before, now in permutations(task.rules, 2)}
    return not task.stages and "reversal" in kinds and kinds <= {"reversal", "repeat"}


def reversal_sets(scored: Scores | EpochTrials) -> pd.DataFrame:
    """Sets that follow another rule by reversal (rows of the table of sets)."""
    return scored.sets[scored.sets["switch"] == "reversal"]


def reversal_count(cell: EpochTrials) -> tuple[int, int]:
    """Reversals inside the session that lie in a cell, and the choices made in the cell.

    A reversal lies where its first trial does; the rule that a session starts with is none, even if
    it reverses that of the day before. A criterion that is met on the last trial of a session
    earns a set, and no reversal: the log has no trial under the next rule.

    Parameters
    ----------
    cell : EpochTrials
        Trials and sets of one cell.

    Returns
    -------
    reversals, choices : int
    """
    reversals = int((reversal_sets(cell)["set_index"] > 1).sum())
    return reversals, int(cell.trials["outcome"].isin(["correct", "error"]).sum())


def first_errors(cell: EpochTrials) -> list[Value]:
    """Share of reversals with a choice whose first one is wrong; none where it is informed.

    Parameters
    ----------
    cell : EpochTrials
        Trials and sets of one cell.

    Returns
    -------
    list of Value
        One value or none; ``n_effective`` is the number of reversals.
    """
    if cell.task.switch_is_cued or cell.task.discovery_trials:
        return []
    sets = reversal_sets(cell)
    sets = sets[sets["n_correct"] + sets["n_errors"] > 0]
    return share(int(sets["initial_run_first_trial"].sum()), len(sets), unit="sets")


def reversal_errors(cell: EpochTrials) -> list[Value]:
    """Errors per reversal: up to the first correct choice, and after that.

    Parameters
    ----------
    cell : EpochTrials
        Trials and sets of one cell.

    Returns
    -------
    list of Value
        ``perseverative``: mean over reversals with a correct choice, else the errors so far,
        censored, without an uninformed first one (:func:`first_errors`). ``regressive``: mean over
        reversals whose criterion was met, up to it.
    """
    sets = reversal_sets(cell)
    sets = sets[sets["n_correct"] + sets["n_errors"] > 0]
    left, met = sets[sets["n_correct"] > 0], sets[sets["reached"]]
    stuck = not len(left)
    parts = {
        "perseverative": (sets if stuck else left, stuck),
        "regressive": (met, False),
    }
    return [
        Value(
            value=float(rows[f"initial_run_{kind}"].mean()),
            band=kind,
            censored=censored,
            n_effective=0.0 if censored else float(len(rows)),
            n_effective_unit="sets",
        )
        for kind, (rows, censored) in parts.items()
        if len(rows)
    ]


def options_chosen(cell: EpochTrials) -> tuple[int, int, int]:
    """Errors after completed reversals among three options or more, by what was chosen.

    Parameters
    ----------
    cell : EpochTrials
        Trials and sets of one cell.

    Returns
    -------
    previous, other, reversals : int
        Choices of the option that was correct before the reversal (A-: perseveration), of the
        other wrong ones (C-), up to the criterion and without an uninformed first choice; and the
        number of reversals whose criterion was met and whose choices are all known. Zero reversals
        where the task has two options only.
    """
    if len(cell.task.sides) < 3:
        return 0, 0, 0
    sets = reversal_sets(cell)
    sets = sets[sets["reached"] & (sets["rule_consistent_untyped"] == 0)]
    old = sets["rule_consistent_perseverative"] + sets["rule_consistent_regressive"]
    return int(old.sum()), int(sets["rule_consistent_never_reinforced"].sum()), len(sets)


def reversal_table(scores: Scores) -> pd.DataFrame:
    """One row per reversal of a session, with what was chosen and what that had been before.

    Counts go up to the criterion (to the end of the set where it was not met) and leave out the
    first choice where it is uninformed (``first_choice`` has it).

    Parameters
    ----------
    scores : Scores
        A session.

    Returns
    -------
    pandas.DataFrame
        ``set_index``, ``previous_rule``, ``rule``, ``reached``, ``trials_to_criterion``;
        ``first_choice``: ``correct``, or what the side chosen had been (as below), "" where nothing
        was chosen or it is not known; ``choices_to_first_correct`` (missing if there was none);
        ``correct_was``: what the side that is correct now had been, "" where that depends on the
        cue; ``chose_previous``, ``chose_earlier``, ``chose_never``: errors by what the side chosen
        had been for the same cue: correct before this reversal, correct before that, or never in
        this session; ``chose_unknown``: errors whose side is not known; ``previous_share``:
        ``chose_previous`` / errors of known side, NaN without.
    """
    import pandas as pd

    task, trials = scores.task, scores.trials
    informed = task.switch_is_cued or task.discovery_trials > 0
    tables = {label: task.correct_sides(label) for label in task.rules}
    rules = scores.sets["rule"].tolist()
    if task.rule_before_session is not None:
        rules = [task.rule_before_session, *rules]
    shift = len(rules) - len(scores.sets)
    by_set = dict(iter(trials[trials["set_index"] > 0].groupby("set_index")))
    rows = []
    entries: Iterator[Any] = reversal_sets(scores).itertuples()
    for entry in entries:
        past = rules[: entry.set_index - 1 + shift]
        own = by_set[entry.set_index]
        ends = entry.n_trials - entry.n_after_criterion
        own = own[(own["trial_in_set"] <= ends) & (own["outcome"] != "omission")]
        correct = (own["outcome"] == "correct").to_numpy()
        cues = own["cue_side"].fillna("") if "cue_side" in own else [""] * len(own)
        chosen = own["choice_side"].fillna("") if "choice_side" in own else [""] * len(own)
        was = [
            "correct" if right else _was(side, cue, past, tables)
            for right, side, cue in zip(correct, chosen, cues, strict=True)
        ]
        counted = was if informed else was[1:]
        count = {name: counted.count(name) for name in (*HISTORY, "")}
        known = sum(count[name] for name in HISTORY)
        sides = {_was(side, cue, past, tables) for cue, side in tables[entry.rule].items() if past}
        rows.append(
            {
                "set_index": entry.set_index,
                "previous_rule": entry.previous_rule,
                "rule": entry.rule,
                "reached": entry.reached,
                "trials_to_criterion": entry.trials_to_criterion,
                "first_choice": was[0] if was else "",
                "choices_to_first_correct": int(np.argmax(correct)) + 1 if correct.any() else pd.NA,
                "correct_was": sides.pop() if len(sides) == 1 else "",
                **{f"chose_{name}": count[name] for name in HISTORY},
                "chose_unknown": count[""],
                "previous_share": count["previous"] / known if known else float("nan"),
            }
        )
    columns = ["set_index", "previous_rule", "rule", "reached", "trials_to_criterion"]
    columns += ["first_choice", "choices_to_first_correct", "correct_was"]
    columns += [*(f"chose_{name}" for name in HISTORY), "chose_unknown", "previous_share"]
    table = pd.DataFrame(rows, columns=columns)
    return table.astype({"choices_to_first_correct": "Int64"})


def _was(side: str, cue: str, past: list[str], tables: dict[str, dict[str, str]]) -> str:
    """What a side had been under the rules so far, for one cue; "" where that is not known."""
    asked = [tables[label].get(cue, "") for label in past]
    if not side or "" in asked:
        return ""
    if asked[-1] == side:
        return "previous"
    return "earlier" if side in asked else "never"
