"""How events of a log become trials: small rules that a lab declares, no code."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import Field, field_validator, model_validator

from pipeline.experiment.strict import StrictModel, did_you_mean

#: columns of the trial table that a variable or a printed line of the log may give
SAID_COLUMNS = (
    "trial",
    "latency_choice",
    "rule",
    "cue_side",
    "choice_side",
    "correct",
    "omission",
    "rewarded",
    "task",
)


class TrialRules(StrictModel):
    """Which events make a trial.

    Events are read in the order of time. A trial runs from one ``start`` event to the next. Cue,
    initiation and choice are the first such events between ``start`` and ``stop``; what follows
    from the choice (``correct``, ``reward``) is looked for from the choice to the next ``start``.
    """

    start: tuple[str, ...] = Field(
        min_length=1, description="Events or states that start a trial, each time they occur"
    )
    stop: tuple[str, ...] = Field(
        (), description="Events or states that end the time for a choice; else the next start does"
    )
    window_s: float | None = Field(
        None,
        gt=0,
        allow_inf_nan=False,
        description="A choice later than this is none; counted from choice_after, else from start",
    )
    cue: dict[str, str] = Field(
        default_factory=dict, description="Side of the cue by event: {light_left: left}"
    )
    cue_time: tuple[str, ...] = Field(
        (), description="Events that give t_cue; without it the cue's event, else the start"
    )
    init: tuple[str, ...] = Field((), description="Events that initiate the trial (t_init)")
    choice: dict[str, str] = Field(
        default_factory=dict,
        description="Side by event; the first that occurs is the choice, none is an omission: "
        "{poke_left: left, poke_right: right}",
    )
    choice_after: tuple[str, ...] = Field(
        (), description="Events from which a choice counts, each trial anew: earlier ones do not"
    )
    correct: dict[str, bool] = Field(
        default_factory=dict,
        description="Whether the choice was correct, by event: {reward: true, timeout: false}; '' "
        "stands for none of them: {reward: true, '': false}",
    )
    omission: tuple[str, ...] = Field((), description="Events that say: omitted")
    reward: tuple[str, ...] = Field(
        (), description="Events of reward: rewarded and t_reward; none of them is 'not rewarded'"
    )
    rule: dict[str, str] = Field(
        default_factory=dict,
        description="Rule that an event announces, in force until the next: {block_light: light}",
    )
    first_rule: str = Field("", description="Rule in force before the first event under 'rule'")
    variables: dict[str, str] = Field(
        default_factory=dict,
        description="Variables of the log by column of the trial table, with the value in force at "
        "the choice: {rule: current_rule}; values may say what the values mean",
    )
    printed: dict[str, str] = Field(
        default_factory=dict,
        description="Words before a value in the trial's printed lines, by column of the trial "
        "table; the last such line counts: {trial: 'T#:'}",
    )

    @field_validator(
        "start", "stop", "cue_time", "init", "choice_after", "omission", "reward", mode="before"
    )
    @classmethod
    def _one_or_several(cls, names: Any) -> Any:
        if isinstance(names, str | int | float) and not isinstance(names, bool):
            return (str(names),)
        return tuple(str(name) for name in names) if isinstance(names, list | tuple) else names

    @field_validator("cue", "choice", "correct", "rule", mode="before")
    @classmethod
    def _names_as_text(cls, meanings: Any) -> Any:
        if not isinstance(meanings, Mapping):
            return meanings
        return {"" if k is None else str(k): meaning for k, meaning in meanings.items()}

    @field_validator("variables", "printed")
    @classmethod
    def _columns_that_exist(cls, said: dict[str, str]) -> dict[str, str]:
        for column, word in said.items():
            if column not in SAID_COLUMNS:
                raise ValueError(
                    f"'{column}'{did_you_mean(column, SAID_COLUMNS)} is not one of "
                    f"{', '.join(SAID_COLUMNS)}"
                )
            if not word.strip():
                raise ValueError(f"{column}: the name is blank")
        return said

    @model_validator(mode="after")
    def _each_column_once(self) -> TrialRules:
        if not {"choice_side", "correct"} & set(self.columns):
            raise ValueError("trials: name 'choice' or 'correct': else nothing is scored")
        twice = [name for name in self.columns if self.columns.count(name) > 1]
        if twice:
            raise ValueError(f"trials: {twice[0]} is given twice (event, variable, printed line)")
        both = sorted(set(self.start) & set(self.stop))
        if both:
            raise ValueError(f"trials: '{both[0]}' is start and stop at once: leave it out of stop")
        if self.window_s is not None and not self.choice:
            raise ValueError("trials: window_s limits choices: name 'choice'")
        return self

    @property
    def columns(self) -> list[str]:
        """Columns of the trial table that these rules fill, beside ``t_cue``."""
        given = {
            "cue_side": self.cue,
            "t_init": self.init,
            "choice_side": self.choice,
            "t_choice": self.choice,
            "correct": self.correct,
            "omission": self.omission,
            "rewarded": self.reward,
            "t_reward": self.reward,
            "rule": self.rule or self.first_rule,
        }
        return [name for name, rule in given.items() if rule] + [*self.variables, *self.printed]

    @property
    def events(self) -> list[str]:
        """Every event that the rules name."""
        named: tuple[Iterable[str], ...]
        named = (self.start, self.stop, self.cue, self.cue_time, self.init, self.choice)
        named += (self.choice_after, self.correct, self.omission, self.reward, self.rule)
        return list(dict.fromkeys(name for names in named for name in names if name))
