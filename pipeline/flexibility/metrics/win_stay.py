"""Staying after a win."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.flexibility.epochs import EpochTrials
from pipeline.flexibility.strategies import stay_or_shift
from pipeline.metric import Metric, Value

METRIC = Metric(
    name="win_stay",
    label="Win-stay",
    domain="flexibility",
    entity="animal",
    needs=("trials",),
    grain="cell",
    per_band=True,
    band_names=("side", "cue", "side_true", "side_misleading", "cue_true", "cue_misleading"),
    baseline="none",
    weight="n_effective",
    value_unit="fraction",
    scale="logit",
    description=(
        "Fraction of rewarded choices after which the animal stays: with the side, or with "
        "following the cue; in probabilistic tasks also by true and misleading feedback"
    ),
    definition=(
        "n(win, stay) / n(win) over pairs of choices on neighbouring trials of one interval (an "
        "omission breaks the pair; a change of the rule does not); a win is a reward, or a "
        "correct choice where the log has no rewards (probabilistic tasks: no value then); side: "
        "the same side is chosen again; cue: the cue is followed both times or neither time; true "
        "and misleading: the reward agrees with the rule or not"
    ),
    formula="n(win, stay) / n(win)",
    fails_when=(
        "No value of a kind without such pairs; in a probabilistic task none at all where the log "
        "has no rewards; by the cue only where cues mark sides.",
        "Under a rule that changes the correct side from trial to trial, staying with the side is "
        "no good policy: read the kind cue.",
    ),
    reference=(
        "conditional form: Bari et al. 2010 Neuropsychopharmacology 35:1290; Dalton et al. 2014 "
        "J Neurosci 34:4618"
    ),
    options=("flexibility.task",),
)


def compute(*, trials: EpochTrials, options: Mapping[str, Any]) -> list[Value]:
    """Share of pairs, by what is stayed with.

    Parameters
    ----------
    trials : EpochTrials
        Trials and sets of one cell.
    options : mapping
        Unused.

    Returns
    -------
    list of Value
        A value for each kind that has pairs; ``n_effective`` is their number.
    """
    return stay_or_shift(trials, won=True)
