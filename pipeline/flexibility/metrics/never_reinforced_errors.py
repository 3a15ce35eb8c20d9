"""Never-reinforced errors per completed shift, under the configured scheme."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.flexibility.epochs import EpochTrials
from pipeline.flexibility.per_set import errors_per_shift
from pipeline.metric import Metric, Value

METRIC = Metric(
    name="never_reinforced_errors",
    label="Never-reinforced errors",
    domain="flexibility",
    entity="animal",
    needs=("trials",),
    grain="cell",
    baseline="none",
    weight="n_effective",
    value_unit="errors",
    scale="count",
    zero_offset="half_count",
    description=(
        "Errors per shift that neither the present nor the previous rule rewards, as the "
        "configured error scheme defines them: name its id with the number"
    ),
    definition=(
        "Errors of type never_reinforced under flexibility.error_scheme up to the criterion, "
        "mean over the completed sets that follow another rule"
    ),
    formula="mean over completed shifts of never-reinforced errors up to the criterion",
    fails_when=(
        "No value without a completed set that follows another rule and whose errors the scheme "
        "can all classify.",
        "No value where the scheme does not know the type; with two sides only errors on trials on "
        "which both rules ask for the same side can be of this type.",
        "Numbers of different schemes are not the same thing: name flexibility.error_scheme beside "
        "the number.",
        "Completed sets only: an animal that never leaves the old rule has no value here, but a "
        "censored trials_to_criterion.",
    ),
    reference="depends on the scheme: docs/flexibility.md",
    options=("flexibility.task", "flexibility.error_scheme"),
)


def compute(*, trials: EpochTrials, options: Mapping[str, Any]) -> list[Value]:
    """Mean over completed sets that follow another rule.

    Parameters
    ----------
    trials : EpochTrials
        Trials and sets of one cell.
    options : mapping
        Uses ``options["flexibility"]["error_scheme"]``.

    Returns
    -------
    list of Value
        One value; none without such a set, or where the scheme does not know this error type.
    """
    return errors_per_shift(trials, "never_reinforced", options=options)
