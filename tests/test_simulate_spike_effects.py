"""Planted locking, shared gains, bursts and codes of the task are what their closed forms say."""

from collections import Counter
from itertools import pairwise, product

import numpy as np
import pytest
import yaml
from conftest import REPOSITORY
from scipy import special, stats

from pipeline.intervals import subtract
from pipeline.lfp import artefact_intervals, lfp_array
from pipeline.simulate import effects, spike_effects
from pipeline.simulate.gains import response_gain, shared_gain
from pipeline.simulate.randomness import generator
from pipeline.simulate.sample_design import RECORDING_S, REGIONS, channel_ids, session_plans
from pipeline.simulate.sample_session import session_bouts, session_lfp, session_theta
from pipeline.simulate.sample_trials import session_trials
from pipeline.simulate.sample_units import session_spikes, session_units
from pipeline.simulate.spike_truth import spike_verdicts
from pipeline.simulate.spiking import Unit, simulate_units
from pipeline.simulate.tracks import constant, drifting_phase, steps
from pipeline.spikes import units_dataset
from pipeline.spikes.irregularity import bursts
from pipeline.spikes.locking import unit_locking
from pipeline.spikes.pairs import correlation, count_moments
from pipeline.spikes.phases import spike_phases
from pipeline.spikes.selectivity import roc_areas

SECONDS = 1200.0
PLANS = session_plans()


def train(unit, *, seconds=SECONDS, seed=0, dead_time_s=0.002):
    rng = generator("spike effects", seed=seed)
    phase = drifting_phase(seconds=seconds, frequency_hz=8.0, rng=generator("theta"))
    (spikes,) = simulate_units(
        [unit], seconds=seconds, phase=phase, rng=rng, dead_time_s=dead_time_s
    )
    return spikes, phase


def plan_of(drug, animal="rat01"):
    (plan,) = [plan for plan in PLANS if plan.drug == drug and plan.animal == animal]
    return plan


# --- locking ----------------------------------------------------------------------------


def test_locking_changes_in_time_with_its_concentration():
    kappa = steps(np.array([[0, 600], [600, 1200]]), [1.2, 0.3])
    spikes, phase = train(Unit(region="CA1", rate_hz=20.0, log2_gain=constant(0.0), kappa=kappa))
    for part, strength in ((spikes[spikes < 600], 1.2), (spikes[spikes >= 600], 0.3)):
        vector = np.exp(1j * np.interp(part, phase.times_s, phase.values))
        n = len(part)
        assert n == pytest.approx(20.0 * 600, abs=4 * np.sqrt(20.0 * 600))
        consistency = (np.abs(vector.sum()) ** 2 - n) / (n * (n - 1))
        expected = spike_effects.expected_ppc(strength)
        # the squared length of a mean of n phases: four standard errors
        assert consistency == pytest.approx(expected, abs=8 * np.sqrt(expected / (2 * n)))


def test_consistency_is_the_squared_resultant_length():
    angles = np.linspace(-np.pi, np.pi, 20001)[:-1]
    for kappa in (0.0, 0.5, 3.0):
        density = stats.vonmises.pdf(angles, kappa) if kappa else np.ones_like(angles)
        length = np.sum(density * np.cos(angles)) / np.sum(density)
        assert spike_effects.expected_ppc(kappa) == pytest.approx(length**2, abs=1e-12)


@pytest.mark.parametrize("ratio", [0.5, 2.0, 8.0])
def test_phase_is_read_through_noise_as_closely_as_stated(ratio):
    rng = generator("reading", seed=round(10 * ratio))
    noise = rng.standard_normal((2, 200_000)).T @ np.array([1.0, 1j])
    # a sine of power A^2 / 2 has an analytic signal of length A; the noise's has variance 2 sigma^2
    error = np.angle(np.sqrt(2.0 * ratio) + noise)
    assert spike_effects.phase_reading(ratio) == pytest.approx(np.cos(error).mean(), abs=0.005)
    assert spike_effects.phase_reading(1e4) == pytest.approx(1.0, abs=1e-4)


def test_locking_is_measured_through_the_lfp_as_expected():
    drug, context = "ketamine", "home_cage"
    plan = plan_of(drug)
    theta, units = session_theta(plan), session_units(plan)
    names = channel_ids(plan.format)
    lfp = lfp_array(
        session_lfp(plan, session_bouts(plan), theta),
        rate_hz=plan.rate_hz,
        channels=names,
        region=dict(zip(names, REGIONS, strict=True)),
    )
    visits = np.array([(v.start_s, v.stop_s) for v in plan.recorded if v.phase == "baseline"])
    artefacts = artefact_intervals(lfp, baseline=visits)
    dataset = units_dataset(
        session_spikes(plan, units, theta),
        [str(number) for number in range(len(units))],
        [unit.region for unit in units],
    )
    clean = subtract(np.array([[0.0, RECORDING_S]]), artefacts)
    phases = spike_phases(lfp, dataset, clean, bands={"theta": (6, 10)}, line_hz=60)
    for visit in plan.recorded:
        if visit.context != context:
            continue
        inside = subtract(np.array([[visit.start_s, visit.stop_s]]), artefacts)
        found = unit_locking(phases, inside)
        here = [unit for unit, own in enumerate(found.region) if own == "mPFC"]
        concentrations = [
            float(np.interp(visit.start_s + 1, unit.kappa.times_s, unit.kappa.values))
            for unit in units
            if unit.region == "mPFC"
        ]
        reading = spike_effects.theta_reading(
            region="mPFC", drug=drug if visit.phase == "acute" else "", context=context
        )
        expected = reading**2 * np.mean([spike_effects.expected_ppc(k) for k in concentrations])
        # units of a thousand spikes: one has a standard error of 0.02 or so
        assert found.ppc[here, 0].mean() == pytest.approx(
            expected, abs=4 * 0.02 / np.sqrt(len(here))
        ), visit.phase
        assert expected < 0.01 if visit.phase == "acute" else expected > 0.1


# --- shared gain ------------------------------------------------------------------------


def bin_means(gain, start, stop, bin_s):
    """Exact means of a track of steps over bins."""
    widths = np.diff(gain.times_s)
    area = np.concatenate([[0.0], np.cumsum(widths * (gain.values[1:] + gain.values[:-1]) / 2)])
    edges = np.arange(start, stop + bin_s / 2, bin_s)
    return np.diff(np.interp(edges, gain.times_s, area)) / bin_s


@pytest.mark.parametrize("bin_s", [0.1, 1.0])
def test_shared_gain_varies_as_stated_and_keeps_its_mean(bin_s):
    intervals = np.array([[10.0, 1810.0], [1900.0, 3700.0]])
    gain = shared_gain(intervals, [0.3, 0.6], memory_s=0.25, rng=generator("gain"))
    for (start, stop), size in zip(intervals, (0.3, 0.6), strict=True):
        means = bin_means(gain, start, stop, bin_s)
        assert means.mean() == pytest.approx(1.0, abs=1e-9)
        variance = spike_effects.gain_variance(size, memory_s=0.25, bin_s=bin_s)
        # 1800 s hold about 3600 independent stretches of two memories
        assert means.var() == pytest.approx(variance, rel=0.12)
    assert np.interp([5.0, 1850.0], gain.times_s, gain.values) == pytest.approx(1.0)
    with pytest.raises(ValueError, match="size 1"):
        shared_gain(intervals[:1], [1.0], memory_s=0.25, rng=generator("gain"))


def test_gain_variance_is_the_mean_autocovariance_of_a_bin():
    moments = (np.arange(2000) + 0.5) / 2000 * 0.1
    covariance = 0.09 * np.exp(-np.abs(moments[:, None] - moments) / 0.25)
    found = spike_effects.gain_variance(0.3, memory_s=0.25, bin_s=0.1)
    assert found == pytest.approx(covariance.mean(), rel=1e-6)


@pytest.mark.parametrize("size", [0.0, 0.3, 0.6])
def test_counts_correlate_as_expected_of_their_gain(size):
    seconds = 3600.0
    interval = np.array([[0.0, seconds]])
    gain = shared_gain(interval, [size], memory_s=0.25, rng=generator("counts"))
    trains = [
        train(
            Unit(region="CA1", rate_hz=rate, log2_gain=constant(0.0), gains=(gain,)),
            seconds=seconds,
            seed=seed,
            dead_time_s=0.0,
        )[0]
        for seed, rate in enumerate((4.0, 12.0))
    ]
    found = correlation(count_moments(trains, interval, bin_s=0.1))[0, 1]
    variance = spike_effects.gain_variance(size, memory_s=0.25, bin_s=0.1)
    expected = spike_effects.expected_count_correlation(
        (4.0, 12.0), gain_sd=np.sqrt(variance), bin_s=0.1
    )
    assert found == pytest.approx(expected, abs=4 / np.sqrt(36000))
    for spikes, rate in zip(trains, (4.0, 12.0), strict=True):
        assert len(spikes) == pytest.approx(rate * seconds, abs=4 * np.sqrt(rate * seconds))


# --- bursts -----------------------------------------------------------------------------


@pytest.mark.parametrize("probability", [0.0, 0.05, 0.3])
def test_bursts_add_neighbours_and_no_rate(probability):
    rate = 6.0
    unit = Unit(region="CA1", rate_hz=rate, log2_gain=constant(0.0), burst=constant(probability))
    spikes, _ = train(unit, seconds=2400.0)
    # the variance of counts of pairs: (1 + 3 p) / (1 + p)
    sd = np.sqrt(rate * 2400.0 * (1 + 3 * probability) / (1 + probability))
    assert len(spikes) == pytest.approx(rate * 2400.0, abs=4 * sd)
    assert np.diff(spikes).min() >= 0.002
    found = bursts(spikes, np.array([[0.0, 2400.0]])).excess
    # the dead time takes chance neighbours away, and of the bursts that meet another spike one
    lost = rate * 0.002
    expected = spike_effects.expected_burst_excess(probability) * (1 - 2 * lost) - lost
    assert found == pytest.approx(expected, abs=0.012)


# --- the task ---------------------------------------------------------------------------


def test_response_multiplies_the_rate_while_it_lasts():
    starts = np.arange(1.0, SECONDS - 2, 2.5)
    spans = np.stack([starts, starts + 0.5], axis=1)
    gain = response_gain(spans, np.full(len(starts), 2.5))
    spikes, _ = train(Unit(region="mPFC", rate_hz=10.0, log2_gain=constant(0.0), gains=(gain,)))
    inside = (spikes[spikes >= 1.0] - 1.0) % 2.5 < 0.5
    during, besides = np.count_nonzero(inside), np.count_nonzero(~inside)
    assert during / (0.5 * len(starts)) == pytest.approx(25.0, rel=0.05)
    assert besides / (2.0 * len(starts)) == pytest.approx(10.0, rel=0.05)


def test_response_ends_where_the_next_begins_and_disorder_is_refused():
    gain = response_gain(np.array([[1.0, 1.5], [1.2, 1.7]]), np.array([2.0, 0.5]))
    times = [0.9, 1.1, 1.3, 1.6, 1.8]
    assert np.interp(times, gain.times_s, gain.values).tolist() == [1.0, 2.0, 0.5, 0.5, 1.0]
    assert response_gain(np.empty((0, 2)), np.empty(0)).values.tolist() == [1.0]
    with pytest.raises(ValueError, match="one after the other"):
        response_gain(np.array([[2.0, 2.5], [1.0, 1.5]]), np.ones(2))


def test_area_of_two_poisson_counts():
    counts = np.arange(60)
    for first, second in ((2.0, 5.0), (3.0, 3.0), (0.5, 4.5)):
        one, other = stats.poisson.pmf(counts, first), stats.poisson.pmf(counts, second)
        table = np.outer(one, other)  # P(first is i, second is j)
        by_hand = np.triu(table, 1).sum() + np.trace(table) / 2
        assert spike_effects.poisson_area(first, second) == pytest.approx(by_hand, abs=1e-9)


@pytest.mark.parametrize("drug", ["vehicle", "ketamine"])
def test_choice_is_told_before_it_is_made_as_deep_as_planted(drug):
    planted = spike_effects.TASK_CODE["mPFC"]
    areas, expected = [], []
    first = planted.cue_units
    for animal in effects.ANIMALS[:3]:
        plan = plan_of(drug, animal)
        (visit,) = [
            v for v in plan.recorded if (v.context, v.phase) == (plan.task.context, "acute")
        ]
        trials = [
            trial
            for trial in session_trials(plan)
            if visit.start_s <= trial.start_s < visit.stop_s
            and not trial.omitted
            and trial.response_s >= planted.response_s
        ]
        choices = np.array([trial.start_s + trial.response_s for trial in trials])
        left = np.array([trial.choice == "left" for trial in trials])
        units = session_units(plan)[first : first + planted.choice_units]
        spikes = session_spikes(plan, units, session_theta(plan))
        borders = np.stack([choices - planted.response_s, choices], axis=1)
        for number in range(planted.choice_units):
            counts = np.diff(np.searchsorted(spikes[number], borders), axis=1)[:, 0]
            likes_left = number % 2 == 0
            areas.append(float(roc_areas(counts[np.newaxis], left == likes_left)[0]))
            depth = spike_effects.choice_depth(region="mPFC", drug=drug, phase="acute")
            gain = np.interp(visit.start_s + 1, *_track(units[number].log2_gain))
            mean = units[number].rate_hz * 2.0**gain * planted.response_s
            expected.append(spike_effects.poisson_area(mean * (1 - depth), mean * (1 + depth)))
    # twelve units of sixty trials: one area has a standard error of 0.07 at most
    assert np.mean(areas) == pytest.approx(np.mean(expected), abs=4 * 0.07 / np.sqrt(12))
    assert np.mean(expected) > 0.85 if drug == "vehicle" else np.mean(expected) < 0.65


def _track(track):
    return track.times_s, track.values


def test_recorded_visits_hold_enough_trials_of_each_side_and_outcome():
    fewest = Counter()
    for plan in PLANS:
        trials = session_trials(plan)
        assert all(
            a.start_s + a.response_s < b.start_s for a, b in pairwise(trials) if not a.omitted
        )
        for visit in plan.recorded:
            if visit.context != plan.task.context:
                continue
            here = [t for t in trials if visit.start_s <= t.start_s < visit.stop_s]
            responded = [t for t in here if not t.omitted]
            assert len(here) >= 60
            sides = Counter(t.choice for t in responded)
            outcomes = Counter(t.correct for t in responded)
            fewest["side", min(sides.values()) < 10] += 1
            fewest["outcome", min(outcomes.values()) < 10] += 1
    assert fewest["side", True] == 0
    # two of the 64 visits have 8 or 9 errors: no code of the outcome is stated there
    assert fewest["outcome", True] == 2


# --- declarations -----------------------------------------------------------------------


def test_as_many_units_go_up_as_down_and_none_of_them_codes_the_task():
    for region, planted in effects.RATES.items():
        code = spike_effects.TASK_CODE.get(region)
        coding = code.cue_units + code.choice_units + code.outcome_units if code else 0
        for drug, animal in product(effects.DRUGS, effects.ANIMALS):
            changes = np.array(
                [
                    spike_effects.unit_change_log2(
                        region=region, animal=animal, drug=drug, unit=unit
                    )
                    for unit in range(planted.n_units)
                ]
            )
            n_each, size = spike_effects.MODULATED_UNITS.get((region, drug), (0, 0.0))
            if n_each and animal in spike_effects.FEWER_MODULATED:
                n_each -= 1
            assert np.count_nonzero(changes > 0) == np.count_nonzero(changes < 0) == n_each
            assert changes.sum() == 0 and (np.abs(changes).max() == size or n_each == 0)
            assert not changes[:coding].any()
            assert all(
                spike_effects.may_be_modulated(region=region, unit=unit)
                for unit in np.flatnonzero(changes)
            )


def test_factors_of_locking_average_the_planted_ones():
    for drug in effects.DRUGS:
        for place, context in enumerate(effects.CONTEXTS):
            logs = [
                np.log(
                    spike_effects.kappa_factor(
                        region="mPFC", animal=animal, drug=drug, context=context
                    )
                )
                for animal in effects.ANIMALS
            ]
            declared = spike_effects.LOCKING["mPFC"].drug_factor.get(drug, (1, 1, 1))[place]
            assert np.mean(logs) == pytest.approx(np.log(declared))


def test_theta_is_read_more_closely_the_higher_it_stands():
    plain = spike_effects.theta_reading(region="mPFC")
    weak = spike_effects.theta_reading(region="mPFC", drug="ketamine", context="home_cage")
    strong = spike_effects.theta_reading(region="CA1")
    assert weak < plain < strong < 1
    # 9 dB over the background: 6.94 times as much rhythm as noise
    half = (10**0.9 - 1) / 2
    assert plain == pytest.approx(
        np.sqrt(np.pi * half / 2) * np.exp(-half) * (special.i0(half) + special.i1(half))
    )


def test_spikes_show_every_kind_of_verdict_and_each_has_a_smallest_effect():
    config = yaml.safe_load((REPOSITORY / "config" / "config.yaml").read_text())["outcomes"]
    rows = [row for drug in effects.DRUGS[1:] for row in spike_verdicts(drug)]
    assert {verdict for _, verdict, _ in rows} == {
        "process",
        "pill",
        "no drug effect",
        "drug effect, one context",
    }
    for outcome, _, _ in rows:
        assert outcome in config["secondary"]
        assert outcome.split("/")[0].split("@")[0] in config["smallest_effect"]
