"""What is planted in how the units of the sample fire, beside their rates.

Invented like everything in :mod:`pipeline.simulate.effects`. Each declaration states a parameter of
the generator; where what is measured follows from it in closed form, a function here says so.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from pipeline.simulate.effects import BANDS, CONTEXTS, NOTHING, RATES, ByContext, deviations

#: factors under a drug in home_cage, open_field, set_shifting
SAME: ByContext = (1.0, 1.0, 1.0)


@dataclass(frozen=True, kw_only=True)
class PlantedLocking:
    """How units lock to their own region's theta.

    Attributes
    ----------
    kappa : (float, float)
        Each unit's concentration is drawn evenly between these.
    drug_factor : mapping of str to ByContext
        By what a drug multiplies the concentration of every unit.
    deviation_log : float
        Standard deviation between animals of the log of that factor.
    """

    kappa: tuple[float, float]
    drug_factor: Mapping[str, ByContext] = field(default_factory=dict)
    deviation_log: float = 0.02


LOCKING: Mapping[str, PlantedLocking] = {
    "mPFC": PlantedLocking(
        kappa=(0.7, 1.3),
        drug_factor={"psilocybin": (1.0, 1.0, 0.3), "ketamine": (0.2, 0.2, 0.2)},
    ),
    "CA1": PlantedLocking(kappa=(0.7, 1.3)),
}


@dataclass(frozen=True, kw_only=True)
class PlantedSharing:
    """A gain that all units of a region share: it jumps between 1 - size and 1 + size.

    Attributes
    ----------
    size : float
        Standard deviation of the gain, 0 to 1.
    drug_size : mapping of str to ByContext
        The size under a drug; a drug left out leaves it as it is.
    memory_s : float
        Its autocovariance is ``size^2 exp(-lag / memory_s)``.
    """

    size: float
    drug_size: Mapping[str, ByContext] = field(default_factory=dict)
    memory_s: float = 0.25


SHARING: Mapping[str, PlantedSharing] = {
    "mPFC": PlantedSharing(size=0.15),
    "CA1": PlantedSharing(
        size=0.3, drug_size={"psilocybin": (0.3, 0.3, 0.55), "ketamine": (0.5, 0.5, 0.5)}
    ),
}

#: probability that a spike is followed by another one within a burst, by region
BURSTS: Mapping[str, float] = {"mPFC": 0.05, "CA1": 0.05}
DRUG_BURSTS: Mapping[tuple[str, str], ByContext] = {("CA1", "MDMA"): (0.2, 0.2, 0.2)}

#: units that go up under a drug in every context, and as many that go down as much (log2)
MODULATED_UNITS: Mapping[tuple[str, str], tuple[int, float]] = {("mPFC", "MDMA"): (3, 2.0)}
#: animals with one such unit less each way: what is alike in all animals cannot be tested
FEWER_MODULATED = ("rat03", "rat06")
#: rates of the units that some drug modulates so: the test takes out what might be a drift through
#: three minutes of baseline and three of drug, and finds no change of slow units then
MODULATED_RATE_HZ = (8.0, 14.0)


@dataclass(frozen=True, kw_only=True)
class PlantedTaskCode:
    """Units of a region that code one thing of a trial each, for half a second.

    Attributes
    ----------
    cue_units, choice_units, outcome_units : int
        How many respond to the cue; tell the side before it is chosen; respond to the outcome.
    cue_gain : float
        Factor on the rate after the cue.
    choice_depth, outcome_depth : float
        d: the factor is 1 + d with the preferred side or outcome and 1 - d with the other. Half of
        the units prefer the one, half the other.
    drug_choice_depth : mapping of str to float
        The depth of the choice under a drug.
    response_s : float
        How long each lasts: from the cue, up to the choice, from the outcome.
    """

    cue_units: int = 0
    choice_units: int = 0
    outcome_units: int = 0
    cue_gain: float = 1.0
    choice_depth: float = 0.0
    outcome_depth: float = 0.0
    drug_choice_depth: Mapping[str, float] = field(default_factory=dict)
    response_s: float = 0.5


#: the task is run in one context only; rules are not coded: three minutes hold two changes or so
TASK_CODE: Mapping[str, PlantedTaskCode] = {
    "mPFC": PlantedTaskCode(
        cue_units=3,
        choice_units=4,
        outcome_units=2,
        cue_gain=2.5,
        choice_depth=0.8,
        outcome_depth=0.8,
        drug_choice_depth={"ketamine": 0.1},
    ),
}


def kappa_factor(*, region: str, animal: str, drug: str, context: str) -> float:
    """Return by what a drug multiplies the concentration of locking in the acute phase."""
    planted = LOCKING[region]
    departure = deviations("kappa", region, drug, context, sd=planted.deviation_log)[animal]
    return planted.drug_factor.get(drug, SAME)[CONTEXTS.index(context)] * math.exp(departure)


def shared_size(*, region: str, drug: str, context: str, phase: str) -> float:
    """Return the standard deviation of the gain that the units of a region share."""
    planted = SHARING[region]
    if phase != "acute" or drug not in planted.drug_size:
        return planted.size
    return planted.drug_size[drug][CONTEXTS.index(context)]


def burst_probability(*, region: str, drug: str, context: str, phase: str) -> float:
    """Return with what probability a spike is followed by another one within a burst."""
    if phase != "acute" or (region, drug) not in DRUG_BURSTS:
        return BURSTS[region]
    return DRUG_BURSTS[region, drug][CONTEXTS.index(context)]


def may_be_modulated(*, region: str, unit: int) -> bool:
    """Return whether some drug raises or lowers this unit: the last ones of a region."""
    n_each = max((n for (own, _), (n, _) in MODULATED_UNITS.items() if own == region), default=0)
    return unit >= RATES[region].n_units - 2 * n_each


def unit_change_log2(*, region: str, animal: str, drug: str, unit: int) -> float:
    """Return by how much a unit goes up or down in the acute phase, in log2.

    The last units of a region, which code nothing of the task, go up and down in turn.
    """
    n_each, size = MODULATED_UNITS.get((region, drug), (0, 0.0))
    n_each -= animal in FEWER_MODULATED
    place = RATES[region].n_units - 1 - unit
    return 0.0 if place >= 2 * n_each else size * (-1) ** place


def choice_depth(*, region: str, drug: str, phase: str) -> float:
    """Return how deep the side chosen modulates the units that code it."""
    planted = TASK_CODE[region]
    if phase != "acute":
        return planted.choice_depth
    return planted.drug_choice_depth.get(drug, planted.choice_depth)


# --- what follows from it ---------------------------------------------------------------


def expected_ppc(kappa: float) -> float:
    """Return the pairwise phase consistency of von Mises locking: (I1(kappa) / I0(kappa))^2."""
    from scipy import special

    return float((special.ive(1, kappa) / special.ive(0, kappa)) ** 2)


def expected_region_ppc(*, region: str, drug: str = "", context: str = "") -> float:
    """Return the mean consistency of a region's units with its theta as planted.

    In the acute phase under a drug in a context; before it without a drug.
    """
    low, high = LOCKING[region].kappa
    factors = LOCKING[region].drug_factor.get(drug, SAME)
    factor = factors[CONTEXTS.index(context)] if drug else 1.0
    return float(np.mean([expected_ppc(factor * kappa) for kappa in np.linspace(low, high, 101)]))


def phase_reading(power_ratio: float) -> float:
    """Return how closely the phase of a rhythm can be read through noise.

    Parameters
    ----------
    power_ratio : float
        Power of the rhythm over that of the noise in its band.

    Returns
    -------
    float
        Mean cosine of the error, which multiplies the resultant length of what locks to the
        rhythm. For a sine in Gaussian noise (Middleton 1948, Q Appl Math 5:445) it is
        ``sqrt(pi g / 4) e^(-g / 2) (I0(g / 2) + I1(g / 2))``.
    """
    from scipy import special

    half = power_ratio / 2.0
    return float(math.sqrt(math.pi * half / 2.0) * (special.ive(0, half) + special.ive(1, half)))


def theta_reading(*, region: str, drug: str = "", context: str = "home_cage") -> float:
    """Return how closely the phase of a region's theta can be read at rest.

    In the acute phase under a drug in a context; before it without a drug. Noise is the background
    inside the band as declared, each channel's own included.
    """
    planted = BANDS["theta", region]
    place = CONTEXTS.index(context)
    level_db = planted.over_background_db + planted.context_db[place]
    if drug:
        level_db += planted.acute_db + planted.drug_db.get(drug, NOTHING)[place]
    return phase_reading(10.0 ** (level_db / 10.0) - 1.0)


def gain_variance(size: float, *, memory_s: float, bin_s: float) -> float:
    """Return the variance of the shared gain's mean over a bin.

    ``size^2 2 (x - 1 + e^-x) / x^2`` with x the bin over the memory: the mean of
    ``size^2 exp(-|lag| / memory)`` over all pairs of moments in the bin.
    """
    x = bin_s / memory_s
    return size**2 * 2.0 * (x - 1.0 + math.exp(-x)) / x**2


def expected_count_correlation(
    rates_hz: tuple[float, float],
    *,
    gain_sd: float,
    bin_s: float,
    fano: tuple[float, float] = (1.0, 1.0),
) -> float:
    """Return the correlation of the counts of two units that share nothing but a gain.

    Parameters
    ----------
    rates_hz : (float, float)
        Mean rates r.
    gain_sd : float
        Standard deviation of the gain's mean over a bin (:func:`gain_variance`).
    bin_s : float
        Bin T.
    fano : (float, float)
        Variance over mean of the counts at a constant gain, 1 for Poisson spikes.

    Returns
    -------
    float
        ``c1 c2 / sqrt((c1 f1 + c1^2 v) (c2 f2 + c2^2 v))`` times v, with c = r T and v the
        variance of the gain (law of total covariance).
    """
    variance = gain_sd**2
    counts = [rate * bin_s for rate in rates_hz]
    own = [count * f + count**2 * variance for count, f in zip(counts, fano, strict=True)]
    return counts[0] * counts[1] * variance / math.sqrt(own[0] * own[1])


def expected_burst_excess(probability: float) -> float:
    """Return the further spikes of bursts per spike: of 1 + p spikes, p are the second."""
    return probability / (1.0 + probability)


def poisson_area(first: float, second: float) -> float:
    """Return the ROC area of two Poisson counts: P(second > first) + P(equal) / 2.

    By the difference of the two, which follows Skellam's law (1946, J R Stat Soc 109:296).

    Parameters
    ----------
    first, second : float
        Mean counts, above 0.
    """
    from scipy import stats

    difference = stats.skellam(second, first)
    return float(difference.sf(0) + difference.pmf(0) / 2.0)
