"""A small cohort of simulated set-shifters in the files that the steps leave (no test in here)."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
from cohorts import two_levels

from pipeline.flexibility import SCHEMES, Task, epoch_trials, score
from pipeline.simulate.agent import Agent, simulate_trials
from pipeline.steps.behaviour import behaviour
from pipeline.steps.paths import BEHAVIOUR_TABLES
from pipeline.steps.session_data import Span
from pipeline.steps.trial_tables import write_trials

TASK = {
    "name": "light and side",
    "sides": ["left", "right"],
    "rules": {
        "light": {"expression": "follow cue", "dimension": "light"},
        "left": "choose left",
        "right": "choose right",
    },
    "criterion": {"consecutive": 8},
}
SCHEME = "floresco_block"
DOSE_S = 200.0
#: phase -> seconds, in the one context of the task
PHASES = {"baseline": (0.0, 180.0), "acute": (220.0, 2000.0)}
CONTEXT = "open_field"
DRUGS = ("vehicle", "psilocybin")


def log_of(seed: int, *, perseveration: float = 1.0, trials: int = 160) -> pd.DataFrame:
    """A canonical trial table of one agent; it restarts at the dose."""
    found = simulate_trials(
        Agent(perseveration=perseveration, learning_rate=0.35, omission=0.04),
        rules=("light", "left", "light", "right"),
        trial_times_s=np.arange(trials) * 10.0 + 3,
        rng=np.random.default_rng(seed),
        criterion=8,
        restart_at_s=DOSE_S,
    )
    return pd.DataFrame(
        {
            "trial": [t.number for t in found],
            "t_cue": [t.start_s for t in found],
            "rule": [t.rule for t in found],
            "cue_side": [t.light for t in found],
            "choice_side": ["" if t.omitted else t.choice for t in found],
            "latency_choice": [t.response_s for t in found],
            "source_file": "log.csv",
            "source_row": [t.number + 1 for t in found],
        }
    )


def spans(session: str) -> list[Span]:
    return [
        Span(CONTEXT, phase, 1, start, stop, f"{session}.1", 1, DOSE_S)
        for phase, (start, stop) in PHASES.items()
    ]


def cells_of(trials: pd.DataFrame, session: str):
    """The scored session, and its cells with their trials."""
    scores = score(trials, Task.model_validate(TASK))
    return scores, [
        (span, {"trials": epoch_trials(scores, span.intervals, scheme=SCHEME)})
        for span in spans(session)
    ]


def write_session(folder: Path, trials: pd.DataFrame | None, animal: str) -> None:
    """Write scored_trials.tsv and sets.tsv; without trials, empty files."""
    folder.mkdir(parents=True)
    data, cells = SimpleNamespace(has=lambda name: False), []
    if trials is not None:
        scores, cells = cells_of(trials, folder.name)
        data = SimpleNamespace(has=lambda name: True, scores=scores)
    write_trials(
        cells,
        data,
        {"session": folder.name, "animal": animal},
        scored=folder / "scored_trials.tsv",
        sets=folder / "sets.tsv",
    )


@cache
def sessions(animals: int = 5) -> tuple[tuple[str, str, str, int], ...]:
    """Session, animal, drug and seed."""
    return tuple(
        (f"r{number}_{week}", f"r{number}", drug, 10 * number + week)
        for number in range(animals)
        for week, drug in enumerate(DRUGS)
    )


def settings(**changes):
    rows = sessions()
    anchors = [
        {
            "anchor": f"{session}.1",
            "condition": drug,
            "drug": drug,
            "dose_mg_per_kg": None,
            "pretreatment": "",
            "dosing_context": "",
            "period": 1,
            "previous_condition": "",
            "days_since_previous": None,
            "n_prior_doses": 0,
        }
        for session, _, drug, _ in rows
    ]
    listed = [
        {"session": session, "animal": animal, "sex": "F", "cohort": "1", "cage": animal[:2],
         "stage": "", "start": "", "exclude": ""}
        for session, animal, _, _ in rows
    ]  # fmt: skip
    return {
        "plan": two_levels().model_dump(mode="json"),
        "anchors": anchors,
        "sessions": listed,
        "task": TASK,
    } | changes


def make(folder: Path, *, without: tuple[str, ...] = (), **changes) -> SimpleNamespace:
    """Write all sessions and run the step; returns the paths of its tables."""
    for session, animal, drug, seed in sessions():
        perseveration = 1.0 if drug == "vehicle" else 3.0
        log = None if session in without else log_of(seed, perseveration=perseveration)
        write_session(folder / session, log, animal)
    return run(folder, **changes)


def run(folder: Path, **changes) -> SimpleNamespace:
    names = [session for session, *_ in sessions()]
    paths = {key: str(folder / Path(name).name) for key, name in BEHAVIOUR_TABLES.items()}
    out = SimpleNamespace(**paths)
    inputs = SimpleNamespace(
        trials=[str(folder / name / "scored_trials.tsv") for name in names],
        sets=[str(folder / name / "sets.tsv") for name in names],
    )
    behaviour(inputs=inputs, outputs=out, settings=settings(**changes))
    return out


__all__ = ["SCHEMES", "cells_of", "log_of", "make", "run", "sessions", "settings", "write_session"]
