"""Designs of simulated cohorts: who gets what, where, with which variances and which true effect.

The variances are those of cell means of spiking units that published power analyses of such data
assume: a total of about one, an intraclass correlation of 0.3, twenty units in a cell. All true
effects are invented; the scale has no unit.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from pipeline.simulate import effects
from pipeline.simulate.sample_design import VISIT_S

CONTEXTS = ("home_cage", "open_field", "set_shifting")
REFERENCE = "vehicle"
#: animals (per group where drug or modifier varies between animals) of the calibration
SIZES = (5, 6, 8, 12)

ByContext = tuple[float, float, float]


@dataclass(frozen=True, kw_only=True)
class Variances:
    """Variances of one value, by what they belong to.

    Attributes
    ----------
    animal, cage : float
        Of everything that is measured in an animal, or in any animal of a cage.
    animal_drug, animal_context, cage_context : float
        Of an animal under one condition (its session, where each condition has its own), of an
        animal in one context, of a cage in one context.
    animal_drug_context : float
        Of an animal under one condition in one context.
    session : float
        Of a session as a whole, baseline and all that follows alike.
    unit : float
        Of one measured unit in one cell; a cell of n units has ``unit / n``.
    """

    animal: float = 0.0
    cage: float = 0.0
    animal_drug: float = 0.0
    animal_context: float = 0.0
    cage_context: float = 0.0
    animal_drug_context: float = 0.0
    session: float = 0.0
    unit: float = 0.0


CROSSOVER = Variances(
    animal=0.10, animal_drug=0.05, animal_context=0.05, animal_drug_context=0.10, unit=0.70
)
PARALLEL = Variances(animal=0.15, animal_context=0.15, unit=0.70)
CAGES = Variances(
    cage=0.10,
    cage_context=0.10,
    animal=0.10,
    animal_context=0.10,
    animal_drug_context=0.0,
    unit=0.7,
)


@dataclass(frozen=True)
class Truth:
    """True effect of every drug, in the order of CONTEXTS (the reference context first)."""

    name: str
    effect: ByContext

    @property
    def main(self) -> float:
        """Mean over the contexts."""
        return sum(self.effect) / len(self.effect)


@dataclass(frozen=True, kw_only=True)
class CohortDesign:
    """One design.

    Attributes
    ----------
    name, title : str
        Short name (a key), and what it is in words.
    drug, modifier : {"within", "between"}
        What varies within animals; ``between`` gives each its own group.
    conditions : tuple of str
        The reference first.
    variances : Variances
        Of the values.
    truths : tuple of Truth
        True effects to simulate; the first that is equal everywhere is the null of the interaction.
    smallest : float
        Smallest effect of interest that is declared, of drug and interaction.
    missing : float
        Fraction of the cells that is deleted at random.
    units : (int, int)
        Fewest and most units of a cell (drawn evenly on a log scale).
    noisy : float
        Factor on ``animal_drug_context`` in the last context.
    order : {"counterbalanced", "fixed"}
        Order of the contexts after the dose.
    baseline : {"none", "change", "covariate"}
        How the baseline is used; with ``none`` there is none.
    mates : int
        Animals per cage; with more than one the cage is the experimental unit.
    period_shift : float
        What every further session of an animal adds to all of its values.
    drops_animals : bool
        More animals than counted are begun with, in a balanced order of the conditions; those that
        are too many are left out at random.
    half_life_s : float
        Of the drug effect since the dose; infinite if it does not fade.
    sizes : tuple of int
        Animals (cages) per group.
    """

    name: str
    title: str
    drug: str = "within"
    modifier: str = "within"
    conditions: tuple[str, ...] = (REFERENCE, "drug")
    variances: Variances = CROSSOVER
    truths: tuple[Truth, ...]
    smallest: float
    missing: float = 0.0
    units: tuple[int, int] = (20, 20)
    noisy: float = 1.0
    order: str = "counterbalanced"
    baseline: str = "none"
    mates: int = 1
    period_shift: float = 0.0
    drops_animals: bool = False
    half_life_s: float = math.inf
    sizes: tuple[int, ...] = SIZES

    def truth(self, name: str) -> Truth:
        """Return a truth by its name."""
        return next(truth for truth in self.truths if truth.name == name)


def _truths(size: float) -> tuple[Truth, ...]:
    return (
        Truth("pill", (size, size, size)),
        Truth("none", (0.0, 0.0, 0.0)),
        Truth("process", (0.0, 0.0, size)),
    )


#: interaction that crossovers and parallel groups are built to find
WITHIN_EFFECT, BETWEEN_EFFECT = 0.8, 0.9
_DRUGS = ("drug_a", "drug_b", "drug_c")

WITHIN = CohortDesign(
    name="within",
    title="crossover: four conditions and three contexts in every animal",
    conditions=(REFERENCE, *_DRUGS),
    truths=_truths(WITHIN_EFFECT),
    smallest=WITHIN_EFFECT,
)
BETWEEN = CohortDesign(
    name="drug_between",
    title="drug between animals, context within",
    drug="between",
    variances=PARALLEL,
    truths=_truths(BETWEEN_EFFECT),
    smallest=BETWEEN_EFFECT,
)


def _sample_variances() -> Variances:
    """Variances of a change of theta power in the sample experiment, in dB squared.

    Between animals as planted; the error of an estimate over B Hz and T seconds has a standard
    deviation of 10 / ln(10) / sqrt(B T) dB, in the baseline and in the acute phase alike.
    """
    band = effects.BANDS["theta", "mPFC"]
    width = band.band_hz[1] - band.band_hz[0]
    estimate = (10 / math.log(10)) ** 2 / (width * VISIT_S)
    between = band.deviation_db**2 + effects.REGION_GAIN_DEVIATION_DB**2
    return Variances(animal_drug_context=between, unit=2 * estimate)


#: the sample experiment: its animals, drugs, contexts, effects and scatter
SAMPLE = CohortDesign(
    name="sample",
    title="the sample experiment",
    conditions=effects.DRUGS,
    variances=_sample_variances(),
    units=(1, 1),
    truths=(
        Truth("process", effects.BANDS["theta", "mPFC"].drug_db["psilocybin"]),
        Truth("pill", effects.BANDS["low_gamma", "mPFC"].drug_db["ketamine"]),
        Truth("none", effects.NOTHING),
        Truth("cancelling", (2.5, 0.0, -2.5)),
    ),
    smallest=1.0,
    sizes=(len(effects.ANIMALS),),
)

_ALL = (
    WITHIN,
    replace(
        WITHIN,
        name="within_missing",
        title="crossover, 20 % of the cells missing at random",
        missing=0.2,
    ),
    replace(
        WITHIN,
        name="within_unequal_units",
        title="crossover, 2 to 60 units in a cell",
        units=(2, 60),
    ),
    replace(
        WITHIN,
        name="within_heterogeneous",
        title="crossover, one context six times as variable",
        noisy=6.0,
    ),
    replace(
        WITHIN,
        name="within_no_crossing_variance",
        title="crossover, animals differ in level only",
        variances=Variances(animal=0.30, unit=0.70),
    ),
    replace(
        WITHIN,
        name="within_order_unbalanced",
        title="crossover, drift over periods, animals lost at random",
        period_shift=0.2,
        drops_animals=True,
    ),
    replace(
        WITHIN,
        name="within_change",
        title="crossover, change from each session's own baseline",
        baseline="change",
        variances=replace(CROSSOVER, session=0.30),
    ),
    replace(
        WITHIN,
        name="within_fixed_contexts",
        title="crossover, a fading pill, the same order of contexts in all animals",
        order="fixed",
        half_life_s=2700.0,
        truths=(Truth("fading", (2.0, 2.0, 2.0)),),
    ),
    replace(
        WITHIN,
        name="modifier_between",
        title="drug within animals, context between",
        conditions=(REFERENCE, "drug"),
        modifier="between",
        truths=_truths(BETWEEN_EFFECT),
        smallest=BETWEEN_EFFECT,
    ),
    BETWEEN,
    replace(
        BETWEEN,
        name="drug_between_missing",
        title="drug between animals, context within, 20 % of the cells missing at random",
        missing=0.2,
    ),
    replace(
        BETWEEN,
        name="drug_between_covariate",
        title="drug between animals, context within, baseline as covariate",
        baseline="covariate",
        variances=Variances(animal=0.60, animal_context=0.15, animal_drug_context=0.10, unit=0.70),
    ),
    replace(
        BETWEEN,
        name="both_between",
        title="drug and context between animals",
        modifier="between",
    ),
    replace(
        BETWEEN,
        name="cage",
        title="drug between cages of three animals, context within; the cage is the unit",
        variances=CAGES,
        mates=3,
    ),
    SAMPLE,
)

DESIGNS: dict[str, CohortDesign] = {design.name: design for design in _ALL}
