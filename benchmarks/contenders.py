"""Contenders of a benchmark: each runs in a process of its own and tells its CPU time and memory.

A contender is a function ``prepare(folder, **sizes)`` that imports and opens what it needs and
returns the work to be measured: a function without arguments. What the work returns is passed on: a
mapping of facts, None, or a function that tells the facts after the clock has stopped. ``python -m
benchmarks.contenders MODULE NAME FOLDER SIZES`` runs one.
"""

from __future__ import annotations

import importlib
import json
import os
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[1]
RESULTS = REPOSITORY / "benchmarks" / "results"
_MB = 1e6


@dataclass(frozen=True)
class Measured:
    """What one contender took.

    Attributes
    ----------
    cpu_s : float
        User and system seconds of the work; the least of all repeats.
    process_s : float
        The same of the whole process of that repeat, imports included.
    peak_mb : float
        Highest resident memory during the work, 10^6 bytes.
    above_mb : float
        The same above what was resident before it (imports).
    facts : mapping
        What the work returned.
    """

    cpu_s: float
    process_s: float
    peak_mb: float
    above_mb: float
    facts: Mapping[str, Any] = field(default_factory=dict)


def run(
    module: str,
    name: str,
    folder: Path,
    *,
    repeats: int = 1,
    python: str | None = None,
    **sizes: Any,
) -> Measured:
    """Run a contender in new processes, one after the other; returns the fastest.

    Parameters
    ----------
    module, name : str
        Where the contender stands (``benchmarks.extraction``) and what it is called.
    folder : Path
        Data and scratch files.
    repeats : int
        How often.
    python : str, optional
        Python of another environment, for packages that are none of the project's; this one's when
        not given.
    **sizes
        Passed to the contender.

    Raises
    ------
    RuntimeError
        If it fails, with what it printed last.
    """
    arguments = [module, name, str(folder), json.dumps(sizes)]
    found = []
    for _ in range(repeats):
        process = subprocess.run(
            [python or sys.executable, "-m", "benchmarks.contenders", *arguments],
            cwd=REPOSITORY,
            env={**os.environ, **dict.fromkeys(_ONE_THREAD, "1")},
            capture_output=True,
            text=True,
            check=False,
        )
        if process.returncode:
            raise RuntimeError(f"{module}.{name} failed:\n{process.stderr[-2000:]}")
        found.append(Measured(**json.loads(process.stdout.splitlines()[-1])))
    return min(found, key=lambda one: one.cpu_s)


_ONE_THREAD = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


def measure(prepare: Callable[..., Callable[[], Any]], folder: Path, **sizes: Any) -> Measured:
    """Prepare a contender and measure its work, in this process."""
    work = prepare(folder, **sizes)
    before = _peak_mb(reset=True)
    start = time.process_time()
    facts = work()
    taken = time.process_time() - start
    peak, process_s = _peak_mb(), time.process_time()
    if callable(facts):
        facts = facts()
    return Measured(
        cpu_s=round(taken, 3),
        process_s=round(process_s, 3),
        peak_mb=round(peak, 1),
        above_mb=round(peak - before, 1),
        facts=facts or {},
    )


def _peak_mb(*, reset: bool = False) -> float:
    """Highest resident memory since the last reset; where the system cannot reset, since birth."""
    status, mark = Path("/proc/self/status"), Path("/proc/self/clear_refs")
    if not mark.exists():
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak / _MB if sys.platform == "darwin" else peak * 1024 / _MB
    if reset:
        mark.write_text("5")
    (line,) = [line for line in status.read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) * 1024 / _MB


def versions(*names: str) -> dict[str, str]:
    """Versions of Python and of some packages."""
    return {"python": platform.python_version()} | {name: metadata.version(name) for name in names}


def machine() -> dict[str, Any]:
    """What kind of machine this is: nothing that names it."""
    cores = os.cpu_count()
    model = platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        named = [row.split(":")[1] for row in info.read_text().splitlines() if "model name" in row]
        model = named[0].strip() if named else model
    return {"processor": model, "cores": cores, "system": platform.system()}


def write_result(name: str, content: Mapping[str, Any], folder: Path = RESULTS) -> Path:
    """Write what was measured to NAME.json, with date, versions and kind of machine in it."""
    path = folder / f"{name}.json"
    stamped = {"date": time.strftime("%Y-%m-%d", time.gmtime()), "machine": machine(), **content}
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(stamped, indent=1) + "\n")
    return path


def print_table(title: str, header: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print a Markdown table: what the documentation holds is what the run printed."""
    cells = [[_text(cell) for cell in row] for row in (header, *rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(header))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        for row in cells
    ]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    print(f"\n### {title}\n\n" + "\n".join([lines[0], rule, *lines[1:]]), flush=True)


def _text(cell: Any) -> str:
    if cell is None:
        return "–"
    return (
        f"{cell:.3g}"
        if isinstance(cell, float) and abs(cell) < 100
        else (f"{cell:.0f}" if isinstance(cell, float) else str(cell))
    )


def main(arguments: Sequence[str]) -> None:
    """Run one contender and print what it took as the last line."""
    module, name, folder, sizes = arguments
    prepare = getattr(importlib.import_module(module), name)
    found = measure(prepare, Path(folder), **json.loads(sizes))
    print(json.dumps(found.__dict__))


if __name__ == "__main__":
    main(sys.argv[1:])
