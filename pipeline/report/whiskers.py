"""Small interval pictures: positions in pixels, for the templates to draw."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.report.lookup import Effect
from pipeline.report.names import Names
from pipeline.report.numbers import finite

WHISKER_WIDTH = 112


@dataclass(frozen=True, kw_only=True)
class Whisker:
    """Positions (pixels, as text) of a small interval picture; None where there is no number."""

    zero: str
    low: str
    estimate: str
    high: str
    band_from: str | None
    band_width: str | None


@dataclass(frozen=True, kw_only=True)
class WhiskerScale:
    """Common scale of a row's whiskers, so that they can be compared at a glance."""

    low: float
    high: float

    @classmethod
    def of(cls, effects: Sequence[Effect], outcome: str, names: Names) -> WhiskerScale:
        """Scale that holds zero, the declared bounds and every interval."""
        bound = names.bound(outcome)
        limits = [limit for limit in (bound.drug, bound.interaction) if limit is not None]
        numbers = [0.0, *limits, *(-limit for limit in limits)]
        numbers += [n for e in effects for n in (e.estimate, e.ci_low, e.ci_high) if finite(n)]
        low, high = min(numbers), max(numbers)
        return cls(low=low, high=high) if high > low else cls(low=-1.0, high=1.0)

    def at(self, value: float) -> str:
        """Position of a value."""
        inner = WHISKER_WIDTH - 8
        return f"{4 + inner * (value - self.low) / (self.high - self.low):.1f}"

    def whisker(self, effect: Effect, bound: float | None) -> Whisker | None:
        """Picture of one effect against its bound; None without an interval."""
        if not all(finite(n) for n in (effect.estimate, effect.ci_low, effect.ci_high)):
            return None
        left, width = None, None
        if bound is not None:
            left = self.at(-bound)
            width = f"{float(self.at(bound)) - float(left):.1f}"
        return Whisker(
            zero=self.at(0.0),
            low=self.at(effect.ci_low),
            estimate=self.at(effect.estimate),
            high=self.at(effect.ci_high),
            band_from=left,
            band_width=width,
        )
