"""The analysis plan: all that compare and report need to know of an experiment, as plain data.

The experiment room derives it from config and tables; the workflow passes it as JSON (a changed
plan reruns the cohort, nothing else); compare and report validate it back into these models.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from pipeline.metric import Domain, ScaleName

#: how an outcome uses the baseline phase
BaselineRule = Literal["change", "covariate", "none"]


class PlanModel(BaseModel):
    """Base of the plan's models: immutable, unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class PlanCondition(PlanModel):
    """One condition, as declared."""

    name: str
    reference: str | None = Field(description="Condition it is compared with; None for a reference")
    drug: str = Field(description="Test drug, as written on figures")
    dose_mg_per_kg: float | None = None
    pretreatment: str = Field("", description="Pretreatment on board, '' for none")
    is_reference: bool = Field(description="True when other conditions are compared with it")


class PlanQuestion(PlanModel):
    """What may change the drug effect, and the level that others are compared with."""

    modifier: str = Field(description="context, dosing_context, pretreatment, stage, sex, a factor")
    reference: str
    levels: tuple[str, ...] = Field(description="All levels met in the tables, reference first")
    phases: tuple[str, ...] = Field(description="Phases in which it is asked")


class PlanBound(PlanModel):
    """Smallest effects of interest, on the outcome's own scale."""

    drug: float | None = Field(None, gt=0, description="Of the drug against its reference")
    interaction: float | None = Field(
        None, gt=0, description="Of the change of the drug effect between two levels"
    )


class PlanOutcome(PlanModel):
    """Declaration of an outcome that no metric of this package computes (measurements.tsv)."""

    label: str = Field(description="What a figure's axis says, without the unit")
    scale: ScaleName = Field("linear", description="Scale on which it is compared")
    domain: Domain = Field("other", description="Chapter of the report")
    value_unit: str = Field("", description="Unit of the values")
    baseline: BaselineRule = Field(
        "none",
        description="change: minus the animal's own value in the baseline phase; covariate: "
        "adjusted for it",
    )


class AnalysisPlan(PlanModel):
    """Everything that the comparison depends on, apart from the observations."""

    title: str
    species: str
    unit: Literal["animal", "cage"] = "animal"
    conditions: tuple[PlanCondition, ...]
    contexts: tuple[str, ...]
    phases: tuple[str, ...] = Field(description="Phases that are compared, without the baseline")
    baseline_phase: str = "baseline"
    baseline_context: str = Field("same", description="'same', or the context of every baseline")
    questions: tuple[PlanQuestion, ...]
    primary: tuple[str, ...] = ()
    secondary: tuple[str, ...] = ()
    smallest_effect: dict[str, PlanBound] = Field(
        default_factory=dict,
        description="By outcome id, by id without region, or by metric; the most specific wins",
    )
    baseline: dict[str, BaselineRule] = Field(
        default_factory=dict,
        description="Baseline rule by metric; otherwise the metric's own",
    )
    declared: dict[str, PlanOutcome] = Field(default_factory=dict)
    factors: tuple[str, ...] = Field((), description="Session columns kept as factors")
    minimum_epoch_s: float = 30.0
    minimum_units: int = 5
    washout_days: float = 7.0
    alpha: float = 0.05
    seed: int = 0
    blind: bool = Field(False, description="Conditions are codes, and none is a reference")
