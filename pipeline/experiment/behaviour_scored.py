"""What a log of scored behaviour means: which behaviours were watched, when, and in which columns.

A behaviour that was watched and not seen lasted 0 s; one that was not watched is unknown. No file
tells the two apart: the lab says which behaviours it scored.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field, field_validator, model_validator

from pipeline.experiment.strict import StrictModel


class ScoredOptions(StrictModel):
    """How rows of an export become bouts of behaviour."""

    behaviours: dict[str, str] = Field(
        min_length=1,
        description="Every behaviour that was watched: its name in the log and in the results, "
        "{Immobile: immobility}; one that never occurs counts as 0",
    )
    ignore: tuple[str, ...] = Field((), description="Behaviours of the log that are not used")
    behaviour: str = Field("Behavior", description="Column with the behaviour's name")
    start: str = Field("Start (s)", description="Column of the start (aggregated events)")
    stop: str = Field("Stop (s)", description="Column of the end (aggregated events)")
    time: str = Field(
        "", description="Instead of start and stop: column of the time of each row (state events)"
    )
    status: str = Field("Behavior type", description="With time: column that says START or STOP")
    start_words: tuple[str, ...] = Field(("START",), description="Words for a start")
    stop_words: tuple[str, ...] = Field(("STOP",), description="Words for an end")
    point_words: tuple[str, ...] = Field(
        ("POINT",), description="Words for events without duration: left out, for they last 0 s"
    )
    modifier: str = Field("", description="Column of modifiers, kept with each bout")
    observed_s: tuple[float, float] | None = Field(
        None, description="Start and end of the scoring, in the log's time: [0, 360]"
    )
    duration: str = Field(
        "",
        description="Instead of observed_s: column with the length of the observation, from 0, "
        "in the unit of the times",
    )

    @field_validator("behaviours", mode="before")
    @classmethod
    def _names_as_text(cls, names: Any) -> Any:
        if not isinstance(names, Mapping):
            return names
        return {str(key): str(value) for key, value in names.items()}

    @model_validator(mode="after")
    def _possible(self) -> ScoredOptions:
        for name in self.behaviours.values():
            if not name or set(name) & set("/@~"):
                raise ValueError(f"behaviours: '{name}' cannot be part of an outcome's id (/ @ ~)")
        both = sorted(set(self.behaviours) & set(self.ignore))
        if both:
            raise ValueError(f"'{both[0]}' stands under behaviours and under ignore")
        if (self.observed_s is None) == (not self.duration):
            raise ValueError(
                "give observed_s or duration: time that nobody scored is not time without behaviour"
            )
        if self.observed_s and not 0 <= self.observed_s[0] < self.observed_s[1] < float("inf"):
            raise ValueError(f"observed_s: found {list(self.observed_s)}; expected start < end")
        return self
