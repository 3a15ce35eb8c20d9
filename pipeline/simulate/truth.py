"""What the sample experiment must come out as, written beside it for readers and tests."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.simulate import effects
from pipeline.simulate.effects import ByContext
from pipeline.simulate.sample_design import TASK_CONTEXT, sample_tables
from pipeline.simulate.spike_truth import planted_spikes, spike_verdicts

_HEADER = """\
# What is planted in the sample experiment, and the verdicts that must come out.
#
# Everything here is invented: directions and sizes were chosen so that each kind of verdict occurs,
# and say nothing about the drugs they are named after. The recordings are made from the same
# declarations (pipeline/simulate/effects.py); this file is written from them, not edited by hand.
#
# Changes are against the session's own baseline in the same context and against vehicle: dB of band
# power, log2 of a rate. Outcomes that are not listed under verdicts are not claimed: delta, for
# instance, scatters too much in three minutes for a verdict to be certain.
"""
#: bands whose power scatters too much in three minutes (3 Hz wide, hence 3 x 180 cycles)
_UNCERTAIN_BANDS = ("delta",)
#: a change of power that is called an effect for certain (the smallest that matters is 1 dB)
_CERTAIN_DB = 1.2
#: changed by movement and nothing else
_MOVEMENT_ONLY = ("theta", "CA1", "MDMA")


def expected_verdict(changes: ByContext) -> tuple[str, str]:
    """Return the verdict and its pattern that exact planted changes amount to.

    Parameters
    ----------
    changes : tuple of float
        Per context, the reference context first.

    Returns
    -------
    tuple of (str, str)
        Verdict and pattern ("" unless the verdict is ``process``), as in design.md section 6.
    """
    reference, *others = changes
    different = [change for change in others if change != reference]
    if not different:
        return ("pill", "") if reference else ("no drug effect", "")
    largest = max(different, key=lambda change: abs(change - reference))
    if reference * largest < 0:
        return "process", "reversed"
    return "process", "amplified" if abs(largest) > abs(reference) else "attenuated"


def sample_truth() -> dict[str, Any]:
    """Return what ``sample_data/truth.yaml`` says, as plain data.

    ``planted`` states effects by outcome and condition; ``movement`` and ``behaviour`` state what
    is planted there; ``verdicts`` lists the rows of verdicts.tsv that are certain.
    """
    drugs = effects.DRUGS[1:]
    walking = effects.ACUTE_WALK_FRACTION
    theta = effects.BANDS["theta", "CA1"]
    return {
        "planted": [*_planted_bands(), *_planted_tilts(), *_planted_rates()],
        "coupling": _planted_coupling(),
        "spikes": planted_spikes(),
        "movement": {
            "walking_fraction_baseline": effects.BASELINE_WALK_FRACTION,
            "walking_fraction_acute": {drug: walking[drug] for drug in effects.DRUGS},
            "walking_raises_band_power/theta@CA1_db": theta.walk_db,
            "note": "MDMA changes theta@CA1 only in that the animals walk more, alike in all "
            "contexts: a pill by the look of it, and no drug effect in rest and walk taken apart",
        },
        "behaviour": {
            "learning_rate_vehicle": effects.BASELINE_LEARNING_RATE,
            "learning_rate_factor": {drug: effects.LEARNING_RATE_FACTOR[drug] for drug in drugs},
            "note": "an agent that learns faster needs fewer trials to criterion",
        },
        "animals": {
            "sd_of_band_change_db": effects.BANDS["theta", "mPFC"].deviation_db,
            "sd_of_region_gain_change_db": effects.REGION_GAIN_DEVIATION_DB,
            "sd_of_rate_change_log2": effects.RATES["mPFC"].deviation_log2,
            "note": "sd between animals of each drug's change in each context; they average zero",
        },
        "verdicts": [
            *(row for drug in drugs for row in _band_verdicts(drug)),
            *(row for drug in drugs for row in _rate_verdicts(drug)),
            *(row for drug in drugs for row in _movement_verdicts(drug)),
            *(row for drug in drugs for row in _spectral_verdicts(drug)),
            *(row for drug in drugs for row in _coupling_verdicts(drug)),
            *(row for drug in drugs for row in _spike_verdicts(drug)),
            *(_task_verdict(drug) for drug in drugs),
        ],
    }


def _planted_row(outcome: str, drug: str, changes: ByContext, unit: str) -> dict[str, Any]:
    return {
        "outcome": outcome,
        "condition": drug,
        "unit": unit,
        **dict(zip(effects.CONTEXTS, changes, strict=True)),
    }


def _planted_bands() -> list[dict[str, Any]]:
    rows = []
    for (band, region), planted in effects.BANDS.items():
        outcome = f"band_power/{band}@{region}"
        for drug, changes in planted.drug_db.items():
            rows.append(_planted_row(outcome, drug, changes, "dB"))
        for (drug, context), sd in planted.wild_db.items():
            row = {"outcome": outcome, "condition": drug, "unit": "dB", "context": context}
            rows.append(row | {"mean": 0.0, "sd_between_animals": sd})
    return rows


def _planted_tilts() -> list[dict[str, Any]]:
    """What a flatter spectrum does: to its exponent, and by that alone to the power of bands."""
    rows = []
    region = effects.FLATTER_REGION
    for drug, flatter in effects.FLATTER.items():
        everywhere: ByContext = (-flatter, -flatter, -flatter)
        rows.append(_planted_row(f"aperiodic_exponent@{region}", drug, everywhere, ""))
        for band in effects.BANDS_HZ:
            if band in _UNCERTAIN_BANDS:
                continue
            change = round(effects.flattening_db(band=band, region=region, drug=drug), 3)
            if change:
                outcome = f"band_power/{band}@{region}"
                rows.append(_planted_row(outcome, drug, (change, change, change), "dB"))
    return rows


def _planted_coupling() -> dict[str, Any]:
    """How closely the regions' theta go together, and how deep theta modulates high gamma."""
    band, region = effects.MODULATED
    contexts = effects.CONTEXTS
    return {
        "phase_jitter_rad/theta@CA1~mPFC": {"baseline": effects.PHASE_JITTER_RAD}
        | {
            drug: dict(zip(contexts, jitter, strict=True))
            for drug, jitter in effects.DRUG_JITTER_RAD.items()
        },
        f"modulation_depth/theta-{band}@{region}": {"baseline": effects.MODULATION_DEPTH}
        | {
            drug: dict(zip(contexts, depth, strict=True))
            for drug, depth in effects.DRUG_DEPTH.items()
        },
        "note": "drugs that are not named leave the baseline as it is; neither changes any power",
    }


def _planted_rates() -> list[dict[str, Any]]:
    return [
        _planted_row(f"firing_rate@{region}", drug, changes, "log2")
        for region, planted in effects.RATES.items()
        for drug, changes in planted.drug_log2.items()
    ]


def _verdict_row(
    outcome: str, drug: str, verdict: str, *, pattern: str = "", stratum: str = ""
) -> dict[str, str]:
    row = {
        "outcome": outcome,
        "condition": drug,
        "phase": "acute",
        "split": "movement" if stratum else "",
        "split_level": stratum,
        "modifier": "context",
        "verdict": verdict,
    }
    return row | ({"pattern": pattern} if pattern else {})


def _band_verdicts(drug: str) -> Iterable[dict[str, str]]:
    for region in effects.BACKGROUNDS:
        for band in effects.BANDS_HZ:
            if band in _UNCERTAIN_BANDS:
                continue
            planted = effects.BANDS.get((band, region))
            changes = planted.drug_db.get(drug, effects.NOTHING) if planted else effects.NOTHING
            verdict, pattern = expected_verdict(changes)
            if planted and any(wild == drug for wild, _ in planted.wild_db):
                verdict, pattern = "inconclusive", ""
            if effects.flattening_db(band=band, region=region, drug=drug) > _CERTAIN_DB:
                # A flatter spectrum, alike in every context: by the look of it, power.
                verdict = "pill"
            if (band, region, drug) == _MOVEMENT_ONLY:
                # As much more walking in every context: by the look of it, a pill.
                verdict = "pill"
            yield _verdict_row(f"band_power/{band}@{region}", drug, verdict, pattern=pattern)


def _rate_verdicts(drug: str) -> Iterable[dict[str, str]]:
    for region, planted in effects.RATES.items():
        verdict, pattern = expected_verdict(planted.drug_log2.get(drug, effects.NOTHING))
        yield _verdict_row(f"firing_rate@{region}", drug, verdict, pattern=pattern)


def _movement_verdicts(drug: str) -> Iterable[dict[str, str]]:
    for stratum in ("rest", "walk"):
        yield _verdict_row("band_power/theta@CA1", drug, "no drug effect", stratum=stratum)


def _spectral_verdicts(drug: str) -> Iterable[dict[str, str]]:
    """Outcomes of the spectrum's shape, as far as what is planted says them for certain.

    Not claimed for CA1: the exponent, and high gamma above it, where a drug changes how deep theta
    modulates high gamma in one context, for that moves power to the flanks of its peak; complexity
    where the animals walk more, for theta is then more of the signal.
    """
    flatter = drug in effects.FLATTER
    uneven = drug in effects.DRUG_DEPTH and len(set(effects.DRUG_DEPTH[drug])) > 1
    walks = effects.ACUTE_WALK_FRACTION[drug] != effects.BASELINE_WALK_FRACTION
    if not uneven:
        verdict = "pill" if flatter else "no drug effect"
        yield _verdict_row("aperiodic_exponent@CA1", drug, verdict)
        # What a flatter spectrum raises does not stand higher above its own background.
        outcome = "band_power_above_aperiodic/high_gamma@CA1"
        yield _verdict_row(outcome, drug, "no drug effect")
    planted = effects.BANDS["hfo", "mPFC"].drug_db.get(drug, effects.NOTHING)
    verdict, pattern = expected_verdict(planted)
    yield _verdict_row("hfo_power@mPFC", drug, verdict, pattern=pattern)
    yield _verdict_row("peak_frequency/theta@CA1", drug, "no drug effect")
    yield _verdict_row("kept_fraction", drug, "no drug effect")
    if not walks:
        yield _verdict_row("lempel_ziv@CA1", drug, "no drug effect")
        yield _verdict_row("spectral_entropy@CA1", drug, "no drug effect")


def _coupling_verdicts(drug: str) -> Iterable[dict[str, str]]:
    """Coupling of the regions' theta, and of CA1's theta with its high gamma.

    Coherence is not claimed where the drug changes how far theta stands above the background.
    """
    jitter = effects.DRUG_JITTER_RAD.get(drug)
    theta = effects.BANDS["theta", "mPFC"].drug_db.get(drug)
    if jitter or not theta:
        changes = _changes(jitter, effects.PHASE_JITTER_RAD)
        verdict, pattern = expected_verdict(changes)
        for metric in ("coherence", "debiased_wpli"):
            yield _verdict_row(f"{metric}/theta@CA1~mPFC", drug, verdict, pattern=pattern)
    changes = _changes(effects.DRUG_DEPTH.get(drug), effects.MODULATION_DEPTH)
    verdict, pattern = expected_verdict(changes)
    band, region = effects.MODULATED
    yield _verdict_row(f"modulation_index/theta-{band}@{region}", drug, verdict, pattern=pattern)


def _spike_verdicts(drug: str) -> Iterable[dict[str, str]]:
    """Outcomes of how units fire beside their rates (:mod:`pipeline.simulate.spike_truth`)."""
    for outcome, verdict, pattern in spike_verdicts(drug):
        yield _verdict_row(outcome, drug, verdict, pattern=pattern)


def _changes(planted: ByContext | None, baseline: float) -> ByContext:
    """What a drug changes in each context."""
    if planted is None:
        return effects.NOTHING
    return (planted[0] - baseline, planted[1] - baseline, planted[2] - baseline)


def _task_verdict(drug: str) -> dict[str, str]:
    changed = effects.LEARNING_RATE_FACTOR[drug] != 1.0
    verdict = "drug effect, one context" if changed else "no drug effect"
    return _verdict_row("trials_to_criterion", drug, verdict)


def truth_text() -> str:
    """Return the text of ``sample_data/truth.yaml``."""
    import yaml

    contexts = (
        f"# Contexts: {', '.join(effects.CONTEXTS)}; the task is run in {TASK_CONTEXT} only.\n"
    )
    body = yaml.safe_dump(
        sample_truth(), sort_keys=False, width=200, allow_unicode=True, default_flow_style=None
    )
    return _HEADER + contexts + body


def table_text(rows: Sequence[Mapping[str, str]]) -> str:
    """Return a table as tab-separated text with a header."""
    stream = io.StringIO(newline="")
    writer = csv.DictWriter(stream, fieldnames=list(rows[0]), delimiter="\t", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue()


def files_text(recordings: str | Path) -> str:
    """Return the list of the sample's files with their sizes: ``sample_data/files.tsv``.

    The workflow plans the sessions with it while the sample is not made yet.

    Parameters
    ----------
    recordings : path
        A finished sample.
    """
    folder = Path(recordings)
    files = [path for path in folder.rglob("*") if path.is_file() and path.parent != folder]
    sizes = {path.relative_to(folder).as_posix(): path.stat().st_size for path in files}
    return table_text([{"file": name, "bytes": str(sizes[name])} for name in sorted(sizes)])


def write_tables(repository: str | Path) -> list[Path]:
    """Write what is committed of the sample experiment; for developers, after a change here.

    Parameters
    ----------
    repository : path
        Root of the checkout, with a finished sample in ``sample_data/recordings``.

    Returns
    -------
    list of pathlib.Path
        ``config/*.tsv``, ``sample_data/truth.yaml`` and ``sample_data/files.tsv``.
    """
    root = Path(repository)
    texts = {
        root / "config" / f"{name}.tsv": table_text(rows) for name, rows in sample_tables().items()
    }
    texts[root / "sample_data" / "truth.yaml"] = truth_text()
    texts[root / "sample_data" / "files.tsv"] = files_text(root / "sample_data" / "recordings")
    for path, text in texts.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")
    return list(texts)
