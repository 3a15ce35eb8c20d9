"""Trial from which on the state-space learning curve stays above chance, after a switch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.flexibility.epochs import EpochTrials
from pipeline.metric import Metric, Value

METRIC = Metric(
    name="learning_trial",
    label="Learning trial",
    domain="flexibility",
    entity="animal",
    needs=("trials",),
    grain="cell",
    baseline="none",
    weight="n_effective",
    value_unit="trials",
    scale="time_to_event",
    description="Choices after a switch until the learning curve stays above chance",
    definition=(
        "First choice of a set from which on the lower bound (95 % certainty) of the state-space "
        "learning curve stays above chance to the end of the set (of the cell, or to what is "
        "given first); the second choice at the earliest after an uncued switch; mean over the "
        "sets that follow another rule and in which it exists; where it exists in none, their mean "
        "number of choices, right-censored. The sets of a cell share one variance, of 0.3 logit^2 "
        "at most; the curve starts with sd 1.5 logits around chance"
    ),
    formula=(
        "min{t : lower 95 % bound of P(correct at t′) > chance for all t′ ≥ t}, mean over sets "
        "after a switch"
    ),
    fails_when=(
        "No value where no set that follows another rule has choices in the cell.",
        "Right-censored where it exists in no set.",
        "A set that ends at the criterion ends while the curve is still rising: short sets find it "
        "late or not at all.",
    ),
    reference="Smith et al. 2004, J Neurosci 24:447, doi 10.1523/JNEUROSCI.2908-03.2004",
    options=("flexibility.task",),
)


def compute(*, trials: EpochTrials, options: Mapping[str, Any]) -> list[Value]:
    """Mean learning trial over the sets after a switch.

    Parameters
    ----------
    trials : EpochTrials
        Trials and sets of one cell.
    options : mapping
        Uses ``options["flexibility"]["task"]``: sides for chance, and whether switches are cued.

    Returns
    -------
    list of Value
        One value, or none where no set that follows another rule has choices in the cell.
    """
    from pipeline.experiment.task import Task
    from pipeline.flexibility.learning import set_curves

    task = Task.model_validate(options["flexibility"]["task"])
    after = trials.sets[(trials.sets["previous_rule"] != "") & (trials.sets["switch"] != "repeat")]
    curves = set_curves(
        trials.of_sets,
        after["set_index"],
        n_sides=len(task.sides),
        informed=task.switch_is_cued or task.discovery_trials > 0,
    ).values()
    if not curves:
        return []
    found = [curve.learning_trial for curve in curves if curve.learning_trial is not None]
    averaged = found or [len(curve.probability) for curve in curves]
    return [
        Value(
            value=sum(averaged) / len(averaged),
            censored=not found,
            n_effective=float(len(found)),
            n_effective_unit="sets",
        )
    ]
