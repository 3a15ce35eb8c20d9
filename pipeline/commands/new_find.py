"""Find the recordings below a folder: each once, named so that its reader can open it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import InputError
from pipeline.ingest.files import LAYOUTS, detect_format, sidecar, spikeglx_pairs

#: the file that stands for a recording of several
_HEADERS = {"neuroscope": ".xml", "axona": ".set", "brainvision": ".vhdr"}
#: run_g0_t0.imec0.lf.bin: what belongs to one run and gate of SpikeGLX
_RUN = re.compile(r"(?P<run>.+_g\d+)_t(\d+|cat)\.")


@dataclass(frozen=True)
class Found:
    """One recording.

    Attributes
    ----------
    path : Path
        Folder or file to name in sessions.tsv.
    format : str
        Key of LAYOUTS, "" where it cannot be told.
    problem : str
        Why it is not proposed, "" if it is.
    """

    path: Path
    format: str
    problem: str = ""


def find_recordings(folder: Path) -> list[Found]:
    """List the recordings below a folder, in the order of their paths.

    Parameters
    ----------
    folder : Path
        Looked through to the bottom; hidden folders and links to folders are passed over.

    Returns
    -------
    list of Found
        What has no known format is not listed.

    Raises
    ------
    InputError
        When there is no such folder.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: found no such folder; expected the folder of the recordings")
    found: list[Found] = []
    for path in _folders(folder):
        files = sorted(
            file for file in path.iterdir() if file.is_file() and not file.name.startswith(".")
        )
        names = {file.name for file in files}
        if "structure.oebin" in names:
            found.append(Found(_openephys_folder(path), "openephys"))
        elif any(name.endswith(".ncs") for name in names):
            found.append(Found(path, "neuralynx"))
        elif any(name.casefold().endswith(".tsq") for name in names):
            found.append(Found(path, "tdt"))
        elif names & {"info.rhd", "info.rhs"}:
            found.append(Found(path, "intan"))
        elif not _inside_openephys(path):
            found += _files(files)
    found += _spikeglx_runs(folder)
    once = {item.path: item for item in found}
    return [once[path] for path in sorted(once)]


def _folders(folder: Path) -> Iterator[Path]:
    # No links: they may lead in circles.
    for place, inside, _ in os.walk(folder, followlinks=False):
        inside[:] = sorted(name for name in inside if not name.startswith("."))
        yield Path(place)


def _openephys_folder(path: Path) -> Path:
    """Return the folder to name for one structure.oebin: the session's own, where it is alone."""
    node = next((p for p in path.parents if p.name.startswith("Record Node")), None)
    for top in (node.parent if node else None, node, path.parent):
        if top is not None and len(list(top.rglob("structure.oebin"))) == 1:
            return top
    return path


def _inside_openephys(path: Path) -> bool:
    return any((parent / "structure.oebin").is_file() for parent in path.parents)


def _spikeglx_runs(folder: Path) -> Iterator[Found]:
    runs: dict[tuple[str, Path], list[Path]] = {}
    for binary, _ in spikeglx_pairs(folder):
        match = _RUN.match(binary.name)
        run = match["run"] if match else binary.name.split(".")[0]
        # a probe folder run_g0_imec0 lies in the folder of its run
        own = binary.parent
        top = own.parent if own.name.startswith(run + "_imec") and own != folder else own
        runs.setdefault((run, top), []).append(binary)
    tops = [top for _, top in runs]
    for (_, top), files in runs.items():
        alone = tops.count(top) == 1
        for path in [top] if alone else sorted(files):
            yield Found(path, "spikeglx")


def _files(files: list[Path]) -> Iterator[Found]:
    """Recordings that are one file each; of Blackrock's .ns1 to .ns6 the first stands for all."""
    stems = set()
    for file in files:
        if _RUN.match(file.name) or file.suffix in (".meta", ".nev"):
            continue
        if not any(layout.files(file) for layout in LAYOUTS.values()):
            continue
        try:
            kind = detect_format(file)
        except InputError as error:
            if sidecar(file) is not None or file.suffix.casefold() not in (".dat", ".bin", ".raw"):
                yield Found(file, "", str(error))
            continue
        if kind == "spikeglx" or (kind == "blackrock" and file.stem in stems):
            continue
        if file.suffix.casefold() != _HEADERS.get(kind, file.suffix.casefold()):
            continue
        stems.add(file.stem if kind == "blackrock" else "")
        yield Found(file, kind)
