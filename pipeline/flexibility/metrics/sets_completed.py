"""Number of rules whose criterion was met."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.flexibility.epochs import EpochTrials
from pipeline.metric import Metric, Value

METRIC = Metric(
    name="sets_completed",
    label="Sets completed",
    domain="flexibility",
    entity="animal",
    needs=("trials",),
    grain="cell",
    baseline="none",
    weight="n_effective",
    value_unit="sets",
    scale="count",
    zero_offset="half_count",
    description="Rules that start in the cell and whose criterion is met in it",
    definition=(
        "Number of sets (runs of one rule) that start in the cell and meet the criterion before"
        " the cell ends"
    ),
    formula="sets that start in the cell and meet the criterion in it",
    fails_when=(
        "No value in a cell in which no set starts.",
        "Grows with the length of the cell and the animal's pace: compare cells of like length.",
    ),
    reference="Torrado Pacheco et al. 2023, doi 10.1038/s41386-023-01545-z",
    options=("flexibility.task",),
)


def compute(*, trials: EpochTrials, options: Mapping[str, Any]) -> list[Value]:
    """Count the completed sets.

    Parameters
    ----------
    trials : EpochTrials
        Trials and sets of one cell.
    options : mapping
        Unused.

    Returns
    -------
    list of Value
        One value, or none in a cell where no set starts; ``n_effective`` is the number of sets that
        start.
    """
    if not len(trials.sets):
        return []
    return [
        Value(
            value=float(trials.sets["reached"].sum()),
            n_effective=float(len(trials.sets)),
            n_effective_unit="sets",
        )
    ]
