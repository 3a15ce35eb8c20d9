"""Hold the outcome ids of the config against the metrics that exist."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipeline.errors import ExperimentError, Problem, refuse
from pipeline.experiment import Experiment, examine
from pipeline.experiment.blinding import shown
from pipeline.experiment.movement_options import session_cells
from pipeline.experiment.strict import did_you_mean
from pipeline.metric import WHOLE_RECORDING
from pipeline.registry import metrics, parse_outcome
from pipeline.steps.sort_settings import sorting_problems
from pipeline.steps.unblinding import blind_run_problems


def load_checked(config: Path) -> Experiment:
    """Load an experiment whose outcomes and sorter exist.

    Raises
    ------
    ExperimentError
        With all problems at once.
    """
    experiment, problems = examine(config)
    if experiment is None:
        raise ExperimentError(problems)
    problems = [*problems, *outcome_problems(experiment), *sorting_problems(experiment)]
    refuse([*problems, *blind_run_problems(experiment)])
    shown(experiment)  # the first blind run makes its key here, where failing has a message
    return experiment


def outcome_problems(experiment: Experiment) -> list[Problem]:
    """List the outcomes that the experiment asks for and nothing can give.

    Parameters
    ----------
    experiment : Experiment
        As loaded; its rooms know nothing of metrics, so the ids are checked here.

    Returns
    -------
    list of Problem
    """
    config = experiment.config
    file = experiment.config_path.name
    problems = []
    problems += _zone_problems(experiment)
    for priority in ("primary", "secondary"):
        for outcome in getattr(config.outcomes, priority):
            expected = _wrong_outcome(outcome, experiment, whole=True)
            if expected:
                place = f"outcomes.{priority}"
                problems.append(Problem(file, place, repr(outcome), expected))
    for outcome in config.outcomes.smallest_effect:
        expected = _wrong_outcome(outcome, experiment, whole=False)
        if expected:
            problems.append(Problem(file, "outcomes.smallest_effect", repr(outcome), expected))
    for metric in config.outcomes.baseline:
        known = {**metrics(), **config.outcomes.declare}
        if metric not in known:
            expected = f"a metric{did_you_mean(metric, known)}"
            problems.append(Problem(file, "outcomes.baseline", repr(metric), expected))
    for name in config.outcomes.declare:
        if name in metrics():
            expected = "another name: the pipeline computes a metric of this name itself"
            problems.append(Problem(file, "outcomes.declare", repr(name), expected))
    return problems


def _zone_problems(experiment: Experiment) -> list[Problem]:
    """List the sessions whose cell chooses no area of a zone that goes by a column."""
    problems = []
    for session in experiment.included:
        wrong = experiment.config.movement.zone_problem(session_cells(session))
        if session.movement and wrong:
            column, found, expected = wrong
            place = f"row {session.line}, column {column}"
            file = experiment.config.tables.sessions
            problems.append(Problem(file, place, repr(found) if found else "a blank", expected))
    return problems


def _wrong_outcome(outcome: str, experiment: Experiment, *, whole: bool) -> str:
    """Return what was expected of an outcome id, or "" if it is right.

    ``whole`` ids must name band and region where the metric has them; keys of smallest_effect may
    stop early.
    """
    config = experiment.config
    if outcome in config.outcomes.declare:
        return ""
    parts = parse_outcome(outcome)
    if parts is None:
        return "an outcome id such as band_power/theta@mPFC"
    known = metrics()
    if parts["metric"] not in known:
        names = [*known, *config.outcomes.declare]
        hint = did_you_mean(parts["metric"], names)
        return f"a metric or an outcome of outcomes.declare{hint}; metrics: {', '.join(known)}"
    metric = known[parts["metric"]]
    zoned = "movement.zones" in metric.options
    kind, key = ("zone", "movement.zones") if zoned else ("band", "lfp.bands")
    bands: dict[str, Any] = config.movement.zones if zoned else config.lfp.bands
    if "phase_amplitude" in metric.needs:
        kind, key = "pair of bands", "lfp.phase_amplitude.pairs"
        bands = dict.fromkeys(map("-".join, config.lfp.phase_amplitude_pairs))
    by_direction = "flexibility.task.rules" in metric.options
    if metric.band_names or by_direction:
        kind, key, bands = "kind", metric.name, dict.fromkeys(metric.band_names)
        task = config.flexibility.task
        if by_direction and task is not None:
            bands |= task.directions
    if "scored" in metric.needs:
        kind, key = "behaviour", "behaviour.formats"
        scored = [mapping.scored for mapping in config.behaviour.formats.values()]
        bands = {name: o for o in scored if o for name in o.behaviours.values()}
    if parts["band"] and not metric.per_band:
        return f"{metric.name} has no bands: leave /{parts['band']} out"
    if parts["band"] and parts["band"] not in bands:
        return f"a {kind} of {key}{did_you_mean(parts['band'], bands)}"
    if whole and metric.per_band and not parts["band"]:
        end = "" if metric.entity == "animal" else "@..."
        return f"a {kind}, such as {metric.name}/{next(iter(bands), kind)}{end}"
    if parts["region"] and metric.entity == "animal":
        return f"{metric.name} has no regions: leave @{parts['region']} out"
    if whole and metric.entity != "animal" and not parts["region"]:
        pair = "@CA1~mPFC" if metric.entity == "region_pair" else "@mPFC"
        return f"a region, such as {outcome}{pair}"
    if metric.entity == "region_pair" and parts["region"]:
        first, second = parts["region"], parts["region_b"]
        if not second or first == second:
            return f"two regions, such as {metric.name}/...@CA1~mPFC"
        if first > second:
            return f"the regions by name: {outcome.split('@')[0]}@{second}~{first}"
    elif parts["region_b"]:
        return f"one region: {metric.name} is not measured between regions"
    regions = {c.region for s in experiment.sessions for c in s.channels} or {WHOLE_RECORDING}
    wanted = {parts["region"], parts["region_b"]} - {""}
    for region in sorted(wanted - regions):
        if metric.domain != "spikes":  # a sorting may name regions of its own
            return f"a region of the channel table{did_you_mean(region, regions)}"
    return ""
