"""How often scores of set-shifting differ between two sessions where nothing changed.

Run ``python benchmarks/flexibility_null.py --cohorts 400``. Each simulated animal has parameters of
its own and two sessions alike; for each outcome a paired t test over the animals of a cohort asks,
on the outcome's scale, whether the sessions differ. Expected: 5 %. It prints the table, and ends
with 1 where a rate is above the upper binomial limit of 99.9 % for a true rate of 5 %.
"""

from __future__ import annotations

import argparse
import sys

import numpy as np
import pandas as pd
from scipy import stats

from pipeline.compare.scales import to_scale
from pipeline.flexibility import Scores, Task, epoch_trials, score
from pipeline.registry import registered
from pipeline.simulate.agent import Agent, simulate_trials

SCHEME = "rule_consistent"
RULES = ("light", "left", "light", "right")
NAMES = (
    "accuracy",
    "accuracy_by_conflict",
    "acquisition_accuracy",
    "acquisition_trials_to_criterion",
    "errors_to_criterion",
    "first_trial_previous_rule",
    "latency_choice",
    "lose_shift",
    "omissions",
    "perseverative_errors",
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
TASK = Task.model_validate(
    {
        "rules": {
            "light": {"expression": "follow cue", "dimension": "light"},
            "left": "choose left",
            "right": "choose right",
        },
        "criterion": {"consecutive": 8},
        "response_window_s": 10,
    }
)


def drawn_agent(rng: np.random.Generator) -> Agent:
    """One animal."""
    return Agent(
        learning_rate=rng.uniform(0.1, 0.3),
        decisiveness=rng.uniform(5.0, 10.0),
        perseveration=rng.uniform(0.5, 1.5),
        lapse=rng.uniform(0.02, 0.08),
        omission=rng.uniform(0.02, 0.06),
        response_s=rng.uniform(0.6, 1.2),
    )


def session(agent: Agent, rng: np.random.Generator, *, n_trials: int) -> Scores:
    """One session of an animal, a trial every 15 s, scored."""
    trials = simulate_trials(
        agent,
        rules=RULES,
        trial_times_s=np.arange(n_trials) * 15.0,
        rng=rng,
        criterion=TASK.criterion.needed,
    )
    table = pd.DataFrame(
        {
            "t_cue": [trial.start_s for trial in trials],
            "rule": [trial.rule for trial in trials],
            "cue_side": [trial.light for trial in trials],
            "choice_side": ["" if trial.omitted else trial.choice for trial in trials],
            "latency_choice": [trial.response_s for trial in trials],
        }
    )
    return score(table, TASK)


def scaled_values(scores: Scores) -> dict[str, float]:
    """Every outcome of a session on its scale; censored ones are left out."""
    cell = epoch_trials(scores, None, scheme=SCHEME)
    options = {"flexibility": {"error_scheme": SCHEME, "task": TASK.model_dump(mode="json")}}
    values = {}
    for name in NAMES:
        entry = registered()[name]
        for value in entry.compute(trials=cell, options=options):
            if not value.censored:
                (scaled,) = to_scale(
                    np.array([value.value]),
                    scale=entry.metric.scale,
                    zero_offset="none",
                    seconds=np.array([np.nan]),
                    n_effective=np.array([value.n_effective]),
                )
                values[f"{name}/{value.band}".rstrip("/")] = float(scaled)
    return values


def differences(n_animals: int, *, n_trials: int, seed: int) -> pd.DataFrame:
    """Second session minus first, one row per animal and one column per outcome."""
    rng = np.random.default_rng(seed)
    rows = []
    for _ in range(n_animals):
        agent = drawn_agent(rng)
        first, second = (scaled_values(session(agent, rng, n_trials=n_trials)) for _ in range(2))
        rows.append({name: second[name] - first[name] for name in first if name in second})
    return pd.DataFrame(rows)


def false_positives(found: pd.DataFrame, *, per_cohort: int, alpha: float = 0.05) -> pd.DataFrame:
    """Share of cohorts in which a paired t test rejects, by outcome.

    Returns
    -------
    pandas.DataFrame
        ``outcome``, ``n_cohorts`` (with three animals or more that have the outcome twice, not all
        of them alike), ``rate``, ``limit`` (upper binomial limit of 99.9 % at a true rate of
        alpha).
    """
    rows = []
    for name in sorted(found):
        tested = rejected = 0
        for start in range(0, len(found) - per_cohort + 1, per_cohort):
            values = found[name].to_numpy()[start : start + per_cohort]
            values = values[np.isfinite(values)]
            if len(values) >= 3 and np.ptp(values) > 0:
                tested += 1
                rejected += stats.ttest_1samp(values, 0.0).pvalue < alpha
        limit = stats.binom.ppf(0.999, tested, alpha) / tested if tested else np.nan
        rate = rejected / tested if tested else np.nan
        rows.append({"outcome": name, "n_cohorts": tested, "rate": rate, "limit": limit})
    return pd.DataFrame(rows)


def main() -> int:
    """Print the rates."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cohorts", type=int, default=400)
    parser.add_argument("--animals", type=int, default=8)
    parser.add_argument("--trials", type=int, default=150)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    found = differences(
        arguments.cohorts * arguments.animals, n_trials=arguments.trials, seed=arguments.seed
    )
    table = false_positives(found, per_cohort=arguments.animals)
    print(table.to_string(index=False, float_format=lambda number: f"{number:.3f}"))
    return int((table["rate"] > table["limit"]).any())


if __name__ == "__main__":
    sys.exit(main())
