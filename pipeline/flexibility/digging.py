"""Series of stages with new exemplars (digging task: SD, CD, REV1, ID, REV2, ED, REV3).

Which rule is which stage is declared in the task (``kind``). Costs are differences of trials to
criterion between two stages of one session (Birrell & Brown 2000 J Neurosci 20:4320).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pipeline.experiment.task import Task
from pipeline.flexibility.epochs import EpochTrials
from pipeline.flexibility.latencies import latencies
from pipeline.flexibility.per_set import mean_to_criterion
from pipeline.flexibility.scoring import Scores
from pipeline.metric import Value

if TYPE_CHECKING:
    import pandas as pd


def stage_sets(scored: Scores | EpochTrials) -> dict[str, pd.DataFrame]:
    """Set of each stage that was begun: the first one under its label.

    Parameters
    ----------
    scored : Scores or EpochTrials
        A session or a cell of it.

    Returns
    -------
    dict of str to pandas.DataFrame
        One row of the table of sets by name of the stage, in the order of the declaration.
    """
    first: dict[str, int] = {}
    for position, label in enumerate(scored.sets["rule"]):
        first.setdefault(label, position)
    found = {}
    for label, stage in scored.task.stages.items():
        if label in first:
            found[stage] = scored.sets.iloc[[first[label]]]
    return found


def stage_table(scored: Scores | EpochTrials) -> pd.DataFrame:
    """One row per stage that the task declares, begun or not.

    Parameters
    ----------
    scored : Scores or EpochTrials
        A session or a cell of it.

    Returns
    -------
    pandas.DataFrame
        ``stage``, ``rule`` (the lab's label), ``begun``, ``reached``, ``censored`` (begun and not
        reached), ``trials_to_criterion``, ``errors_to_criterion``, ``n_trials``, ``n_omissions``:
        empty where the stage was not begun; where it is censored the counts so far.
    """
    import pandas as pd

    counts = ["trials_to_criterion", "errors_to_criterion", "n_trials", "n_omissions"]
    begun = stage_sets(scored)
    rows = []
    for label, stage in scored.task.stages.items():
        row = begun[stage].iloc[0] if stage in begun else None
        reached = row is not None and bool(row["reached"])
        rows.append(
            {
                "stage": stage,
                "rule": label,
                "begun": row is not None,
                "reached": reached,
                "censored": row is not None and not reached,
                **{name: pd.NA if row is None else int(row[name]) for name in counts},
            }
        )
    table = pd.DataFrame(rows, columns=["stage", "rule", "begun", "reached", "censored", *counts])
    return table.astype(dict.fromkeys(counts, "Int64"))


def stage_values(cell: EpochTrials, column: str) -> list[Value]:
    """Count to criterion in each stage that starts in the cell.

    Parameters
    ----------
    cell : EpochTrials
        Trials and sets of one cell.
    column : str
        ``trials_to_criterion`` or ``errors_to_criterion``.

    Returns
    -------
    list of Value
        One for each stage in which a choice was made; censored where it was not finished. A stage
        that was never begun has none: nothing is known of it.
    """
    return [
        value
        for stage, sets in stage_sets(cell).items()
        for value in mean_to_criterion(cell, column, sets=sets, band=stage)
    ]


def stage_latencies(cell: EpochTrials) -> list[Value]:
    """Median latency of the choices in each stage.

    Parameters
    ----------
    cell : EpochTrials
        Trials of one cell.

    Returns
    -------
    list of Value
        In seconds, one for each stage with a latency in the cell; ``n_effective`` is their number.
    """
    seconds = latencies(cell.trials, "choice")
    rule, values = cell.trials["rule"].to_numpy(dtype=object), []
    for label, stage in cell.task.stages.items():
        used = seconds[(rule == label) & np.isfinite(seconds)]
        if len(used):
            values.append(
                Value(
                    value=float(np.median(used)),
                    band=stage,
                    n_effective=float(len(used)),
                    n_effective_unit="trials",
                )
            )
    return values


def stage_cost(cell: EpochTrials, stage: str, reference: str) -> list[Value]:
    """Trials to criterion of one stage minus those of another.

    Parameters
    ----------
    cell : EpochTrials
        Trials and sets of one cell.
    stage, reference : str
        Names of stages; "" for one that the task does not have.

    Returns
    -------
    list of Value
        One value where both criteria were met. Where only the reference's was, the difference so
        far, censored: the cost is that or more. Where the reference's was not met there is no
        value: the cost has no lower bound.
    """
    sets = stage_sets(cell)
    if stage not in sets or reference not in sets:
        return []
    later, earlier = sets[stage].iloc[0], sets[reference].iloc[0]
    if not earlier["reached"] or not later["n_correct"] + later["n_errors"]:
        return []
    return [
        Value(
            value=float(later["trials_to_criterion"] - earlier["trials_to_criterion"]),
            censored=not later["reached"],
            n_effective=1.0 + float(later["reached"]),
            n_effective_unit="sets",
        )
    ]


def shift_stages(task: Task) -> tuple[str, str]:
    """Return the stages of the shift cost, ED and ID ("" where the task has none).

    The first extradimensional stage, and the last intradimensional one declared before it.
    """
    names = list(task.stages.values())
    if "extradimensional" not in names:
        return "", ""
    before = names[: names.index("extradimensional")]
    intra = [name for name in before if name.startswith("intradimensional")]
    return "extradimensional", intra[-1] if intra else ""


def reversal_stages(task: Task) -> tuple[str, str]:
    """Return the stages of the reversal cost: the first reversal, and the stage it reverses."""
    names = list(task.stages.values())
    if "reversal_1" not in names:
        return "", ""
    return "reversal_1", names[names.index("reversal_1") - 1]


def set_formed(scored: Scores | EpochTrials) -> bool | None:
    """Whether the intradimensional shift took fewer trials than the extradimensional one.

    Without that there is no sign that the animal had formed an attentional set.

    Parameters
    ----------
    scored : Scores or EpochTrials
        A session or a cell of it.

    Returns
    -------
    bool or None
        None where it is not known. A stage that was not finished took at least the trials so far,
        which can be enough to decide.
    """
    stages, (extra, intra) = stage_sets(scored), shift_stages(scored.task)
    if extra not in stages or intra not in stages:
        return None
    one, other = stages[intra].iloc[0], stages[extra].iloc[0]
    # The least that an unfinished stage can have taken: with the run included, one trial more.
    more = int(scored.task.criterion_run_included)
    intra_least = one["trials_to_criterion"] + more * (not one["reached"])
    extra_least = other["trials_to_criterion"] + more * (not other["reached"])
    if one["reached"] and other["reached"]:
        return bool(intra_least < extra_least)
    if one["reached"]:
        return True if intra_least < extra_least else None
    if other["reached"]:
        return False if intra_least >= extra_least else None
    return None
