"""What the models give to the pipeline: values with their least number of trials, or none."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import yaml
from flexibility_examples import RULES, make_task, trial_table
from test_flexibility_real import REVERSAL, fed3_logs, fed3_trials

from pipeline.experiment.task import Task
from pipeline.flexibility import epoch_trials, score, sigmoid
from pipeline.flexibility.metrics import (
    explore_probability,
    learning_trial,
    observer_hazard,
    observer_lapse,
    old_rule_probability,
    rl_parameters,
    switch_offset,
    switch_slope,
)
from pipeline.flexibility.models import session as models_session
from pipeline.flexibility.models.fitting import fit_map
from pipeline.flexibility.models.session import MINIMUM_CHOICES
from pipeline.flexibility.sigmoid import fit_switches
from pipeline.simulate.agents import ReinforcementAgent, simulate_choices

FITTED = (
    explore_probability,
    old_rule_probability,
    rl_parameters,
    observer_hazard,
    observer_lapse,
)
EVERY = (*FITTED, learning_trial, switch_offset, switch_slope)
TASK = make_task(
    rules={name: RULES[name] for name in ("light", "left", "right")},
    criterion={"consecutive": 8},
)


def options(task):
    return {"flexibility": {"task": task.model_dump(mode="json")}}


def cell_of(log, task=TASK, intervals=None):
    return epoch_trials(score(log, task), intervals, scheme="floresco_block")


def session(n_trials=150, seed=1, task=TASK, rules=("light", "left", "light", "right"), **changes):
    agent = ReinforcementAgent(**{"alpha_reward": 0.5, "alpha_loss": 0.5, "beta": 8.0} | changes)
    return simulate_choices(
        agent, task=task, rules=rules, n_trials=n_trials, rng=np.random.default_rng(seed),
        omission=0.03,
    )  # fmt: skip


def test_every_metric_of_a_session():
    log = session()
    cell = cell_of(log)
    chosen = (~log["omission"]).sum()
    for module in FITTED:
        values = module.compute(trials=cell, options=options(TASK))
        names = module.METRIC.band_names or ("",)
        assert [value.band for value in values] == list(names), module.METRIC.name
        assert all(np.isfinite(value.value) for value in values)
        assert not any(value.censored for value in values)
        if module is not old_rule_probability:
            assert {value.n_effective for value in values} == {float(chosen)}
    attention = rl_parameters.compute(trials=cell, options=options(TASK))[2]
    assert 0.2 < attention.value < 0.8
    (share,) = explore_probability.compute(trials=cell, options=options(TASK))
    assert 0 < share.value < 1


def test_attention_and_perseveration_show_in_their_metrics():
    def mean_of(module, position=0, **changes):
        return np.mean([
            module.compute(trials=cell_of(session(seed=seed, **changes)), options=options(TASK))[
                position
            ].value
            for seed in range(4)
        ])  # fmt: skip

    assert mean_of(rl_parameters, 2, attention=0.8) > mean_of(rl_parameters, 2, attention=0.3) + 0.3
    slow, fast = {"alpha_loss": 0.05, "alpha_reward": 0.3}, {"alpha_loss": 0.9, "alpha_reward": 0.9}
    assert mean_of(old_rule_probability, **slow) > mean_of(old_rule_probability, **fast) + 0.1
    assert mean_of(observer_hazard, **slow) < mean_of(observer_hazard, **fast)


def test_too_few_choices_one_rule_or_unknown_cues_give_nothing():
    few = cell_of(session(n_trials=MINIMUM_CHOICES))
    assert (few.trials["outcome"] != "omission").sum() < MINIMUM_CHOICES
    one_rule = cell_of(trial_table("Lll Lrr " * 60), TASK)
    log = session()
    log["cue_side"] = ""
    log["choice_side"] = np.where(log["omission"], "", log["choice_side"])
    for cell in (few, one_rule, cell_of(log)):
        for module in FITTED:
            assert module.compute(trials=cell, options=options(TASK)) == [], module.METRIC.name
    empty = cell_of(session(), intervals=[[0.0, 200.0]])
    for module in FITTED:
        assert module.compute(trials=empty, options=options(TASK)) == []


def test_a_cell_is_fitted_by_itself():
    log = session(n_trials=300)
    late = cell_of(log, intervals=[[1500.0, 3000.0]])
    alone = cell_of(log.iloc[150:].reset_index(drop=True))
    # The same choices; only what rule came before the first set differs.
    for module in (rl_parameters, observer_hazard, explore_probability):
        first, second = (module.compute(trials=c, options=options(TASK)) for c in (late, alone))
        np.testing.assert_allclose([v.value for v in first], [v.value for v in second])


def test_reversal_has_no_attention():
    task = Task.model_validate(yaml.safe_load(REVERSAL.read_text(encoding="utf-8")))
    log = session(task=task, rules=("Left", "Right"))
    values = rl_parameters.compute(trials=cell_of(log, task), options=options(task))
    assert [value.band for value in values] == ["alpha_loss", "beta", "stickiness"]
    assert len(explore_probability.compute(trials=cell_of(log, task), options=options(task))) == 1


def test_values_are_the_same_bytes_each_time():
    cells = [cell_of(session()) for _ in range(2)]
    for module in EVERY:
        once, again = (module.compute(trials=cell, options=options(TASK)) for cell in cells)
        assert once == again


def test_metrics_share_the_fits_of_their_own_cell_only(monkeypatch):
    fitted = []
    monkeypatch.setattr(
        models_session,
        "fit_map",
        lambda model, batch: fitted.append(model) or fit_map(model, batch),
    )
    monkeypatch.setattr(
        sigmoid, "fit_switches", lambda *sets: fitted.append("switches") or fit_switches(*sets)
    )
    values = []
    for seed in (1, 2):
        cell = cell_of(session(seed=seed))
        values.append([m.compute(trials=cell, options=options(TASK))[0].value for m in EVERY])
        # three models of choices and the curve of the switches
        assert len(fitted) == len({id(model) for model in fitted}) == 4
        fitted.clear()
    assert all(first != second for first, second in zip(*values, strict=True))


def test_declarations_import_nothing_heavy():
    code = "import sys; " + "; ".join(f"import {module.__name__}" for module in EVERY)
    code += "; print([m for m in ('scipy', 'pandas', 'xarray') if m in sys.modules])"
    code += "; print([m for m in sys.modules if m.startswith('pipeline.flexibility.models')])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.split("\n")[:2] == ["[]", "[]"]


@pytest.mark.real
def test_models_fit_real_reversal_logs(real_data):
    task = Task.model_validate(yaml.safe_load(REVERSAL.read_text(encoding="utf-8")))
    for path in fed3_logs(real_data)[:2]:
        trials, _ = fed3_trials(path)
        cell = cell_of(trials.iloc[:300], task)
        values = rl_parameters.compute(trials=cell, options=options(task))
        assert [value.band for value in values] == ["alpha_loss", "beta", "stickiness"], path.name
        (share,) = explore_probability.compute(trials=cell, options=options(task))
        assert 0 < share.value < 1
