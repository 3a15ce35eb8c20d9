"""From a table, a formula and random terms to the matrices of a mixed model.

Fixed effects are read by formulaic in treatment coding; the rows of the type III hypotheses come
from the same terms in sum-to-zero coding (equal weight for every cell, whatever its number of
rows). Nothing is repaired: a missing value, an unknown column, a cell without rows is refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from pipeline.compare.mixed_structure import null_space
from pipeline.compare.mixed_terms import Term
from pipeline.errors import InputError

if TYPE_CHECKING:
    import pandas as pd
    from formulaic import Formula, ModelSpec

_PLAIN_CATEGORY = re.compile(r"^C\(\s*(?:`([^`]+)`|([A-Za-z_]\w*))\s*\)$")
_SLOPES = re.compile(r"^\(\s*(.+?)\s*\|\s*(.+?)\s*\)$")


@dataclass(frozen=True, eq=False)
class FixedDesign:
    """Fixed effects in treatment coding.

    Attributes
    ----------
    formula : str
        As the lab wrote it.
    frame : DataFrame
        The columns in use, text as categories.
    terms : tuple of tuple of str
        The factors of each term; the intercept has none.
    spec : ModelSpec
        Makes rows of X for other cells.
    x : ndarray (n, p)
        Treatment coding.
    factors : mapping of str to tuple
        Levels of each categorical factor, in order.
    covariates : mapping of str to float
        Mean of each numeric column.
    """

    formula: str
    frame: pd.DataFrame
    terms: tuple[tuple[str, ...], ...]
    spec: ModelSpec
    x: np.ndarray
    factors: Mapping[str, tuple]
    covariates: Mapping[str, float]

    @property
    def names(self) -> tuple[str, ...]:
        """Columns of x: "Intercept", "drug[T.ketamine]", "drug[T.ketamine]:context[T.task]"."""
        return tuple(self.spec.column_names)

    @cached_property
    def summed(self) -> tuple[np.ndarray, tuple[slice, ...]]:
        """X in sum-to-zero coding, and the columns of each term."""
        coded = {name: f"C(`{name}`, contr.sum)" for name in self.factors}
        x, spec = _matrix(self.frame, self.terms, coded, self.formula)
        return x, tuple(spec.term_slices.values())

    @cached_property
    def hypotheses(self) -> dict[str, np.ndarray]:
        """Rows (q, p) of the type III test of each term, over the columns of x."""
        summed, columns = self.summed
        across = np.linalg.lstsq(summed, self.x, rcond=None)[0]
        across[np.abs(across) < 1e-12 * np.abs(across).max()] = 0.0
        pairs = zip(self.terms, columns, strict=True)
        return {":".join(term): across[rows] for term, rows in pairs if term}

    def rows_of(self, grid: pd.DataFrame) -> np.ndarray:
        """Return rows of X (m, p) for cells: a column per factor and per covariate."""
        import pandas as pd

        columns = {
            name: pd.Categorical(grid[name], categories=self.factors[name])
            if name in self.factors
            else grid[name].to_numpy(dtype=float)
            for name in grid.columns
        }
        frame = pd.DataFrame(columns, index=range(len(grid)))
        return np.asarray(self.spec.get_model_matrix(frame, context={"np": np}), dtype=float)


def make_fixed(table: pd.DataFrame, formula: str) -> FixedDesign:
    """Build the fixed effects.

    Raises
    ------
    InputError
        A formula that cannot be read or has a response, an unknown column, a factor with one
        level, or terms that the data cannot estimate (named, with the empty cells).
    """
    parsed = _parse(formula)
    check_columns(table, parsed.required_variables, f"fixed effects {formula!r}")
    frame, terms, factors = _frame(table, parsed)
    x, spec = _matrix(frame, terms, {}, formula)
    covariates = {name: float(frame[name].mean()) for name in frame.columns if name not in factors}
    design = FixedDesign(formula, frame, tuple(terms), spec, x, factors, covariates)
    if x.shape[1] and null_space(x)[0].shape[1]:
        _refuse_inestimable(design)
    return design


def make_terms(table: pd.DataFrame, random: Sequence[str]) -> tuple[Term, ...]:
    """Build random terms: "animal", "animal:condition", "(1 + Days | Subject)".

    Raises
    ------
    InputError
        A term that cannot be read, an unknown column, a slope on a column without numbers.
    """
    if isinstance(random, str):
        raise InputError(f"random terms: found the text {random!r}; expected a list of terms")
    return tuple(_term(table, text) for text in random)


def check_columns(table: pd.DataFrame, names: Sequence[str], where: str) -> None:
    """Refuse columns that the table does not have."""
    from difflib import get_close_matches

    for name in sorted(names):
        if name not in table.columns:
            close = get_close_matches(name, map(str, table.columns), n=1)
            hint = f"did you mean {close[0]}?" if close else f"{', '.join(map(str, table.columns))}"
            raise InputError(f"{where}: found column {name}; expected one of the table: {hint}")


def check_complete(table: pd.DataFrame, names: Sequence[str]) -> None:
    """Refuse missing and infinite values in the columns that a model uses."""
    import pandas as pd

    bad = {}
    for name in names:
        absent = table[name].isna()
        if pd.api.types.is_float_dtype(table[name]):
            absent |= np.isinf(table[name])
        if absent.any():
            bad[name] = int(absent.sum())
    if bad:
        listed = ", ".join(f"{name} ({count} of {len(table)})" for name, count in bad.items())
        raise InputError(
            f"the mixed model: found rows without a finite value in {listed}; expected complete "
            "rows (drop them where the reader can see it)"
        )


def columns_of(formula: str, random: Sequence[str]) -> tuple[str, ...]:
    """Return the columns that a formula and random terms use."""
    names = [*_parse(formula).required_variables]
    for text in random:
        grouping, effects = _split(text)
        names += [*grouping, *(effect for effect in effects if effect != "1")]
    return tuple(dict.fromkeys(names))


# ---- fixed effects


def _parse(formula: str) -> Formula:
    from formulaic import Formula
    from formulaic.errors import FormulaicError

    try:
        parsed = Formula(formula)
    except FormulaicError as error:
        raise InputError(f"fixed effects: found {formula!r}; expected a formula: {error}") from None
    if hasattr(parsed, "lhs"):
        raise InputError(
            f"fixed effects: found {formula!r} with a response; expected the right-hand side only "
            "(the response is named by itself)"
        )
    return parsed


def _frame(
    table: pd.DataFrame, parsed: Formula
) -> tuple[pd.DataFrame, list[tuple[str, ...]], dict[str, tuple]]:
    """Return the columns in use (text as categories), the terms, the levels of the factors.

    A factor ``C(x)`` becomes a column of that name, so that x may also stand as a number.
    """
    import pandas as pd
    from formulaic import Formula

    columns: dict[str, pd.Categorical | np.ndarray] = {}
    terms = [tuple(factor.expr for factor in term.factors if factor.expr != "1") for term in parsed]
    for expression in dict.fromkeys(name for term in terms for name in term):
        source = _category_column(expression)
        if source or _is_category(table.get(expression)):
            columns[expression] = _category(table[source or expression])
            continue
        text = f"`{expression}`" if expression in table.columns else expression
        for name in Formula(f"0 + {text}").required_variables:
            columns[name] = _numbers(table[name])
    factors = {
        name: tuple(values.categories)
        for name, values in columns.items()
        if isinstance(values, pd.Categorical)
    }
    for name, levels in factors.items():
        if len(levels) < 2:
            raise InputError(
                f"fixed effects: found one level of {name}, {levels[0]!r}; expected at least two "
                "(leave it out)"
            )
    return pd.DataFrame(columns), terms, factors


def _category_column(expression: str) -> str:
    """Return the column x of ``C(x)``; empty if the expression is something else."""
    found = _PLAIN_CATEGORY.match(expression)
    if expression.startswith("C(") and not found:
        raise InputError(
            f"fixed effects: found {expression}; expected C(column) without options (the first "
            "level is the reference: order the categories in the table)"
        )
    return next(filter(None, found.groups())) if found else ""


def _numbers(values: pd.Series) -> np.ndarray:
    if _is_category(values):
        raise InputError(
            f"fixed effects: found {values.dtype} in {values.name}; expected numbers where a "
            "column stands inside a function"
        )
    return values.to_numpy(dtype=float)


def _is_category(values: pd.Series | None) -> bool:
    import pandas as pd

    if values is None:
        return False
    return pd.api.types.is_bool_dtype(values) or not pd.api.types.is_numeric_dtype(values)


def _category(values: pd.Series) -> pd.Categorical:
    """Categories in their own order (sorted if they have none), only those that occur."""
    import pandas as pd

    if isinstance(values.dtype, pd.CategoricalDtype):
        return pd.Categorical(values).remove_unused_categories()
    return pd.Categorical(values, categories=sorted(values.unique()))


def _matrix(
    frame: pd.DataFrame,
    terms: Sequence[tuple[str, ...]],
    labels: Mapping[str, str],
    formula: str,
) -> tuple[np.ndarray, ModelSpec]:
    """Return the model matrix and its maker; labels say how factors are coded."""
    from formulaic import model_matrix
    from formulaic.errors import FormulaicError

    labels = {name: f"`{name}`" for name in frame.columns} | dict(labels)
    parts = [":".join(labels.get(name, name) for name in term) for term in terms if term]
    text = " + ".join(["1" if () in terms else "0", *parts])
    try:
        with np.errstate(all="ignore"):  # values that are not finite are refused below
            matrix = model_matrix(text, frame, context={"np": np})
    except FormulaicError as error:
        raise InputError(f"fixed effects {formula!r}: cannot be evaluated: {error}") from None
    values = np.asarray(matrix, dtype=float)
    if values.shape[0] < len(frame) or not np.isfinite(values).all():
        raise InputError(
            f"fixed effects {formula!r}: found values that are not finite; expected numbers (a "
            "logarithm of zero?)"
        )
    return values, matrix.model_spec


def _refuse_inestimable(design: FixedDesign) -> None:
    """Name the terms whose type III hypothesis is not in the row space of X."""
    summed, columns = design.summed
    reach = np.abs(null_space(summed)[0]).max(axis=1) > 1e-8
    bad = [
        ":".join(term) or "Intercept"
        for term, at in zip(design.terms, columns, strict=True)
        if reach[at].any()
    ]
    empty = _empty_cells(design.frame, design.terms, design.factors)
    cause = (
        f"no rows for {'; '.join(empty)}"
        if empty
        else "factors that vary together (one follows from the others)"
    )
    raise InputError(
        f"fixed effects {design.formula!r}: cannot be estimated: {', '.join(bad)}; found {cause}; "
        "expected rows in every cell of an interaction (leave out the interaction, the factor or "
        "the level)"
    )


def _empty_cells(
    frame: pd.DataFrame, terms: Sequence[tuple[str, ...]], factors: Mapping[str, tuple]
) -> list[str]:
    """Describe the cells of each interaction that have no rows, smallest interactions first."""
    found: list[str] = []
    for term in sorted(terms, key=len):
        names = [name for name in term if name in factors]
        if len(names) < 2 or found:
            continue
        present = set(map(tuple, frame[names].astype(object).to_numpy()))
        for cell in product(*(factors[name] for name in names)):
            if cell not in present:
                pairs = zip(names, cell, strict=True)
                found.append(" with ".join(f"{name} = {level}" for name, level in pairs))
    return found


# ---- random terms


def _split(text: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Split a random term into its grouping columns and its effects ("1" is the intercept)."""
    effects: tuple[str, ...] = ("1",)
    grouping = text.strip()
    found = _SLOPES.match(grouping)
    if found:
        inner, grouping = found.groups()
        parts = [part.strip().strip("`") for part in inner.split("+")]
        slopes = [part for part in parts if part not in ("0", "1")]
        effects = tuple(slopes) if "0" in parts else ("1", *slopes)
    names = tuple(name.strip().strip("`") for name in grouping.split(":"))
    if not all(names) or "|" in grouping or "(" in grouping or not effects:
        raise InputError(
            f'random terms: found {text!r}; expected "animal", "animal:condition" or '
            '"(1 + slope | animal)"'
        )
    return names, effects


def _term(table: pd.DataFrame, text: str) -> Term:
    import pandas as pd

    grouping, effects = _split(text)
    slopes = [effect for effect in effects if effect != "1"]
    check_columns(table, [*grouping, *slopes], f"random term {text}")
    codes = np.zeros(len(table), dtype=np.int64)
    for name in grouping:
        levels, unique = pd.factorize(table[name])
        codes = pd.factorize(codes * len(unique) + levels)[0]
    columns: list[tuple[str, np.ndarray | None]] = []
    for effect in effects:
        if effect == "1":
            columns.append(("Intercept", None))
            continue
        if not pd.api.types.is_numeric_dtype(table[effect]):
            raise InputError(
                f"random term {text}: found {table[effect].dtype} in {effect}; expected numbers "
                "(for a factor use the crossing, such as animal:condition)"
            )
        columns.append((effect, table[effect].to_numpy(dtype=float)))
    return Term(":".join(grouping), codes, tuple(columns))
