"""What the units of a cell tell about its trials: choice, outcome and rule; and decoded from many.

Each label is read from the window that can hold it without holding the others:

``choice``
    The side, from as long before the choice as a response lasts (0.5 s), and not from before the
    cue (Britten et al. 1996, Vis Neurosci 13:87). After the choice the animal stands at one side or
    the other, and is rewarded or not. Under a rule that reads the cue, the side of the cue and that
    of the choice go together: a unit that tells the cue then tells the choice.
``outcome``
    Correct or error, from the response window after the outcome, up to the next event (Sul et al.
    2010, Neuron 66:449); see :func:`pipeline.spikes.task_responses.trial_events` for its time.
``rule``
    From the window before the cue, once the response to the event before is over: it holds no cue
    and no choice of this trial, so that a rule under which one side is chosen throughout is not
    told by the choices (Durstewitz et al. 2010, Neuron 66:438). A window from cue to choice would
    hold both.

Choice and outcome are compared among neighbouring trials, the rule around its changes
(:mod:`pipeline.spikes.selectivity`). Trials on both sides of a gap of the epoch are never
neighbours.

**More than two sides or rules.** Two are compared. Of the sides, the two that are chosen most. Of
the rules of the whole session: one that takes part in every change (``light`` in light, left,
light, right) against all others; where no rule does, the two between which most changes lie.
The labels are the log's: a log that numbers its rules (L1, L2) has a new rule in every set, and no
rule is told from another by a single change.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipeline.spikes.decoding import Decoding, balanced_trials, decode
from pipeline.spikes.events import window_counts
from pipeline.spikes.selectivity import (
    Null,
    Selectivity,
    change_blocks,
    selectivity,
    time_blocks,
)
from pipeline.spikes.task_responses import trial_events
from pipeline.spikes.task_values import regions_of
from pipeline.spikes.units import EpochUnits

if TYPE_CHECKING:
    import pandas as pd

#: labels, and the column of the trials that holds each
COLUMNS = {"choice": "choice_side", "outcome": "outcome", "rule": "rule"}
LABELS = tuple(COLUMNS)
DECODED = ("rule", "choice")
#: changes of the rule that every decoder learns from and is tested on, in every cell
DECODED_CHANGES = 4
#: parts of the trials that are left out in turn where choices are decoded, in every cell
PARTS = 5


@dataclass(frozen=True, eq=False, kw_only=True)
class LabelledCounts:
    """Spikes of the trials of one label, those of a cell that can be compared.

    Attributes
    ----------
    counts : ndarray of int, shape (n_units, n_trials)
        In order of time.
    codes : ndarray of int, shape (n_trials,)
        0 and 1, positions in `names`.
    blocks : ndarray of int, shape (n_trials,)
        What is compared with each other, ascending.
    names : (str, str)
        The two labels.
    null : {"permute", "flip"}
        How labels are exchanged.
    """

    counts: NDArray[np.int64]
    codes: NDArray[np.intp]
    blocks: NDArray[np.intp]
    names: tuple[str, str]
    null: Null


@dataclass(frozen=True, eq=False, kw_only=True)
class CellSelectivity:
    """Selectivity of the units of a cell.

    Attributes
    ----------
    unit_id, region : list of str
        All units of the cell; one that is silent in the windows has an area of 0.5.
    labels : dict of str to Selectivity
        Of :data:`LABELS`, those with enough trials; q over the units of the session.
    names : dict of str to (str, str)
        By label, what is compared; areas above 0.5 favour the second.
    seconds : float
        Of the cell.
    """

    unit_id: list[str]
    region: list[str]
    labels: dict[str, Selectivity]
    names: dict[str, tuple[str, str]]
    seconds: float


@dataclass(frozen=True, eq=False, kw_only=True)
class CellDecoding:
    """What the populations of a cell tell.

    Attributes
    ----------
    decoded : dict of str to dict of str to Decoding
        By label (:data:`DECODED`), by region; only what could be decoded.
    names : dict of str to (str, str)
        By label, what is told apart.
    seconds : float
        Of the cell.
    """

    decoded: dict[str, dict[str, Decoding]]
    names: dict[str, tuple[str, str]]
    seconds: float


def cell_selectivity(
    units: EpochUnits, trials: pd.DataFrame, *, options: Mapping[str, Any]
) -> CellSelectivity | None:
    """Selectivity of a cell's units for choice, outcome and rule.

    Parameters
    ----------
    units : EpochUnits
        Of the cell.
    trials : pandas.DataFrame
        Scored trials of the whole session (:class:`pipeline.flexibility.Scores`).
    options : mapping
        The config's ``spikes.task``.

    Returns
    -------
    CellSelectivity or None
        None where no label has ``minimum_trials`` that can be compared on either side (rule: and
        two changes).
    """
    if not units.unit_id:
        return None
    found: dict[str, Selectivity] = {}
    names: dict[str, tuple[str, str]] = {}
    for label in LABELS:
        known = labelled_counts(units, trials, label, options=options)
        if known is None:
            continue
        answer = selectivity(
            known.counts,
            known.codes,
            known.blocks,
            null=known.null,
            n_relabelled=options["relabelled"],
        )
        if answer is None or min(answer.n_trials) < options["minimum_trials"]:
            continue
        if np.isfinite(answer.squared_excess).all():
            found[label], names[label] = answer, known.names
    if not found:
        return None
    return CellSelectivity(
        unit_id=units.unit_id,
        region=units.region,
        labels=found,
        names=names,
        seconds=units.seconds,
    )


def cell_decoding(
    units: EpochUnits,
    trials: pd.DataFrame,
    *,
    options: Mapping[str, Any],
    minimum_units: int = 1,
) -> CellDecoding | None:
    """Decode rule and choice from the units of each region, with equal numbers everywhere.

    Every decoder has ``decoding_units`` units, ``decoding_trials`` trials of each label, and as
    many parts that are left out in turn: 4 changes of the rule, or 5 parts of the time. The p of 4
    changes is 0.125 at best: the animals are the test, not the cell.

    Parameters
    ----------
    units, trials, options
        As :func:`cell_selectivity` takes them.
    minimum_units : int
        Units that a region needs, besides ``decoding_units``.

    Returns
    -------
    CellDecoding or None
        None where nothing can be decoded.
    """
    many = regions_of(units.region, max(options["decoding_units"], minimum_units))
    decoded: dict[str, dict[str, Decoding]] = {}
    names: dict[str, tuple[str, str]] = {}
    for label in DECODED if many else ():
        known = labelled_counts(units, trials, label, options=options)
        drawn = None if known is None else _equal_numbers(known, options["decoding_trials"])
        if known is None or drawn is None:
            continue
        kept, folds = drawn
        for region, members in many.items():
            answer = decode(
                known.counts[members][:, kept],
                known.codes[kept],
                folds,
                null=known.null,
                blocks=known.blocks[kept],
                n_units=options["decoding_units"],
                n_draws=options["decoding_draws"],
                n_relabelled=options["decoding_relabelled"],
            )
            if answer is not None:
                decoded.setdefault(label, {})[region] = answer
                names[label] = known.names
    if not decoded:
        return None
    return CellDecoding(decoded=decoded, names=names, seconds=units.seconds)


def labelled_counts(
    units: EpochUnits, trials: pd.DataFrame, label: str, *, options: Mapping[str, Any]
) -> LabelledCounts | None:
    """Spikes per trial in the window of a label, with the label and what is compared.

    Parameters
    ----------
    units, trials, options
        As :func:`cell_selectivity` takes them.
    label : {"choice", "outcome", "rule"}
        What is told.

    Returns
    -------
    LabelledCounts or None
        None where the cell shows fewer than two labels.
    """
    events = trial_events(trials)
    first, last = options["response_s"]
    if label == "choice":
        times, window = events.choice, (-last, -first)
        limits = {"not_before_s": events.cue, "not_after_s": events.choice}
    elif label == "outcome":
        times, window = events.outcome, (first, last)
        limits = events.limits(times)
    else:
        times, window = events.cue, tuple(options["baseline_s"])
        limits = {"not_before_s": events.quiet((first, last)), "not_after_s": events.cue}
    names, codes = _coded(trials, label)
    counts, seen = window_counts(
        units.spike_times, times, window_s=window, intervals=units.intervals, **limits
    )
    kept = np.flatnonzero(seen & (codes >= 0))
    if len(np.unique(codes[kept])) < 2:
        return None
    sets = trials["set_index"].to_numpy()[kept]
    place = np.searchsorted(units.intervals[:, 0], times[kept] + window[0] + 1e-9, side="right")
    # neither a gap of the epoch nor a set without a trial here lies between neighbours
    apart = (np.diff(place) != 0) | (np.diff(sets) > 1)
    if label == "rule":
        blocks = _in_pieces(sets, np.cumsum(np.r_[0, apart]))
    else:
        blocks = time_blocks(np.cumsum(np.r_[0, apart | (np.diff(sets) != 0)]))
    return LabelledCounts(
        counts=counts[:, kept],
        codes=codes[kept],
        blocks=blocks,
        names=names,
        null="flip" if label == "rule" else "permute",
    )


def _coded(trials: pd.DataFrame, label: str) -> tuple[tuple[str, str], NDArray[np.intp]]:
    """The two labels that are compared, and which of them each trial has (-1: neither)."""
    nothing = ("", ""), np.full(len(trials), -1)
    if COLUMNS[label] not in trials:
        return nothing
    column = trials[COLUMNS[label]]
    values = column.astype(object).where(column.notna(), "").to_numpy().astype(str)
    values[trials["set_index"].to_numpy() == 0] = ""
    if label == "outcome":
        pair: tuple[str, ...] = ("correct", "error")
    elif label == "rule":
        values, pair = _two_rules(values, trials["set_index"].to_numpy())
    else:
        often = Counter(sorted(values[values != ""].tolist())).most_common(2)
        pair = tuple(sorted(side for side, _ in often))
    if len(pair) < 2:
        return nothing
    return (pair[0], pair[1]), np.where(values == pair[0], 0, np.where(values == pair[1], 1, -1))


def _two_rules(
    rules: NDArray[np.str_], sets: NDArray[np.int64]
) -> tuple[NDArray[np.str_], tuple[str, ...]]:
    """Rules of all trials, as two where one is compared with all others, and which two are."""
    known = np.flatnonzero(rules != "")
    starts = known[np.unique(sets[known], return_index=True)[1]]
    order = rules[starts].tolist()
    changes = [(a, b) for a, b in pairwise(order) if a != b]
    if not changes:
        return rules, ()
    hubs = [rule for rule in dict.fromkeys(order) if all(rule in change for change in changes)]
    if hubs:
        others = sorted(set(order) - {hubs[0]})
        rest = " or ".join(others)
        return np.where(np.isin(rules, others), rest, rules), (hubs[0], rest)
    return rules, Counter(tuple(sorted(change)) for change in changes).most_common(1)[0][0]


def _in_pieces(sets: NDArray[np.int64], piece: NDArray[np.intp]) -> NDArray[np.intp]:
    """Blocks around the changes of rule, for each piece of the epoch on its own."""
    blocks, after = [], 0
    for number in np.unique(piece):
        own = change_blocks(sets[piece == number]) + after
        blocks.append(own)
        after = int(own.max()) + 1
    return np.concatenate(blocks)


def _equal_numbers(
    known: LabelledCounts, trials_per_label: int
) -> tuple[NDArray[np.intp], NDArray[np.intp]] | None:
    """Trials of a decoder, and the part that each is left out with; None where there are too few.

    Of the changes of rule that can give an equal share of the trials, those evenly spread in time.
    """
    codes, blocks = known.codes, known.blocks
    if known.null == "permute":
        kept = balanced_trials(codes, blocks, trials_per_label, seed=0)
        if kept is None:
            return None
        # a block is in one part, that of its first trial
        first = np.unique(blocks[kept], return_index=True)[1]
        part = first * PARTS // len(kept)
        return kept, np.repeat(part, np.diff(np.append(first, len(kept))))
    share = -(-trials_per_label // DECODED_CHANGES)
    changes = [
        block
        for block in np.unique(blocks)
        if np.bincount(codes[blocks == block], minlength=2).min() >= share
    ]
    if len(changes) < DECODED_CHANGES:
        return None
    spread = ((np.arange(DECODED_CHANGES) + 0.5) * len(changes) / DECODED_CHANGES).astype(int)
    around = np.flatnonzero(np.isin(blocks, [changes[index] for index in spread]))
    kept = balanced_trials(codes[around], blocks[around], trials_per_label, seed=0)
    return None if kept is None else (around[kept], blocks[around[kept]])
