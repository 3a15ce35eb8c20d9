"""From a log's clock to the session's: by shared pulses where the config says so, else as declared.

What comes out, per log, stands in sync.json and in the cohort's table of completeness; a log whose
pulses do not tell its clock beyond doubt fails the session with the reason.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from pipeline.errors import InputError
from pipeline.experiment.behaviour_mapping import TIME_COLUMNS
from pipeline.steps.extract_trials import read_log

if TYPE_CHECKING:
    import pandas as pd

    from pipeline.ingest.clock import Alignment
    from pipeline.ingest.joining import RecordedProbe, RecordingPart

#: method of a log whose clock was found by pulses
PULSES = "pulses"


def session_pulses(
    settings: Mapping[str, Any], probes: Sequence[RecordedProbe]
) -> tuple[list[float], dict[str, Any]]:
    """Times of the sync line on the session's clock, over all parts of one probe.

    Parameters
    ----------
    settings : mapping
        :func:`pipeline.steps.settings.extract_settings`, with ``sync``.
    probes : sequence of RecordedProbe
        What was recorded; the first whose files hold the line gives the pulses.

    Returns
    -------
    times : list of float
        Seconds on the session's clock, in order.
    source : dict
        ``recordings`` (files), ``line``, ``edge``, ``clock`` (stream that timed the pulses) and
        ``same_clock`` (whether it is that of the samples).

    Raises
    ------
    InputError
        If no recording holds the line, or several streams of one do.
    """
    sync = settings["sync"]
    met: dict[str, str] = {}
    for probe in probes:
        found = [_line(part, settings, met) for part in probe.parts]
        there = [table for table in found if table is not None]
        if not there:
            continue
        column = "t_on" if sync["edge"] == "rising" else "t_off"
        times = [
            float(time) + part.starts_at_s
            for part, table in zip(probe.parts, found, strict=True)
            if table is not None
            for time in sorted(table[column].dropna())
        ]
        return times, {
            "recordings": [part.name for part in probe.parts],
            "line": sync["line"],
            "edge": sync["edge"],
            "clock": ", ".join(dict.fromkeys(str(c) for table in there for c in table["clock"])),
            "same_clock": all(bool(table["aligned"].all()) for table in there),
        }
    listed = "; ".join(f"{name}: {lines}" for name, lines in met.items())
    of = f" of '{sync['clock']}'" if sync["clock"] else ""
    raise InputError(
        f"sync.line: found {listed}; expected pulses on line {sync['line']}{of} (the cable is on "
        "another line, events were not recorded, or sync.line is wrong)"
    )


def _line(
    part: RecordingPart, settings: Mapping[str, Any], met: dict[str, str]
) -> pd.DataFrame | None:
    """Pulses of the sync line in one file, None without any; ``met`` gets what there is instead."""
    from pipeline.ingest import line_pulses, read_events

    source = next(
        s for s in settings["recordings"] if s["path"] == part.path and s["label"] == part.probe
    )
    events = read_events(
        part.path,
        format=source["format"],
        stream=source["stream"] or settings["stream"] or None,
    )
    sync = settings["sync"]
    named = events["line"].map(str) == sync["line"]
    if sync["clock"]:
        named &= events["clock"] == sync["clock"]
    if not named.any():
        counts = events.groupby([events["line"].map(str), "clock"], sort=True).size()
        lines = [f"line {line} of '{clock}' ({n} pulses)" for (line, clock), n in counts.items()]
        met[part.name] = ", ".join(lines) or "no events"
        return None
    return line_pulses(events, sync["line"], clock=sync["clock"], file=part.name)


def align_log(
    log: Mapping[str, Any],
    settings: Mapping[str, Any],
    recording_s: Sequence[float],
    *,
    name: str,
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Read the trials of a log and bring them to the session's clock, by pulses that both saw.

    Parameters
    ----------
    log : mapping
        Entry of ``behaviours`` of the settings; declared offsets are not used.
    settings : mapping
        :func:`pipeline.steps.settings.extract_settings`, with ``sync``.
    recording_s : sequence of float
        Pulses of the recording on the session's clock.
    name : str
        The log, for messages.

    Returns
    -------
    trials : DataFrame
        Times on the session's clock; NaN where a clock jumped at an unknown moment.
    line : dict
        For sync.json: file, method, :meth:`pipeline.ingest.clock.Alignment.as_dict`, and
        ``n_times_lost``.

    Raises
    ------
    InputError
        As :func:`pipeline.ingest.clock.align`.
    """
    import numpy as np

    alignment = clock_of_log(log, settings, recording_s, name=name)
    own = {**log, "mapping": {**log["mapping"], "time_offset_s": 0.0}}
    trials = read_log(own, settings, offset_s=0.0)
    mapped = trials.copy()
    mapped.attrs = {"warnings": trials.attrs["warnings"]} if "warnings" in trials.attrs else {}
    lost = 0
    for column in TIME_COLUMNS:
        times = trials[column].to_numpy(dtype=float)
        mapped[column] = alignment.to_recording(times)
        lost += int(np.sum(np.isfinite(times) & ~np.isfinite(mapped[column].to_numpy())))
    line = {"file": name, "method": PULSES, **alignment.as_dict(), "n_times_lost": lost}
    return mapped, line


def clock_of_log(
    log: Mapping[str, Any],
    settings: Mapping[str, Any],
    recording_s: Sequence[float],
    *,
    name: str,
) -> Alignment:
    """Return the map from a log's own clock to the session's; arguments as :func:`align_log`."""
    from pipeline.ingest.behaviour import read_pulses
    from pipeline.ingest.clock import align

    sync = settings["sync"]
    pulses = read_pulses(
        log["path"],
        format=log["format"],
        mapping=log["mapping"],
        fields={"session": settings["session"], "animal": settings["animal"]},
    )
    return align(
        pulses,
        recording_s,
        tolerance_ms=sync["tolerance_ms"],
        max_drift_ppm=sync["max_drift_ppm"],
        behaviour_label=name,
        recording_label=f"line {sync['line']} of the recording",
    )


def sync_warnings(lines: Sequence[Mapping[str, Any]], source: Mapping[str, Any]) -> list[str]:
    """What the lab should know of clocks that were aligned."""
    warnings = []
    if not source["same_clock"]:
        warnings.append(
            f"the pulses on line {source['line']} were timed by '{source['clock']}', another clock "
            "than the samples': times hold as far as both started together and ran alike"
        )
    for line in lines:
        pieces = line.get("pieces", [])
        if len(pieces) > 1:
            jumps = ", ".join(
                f"{1000 * (_at(b, b['start_s']) - _at(a, b['start_s'])):+.1f} ms before "
                f"{_at(b, b['start_s']):.1f} s"
                for a, b in pairwise(pieces)
                if a["run"] == b["run"]
            )
            said = f"jumps of {jumps}" if jumps else "a restart"
            warnings.append(
                f"{line['file']}: its clock and the recording's agree in {len(pieces)} pieces, "
                f"with {said} (a clock restarted, or starts_at_s of a part is off by as much)"
            )
        if line.get("n_times_lost"):
            warnings.append(
                f"{line['file']}: {line['n_times_lost']} times of trials lie where a clock jumped "
                "at an unknown moment; they count as unknown"
            )
    return warnings


def _at(piece: Mapping[str, Any], time_s: float) -> float:
    return piece["slope"] * time_s + piece["intercept"]


def sync_facts(lines: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the columns of completeness.tsv: one value per log, in the order of sync.json.

    Parameters
    ----------
    lines : sequence of mapping
        ``logs`` of sync.json.

    Returns
    -------
    dict
        ``sync`` (method) of every log; of logs aligned by pulses ``sync_matched``,
        ``sync_unmatched`` (pulses of log and recording that found no partner), ``sync_pieces``,
        ``sync_residual_median_ms``, ``sync_residual_max_ms``, ``sync_drift_ppm``. One log: its
        value; several: a list.
    """
    if not lines:
        return {}

    def one(values: list[Any]) -> Any:
        return values[0] if len(values) == 1 else values

    facts = {"sync": one([line["method"] for line in lines])}
    aligned = [line for line in lines if line["method"] == PULSES]
    if not aligned:
        return facts
    columns = {
        "sync_matched": lambda line: line["n_matched"],
        "sync_unmatched": lambda line: (
            f"{line['n_unmatched_behaviour']} + {line['n_unmatched_recording']}"
        ),
        "sync_pieces": lambda line: len(line["pieces"]),
        "sync_residual_median_ms": lambda line: round(line["residual_median_ms"], 3),
        "sync_residual_max_ms": lambda line: round(line["residual_max_ms"], 3),
        "sync_drift_ppm": lambda line: round(line["drift_ppm"], 2),
    }
    return facts | {name: one([get(line) for line in aligned]) for name, get in columns.items()}
