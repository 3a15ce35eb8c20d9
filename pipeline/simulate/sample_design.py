"""Who visits what, when, under which drug: the design of the sample experiment.

Eight rats in a crossover over four drugs, a week apart; three contexts in counterbalanced order,
once before and once after the dose. Twenty minutes instead of hours, so that all of it can be made
in a minute.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from pipeline.simulate.effects import ANIMALS, CONTEXTS, DRUGS, SAMPLE_SEED, VEHICLE
from pipeline.simulate.randomness import generator
from pipeline.simulate.tracks import Track, steps

#: what was recorded with what, by animal; the format does not change within an animal
FORMATS = {
    **dict.fromkeys(ANIMALS[:2], "openephys"),
    **dict.fromkeys(ANIMALS[2:4], "spikeglx"),
    **dict.fromkeys(ANIMALS[4:], "nwb"),
}
RATES_HZ = {"openephys": 1000.0, "spikeglx": 1250.0, "nwb": 1000.0}
REGIONS = ("mPFC", "mPFC", "CA1", "CA1")
DOSES_MG_PER_KG = {"psilocybin": 1, "ketamine": 10, "MDMA": 5}

RECORDING_S = 1200.0
DOSE_S = 600.0
#: start of the three visits of each phase, and how long a visit lasts
VISIT_STARTS_S = {"baseline": (0.0, 190.0, 380.0), "acute": (640.0, 830.0, 1020.0)}
VISIT_S = 180.0
#: the task goes on in its box after the recording
TASK_S = (1230.0, 4830.0)
TASK_CONTEXT = "set_shifting"

#: Williams square: every drug once in every week, every drug after every other one once
_WILLIAMS = ((0, 1, 3, 2), (1, 2, 0, 3), (2, 3, 1, 0), (3, 0, 2, 1))
_CONTEXT_ORDERS = ((0, 1, 2), (1, 2, 0), (2, 0, 1), (0, 2, 1), (2, 1, 0), (1, 0, 2))
_FIRST_DAY = datetime(2025, 3, 3, 8, 30)


@dataclass(frozen=True)
class Visit:
    """A stay in a context: [start_s, stop_s) on the session clock."""

    context: str
    phase: str
    start_s: float
    stop_s: float


@dataclass(frozen=True)
class SessionPlan:
    """One session of the sample, as planned.

    ``recorded`` are the visits inside the recording; ``task`` is the one that outlasts it.
    """

    name: str
    animal: str
    sex: str
    cage: str
    start: datetime
    drug: str
    format: str
    recorded: tuple[Visit, ...]
    task: Visit

    @property
    def visits(self) -> tuple[Visit, ...]:
        """All stays, in order of time."""
        return (*self.recorded, self.task)

    @property
    def rate_hz(self) -> float:
        """Sampling rate of the recording."""
        return RATES_HZ[self.format]


def session_plans() -> tuple[SessionPlan, ...]:
    """Return the 32 sessions of the sample, animal by animal, week by week."""
    return tuple(_plan(animal, week) for animal in range(len(ANIMALS)) for week in range(4))


def session_generator(plan: SessionPlan, *names: str) -> np.random.Generator:
    """Return the source of one kind of random numbers of a session."""
    return generator(plan.name, *names, seed=SAMPLE_SEED)


def by_visit(plan: SessionPlan, planted: Callable[..., float], **options: str) -> Track:
    """Return what is planted by drug, context and phase, as it changes over the session."""
    intervals = np.array([(visit.start_s, visit.stop_s) for visit in plan.recorded])
    values = [
        planted(drug=plan.drug, context=visit.context, phase=visit.phase, **options)
        for visit in plan.recorded
    ]
    return steps(intervals, values)


def acute_change(
    plan: SessionPlan, phase: str, change: Callable[..., float], region: str, context: str
) -> float:
    """Return a planted change, or 0 before the dose."""
    if phase != "acute":
        return 0.0
    return change(region=region, animal=plan.animal, drug=plan.drug, context=context)


def _plan(animal: int, week: int) -> SessionPlan:
    # This rule gives each animal four different orders of contexts, and each drug every context in
    # every place two or three times.
    order = _CONTEXT_ORDERS[(3 * animal + week + 4 * (animal // 4)) % 6]
    recorded = tuple(
        Visit(CONTEXTS[context], phase, start, start + VISIT_S)
        for phase, starts in VISIT_STARTS_S.items()
        for context, start in zip(order, starts, strict=True)
    )
    # The second four swap the sexes, so that sex and order of drugs are not confounded.
    sex = "FM"[(animal + animal // 4) % 2]
    rig_slot = timedelta(days=animal // 4, hours=2 * (animal % 4))
    return SessionPlan(
        name=f"{ANIMALS[animal]}_s{week + 1}",
        animal=ANIMALS[animal],
        sex=sex,
        cage=f"{sex}{animal // 4 + 1}",
        start=_FIRST_DAY + timedelta(weeks=week) + rig_slot,
        drug=DRUGS[_WILLIAMS[animal % 4][week]],
        format=FORMATS[ANIMALS[animal]],
        recorded=recorded,
        task=Visit(TASK_CONTEXT, "acute", *TASK_S),
    )


def _paths(plan: SessionPlan) -> dict[str, str]:
    """Return where a session's files lie, relative to the tables."""
    folder = f"../sample_data/recordings/{plan.name}"
    if plan.format == "nwb":
        whole = f"{folder}/{plan.name}.nwb"
        paths = {"recording": whole, "sorting": whole, "behaviour": whole}
        return paths | {"behaviour_format": "nwb_trials", "movement": f"{folder}/movement.csv"}
    return {
        "recording": f"{folder}/{plan.format}",
        "sorting": f"{folder}/phy",
        "behaviour": f"{folder}/trials.csv",
        "behaviour_format": "sample_csv",
        "movement": f"{folder}/movement.csv",
    }


def sample_tables() -> dict[str, list[dict[str, str]]]:
    """Return the tables of the sample experiment: the one source of ``config/*.tsv``.

    Returns
    -------
    dict of str to list of dict
        Table (``sessions``, ``administrations``, ``contexts``, ``channels``) to its rows, each a
        mapping of column to cell text in the order of the columns.
    """
    plans = session_plans()
    return {
        "sessions": [_session_row(plan) for plan in plans],
        "administrations": [_administration_row(plan) for plan in plans],
        "contexts": [
            {
                "session": plan.name,
                "context": visit.context,
                "start_s": f"{visit.start_s:g}",
                "stop_s": f"{visit.stop_s:g}",
            }
            for plan in plans
            for visit in plan.visits
        ],
        "channels": [
            {"animal": animal, "channel": channel, "region": region, "shank": "", "bad": "no"}
            for animal in ANIMALS
            for channel, region in zip(channel_ids(FORMATS[animal]), REGIONS, strict=True)
        ],
    }


def channel_ids(recording_format: str) -> tuple[str, ...]:
    """Return the names that a format gives to the four channels."""
    if recording_format == "nwb":
        return tuple(f"{region}_{k % 2 + 1}" for k, region in enumerate(REGIONS))
    pattern = {"openephys": "CH{}", "spikeglx": "LF{}"}[recording_format]
    first = 1 if recording_format == "openephys" else 0
    return tuple(pattern.format(first + k) for k in range(len(REGIONS)))


def _session_row(plan: SessionPlan) -> dict[str, str]:
    paths = _paths(plan)
    return {
        "session": plan.name,
        "animal": plan.animal,
        "sex": plan.sex,
        "cohort": "A",
        "cage": plan.cage,
        "start": plan.start.isoformat(),
        "stage": "dosing",
        "recording": paths["recording"],
        "recording_format": plan.format,
        "sorting": paths["sorting"],
        "behaviour": paths["behaviour"],
        "behaviour_format": paths["behaviour_format"],
        "movement": paths["movement"],
        "exclude": "",
    }


def _administration_row(plan: SessionPlan) -> dict[str, str]:
    is_vehicle = plan.drug == VEHICLE
    return {
        "animal": plan.animal,
        "session": plan.name,
        "time_s": f"{DOSE_S:g}",
        "drug": "saline" if is_vehicle else plan.drug,
        "dose_mg_per_kg": "" if is_vehicle else f"{DOSES_MG_PER_KG[plan.drug]:g}",
        "route": "i.p.",
        "role": "test",
        "dosing_context": "home_cage",
    }
