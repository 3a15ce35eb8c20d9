"""Every number of docs/statistics_explained.md, worked again."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from pipeline.commands.power_closed import per_animal
from pipeline.commands.power_design import Design, coefficients
from pipeline.compare.companions import companions
from pipeline.compare.families import holm
from pipeline.compare.guards import MINIMUM_FOR_VERDICT
from pipeline.compare.per_animal import Group
from pipeline.compare.verdicts import equivalent

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "statistics_explained.md").read_text()


def table_under(heading: str) -> list[list[str]]:
    """First table under a heading: rows of cells, without the header."""
    section = PAGE.split(f"\n## {heading}")[1].split("\n## ")[0]
    lines = re.search(r"(?:^\|.*\n)+", section, re.MULTILINE)[0].splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def flat() -> str:
    """The page with every run of white space as one blank."""
    return " ".join(PAGE.split())


def calibration() -> dict[tuple[str, str, str], dict[str, str]]:
    """Rows of calibration.tsv by design, N (0: all) and measure."""
    with (ROOT / "pipeline" / "compare" / "calibration.tsv").open(newline="") as stream:
        rows = list(csv.DictReader(stream, delimiter="\t"))
    return {(row["design"], row["n"], row["measure"]): row for row in rows}


#: rats per group, and share of the variance between units that rats account for
RATS, SHARE = 6, 0.3


def test_units_as_n():
    rng = np.random.default_rng(3)
    for units, wrong, right in table_under("Why the animal is n"):
        size = (4000, 2, RATS)
        rat = rng.normal(0, np.sqrt(SHARE), (*size, 1))
        values = rat + rng.normal(0, np.sqrt(1 - SHARE), (*size, int(units)))
        drug, vehicle = values.reshape(4000, 2, -1).swapaxes(0, 1)
        naive = (stats.ttest_ind(drug, vehicle, axis=1).pvalue < 0.05).mean()
        drug, vehicle = values.mean(axis=3).swapaxes(0, 1)
        animals = stats.ttest_ind(drug, vehicle, axis=1, equal_var=False).pvalue < 0.05
        assert 100 * naive == pytest.approx(float(wrong.rstrip(" %")), abs=2.5)
        assert 100 * animals.mean() == pytest.approx(float(right.rstrip(" %")), abs=1.5)
        # the design effect of cluster sampling (Kish 1965): the same, without any draw
        inflation = 1 + (int(units) - 1) * SHARE
        closed = 2 * stats.norm.sf(1.96 / np.sqrt(inflation))
        assert 100 * closed == pytest.approx(float(wrong.rstrip(" %")), abs=2.5)
    assert "six rats per group" in flat() and "30 % of the variance" in flat()


def test_the_four_numbers():
    home, field, last = table_under("The difference of differences")
    means = np.array([[float(home[1]), float(field[1])], [float(home[2]), float(field[2])]])
    design = Design(levels=("home", "field"))

    def of(kind: str, level: int = 0) -> float:
        return float((coefficients(design, kind, level) * means).sum())

    assert [float(home[3]), float(field[3])] == [of("simple", 0), of("simple", 1)]
    assert float(last[3]) == of("difference_of_differences", 1)
    assert of("main") == 1.75 and "1.75 dB, is the main effect" in flat()
    assert means[0, 1] - means[0, 0] == 2 and "The open field by itself adds 2 dB" in flat()


def test_two_p_values():
    rows = table_under("Two p values are not a test of their difference")
    rats = np.array([[float(cell) for cell in row[1:]] for row in rows[:8]])
    assert rats[:, 2] == pytest.approx(rats[:, 0] - rats[:, 1])
    assert [f"{mean:.2f}" for mean in rats.mean(axis=0)] == rows[8][1:]
    p = stats.ttest_1samp(rats, 0).pvalue
    assert [f"{value:.3f}" for value in p] == rows[9][1:]
    assert p[0] < 0.05 < p[1] < p[2]
    for power in (0.5, 0.8):
        one = 2 * power * (1 - power)
        assert f"{100 * power:.0f} % power" in flat()
        assert f"in {100 * one:.0f} %" in flat()


def test_equivalence():
    rows = table_under("No difference, or not seen? Equivalence and the smallest effect")
    for estimate, interval, says in rows:
        low, high = map(float, interval.split(" to "))
        row = {"ci90_low": low, "ci90_high": high}
        assert (low + high) / 2 == pytest.approx(float(estimate))
        assert equivalent(row, 1.0) == ("equivalent" in says)
        assert (low > 0 or high < 0) == ("there" in says)


def test_the_scales():
    for text in ("| dB (power) | 1 dB | 26 % more", "| log2 (rates, counts) | 0.3 | 23 % more"):
        assert text in PAGE
    assert round(100 * (10**0.1 - 1)) == 26
    assert round(10**0.3, 2) == 2
    assert round(100 * (2**0.3 - 1)) == 23
    logit = np.log(0.7 / 0.3) + 0.4
    assert round(100 / (1 + np.exp(-logit))) == 78 and "70 % correct to 78 %" in PAGE


def test_holm():
    rows = table_under("What Holm does")
    p = np.array([float(row[0]) for row in rows])
    assert [f"{value:.3f}" for value in holm(p)] == [row[2] for row in rows]
    assert [row[1] for row in rows] == ["3", "2", "1"]
    # two differences that share their reference context correlate by a half
    both = stats.multivariate_normal([0, 0], [[1, 0.5], [0.5, 1]])
    limit = stats.norm.ppf(0.975)
    either = 1 - both.cdf([limit, limit], lower_limit=[-limit, -limit])
    assert round(100 * either) == 9 and "in 9 % of experiments, not 5 %" in flat()


def test_rates_of_wrong_verdicts_are_those_of_the_calibration():
    rows = calibration()
    rates = {key: float(row["rate"]) for key, row in rows.items()}
    wrong = rates["within", "0", "process_for_pill"]
    behind = rows["within", "0", "process_for_pill"]
    assert (behind["n_cohorts"], behind["n_tests"]) == ("2000", "6000")
    assert f"a pill was called `process` in {100 * wrong:.1f} %" in flat()
    parallel = rows["drug_between", "0", "process_for_pill"]
    assert parallel["n_cohorts"] == parallel["n_tests"] == "2000"
    percent = 100 * rates["drug_between", "0", "process_for_pill"]
    assert f"2,000 simulated parallel designs in {percent:.1f} %" in flat()
    assert f"{100 * rates['within', '0', 'right_process']:.0f} % got their word" in flat()
    fixed = "within_fixed_contexts"
    shares = [rates[fixed, n, "fading_difference"] for n in ("0", "8", "12")]
    every, eight, twelve = (f"{100 * share:.0f} %" for share in shares)
    assert f'is "significant" in {every} of tests' in flat()
    assert f"8 rats: {eight}; 12 rats: {twelve}" in flat()
    assert rates[fixed, "0", "process_for_fading"] == 0


def test_baselines():
    """Unit variances before and after, correlated by r: what is left without a drug effect."""
    for r, none, change, covariate in table_under("Which baseline"):
        covariance = np.array([[1, float(r)], [float(r), 1]])
        subtracted = np.array([-1, 1]) @ covariance @ np.array([-1, 1])
        adjusted = covariance[1, 1] - covariance[0, 1] ** 2 / covariance[0, 0]
        assert float(none) == covariance[1, 1]
        assert float(change) == pytest.approx(subtracted, abs=0.005)
        assert float(covariate) == pytest.approx(adjusted, abs=0.005)


def groups(words: str) -> list[Group]:
    """Groups of a contrast, from '8 animals, within' or '4 against 4 animals'."""
    sizes = [int(number) for number in re.findall(r"\d+", words)]
    weights = [1.0] if len(sizes) == 1 else [1.0, -1.0]
    found, first = [], 0
    for size, weight in zip(sizes, weights, strict=True):
        units = np.arange(first, first + size)
        found.append(Group(weight, units, weight * (10.0 + 0.1 * units), size=20.0))
        first += size
    return found


def test_the_floor_of_permutations():
    for words, floor in table_under("The second p value: permutations, and their floor"):
        (p,), (smallest,) = companions([groups(words)], seed=0)
        assert f"{smallest:.4f}" == floor
        assert p == pytest.approx(smallest)  # an effect as large as can be reaches it, no more
    assert "With five animals in a crossover this test cannot reach 0.05" in flat()


def test_what_eight_animals_can_show():
    """In units of the standard deviation of the animals' own numbers, here 1 dB."""
    for words, found, alike in table_under("What eight animals can show, and what they cannot"):
        sizes = [int(number) for number in re.findall(r"\d+", words)]
        terms = np.array([1 / size for size in sizes])
        effect, bound = (float(cell.removesuffix(" dB")) for cell in (found, alike))
        assert per_animal(effect, terms, sizes[0]) == pytest.approx(0.8, abs=0.005)
        assert per_animal(0.0, terms, sizes[0], bound=bound) == pytest.approx(0.8, abs=0.01)
    half = per_animal(0.5, np.array([1 / 8]), 8)
    assert f"in {100 * half:.0f} % of experiments" in flat()
    assert MINIMUM_FOR_VERDICT == 5 and "Fewer than five animals in a cell get no verdict" in flat()


def test_links_lead_somewhere():
    for target in re.findall(r"\]\(([^)#]+)", PAGE):
        assert (ROOT / "docs" / target).exists(), target
