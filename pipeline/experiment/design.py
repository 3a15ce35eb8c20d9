"""The design columns that the cohort step joins to the observations, by anchor and by session."""

from __future__ import annotations

from typing import Any

from pipeline.experiment.config import NO_CONDITION
from pipeline.experiment.model import Experiment

#: columns of :func:`anchor_rows`
ANCHOR_COLUMNS = (
    "anchor",
    "condition",
    "drug",
    "dose_mg_per_kg",
    "pretreatment",
    "dosing_context",
    "period",
    "previous_condition",
    "days_since_previous",
    "n_prior_doses",
)


def anchor_rows(experiment: Experiment) -> list[dict[str, Any]]:
    """One row per anchor, with what was on board and the animal's history.

    Returns
    -------
    list of dict
        Keys ANCHOR_COLUMNS; values are str, number or None (plain data for the workflow's params).
    """
    rows = []
    for anchor in experiment.anchors.values():
        dose = anchor.administration
        rows.append(
            {
                "anchor": anchor.id,
                "condition": anchor.condition,
                "drug": dose.drug if anchor.condition != NO_CONDITION else "",
                "dose_mg_per_kg": dose.dose_mg_per_kg,
                "pretreatment": anchor.pretreatment,
                "dosing_context": dose.dosing_context,
                "period": anchor.period,
                "previous_condition": anchor.previous_condition,
                "days_since_previous": anchor.days_since_previous,
                "n_prior_doses": anchor.n_prior_doses,
            }
        )
    return rows


def session_rows(experiment: Experiment) -> list[dict[str, Any]]:
    """One row per session: animal, sex, cohort, cage, stage, exclude and the lab's factors."""
    return [
        {
            "session": session.name,
            "animal": session.animal,
            "sex": session.sex,
            "cohort": session.cohort,
            "cage": session.cage,
            "stage": session.stage,
            "start": session.start.isoformat() if session.start else "",
            "exclude": session.exclude,
            **session.factors,
        }
        for session in experiment.sessions
    ]
