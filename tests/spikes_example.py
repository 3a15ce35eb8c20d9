"""A small cohort of units in the files that the steps leave (no test in here).

Twelve units per session, seven of mPFC and five of CA1, home cage and open field before and after
a dose at 600 s. Planted: under psilocybin the first three units of mPFC double their rate and are
called up, the fourth halves it and is called down; units of CA1 lock to theta at a phase of 90
degrees; the response to the cue is 4 Hz above what was before it.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from cohorts import two_levels

from pipeline.spikes import units_dataset
from pipeline.steps.paths import SPIKE_TABLES
from pipeline.steps.session_data import Span
from pipeline.steps.spike_tables import TYPES, write_spikes
from pipeline.steps.spikes import spikes

DRUGS = ("vehicle", "psilocybin")
DOSE_S, END_S = 600.0, 1200.0
#: phase, context, start, stop
PLACES = (
    ("baseline", "home_cage", 0.0, 300.0),
    ("baseline", "open_field", 300.0, 570.0),
    ("acute", "home_cage", 630.0, 900.0),
    ("acute", "open_field", 900.0, 1200.0),
)
BANDS = ("theta", "low_gamma")
EVENTS = ("cue", "choice")
REGIONS = ["mPFC"] * 7 + ["CA1"] * 5
NAMES = [f"u{number}" for number in range(len(REGIONS))]
CALLS = np.array([1, 1, 1, -1] + [0] * 8)
RATES = np.linspace(1.0, 12.0, len(NAMES))
#: rate after over rate before, by unit, under psilocybin
FACTORS = np.array([2.0, 2.0, 2.0, 0.5] + [1.0] * 8)
TIME_S = np.round(np.arange(-0.975, 2.0, 0.05), 3)


def spans(session: str) -> list[Span]:
    return [
        Span(context, phase, 1, start, stop, f"{session}.1", 1, DOSE_S)
        for phase, context, start, stop in PLACES
    ]


@cache
def sessions(animals: int = 5) -> tuple[tuple[str, str, str], ...]:
    """Session, animal and drug."""
    return tuple(
        (f"r{number}_{week}", f"r{number}", drug)
        for number in range(animals)
        for week, drug in enumerate(DRUGS)
    )


def modulation(drug: str, names: list[str] = NAMES) -> SimpleNamespace:
    """The change of every unit from the baseline, as the source of that name."""
    hit = drug != "vehicle"
    factor = FACTORS if hit else np.ones(len(names))
    calls = CALLS if hit else np.zeros(len(names), dtype=int)
    p = np.where(calls != 0, 0.001, 0.5)
    tested = SimpleNamespace(
        unit_id=list(names), region=REGIONS, before_hz=RATES, after_hz=RATES * factor,
        log2_fold_change=np.log2(factor), index=(factor - 1) / (factor + 1), step=RATES, p=p, q=p,
        blocks=(10, 10),
    )  # fmt: skip
    return SimpleNamespace(modulation=tested, calls=calls, seconds=300.0)


def locking(names: list[str] = NAMES) -> SimpleNamespace:
    """CA1 follows theta at 90 degrees, nothing else is locked."""
    place = np.array(REGIONS) == "CA1"
    locked = np.column_stack([place, np.zeros(len(place), dtype=bool)])
    shape = locked.shape
    return SimpleNamespace(
        unit_id=list(names), region=REGIONS, channel=["c1"] * len(names), bands=BANDS,
        n_spikes=np.full(len(names), 400), n_blocks=np.full(len(names), 50),
        ppc=np.where(locked, 0.1, 0.001), ppc_corrected=np.where(locked, 0.08, 0.0),
        preferred_rad=np.where(locked, np.pi / 2, 1.0), rayleigh_p=np.full(shape, 0.5),
        block_p=np.where(locked, 1e-6, 0.6), too_few=(), seconds=300.0,
    )  # fmt: skip


def responses(names: list[str] = NAMES) -> SimpleNamespace:
    """4 Hz more after the cue, nothing after the choice; its last bin was never seen."""
    cue = np.where((TIME_S > 0) & (TIME_S < 0.5), 4.0, 0.0)
    choice = np.zeros(len(TIME_S))
    choice[-1] = np.nan
    rates = {
        name: RATES[:, None] + shape for name, shape in zip(EVENTS, (cue, choice), strict=True)
    }
    return SimpleNamespace(
        unit_id=list(names), region=REGIONS, events=EVENTS, time_s=TIME_S, rate_hz=rates,
        n_events={"cue": 40, "choice": 36}, response={}, baseline_hz=RATES, seconds=300.0,
    )  # fmt: skip


def periodicity(names: list[str] = NAMES) -> SimpleNamespace:
    """A rhythm of 8 Hz in CA1."""
    lag = (np.arange(100) + 0.5) * 0.005
    swing = np.where(np.array(REGIONS) == "CA1", 0.2, 0.0)
    nothing = np.zeros(len(names))
    return SimpleNamespace(
        unit_id=list(names), region=REGIONS, n_spikes=np.full(len(names), 400), lag_s=lag,
        autocorrelogram=1 + swing[:, None] * np.cos(2 * np.pi * 8 * lag),
        expected_pairs=np.ones((len(names), len(lag))), theta_index=nothing, frequency_hz=nothing,
        strength=nothing, strength_z=nothing, too_few=(), seconds=300.0,
    )  # fmt: skip


def trains(drug: str) -> list[np.ndarray]:
    """Even trains at the planted rates, before and after the dose."""
    factor = FACTORS if drug != "vehicle" else np.ones(len(NAMES))
    return [
        np.concatenate([np.arange(0.01, DOSE_S, 1 / rate),
                        np.arange(DOSE_S + 0.01, END_S, 1 / (rate * more))])
        for rate, more in zip(RATES, factor, strict=True)
    ]  # fmt: skip


def spike_session(drug: str, names: list[str] = NAMES) -> SimpleNamespace:
    """What :func:`write_spikes` needs of a SpikeSession."""
    data = SimpleNamespace(recorded=np.array([[0.0, END_S]]), end_s=END_S)
    return SimpleNamespace(kept=units_dataset(trains(drug), names, REGIONS), data=data)


def measure_settings(session: str, animal: str) -> dict:
    return {
        "session": session,
        "animal": animal,
        "epochs": [
            {"context": span.context, "phase": span.phase, "interval": 1, "start_s": span.start_s,
             "stop_s": span.stop_s, "anchor": span.anchor, "step": 1, "since_dose_zero_s": DOSE_S}
            for span in spans(session)
        ],
        "contexts": [
            {"context": context, "start_s": start, "stop_s": stop}
            for _, context, start, stop in PLACES
        ],
        "administrations_s": [DOSE_S],
        "handling_s": [-30.0, 30.0],
        "baseline_phase": "baseline",
        "options": {"spikes": {"locking": {"level": 0.05}}},
    }  # fmt: skip


def write_session(
    folder: Path, animal: str, drug: str | None, *, names: list[str] = NAMES
) -> dict[str, Path]:
    """Write the tables of one session; without a drug it has no units."""
    folder.mkdir(parents=True)
    paths = {name: folder / Path(f"{name}{'.tsv' if name == 'modulation' else '.parquet'}")
             for name in TYPES}  # fmt: skip
    cells, session = [], None
    if drug is not None:
        session = spike_session(drug, names)
        for span in spans(folder.name):
            sources = {"locking": locking(names), "periodicity": periodicity(names)}
            if span.phase != "baseline":
                sources["modulation"] = modulation(drug, names)
            if span.context == "open_field":
                sources["responses"] = responses(names)
            cells.append((span, sources))
    write_spikes(cells, session, measure_settings(folder.name, animal), paths)
    return paths


def settings(**changes):
    anchors = [
        {"anchor": f"{session}.1", "condition": drug, "drug": drug, "dose_mg_per_kg": None,
         "pretreatment": "", "dosing_context": "", "period": 1, "previous_condition": "",
         "days_since_previous": None, "n_prior_doses": 0}
        for session, _, drug in sessions()
    ]  # fmt: skip
    listed = [
        {"session": session, "animal": animal, "sex": "F", "cohort": "1", "cage": animal[:2],
         "stage": "", "start": "", "exclude": ""}
        for session, animal, _ in sessions()
    ]  # fmt: skip
    return {
        "plan": two_levels().model_dump(mode="json"),
        "anchors": anchors,
        "sessions": listed,
        "time_course": {"bin_s": 10, "before_s": 1800, "after_s": 7200},
    } | changes


def make(folder: Path, *, without: tuple[str, ...] = (), **changes) -> SimpleNamespace:
    """Write all sessions and run the step; returns the paths of its tables."""
    written = [
        write_session(folder / session, animal, None if session in without else drug)
        for session, animal, drug in sessions()
    ]
    return run(folder, written, **changes)


def run(folder: Path, written: list[dict[str, Path]], **changes) -> SimpleNamespace:
    out = SimpleNamespace(
        **{key: str(folder / Path(name).name) for key, name in SPIKE_TABLES.items()}
    )
    inputs = SimpleNamespace(**{name: [str(paths[name]) for paths in written] for name in TYPES})
    spikes(inputs=inputs, outputs=out, settings=settings(**changes))
    return out
