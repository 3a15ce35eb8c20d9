"""Cluster tests of curves as lines of a table: of spectra and of time courses alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipeline.compare.contrasts import DIFFERENCE, SIMPLE
from pipeline.report.lookup import rows_of, text
from pipeline.report.names import spoken
from pipeline.report.numbers import bare_p, p_value

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, kw_only=True)
class ClusterLine:
    """One cluster test, all text; ``clusters`` are those with p below alpha."""

    condition: str
    contrast: str
    clusters: tuple[str, ...]
    p: str
    p_adjusted: str
    n: str
    note: str


def cluster_lines(
    clusters: pd.DataFrame, where: Callable[[Mapping[str, Any]], str], *, alpha: float
) -> tuple[ClusterLine, ...]:
    """List every cluster test, drug effects first, then differences between levels.

    Parameters
    ----------
    clusters : pandas.DataFrame
        Rows of clusters.tsv or timecourse_clusters.tsv, with the label ``arm``.
    where : callable
        Says from where to where a cluster reaches, from its row.
    alpha : float
        Clusters with p below it are named.
    """
    order = {SIMPLE: 0, DIFFERENCE: 1}
    keys = ["contrast", "condition", "step", "level"]
    groups = [part for _, part in clusters.groupby(keys, sort=False)]
    groups.sort(key=lambda part: order.get(part["contrast"].iloc[0], 2))
    lines = []
    for part in groups:
        first = part.iloc[0]
        lines.append(
            ClusterLine(
                condition=text(first["arm"]),
                contrast=_contrast(first),
                clusters=tuple(
                    f"{where(row)}: {p_value(row['p'])}"
                    for row in rows_of(part)
                    if row["p"] < alpha
                ),
                p=bare_p(first["test_p"]),
                p_adjusted=bare_p(first["test_p_adjusted"]),
                n=str(int(first["n_units"])),
                note="; ".join(_remarks(text(first["note"]))),
            )
        )
    return tuple(lines)


def _contrast(row: pd.Series) -> str:
    level = spoken(text(row["level"]))
    if row["contrast"] == DIFFERENCE:
        return f"{level} beyond {spoken(text(row['reference_level']))}"
    return f"minus {spoken(text(row['reference_condition']))}, {level}"


def _remarks(note: str) -> list[str]:
    """Notes of a test without the sentence that stands in the caption."""
    parts = [part.strip() for part in note.split(";")]
    edges = ("a cluster says", "its edges are not")
    return [part for part in parts if part and not part.startswith(edges)]
