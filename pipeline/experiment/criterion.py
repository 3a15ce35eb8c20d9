"""When a rule counts as learnt: so many correct in a row, m of the last n, accuracy of blocks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from pydantic import Field, model_validator

from pipeline.experiment.strict import StrictModel


@dataclass(frozen=True)
class Blocks:
    """Blocks of choices, one after the other from the start of a set, in place of a window.

    Attributes
    ----------
    size : int
        Choices in a block.
    repeats : int
        Blocks in a row that must each have enough correct choices.
    """

    size: int
    repeats: int = 1


class Criterion(StrictModel):
    """When a rule counts as learnt.

    `consecutive: 10`, or `m: 7, of: 8`, or `accuracy: 0.8, block: 20`.
    """

    consecutive: int | None = Field(None, ge=1, description="So many correct choices in a row")
    m: int | None = Field(None, ge=1, description="So many correct choices ...")
    of: int | None = Field(
        None,
        ge=1,
        description="... among the last so many; fewer will do at the start of a set (seven right "
        "at once meet 7 of 8)",
    )
    accuracy: float | None = Field(
        None, gt=0, le=1, description="This share of correct choices or more ..."
    )
    block: int | None = Field(
        None,
        ge=1,
        description="... in a block of so many choices; blocks follow each other from the start of "
        "a set, and only a full one can meet the criterion",
    )
    blocks: int | None = Field(
        None, ge=1, description="So many blocks in a row must meet it; by default one"
    )

    @model_validator(mode="after")
    def _one_form(self) -> Criterion:
        given = {name for name in type(self).model_fields if getattr(self, name) is not None}
        forms = (
            {"consecutive"},
            {"m", "of"},
            {"accuracy", "block"},
            {"accuracy", "block", "blocks"},
        )
        if given not in forms:
            raise ValueError(
                f"found {', '.join(sorted(given)) or 'nothing'}; expected either 'consecutive', or "
                "both 'm' and 'of', or both 'accuracy' and 'block' (and 'blocks')"
            )
        if self.m is not None and self.of is not None and self.m > self.of:
            raise ValueError(f"m = {self.m} of {self.of} can never be met; expected m <= of")
        return self

    @property
    def needed(self) -> int:
        """Correct choices that the criterion asks for in its window, or in each of its blocks."""
        if self.accuracy is not None and self.block is not None:
            # 0.56 x 25 is 14.000000000000002 in floating point
            return math.ceil(self.accuracy * self.block - 1e-9)
        return cast(int, self.m if self.consecutive is None else self.consecutive)

    @property
    def needed_in_all(self) -> int:
        """Correct choices without which it cannot be met."""
        return self.needed * (self.blocks or 1)

    @property
    def window(self) -> int | Blocks:
        """Choices among which it asks for them: the last so many, or blocks."""
        if self.block is not None:
            return Blocks(self.block, self.blocks or 1)
        return cast(int, self.of if self.consecutive is None else self.consecutive)

    def met(self, correct: Sequence[bool]) -> bool:
        """Whether the latest of a set's choices meets the criterion.

        Parameters
        ----------
        correct : sequence of bool
            All choices of the set so far.
        """
        window = self.window
        if not isinstance(window, Blocks):
            return sum(correct[-window:]) >= self.needed
        length = window.size * window.repeats
        if len(correct) < length or len(correct) % window.size:
            return False
        starts = range(len(correct) - length, len(correct), window.size)
        return all(sum(correct[start : start + window.size]) >= self.needed for start in starts)

    def __str__(self) -> str:
        """As a methods section says it."""
        if self.consecutive is not None:
            return f"{self.consecutive} consecutive correct"
        if self.m is not None:
            return f"{self.m} correct of {self.of}"
        each = f"{self.accuracy:.0%} correct in a block of {self.block}"
        return each if (self.blocks or 1) == 1 else f"{each}, {self.blocks} blocks in a row"
