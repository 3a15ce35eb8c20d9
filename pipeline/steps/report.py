"""Figures and the cohort report, from the cohort's tables."""

from __future__ import annotations

import getpass
import json
import platform
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd

from pipeline.experiment.plan import AnalysisPlan
from pipeline.files import replacing_folder
from pipeline.registry import metrics
from pipeline.report.behaviour import BehaviourTables
from pipeline.report.cohort_maps_tables import MapTables
from pipeline.report.spikes import SpikeTables
from pipeline.steps.column_types import TYPES
from pipeline.steps.made_of import made_of_results
from pipeline.steps.typed import read_typed


def _spectra(inputs: Any) -> dict[str, pd.DataFrame | None]:
    """Spectra of the animals and what was tested on them; None where the run has none."""
    units = getattr(inputs, "spectra", None)
    return {
        "spectra": None if units is None else pd.read_parquet(units),
        "clusters": _table(inputs, "clusters"),
    }


def _time_courses(inputs: Any) -> dict[str, pd.DataFrame | None]:
    """Time courses and what was tested on them; None where the run has none."""
    means = getattr(inputs, "time_courses", None)
    return {
        "time_courses": None if means is None else pd.read_parquet(means),
        "time_clusters": _table(inputs, "time_clusters", of="timecourse_clusters"),
    }


def behaviour_tables(inputs: Any, settings: Mapping[str, Any]) -> BehaviourTables | None:
    """Trials and tables of set-shifting; None where the run has none."""
    if getattr(inputs, "behaviour_trials", None) is None:
        return None
    names = ("error_types", "schemes", "switches", "latencies")
    return BehaviourTables(
        scheme=settings["error_scheme"],
        trials=read_typed(inputs.behaviour_trials, TYPES["trials"]),
        **{name: read_typed(getattr(inputs, name), TYPES[name]) for name in names},
    )


def spike_tables(inputs: Any, settings: Mapping[str, Any]) -> SpikeTables | None:
    """Units and what was made of them; None where the run has none."""
    if getattr(inputs, "unit_modulation", None) is None:
        return None
    return SpikeTables(
        units=read_typed(inputs.unit_quality, {}),
        modulation=read_typed(inputs.unit_modulation, TYPES["modulation"]),
        fractions=read_typed(inputs.modulation_fractions, TYPES["fractions"]),
        locking_bands=read_typed(inputs.locking_bands, TYPES["locking_bands"]),
        event_rates=pd.read_parquet(inputs.event_rates),
        autocorrelograms=pd.read_parquet(inputs.autocorrelograms),
        unit_rates=pd.read_parquet(inputs.unit_rates),
        rule=settings.get("config", {}).get("spikes", {}).get("modulation", {}),
    )


def map_tables(inputs: Any) -> MapTables | None:
    """Spectrograms and comodulograms; None where the run has none."""
    if getattr(inputs, "spectrograms", None) is None:
        return None
    return MapTables(
        spectrograms=pd.read_parquet(inputs.spectrograms),
        comodulograms=pd.read_parquet(inputs.comodulograms),
    )


def _table(inputs: Any, name: str, *, of: str = "") -> pd.DataFrame | None:
    """An optional input; ``of`` is what its columns' types go by, where that is another name."""
    path = getattr(inputs, name, None)
    return None if path is None else read_typed(path, TYPES[of or name])


def figures(*, inputs: Any, outputs: Any, settings: Mapping[str, Any], processes: int = 1) -> None:
    """Write every figure: specification, SVG, PDF and its data.

    Parameters
    ----------
    inputs : object
        Attributes outcomes, contrasts, verdicts: files of the cohort; spectra (of the animals) and
        clusters, time_courses and time_clusters, if there are any.
    outputs : sequence of str
        The folder.
    settings : mapping
        :func:`pipeline.steps.settings.report_settings`.
    processes : int
        How many draw at once; the figures do not depend on it.
    """
    from pipeline.report import write_figures

    with replacing_folder(outputs[0]) as folder:
        write_figures(
            pd.read_parquet(inputs.outcomes),
            read_typed(inputs.contrasts, TYPES["contrasts"]),
            read_typed(inputs.verdicts, TYPES["verdicts"]),
            AnalysisPlan.model_validate(settings["plan"]),
            metrics(),
            folder,
            **_spectra(inputs),
            **_time_courses(inputs),
            behaviour=behaviour_tables(inputs, settings),
            units=spike_tables(inputs, settings),
            maps=map_tables(inputs),
            processes=processes,
        )


def report(*, inputs: Any, outputs: Any, settings: Mapping[str, Any]) -> None:
    """Write the cohort report, the index of the sessions, and what changes from run to run.

    Parameters
    ----------
    inputs : object
        Attributes outcomes, contrasts, verdicts, completeness, figures, listing; spectra,
        clusters, time_courses, time_clusters and calibration, if there are any; record (run.json).
    outputs : object
        Attributes page, sessions and run; the methods for a paper are written beside the page.
    settings : mapping
        :func:`pipeline.steps.settings.report_settings`.
    """
    from pipeline.report import write_report, write_run_page, write_session_index
    from pipeline.report.session_index import conditions_of

    plan = AnalysisPlan.model_validate(settings["plan"])
    write_report(
        pd.read_parquet(inputs.outcomes),
        read_typed(inputs.contrasts, TYPES["contrasts"]),
        read_typed(inputs.verdicts, TYPES["verdicts"]),
        read_typed(inputs.completeness, {}),
        plan=plan,
        metrics=metrics(),
        design={
            "blind": plan.blind,
            "blinding": settings["blinding"],
            "warnings": settings["warnings"],
            "sessions": settings["sessions"],
            "anchors": settings["anchors"],
            "administrations": settings["administrations"],
            "contexts": settings["contexts"],
        },
        methods={
            "config": settings["config"],
            "versions": settings["versions"],
            "blinding": settings["blinding"],
            "made_of": settings["made_of"] | made_of_results(inputs),
        },
        figures=Path(inputs.figures),
        path=Path(outputs.page),
        **_spectra(inputs),
        **_time_courses(inputs),
        calibration=_table(inputs, "calibration"),
        behaviour=behaviour_tables(inputs, settings),
        units=spike_tables(inputs, settings),
        maps=map_tables(inputs),
    )
    write_session_index(
        json.loads(Path(inputs.listing).read_text(encoding="utf-8")),
        Path(outputs.sessions),
        title=plan.title,
        sessions=settings["sessions"],
        conditions=None if plan.blind else conditions_of(settings["anchors"]),
    )
    write_run_page(
        Path(outputs.run),
        {
            "Report written": datetime.now().astimezone().isoformat(timespec="seconds"),
            "Host": platform.node(),
            "System": platform.platform(),
            "Python": platform.python_version(),
            "User": getpass.getuser(),
            # a folder may be called after the drugs
            **({} if plan.blind else {"Folder": str(Path.cwd())}),
        },
    )
