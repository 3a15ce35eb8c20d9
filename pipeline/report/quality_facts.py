"""Numbers of each session's quality, read from completeness.tsv and the kept time of its cells."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipeline.report.lookup import text
from pipeline.report.numbers import finite
from pipeline.report.quality_losses import bad_channels

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, kw_only=True)
class Facts:
    """Numbers of one session; NaN where they are unknown.

    Attributes
    ----------
    session, animal : str
    recorded_s, kept : float
        Seconds recorded, and the share of them without artefacts.
    residual_ms : float
        Largest sync residual of its logs.
    sync : str
        How its logs came to the session's clock, as completeness.tsv says.
    bad_by : mapping of str to str
        Bad channel -> who called it bad (:func:`pipeline.report.quality_losses.bad_channels`).
    n_channels, units_kept, units_sorted, trials : float
    contexts : mapping
        Context -> kept and recorded seconds.
    """

    session: str
    animal: str
    recorded_s: float
    kept: float
    residual_ms: float
    sync: str
    bad_by: Mapping[str, str]
    n_channels: float
    units_kept: float
    units_sorted: float
    trials: float
    contexts: Mapping[str, tuple[float, float]]

    @property
    def bad(self) -> tuple[str, ...]:
        """Names of the bad channels."""
        return tuple(self.bad_by)

    @property
    def kept_s(self) -> float:
        """Seconds without artefacts."""
        return self.recorded_s * self.kept


def contexts_of(outcomes: pd.DataFrame) -> dict[str, dict[str, tuple[float, float]]]:
    """Session -> context -> kept and recorded seconds, all phases together."""
    own = outcomes[(outcomes["outcome"] == "kept_fraction") & (outcomes["split"] == "")]
    if own.empty:
        return {}
    kept = (own["value"] * own["seconds"]).groupby([own["session"], own["context"]]).sum()
    all_of = own.groupby(["session", "context"])["seconds"].sum()
    found: dict[str, dict[str, tuple[float, float]]] = {}
    for session, context, seconds in all_of.reset_index().itertuples(index=False):
        pair = (float(kept[session, context]), float(seconds))
        found.setdefault(str(session), {})[str(context)] = pair
    return found


def facts_of(row: Mapping[str, Any], contexts: Mapping[str, tuple[float, float]]) -> Facts:
    """Read a row of completeness.tsv; ``contexts`` as :func:`contexts_of` has them."""
    residuals = [_number(part) for part in text(row.get("sync_residual_max_ms")).split(",")]
    return Facts(
        session=text(row["session"]),
        animal=text(row["animal"]),
        recorded_s=_number(row.get("duration_s")),
        kept=_number(row.get("kept_fraction")),
        residual_ms=max((r for r in residuals if finite(r)), default=math.nan),
        sync=text(row.get("sync")),
        bad_by={name: by for name, (by, _) in bad_channels(row).items()},
        n_channels=_number(row.get("n_channels")),
        units_kept=_number(row.get("n_units_kept")),
        units_sorted=_number(row.get("n_units_sorted")),
        trials=_number(row.get("n_trials")),
        contexts=contexts,
    )


def _number(value: Any) -> float:
    """A cell as a number; NaN where it holds none."""
    if finite(value):
        return float(value)
    try:
        return float(text(value))
    except ValueError:
        return math.nan


def least_share(f: Facts) -> float:
    """Kept share of the context that kept least."""
    return min((kept / all_of for kept, all_of in f.contexts.values() if all_of), default=math.nan)


def bad_share(f: Facts) -> float:
    """Share of the channels that are bad."""
    return len(f.bad) / f.n_channels if finite(f.n_channels) and f.n_channels else math.nan


def unit_share(f: Facts) -> float:
    """Share of the sorted units that were kept; NaN without any."""
    known = finite(f.units_kept) and finite(f.units_sorted) and f.units_sorted > 0
    return f.units_kept / f.units_sorted if known else math.nan
