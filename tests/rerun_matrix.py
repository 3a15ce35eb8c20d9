"""What each rule depends on, computed in this process: settings before and after one change.

A dry run takes seconds; a comparison of settings takes a hundredth of one, so that every key of the
config can be tried. test_workflow_reruns.py holds the same prediction against Snakemake itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pipeline.steps import settings, sort_settings
from pipeline.steps.outcomes_check import load_checked

#: rule -> the rules that read its files (workflow/rules/*.smk)
READ_BY = {
    "sort": ("extract",),
    "extract": ("measure", "cohort", "pages"),
    "measure": ("cohort", "spectra", "behaviour", "spikes", "pages", "acknowledge"),
    "cohort": ("shuffles", "tables", "figures", "report"),
    "spectra": ("tables", "figures", "report"),
    "behaviour": ("tables", "figures", "report"),
    "spikes": ("tables", "figures", "report"),
    "shuffles": ("tables", "report"),
    "tables": (),
    "figures": ("report",),
    "pages": ("report",),
    "report": ("acknowledge",),
    "acknowledge": (),
}
#: rules with one job per session
PER_SESSION = ("sort", "extract", "measure")

Job = tuple[str, str]


def settings_of(config: Path) -> dict[Job, dict[str, Any]]:
    """The settings of every job of an experiment: (rule, session or "") -> plain data."""
    experiment = load_checked(config)
    found: dict[Job, dict[str, Any]] = {}
    for session in experiment.included:
        if sort_settings.is_sorted_here(experiment, session):
            found["sort", session.name] = sort_settings.sort_settings(experiment, session, {})
        found["extract", session.name] = settings.extract_settings(experiment, session, {})
        found["measure", session.name] = settings.measure_settings(experiment, session)
    for rule in (
        "cohort",
        "spectra",
        "behaviour",
        "spikes",
        "shuffles",
        "tables",
        "figures",
        "report",
        "pages",
    ):
        found[rule, ""] = getattr(settings, f"{rule}_settings")(experiment)
    names = [session.name for session in experiment.included]
    # what is read of every session is another set of input files with another set of sessions
    for rule in ("cohort", "spectra", "behaviour", "spikes", "pages"):
        found[rule, ""] = found[rule, ""] | {"sessions whose files are read": names}
    found["acknowledge", ""] = {"sessions whose files are read": names}
    return found


def changed(before: Mapping[Job, Any], after: Mapping[Job, Any]) -> set[Job]:
    """The jobs whose own settings differ, as Snakemake compares them: by their text."""
    return {job for job in after if repr(before.get(job)) != repr(after[job])}


def rules_of(jobs: set[Job]) -> set[str]:
    """The rules of jobs."""
    return {rule for rule, _ in jobs}


def plan_of(jobs: set[Job]) -> dict[str, int]:
    """How many jobs of each rule run again when these do, by who reads whose files."""
    done: set[Job] = set()
    waiting = list(jobs)
    while waiting:
        rule, session = waiting.pop()
        done.add((rule, session))
        for reader in READ_BY[rule]:
            job = (reader, session if reader in PER_SESSION else "")
            if job not in done:
                waiting.append(job)
    return dict(Counter(rule for rule, _ in done))


def differences(before: Any, after: Any, place: str = "") -> Iterator[str]:
    """The places at which two trees of plain data differ."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key in {**before, **after}:
            yield from differences(before.get(key), after.get(key), f"{place}.{key}".strip("."))
    elif repr(before) != repr(after):
        yield place
