"""What is planted in the sample comes back out of its signals, precisely enough for verdicts.

Vehicle and MDMA sessions only: there theta@mPFC and hfo@mPFC have no effect, low_gamma@mPFC is
wild, and theta@CA1 changes with movement alone, which is the hardest case (short strata).
"""

import numpy as np
import pytest
from scipy import stats

from pipeline.intervals import subtract
from pipeline.lfp import artefact_intervals, epoch_spectrum, lfp_array
from pipeline.lfp.metrics import band_power
from pipeline.simulate import effects
from pipeline.simulate.sample_design import REGIONS, channel_ids, session_plans
from pipeline.simulate.sample_session import session_bouts, session_lfp, session_theta

SMALLEST_DB = 1.0
BANDS = {name: effects.BANDS_HZ[name] for name in ("theta", "low_gamma", "hfo")}
OPTIONS = {
    "lfp": {"bands": {name: list(edges) for name, edges in BANDS.items()}},
    "recording": {"line_noise_hz": 60},
}
DRUG = "MDMA"


def power_db(lfp, intervals, artefacts, channels):
    """Band power (band, region) in dB, as the pipeline measures it; NaN without a channel."""
    spectrum = epoch_spectrum(
        lfp, subtract(intervals, artefacts), bad=set(lfp["channel"].values) - set(channels)
    )
    values = band_power.compute(spectrum=spectrum, options=OPTIONS)
    power = {(value.band, value.region): value.value for value in values}
    regions = effects.BACKGROUNDS
    return np.array([[10 * np.log10(power.get((b, r), np.nan)) for r in regions] for b in BANDS])


def measure(plan):
    """Change from baseline to acute (stratum, context, band, region) in dB of one session.

    One channel per region (two are nearly alike); strata in CA1 only.
    """
    bouts = session_bouts(plan)
    names = channel_ids(plan.format)
    lfp = lfp_array(
        session_lfp(plan, bouts, session_theta(plan)),
        rate_hz=plan.rate_hz,
        channels=names,
        region=dict(zip(names, REGIONS, strict=True)),
    )
    visits = np.array([(v.start_s, v.stop_s) for v in plan.recorded if v.phase == "baseline"])
    artefacts = artefact_intervals(lfp, baseline=visits)
    level = {}
    for visit in plan.recorded:
        inside = [bout for bout in bouts if visit.start_s <= bout.start_s < visit.stop_s]
        parts = {
            "": (names[::2], [(visit.start_s, visit.stop_s)]),
            "rest": (names[2:3], [(b.start_s, b.stop_s) for b in inside if not b.walking]),
            "walk": (names[2:3], [(b.start_s, b.stop_s) for b in inside if b.walking]),
        }
        for name, (channels, intervals) in parts.items():
            level[name, visit.context, visit.phase] = power_db(
                lfp, np.array(intervals), artefacts, channels
            )
    change = [
        [level[name, context, "acute"] - level[name, context, "baseline"] for context in CONTEXTS]
        for name in STRATA
    ]
    return plan.animal, plan.drug, np.array(change)


#: the fixture below takes ten seconds: one worker runs all tests that use it
CONTEXTS = effects.CONTEXTS
STRATA = ("", "rest", "walk")


@pytest.fixture(scope="module")
def simple():
    """Simple effects (animal, stratum, context, band, region) of MDMA against vehicle, in dB."""
    plans = [plan for plan in session_plans() if plan.drug in (effects.VEHICLE, DRUG)]
    found = {(animal, drug): change for animal, drug, change in map(measure, plans)}
    return np.array(
        [found[animal, DRUG] - found[animal, effects.VEHICLE] for animal in effects.ANIMALS]
    )


def pick(simple, stratum, band, region):
    """Simple effects (animal, context) of one outcome."""
    return simple[:, STRATA.index(stratum), :, list(BANDS).index(band), "mC".index(region[0])]


CERTAIN = [
    ("", "theta", "mPFC"),
    ("", "hfo", "mPFC"),
    ("", "low_gamma", "CA1"),
    ("", "theta", "CA1"),
    ("rest", "theta", "CA1"),
    ("walk", "theta", "CA1"),
]


@pytest.mark.parametrize(("stratum", "band", "region"), CERTAIN)
def test_difference_of_differences_is_precise_enough(simple, stratum, band, region):
    effect = pick(simple, stratum, band, region)
    double = effect[:, 1:] - effect[:, :1]
    assert np.all(double.std(axis=0, ddof=1) < 0.6 * SMALLEST_DB)
    # no context changes the effect: equivalent, and nowhere near significant
    low, high = stats.t.interval(0.90, 7, loc=double.mean(axis=0), scale=stats.sem(double, axis=0))
    assert np.all(low > -SMALLEST_DB) and np.all(high < SMALLEST_DB)
    assert stats.ttest_1samp(double, 0).pvalue.min() > 0.05


@pytest.mark.parametrize(
    ("stratum", "band", "region"), [c for c in CERTAIN if c[0] or c[2] != "CA1"]
)
def test_outcome_without_effect_is_equivalent_to_none(simple, stratum, band, region):
    effect = pick(simple, stratum, band, region)
    low, high = stats.t.interval(0.90, 7, loc=effect.mean(axis=0), scale=stats.sem(effect, axis=0))
    assert np.all(low > -0.75 * SMALLEST_DB) and np.all(high < 0.75 * SMALLEST_DB)


def test_theta_in_ca1_rises_in_every_context_with_walking_alone(simple):
    effect = pick(simple, "", "theta", "CA1")
    assert np.all(effect.mean(axis=0) > 2 * SMALLEST_DB)
    assert np.all(effect.mean(axis=0) < effects.BANDS["theta", "CA1"].walk_db)
    assert stats.ttest_1samp(effect.mean(axis=1), 0).pvalue < 1e-4


def test_low_gamma_in_mpfc_is_too_wild_for_any_verdict(simple):
    effect = pick(simple, "", "low_gamma", "mPFC")
    double = effect[:, 1:] - effect[:, :1]
    assert np.all(double.std(axis=0, ddof=1) > 2 * SMALLEST_DB)
    assert stats.ttest_1samp(double, 0).pvalue.min() > 0.5
    planted = [
        effects.band_change_db(
            band="low_gamma", region="mPFC", animal=animal, drug=DRUG, context="open_field"
        )
        for animal in effects.ANIMALS
    ]
    np.testing.assert_allclose(effect[:, 1], planted, atol=1.0)
