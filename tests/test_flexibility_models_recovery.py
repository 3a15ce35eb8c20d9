"""Known parameters come back, shrinkage is what it says, and comparison finds the right model.

The full study is benchmarks/model_recovery.py; these are small versions of it.
"""

from __future__ import annotations

import numpy as np
import pytest
from flexibility_examples import RULES, make_task
from scipy import stats

from pipeline.errors import InputError
from pipeline.flexibility import score
from pipeline.flexibility.models import explore_exploit, null, reinforcement, rule_observer
from pipeline.flexibility.models.choices import Choices, session_choices, stack
from pipeline.flexibility.models.fitting import Model, Parameter, fit_map
from pipeline.flexibility.models.shrinkage import PRIOR_SESSIONS, fit_cohort
from pipeline.flexibility.models.validation import (
    accuracy_by_lag,
    compare_models,
    cross_validate,
    fold_of_choices,
    predictive_curve,
    recovery_table,
)
from pipeline.simulate.agents import (
    BiasedAgent,
    ExploreExploitAgent,
    ReinforcementAgent,
    RuleObserverAgent,
    simulate_choices,
)

TASK = make_task(
    rules={name: RULES[name] for name in ("light", "left", "right")},
    criterion={"consecutive": 8},
)


def simulated(agent, rng, *, n_trials=150, set_trials=None):
    log = simulate_choices(
        agent, task=TASK, rules=("light", "left", "light", "right"), n_trials=n_trials, rng=rng,
        set_trials=set_trials,
    )  # fmt: skip
    return session_choices(score(log, TASK).trials, TASK)


@pytest.mark.parametrize(
    ("model", "agent", "set_trials", "at_least"),
    [
        (reinforcement.MODEL, ReinforcementAgent, None,
         {"alpha_loss": 0.35, "beta": 0.6, "attention": 0.85, "stickiness": 0.8}),
        (rule_observer.MODEL, RuleObserverAgent, None, {"hazard": 0.55, "lapse": 0.4}),
        (explore_exploit.MODEL, ExploreExploitAgent, 20, {"explore_stay": 0.4, "side_stay": 0.45}),
    ],
    ids=lambda value: getattr(value, "name", None),
)  # fmt: skip
def test_parameters_come_back(model, agent, set_trials, at_least):
    # 40 sessions of 150 trials, parameters from the fixed prior. The study's correlations (300
    # sessions) less three of their standard errors at n = 40, or lower.
    rng = np.random.default_rng(1)
    known = model.parameters(simulated(BiasedAgent(), rng, n_trials=9))
    mean, sd = (np.array([getattr(p, name) for p in known]) for name in ("mean", "sd"))
    truth = mean + sd * rng.standard_normal((40, len(known)))
    sessions = [
        simulated(
            agent(**{p.name: float(p.natural(v)) for p, v in zip(known, row, strict=True)}),
            rng,
            set_trials=set_trials,
        )
        for row in truth
    ]
    fit = fit_map(model, stack(sessions))
    spread = np.sqrt(np.diagonal(fit.covariance, axis1=1, axis2=2))
    table = recovery_table(truth, fit.free, spread, [p.name for p in known])
    table = table.set_index("parameter")
    assert fit.converged.all()
    for name, limit in at_least.items():
        assert table.loc[name, "correlation"] > limit, table
    # 95 % intervals: all parameters together, 40 x 3 to 5 of them.
    assert 0.85 < table["coverage"].mean() <= 1.0
    assert (table["bias"].abs() < 4 * table["error"] / np.sqrt(40)).all()


def test_recovery_table_by_hand():
    truth = np.array([[0.0], [1.0], [2.0]])
    table = recovery_table(truth, truth + 0.5, np.full((3, 1), 0.2), ["a"])
    row = table.iloc[0]
    assert (row["parameter"], row["bias"], row["error"], row["coverage"]) == ("a", 0.5, 0.5, 0.0)
    assert row["correlation"] == pytest.approx(1.0)


# --- shrinkage, in a model in which it has a closed form


def normal_session(data):
    """A session whose "rewards" are draws from a normal with the session's mean and sd 1."""
    zeros = np.zeros(len(data), dtype=int)
    fields = ("choice", "cue", "correct", "rule", "previous_rule", "set_index", "lag")
    return Choices(
        task=TASK,
        strategies=("left", "right"),
        declared=np.ones(2, dtype=bool),
        reward=np.asarray(data, dtype=float),
        agrees=np.ones((len(data), 2)),
        **dict.fromkeys(fields, zeros),
    )


def normal_likelihood(values, batch):
    for reward in batch.reward[..., None]:
        yield -0.5 * (reward - values[0]) ** 2


FIXED_SD = 1.5
NORMAL = Model(
    name="normal",
    parameters=lambda choices: (
        Parameter(name="level", transform="identity", mean=0.7, sd=FIXED_SD),
    ),
    trial_log_likelihoods=normal_likelihood,
)


def closed_form(data):
    """Empirical Bayes of normal means: prior mean and variance, and the shrunken means."""
    n = np.array([len(row) for row in data])
    level = np.array([np.mean(row) for row in data])
    mean, variance = 0.7, FIXED_SD**2
    for _ in range(2000):
        posterior = 1 / (n + 1 / variance)
        shrunk = posterior * (n * level + mean / variance)
        mean = shrunk.mean()
        total = ((shrunk - mean) ** 2 + posterior).sum() + PRIOR_SESSIONS * FIXED_SD**2
        variance = total / (len(data) + PRIOR_SESSIONS)
    posterior = 1 / (n + 1 / variance)
    return mean, variance, posterior * (n * level + mean / variance), posterior


def test_shrinkage_in_closed_form():
    rng = np.random.default_rng(2)
    data = [rng.normal(rng.normal(3, 0.8), 1, size=n) for n in [4] * 10 + [2] * 10]
    cohort = fit_cohort([normal_session(row) for row in data], NORMAL, tolerance=1e-6,
                        max_rounds=300)  # fmt: skip
    mean, variance, shrunk, posterior = closed_form(data)
    assert cohort.converged
    assert cohort.mean[0] == pytest.approx(mean, abs=1e-3)
    assert cohort.sd[0] == pytest.approx(np.sqrt(variance), abs=1e-3)
    np.testing.assert_allclose(cohort.fit.free[:, 0], shrunk, atol=2e-3)
    np.testing.assert_allclose(cohort.fit.covariance[:, 0, 0], posterior, rtol=2e-3)
    table = cohort.table([f"s{k}" for k in range(20)])
    assert table["session"].tolist() == [f"s{k}" for k in range(20)]
    np.testing.assert_allclose(table["standard_error"], np.sqrt(posterior), rtol=2e-3)
    # Few trials say less, and are pulled further.
    assert (table["weight_of_session"][:10] > table["weight_of_session"][10:].max()).all()


def experiments(effect, rng, count=120, animals=10):
    """p of the paired contrast and its mean, on plain and on shrunken means.

    The drug halves the number of trials, as a drug that suppresses responding does.
    """
    rows = []
    for _ in range(count):
        own = rng.normal(3, 0.6, size=animals)
        data = [rng.normal(m, 1, size=4) for m in own]
        data += [rng.normal(m + effect, 1, size=2) for m in own]
        shrunk = closed_form_fast(data)
        plain = np.array([np.mean(row) for row in data])
        row = []
        for values in (plain, shrunk):
            contrast = values[animals:] - values[:animals]
            row += [stats.ttest_1samp(contrast, 0).pvalue, contrast.mean()]
        rows.append(row)
    return np.array(rows)


def closed_form_fast(data):
    return fit_cohort([normal_session(row) for row in data], NORMAL, max_rounds=8).fit.free[:, 0]


def test_one_prior_for_all_makes_no_drug_effect_and_shrinks_a_real_one():
    rng = np.random.default_rng(3)
    none = experiments(0.0, rng, count=60)
    limit = stats.binom.ppf(0.999, 60, 0.05)
    assert (none[:, 2] < 0.05).sum() <= limit
    assert none[:, 3].mean() == pytest.approx(0.0, abs=0.12)
    real = experiments(0.8, rng, count=30)
    # The contrast shrinks to about half; power falls little, for the noise shrinks as well.
    assert real[:, 1].mean() == pytest.approx(0.8, abs=0.2)
    assert 0.2 < real[:, 3].mean() / real[:, 1].mean() < 0.8
    assert (real[:, 2] < 0.05).mean() <= (real[:, 0] < 0.05).mean() + 0.15


def test_shrinkage_brings_estimates_nearer_to_the_truth():
    rng = np.random.default_rng(4)
    hazard = 1 / (1 + np.exp(-rng.normal(-3.0, 0.4, size=24)))
    sessions = [simulated(RuleObserverAgent(hazard=h), rng, n_trials=100) for h in hazard]
    truth = np.log(hazard / (1 - hazard))
    alone = fit_map(rule_observer.MODEL, stack(sessions)).free[:, 0]
    cohort = fit_cohort(sessions, rule_observer.MODEL)
    shrunk = cohort.fit.free[:, 0]
    assert np.std(shrunk) < np.std(alone)
    assert np.sqrt(np.mean((shrunk - truth) ** 2)) < np.sqrt(np.mean((alone - truth) ** 2))
    # The same sessions in another order are the same fits.
    turned = fit_cohort(sessions[::-1], rule_observer.MODEL).fit.free[::-1, 0]
    np.testing.assert_allclose(turned, shrunk, atol=1e-6)


# --- validation


def test_folds_are_whole_sets_or_blocks():
    rng = np.random.default_rng(5)
    choices = simulated(ReinforcementAgent(beta=12.0), rng)
    fold = fold_of_choices(choices, n_folds=3)
    for number in np.unique(choices.set_index):
        assert len(set(fold[choices.set_index == number])) == 1
    assert set(fold) == {0, 1, 2}
    one_rule = simulated(BiasedAgent(), rng, n_trials=70, set_trials=1000)
    assert fold_of_choices(one_rule).tolist() == [k // 20 % 4 for k in range(70)]


def test_held_out_choices_find_the_model_that_made_them():
    rng = np.random.default_rng(6)
    learner = ReinforcementAgent(alpha_reward=0.5, alpha_loss=0.5, beta=8.0)
    sessions = [simulated(learner, rng) for _ in range(3)]
    sessions += [simulated(BiasedAgent(first_side=0.6), rng) for _ in range(3)]
    animals = ["learner"] * 3 + ["biased"] * 3
    table = compare_models(sessions, animals, (reinforcement.MODEL, explore_exploit.MODEL))
    table = table.set_index(["animal", "model"])
    assert table.loc[("learner", "reinforcement"), "best"]
    assert table.loc[("learner", "reinforcement"), "gain"] > 0.1
    assert table.loc[("biased", "null"), "best"]
    assert (table.xs("null", level="model")["gain"] == 0).all()
    assert table.loc[("biased", "null"), "n_choices"] == 450
    predicted = table.loc[("learner", "null"), "log_likelihood"]
    assert predicted == pytest.approx(cross_validate(sessions, null.MODEL)[:3].sum())
    with pytest.raises(InputError, match="6 sessions and 1 animals"):
        compare_models(sessions, ["x"], ())


def test_predictive_curves_tell_a_model_that_learns_from_one_that_does_not():
    rng = np.random.default_rng(7)
    agent = ReinforcementAgent(alpha_reward=0.5, alpha_loss=0.5, beta=8.0)
    sessions = [simulated(agent, rng) for _ in range(6)]
    own = predictive_curve(sessions, reinforcement.MODEL, ReinforcementAgent, rng=rng, draws=10,
                           lags=12)  # fmt: skip
    assert own["lag"].tolist() == list(range(12))
    within = (own["low"] - 0.12 < own["observed"]) & (own["observed"] < own["high"] + 0.12)
    assert within.all()

    def biased(bias_left):
        return BiasedAgent(first_side=1 / (1 + np.exp(-bias_left)))

    other = predictive_curve(sessions, null.MODEL, biased, rng=rng, draws=10, lags=12)
    late = slice(6, 12)
    assert (other["observed"][late] - other["predicted"][late]).mean() > 0.15
    assert abs((own["observed"][late] - own["predicted"][late]).mean()) < 0.08


def test_accuracy_by_lag_by_hand():
    found = accuracy_by_lag(np.array([0, 1, 0, 9]), np.array([1, 0, 0, 1]), lags=3)
    np.testing.assert_array_equal(found, [0.5, 0.0, np.nan])
