"""Job 1 of a session: recording, units, behaviour log and movement, onto one session clock."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.errors import InputError
from pipeline.experiment.strict import did_you_mean
from pipeline.files import replacing
from pipeline.steps.guard import Outcome, write_atomically, write_json
from pipeline.steps.outcomes_check import WHOLE_RECORDING


def extract(*, settings: Mapping[str, Any], outputs: Mapping[str, Path]) -> Outcome:
    """Bring everything that was recorded of a session into files of one kind.

    Parameters
    ----------
    settings : mapping
        :func:`pipeline.steps.settings.extract_settings`.
    outputs : mapping of str to Path
        lfp, units, trials, movement (left empty where the session has none), sync.

    Returns
    -------
    Outcome
        Warnings, and facts: duration, rate, channels, regions, units, trials.

    Raises
    ------
    InputError
        If a file is missing or cannot be what it should be.
    """
    _refuse_missing(settings)
    warnings: list[str] = []
    facts: dict[str, Any] = {}
    zero_s = _lfp(settings, outputs["lfp"], warnings, facts)
    _units(settings, outputs["units"], zero_s, warnings, facts)
    _trials(settings, outputs["trials"], zero_s, facts)
    _movement(settings, outputs["movement"], zero_s, facts)
    logs = [
        {
            "file": Path(log["path"]).name,
            "method": "same file" if log["path"] in zero_s else "declared",
            "offset_s": log["starts_at_s"] - zero_s.get(log["path"], 0.0),
        }
        for log in settings["behaviours"]
    ]
    write_json(outputs["sync"], {"clock": "first sample of the recording, else log", "logs": logs})
    return Outcome(tuple(warnings), facts)


def _refuse_missing(settings: Mapping[str, Any]) -> None:
    named = [*settings["recordings"], *settings["behaviours"]]
    paths = [item["path"] for item in named]
    paths += [path for path in (settings["sorting"], settings["movement"]) if path]
    missing = [path for path in paths if not Path(path).exists()]
    if missing:
        raise InputError(
            f"{len(missing)} file(s) that the tables name are not there: {', '.join(missing)} "
            "(moved, misspelt, or on a drive that is not mounted)"
        )


def _lfp(
    settings: Mapping[str, Any], path: Path, warnings: list[str], facts: dict[str, Any]
) -> dict[str, float]:
    """Extract the LFP; return the recording's path with the file time of its first sample.

    Units and trials of the same file count from that file's zero; the session from its first
    sample.
    """
    from pipeline.ingest import check_microvolts, open_recording, recording_start_s
    from pipeline.lfp import extract_lfp_to_netcdf, open_lfp

    if not settings["recordings"]:
        write_atomically(path, b"")
        return {}
    if len(settings["recordings"]) > 1:
        names = ", ".join(item["path"] for item in settings["recordings"])
        raise InputError(
            f"{len(settings['recordings'])} recording files ({names}); one per session is "
            "expected: joining several files on one clock is not built yet"
        )
    (source,) = settings["recordings"]
    name = Path(source["path"]).name
    recording = open_recording(
        source["path"], format=source["format"], stream=settings["stream"] or None
    )
    listed = settings["channels"]
    channels = [channel["channel"] for channel in listed] or [
        str(channel) for channel in recording.channel_ids
    ]
    regions = {c["channel"]: c["region"] for c in listed} or dict.fromkeys(
        channels, WHOLE_RECORDING
    )
    if not listed:
        warnings.append("no channel table: all channels count as one region, 'all'")
    bad = {channel["channel"] for channel in listed if channel["bad"]}
    _refuse_unknown_channels(channels, recording, name)
    looked_at = recording.select_channels([c for c in channels if c not in bad])
    flat = check_microvolts(looked_at, file=name).flat
    warnings += [f"{name}: channel {channel} is flat and counts as bad" for channel in flat]
    extract_lfp_to_netcdf(
        recording,
        path,
        rate_hz=settings["rate_hz"],
        channels=channels,
        start_s=source["starts_at_s"],
        region=regions,
        bad=bad | set(flat),
        source=name,
        progress=_progress(settings["session"]),
    )
    lfp = open_lfp(path)
    facts.update(
        duration_s=round(lfp.sizes["time"] / float(lfp.attrs["rate_hz"]), 3),
        recording_rate_hz=float(recording.sampling_frequency),
        lfp_rate_hz=float(lfp.attrs["rate_hz"]),
        n_channels=len(channels),
        regions=sorted({regions[channel] for channel in channels}),
        bad_channels=sorted(bad | set(flat)),
    )
    return {source["path"]: recording_start_s(recording) - source["starts_at_s"]}


def _refuse_unknown_channels(channels: list[str], recording: Any, name: str) -> None:
    known = [str(channel) for channel in recording.channel_ids]
    unknown = [channel for channel in channels if channel not in known]
    if unknown:
        raise InputError(
            f"{name}: the channel table names {', '.join(unknown)}; the recording has "
            f"{', '.join(known[:12])}{' ...' if len(known) > 12 else ''}"
            f"{did_you_mean(unknown[0], known)}"
        )


def _progress(session: str) -> Any:
    """Print the extraction of long recordings to the log, every tenth."""
    shown = 0

    def report(done: int, total: int) -> None:
        nonlocal shown
        tenth = 10 * done // max(total, 1)
        if tenth > shown:
            shown = tenth
            print(f"{session}: LFP {10 * tenth} %", file=sys.stderr, flush=True)

    return report


def _units(
    settings: Mapping[str, Any],
    path: Path,
    zero_s: Mapping[str, float],
    warnings: list[str],
    facts: dict[str, Any],
) -> None:
    from pipeline.ingest import read_units
    from pipeline.spikes import save_units, units_dataset

    if not settings["sorting"]:
        write_atomically(path, b"")
        return
    found = read_units(settings["sorting"], zero_s=zero_s.get(settings["sorting"], 0.0))
    by_channel = {c["channel"]: c["region"] for c in settings["channels"]}
    only = set(by_channel.values()) or {WHOLE_RECORDING}
    fallback = next(iter(only)) if len(only) == 1 else WHOLE_RECORDING
    regions = [
        region or by_channel.get(channel, fallback)
        for region, channel in zip(found.region, found.channel, strict=True)
    ]
    if len(only) > 1 and fallback in regions:
        warnings.append(
            f"{Path(settings['sorting']).name}: {regions.count(fallback)} unit(s) whose region "
            f"neither the sorting nor the channel table says count as of '{fallback}'"
        )
    dataset = units_dataset(
        found.spike_times, unit_id=found.unit_id, region=regions, quality=found.quality
    )
    save_units(dataset, path)
    facts["n_units_sorted"] = len(found.unit_id)


def _trials(
    settings: Mapping[str, Any], path: Path, zero_s: Mapping[str, float], facts: dict[str, Any]
) -> None:
    import pandas as pd

    from pipeline.ingest import read_behaviour

    if not settings["behaviours"]:
        write_atomically(path, b"")
        return
    tables = [
        read_behaviour(
            log["path"],
            format=log["format"],
            mapping=log["mapping"],
            fields={"session": settings["session"], "animal": settings["animal"]},
            starts_at_s=log["starts_at_s"] - zero_s.get(log["path"], 0.0),
        )
        for log in settings["behaviours"]
    ]
    trials = pd.concat(tables, ignore_index=True)
    if len(tables) > 1:
        trials["trial"] = range(1, len(trials) + 1)
    write_parquet(trials, path)
    facts["n_trials"] = len(trials)


def _movement(
    settings: Mapping[str, Any], path: Path, zero_s: Mapping[str, float], facts: dict[str, Any]
) -> None:
    from pipeline.ingest import read_movement

    if not settings["movement"]:
        write_atomically(path, b"")
        return
    file = settings["movement"]
    movement = read_movement(
        file, starts_at_s=-zero_s.get(file, 0.0), **settings["movement_columns"]
    )
    write_parquet(movement, path)
    facts["movement_samples"] = len(movement)


def write_parquet(table: Any, path: Path) -> None:
    """Write a table as Parquet, atomically and with the same bytes for the same rows."""
    with replacing(path) as temporary:
        table.to_parquet(temporary, engine="pyarrow", index=False)
