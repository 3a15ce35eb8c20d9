"""The methods text of the units, from the options that ran."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from pipeline.report.methods_words import NOT_STATED, stated
from pipeline.report.numbers import listing, number, with_unit


def spikes_text(spikes: Mapping[str, Any], *, needs: Collection[str]) -> str:
    """Write which units counted and how their measures were made.

    Parameters
    ----------
    spikes : mapping
        The config's section, as nested plain data.
    needs : collection of str
        Sources of the metrics that the report shows: what none of them needs is not described.

    Returns
    -------
    str
        One paragraph; "" where no metric of the report comes from units.
    """
    writers = {
        "irregularity": _irregularity,
        "modulation": _modulation,
        "locking": _locking,
        "rate_power": _rate_power,
        "pairs": _pairs,
        "groups": _groups,
        "periodicity": _periodicity,
        "spike_complexity": _complexity,
        "responses": _responses,
        "selectivity": _selectivity,
        "decoding": _decoding,
    }
    told = [write(spikes) for need, write in writers.items() if need in needs]
    if not told and "units" not in needs:
        return ""
    return " ".join([*_units(spikes), *told])


def _window(settings: Mapping[str, Any], key: str) -> str:
    edges = settings.get(key)
    if not edges:
        return NOT_STATED
    return f"{number(edges[0])} to {with_unit(number(edges[1]), 's')}"


def _units(spikes: Mapping[str, Any]) -> list[str]:
    labels = listing((str(name) for name in spikes.get("qualities", ())), last="or")
    limits = [
        f"{name} {word} {number(value)}"
        for key, word in (("minimum", "of at least"), ("maximum", "of at most"))
        for name, value in spikes.get(key, {}).items()
    ]
    least = (
        f"fired at {stated(spikes, 'minimum_baseline_rate_hz', 'Hz')} or more in the baseline and "
        f"in at least {stated(spikes, 'minimum_baseline_presence')} of its bins"
    )
    return [
        _source(spikes.get("sorting")),
        f"A unit counted if its label was {labels or NOT_STATED} (or it had none), {least}."
        + (f" Metrics of the sorting had limits: {listing(limits)}." if limits else ""),
        _contamination(spikes),
        "These thresholds rest on labels and on the baseline alone: a unit that a drug silences "
        f"counted. A region with fewer than {stated(spikes, 'minimum_units')} such units was a "
        "missing cell. Units were averaged within animal before any test. Units are called narrow "
        f"below {stated(spikes, 'narrow_below_ms', 'ms')} from trough to peak of the mean "
        f"waveform, wide above {stated(spikes, 'wide_above_ms', 'ms')}. Rates were compared as "
        "log2((count + 0.5) / seconds).",
    ]


def _source(sorting: Any) -> str:
    if not isinstance(sorting, Mapping):
        if sorting == "existing":
            return "Units were taken from the lab's existing sorting."
        return f"Units were sorted by {sorting or NOT_STATED}."
    before = sorting.get("preprocessing", {})
    band = before.get("pass_band_hz")
    edges = f"{number(band[0])}–{with_unit(number(band[1]), 'Hz')}" if band else NOT_STATED
    return (
        f"Where no sorting was given, recordings were sorted by {stated(sorting, 'run')} "
        f"(SpikeInterface, [@buccino2020]; pass band {edges}, reference "
        f"{stated(before, 'reference').replace('_', ' ')}), all contexts of a session in one "
        "sort, so that units are the same before and after the dose."
    )


def _contamination(spikes: Mapping[str, Any]) -> str:
    limit = spikes.get("maximum_contamination")
    if limit is None:
        return "The share of spikes of other cells was not judged."
    return (
        "Units with more intervals below the refractory period "
        f"({stated(spikes, 'refractory_ms', 'ms')}) than a share of {number(limit)} of spikes of "
        "other cells explains were left out ([@hill2011]), and so were "
        f"those faster than {stated(spikes, 'junk_hz', 'Hz')} without a refractory period."
    )


def _irregularity(spikes: Mapping[str, Any]) -> str:
    options = spikes.get("irregularity", {})
    return (
        "Irregularity of firing needed "
        f"{stated(options, 'minimum')} intervals of a unit; rate-matched Fano factors are stated "
        f"for {stated(options, 'fano_reference_hz', 'Hz')}."
    )


def _modulation(spikes: Mapping[str, Any]) -> str:
    options = spikes.get("modulation", {})
    drift = {
        "linear": "a straight line through both epochs was taken out first, so that a steady drift "
        "is no change",
        "none": "no drift was taken out",
    }.get(options.get("trend", ""), f"trend {NOT_STATED}")
    least = options.get("least_log2")
    least = "" if least is None else f" and a change of at least {number(least)} on log2"
    return (
        "Each unit's change from its baseline in the same context was tested by a step test on "
        f"counts in blocks of {stated(options, 'block_s', 's')} (at least "
        f"{stated(options, 'minimum_blocks')} before and after; self-normalised, [@kiefer2000]) "
        "against "
        f"{stated(options, 'permutations')} permutations of blocks; {drift}. A unit was called up "
        f"or down with q below {stated(options, 'level')} ([@benjamini1995], within the "
        f"session){least}. Units chosen by their baseline rate fall by regression to the mean when "
        "measured again: fractions and fold changes stand beside those of the reference."
    )


def _locking(spikes: Mapping[str, Any]) -> str:
    options = spikes.get("locking", {})
    return (
        "Locking of spikes to the LFP of another channel was measured by pairwise phase "
        "consistency ([@vinck2010]), over pairs of spikes from different "
        "blocks of 5 s and relative to the phases that the LFP offered, in units with at least "
        f"{stated(options, 'minimum_spikes')} spikes; a unit is locked with q below "
        f"{stated(options, 'level')} over the blocks."
    )


def _rate_power(_: Mapping[str, Any]) -> str:
    return (
        "Rates of units were correlated with band power of another channel second by second, by "
        "ranks within windows of ten minutes ([@wood2012])."
    )


def _pairs(spikes: Mapping[str, Any]) -> str:
    options = spikes.get("pairs", {})
    return (
        f"Pairs of units with at least {stated(options, 'minimum_spikes')} spikes each were "
        "compared by correlations of counts in bins of 100 ms and 1 s, within windows of "
        f"{stated(options, 'window_s', 's')} so that drifts do not count ([@cohen2011]), "
        "and by spike-time tiling within "
        f"{stated(options, 'tiling_ms', 'ms')} ([@cutts2014])."
    )


def _groups(spikes: Mapping[str, Any]) -> str:
    options = spikes.get("groups", {})
    return (
        "Synchrony, dimension and population coupling of a region took units with at least "
        f"{stated(options, 'minimum_spikes')} spikes; dimensions are stated for "
        f"{stated(options, 'dimension_units')} units."
    )


def _periodicity(_: Mapping[str, Any]) -> str:
    return (
        "Rhythms of single units were read from autocorrelograms of at least 100 spikes, over what "
        "independent spikes would give."
    )


def _complexity(spikes: Mapping[str, Any]) -> str:
    options = spikes.get("complexity", {})
    return (
        "Lempel-Ziv complexity of spike trains was measured in windows of "
        f"{stated(options, 'window_s', 's')} in bins of {stated(options, 'bin_s', 's')}, against "
        "surrogates with the same rate."
    )


def _responses(spikes: Mapping[str, Any]) -> str:
    options = spikes.get("task", {})
    return (
        f"Responses to events of a trial were rates {_window(options, 'response_s')} from the "
        f"event against {_window(options, 'baseline_s')} from the cue, from at least "
        f"{stated(options, 'minimum_trials')} trials; what an event shows ended at the next one."
    )


def _selectivity(spikes: Mapping[str, Any]) -> str:
    options = spikes.get("task", {})
    return (
        "Selectivity was the area under the ROC curve, tested by "
        f"{stated(options, 'relabelled')} relabellings of trials."
    )


def _decoding(spikes: Mapping[str, Any]) -> str:
    options = spikes.get("task", {})
    return (
        "Decoding was cross-validated, with "
        f"{stated(options, 'decoding_units')} units and {stated(options, 'decoding_trials')} "
        f"trials per label in every decoder, mean of {stated(options, 'decoding_draws')} draws, "
        f"and its chance level from {stated(options, 'decoding_relabelled')} relabellings."
    )
