"""Time courses of made-up sessions with known truth (no test in here)."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
from cohorts import PLACES, two_levels

from pipeline.steps.cohort_time_courses import compared

HANDLING = [-120.0, 120.0]
ORDERS = (PLACES, PLACES[::-1])


def bins_of(session, drug, order, effect, rng, *, noise_db=0.5, lost=()):
    """40 minutes before and 60 after; the place changes every 10 minutes. Power in raw units."""
    start = np.arange(-2400.0, 3600.0, 10.0)
    place = np.where(np.floor(start / 600) % 2 == 0, order[0], order[1])
    change = np.array([effect(drug, place[k], start[k] / 60) for k in range(len(start))])
    level = 5.0 * np.where(place == PLACES[1], 3.0, 1.0)  # a context changes the power at any time
    power = level * 10 ** ((change + noise_db * rng.normal(size=len(start))) / 10)
    handling = (start < HANDLING[1]) & (start + 10 > HANDLING[0])
    phase = np.where(start < -120, "baseline", np.where(start >= 120, "acute", ""))
    power = np.where(handling, 50 * power, power)
    table = pd.DataFrame(
        {
            "anchor": f"{session}.1", "step": 1, "bin_start_s": start, "shown": True,
            "context": place, "phase": phase, "handling": handling, "region": "mPFC",
            "band": "theta", "power": power, "n_windows": 4, "seconds": 10.0,
            "speed_cm_s": np.where(start < 0, 2.0, 6.0), "session": session,
        }
    )  # fmt: skip
    return table[~np.isin(np.floor(start / 60), lost)]


def settings_of(sessions):
    anchors = [
        {
            "anchor": f"{session}.1", "condition": drug, "drug": drug, "dose_mg_per_kg": None,
            "pretreatment": "", "dosing_context": "", "period": 1 + number % 2,
            "previous_condition": "", "days_since_previous": None, "n_prior_doses": 0,
        }
        for number, (session, _, drug) in enumerate(sessions)
    ]  # fmt: skip
    rows = [
        {"session": session, "animal": animal, "sex": "F", "cohort": "1", "cage": "", "stage": "",
         "start": "", "exclude": ""}
        for session, animal, _ in sessions
    ]  # fmt: skip
    return {
        "plan": two_levels().model_dump(mode="json"), "anchors": anchors, "sessions": rows,
        "time_course": {"bin_s": 10.0, "before_s": 1800.0, "after_s": 7200.0},
        "handling_s": HANDLING,
    }  # fmt: skip


def cohort(effect, *, n=8, seed=0, orders="same", lost=None, plan=None):
    rng = np.random.default_rng(seed)
    sessions = [(f"r{k}_{drug}", f"r{k}", drug) for k in range(n) for drug in DRUGS]
    tables = []
    for k in range(n):
        for number, drug in enumerate(DRUGS):
            turn = {"same": 0, "by animal": k, "by session": k // 2 + number}[orders] % 2
            tables.append(
                bins_of(f"r{k}_{drug}", drug, ORDERS[turn], effect, rng,
                        lost=lost(k, drug) if lost else ())
            )  # fmt: skip
    return compared(tables, plan or two_levels(), settings_of(sessions))


DRUGS = ("vehicle", "psilocybin")


def step(drug, place, minute):
    """2 dB more from minute 20 on, under the drug."""
    return 2.0 if drug == "psilocybin" and minute >= 20 else 0.0


def fading(drug, place, minute):
    """4 dB that halve every 10 minutes, from the dose on, in the open field only."""
    drugged = drug == "psilocybin" and minute >= 0 and place == PLACES[1]
    return 4.0 * 0.5 ** (minute / 10) if drugged else 0.0


@cache
def planted():
    """The cohort of the planted step: eight animals, one order of contexts."""
    return cohort(step)
