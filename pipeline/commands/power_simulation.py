"""Simulated cohorts of a planned design, judged by :func:`pipeline.compare.compare` itself.

Every simulated cohort is an outcome of its own (``simulated@r0000``, ...), so that one call of
compare judges all cohorts of one point of the grid: same contrasts, families, guards and verdicts
as the lab's own data get.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from pipeline.commands.power_closed import Setting
from pipeline.commands.power_design import Design, cell_covariance
from pipeline.experiment.plan import AnalysisPlan, PlanBound, PlanCondition, PlanQuestion
from pipeline.metric import Metric

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from pipeline.compare import Comparison

METRIC = "simulated"
PHASE = "measured"
MODIFIER = "context"

#: the three truths: some level differs, all alike, nothing
PROCESS, PILL, NONE = "process", "pill", "no drug effect"


@dataclass(frozen=True, kw_only=True)
class Truth:
    """What the drug truly does.

    Attributes
    ----------
    name : str
        PROCESS, PILL or NONE: the verdict that would be right.
    drug : float
        True simple effect in the reference level, and in every level that does not differ.
    interaction : float
        True difference of differences of the levels that differ.
    differing : {"one", "all"}
        Whether the last level differs from the reference level, or every other level does.
    """

    name: str
    drug: float
    interaction: float = 0.0
    differing: Literal["one", "all"] = "one"

    def means(self, design: Design) -> np.ndarray:
        """True cell means (condition, level); all drugs act alike."""
        import numpy as np

        out = np.zeros(design.shape)
        out[1:] = self.drug
        out[1:, 1 if self.differing == "all" else -1 :] += self.interaction
        return out


def planned(design: Design, bound: PlanBound, alpha: float) -> AnalysisPlan:
    """Analysis plan of the simulated experiment.

    The modifier is called context, whatever it is: compare treats all modifiers alike once each
    animal has one value per cell.
    """
    reference, *others = design.conditions
    conditions = [PlanCondition(name=reference, reference=None, drug=reference, is_reference=True)]
    conditions += [
        PlanCondition(name=name, reference=reference, drug=name, is_reference=False)
        for name in others
    ]
    question = PlanQuestion(
        modifier=MODIFIER, reference=design.levels[0], levels=design.levels, phases=(PHASE,)
    )
    return AnalysisPlan(
        title="Power",
        species="",
        conditions=tuple(conditions),
        contexts=design.levels,
        phases=(PHASE,),
        questions=(question,),
        primary=(METRIC,),
        smallest_effect={METRIC: bound},
        alpha=alpha,
    )


def _metric() -> dict[str, Metric]:
    fields: dict[str, Any] = {"label": METRIC, "description": "", "definition": "", "reference": ""}
    return {
        METRIC: Metric(
            name=METRIC,
            domain="other",
            entity="animal",
            needs=(),
            value_unit="",
            scale="linear",
            **fields,
        )
    }


def rows_of(design: Design, animals: int) -> dict[str, np.ndarray]:
    """Columns of one complete cohort: animal, condition, level (indices), period, cell.

    Parameters
    ----------
    design : Design
        Who gets what.
    animals : int
        Per group.

    Returns
    -------
    dict of ndarray (row,)
        The order of the conditions rotates over the animals (counterbalanced as far as their number
        allows); rows of one animal are neighbours.
    """
    import numpy as np

    groups = design.groups()
    condition, level = np.indices(design.shape)
    parts = []
    for group in range(design.n_groups):
        mine = groups == group
        for number in range(animals):
            order = (condition[mine] + number) % design.shape[0]
            parts.append(
                np.column_stack(
                    (
                        np.full(mine.sum(), group * animals + number),
                        condition[mine],
                        level[mine],
                        1 + (order if design.drug == "within" else np.zeros_like(order)),
                    )
                )
            )
    table = np.concatenate(parts)
    names = ("animal", "condition", "level", "period")
    columns = {name: table[:, index] for index, name in enumerate(names)}
    return columns | {"cell": columns["condition"] * design.shape[1] + columns["level"]}


def draw(
    setting: Setting, truth: Truth, *, n: int, rng: np.random.Generator
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Draw ``n`` cohorts.

    Returns
    -------
    columns : dict of ndarray (row,)
        :func:`rows_of`.
    values : ndarray (n, row)
        True means plus normal noise with the design's covariance.
    """
    import numpy as np

    columns = rows_of(setting.design, setting.animals)
    covariance = cell_covariance(setting.design, setting.variances, setting.units)
    # every animal draws all cells; those of other groups are independent of its own and not used
    factor = np.linalg.cholesky(covariance)
    n_animals = setting.animals * setting.design.n_groups
    noise = rng.standard_normal((n, n_animals, len(factor))) @ factor.T
    means = truth.means(setting.design).ravel()
    return columns, means[columns["cell"]] + noise[:, columns["animal"], columns["cell"]]


def outcomes_table(
    setting: Setting,
    columns: Mapping[str, np.ndarray],
    values: np.ndarray,
    kept: np.ndarray,
) -> pd.DataFrame:
    """Make the outcomes table of the cohorts, the rows that were ``kept`` (n, row)."""
    import numpy as np
    import pandas as pd

    from pipeline.compare.tables import OUTCOMES, typed

    design = setting.design
    n = len(values)
    animal = np.array([f"A{index:04d}" for index in columns["animal"]], dtype=object)
    condition = np.array(design.conditions, dtype=object)[columns["condition"]]
    session = animal + "_" + condition
    regions = np.array([f"r{index:05d}" for index in range(n)], dtype=object)
    cohort, row = np.nonzero(kept)
    defaults = {
        "metric": METRIC,
        "region": regions[cohort],
        "outcome": np.array([f"{METRIC}@{region}" for region in regions], dtype=object)[cohort],
        "domain": "other",
        "priority": "primary",
        "animal": animal[row],
        "session": session[row],
        "anchor": session[row],
        "condition": condition[row],
        "drug": condition[row],
        "context": np.array(design.levels, dtype=object)[columns["level"]][row],
        "phase": PHASE,
        "scale": "linear",
        "baseline_rule": "none",
        "step": 1,
        "period": columns["period"][row],
        "n_prior_doses": 0,
        "value": values[kept],
        "since_dose_s": 0.0,
        "since_dose_first_s": 0.0,
        "since_dose_last_s": 0.0,
        "censored": False,
        "baseline_censored": False,
        "n_entities": max(1, round(min(setting.units, 1e6))),
        "n_entities_unmatched": 0,
    }
    table = pd.DataFrame(defaults, index=np.arange(len(row)))
    for name, kind in OUTCOMES.items():
        if name not in table:
            table[name] = "" if kind == "str" else float("nan")
    return typed(table, OUTCOMES)


def keep_sessions(
    columns: Mapping[str, np.ndarray], *, n: int, dropout: float, rng: np.random.Generator
) -> np.ndarray:
    """Which rows (n, row) are left when each session is lost with probability ``dropout``."""
    import numpy as np

    session = columns["animal"] * (columns["condition"].max() + 1) + columns["condition"]
    lost = rng.random((n, int(session.max()) + 1)) < dropout
    return ~lost[:, session] if dropout else np.ones((n, len(session)), dtype=bool)


def judge(
    setting: Setting,
    truth: Truth,
    *,
    bound: PlanBound,
    alpha: float,
    dropout: float,
    simulations: int,
    seed: int,
) -> Comparison:
    """Simulate cohorts of one point of the grid and let compare judge them.

    Parameters
    ----------
    seed : int
        Of the run; the point's own numbers are mixed in, so that a point has the same cohorts in
        any grid.

    Returns
    -------
    Comparison
        One outcome per cohort.
    """
    import numpy as np

    from pipeline.compare import compare

    place = [seed, setting.animals, round(setting.units * 100), round(dropout * 1e6)]
    truths = [(PROCESS, PILL, NONE).index(truth.name)]
    size = [round(abs(value) * 1e6) for value in (truth.drug, truth.interaction)]
    noise = [round(value * 1e9) for value in vars(setting.variances).values()]
    rng = np.random.default_rng([*place, *truths, *size, *noise])
    columns, values = draw(setting, truth, n=simulations, rng=rng)
    kept = keep_sessions(columns, n=simulations, dropout=dropout, rng=rng)
    table = outcomes_table(setting, columns, values, kept)
    plan = planned(setting.design, bound, alpha)
    return compare(table, plan, _metric(), permutations=False)
