"""The methods text, written from the settings that ran; what nobody stated is marked as such."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pipeline.experiment.plan import AnalysisPlan
from pipeline.metric import Metric
from pipeline.report.bibliography import with_keys
from pipeline.report.blinding import blinding_methods
from pipeline.report.methods_lfp import lfp_text
from pipeline.report.methods_spikes import spikes_text
from pipeline.report.methods_statistics import statistics_text
from pipeline.report.methods_words import NOT_STATED, analysed_words, stated
from pipeline.report.names import Names, capital, spoken
from pipeline.report.numbers import SPACE, count, listing, number, with_unit

if TYPE_CHECKING:
    import pandas as pd


def methods_text(
    methods: Mapping[str, Any],
    plan: AnalysisPlan,
    metrics: Mapping[str, Metric],
    n: Mapping[str, Any],
    *,
    contrasts: pd.DataFrame | None = None,
    outcomes: pd.DataFrame | None = None,
    clusters: pd.DataFrame | None = None,
) -> str:
    """Write the methods as a paper would, from what actually ran.

    Parameters
    ----------
    methods : mapping
        ``config``: the resolved settings as nested plain data (keys of config.yaml); ``versions``:
        package -> version; ``blinding``: who was blind until when.
    plan : AnalysisPlan
        Conditions, questions, smallest effects, alpha.
    metrics : Mapping of str to Metric
        The metrics that the report shows.
    n : mapping
        ``animals``, ``sessions``, ``analysed``, ``failed``, ``excluded`` (counts) and ``reasons``
        (session -> why it was excluded or failed).
    contrasts, outcomes, clusters : pandas.DataFrame, optional
        contrasts.tsv, outcomes.parquet and clusters.tsv: what was tested, and how.

    Returns
    -------
    str
        Paragraphs between blank lines; works are cited by key, as
        :mod:`pipeline.report.bibliography` reads them. A setting that is missing reads ``[not
        stated]``.
    """
    config = methods.get("config", {})
    domains = {metric.domain for metric in metrics.values()}
    needs = {need for metric in metrics.values() for need in metric.needs}
    paragraphs = [
        _animals(plan, n),
        _epochs(config.get("design", {}), plan),
        lfp_text(config.get("lfp", {}), config.get("recording", {}), needs=needs),
        spikes_text(config.get("spikes", {}), needs=needs),
        _task(config.get("flexibility", {})) if "flexibility" in domains else "",
        _definitions(metrics.values()),
        blinding_methods(methods.get("blinding", {}), blind=plan.blind),
        *statistics_text(config.get("statistics", {}), plan, contrasts, outcomes, clusters),
        _software(methods.get("versions", {})),
    ]
    return "\n\n".join(filter(None, paragraphs))


def _animals(plan: AnalysisPlan, n: Mapping[str, Any]) -> str:
    names = Names(plan=plan, metrics={})
    species, plural = (
        (plan.species, names.animals()[1]) if plan.unit == "animal" else ("animal", "animals")
    )
    conditions = [entry.name if plan.blind else _condition(entry) for entry in plan.conditions]
    contexts = listing(spoken(name) for name in plan.contexts)
    sentences = [
        f"Data came from {count(n['animals'], species, plural)} in "
        f"{count(n['sessions'], 'session')}{analysed_words(n)}.",
        f"Conditions {'are shown by code:' if plan.blind else 'were'} {listing(conditions)}.",
        f"Animals were measured in {count(len(plan.contexts), 'context')} ({contexts}).",
        f"The experimental unit of every test was the {plan.unit}; sessions, channels, units and "
        "trials were never counted as independent.",
    ]
    reasons: Mapping[str, str] = n.get("reasons", {})
    if reasons:
        why = listing(f"{session} ({reason.rstrip('.')})" for session, reason in reasons.items())
        sentences.append(f"Not analysed: {why}.")
    else:
        sentences.append("No session was excluded.")
    return " ".join(sentences)


def _condition(entry: Any) -> str:
    dose = f", {with_unit(number(entry.dose_mg_per_kg), 'mg/kg')}" if entry.dose_mg_per_kg else ""
    against = f", compared with {spoken(entry.reference)}" if entry.reference else ""
    return f"{spoken(entry.name)} ({entry.drug}{dose}{against})"


def _epochs(design: Mapping[str, Any], plan: AnalysisPlan) -> str:
    phases: Mapping[str, Any] = design.get("phases", {})
    windows = listing(f"{spoken(name)} ({_window(phase)})" for name, phase in phases.items())
    handling = design.get("handling_s")
    cut = (
        f"from {number(handling[0])} to {with_unit(number(handling[1]), 's')} around every "
        "administration"
        if isinstance(handling, Sequence) and len(handling) == 2
        else NOT_STATED
    )
    timed = (
        f"Handling time was cut out ({cut}). The baseline ended before "
        f"{spoken(stated(design, 'baseline_before'))}. "
        if any(_in_seconds(phase) for phase in phases.values())
        else ""
    )
    baseline = (
        "each session's own baseline in the same context"
        if plan.baseline_context == "same"
        else f"each session's own baseline in {spoken(plan.baseline_context)}"
    )
    return (
        f"Phases were counted from the test dose: {windows or NOT_STATED}. {timed}"
        "An epoch was the intersection of a context interval and a phase; several intervals of one "
        "cell were combined weighted by their usable time, and cells with less than "
        f"{with_unit(number(plan.minimum_epoch_s), 's')} were left out. Where the outcome's rule "
        f"is change, {baseline} was subtracted; a session without it counts as a missing cell."
    )


def _in_seconds(phase: Any) -> bool:
    """Whether a phase is a window in seconds, so that handling and baseline have times."""
    return not isinstance(phase, Mapping) or bool(phase.get("seconds"))


def _window(phase: Any) -> str:
    if isinstance(phase, Mapping):
        if phase.get("seconds"):
            phase = phase["seconds"]
        elif phase.get("days"):
            first, last = phase["days"]
            return f"day {first}" if first == last else f"days {first} to {last}"
        elif phase.get("session"):
            return "the whole session"
    if isinstance(phase, Sequence) and len(phase) == 2 and not isinstance(phase, str):
        return f"{number(phase[0])} to {with_unit(number(phase[1]), 's')}"
    return NOT_STATED


def _task(flexibility: Mapping[str, Any]) -> str:
    task = flexibility.get("task")
    name = task.get("name") if isinstance(task, Mapping) else task
    return (
        f"Set-shifting ({spoken(str(name)) if name else NOT_STATED}) was scored per rule change; "
        f"errors follow the scheme {spoken(stated(flexibility, 'error_scheme'))}. Trials to "
        "criterion are the mean over completed rule changes, as published, which leaves unfinished "
        "ones out; where an animal completed none, its time is censored."
    )


def _definitions(metrics: Iterable[Metric]) -> str:
    entries = [
        f"{capital(metric.label)}: {metric.definition.rstrip('.')} "
        f"({with_keys(metric.reference).rstrip('.')})"
        for metric in metrics
    ]
    return f"Definitions. {'. '.join(entries)}." if entries else ""


def _software(versions: Mapping[str, str]) -> str:
    if not versions:
        return f"Software: {NOT_STATED}."
    packages = listing(f"{name}{SPACE}{version}" for name, version in sorted(versions.items()))
    return f"Analysis ran as one Snakemake workflow ([@molder2021]), in Python with {packages}."
