"""Observations to outcomes: intervals, scales, units, baselines, and what is left out."""

from __future__ import annotations

import cohorts
import numpy as np
import pandas as pd
import pytest
from cohorts import metric, metrics, observation, observations

from pipeline.compare import build_outcomes
from pipeline.compare.tables import DROPPED, OUTCOMES
from pipeline.experiment.plan import PlanOutcome

PLAIN = metrics(metric(baseline="none"))


def build(*rows, plan=None, known=PLAIN):
    return build_outcomes(observations(*rows), plan or cohorts.plan(), known)


def one(*rows, plan=None, known=PLAIN):
    """The only analysed outcome."""
    table = build(*rows, plan=plan, known=known).table
    acute = table[table["phase"] == "acute"]
    assert len(acute) == 1
    return acute.iloc[0]


def test_intervals_are_weighted_by_seconds():
    row = one(
        observation(interval=1, seconds=100.0, value=1.0, since_dose_s=300.0, n_effective=10.0),
        observation(interval=2, seconds=300.0, value=5.0, since_dose_s=900.0, n_effective=30.0),
    )
    assert row.value == pytest.approx((100 * 1 + 300 * 5) / 400)
    assert row.seconds == 400
    assert row.n_effective == 40
    assert row.since_dose_s == pytest.approx((100 * 300 + 300 * 900) / 400)
    assert (row.since_dose_first_s, row.since_dose_last_s) == (300, 900)


def test_intervals_are_weighted_by_n_effective():
    known = metrics(metric(baseline="none", weight="n_effective"))
    rows = (
        observation(interval=1, seconds=100.0, value=1.0, n_effective=30.0),
        observation(interval=2, seconds=900.0, value=5.0, n_effective=10.0),
    )
    assert one(*rows, known=known).value == pytest.approx((30 * 1 + 10 * 5) / 40)


def test_intervals_are_combined_before_the_logarithm():
    known = metrics(metric(baseline="none", scale="dB"))
    rows = (observation(interval=1, value=1.0), observation(interval=2, value=3.0))
    assert one(*rows, known=known).value == pytest.approx(10 * np.log10(2.0))


def test_intervals_without_weight_are_recorded():
    known = metrics(metric(baseline="none", weight="n_effective"))
    nan = float("nan")
    built = build(
        observation(interval=1, n_effective=nan),
        observation(interval=2, n_effective=nan),
        known=known,
    )
    assert built.table.empty
    assert "cannot be weighted" in built.dropped["reason"].item()


@pytest.mark.parametrize(
    ("changes", "value", "expected", "other"),
    [
        ({"scale": "dB"}, 100.0, 20.0, 100.0),
        ({"scale": "log2"}, 8.0, 3.0, 8.0),
        ({"scale": "log2", "zero_offset": "half_count"}, 0.0, np.log2(0.5 / 600), 0.0),
        ({"scale": "log2", "zero_offset": "half_count"}, 2.0, np.log2(2 + 0.5 / 600), 2.0),
        ({"scale": "count"}, 3.0, np.log2(3.5), 3.0),
        ({"scale": "count"}, 0.0, -1.0, 0.0),
        ({"scale": "logit"}, 0.75, np.log(75.5 / 25.5), 0.75),
        ({"scale": "logit"}, 1.0, np.log(100.5 / 0.5), 1.0),
        ({"scale": "logit", "counted": False}, 0.75, np.log(3), 0.75),
        ({"scale": "linear"}, 4.0, 4.0, 2.0),
        ({"scale": "linear"}, -4.0, -4.0, np.nan),
        ({"scale": "time_to_event"}, 32.0, 32.0, 5.0),
    ],
)
def test_scales(changes, value, expected, other):
    known = metrics(metric(baseline="none", **changes))
    row = one(observation(value=value), known=known)
    assert row.value == pytest.approx(expected)
    assert row.value_other == pytest.approx(other, nan_ok=True)
    assert (row.other_scale == "") == np.isnan(other)


def test_other_scale_holds_for_a_whole_outcome_or_not_at_all():
    rows = [observation(value=v, session=f"S{v}", animal=f"A{v}") for v in (1.0, -1.0)]
    table = build(*rows).table
    assert table["value_other"].isna().all()
    assert set(table["other_scale"]) == {""}


@pytest.mark.parametrize(
    ("value", "scale", "reason"),
    [
        (0.0, "dB", "0 has no value on the dB scale"),
        (float("nan"), "linear", "not a finite number"),
        (float("inf"), "linear", "not a finite number"),
    ],
)
def test_values_without_a_place_on_the_scale_are_recorded(value, scale, reason):
    known = metrics(metric(baseline="none", scale=scale))
    built = build(observation(value=value), observation(session="S2", animal="A2"), known=known)
    assert list(built.table["session"]) == ["S2"]
    dropped = built.dropped.iloc[0]
    assert dropped.session == "S1"
    assert dropped.outcome == "power@mPFC"
    assert reason in dropped.reason


def test_logit_needs_the_number_of_trials():
    known = metrics(metric(baseline="none", scale="logit"))
    built = build(observation(value=0.5, n_effective=float("nan")), known=known)
    assert built.table.empty
    assert "logit" in built.dropped["reason"].item()


def test_the_share_of_an_amount_does_not_depend_on_how_much_was_measured():
    known = metrics(metric(baseline="none", scale="logit", counted=False))
    few, many = (one(observation(value=0.02, n_effective=n), known=known) for n in (10, 1000))
    assert few.value == many.value == pytest.approx(np.log(0.02 / 0.98))
    nothing = build(observation(value=0.0), known=known)
    assert "0 has no value on the logit scale" in nothing.dropped["reason"].item()


def test_short_cells_are_recorded_but_trials_are_not_short():
    known = metrics(metric(baseline="none"), metric("accuracy", needs=("trials",), baseline="none"))
    built = build(
        observation(seconds=20.0),
        observation(seconds=20.0, metric="accuracy", region=""),
        known=known,
    )
    assert list(built.table["outcome"]) == ["accuracy"]
    dropped = built.dropped.iloc[0]
    assert (dropped.outcome, dropped.seconds) == ("power@mPFC", 20)
    assert "minimum_epoch_s (30 s)" in dropped.reason


def test_short_intervals_add_up_to_a_long_cell():
    row = one(observation(interval=1, seconds=20.0), observation(interval=2, seconds=20.0))
    assert row.seconds == 40


def neurons(n, *, value=2.0, **changes):
    return [
        observation(metric="rate", unit_id=f"u{index}", value=value * 2.0**index, **changes)
        for index in range(n)
    ]


RATE = metrics(metric("rate", entity="unit", scale="log2", baseline="none"))
RATE_CHANGE = metrics(metric("rate", entity="unit", scale="log2"))


def test_units_are_averaged_on_the_scale():
    row = one(*neurons(5), known=RATE)
    assert row.value == pytest.approx(np.mean([1, 2, 3, 4, 5]))
    assert row.n_entities == 5
    assert row.value_other == pytest.approx(np.mean([2, 4, 8, 16, 32]))


def test_too_few_units_make_a_missing_cell():
    built = build(*neurons(4), known=RATE)
    assert built.table.empty
    assert built.dropped["reason"].item() == "fewer than 5 units"
    assert built.dropped["n_entities"].item() == 4


def test_value_and_baseline_rest_on_the_same_units():
    acute = neurons(8, value=4.0)
    before = neurons(9, phase="baseline", since_dose_s=-600.0)[2:]
    row = one(*acute, *before, known=RATE_CHANGE)
    assert row.n_entities == 6
    assert row.n_entities_unmatched == 3
    assert row.value == pytest.approx(np.mean([4, 5, 6, 7, 8, 9]))
    assert row.baseline_value == pytest.approx(row.value - 1)


def test_too_few_common_units_make_a_missing_cell():
    built = build(*neurons(6), *neurons(8, phase="baseline")[2:], known=RATE_CHANGE)
    assert list(built.table["phase"]) == ["baseline"]
    assert "both value and baseline" in built.dropped["reason"].item()


CHANGE = metrics(metric())


def test_baseline_is_the_sessions_own_in_the_same_context():
    row = one(
        observation(value=7.0),
        observation(phase="baseline", value=2.0),
        observation(phase="baseline", context="open_field", value=100.0),
        observation(phase="baseline", session="S2", anchor="A1.2", value=1000.0),
        known=CHANGE,
    )
    assert (row.value, row.baseline_value) == (7.0, 2.0)
    assert row.baseline_source == "own session"


def test_baseline_from_a_declared_context():
    plan = cohorts.plan(baseline_context="open_field")
    rows = (
        observation(value=7.0),
        observation(phase="baseline", value=2.0),
        observation(phase="baseline", context="open_field", value=3.0),
    )
    assert one(*rows, plan=plan, known=CHANGE).baseline_value == 3.0


def test_baseline_is_on_the_same_scale_and_split():
    known = metrics(metric(scale="dB"))
    row = one(
        observation(value=100.0, split="movement", split_level="rest"),
        observation(phase="baseline", value=10.0, split="movement", split_level="rest"),
        observation(phase="baseline", value=1.0, split="movement", split_level="run"),
        known=known,
    )
    assert row.baseline_value == pytest.approx(10.0)
    assert row.baseline_other == pytest.approx(10.0)


def test_baseline_rows_stay_with_their_own_value():
    built = build(observation(value=7.0), observation(phase="baseline", value=2.0), known=CHANGE)
    before = built.table[built.table["phase"] == "baseline"].iloc[0]
    assert before.value == 2.0
    assert np.isnan(before.baseline_value)


def test_a_cell_without_baseline_is_missing_and_recorded():
    built = build(
        observation(value=7.0),
        observation(phase="baseline", context="open_field", value=2.0),
        # another session of the animal has one, but this session has a baseline phase of its own
        observation(phase="baseline", session="S0", value=1.0),
        known=CHANGE,
    )
    assert "acute" not in set(built.table["phase"])
    assert built.dropped["reason"].item() == "no baseline in this context"


def test_without_the_rule_change_a_lacking_baseline_is_no_loss():
    row = one(observation(value=7.0))
    assert np.isnan(row.baseline_value)
    assert row.baseline_rule == "none"


def test_the_plan_overrides_the_metrics_baseline_rule():
    plan = cohorts.plan(baseline={"power": "none"})
    row = one(observation(value=7.0), plan=plan, known=CHANGE)
    assert row.baseline_rule == "none"


def test_baseline_from_other_sessions_by_anchor():
    row = one(
        observation(session="S3", value=7.0),
        observation(session="S1", phase="baseline", value=2.0),
        observation(session="S2", phase="baseline", value=3.0),
        observation(session="S0", phase="baseline", anchor="A1.0", value=100.0),
        observation(session="T1", animal="A2", anchor="A2.1", phase="baseline", value=100.0),
        known=CHANGE,
    )
    assert row.baseline_value == 2.5
    assert row.baseline_source == "other session"


def test_a_follow_up_uses_the_baseline_of_its_anchors_session():
    plan = cohorts.plan(phases=("acute", "day+1"))
    rows = [
        observation(phase="baseline", value=2.0),
        observation(value=5.0),
        observation(step=2, anchor="A1.2", value=6.0),
        observation(session="S2", phase="day+1", step=2, anchor="A1.2", value=9.0),
    ]
    table = build(*rows, plan=plan, known=CHANGE).table
    after = table[table["phase"] == "day+1"].iloc[0]
    assert (after.value, after.baseline_value) == (9.0, 2.0)
    assert after.baseline_source == "other session"


def test_neurons_of_two_sessions_are_not_matched_by_name():
    rows = [
        *neurons(6, session="S2", value=4.0),
        *neurons(5, session="S1", phase="baseline"),
    ]
    row = one(*rows, known=RATE_CHANGE)
    assert row.n_entities == 6
    assert row.baseline_value == pytest.approx(np.mean([1, 2, 3, 4, 5]))


def test_steps_share_the_sessions_one_baseline():
    rows = [observation(phase="baseline", value=2.0)]
    rows += [observation(step=s, anchor=f"A1.{s}", value=5.0 + s) for s in (1, 2, 3)]
    table = build(*rows, known=CHANGE).table
    acute = table[table["phase"] == "acute"]
    assert list(acute["step"]) == [1, 2, 3]
    assert set(acute["baseline_value"]) == {2.0}


def test_outcome_ids_and_priorities():
    plan = cohorts.plan(primary=("power/theta@mPFC",), secondary=("power",))
    rows = [
        observation(band="theta"),
        observation(band="gamma"),
        observation(band="theta", region="mPFC", region_b="CA1"),
        observation(metric="speed", region=""),
    ]
    known = PLAIN | metrics(metric("speed", baseline="none"))
    table = build(*rows, plan=plan, known=known).table.set_index("outcome")
    assert table["priority"].to_dict() == {
        "power/theta@mPFC": "primary",
        "power/gamma@mPFC": "secondary",
        "power/theta@mPFC~CA1": "secondary",
        "speed": "exploratory",
    }


def test_declared_outcomes_need_no_seconds():
    declared = {"spine_density": PlanOutcome(label="Spine density", scale="log2")}
    plan = cohorts.plan(declared=declared)
    nan = float("nan")
    row = one(
        observation(metric="spine_density", interval=0, value=8.0, seconds=nan, n_effective=nan),
        plan=plan,
        known={},
    )
    assert (row.value, row.domain, row.baseline_rule) == (3.0, "other", "none")


def test_factors_are_kept():
    plan = cohorts.plan(factors=("litter", "weight_g"))
    row = one(observation(litter="L7", weight_g=310.5), plan=plan)
    assert (row.litter, row.weight_g) == ("L7", 310.5)


def test_censoring_is_kept():
    known = metrics(metric(scale="time_to_event", needs=("trials",), baseline="none"))
    assert one(observation(value=200.0, censored=True), known=known).censored


def test_row_order_changes_nothing():
    rng = np.random.default_rng(1)
    rows = [
        observation(
            session=f"S{a}",
            animal=f"A{a}",
            phase=phase,
            interval=i,
            metric="rate",
            unit_id=f"u{u}",
            value=rng.random() + 0.1,
            seconds=rng.random() * 100 + 30,
        )
        for a in range(3)
        for phase in ("baseline", "acute")
        for i in (1, 2, 3)
        for u in range(7)
    ]
    first = build(*rows, known=RATE_CHANGE)
    mixed = build(*[rows[i] for i in rng.permutation(len(rows))], known=RATE_CHANGE)
    pd.testing.assert_frame_equal(first.table, mixed.table, check_exact=True)


def test_no_observations_give_empty_tables_with_the_right_columns():
    plan = cohorts.plan(factors=("litter",))
    empty = observations(observation(litter="L1")).iloc[:0]
    for given in (pd.DataFrame(), empty):
        built = build_outcomes(given, plan, PLAIN)
        assert list(built.table.columns) == [*OUTCOMES, "litter"]
        assert list(built.dropped.columns) == list(DROPPED)
        assert built.table.empty
    full = build(observation(), plan=cohorts.plan()).table
    empty_types = build_outcomes(pd.DataFrame(), cohorts.plan(), PLAIN).table.dtypes
    assert (full.dtypes == empty_types).all()
