"""What is planted in the sample experiment: invented effects of drugs, contexts and animals.

The directions and sizes are made up so that every kind of verdict occurs; they say nothing about
the drugs. Everything is stated on the scale on which the outcome is compared (dB of band power,
log2 of a rate), as the change from the session's own baseline in the acute phase.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from pipeline.simulate.randomness import generator
from pipeline.simulate.signals import Background

VEHICLE = "vehicle"
DRUGS = (VEHICLE, "psilocybin", "ketamine", "MDMA")
CONTEXTS = ("home_cage", "open_field", "set_shifting")
PHASES = ("baseline", "acute")
ANIMALS = tuple(f"rat{number:02d}" for number in range(1, 9))

#: changes under a drug in home_cage, open_field, set_shifting, beside what vehicle does
ByContext = tuple[float, float, float]
NOTHING: ByContext = (0.0, 0.0, 0.0)

#: another number here gives another sample, with the same truth
SAMPLE_SEED = 1


@dataclass(frozen=True, kw_only=True)
class PlantedBand:
    """Power of a band in a region.

    Attributes
    ----------
    band_hz : tuple of float
        The band as the config declares it.
    over_background_db : float
        Band power over its aperiodic part, at baseline in the home cage; 0 is no rhythm.
    drug_db : mapping of str to ByContext
        Planted effects; a drug left out has none.
    context_db : ByContext
        What the context does at any time (it cancels against the baseline).
    acute_db : float
        What time and handling do in the acute phase, under every drug alike.
    walk_db : float
        What walking does, against rest.
    deviation_db : float
        Standard deviation between animals of each drug's change in each context.
    wild_db : mapping of (drug, context) to float
        Standard deviations that replace it: animals that differ so much that nothing is certain.
    """

    band_hz: tuple[float, float]
    over_background_db: float = 0.0
    drug_db: Mapping[str, ByContext] = field(default_factory=dict)
    context_db: ByContext = NOTHING
    acute_db: float = 0.0
    walk_db: float = 0.0
    deviation_db: float = 0.1
    wild_db: Mapping[tuple[str, str], float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class PlantedRate:
    """Firing rate of a region's units, in log2."""

    n_units: int
    drug_log2: Mapping[str, ByContext] = field(default_factory=dict)
    context_log2: ByContext = NOTHING
    deviation_log2: float = 0.04
    unit_log2: float = 0.1


BACKGROUNDS: Mapping[str, Background] = {
    "mPFC": Background(exponent=1.3, psd_at_10hz=12.0, white=0.02),
    "CA1": Background(exponent=1.6, psd_at_10hz=25.0, white=0.02),
}

BANDS_HZ: Mapping[str, tuple[float, float]] = {
    "delta": (1.0, 4.0),
    "theta": (6.0, 10.0),
    "beta": (15.0, 30.0),
    "low_gamma": (30.0, 55.0),
    "high_gamma": (65.0, 100.0),
    "hfo": (110.0, 180.0),
}

#: (band, region); bands that are not here hold background only
BANDS: Mapping[tuple[str, str], PlantedBand] = {
    ("theta", "mPFC"): PlantedBand(
        band_hz=BANDS_HZ["theta"],
        over_background_db=9.0,
        drug_db={"psilocybin": (0.0, 0.0, -2.5), "ketamine": (-4.0, -4.0, -1.5)},
        context_db=(0.0, 1.5, 1.0),
        acute_db=-0.4,
    ),
    ("low_gamma", "mPFC"): PlantedBand(
        band_hz=BANDS_HZ["low_gamma"],
        over_background_db=7.0,
        drug_db={"ketamine": (3.0, 3.0, 3.0)},
        context_db=(0.0, 0.0, 1.0),
        wild_db={("MDMA", "open_field"): 3.0, ("MDMA", "set_shifting"): 3.0},
    ),
    ("hfo", "mPFC"): PlantedBand(
        band_hz=BANDS_HZ["hfo"],
        over_background_db=5.0,
        drug_db={"psilocybin": (2.5, 2.5, 2.5), "ketamine": (2.0, 2.0, 4.5)},
        acute_db=0.3,
    ),
    ("theta", "CA1"): PlantedBand(
        band_hz=BANDS_HZ["theta"], over_background_db=10.0, walk_db=4.0, acute_db=-0.2
    ),
    ("low_gamma", "CA1"): PlantedBand(band_hz=BANDS_HZ["low_gamma"], over_background_db=5.0),
    ("high_gamma", "CA1"): PlantedBand(band_hz=BANDS_HZ["high_gamma"], over_background_db=5.0),
}

#: by how much a drug flattens CA1's spectrum, in every context: everything tilts around theta,
#: rhythms included, so that all bands above it gain and none stands higher over its background
FLATTER: Mapping[str, float] = {"MDMA": 0.3}
FLATTER_REGION = "CA1"

#: how loosely CA1's theta follows mPFC's: sd of the phase between them in rad, amplitudes unchanged
PHASE_JITTER_RAD = 0.4
DRUG_JITTER_RAD: Mapping[str, ByContext] = {"psilocybin": (0.4, 0.4, 1.4)}

#: how deep theta modulates CA1's high gamma (0 to 1), whose power does not depend on it
MODULATION_DEPTH = 0.7
DRUG_DEPTH: Mapping[str, ByContext] = {
    "psilocybin": (0.7, 0.7, 0.3),
    "ketamine": (0.3, 0.3, 0.3),
}
MODULATED = ("high_gamma", "CA1")
CARRIER_HZ = (75.0, 90.0)
MODULATION_RAD = 1.0

#: sd between animals of each drug's change of everything that a region's channels record
REGION_GAIN_DEVIATION_DB = 0.1
#: sd of a region's gain between animals and between the sessions of an animal: cancels
ANIMAL_GAIN_DB, SESSION_GAIN_DB = 1.5, 0.5

RATES: Mapping[str, PlantedRate] = {
    "mPFC": PlantedRate(
        n_units=15,
        drug_log2={"psilocybin": (-0.8, -0.8, 0.8), "ketamine": (0.7, 0.7, 0.7)},
        context_log2=(0.0, 0.2, 0.4),
    ),
    # Alike in all contexts: correlations of counts grow with rates, and are planted here.
    "CA1": PlantedRate(n_units=10),
}

#: fraction of time spent walking: before any drug, and in the acute phase
BASELINE_WALK_FRACTION = 0.3
ACUTE_WALK_FRACTION: Mapping[str, float] = {
    VEHICLE: 0.3,
    "psilocybin": 0.3,
    "ketamine": 0.3,
    "MDMA": 0.7,
}

#: the agent's learning rate in the acute phase
BASELINE_LEARNING_RATE = 0.045
LEARNING_RATE_FACTOR: Mapping[str, float] = {
    VEHICLE: 1.0,
    "psilocybin": 4.0,
    "ketamine": 1.0,
    "MDMA": 1.0,
}
#: sd between animals of the log learning rate
ANIMAL_LEARNING_SD = 0.15


def deviations(*what: str, sd: float) -> dict[str, float]:
    """Return by how much each animal departs from the planted value.

    The departures are the normal scores of eight animals in random order: they average exactly
    zero and have exactly the standard deviation asked for, so that the truth of this very sample
    is the planted number and not a draw around it.

    Parameters
    ----------
    *what : str
        Names of the outcome and the cell.
    sd : float
        Standard deviation over animals (n - 1).

    Returns
    -------
    dict of str to float
        By animal.
    """
    from scipy import special

    n_animals = len(ANIMALS)
    scores = special.ndtri((np.arange(1, n_animals + 1) - 0.375) / (n_animals + 0.25))
    scores *= sd / scores.std(ddof=1)
    order = generator("deviations", *what, seed=SAMPLE_SEED).permutation(n_animals)
    return {animal: float(scores[k]) for animal, k in zip(ANIMALS, order, strict=True)}


def band_change_db(*, band: str, region: str, animal: str, drug: str, context: str) -> float:
    """Return the change of a rhythm's band power from baseline to the acute phase, in dB.

    It holds for the band as a whole (rhythm and background); the region's gain comes on top.
    """
    planted = BANDS[band, region]
    sd = planted.wild_db.get((drug, context), planted.deviation_db)
    departure = deviations("band", band, region, drug, context, sd=sd)[animal]
    effect = planted.drug_db.get(drug, NOTHING)[CONTEXTS.index(context)]
    return planted.acute_db + effect + departure


def region_gain_change_db(*, region: str, animal: str, drug: str, context: str) -> float:
    """Return the change of a region's gain from baseline to the acute phase, in dB."""
    return deviations("gain", region, drug, context, sd=REGION_GAIN_DEVIATION_DB)[animal]


def rate_change_log2(*, region: str, animal: str, drug: str, context: str) -> float:
    """Return the change of firing rates from baseline to the acute phase, in log2."""
    planted = RATES[region]
    departure = deviations("rate", region, drug, context, sd=planted.deviation_log2)[animal]
    return planted.drug_log2.get(drug, NOTHING)[CONTEXTS.index(context)] + departure


def flattened(region: str, drug: str) -> Background | None:
    """Return a region's background under a drug that flattens it; None under the others.

    The tilt leaves the power of the theta band as it is.
    """
    if region != FLATTER_REGION or drug not in FLATTER:
        return None
    plain = BACKGROUNDS[region]
    tilted = replace(plain, exponent=plain.exponent - FLATTER[drug], white=0.0)
    theta = BANDS_HZ["theta"]
    shared = replace(plain, white=0.0)
    level = shared.band_power(theta) / tilted.band_power(theta)
    return replace(tilted, psd_at_10hz=plain.psd_at_10hz * level, white=plain.white)


def flattening_db(*, band: str, region: str, drug: str) -> float:
    """Return by how much a flatter spectrum alone raises the power of a band, in dB."""
    tilted = flattened(region, drug)
    if tilted is None:
        return 0.0
    ratio = tilted.band_power(BANDS_HZ[band]) / BACKGROUNDS[region].band_power(BANDS_HZ[band])
    return 10.0 * math.log10(ratio)


def phase_jitter_rad(*, drug: str, context: str, phase: str) -> float:
    """Return the standard deviation of the phase between the regions' theta."""
    if phase != "acute":
        return PHASE_JITTER_RAD
    same = (PHASE_JITTER_RAD,) * len(CONTEXTS)
    return DRUG_JITTER_RAD.get(drug, same)[CONTEXTS.index(context)]


def modulation_depth(*, drug: str, context: str, phase: str) -> float:
    """Return how deep theta modulates CA1's high gamma."""
    if phase != "acute":
        return MODULATION_DEPTH
    same = (MODULATION_DEPTH,) * len(CONTEXTS)
    return DRUG_DEPTH.get(drug, same)[CONTEXTS.index(context)]
