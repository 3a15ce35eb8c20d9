"""What Snakemake's plan of many sessions costs: ``snakemake -n`` of 500 and of 2,000 sessions.

The experiment is the sample's, repeated: its config, its tables with as many animals as needed, and
for every session the files that ``sample_data/files.tsv`` lists (a recording, a sorting, a log and
a track), of the same sizes but sparse. Nothing is opened in a dry run; files are listed and stated.

The plan of one session's jobs out of so many is what every job on a cluster costs, for it reads the
workflow again.
"""

from __future__ import annotations

import csv
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmarks.contenders import REPOSITORY, RESULTS, print_table, versions, write_result

#: sessions, and the CPU seconds (user and system) that the dry run may take; None: no limit
LIMITS_S: dict[int, float | None] = {100: None, 500: 10.0, 2000: 40.0}
#: where the sample's recordings lie, as its tables write it
_SAMPLE = "../sample_data/recordings/"


# --- data ----------------------------------------------------------------------------------------


def write_experiment(folder: Path, *, sessions: int) -> Path:
    """Write config, tables and sparse files of so many sessions; returns the config's path."""
    source = REPOSITORY / "config"
    config = folder / "config"
    config.mkdir(parents=True, exist_ok=True)
    (config / "config.yaml").write_text((source / "config.yaml").read_text())
    for task in (source / "tasks").glob("*"):
        (config / "tasks").mkdir(exist_ok=True)
        (config / "tasks" / task.name).write_text(task.read_text())
    names = [row["session"] for row in _rows(source / "sessions.tsv")]
    copies = {name: _copies(name, n, names, sessions) for n, name in enumerate(names)}
    for table in ("sessions", "administrations", "contexts"):
        rows = [
            _renamed(row, copy)
            for row in _rows(source / f"{table}.tsv")
            for copy in copies[row["session"]]
        ]
        _write(config / f"{table}.tsv", rows)
    animals = {row["animal"] for row in _rows(config / "sessions.tsv")}
    rows = [
        row | {"animal": animal}
        for row in _rows(source / "channels.tsv")
        for animal in sorted(animals)
        if animal.partition("x")[0] == row["animal"]
    ]
    _write(config / "channels.tsv", rows)
    for file in _rows(REPOSITORY / "sample_data" / "files.tsv"):
        session, _, below = file["file"].partition("/")
        for copy in copies.get(session, ()):
            path = folder / "recordings" / f"{session}x{copy}" / below
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("wb") as stream:
                stream.truncate(int(file["bytes"]))
    return config / "config.yaml"


def _copies(name: str, place: int, names: list[str], sessions: int) -> range:
    """Which copies of a session there are, so that all of them are `sessions` in number."""
    whole, more = divmod(sessions, len(names))
    return range(whole + (place < more))


def _renamed(row: dict[str, str], copy: int) -> dict[str, str]:
    """A row of a copy: another animal, another session, other files."""
    session, animal = row["session"], row.get("animal", "")
    changed = {"session": f"{session}x{copy}"} | ({"animal": f"{animal}x{copy}"} if animal else {})
    here = f"{_SAMPLE}{session}/"
    files = {
        key: f"../recordings/{session}x{copy}/{cell.removeprefix(here)}"
        for key, cell in row.items()
        if cell.startswith(here)
    }
    return row | changed | files


def _rows(path: Path) -> Iterator[dict[str, str]]:
    with path.open(newline="") as stream:
        yield from csv.DictReader(stream, delimiter="\t")


def _write(path: Path, rows: list[dict[str, str]]) -> None:
    with path.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]), delimiter="\t", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


# --- the plan ------------------------------------------------------------------------------------


def plan(config: Path, folder: Path, *targets: str) -> dict[str, Any]:
    """One dry run in a process of its own: CPU and wall seconds, peak memory, number of jobs.

    Raises
    ------
    RuntimeError
        If it fails, with what it printed last.
    """
    folder.mkdir(parents=True, exist_ok=True)
    printed = folder / "dry_run.log"
    where = ["--snakefile", str(REPOSITORY / "Snakefile"), "--directory", str(folder)]
    options = ["-n", "--cores", "1", *where, "--configfile", str(config)]
    start = time.monotonic()
    with printed.open("w") as stream:
        process = subprocess.Popen(
            [sys.executable, "-m", "snakemake", *targets, *options],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
            stdout=stream,
            stderr=subprocess.STDOUT,
        )
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    text = printed.read_text()
    if process.returncode:
        raise RuntimeError(f"snakemake -n failed:\n{text[-2000:]}")
    (total,) = {line.split()[1] for line in text.splitlines() if line.startswith("total ")}
    return {
        "cpu_s": round(usage.ru_utime + usage.ru_stime, 2),
        "wall_s": round(time.monotonic() - start, 2),
        "peak_mb": round(usage.ru_maxrss * 1024 / 1e6, 1),
        "jobs": int(total),
    }


def benchmark(
    folder: Path,
    *,
    limits_s: Mapping[int, float | None] = LIMITS_S,
    repeats: int = 2,
    results: Path = RESULTS,
) -> dict[str, Any]:
    """Plan every number of sessions, print the table, write dry_run.json."""
    rows = {}
    for sessions, limit_s in limits_s.items():
        config = write_experiment(folder / f"of{sessions}", sessions=sessions)
        first = next(_rows(config.parent / "sessions.tsv"))["session"]
        target = f"results/sessions/{first}/measure.status.json"
        found = [plan(config, folder / f"plan{sessions}") for _ in range(repeats)]
        whole = min(found, key=lambda one: one["cpu_s"])
        one = plan(config, folder / f"plan{sessions}", target)
        rows[str(sessions)] = {**whole, "limit_s": limit_s, "one_session_cpu_s": one["cpu_s"]}
    print_table(
        "Dry runs",
        ("sessions", "jobs", "CPU s", "limit", "wall s", "peak MB", "one session's jobs, CPU s"),
        [
            (
                sessions,
                row["jobs"],
                row["cpu_s"],
                None if row["limit_s"] is None else f"{row['limit_s']:g}",
                row["wall_s"],
                row["peak_mb"],
                row["one_session_cpu_s"],
            )
            for sessions, row in rows.items()
        ],
    )
    content = {"versions": versions("snakemake"), "by_sessions": rows}
    write_result("dry_run", content, results)
    return content
