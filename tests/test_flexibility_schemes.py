"""Error types: every scheme on sequences worked out by hand, and against plain loops."""

from __future__ import annotations

import pytest
from flexibility_examples import (
    labels,
    make_task,
    oracle_labels,
    trial_table,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.flexibility import ERROR_TYPES, SCHEMES, describe_scheme, score

# Light rule, then choose left. With the light on the right the two rules conflict: Arr is an error
# that the old rule asks for, Arl is correct. With the light on the left they agree: Alr is wrong
# under both, All is correct under both.
ACQUISITION = "Lll Lrr Lll "


def scored(text: str, **changes) -> object:
    return score(trial_table(ACQUISITION + text), make_task(**changes))


def after_switch(text: str, scheme: str, **changes) -> str:
    return labels(scored(text, **changes), scheme)[3:]


def test_floresco_block_full_blocks():
    # Block 1 has 6 errors of 8 (first trial among them): perseverative. Block 2 has 3: it ends
    # perseveration. Later errors are regressive, whatever their number. Agreeing trials in between
    # fill no slot, and errors on them are never reinforced.
    block_1 = "Arr Arr All Arr Arl Arr Arr Alr Arl Arr"
    block_2 = "Arr Arl Arl Arr Arl Alr Arr Arl Arl"
    block_3 = "Arr Arr Arr Arr Arr Arr Arr Arr"
    found = after_switch(f"{block_1} {block_2} {block_3}", "floresco_block")
    assert found == "fP.P.PPN.P" + "R..R.NR.." + "RRRRRRRR"


def test_floresco_block_with_five_errors_is_not_perseverative():
    assert after_switch("Arr Arr Arr Arr Arr Arl Arl Arl", "floresco_block") == "fRRRR..."


def test_floresco_block_with_six_errors_is_perseverative():
    assert after_switch("Arr Arr Arr Arr Arr Arr Arl Arl", "floresco_block") == "fPPPPP.."


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # Could still come to 6 errors of 8: the state at the start of a set is perseveration.
        ("Arr Arr Arl", "fP."),
        # Three correct: 6 errors have become impossible, perseveration is over.
        ("Arr Arr Arl Arl Arl", "fR..."),
        # After a perseverative block, an undecided incomplete one keeps its state ...
        ("Arr Arr Arr Arr Arr Arr Arl Arl  Arr Arl Arr", "fPPPPP..P.P"),
        # ... and a decided one does not.
        ("Arr Arr Arr Arr Arr Arr Arl Arl  Arr Arl Arl Arl", "fPPPPP..R..."),
        # After perseveration has ended it does not come back.
        ("Arr Arl Arl Arl Arl Arl Arl Arl  Arr Arr", "f.......RR"),
    ],
)
def test_floresco_block_incomplete_last_block(text, expected):
    assert after_switch(text, "floresco_block") == expected


def test_floresco_block_omissions_fill_no_slot():
    without = after_switch("Arr Arr Arr Arr Arr Arr Arl Arl Arr", "floresco_block")
    with_omissions = after_switch(
        "Arr Ar- Arr Arr Ar- Arr Arr Arr Ar- Arl Arl Arr", "floresco_block"
    )
    assert without == "fPPPPP..P"
    assert with_omissions == "foPPoPPPo..P"


def test_floresco_block_takes_the_mazes_parameters():
    maze = {"schemes": {"floresco_block": {"block": 4, "perseverative_from": 3}}}
    text = "Arr Arr Arr Arl  Arr Arr Arl Arl  Arr"
    assert after_switch(text, "floresco_block", **maze) == "fPP.RR..R"


def test_rule_consistent():
    # Agreeing trials: correct ones do not end perseveration, errors are never reinforced.
    text = "Arr All Arr Alr Arl Arr Alr Arl Arr"
    assert after_switch(text, "rule_consistent") == "f.PN.RN.R"


def test_rule_consistent_parameters():
    text = "Arr All Arr Arl Arr Arl Arr"
    on_all = {"schemes": {"rule_consistent": {"correct_on": "all"}}}
    two = {"schemes": {"rule_consistent": {"correct": 2}}}
    assert after_switch(text, "rule_consistent") == "f.P.R.R"
    assert after_switch(text, "rule_consistent", **on_all) == "f.R.R.R"
    assert after_switch(text, "rule_consistent", **two) == "f.P.P.R"


def test_widge_sequence_first_trial_wrong():
    # Trial 1 has no label; errors up to the first correct (trial 4); then until 4 in a row.
    text = "Arr Arr Alr Arl Arr Arl Arl Arr Arl Arl Arl Arl Arr"
    assert after_switch(text, "widge_sequence") == "fPP.Q..Q....R"


def test_widge_sequence_first_trial_right():
    # Errors up to the next correct after trial 1 are perseverative all the same.
    assert after_switch("Arl Arr Arr Arl Arr", "widge_sequence") == ".PP.Q"


def test_widge_sequence_looks_for_the_run_after_the_correct_that_ended_perseveration():
    # Trial 2 is that correct one: the run is trials 3 to 6, so trial 7 is regressive ...
    assert after_switch("Arr Arl Arl Arl Arl Arl Arr", "widge_sequence") == "f.....R"
    # ... while with only 3 after it there is no run yet.
    assert after_switch("Arr Arl Arl Arl Arl Arr", "widge_sequence") == "f....Q"


def test_widge_sequence_counts_omissions_as_errors():
    assert after_switch("Ar- Ar- Arl Ar- Arl Arl Arl Arl Ar-", "widge_sequence") == "fP.Q....R"


def test_widge_sequence_run_length():
    two = {"schemes": {"widge_sequence": {"run": 2}}}
    assert after_switch("Arr Arl Arl Arl Arr", "widge_sequence", **two) == "f...R"


def test_error_chain():
    # After an error: perseverative; after a correct choice: regressive; omissions are skipped.
    text = "Arr Arr Arl Alr Arr Ar- Arr Arl Ar- Arr"
    assert after_switch(text, "error_chain") == "fP.RPoP.oR"


def test_initial_run():
    text = "Arr Arr Ar- Alr All Arr Arl Arr"
    assert after_switch(text, "initial_run") == "fPoP.R.R"


def test_first_choice_is_uninformed_also_after_an_omission():
    text = "Ar- Arr Arr Arl"
    for scheme in ("floresco_block", "rule_consistent", "error_chain", "initial_run"):
        assert after_switch(text, scheme) == "ofP.", scheme
    assert after_switch(text, "widge_sequence") == "fPP."


def test_cued_switch_makes_the_first_choice_an_informed_one():
    expected = {
        "floresco_block": "PP.",
        "rule_consistent": "PP.",
        "initial_run": "PP.",
        "widge_sequence": "fP.",  # its own definition
        "error_chain": "fP.",  # it follows nothing
    }
    found = {s: after_switch("Arr Arr Arl", s, switch_is_cued=True) for s in expected}
    assert found == expected


@pytest.mark.parametrize("scheme", SCHEMES)
def test_nothing_to_perseverate_on_before_the_first_switch(scheme):
    found = labels(score(trial_table("Lrl Lrl Lr- Lrr Lrl"), make_task()), scheme)
    assert found == "..o.."


@pytest.mark.parametrize("scheme", SCHEMES)
def test_rule_of_an_earlier_session_is_a_previous_rule(scheme):
    between = score(trial_table("Arr Arr Arl Arr"), make_task(rule_before_session="light"))
    within = score(trial_table("Lrr Arr Arr Arl Arr"), make_task())
    assert labels(between, scheme) == labels(within, scheme)[1:]
    assert between.sets["previous_rule"].tolist() == ["light"]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_session_that_continues_yesterdays_rule_has_no_switch(scheme):
    scores = score(trial_table("Arr Arr Arl"), make_task(rule_before_session="left"))
    assert labels(scores, scheme) == "..."
    assert scores.sets["previous_rule"].tolist() == [""]


def test_reversal_has_conflict_on_every_trial():
    scores = score(trial_table("All All Blr Bll Brl Brr"), make_task())
    assert scores.trials["conflict"].tolist()[2:] == [True] * 4
    assert labels(scores, "rule_consistent") == "...RR."
    assert labels(scores, "floresco_block") == "...PP."
    assert scores.sets["switch"].tolist() == ["", "reversal"]


def test_rule_named_anew_is_a_new_set_without_conflict():
    scores = score(trial_table("Lll Lrr Mlr Mrl Mrr"), make_task())
    assert scores.trials["set_index"].tolist() == [1, 1, 2, 2, 2]
    assert scores.trials["conflict"].tolist()[2:] == [False] * 3
    assert labels(scores, "floresco_block") == "..fN."
    assert scores.sets["switch"].tolist() == ["", "repeat"]


def test_third_side_is_never_reinforced():
    three = make_task(
        sides=["left", "right", "middle"], rules={"left": "choose left", "right": "choose right"}
    )
    table = trial_table("All Brl Brl Brl Brr")
    table.loc[2, "choice_side"] = "middle"
    scores = score(table, three)
    for scheme in ("floresco_block", "rule_consistent"):
        assert labels(scores, scheme) == ".fNP.", scheme
    assert scores.trials["previous_rule_choice"].tolist()[1:] == [True, False, True, False]


def test_side_rule_without_cue_after_a_cue_rule_leaves_errors_untyped():
    table = trial_table("Lll Lrr Arr Arr Arl")
    table.loc[2:, "cue_side"] = ""
    scores = score(table, make_task())
    assert scores.trials["conflict"].isna().all()
    assert labels(scores, "rule_consistent") == "..f.."
    assert labels(scores, "initial_run") == "..fP."


def test_types_that_a_scheme_can_give_are_declared():
    text = ACQUISITION + "Arr Arr Alr Arl Arr Arr Ar- Arl Arl Arl Arl Arl Arl Arr"
    scores = score(trial_table(text), make_task())
    for name, scheme in SCHEMES.items():
        given_types = set(scores.trials[f"error_{name}"].astype(str)) - {"none", "omission"}
        assert given_types <= set(scheme.types)
        assert set(scheme.types) <= set(ERROR_TYPES)


def test_description_names_the_parameters():
    maze = make_task(schemes={"floresco_block": {"block": 4, "perseverative_from": 3}})
    assert "blocks of 4" in describe_scheme("floresco_block", maze)
    assert all("{" not in describe_scheme(name, maze) for name in SCHEMES)


runs_of_rules = st.lists(
    st.tuples(
        st.sampled_from("LABM"),
        st.lists(st.tuples(st.sampled_from("lr"), st.sampled_from("lr-")), min_size=1, max_size=40),
    ),
    min_size=1,
    max_size=4,
).map(
    lambda sets: " ".join(f"{rule}{cue}{choice}" for rule, words in sets for cue, choice in words)
)


@settings(max_examples=150, deadline=None)
@given(text=runs_of_rules, cued=st.booleans())
def test_schemes_agree_with_plain_loops(text, cued):
    scores = score(trial_table(text), make_task(switch_is_cued=cued))
    for scheme in SCHEMES:
        assert labels(scores, scheme) == oracle_labels(text, scheme, cued=cued), scheme


@settings(max_examples=80, deadline=None)
@given(text=runs_of_rules)
def test_relabelling_left_and_right_changes_nothing(text):
    mirror = str.maketrans("lrAB", "rlBA")
    ours = score(trial_table(text), make_task())
    theirs = score(trial_table(text.translate(mirror)), make_task())
    for scheme in SCHEMES:
        assert labels(ours, scheme) == labels(theirs, scheme)
    sides = {"rule", "previous_rule"}
    assert ours.sets.drop(columns=sides).equals(theirs.sets.drop(columns=sides))
    assert ours.session.equals(theirs.session)
    for name in ("conflict", "previous_rule_choice", "outcome", "set_index"):
        assert ours.trials[name].equals(theirs.trials[name]), name


@settings(max_examples=80, deadline=None)
@given(text=runs_of_rules, cut=st.integers(0, 160))
def test_splitting_the_log_into_files_changes_nothing(text, cut):
    whole = trial_table(text)
    parts = whole.copy()
    parts.loc[cut:, "source_file"] = "log_2.csv"
    ours, theirs = score(whole, make_task()), score(parts, make_task())
    assert ours.sets.equals(theirs.sets)
    assert ours.trials.drop(columns="source_file").equals(theirs.trials.drop(columns="source_file"))


@settings(max_examples=80, deadline=None)
@given(text=runs_of_rules)
def test_errors_are_partitioned(text):
    scores = score(trial_table(text), make_task())
    trials = scores.trials
    error, omitted = trials["outcome"] == "error", trials["outcome"] == "omission"
    typed = error & trials["conflict"].notna()
    for scheme in SCHEMES:
        found = trials[f"error_{scheme}"]
        assert (found[trials["outcome"] == "correct"] == "none").all()
        assert (found[typed] != "none").all()
        assert (found[error] != "omission").all()
        if scheme != "widge_sequence":
            assert (found[omitted] == "omission").all()
