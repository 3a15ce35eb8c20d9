"""What the letters of a MED-PC program hold: the part of the config that no file can say."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from pipeline.experiment.strict import StrictModel

_LENGTH = re.compile(r"(?P<letter>[A-Z])(\((?P<index>\d+)\))?(?P<more>[+-]\d+)?")


def _letter(text: str) -> str:
    if not re.fullmatch("[A-Z]", text):
        raise ValueError(f"'{text}' is no letter of MED-PC: expected one of A to Z")
    return text


def _length(text: str) -> str:
    compact = text.replace(" ", "")
    if compact == "all" or _LENGTH.fullmatch(compact):
        return compact
    raise ValueError(
        f"'{text}': expected the counter of the array, as Y, Y+1 or A(3), or 'all' for an array "
        "that holds nothing but data (sealed, or as long as its DIM)"
    )


Letter = Annotated[str, AfterValidator(_letter)]


def counter_parts(length: str) -> tuple[str, int | None, int]:
    """Split ``A(3)+1`` into letter, element (None for a scalar) and the number to add."""
    match = _LENGTH.fullmatch(length)
    assert match is not None  # the model has checked it
    index = match["index"]
    return match["letter"], None if index is None else int(index), int(match["more"] or 0)


class MedPcArray(StrictModel):
    """How much of an array was used: MED-PC fills the rest with zeros and says it nowhere."""

    length: Annotated[str, AfterValidator(_length)] = Field(
        description="Counter that holds the number of used elements: a letter (Y), one with a "
        "correction (Y+1), an element of an array (A(3)); 'all' when nothing else is in the array"
    )
    counts: Literal["values", "entries"] = Field(
        "values", description="What the counter counts: values, or entries of several values"
    )
    first: int = Field(0, ge=0, description="First used element (1 where element 0 is unused)")
    capped: Literal["refuse", "keep"] = Field(
        "refuse",
        description="What to do when the counter says more than the array holds (DIM was too "
        "small): refuse the log, or keep what is there and warn",
    )


class MedPcEvents(MedPcArray):
    """An array of events in time."""

    layout: Literal["times", "paired", "packed", "prefixed", "entries"] = Field(
        description="times: times of one event; paired: times here, codes in codes_array; packed: "
        "8575.004 is tick 8575, code 4; prefixed: 30180.970 is code 30000 at 180.970; entries: "
        "several values in turn, named in fields"
    )
    array: Letter = Field(description="Letter of the array")
    event: str = Field("", description="times: name of the event")
    codes_array: str = Field("", description="paired: letter of the array of codes")
    code_digits: int = Field(
        3, ge=1, le=6, description="packed: digits after the point that are the code"
    )
    code_step: int = Field(
        10_000, ge=10, description="prefixed: codes are multiples of this, times are below it"
    )
    fields: tuple[str, ...] = Field(
        (), description="entries: what the values are, in turn; one is 'time': [time, lever, event]"
    )
    code: tuple[str, ...] = Field(
        (), description="entries: which fields name the event; several are joined by '/' (1/3)"
    )
    relative: bool = Field(
        False, description="Times count from the event before, not from the session's start"
    )

    @model_validator(mode="after")
    def _what_the_layout_needs(self) -> MedPcEvents:
        needed = {"times": "event", "paired": "codes_array", "entries": "code"}.get(self.layout)
        if needed and not getattr(self, needed):
            raise ValueError(f"array {self.array}: the layout {self.layout} needs '{needed}'")
        if self.codes_array:
            _letter(self.codes_array)
        if self.layout == "entries":
            unknown = [name for name in self.code if name not in self.fields]
            if "time" not in self.fields or unknown:
                raise ValueError(
                    f"array {self.array}: fields must name 'time' and every field of 'code'; found "
                    f"{list(self.fields)}"
                )
        if self.counts == "entries" and self.layout != "entries":
            raise ValueError(f"array {self.array}: counts: entries is for the layout entries")
        return self


class MedPcTrials(MedPcArray):
    """Arrays with one element (or one entry of several values) per trial: a block of trials."""

    arrays: dict[str, Letter] = Field(
        default_factory=dict, description="Letter by column: {choice: D, correct: E}"
    )
    array: str = Field("", description="Instead: one array with several values per trial")
    fields: tuple[str, ...] = Field((), description="What these values are, in turn")
    constants: dict[str, str] = Field(
        default_factory=dict, description="Columns that are the same in the whole block"
    )

    @model_validator(mode="after")
    def _one_of_both(self) -> MedPcTrials:
        if bool(self.arrays) == bool(self.array) or bool(self.array) != bool(self.fields):
            raise ValueError("give 'arrays', or 'array' with 'fields'")
        if self.array:
            _letter(self.array)
        if self.counts == "entries" and not self.array:
            raise ValueError("counts: entries is for one array with several values per trial")
        return self


class MedPcOptions(StrictModel):
    """What a MED-PC program writes."""

    ticks_per_s: float | None = Field(
        None,
        gt=0,
        allow_inf_nan=False,
        description="Ticks of the program's clock per second (500 for 2 ms); without it times are "
        "in time_unit",
    )
    events: tuple[MedPcEvents, ...] = Field((), description="Arrays of events, for 'trials' rules")
    blocks: tuple[MedPcTrials, ...] = Field(
        (), description="Arrays with an element per trial, for 'columns'; blocks follow each other"
    )

    @model_validator(mode="after")
    def _something(self) -> MedPcOptions:
        if not self.events and not self.blocks:
            raise ValueError("medpc: name arrays under 'events' or under 'blocks'")
        return self
