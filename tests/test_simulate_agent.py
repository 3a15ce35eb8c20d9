"""The agent chooses, learns and omits as declared; the task changes rules as declared."""

import numpy as np
import pandas as pd
import pytest

from pipeline.experiment.task import Task
from pipeline.flexibility import score
from pipeline.simulate.agent import Agent, correct_side, simulate_trials, trials_to_criterion
from pipeline.simulate.randomness import generator

RULES = ("light", "left", "light", "right")


def run(agent, *, n_trials=4000, seed=0, rules=RULES, **options):
    times = 11.0 * np.arange(n_trials)
    return simulate_trials(
        agent, rules=rules, trial_times_s=times, rng=generator("agent", seed=seed), **options
    )


def accuracy(trials):
    return np.mean([trial.correct for trial in trials if not trial.omitted])


def test_correct_side():
    assert [correct_side(rule, "left") for rule in ("light", "left", "right")] == [
        "left",
        "left",
        "right",
    ]


def test_agent_that_always_lapses_is_at_chance_and_sides_are_balanced():
    trials = run(Agent(lapse=1.0, omission=0.0))
    assert accuracy(trials) == pytest.approx(0.5, abs=0.03)  # sd 0.008
    assert np.mean([trial.light == "left" for trial in trials]) == pytest.approx(0.5, abs=0.03)


def test_wholly_decisive_agent_drops_a_side_at_its_first_contradiction():
    agent = Agent(learning_rate=0.3, decisiveness=1e6, perseveration=0.0, lapse=0.0, omission=0.0)
    for seed in range(20):
        trials = run(agent, rules=("light",), n_trials=100, seed=seed)
        # only the light is never contradicted: two sides can be wrong once each
        assert sum(not trial.correct for trial in trials) <= 2
        assert all(trial.correct for trial in trials[30:])


def test_omissions_and_response_times_are_as_declared():
    trials = run(Agent(omission=0.2, response_s=1.5))
    omitted = np.array([trial.omitted for trial in trials])
    assert omitted.mean() == pytest.approx(0.2, abs=0.025)
    times = np.array([trial.response_s for trial in trials])
    assert np.isnan(times[omitted]).all()
    assert np.median(times[~omitted]) == pytest.approx(1.5, rel=0.05)
    assert not any(trial.correct for trial in trials if trial.omitted)


def test_learning_rate_is_flexibility():
    means = [
        np.mean(trials_to_criterion(run(Agent(learning_rate=rate, perseveration=2.0))))
        for rate in (0.03, 0.09, 0.27)
    ]
    assert means[0] > means[1] + 3 > means[2] + 4


def test_perseveration_costs_trials():
    few, many = (
        np.mean(trials_to_criterion(run(Agent(learning_rate=0.08, perseveration=bonus))))
        for bonus in (0.5, 4.0)
    )
    assert many > few + 3


def test_rules_change_at_the_criterion_and_only_there():
    trials = run(Agent(omission=0.1), n_trials=500)
    count = position = 0
    for trial in trials:
        assert trial.rule == RULES[position % 4]
        if trial.omitted:
            continue
        assert trial.correct == (trial.choice == correct_side(trial.rule, trial.light))
        count = count + 1 if trial.correct else 0
        if count == 10:
            count, position = 0, position + 1
    assert position > 10


def test_restart_begins_a_new_rule_and_the_last_switch_ends_the_session():
    trials = run(Agent(), n_trials=400, restart_at_s=1000.0, last_switch_s=3000.0)
    before = [trial for trial in trials if trial.start_s < 1000]
    after = [trial for trial in trials if trial.start_s >= 1000]
    assert before[-1].rule != after[0].rule
    assert 3000 <= trials[-1].start_s < 4400 - 11
    assert all(trial.correct for trial in after[-1:])
    assert after[-1].number == len(trials)
    again = run(Agent(), n_trials=400, restart_at_s=1000.0, last_switch_s=3000.0)
    assert [t.choice for t in again] == [t.choice for t in trials]


def test_counts_agree_with_the_pipeline_own_scoring():
    trials = run(Agent(omission=0.05, learning_rate=0.06), n_trials=600)
    table = pd.DataFrame(
        {
            "trial": [trial.number for trial in trials],
            "t_cue": [trial.start_s for trial in trials],
            "rule": [trial.rule for trial in trials],
            "cue_side": [trial.light for trial in trials],
            "choice_side": ["" if trial.omitted else trial.choice for trial in trials],
            "correct": pd.array([trial.correct for trial in trials], dtype="boolean"),
            "omission": [trial.omitted for trial in trials],
        }
    )
    task = Task(
        rules={"light": "follow cue", "left": "choose left", "right": "choose right"},
        criterion={"consecutive": 10},
    )
    sets = score(table, task).sets
    counts = trials_to_criterion(trials)
    assert len(counts) > 10
    assert sets.loc[~sets["censored"], "trials_to_criterion"].tolist() == counts
