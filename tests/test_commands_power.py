"""``python -m pipeline power``: closed forms, simulation, pilots, page, refusals."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from pipeline.__main__ import main
from pipeline.commands.power_closed import (
    Setting,
    contrast_terms,
    noncentral_t,
    omnibus,
    per_animal,
    pooled,
)
from pipeline.commands.power_components import (
    QUANTILES,
    components_of,
    refuse_untold,
    strata_of,
    variances_of,
)
from pipeline.commands.power_design import (
    Design,
    Variances,
    cell_covariance,
    coefficients,
    parse_counts,
    parse_numbers,
    parse_variances,
)
from pipeline.commands.power_grid import Request, run, wilson
from pipeline.commands.power_pilot import read_pilot
from pipeline.commands.power_simulation import (
    METRIC,
    NONE,
    PHASE,
    PILL,
    PROCESS,
    Truth,
    draw,
    keep_sessions,
    outcomes_table,
    planned,
    rows_of,
)
from pipeline.commands.power_units import pooled_variance, unit_variance
from pipeline.commands.power_words import smallest
from pipeline.errors import InputError
from pipeline.experiment.plan import PlanBound

DIFFERENCE = "difference_of_differences"
CROSSOVER = Variances(animal=0.10, condition=0.05, modifier=0.05, cell=0.10, unit=0.70)
PARALLEL = Variances(animal=0.15, modifier=0.15, unit=0.70)
#: published power of a difference of differences: N, crossover (t, mixed model; t with 5 and with
#: infinitely many units), parallel groups (t, mixed model). Crossover: effect 0.8; parallel: 0.9.
#: Two cells differ from the source in the second digit, where statsmodels agrees with us: N = 4
#: with infinitely many units (0.415, printed as 0.41), N = 15 (0.975, printed as 0.98).
ORACLE = (
    (4, 0.33, 0.45, 0.21, 0.415, 0.42, 0.49),
    (5, 0.46, 0.57, 0.29, 0.57, 0.54, 0.59),
    (6, 0.57, 0.67, 0.37, 0.70, 0.64, 0.68),
    (8, 0.75, 0.82, 0.51, 0.86, 0.79, 0.82),
    (10, 0.86, 0.90, 0.63, 0.94, 0.88, 0.90),
    (12, 0.93, 0.95, 0.73, 0.98, 0.93, 0.94),
    (15, 0.975, 0.98, 0.84, 1.00, 0.97, 0.98),
)


def terms(design, variances, n, units=20, kind=DIFFERENCE, level=1):
    setting = Setting(design, variances, n, units)
    return contrast_terms(setting, coefficients(design, kind, level))


# -- closed forms ----------------------------------------------------------------------------------


@pytest.mark.parametrize("row", ORACLE, ids=lambda row: f"N={row[0]}")
def test_the_published_table_is_reproduced(row):
    n, t, mixed, five, infinite, welch, mixed_between = row
    within, between = Design(), Design(drug="between")

    def one_sample(units):
        se = np.sqrt(terms(within, CROSSOVER, n, units).sum())
        return noncentral_t(0.8, se, n - 1)

    assert one_sample(20) == pytest.approx(t, abs=0.0051)
    assert one_sample(5) == pytest.approx(five, abs=0.0051)
    assert one_sample(np.inf) == pytest.approx(infinite, abs=0.0051)
    assert pooled(0.8, Setting(within, CROSSOVER, n, 20)) == pytest.approx(mixed, abs=0.0051)
    se = np.sqrt(terms(between, PARALLEL, n).sum())
    assert noncentral_t(0.9, se, 2 * n - 2) == pytest.approx(welch, abs=0.0051)
    found = pooled(0.9, Setting(between, PARALLEL, n, 20))
    assert found == pytest.approx(mixed_between, abs=0.0051)


def test_the_standard_error_is_the_formula_of_the_note():
    for design, variances in ((Design(), CROSSOVER), (Design(drug="between"), PARALLEL)):
        cell = variances.cell + (variances.modifier if design.drug == "between" else 0)
        expected = 4 * (cell + 0.7 / 20) / 8
        assert terms(design, variances, 8).sum() == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("n", [4, 8, 15])
def test_one_group_is_the_noncentral_t(n):
    se = np.sqrt(terms(Design(), CROSSOVER, n).sum())
    exact = noncentral_t(0.8, se, n - 1)
    assert per_animal(0.8, np.array([se**2]), n) == pytest.approx(exact, abs=1e-4)
    from statsmodels.stats.power import TTestPower

    other = TTestPower().power(0.8 / (se * np.sqrt(n)), n, 0.05)
    assert exact == pytest.approx(other, rel=1e-8)


def test_welch_power_is_that_of_many_simulated_tests():
    rng = np.random.default_rng(1)
    n, sd = 5, np.array([1.0, 2.0])
    a, b = (s * rng.standard_normal((40_000, n)) for s in sd)
    p = stats.ttest_ind(a + 2.5, b, axis=1, equal_var=False).pvalue
    found = per_animal(2.5, sd**2 / n, n)
    assert found == pytest.approx((p < 0.05).mean(), abs=4 * np.sqrt(0.25 / 40_000))


def test_equivalence_power_is_that_of_many_simulated_intervals():
    rng = np.random.default_rng(2)
    n, bound = 8, 0.8
    x = 0.2 + rng.standard_normal((40_000, n)) * 0.7
    half = stats.t.isf(0.05, n - 1) * x.std(axis=1, ddof=1) / np.sqrt(n)
    inside = (np.abs(x.mean(axis=1)) + half < bound).mean()
    found = per_animal(0.2, np.array([0.7**2 / n]), n, bound=bound)
    assert found == pytest.approx(inside, abs=4 * np.sqrt(0.25 / 40_000))


def test_omnibus_of_two_levels_is_the_square_of_the_t():
    design = Design(levels=("here", "there"))
    setting = Setting(design, CROSSOVER, 8, 20)
    means = Truth(name=PROCESS, drug=0.3, interaction=0.8).means(design)
    assert omnibus(means, setting) == pytest.approx(pooled(0.8, setting), rel=1e-6)
    assert omnibus(np.zeros((2, 2)), setting) == 0.05


# -- simulation ------------------------------------------------------------------------------------


@pytest.mark.parametrize("drug", ["within", "between"])
@pytest.mark.parametrize("modifier", ["within", "between"])
def test_simulated_cells_have_the_stated_covariance(drug, modifier):
    design = Design(drug=drug, modifier=modifier)
    setting = Setting(design, CROSSOVER, 2, 10)
    truth = Truth(name=PROCESS, drug=0.5, interaction=0.8)
    columns, values = draw(setting, truth, n=40_000, rng=np.random.default_rng(3))
    first = columns["animal"] == 0
    cells = columns["cell"][first]
    expected = cell_covariance(design, CROSSOVER, 10)[np.ix_(cells, cells)]
    assert np.cov(values[:, first].T).reshape(expected.shape) == pytest.approx(expected, abs=0.01)
    means = truth.means(design).ravel()[columns["cell"]]
    assert values.mean(axis=0) == pytest.approx(means, abs=0.02)
    other = values[:, columns["animal"] == 1]
    assert abs(np.cov(values[:, 0], other[:, 0])[0, 1]) < 0.01


def test_every_animal_gets_what_the_design_says():
    rows = rows_of(Design(drug="between", conditions=("vehicle", "a", "b")), 4)
    table = pd.DataFrame(rows)
    assert table["animal"].nunique() == 12
    assert (table.groupby("animal")["condition"].nunique() == 1).all()
    assert (table.groupby("animal")["level"].nunique() == 3).all()
    crossed = pd.DataFrame(rows_of(Design(), 4))
    assert (crossed.groupby("animal")["condition"].nunique() == 2).all()
    order = crossed.drop_duplicates(["animal", "condition"])
    assert order[order["condition"] == 1]["period"].tolist() == [2, 1, 2, 1]


def test_lost_sessions_take_all_their_cells():
    columns = rows_of(Design(), 50)
    kept = keep_sessions(columns, n=40, dropout=0.2, rng=np.random.default_rng(4))
    session = columns["animal"] * 2 + columns["condition"]
    for index in range(0, 100, 9):
        mine = kept[:, session == index]
        assert (mine == mine[:, :1]).all()
    assert kept.mean() == pytest.approx(0.8, abs=4 * np.sqrt(0.16 / 4000))


def request(**changes):
    bound = PlanBound(drug=0.5, interaction=0.8)
    fields = {
        "design": Design(),
        "scenarios": (("stated", CROSSOVER),),
        "animals": (6,),
        "units": (20,),
        "dropouts": (0.0,),
        "truths": (
            Truth(name=PROCESS, drug=0.5, interaction=0.8),
            Truth(name=PILL, drug=0.5),
            Truth(name=NONE, drug=0.0),
        ),
        "bound": bound,
        "alpha": 0.05,
        "simulations": 200,
        "seed": 1,
    }
    return Request(**(fields | changes))


@pytest.mark.parametrize(
    ("design", "variances"),
    [
        (Design(), CROSSOVER),
        (Design(drug="between"), PARALLEL),
        (Design(modifier="between"), PARALLEL),
        (Design(drug="between", modifier="between"), PARALLEL),
    ],
    ids=lambda value: value.words() if isinstance(value, Design) else "",
)
def test_simulation_through_compare_agrees_with_the_closed_form(design, variances):
    found = run(request(design=design, scenarios=(("stated", variances),)))
    checked = found[found["check"] != ""]
    kinds = set(checked["question"])
    equivalences = {"equivalence simple", f"equivalence {DIFFERENCE}"}
    assert {"simple", "main", DIFFERENCE, *equivalences} <= kinds
    assert (checked["check"] == "agrees").all(), checked[checked["check"] == "differs"]
    # the limits are not so wide that anything would pass
    moved = checked["closed_form"] + 0.15
    inside = (moved >= checked["ci_low"]) & (moved <= checked["ci_high"])
    assert not inside[checked["closed_form"].between(0.1, 0.8)].any()


def test_verdicts_need_five_animals_and_grow_with_their_number():
    truths = (Truth(name=PILL, drug=0.5),)
    found = run(request(animals=(4, 6, 16), truths=truths, simulations=100))
    verdict = found[(found["question"] == "verdict") & (found["level"] == PILL)]
    power = dict(zip(verdict["animals_per_group"], verdict["power"], strict=True))
    assert power[4] == 0 < power[6] < power[16]


def test_a_point_is_the_same_in_any_grid_and_with_any_number_of_workers():
    truths = (Truth(name=PILL, drug=0.5),)
    alone = run(request(animals=(6,), truths=truths, simulations=50))
    grid = run(request(animals=(5, 6), truths=truths, simulations=50), processes=2)
    among = grid[grid["animals_per_group"] == 6].reset_index(drop=True)
    pd.testing.assert_frame_equal(alone, among)


def test_losses_cost_power():
    truths = (Truth(name=PILL, drug=0.5),)
    found = run(request(animals=(8,), dropouts=(0.0, 0.3), truths=truths, simulations=100))
    main = found[found["question"] == "main"].set_index("dropout")["power"]
    assert main[0.3] < main[0.0] - 0.1
    assert (found[found["dropout"] > 0]["check"] == "").all()


def test_nothing_is_claimed_of_equivalence_without_a_smallest_effect():
    bare = request(bound=PlanBound(), truths=(Truth(name=PILL, drug=0.5),), simulations=50)
    found = run(bare)
    assert not found["question"].str.startswith("equivalence").any()
    assert PILL not in set(found.loc[found["question"] == "verdict", "level"])


def test_wilson_interval_by_hand():
    z = stats.norm.isf(0.025)
    n, p = 200, 0.77
    centre = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2)) / (1 + z**2 / n)
    assert wilson(154, 200) == pytest.approx((centre - half, centre + half), rel=1e-12)


def test_the_smallest_number_is_not_a_lucky_point():
    rows = pd.DataFrame({"animals_per_group": [4, 6, 8, 10], "power": [0.85, 0.75, 0.82, 0.9]})
    assert smallest(rows, 0.8) == 8
    assert smallest(rows, 0.95) is None


# -- pilots ----------------------------------------------------------------------------------------


def write_pilot(folder, *, animals=5, design=None, variances=CROSSOVER, bound=None, seed=7):
    """Write results of a run with one simulated outcome, ``simulated@r00000``."""
    from pipeline.commands.power_simulation import _metric
    from pipeline.compare import compare

    design = design or Design()
    setting = Setting(design, variances, animals, 20)
    truth = Truth(name=PILL, drug=5.0)
    columns, values = draw(setting, truth, n=1, rng=np.random.default_rng(seed))
    table = outcomes_table(setting, columns, values, np.ones(values.shape, dtype=bool))
    plan = planned(design, bound or PlanBound(), 0.05)
    found = compare(table, plan, _metric())
    place = folder / "results" / "cohort"
    place.mkdir(parents=True)
    table.to_parquet(place / "outcomes.parquet")
    found.verdicts.to_csv(place / "verdicts.tsv", sep="\t", index=False)
    found.contrasts.to_csv(place / "contrasts.tsv", sep="\t", index=False)
    return folder / "results"


OUTCOME = f"{METRIC}@r00000"


@pytest.mark.parametrize("drug", ["within", "between"])
@pytest.mark.parametrize("modifier", ["within", "between"])
def test_a_pilot_is_read_as_it_was_run(tmp_path, drug, modifier):
    design = Design(drug=drug, modifier=modifier)
    results = write_pilot(tmp_path, design=design, bound=PlanBound(drug=0.5, interaction=0.8))
    pilot = read_pilot(results, OUTCOME)
    assert (pilot.design, pilot.phase, pilot.modifier) == (design, PHASE, "context")
    assert (pilot.bound.drug, pilot.bound.interaction) == (0.5, 0.8)
    assert (pilot.n_smallest, pilot.n) == (5, 5 * design.n_groups)
    assert pilot.units == pytest.approx(20)


def test_strata_of_a_balanced_pilot_are_its_mean_squares(tmp_path):
    pilot = read_pilot(write_pilot(tmp_path), OUTCOME)
    found = components_of(pilot, unit=0.7, refits=2000, seed=0)
    y = pilot.cells["value"].to_numpy().reshape(5, 2, 3)
    y = y - y.mean(axis=0)
    condition = y.mean(axis=2, keepdims=True)
    level = y.mean(axis=1, keepdims=True)
    animal = y.mean(axis=(1, 2), keepdims=True)
    squares = {
        "residual": (((y - condition - level + animal) ** 2).sum(), 8),
        "animal:condition": (3 * ((condition - animal) ** 2).sum(), 4),
        "animal:level": (2 * ((level - animal) ** 2).sum(), 8),
        "animal": (6 * (animal**2).sum(), 4),
    }
    for name, (total, df) in squares.items():
        estimate, *quantiles = found.strata[name]
        assert estimate == pytest.approx(total / df, rel=1e-4)
        # the reflected bootstrap is the fiducial distribution; 2000 refits
        exact = total / stats.chi2.ppf(1 - np.array(QUANTILES), df)
        assert np.log(quantiles) == pytest.approx(np.log(exact), abs=0.12)


def test_the_cautious_quantile_covers_the_truth_in_four_of_five_pilots(tmp_path):
    """Where plain bootstrap quantiles would cover it in 62 % of pilots with four animals."""
    rng = np.random.default_rng(11)
    covered, plain, n = 0, 0, 120
    design = Design(drug="between", modifier="between", levels=("here", "there"))
    pilot = read_pilot(write_pilot(tmp_path, design=design, animals=3), OUTCOME)
    for _ in range(n):
        cells = pilot.cells.assign(value=rng.standard_normal(len(pilot.cells)))
        object.__setattr__(pilot, "cells", cells)
        found = components_of(pilot, unit=None, refits=200, seed=0)
        covered += found.strata["residual"][3] >= 1.0
        estimate = found.strata["residual"][0]
        plain += estimate * stats.chi2.ppf(0.8, 8) / 8 >= 1.0
    assert covered / n == pytest.approx(0.8, abs=3 * np.sqrt(0.16 / n))
    assert plain < covered


def test_components_and_strata_are_one_thing_said_twice():
    components = {
        "animal": 0.1,
        "animal:condition": 0.05,
        "animal:level": 0.04,
        "residual": 0.135,
    }
    strata = strata_of(Design(), components)
    assert strata["animal:condition"] == pytest.approx(0.135 + 3 * 0.05)
    assert strata["animal"] == pytest.approx(0.135 + 0.15 + 0.08 + 0.6)
    back = variances_of(Design(), strata, unit=0.7, units=20)
    assert (back.animal, back.condition, back.modifier) == pytest.approx((0.1, 0.05, 0.04))
    assert (back.cell, back.unit) == pytest.approx((0.1, 0.7))
    # units cannot bring more than the pilot's residual has
    small = variances_of(Design(), strata, unit=70.0, units=20)
    assert small.cell + small.unit / 20 == pytest.approx(0.135)


def test_variance_between_units_forgets_what_a_unit_keeps():
    rng = np.random.default_rng(5)
    rows = [
        {"session": f"s{s}", "anchor": "a", "context": c, "unit_id": u, "value": 0.0}
        for s in range(40)
        for c in ("home", "task", "field")
        for u in range(15)
    ]
    table = pd.DataFrame(rows)
    kept = 10 * rng.standard_normal(40 * 15)
    who = table.groupby(["session", "unit_id"]).ngroup().to_numpy()
    table["value"] = kept[who] + 0.5 * rng.standard_normal(len(table))
    assert pooled_variance(table) == pytest.approx(0.25, rel=0.15)
    fresh = table.assign(unit_id=np.arange(len(table)), value=rng.standard_normal(len(table)))
    assert pooled_variance(fresh) == pytest.approx(1.0, rel=0.15)
    assert pooled_variance(table[table["unit_id"] == 0].drop_duplicates("session")) is None


def test_without_observations_units_stay_untold(tmp_path):
    results = write_pilot(tmp_path)
    assert unit_variance(results, read_pilot(results, OUTCOME)) is None


# -- the command -----------------------------------------------------------------------------------

STATED = ["--variances", "animal=0.1,animal:condition=0.05,animal:context=0.05,cell=0.1,unit=0.7"]
SMALLEST = ["--smallest-drug", "0.5", "--smallest-interaction", "0.8"]
QUICK = ["--simulations", "50", "--animals", "6", "--processes", "1"]


def test_stated_variances_give_page_table_and_summary(tmp_path, capsys):
    arguments = ["power", *STATED, *SMALLEST, *QUICK, "--units", "5,20", "--output", str(tmp_path)]
    assert main(arguments) == 0
    said = capsys.readouterr().out
    assert "animals and 20 units per cell, a main drug effect of 0.5 is found with power" in said
    assert "Closed form and simulation agree in" in said
    table = pd.read_csv(tmp_path / "power.tsv", sep="\t")
    assert {"seed", "command", "versions", "ci_low", "closed_form"} <= set(table.columns)
    assert set(table["units"]) == {5, 20}
    assert table["command"].iloc[0].startswith("python -m pipeline power --variances")
    page = (tmp_path / "power.html").read_text()
    assert 'http-equiv="Content-Security-Policy"' in page
    assert "never those that a pilot happened to show" in page
    for text in ("Verdict: process", "Verdict: pill", "Verdict: no drug effect", "numpy 2"):
        assert text in page
    first = (tmp_path / "power.tsv").read_bytes(), page
    assert main(arguments) == 0
    assert first == ((tmp_path / "power.tsv").read_bytes(), (tmp_path / "power.html").read_text())


def test_a_pilot_gives_three_curves_and_a_caution(tmp_path, capsys):
    results = write_pilot(tmp_path, bound=PlanBound(drug=0.5, interaction=0.8))
    out = tmp_path / "power"
    arguments = ["power", "--pilot", str(results), "--outcome", OUTCOME, *QUICK]
    assert main([*arguments, "--output", str(out)]) == 0
    said = capsys.readouterr().out
    assert "The variances rest on 5 animals, and are very uncertain" in said
    table = pd.read_csv(out / "power.tsv", sep="\t")
    assert set(table["uncertainty"]) == {"20 %", "50 %", "80 %"}
    main_effect = table[table["question"] == "main"].groupby("uncertainty")["closed_form"].mean()
    assert main_effect["20 %"] > main_effect["50 %"] > main_effect["80 %"]
    assert set(table["drug_effect"]) <= {0.0, 0.5}  # the pilot showed an effect of 5
    page = (out / "power.html").read_text()
    assert "very uncertain" in page
    assert "fiducial" in page


def test_labels_are_escaped(tmp_path):
    out = tmp_path / "power"
    question = "<script>alert(1)</script>"
    variances = "animal=0.1,cell=0.2"
    arguments = ["power", "--variances", variances, "--question", question, *SMALLEST, *QUICK]
    assert main([*arguments, "--output", str(out)]) == 0
    assert "<script>alert" not in (out / "power.html").read_text()


REFUSED = {
    "neither": ([], "found neither of --pilot and --variances"),
    "misspelt": (["--variances", "animl=1", *SMALLEST], "did you mean 'animal'"),
    "negative": (["--variances", "cell=-1", *SMALLEST], "expected a variance, 0 or more"),
    "twice": (["--variances", "cell=1,cell=2", *SMALLEST], "found twice"),
    "no noise": (["--variances", "animal=1", *SMALLEST], "neither a cell nor a unit variance"),
    "no effect": (STATED, "found no smallest effect"),
    "bad grid": ([*STATED, *SMALLEST, "--animals", "4..8"], "--animals: found '4..8'; expected"),
    "backwards": ([*STATED, *SMALLEST, "--animals", "8:4"], "--animals: found '8:4'; expected"),
    "too few": ([*STATED, *SMALLEST, "--animals", "2,4"], "--animals: found 2; expected 3 or more"),
    "losses": ([*STATED, *SMALLEST, "--dropout", "1"], "--dropout: found 1; expected 0 or more"),
    "units": (["--variances", "cell=1", *SMALLEST, "--units", "5,20"], "expected a variance betw"),
    "zero": (
        [*STATED, "--smallest-drug", "0"],
        "--smallest-drug: found 0; expected a number",
    ),
    "no pilot": (["--pilot", "nowhere", "--outcome", "a"], "found no cohort/outcomes.parquet"),
    "pilot only": ([*STATED, *SMALLEST, "--phase", "acute"], "expected with --pilot only"),
    "target": ([*STATED, *SMALLEST, "--target", "1.2"], "--target: found 1.2"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_bad_requests_are_refused_in_words(name, capsys, tmp_path):
    arguments, message = REFUSED[name]
    assert main(["power", *arguments, "--output", str(tmp_path / "out")]) == 1
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_pilots_own_effect_is_no_substitute(tmp_path, capsys):
    results = write_pilot(tmp_path)
    assert main(["power", "--pilot", str(results), "--outcome", OUTCOME]) == 1
    said = capsys.readouterr().err
    assert "power at an observed effect only repeats its p value" in said
    assert "--smallest-drug" in said


def test_unknown_names_of_a_pilot_come_with_the_nearest(tmp_path):
    results = write_pilot(tmp_path)
    with pytest.raises(InputError, match="did you mean 'simulated@r00000'"):
        read_pilot(results, "simulatd@r00000")
    with pytest.raises(InputError, match=r"--phase: found 'mesured' \(did you mean 'measured'"):
        read_pilot(results, OUTCOME, phase="mesured")


def test_a_pilot_of_two_animals_is_refused(tmp_path):
    results = write_pilot(tmp_path, design=Design(drug="between"), animals=2)
    with pytest.raises(InputError, match="found 2 animals in drug; expected 3 or more"):
        read_pilot(results, OUTCOME)


def test_groups_cannot_tell_how_an_animal_varies():
    with pytest.raises(InputError, match="--drug: found within; expected between"):
        refuse_untold(Design(drug="between"), Design())
    refuse_untold(Design(), Design(drug="between", modifier="between"))


def test_grids_are_read():
    assert parse_counts("4:10:2", option="--animals", smallest=3) == (4, 6, 8, 10)
    assert parse_counts("8,4,4", option="--animals", smallest=3) == (4, 8)
    assert parse_numbers("0.1,0", option="--dropout", low=0, high=0.9) == (0.0, 0.1)
    stated = parse_variances("session=0.1,cell=1", modifier="context", session_is_cell=False)
    assert stated == Variances(condition=0.1, cell=1.0)
    stated = parse_variances("session=0.1,cell=1", modifier="stage", session_is_cell=True)
    assert stated == Variances(cell=1.1)
