"""Runs of the workflow as a user would start them, and what tests ask of a run afterwards."""

from __future__ import annotations

import csv
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import yaml
from experiments import write_table

REPOSITORY = Path(__file__).resolve().parents[1]

#: jobs of a run whose sessions are as they were
AFTER_COHORT = {
    "cohort": 1,
    "shuffles": 1,
    "tables": 1,
    "figures": 1,
    "report": 1,
    "acknowledge": 1,
}
#: spectra, behaviour and spikes know the design, nothing of titles, priorities, smallest effects
AFTER_DESIGN = AFTER_COHORT | {"spectra": 1, "behaviour": 1, "spikes": 1}


@cache
def can_unshare() -> bool:
    """Whether this machine lets a process have a network of its own, with nothing in it."""
    if shutil.which("unshare") is None:
        return False
    done = subprocess.run(["unshare", "-rn", "true"], capture_output=True, check=False)
    return done.returncode == 0


def cut_off(command: list[str], log: Path) -> tuple[list[str], dict[str, str]]:
    """A command and environment without network: not even the machine's own (127.0.0.1).

    Linux takes the network away from the whole process tree, libraries in C and Rust included;
    beside it, or where it may not, every Python process refuses it and writes it to `log`.
    """
    first = ["unshare", "-rn"] if can_unshare() else []
    paths = [str(REPOSITORY / "tests" / "cut_off"), os.environ.get("PYTHONPATH", "")]
    own = {"PYTHONPATH": os.pathsep.join(filter(None, paths)), "NETWORK_LOG": str(log)}
    return [*first, *command], {**os.environ, **own}


def run_snakemake(
    config: Path | None,
    directory: Path,
    *arguments: str,
    repository: Path = REPOSITORY,
    network_log: Path | None = None,
) -> subprocess.CompletedProcess:
    """Run snakemake as a user would, from the repository (or a copy of it).

    With a `network_log` it runs without network, and what asked for one is written there.
    """
    command = [str(Path(sys.executable).with_name("snakemake")), "--cores", "2"]
    command += ["--directory", str(directory)]
    if config is not None:
        command += ["--configfile", str(config)]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    command, environment = [*command, *arguments], dict(os.environ)
    if network_log is not None:
        command, environment = cut_off(command, network_log)
    return subprocess.run(
        command,
        cwd=repository,
        env={**environment, "PATH": path},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )


def run(folder: Path, *arguments: str, **options: Path) -> subprocess.CompletedProcess:
    """Run the experiment of a folder: its tables are in lab, its results in run."""
    return run_snakemake(folder / "lab" / "config.yaml", folder / "run", *arguments, **options)


def finished_run(
    folder: Path, write: Callable[..., Path], *, network_log: Path | None = None, **options
) -> Path:
    """Write an experiment and run it to its end; tests work on copies of the folder."""
    write(folder / "lab", **options)
    process = run(folder, network_log=network_log)
    assert process.returncode == 0, process.stderr[-3000:]
    return folder


def copied(folder: Path, to: Path) -> Path:
    """A copy of a finished run, to be changed; files keep their times."""
    return Path(shutil.copytree(folder, to, copy_function=shutil.copy2))


def jobs_run(process: subprocess.CompletedProcess) -> dict[str, int]:
    """Count the jobs that a run started, by rule, from snakemake's own table."""
    counts: dict[str, int] = {}
    lines = process.stderr.splitlines() + process.stdout.splitlines()
    for index, line in enumerate(lines):
        if line.split() == ["job", "count"]:
            for row in lines[index + 2 :]:
                cells = row.split()
                if len(cells) != 2 or cells[0] == "total":
                    break
                counts[cells[0]] = int(cells[1])
            break
    counts.pop("all", None)
    return counts


def planned(folder: Path) -> dict[str, int]:
    """Count the jobs that a run would start now."""
    process = run(folder, "-n")
    assert process.returncode == 0, process.stderr[-3000:]
    return jobs_run(process)


def refusal(folder: Path, *arguments: str) -> str:
    """What a run says that does not start."""
    process = run(folder, "-n", *arguments)
    assert process.returncode != 0
    return process.stdout + process.stderr


def digest(results: Path) -> dict[str, str]:
    """Hashes of everything that must not depend on cores or repetition."""
    kept = (".nc", ".parquet", ".tsv", ".gz", ".svg", ".png", ".json", ".html", ".xlsx")
    return {
        str(path.relative_to(results)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(results.rglob("*"))
        if path.is_file() and path.suffix in kept and path.name != "run.html"
    }


# --- tables and configs --------------------------------------------------------------------------


def rows_of(path: Path) -> list[dict[str, str]]:
    """Rows of a tab-separated table, all text."""
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream, delimiter="\t"))


def cohort_table(folder: Path, name: str) -> list[dict[str, str]]:
    """Rows of a cohort table of a run."""
    return rows_of(folder / "run" / "results" / "cohort" / f"{name}.tsv")


def edit_cells(folder: Path, table: str, row: int, **cells: str) -> None:
    """Change cells of one row of a table of the lab."""
    path = folder / "lab" / f"{table}.tsv"
    rows = rows_of(path)
    rows[row].update(cells)
    write_table(path, rows)


def edit_config(folder: Path, change: Callable[[dict], object]) -> None:
    """Change the lab's config."""
    path = folder / "lab" / "config.yaml"
    config = yaml.safe_load(path.read_text())
    change(config)
    path.write_text(yaml.safe_dump(config, sort_keys=False))
