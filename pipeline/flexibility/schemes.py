"""Error types under five published definitions, which differ more than twofold on the same data.

Each scheme is a function from coded trials to one code per trial (a position in ``ERROR_TYPES``).
What all of them share is applied by :func:`label_errors`:

* A set without a previous rule (the first of a session, unless ``rule_before_session`` is given)
  has nothing to perseverate on: its errors stay ``none`` in every scheme, its omissions are
  ``omission``.
* An error at the first choice of a set after an uncued switch is ``first_trial``: the animal could
  not know. With ``switch_is_cued`` the scheme's own rule applies.
* Where a log does not say what the previous rule asked for (no cue), or what was chosen,
  ``floresco_block`` and ``rule_consistent`` leave an error ``none``.
* Omissions are ``omission`` and fill no slot, except in ``widge_sequence``, which counts them.
* Labels are given to the end of the set, also after the criterion was met.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.experiment.task import Schemes, Task
from pipeline.flexibility.coding import CORRECT, OMISSION, CodedTrials
from pipeline.flexibility.runs import find_runs, first_true

ERROR_TYPES = (
    "none",
    "omission",
    "first_trial",
    "perseverative",
    "post_perseverative",
    "regressive",
    "never_reinforced",
)
(
    NO_ERROR,
    OMITTED,
    FIRST_TRIAL,
    PERSEVERATIVE,
    POST_PERSEVERATIVE,
    REGRESSIVE,
    NEVER_REINFORCED,
) = range(len(ERROR_TYPES))

Labels = NDArray[np.int8]


@dataclass(frozen=True, kw_only=True)
class Scheme:
    """One published definition.

    Attributes
    ----------
    label : callable
        ``label(coded, parameters) -> Labels`` for errors after the first choice of a set.
    types : tuple of str
        Error types that the scheme can give, omissions aside.
    counts_omissions : bool
        Whether an omission is an error for it.
    definition : str
        The definition in words; ``p`` stands for the task's parameters
        (:func:`describe_scheme` fills them in).
    reference : str
        Where it was published.
    """

    label: Callable[[CodedTrials, Schemes], Labels]
    types: tuple[str, ...]
    definition: str
    reference: str
    counts_omissions: bool = False


def floresco_block(coded: CodedTrials, parameters: Schemes) -> Labels:
    """Blocks of choices on conflict trials (Floresco 2008; Ragozzino's maze before it).

    Choices on conflict trials are cut into blocks of ``block`` (8). Errors are perseverative while
    a block holds ``perseverative_from`` (6) of them or more; the first block with fewer ends
    perseveration: its errors and all later ones are regressive. An error on a trial where both
    rules ask for the same side is never reinforced.

    Edge rules: omissions fill no slot. The first choice of the set fills its slot and counts in its
    block, whatever its own label. An incomplete last block is judged where its missing choices
    could not change the verdict, and else keeps the state of the block before it (perseveration
    at the start of the set). With three sides or more, only choices of the previously correct side
    are errors of a block; others are never reinforced.

    Parameters
    ----------
    coded : CodedTrials
        n trials.
    parameters : Schemes
        Uses ``floresco_block``.

    Returns
    -------
    ndarray of int8, shape (n,)
    """
    size, limit = parameters.floresco_block.block, parameters.floresco_block.perseverative_from
    slot = np.flatnonzero(coded.conflict & coded.responded & coded.chose)
    sets = coded.set_id[slot]
    rank = np.arange(len(slot)) - np.searchsorted(sets, sets)
    block = np.cumsum(rank % size == 0) - 1
    old = coded.choice[slot] == coded.previous_side[slot]
    # A block ends perseveration once too many of its choices were no errors of the old rule; of an
    # incomplete block this says what is certain already.
    others = np.bincount(block, weights=~old)
    ended = first_true((others > size - limit)[block], sets, coded.n_sets)
    labels = _never_reinforced(coded)
    is_after = block >= np.append(block, len(slot))[ended][sets]
    labels[slot[old]] = np.where(is_after[old], REGRESSIVE, PERSEVERATIVE)
    return labels


def rule_consistent(coded: CodedTrials, parameters: Schemes) -> Labels:
    """Choices that the previous rule asks for, before and after the new rule is first followed.

    An error on a conflict trial that the previous rule asks for is perseverative before the first
    ``correct`` correct choices of the set, regressive after. Any other error is never reinforced.
    Correct choices are counted on conflict trials (``correct_on: all``: on all trials).

    Parameters
    ----------
    coded : CodedTrials
        n trials.
    parameters : Schemes
        Uses ``rule_consistent``.

    Returns
    -------
    ndarray of int8, shape (n,)
    """
    settings = parameters.rule_consistent
    hit = coded.outcome == CORRECT
    if settings.correct_on == "conflict":
        hit = hit & coded.conflict
    done = _count_in_set(hit, coded) >= settings.correct
    old = coded.error & coded.conflict & (coded.choice == coded.previous_side)
    labels = _never_reinforced(coded)
    labels[old] = np.where(done[old], REGRESSIVE, PERSEVERATIVE)
    return labels


def widge_sequence(coded: CodedTrials, parameters: Schemes) -> Labels:
    """Order of errors and runs in the set (Reimer 2024, Widge lab); omissions are errors.

    Trial 1 is ``first_trial`` if wrong. Errors on the following trials up to the first correct one
    are perseverative (whether trial 1 was right or not). Then errors are post-perseverative until
    a run of ``run`` (4) correct, looked for from the trial after that correct one; errors after the
    start of the run are regressive.

    Parameters
    ----------
    coded : CodedTrials
        n trials.
    parameters : Schemes
        Uses ``widge_sequence``.

    Returns
    -------
    ndarray of int8, shape (n,)
    """
    hit = coded.outcome == CORRECT
    trial = np.arange(len(hit))
    opening = trial == coded.first[coded.set_id]
    ends_first = first_true(hit & ~opening, coded.set_id, coded.n_sets)[coded.set_id]
    run = find_runs(
        good=hit,
        takes_part=trial > ends_first,
        set_id=coded.set_id,
        n_sets=coded.n_sets,
        needed=parameters.widge_sequence.run,
        window=parameters.widge_sequence.run,
    )
    run_begins = np.where(run.found, run.begin, len(hit))[coded.set_id]
    labels = np.select(
        [hit, opening, trial < ends_first, trial < run_begins],
        [NO_ERROR, FIRST_TRIAL, PERSEVERATIVE, POST_PERSEVERATIVE],
        default=REGRESSIVE,
    )
    return labels.astype(np.int8)


def error_chain(coded: CodedTrials, parameters: Schemes) -> Labels:
    """Errors that follow an error: perseverative; errors that follow a correct choice: regressive.

    Omissions are skipped: what counts is the choice before. An error at the first choice of a set
    follows nothing in it and is ``first_trial``, also after a cued switch.

    Parameters
    ----------
    coded : CodedTrials
        n trials.
    parameters : Schemes
        Unused: the scheme has none.

    Returns
    -------
    ndarray of int8, shape (n,)
    """
    labels = np.zeros(len(coded.outcome), dtype=np.int8)
    choices = np.flatnonzero(coded.responded)
    error, sets = coded.error[choices], coded.set_id[choices]
    follows_error = np.zeros(len(choices), dtype=bool)
    follows_error[1:] = error[:-1]
    opening = np.ones(len(choices), dtype=bool)
    opening[1:] = sets[1:] != sets[:-1]
    labels[choices] = np.select(
        [~error, opening, follows_error],
        [NO_ERROR, FIRST_TRIAL, PERSEVERATIVE],
        default=REGRESSIVE,
    )
    return labels


def initial_run(coded: CodedTrials, parameters: Schemes) -> Labels:
    """Errors before the first correct choice of the set: perseverative; later ones: regressive.

    Parameters
    ----------
    coded : CodedTrials
        n trials.
    parameters : Schemes
        Unused: the scheme has none.

    Returns
    -------
    ndarray of int8, shape (n,)
    """
    done = _count_in_set(coded.outcome == CORRECT, coded) > 0
    labels = np.where(done, REGRESSIVE, PERSEVERATIVE).astype(np.int8)
    labels[~coded.error] = NO_ERROR
    return labels


#: All schemes by the id that config, tables and captions use.
SCHEMES: Mapping[str, Scheme] = {
    "floresco_block": Scheme(
        label=floresco_block,
        types=("first_trial", "perseverative", "regressive", "never_reinforced"),
        definition="choices on conflict trials in blocks of {p.floresco_block.block}: errors are "
        "perseverative while a block has {p.floresco_block.perseverative_from} or more, then "
        "regressive; errors where both rules ask for the same side are never reinforced",
        reference="Floresco et al. 2008 Behav Brain Res; Brady & Floresco 2015 JoVE 52387",
    ),
    "rule_consistent": Scheme(
        label=rule_consistent,
        types=("first_trial", "perseverative", "regressive", "never_reinforced"),
        definition="choices of the previous rule's side on conflict trials are perseverative "
        "before correct choice number {p.rule_consistent.correct} (counted on "
        "{p.rule_consistent.correct_on} trials), then regressive; other errors are never "
        "reinforced",
        reference="in use; no single source",
    ),
    "widge_sequence": Scheme(
        label=widge_sequence,
        types=("first_trial", "perseverative", "post_perseverative", "regressive"),
        definition="errors and omissions after trial 1 up to the first correct choice are "
        "perseverative, then post-perseverative until {p.widge_sequence.run} consecutive correct, "
        "then regressive",
        reference="Reimer et al. 2024 Sci Transl Med, doi 10.1126/scitranslmed.adp1723",
        counts_omissions=True,
    ),
    "error_chain": Scheme(
        label=error_chain,
        types=("first_trial", "perseverative", "regressive"),
        definition="errors that directly follow an error are perseverative, others regressive",
        reference="in use; no single source",
    ),
    "initial_run": Scheme(
        label=initial_run,
        types=("first_trial", "perseverative", "regressive"),
        definition="errors before the first correct choice under the new rule are perseverative, "
        "later ones regressive",
        reference="in use in reversal learning; no single source",
    ),
}


def describe_scheme(name: str, task: Task) -> str:
    """Return the definition of a scheme with the task's parameters, for captions and methods.

    Parameters
    ----------
    name : str
        Key of ``SCHEMES``.
    task : Task
        The task.
    """
    return SCHEMES[name].definition.format(p=task.schemes)


def label_errors(coded: CodedTrials, task: Task) -> dict[str, Labels]:
    """Error type of every trial under every scheme.

    Parameters
    ----------
    coded : CodedTrials
        n trials.
    task : Task
        The task with the schemes' parameters.

    Returns
    -------
    dict of str to ndarray of int8, shape (n,)
        Positions in ``ERROR_TYPES`` by scheme.
    """
    omitted = coded.outcome == OMISSION
    shifted = coded.previous_rule[coded.set_id] >= 0
    opening = np.zeros(len(omitted), dtype=bool)
    first_choice = first_true(coded.responded, coded.set_id, coded.n_sets)
    opening[first_choice[first_choice < len(omitted)]] = True
    labelled = {}
    for name, scheme in SCHEMES.items():
        labels = scheme.label(coded, task.schemes)
        if not scheme.counts_omissions:
            # After discovery trials the first scored choice is an informed one.
            if not task.switch_is_cued and not task.discovery_trials:
                labels[opening & coded.error] = FIRST_TRIAL
            labels[omitted] = OMITTED
        labels[~shifted] = np.where(omitted, OMITTED, NO_ERROR)[~shifted]
        labelled[name] = labels
    return labelled


def _never_reinforced(coded: CodedTrials) -> Labels:
    """Errors that neither rule asks for; "none" where a side or the choice is not known."""
    labels = np.zeros(len(coded.outcome), dtype=np.int8)
    known = coded.error & coded.comparable & coded.chose
    neither = known & (coded.choice != coded.previous_side)
    labels[neither] = NEVER_REINFORCED
    return labels


def _count_in_set(mask: NDArray[np.bool_], coded: CodedTrials) -> NDArray[np.intp]:
    """How often the mask held on earlier trials of the same set."""
    before: NDArray[np.intp] = np.cumsum(mask) - mask
    return before - before[coded.first][coded.set_id]
