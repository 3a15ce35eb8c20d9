"""One session of the sample experiment: its plan and the planted effects, made into data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from pipeline.simulate import effects
from pipeline.simulate.agent import Trial
from pipeline.simulate.movement import Bout, simulate_bouts, simulate_speed
from pipeline.simulate.randomness import generator
from pipeline.simulate.sample_design import (
    DOSE_S,
    RECORDING_S,
    SessionPlan,
    acute_change,
    by_visit,
    session_generator,
)
from pipeline.simulate.sample_trials import session_trials
from pipeline.simulate.sample_units import THETA_LAG_RAD, session_spikes, session_units
from pipeline.simulate.signals import Region, Rhythm, simulate_lfp
from pipeline.simulate.spiking import Unit
from pipeline.simulate.tracks import (
    Modulation,
    Track,
    constant,
    drifting_phase,
    following_phase,
    steps,
)

THETA_HZ = 7.8
LINE_HZ, LINE_UV = 60.0, 4.0


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
    time_s, speed = simulate_speed(bouts, seconds=RECORDING_S, rng=session_generator(plan, "speed"))
    trials = session_trials(plan)
    return SessionData(lfp, plan.rate_hz, units, spikes, trials, bouts, time_s, speed)


def session_theta(plan: SessionPlan) -> dict[str, Track]:
    """Return the phase of each region's theta, without its lag: CA1's follows mPFC's.

    A region's units follow its own theta.
    """
    leader = drifting_phase(
        seconds=RECORDING_S, frequency_hz=THETA_HZ, rng=session_generator(plan, "theta")
    )
    jitter = by_visit(plan, effects.phase_jitter_rad)
    follower = following_phase(
        leader, jitter_rad=jitter, rng=session_generator(plan, "theta", "CA1")
    )
    return {"mPFC": leader, "CA1": follower}


def session_lfp(
    plan: SessionPlan, bouts: tuple[Bout, ...], theta: Mapping[str, Track]
) -> np.ndarray:
    """Return the (time, channel) float32 microvolts of a session, hum and artefacts included."""
    lfp = simulate_lfp(
        regions={name: _region(plan, name, bouts, theta[name]) for name in effects.BACKGROUNDS},
        seconds=RECORDING_S,
        rate_hz=plan.rate_hz,
        rngs={name: session_generator(plan, "lfp", name) for name in effects.BACKGROUNDS},
    )
    _add_line_noise_and_artefacts(lfp, plan)
    return lfp


def session_bouts(plan: SessionPlan) -> tuple[Bout, ...]:
    """Return the bouts of the recorded visits; each visit has exactly its planted fraction."""
    rng = session_generator(plan, "bouts")
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


def _region(plan: SessionPlan, name: str, bouts: tuple[Bout, ...], theta: Track) -> Region:
    """Return what a region does in a session."""
    rng = session_generator(plan, "gain", name)
    animal_gain = generator(plan.animal, "gain", name, seed=effects.SAMPLE_SEED).normal(
        0.0, effects.ANIMAL_GAIN_DB
    )
    level = animal_gain + rng.normal(0.0, effects.SESSION_GAIN_DB)
    intervals = np.array([(visit.start_s, visit.stop_s) for visit in plan.recorded])
    gains = [
        level + acute_change(plan, visit.phase, effects.region_gain_change_db, name, visit.context)
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
        depth=by_visit(plan, effects.modulation_depth),
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
    rng = session_generator(plan, "artefacts")
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
