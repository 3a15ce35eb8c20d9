"""The mixed-model engine against R: lme4, lmerTest, pbkrtest, emmeans, afex (tests/data/gold).

Tolerances are those of the requirement: estimates 1e-6, standard errors 1e-5, degrees of freedom
and F 1e-4, all relative.
"""

from __future__ import annotations

from functools import cache
from itertools import pairwise

import numpy as np
import pytest
from gold import gold, gold_table

from pipeline.compare.mixed import fit
from pipeline.errors import InputError

METHODS = {"kenward-roger": "kenward_roger", "satterthwaite": "satterthwaite"}

#: gold file -> table, response, fixed, random
MODELS = {
    "lmm_CO2": ("CO2", "uptake", "Treatment*concF*Type", ["Plant"]),
    "lmm_Rabbit_full": ("Rabbit", "BPchange", "Treatment*DoseF", ["Animal", "Run"]),
    "lmm_Oats_splitplot": ("Oats", "yield", "Variety*nitroF", ["Block", "Block:Variety"]),
    "lmm_obk_long": ("obk_long", "value", "treatment*phase", ["id"]),
    "lmm_sleepstudy_intercept": ("sleepstudy", "Reaction", "Days", ["Subject"]),
    "lmm_sleepstudy_slope": ("sleepstudy", "Reaction", "Days", ["(Days|Subject)"]),
    "lmm_Dyestuff2_singular": ("Dyestuff2_x", "Yield", "x", ["Batch"]),
}
CROSSED = [name for name in MODELS if "emmeans_kenward_roger" in gold(name)]

#: R's name of a random term -> ours
RANDOM = {"BV": "Block:Variety"}


@cache
def fitted(name, **options):
    table, response, fixed, random = MODELS[name]
    return fit(gold_table(table), response=response, fixed=fixed, random=random, **options)


def estimates(value):
    return pytest.approx(value, rel=1e-6)


def errors(value):
    return pytest.approx(value, rel=1e-5)


def freedoms(value):
    return pytest.approx(value, rel=1e-4)


def r_name(term):
    """Treatment[T.chilled]:concF[T.175] is Treatmentchilled:concF175 in R."""
    return term.replace("Intercept", "(Intercept)").replace("[T.", "").replace("]", "")


def same_row(row, answer):
    """Compare a test of one row with a row of emmeans."""
    assert row.estimate == estimates(answer.get("estimate", answer.get("emmean")))
    assert row.se == errors(answer["SE"])
    assert row.df == freedoms(answer["df"])


def same_test(row, answer):
    same_row(row, answer)
    assert row.statistic == freedoms(answer["t.ratio"])
    assert row.p == pytest.approx(answer["p.value"], rel=1e-3)


def difference(text):
    """Weights of a difference such as "A - control"."""
    first, second = text.split(" - ")
    return {first: 1.0, second: -1.0}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", MODELS)
def test_coefficients(name, method):
    found = fitted(name).coefficients(method)
    answers = gold(name)[f"coef_{METHODS[method]}"]
    assert len(answers) == len(found)
    found.index = found.index.map(r_name)
    for answer in answers:
        row = found.loc[answer["term"]]
        assert row["estimate"] == estimates(answer["Estimate"])
        assert row["se"] == errors(answer["Std_Error"])
        assert row["df"] == freedoms(answer["df"])
        assert row["statistic"] == freedoms(answer["t_value"])
        assert row["p"] == pytest.approx(answer["Pr_t"], rel=1e-3)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", MODELS)
def test_type_three(name, method):
    found = fitted(name).anova(method)
    answers = gold(name)[f"anova_typeIII_{METHODS[method]}"]
    assert [answer["term"] for answer in answers] == list(found.index)
    for answer in answers:
        row = found.loc[answer["term"]]
        assert row["statistic"] == freedoms(answer["F_value"])
        assert row["num_df"] == answer["NumDF"]
        assert row["den_df"] == freedoms(answer["DenDF"])
        assert row["p"] == pytest.approx(answer["Pr_F"], rel=1e-3)


@pytest.mark.parametrize("name", MODELS)
def test_criterion_and_variances(name):
    model, answer = fitted(name), gold(name)
    assert model.criterion == pytest.approx(answer["reml_criterion"], rel=1e-9)
    assert model.log_likelihood == pytest.approx(answer["logLik_reml"], rel=1e-9)
    assert model.singular == answer["singular"]
    assert model.converged and not model.note
    same_variances(model, answer["varcor"])


def same_variances(model, answers):
    found = model.variance_components
    for answer in answers:
        name = RANDOM.get(answer["grp"], answer["grp"]).replace("Residual", "residual")
        if answer["var2"]:
            name = f"{name}[Intercept, {answer['var2']}]"
        elif answer["var1"] not in (None, "(Intercept)"):
            name = f"{name}[{answer['var1']}]"
        # variances of lme4 are where its search stopped: good to about six digits
        assert found.pop(name) == pytest.approx(answer["vcov"], rel=1e-5)
    assert not found


@pytest.mark.parametrize("name", MODELS)
def test_full_likelihood(name):
    model, answer = fitted(name, reml=False), gold(name)["ml"]
    assert model.log_likelihood == pytest.approx(answer["logLik"], rel=1e-9)
    assert model.aic == pytest.approx(answer["AIC"], rel=1e-9)
    assert model.bic == pytest.approx(answer["BIC"], rel=1e-9)
    same_variances(model, answer["varcor"])
    found = model.coefficients("satterthwaite")["estimate"]
    found.index = found.index.map(r_name)
    for term, value in answer["fixef"].items():
        assert found[term] == estimates(value)
    with pytest.raises(InputError, match="expected reml=True"):
        model.coefficients()


@pytest.mark.parametrize("name", CROSSED)
def test_additive_against_interaction(name):
    """Likelihood ratio and information criteria; the interaction as one Kenward-Roger test."""
    table, response, fixed, random = MODELS[name]
    answer = gold(name)["additive_vs_interaction_LRT_ML"]
    additive = fit(
        gold_table(table),
        response=response,
        fixed=fixed.replace("*", "+"),
        random=random,
        reml=False,
    )
    full = fitted(name, reml=False)
    assert additive.criterion - full.criterion == pytest.approx(answer["chisq"], rel=1e-8)
    for model, label in ((additive, "additive"), (full, "interaction")):
        assert model.aic == pytest.approx(answer[f"AIC_{label}"], rel=1e-9)
        assert model.bic_of(len(gold_table(table))) == pytest.approx(answer[f"BIC_{label}"])
    rows = [rows for term, rows in full.design.hypotheses.items() if ":" in term]
    test = fitted(name).contrast(np.vstack(rows))
    answer = gold(name)["KRmodcomp_interaction"]
    assert test.num_df == answer["ndf"]
    assert test.df == freedoms(answer["ddf"])
    assert test.statistic == freedoms(answer["stat"])
    assert test.p == pytest.approx(answer["p.value"], rel=1e-3)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", CROSSED)
def test_marginal_means(name, method):
    answers = gold(name)[f"emmeans_{METHODS[method]}"]
    first, second = list(answers[0])[:2]
    found = fitted(name).emmeans(first, by=second, method=method)
    assert len(found) == len(answers)
    for row, answer in zip(found.itertuples(), answers, strict=True):
        assert (row[1], row[2]) == (answer[first], answer[second])
        same_row(row, answer)
        assert row.ci_low == pytest.approx(answer["lower.CL"], rel=1e-5)
        assert row.ci_high == pytest.approx(answer["upper.CL"], rel=1e-5)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", CROSSED)
def test_pairs_and_interaction_contrasts(name, method):
    model, answers = fitted(name), gold(name)
    for answer in answers[f"pairs_{METHODS[method]}_none"]:
        by = list(answer)[1]
        first = next(iter(answers[f"emmeans_{METHODS[method]}"][0]))
        cells = {(level, answer[by]): w for level, w in difference(answer["contrast"]).items()}
        test = model.contrast(cells, specs=(first, by), method=method)
        same_test(test, answer)
        assert test.interval() == pytest.approx((answer["lower.CL"], answer["upper.CL"]), rel=1e-4)
    for answer in answers[f"interaction_contrasts_{METHODS[method]}"]:
        left, right = list(answer)[:2]
        specs = (left.split("_")[0], right.split("_")[0])
        cells = {
            (a, b): v * w
            for a, v in difference(answer[left]).items()
            for b, w in difference(answer[right]).items()
        }
        same_test(model.contrast(cells, specs=specs, method=method), answer)


# ---- classical analyses of variance: the unbounded fit with the design's random terms


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("name", "table", "response", "fixed", "random", "key"),
    [
        ("aov_Rabbit", "Rabbit", "BPchange", "Treatment*DoseF",
         ["Animal", "Animal:Treatment", "Animal:DoseF"], "univ"),
        ("aov_obk_agg", "obk_agg", "value", "treatment*phase", ["id"], "univ"),
        ("aov_obk_long", "obk_long", "value", "treatment*gender*phase*hour",
         ["id", "id:phase", "id:hour"], "aov"),
    ],
)  # fmt: skip
def test_unbounded_fit_is_the_classical_anova(name, table, response, fixed, random, key, method):
    model = fit(gold_table(table), response=response, fixed=fixed, random=random, bounded=False)
    assert model.converged and not model.fell_back
    found = model.anova(method)
    answers = [answer for answer in gold(name)[key] if answer["term"] != "(Intercept)"]
    assert {frozenset(answer["term"].split(":")) for answer in answers} == {
        frozenset(term.split(":")) for term in found.index
    }
    rows = {frozenset(term.split(":")): row for term, row in found.iterrows()}
    for answer in answers:
        row = rows[frozenset(answer["term"].split(":"))]
        assert row["statistic"] == pytest.approx(answer["F_value"], rel=1e-8)
        assert (row["num_df"], row["den_df"]) == pytest.approx(
            (answer["num_Df"], answer["den_Df"]), rel=1e-8
        )
        assert row["p"] == pytest.approx(answer["Pr_F"], rel=1e-6)


def test_means_of_each_phase():
    """afex takes them from one linear model per phase (13 df)."""
    table, answers = gold_table("obk_agg"), gold("aov_obk_agg")
    for phase in table["phase"].cat.categories:
        part = table[table["phase"] == phase]
        model = fit(part, response="value", fixed="treatment", random=[])
        means = [answer for answer in answers["emmeans"] if answer["phase"] == phase]
        for row, answer in zip(model.emmeans("treatment").itertuples(), means, strict=True):
            assert row.treatment == answer["treatment"]
            same_row(row, answer)
        for answer in answers["pairs"]:
            if answer["phase"] == phase:
                test = model.contrast(difference(answer["contrast"]), specs="treatment")
                same_test(test, answer)


# ---- no random terms: ordinary least squares


@pytest.mark.parametrize("method", METHODS)
def test_tooth_growth(method):
    table, answers = gold_table("ToothGrowth"), gold("anova_ToothGrowth")
    model = fit(table, response="len", fixed="supp*doseF", random=[])
    found = model.anova(method)
    for answer in answers["anova_type3"][1:4]:
        row = found.loc[answer["term"]]
        assert row["statistic"] == pytest.approx(answer["F_value"], rel=1e-9)
        assert (row["num_df"], row["den_df"]) == (answer["Df"], pytest.approx(54, rel=1e-9))
        assert row["p"] == pytest.approx(answer["Pr_F"], rel=1e-7)
    means = model.emmeans("supp", by="doseF", method=method)
    for row, answer in zip(means.itertuples(), answers["emmeans"], strict=True):
        assert (row.supp, row.doseF) == (answer["supp"], answer["doseF"])
        same_row(row, answer)
    for answer in answers["pairs_by_dose"]:
        same_test(model.contrast({("OJ", answer["doseF"]): 1, ("VC", answer["doseF"]): -1}), answer)
    for answer in answers["interaction_contrasts"]:
        doses = difference(answer["doseF_pairwise"])
        cells = {(s, d): v * w for s, v in (("OJ", 1), ("VC", -1)) for d, w in doses.items()}
        same_test(model.contrast(cells, method=method), answer)
    criteria = [
        fit(table, response="len", fixed=fixed, random=[], reml=False)
        for fixed in ("supp + doseF", "supp*doseF")
    ]
    first, second = criteria
    assert sorted(model.aic for model in criteria) == pytest.approx(sorted(answers["AIC"]))
    assert sorted(model.bic for model in criteria) == pytest.approx(sorted(answers["BIC"]))
    assert np.exp((second.bic - first.bic) / 2) == pytest.approx(answers["BF01_bic"], rel=1e-8)


def test_baseline_as_covariate():
    table, answers = gold_table("anorexia"), gold("ancova_anorexia")
    model = fit(table, response="Postwt", fixed="Prewt + Treat", random=[])
    found = model.coefficients()
    found.index = found.index.map(r_name)
    for answer in answers["coef"]:
        row = found.loc[answer["term"]]
        assert row["estimate"] == estimates(answer["Estimate"])
        assert row["se"] == errors(answer["Std_Error"])
        assert row["p"] == pytest.approx(answer["Pr_t"], rel=1e-6)
    for row, answer in zip(model.emmeans("Treat").itertuples(), answers["emmeans"], strict=True):
        same_row(row, answer)
        assert row.ci_low == pytest.approx(answer["lower.CL"], rel=1e-7)
    for answer in answers["pairs"]:
        test = model.contrast(difference(answer["contrast"]), specs="Treat")
        assert (test.estimate, test.se) == pytest.approx((answer["estimate"], answer["SE"]))
    slopes = fit(table, response="Postwt", fixed="Prewt*Treat", random=[]).anova()
    answer = answers["slope_homogeneity"][1]
    assert slopes.loc["Prewt:Treat", "statistic"] == pytest.approx(answer["F"], rel=1e-8)
    assert slopes.loc["Prewt:Treat", "den_df"] == pytest.approx(66, rel=1e-9)


def test_pigs():
    table = gold_table("pigs")
    table["log_conc"] = np.log(table["conc"])
    model = fit(table, response="log_conc", fixed="source + C(percent)", random=[])
    answers = gold("emm_pigs")
    for row, answer in zip(model.emmeans("source").itertuples(), answers["emmeans"], strict=True):
        assert row.source == answer["source"]
        same_row(row, answer)
        assert row.ci_high == pytest.approx(answer["upper.CL"], rel=1e-7)
    for answer in answers["pairs_none"]:
        same_test(model.contrast(difference(answer["contrast"]), specs="source"), answer)
    assert list(model.emmeans("percent")["C(percent)"]) == [9, 12, 15, 18]
    rows = [{a: 1, b: -1} for a, b in pairwise(("fish", "soy", "skim"))]
    joint = model.contrast(rows, specs="source")
    assert joint.statistic == pytest.approx(model.anova().loc["source", "statistic"], rel=1e-9)
