"""Maps of the cohort by chapter: spectrograms with oscillations, comodulograms with coupling."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from pipeline.report.cohort_maps import MapFigure
from pipeline.report.cohort_maps_spectrograms import spectrogram_figures
from pipeline.report.comodulograms import comodulogram_figures
from pipeline.report.names import Names

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, kw_only=True)
class MapTables:
    """Tables of the rule ``spectra`` that hold maps, as the report reads them."""

    spectrograms: pd.DataFrame
    comodulograms: pd.DataFrame

    @property
    def by_name(self) -> dict[str, pd.DataFrame]:
        """The tables by the names of their fields."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


def map_figures(
    tables: MapTables | None, names: Names
) -> dict[str, tuple[tuple[MapFigure, ...], tuple[str, ...]]]:
    """Return chapter -> its figures of maps, and a sentence for each kind that cannot be drawn.

    Parameters
    ----------
    tables : MapTables or None
        Of the cohort; without them there is neither figure nor sentence.
    names : Names
        Labels and plan.
    """
    if tables is None:
        return {}
    few = f"fewer than three {names.animals()[1]} were recorded at the same time from it"
    kinds = (
        ("oscillations", tuple(spectrogram_figures(tables.spectrograms, names)),
         "There is no spectrogram around the administration: no dose lies in a session, or "
         f"{few}."),
        ("coupling", tuple(comodulogram_figures(tables.comodulograms, names)),
         "There is no comodulogram: no session has phase-amplitude coupling in a phase and in its "
         "baseline."),
    )  # fmt: skip
    return {chapter: (drawn, () if drawn else (sentence,)) for chapter, drawn, sentence in kinds}
