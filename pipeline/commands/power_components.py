"""A pilot's variance components, and how far they can be trusted.

REML on the pilot's cells gives the components. What decides power are their sums as the strata of
the design see them: the residual (differences of differences), the residual with animal x
condition (main drug effect), and so on. Pilots of the same size are simulated from the fit and
fitted again (parametric bootstrap); each stratum is then reflected on the log scale,
``fit^2 / refit``, because a variance of few degrees of freedom errs downwards more often than
upwards: the share of refits below the fit is not the chance that the truth lies below it. In a
balanced pilot a mean square is ``truth x chi2(df) / df``, and the reflection is exactly its
fiducial distribution ``fit x df / chi2(df)``; the plain quantiles of the refits would promise too
much power.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.commands.power_design import Design, Variances
from pipeline.commands.power_pilot import Pilot
from pipeline.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

QUANTILES = (0.2, 0.5, 0.8)
#: parts of a stratum below which a refitted one counts as this much (the reflection divides by it)
_LEAST = 1e-3


@dataclass(frozen=True, kw_only=True, eq=False)
class Components:
    """What a pilot says of the variances.

    Attributes
    ----------
    fitted : Variances
        REML estimates, those below zero set to zero.
    scenarios : tuple of (str, Variances)
        Components at the quantiles of the pilot's uncertainty, all strata at once.
    strata : dict
        Stratum -> (estimate, 20 %, 50 %, 80 % quantile).
    singular : bool
        Whether a component was estimated at or below zero.
    refits : int
        Bootstrap fits that succeeded.
    """

    fitted: Variances
    scenarios: tuple[tuple[str, Variances], ...]
    strata: dict[str, tuple[float, ...]]
    singular: bool
    refits: int


def label(quantile: float) -> str:
    """Name of a quantile's scenario: ``20 %``."""
    return f"{quantile:.0%}".replace("%", " %")


def random_terms(design: Design) -> list[str]:
    """Return the grouping terms that the design can tell from the residual."""
    if design.drug == "within" and design.modifier == "within":
        return ["animal", "animal:condition", "animal:level"]
    if design.drug == "within" or design.modifier == "within":
        return ["animal"]
    return []


def strata_of(design: Design, components: Mapping[str, float]) -> dict[str, float]:
    """Return what a balanced design's mean squares estimate.

    Parameters
    ----------
    design : Design
        The pilot's.
    components : mapping
        Term of :func:`random_terms` or ``residual`` -> variance.
    """
    n_conditions, n_levels = design.shape
    residual = components["residual"]
    strata = {"residual": residual}
    if "animal:condition" in components:
        condition = n_levels * components["animal:condition"]
        level = n_conditions * components["animal:level"]
        animal = n_conditions * n_levels * components["animal"]
        strata["animal:condition"] = residual + condition
        strata["animal:level"] = residual + level
        strata["animal"] = residual + condition + level + animal
    elif "animal" in components:
        cells = n_levels if design.modifier == "within" else n_conditions
        strata["animal"] = residual + cells * components["animal"]
    return strata


def variances_of(
    design: Design, strata: Mapping[str, float], *, unit: float | None, units: float
) -> Variances:
    """Turn strata into components; those below zero are set to zero.

    Parameters
    ----------
    unit : float or None
        Variance between entities of a cell; None if unknown (then ``cell`` holds it).
    units : float
        Entities per cell in the pilot.
    """
    n_conditions, n_levels = design.shape
    residual = strata["residual"]
    # with as many entities as the pilot had, the residual is what the pilot's was
    from_units = min((unit or 0.0) / units, residual)
    parts = {"cell": residual - from_units, "unit": from_units * units}
    if "animal:condition" in strata:
        condition, level = strata["animal:condition"], strata["animal:level"]
        above = strata["animal"] - condition - level + residual
        parts["condition"] = max(0.0, (condition - residual) / n_levels)
        parts["modifier"] = max(0.0, (level - residual) / n_conditions)
        parts["animal"] = max(0.0, above / (n_conditions * n_levels))
    elif "animal" in strata:
        cells = n_levels if design.modifier == "within" else n_conditions
        parts["animal"] = max(0.0, (strata["animal"] - residual) / cells)
    return Variances(**parts)


def components_of(pilot: Pilot, *, unit: float | None, refits: int, seed: int) -> Components:
    """Estimate a pilot's components with their uncertainty.

    Parameters
    ----------
    pilot : Pilot
        Its cells.
    unit : float or None
        Variance between the entities of a cell, if known.
    refits : int
        Bootstrap samples.
    seed : int
        Of the bootstrap.

    Returns
    -------
    Components

    Raises
    ------
    InputError
        If the cells do not vary.
    """
    import numpy as np

    design = pilot.design
    refit = _fitter(pilot.cells, design)
    fitted = refit(pilot.cells["value"].to_numpy())
    if fitted["residual"] <= 0:
        raise InputError(
            f"--pilot: {pilot.outcome}: found no variation between animals; expected some (values "
            "rounded, or the same in every cell?)"
        )
    strata = strata_of(design, fitted)
    draws: dict[str, list[float]] = {name: [] for name in strata}
    rng = np.random.default_rng(seed)
    factor = _factor(pilot.cells, fitted)
    for _ in range(refits):
        values = factor @ rng.standard_normal(len(factor))
        again = strata_of(design, refit(values))
        for name, value in again.items():
            draws[name].append(strata[name] ** 2 / max(value, _LEAST * strata[name]))
    at = {name: np.quantile(values, QUANTILES) for name, values in draws.items()}
    scenarios = tuple(
        (
            label(quantile),
            variances_of(
                design,
                {name: float(values[index]) for name, values in at.items()},
                unit=unit,
                units=pilot.units,
            ),
        )
        for index, quantile in enumerate(QUANTILES)
    )
    return Components(
        fitted=variances_of(design, strata, unit=unit, units=pilot.units),
        scenarios=scenarios,
        strata={name: (strata[name], *map(float, at[name])) for name in strata},
        singular=any(value <= 0 for value in fitted.values()),
        refits=refits,
    )


def _fitter(cells: pd.DataFrame, design: Design) -> Callable[[np.ndarray], dict[str, float]]:
    """REML on the pilot's cells, as a function of their values (row,).

    Components below zero are allowed: only then are the strata of a balanced pilot its mean
    squares, without bias.
    """
    import numpy as np

    from pipeline.compare.mixed import fit_structure, prepare

    def codes(*columns: str) -> np.ndarray:
        return cells.groupby(list(columns), sort=False).ngroup().to_numpy()

    cell = codes("condition", "level")
    indicators = (cell[:, None] == np.arange(cell.max() + 1)).astype(float)
    groups = {term: codes(*term.split(":")) for term in random_terms(design)}
    structure = prepare(indicators, groups)

    def fit(values: np.ndarray) -> dict[str, float]:
        found = fit_structure(structure, values, bounded=False).variance_components
        return {name: float(value) for name, value in found.items()}

    return fit


def _factor(cells: pd.DataFrame, components: Mapping[str, float]) -> np.ndarray:
    """Cholesky factor (row, row) of the covariance of a pilot's cells."""
    import numpy as np

    def covariance(least: float) -> np.ndarray:
        total = components["residual"] * np.eye(len(cells))
        for term, variance in components.items():
            if term != "residual":
                code = cells.groupby(term.split(":"), sort=False).ngroup().to_numpy()
                total += max(variance, least) * (code[:, None] == code)
        return total

    try:
        return np.linalg.cholesky(covariance(-np.inf))
    except np.linalg.LinAlgError:  # a negative component that unequal cells do not allow
        return np.linalg.cholesky(covariance(0.0))


def refuse_untold(pilot: Design, planned: Design) -> None:
    """Refuse a plan that varies within animals what the pilot varied between them.

    Raises
    ------
    InputError
        Naming the factor.
    """
    for option, before, now in (
        ("--drug", pilot.drug, planned.drug),
        ("--modifier", pilot.modifier, planned.modifier),
    ):
        if before == "between" and now == "within":
            raise InputError(
                f"{option}: found within; expected between, as in the pilot (animals that differ "
                "in it cannot tell how much an animal varies over it; state the components with "
                "--variances)"
            )
