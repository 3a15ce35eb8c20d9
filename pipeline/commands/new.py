"""``python -m pipeline new DIR``: the config and the tables of a new experiment."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.commands.new_config import WITHOUT_CLOCK, config_text
from pipeline.errors import InputError
from pipeline.experiment.tables import SCHEMAS

if TYPE_CHECKING:
    from pipeline.commands.new_beside import Beside

#: tables that every experiment has; the others are named in the config, behind a #
TABLES = ("sessions", "administrations", "contexts", "channels")
_FOUND = (
    "session",
    "recording",
    "format",
    "seconds",
    "rate_hz",
    "channels",
    "ttl_lines",
    "problem",
)
_FILES = ("column", "file", "format")
_INTERVALS = ("session", "says", "start_s", "stop_s", "table")
_TASKS = Path(__file__).resolve().parents[2] / "config" / "tasks"


def new(folder: Path, *, recordings: Path | None = None, events: bool = True) -> int:
    """Write a commented config and tables; nothing that exists is changed.

    Parameters
    ----------
    folder : Path
        Of the new experiment; made if it is not there.
    recordings : Path, optional
        Folder whose recordings are proposed as sessions; where it has none, its behaviour logs,
        else its tracks.
    events : bool
        Whether the pulses of TTL lines are counted.

    Returns
    -------
    int
        Exit status: 0, or 1 if something is in the way or nothing was found.
    """
    try:
        rows = _proposed(folder, recordings, events=events) if recordings else {}
        written = write_experiment(folder, rows)
    except InputError as error:
        print(error)
        return 1
    for path in written:
        print(f"wrote {path}")
    print(f"Next: fill in the tables and config.yaml, then python -m pipeline check {folder}"
          "/config.yaml")  # fmt: skip
    return 0


def _proposed(
    folder: Path, recordings: Path, *, events: bool
) -> Mapping[str, Sequence[Mapping[str, str]]]:
    from pipeline.commands.new_beside import find_beside, own_sorting
    from pipeline.commands.new_find import find_recordings
    from pipeline.commands.new_nwb import facts_said
    from pipeline.commands.new_propose import beside_rows, log_rows, open_found, table_rows

    beside_tables = ("recordings_found.tsv", "files_found.tsv", "intervals_found.tsv")
    _refuse_existing(folder, [*_texts({}), *beside_tables])
    found = find_recordings(recordings)
    beside = find_beside(recordings, found)
    if not found and not beside:
        raise InputError(
            f"{recordings}: found no recording of a known format, no sorting, no log and no "
            "track; expected one of those of docs/formats.md"
        )
    rows_of = open_found(found, base=recordings, target=folder, events=events)
    others = {one.path for one in beside}  # NWB files may hold units or trials and no signals
    pairs = [
        (item.path, one)
        for item, one in zip(found, rows_of, strict=True)
        if not (one.problem and item.format == "nwb" and item.path in others)
    ]
    opened = []
    for path, one in pairs:
        sorting = own_sorting(path, beside, [other for other, _ in pairs])
        opened.append((one, sorting))
        print(f"{one.session}: {one.path} ({one.format})")
        if one.problem:
            print(f"  not opened: {one.problem}")
            continue
        print(f"  {one.seconds:.1f} s, {len(one.channels)} channels at {one.rate_hz:g} Hz")
        if events:
            print(f"  TTL: {one.lines or 'no events'}")
        if sorting:
            print(f"  sorting: {sorting.path.name} ({sorting.format})")
        for line in facts_said(one.facts):
            print(f"  {line}")
    _tell(beside)
    rows = table_rows(opened, target=folder) if opened else {}
    if not rows:
        rows = log_rows(beside, base=recordings, target=folder)
        print("no recording: sessions are proposed from logs or tracks")
    return {**rows, "files_found": beside_rows(beside, target=folder)}


def _tell(beside: Sequence[Beside]) -> None:
    """Say what lies beside the recordings, and for which column it is."""
    counts = Counter((one.column or "behaviour or movement", one.format) for one in beside)
    for (column, format), number in sorted(counts.items()):
        print(f"for the column {column}: {number} {format} (listed in files_found.tsv)")


def write_experiment(folder: Path, rows: Mapping[str, Sequence[Mapping[str, str]]]) -> list[Path]:
    """Write all files of a new experiment, or none.

    Parameters
    ----------
    folder : Path
        Made if it is not there.
    rows : mapping of str to sequence of mapping
        Rows by table; without any, tables have their header only.

    Returns
    -------
    list of Path
        What was written.

    Raises
    ------
    InputError
        When one of the files exists already: the lab's work is never overwritten.
    """
    texts = _texts(rows)
    tasks = sorted(_TASKS.glob("*.yaml")) if _TASKS.is_dir() else []
    _refuse_existing(folder, [*texts, *(f"tasks/{task.name}" for task in tasks)])
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, text in texts.items():
        # "x": another process may have made it meanwhile
        with (folder / name).open("x", encoding="utf-8", newline="\n") as stream:
            stream.write(text)
        written.append(folder / name)
    for task in tasks:
        (folder / "tasks").mkdir(exist_ok=True)
        shutil.copyfile(task, folder / "tasks" / task.name)
        written.append(folder / "tasks" / task.name)
    return written


def _refuse_existing(folder: Path, names: Sequence[str]) -> None:
    there = [name for name in names if (folder / name).exists()]
    if there:
        raise InputError(
            f"{folder}: found {', '.join(there)}; expected a folder without them: nothing is "
            "overwritten. Name another folder"
        )
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder}: found a file; expected a folder, or nothing yet")


def _texts(rows: Mapping[str, Sequence[Mapping[str, str]]]) -> dict[str, str]:
    of_logs = any(row.get("behaviour") for row in rows.get("sessions", ()))
    texts = {"config.yaml": config_text(WITHOUT_CLOCK if of_logs else None)}
    for name in TABLES:
        texts[f"{name}.tsv"] = table_text(tuple(SCHEMAS[name]), rows.get(name, ()))
    if rows.get("recordings_found"):
        texts["recordings_found.tsv"] = table_text(_FOUND, rows["recordings_found"])
    if rows.get("files_found"):
        texts["files_found.tsv"] = table_text(_FILES, rows["files_found"])
    if rows.get("intervals_found"):
        texts["intervals_found.tsv"] = table_text(_INTERVALS, rows["intervals_found"])
    return texts


def table_text(columns: Sequence[str], rows: Sequence[Mapping[str, str]]) -> str:
    """Return a table as tab-separated text: a header, then the rows; missing cells are blank."""
    lines = ["\t".join(columns)]
    lines += ["\t".join(row.get(column, "") for column in columns) for row in rows]
    return "\n".join(lines) + "\n"
