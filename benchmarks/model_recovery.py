"""Are the models' parameters recovered from sessions of realistic length? Tables of docs/models.md.

Run ``python benchmarks/model_recovery.py`` (all parts) or name parts: ``recovery states learning
shrinkage lengths unchanged comparison speed``. Seeds are fixed by the names of the parts. Sessions
of the light/side task with a criterion of 10 (explore/exploit, which is deaf to reward: a switch
every 20 trials), 150 trials, 2 % omissions.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from itertools import pairwise

import numpy as np

from pipeline.experiment.task import Task
from pipeline.flexibility import epoch_trials, score
from pipeline.flexibility.changepoint import change_points
from pipeline.flexibility.learning import SWITCH_START_SD, learning_curves
from pipeline.flexibility.models import explore_exploit, reinforcement, rule_observer
from pipeline.flexibility.models.choices import Choices, session_choices, stack
from pipeline.flexibility.models.fitting import Model, fit_map
from pipeline.flexibility.models.shrinkage import fit_cohort
from pipeline.flexibility.models.validation import compare_models, recovery_table
from pipeline.flexibility.sigmoid import fit_switches
from pipeline.registry import registered
from pipeline.simulate.agents import (
    ExploreExploitAgent,
    ReinforcementAgent,
    RuleObserverAgent,
    simulate_choices,
)
from pipeline.simulate.randomness import generator

TASK = Task.model_validate(
    {
        "rules": {"light": "follow cue", "left": "choose left", "right": "choose right"},
        "criterion": {"consecutive": 10},
    }
)
RULES = ("light", "left", "light", "right")
MODELS: dict[str, tuple[Model, Callable, int | None]] = {
    "reinforcement": (reinforcement.MODEL, ReinforcementAgent, None),
    "rule_observer": (rule_observer.MODEL, RuleObserverAgent, None),
    "explore_exploit": (explore_exploit.MODEL, ExploreExploitAgent, 20),
}


def simulate(agent, rng, *, n_trials=150, set_trials=None):
    """One session's log."""
    return simulate_choices(
        agent, task=TASK, rules=RULES, n_trials=n_trials, rng=rng, set_trials=set_trials,
        omission=0.02,
    )  # fmt: skip


def coded(log) -> Choices:
    """One session as the models read it.

    Only what the models read of a scored session is made here: error types and counts, which they
    do not read, would take most of the time.
    """
    rule = log["rule"].to_numpy(dtype=object)
    first = np.flatnonzero(np.r_[True, rule[1:] != rule[:-1]])
    number = np.repeat(np.arange(len(first)), np.diff(np.r_[first, len(rule)]))
    before = np.r_[[""], rule[first][:-1]].astype(object)
    missed = log["omission"].to_numpy(dtype=bool)
    right = log["correct"].to_numpy(dtype=bool)
    cue = log["cue_side"].to_numpy(dtype=object)
    scored = log.assign(
        set_index=number + 1,
        trial_in_set=np.arange(len(rule)) - first[number] + 1,
        previous_rule=before[number],
        correct_side=np.where(rule == "light", cue, rule),
        outcome=np.where(missed, "omission", np.where(right, "correct", "error")),
    )
    return session_choices(scored, TASK)


#: Any session of the task, for the models' parameters.
ANY = coded(simulate(ReinforcementAgent(), generator("any"), n_trials=60))


def parameters(model: Model):
    """Parameters of a model in this task."""
    return model.parameters(ANY)


def session(name: str, free, rng, *, n_trials=150):
    """Log of an agent with given parameters on the transformed scale."""
    model, agent, set_trials = MODELS[name]
    values = {
        p.name: float(p.natural(np.asarray(value)))
        for p, value in zip(parameters(model), free, strict=True)
    }
    return simulate(agent(**values), rng, n_trials=n_trials, set_trials=set_trials)


def draw(name: str, rng, count: int, *, width: float = 1.0):
    """Draw parameters from the fixed prior, its sd times ``width``."""
    known = parameters(MODELS[name][0])
    mean, sd = np.array([p.mean for p in known]), np.array([p.sd for p in known])
    return mean + width * sd * rng.standard_normal((count, len(known)))


def recovery(count: int = 300) -> None:
    """Correlation, bias, error and coverage by parameter."""
    for name, (model, _, _) in MODELS.items():
        for n_trials, width in ((150, 1.0), (150, 0.5), (600, 1.0)):
            rng = generator("recovery", name, str(n_trials), str(width))
            truth = draw(name, rng, count, width=width)
            batch = stack([coded(session(name, row, rng, n_trials=n_trials)) for row in truth])
            fit = fit_map(model, batch)
            spread = np.sqrt(np.diagonal(fit.covariance, axis1=1, axis2=2))
            names = [p.name for p in fit.parameters]
            print(f"\n{name}: {count} sessions of {n_trials} trials, truth {width:g} x prior sd")
            print(recovery_table(truth, fit.free, spread, names).round(2).to_string(index=False))
            print(f"converged {fit.converged.mean():.3f}")


def states(count: int = 300) -> None:
    """True and inferred shares of exploring, and of following the old rule, per session."""
    rng = generator("states")
    old = {"side:0": 0, "side:1": 1, "rule:0": 2}
    pairs, logs = [], [session("explore_exploit", row, rng) for row in draw(
        "explore_exploit", rng, count)]  # fmt: skip
    sessions = [coded(log) for log in logs]
    fit = fit_map(explore_exploit.MODEL, stack(sessions))
    for log, choices, values in zip(logs, sessions, fit.values, strict=True):
        true = log["state"].dropna()
        inferred = explore_exploit.infer_states(choices, values)
        now = true.map(old).fillna(-1).to_numpy()
        soon = (choices.lag < 10) & (choices.previous_rule >= 0)
        guess = explore_exploit.old_rule_after_switch(choices, inferred, lags=10)
        pairs.append(
            (
                (now < 0).mean(),
                inferred.posterior[:, 0].mean(),
                (now == choices.previous_rule)[soon].mean(),
                guess.mean(),
            )
        )
    table = np.array(pairs)
    print(f"\nstates of the explore/exploit model: {count} sessions")
    for label, (a, b) in {"P(explore)": (0, 1), "P(old rule | lag < 10)": (2, 3)}.items():
        off = table[:, b] - table[:, a]
        print(
            f"{label}: correlation {np.corrcoef(table[:, a], table[:, b])[0, 1]:.2f}, bias "
            f"{off.mean():+.3f}, error {np.sqrt((off**2).mean()):.3f}"
        )


def learning(count: int = 200) -> None:
    """Learning trial, transition and change point on sigmoid learners and on none."""
    rng = generator("learning")
    print(f"\nlearning trial: {count} simulations each")
    for sets, length, start in ((1, 150, 0.0), (1, 40, SWITCH_START_SD), (8, 30, SWITCH_START_SD)):
        found, rest = [], []
        for _ in range(count):
            curves = learning_curves(
                [rng.random(length) < 0.5 for _ in range(sets)], chance=0.5, start_sd=start
            )
            found += [curve.learning_trial is not None for curve in curves]
            rest += [curve.converged for curve in curves]
        print(f"no learning, {sets} x {length} trials: stated in {np.mean(found):.3f} of sets "
              f"(variance at rest in {np.mean(rest):.2f})")  # fmt: skip
    means = []
    for _ in range(count):
        middle = rng.uniform(5, 25, size=8)
        lags = np.arange(45)
        truth = [0.95 / (1 + np.exp(-0.5 * (lags - m))) for m in middle]
        curves = learning_curves(
            [rng.random(45) < p for p in truth], chance=0.5, start_sd=SWITCH_START_SD
        )
        trials = [curve.learning_trial for curve in curves if curve.learning_trial]
        means.append((middle.mean(), np.mean(trials) if trials else np.nan, len(trials) / 8))
    table = np.array(means)
    kept = np.isfinite(table[:, 1])
    off = table[kept, 1] - table[kept, 0]
    print(f"8 sets of 45 trials that cross chance at 5-25: mean learning trial against truth: "
          f"correlation {np.corrcoef(table[kept, 0], table[kept, 1])[0, 1]:.2f}, bias "
          f"{off.mean():+.2f}, error {np.sqrt((off**2).mean()):.2f} trials, stated in "
          f"{table[:, 2].mean():.2f} of sets")  # fmt: skip
    for n_sets in (4, 8):
        rows = []
        for _ in range(count):
            offset = rng.uniform(2, 30) + rng.normal(0, 4, size=n_sets)
            slope, lapse = np.exp(rng.normal(-0.7, 0.7)), rng.uniform(0, 0.15)
            lags = [np.flatnonzero(rng.random(max(int(s), 0) + 15) < 0.5) for s in offset]
            hits = [
                rng.random(len(lag)) < lapse + (1 - 2 * lapse) / (1 + np.exp(-slope * (lag - s)))
                for lag, s in zip(lags, offset, strict=True)
            ]
            fit = fit_switches(lags, hits)
            rows.append((offset.mean(), fit.offset.mean(), np.log(slope), np.log(fit.slope),
                         lapse, fit.lapse))  # fmt: skip
        table = np.array(rows)
        for label, a in (("offset", 0), ("log slope", 2), ("lapse", 4)):
            off = table[:, a + 1] - table[:, a]
            print(f"sigmoid, {n_sets} sets, {label}: correlation "
                  f"{np.corrcoef(table[:, a], table[:, a + 1])[0, 1]:.2f}, bias {off.mean():+.2f},"
                  f" error {np.sqrt((off**2).mean()):.2f}")  # fmt: skip
    for n_trials in (50, 150):
        for criterion in (1.3, 2.0, 3.0):
            rates = [
                np.mean([bool(change_points(rng.random(n_trials) < p, log10_odds=criterion))
                         for _ in range(count * 5)])
                for p in (0.5, 0.9)
            ]  # fmt: skip
            print(f"change points, {n_trials} trials, log10 odds {criterion}: false alarms "
                  f"{rates[0]:.3f} (rate 0.5), {rates[1]:.3f} (rate 0.9)")  # fmt: skip


def _pair_tests(estimates, others):
    """Paired t per experiment: shape (experiments, animals)."""
    from scipy import stats

    return stats.ttest_rel(estimates, others, axis=1).pvalue < 0.05


def shrinkage(experiments: int = 60, animals: int = 12) -> None:
    """A drug contrast on single-session and on shrunken estimates: false alarms, power, size."""
    name, model = "rule_observer", rule_observer.MODEL
    known = parameters(model)
    mean = np.array([p.mean for p in known])
    between = 0.5 * np.array([p.sd for p in known])
    # hazard and lapse: one that a session says much about, and one that it says little about
    for target, size in ((0, 1.2), (2, 0.8)):
        for effect in (0.0, size):
            rng = generator("shrinkage", str(target), str(effect))
            single, shrunk, errors = [], [], []
            for _ in range(experiments):
                own = mean + between * rng.standard_normal((animals, len(known)))
                drug = own.copy()
                drug[:, target] += effect
                truth = np.vstack([own, drug]) + 0.3 * between * rng.standard_normal(
                    (2 * animals, len(known))
                )
                sessions = [coded(session(name, row, rng)) for row in truth]
                alone = fit_map(model, stack(sessions)).free
                cohort = fit_cohort(sessions, model).fit.free
                single.append(alone[:, target])
                shrunk.append(cohort[:, target])
                errors.append([((f - truth)[:, target] ** 2).mean() for f in (alone, cohort)])
            print(f"\n{known[target].name}, effect {effect:g} (transformed scale), "
                  f"{experiments} experiments of {animals} animals x 2 sessions")  # fmt: skip
            root = np.sqrt(np.mean(errors, axis=0))
            for label, estimates, error in (
                ("single", single, root[0]),
                ("shrunk", shrunk, root[1]),
            ):
                table = np.array(estimates)
                first, second = table[:, :animals], table[:, animals:]
                print(f"  {label}: significant {_pair_tests(second, first).mean():.3f}, mean "
                      f"contrast {(second - first).mean():+.3f}, error {error:.2f}")  # fmt: skip


def lengths(experiments: int = 40, animals: int = 12) -> None:
    """False alarms where one condition has half the trials and nothing else changes."""
    from scipy import stats

    for name, (model, _, _) in MODELS.items():
        rng = generator("lengths", name)
        known = parameters(model)
        off = 0.7 * np.array([p.sd for p in known])
        for shift in (0.0, 1.0):
            rejected = []
            for _ in range(experiments):
                truth = draw(name, rng, animals, width=0.5) + shift * off
                free = [
                    fit_map(
                        model, stack([coded(session(name, row, rng, n_trials=n)) for row in truth])
                    ).free
                    for n in (150, 75)
                ]
                rejected.append(stats.ttest_rel(*free, axis=0).pvalue < 0.05)
            print(f"\n{name}: 150 against 75 trials, truth {shift * 0.7:g} prior sd from the "
                  f"prior's mean; significant in")  # fmt: skip
            for p, rate in zip(known, np.mean(rejected, axis=0), strict=True):
                print(f"  {p.name}: {rate:.3f}")


def unchanged(cohorts: int = 40, animals: int = 10) -> None:
    """How often two sessions of the same animals differ where nothing changed, per outcome."""
    from scipy import stats

    rng, known = generator("unchanged"), parameters(reinforcement.MODEL)
    logs = []
    for row in draw("reinforcement", rng, cohorts * animals, width=0.5):
        logs += [session("reinforcement", row, rng) for _ in range(2)]
    sessions = [coded(log) for log in logs]
    batch, values = stack(sessions), {}
    fit = fit_map(reinforcement.MODEL, batch)
    for position, p in enumerate(known[1:], 1):
        values[f"rl_parameters/{p.name}"] = fit.values[:, position]
    fit = fit_map(rule_observer.MODEL, batch)
    values["observer_hazard"] = np.log2(fit.column("hazard"))
    values["observer_lapse"] = np.log2(fit.column("lapse"))
    fit = fit_map(explore_exploit.MODEL, batch)
    shares = []
    for choices, row in zip(sessions, fit.values, strict=True):
        found = explore_exploit.infer_states(choices, row)
        old = explore_exploit.old_rule_after_switch(choices, found, lags=10)
        shares.append((found.posterior[:, 0].mean(), old.mean() if len(old) else np.nan))
    share = np.array(shares)
    logit = np.log((share * 150 + 0.5) / ((1 - share) * 150 + 0.5))
    values["explore_probability"], values["old_rule_probability"] = logit.T
    print(
        f"\nnothing changed: {cohorts} cohorts of {animals} animals x 2 sessions, paired t at 5 %"
    )

    def report(name: str, column) -> None:
        pairs = np.asarray(column).reshape(cohorts, animals, 2)
        p = stats.ttest_rel(pairs[..., 0], pairs[..., 1], axis=1, nan_policy="omit").pvalue
        print(f"  {name}: significant in {np.mean(np.asarray(p) < 0.05):.3f}")

    for name, column in values.items():
        report(name, column)
    options = {"flexibility": {"task": TASK.model_dump(mode="json")}}
    cells = [epoch_trials(score(log, TASK), None, scheme="floresco_block") for log in logs]
    for name in ("learning_trial", "switch_offset", "switch_slope"):
        compute, column = registered()[name].compute, []
        for cell in cells:
            found = compute(trials=cell, options=options)
            column.append(found[0].value if found and not found[0].censored else np.nan)
        report(name, np.log2(column) if name == "switch_slope" else column)


def comparison(count: int = 40) -> None:
    """Which model wins by held-out likelihood, by the agent that made the choices."""
    models = [model for model, _, _ in MODELS.values()]
    print(f"\ncomparison: {count} sessions of each agent; share won, mean gain in bits per choice")
    for name in MODELS:
        rng = generator("comparison", name)
        logs = [session(name, row, rng) for row in draw(name, rng, count, width=0.5)]
        table = compare_models([coded(log) for log in logs], [str(i) for i in range(count)], models)
        part = table.groupby("model", sort=False)[["best", "gain"]].mean().round(3)
        print(f"{name} agents:\n{part.to_string()}")


def speed() -> None:
    """Fit a cohort of 40 sessions, and all metrics of one session."""
    rng = generator("speed")
    logs = [session("reinforcement", row, rng) for row in draw("reinforcement", rng, 40, width=0.5)]
    sessions = [coded(log) for log in logs]
    print()
    for name, (model, _, _) in MODELS.items():
        cpu, wall = time.process_time(), time.perf_counter()
        cohort = fit_cohort(sessions, model)
        print(f"cohort of 40 x 150 trials, {name}: {time.process_time() - cpu:.1f} s CPU, "
              f"{time.perf_counter() - wall:.1f} s, {cohort.rounds} rounds, converged "
              f"{cohort.converged}")  # fmt: skip
    names = ("learning_trial", "switch_offset", "switch_slope", "explore_probability")
    names += ("old_rule_probability", "rl_parameters", "observer_hazard", "observer_lapse")
    log = simulate(ReinforcementAgent(alpha_reward=0.6, alpha_loss=0.6, beta=12.0),
                   generator("speed", "one"), n_trials=250)  # fmt: skip
    scores = score(log, TASK)
    cell = epoch_trials(scores, None, scheme="floresco_block")
    options = {"flexibility": {"task": TASK.model_dump(mode="json"),
                               "error_scheme": "floresco_block"}}  # fmt: skip
    times = [time.process_time()]
    for name in names:
        registered()[name].compute(trials=cell, options=options)
        times.append(time.process_time())
    print(f"metrics of one session ({len(scores.sets)} sets, {len(log)} trials):")
    for name, (start, stop) in zip(names, pairwise(times), strict=True):
        print(f"  {name}: {stop - start:.2f} s CPU")
    print(f"  all: {times[-1] - times[0]:.2f} s CPU")


PARTS = {
    part.__name__: part
    for part in (recovery, states, learning, shrinkage, lengths, unchanged, comparison, speed)
}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help="all by default")
    for chosen in parser.parse_args().parts or PARTS:
        PARTS[chosen]()
