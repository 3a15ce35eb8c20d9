"""Which outcomes of units have no value in a cell, and for want of what.

One line per kind of outcome. Where units of a session come and go (a silent unit has no regularity)
the cohort's table of missing cells tells; here stands what takes a whole region or cell.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.intervals import Intervals, contains, intersect, total_seconds
from pipeline.steps.session_data import Span
from pipeline.steps.spike_sources import SpikeSession

if TYPE_CHECKING:
    import pandas as pd

    from pipeline.spikes.task_responses import TrialEvents

#: Changes of the rule that its selectivity rests on (a mean product of two), and from which on the
#: turning of changes allows a p below 0.05: 2 / 2 ** 6.
_TO_COMPARE, _TO_CALL = 2, 6


@dataclass(frozen=True, eq=False)
class _Cell:
    """A whole cell with recorded time: its name, its recorded seconds, and its sources."""

    name: str
    span: Span
    within: Intervals
    sources: Mapping[str, Any]


def lacking_spikes(
    cells: Sequence[tuple[Span, Mapping[str, Any]]], spikes: SpikeSession
) -> list[str]:
    """Name, per kind of outcome of units, the cells and regions without a value.

    Parameters
    ----------
    cells : sequence of (Span, mapping)
        Every cell, of all movement together, and its sources.
    spikes : SpikeSession
        The units that enter the comparison.

    Returns
    -------
    list of str
        At most one line per kind. Cells without recorded time are passed over, and so are outcomes
        of the task where a cell has no trials.
    """
    n_all, n_kept = spikes.data.units.sizes["unit"], spikes.kept.sizes["unit"]
    if not n_kept:
        why = f"none of {n_all} counts (units.tsv says why)" if n_all else "the sorting holds none"
        return [f"units: no outcome of spikes has a value: {why}"]
    options = spikes.data.options["spikes"]
    least = options["minimum_units"]
    counted = Counter(region for region in spikes.kept["region"].values.astype(str) if region)
    regions = [region for region in sorted(counted) if counted[region] >= least]
    lines = []
    if small := [f"{r} ({_of(counted[r], 'unit')})" for r in sorted(counted) if r not in regions]:
        lines.append(
            f"regions: no value of what needs {least} units (spikes.minimum_units), and missing "
            f"cells in the comparison of the others: {', '.join(small)}"
        )
    known = _recorded(cells, spikes)
    lines += _together(known, regions, options)
    lines += _modulation(known, regions, spikes)
    lines += _phases(known, regions, spikes)
    window_s = options["complexity"]["window_s"]
    short = [
        f"{cell.name} (at most {_longest(cell.within):.0f} s in one piece)"
        for cell in known
        if cell.sources.get("spike_complexity") is None
    ]
    said = f"an unbroken window of {window_s:g} s needed"
    lines += _line("spike Lempel-Ziv complexity", short, said)
    return lines


def lacking_task(
    cells: Sequence[tuple[Span, Mapping[str, Any]]], spikes: SpikeSession
) -> list[str]:
    """Name the outcomes of units and trials without a value, and the cells.

    Few sessions have enough trials of every kind and changes of the rule in every cell: this is
    stated with the session's facts, and is no warning.

    Parameters
    ----------
    cells, spikes
        As :func:`lacking_spikes` takes them.
    """
    if not spikes.data.has("trials") or not spikes.kept.sizes["unit"]:
        return []
    counted = Counter(region for region in spikes.kept["region"].values.astype(str) if region)
    return _of_task(_recorded(cells, spikes), counted, spikes)


def _recorded(cells: Sequence[tuple[Span, Mapping[str, Any]]], spikes: SpikeSession) -> list[_Cell]:
    """Cells that have units, with their recorded seconds; steps are named where there are some."""
    intervals = {
        _key(cell[0]): intersect(np.vstack([span.intervals for span in cell]), spikes.data.recorded)
        for cell in spikes.cells
    }
    steps = len({span.anchor for span, _ in cells}) > 1
    return [
        _Cell(
            f"{span.phase}, {span.context}" + (f", step {span.step}" if steps else ""),
            span,
            intervals[_key(span)],
            sources,
        )
        for span, sources in cells
        if "irregularity" in sources
    ]


def _key(span: Span) -> tuple[str, str, str]:
    return span.anchor, span.phase, span.context


def _line(kind: str, where: Sequence[str], said: str) -> list[str]:
    return [f"{kind}: no value in {'; '.join(where)}: {said}"] if where else []


def _of(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _longest(within: Intervals) -> float:
    return float((within[:, 1] - within[:, 0]).max(initial=0.0))


def _few(found: Iterable[str], regions: Sequence[str], least: int, what: str) -> str:
    """Regions with fewer units than it takes, in words; "" where all have enough."""
    counted = Counter(found)
    few = [f"{r}: {_of(counted[r], what)}" for r in regions if counted[r] < least]
    return ", ".join(few)


def _together(
    cells: Sequence[_Cell], regions: Sequence[str], options: Mapping[str, Any]
) -> list[str]:
    """What pairs and groups of units share."""
    kinds: tuple[tuple[str, str, Callable[[Any], list[str]]], ...] = (
        ("pairs", "correlations of counts and tiling", lambda found: found.pairs.region),
        (
            "groups",
            "population coupling, synchrony, dimension and shared variation",
            lambda found: [group.region for group in found.groups for _ in group.unit_id],
        ),
    )
    least, lines = options["minimum_units"], []
    for source, kind, regions_of in kinds:
        without = []
        for cell in cells:
            found = cell.sources.get(source)
            few = _few([] if found is None else regions_of(found), regions, least, "unit")
            without += [f"{cell.name} ({few})"] if few else []
        said = (
            f"{least} units needed with {options[source]['minimum_spikes']} spikes in every cell "
            "that is compared with it"
        )
        lines += _line(kind, without, said)
    return lines


def _modulation(cells: Sequence[_Cell], regions: Sequence[str], spikes: SpikeSession) -> list[str]:
    """Which units change their rate from the baseline."""
    options = spikes.data.options["spikes"]
    least, block_s = options["minimum_units"], options["modulation"]["block_s"]
    blocks = options["modulation"]["minimum_blocks"]
    without = []
    for cell in cells:
        if cell.span.phase == spikes.baseline_phase:
            continue
        found = cell.sources.get("modulation")
        tested = [] if found is None else found.modulation.region
        few = _few(tested, regions, least, "tested unit")
        if found is None:
            before = spikes.baseline(cell.span.context)
            counted = [int(total_seconds(time) / block_s + 1e-9) for time in (before, cell.within)]
            if not len(before):
                few = "no baseline"
            elif min(counted) < blocks:
                few = f"{_of(counted[0], 'block')} of the baseline, {counted[1]} of the cell"
            else:
                few = "no unit fires in the baseline"
        without += [f"{cell.name} ({few})"] if few else []
    said = (
        f"a baseline with {blocks} blocks of {block_s:g} s needed, as many in the cell, and "
        f"{least} units that fire in the baseline"
    )
    return _line("units that change their rate", without, said)


def _phases(cells: Sequence[_Cell], regions: Sequence[str], spikes: SpikeSession) -> list[str]:
    """Locking to the LFP, and rates with its power; a session without an LFP has neither."""
    if not spikes.data.has("lfp"):
        return []
    phases = spikes.phases
    kinds = "locking to the LFP and rates with its power"
    named = sorted({region for region in spikes.kept["region"].values.astype(str) if region})
    served = set() if phases is None else {
        region for region, channel in zip(phases.region, phases.channel, strict=True) if channel
    }  # fmt: skip
    lines = _line(
        kinds,
        [region for region in named if region not in served],
        "a good channel of the region, other than those the units are on, and a band within the "
        "recording's pass band needed",
    )
    if phases is None:
        return lines
    options = spikes.data.options["spikes"]
    least, minimum = options["minimum_units"], options["locking"]["minimum_spikes"]
    regions = [region for region in regions if region in served]
    without, weak = [], []
    for cell in cells:
        locking = cell.sources.get("locking")
        few = _few([] if locking is None else locking.region, regions, least, "unit")
        without += [f"{cell.name} ({few})"] if few else []
        weak += [cell.name] if cell.sources.get("rate_power") is None else []
    said = f"{least} units with {minimum} spikes needed, 2 s away from any artefact"
    lines += _line("share of locked units", without, said)
    said = "a minute of clean whole seconds and a unit of 50 spikes needed"
    return lines + _line("rates with the power of the LFP", weak, said)


# -- the task ----------------------------------------------------------------------------------


def _of_task(cells: Sequence[_Cell], counted: Mapping[str, int], spikes: SpikeSession) -> list[str]:
    """Responses, selectivity and decoding: one line for all cells that have trials."""
    from pipeline.spikes.task_responses import LEAST_CHANGES, trial_events
    from pipeline.spikes.task_selectivity import DECODED, DECODED_CHANGES, LABELS
    from pipeline.spikes.task_values import LEVEL

    options = spikes.data.options["spikes"]
    task, minimum = options["task"], options["task"]["minimum_trials"]
    trials = spikes.data.scores.trials
    trials = trials[trials["set_index"].to_numpy() > 0]
    events = trial_events(trials)
    tried = [(cell, said) for cell in cells if (said := _trials(cell, trials, events))]
    labels = [label for label in LABELS if _varies(trials, label)]
    enough = max(task["decoding_units"], options["minimum_units"])
    decoded = [label for label in DECODED if label in labels]
    if max(counted.values(), default=0) < enough:
        decoded = []

    def without(source: str, attribute: str, name: str, least_p: float = 1.0) -> list[int]:
        """Positions of the cells in which an event or a label has no value."""
        found = [getattr(cell.sources.get(source), attribute, {}) for cell, _ in tried]
        return [
            index
            for index, values in enumerate(found)
            if name not in values or (least_p < 1 and values[name].least_p >= least_p)
        ]

    lacking: dict[tuple[int, ...], list[str]] = {}

    def note(outcome: str, missing: Sequence[int]) -> None:
        if missing:
            lacking.setdefault(tuple(missing), []).append(outcome)

    for event in _events(events):
        note(f"responses to {event}", without("responses", "events", event))
    for label in labels:
        missing = without("selectivity", "labels", label)
        note(f"selectivity for {label}", missing)
        few = without("selectivity", "labels", label, LEVEL)
        note(f"share of units selective for {label}", few if few != missing else [])
    for label in decoded:
        note(f"decoding of {label}", without("decoding", "decoded", label))
    lines = []
    if lacking:
        lines.append(
            f"units and the task: no value of {_places(lacking, tried)}: too few trials of each "
            f"label ({minimum}; decoding: {task['decoding_trials']}) or changes of the rule "
            f"(responses: {LEAST_CHANGES}, selectivity: {_TO_COMPARE}, share: {_TO_CALL}, "
            f"decoding: {DECODED_CHANGES})"
        )
    small = [
        f"{region} ({_of(number, 'unit')})"
        for region, number in sorted(counted.items())
        if options["minimum_units"] <= number < enough
    ]
    return lines + (_line("decoding", small, f"{enough} units needed") if tried else [])


def _places(
    lacking: Mapping[tuple[int, ...], list[str]], tried: Sequence[tuple[_Cell, str]]
) -> str:
    """What has no value and where, in words; outcomes that lack in the same cells go together."""
    parts = []
    for missing, outcomes in lacking.items():
        where = "; ".join(f"{tried[index][0].name} ({tried[index][1]})" for index in missing)
        if len(missing) == len(tried) > 1:
            where = "any cell with trials"
        parts.append(f"{', '.join(outcomes)} in {where}")
    return "; of ".join(parts)


def _trials(cell: _Cell, trials: pd.DataFrame, events: TrialEvents) -> str | None:
    """Trials and changes of the rule of a cell, in words; None without trials."""
    times = np.where(np.isfinite(events.cue), events.cue, events.choice)
    inside = np.isfinite(times) & contains(cell.within, np.nan_to_num(times))
    if not inside.any():
        return None
    changes = len(np.unique(trials["set_index"].to_numpy()[inside])) - 1
    return f"{_of(int(inside.sum()), 'trial')}, {_of(changes, 'change')} of the rule"


def _events(events: TrialEvents) -> list[str]:
    """Events that the log of the session has times of."""
    from pipeline.spikes.task_responses import EVENTS

    names = [event for event in EVENTS if np.isfinite(getattr(events, event)).any()]
    return [event for event in names if event != "outcome" or events.own_outcome]


def _varies(trials: pd.DataFrame, label: str) -> bool:
    """Whether the session's trials show two of a label: otherwise there is nothing to tell."""
    from pipeline.spikes.task_selectivity import COLUMNS

    column = COLUMNS[label]
    if column not in trials:
        return False
    known = trials[column].dropna().astype(str)
    return known[known != ""].nunique() > 1
