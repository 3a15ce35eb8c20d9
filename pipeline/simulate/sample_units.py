"""The units of a session of the sample: what is planted in them, and their spikes."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from pipeline.simulate import effects, spike_effects
from pipeline.simulate.agent import Trial
from pipeline.simulate.gains import response_gain, shared_gain
from pipeline.simulate.sample_design import (
    DOSE_S,
    RECORDING_S,
    SessionPlan,
    acute_change,
    by_visit,
    session_generator,
)
from pipeline.simulate.sample_trials import session_trials
from pipeline.simulate.spiking import Unit, simulate_units
from pipeline.simulate.tracks import Track, steps

#: CA1 lags behind mPFC by this much of the common theta rhythm
THETA_LAG_RAD = {"mPFC": 0.0, "CA1": 0.9}


def session_units(plan: SessionPlan) -> tuple[Unit, ...]:
    """Return the units of a session; they are other units in every session of an animal."""
    trials = [trial for trial in session_trials(plan) if trial.start_s < RECORDING_S]
    return tuple(unit for region in effects.RATES for unit in _region_units(plan, region, trials))


def session_spikes(
    plan: SessionPlan, units: tuple[Unit, ...], theta: Mapping[str, Track]
) -> list[np.ndarray]:
    """Return the spike times of a session's units, one (spike,) array of seconds each."""
    rng = session_generator(plan, "spikes")
    trains: list[np.ndarray] = []
    for unit in units:
        phase = theta[unit.region]
        trains += simulate_units([unit], seconds=RECORDING_S, phase=phase, rng=rng)
    return trains


def _region_units(plan: SessionPlan, region: str, trials: list[Trial]) -> list[Unit]:
    """Return the units of a region, those that code the task first."""
    rng = session_generator(plan, "units", region)
    planted, locking = effects.RATES[region], spike_effects.LOCKING[region]
    intervals = np.array([(visit.start_s, visit.stop_s) for visit in plan.recorded])
    acute = np.array([visit.phase == "acute" for visit in plan.recorded])
    changes = [
        planted.context_log2[effects.CONTEXTS.index(visit.context)]
        + acute_change(plan, visit.phase, effects.rate_change_log2, region, visit.context)
        for visit in plan.recorded
    ]
    factors = [
        1.0
        if visit.phase == "baseline"
        else spike_effects.kappa_factor(
            region=region, animal=plan.animal, drug=plan.drug, context=visit.context
        )
        for visit in plan.recorded
    ]
    shared = _shared_gain(plan, region, intervals)
    responses = task_gains(plan, region, trials)
    units = []
    for number in range(planted.n_units):
        own = rng.normal(0.0, planted.unit_log2) + spike_effects.unit_change_log2(
            region=region, animal=plan.animal, drug=plan.drug, unit=number
        )
        kappa = rng.uniform(*locking.kappa)
        units.append(
            Unit(
                region=region,
                rate_hz=_rate_hz(region, number, rng),
                log2_gain=steps(intervals, np.add(changes, own * acute)),
                kappa=steps(intervals, np.multiply(factors, kappa)),
                preferred_rad=float(rng.normal(THETA_LAG_RAD[region] + 2.0, 0.5)),
                gains=(shared, *responses[number : number + 1]),
                burst=by_visit(plan, spike_effects.burst_probability, region=region),
            )
        )
    return units


def _rate_hz(region: str, number: int, rng: np.random.Generator) -> float:
    """Return the rate of a unit at baseline in the home cage."""
    if spike_effects.may_be_modulated(region=region, unit=number):
        return float(rng.uniform(*spike_effects.MODULATED_RATE_HZ))
    return float(np.clip(np.exp(rng.normal(math.log(5.0), 0.6)), 1.5, 20.0))


def _shared_gain(plan: SessionPlan, region: str, intervals: np.ndarray) -> Track:
    sizes = [
        spike_effects.shared_size(
            region=region, drug=plan.drug, context=visit.context, phase=visit.phase
        )
        for visit in plan.recorded
    ]
    memory_s = spike_effects.SHARING[region].memory_s
    rng = session_generator(plan, "shared", region)
    return shared_gain(intervals, sizes, memory_s=memory_s, rng=rng)


def task_gains(plan: SessionPlan, region: str, trials: list[Trial]) -> list[Track]:
    """Return the responses of the units that code the task, one gain each.

    Parameters
    ----------
    plan : SessionPlan
        The session.
    region : str
        Where the units are.
    trials : list of Trial
        Of the recorded visits.

    Returns
    -------
    list of Track
        First the units that respond to the cue, then those that tell the choice before it is made
        (not before the cue), then those that respond to the outcome, which comes with the choice.
    """
    planted = spike_effects.TASK_CODE.get(region)
    if planted is None:
        return []
    lasting = planted.response_s
    responded = [trial for trial in trials if not trial.omitted]
    cues = np.array([trial.start_s for trial in trials])
    choices = np.array([trial.start_s + trial.response_s for trial in responded])
    depth = np.where(
        choices > DOSE_S,
        spike_effects.choice_depth(region=region, drug=plan.drug, phase="acute"),
        spike_effects.choice_depth(region=region, drug=plan.drug, phase="baseline"),
    )
    left = np.where([trial.choice == "left" for trial in responded], 1.0, -1.0)
    correct = np.where([trial.correct for trial in responded], 1.0, -1.0)
    after_cue = np.stack([cues, cues + lasting], axis=1)
    own_cues = np.array([trial.start_s for trial in responded])
    before_choice = np.stack([np.maximum(choices - lasting, own_cues), choices], axis=1)
    after_choice = np.stack([choices, choices + lasting], axis=1)
    gains = [
        response_gain(after_cue, np.full(len(cues), planted.cue_gain))
        for _ in range(planted.cue_units)
    ]
    gains += [
        response_gain(before_choice, 1.0 + (-1.0) ** unit * left * depth)
        for unit in range(planted.choice_units)
    ]
    gains += [
        response_gain(after_choice, 1.0 + (-1.0) ** unit * correct * planted.outcome_depth)
        for unit in range(planted.outcome_units)
    ]
    return gains
