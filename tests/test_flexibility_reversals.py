"""Reversal learning: criteria by hand, errors after reversals, three options, real logs."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from scipy import stats

from pipeline.errors import InputError
from pipeline.experiment.task import Criterion, Task
from pipeline.flexibility import epoch_trials, score
from pipeline.flexibility.reversals import is_reversal_task, reversal_table
from pipeline.ingest import read_behaviour
from pipeline.registry import registered

TASKS = Path(__file__).parents[1] / "config" / "tasks"
NAMES = "ABCDE"


def options_task(n: int = 2, criterion=None, **changes) -> Task:
    """``n`` options, one of which the rule of the same name makes correct."""
    return Task.model_validate(
        {
            "sides": list(NAMES[:n]),
            "rules": {name: f"choose {name}" for name in NAMES[:n]},
            "criterion": criterion or {"consecutive": 3},
            **changes,
        }
    )


def log(text: str) -> pd.DataFrame:
    """``A:AAB-``: the better option, then the choices; one trial every 10 s."""
    rows = [(part.split(":")[0], side) for part in text.split() for side in part.split(":")[1]]
    return pd.DataFrame(
        {
            "rule": [rule for rule, _ in rows],
            "choice_side": [side.replace("-", "") for _, side in rows],
            "t_cue": np.arange(len(rows)) * 10.0,
        }
    )


def cell(text: str, n: int = 2, intervals=None, **changes):
    return epoch_trials(
        score(log(text), options_task(n, **changes)), intervals, scheme="initial_run"
    )


def compute(name: str, held) -> list:
    options = {"flexibility": {"error_scheme": "initial_run"}}
    return registered()[name].compute(trials=held, options=options)


def found(name: str, held) -> dict:
    """Value and whether it is censored, by band."""
    return {value.band: (value.value, value.censored) for value in compute(name, held)}


# --- criteria ------------------------------------------------------------------------------------


def to_criterion(choices: str, criterion: dict, **changes) -> tuple[int, bool]:
    """Trials to criterion of one set of rule A, and whether it was reached."""
    row = score(log(f"A:{choices}"), options_task(criterion=criterion, **changes)).sets.iloc[0]
    return int(row["trials_to_criterion"]), bool(row["reached"])


@pytest.mark.parametrize(
    ("choices", "criterion", "expected"),
    [
        ("BAAA", {"consecutive": 3}, (4, True)),
        ("AABAAB", {"consecutive": 3}, (6, False)),
        ("AABAAB", {"m": 3, "of": 4}, (4, True)),
        # Blocks of 4: 2 of 4, then 3 of 4. A sliding window would be content after trial 6.
        ("BBAAAABA", {"accuracy": 0.75, "block": 4}, (8, True)),
        ("BBAAAABA", {"m": 3, "of": 4}, (5, True)),
        ("AAAB", {"accuracy": 0.75, "block": 4}, (4, True)),
        # A block that the session cut is no block, however good.
        ("AAA", {"accuracy": 0.75, "block": 4}, (3, False)),
        ("BBBBAAA", {"accuracy": 0.75, "block": 4}, (7, False)),
        ("BBBBAAAA", {"accuracy": 0.75, "block": 4}, (8, True)),
        # Two blocks in a row: 3 of 4, 2 of 4, 4 of 4, 3 of 4.
        ("AAABAABBAAAABAAA", {"accuracy": 0.75, "block": 4, "blocks": 2}, (16, True)),
        ("AAABAABBAAAA", {"accuracy": 0.75, "block": 4, "blocks": 2}, (12, False)),
        # An omission is no choice of the block.
        ("A-AAB", {"accuracy": 0.75, "block": 4}, (4, True)),
        ("-----", {"accuracy": 0.75, "block": 4}, (0, False)),
    ],
)
def test_criteria_by_hand(choices, criterion, expected):
    assert to_criterion(choices, criterion) == expected


def test_omission_that_breaks_runs_takes_a_place_in_the_block():
    by_block = {"accuracy": 0.75, "block": 4}
    assert to_criterion("A-AAB", by_block, omissions_break_run=True) == (3, True)
    counted = {"omissions_break_run": True, "omissions_count": True}
    assert to_criterion("A-AAB", by_block, **counted) == (4, True)
    assert to_criterion("A--AAAAA", by_block, **counted) == (8, True)


def test_trials_before_the_block_and_their_lower_bound():
    without = {"criterion_run_included": False}
    by_block = {"accuracy": 0.75, "block": 4}
    assert to_criterion("BBAAAABA", by_block, **without) == (4, True)
    assert to_criterion("AAAB", by_block, **without) == (0, True)
    # The second block could still have been the one: two more correct choices.
    assert to_criterion("BBAABA", by_block, **without) == (4, False)
    # It could not: the next one begins after it, which had not ended.
    assert to_criterion("BBAABB", by_block, **without) == (6, False)
    twice = by_block | {"blocks": 2}
    assert to_criterion("BBBBAAABA", twice, **without) == (4, False)
    assert to_criterion("BBBBAAABBB", twice, **without) == (10, False)


def test_first_block_begins_at_the_reversal():
    scores = score(log("A:AAAAA B:ABBBB"), options_task(criterion={"accuracy": 0.75, "block": 4}))
    assert scores.sets["trials_to_criterion"].tolist() == [4, 4]
    assert scores.sets["n_after_criterion"].tolist() == [1, 1]


@pytest.mark.parametrize(
    ("criterion", "needed", "words"),
    [
        ({"accuracy": 0.56, "block": 25}, 14, "56% correct in a block of 25"),
        ({"accuracy": 0.8, "block": 20, "blocks": 2}, 16, "80% correct in a block of 20, 2 blocks"),
        ({"accuracy": 0.81, "block": 20}, 17, "81% correct in a block of 20"),
        ({"accuracy": 1, "block": 3}, 3, "100% correct in a block of 3"),
        ({"m": 7, "of": 8}, 7, "7 correct of 8"),
    ],
)
def test_criterion_says_what_it_needs(criterion, needed, words):
    declared = Criterion.model_validate(criterion)
    assert declared.needed == needed and str(declared).startswith(words)
    assert declared.needed_in_all == needed * (declared.blocks or 1)


@pytest.mark.parametrize(
    "criterion",
    [
        {"accuracy": 0.8},
        {"block": 20},
        {"blocks": 2, "consecutive": 3},
        {"accuracy": 0.8, "block": 20, "consecutive": 3},
        {"accuracy": 80, "block": 20},
        {"accuracy": 0, "block": 20},
    ],
)
def test_mixed_criteria_are_refused(criterion):
    with pytest.raises(ValidationError):
        Criterion.model_validate(criterion)


CRITERIA = st.one_of(
    st.builds(lambda k: {"consecutive": k}, st.integers(1, 4)),
    st.builds(lambda m, more: {"m": m, "of": m + more}, st.integers(1, 4), st.integers(0, 2)),
    st.builds(
        lambda block, share, blocks: {"accuracy": share, "block": block, "blocks": blocks},
        st.integers(1, 4),
        st.sampled_from([0.3, 0.5, 0.75, 1.0]),
        st.integers(1, 3),
    ),
)


@settings(max_examples=40, deadline=None)
@given(text=st.text("AB", min_size=1, max_size=16), criterion=CRITERIA)
def test_criterion_asked_after_every_choice_agrees_with_the_score(text, criterion):
    """Two implementations: trial by trial, as a box does, and over arrays."""
    declared = Criterion.model_validate(criterion)
    right = [side == "A" for side in text]
    met = [n for n in range(1, len(right) + 1) if declared.met(right[:n])]
    expected = (met[0], True) if met else (len(text), False)
    assert to_criterion(text, criterion) == expected


def first_met(declared: Criterion, right: list[bool]) -> int | None:
    return next((n for n in range(1, len(right) + 1) if declared.met(right[:n])), None)


@settings(max_examples=40, deadline=None)
@given(
    text=st.text("AB", min_size=1, max_size=9), block=st.integers(1, 3), blocks=st.integers(1, 2)
)
def test_lower_bound_of_blocks_is_the_least_that_any_continuation_gives(text, block, blocks):
    criterion = {"accuracy": 0.6, "block": block, "blocks": blocks}
    declared = Criterion.model_validate(criterion)
    right = [side == "A" for side in text]
    if first_met(declared, right):
        return
    # The best that can come: correct choices only, until it is met.
    ends = first_met(declared, right + [True] * (2 * block * blocks + block))
    expected = min(ends - block * blocks, len(text))
    got = to_criterion(text, criterion, criterion_run_included=False)
    assert got == (expected, False)


# --- reversals and their errors ------------------------------------------------------------------


def test_reversals_are_counted_and_put_over_the_choices():
    held = cell("A:AAA B:ABBB A:BA-AA")
    assert found("reversals", held) == {"": (2, False)}
    assert found("reversals_per_100_trials", held) == {"": (100 * 2 / 11, False)}
    assert {value.n_effective for value in compute("reversals", held)} == {11.0}


def test_reversal_on_the_last_trial_counts_and_a_criterion_there_does_not():
    assert found("reversals", cell("A:AAA B:A")) == {"": (1, False)}
    held = cell("A:AAA B:BBB")
    assert found("reversals", held) == {"": (1, False)}
    assert found("sets_completed", held) == {"": (2, False)}
    # One choice under the new rule, and it is wrong: an uninformed error, and no more is known.
    assert found("reversal_errors", cell("A:AAA B:A")) == {
        "perseverative": (0, True),
    }


def test_no_reversal_is_zero_reversals_and_no_choice_is_nothing():
    assert found("reversals", cell("A:ABAB")) == {"": (0, False)}
    assert compute("reversal_errors", cell("A:ABAB")) == []
    for name in ("reversals", "reversals_per_100_trials", "reversal_errors", "perseverative_share"):
        assert compute(name, cell("A:---- B:---")) == []


def test_reversal_of_the_day_before_is_no_reversal_of_the_session_but_has_errors():
    held = cell("B:AABBB", rule_before_session="A")
    assert found("reversals", held) == {"": (0, False)}
    assert found("reversal_errors", held)["perseverative"] == (1, False)


def test_errors_before_and_after_the_first_correct_choice():
    # First choice wrong, two more, correct, wrong, then the run; second reversal: nothing wrong.
    held = cell("A:AAA B:AAABABBB A:AAA")
    assert found("reversal_errors", held) == {
        "perseverative": (1.0, False),
        "regressive": (0.5, False),
    }
    one = cell("A:AAA B:AAABABBB")
    assert [value for value, _ in found("reversal_errors", one).values()] == [2, 1]
    (first,) = compute("reversal_first_error", held)
    assert (first.value, first.n_effective) == (0.5, 2)
    assert registered()["reversal_first_error"].metric.scale == "logit"
    told = found("reversal_errors", cell("A:AAA B:AAABABBB", switch_is_cued=True))
    assert compute("reversal_first_error", cell("A:AAA B:AAABABBB", switch_is_cued=True)) == []
    assert told == {"perseverative": (3, False), "regressive": (1, False)}


def test_omissions_do_not_end_perseveration():
    assert found("reversal_errors", cell("A:AAA B:-A-A-BB-B")) == {
        "perseverative": (1, False),
        "regressive": (0, False),
    }


def test_animal_that_never_chooses_the_new_side_is_censored():
    held = cell("A:AAA B:AAAAAA")
    assert found("reversal_errors", held) == {
        "perseverative": (5, True),
    }
    # Beside a reversal that it did leave the old side in, that one is the value.
    assert found("reversal_errors", cell("A:AAA B:ABBB A:BBBB"))["perseverative"] == (0, False)


def test_regressive_errors_need_the_criterion():
    held = cell("A:AAA B:ABABA")
    assert set(found("reversal_errors", held)) == {"perseverative"}
    # After the criterion nothing is counted any more.
    assert found("reversal_errors", cell("A:AAA B:BBBAAA"))["regressive"] == (0, False)


def test_reversals_belong_to_the_cell_in_which_they_happen():
    text = "A:AAA B:ABBB A:AAA"  # reversals at 30 s and 70 s
    assert found("reversals", cell(text, intervals=[[0, 30]])) == {"": (0, False)}
    assert found("reversals", cell(text, intervals=[[0, 50]])) == {"": (1, False)}
    held = cell(text, intervals=[[0, 50]])
    assert found("reversals_per_100_trials", held) == {"": (20, False)}
    assert "regressive" not in found("reversal_errors", held), "the set was cut before its end"
    assert found("reversals", cell(text, intervals=[[40, 70], [70, 90]])) == {"": (1, False)}
    inside = cell(text, intervals=[[10, 30]])  # no set starts here
    assert not len(inside.sets) and found("reversals", inside) == {"": (0, False)}
    assert compute("reversal_errors", inside) == []


def test_tasks_with_other_switches_have_no_number_of_reversals():
    assert is_reversal_task(options_task()) and is_reversal_task(options_task(3))
    for name, expected in (("reversal", 1), ("probabilistic_reversal", 1), ("three_choice", 1)):
        declared = yaml.safe_load((TASKS / f"{name}.yaml").read_text(encoding="utf-8"))
        assert is_reversal_task(Task.model_validate(declared)) == expected
    for name in ("light_side", "nosepoke_widge", "digging"):
        declared = yaml.safe_load((TASKS / f"{name}.yaml").read_text(encoding="utf-8"))
        assert not is_reversal_task(Task.model_validate(declared))
    one_rule = options_task(rules={"A": "choose A"})
    assert not is_reversal_task(one_rule)
    # Labels per block: the first and the third are one rule.
    labels = {"b1": "choose A", "b2": "choose B", "b3": "choose A"}
    assert is_reversal_task(options_task(rules=labels))
    lights = {"A": "follow cue", "B": "reverse A"}
    assert is_reversal_task(options_task(rules=lights))


# --- probabilistic -------------------------------------------------------------------------------


def test_correct_is_the_better_side_whatever_was_paid():
    table = log("A:AAAA B:ABBBB")
    paid = np.array([1, 0, 1, 1, 1, 1, 0, 1, 0])
    table = table.assign(correct=paid, rewarded=paid == 1)
    scores = score(table, options_task(criterion={"consecutive": 4}, probabilistic=True))
    assert scores.sets["n_errors"].tolist() == [0, 1]
    assert scores.sets["trials_to_criterion"].tolist() == [4, 5], "unpaid choices do not end a run"
    assert scores.trials["correct"].tolist() == paid.tolist(), "the log's column stays"
    with pytest.raises(InputError, match="rewards by chance: then probabilistic: true"):
        score(table, options_task(criterion={"consecutive": 4}))


def test_probabilistic_log_without_choices_is_refused_and_all_omissions_are_not():
    task = options_task(probabilistic=True)
    silent = log("A:---").assign(correct=np.nan, omission=True)
    assert score(silent, task).sets["n_omissions"].tolist() == [3]
    paid = silent.assign(correct=[1, 0, 0], omission=False)
    with pytest.raises(
        InputError, match="trials 1-3: choice_side: found none; expected the choices"
    ):
        score(paid, task)


class WinStayLoseShift:
    """Keeps to what paid and leaves what did not: after the first choice right with P(paid)."""

    def __init__(self) -> None:
        self.side, self.paid = 0, True

    def choose(self, rng: np.random.Generator) -> int:
        return self.side if self.paid else 1 - self.side

    def learn(self, side: int, paid: bool) -> None:
        self.side, self.paid = side, paid


class Chance:
    """Chooses the better of two sides with probability one half."""

    def choose(self, rng: np.random.Generator) -> int:
        return int(rng.integers(2))

    def learn(self, side: int, paid: bool) -> None:
        pass


def simulate(agent, *, trials: int, k: int, seed: int, pays: float = 0.8) -> pd.DataFrame:
    """Two sides, the better one pays with probability ``pays``; reversal after k correct."""
    rng = np.random.default_rng(seed)
    better, run, rows = 0, 0, []
    for _ in range(trials):
        side = agent.choose(rng)
        paid = bool(rng.random() < (pays if side == better else 1 - pays))
        agent.learn(side, paid)
        rows.append((NAMES[better], NAMES[side], paid))
        run = run + 1 if side == better else 0
        if run == k:
            better, run = 1 - better, 0
    table = pd.DataFrame(rows, columns=["rule", "choice_side", "rewarded"])
    return table.assign(t_cue=np.arange(trials) * 10.0)


def expected_trials(p: float, k: int) -> float:
    """Trials to k consecutive correct of an animal that is right with probability p."""
    return (1 - p**k) / (p**k * (1 - p))


def test_win_stay_lose_shift_under_80_20_is_recovered_in_closed_form():
    """At a reversal it stays with what paid (0.8, wrong); from then on it is right with 0.8."""
    k, p = 8, 0.8
    task = options_task(criterion={"consecutive": k}, probabilistic=True)
    table = simulate(WinStayLoseShift(), trials=20_000, k=k, seed=3)
    held = epoch_trials(score(table, task), None, scheme="initial_run")
    sets = held.sets[(held.sets["set_index"] > 1) & held.sets["reached"]]
    ttc = sets["trials_to_criterion"].to_numpy()
    n, start = len(ttc), expected_trials(p, k)
    # 1 + 0.2 E(7 more, one in hand) + 0.8 E(8): the run begun is worth 1/p trials.
    truth = 1 + start - (1 - p) / p
    assert n > 500
    assert abs(ttc.mean() - truth) < 3 * ttc.std(ddof=1) / np.sqrt(n)
    errors = {band: value for band, (value, _) in found("reversal_errors", held).items()}
    (first,) = compute("reversal_first_error", held)
    assert abs(first.value - p) < 3 * np.sqrt(p * (1 - p) / n)
    # Wrong choices between a wrong first one and the first correct one: geometric.
    spread = np.sqrt(p * ((1 - p) / p**2 + ((1 - p) / p) ** 2) - (1 - p) ** 2)
    assert abs(errors["perseverative"] - p * (1 - p) / p) < 3 * spread / np.sqrt(n)
    rate = found("reversals_per_100_trials", held)[""][0]
    assert rate == pytest.approx(100 / truth, rel=0.05)
    assert rate == pytest.approx(100 * (len(held.sets) - 1) / 20_000)


def test_deterministic_reversal_costs_a_win_stay_lose_shift_animal_one_error():
    table = simulate(WinStayLoseShift(), trials=101, k=4, seed=1, pays=1.0)
    held = epoch_trials(
        score(table, options_task(criterion={"consecutive": 4})), None, scheme="initial_run"
    )
    assert found("reversal_errors", held) == {
        "perseverative": (0, False),
        "regressive": (0, False),
    }
    assert set(held.sets["trials_to_criterion"].iloc[1:-1]) == {5}


def test_random_chooser_takes_as_long_as_the_closed_form_says():
    for k in (2, 4):
        task = options_task(criterion={"consecutive": k})
        sets = score(simulate(Chance(), trials=12_000, k=k, seed=k), task).sets.iloc[:-1]
        ttc = sets["trials_to_criterion"].to_numpy()
        assert abs(ttc.mean() - expected_trials(0.5, k)) < 3 * ttc.std(ddof=1) / np.sqrt(len(ttc))
        assert expected_trials(0.5, k) == 2 ** (k + 1) - 2


def test_nothing_changes_and_little_is_found():
    """Baseline against acute of animals that stay the same: 5 % of paired tests."""
    k, per_cell, animals, experiments = 2, 100, 5, 20
    task, seconds = options_task(criterion={"consecutive": k}), 10.0 * per_cell
    rates = []
    for seed in range(experiments):
        table = simulate(Chance(), trials=2 * per_cell * animals, k=k, seed=seed)
        scores = score(table, task)
        for number in range(2 * animals):
            span = [[number * seconds, (number + 1) * seconds]]
            held = epoch_trials(scores, span, scheme="initial_run")
            rates.append(found("reversals_per_100_trials", held)[""][0])
    pairs = np.reshape(rates, (experiments, animals, 2))
    p = stats.ttest_rel(pairs[..., 0], pairs[..., 1], axis=1).pvalue
    assert stats.binomtest(int((p < 0.05).sum()), experiments, 0.05).pvalue > 0.01
    # An animal that reversed half as often would be seen.
    slower = stats.ttest_rel(pairs[..., 0], pairs[..., 1] / 2, axis=1).pvalue
    assert (slower < 0.05).mean() > 0.8


# --- three options -------------------------------------------------------------------------------


def test_old_option_against_the_other_wrong_one():
    # After A: B is correct. First choice A (uninformed), then A A C, B, A, and the run.
    held = cell("A:AAA B:AAACBABBB", n=3)
    assert found("three_choice_errors", held) == {"previous": (3, False), "other": (1, False)}
    assert found("perseverative_share", held) == {"": (0.75, False)}
    assert compute("perseverative_share", held)[0].n_effective == 4
    assert compute("three_choice_errors", held)[0].n_effective == 1
    told = cell("A:AAA B:AAACBABBB", n=3, switch_is_cued=True)
    assert found("three_choice_errors", told) == {"previous": (4, False), "other": (1, False)}


def test_share_pools_the_errors_of_all_completed_reversals():
    held = cell("A:AAA B:ACCBBB C:BBBCCC A:CCB", n=3)
    # To B: C C of other (A first); to C: B B of previous (B first); to A: not completed.
    assert found("three_choice_errors", held) == {"previous": (1, False), "other": (1, False)}
    assert found("perseverative_share", held) == {"": (0.5, False)}
    assert compute("three_choice_errors", cell("A:AAA B:ACA", n=3)) == []
    flawless = cell("A:AAA B:ABBB", n=3)
    assert found("three_choice_errors", flawless) == {"previous": (0, False), "other": (0, False)}
    assert compute("perseverative_share", flawless) == []


def test_two_options_cannot_tell_them_apart():
    held = cell("A:AAA B:AABBB")
    assert compute("three_choice_errors", held) == compute("perseverative_share", held) == []


def test_errors_whose_option_was_not_logged_are_not_counted_as_any():
    table = log("A:AAA B:AAABBB").assign(choice_side="", correct=[1, 1, 1, 0, 0, 0, 1, 1, 1])
    held = epoch_trials(
        score(table.assign(omission=False), options_task(3)), None, scheme="initial_run"
    )
    assert compute("three_choice_errors", held) == []
    assert found("reversal_errors", held)["perseverative"] == (2, False)
    assert reversal_table(score(table.assign(omission=False), options_task(3)))[
        "chose_unknown"
    ].tolist() == [2]


def test_table_of_reversals_knows_what_each_option_had_been():
    # To B: nothing but A was ever correct. To C: B previous, A earlier. Back to A: C previous,
    # B earlier, and A itself was correct once.
    scores = score(log("A:AAA B:ACACBBB C:AABACCC A:BCCB-AAA"), options_task(3))
    table = reversal_table(scores).set_index("rule")
    columns = ["chose_previous", "chose_earlier", "chose_never"]
    assert table.loc["B", columns].tolist() == [1, 0, 2]
    assert table.loc["C", columns].tolist() == [1, 2, 0]
    assert table.loc["A", columns].tolist() == [2, 1, 0]
    assert table["first_choice"].tolist() == ["previous", "earlier", "earlier"]
    assert table["correct_was"].tolist() == ["never", "never", "earlier"]
    assert table["choices_to_first_correct"].tolist() == [5, 5, 5]
    assert table["previous_share"].round(4).tolist() == [0.3333, 0.3333, 0.6667]
    never = reversal_table(score(log("A:AAA B:AAC"), options_task(3)))
    assert never["choices_to_first_correct"].isna().all()
    assert never[columns].to_numpy().tolist() == [[1, 0, 1]]
    assert not len(reversal_table(score(log("A:AAA"), options_task(3))))


def test_table_and_metrics_count_the_same_errors():
    rng = np.random.default_rng(6)
    parts, rule = [], "A"
    for _ in range(40):
        choices = ""
        while not choices.endswith(rule * 3):
            choices += str(rng.choice(list("ABC-"), p=[0.4, 0.3, 0.25, 0.05]))
        parts.append(f"{rule}:{choices}")
        rule = str(rng.choice([other for other in "ABC" if other != rule]))
    scores = score(log(" ".join(parts)), options_task(3))
    held = epoch_trials(scores, None, scheme="initial_run")
    table = reversal_table(scores)
    assert len(table) == 39
    values = found("three_choice_errors", held)
    assert values["previous"][0] == pytest.approx(table["chose_previous"].mean())
    others = table["chose_earlier"] + table["chose_never"]
    assert values["other"][0] == pytest.approx(others.mean())
    (first,) = compute("reversal_first_error", held)
    assert first.value == pytest.approx((table["first_choice"] != "correct").mean())


def test_animal_that_errs_at_random_has_a_share_of_one_half():
    rng = np.random.default_rng(4)
    rows, rule, run = [], "A", 0
    for _ in range(9000):
        choice = str(rng.choice(list("ABC")))
        rows.append((rule, choice))
        run = run + 1 if choice == rule else 0
        if run == 3:
            run, rule = 0, NAMES[(NAMES.index(rule) + 1) % 3]
    table = pd.DataFrame(rows, columns=["rule", "choice_side"])
    held = epoch_trials(score(table, options_task(3)), None, scheme="initial_run")
    (share,) = compute("perseverative_share", held)
    assert share.n_effective > 1000
    assert abs(share.value - 0.5) < 3 * 0.5 / np.sqrt(share.n_effective)


ALL = (
    "reversal_first_error",
    "reversals",
    "reversals_per_100_trials",
    "reversal_errors",
    "three_choice_errors",
    "perseverative_share",
)


@settings(max_examples=12, deadline=None)
@given(
    rules=st.text("ABC", min_size=3, max_size=30),
    choices=st.text("ABC-", min_size=30, max_size=30),
    order=st.permutations("ABC"),
)
def test_names_of_options_change_nothing(rules, choices, order):
    swap = dict(zip("ABC", order, strict=True)) | {"-": "-"}
    text = " ".join(f"{rule}:{side}" for rule, side in zip(rules, choices, strict=False))
    other = "".join(swap.get(char, char) for char in text)
    one, two = cell(text, n=3), cell(other, n=3)
    for name in ALL:
        assert compute(name, one) == compute(name, two)
    hidden = ["rule", "previous_rule"]
    first, second = (reversal_table(score(log(t), options_task(3))) for t in (text, other))
    assert first.drop(columns=hidden).equals(second.drop(columns=hidden))


# --- real logs -----------------------------------------------------------------------------------


@pytest.mark.real
def test_fed3_logs_have_as_many_reversals_as_a_plain_count(real_data):
    task = Task.model_validate(
        yaml.safe_load((TASKS / "reversal.yaml").read_text(encoding="utf-8"))
        | {"rules": {"left": "choose left", "right": "choose right"}}
    )
    paths = [p for p in real_data.glob("fed3_reversal/*/*") if p.suffix.lower() == ".csv"]
    assert len(paths) == 4
    total = 0
    for path in sorted(paths):
        scores = score(read_behaviour(path, "fed3"), task)
        held = epoch_trials(scores, None, scheme="initial_run")
        log_lines = pd.read_csv(path)
        pokes = log_lines[log_lines["Event"].isin(["Left", "Right"])]
        active, events = pokes["Active_Poke"].tolist(), pokes["Event"].tolist()
        changes = [i for i in range(1, len(active)) if active[i] != active[i - 1]]
        assert found("reversals", held) == {"": (len(changes), False)}, path.name
        rate = 100 * len(changes) / len(pokes)
        assert found("reversals_per_100_trials", held)[""][0] == pytest.approx(rate)
        wrong = [event != side for event, side in zip(events, active, strict=True)]
        runs = []
        for start, stop in pairwise([*changes, len(active)]):
            own = wrong[start:stop]
            if not all(own):
                runs.append(own.index(False))
        (first,) = compute("reversal_first_error", held)
        plain = sum(run > 0 for run in runs) / len(runs)
        assert first.value == pytest.approx(plain), path.name
        # The first wrong poke is the uninformed one.
        errors = found("reversal_errors", held)
        assert errors["perseverative"][0] == pytest.approx(np.mean([max(r - 1, 0) for r in runs]))
        total += len(changes)
    assert total > 10


@pytest.mark.real
def test_pavlovian_reversal_logs_have_one_reversal(real_data):
    task = Task.model_validate(
        {
            "sides": ["lick", "wait"],
            "rules": {"likely": "choose lick", "unlikely": "reverse likely"},
            "criterion": {"accuracy": 0.8, "block": 20},
            "probabilistic": True,
        }
    )
    folders = sorted(real_data.glob("hjort_reversal/Sample_Choice_Data/A*"))
    assert len(folders) == 8
    for folder in folders:
        licked = np.load(folder / "HL_choice.npy") == 1
        table = pd.DataFrame(
            {
                "rule": np.where(np.arange(160) < 60, "likely", "unlikely"),
                "choice_side": np.where(licked, "lick", "wait"),
                "rewarded": np.load(folder / "HL_outcome.npy") == 1,
            }
        )
        scores = score(table, task)
        held = epoch_trials(scores, None, scheme="initial_run")
        assert found("reversals", held) == {"": (1, False)}, folder.name
        assert found("reversals_per_100_trials", held) == {"": (100 / 160, False)}
        # Blocks of 20 from the start and from the reversal, counted with plain slices.
        for row, right in zip(scores.sets.itertuples(), (licked[:60], ~licked[60:]), strict=True):
            good = [right[i : i + 20].sum() >= 16 for i in range(0, len(right), 20)]
            expected = 20 * (good.index(True) + 1) if any(good) else len(right)
            assert (row.trials_to_criterion, row.reached) == (expected, any(good)), folder.name
        stays = int(np.argmin(licked[60:])) if not licked[60:].all() else 100
        expected = (max(stays - 1, 0), bool(licked[60:].all()))
        assert found("reversal_errors", held)["perseverative"] == expected, folder.name
