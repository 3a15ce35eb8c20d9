"""A mixed model fitted to a table: coefficients, type III tests, marginal means, contrasts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from pipeline.compare.mixed_design import FixedDesign
from pipeline.compare.mixed_inference import KENWARD_ROGER
from pipeline.compare.mixed_results import ContrastTest, MatrixFit
from pipeline.errors import InputError

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class ModelFit:
    """A fitted mixed model.

    Attributes
    ----------
    response, fixed, random : str, str, tuple of str
        What was fitted.
    design : FixedDesign
        Fixed effects and their factors.
    matrix : MatrixFit
        The fit over the columns of X.
    """

    response: str
    fixed: str
    random: tuple[str, ...]
    design: FixedDesign
    matrix: MatrixFit

    def coefficients(self, method: str = KENWARD_ROGER) -> pd.DataFrame:
        """Return the fixed effects in treatment coding.

        Returns
        -------
        DataFrame
            Index term; columns estimate, se, df, statistic (t), p.
        """
        import pandas as pd

        tests = self.matrix.contrasts(np.eye(len(self.design.names)), method=method)
        columns = ("estimate", "se", "df", "statistic", "p")
        rows = [[getattr(test, column) for column in columns] for test in tests]
        index = pd.Index(self.design.names, name="term")
        return pd.DataFrame(rows, columns=list(columns), index=index)

    def anova(self, method: str = KENWARD_ROGER) -> pd.DataFrame:
        """Test every term: type III (every cell has the same weight).

        Returns
        -------
        DataFrame
            Index term; columns statistic (F), num_df, den_df, p.
        """
        import pandas as pd

        rows = {}
        for term, hypothesis in self.design.hypotheses.items():
            test = self.matrix.contrast(hypothesis, method=method)
            f = test.statistic if len(hypothesis) > 1 else test.statistic**2
            rows[term] = (f, test.num_df, test.df, test.p)
        columns = ["statistic", "num_df", "den_df", "p"]
        return pd.DataFrame.from_dict(rows, orient="index", columns=columns).rename_axis("term")

    def emmeans(
        self,
        specs: str | Sequence[str],
        *,
        by: str | Sequence[str] = (),
        at: Mapping[str, float] | None = None,
        method: str = KENWARD_ROGER,
        level: float = 0.95,
    ) -> pd.DataFrame:
        """Estimate marginal means: equal weight for the levels of all other factors.

        Parameters
        ----------
        specs, by : str or sequence of str
            The factors whose levels (and combinations) get a mean.
        at : mapping, optional
            Values of covariates; their means if not named.
        method : str
            Of the degrees of freedom.
        level : float
            Of the confidence intervals.

        Returns
        -------
        DataFrame
            One column per factor, then estimate, se, df, ci_low, ci_high.
        """
        import pandas as pd

        names = [*self._names(by), *self._names(specs)]
        cells = list(product(*(self.design.factors[name] for name in names)))
        rows = self.mean_rows(names, cells, at)
        found = []
        for cell, test in zip(cells, self.matrix.contrasts(rows, method=method), strict=True):
            low, high = test.interval(level)
            found.append([*cell, test.estimate, test.se, test.df, low, high])
        estimates = ["estimate", "se", "df", "ci_low", "ci_high"]
        table = pd.DataFrame(found, columns=[*names, *estimates])
        return table[[*self._names(specs), *self._names(by), *estimates]]

    def mean_rows(
        self,
        names: Sequence[str],
        cells: Sequence[tuple],
        at: Mapping[str, float] | None = None,
    ) -> np.ndarray:
        """Return the coefficients (m, p) of the marginal means of m cells of named factors."""
        import pandas as pd

        at = {} if at is None else dict(at)
        unknown = set(at) - set(self.design.covariates)
        if unknown:
            raise InputError(
                f"marginal means: found {', '.join(sorted(unknown))} in at; expected covariates: "
                f"{', '.join(self.design.covariates) or 'none in this model'}"
            )
        for cell in cells:
            self._check_cell(names, cell)
        factors = self.design.factors
        others = [name for name in factors if name not in names]
        inside = list(product(*(factors[name] for name in others)))
        rows = [(*cell, *other) for cell in cells for other in inside]
        grid = pd.DataFrame(rows, columns=[*names, *others], index=range(len(rows)))
        for name, mean in self.design.covariates.items():
            grid[name] = float(at.get(name, mean))
        return self.design.rows_of(grid).reshape(len(cells), len(inside), -1).mean(axis=1)

    def _check_cell(self, names: Sequence[str], cell: tuple) -> None:
        if len(cell) != len(names):
            raise InputError(
                f"contrast: found the cell {cell!r}; expected a level of each of "
                f"{', '.join(names)}, or names of coefficients"
            )
        for name, level in zip(names, cell, strict=True):
            known = self.design.factors[name]
            if level not in known:
                raise InputError(
                    f"marginal means: found level {level!r} of {name}; expected one of "
                    f"{', '.join(map(repr, known))}"
                )

    def contrast(
        self,
        weights: np.ndarray | Mapping | Sequence[Mapping],
        *,
        specs: str | Sequence[str] | None = None,
        method: str = KENWARD_ROGER,
    ) -> ContrastTest:
        """Test any contrast.

        Parameters
        ----------
        weights : ndarray (p,) or (m, p), mapping, or sequence of mappings
            Coefficients of the fixed effects; or weights by name of the coefficient; or weights by
            cell, such as ``{("ketamine", "task"): 1, ("saline", "task"): -1}``. Several rows are
            tested together (F), one row by t.
        specs : str or sequence of str, optional
            The factors whose levels make the keys of a cell, in that order (averaged over all
            others); all factors of the formula if not given.
        method : str
            Of the degrees of freedom.
        """
        if isinstance(weights, Mapping):
            return self.matrix.contrast(self._row(weights, specs), method=method)
        if len(weights) and isinstance(weights[0], Mapping):
            rows = np.array([self._row(row, specs) for row in weights])
            return self.matrix.contrast(rows, method=method)
        return self.matrix.contrast(np.asarray(weights, dtype=float), method=method)

    def _row(self, weights: Mapping, specs: str | Sequence[str] | None) -> np.ndarray:
        if specs is None and all(key in self.design.names for key in weights):
            return np.array([float(weights.get(name, 0.0)) for name in self.design.names])
        names = self._names(list(self.design.factors) if specs is None else specs)
        cells = [key if isinstance(key, tuple) else (key,) for key in weights]
        values = np.array([float(weight) for weight in weights.values()])
        return values @ self.mean_rows(names, cells)

    def _names(self, names: str | Sequence[str]) -> list[str]:
        """Return factors as the formula writes them: "dose" may stand for "C(dose)"."""
        found = []
        for name in [names] if isinstance(names, str) else names:
            match = name if name in self.design.factors else f"C({name})"
            if match not in self.design.factors:
                raise InputError(
                    f"marginal means: found {name}; expected a factor of the model: "
                    f"{', '.join(self.design.factors) or 'it has none'}"
                )
            found.append(match)
        return found

    # ---- of the fit as a whole

    @property
    def variance_components(self) -> dict[str, float]:
        """Variance (or covariance) by random term; the residual last."""
        return self.matrix.variance_components

    @property
    def criterion(self) -> float:
        """The REML criterion, or minus twice the log likelihood."""
        return self.matrix.criterion

    @property
    def log_likelihood(self) -> float:
        """Log likelihood (restricted if fitted so)."""
        return self.matrix.log_likelihood

    @property
    def aic(self) -> float:
        """Akaike's information criterion."""
        return self.matrix.aic

    @property
    def bic(self) -> float:
        """Bayesian information criterion with n = rows."""
        return self.matrix.bic

    def bic_of(self, n: float) -> float:
        """Bayesian information criterion with another n, such as the number of animals."""
        return self.matrix.bic_of(n)

    @property
    def singular(self) -> bool:
        """Whether a variance is zero or below."""
        return self.matrix.singular

    @property
    def converged(self) -> bool:
        """Whether a minimum of the criterion was found."""
        return self.matrix.converged

    @property
    def bounded(self) -> bool:
        """Whether variances were kept at or above zero."""
        return self.matrix.bounded

    @property
    def fell_back(self) -> bool:
        """Whether the unbounded fit found no minimum, so that this one is bounded."""
        return self.matrix.fell_back

    @property
    def note(self) -> str:
        """What a reader must know of this fit; empty if nothing."""
        return self.matrix.note
