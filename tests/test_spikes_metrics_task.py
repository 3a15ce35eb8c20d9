"""Modulation, responses, selectivity and decoding of whole cells: by hand, planted, and the null.

Sessions are simulated: trials of 6 s scored by the room of flexibility, rules light, left, light,
right, ...; a cue, a choice 0.7 to 1.2 s later, a reward 0.6 s after a correct one. Units fire about
6 spikes per s with a rate that walks at random from trial to trial. Seeds are fixed.
"""

import math

import numpy as np
import pandas as pd
import pytest

from pipeline.compare.scales import to_scale
from pipeline.experiment.spike_options import ModulationOptions, SpikeOptions, TaskOptions
from pipeline.flexibility import Task, score
from pipeline.registry import metrics
from pipeline.spikes import epoch_units, units_dataset
from pipeline.spikes.metrics import (
    decoding_above_chance,
    event_response,
    rate_modulation_index,
    selective_fraction,
    selectivity,
    units_changed,
    units_down,
    units_up,
)
from pipeline.spikes.modulation import CellModulation, Modulation, cell_modulation
from pipeline.spikes.task_responses import cell_responses, trial_events
from pipeline.spikes.task_selectivity import cell_decoding, cell_selectivity, labelled_counts

TASK = Task.model_validate(
    {
        "rules": {"light": "follow cue", "left": "choose left", "right": "choose right"},
        "criterion": {"consecutive": 10},
    }
)
OPTIONS = TaskOptions().model_dump()
ALL_OPTIONS = {"spikes": SpikeOptions().model_dump()}
TRIAL_S = 6.0


def session(rng, lengths, rules=("light", "left", "light", "right")):
    """Scored trials of sets of these lengths; early choices are at random, later ones are right."""
    sets = np.repeat(np.arange(len(lengths)), lengths)
    rule = np.array(rules)[sets % len(rules)]
    cue = rng.choice(["left", "right"], len(sets))
    right = np.where(rule == "light", cue, rule)
    early = np.arange(len(sets)) - np.searchsorted(sets, sets) < 8
    wrong = rng.random(len(sets)) < np.where(early, 0.5, 0.2)
    choice = np.where(wrong, np.where(right == "left", "right", "left"), right)
    t_cue = 3.0 + TRIAL_S * np.arange(len(sets))
    t_choice = t_cue + rng.uniform(0.7, 1.2, len(sets))
    log = pd.DataFrame(
        {
            "rule": rule, "cue_side": cue, "choice_side": choice, "t_cue": t_cue,
            "t_choice": t_choice, "t_reward": np.where(wrong, np.nan, t_choice + 0.6),
        }
    )  # fmt: skip
    return score(log, TASK).trials


def trains(rng, trials, n_units, *, more=(), hz=6.0, walk=0.04):
    """Spikes of units whose rate walks; `more`: (units, event times, window, factor of the rate).

    Events are those at which the units fire more.
    """
    n_trials = len(trials)
    level = np.cumsum(rng.normal(0, walk, (n_units, n_trials)), axis=1)
    rate = hz * np.exp(np.clip(level, -1, 1))
    made = []
    for unit in range(n_units):
        spikes = [
            rng.uniform(0, TRIAL_S, n) + TRIAL_S * trial
            for trial, n in enumerate(rng.poisson(rate[unit] * TRIAL_S))
        ]
        for units, times, (first, last), factor in more:
            if unit in units:
                times = times[np.isfinite(times)]
                mean = rate[unit, (times // TRIAL_S).astype(int)] * (factor - 1) * (last - first)
                at = np.repeat(times, rng.poisson(mean))
                spikes.append(at + rng.uniform(first, last, len(at)))
        made.append(np.sort(np.concatenate(spikes)))
    return made


def cell(spikes, intervals, region="mPFC"):
    names = [f"u{index}" for index in range(len(spikes))]
    return epoch_units(units_dataset(spikes, names, [region] * len(spikes)), intervals)


def whole(trials):
    return [[0.0, TRIAL_S * len(trials)]]


def table(**columns):
    """Trials as scoring leaves them, of four trials in two sets."""
    made = {
        "set_index": [1, 1, 2, 2], "outcome": ["correct", "error", "omission", "correct"],
        "rule": ["light", "light", "left", "left"], "choice_side": ["left", "right", "", "left"],
        "t_cue": [10.0, 20.0, 30.0, 40.0],
    }  # fmt: skip
    return pd.DataFrame(made | columns)


# --- when things happen -----------------------------------------------------------------


def test_times_of_events_by_hand():
    found = trial_events(
        table(t_choice=[11.0, 21.0, 35.0, np.nan], latency_choice=[1, 1, 5, 2.0],
              t_reward=[11.5, np.nan, np.nan, 42.7])
    )  # fmt: skip
    # an omission has no choice, whatever the log writes; the fourth is cue and latency
    np.testing.assert_array_equal(found.choice, [11.0, 21.0, np.nan, 42.0])
    # the error's outcome: after the median of 0.5 and 0.7 s
    np.testing.assert_allclose(found.outcome, [11.5, 21.6, np.nan, 42.7])
    # the first trial under the new rule was omitted: the animal is told in the next
    np.testing.assert_array_equal(found.rule_change, [np.nan, np.nan, np.nan, 42.7])
    assert found.own_outcome


def test_a_log_without_rewards_has_its_outcomes_at_the_choices():
    found = trial_events(table(t_choice=[11.0, 21.0, np.nan, 42.0]))
    np.testing.assert_array_equal(found.outcome, found.choice)
    assert not found.own_outcome
    bare = trial_events(table())
    assert np.isnan(bare.choice).all() and np.isnan(bare.rule_change).all()


# --- responses --------------------------------------------------------------------------


def test_responses_by_hand():
    trials = table(
        outcome=["correct"] * 4,
        t_choice=[10.4, 21.0, 31.0, 41.0],
        t_reward=[10.8, 21.8, 31.8, 41.8],
    )
    options = OPTIONS | {"minimum_trials": 2, "bin_s": 0.5, "window_s": (-1.0, 1.0)}
    # before the cues at 20 and 30; after those at 10 and 20; after choices; after an outcome
    spikes = [19.5, 29.9, 10.1, 20.2, 20.3, 20.4, 21.2, 31.0, 31.9]
    found = cell_responses(cell([sorted(spikes), []], [[0.0, 39.5]]), trials, options=options)
    # the fourth trial lies outside; of a single change of rule no response is stated
    assert found.events == ("cue", "choice", "outcome")
    # in the first trial the choice cuts the cue's response and the outcome cuts the choice's
    assert found.n_events == {"cue": 2, "choice": 2, "outcome": 3}
    assert found.time_s.tolist() == [-0.75, -0.25, 0.25, 0.75]
    assert found.response["cue"].response.tolist() == [3, 0]
    assert found.response["cue"].baseline.tolist() == [2, 0]
    assert found.response["choice"].response.tolist() == [2, 0]
    assert found.response["outcome"].response.tolist() == [1, 0]
    # three seconds before cues hold two spikes
    assert found.baseline_hz.tolist() == [2 / 3, 0.0]
    # 0 to 0.5 s after the cue: trials 2 and 3; 0.5 to 1 s: the same, no spike
    np.testing.assert_allclose(found.rate_hz["cue"][0], [0.0, 2 / 1.5, 3.0, 0.0])
    # the second half second after a choice lies beyond the outcome
    assert np.isnan(found.rate_hz["choice"][:, 3]).all()
    assert found.seconds == 39.5


@pytest.mark.parametrize(("reward_s", "n_events"), [(18.4, 4), (18.6, 3)])
def test_the_baseline_begins_after_the_response_to_the_event_before(reward_s, n_events):
    trials = table(
        outcome=["correct"] * 4,
        t_choice=[10.6, 20.6, 30.6, 40.6],
        t_reward=[reward_s, 22.0, 32.0, 42.0],
    )
    options = OPTIONS | {"minimum_trials": 1}
    found = cell_responses(cell([[1.0]], [[0.0, 60.0]]), trials, options=options)
    # the first reward's response ends at 18.9 or 19.1 s; the second cue's baseline begins at 19
    assert found.n_events["cue"] == found.n_events["choice"] == n_events


def test_planted_responses_are_recovered_and_events_do_not_leak_into_each_other():
    rng = np.random.default_rng(1)
    trials = session(rng, [25] * 8)
    events = trial_events(trials)
    planted = [
        (range(0, 5), events.cue, (0.0, 0.5), 3.0),
        (range(5, 10), events.choice, (0.0, 0.5), 3.0),
        (range(10, 15), events.outcome, (0.0, 0.5), 3.0),
        (range(15, 20), events.rule_change, (0.0, 0.5), 6.0),
    ]
    units = cell(trains(rng, trials, 25, more=planted), whole(trials))
    found = cell_responses(units, trials, options=OPTIONS)
    assert found.events == ("cue", "choice", "outcome", "rule_change")
    assert found.n_events == {"cue": 200, "choice": 200, "outcome": 200, "rule_change": 7}
    values = {
        event: np.array([v.value for v in event_response.compute(responses=found, options={})
                         if v.band == event])
        for event in found.events
    }  # fmt: skip
    for index, event in enumerate(("cue", "choice", "outcome")):
        own = np.zeros(25, dtype=bool)
        own[5 * index : 5 * index + 5] = True
        # 200 events of 6 Hz: standard error of 0.08 log2
        np.testing.assert_allclose(values[event][own], np.log2(3), atol=0.3)
        np.testing.assert_allclose(values[event][~own][:10], 0.0, atol=0.3)
    # 7 changes: standard error of about 0.5 per unit
    assert values["rule_change"][15:20].mean() == pytest.approx(np.log2(6), abs=0.7)
    assert values["rule_change"][20:].mean() == pytest.approx(0.0, abs=0.8)
    response = found.rate_hz["cue"][:5, (found.time_s > 0) & (found.time_s < 0.5)].mean()
    assert response / found.baseline_hz[:5].mean() == pytest.approx(3.0, rel=0.1)


def test_a_silenced_unit_has_no_response_and_a_log_of_choices_no_outcome():
    rng = np.random.default_rng(2)
    trials = session(rng, [20] * 4).drop(columns="t_reward")
    spikes = [*trains(rng, trials, 2), np.empty(0)]
    found = cell_responses(cell(spikes, whole(trials)), trials, options=OPTIONS)
    assert found.events == ("cue", "choice", "rule_change")
    # half spikes over 0.5 and 1 s: the reason why such a unit is left out
    assert found.response["cue"].log2_change[2] == pytest.approx(1.0)
    values = event_response.compute(responses=found, options={})
    assert {v.unit_id for v in values} == {"u0", "u1"}
    assert all(v.n_effective == found.n_events[v.band] for v in values)


@pytest.mark.parametrize("ratio", [1.0, 2.0, 4.0])
def test_ten_spikes_are_enough_for_half_spikes_not_to_bias(ratio):
    # of ten spikes in both windows, 0.5 and 1 s, how many fall into the response is binomial
    from scipy.stats import binom

    k = np.arange(11)
    change = np.log2((k + 0.5) / 0.5) - np.log2(10 - k + 0.5)
    mean = np.sum(binom.pmf(k, 10, 0.5 * ratio / (0.5 * ratio + 1)) * change)
    assert abs(mean - np.log2(ratio)) < 0.005


def test_cells_without_events_have_no_responses():
    rng = np.random.default_rng(3)
    trials = session(rng, [10, 10])
    spikes = trains(rng, trials, 2)
    assert cell_responses(cell(spikes, [[500.0, 900.0]]), trials, options=OPTIONS) is None
    assert cell_responses(cell(spikes, [[0.0, 30.0]]), trials, options=OPTIONS) is None
    assert cell_responses(cell([], whole(trials)), trials, options=OPTIONS) is None
    blind = trials.assign(t_cue=np.nan)
    assert cell_responses(cell(spikes, whole(trials)), blind, options=OPTIONS) is None


# --- selectivity ------------------------------------------------------------------------


def planted_codes(trials):
    """Times at which units fire more, by label: left choices, errors, the light rule."""
    events = trial_events(trials)
    return {
        "choice": (np.where(trials["choice_side"] == "left", events.choice, np.nan), (-0.5, 0.0)),
        "outcome": (np.where(trials["outcome"] == "error", events.outcome, np.nan), (0.0, 0.5)),
        "rule": (np.where(trials["rule"] == "light", events.cue, np.nan), (-1.0, 0.0)),
    }


def coding_cell(rng, trials, *, factor=3.0, n_units=24, **options):
    """Eight units code each label, in the order choice, outcome, rule."""
    more = [
        (range(8 * index, 8 * index + 8), *code, factor)
        for index, code in enumerate(planted_codes(trials).values())
    ]
    return cell(trains(rng, trials, n_units, more=more, **options), whole(trials))


def test_planted_selectivity_is_found_in_its_own_window():
    rng = np.random.default_rng(4)
    trials = session(rng, [30] * 9)
    found = cell_selectivity(coding_cell(rng, trials), trials, options=OPTIONS)
    assert found.names == {
        "choice": ("left", "right"), "outcome": ("correct", "error"),
        "rule": ("light", "left or right"),
    }  # fmt: skip
    for index, label in enumerate(("choice", "outcome", "rule")):
        answer = found.labels[label]
        own = np.zeros(24, dtype=bool)
        own[8 * index : 8 * index + 8] = True
        assert min(answer.n_trials) >= 20
        favoured = answer.area > 0.5 if label == "outcome" else answer.area < 0.5
        assert favoured[own].all() and np.abs(answer.area[own] - 0.5).min() > 0.1
        assert np.mean(answer.q[own] < 0.05) >= 0.8
        # a code does not pass for another: 16 units, of which one in twenty is found by chance
        assert np.sum(answer.p[~own] <= 0.05) <= 4
        assert answer.squared_excess[own].mean() > 10 * abs(answer.squared_excess[~own].mean())
    assert found.labels["rule"].least_p == 2 / 2**8


def test_a_response_to_the_choice_is_no_selectivity_for_the_outcome():
    """Errors have no reward: with their outcome at the choice they would differ by that alone."""
    rng = np.random.default_rng(17)
    trials = session(rng, [30] * 6)
    events = trial_events(trials)
    more = [(range(30), events.choice, (0.0, 0.4), 4.0)]
    units = cell(trains(rng, trials, 30, more=more), whole(trials))
    found = cell_selectivity(units, trials, options=OPTIONS).labels["outcome"]
    assert np.sum(found.p <= 0.05) <= 5  # 99.9 % of binomial counts of 30 at 5 %: 6
    at_choices = trials.assign(
        t_reward=np.where(trials["outcome"] == "error", events.choice, trials["t_reward"])
    )
    misled = cell_selectivity(units, at_choices, options=OPTIONS).labels["outcome"]
    assert np.mean(misled.p <= 0.05) > 0.9


def test_what_a_loss_of_spikes_alone_does():
    """Seven of ten spikes dropped at random: responses stay, what a trial tells becomes less."""
    rng = np.random.default_rng(18)
    found = []
    for _ in range(6):
        trials = session(rng, [30] * 9)
        # eight units that code the choice and respond to the cue
        more = [
            (range(8), *planted_codes(trials)["choice"], 1.7),
            (range(8), trial_events(trials).cue, (0.0, 0.5), 2.0),
        ]
        spikes = trains(rng, trials, 8, more=more)
        fewer = [train[rng.random(len(train)) < 0.3] for train in spikes]
        for units in (cell(spikes, whole(trials)), cell(fewer, whole(trials))):
            tells = cell_selectivity(units, trials, options=OPTIONS)
            shares = selective_fraction.compute(selectivity=tells, options=ALL_OPTIONS)
            answers = cell_responses(units, trials, options=OPTIONS)
            decoded = cell_decoding(units, trials, options=OPTIONS)
            values = [
                event_response.compute(responses=answers, options={}),
                selectivity.compute(selectivity=tells, options={}),
                shares,
                decoding_above_chance.compute(decoding=decoded, options={}),
            ]
            found.append(
                [
                    np.mean([v.value for v in some if v.band == band])
                    for some, band in zip(values, ("cue", *["choice"] * 3), strict=True)
                ]
            )
    full, few = np.mean(found[::2], axis=0), np.mean(found[1::2], axis=0)
    assert few[0] == pytest.approx(full[0], abs=0.05) and full[0] == pytest.approx(1, abs=0.1)
    assert few[1] < 0.6 * full[1] and few[2] < full[2] and few[3] < full[3] - 0.05


def test_values_of_selectivity_and_its_fraction():
    rng = np.random.default_rng(5)
    trials = session(rng, [30] * 9)
    found = cell_selectivity(coding_cell(rng, trials), trials, options=OPTIONS)
    values = selectivity.compute(selectivity=found, options={})
    assert len(values) == 3 * 24
    assert values[0].value == found.labels["choice"].squared_excess[0]
    assert (values[0].unit_id, values[0].region, values[0].band) == ("u0", "mPFC", "choice")
    shares = {v.band: v for v in selective_fraction.compute(selectivity=found, options=ALL_OPTIONS)}
    for label, value in shares.items():
        assert value.value == np.mean(found.labels[label].q < 0.05)
        assert 6 / 24 <= value.value <= 10 / 24
        assert (value.n_effective, value.n_effective_unit) == (24, "units")
    more = {"spikes": {"minimum_units": 25}}
    assert selective_fraction.compute(selectivity=found, options=more) == []


def test_few_changes_of_rule_have_selectivity_and_no_fraction():
    rng = np.random.default_rng(6)
    trials = session(rng, [40] * 4)
    found = cell_selectivity(coding_cell(rng, trials), trials, options=OPTIONS)
    assert found.labels["rule"].least_p == 0.25
    bands = {v.band for v in selective_fraction.compute(selectivity=found, options=ALL_OPTIONS)}
    assert bands == {"choice", "outcome"}
    one_change = session(rng, [40] * 2)
    found = cell_selectivity(coding_cell(rng, one_change), one_change, options=OPTIONS)
    assert set(found.labels) == {"choice", "outcome"}


@pytest.mark.parametrize(
    ("rules", "names", "n_changes"),
    [
        (("light", "left"), ("light", "left"), 8),
        (("left", "light", "right"), ("left", "light"), 3),
        (("a", "b", "c", "d", "e", "f", "g", "h", "i"), ("a", "b"), 1),
    ],
)
def test_more_rules_are_compared_in_pairs(rules, names, n_changes):
    rng = np.random.default_rng(7)
    trials = session(rng, [12] * 9, rules=("light", "left"))
    renamed = np.array(rules)[(trials["set_index"].to_numpy() - 1) % len(rules)]
    known = labelled_counts(
        cell(trains(rng, trials, 1), whole(trials)), trials.assign(rule=renamed), "rule",
        options=OPTIONS,
    )  # fmt: skip
    assert known.names == names
    both = [b for b in np.unique(known.blocks) if len(set(known.codes[known.blocks == b])) == 2]
    # left, light, right, left, ...: of the eight changes three lie between left and light
    assert len(both) == n_changes


def test_trials_beside_a_gap_are_no_neighbours():
    rng = np.random.default_rng(8)
    trials = session(rng, [12] * 6, rules=("light", "left"))
    # sets 1, 2 and half of 3; sets 5 and 6
    epoch = [[0.0, 30 * TRIAL_S], [48 * TRIAL_S, 72 * TRIAL_S]]
    units = cell(trains(rng, trials, 1), epoch)
    sets = trials["set_index"].to_numpy()
    for label in ("choice", "rule"):
        known = labelled_counts(units, trials, label, options=OPTIONS)
        assert len(known.codes) == 54
        kept = np.r_[sets[:30], sets[48:]]
        shared = {
            frozenset(kept[known.blocks == block].tolist()) for block in np.unique(known.blocks)
        }
        changes = {frozenset({1, 2}), frozenset({2, 3}), frozenset({5, 6})}
        assert {block for block in shared if len(block) > 1} == (
            changes if label == "rule" else set()
        )


def test_what_cannot_be_compared_is_left_out():
    rng = np.random.default_rng(9)
    trials = session(rng, [30] * 2)
    spikes = trains(rng, trials, 6)
    units = cell(spikes, whole(trials))
    assert cell_selectivity(cell(spikes, [[500.0, 900.0]]), trials, options=OPTIONS) is None
    assert cell_selectivity(cell([], whole(trials)), trials, options=OPTIONS) is None
    many = OPTIONS | {"minimum_trials": 40, "decoding_trials": 40}
    assert cell_selectivity(units, trials, options=many) is None
    assert cell_decoding(units, trials, options=many) is None
    assert cell_decoding(cell(spikes[:4], whole(trials)), trials, options=OPTIONS) is None
    assert cell_decoding(units, trials, options=OPTIONS, minimum_units=6) is not None
    assert cell_decoding(units, trials, options=OPTIONS, minimum_units=7) is None
    no_sides = trials.drop(columns="choice_side")
    assert set(cell_selectivity(units, no_sides, options=OPTIONS).labels) == {"outcome"}


# --- decoding ---------------------------------------------------------------------------


def test_planted_rule_and_choice_are_decoded_and_other_codes_are_not():
    rng = np.random.default_rng(10)
    trials = session(rng, [30] * 9)
    spikes = coding_cell(rng, trials, factor=4.0).spike_times
    regions = np.repeat(["codes choice", "codes outcome", "codes rule"], 8).tolist()
    dataset = units_dataset(spikes, [f"u{index}" for index in range(24)], regions)
    found = cell_decoding(epoch_units(dataset, whole(trials)), trials, options=OPTIONS)
    values = {
        (v.band, v.region): v for v in decoding_above_chance.compute(decoding=found, options={})
    }
    assert len(values) == 6
    for (label, region), value in values.items():
        answer = found.decoded[label][region]
        assert value.value == answer.accuracy - answer.chance
        assert (answer.n_units, answer.n_trials, value.n_effective) == (5, 20, 20)
        if label in region:
            assert value.value > 0.25 and answer.p <= max(answer.least_p, 0.05)
        else:
            # 20 trials: standard error of 0.11
            assert abs(value.value) < 0.35
    rule = found.decoded["rule"]["codes rule"]
    assert (rule.n_folds, rule.least_p, rule.chance) == (4, 1 / 8, pytest.approx(0.5, abs=0.02))
    assert found.decoded["choice"]["codes choice"].n_folds == 5


def test_decoders_of_short_and_long_cells_have_equal_numbers():
    rng = np.random.default_rng(11)
    trials = session(rng, [20] * 12)
    spikes = trains(rng, trials, 7)
    numbers = []
    for n_trials in (110, 240):
        found = cell_decoding(cell(spikes, [[0, TRIAL_S * n_trials]]), trials, options=OPTIONS)
        numbers += [
            (label, answer.n_units, answer.n_trials, answer.n_folds)
            for label, of_regions in found.decoded.items()
            for answer in of_regions.values()
        ]
    assert numbers == [("rule", 5, 20, 4), ("choice", 5, 20, 5)] * 2
    # three changes: no decoder of the rule
    short = cell_decoding(cell(spikes, [[0, TRIAL_S * 75]]), trials, options=OPTIONS)
    assert set(short.decoded) == {"choice"}


# --- null -------------------------------------------------------------------------------


def within(hits, n, level=0.05):
    """99.9 % of binomial counts of n at 5 %."""
    from scipy.stats import binom

    return binom.ppf(0.0005, n, level) <= hits <= binom.ppf(0.9995, n, level)


def test_drifting_units_are_called_selective_as_often_as_is_due():
    """Three sessions of 100 units that code nothing; errors cluster, choices follow the rule."""
    rng = np.random.default_rng(12)
    options = OPTIONS | {"relabelled": 199}
    hits = dict.fromkeys(("choice", "outcome", "rule"), 0)
    excess = {label: [] for label in hits}
    for _ in range(3):
        trials = session(rng, [20] * 9)
        units = cell(trains(rng, trials, 100, hz=4.0, walk=0.06), whole(trials))
        found = cell_selectivity(units, trials, options=options)
        for label, answer in found.labels.items():
            hits[label] += np.sum(answer.p <= 0.05)
            excess[label] += answer.squared_excess.tolist()
    for label, number in hits.items():
        # p of eight changes: 12 of 256 ways are the last below 5 %
        assert within(number, 300, 12 / 256 if label == "rule" else 0.05), (label, number)
        values = np.array(excess[label])
        assert abs(values.mean()) < 3.3 * values.std() / math.sqrt(300)


def test_decoding_of_drifting_units_is_at_chance():
    rng = np.random.default_rng(13)
    options = OPTIONS | {"decoding_relabelled": 19, "decoding_draws": 1}
    excess = {"rule": [], "choice": []}
    hits = 0
    for _ in range(25):
        trials = session(rng, [16] * 6)
        units = cell(trains(rng, trials, 5, hz=4.0, walk=0.06), whole(trials))
        found = cell_decoding(units, trials, options=options)
        for label, of_regions in found.decoded.items():
            excess[label].append(of_regions["mPFC"].accuracy - of_regions["mPFC"].chance)
        hits += found.decoded["choice"]["mPFC"].p <= 0.05
    assert within(hits, 25)
    for values in excess.values():
        assert len(values) == 25
        assert abs(np.mean(values)) < 3.3 * np.std(values) / 5


# --- modulation -------------------------------------------------------------------------


def poisson(rng, hz, start, stop):
    return np.sort(rng.uniform(start, stop, rng.poisson(hz * (stop - start))))


def modulated_cell(rng, planted, n_silenced=0, **options):
    """Units that double, halve (2.6 times), stay, or fall silent; 20 and 30 min."""
    spikes = []
    for sign in planted:
        hz = rng.uniform(2.0, 15.0)
        parts = poisson(rng, hz, 0, 1200), poisson(rng, hz * 2.6**sign, 1500, 3300)
        spikes.append(np.concatenate(parts))
    spikes += [poisson(rng, 4.0, 0, 1200) for _ in range(n_silenced)]
    before, after = cell(spikes, [[0, 1200]]), cell(spikes, [[1500, 3300]])
    options = ModulationOptions(permutations=999, **options).model_dump()
    return cell_modulation(before, after, options=options)


def shares(found, options=ALL_OPTIONS):
    return [
        [v.value for v in module.compute(modulation=found, options=options)]
        for module in (units_up, units_down, units_changed)
    ]


def test_planted_shares_are_recovered_and_silence_counts_as_down():
    rng = np.random.default_rng(14)
    found = modulated_cell(rng, np.repeat([1, -1, 0], [12, 8, 16]), n_silenced=4)
    # power: 24 of 24 modulated units; false calls: none of 16
    assert found.calls.tolist() == [1] * 12 + [-1] * 8 + [0] * 16 + [-1] * 4
    assert shares(found) == [[12 / 40], [12 / 40], [24 / 40]]
    assert found.seconds == 1800
    value = units_up.compute(modulation=found, options=ALL_OPTIONS)[0]
    assert (value.region, value.n_effective, value.n_effective_unit) == ("mPFC", 40, "units")
    index = rate_modulation_index.compute(modulation=found, options={})
    assert [v.value for v in index[-4:]] == [-1.0] * 4
    np.testing.assert_allclose([v.value for v in index[:12]], 1.6 / 3.6, atol=0.06)
    assert (index[0].unit_id, index[0].n_effective) == ("u0", 50)


def test_few_unmodulated_units_are_called_without_the_least_change():
    rng = np.random.default_rng(15)
    found = modulated_cell(rng, [0] * 60, least_log2=None)
    # false-discovery control: with no modulated unit at all, any call is a false discovery
    assert np.count_nonzero(found.calls) <= 1
    assert within(np.sum(found.modulation.p <= 0.05), 60)


def test_shares_by_hand_and_by_region():
    some = np.zeros(8)
    found = CellModulation(
        modulation=Modulation(
            unit_id=[f"u{index}" for index in range(8)], region=["CA1"] * 3 + ["mPFC"] * 5,
            before_hz=some, after_hz=some, log2_fold_change=some, index=some, step=some, p=some,
            q=some, blocks=(5, 6),
        ),
        calls=np.array([1, 1, 1, 1, -1, 0, 0, -1]), seconds=360.0,
    )  # fmt: skip
    # three units are no region
    assert shares(found) == [[1 / 5], [2 / 5], [3 / 5]]
    assert shares(found, {"spikes": {"minimum_units": 3}}) == [
        [1.0, 1 / 5],
        [0.0, 2 / 5],
        [1.0, 3 / 5],
    ]


def test_what_cannot_be_tested_is_none():
    rng = np.random.default_rng(16)
    before = cell([poisson(rng, 5.0, 0, 900)], [[0, 240]])
    after = cell([poisson(rng, 5.0, 0, 900)], [[300, 900]])
    options = ModulationOptions().model_dump()
    assert cell_modulation(before, after, options=options) is None
    silent = cell([[]], [[0, 600]]), cell([[]], [[600, 1200]])
    assert cell_modulation(*silent, options=options) is None


# --- scales -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    ["units_up", "units_down", "units_changed", "selective_fraction", "locked_fraction"],
)
def test_a_share_is_the_same_on_its_scale_whatever_the_number_of_units(name):
    declared = metrics()[name]
    units = np.repeat([10.0, 20.0], 2)
    share = np.array([0.0, 0.3, 0.0, 0.3])
    more = {"zero_offset": declared.zero_offset, "seconds": np.ones(4), "n_effective": units}
    np.testing.assert_array_equal(to_scale(share, scale=declared.scale, **more), share)
    none_of_10, _, none_of_20, _ = to_scale(share, scale="logit", **more)
    assert none_of_10 - none_of_20 == pytest.approx(0.67, abs=0.005)


# --- declarations -----------------------------------------------------------------------


def test_declarations():
    declared = {
        module.METRIC.name: module.METRIC
        for module in (
            units_up, units_down, units_changed, rate_modulation_index, event_response,
            selectivity, selective_fraction, decoding_above_chance,
        )
    }  # fmt: skip
    assert {name: (m.entity, m.scale, m.needs) for name, m in declared.items()} == {
        "units_up": ("region", "linear", ("modulation",)),
        "units_down": ("region", "linear", ("modulation",)),
        "units_changed": ("region", "linear", ("modulation",)),
        "rate_modulation_index": ("unit", "linear", ("modulation",)),
        "event_response": ("unit", "linear", ("responses",)),
        "selectivity": ("unit", "linear", ("selectivity",)),
        "selective_fraction": ("region", "linear", ("selectivity",)),
        "decoding_above_chance": ("region", "linear", ("decoding",)),
    }
    for metric in declared.values():
        assert (metric.grain, metric.baseline, metric.domain) == ("cell", "none", "spikes")
        assert metric.per_band == bool(metric.band_names)
    assert declared["event_response"].band_names == ("cue", "choice", "outcome", "rule_change")
    assert declared["selectivity"].band_names == ("choice", "outcome", "rule")
    assert declared["decoding_above_chance"].band_names == ("rule", "choice")
