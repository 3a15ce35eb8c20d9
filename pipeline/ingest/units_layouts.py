"""Which format a sorting has, and which files it is made of, from names and first bytes alone.

The Snakefile may import this module at every parse: standard library only.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

from pipeline.errors import InputError

#: what phy and Kilosort write and is read here; tables of labels come on top
PHY_FILES = (
    "params.py",
    "spike_times.npy",
    "spike_clusters.npy",
    "spike_templates.npy",
    "amplitudes.npy",
    "templates.npy",
    "template_ind.npy",
    "templates_ind.npy",
    "whitening_mat_inv.npy",
    "channel_map.npy",
)
#: what Kilosort 1 to 4 leave beside them, and phy does not make
_KILOSORT_MARKS = ("ops.npy", "rez.mat", "rez2.mat", "kilosort4.log", "cluster_KSLabel.tsv")
#: what tells a folder of SpikeInterface
_SPIKEINTERFACE = ("numpysorting_info.json", "npz.json", "spikeinterface_info.json")
_ANALYZER = (
    "spikeinterface_info.json",
    "settings.json",
    "recording_info/recording_attributes.json",
    "extensions/templates/average.npy",
    "extensions/spike_amplitudes/amplitudes.npy",
    "extensions/quality_metrics/metrics.csv",
)
CELLEXPLORER_SUFFIX = ".spikes.cellinfo.mat"
NEURALYNX_SUFFIXES = (".nse", ".nst", ".ntt")
_KLUSTERS = re.compile(r"(?P<stem>.+)\.(clu|res)\.(?P<group>\d+)", re.I)
LOOKED_FOR = {
    "phy": "params.py with spike_times.npy and spike_clusters.npy",
    "kilosort": "the same, as Kilosort leaves it",
    "spikeinterface": "numpysorting_info.json, npz.json, spikeinterface_info.json or *.npz",
    "cellexplorer": "*.spikes.cellinfo.mat",
    "neuralynx": "*.ntt, *.nst or *.nse",
    "plexon": "*.plx",
    "blackrock": "*.nev of Blackrock",
    "neuroscope": "*.clu.<group> with *.res.<group>",
    "nwb": "*.nwb",
}


def detect_sorting(path: str | Path) -> str:
    """Return the format of a sorting.

    Parameters
    ----------
    path : path
        File or folder, as the column ``sorting`` names it.

    Returns
    -------
    str
        A key of :data:`LOOKED_FOR`.

    Raises
    ------
    InputError
        When no format fits, or several do.
    """
    path = Path(path)
    found = [name for name, files in FINDERS.items() if files(path)]
    if len(found) == 1:
        return found[0]
    if found:
        raise InputError(
            f"{path}: found sortings of several formats ({', '.join(found)}); expected one: name "
            "the file or the folder that holds only the one to be used"
        )
    looked = "; ".join(f"{name}: {files}" for name, files in LOOKED_FOR.items())
    raise InputError(
        f"{path}: found no sorting of a known format. Looked for {looked}. Name the sorting's own "
        "file or folder"
    )


def layout_files(path: str | Path) -> list[Path]:
    """Return the files that are read of a sorting, in a fixed order.

    Empty where its format cannot be told: the step that reads it says why.
    """
    path = Path(path)
    try:
        found = [files for files in (finder(path) for finder in FINDERS.values()) if files]
    except InputError:
        return []
    return found[0] if len(found) == 1 else []


def only_file(path: Path, files: Sequence[Path], wanted: str) -> Path:
    """Return the one file of a sorting.

    Parameters
    ----------
    path : Path
        What the column ``sorting`` names.
    files : sequence of Path
        Those found there.
    wanted : str
        What is looked for, in words.

    Raises
    ------
    InputError
        When there is none, or several.
    """
    if len(files) != 1:
        names = ", ".join(file.name for file in files) or "none"
        raise InputError(f"{path}: found {names}; expected one {wanted}: name it")
    return files[0]


def neuralynx_spike_files(path: Path) -> list[Path]:
    """Return the spike files of a folder, or the one named."""
    return _files(path, lambda file: file.suffix.casefold() in NEURALYNX_SUFFIXES)


def klusters_groups(path: Path) -> dict[int, tuple[Path, Path]]:
    """Return ``.clu`` and ``.res`` of each group; one of the two may be absent.

    Raises
    ------
    InputError
        Files of several recordings in one folder.
    """
    names = [(file, _KLUSTERS.fullmatch(file.name)) for file in _files(path, lambda _: True)]
    met = [(file, match) for file, match in names if match]
    stems = sorted({match["stem"] for _, match in met})
    if len(stems) > 1:
        raise InputError(
            f"{path}: found .clu or .res files of {', '.join(stems)}; expected those of one "
            "recording: name a folder for each"
        )
    groups = sorted({int(match["group"]) for _, match in met})
    folder = path if path.is_dir() else path.parent
    return {
        group: (
            folder / f"{stems[0]}.clu.{group}",
            folder / f"{stems[0]}.res.{group}",
        )
        for group in groups
    }


def _files(path: Path, fits: Callable[[Path], bool]) -> list[Path]:
    if path.is_file():
        return [path] if fits(path) else []
    found = path.iterdir() if path.is_dir() else ()
    return sorted(f for f in found if f.is_file() and not f.name.startswith(".") and fits(f))


def _starts(file: Path, *words: bytes) -> bool:
    with file.open("rb") as stream:
        return stream.read(8).startswith(words)


def _phy_folder(path: Path) -> list[Path]:
    if not any((path / name).is_file() for name in PHY_FILES[:2]):
        return []
    tables = sorted([*path.glob("cluster_*.tsv"), *path.glob("cluster_*.csv")])
    return [file for file in (*(path / name for name in PHY_FILES), *tables) if file.is_file()]


def _of_kilosort(path: Path) -> bool:
    # phy writes cluster_info when a person saves a curation.
    info = any((path / f"cluster_info.{kind}").is_file() for kind in ("tsv", "csv"))
    return not info and any((path / name).is_file() for name in _KILOSORT_MARKS)


def _phy(path: Path) -> list[Path]:
    return [] if _of_kilosort(path) else _phy_folder(path)


def _kilosort(path: Path) -> list[Path]:
    return _phy_folder(path) if _of_kilosort(path) else []


def _spikeinterface(path: Path) -> list[Path]:
    if path.is_file():
        return [path] if path.suffix.casefold() in (".npz", ".pkl", ".pickle") else []
    if path.suffix.casefold() == ".zarr" or any(
        (path / name).is_file() for name in (".zgroup", "zarr.json")
    ):
        return sorted(file for file in path.iterdir() if file.is_file())
    if not any((path / name).is_file() for name in _SPIKEINTERFACE):
        return []
    sorting = path / "sorting" if (path / "spikeinterface_info.json").is_file() else path
    names = ("numpysorting_info.json", "spikes.npy", "npz.json", "sorting_cached.npz")
    files = [*(path / name for name in _ANALYZER), *(sorting / name for name in names)]
    files += sorted((sorting / "properties").glob("*.npy"))
    return [file for file in files if file.is_file()]


def _cellexplorer(path: Path) -> list[Path]:
    files = _files(path, lambda file: file.name.casefold().endswith(CELLEXPLORER_SUFFIX))
    if path.is_file() and path.suffix.casefold() == ".mat":
        files = [path]
    beside = [session_file(file) for file in files]
    return files + [file for file in beside if file.is_file()]


def session_file(file: Path) -> Path:
    """Return where CellExplorer keeps the description of the session, which may be absent."""
    return file.with_name(f"{file.name.split('.')[0]}.session.mat")


def _neuralynx(path: Path) -> list[Path]:
    spikes = neuralynx_spike_files(path)
    folders = {file.parent for file in spikes}
    signals = [
        f for folder in folders for f in _files(folder, lambda f: f.suffix.casefold() == ".ncs")
    ]
    return [*spikes, *signals]


def _plexon(path: Path) -> list[Path]:
    return _files(path, lambda file: file.suffix.casefold() in (".plx", ".pl2"))


def _blackrock(path: Path) -> list[Path]:
    def fits(file: Path) -> bool:
        # Neuralynx calls its files of events .nev as well.
        return file.suffix.casefold() == ".nev" and not _starts(file, b"####")

    return _files(path, fits)


def _neuroscope(path: Path) -> list[Path]:
    if path.is_file() and not _KLUSTERS.fullmatch(path.name):
        return []
    groups = klusters_groups(path)
    named = [file for pair in groups.values() for file in pair]
    first = _KLUSTERS.fullmatch(named[0].name) if named else None
    beside = [named[0].parent / f"{first['stem']}.xml"] if first else []
    shapes = [clu.with_name(clu.name.replace(".clu.", ".spk.")) for clu, _ in groups.values()]
    return [file for file in (*named, *shapes, *beside) if file.is_file()]


def _nwb(path: Path) -> list[Path]:
    def fits(file: Path) -> bool:
        return file.suffix.casefold() == ".nwb"

    if path.is_file() and not fits(path) and _starts(path, b"\x89HDF"):
        return [] if path.suffix.casefold() == ".mat" else [path]
    return _files(path, fits)


FINDERS: dict[str, Callable[[Path], list[Path]]] = {
    "phy": _phy,
    "kilosort": _kilosort,
    "spikeinterface": _spikeinterface,
    "cellexplorer": _cellexplorer,
    "neuralynx": _neuralynx,
    "plexon": _plexon,
    "blackrock": _blackrock,
    "neuroscope": _neuroscope,
    "nwb": _nwb,
}
