"""What a choice follows from: the outcome of the choice before (win-stay, lose-shift), and side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pipeline.flexibility.epochs import EpochTrials, following
from pipeline.metric import Value

if TYPE_CHECKING:
    import pandas as pd

#: Kinds of win-stay and lose-shift: what is stayed with (the side, or following the cue), and, in
#: probabilistic tasks, whether the feedback told the truth of the rule or misled.
CODINGS = (
    "side",
    "cue",
    "side_true",
    "side_misleading",
    "cue_true",
    "cue_misleading",
)


@dataclass(frozen=True, kw_only=True)
class Pairs:
    """Pairs of choices on trials that directly follow each other; arrays of shape (n,).

    Attributes
    ----------
    won : ndarray of bool
        Whether the first choice was rewarded.
    misled : ndarray of bool
        Whether its reward said otherwise than the rule (a correct choice unrewarded, or the
        reverse).
    same_side : ndarray of bool
        Whether the second choice was of the same side.
    same_cue, cue_known : ndarray of bool
        Whether both choices followed the cue, or neither did; whether that is known.
    """

    won: NDArray[np.bool_]
    misled: NDArray[np.bool_]
    same_side: NDArray[np.bool_]
    same_cue: NDArray[np.bool_]
    cue_known: NDArray[np.bool_]


def choice_pairs(cell: EpochTrials) -> Pairs:
    """Pairs of a choice and the next one.

    Both are choices on neighbouring scored trials of one context interval: an omission breaks the
    pair, and so does the border of an interval. A change of the rule does not: before its first
    outcome the animal cannot know. Where the log has rewards, they are what is won (a pair whose
    first reward is not known is left out); where it has none, a correct choice is. In a
    probabilistic task a correct choice is not always rewarded: without rewards in the log there are
    no pairs.

    Parameters
    ----------
    cell : EpochTrials
        Trials of one cell.

    Returns
    -------
    Pairs
    """
    trials, task = cell.trials, cell.task
    correct = (trials["outcome"] == "correct").to_numpy()
    choice, cue = _chosen(cell), _positions(trials, "cue_side", task.sides)
    chosen = choice >= 0
    rewarded = np.full(len(trials), np.nan) if task.probabilistic else correct.astype(float)
    if "rewarded" in trials and trials["rewarded"].notna().any():
        rewarded = trials["rewarded"].to_numpy(dtype=float, na_value=np.nan)
    first = np.flatnonzero(
        following(trials) & chosen[:-1] & chosen[1:] & np.isfinite(rewarded[:-1])
    )
    second = first + 1
    # Cues that are no sides (tones) cannot be gone to.
    cued = (cue >= 0) & set(task.cue_names).issubset(task.sides)
    follows = choice == cue
    won = rewarded[first] == 1
    return Pairs(
        won=won,
        misled=won != correct[first],
        same_side=choice[first] == choice[second],
        same_cue=follows[first] == follows[second],
        cue_known=cued[first] & cued[second],
    )


def stay_or_shift(cell: EpochTrials, *, won: bool) -> list[Value]:
    """Share of pairs in which the animal stays after a win, or shifts after a loss.

    Parameters
    ----------
    cell : EpochTrials
        Trials of one cell.
    won : bool
        True: win-stay, n(win, stay) / n(win). False: lose-shift, n(loss, shift) / n(loss).

    Returns
    -------
    list of Value
        By ``CODINGS``; those by feedback only where the task is probabilistic. ``n_effective`` is
        the number of pairs.
    """
    pairs = choice_pairs(cell)
    after = pairs.won == won
    masks = {"side": after, "cue": after & pairs.cue_known}
    if cell.task.probabilistic:
        for coding in ("side", "cue"):
            masks[f"{coding}_true"] = masks[coding] & ~pairs.misled
            masks[f"{coding}_misleading"] = masks[coding] & pairs.misled
    values = []
    for kind in CODINGS:
        mask = masks.get(kind, np.zeros(len(after), dtype=bool))
        stays = (pairs.same_side if kind.startswith("side") else pairs.same_cue)[mask]
        if len(stays):
            values.append(
                Value(
                    value=float((stays == won).mean()),
                    band=kind,
                    n_effective=float(len(stays)),
                    n_effective_unit="trials",
                )
            )
    return values


def side_counts(cell: EpochTrials) -> NDArray[np.intp]:
    """Choices by correct side and chosen side, in a task with two sides.

    Parameters
    ----------
    cell : EpochTrials
        Trials of one cell.

    Returns
    -------
    ndarray of int, shape (2, 2)
        ``[i, j]``: choices of side j where side i was correct, in the order of ``task.sides``; all
        zero where the task has more sides. A choice whose correct side is not known is not counted.
    """
    if len(cell.task.sides) != 2:
        return np.zeros((2, 2), dtype=np.intp)
    correct = _positions(cell.trials, "correct_side", cell.task.sides)
    choice = _chosen(cell)
    known = (correct >= 0) & (choice >= 0)
    return np.bincount(2 * correct[known] + choice[known], minlength=4).reshape(2, 2)


def conditioned_bias(counts: NDArray[np.intp]) -> float:
    """Log odds of the second side, at equal numbers of trials on which either is correct.

    Half of logit P(second | second correct) + logit P(second | first correct), with half a choice
    added to each count (Haldane 1956): the criterion of signal detection on the logistic scale. The
    rule's demand cancels, and so does its accuracy.

    Parameters
    ----------
    counts : ndarray, shape (2, 2)
        As :func:`side_counts` gives.

    Returns
    -------
    float
        0 without bias; NaN unless there are choices with either side correct.
    """
    if not counts.sum(axis=1).all():
        return float("nan")
    odds = np.log((counts[:, 1] + 0.5) / (counts[:, 0] + 0.5))
    return float(odds.mean())


def _chosen(cell: EpochTrials) -> NDArray[np.intp]:
    """Chosen side as a position in ``task.sides``; -1 for none.

    In a log without choices it follows from outcome and correct side, if there are two sides.
    """
    sides, trials = cell.task.sides, cell.trials
    choice = _positions(trials, "choice_side", sides)
    correct = (trials["outcome"] == "correct").to_numpy()
    error = (trials["outcome"] == "error").to_numpy()
    if len(sides) == 2:
        right = _positions(trials, "correct_side", sides)
        deduced = np.select([right < 0, correct, error], [-1, right, 1 - right], default=-1)
        choice = np.where(choice < 0, deduced, choice)
    return np.where(correct | error, choice, -1)


def _positions(trials: pd.DataFrame, name: str, sides: tuple[str, ...]) -> NDArray[np.intp]:
    """Positions of a column's labels in ``sides``; -1 for any other."""
    import pandas as pd

    if name not in trials:
        return np.full(len(trials), -1)
    codes, labels = pd.factorize(trials[name])
    position = {side: index for index, side in enumerate(sides)}
    # Code -1 (an empty cell) finds the last entry, made for it.
    return np.array([*(position.get(str(label), -1) for label in labels), -1])[codes]
