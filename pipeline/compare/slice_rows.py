"""Rows of a slice that belong to no single condition: omnibus tests and dose trends."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from pipeline.compare.arms import Arms
from pipeline.compare.cell_models import (
    Omnibus,
    contrast_of,
    interaction_matrix,
    main_matrix,
    omnibus_of,
)
from pipeline.compare.contrasts import Contrast
from pipeline.compare.engines import Models, unequal_periods
from pipeline.compare.families import OMNIBUS
from pipeline.compare.per_animal import Estimate, estimate
from pipeline.compare.slices import Slice
from pipeline.compare.trends import TREND, Trend, cumulative_trends, trends_of
from pipeline.experiment.plan import AnalysisPlan

CONDITION = "condition"
#: ratio of standard deviations between levels above which the omnibus carries a note
UNEQUAL_SPREAD = 1.5
_NAN = float("nan")


def omnibus_rows(models: Models, arms: list[Arms], *, baseline: bool) -> Iterator[Contrast]:
    """Test all conditions of a slice at once: their main effect and the interaction.

    For the modifier ``pretreatment`` a condition belongs to one level; the factors are then the
    test drug against its reference, and the level, of each comparison (``arms``). In the baseline
    phase only the main effect is tested: a difference there is carry-over.
    """
    part = models.part
    if part.modifier == "pretreatment":
        for one in arms:
            if one.problem or len(one.levels) < 2:
                continue
            model = models.pair(one)
            shape = (2, len(one.levels))
            used = np.isfinite(one.values)
            yield from _rows(
                models, model, shape, (one.condition, one.reference), one.row_mask(used), baseline
            )
        return
    if len(models.met) < 2:
        return
    model = models.everything()
    shape = (len(models.met), len(part.levels))
    at = part.steps.index(models.step)
    mask = (part.rows.step == at) & np.isin(part.rows.condition, models.met)
    yield from _rows(models, model, shape, ("", ""), mask, baseline)


def _rows(
    models: Models,
    model: Any,
    shape: tuple[int, int],
    names: tuple[str, str],
    mask: np.ndarray,
    baseline: bool,
) -> Iterator[Contrast]:
    yield _omnibus(models, omnibus_of(model, main_matrix(*shape)), CONDITION, names, mask, model)
    if shape[1] > 1 and not baseline:
        term = f"{CONDITION}:{models.part.modifier}"
        test = omnibus_of(model, interaction_matrix(*shape))
        found = _omnibus(models, test, term, names, mask, model)
        ratio = unequal_spread(models.cells(models.part.value))
        if np.isfinite(test.p) and ratio > UNEQUAL_SPREAD:
            note = (
                f"the levels vary unequally (standard deviations differ {ratio:.1f}-fold): this "
                "test may reject a true null in up to 10 %; the planned contrasts do not"
            )
            found = replace(found, row={**found.row, "note": note})
        yield found


def unequal_spread(values: np.ndarray) -> float:
    """Return by how much the standard deviation differs between levels, within animals.

    Of the interaction's residuals (condition, unit, level) of units with every cell: what is left
    when the means of unit x condition, unit x level and condition x level are taken out. NaN for
    fewer than three levels, two conditions or five such units.

    Notes
    -----
    The omnibus assumes one variance; with one level's variance six times the others' it rejected
    8 % of true nulls (docs/statistics.md).
    """
    whole = values[:, np.isfinite(values).all(axis=(0, 2))]
    n_conditions, n_units, n_levels = whole.shape
    if n_levels < 3 or n_conditions < 2 or n_units < 5:
        return _NAN
    left = whole - whole.mean(axis=1, keepdims=True)
    left = left - left.mean(axis=0, keepdims=True)
    # differences between levels, level by level against the mean of the others
    others = (left.sum(axis=2, keepdims=True) - left) / (n_levels - 1)
    spread = (left - others).std(axis=(0, 1))
    return float(spread.max() / spread.min()) if spread.min() > 0 else _NAN


def _omnibus(
    models: Models,
    test: Omnibus,
    term: str,
    names: tuple[str, str],
    mask: np.ndarray,
    model: Any,
) -> Contrast:
    part = models.part
    kind = "condition" if term == CONDITION else "interaction"
    row = vars(Estimate()) | {
        "contrast": OMNIBUS,
        "term": term,
        "family": f"{OMNIBUS}_{kind}",
        "condition": names[0],
        "reference_condition": names[1],
        "level": "",
        "reference_level": part.reference_level if kind == "interaction" else "",
        "statistic": test.statistic,
        "df": test.df,
        "df_numerator": test.df_numerator,
        "p": test.p,
        "singular": test.singular,
        "model": test.model,
        "n_units": model.design.n_units,
        "n_smallest_group": int(model.design.counts.min(initial=0)),
        "note": test.problem,
        "other_estimate": _NAN,
    }
    row.pop("problem")
    return Contrast(row | _common(models, mask), (), test.problem, _NAN)


def _common(models: Models, mask: np.ndarray) -> dict[str, object]:
    part = models.part
    rows = part.rows
    most = np.zeros(int(rows.session.max(initial=-1)) + 1, dtype=np.int64)
    np.maximum.at(most, rows.session[mask], rows.n_entities[mask])
    return (
        part.key
        | part.declared
        | {
            "modifier": part.modifier,
            "step": models.step,
            "n_animals": len(np.unique(rows.animal[mask])),
            "n_sessions": len(np.unique(rows.session[mask])),
            "n_entities": int(most.sum()),
        }
    )


def trend_rows(models: Models, plan: AnalysisPlan) -> Iterator[Contrast]:
    """Test the dose trends of a slice at one step.

    Scores per animal; with missing cells, doses that came unequally often in each period, or a
    baseline as covariate, the mixed model of all conditions.
    """
    for trend in trends_of(models.part, plan, models.step):
        yield _trend(models, trend, _trend_estimate(models, trend, plan))


def _trend_estimate(models: Models, trend: Trend, plan: AnalysisPlan) -> Estimate:
    part, at = models.part, models.part.steps.index(models.step)
    codes = [part.conditions.index(name) for name in trend.conditions]
    levels = np.flatnonzero(trend.weights.any(axis=0))
    doses = np.moveaxis(part.value[:, codes, at][:, :, levels], 1, 0)
    occasion = np.moveaxis(part.occasion[:, codes, at][:, :, levels], 1, 0)
    carriers = np.concatenate([group.units for group in trend.groups])
    everyone = np.flatnonzero(np.isfinite(doses[trend.weights.any(axis=1)]).any(axis=(0, 2)))
    plain = len(np.unique(carriers)) == len(carriers) and set(carriers) == set(everyone)
    covariate = np.isfinite(part.baseline[:, codes, at]).any()
    if plain and not covariate and not unequal_periods(doses, occasion):
        return estimate(trend.groups, alpha=plan.alpha)
    wide = np.zeros((len(models.met), len(part.levels)))
    wide[[models.met.index(code) for code in codes]] = trend.weights
    return contrast_of(models.everything(), wide, alpha=plan.alpha)


def cumulative_rows(part: Slice, plan: AnalysisPlan) -> Iterator[Contrast]:
    """Test the trends of doses that were given at rising steps of one session."""
    for trend in cumulative_trends(part, plan):
        units = np.concatenate([group.units for group in trend.groups])
        if len(np.unique(units)) == len(units):
            result = estimate(trend.groups, alpha=plan.alpha)
            yield _trend(Models(part, part.steps[0]), trend, result, cumulative=True)


def _trend(models: Models, trend: Trend, result: Estimate, *, cumulative: bool = False) -> Contrast:
    part = models.part
    mask = np.zeros(len(part.rows.unit), dtype=bool)
    for dose, name in enumerate(trend.conditions):
        here = part.rows.condition == part.conditions.index(name)
        if not cumulative:
            here &= part.rows.step == part.steps.index(models.step)
        mask |= here & trend.used[dose, part.rows.unit, part.rows.level]
    how = "slope per doubling of the dose"
    if cumulative:
        how += ", of the differences from the reference at the same step"
    if cumulative:
        reference = part.conditions.index(trend.reference)
        used = np.asarray(trend.used.any(axis=0))[part.rows.unit, part.rows.level]
        mask |= (part.rows.condition == reference) & used
    sizes = [len(group.scores) for group in trend.groups]
    row = vars(result) | {
        "contrast": TREND,
        "term": "log2 dose",
        "family": TREND,
        "condition": trend.label,
        "reference_condition": trend.reference,
        "level": trend.level,
        "reference_level": trend.reference_level,
        "n_units": sum(sizes),
        "n_smallest_group": min(sizes, default=0),
        "note": "; ".join(filter(None, [result.problem, how])),
        "other_estimate": _NAN,
    }
    row.pop("problem")
    plain = np.isfinite(result.p) and "Kenward" not in result.model
    tested = trend.groups if plain and "least squares" not in result.model else ()
    return Contrast(row | _common(models, mask), tested, result.problem, _NAN)
