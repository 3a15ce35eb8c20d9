"""Per-animal tests and their companions against R on Student's sleep data."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from pipeline.compare.companions import companions
from pipeline.compare.mixed import fit
from pipeline.compare.per_animal import Group, estimate

GOLD = Path(__file__).parent / "data" / "gold"
SLEEP = pd.read_csv(GOLD / "sleep.csv")
ANSWERS = json.loads((GOLD / "classic_sleep.json").read_text())
FIRST, SECOND = (SLEEP[SLEEP["group"] == g].sort_values("ID")["extra"].to_numpy() for g in (1, 2))


def paired():
    return Group(1.0, np.arange(10), FIRST - SECOND)


def test_paired_t():
    found, gold = estimate([paired()], alpha=0.05), ANSWERS["paired"]
    assert (found.statistic, found.df, found.p) == pytest.approx(
        (gold["t"], gold["df"], gold["p"]), rel=1e-9
    )
    assert (found.ci_low, found.ci_high) == pytest.approx(tuple(gold["ci"]), rel=1e-9)
    assert abs(found.effect_size) == pytest.approx(abs(gold["dz"]), rel=1e-9)


def test_welch_t():
    groups = [Group(1.0, np.arange(10), FIRST), Group(-1.0, np.arange(10, 20), SECOND)]
    found, gold = estimate(groups, alpha=0.05), ANSWERS["welch"]
    assert (found.statistic, found.df, found.p) == pytest.approx(
        (gold["t"], gold["df"], gold["p"]), rel=1e-9
    )
    assert (found.ci_low, found.ci_high) == pytest.approx(tuple(gold["ci"]), rel=1e-9)


def test_exact_sign_flips():
    p, floor = companions([[paired()]], seed=0)
    assert p[0] == pytest.approx(ANSWERS["signflip_exact_p"])
    assert floor[0] == 2 / 2**10


def test_two_one_sided_tests_within_one():
    found, gold = estimate([paired()], alpha=0.05), ANSWERS["tost_bound1"]
    lower = stats.t.cdf((found.estimate - 1) / found.se, found.df)
    upper = stats.t.sf((found.estimate + 1) / found.se, found.df)
    assert sorted((lower, upper)) == pytest.approx(
        sorted((gold["p_lower"], gold["p_upper"])), rel=1e-9
    )
    # the verdict's way of saying the same: the 90 % interval leaves the bounds
    inside = found.ci90_low > -1 and found.ci90_high < 1
    assert inside == (max(gold["p_lower"], gold["p_upper"]) < 0.05)


def test_bic_bayes_factor_of_an_interaction():
    table = pd.read_csv(GOLD / "ToothGrowth.csv", dtype={"doseF": str})
    gold = json.loads((GOLD / "anova_ToothGrowth.json").read_text())
    bic = [
        fit(table, response="len", fixed=fixed, random=[], reml=False).bic
        for fixed in ("supp + doseF", "supp * doseF")
    ]
    assert bic == pytest.approx(sorted(gold["BIC"], key=lambda b: abs(b - bic[0])), rel=1e-9)
    assert np.exp((bic[1] - bic[0]) / 2) == pytest.approx(gold["BF01_bic"], rel=1e-6)
