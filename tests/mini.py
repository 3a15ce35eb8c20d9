"""A whole experiment of seconds: four sessions of two rats, two contexts, one recording format."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
from experiments import write_experiment

from pipeline.simulate.writers import write_openephys

REPOSITORY = Path(__file__).resolve().parents[1]


def write_mini(folder: Path) -> Path:
    """Write recordings, tables and config; returns the config's path."""
    rng = np.random.default_rng(1)
    sessions, administrations, contexts = [], [], []
    for animal in range(2):
        for week, drug in enumerate(
            ("saline", "psilocybin") if animal else ("psilocybin", "saline")
        ):
            name = f"r{animal}_w{week}"
            signals = rng.normal(0, 50, (120_000, 2)).astype(np.float32)
            write_openephys(folder / name, signals, rate_hz=1000.0, channels=["CH1", "CH2"])
            sessions.append(
                {
                    "session": name,
                    "animal": f"r{animal}",
                    "start": f"2026-01-{1 + 7 * week:02d}T09:00",
                    "recording": name,
                    "recording_format": "openephys",
                    "exclude": "",
                }
            )
            administrations.append(
                {
                    "animal": f"r{animal}",
                    "session": name,
                    "time_s": 60,
                    "drug": drug,
                    "dose_mg_per_kg": 1 if drug == "psilocybin" else None,
                }
            )
            for part, context in enumerate(("home_cage", "open_field") * 2):
                contexts.append(
                    {
                        "session": name,
                        "context": context,
                        "start_s": 30 * part,
                        "stop_s": 30 * (part + 1),
                    }
                )
    config = {
        "design": {
            "conditions": {"vehicle": {"drug": "saline"}, "psilocybin": {"drug": "psilocybin"}},
            "reference_condition": "vehicle",
            "contexts": ["home_cage", "open_field"],
            "phases": {"baseline": [-60, -1], "acute": [1, 60]},
            "handling_s": [-1, 1],
            "minimum_epoch_s": 10,
        },
        "outcomes": {
            "primary": ["band_power/theta@mPFC"],
            "smallest_effect": {"band_power": {"drug": 1, "interaction": 1}},
        },
    }
    channels = [{"channel": f"CH{n}", "region": "mPFC"} for n in (1, 2)]
    return write_experiment(
        folder,
        config,
        sessions=sessions,
        administrations=administrations,
        contexts=contexts,
        channels=channels,
    )


def run_snakemake(
    config: Path | None, directory: Path, *arguments: str
) -> subprocess.CompletedProcess:
    """Run snakemake as a user would, from the repository."""
    command = [str(Path(sys.executable).with_name("snakemake")), "--cores", "2"]
    command += ["--directory", str(directory)]
    if config is not None:
        command += ["--configfile", str(config)]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        [*command, *arguments],
        cwd=REPOSITORY,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )


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
