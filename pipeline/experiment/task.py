"""What the lab declares of its task: rules, criterion, and what counts.

Rules are small expressions, read by a tiny parser (nothing is evaluated)::

    follow cue                the side that the cue marks
    avoid cue                 the other side (two sides only)
    choose left               one side, whatever the cue
    reverse light             the other side of what the rule `light` asks for (two sides only)
    map A -> left, B -> right the side that each cue stands for

Each becomes a table from cue to correct side, and scoring knows only these tables: a new kind of
rule is a new expression here and nothing elsewhere. When the rule changes is read from the log,
never from the criterion: the log is the truth, the criterion scores it.
"""

from __future__ import annotations

import re
from itertools import permutations
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from pipeline.experiment.criterion import Criterion
from pipeline.experiment.rule_expressions import (
    EXPRESSIONS,
    NO_CUE,
    read_rule,
    split_expression,
)
from pipeline.experiment.strict import StrictModel, did_you_mean

__all__ = ["NO_CUE", "Criterion", "Rule", "Schemes", "Task"]

#: The restricted mean of trials to criterion ends at so many times the criterion's correct choices.
RESTRICTED_AT_CRITERIA = 10

#: What a stage of a digging series is; every one but ``compound`` and ``reversal`` brings new
#: exemplars.
Kind = Literal["", "simple", "compound", "reversal", "intradimensional", "extradimensional"]
#: Stages of one kind that a task can have.
MOST_OF_A_KIND = 4
#: Names of all stages that a task can have: the kind, and which one of that kind where there may be
#: several (the first of a kind has no number, save reversals, of which there usually are three).
STAGES = (
    "simple",
    "compound",
    *(f"reversal_{number}" for number in range(1, MOST_OF_A_KIND + 1)),
    *(
        kind + (f"_{number}" if number > 1 else "")
        for kind in ("intradimensional", "extradimensional")
        for number in range(1, MOST_OF_A_KIND + 1)
    ),
)


class Rule(StrictModel):
    """One rule of the task."""

    expression: str = Field(description=f"Which side is correct: {EXPRESSIONS}")
    dimension: str = Field(
        "",
        description="What the animal attends to under this rule, for the names of switches "
        "('light to side'); by default 'cue' for rules that read the cue, else 'side'",
    )
    kind: Kind = Field(
        "",
        description="What the rule is in a series of stages with new exemplars (digging task: SD, "
        "CD, REV1, ID, ...); the rules of a series are declared in its order. Empty elsewhere",
    )


def _expression_only(value: object) -> object:
    """Let a rule be written as its expression alone."""
    return {"expression": value} if isinstance(value, str) else value


RuleField = Annotated[Rule, BeforeValidator(_expression_only, json_schema_input_type=str | Rule)]


class FlorescoBlock(StrictModel):
    """Parameters of the error scheme `floresco_block`."""

    block: int = Field(8, ge=1, description="Choices on conflict trials per block")
    perseverative_from: int = Field(
        6, ge=1, description="Errors in a block from which on they are perseverative"
    )

    @model_validator(mode="after")
    def _reachable(self) -> FlorescoBlock:
        if self.perseverative_from > self.block:
            raise ValueError(
                f"perseverative_from = {self.perseverative_from} errors cannot occur in a block of "
                f"{self.block}"
            )
        return self


class RuleConsistent(StrictModel):
    """Parameters of the error scheme `rule_consistent`."""

    correct: int = Field(1, ge=1, description="Correct choices that end perseveration")
    correct_on: Literal["conflict", "all"] = Field(
        "conflict",
        description="Trials whose correct choices count: on the others the previous rule asks for "
        "the same side, so that a correct choice there does not show that it was left",
    )


class WidgeSequence(StrictModel):
    """Parameters of the error scheme `widge_sequence`."""

    run: int = Field(4, ge=1, description="Consecutive correct that end the second kind of errors")


class Schemes(StrictModel):
    """Parameters of the error schemes; the defaults are the published ones."""

    floresco_block: FlorescoBlock = Field(FlorescoBlock(), description="Blocks of conflict trials")
    rule_consistent: RuleConsistent = Field(RuleConsistent(), description="Old rule still followed")
    widge_sequence: WidgeSequence = Field(WidgeSequence(), description="Order of errors and runs")


class Task(StrictModel):
    """One cognitive-flexibility task, as declared under `flexibility.task`."""

    name: str = Field("", description="Name of the task, for the report")
    sides: tuple[str, ...] = Field(
        ("left", "right"), description="What can be chosen, as the log's choices are named"
    )
    cues: tuple[str, ...] = Field(
        (), description="Values that the cue takes; by default the sides (the light is on one)"
    )
    rules: dict[str, RuleField] = Field(
        min_length=1, description="Rules by the label that the log gives them"
    )
    criterion: Criterion = Field(description="When a rule counts as learnt")
    criterion_run_included: bool = Field(
        True,
        description="Whether trials to criterion include the run that meets it; false: trials "
        "before that run",
    )
    omissions_count: bool = Field(
        False, description="Whether an omission is one of the trials to criterion"
    )
    omissions_break_run: bool = Field(
        False, description="Whether an omission ends a run of correct choices"
    )
    response_window_s: float | None = Field(
        None,
        gt=0,
        description="A choice with this latency or longer is an omission (some boxes write the "
        "window's length as the latency of an omission)",
    )
    warm_up_trials: int = Field(
        0, ge=0, description="Trials at the start of a session that are not scored"
    )
    discovery_trials: int = Field(
        0,
        ge=0,
        description="Trials at the start of each rule that are not scored (digging task: the first "
        "four, where the rat may dig in both bowls; 0: they count like all others)",
    )
    unscored_rules: tuple[str, ...] = Field(
        (), description="Labels in the log's rule column that mark trials not to score (free)"
    )
    rule_before_session: str | None = Field(
        None,
        description="Rule that the animal was trained on before the session, where the switch is "
        "between sessions: the previous rule of the first set",
    )
    switch_is_cued: bool = Field(
        False,
        description="Whether the animal is told of the switch; if not, an error at its first "
        "choice under the new rule is uninformed and is called first_trial, not perseverative",
    )
    correction_trials: bool = Field(
        False,
        description="Whether a trial is repeated until the animal is right; the trials after an "
        "error or omission are then marked in the column `correction` (and are scored)",
    )
    probabilistic: bool = Field(
        False,
        description="Whether correct choices may go unrewarded and wrong ones rewarded; the log's "
        "`correct` is then not held against the rule",
    )
    streak_minimum: int = Field(
        1, ge=1, description="Consecutive correct choices that make a streak"
    )
    after_switch_trials: int = Field(
        10,
        ge=1,
        description="Trials after a switch whose latencies are `switch`; later ones are `stable`",
    )
    switch_cost_trials: int = Field(
        5,
        ge=1,
        description="Trials before a switch that are compared with as many after it (switch cost); "
        "those before it, once the rule was learnt, are the learning phase `before_switch`",
    )
    restricted_at_trials: int | None = Field(
        None,
        ge=1,
        description="Trials at which the restricted mean of trials to criterion ends, one number "
        "for all sessions; by default ten times the correct choices that the criterion asks for",
    )
    schemes: Schemes = Field(Schemes(), description="Parameters of the error schemes")

    @field_validator("sides")
    @classmethod
    def _name_sides(cls, sides: tuple[str, ...]) -> tuple[str, ...]:
        if len(sides) < 2:
            raise ValueError(f"found {len(sides)}; expected two sides or more")
        return _distinct_words(sides)

    @field_validator("cues")
    @classmethod
    def _name_cues(cls, cues: tuple[str, ...]) -> tuple[str, ...]:
        return _distinct_words(cues)

    @model_validator(mode="after")
    def _rules_make_sense(self) -> Task:
        problems = []
        for label in self.rules:
            try:
                self.correct_sides(label)
            except ValueError as error:
                problems.append(str(error))
        problems += [
            f"rules and unscored_rules both name {label!r}"
            for label in self.unscored_rules
            if label in self.rules
        ]
        problems += self._stage_problems()
        before = self.rule_before_session
        if before is not None and before not in self.rules:
            problems.append(
                f"rule_before_session: found {before!r}; expected one of the rules"
                f"{did_you_mean(before, self.rules)}"
            )
        if problems:
            raise ValueError("; ".join(problems))
        return self

    def _stage_problems(self) -> list[str]:
        """Stages that have no name, or that reverse nothing."""
        names = list(self.stages.items())
        strangers = [name for _, name in names if name not in STAGES]
        problems = [
            f"rules: found the stage {name}; expected at most one simple and one compound stage, "
            f"and {MOST_OF_A_KIND} of each other kind"
            for name in strangers
        ]
        if names and names[0][1].startswith("reversal"):
            problems.append(
                f"rule {names[0][0]!r}: found kind: reversal at the start of the series; expected "
                "the stage that it reverses before it"
            )
        return problems

    @property
    def stages(self) -> dict[str, str]:
        """Name of each stage (one of :data:`STAGES`) by the label of its rule, in order."""
        count: dict[str, int] = {}
        names = {}
        for label, rule in self.rules.items():
            if rule.kind:
                number = count[rule.kind] = count.get(rule.kind, 0) + 1
                numbered = rule.kind == "reversal" or number > 1
                names[label] = f"{rule.kind}_{number}" if numbered else rule.kind
        return names

    def switch(self, before: str, now: str) -> str:
        """Kind of a switch from one rule to another.

        Parameters
        ----------
        before, now : str
            Keys of ``rules``.

        Returns
        -------
        str
            The ``kind`` of the new rule where it has one; else ``extradimensional`` (the dimension
            changes), ``reversal`` (every cue now stands for another side), ``intradimensional``
            (some do) or ``repeat`` (none does).
        """
        if self.rules[now].kind:
            return self.rules[now].kind
        if self.dimension(before) != self.dimension(now):
            return "extradimensional"
        old, new = self.correct_sides(before), self.correct_sides(now)
        differs = [old[cue] != new[cue] for cue in old if cue in new]
        if all(differs):
            return "reversal"
        return "intradimensional" if any(differs) else "repeat"

    @property
    def cue_names(self) -> tuple[str, ...]:
        """Values that the cue takes."""
        return self.cues or self.sides

    @property
    def restricted_at(self) -> int:
        """Trials at which the restricted mean of trials to criterion ends."""
        return self.restricted_at_trials or RESTRICTED_AT_CRITERIA * self.criterion.needed_in_all

    def direction(self, before: str, now: str) -> str:
        """Return the name of a switch from one rule to another ("light to side")."""
        return f"{self.dimension(before)} to {self.dimension(now)}"

    @property
    def directions(self) -> dict[str, str]:
        """Directions that switches can have ("light to side") by outcome name (light_to_side)."""
        names: dict[str, str] = {}
        for before, now in permutations(self.rules, 2):
            direction = self.direction(before, now)
            names.setdefault(re.sub(r"[\W_]+", "_", direction), direction)
        return names

    def correct_sides(self, label: str) -> dict[str, str]:
        """Correct side of a rule for each cue.

        Parameters
        ----------
        label : str
            A key of ``rules``.

        Returns
        -------
        dict of str to str
            Correct side by cue; the cue ``""`` (none shown) is present only if the rule does not
            need one.

        Raises
        ------
        ValueError
            If the expression cannot be read, naming rule, expression and what was expected.
        """
        return read_rule(label, rules=self.rules, sides=self.sides, cues=self.cue_names, seen=())

    def dimension(self, label: str) -> str:
        """Return what the animal attends to under a rule ("cue", "side", or as declared)."""
        rule = self.rules[label]
        if rule.dimension:
            return rule.dimension
        verb, rest = split_expression(rule.expression)
        if verb == "reverse":
            return self.dimension(rest)
        return "side" if verb == "choose" else "cue"


def _distinct_words(names: tuple[str, ...]) -> tuple[str, ...]:
    """Refuse names that the log or an expression could not tell apart."""
    for name in names:
        if not name or name != " ".join(name.split()) or "," in name or "->" in name:
            raise ValueError(
                f"found {name!r}; expected a name without comma, arrow or blanks at its ends"
            )
    if len(set(names)) < len(names):
        raise ValueError(f"found {', '.join(names)}; expected each name once")
    return names
