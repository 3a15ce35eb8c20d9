"""Job 2 of a session: every registered metric in every epoch. It is told times, never drugs."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.intervals import Intervals, intersect, subtract, total_seconds
from pipeline.metric import Metric, Value
from pipeline.registry import registered
from pipeline.steps.coupling_tables import write_coupling
from pipeline.steps.epoch_tables import write_epochs, write_spectra
from pipeline.steps.guard import Outcome, write_atomically
from pipeline.steps.lacking import POOLED, CellTime, lacking_values
from pipeline.steps.lacking_spikes import lacking_spikes, lacking_task
from pipeline.steps.observations import COLUMNS as COLUMNS
from pipeline.steps.observations import Observations
from pipeline.steps.session_data import SessionData, Span, assess, resolve_spans
from pipeline.steps.session_mains import with_limits
from pipeline.steps.sources import Sources, cell_sources, interval_sources, trial_sources
from pipeline.steps.spike_sources import SpikeSession
from pipeline.steps.spike_tables import write_spikes
from pipeline.steps.time_courses import column_speed, session_spectra, write_time_course
from pipeline.steps.trial_tables import write_trials
from pipeline.steps.unit_tables import write_units_table

if TYPE_CHECKING:
    from pipeline.lfp import SpectralShape


def measure(
    *, settings: Mapping[str, Any], outputs: Mapping[str, Path], inputs: Mapping[str, Path]
) -> Outcome:
    """Compute every metric whose sources the session has, in every epoch.

    Parameters
    ----------
    settings : mapping
        :func:`pipeline.steps.settings.measure_settings`.
    outputs : mapping of str to Path
        observations, spectra, coupling, timecourse, scored_trials, sets, epochs, units_table, and
        the tables of units (:data:`pipeline.steps.spike_tables.TYPES`).
    inputs : mapping of str to Path
        lfp, units, trials, movement, scored, sync, as ``extract`` left them.

    Returns
    -------
    Outcome
        Warnings, and facts: kept units, kept fraction of time.
    """
    given = settings["administrations_s"]
    data = SessionData(inputs, settings["options"], administrations_s=given)
    spans = resolve_spans(settings["epochs"], data.end_s)
    baseline = [span for span in spans if span.phase == settings["baseline_phase"]]
    quality = assess(data, baseline, settings["options"], epochs=spans)
    data = data.without(quality.loose)
    quality = with_limits(quality, data, baseline)
    minimum_s = settings["options"]["design"]["minimum_epoch_s"]
    lasting = {
        (cell[0].anchor, cell[0].phase, cell[0].context): lasting_strata(
            cell, data, minimum_s=minimum_s
        )
        for cell in _cells(spans)
    }
    spikes = None
    if data.has("units"):
        spikes = SpikeSession(
            data,
            quality,
            _cells(spans),
            baseline_phase=settings["baseline_phase"],
            baseline_context=settings["baseline_context"],
        )
    found = Observations()
    spectra: list[tuple[Span, Any]] = []
    shapes: list[Any] = []
    for span in spans:
        measured = _clipped(span, data.recorded)
        long = lasting[span.anchor, span.phase, span.context]
        for split, level, within in _splits(measured.intervals, data, long):
            sources = interval_sources(within, data, quality, split=split, spikes=spikes)
            _observe(found, measured, sources, split, level, settings, grain="interval")
            if not split and sources.get("spectrum") is not None:
                spectra.append((span, sources["spectrum"]))
            if not split and sources.get("shape") is not None:
                shapes.append(sources["shape"])
    pooled: list[tuple[Span, Sources]] = []
    times: list[CellTime] = []
    with_spectrum = {(span.anchor, span.phase, span.context) for span, _ in spectra}
    logged: list[tuple[Span, Sources]] = []
    for cell in _cells(spans):
        measured = _joined([_clipped(span, data.recorded) for span in cell])
        within = np.vstack([span.intervals for span in cell])
        long = lasting[cell[0].anchor, cell[0].phase, cell[0].context]
        for split, level, part in _splits(within, data, long):
            sources = cell_sources(part, data, quality, split=split, cell=cell[0], spikes=spikes)
            _observe(found, measured, sources, split, level, settings, grain="cell")
            if not split:
                pooled.append((measured, sources))
                known = (cell[0].anchor, cell[0].phase, cell[0].context) in with_spectrum
                clean = subtract(intersect(part, data.recorded), quality.artefacts)
                has = {name: sources.get(name) is not None for name in POOLED}
                name = f"{cell[0].phase}, {cell[0].context}"
                times.append(CellTime(name, clean, {"spectrum": known, **has}))
        # Trials go on where no recording does, so that their cell has bounds of its own.
        whole = len(cell) == 1 and cell[0].whole
        trials = trial_sources(within, data, whole=whole, administrations_s=given)
        _observe(found, _joined(cell), trials, "", "", settings, grain="cell")
        logged.append((_joined(cell), trials))
    found.write(outputs["observations"])
    short = session_spectra(data, quality, settings)
    write_spectra(spectra, short, column_speed(short, data, settings), outputs["spectra"])
    write_coupling(pooled, outputs["coupling"])
    write_spikes(pooled, spikes, settings, outputs)
    if spikes is None:
        write_atomically(outputs["units_table"], b"")
    else:
        write_units_table(data.units, quality.judged_units, outputs["units_table"])
    write_time_course(short, data, settings, outputs["timecourse"])
    write_trials(logged, data, settings, scored=outputs["scored_trials"], sets=outputs["sets"])
    lacking = write_epochs(spans, data, quality, dict_of(spectra), outputs["epochs"])
    if data.has("lfp"):
        good = data.lfp["region"].values[~data.lfp["bad"].values.astype(bool)].astype(str)
        n_regions = len(set(good.tolist()) - {""})
        lacking += tuple(lacking_values(times, settings["options"]["lfp"], n_regions=n_regions))
    if spikes is not None:
        lacking += tuple(lacking_spikes(pooled, spikes))
    unstated = lacking_task(pooled, spikes) if spikes is not None else []
    facts = dict(quality.facts) | ({"without_value": unstated} if unstated else {})
    return Outcome((*quality.warnings, *lacking, *failed_fits(shapes)), facts)


def failed_fits(shapes: Sequence[SpectralShape]) -> list[str]:
    """Say in how many epochs no aperiodic part could be told, for those outcomes have no value.

    Parameters
    ----------
    shapes : sequence of SpectralShape
        Of all epochs of the session.
    """
    reasons: dict[tuple[str, str], list[str]] = {}
    for shape in shapes:
        for fit in shape.failed:
            reasons.setdefault((fit.region, fit.which), []).append(fit.why)
    return [
        f"no aperiodic fit of {region} ({which} range) in {len(why)} of {len(shapes)} epochs: "
        f"{why[0]}"
        for (region, which), why in sorted(reasons.items())
    ]


def dict_of(spectra: Iterable[tuple[Span, Any]]) -> dict[tuple[str, str, str, int], Any]:
    """Index spectra by the identity of their span."""
    return {(s.anchor, s.phase, s.context, s.interval): spectrum for s, spectrum in spectra}


def _clipped(span: Span, recorded: Intervals) -> Span:
    """The part of a span that was recorded; it may have no length."""
    if not len(recorded):
        return replace(span, stop_s=span.start_s)
    start, stop = max(span.start_s, recorded[0, 0]), min(span.stop_s, recorded[-1, 1])
    return replace(span, start_s=start, stop_s=max(start, stop))


def _joined(cell: Sequence[Span]) -> Span:
    """All intervals of a cell as one span, from the first one's start to the last one's end.

    Its middle is that of its intervals, weighted by their length, wherever they lie between those
    bounds. A session without clock times has no length; its bounds are unknown.
    """
    lasting = [span for span in cell if span.start_s < span.stop_s]
    if not lasting:
        return replace(cell[0], stop_s=float("nan"))
    seconds = [span.stop_s - span.start_s for span in lasting]
    return replace(
        cell[0],
        start_s=min(span.start_s for span in lasting),
        stop_s=max(span.stop_s for span in lasting),
        middle_s=float(np.average([(s.start_s + s.stop_s) / 2 for s in lasting], weights=seconds)),
    )


def _splits(
    within: Intervals, data: SessionData, long: Collection[tuple[str, str]]
) -> list[tuple[str, str, Intervals]]:
    """The whole of some intervals, and their parts in the strata that last long enough."""
    if not len(within):
        return []
    parts = [("", "", within)]
    for split, levels in data.splits.items():
        for level, intervals in levels.items():
            inside = intersect(within, intervals)
            if len(inside) and (split, level) in long:
                parts.append((split, level, inside))
    return parts


def lasting_strata(
    cell: Sequence[Span], data: SessionData, *, minimum_s: float
) -> set[tuple[str, str]]:
    """Return the strata of movement and learning that a cell holds for long enough.

    The comparison takes no cell with less than ``minimum_s``; measuring the many short strata of
    learning would cost more than all the rest.

    Parameters
    ----------
    cell : sequence of Span
        All context intervals of one anchor, phase and context.
    data : SessionData
        The session.
    minimum_s : float
        design.minimum_epoch_s.

    Returns
    -------
    set of (str, str)
        Split and level.
    """
    recorded = intersect(np.vstack([span.intervals for span in cell]), data.recorded)
    return {
        (split, level)
        for split, levels in data.splits.items()
        for level, intervals in levels.items()
        if total_seconds(intersect(recorded, intervals)) >= minimum_s
    }


def _cells(spans: Sequence[Span]) -> list[list[Span]]:
    """Group the context intervals of one anchor, phase and context."""
    cells: dict[tuple[str, str, str], list[Span]] = {}
    for span in spans:
        cells.setdefault((span.anchor, span.phase, span.context), []).append(span)
    return list(cells.values())


def _observe(
    found: Observations,
    span: Span,
    sources: Mapping[str, Any],
    split: str,
    level: str,
    settings: Mapping[str, Any],
    *,
    grain: str,
) -> None:
    """Add the values of every metric whose sources are all there."""
    for entry in registered().values():
        metric = entry.metric
        if metric.grain != grain or any(sources.get(need) is None for need in metric.needs):
            continue
        used = {need: sources[need] for need in metric.needs}
        compute: Callable[..., list[Value]] = entry.compute
        values = compute(**used, options=settings["options"])
        found.add(_common(metric, span, used.values(), split, level, settings), values)


def _common(
    metric: Metric,
    span: Span,
    used: Iterable[Any],
    split: str,
    level: str,
    settings: Mapping[str, Any],
) -> dict[str, Any]:
    """What all values of a metric in one epoch share."""
    seconds = min((_seconds(source) for source in used), default=float("nan"))
    zero = span.since_dose_zero_s
    middle = (span.start_s + span.stop_s) / 2 if span.middle_s is None else span.middle_s
    return {
        "session": settings["session"],
        "animal": settings["animal"],
        "anchor": span.anchor,
        "step": span.step,
        "context": span.context,
        "phase": span.phase,
        "interval": 0 if metric.grain == "cell" else span.interval,
        "start_s": span.start_s,
        "stop_s": span.stop_s,
        "seconds": seconds,
        "since_dose_s": float("nan") if zero is None else middle - zero,
        "split": split,
        "split_level": level,
        "entity": metric.entity,
        "metric": metric.name,
        "value_unit": metric.value_unit,
    }


def _seconds(source: Any) -> float:
    return float(getattr(source, "seconds", float("nan")))
