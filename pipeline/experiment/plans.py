"""Config and tables to the analysis plan: what is compared with what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pipeline.errors import Problem
from pipeline.experiment.config import Config, Question
from pipeline.experiment.model import Anchor, Session
from pipeline.experiment.plan import AnalysisPlan, PlanCondition, PlanQuestion
from pipeline.experiment.strict import did_you_mean

_SESSION_COLUMNS = ("sex", "cohort", "cage", "stage")


def references_of(config: Config) -> set[str]:
    """Return the conditions that others are compared with."""
    stated = {spec.reference for spec in config.design.conditions.values() if spec.reference}
    return stated | {config.design.reference_condition}


def build_plan(
    config: Config, sessions: Sequence[Session], anchors: Mapping[str, Anchor]
) -> AnalysisPlan:
    """Derive the analysis plan.

    A condition is compared with its own ``reference``, else with ``reference_condition``; a
    condition that is itself somebody's reference and whose default was never given has none.
    """
    design = config.design
    met = {anchor.condition for anchor in anchors.values()}
    references = references_of(config)
    conditions = []
    for name, spec in design.conditions.items():
        reference: str | None = spec.reference or design.reference_condition
        if (name == design.reference_condition and spec.reference is None) or (
            name in references and spec.reference is None and reference not in met
        ):
            reference = None
        conditions.append(
            PlanCondition(
                name=name,
                reference=reference,
                drug=spec.label,
                dose_mg_per_kg=spec.dose_mg_per_kg,
                pretreatment=spec.pretreatment.label if spec.pretreatment else "",
                is_reference=name in references,
            )
        )
    factors = tuple(dict.fromkeys(key for session in sessions for key in session.factors))
    phases = tuple(name for name in design.phases if name != design.baseline_phase)
    asked = design.questions or (Question(modifier="context", reference=design.contexts[0]),)
    questions = tuple(
        PlanQuestion(
            modifier=question.modifier,
            reference=question.reference,
            levels=_levels(question, config, sessions, anchors),
            phases=question.phases or phases,
        )
        for question in asked
    )
    return AnalysisPlan(
        title=config.experiment.title,
        species=config.experiment.species,
        unit=design.unit,
        conditions=tuple(conditions),
        contexts=design.contexts,
        phases=phases,
        baseline_phase=design.baseline_phase,
        baseline_context=design.baseline_context,
        questions=questions,
        primary=config.outcomes.primary,
        secondary=config.outcomes.secondary,
        smallest_effect=config.outcomes.smallest_effect,
        baseline=dict(config.outcomes.baseline),
        declared=dict(config.outcomes.declare),
        factors=factors,
        minimum_epoch_s=design.minimum_epoch_s,
        minimum_units=config.spikes.minimum_units,
        washout_days=design.washout_days,
        alpha=config.statistics.alpha,
        seed=config.statistics.seed,
    )


def _levels(
    question: Question,
    config: Config,
    sessions: Sequence[Session],
    anchors: Mapping[str, Anchor],
) -> tuple[str, ...]:
    """Levels of a modifier, its reference first, the others in the order they are met."""
    modifier = question.modifier
    if modifier == "context":
        met = list(config.design.contexts)
    elif modifier == "dosing_context":
        met = [anchor.administration.dosing_context for anchor in anchors.values()]
    elif modifier == "pretreatment":
        specs = config.design.conditions.values()
        met = [spec.pretreatment.label if spec.pretreatment else "none" for spec in specs]
    elif modifier in _SESSION_COLUMNS:
        met = [getattr(session, modifier) for session in sessions]
    else:
        met = [session.factors.get(modifier, "") for session in sessions]
    found = [level for level in dict.fromkeys(met) if level]
    others = [level for level in found if level != question.reference]
    return ((question.reference,) if question.reference in found else ()) + tuple(others)


def check_plan(
    plan: AnalysisPlan, config: Config, sessions: Sequence[Session], *, file: str
) -> list[Problem]:
    """List what the plan asks for and the tables do not have."""
    problems = []
    modifiers = ("context", "dosing_context", "pretreatment", *_SESSION_COLUMNS, *plan.factors)
    for index, question in enumerate(plan.questions):
        key = f"design.questions.{index}"
        if question.modifier not in modifiers:
            expected = (
                "context, dosing_context, pretreatment, stage, sex or a column of sessions.tsv"
                + did_you_mean(question.modifier, modifiers)
            )
            problems.append(Problem(file, f"{key}.modifier", repr(question.modifier), expected))
        elif question.reference not in question.levels:
            expected = f"a level that is met: {', '.join(question.levels) or 'there is none'}"
            expected += did_you_mean(question.reference, question.levels)
            problems.append(Problem(file, f"{key}.reference", repr(question.reference), expected))
        for phase in question.phases:
            if phase not in plan.phases:
                expected = f"one of {', '.join(plan.phases)}{did_you_mean(phase, plan.phases)}"
                problems.append(Problem(file, f"{key}.phases", repr(phase), expected))
    if plan.baseline_context != "same" and plan.baseline_context not in plan.contexts:
        expected = (
            f"same, or one of design.contexts{did_you_mean(plan.baseline_context, plan.contexts)}"
        )
        place = "design.baseline_context"
        problems.append(Problem(file, place, repr(plan.baseline_context), expected))
    both = set(plan.primary) & set(plan.secondary)
    for outcome in sorted(both):
        expected = "primary or secondary, not both"
        problems.append(Problem(file, "outcomes.secondary", repr(outcome), expected))
    if config.design.unit == "cage":
        for session in sessions:
            if not session.cage:
                place = f"row {session.line}, column cage"
                expected = "a cage, for design.unit is cage"
                problems.append(Problem(config.tables.sessions, place, "a blank", expected))
    return problems


def doubtful_levels(
    plan: AnalysisPlan, sessions: Sequence[Session], anchors: Mapping[str, Anchor]
) -> list[Problem]:
    """Warn of blanks and near-spellings among the levels of a question: they lose animals."""
    problems = []
    for question in plan.questions:
        modifier = question.modifier
        if modifier in ("context", "pretreatment"):  # declared, and checked, in the config
            continue
        if modifier == "dosing_context":
            cells = [
                ("administrations.tsv", a.administration.line, a.administration.dosing_context)
                for a in anchors.values()
                if a.administration.role == "test"
            ]
        else:
            own = modifier in _SESSION_COLUMNS
            cells = [
                (
                    "sessions.tsv",
                    session.line,
                    getattr(session, modifier) if own else session.factors.get(modifier, ""),
                )
                for session in sessions
                if not session.exclude
            ]
        seen: dict[str, str] = {}
        for file, line, level in cells:
            place = f"row {line}, column {modifier}"
            first = seen.setdefault(_folded(level), level)
            if not level:
                expected = f"a level: without one it does not enter the question of {modifier}"
                problems.append(Problem(file, place, "a blank", expected, "warning"))
            elif first != level:
                expected = f"perhaps {first!r}, written so in an earlier row"
                problems.append(Problem(file, place, repr(level), expected, "warning"))
    return problems


def _folded(level: str) -> str:
    """Return a level without case, blanks and marks, as misspellings often differ."""
    return "".join(letter for letter in level.casefold() if letter.isalnum())
