"""Same inputs, same bytes: whatever the cores, place, language, time zone, order and chunks."""

from __future__ import annotations

import functools
import os
import random
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from experiments import write_table
from fault_runs import contents, differing
from mini import write_full
from workflow_runs import REPOSITORY, edit_cells, edit_config, rows_of

from pipeline import lfp
from pipeline.lfp import artefact_scan, reference
from pipeline.steps import settings
from pipeline.steps.extract import extract
from pipeline.steps.measure import measure
from pipeline.steps.outcomes_check import load_checked
from pipeline.steps.paths import EXTRACTED, MEASURED

pytestmark = pytest.mark.workflow

#: a folder as labs have them
FOLDER = "Ergebnisse für Zoë & Søren (2026) 実験"
#: parts of the repository that a run needs
FILES = ("Snakefile", "environment.yml", "pyproject.toml")
FOLDERS = ("requirements", "pipeline", "workflow", "config", "profiles")


def german(folder: Path) -> dict[str, str]:
    """German with commas for decimals and no Unicode, compiled here where the system can."""
    try:
        made = subprocess.run(
            ["localedef", "-i", "de_DE", "-f", "ISO-8859-1", str(folder / "de_DE.ISO-8859-1")],
            capture_output=True, check=False,
        )  # fmt: skip
    except FileNotFoundError:
        return {"LC_ALL": "POSIX"}
    if made.returncode > 1:
        return {"LC_ALL": "POSIX"}
    return {"LC_ALL": "de_DE.ISO-8859-1", "LOCPATH": str(folder)}


def run_there(repository: Path, folder: Path, *arguments: str, **environment: str) -> None:
    command = [str(Path(sys.executable).with_name("snakemake")), *arguments]
    command += ["--directory", str(folder / "run")]
    command += ["--configfile", str(folder / "lab" / "config.yaml")]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    process = subprocess.run(
        command,
        cwd=repository,
        env={**os.environ, "PATH": path, **environment},
        capture_output=True,
        text=True,
        errors="replace",
        timeout=900,
        check=False,
    )
    assert process.returncode == 0, process.stderr[-3000:]


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """The experiment with every kind of data, run by two cores; words of it are not ASCII."""
    folder = tmp_path_factory.mktemp("plain")
    write_full(folder / "lab")
    edit_config(folder, lambda c: c["experiment"].update(title="Käfig 3 – µ-Dosis, 実験"))
    edit_cells(folder, "sessions", 0, note="süß")
    environment = german(tmp_path_factory.mktemp("locale"))
    run_there(REPOSITORY, folder, "--cores", "2", TZ="America/St_Johns", **environment)
    return folder


def without_hashes(content: bytes) -> bytes:
    """The report states the SHA-256 of the lab's tables, which the order of rows changes."""
    return re.sub(rb"([0-9a-f]{8}(\\allowbreak\{\})?){8}", b"-", content)


def test_one_core_another_language_time_zone_place_and_order_of_rows(plain, tmp_path):
    """All at once: none of it may matter.

    The repository, the experiment and its results lie in a folder with blanks and Unicode. Rows of
    all tables are shuffled (seed 4), but for the channels': theirs is the order along the probe.
    """
    place = tmp_path / FOLDER
    place.mkdir()
    for name in FILES:
        shutil.copy2(REPOSITORY / name, place / name)
    for name in FOLDERS:
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(REPOSITORY / name, place / name, ignore=ignored)
    folder = place / "my experiment"
    shutil.copytree(plain / "lab", folder / "lab", copy_function=shutil.copy2)
    chance = random.Random(4)
    tables = sorted(set((folder / "lab").glob("*.tsv")) - {folder / "lab" / "channels.tsv"})
    assert len(tables) == 4
    for table in tables:
        rows = rows_of(table)
        shuffled = chance.sample(rows, len(rows))
        write_table(table, shuffled if shuffled != rows else rows[::-1])
    run_there(place, folder, "--cores", "1", LC_ALL="C", TZ="Pacific/Auckland")
    found, expected = (contents(one / "run" / "results") for one in (folder, plain))
    for name in ("index.html", "methods.md", "methods.tex"):
        for files in (found, expected):
            files[f"report/{name}"] = without_hashes(files[f"report/{name}"])
    assert found.keys() == expected.keys()
    assert differing(found, expected) == []


@pytest.mark.parametrize("chunk_values", [4_001, 60_000])
def test_the_files_of_a_session_do_not_depend_on_the_size_of_chunks(
    plain, tmp_path, monkeypatch, chunk_values
):
    """The workflow held the whole recording (240,000 values) at once."""
    experiment = load_checked(plain / "lab" / "config.yaml")
    session = next(one for one in experiment.included if one.name == "r0_w0")
    monkeypatch.chdir(plain / "run")
    smaller = functools.partial(lfp.extract_lfp_to_netcdf, chunk_values=chunk_values)
    monkeypatch.setattr(lfp, "extract_lfp_to_netcdf", smaller, raising=False)
    monkeypatch.setattr(artefact_scan, "_CHUNK_VALUES", chunk_values)
    monkeypatch.setattr(reference, "_CHUNK_VALUES", chunk_values)
    extracted, measured = (
        {key: tmp_path / Path(path).name for key, path in paths.items() if key != "status"}
        for paths in (EXTRACTED, MEASURED)
    )
    extract(settings=settings.extract_settings(experiment, session, {}), outputs=extracted)
    measure(
        settings=settings.measure_settings(experiment, session), outputs=measured, inputs=extracted
    )
    expected = contents(plain / "run" / "results" / "sessions" / session.name)
    found = contents(tmp_path)
    assert len(found) == len(extracted) + len(measured)
    assert differing(found, expected) == []
