"""Job 1 of a session: recordings, units, behaviour logs and movement, onto one session clock."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.errors import InputError
from pipeline.files import replacing
from pipeline.steps.guard import Outcome, write_atomically, write_json

#: what the session's clock is, as sync.json states it
CLOCK = "first sample of the recording, else log"


def extract(*, settings: Mapping[str, Any], outputs: Mapping[str, Path]) -> Outcome:
    """Bring everything that was recorded of a session into files of one kind.

    Parameters
    ----------
    settings : mapping
        :func:`pipeline.steps.settings.extract_settings`.
    outputs : mapping of str to Path
        lfp, units, trials, movement, scored (left empty where the session has none), sync.

    Returns
    -------
    Outcome
        Warnings, and facts: duration, rate, channels, regions, units, trials, clocks.

    Raises
    ------
    InputError
        If a file is missing or cannot be what it should be.
    """
    from pipeline.steps.extract_recordings import extract_recordings, recording_lines
    from pipeline.steps.extract_scored import extract_scored, split_scored
    from pipeline.steps.extract_units import extract_units

    _refuse_missing(settings)
    warnings: list[str] = []
    facts: dict[str, Any] = {}
    probes = extract_recordings(settings, outputs["lfp"], warnings, facts)
    extract_units(settings, outputs["units"], probes, warnings, facts)
    with_trials, scored = split_scored(settings)
    logs = _trials(with_trials, outputs["trials"], probes, warnings, facts)
    extract_scored(scored, settings, outputs["scored"], facts)
    logs["logs"] += [
        {"file": Path(log["path"]).name, "method": "declared", "offset_s": log["starts_at_s"]}
        for log in scored
    ]
    _movement(settings, outputs["movement"], probes, facts)
    recordings = recording_lines(probes, rate_hz=facts.get("lfp_rate_hz", settings["rate_hz"]))
    write_json(outputs["sync"], {"clock": CLOCK, **logs, **recordings})
    return Outcome(tuple(warnings), facts)


def _refuse_missing(settings: Mapping[str, Any]) -> None:
    named = [*settings["recordings"], *settings["behaviours"]]
    paths = [item["path"] for item in named]
    paths += [item["sorting"] for item in settings["recordings"]]
    paths += [settings["sorting"], settings["movement"]]
    missing = [path for path in dict.fromkeys(paths) if path and not Path(path).exists()]
    if missing:
        raise InputError(
            f"{len(missing)} file(s) that the tables name are not there: {', '.join(missing)} "
            "(moved, misspelt, or on a drive that is not mounted)"
        )


def _trials(
    settings: Mapping[str, Any],
    path: Path,
    probes: Any,
    warnings: list[str],
    facts: dict[str, Any],
) -> dict[str, Any]:
    """Write the trials of all logs; return how each came to the session's clock."""
    from pipeline.steps.extract_sync import align_log, session_pulses, sync_facts, sync_warnings
    from pipeline.steps.extract_trials import join_trials, log_names, read_log

    if not settings["behaviours"]:
        write_atomically(path, b"")
        return {"logs": []}
    zero_s = _zeros(probes)
    names = log_names(settings)
    tables, lines = [], []
    source: dict[str, Any] = {}
    pulses: list[float] = []
    for log, name in zip(settings["behaviours"], names, strict=True):
        same_file = log["path"] in zero_s
        aligned = log["aligned"] and not same_file
        if aligned and not source:
            pulses, source = session_pulses(settings, probes)
        if aligned:
            table, line = align_log(log, settings, pulses, name=name)
        else:
            offset_s = log["starts_at_s"] - zero_s.get(log["path"], 0.0)
            table = read_log(log, settings, offset_s=offset_s)
            method = "same file" if same_file else "declared"
            line = {"file": name, "method": method, "offset_s": offset_s}
            if probes and not same_file and (log["mapping"] or {}).get("sync_event"):
                warnings.append(
                    f"{name}: has sync pulses that are not used: sync.line of the config names no "
                    "line of the recording, so its times are as declared"
                )
        warnings += [f"{name}: {said}" for said in table.attrs.get("warnings", ())]
        tables.append(table)
        lines.append(line)
    trials = join_trials(tables, names)
    write_parquet(trials, path)
    facts["n_trials"] = len(trials)
    facts.update(sync_facts(lines))
    if not source:
        return {"logs": lines}
    warnings += sync_warnings(lines, source)
    return {"logs": lines, "pulses": {"n_pulses": len(pulses), **source}}


def _zeros(probes: Any) -> dict[str, float]:
    """Return where the session's zero lies on the clock of each recording's file.

    Trials and tracks in the file of a recording count from that file's clock.
    """
    from pipeline.ingest import recording_start_s

    return {
        part.path: recording_start_s(part.recording) - part.starts_at_s
        for probe in probes
        for part in probe.parts
    }


def _track_start(file: str, probes: Any) -> float:
    """Return where a movement file's zero lies on the session clock.

    A track in the recording's own file has that file's clock; the rig's video files beside a
    recording (.nvt, .pos) count from that recording's first sample. Others count from the session.
    """
    zeros = _zeros(probes)
    if file in zeros:
        return -zeros[file]
    track = Path(file).resolve()
    if track.suffix.casefold() not in (".nvt", ".pos"):
        return 0.0
    for probe in probes:
        for part in probe.parts:
            recording = Path(part.path).resolve()
            folder = recording if recording.is_dir() else recording.parent
            if track.parent == folder:
                return float(part.starts_at_s)
    return 0.0


def _movement(settings: Mapping[str, Any], path: Path, probes: Any, facts: dict[str, Any]) -> None:
    from pipeline.ingest import read_movement

    if not settings["movement"]:
        write_atomically(path, b"")
        return
    file = settings["movement"]
    starts_at_s = _track_start(file, probes)
    movement = read_movement(file, starts_at_s=starts_at_s, **settings["movement_columns"])
    write_parquet(movement, path)
    facts["movement_samples"] = len(movement)


def write_parquet(table: Any, path: Path) -> None:
    """Write a table as Parquet, atomically and with the same bytes for the same rows."""
    with replacing(path) as temporary:
        table.to_parquet(temporary, engine="pyarrow", index=False)
