"""Read the behaviour logs of a session, and try its sync pulses where that is quick."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from pipeline.commands.check_found import Extent, Places, SessionFiles, tried
from pipeline.errors import Problem

#: formats whose pulses stand in files of their own; others keep them among the samples
_QUICK = ("openephys", "blackrock", "neuralynx")
#: recordings up to this size are looked through for pulses in any format
_SMALL_BYTES = 50_000_000


def open_logs(
    settings: Mapping[str, Any], zero_s: Mapping[str, float], found: SessionFiles, place: Places
) -> None:
    """Read every log as ``extract`` will, and add extents, trials and problems.

    Parameters
    ----------
    settings : mapping
        :func:`pipeline.steps.settings.extract_settings`.
    zero_s : mapping of str to float
        The session's zero on the clock of each recording's file.
    found, place : SessionFiles, Places
        Added to; where the tables name the logs.
    """
    from pipeline.steps.extract_trials import join_trials, log_names

    pulses = _Pulses(settings, found, place)
    tables, names = [], []
    for index, log in enumerate(settings["behaviours"]):
        if not Path(log["path"]).exists():
            continue
        name = log_names(settings)[index]
        if log["mapping"] and log["mapping"]["reader"] == "scored":
            extent = tried(found, place.log(index), partial(_scored, log, settings))
            found.extents += [extent] if extent else []
            continue
        table = tried(
            found,
            place.log(index),
            partial(_read, log, settings, zero_s, pulses, name),
        )
        if table is None:
            continue
        found.problems += [
            Problem(*place.log(index), name, said, "warning")
            for said in table.attrs.get("warnings", ())
        ]
        if not len(table):
            found.problems.append(Problem(*place.log(index), name, "no trials in it", "warning"))
            continue
        tables.append(table)
        names.append(name)
        found.extents.append(_extent(table, name))
    if tables:
        joined = tried(found, place.log(0), lambda: join_trials(tables, names))
        if joined is not None:
            found.trials = joined
            found.problems += tried(found, place.log(0), lambda: _score(place, joined)) or []


def _read(
    log: Mapping[str, Any],
    settings: Mapping[str, Any],
    zero_s: Mapping[str, float],
    pulses: _Pulses,
    name: str,
) -> Any:
    """Read a log onto the session's clock; by its own clock where pulses cannot be looked at."""
    import numpy as np

    from pipeline.experiment.behaviour_mapping import TIME_COLUMNS
    from pipeline.steps.extract_trials import read_log

    if not log.get("aligned") or log["path"] in zero_s:
        offset_s = log["starts_at_s"] - zero_s.get(log["path"], 0.0)
        return read_log(log, settings, offset_s=offset_s)
    if pulses.times is not None:
        from pipeline.steps.extract_sync import align_log, sync_warnings

        table, line = align_log(log, settings, pulses.times, name=name)
        said = sync_warnings([line], {"same_clock": True})
        own = [warning.removeprefix(f"{line['file']}: ") for warning in said]
        table.attrs["warnings"] = [*table.attrs.get("warnings", ()), *own]
        return table
    _count_pulses(log, settings)
    table = read_log(log, settings, offset_s=0.0)
    table[list(TIME_COLUMNS)] = np.nan  # on a clock that is not known yet
    return table


def _scored(log: Mapping[str, Any], settings: Mapping[str, Any]) -> Extent:
    """Read a log of scored behaviour."""
    from pipeline.ingest import read_scored

    bouts = read_scored(
        log["path"],
        format=log["format"],
        mapping=log["mapping"],
        fields={"session": settings["session"], "animal": settings["animal"]},
        starts_at_s=log["starts_at_s"],
    )
    name = Path(log["path"]).name
    number = int((bouts["kind"] == "bout").sum())
    first, last = float(bouts["start_s"].min()), float(bouts["stop_s"].max())
    return Extent("behaviour", name, first, last, f"{number} bouts")


def _count_pulses(log: Mapping[str, Any], settings: Mapping[str, Any]) -> None:
    """Refuse a log without pulses, or with too few of them to be matched."""
    from pipeline.ingest.behaviour import read_pulses

    read_pulses(
        log["path"],
        format=log["format"],
        mapping=log["mapping"],
        fields={"session": settings["session"], "animal": settings["animal"]},
    )


class _Pulses:
    """Pulses of the recording's sync line; None where they were not read or are not there."""

    def __init__(self, settings: Mapping[str, Any], found: SessionFiles, place: Places) -> None:
        self.times: list[float] | None = None
        wanted = any(log.get("aligned") for log in settings["behaviours"])
        complete = found.parts and len(found.parts) == len(settings["recordings"])
        if not (wanted and complete):
            return
        if not _is_quick(settings):
            found.notes.append(
                "sync pulses stand among the samples of a long recording: they are matched when "
                "the session runs"
            )
            return
        self.times = tried(found, place.recording(0), lambda: _pulse_times(settings, found))


def _is_quick(settings: Mapping[str, Any]) -> bool:
    from pipeline.ingest import detect_format, recording_files

    for source in settings["recordings"]:
        form = source["format"] if source["format"] != "auto" else detect_format(source["path"])
        size = sum(file.stat().st_size for file in recording_files(source["path"], form))
        if form not in _QUICK and size > _SMALL_BYTES:
            return False
    return True


def _pulse_times(settings: Mapping[str, Any], found: SessionFiles) -> list[float]:
    from pipeline.ingest.joining import join_recordings
    from pipeline.steps.extract_sync import session_pulses

    return session_pulses(settings, join_recordings(found.parts))[0]


def _extent(table: Any, name: str) -> Extent:
    import numpy as np

    from pipeline.experiment.behaviour_mapping import TIME_COLUMNS

    times = table[list(TIME_COLUMNS)].to_numpy(dtype=float)
    known = times[np.isfinite(times)]
    start, stop = (known.min(), known.max()) if known.size else (np.nan, np.nan)
    return Extent("behaviour", name, float(start), float(stop), f"{len(table)} trials")


def _score(place: Places, trials: Any) -> list[Problem]:
    """Score the trials, and warn where the box's criterion is another one."""
    task = place.experiment.config.flexibility.task
    if task is None:
        return []
    from pipeline.commands.check_criterion import other_criterion
    from pipeline.flexibility import score

    said = other_criterion(score(trials, task).trials, task)
    return [Problem(*place.log(0), *said, "warning")] if said else []
