"""What the calibration measured for the designs of simulated cohorts, looked up for a lab's own.

``calibration.tsv`` beside this module is written by ``python -m pipeline calibrate``; its columns
are :data:`COLUMNS`.
"""

from __future__ import annotations

import math
from functools import cache
from pathlib import Path

import pandas as pd

#: normal quantile of the 95 % Monte-Carlo intervals
_Z = 1.959963984540054
TABLE = Path(__file__).with_name("calibration.tsv")

#: columns of the table: one row per design, n (0: all of them together), true effect and measure
COLUMNS = {
    "design": "str",
    "title": "str",
    "n": "int64",
    "truth": "str",
    "measure": "str",
    "rate": "float64",
    "low": "float64",
    "high": "float64",
    "n_cohorts": "int64",
    "n_tests": "int64",
    "kind": "str",
    "flag": "str",
}

#: measures in the words of a warning
MEASURES = {
    "omnibus": "the omnibus test of the interaction rejects a true null in {}",
    "difference": "a difference of differences rejects a true null in {}",
    "difference_holm": (
        "at least one Holm-adjusted difference of differences rejects a true null in {}"
    ),
    "simple": "a simple effect rejects a true null in {}",
    "main": "the main drug effect rejects a true null in {}",
    "process_for_pill": "a drug that acts alike everywhere is called process in {}",
    "effect_for_none": "a drug that does nothing is called process or pill in {}",
    "coverage_difference": "the 95 % interval of a difference of differences covers {}",
    "coverage_simple": "the 95 % interval of a simple effect covers {}",
    "coverage_main": "the 95 % interval of the main drug effect covers {}",
}


def interval(hits: pd.Series, tests: pd.Series) -> tuple[float, float, float]:
    """Return a rate and its 95 % Monte-Carlo interval; cohorts, not tests, are independent.

    Wilson's interval (1927, J Am Stat Assoc 22:209) at the number of independent tests that would
    give the standard error of the ratio over cohorts (linearised).

    Parameters
    ----------
    hits, tests : Series (cohort,)
        Counts.

    Returns
    -------
    rate, low, high : float
        NaN without a test.
    """
    total = int(tests.sum())
    if total == 0:
        return math.nan, math.nan, math.nan
    rate = float(hits.sum() / total)
    size = float(len(tests))
    spread = float(((hits - rate * tests) ** 2).sum()) * size / max(size - 1, 1) / total**2
    if 0 < rate < 1 and spread > 0:
        size = rate * (1 - rate) / spread
    return rate, *wilson(rate, size)


def wilson(rate: float, size: float) -> tuple[float, float]:
    """Return Wilson's 95 % interval of a rate that rests on ``size`` independent tests."""
    centre = (rate + _Z**2 / (2 * size)) / (1 + _Z**2 / size)
    half = _Z / (1 + _Z**2 / size) * math.sqrt(rate * (1 - rate) / size + _Z**2 / (4 * size**2))
    return max(0.0, centre - half), min(1.0, centre + half)


def independent(rate: float, low: float, high: float) -> float:
    """Return how many independent tests an interval of :func:`wilson` rests on.

    Its width is ``z sqrt(4 s rate (1 - rate) + z^2) / (s + z^2)`` with ``s`` tests: the positive
    root of that quadratic equation.
    """
    width, z = high - low, _Z
    a, b = width**2, 2 * width**2 * z**2 - 4 * z**2 * rate * (1 - rate)
    c = (width**2 - 1) * z**4
    return (-b + math.sqrt(b**2 - 4 * a * c)) / (2 * a)


def design_name(
    *,
    drug_within: bool,
    modifier_within: bool,
    missing: bool = False,
    unit: str = "animal",
    baseline: str = "none",
    order_balanced: bool = True,
) -> str:
    """Return the simulated design that is nearest to a comparison.

    Parameters
    ----------
    drug_within, modifier_within : bool
        Whether they vary within the experimental unit.
    missing : bool
        Whether cells of the design have no value.
    unit : {"animal", "cage"}
        The experimental unit.
    baseline : {"none", "change", "covariate"}
        Baseline rule of the outcome.
    order_balanced : bool
        Whether every condition is as often in every period.

    Returns
    -------
    str
        A value of column ``design``. Where two features differ from the plain design (cages with
        missing cells), the more influential one decides: cage, then covariate, then missing cells,
        then change, then the order.
    """
    if unit == "cage":
        return "cage"
    if not drug_within and not modifier_within:
        return "both_between"
    if not modifier_within:
        return "modifier_between"
    if not drug_within:
        if baseline == "covariate":
            return "drug_between_covariate"
        return "drug_between_missing" if missing else "drug_between"
    if missing:
        return "within_missing"
    if baseline == "change":
        return "within_change"
    return "within" if order_balanced else "within_order_unbalanced"


@cache
def calibration() -> pd.DataFrame:
    """Return the stored table (columns :data:`COLUMNS`); no rows where none is stored yet."""
    if not TABLE.is_file():
        return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in COLUMNS.items()})
    return read_table(TABLE)


def read_table(path: str | Path) -> pd.DataFrame:
    """Read a table that ``python -m pipeline calibrate`` wrote (no flag is "", not NaN)."""
    return pd.read_csv(path, sep="\t", keep_default_na=False, dtype=COLUMNS)


def warning_for(design: str, n: int, *, table: pd.DataFrame | None = None) -> str:
    """Return what a reader must know of the error rates of a design, "" if all are as they should.

    Parameters
    ----------
    design : str
        From :func:`design_name`.
    n : int
        Animals (cages), per group where drug or modifier varies between them. The largest number
        simulated that is not above it is looked up (the smallest of all, where all are above).
    table : DataFrame, optional
        Columns :data:`COLUMNS`; the stored calibration by default.

    Returns
    -------
    str
        One clause per rate outside 3 to 7 % (coverage: 93 to 97 %), with its interval: rates of
        that n whose Monte-Carlo interval lies outside as a whole, and rates of the design over all
        n, whose estimate does.
    """
    table = calibration() if table is None else table
    here = table[table["design"] == design]
    if here.empty:
        return f"The error rates of this design ({design.replace('_', ' ')}) were not simulated."
    sizes = sorted(set(here["n"]) - {0})
    size = max((some for some in sizes if some <= n), default=sizes[0])
    judged = here[here["measure"].isin(MEASURES)]
    surely = judged[(judged["n"] == size) & judged["flag"].isin(("high", "low"))]
    of_all = judged[(judged["n"] == 0) & (judged["flag"] != "")]
    outside = pd.concat([surely, of_all]).drop_duplicates("measure")
    if outside.empty:
        return ""
    said = [
        MEASURES[row.measure].format(
            f"{100 * row.rate:.1f} % ({100 * row.low:.1f} to {100 * row.high:.1f} %)"
        )
        + (" over all n" if row.n == 0 else "")
        + (", too seldom (a loss of power)" if row.kind == "level" and row.flag[0] == "l" else "")
        for row in outside.itertuples()
    ]
    title = here["title"].iloc[0]
    return f"In simulated cohorts of this kind ({title}; n = {size}), {'; '.join(said)}."
