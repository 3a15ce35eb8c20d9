"""What the sample experiment must come out as, of how units fire beside their rates."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pipeline.simulate import spike_effects as planted
from pipeline.simulate.effects import CONTEXTS, NOTHING, RATES, ByContext

#: where what is planted shows, and where nothing is planted and nothing else makes a difference
LOCKING_METRICS = ("spike_phase_locking/theta",)
SHARING_METRICS = ("count_correlation/100ms", "spike_time_tiling")
#: bins of the counts whose correlation is stated
COUNT_BIN_S = 0.1


def planted_spikes() -> dict[str, Any]:
    """Return what is planted in how units fire, and what is expected of it, as plain data."""
    return {
        "locking_to_theta": [_locking_row(region) for region in planted.LOCKING],
        "shared_gain": [_sharing_row(region) for region in planted.SHARING],
        "bursts": {
            "probability": dict(planted.BURSTS),
            "drugs": [
                {"region": region, "condition": drug, **_by_context(values)}
                for (region, drug), values in planted.DRUG_BURSTS.items()
            ],
            "note": "of a spike to be followed by another one 3 to 6 ms later; p / (1 + p) further "
            "spikes per spike",
        },
        "modulated_units": [
            {
                "region": region,
                "condition": drug,
                "units_up": n_each,
                "units_down": n_each,
                "of_units": RATES[region].n_units,
                "log2": size,
                "one_less_each_way": list(planted.FEWER_MODULATED),
            }
            for (region, drug), (n_each, size) in planted.MODULATED_UNITS.items()
        ],
        "task_code": [_task_row(region) for region in planted.TASK_CODE],
        "note": "expected values are closed forms (pipeline/simulate/spike_effects.py); theta's "
        "phase is read through the LFP's background, so that less locking is measured than "
        "planted: by the square of how closely it can be read",
    }


def _by_context(values: ByContext) -> dict[str, float]:
    return dict(zip(CONTEXTS, values, strict=True))


def _locking_row(region: str) -> dict[str, Any]:
    locking = planted.LOCKING[region]
    consistency = planted.expected_region_ppc(region=region)
    reading = planted.theta_reading(region=region)
    row: dict[str, Any] = {
        "region": region,
        "kappa": list(locking.kappa),
        "expected_consistency": round(consistency, 4),
        "expected_through_the_lfp": round(consistency * reading**2, 4),
    }
    for drug, factors in locking.drug_factor.items():
        of_drug = {
            context: {
                "kappa_factor": factor,
                "expected_consistency": round(
                    planted.expected_region_ppc(region=region, drug=drug, context=context), 4
                ),
                "expected_through_the_lfp": round(
                    planted.expected_region_ppc(region=region, drug=drug, context=context)
                    * planted.theta_reading(region=region, drug=drug, context=context) ** 2,
                    4,
                ),
            }
            for context, factor in zip(CONTEXTS, factors, strict=True)
        }
        row[drug] = of_drug
    return row


def _sharing_row(region: str) -> dict[str, Any]:
    sharing = planted.SHARING[region]

    def correlation(size: float) -> float:
        variance = planted.gain_variance(size, memory_s=sharing.memory_s, bin_s=COUNT_BIN_S)
        return round(
            planted.expected_count_correlation(
                (5.0, 5.0), gain_sd=variance**0.5, bin_s=COUNT_BIN_S
            ),
            4,
        )

    row: dict[str, Any] = {
        "region": region,
        "sd": sharing.size,
        "memory_s": sharing.memory_s,
        "expected_correlation_at_5_hz_100ms": correlation(sharing.size),
    }
    for drug, sizes in sharing.drug_size.items():
        row[drug] = {
            context: {"sd": size, "expected_correlation_at_5_hz_100ms": correlation(size)}
            for context, size in zip(CONTEXTS, sizes, strict=True)
        }
    return row


def _task_row(region: str) -> dict[str, Any]:
    code = planted.TASK_CODE[region]
    return {
        "region": region,
        "of_units": RATES[region].n_units,
        "cue_units": code.cue_units,
        "cue_gain": code.cue_gain,
        "choice_units": code.choice_units,
        "choice_depth": code.choice_depth,
        "choice_depth_acute": dict(code.drug_choice_depth),
        "outcome_units": code.outcome_units,
        "outcome_depth": code.outcome_depth,
    }


def spike_verdicts(drug: str) -> Iterable[tuple[str, str, str]]:
    """Return outcome, verdict and pattern of what is certain under a drug.

    Not claimed is what something else moves as well: correlations in mPFC, where rates change and
    units lock less; bursts where locking or a shared gain changes, which put spikes near each other
    too; the excess of bursts where they are planted, so precise that a chance difference between
    the contexts of this sample's vehicle sessions counts (CV2 shows the bursts); the choice's code
    where rates rise in the task, for more spikes tell more; and the share of units that go down,
    for the test misses about half of them in three minutes: a unit can lose no more than its rate.
    """
    from pipeline.simulate.truth import expected_verdict

    for region, locking in planted.LOCKING.items():
        verdict = expected_verdict(_less_one(locking.drug_factor.get(drug)))
        for metric in LOCKING_METRICS:
            yield f"{metric}@{region}", *verdict
    sharing = planted.SHARING["CA1"]
    changes = sharing.drug_size.get(drug)
    verdict = expected_verdict(NOTHING if changes is None else _minus(changes, sharing.size))
    for metric in SHARING_METRICS:
        yield f"{metric}@CA1", *verdict
    if drug not in sharing.drug_size or len(set(sharing.drug_size[drug])) == 1:
        bursts = planted.DRUG_BURSTS.get(("CA1", drug))
        verdict = expected_verdict(NOTHING if bursts is None else _minus(bursts, 0.0))
        yield "cv2@CA1", *verdict
        if bursts is None:
            yield "burst_excess@CA1", *verdict
    if ("mPFC", drug) in planted.MODULATED_UNITS:
        yield "units_up@mPFC", "pill", ""
    yield "event_response/cue@mPFC", "no drug effect", ""
    rises = RATES["mPFC"].drug_log2.get(drug, NOTHING)[CONTEXTS.index("set_shifting")] > 0
    if drug in planted.TASK_CODE["mPFC"].drug_choice_depth:
        yield "selectivity/choice@mPFC", "drug effect, one context", ""
    elif not rises:
        yield "selectivity/choice@mPFC", "no drug effect", ""
        yield "selectivity/outcome@mPFC", "no drug effect", ""


def _less_one(factors: ByContext | None) -> ByContext:
    return NOTHING if factors is None else _minus(factors, 1.0)


def _minus(values: ByContext, baseline: float) -> ByContext:
    return (values[0] - baseline, values[1] - baseline, values[2] - baseline)
