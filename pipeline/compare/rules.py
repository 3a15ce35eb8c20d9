"""What the plan and the metrics say about each outcome: scale, baseline, bounds, priority."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import pandas as pd

from pipeline.errors import InputError
from pipeline.experiment.plan import AnalysisPlan, PlanBound
from pipeline.metric import Metric

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Rule:
    """How observations of one metric become outcomes.

    Attributes
    ----------
    metric, domain, scale, value_unit, zero_offset, baseline, weight : str
        As in :class:`pipeline.metric.Metric`, the plan's baseline rule taken into account.
    by_unit : bool
        Whether an observation describes one spiking unit (``minimum_units`` applies).
    minimum_epoch : bool
        Whether ``minimum_epoch_s`` applies: not to trials, nor to values measured elsewhere.
    elsewhere : bool
        Whether the values come from measurements.tsv: without seconds or numbers of trials.
    counted : bool
        Whether shares are numbers of successes out of ``n_effective``.
    """

    metric: str
    domain: str
    scale: str
    value_unit: str
    zero_offset: str
    baseline: str
    weight: str
    by_unit: bool
    minimum_epoch: bool
    elsewhere: bool = False
    counted: bool = True


def rules_of(
    names: Iterable[str], plan: AnalysisPlan, metrics: Mapping[str, Metric]
) -> dict[str, Rule]:
    """Return the rule of every metric that was observed.

    Raises
    ------
    InputError
        For a metric that neither the registry nor ``outcomes.declare`` knows.
    """
    rules = {}
    for name in names:
        declared = plan.declared.get(name)
        if declared is not None:
            rules[name] = Rule(
                metric=name,
                domain=declared.domain,
                scale=declared.scale,
                value_unit=declared.value_unit,
                zero_offset="none",
                baseline=plan.baseline.get(name, declared.baseline),
                weight="seconds",
                by_unit=False,
                minimum_epoch=False,
                elsewhere=True,
                counted=False,
            )
        elif name in metrics:
            metric = metrics[name]
            rules[name] = Rule(
                metric=name,
                domain=metric.domain,
                scale=metric.scale,
                value_unit=metric.value_unit,
                zero_offset=metric.zero_offset,
                baseline=plan.baseline.get(name, metric.baseline),
                weight=metric.weight,
                by_unit=metric.entity == "unit",
                minimum_epoch="trials" not in metric.needs,
                counted=metric.counted,
            )
        else:
            raise InputError(
                f"observations: column metric: found {name!r}; expected a metric of the registry "
                "or an outcome under outcomes.declare (measurements.tsv names an outcome that the "
                "config does not declare?)"
            )
    return rules


def outcome_ids(table: pd.DataFrame) -> pd.Series:
    """Return ``metric[/band][@region[~region_b]]`` of every row."""

    def part(sign: str, column: str) -> pd.Series:
        return (sign + table[column]).where(table[column] != "", "")

    return table["metric"] + part("/", "band") + part("@", "region") + part("~", "region_b")


def keys_of(outcome: str) -> tuple[str, str, str]:
    """Return the keys under which an outcome may be declared, the most specific first.

    >>> keys_of("coherence/theta@mPFC~CA1")
    ('coherence/theta@mPFC~CA1', 'coherence/theta', 'coherence')
    """
    everywhere = outcome.split("@", 1)[0]
    return outcome, everywhere, everywhere.split("/", 1)[0]


def most_specific(declared: Mapping[str, T], outcome: str) -> T | None:
    """Return what is declared for an outcome: by its id, without region, or by metric."""
    for key in keys_of(outcome):
        if key in declared:
            return declared[key]
    return None


def bound_of(outcome: str, plan: AnalysisPlan) -> PlanBound:
    """Return the smallest effects of interest of an outcome (both None if not declared)."""
    return most_specific(plan.smallest_effect, outcome) or PlanBound()


def priority_of(outcome: str, plan: AnalysisPlan) -> str:
    """Return "primary", "secondary" or "exploratory"."""
    declared = dict.fromkeys(plan.secondary, "secondary") | dict.fromkeys(plan.primary, "primary")
    return most_specific(declared, outcome) or "exploratory"
