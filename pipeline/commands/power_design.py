"""A planned design, its variance components, and what they say of the cell means.

One value per animal and cell (condition x level of the modifier) is the mean of ``units`` entities.
It varies by ``animal``, by ``condition`` within animals (animal x condition, with what is common
to a session), by ``modifier`` within animals (animal x level), by ``cell`` (animal x condition x
level) and by ``unit``, divided by their number.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Literal

from pipeline.errors import InputError

if TYPE_CHECKING:
    import numpy as np

Varies = Literal["within", "between"]


@dataclass(frozen=True, kw_only=True)
class Variances:
    """Variance components on the outcome's scale, squared.

    Attributes
    ----------
    animal : float
        Of the animals' levels.
    condition : float
        Of animal x condition: how much the drug effect differs between animals, and sessions.
    modifier : float
        Of animal x level of the modifier.
    cell : float
        Of animal x condition x level: what is left of a cell with very many units.
    unit : float
        Of the entities (units, channels) within a cell.
    """

    animal: float = 0.0
    condition: float = 0.0
    modifier: float = 0.0
    cell: float = 0.0
    unit: float = 0.0

    def text(self) -> str:
        """Components as one line for tables."""
        return ", ".join(f"{f.name} {getattr(self, f.name):.4g}" for f in fields(self))


@dataclass(frozen=True, kw_only=True)
class Design:
    """Who gets what.

    Attributes
    ----------
    drug, modifier : {"within", "between"}
        Whether each animal gets all conditions; all levels.
    levels : tuple of str
        Of the modifier, the reference level first.
    conditions : tuple of str
        The reference condition first; power is that of the second one, the others enlarge the
        families of tests.
    """

    drug: Varies = "within"
    modifier: Varies = "within"
    levels: tuple[str, ...] = ("level 1", "level 2", "level 3")
    conditions: tuple[str, ...] = ("reference", "drug")

    @property
    def shape(self) -> tuple[int, int]:
        """Numbers of conditions and levels."""
        return len(self.conditions), len(self.levels)

    @property
    def n_groups(self) -> int:
        """How many groups of animals there are."""
        n_conditions, n_levels = self.shape
        drug = n_conditions if self.drug == "between" else 1
        return drug * (n_levels if self.modifier == "between" else 1)

    def groups(self) -> np.ndarray:
        """Group of animals that each cell (condition, level) belongs to."""
        import numpy as np

        condition, level = np.indices(self.shape)
        drug = condition if self.drug == "between" else np.zeros_like(condition)
        if self.modifier == "between":
            return drug * self.shape[1] + level
        return drug

    def words(self) -> str:
        """Design as a phrase."""
        both = {
            ("within", "within"): "every animal gets every condition at every level (crossover)",
            ("between", "within"): "one group of animals per condition, each at every level",
            ("within", "between"): "one group of animals per level, each with every condition",
            ("between", "between"): "one group of animals per condition and level",
        }
        return both[self.drug, self.modifier]


def cell_covariance(design: Design, variances: Variances, units: float) -> np.ndarray:
    """Covariance (cell, cell) of one animal's cells, conditions slow and levels fast.

    Cells that lie in different animals are independent: zero.
    """
    import numpy as np

    n_conditions, n_levels = design.shape
    same_condition = np.kron(np.eye(n_conditions), np.ones((n_levels, n_levels)))
    same_level = np.kron(np.ones((n_conditions, n_conditions)), np.eye(n_levels))
    covariance = (
        variances.animal
        + variances.condition * same_condition
        + variances.modifier * same_level
        + (variances.cell + variances.unit / units) * np.eye(n_conditions * n_levels)
    )
    group = design.groups().ravel()
    return np.where(group[:, None] == group, covariance, 0.0)


def coefficients(design: Design, kind: str, level: int = 0) -> np.ndarray:
    """Coefficients (condition, level) of a planned contrast of the second condition.

    Parameters
    ----------
    kind : {"simple", "main", "difference_of_differences"}
        As in contrasts.tsv.
    level : int
        Index of the level; not used by ``main``.
    """
    import numpy as np

    out = np.zeros(design.shape)
    if kind == "main":
        out[1], out[0] = 1 / design.shape[1], -1 / design.shape[1]
        return out
    out[1, level], out[0, level] = 1, -1
    if kind == "difference_of_differences":
        out[1, 0] -= 1
        out[0, 0] += 1
    return out


#: names under which a component may be stated, apart from ``animal:<modifier>``
_NAMES = {
    "animal": "animal",
    "animal:condition": "condition",
    "animal:drug": "condition",
    "cell": "cell",
    "unit": "unit",
}


def parse_variances(text: str, *, modifier: str, session_is_cell: bool) -> Variances:
    """Read ``animal=0.1,animal:condition=0.05,animal:context=0.05,cell=0.1,unit=0.7``.

    Parameters
    ----------
    text : str
        Components; those not named are zero. ``session`` adds to ``animal:condition`` (a session
        spans the levels) or to the cell (one session per level).
    modifier : str
        Name of the modifier in ``animal:<modifier>``.
    session_is_cell : bool
        Whether a session holds one level only.

    Raises
    ------
    InputError
        Unknown or doubled names, negative or unreadable numbers.
    """
    names = _NAMES | {
        f"animal:{modifier}": "modifier",
        f"animal:condition:{modifier}": "cell",
        f"animal:drug:{modifier}": "cell",
        "session": "cell" if session_is_cell else "condition",
    }
    total: dict[str, float] = {}
    seen: set[str] = set()
    for part in text.split(","):
        name, sign, number = (piece.strip() for piece in part.partition("="))
        if not sign:
            raise InputError(f"--variances: found {part.strip()!r}; expected NAME=VALUE, ...")
        if name not in names:
            raise InputError(
                f"--variances: found {name!r}{near(name, names)}; expected one of "
                f"{', '.join(sorted(names))}"
            )
        if name in seen:
            raise InputError(f"--variances: {name}: found twice; expected once")
        seen.add(name)
        value = _number(number, f"--variances: {name}")
        if value < 0:
            raise InputError(f"--variances: {name}: found {number}; expected a variance, 0 or more")
        total[names[name]] = total.get(names[name], 0.0) + value
    variances = Variances(**total)
    if variances.cell + variances.unit <= 0:
        raise InputError(
            "--variances: found neither a cell nor a unit variance above zero; expected at least "
            "one (without it every animal would answer alike and power would be 1)"
        )
    return variances


def near(name: str, known: Iterable[str]) -> str:
    """Return `` (did you mean ...?)`` for a near miss, "" for none."""
    import difflib

    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f" (did you mean {close[0]!r}?)" if close else ""


def _number(text: str, place: str) -> float:
    import math

    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InputError(f"{place}: found {text!r}; expected a number such as 0.5")
    return value


def parse_counts(text: str, *, option: str, smallest: int) -> tuple[int, ...]:
    """Read ``4,6,8`` or ``4:16:2`` (first, last, step).

    Raises
    ------
    InputError
        Not whole numbers, below ``smallest``, empty, or more than 40 values.
    """
    expected = "expected whole numbers such as 4,6,8 or 4:16:2 (first:last:step)"
    pieces = text.split(":") if ":" in text else text.split(",")
    try:
        numbers = [int(piece) for piece in pieces]
    except ValueError:
        raise InputError(f"{option}: found {text!r}; {expected}") from None
    if ":" in text:
        if len(numbers) not in (2, 3) or numbers[-1] < 1 or numbers[1] < numbers[0]:
            raise InputError(f"{option}: found {text!r}; {expected}")
        numbers = list(range(numbers[0], numbers[1] + 1, numbers[2] if len(numbers) == 3 else 1))
    if min(numbers) < smallest:
        raise InputError(f"{option}: found {min(numbers)}; expected {smallest} or more")
    if len(set(numbers)) > 40:
        raise InputError(f"{option}: found {len(set(numbers))} values; expected 40 at most")
    return tuple(sorted(set(numbers)))


def parse_numbers(
    text: str, *, option: str, low: float, high: float = float("inf")
) -> tuple[float, ...]:
    """Read numbers ``0.5,1`` above or equal to ``low`` and below ``high``.

    Raises
    ------
    InputError
        Naming the option and the value.
    """
    numbers = [_number(piece, option) for piece in text.split(",")]
    for value in numbers:
        if not low <= value < high:
            limit = f" and below {high:g}" if high < float("inf") else ""
            raise InputError(f"{option}: found {value:g}; expected {low:g} or more{limit}")
    return tuple(sorted(set(numbers)))


def parse_positive(number: float | None, option: str) -> float | None:
    """Return a smallest effect, which must be above zero.

    Raises
    ------
    InputError
        Zero, negative or not finite.
    """
    import math

    if number is not None and not (math.isfinite(number) and number > 0):
        raise InputError(f"{option}: found {number:g}; expected a number above zero")
    return number
