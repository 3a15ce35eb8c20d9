"""A cohort's labels are shuffled as they were assigned, and the rates are those of compare."""

from __future__ import annotations

from types import SimpleNamespace

import cohorts
import numpy as np
import pandas as pd
import pytest
from cohorts import condition, grid, metrics, noise, outcomes, question

from pipeline.compare import compare
from pipeline.steps.shuffles import (
    COLUMNS,
    Block,
    Exchange,
    arrangements,
    blocks_of,
    calibrate_cohort,
    find_exchanges,
    relabelled,
    shuffled,
    shuffles,
    why_not,
)

FOUR = ("vehicle", "psilocybin", "ketamine", "mdma")


def table_of(rows, value=None):
    return outcomes(rows, noise(rows) if value is None else value)


def plan_of(*names, **changes):
    conditions = (condition("vehicle", None), *(condition(name) for name in names[1:]))
    return cohorts.plan(conditions=conditions, **changes)


def exchanges_of(table, plan):
    return find_exchanges(blocks_of(table, plan))


def draw(table, plan, seed=0):
    return relabelled(table, shuffled(exchanges_of(table, plan), np.random.default_rng(seed)))


def labels(table, *by):
    return table.groupby(list(by))["condition"].agg(lambda x: tuple(sorted(set(x))))


def moved(table, plan, n=20):
    """Several shuffles; at least one of them is another arrangement."""
    exchanges = exchanges_of(table, plan)
    drawn = [
        relabelled(table, shuffled(exchanges, np.random.default_rng(seed))) for seed in range(n)
    ]
    assert any((one["condition"] != table["condition"]).any() for one in drawn)
    return drawn


KEPT = ["animal", "session", "anchor", "period", "context", "since_dose_s", "value", "step"]


@pytest.mark.parametrize("drug", ["within", "between"])
def test_a_shuffle_moves_labels_and_nothing_else(drug):
    table = table_of(grid(6, drug=drug))
    for one in moved(table, plan_of("vehicle", "psilocybin")):
        pd.testing.assert_frame_equal(one[KEPT], table[KEPT])
        assert (one["drug"] == one["condition"]).all()
        assert (labels(one, "session").map(len) == 1).all()


def test_crossovers_shuffle_whole_sessions_within_animals():
    table = table_of(grid(6, FOUR))
    for one in moved(table, plan_of(*FOUR)):
        per_animal = one.drop_duplicates("session").groupby("animal")["condition"].apply(sorted)
        assert (per_animal.map(tuple) == tuple(sorted(FOUR))).all()


def test_shuffles_reach_every_order_alike():
    table = table_of(grid(3, FOUR[:2]))
    exchanges = exchanges_of(table, plan_of(*FOUR[:2]))
    rng = np.random.default_rng(0)
    first = table.drop_duplicates("anchor").set_index("anchor")["condition"]
    seen = []
    for _ in range(800):
        source = shuffled(exchanges, rng)
        seen.append(tuple(first[source[name]] == "vehicle" for name in sorted(first.index)))
    counts = pd.Series(seen).value_counts()
    assert len(counts) == 8  # 2 ** 3 animals
    assert counts.min() > 60


def test_parallel_groups_shuffle_animals_and_keep_their_sizes():
    rows = grid(5, drug="between")
    table = table_of(rows)
    for one in moved(table, plan_of("vehicle", "psilocybin")):
        per_animal = labels(one, "animal")
        assert (per_animal.map(len) == 1).all()
        assert (per_animal.value_counts() == 5).all()


def test_a_modifier_between_animals_keeps_its_cells():
    rows = grid(4, drug="between", levels=("F", "M"), modifier="between", column="sex")
    table = table_of(rows)
    plan = plan_of("vehicle", "psilocybin", questions=(question("sex", ("F", "M")),))
    assert len(exchanges_of(table, plan)) == 2
    for one in moved(table, plan):
        animals = one.drop_duplicates("animal")
        assert (animals.groupby(["condition", "sex"]).size() == 4).all()


def test_an_animal_keeps_one_label_over_levels_that_come_with_sessions():
    """Drug between animals, each dosed in two places: labels move by animal, not by session."""
    rows = grid(5, drug="between", levels=("home", "task"), column="dosing_context")
    rows["session"] += "_" + rows["dosing_context"]
    rows["anchor"] = rows["session"]
    table = table_of(rows)
    plan = plan_of(
        "vehicle", "psilocybin", questions=(question("dosing_context", ("home", "task")),)
    )
    for one in moved(table, plan):
        assert (labels(one, "animal").map(len) == 1).all()


def test_labels_stay_with_the_level_that_they_were_given_in():
    """Drug and vehicle in two places each, all in every animal: exchanged place by place."""
    rows = grid(5, levels=("home", "task"), column="dosing_context")
    rows["session"] += "_" + rows["dosing_context"]
    rows["anchor"] = rows["session"]
    table = table_of(rows)
    plan = plan_of(
        "vehicle", "psilocybin", questions=(question("dosing_context", ("home", "task")),)
    )
    assert arrangements(exchanges_of(table, plan)) == pytest.approx(2**10)
    for one in moved(table, plan):
        sessions = one.drop_duplicates("session")
        per = sessions.groupby(["animal", "dosing_context"])["condition"].nunique()
        assert (per == 2).all()


def test_a_drug_after_an_antagonist_changes_places_with_its_own_vehicle_only():
    names = ("vehicle", "psilocybin", "ketanserin_vehicle", "psilocybin_ketanserin")
    plan = cohorts.plan(
        conditions=(
            condition("vehicle", None),
            condition("psilocybin"),
            condition("ketanserin_vehicle", None, pretreatment="ketanserin"),
            condition(
                "psilocybin_ketanserin",
                "ketanserin_vehicle",
                drug="psilocybin",
                pretreatment="ketanserin",
            ),
        )
    )
    rows = grid(5, names)
    rows["pretreatment"] = np.where(rows["condition"].str.contains("ketanserin"), "ketanserin", "")
    table = table_of(rows)
    assert arrangements(exchanges_of(table, plan)) == pytest.approx(2**10)
    for one in moved(table, plan):
        assert (one["pretreatment"] == table["pretreatment"]).all()


def test_doses_of_one_session_move_together_and_follow_ups_with_them():
    rows = []
    for animal in ("a", "b", "c"):
        for number, first in enumerate(("vehicle", "psilocybin")):
            session = f"{animal}{number}"
            common = {"animal": animal, "period": number + 1, "context": "home_cage"}
            for step, name in ((1, first), (2, "psilocybin")):
                anchor = f"{session}.{step}"
                one = common | {"session": session, "anchor": anchor, "step": step}
                rows.append(one | {"condition": name, "drug": name})
            # the next day has no dose of its own
            later = common | {"session": f"{session}_day1", "anchor": f"{session}.2", "step": 2}
            rows.append(later | {"condition": "psilocybin", "drug": "psilocybin"})
    table = table_of(pd.DataFrame(rows))
    plan = plan_of("vehicle", "psilocybin")
    blocks = blocks_of(table, plan)
    assert {block.anchors for block in blocks} == {
        (f"{animal}{number}.1", f"{animal}{number}.2") for animal in "abc" for number in (0, 1)
    }
    for one in moved(table, plan):
        first = one[one["step"] == 1].groupby("animal")["condition"].apply(set)
        assert (first == {"vehicle", "psilocybin"}).all()
        assert set(one[one["step"] == 2]["condition"]) == {"psilocybin"}


def test_rows_before_any_dose_keep_their_label():
    table = table_of(grid(4))
    before = table[table["condition"] == "vehicle"].assign(anchor="", condition="none", drug="")
    both = pd.concat([table, before], ignore_index=True)
    for one in moved(both, plan_of("vehicle", "psilocybin")):
        assert (one.loc[both["anchor"] == "", "condition"] == "none").all()


def test_cage_mates_in_a_crossover_move_together():
    table = table_of(grid(6))
    first = np.where(table["cage"].str[-1].astype(int) % 2, "vehicle", "psilocybin")
    same = table.assign(period=np.where(table["condition"] == first, 1, 2))
    plan = plan_of("vehicle", "psilocybin", unit="cage")
    assert arrangements(exchanges_of(same, plan)) == pytest.approx(2**3)
    for seed in range(20):
        one = draw(same, plan, seed).drop_duplicates("session")
        order = one.sort_values("period").groupby("animal")["condition"].apply(tuple)
        by_cage = order.groupby(one.drop_duplicates("animal").set_index("animal")["cage"])
        assert (by_cage.nunique() == 1).all()


def test_a_drug_between_cages_moves_by_cage():
    table = table_of(grid(8, drug="between"))
    plan = plan_of("vehicle", "psilocybin", unit="cage")
    assert arrangements(exchanges_of(table, plan)) == pytest.approx(70)  # 4 of 8 cages
    for one in moved(table, plan):
        assert (labels(one, "cage").map(len) == 1).all()
        assert (labels(one, "cage").value_counts() == 4).all()


def test_a_drug_between_cage_mates_moves_among_them():
    rows = grid(4, drug="between")
    rows["cage"] = rows["animal"].str[-2:]
    table = table_of(rows)
    plan = plan_of("vehicle", "psilocybin", unit="cage")
    assert arrangements(exchanges_of(table, plan)) == pytest.approx(2**4)
    for one in moved(table, plan):
        assert (labels(one, "animal").map(len) == 1).all()
        assert (labels(one, "cage").map(len) == 2).all()


@pytest.mark.parametrize(
    ("rows", "number"),
    [
        (grid(6), 2**6),
        (grid(5, FOUR), 24**5),
        (grid(5, drug="between"), 252),
        (grid(3, FOUR[:3], drug="between"), 1680),
    ],
)
def test_arrangements_by_hand(rows, number):
    assert arrangements(exchanges_of(table_of(rows), plan_of(*FOUR))) == pytest.approx(number)


def test_a_fixed_order_and_too_few_arrangements_get_no_number():
    plan = plan_of("vehicle", "psilocybin")
    fixed = table_of(grid(8, doses="vehicle first"))
    found = calibrate_cohort(fixed, plan, metrics(), n_shuffles=20)
    assert list(found["note"]) == [
        "not calibrated: the order was the same in all animals (vehicle, then psilocybin)"
    ]
    assert found["rate"].isna().all()
    few = calibrate_cohort(table_of(grid(5)), plan, metrics(), n_shuffles=200)
    assert list(few["note"]) == [
        "not calibrated: 32 different arrangements of the labels are too few for 200 shuffles"
    ]
    assert why_not(exchanges_of(table_of(grid(8)), plan), 200) == ""


def test_one_animal_has_no_fixed_order():
    blocks = [
        Block("a", "a", ("1",), ("vehicle",), ((1,),)),
        Block("a", "a", ("2",), ("drug",), ((1,),)),
    ]
    exchange = Exchange(tuple((block,) for block in blocks), "a", "sessions of an animal")
    assert why_not([exchange], 2) == ""


def test_nothing_is_computed_without_being_asked():
    found = calibrate_cohort(table_of(grid(8)), plan_of(*FOUR[:2]), metrics(), n_shuffles=0)
    assert found.empty
    assert list(found.columns) == list(COLUMNS)


def test_only_primary_outcomes_are_calibrated():
    table = table_of(grid(8)).assign(priority="secondary")
    found = calibrate_cohort(table, plan_of(*FOUR[:2]), metrics(), n_shuffles=20)
    assert found["note"].item() == "no primary outcome has values: none calibrated"


def rates(table, plan, n=80):
    found = calibrate_cohort(table, plan, metrics(), n_shuffles=n)
    return found.set_index("measure")


def test_a_cohort_without_effect_keeps_its_level():
    plan = plan_of(*FOUR)
    rows = grid(8, FOUR)
    found = rates(table_of(rows, noise(rows, seed=1)), plan)
    assert list(found.index) == ["difference", "difference_holm", "omnibus", "process"]
    assert found.loc["difference", "n_tests"] == 80 * 6
    assert found.loc["process", "n_tests"] == 80 * 3
    assert (found["n_shuffles"] == 80).all()
    # 6 correlated tests in each of 80 shuffles: standard errors of about 1.2 % and 2.4 %
    assert found.loc["difference", "rate"] == pytest.approx(0.05, abs=0.03)
    assert found.loc["omnibus", "rate"] == pytest.approx(0.05, abs=0.06)
    assert found.loc["difference_holm", "rate"] < 0.11
    assert found.loc["process", "rate"] < 0.06


def test_a_true_interaction_does_not_survive_the_shuffles():
    rows = grid(8, FOUR)
    drug = (rows["condition"] != "vehicle") & (rows["context"] == "set_shifting")
    table = table_of(rows, 5.0 * drug + 0.3 * noise(rows))
    plan = plan_of(*FOUR)
    assert (compare(table, plan, metrics()).verdicts["verdict"] == "process").all()
    found = rates(table, plan, n=40)
    assert found.loc["difference", "low"] < 0.08
    assert found.loc["process", "rate"] < 0.1


def test_the_seed_decides_and_the_order_of_the_rows_does_not():
    table, plan = table_of(grid(8)), plan_of(*FOUR[:2])
    first = calibrate_cohort(table, plan, metrics(), n_shuffles=15)
    again = calibrate_cohort(table.sample(frac=1, random_state=1), plan, metrics(), n_shuffles=15)
    pd.testing.assert_frame_equal(first, again)


def test_the_step_writes_its_table(tmp_path):
    table, plan = table_of(grid(8)), plan_of(*FOUR[:2])
    metric = "band_power"
    table = table.assign(metric=metric, outcome=f"{metric}@mPFC")
    table.to_parquet(tmp_path / "outcomes.parquet")
    for n in (0, 5):
        out = tmp_path / f"{n}.tsv"
        shuffles(
            inputs=SimpleNamespace(outcomes=tmp_path / "outcomes.parquet"),
            outputs=SimpleNamespace(calibration=str(out)),
            settings={"plan": plan.model_dump(mode="json"), "calibrate": n},
        )
        found = pd.read_csv(out, sep="\t")
        assert list(found.columns) == list(COLUMNS)
        assert len(found) == (4 if n else 0)
