"""What must not change the scores: names of the sides, logs in two files; and real logs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import yaml
from flexibility_examples import make_task
from hypothesis import given, settings
from hypothesis import strategies as st
from test_flexibility_metrics import NAMES, compute
from test_flexibility_real import REVERSAL, fed3_logs, fed3_trials

from pipeline.flexibility import SCHEMES, Task, epoch_trials, score
from pipeline.flexibility.cross_table import cross_table, scheme_agreement
from pipeline.flexibility.phases import learning_phases
from pipeline.flexibility.switches import switch_aligned
from pipeline.steps.extract_trials import join_trials

TYPED = ("perseverative_errors", "regressive_errors")
ALL = (
    *NAMES,
    *TYPED,
    "accuracy",
    "errors_to_criterion",
    "omissions",
    "sets_completed",
    "trials_to_criterion",
)
OTHER = {"left": "right", "right": "left", "": ""}
sessions = st.lists(
    st.tuples(
        st.sampled_from(["light", "left", "right"]),
        st.integers(1, 12),
        st.integers(0, 2**24),
    ),
    min_size=1,
    max_size=6,
)


def session_table(blocks, *, seed=0):
    """Blocks of trials under one rule each; cues, choices and omissions from the block's bits."""
    rows = []
    for rule, length, bits in blocks:
        for i in range(length):
            cue = ("left", "right")[bits >> i & 1]
            choice = ("left", "right")[bits >> (i + 12) & 1]
            omitted = bits % 7 == i % 7
            rows.append((rule, cue, "" if omitted else choice))
    table = pd.DataFrame(rows, columns=["rule", "cue_side", "choice_side"])
    rng = np.random.default_rng(seed)
    table.insert(0, "trial", np.arange(1, len(rows) + 1))
    table["t_cue"] = np.arange(len(rows)) * 10.0
    table["t_init"] = table["t_cue"] + rng.uniform(0.1, 1.0, len(rows))
    latency = np.where(table["choice_side"] == "", np.nan, rng.uniform(0.2, 3.0, len(rows)))
    table["latency_choice"] = latency
    table["t_choice"] = table["t_init"] + latency
    table["t_reward"] = table["t_choice"] + 0.4
    table["source_file"], table["source_row"] = "log.csv", np.arange(len(rows)) + 2
    return table


def everything(table, task):
    """All values of all metrics, in the whole session and in a cell of two intervals."""
    scores = score(table, task)
    found = {}
    for which, intervals in (("whole", None), ("cell", [[0.0, 145.0], [160.0, 400.0]])):
        cut = epoch_trials(scores, intervals, scheme="floresco_block")
        for scheme in SCHEMES if cut is not None else ():
            cell = replace(cut, scheme=scheme)
            # Those that do not read the scheme are computed once.
            names = ALL if scheme == "floresco_block" else TYPED
            for name in names:
                for value in compute(name, cell):
                    found[which, scheme, name, value.band] = (
                        round(value.value, 9),
                        value.censored,
                        value.n_effective,
                    )
    return scores, found


@settings(max_examples=6, deadline=None)
@given(blocks=sessions)
def test_relabelling_left_and_right_changes_no_score(blocks):
    table = session_table(blocks)
    mirrored = table.assign(
        rule=table["rule"].replace(OTHER),
        cue_side=table["cue_side"].replace(OTHER),
        choice_side=table["choice_side"].replace(OTHER),
    )
    (scores, found), (mirror, same) = (everything(t, make_task()) for t in (table, mirrored))
    assert found == same
    for scheme in SCHEMES:
        assert (scores.trials[f"error_{scheme}"] == mirror.trials[f"error_{scheme}"]).all()
    pd.testing.assert_frame_equal(switch_aligned(scores), switch_aligned(mirror))
    names = [name for name in scores.sets if name not in ("rule", "previous_rule")]
    pd.testing.assert_frame_equal(scores.sets[names], mirror.sets[names])


@settings(max_examples=6, deadline=None)
@given(blocks=sessions, where=st.floats(0, 1))
def test_one_log_in_two_files_has_the_same_scores(blocks, where):
    table = session_table(blocks)
    cut = int(where * len(table))
    parts = [
        table[a:b].assign(source_file=name, source_row=np.arange(b - a) + 2)
        for a, b, name in ((0, cut, "one.csv"), (cut, len(table), "two.csv"))
        if b > a
    ]
    joined = join_trials(parts, ["one", "two"][: len(parts)])
    (scores, found), (again, same) = (everything(t, make_task()) for t in (table, joined))
    assert found == same
    pd.testing.assert_frame_equal(switch_aligned(scores), switch_aligned(again))
    for scheme in SCHEMES:
        pd.testing.assert_frame_equal(
            learning_phases(scores, scheme=scheme), learning_phases(again, scheme=scheme)
        )


@settings(max_examples=30, deadline=None)
@given(blocks=sessions, before=st.integers(0, 4), after=st.integers(0, 6))
def test_lags_agree_with_plain_loops(blocks, before, after):
    scores = score(session_table(blocks), make_task())
    trials, sets = scores.trials, scores.sets
    expected = {}
    for number in range(1, len(sets)):
        if sets["switch"][number] == "repeat":
            continue
        first = int((trials["set_index"] == number + 1).argmax())
        for i in range(max(first - before, 0), min(first + after + 1, len(trials))):
            wanted = number if i < first else number + 1
            if trials["set_index"][i] == wanted:
                key = (sets["direction"][number], i - first)
                done = expected.setdefault(key, [0, 0, 0])
                outcome = trials["outcome"][i]
                done[0] += outcome != "omission"
                done[1] += outcome == "correct"
                old = make_task().correct_sides(sets["rule"][number - 1])[trials["cue_side"][i]]
                done[2] += outcome != "omission" and trials["choice_side"][i] == old
    table = switch_aligned(scores, before=before, after=after)
    table = table[(table["kind"] == "all") & (table["n_trials"] + table["n_omissions"] > 0)]
    columns = ["n_trials", "n_correct", "n_previous_rule"]
    found = {
        (row.direction, row.lag): [getattr(row, name) for name in columns]
        for row in table.itertuples()
    }
    assert found == expected


@pytest.mark.real
def test_real_reversal_logs_give_every_table(real_data):
    task = Task.model_validate(yaml.safe_load(REVERSAL.read_text(encoding="utf-8")))
    for path in fed3_logs(real_data):
        scores = score(fed3_trials(path)[0], task)
        cell = epoch_trials(scores, None, scheme="initial_run")
        curves = switch_aligned(scores)
        reversals = int((scores.sets["switch"] == "reversal").sum())
        assert curves["n_switches"].unique().tolist() == [reversals], path.name
        # Every trial of a reversal is a conflict: nothing is congruent, and choices sum up.
        kinds = curves.groupby("kind")[["n_trials", "n_correct", "n_previous_rule"]].sum()
        assert kinds.loc["congruent"].sum() == 0
        after = curves[(curves["kind"] == "conflict") & (curves["lag"] >= 0)]
        assert (after["n_correct"] + after["n_previous_rule"] == after["n_trials"]).all()
        errors = int(
            (scores.trials["outcome"] == "error")[cell.trials["previous_rule"] != ""].sum()
        )
        assert cross_table(scores).groupby("scheme")["n"].sum().tolist() == [errors] * 5
        assert len(scheme_agreement(scores)) == 10
        phases = learning_phases(scores, scheme="initial_run")
        assert (phases["t_start"] < phases["t_stop"]).all()
        for name in ALL:
            if "errors" not in name or name == "errors_to_criterion":
                for value in compute(name, cell):
                    assert np.isfinite(value.value), (path.name, name)


@pytest.mark.real
def test_real_probabilistic_vectors_give_plain_win_stay(real_data):
    task = Task.model_validate(
        {
            "sides": ["lick", "wait"],
            "rules": {"likely": "choose lick", "unlikely": "reverse likely"},
            "criterion": {"m": 18, "of": 20},
            "probabilistic": True,
        }
    )
    for folder in sorted(real_data.glob("hjort_reversal/Sample_Choice_Data/A*")):
        choice, outcome = np.load(folder / "HL_choice.npy"), np.load(folder / "HL_outcome.npy")
        trials = pd.DataFrame(
            {
                "rule": np.where(np.arange(160) < 60, "likely", "unlikely"),
                "choice_side": np.where(choice == 1, "lick", "wait"),
                "rewarded": outcome == 1,
            }
        )
        cell = epoch_trials(score(trials, task), None, scheme="initial_run")
        same, won = choice[1:] == choice[:-1], outcome[:-1] == 1
        for name, mask, stays in (("win_stay", won, same), ("lose_shift", ~won, ~same)):
            found = {value.band: value for value in compute(name, cell)}
            assert found["side"].value == pytest.approx(stays[mask].mean()), folder.name
            assert found["side"].n_effective == mask.sum()
            parts = [v.n_effective for band, v in found.items() if band.startswith("side_")]
            assert sum(parts) == mask.sum()
            assert "cue" not in found
