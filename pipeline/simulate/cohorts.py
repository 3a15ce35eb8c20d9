"""Cohorts of outcomes with known truth: numbers only, for calibration, power and tests.

A design (:mod:`pipeline.simulate.cohort_designs`) says who gets what; :func:`layout` lays out its
rows, and :func:`simulate_cohorts` draws values for many cohorts at once.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from pipeline.simulate.cohort_designs import CONTEXTS, REFERENCE, CohortDesign, Truth

#: middle of the three visits after the dose
SLOTS_S = (600.0, 1800.0, 3000.0)
#: what the contexts do by themselves
_CONTEXT_LEVEL = (0.0, 0.3, 0.6)
#: every condition once in every period, after every other one once (Williams 1949, Aust J Sci Res
#: A 2:149), for two and four conditions
_WILLIAMS = {
    2: ((0, 1), (1, 0)),
    4: ((0, 1, 3, 2), (1, 2, 0, 3), (2, 3, 1, 0), (3, 0, 2, 1)),
}


def begun_with(design: CohortDesign, n: int) -> int:
    """Return how many animals are begun with, so that n are left.

    At least two more, and as many of each order of the conditions, where the design drops animals.
    """
    if not design.drops_animals:
        return n
    orders = len(design.conditions)
    return orders * -(-(n + 2) // orders)


def layout(design: CohortDesign, n: int) -> pd.DataFrame:
    """Return the rows of one cohort without values: one per cell of an animal.

    Parameters
    ----------
    design : CohortDesign
        Which factors vary within animals, how often, in which order.
    n : int
        Animals (cages, where the design has cage mates) per group: one group where all is within.

    Returns
    -------
    DataFrame
        animal, cage, session, condition, context, period, since_dose_s.
    """
    drugs: Sequence[tuple[str, ...]] = [design.conditions]
    places: Sequence[tuple[str, ...]] = [CONTEXTS]
    if design.drug == "between":
        drugs = [(name,) for name in design.conditions]
    if design.modifier == "between":
        places = [(name,) for name in CONTEXTS]
    rows = []
    groups = [(some, where) for some in drugs for where in places]
    for number, (conditions, contexts) in enumerate(groups):
        for index in range(begun_with(design, n) * design.mates):
            rows += _animal_rows(design, number, index, conditions, contexts)
    return pd.DataFrame(rows)


def _animal_rows(
    design: CohortDesign,
    group: int,
    index: int,
    conditions: Sequence[str],
    contexts: Sequence[str],
) -> list[dict[str, object]]:
    animal, cage = f"a{group}_{index:02d}", f"c{group}_{index // design.mates:02d}"
    orders = _WILLIAMS.get(len(conditions), ((0,),))
    order = orders[index % len(orders)]
    rows: list[dict[str, object]] = []
    for turn, code in enumerate(order):
        for place, context in enumerate(contexts):
            slot = place if design.order == "fixed" else place + index + turn
            rows.append(
                {
                    "animal": animal,
                    "cage": cage,
                    "session": f"{animal}_{turn + 1}",
                    "condition": conditions[code],
                    "context": context,
                    "period": turn + 1,
                    "since_dose_s": SLOTS_S[slot % len(SLOTS_S)],
                }
            )
    return rows


def simulate_cohorts(
    design: CohortDesign,
    n: int,
    truth: Truth,
    *,
    n_cohorts: int,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Draw the outcomes of many cohorts of one design.

    All deviations are normal. A value is the sum of the true effect, what its context does, the
    shift of its period, and one deviation for each variance; the baseline of a row shares animal,
    session and animal x context with its value, nothing else.

    Parameters
    ----------
    design : CohortDesign
        Design and variances.
    n : int
        Animals (cages) per group.
    truth : Truth
        Effect of every condition but the reference, by context.
    n_cohorts : int
        How many.
    rng : numpy.random.Generator
        Its state decides every number.

    Returns
    -------
    DataFrame
        Columns of :func:`layout`, and cohort (int, from 0), n_units, value, baseline_value (NaN
        where the design has none); cohort by cohort.
    """
    rows = layout(design, n)
    size = (n_cohorts, len(rows))
    variances = design.variances
    context = pd.Categorical(rows["context"], categories=CONTEXTS).codes

    def shared(variance: float, *columns: str) -> np.ndarray:
        codes = rows.groupby(list(columns), sort=False).ngroup().to_numpy()
        draws = rng.standard_normal((n_cohorts, int(codes.max()) + 1))
        return np.sqrt(variance) * draws[:, codes]

    n_units = _units(design, size, rng)
    lasting = (
        np.array(_CONTEXT_LEVEL)[context]
        + design.period_shift * (rows["period"].to_numpy() - 1)
        + shared(variances.cage, "cage")
        + shared(variances.cage_context, "cage", "context")
        + shared(variances.animal, "animal")
        + shared(variances.animal_context, "animal", "context")
        + shared(variances.session, "session")
    )
    cell = np.sqrt(variances.animal_drug_context * np.where(context == 2, design.noisy, 1.0))
    error = np.sqrt(variances.unit / n_units)
    value = (
        lasting
        + _effect(design, rows, truth, context)
        + shared(variances.animal_drug, "animal", "condition")
        + cell * rng.standard_normal(size)
        + error * rng.standard_normal(size)
    )
    baseline = np.full(size, np.nan)
    if design.baseline != "none":
        baseline = lasting + np.hypot(cell, error) * rng.standard_normal(size)
    kept = _kept(design, rows, n, n_cohorts, rng)
    table = rows.loc[np.tile(rows.index, n_cohorts)].reset_index(drop=True)
    table.insert(0, "cohort", np.repeat(np.arange(n_cohorts), len(rows)))
    table["n_units"] = n_units.ravel()
    table["value"] = value.ravel()
    table["baseline_value"] = baseline.ravel()
    return table[kept.ravel()].reset_index(drop=True)


def _effect(
    design: CohortDesign, rows: pd.DataFrame, truth: Truth, context: np.ndarray
) -> np.ndarray:
    """True drug effect (row,)."""
    fading = 0.5 ** (rows["since_dose_s"].to_numpy() / design.half_life_s)
    effect = np.array(truth.effect)[context] * fading
    return np.where(rows["condition"] == REFERENCE, 0.0, effect)


def _units(design: CohortDesign, size: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Units in every cell (cohort, row)."""
    fewest, most = design.units
    if fewest == most:
        return np.full(size, fewest)
    logs = rng.uniform(np.log(fewest), np.log(most + 1), size)
    return np.exp(logs).astype(int)


def _kept(
    design: CohortDesign, rows: pd.DataFrame, n: int, n_cohorts: int, rng: np.random.Generator
) -> np.ndarray:
    """Which cells (cohort, row) are left after losses at random."""
    kept = np.ones((n_cohorts, len(rows)), dtype=bool)
    if design.drops_animals:
        animal, animals = pd.factorize(rows["animal"])
        rank = rng.random((n_cohorts, len(animals))).argsort(axis=1).argsort(axis=1)
        kept &= (rank < n)[:, animal]
    if design.missing:
        rank = rng.random(kept.shape).argsort(axis=1).argsort(axis=1)
        kept &= rank >= round(design.missing * len(rows))
    return kept
