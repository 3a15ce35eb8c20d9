"""The typed configuration: every key of config.yaml, described, checked, with its default."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from pipeline.experiment.behaviour_mapping import OMISSION, BehaviourMapping
from pipeline.experiment.lfp_options import LfpOptions, Window
from pipeline.experiment.movement_options import MovementOptions
from pipeline.experiment.plain_files import NO_FORMULA, is_formula
from pipeline.experiment.plan import BaselineRule, PlanBound, PlanOutcome
from pipeline.experiment.reporting_options import ReportingOptions
from pipeline.experiment.spike_options import SpikeOptions
from pipeline.experiment.strict import StrictModel, did_you_mean
from pipeline.experiment.task import Task

#: conditions that the pipeline itself assigns: not to be declared
NO_CONDITION = "none"


class ExperimentSection(StrictModel):
    """What the report calls the experiment."""

    title: str = Field(min_length=1, description="Title of the report")
    species: str = Field(description="Species in words, as the sentences name the animals: rat")


class Tables(StrictModel):
    """Where the tables lie, relative to the config file."""

    sessions: str = Field(description="One row per visit of one animal")
    administrations: str = Field(description="One row per dose of one compound")
    contexts: str | None = Field(None, description="Where the animal was, when")
    channels: str | None = Field(None, description="Region, shank and quality of each channel")
    recordings: str | None = Field(None, description="Several recording files per session")
    behaviours: str | None = Field(None, description="Several behaviour logs per session")
    measurements: str | None = Field(None, description="Outcomes measured elsewhere")


class Substance(StrictModel):
    """A drug, with the dose that is meant."""

    drug: str | tuple[str, ...] = Field(description="Name, or names of one and the same thing")
    dose_mg_per_kg: float | None = Field(
        None, ge=0, description="Dose that is meant; left out: any dose"
    )

    @property
    def names(self) -> tuple[str, ...]:
        """Names, casefolded, as they are compared with the administrations."""
        names = (self.drug,) if isinstance(self.drug, str) else self.drug
        return tuple(name.strip().casefold() for name in names)

    @property
    def label(self) -> str:
        """First name, as written."""
        return self.drug if isinstance(self.drug, str) else self.drug[0]


class ConditionSpec(Substance):
    """What must be on board at an anchor for the condition to hold."""

    pretreatment: Substance | None = Field(
        None, description="Pretreatment on board; left out: none at all"
    )
    reference: str | None = Field(
        None, description="Condition it is compared with; left out: reference_condition"
    )


class Question(StrictModel):
    """What may change the drug effect."""

    modifier: str = Field(
        description="context, dosing_context, pretreatment, stage, sex, or a column of "
        "sessions.tsv of the lab's own (timing: before or after learning)"
    )
    reference: str = Field(description="Level that the others are compared with")
    phases: tuple[str, ...] | None = Field(
        None, description="Phases in which it is asked; left out: all but the baseline"
    )


class Phase(StrictModel):
    """A window after (or before) an anchor; written as [from, to] in seconds, or as a mapping."""

    seconds: Window | None = Field(None, description="[from, to] in seconds from the anchor")
    days: tuple[int, int] | None = Field(
        None, description="[first, last] day from the anchor's; for sessions with no anchor"
    )
    session: bool = Field(
        False, description="true (or the word session): the whole session, without clock times"
    )

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, data: Any) -> Any:
        if isinstance(data, list | tuple):
            return {"seconds": data}
        return {"session": True} if data == "session" else data

    @model_validator(mode="after")
    def _one_kind(self) -> Phase:
        if sum([self.seconds is not None, self.days is not None, self.session]) != 1:
            raise ValueError("give [from, to] in seconds, or {days: [first, last]}, or session")
        if self.days is not None and self.days[0] > self.days[1]:
            raise ValueError(f"the first day must not be after the last; found {list(self.days)}")
        return self


class Design(StrictModel):
    """Who is compared with whom, where and when."""

    unit: Literal["animal", "cage"] = Field(
        "animal", description="Experimental unit of every test; cage if context goes by cage"
    )
    conditions: dict[str, ConditionSpec] = Field(
        min_length=1, description="In the order of the figures"
    )
    reference_condition: str = Field(description="Condition that the others are compared with")
    contexts: tuple[str, ...] = Field(min_length=1, description="In the order of the figures")
    questions: tuple[Question, ...] = Field(
        (), description="What may change the drug effect; left out: context, first one reference"
    )
    phases: dict[str, Phase] = Field(min_length=1, description="Windows around the anchor")
    baseline_phase: str = Field("baseline", description="Which phase is the baseline")
    handling_s: tuple[float, float] = Field(
        (-120.0, 300.0), description="Cut out around every administration, [before, after]"
    )
    baseline_before: Literal["first_administration", "test", "sham"] = Field(
        "first_administration", description="What the baseline's seconds are counted from"
    )
    baseline_context: str = Field(
        "same", description="same, or the one context that serves as baseline for all"
    )
    minimum_epoch_s: float = Field(30.0, gt=0, description="Less usable time: a missing cell")
    washout_days: float = Field(
        7.0, ge=0, description="Less time between an animal's test sessions is remarked upon"
    )
    pretreatment_within_h: float = Field(
        24.0, gt=0, description="A pretreatment counts as on board for so long"
    )

    @field_validator("conditions")
    @classmethod
    def _not_none(cls, conditions: dict[str, ConditionSpec]) -> dict[str, ConditionSpec]:
        if NO_CONDITION in conditions:
            raise ValueError("'none' is what an animal has on board before any dose: rename it")
        return conditions

    @field_validator("conditions", "contexts", "phases")
    @classmethod
    def _no_formulas(cls, names: Any) -> Any:
        wrong = [name for name in names if is_formula(name)]
        if wrong:
            raise ValueError(f"found {wrong[0]!r}; {NO_FORMULA}")
        return names

    @field_validator("handling_s")
    @classmethod
    def _around_zero(cls, handling: tuple[float, float]) -> tuple[float, float]:
        if not handling[0] <= 0 <= handling[1]:
            raise ValueError(f"give [seconds before (<= 0), after (>= 0)]; found {list(handling)}")
        return handling


class Outcomes(StrictModel):
    """Which outcomes matter, and how large an effect must be to matter."""

    primary: tuple[str, ...] = Field((), description="Outcome ids that the report answers first")
    secondary: tuple[str, ...] = Field((), description="Outcome ids; all others are exploratory")
    smallest_effect: dict[str, PlanBound] = Field(
        default_factory=dict, description="By metric or outcome id, on the outcome's own scale"
    )
    baseline: dict[str, BaselineRule] = Field(
        default_factory=dict,
        description="Baseline rule by metric: change (subtract it), covariate (adjust for it; for "
        "parallel groups), none; left out: the metric's own",
    )
    declare: dict[str, PlanOutcome] = Field(
        default_factory=dict, description="Outcomes of measurements.tsv"
    )


class RecordingOptions(StrictModel):
    """The rig."""

    line_noise_hz: Literal[50, 60] | None = Field(
        None, description="Mains frequency, masked with its harmonics; left out: nothing masked"
    )
    stream: str | None = Field(None, description="Stream to read when a recording has several")
    pass_band_hz: float | None = Field(
        None,
        gt=0,
        description="Highest frequency that the rig's filters pass flat; left out: 0.4 of the "
        "recording's rate",
    )


class FlexibilityOptions(StrictModel):
    """Set-shifting."""

    task: Task | None = Field(None, description="The task, or the path of its YAML file")
    error_scheme: Literal[
        "floresco_block", "rule_consistent", "widge_sequence", "error_chain", "initial_run"
    ] = Field("floresco_block", description="Which published definition the errors follow")


class BehaviourOptions(StrictModel):
    """Behaviour logs."""

    formats: dict[str, BehaviourMapping] = Field(
        default_factory=dict, description="What the logs' columns mean, by name of the format"
    )


class SyncOptions(StrictModel):
    """One clock for logs and recordings, from pulses that both hold."""

    line: str | None = Field(
        None,
        description="TTL line of the recording that carries the pulses, as the rig counts it, or "
        "the text of a marker; left out: logs start as declared (starts_at_s)",
    )
    clock: str | None = Field(
        None, description="Stream whose clock timed the pulses, where several have such a line"
    )
    edge: Literal["rising", "falling"] = Field(
        "rising", description="Edge of the pulse that the log noted"
    )
    tolerance_ms: float = Field(
        2.0, gt=0, le=100, description="Largest residual of a matched pulse; beyond: refused"
    )
    max_drift_ppm: float = Field(
        500.0, gt=0, le=5000, description="Largest difference in rate of the two clocks"
    )

    @field_validator("line", mode="before")
    @classmethod
    def _line_as_text(cls, line: Any) -> Any:
        return str(line) if isinstance(line, int) and not isinstance(line, bool) else line


class Statistics(StrictModel):
    """Tests."""

    alpha: float = Field(0.05, gt=0, lt=0.5, description="Level of every test")
    blind: bool = Field(
        False,
        description="Show codes instead of drugs until `python -m pipeline unblind` has written "
        "its record",
    )
    calibrate: int = Field(
        0,
        ge=0,
        le=10_000,
        description="How many times the labels are shuffled to measure the false-positive rate in "
        "this very cohort (200 is enough to see trouble); 0 is never",
    )
    seed: int = Field(20240612, ge=0, description="Of the permutations that are not exact")


class Config(StrictModel):
    """config.yaml."""

    experiment: ExperimentSection = Field(description="Title and species")
    tables: Tables = Field(description="Where the tables lie")
    design: Design = Field(description="Conditions, contexts, phases, questions")
    outcomes: Outcomes = Field(default_factory=Outcomes, description="What matters")
    recording: RecordingOptions = Field(default_factory=RecordingOptions, description="The rig")
    lfp: LfpOptions = Field(default_factory=LfpOptions, description="Local field potential")
    spikes: SpikeOptions = Field(default_factory=SpikeOptions, description="Units")
    flexibility: FlexibilityOptions = Field(
        default_factory=FlexibilityOptions, description="Set-shifting"
    )
    movement: MovementOptions = Field(default_factory=MovementOptions, description="Speed")
    behaviour: BehaviourOptions = Field(
        default_factory=BehaviourOptions, description="Behaviour logs"
    )
    sync: SyncOptions = Field(default_factory=SyncOptions, description="Clocks")
    statistics: Statistics = Field(default_factory=Statistics, description="Tests")
    reporting: ReportingOptions = Field(
        default_factory=ReportingOptions,
        description="What only the lab knows of animals and conduct, for the ARRIVE table of the "
        "report and for NWB files; no computation reads it",
    )

    @model_validator(mode="after")
    def _the_line_has_an_event(self) -> Config:
        formats = self.behaviour.formats
        if self.sync.line is not None and not any(m.sync_event for m in formats.values()):
            raise ValueError(
                "sync.line: no mapping under behaviour.formats names the event of the log that "
                "the pulses belong to (sync_event)"
            )
        return self

    @model_validator(mode="after")
    def _logs_speak_of_the_task(self) -> Config:
        task = self.flexibility.task
        words: dict[str, tuple[str, ...]] = {}
        if task:
            words = {
                "choice_side": (*task.sides, OMISSION, ""),
                "cue_side": (*task.cue_names, ""),
                "rule": (*task.rules, ""),
            }
        said = [
            (f"{name}.values.{column}", meaning, known)
            for name, mapping in self.behaviour.formats.items()
            for column, known in words.items()
            for meaning in mapping.values.get(column, {}).values()
        ]
        said += [
            (f"{name}.rule", mapping.rule, words["rule"])
            for name, mapping in self.behaviour.formats.items()
            if task and mapping.rule
        ]
        wrong = [
            f"behaviour.formats.{place}: {meaning!r} is not one of "
            f"{', '.join(map(repr, known))} (the task's){did_you_mean(meaning, known)}"
            for place, meaning, known in said
            if str(meaning).casefold() not in [word.casefold() for word in known]
        ]
        if wrong:
            raise ValueError("; ".join(wrong))
        return self
