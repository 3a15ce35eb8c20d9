"""How long scoring takes: all error schemes and all scalars of one table of trials, models aside.

Run ``python benchmarks/flexibility_scoring.py --trials 1000000``. It prints CPU seconds, and ends
with 1 when a million trials took more than five.
"""

from __future__ import annotations

import argparse
import importlib
import sys
import time

import numpy as np
import pandas as pd

from pipeline.flexibility import Task, epoch_trials, score
from pipeline.flexibility.cross_table import cross_table, scheme_agreement
from pipeline.flexibility.phases import learning_strata
from pipeline.flexibility.switches import switch_aligned

LIMIT_S = 5.0
SCHEME = "rule_consistent"
SCALARS = (
    "accuracy",
    "accuracy_by_conflict",
    "acquisition_accuracy",
    "acquisition_trials_to_criterion",
    "errors_to_criterion",
    "first_trial_previous_rule",
    "latency_choice",
    "latency_collection",
    "latency_init",
    "lose_shift",
    "never_reinforced_errors",
    "omissions",
    "perseverative_errors",
    "post_perseverative_errors",
    "regressive_errors",
    "sets_completed",
    "side_bias",
    "side_bias_index",
    "streak_length",
    "streak_number",
    "switch_cost",
    "switch_cost_latency",
    "time_to_criterion",
    "trials_to_criterion",
    "trials_to_criterion_by_direction",
    "trials_to_criterion_restricted",
    "win_stay",
)


def trial_table(n_trials: int, *, seed: int) -> pd.DataFrame:
    """Light and side rules that change every 40 trials; 75 % correct, 3 % omissions."""
    rng = np.random.default_rng(seed)
    sides = np.array(["left", "right"])
    rule = np.array(["light", "left", "light", "right"])[np.arange(n_trials) // 40 % 4]
    cue = sides[rng.integers(0, 2, n_trials)]
    right = np.where(rule == "light", cue, rule)
    other = np.where(right == "left", "right", "left")
    choice = np.where(rng.random(n_trials) < 0.75, right, other)
    omitted = rng.random(n_trials) < 0.03
    t_cue = np.arange(n_trials) * 15.0
    latency = np.where(omitted, np.nan, rng.gamma(3.0, 0.3, n_trials))
    rewarded = (choice == right) & ~omitted
    t_choice = t_cue + 1.0 + latency
    return pd.DataFrame(
        {
            "t_cue": t_cue,
            "t_init": t_cue + 1.0,
            "t_choice": t_choice,
            "t_reward": np.where(rewarded, t_choice + 0.5, np.nan),
            "latency_choice": latency,
            "rule": pd.Series(rule, dtype="str"),
            "cue_side": pd.Series(cue, dtype="str"),
            "choice_side": pd.Series(np.where(omitted, "", choice), dtype="str"),
            "rewarded": pd.array(rewarded, dtype="boolean"),
        }
    )


def main() -> int:
    """Score, and print what each part took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    task = Task.model_validate(
        {
            "rules": {
                "light": {"expression": "follow cue", "dimension": "light"},
                "left": "choose left",
                "right": "choose right",
            },
            "criterion": {"consecutive": 10},
        }
    )
    modules = {
        name: importlib.import_module(f"pipeline.flexibility.metrics.{name}") for name in SCALARS
    }
    table = trial_table(arguments.trials, seed=arguments.seed)
    options = {"flexibility": {"error_scheme": SCHEME, "task": task.model_dump(mode="json")}}
    start = time.process_time()
    scores = score(table, task)
    scored = time.process_time()
    cell = epoch_trials(scores, None, scheme=SCHEME)
    slowest: list[tuple[float, str]] = []
    for name, module in modules.items():
        before = time.process_time()
        module.compute(trials=cell, options=options)
        slowest.append((time.process_time() - before, name))
    measured = time.process_time()
    print(f"{arguments.trials} trials, {len(scores.sets)} sets")
    print(f"score, five schemes: {scored - start:.2f} s")
    print(f"{len(modules)} scalars: {measured - scored:.2f} s")
    for seconds, name in sorted(slowest, reverse=True)[:5]:
        print(f"  {name}: {seconds:.2f} s")
    print(f"together: {measured - start:.2f} s of CPU (limit {LIMIT_S:g} s for a million)")
    for what, made in (
        ("switch-aligned curves", switch_aligned),
        ("cross table", cross_table),
        ("agreement of schemes", scheme_agreement),
        ("learning phases", lambda found: learning_strata(found, scheme=SCHEME)),
    ):
        before = time.process_time()
        made(scores)
        print(f"beside it, {what}: {time.process_time() - before:.2f} s")
    return int(measured - start > LIMIT_S * arguments.trials / 1_000_000)


if __name__ == "__main__":
    sys.exit(main())
