"""Cells of an experiment: which trials and sets they hold, and the metrics made of them."""

from __future__ import annotations

import importlib
import math
import pkgutil

import numpy as np
import pytest
from flexibility_examples import make_task, trial_table

from pipeline.errors import InputError
from pipeline.flexibility import SCHEMES, epoch_trials, metrics, score

FIRST = (
    "accuracy",
    "errors_to_criterion",
    "never_reinforced_errors",
    "omissions",
    "perseverative_errors",
    "post_perseverative_errors",
    "regressive_errors",
    "sets_completed",
    "trials_to_criterion",
)
# Trials every 10 s: set 1 at 0-20 (reached), set 2 at 30-90 (reached at 90), set 3 at 100-120.
TEXT = "Lll Lrr Lll  Arr Arr Alr Ar- Arl Arl Arl  Lrl Lrr Lrl"
SCORES = score(trial_table(TEXT), make_task())


def cell(intervals, scheme="rule_consistent", scores=SCORES):
    return epoch_trials(scores, intervals, scheme=scheme)


def compute(name: str, held, scheme: str = "rule_consistent"):
    module = importlib.import_module(f"pipeline.flexibility.metrics.{name}")
    return module.compute(trials=held, options={"flexibility": {"error_scheme": scheme}})


def only(name: str, held, scheme: str = "rule_consistent"):
    (value,) = compute(name, held, scheme)
    return value


# ---- cells ---------------------------------------------------------------------------------------


def test_whole_session():
    whole = cell(None)
    assert len(whole.trials) == 13
    assert whole.sets["set_index"].tolist() == [1, 2, 3]
    assert whole.sets["ended"].tolist() == ["switch", "switch", "session"]
    assert whole.scheme == "rule_consistent"


def test_interval_around_everything_is_the_whole_session():
    around, whole = cell([[-5.0, 1000.0]]), cell(None)
    assert around.trials.equals(whole.trials)
    assert around.sets.equals(whole.sets)


def test_set_belongs_to_the_cell_in_which_it_starts():
    # Set 2 starts in the first cell; the second cell sees its later trials, but not the set.
    first, second = cell([[0.0, 60.0]]), cell([[60.0, 500.0]])
    assert first.sets["set_index"].tolist() == [1, 2]
    assert second.sets["set_index"].tolist() == [3]
    assert first.trials["trial"].tolist() == [1, 2, 3, 4, 5, 6]
    assert second.trials["trial"].tolist() == [7, 8, 9, 10, 11, 12, 13]


def test_set_is_censored_where_the_cell_ends():
    cut = cell([[0.0, 60.0]]).sets.iloc[1]
    assert (cut["reached"], cut["censored"], cut["ended"]) == (False, True, "cut")
    assert (cut["n_trials"], cut["trials_to_criterion"], cut["errors_to_criterion"]) == (3, 3, 3)
    assert cut["t_stop"] == 50.0 and math.isnan(cut["t_criterion"])
    assert cut["rule_consistent_never_reinforced"] == 1


def test_interval_is_half_open():
    # The trial that meets the criterion is at 90 s.
    assert not cell([[0.0, 90.0]]).sets.iloc[1]["reached"]
    assert cell([[0.0, 90.1]]).sets.iloc[1]["reached"]
    assert cell([[30.0, 500.0]]).sets["set_index"].tolist() == [2, 3]
    assert cell([[30.1, 500.0]]).sets["set_index"].tolist() == [3]


def test_set_may_span_two_intervals_of_its_cell():
    # The cell's second interval ends after the criterion: not censored, and the trials between
    # the intervals count for the set, while the cell's own trials are only those inside.
    spanning = cell([[0.0, 50.0], [80.0, 95.0]])
    row = spanning.sets.iloc[1]
    assert (row["reached"], row["trials_to_criterion"], row["errors_to_criterion"]) == (True, 6, 3)
    assert spanning.trials["trial"].tolist() == [1, 2, 3, 4, 5, 9, 10]
    cut = cell([[0.0, 50.0], [80.0, 90.0]]).sets.iloc[1]
    assert (cut["censored"], cut["trials_to_criterion"]) == (True, 5)


def test_time_away_between_two_intervals_is_no_time_to_criterion():
    table = trial_table("Lll Lrr Lll Lrr")
    table["t_cue"] = [0.0, 10.0, 3600.0, 3610.0]
    scores = score(table, make_task())
    # From 0 to 3600 s; 3500 s of it lie between the intervals.
    apart = cell([[0.0, 100.0], [3600.0, 3700.0]], scores=scores)
    assert only("time_to_criterion", apart).value == pytest.approx(100.0)
    assert apart.sets["t_criterion"].tolist() == [3600.0]
    assert only("time_to_criterion", cell(None, scores=scores)).value == 3600.0
    assert only("time_to_criterion", cell([[0.0, 3700.0]], scores=scores)).value == 3600.0
    # Away after the criterion, or before the set: nothing to leave out.
    early = cell([[-90.0, -50.0], [0.0, 3605.0], [3620.0, 3700.0]], scores=scores)
    assert only("time_to_criterion", early).value == 3600.0
    # Trials between the intervals count, and so does their time.
    table["t_cue"] = [0.0, 500.0, 3600.0, 3610.0]
    at_task = cell([[0.0, 100.0], [3600.0, 3700.0]], scores=score(table, make_task()))
    assert only("time_to_criterion", at_task).value == 3600.0


def test_set_trials_are_those_that_the_sets_are_summarised_over():
    def numbers(intervals, given=()):
        held = epoch_trials(SCORES, intervals, scheme="rule_consistent", administrations_s=given)
        counted = held.set_trials.groupby("set_index").size()
        assert counted.tolist() == held.sets["n_trials"].tolist()
        return held.set_trials["trial"].tolist()

    assert numbers(None) == list(range(1, 14))
    # Trials between two intervals too; none of a set that started before; none after a dose.
    assert numbers([[0.0, 50.0], [80.0, 95.0]]) == list(range(1, 11))
    assert numbers([[40.0, 115.0]]) == [11, 12]
    assert numbers([[0.0, 50.0], [80.0, 95.0]], (60.0,)) == list(range(1, 6))


def test_set_that_ended_before_the_cell_keeps_its_ending():
    ended = cell([[0.0, 105.0]]).sets["ended"].tolist()
    assert ended == ["switch", "switch", "cut"]
    early = score(trial_table("Lll Lrl Arr Arl"), make_task())
    assert cell([[0.0, 500.0]], scores=early).sets["ended"].tolist() == ["early", "session"]


def test_cell_without_trials_is_none():
    assert cell([[500.0, 600.0]]) is None
    assert cell(np.empty((0, 2))) is None
    assert cell(None, scores=score(trial_table(TEXT), make_task(warm_up_trials=99))) is None


def test_cell_with_trials_but_no_start_of_a_set():
    middle = cell([[40.0, 80.0]])
    assert len(middle.sets) == 0
    assert list(middle.sets.columns) == list(SCORES.sets.columns)
    assert only("accuracy", middle).n_effective == 3
    for name in ("trials_to_criterion", "errors_to_criterion", "sets_completed"):
        assert compute(name, middle) == []


def test_log_without_times_has_only_the_whole_session():
    timeless = score(trial_table(TEXT).drop(columns="t_cue"), make_task())
    assert cell([[0.0, 1000.0]], scores=timeless) is None
    assert len(cell(None, scores=timeless).sets) == 3


def test_trial_without_time_stands_with_the_trial_before_it_in_its_set():
    table = trial_table(TEXT)
    table.loc[[4, 9], "t_cue"] = np.nan
    scores = score(table, make_task())
    row = cell([[0.0, 85.0]], scores=scores).sets.iloc[1]
    # Trial 10 (no time) stands at 80 s with trial 9 and completes the set.
    assert (row["reached"], row["n_trials"]) == (True, 7)
    assert 5 not in cell([[0.0, 85.0]], scores=scores).trials["trial"].tolist()


def test_warm_up_trials_are_in_no_cell():
    scores = score(trial_table(TEXT), make_task(warm_up_trials=2))
    assert cell([[0.0, 40.0]], scores=scores).trials["trial"].tolist() == [3, 4]


def test_unknown_scheme_and_bad_intervals_are_refused():
    with pytest.raises(InputError, match="did you mean 'floresco_block'"):
        cell(None, scheme="floresco_blocks")
    with pytest.raises(InputError, match="expected finite numbers with stop after start"):
        cell([[10.0, 0.0]])


# ---- metrics -------------------------------------------------------------------------------------


def test_trials_to_criterion_is_the_mean_over_completed_sets():
    value = only("trials_to_criterion", cell(None))
    # Sets of 3 and 6 trials; the unfinished third is left out (the published convention).
    assert (value.value, value.censored, value.n_effective) == (4.5, False, 2)
    assert value.n_effective_unit == "sets"


def test_trials_to_criterion_is_censored_where_no_set_was_completed():
    value = only("trials_to_criterion", cell([[25.0, 85.0]]))
    assert (value.value, value.censored, value.n_effective) == (5.0, True, 0)
    errors = only("errors_to_criterion", cell([[25.0, 85.0]]))
    assert (errors.value, errors.censored) == (3.0, True)


def test_errors_to_criterion():
    value = only("errors_to_criterion", cell(None))
    assert (value.value, value.censored) == (1.5, False)


def test_all_omissions_say_nothing_on_the_criterion():
    silent = cell(None, scores=score(trial_table("Ll- Lr-"), make_task()))
    assert compute("trials_to_criterion", silent) == []
    assert compute("accuracy", silent) == []
    assert only("omissions", silent).value == 1.0
    assert only("sets_completed", silent).value == 0.0


def test_accuracy_and_omissions():
    accuracy, omissions = only("accuracy", cell(None)), only("omissions", cell(None))
    assert accuracy.value == pytest.approx(7 / 12) and accuracy.n_effective == 12
    assert omissions.value == pytest.approx(1 / 13) and omissions.n_effective == 13
    perfect = only("accuracy", cell([[0.0, 30.0]]))
    assert (perfect.value, perfect.n_effective) == (1.0, 3)


def test_sets_completed():
    assert only("sets_completed", cell(None)).value == 2
    assert only("sets_completed", cell([[0.0, 60.0]])).value == 1


def test_errors_by_type_are_per_completed_shift():
    # Set 1 follows no rule and set 3 is unfinished: only set 2 counts.
    held = cell(None)
    assert only("perseverative_errors", held).value == 1  # Arr Arr: first trial, perseverative
    assert only("perseverative_errors", held).n_effective == 1
    assert only("regressive_errors", held).value == 0
    assert only("never_reinforced_errors", held).value == 1
    widge = cell(None, "widge_sequence")
    # Errors at trials 2 and 3 of the set, and the omission.
    assert only("perseverative_errors", widge, "widge_sequence").value == 3


def test_errors_that_a_scheme_does_not_know_give_no_value():
    assert compute("never_reinforced_errors", cell(None, "initial_run"), "initial_run") == []
    assert compute("post_perseverative_errors", cell(None)) == []
    assert compute("perseverative_errors", cell([[0.0, 60.0]])) == []


def test_sets_with_errors_that_cannot_be_typed_give_no_error_count():
    # Without cues the light rule's side is unknown: zero perseverative errors would be a lie.
    table = trial_table("Lll Lrr Lll  Arr Arr Arr Arl Arl Arl").drop(columns="cue_side")
    scores = score(table, make_task())
    assert compute("perseverative_errors", cell(None, scores=scores)) == []
    initial = cell(None, "initial_run", scores=scores)
    assert only("perseverative_errors", initial, "initial_run").value == 2


def test_scheme_of_cell_and_options_must_be_one():
    with pytest.raises(ValueError, match="cut for rule_consistent, the options name error_chain"):
        compute("perseverative_errors", cell(None), "error_chain")


def test_every_metric_declares_itself():
    for module in pkgutil.iter_modules(metrics.__path__):
        name = module.name
        metric = importlib.import_module(f"pipeline.flexibility.metrics.{name}").METRIC
        assert metric.name == name
        assert (metric.domain, metric.entity, metric.grain) == ("flexibility", "animal", "cell")
        assert metric.definition and metric.reference


@pytest.mark.parametrize("name", FIRST)
def test_values_are_finite_under_every_scheme(name):
    for scheme in SCHEMES:
        for value in compute(name, cell(None, scheme), scheme):
            assert math.isfinite(value.value)
