"""Numbers, names and file names, as they are written everywhere in the report."""

from __future__ import annotations

import itertools
import math

import pytest
from report_example import METRICS, plan

from pipeline.report import numbers
from pipeline.report.names import Names, parse
from pipeline.report.slug import slug

NAMES = Names(plan=plan(), metrics=METRICS)
SP = numbers.SPACE


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [(1.234, 2, "+1.23"), (-1.9, 2, "−1.90"), (0.0, 2, "0.00"), (-0.004, 2, "0.00"),
     (0.004, 2, "0.00"), (float("nan"), 2, "not available"), (12, 0, "+12")],
)  # fmt: skip
def test_signs_are_true_minus_and_zero_has_none(value, digits, text):
    assert numbers.signed(value, digits) == text


@pytest.mark.parametrize(
    ("p", "text"),
    [(0.0021, f"p{SP}={SP}.002"), (0.0005, f"p{SP}<{SP}.001"), (0.04999, f"p{SP}={SP}.050"),
     (0.9999, f"p{SP}>{SP}.999"), (1.0, f"p{SP}>{SP}.999"), (float("nan"), "p not available")],
)  # fmt: skip
def test_p_values(p, text):
    assert numbers.p_value(p) == text


@pytest.mark.parametrize(
    ("values", "scale", "digits"),
    [((-1.9, -2.6), "dB", 2), ((0.1,), "log2", 2), ((-7.4, -11.3), "time_to_event", 1),
     ((5.61, 8.34), "linear", 2), ((123.4,), "linear", 0), ((0.00123,), "linear", 5),
     ((float("nan"),), "linear", 1)],
)  # fmt: skip
def test_digits_show_three_significant_ones_off_the_ratio_scales(values, scale, digits):
    assert numbers.decimals(values, scale=scale) == digits


def test_folds_counts_and_lists():
    assert numbers.fold(-1.0) == f"0.50{SP}times"
    assert numbers.fold(math.log2(1.5)) == f"1.50{SP}times"
    assert numbers.fold(5.0) == f"32{SP}times"
    assert numbers.count(1, "rat", "rats") == f"1{SP}rat"
    assert numbers.count(1234, "unit") == f"1,234{SP}units"
    assert numbers.listing(["a", "b", "c"]) == "a, b and c"
    assert numbers.minutes(90) == f"1.5{SP}min"
    assert numbers.minutes(-600) == f"−10{SP}min"


def test_slug_names_files_after_outcomes():
    assert slug("band_power/theta@mPFC") == "band_power-theta-at-mPFC"
    assert slug("coherence/theta@mPFC~CA1") == "coherence-theta-at-mPFC-and-CA1"
    assert slug("trials_to_criterion") == "trials_to_criterion"


def test_no_two_ids_share_a_file_and_no_label_names_a_folder():
    parts = ["a", "b-c", "b c", "at", "and", "../x", "=cmd()", "ä", "A.B", "é"]
    bands = ["", *(f"/{part}" for part in parts)]
    places = ["", "@a~b", *(f"@{part}" for part in parts)]
    ids = ["".join(pieces) for pieces in itertools.product(parts, bands, places)]
    slugs = [slug(name) for name in ids]
    assert len(set(slugs)) == len(set(ids))
    assert all(not set(name) & set("/\\.<>:\"'|?* =()&%#") for name in slugs)
    with pytest.raises(ValueError, match="empty"):
        slug("")


def test_outcomes_are_read_as_words():
    assert parse("coherence/theta@mPFC~CA1").region_b == "CA1"
    assert NAMES.title("band_power/theta@mPFC") == "Theta band power, mPFC"
    assert NAMES.title("band_power/hfo@CA1") == "HFO band power, CA1"
    assert NAMES.in_sentence("coherence/theta@mPFC~CA1") == "theta coherence between mPFC and CA1"
    assert NAMES.in_sentence("trials_to_criterion") == "trials to criterion"
    assert NAMES.title("head_twitches") == "Head twitches"


def test_units_follow_the_scale():
    assert NAMES.unit("band_power/theta@mPFC") == "dB"
    assert NAMES.unit("trials_to_criterion") == "trials"
    assert NAMES.unit("perseverative_errors") == "log2"
    assert NAMES.unit("head_twitches") == "log2"


def test_the_most_specific_bound_and_baseline_rule_win():
    from pipeline.experiment.plan import PlanBound

    declared = plan(
        smallest_effect={
            "band_power": PlanBound(drug=1),
            "band_power/theta": PlanBound(drug=2),
            "band_power/theta@mPFC": PlanBound(drug=3),
        },
        baseline={"band_power": "none"},
    )
    names = Names(plan=declared, metrics=METRICS)
    assert names.bound("band_power/theta@mPFC").drug == 3
    assert names.bound("band_power/theta@CA1").drug == 2
    assert names.bound("band_power/beta@CA1").drug == 1
    assert names.bound("firing_rate@CA1").drug is None
    assert names.baseline_rule("band_power/theta@mPFC") == "none"
    assert NAMES.baseline_rule("band_power/theta@mPFC") == "change"
    assert NAMES.baseline_rule("trials_to_criterion") == "none"


def test_species_and_cages_are_counted_by_name():
    assert NAMES.animals() == ("rat", "rats")
    assert Names(plan=plan(species="mouse"), metrics={}).animals() == ("mouse", "mice")
    assert Names(plan=plan(unit="cage"), metrics={}).animals() == ("cage", "cages")
