"""How abruptly the animal goes over to the new rule."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.flexibility.epochs import EpochTrials
from pipeline.metric import Metric, Value

METRIC = Metric(
    name="switch_slope",
    label="Switch slope",
    domain="flexibility",
    entity="animal",
    needs=("trials",),
    grain="cell",
    baseline="none",
    weight="n_effective",
    value_unit="1/trial",
    scale="log2",
    description="Steepness of the transition from the old to the new rule",
    definition=(
        "alpha of P(correct at lag t) = eps + (1 - 2 eps) / (1 + exp(-alpha (t - s))) on conflict "
        "trials of the sets that start in the cell, up to the end of the cell or to what is given "
        "first; shared by the sets that follow another rule; exp of the posterior mean of log "
        "alpha; at least 3 sets and 30 conflict choices"
    ),
    formula=(
        "P(correct at lag t) = ε + (1 − 2ε) / (1 + e^(−α(t − s))); exp of the posterior mean of ln "
        "α, shared by the sets"
    ),
    fails_when=(
        "No value with fewer than 3 sets that follow another rule or fewer than 30 choices on "
        "conflict trials.",
        "One session tells little of it: the prior weighs much.",
    ),
    reference="Le et al. 2023, PLoS Comput Biol 19:e1011430 (the form of the curve)",
    options=("flexibility.task",),
)

#: Fewest sets and conflict choices.
MINIMUM_SETS, MINIMUM_CHOICES = 3, 30


def compute(*, trials: EpochTrials, options: Mapping[str, Any]) -> list[Value]:
    """Slope shared by the sets that start in the cell.

    Parameters
    ----------
    trials : EpochTrials
        Trials and sets of one cell.
    options : mapping
        Unused.

    Returns
    -------
    list of Value
        One value, or none with too few sets or conflict choices; ``n_effective`` is the number of
        conflict choices.
    """
    from pipeline.flexibility.sigmoid import cell_switches

    switches = cell_switches(trials)
    if switches is None:
        return []
    if len(switches.offset) < MINIMUM_SETS or switches.n_trials < MINIMUM_CHOICES:
        return []
    return [
        Value(
            value=switches.slope,
            n_effective=float(switches.n_trials),
            n_effective_unit="trials",
        )
    ]
