"""The models' likelihoods by hand, against sums over all paths, and against their agents."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from flexibility_examples import RULES, make_task, trial_table
from scipy.optimize import minimize

from pipeline.errors import InputError
from pipeline.experiment.task import Task
from pipeline.flexibility import score
from pipeline.flexibility.models import explore_exploit, null, reinforcement, rule_observer
from pipeline.flexibility.models.choices import session_choices, stack
from pipeline.flexibility.models.fitting import fit_map, log_likelihood, trial_log_likelihoods
from pipeline.simulate.agents import (
    BiasedAgent,
    ExploreExploitAgent,
    ReinforcementAgent,
    RuleObserverAgent,
    replay,
    simulate_choices,
)

MODELS = (reinforcement.MODEL, rule_observer.MODEL, explore_exploit.MODEL, null.MODEL)
THREE_RULES = make_task(rules={name: RULES[name] for name in ("light", "left", "right")})
LADDER = ("light", "left", "light", "right")


def coded(text, task=THREE_RULES, **columns):
    return session_choices(score(trial_table(text, **columns), task).trials, task)


def points(model, choices, values):
    """Natural values as a point on the transformed scale."""
    known = model.parameters(choices)
    return np.array([float(p.free(np.asarray(v))) for p, v in zip(known, values, strict=True)])


def log_p(model, choices, values):
    free = points(model, choices, values)
    return trial_log_likelihoods(model, free[None], stack([choices]))[:, 0]


def simulated(agent, *, n_trials=150, seed=1, task=THREE_RULES, rules=LADDER, **options):
    log = simulate_choices(
        agent, task=task, rules=rules, n_trials=n_trials, rng=np.random.default_rng(seed), **options
    )
    return session_choices(score(log, task).trials, task), log


# --- reinforcement learning


def test_three_trials_of_reinforcement_learning_by_hand():
    # Light left, left: right. Light right, right, but the rule is left: unrewarded. Light left.
    choices = coded("Lll Arr All")
    found = log_p(reinforcement.MODEL, choices, (0.5, 0.2, 2.0, 0.5, 1.0))
    # Trial 1: all worth 1/2. Reward: error 1/2, step 1/4, half of it to left and half to "on".
    # Trial 2: left .5 * .5 + .5 * .625 = right .5 * .625 + .5 * .5; left was chosen last.
    second = 1 / (1 + math.exp(1.0))
    # No reward: error -.5625, step -.1125; right .44375, on .56875.
    left, right = 0.5 * 0.56875 + 0.5 * 0.625, 0.5 * 0.5 + 0.5 * 0.44375
    third = 1 / (1 + math.exp(2 * (right - left) + 1.0))
    np.testing.assert_allclose(np.exp(found), [0.5, second, third], rtol=1e-12)


def forced(agent, choices):
    """Log P of each choice by the agent's own state, made to choose as the animal did."""
    task = choices.task
    state, result = agent.begin(task), []
    for choice, cue, reward in zip(choices.choice, choices.cue, choices.reward, strict=True):
        name = task.cue_names[cue] if cue >= 0 else ""
        drives = [
            agent.beta * state.worth(side, name) + agent.stickiness * (side == state.last)
            for side in range(len(task.sides))
        ]
        result.append(drives[choice] - math.log(sum(map(math.exp, drives))))
        state.learn(name, int(choice), bool(reward))
    return result


def test_the_likelihood_is_the_agents_own():
    agent = ReinforcementAgent(
        alpha_reward=0.3, alpha_loss=0.6, beta=4.0, attention=0.7, stickiness=-0.4
    )
    choices, _ = simulated(agent, omission=0.1)
    found = log_p(reinforcement.MODEL, choices, (0.3, 0.6, 4.0, 0.7, -0.4))
    np.testing.assert_allclose(found, forced(agent, choices), rtol=1e-9)


def test_three_sides_without_a_cue_have_no_attention():
    task = Task.model_validate(
        {
            "sides": ["a", "b", "c"],
            "rules": {"A": "choose a", "B": "choose b", "C": "choose c"},
            "criterion": {"consecutive": 5},
        }
    )
    agent = ReinforcementAgent(attention=0.0, beta=3.0, stickiness=0.5)
    choices, _ = simulated(agent, task=task, rules=("A", "B", "C"))
    names = [p.name for p in reinforcement.parameters(choices)]
    assert names == ["alpha_reward", "alpha_loss", "beta", "stickiness"]
    found = log_p(reinforcement.MODEL, choices, (0.4, 0.3, 3.0, 0.5))
    np.testing.assert_allclose(found, forced(agent, choices), rtol=1e-9)
    assert [p.name for p in explore_exploit.parameters(choices)] == ["explore_stay", "side_stay"]
    for model in MODELS:
        assert fit_map(model, stack([choices])).converged.all()


def test_misleading_feedback_teaches_by_reward():
    task = make_task(rules=THREE_RULES.model_dump()["rules"], probabilistic=True)
    table = trial_table("Lll Lrr Lll", rewarded=[True, False, True])
    choices = session_choices(score(table, task).trials, task)
    assert choices.reward.tolist() == [True, False, True]
    assert choices.correct.all()
    # Not logged: nothing can be said.
    table["rewarded"] = None
    assert session_choices(score(table, task).trials, task) is None


# --- explore and exploit


def all_paths(choices, values):
    """Likelihood and P(state) by the sum over every path of states."""
    explore_stay, side_stay, rule_stay, enter_rule = values
    size = 1 + len(choices.strategies)
    matrix = np.zeros((size, size))
    matrix[0] = [explore_stay, *[(1 - explore_stay) * (1 - enter_rule) / 2] * 2,
                 (1 - explore_stay) * enter_rule]  # fmt: skip
    for k, stay in enumerate((side_stay, side_stay, rule_stay), 1):
        matrix[k, k], matrix[k, 0] = stay, 1 - stay
    emission = np.column_stack([np.full(len(choices), 0.5), choices.agrees])
    total, marginal = 0.0, np.zeros((len(choices), size))
    for path in itertools.product(range(size), repeat=len(choices)):
        p = float(path[0] == 0) * emission[0, path[0]]
        for k in range(1, len(path)):
            p *= matrix[path[k - 1], path[k]] * emission[k, path[k]]
        total += p
        marginal[np.arange(len(path)), path] += p
    return total, marginal / total


def test_hidden_states_are_the_sum_over_all_paths():
    choices = coded("Lll Lrr Llr Arl All Arl")
    values = (0.6, 0.8, 0.9, 0.3)
    total, marginal = all_paths(choices, values)
    states = explore_exploit.infer_states(choices, values)
    assert states.names == ("explore", "left", "right", "light")
    assert states.log_likelihood == pytest.approx(math.log(total))
    np.testing.assert_allclose(states.posterior, marginal, atol=1e-12)
    found = log_p(explore_exploit.MODEL, choices, values)
    assert found.sum() == pytest.approx(math.log(total))
    # A session starts in explore.
    np.testing.assert_allclose(states.posterior[0], [1, 0, 0, 0])
    assert states.transitions.sum() == pytest.approx(len(choices) - 1)


def test_expectation_maximisation_climbs_to_the_maximum_of_the_likelihood():
    choices, _ = simulated(ExploreExploitAgent(), n_trials=150, set_trials=20)
    heights = [
        explore_exploit.expectation_maximisation(choices, max_rounds=n)[1].log_likelihood
        for n in (1, 2, 4, 8, 16, 500)
    ]
    assert all(b >= a for a, b in itertools.pairwise(heights))
    values, states = explore_exploit.expectation_maximisation(choices)
    flat = fit_map(explore_exploit.MODEL, stack([choices]), sd=np.full(4, 1e3),
                   start=points(explore_exploit.MODEL, choices, values)[None])  # fmt: skip
    assert states.log_likelihood == pytest.approx(flat.log_likelihood[0], abs=1e-5)
    np.testing.assert_allclose(values, flat.values[0], atol=1e-3)


def test_states_by_lag_follow_the_rules():
    # Follows the light without fail, then goes on following it for ten trials after the switch.
    light = "Lll Lrr Lrr Lll Lrr Lll Lll Lrr Lll Lrr"
    choices = coded(f"{light} {light.replace('L', 'A')} {'Arl All ' * 5}")
    states = explore_exploit.infer_states(choices, (0.7, 0.95, 0.95, 0.5))
    table = explore_exploit.by_lag(choices, states, lags=20)
    assert table[:, 2].tolist() == [1] * 20
    assert (table[:8, 1] > 0.9).all()
    assert table[12, 1] < 0.01
    soon = explore_exploit.old_rule_after_switch(choices, states, lags=10)
    np.testing.assert_allclose(soon, table[:10, 1])


# --- the observer of rules


def test_belief_by_hand():
    # Light on the left and left chosen, rewarded: light and left are right alike, right is wrong.
    choices = coded("Lll Lrr")
    belief = rule_observer.beliefs(choices, hazard=0.1, noise=0.2)
    names = [n for n, d in zip(choices.strategies, choices.declared, strict=True) if d]
    assert names == ["left", "right", "light"]
    np.testing.assert_allclose(belief[0], 1 / 3)
    after = np.array([0.8, 0.2, 0.8]) / 1.8
    np.testing.assert_allclose(belief[1], 0.9 * after + 0.1 * (1 - after) / 2)
    # The second choice, right under a light on the right: what right and light ask for.
    matching = belief[1, 1] + belief[1, 2]
    found = log_p(rule_observer.MODEL, choices, (0.1, 0.2, 0.1))
    np.testing.assert_allclose(np.exp(found), [0.9 * 2 / 3 + 0.05, 0.9 * matching + 0.05])


def test_the_observer_is_its_agent():
    agent = RuleObserverAgent(hazard=0.05, noise=0.1, lapse=0.2)
    choices, _ = simulated(agent, omission=0.05)
    state, found = agent.begin(choices.task), rule_observer.beliefs(choices, hazard=0.05, noise=0.1)
    for k, belief in enumerate(found):
        # Rules in the order of the task there, of the strategies here.
        np.testing.assert_allclose(state.belief, belief[[2, 0, 1]])
        cue = choices.task.cue_names[choices.cue[k]]
        state.learn(cue, int(choices.choice[k]), bool(choices.reward[k]))


def test_how_soon_the_new_rule_could_be_known():
    # Light, then left: a light on the right with left chosen and rewarded refutes the light rule
    # and the right; a light on the left with left chosen says nothing against the light.
    choices = coded("Lll Lrr Lrr Lll Lrr Lll All All Arl Arl All")
    table = rule_observer.ideal_trials_to_switch(choices)
    assert table["trials"].tolist() == [3.0]
    assert table["n_choices"].tolist() == [5]
    # Unlucky lights: never known.
    never = coded("Lll Lrr Lrr Lll Lrr Lll All All All")
    assert np.isnan(rule_observer.ideal_trials_to_switch(never)["trials"]).all()


# --- every model


def test_probabilities_of_all_choices_sum_to_one():
    sessions = [coded(f"Lll Lrr Lrl Arl All Ar{last}") for last in "lr"]
    for model in MODELS:
        size = len(model.parameters(sessions[0]))
        free = np.tile(np.linspace(-0.5, 0.8, size), (2, 1))
        final = trial_log_likelihoods(model, free, stack(sessions))[-1]
        assert np.exp(final).sum() == pytest.approx(1.0), model.name


def test_a_batch_is_its_sessions_one_by_one():
    sessions = [simulated(ReinforcementAgent(), n_trials=n, seed=n)[0] for n in (40, 61)]
    for model in MODELS:
        together = fit_map(model, stack(sessions))
        for k, session in enumerate(sessions):
            alone = fit_map(model, stack([session]))
            np.testing.assert_allclose(alone.free[0], together.free[k], atol=1e-3)
            assert alone.log_posterior[0] == pytest.approx(together.log_posterior[k], abs=1e-6)


def test_left_and_right_are_exchangeable():
    text = "Lll Lrr Lrl Lll Arl All Arl Arr Bll Blr Brr Blr"
    mirror = str.maketrans("lrAB", "rlBA")
    for model in MODELS[:3]:
        one, other = coded(text), coded(text.translate(mirror))
        size = len(model.parameters(one))
        free = np.linspace(-1, 1, size)[None]
        np.testing.assert_allclose(
            trial_log_likelihoods(model, free, stack([one])),
            trial_log_likelihoods(model, free, stack([other])),
        )


def test_omissions_are_skipped():
    with_them, without = coded("Lll Ll- Lrr Ar- Arl All"), coded("Lll Lrr Arl All")
    for model in MODELS:
        free = np.linspace(-1, 1, len(model.parameters(without)))[None]
        np.testing.assert_allclose(
            trial_log_likelihoods(model, free, stack([with_them])),
            trial_log_likelihoods(model, free, stack([without])),
        )
    assert with_them.lag.tolist() == [0, 2, 1, 2]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_the_fit_is_the_maximum_that_a_general_optimiser_finds(model):
    choices, _ = simulated(ReinforcementAgent(), n_trials=50, seed=5)
    batch = stack([choices])
    fit = fit_map(model, batch)
    mean, sd = (np.array([getattr(p, name) for p in fit.parameters]) for name in ("mean", "sd"))

    def negative(free):
        prior = 0.5 * (((free - mean) / sd) ** 2).sum()
        return prior - log_likelihood(model, free[None, None], batch)[0, 0]

    best = minimize(negative, mean + 0.3 * sd, method="BFGS", options={"gtol": 1e-4})
    assert fit.log_posterior[0] >= -best.fun - 1e-6
    np.testing.assert_allclose(fit.free[0], best.x, atol=0.01)
    assert fit.converged[0]


def test_logs_and_tasks_that_a_model_cannot_use():
    tones = Task.model_validate(
        {
            "cues": ["low", "high"],
            "rules": {
                "first": "map low -> left, high -> right",
                "reversed": "reverse first",
            },
            "criterion": {"consecutive": 5},
        }
    )
    choices, _ = simulated(RuleObserverAgent(), task=tones, rules=("first", "reversed"))
    with pytest.raises(InputError, match="cue 'low'"):
        reinforcement.parameters(choices)
    assert choices.strategies == ("left", "right", "first", "reversed")
    assert fit_map(explore_exploit.MODEL, stack([choices])).converged.all()
    assert fit_map(rule_observer.MODEL, stack([choices])).converged.all()
    one = make_task(rules={"light": "follow cue"})
    with pytest.raises(InputError, match="two different rules"):
        rule_observer.parameters(coded("Lll Lrr", one))
    with pytest.raises(InputError, match="two tasks"):
        stack([choices, coded("Lll Lrr")])
    with pytest.raises(InputError, match="no session"):
        stack([])
    assert coded("Ll- Lr-") is None
    # No cue was logged, and a rule reads it: the strategies cannot be told apart.
    assert coded("Lll Lrr", cue_side="", choice_side=["left", "right"]) is None


def test_the_choice_follows_from_what_was_correct():
    table = trial_table("Lll Lrl Arl Arr").drop(columns="choice_side")
    choices = session_choices(score(table, THREE_RULES).trials, THREE_RULES)
    assert choices.choice.tolist() == [0, 0, 0, 1]


def test_agents_are_as_declared():
    choices, log = simulated(BiasedAgent(first_side=0.8), n_trials=1000)
    assert (choices.choice == 0).mean() == pytest.approx(0.8, abs=0.03)
    fit = fit_map(null.MODEL, stack([choices]))
    assert 1 / (1 + np.exp(-fit.values[0, 0])) == pytest.approx(0.8, abs=0.03)
    _, log = simulated(ExploreExploitAgent(rule_stay=0.9), n_trials=2000, set_trials=20)
    state = log["state"].to_numpy()
    assert state[0] == "explore"
    stays = (state[1:] == state[:-1])[state[:-1] == "rule:0"].mean()
    assert stays == pytest.approx(0.9, abs=0.04)
    # Exploit states communicate through explore only.
    jumps = (state[1:] != state[:-1]) & (state[1:] != "explore") & (state[:-1] != "explore")
    assert not jumps.any()
    again = simulated(ExploreExploitAgent(rule_stay=0.9), n_trials=2000, set_trials=20)[1]
    assert log.equals(again)
    certain = RuleObserverAgent(hazard=0.01, noise=0.01, lapse=0.0)
    right = replay(certain, task=THREE_RULES, rules=["light"] * 200, cues=["left", "right"] * 100,
                   rng=np.random.default_rng(2))  # fmt: skip
    assert right[20:].mean() > 0.95
