"""What is a shift: a new label for the same sides is none, wherever shifts are counted."""

from __future__ import annotations

import importlib

import pandas as pd
import pytest

from pipeline.flexibility import SCHEMES, Task, epoch_trials, score
from pipeline.flexibility.cross_table import cross_table, scheme_agreement
from pipeline.flexibility.per_set import errors_per_shift
from pipeline.flexibility.shifts import shift_sets, shift_trials

TASK = {
    "sides": ["left", "right"],
    "rules": {"L1": "follow cue", "L2": "follow cue", "S": "choose left"},
    "criterion": {"consecutive": 3},
}
#: rule, cue side, choice; two errors right after the new label L2, three after the shift to S
ROWS = (
    "L1 l l, L1 l l, L1 l l, L2 r l, L2 r l, L2 l l, L2 l l, L2 l l, "
    "S r r, S r r, S r r, S r l, S l l, S r l"
)


def cell_of(text=ROWS, intervals=None, scheme="rule_consistent"):
    sides = {"l": "left", "r": "right"}
    parts = [trial.split() for trial in text.split(", ")]
    table = pd.DataFrame(
        [(rule, sides[cue], sides[choice]) for rule, cue, choice in parts],
        columns=["rule", "cue_side", "choice_side"],
    )
    table["t_cue"] = 10.0 * table.index
    scores = score(table, Task.model_validate(TASK))
    return scores, epoch_trials(scores, intervals, scheme=scheme)


def test_sets_and_trials_agree():
    _, cell = cell_of()
    assert shift_sets(cell.sets).tolist() == [False, False, True]
    assert shift_trials(cell.trials, cell.task).tolist() == [False] * 8 + [True] * 6
    assert len(shift_trials(cell.trials.iloc[:0], cell.task)) == 0
    assert cell.trials["error_initial_run"].iloc[3] == "first_trial"  # the labels stay


@pytest.mark.parametrize("scheme", [name for name in SCHEMES if name != "widge_sequence"])
def test_cross_table_counts_the_errors_that_the_outcomes_count(scheme):
    scores, cell = cell_of(scheme=scheme)
    for scored in (scores, cell):
        counted = cross_table(scored).set_index(["scheme", "type"])["n"]
        assert counted[scheme].sum() == 3
        for kind in SCHEMES[scheme].types:
            options = {"flexibility": {"error_scheme": scheme}}
            (value,) = errors_per_shift(cell, kind, options=options)
            assert counted[scheme, kind] == value.value, kind
    assert set(scheme_agreement(cell)["n"]) == {3}


def test_a_shift_that_began_in_an_earlier_cell_still_is_one():
    _, cell = cell_of(intervals=[[95.0, 1000.0]])
    assert not len(cell.sets)
    assert shift_trials(cell.trials, cell.task).all()


def test_accuracy_by_conflict_leaves_out_sets_of_a_new_label():
    _, cell = cell_of()
    module = importlib.import_module("pipeline.flexibility.metrics.accuracy_by_conflict")
    found = {v.band: (v.value, v.n_effective) for v in module.compute(trials=cell, options={})}
    # S against L2: cue right is conflict (three wrong, two right), cue left congruent (right)
    assert found == {"conflict": (2 / 5, 5), "congruent": (1.0, 1)}
