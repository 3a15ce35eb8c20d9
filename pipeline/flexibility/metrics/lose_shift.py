"""Shifting after a loss."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.flexibility.epochs import EpochTrials
from pipeline.flexibility.strategies import stay_or_shift
from pipeline.metric import Metric, Value

METRIC = Metric(
    name="lose_shift",
    label="Lose-shift",
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
        "Fraction of unrewarded choices after which the animal shifts: with the side, or with "
        "following the cue; in probabilistic tasks also by true and misleading feedback"
    ),
    definition=(
        "n(loss, shift) / n(loss) over pairs of choices on neighbouring trials of one interval "
        "(an omission breaks the pair; a change of the rule does not); a loss is a choice without "
        "reward, or an error where the log has no rewards (probabilistic tasks: no value then); "
        "side: another side is chosen next; cue: the cue is followed once and not the other "
        "time; true and misleading: the missing reward agrees with the rule or not"
    ),
    formula="n(loss, shift) / n(loss)",
    fails_when=(
        "No value of a kind without such pairs; in a probabilistic task none at all where the log "
        "has no rewards; by the cue only where cues mark sides.",
        "With few errors it rests on few pairs: look at n_effective.",
        "Chance differs from ½ where the animal prefers a side.",
    ),
    reference=(
        "conditional form: Bari et al. 2010 Neuropsychopharmacology 35:1290; Dalton et al. 2014 "
        "J Neurosci 34:4618"
    ),
    options=("flexibility.task",),
)


def compute(*, trials: EpochTrials, options: Mapping[str, Any]) -> list[Value]:
    """Share of pairs, by what is shifted from.

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
    return stay_or_shift(trials, won=False)
