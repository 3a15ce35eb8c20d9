"""How many units were sorted, kept and left out, and of which waveform, for the report's tables."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.report.names import spoken
from pipeline.report.numbers import count

if TYPE_CHECKING:
    import pandas as pd

#: waveform classes in the order of the columns; "" is a session without waveforms
CLASSES = ("narrow", "grey", "wide", "unknown")
#: words of a reason (:mod:`pipeline.spikes.judgement`), and what its kind is called
_KINDS = (
    ("labelled", "label of the sorting"),
    ("present in", "presence in the baseline"),
    ("Hz in the baseline", "rate in the baseline"),
    ("junk", "junk"),
    ("contamination", "contamination"),
)


@dataclass(frozen=True, kw_only=True)
class UnitCounts:
    """Counts of one region, as text.

    Attributes
    ----------
    region, sessions, sorted, kept, left_out : str
    classes : tuple of str
        Kept units of each waveform class, in the order of :data:`CLASSES`.
    drifting : str
        Kept units whose amplitude changed: named, not left out.
    reasons : str
        Why units were left out, most frequent first; a unit may have several reasons.
    """

    region: str
    sessions: str
    sorted: str
    kept: str
    left_out: str
    classes: tuple[str, ...]
    drifting: str
    reasons: str


@dataclass(frozen=True, kw_only=True)
class UnitQuality:
    """The table of units under Completeness, and a sentence before it."""

    summary: str
    classes: tuple[str, ...]
    rows: tuple[UnitCounts, ...]


def unit_quality(units: pd.DataFrame | None) -> UnitQuality | None:
    """Count units by region; None where the run has no table of them.

    Parameters
    ----------
    units : pandas.DataFrame or None
        results/cohort/units.tsv, as text.
    """
    if units is None or units.empty or "kept" not in units:
        return None
    kept = units["kept"] == "yes"
    rows = []
    for region, own in units.groupby("region", sort=True):
        used = own[own["kept"] == "yes"]
        rows.append(
            UnitCounts(
                region=str(region) or "no region",
                sessions=f"{own['session'].nunique()}",
                sorted=f"{len(own):,}",
                kept=f"{len(used):,}",
                left_out=f"{len(own) - len(used):,}",
                classes=_classes(used),
                drifting=f"{int((used['drifting'] == 'yes').sum()):,}"
                if "drifting" in used
                else "–",
                reasons=_reasons(own[own["kept"] != "yes"]),
            )
        )
    summary = (
        f"{count(len(units), 'unit')} were sorted in {count(units['session'].nunique(), 'session')}"
        f"; {count(int(kept.sum()), 'unit')} entered the comparison. Thresholds were set in the "
        "config, and presence and rate are judged on the baseline alone: a unit that a drug "
        "silences is data. Classes are those of the waveform, not of the cell."
    )
    return UnitQuality(
        summary=summary, classes=tuple(spoken(name) for name in CLASSES), rows=tuple(rows)
    )


def _classes(units: pd.DataFrame) -> tuple[str, ...]:
    if "waveform_class" not in units:
        return tuple("–" for _ in CLASSES)
    found = units["waveform_class"].replace("", "unknown").value_counts()
    return tuple(f"{int(found.get(name, 0)):,}" for name in CLASSES)


def _reasons(units: pd.DataFrame) -> str:
    """Kinds of reasons, most frequent first; a limit of a metric goes by the metric's name."""
    found: Counter[str] = Counter()
    for reason in units["reason"]:
        found.update({_kind(part.strip()) for part in str(reason).split(";") if part.strip()})
    return "; ".join(f"{kind} ({n})" for kind, n in found.most_common())


def _kind(reason: str) -> str:
    for words, kind in _KINDS:
        if words in reason:
            return kind
    return reason.split(" ")[0]
