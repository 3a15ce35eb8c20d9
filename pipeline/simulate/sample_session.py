"""One session of the sample experiment: its plan and the planted effects, made into data."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from pipeline.simulate import effects
from pipeline.simulate.agent import Agent, Trial, simulate_trials
from pipeline.simulate.movement import Bout, simulate_bouts, simulate_speed
from pipeline.simulate.randomness import generator
from pipeline.simulate.sample_design import DOSE_S, RECORDING_S, SessionPlan
from pipeline.simulate.signals import Region, Rhythm, simulate_lfp
from pipeline.simulate.spiking import Unit, simulate_units
from pipeline.simulate.tracks import (
    Modulation,
    Track,
    constant,
    drifting_phase,
    following_phase,
    steps,
)

#: CA1 lags behind mPFC by this much of the common theta rhythm
THETA_LAG_RAD = {"mPFC": 0.0, "CA1": 0.9}
THETA_HZ = 7.8
LINE_HZ, LINE_UV = 60.0, 4.0
#: the task starts trials 10 to 12 s apart; rules alternate between the light and a side
TRIAL_SPACING_S = (10.0, 12.0)
RULES = ("light", "left", "light", "right")
CRITERION = 10
LAST_SWITCH_S = 4300.0


@dataclass(frozen=True)
class SessionData:
    """What one session's files will hold.

    Attributes
    ----------
    lfp_uv : numpy.ndarray
        (time, channel) float32 microvolts.
    rate_hz : float
        Sampling rate of ``lfp_uv``.
    units : tuple of Unit
        What was planted for each unit.
    spikes : list of numpy.ndarray
        One (spike,) array of seconds per unit.
    trials : list of Trial
        The behaviour log, which goes on after the recording.
    bouts : tuple of Bout
        Rest and walking inside the visits.
    time_s, speed_cm_s : numpy.ndarray
        (sample,) the speed trace.
    """

    lfp_uv: np.ndarray
    rate_hz: float
    units: tuple[Unit, ...]
    spikes: list[np.ndarray]
    trials: list[Trial]
    bouts: tuple[Bout, ...]
    time_s: np.ndarray
    speed_cm_s: np.ndarray


def simulate_session(plan: SessionPlan) -> SessionData:
    """Return all data of a session of the sample; the same plan gives the same data."""
    bouts = session_bouts(plan)
    theta = session_theta(plan)
    lfp = session_lfp(plan, bouts, theta)
    units = session_units(plan)
    spikes = session_spikes(plan, units, theta)
    time_s, speed = simulate_speed(bouts, seconds=RECORDING_S, rng=_generator(plan, "speed"))
    trials = session_trials(plan)
    return SessionData(lfp, plan.rate_hz, units, spikes, trials, bouts, time_s, speed)


def _generator(plan: SessionPlan, *names: str) -> np.random.Generator:
    return generator(plan.name, *names, seed=effects.SAMPLE_SEED)


def session_theta(plan: SessionPlan) -> dict[str, Track]:
    """Return the phase of each region's theta, without its lag: CA1's follows mPFC's.

    A region's units follow its own theta.
    """
    leader = drifting_phase(
        seconds=RECORDING_S, frequency_hz=THETA_HZ, rng=_generator(plan, "theta")
    )
    jitter = _by_visit(plan, effects.phase_jitter_rad)
    follower = following_phase(leader, jitter_rad=jitter, rng=_generator(plan, "theta", "CA1"))
    return {"mPFC": leader, "CA1": follower}


def _by_visit(plan: SessionPlan, planted: Callable[..., float]) -> Track:
    """Return what is planted by drug, context and phase, as it changes over the session."""
    intervals = np.array([(visit.start_s, visit.stop_s) for visit in plan.recorded])
    values = [
        planted(drug=plan.drug, context=visit.context, phase=visit.phase) for visit in plan.recorded
    ]
    return steps(intervals, values)


def session_lfp(
    plan: SessionPlan, bouts: tuple[Bout, ...], theta: Mapping[str, Track]
) -> np.ndarray:
    """Return the (time, channel) float32 microvolts of a session, hum and artefacts included."""
    lfp = simulate_lfp(
        regions={name: _region(plan, name, bouts, theta[name]) for name in effects.BACKGROUNDS},
        seconds=RECORDING_S,
        rate_hz=plan.rate_hz,
        rngs={name: _generator(plan, "lfp", name) for name in effects.BACKGROUNDS},
    )
    _add_line_noise_and_artefacts(lfp, plan)
    return lfp


def session_spikes(
    plan: SessionPlan, units: tuple[Unit, ...], theta: Mapping[str, Track]
) -> list[np.ndarray]:
    """Return the spike times of a session's units, one (spike,) array of seconds each."""
    rng = _generator(plan, "spikes")
    trains: list[np.ndarray] = []
    for unit in units:
        phase = theta[unit.region]
        trains += simulate_units([unit], seconds=RECORDING_S, phase=phase, rng=rng)
    return trains


def session_bouts(plan: SessionPlan) -> tuple[Bout, ...]:
    """Return the bouts of the recorded visits; each visit has exactly its planted fraction."""
    rng = _generator(plan, "bouts")
    fraction = {
        "baseline": effects.BASELINE_WALK_FRACTION,
        "acute": effects.ACUTE_WALK_FRACTION[plan.drug],
    }
    return tuple(
        bout
        for visit in plan.recorded
        for bout in simulate_bouts(
            start_s=visit.start_s,
            stop_s=visit.stop_s,
            walk_fraction=fraction[visit.phase],
            rng=rng,
        )
    )


def session_units(plan: SessionPlan) -> tuple[Unit, ...]:
    """Return the units of a session; they are other units in every session of an animal."""
    rng = _generator(plan, "units")
    intervals = np.array([(visit.start_s, visit.stop_s) for visit in plan.recorded])
    units = []
    for region, planted in effects.RATES.items():
        changes = [
            planted.context_log2[effects.CONTEXTS.index(visit.context)]
            + _acute(plan, visit.phase, effects.rate_change_log2, region, visit.context)
            for visit in plan.recorded
        ]
        for _ in range(planted.n_units):
            own = rng.normal(0.0, planted.unit_log2)
            acute = [own if visit.phase == "acute" else 0.0 for visit in plan.recorded]
            units.append(
                Unit(
                    region=region,
                    rate_hz=float(np.clip(np.exp(rng.normal(math.log(5.0), 0.6)), 1.5, 20.0)),
                    log2_gain=steps(intervals, np.add(changes, acute)),
                    kappa=float(rng.uniform(0.2, 0.9)),
                    preferred_rad=float(rng.normal(THETA_LAG_RAD[region] + 2.0, 0.5)),
                )
            )
    return tuple(units)


def session_trials(plan: SessionPlan) -> list[Trial]:
    """Return the behaviour log: visits before and after the dose, and the hour that follows."""
    rng = _generator(plan, "trials")
    boxes = [visit for visit in plan.visits if visit.context == plan.task.context]
    starts = np.concatenate([_trial_starts(visit.start_s, visit.stop_s, rng) for visit in boxes])
    animal_factor = math.exp(
        effects.deviations("learning", sd=effects.ANIMAL_LEARNING_SD)[plan.animal]
    )
    agent = Agent(
        learning_rate=effects.BASELINE_LEARNING_RATE
        * effects.LEARNING_RATE_FACTOR[plan.drug]
        * animal_factor,
        perseveration=2.0,
    )
    return simulate_trials(
        agent,
        rules=RULES,
        trial_times_s=np.round(starts, 3),
        rng=rng,
        criterion=CRITERION,
        restart_at_s=DOSE_S,
        last_switch_s=LAST_SWITCH_S,
    )


def _trial_starts(start_s: float, stop_s: float, rng: np.random.Generator) -> np.ndarray:
    """Return when trials start inside a visit; the last one still ends inside it."""
    longest = math.ceil((stop_s - start_s) / TRIAL_SPACING_S[0])
    starts = start_s + 2.0 + np.cumsum(rng.uniform(*TRIAL_SPACING_S, longest))
    return starts[starts < stop_s - TRIAL_SPACING_S[1]]


def _acute(plan: SessionPlan, phase: str, change, region: str, context: str) -> float:
    """Return a planted change, or 0 before the dose."""
    if phase != "acute":
        return 0.0
    return change(region=region, animal=plan.animal, drug=plan.drug, context=context)


def _region(plan: SessionPlan, name: str, bouts: tuple[Bout, ...], theta: Track) -> Region:
    """Return what a region does in a session."""
    rng = _generator(plan, "gain", name)
    animal_gain = generator(plan.animal, "gain", name, seed=effects.SAMPLE_SEED).normal(
        0.0, effects.ANIMAL_GAIN_DB
    )
    level = animal_gain + rng.normal(0.0, effects.SESSION_GAIN_DB)
    intervals = np.array([(visit.start_s, visit.stop_s) for visit in plan.recorded])
    gains = [
        level + _acute(plan, visit.phase, effects.region_gain_change_db, name, visit.context)
        for visit in plan.recorded
    ]
    rhythms = {
        band: Rhythm(
            band_hz=planted.band_hz,
            power_uv2=_rhythm_power(plan, band, name, bouts),
            phase=theta if band == "theta" else None,
            lag_rad=THETA_LAG_RAD[name],
            modulation=_modulation(plan, theta, name)
            if (band, region) == effects.MODULATED
            else None,
        )
        for (band, region), planted in effects.BANDS.items()
        if region == name
    }
    tilted = effects.flattened(name, plan.drug)
    tilts = [float(visit.phase == "acute") for visit in plan.recorded]
    return Region(
        background=effects.BACKGROUNDS[name],
        rhythms=rhythms,
        gain_db=steps(intervals, gains),
        tilted=tilted,
        tilt=constant(0.0) if tilted is None else steps(intervals, tilts),
    )


def _modulation(plan: SessionPlan, theta: Track, region: str) -> Modulation:
    """Return how theta modulates a faster rhythm of its region."""
    return Modulation(
        phase=theta,
        depth=_by_visit(plan, effects.modulation_depth),
        preferred_rad=THETA_LAG_RAD[region] + effects.MODULATION_RAD,
        carrier_hz=effects.CARRIER_HZ,
    )


def _rhythm_power(plan: SessionPlan, band: str, region: str, bouts: tuple[Bout, ...]) -> Track:
    """Return the power of a rhythm over time, in uV^2.

    Effects are planted on the band, background included; the rhythm gets what the background
    leaves over.
    """
    planted = effects.BANDS[band, region]
    background = effects.BACKGROUNDS[region].band_power(planted.band_hz)
    intervals, powers = [], []
    for visit in plan.recorded:
        level = planted.over_background_db
        level += planted.context_db[effects.CONTEXTS.index(visit.context)]
        flatter = 0.0
        if visit.phase == "acute":
            flatter = effects.flattening_db(band=band, region=region, drug=plan.drug)
            level += effects.band_change_db(
                band=band, region=region, animal=plan.animal, drug=plan.drug, context=visit.context
            )
        # Bouts matter only to rhythms that movement changes; elsewhere the visit is one piece.
        pieces = [bout for bout in bouts if visit.start_s <= bout.start_s < visit.stop_s]
        if planted.walk_db == 0:
            pieces = [Bout(visit.start_s, visit.stop_s, walking=False)]
        for piece in pieces:
            below = background * 10.0 ** (flatter / 10.0)
            total = below * 10.0 ** ((level + planted.walk_db * piece.walking) / 10.0)
            if total <= below:
                raise ValueError(
                    f"{plan.name}: {band} in {region} would fall below its background "
                    f"({level:.1f} dB over it in {visit.context}, {visit.phase})"
                )
            intervals.append((piece.start_s, piece.stop_s))
            powers.append(total - below)
    return _with_ramps(np.array(intervals), powers)


def _with_ramps(intervals_s: np.ndarray, values: list[float], *, ramp_s: float = 0.1) -> Track:
    """Return a track that changes linearly within ``ramp_s`` around each border."""
    inside = intervals_s + np.array([ramp_s / 2, -ramp_s / 2])
    return steps(inside, values)


def _add_line_noise_and_artefacts(lfp_uv: np.ndarray, plan: SessionPlan) -> None:
    """Add mains hum, the commotion of each transfer, and one short artefact inside a visit."""
    rng = _generator(plan, "artefacts")
    times = np.arange(len(lfp_uv)) / plan.rate_hz
    hum = np.sin(2.0 * np.pi * ((LINE_HZ * times) % 1.0)) * LINE_UV
    lfp_uv += hum.astype(np.float32)[:, np.newaxis]
    moved = [visit.stop_s + 3.0 for visit in plan.recorded if visit.stop_s + 6.0 < RECORDING_S]
    visit = plan.recorded[int(rng.integers(len(plan.recorded)))]
    knock = rng.uniform(visit.start_s + 20.0, visit.stop_s - 20.0)
    for start, seconds in [*((moment, 3.0) for moment in (*moved, DOSE_S)), (knock, 0.3)]:
        part = slice(round(start * plan.rate_hz), round((start + seconds) * plan.rate_hz))
        swing = rng.choice([-1.0, 1.0]) * rng.uniform(1500.0, 2500.0)
        shape = np.hanning(part.stop - part.start) * swing
        lfp_uv[part] += shape.astype(np.float32)[:, np.newaxis]
