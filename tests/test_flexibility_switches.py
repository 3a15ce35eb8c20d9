"""Trials counted from the switch, the schemes on one table, and learning phases; all by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from flexibility_examples import make_task, trial_table
from test_flexibility_metrics import by_kind, cell_of, compute, timed_table

from pipeline.errors import InputError
from pipeline.flexibility import SCHEMES, epoch_trials, score
from pipeline.flexibility.cross_table import cross_table, scheme_agreement
from pipeline.flexibility.phases import PHASES, learning_phases, learning_strata
from pipeline.flexibility.switches import switch_aligned, switch_rows
from pipeline.intervals import intersect
from pipeline.steps.session_data import SessionData

LIGHT = {"expression": "follow cue", "dimension": "light"}
RULES = {"light": LIGHT, "left": "choose left", "right": "choose right"}
# Light for 3 trials, then left for 5, then light for 2; two switches.
TEXT = "Lll Lrr Lrr  Arr All Ar- Arl Arl  Lrl Lrr"


def scores_of(text=TEXT, **changes):
    return score(trial_table(text), make_task(rules=RULES, **changes))


def counts(table, direction, kind, column):
    """A column of one curve, by lag."""
    one = table[(table["direction"] == direction) & (table["kind"] == kind)]
    return dict(zip(one["lag"], one[column], strict=True))


# ---- lags ----------------------------------------------------------------------------------------


def test_lags_by_hand():
    rows = switch_rows(scores_of(), before=2, after=2)
    first = rows[rows["switch"] == 2].sort_values("lag")
    assert first["lag"].tolist() == [-2, -1, 0, 1, 2]
    assert first["outcome"].tolist() == ["correct", "correct", "error", "correct", "omission"]
    # Before the switch, too, light and left are compared: light on the right is a conflict.
    assert first["conflict"].tolist() == [1, 1, 1, 0, 1]
    assert first["old_choice"].fillna(-1).tolist() == [1, 1, 1, 1, -1]
    second = rows[rows["switch"] == 3].sort_values("lag")
    assert second["lag"].tolist() == [-2, -1, 0, 1]
    assert second["old_choice"].tolist() == [1, 1, 1, 0]


def test_curves_by_hand():
    table = switch_aligned(scores_of(), before=1, after=2)
    there, back = "light to side", "side to light"
    assert sorted(set(table["direction"])) == [there, back]
    assert len(table) == 2 * 3 * 4
    assert counts(table, there, "all", "n_trials") == {-1: 1, 0: 1, 1: 1, 2: 0}
    assert counts(table, there, "all", "n_omissions") == {-1: 0, 0: 0, 1: 0, 2: 1}
    assert counts(table, there, "all", "n_correct") == {-1: 1, 0: 0, 1: 1, 2: 0}
    assert counts(table, there, "all", "n_previous_rule") == {-1: 1, 0: 1, 1: 1, 2: 0}
    assert counts(table, there, "conflict", "n_trials") == {-1: 1, 0: 1, 1: 0, 2: 0}
    assert counts(table, there, "congruent", "n_previous_rule") == {-1: 0, 0: 0, 1: 1, 2: 0}
    assert counts(table, back, "all", "n_trials") == {-1: 1, 0: 1, 1: 1, 2: 0}
    assert counts(table, back, "conflict", "n_previous_rule") == {-1: 1, 0: 1, 1: 0, 2: 0}
    assert set(table["n_switches"]) == {1}


def test_short_set_ends_its_lags_and_is_not_passed_over():
    # Set 2 has one trial: it is lag 0 of the first switch and lag -1 of the second, no more.
    rows = switch_rows(scores_of("Lll Lrr  Arr  Lll Lrr"), before=5, after=5)
    assert rows[rows["switch"] == 2]["lag"].tolist() == [-2, -1, 0]
    assert rows[rows["switch"] == 3]["lag"].tolist() == [-1, 0, 1]


def test_switch_belongs_to_the_cell_of_its_first_trial():
    scores = scores_of()  # switches at 30 and 80 s
    cell = epoch_trials(scores, [[0.0, 25.0], [28.0, 75.0]], scheme="error_chain")
    rows = switch_rows(cell, before=2, after=9)
    # The trials before it lie in another interval; those after the cell's end are not its own.
    assert rows[["switch", "lag"]].values.tolist() == [[2, lag] for lag in range(5)]
    late = epoch_trials(scores, [[40.0, 500.0]], scheme="error_chain")
    assert switch_rows(late, before=2, after=9)["switch"].unique().tolist() == [3]


def test_new_label_for_the_same_sides_is_no_switch():
    scores = score(trial_table("Lll Lrr  Mll Mrr Mrr  Arr"), make_task())
    assert set(switch_rows(scores, before=3, after=3)["switch"]) == {3}


def test_new_label_for_the_same_sides_is_no_shift_of_any_outcome():
    text = "Lll Lrr Lll  Mlr Mrr Mrr Mrr  Arr Arl Arl Arl"
    cell = cell_of(text, after_switch_trials=2)
    assert cell.sets["switch"].tolist() == ["", "repeat", "extradimensional"]
    # One shift was completed, light to left; its only error is the first trial's.
    assert by_kind("perseverative_errors", cell) == {"": (0.0, 1)}
    assert by_kind("latency_choice", cell)["switch"][1] == 2
    assert by_kind("latency_choice", cell)["stable"][1] == 1 + 2 + 2
    assert list(by_kind("trials_to_criterion_by_direction", cell)) == ["cue_to_side"]


def test_no_switch_and_no_trials_give_empty_tables():
    for text in ("Lll Lrr", "Ll-"):
        assert len(switch_rows(scores_of(text), before=5, after=20)) == 0
        assert len(switch_aligned(scores_of(text))) == 0
    assert len(switch_aligned(scores_of("Lll", warm_up_trials=5))) == 0


def test_switch_between_sessions_has_only_trials_after_it():
    rows = switch_rows(scores_of("Arr Arl", rule_before_session="light"), before=5, after=5)
    assert rows["lag"].tolist() == [0, 1]


def test_log_without_cues_knows_no_conflict_before_the_switch():
    table = trial_table(TEXT).drop(columns="cue_side")
    rows = switch_rows(score(table, make_task(rules=RULES)), before=2, after=0)
    # What a side rule will ask for is known without a cue; what the light rule will, is not.
    assert rows.loc[rows["lag"] < 0, "conflict"].fillna(-1).tolist() == [1, 1, -1, -1]
    assert rows.loc[rows["lag"] < 0, "old_choice"].tolist() == [1, 1, 1, 1]


# ---- cost and direction --------------------------------------------------------------------------


def test_switch_cost_by_hand():
    # First switch, two trials either side: 1 - 1/2; second: 1 - 1/2.
    cell = cell_of(TEXT, rules=RULES, switch_cost_trials=2)
    assert by_kind("switch_cost", cell) == {
        "all": (0.5, 2),
        "light_to_side": (0.5, 1),
        "side_to_light": (0.5, 1),
    }
    # Four either side: 3/3 - 2/3 (an omission), and 3/4... of Arr All Ar- Arl Arl the last four.
    wide = by_kind("switch_cost", cell_of(TEXT, rules=RULES, switch_cost_trials=4))
    assert wide["light_to_side"] == (1 - 2 / 3, 1)
    assert wide["side_to_light"] == (1 - 1 / 2, 1)
    assert wide["all"] == (1 - 3 / 5, 2)


def test_switch_cost_needs_choices_on_either_side():
    assert compute("switch_cost", cell_of("Lll Lrr Lll  Ar- Ar-", rules=RULES)) == []
    assert compute("switch_cost", cell_of("Ll- Lr-  Arl", rules=RULES)) == []
    on_last = by_kind("switch_cost", cell_of("Lll Lrr Lll  Arr", rules=RULES))
    assert on_last["all"] == (1.0, 1)


def test_latency_cost_by_hand():
    table = timed_table("Lll Lrr Lll  Arl Arl Arl", [1.0, 2.0, 4.0, 9.0, 5.0, 6.0])
    cell = cell_of(table, rules=RULES, switch_cost_trials=2)
    assert by_kind("switch_cost_latency", cell)["all"] == (7.0 - 3.0, 1)
    bare = table.drop(columns=["latency_choice", "t_choice"])
    assert compute("switch_cost_latency", cell_of(bare, rules=RULES)) == []


def test_trials_to_criterion_by_direction():
    text = "Lll Lll Lll  Arr Arl Arl Arl  Lrl Lrr Lrr Lrr Lrr  Arr Arl"
    cell = cell_of(text, rules=RULES)
    # The unfinished last set is left out where another one in its direction was completed.
    assert by_kind("trials_to_criterion_by_direction", cell) == {
        "light_to_side": (4.0, 1),
        "side_to_light": (4.0, 1),
    }
    cut = cell_of(text, [[0.0, 55.0]], rules=RULES)
    (value,) = compute("trials_to_criterion_by_direction", cut)
    assert (value.band, value.value, value.censored) == ("light_to_side", 3.0, True)


def test_names_of_directions():
    task = make_task(rules=RULES)
    assert task.directions == {
        "light_to_side": "light to side",
        "side_to_light": "side to light",
        "side_to_side": "side to side",
    }
    odd = make_task(rules={"a": {"expression": "follow cue", "dimension": "Lux/é @~"}, "b": LIGHT})
    assert list(odd.directions) == ["Lux_é_to_light", "light_to_Lux_é_"]


# ---- schemes on one table ------------------------------------------------------------------------


def test_cross_table_by_hand():
    # Set 2 after light: first-trial error, error (conflict), error (congruent), correct, error.
    scores = scores_of("Lll Lrr Lll  Arr Arr Alr Arl Arr Ar-")
    table = cross_table(scores)
    found = {
        name: {k: n for k, n in zip(part["type"], part["n"], strict=True) if n}
        for name, part in table.groupby("scheme")
    }
    assert found == {
        "floresco_block": {"first_trial": 1, "perseverative": 2, "never_reinforced": 1},
        "rule_consistent": {
            "first_trial": 1, "perseverative": 1, "regressive": 1, "never_reinforced": 1,
        },
        "widge_sequence": {"first_trial": 1, "perseverative": 2, "post_perseverative": 1},
        "error_chain": {"first_trial": 1, "perseverative": 2, "regressive": 1},
        "initial_run": {"first_trial": 1, "perseverative": 2, "regressive": 1},
    }  # fmt: skip
    assert table.groupby("scheme")["n"].sum().tolist() == [4] * 5
    assert table.groupby("scheme")["fraction"].sum().tolist() == pytest.approx([1] * 5)
    pairs = scheme_agreement(scores).set_index(["scheme", "other"])
    one = pairs.loc[("rule_consistent", "widge_sequence")]
    # Same: first trial and the perseverative one; not: congruent error, error after the correct.
    assert (one["n"], one["agreement"]) == (4, 0.5)
    assert (one["n_perseverative"], one["n_perseverative_other"]) == (1, 2)
    assert one["n_both_perseverative"] == 1
    assert pairs.loc[("error_chain", "initial_run"), "agreement"] == 1.0
    assert len(pairs) == 10


def test_cross_table_counts_what_a_scheme_cannot_type():
    table = trial_table("Lll Lrr Lll  Arr Arr Arl").drop(columns="cue_side")
    scores = score(table, make_task(rules=RULES))
    counted = cross_table(scores).set_index(["scheme", "type"])["n"]
    assert counted["rule_consistent", "none"] == 1  # beside the first trial
    pairs = scheme_agreement(scores).set_index(["scheme", "other"])
    assert pairs.loc[("rule_consistent", "initial_run"), "n"] == 1


def test_cross_table_without_errors():
    table = cross_table(scores_of("Lll Lrl"))
    assert table["n"].sum() == 0 and table["fraction"].isna().all()
    assert scheme_agreement(scores_of("Lll Lrl"))["agreement"].isna().all()


# ---- learning phases -----------------------------------------------------------------------------


def phases_of(scores, scheme="rule_consistent"):
    table = learning_phases(scores, scheme=scheme)
    return [tuple(row) for row in table[["phase", "set_index", "t_start", "t_stop"]].values]


def test_learning_phases_by_hand():
    # Trials every 10 s. Set 1 (acquisition): an error, then three correct from 10 s on.
    # Set 2 from 40 s: first-trial error, perseverative error at 50 s, correct, regressive error at
    # 70 s, three correct from 80 s; one more at 110 s. Set 3 from 120 s: right at once.
    text = "Lrl Lll Lrr Lll  Arr Arr Arl Arr Arl Arl Arl Arl  Lrr Lrr Lrr"
    assert phases_of(scores_of(text, switch_cost_trials=2)) == [
        ("established", 1, 10.0, 20.0),
        ("before_switch", 1, 20.0, 40.0),
        ("perseverative", 2, 40.0, 60.0),
        ("post_perseverative", 2, 60.0, 80.0),
        ("established", 2, 80.0, 100.0),
        ("before_switch", 2, 100.0, 120.0),
        ("established", 3, 120.0, 150.0),
    ]
    # Under another scheme the error at 70 s is regressive all the same, the one at 50 s not alone.
    assert phases_of(scores_of(text), "error_chain")[1][0] == "perseverative"


def test_before_switch_is_taken_out_of_the_learnt_trials_only():
    text = "Lll Lrr Lll  Arr Arl Arl Arl  Lrr"
    # Five trials before the switch, but only the run of three is learnt.
    assert phases_of(scores_of(text, switch_cost_trials=5)) == [
        ("before_switch", 1, 0.0, 30.0),
        # First-trial error only: nothing perseverative.
        ("post_perseverative", 2, 30.0, 40.0),
        ("before_switch", 2, 40.0, 70.0),
        ("post_perseverative", 3, 70.0, 80.0),
    ]


def test_criterion_never_reached_and_one_rule_only():
    assert phases_of(scores_of("Lrl Lrl Lll")) == []
    text = "Lll Lrr Lll  Arr Arr Arl Arr"
    assert phases_of(scores_of(text))[1:] == [
        ("perseverative", 2, 30.0, 50.0),
        ("post_perseverative", 2, 50.0, 70.0),
    ]


def test_errors_that_cannot_be_typed_leave_no_phase_of_shifting():
    table = trial_table("Lll Lrr Lll  Arr Arr Arl Arl Arl").drop(columns="cue_side")
    scores = score(table, make_task(rules=RULES))
    assert {name for name, *_ in phases_of(scores)} == {"before_switch", "established"}
    assert ("perseverative", 2, 30.0, 50.0) in phases_of(scores, "initial_run")


def test_pause_belongs_to_no_phase_and_a_missing_time_to_the_trial_before():
    table = trial_table("Lll Lrr Lll Lll Lrr")
    table["t_cue"] = [0.0, 10.0, 20.0, 500.0, 510.0]
    assert phases_of(score(table, make_task(rules=RULES))) == [
        ("established", 1, 0.0, 30.0),
        ("established", 1, 500.0, 520.0),
    ]
    table["t_cue"] = [0.0, 10.0, np.nan, 30.0, 40.0]
    assert phases_of(score(table, make_task(rules=RULES))) == [("established", 1, 0.0, 50.0)]


def test_new_label_for_the_same_sides_ends_no_phase():
    scores = score(trial_table("Lll Lrr Lll  Mll Mrl Mrr Mrr Mrr  Arr Arr Arl"), make_task())
    assert phases_of(scores) == [
        ("established", 1, 0.0, 30.0),
        ("before_switch", 2, 50.0, 80.0),
        ("perseverative", 3, 80.0, 100.0),
        ("post_perseverative", 3, 100.0, 110.0),
    ]


def test_log_without_times_has_no_phases():
    scores = score(trial_table(TEXT).drop(columns="t_cue"), make_task(rules=RULES))
    assert len(learning_phases(scores, scheme="error_chain")) == 0
    assert all(
        part.shape == (0, 2) for part in learning_strata(scores, scheme="error_chain").values()
    )


def test_strata_are_disjoint_and_named():
    rng = np.random.default_rng(5)
    words = [
        f"{'LA'[i // 12 % 2]}{'lr'[rng.integers(2)]}{'lr'[rng.integers(2)]}" for i in range(400)
    ]
    table = trial_table(" ".join(words))
    table["t_cue"] = np.round(np.cumsum(rng.exponential(8.0, len(words))))  # whole seconds: ties
    scores = score(table, make_task(rules=RULES))
    for scheme in SCHEMES:
        strata = learning_strata(scores, scheme=scheme)
        assert tuple(strata) == PHASES
        joined = np.concatenate(list(strata.values()))
        joined = joined[np.argsort(joined[:, 0])]
        assert (joined[:, 0] < joined[:, 1]).all()
        assert (joined[1:, 0] >= joined[:-1, 1]).all()
        for name, part in strata.items():
            others = [other for key, other in strata.items() if key != name and len(other)]
            assert all(len(intersect(part, other)) == 0 for other in others)


def words_after_the_dose(text, *after, scheme):
    """Phases before a dose, given what the animal does after it (trials every 10 s)."""
    dose = len(text.split()) * 10.0
    found = []
    for words in after:
        scores = score(trial_table(f"{text} {words}"), make_task(rules=RULES, switch_cost_trials=2))
        table = learning_phases(scores, scheme=scheme, administrations_s=(dose,))
        early = table[table["t_start"] < dose]
        found.append([tuple(row) for row in early[["phase", "t_start", "t_stop"]].values])
    return found


@pytest.mark.parametrize("scheme", list(SCHEMES))
def test_what_comes_after_the_dose_says_nothing_of_the_time_before(scheme):
    # The last set before the dose goes on after it: is learnt at once, is not, or is left.
    afters = ("Lll Lll Lll Lll", "Lrl " * 12, "Lrr Lrl Lrl", "Arr Arl Arl", "Arl " * 12)
    for text in (
        "Lll Lll Lll Lll Arr All All",
        "Lll Lll Lll Lll Arr Arr Arr",
        "Lll Lll Lll Lll Arr Arr Arl Arr Arl",
        "Lll Lll Lll",
        "Lll Lll",
    ):
        first, *others = words_after_the_dose(text, *afters, scheme=scheme)
        assert all(other == first for other in others), text


def test_phases_around_a_dose_by_hand():
    # Dose at 70 s, before the third trial of the run: the run is completed after the dose.
    scores = scores_of("Lll Lrr Lll Arr Arr Arl Arl  Arl Arl Lrr", switch_cost_trials=1)
    table = learning_phases(scores, scheme="rule_consistent", administrations_s=(70.0, 900.0))
    columns = ["phase", "set_index", "t_start", "t_stop"]
    assert [tuple(row) for row in table[columns].values] == [
        ("established", 1, 0.0, 20.0),
        ("before_switch", 1, 20.0, 30.0),
        ("perseverative", 2, 30.0, 50.0),
        ("post_perseverative", 2, 50.0, 70.0),
        # After the dose the run is known, with its trials before it.
        ("established", 2, 70.0, 80.0),
        ("before_switch", 2, 80.0, 90.0),
        ("post_perseverative", 3, 90.0, 100.0),
    ]
    # A dose before the first trial, or after the last one, changes nothing.
    plain = learning_phases(scores, scheme="rule_consistent")
    outside = learning_phases(scores, scheme="rule_consistent", administrations_s=(-5.0, 500.0))
    assert outside.equals(plain)
    # A trial that the dose cuts short ends there, not where the next one begins.
    cut = learning_phases(scores, scheme="rule_consistent", administrations_s=(65.0,))
    assert cut.loc[cut["phase"] == "post_perseverative", "t_stop"].tolist() == [65.0, 100.0]


def test_a_session_hands_its_administrations_to_the_phases(tmp_path):
    table = trial_table("Lll Lrr Lll Arr Arr Arl Arl  Arl Arl Lrr")
    table.to_parquet(tmp_path / "trials")
    (tmp_path / "movement").write_bytes(b"any")
    task = make_task(rules=RULES, switch_cost_trials=1).model_dump(mode="json")
    options = {"flexibility": {"task": task, "error_scheme": "rule_consistent"}}
    inputs = {name: tmp_path / name for name in ("trials", "movement")}
    told = SessionData(inputs, options, administrations_s=(70.0,)).learning
    assert told["post_perseverative"].tolist() == [[50.0, 70.0], [90.0, 100.0]]
    assert SessionData(inputs, options).learning["post_perseverative"].tolist() == [[90.0, 100.0]]


def test_unknown_scheme_is_refused():
    with pytest.raises(InputError, match="did you mean 'error_chain'"):
        learning_phases(scores_of(), scheme="error_chains")


def test_perseverative_phase_ends_with_the_last_perseverative_error():
    scores = scores_of("Lll Lrr Lll  " + "Arr " * 6 + "Arl Arr Arl Arl Arl")
    for scheme in SCHEMES:
        table = learning_phases(scores, scheme=scheme)
        end = table.loc[table["phase"] == "perseverative", "t_stop"].max()
        labels = scores.trials[f"error_{scheme}"] == "perseverative"
        assert end == scores.trials.loc[labels, "t_trial"].max() + 10.0
    assert isinstance(table, pd.DataFrame)
