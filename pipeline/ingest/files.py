"""Which files a recording, a sorting or a log is made of, and which format it has.

The Snakefile imports this module at every parse, on every node of a cluster: standard library only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import InputError
from pipeline.ingest.units_layouts import layout_files

#: side-car of a raw binary file: ``session1.dat`` has ``session1.dat.json`` or ``session1.json``
BINARY_SUFFIXES = (".dat", ".bin", ".raw")
#: data files of a Neuroscope recording, and their streams: wide band, and LFP under two names
NEUROSCOPE_DATA = ("dat", "lfp", "eeg")


@dataclass(frozen=True)
class Layout:
    """How the files of one format lie on the disk.

    Attributes
    ----------
    looks_for : str
        What detection looks for, in the words of the error message.
    files : callable
        From the recording's path to its existing files; empty when they are not of this format.
    """

    looks_for: str
    files: Callable[[Path], list[Path]]


def _walk(folder: Path, *, deep: bool = True) -> Iterator[Path]:
    """Yield the files of a folder in a fixed order, without hidden ones and macOS shadows."""
    if not folder.is_dir():
        return
    for path in sorted(folder.rglob("*") if deep else folder.iterdir()):
        if path.is_file() and not path.name.startswith("."):
            yield path


def _openephys(path: Path) -> list[Path]:
    # The readers accept any level, from the session's folder to structure.oebin itself.
    folder = path.parent if path.name == "structure.oebin" else path
    files = list(_walk(folder))
    if not any(file.name == "structure.oebin" for file in files):
        return []
    kinds = (".oebin", ".dat", ".npy", ".xml")
    return [file for file in files if file.suffix in kinds]


def spikeglx_pairs(folder: Path) -> list[tuple[Path, Path]]:
    """Return (``.bin``, ``.meta``) of each SpikeGLX stream below a folder; one may be absent."""
    names = [f for f in _walk(folder) if f.suffix in (".bin", ".meta") and _is_spikeglx(f)]
    stems = sorted({file.with_suffix("") for file in names})
    return [(Path(f"{stem}.bin"), Path(f"{stem}.meta")) for stem in stems]


def _is_spikeglx(path: Path) -> bool:
    """Whether a name ends as SpikeGLX ends them: .ap, .lf, .nidq or .obx before .bin or .meta."""
    return Path(path.stem).suffix in (".ap", ".lf", ".nidq", ".obx")


def _spikeglx(path: Path) -> list[Path]:
    folder = path.parent if path.is_file() and _is_spikeglx(path) else path
    files = [file for pair in spikeglx_pairs(folder) for file in pair if file.is_file()]
    return files if path.is_dir() or path in files else []


def _with_suffix(*suffixes: str, deep: bool = False) -> Callable[[Path], list[Path]]:
    """Return a finder of one such file, or of all such files of a folder."""

    def find(path: Path) -> list[Path]:
        if path.is_file():
            return [path] if path.suffix.casefold() in suffixes else []
        return [file for file in _walk(path, deep=deep) if file.suffix.casefold() in suffixes]

    return find


def _intan(path: Path) -> list[Path]:
    headers = _with_suffix(".rhd", ".rhs")(path)
    if not headers or path.is_file():
        return headers
    # "One file per channel" and "one file per signal type" keep samples in .dat beside the header.
    return [file for file in _walk(path, deep=False) if file in headers or file.suffix == ".dat"]


_BLACKROCK = tuple(f".ns{number}" for number in range(1, 7))


def _blackrock(path: Path) -> list[Path]:
    signals = _with_suffix(*_BLACKROCK)(path)
    if not signals:
        return []
    stems = {file.stem for file in signals}
    kinds = (*_BLACKROCK, ".nev", ".ccf")
    folder = path if path.is_dir() else path.parent
    beside = _walk(folder, deep=False)
    return [file for file in beside if file.stem in stems and file.suffix.casefold() in kinds]


def _neuralynx(path: Path) -> list[Path]:
    if not path.is_dir() or not _with_suffix(".ncs")(path):
        return []
    return _with_suffix(".ncs", ".nev", ".nse", ".ntt", ".nvt")(path)


def _brainvision(path: Path) -> list[Path]:
    headers = _with_suffix(".vhdr")(path)
    if not headers:
        return []
    folder = path if path.is_dir() else path.parent
    stems = {file.stem for file in headers}
    named = {name for file in headers for name in _brainvision_parts(file)}
    kinds = (".vhdr", ".vmrk", ".eeg", ".dat", ".avg", ".seg")
    return [
        file
        for file in _walk(folder, deep=False)
        if file.name in named or (file.stem in stems and file.suffix.casefold() in kinds)
    ]


def _brainvision_parts(header: Path) -> list[str]:
    """Return the files that a BrainVision header names, by name alone."""
    lines = header.read_text(encoding="utf-8", errors="replace").splitlines()
    return [
        line.partition("=")[2].strip()
        for line in lines
        if line.strip().casefold().startswith(("datafile=", "markerfile="))
    ]


def _neuroscope(path: Path) -> list[Path]:
    """Return each ``.xml`` that has data of its name beside it, and those files."""
    if path.is_file():
        headers = [path if path.suffix.casefold() == ".xml" else path.with_suffix(".xml")]
        wanted = (".xml", *(f".{kind}" for kind in NEUROSCOPE_DATA))
        if path.suffix.casefold() not in wanted or not headers[0].is_file():
            return []
    else:
        headers = _with_suffix(".xml")(path)
    found = []
    for header in headers:
        data = [header.with_suffix(f".{kind}") for kind in NEUROSCOPE_DATA]
        data = [file for file in data if file.is_file()]
        if data:
            events = header.parent.glob(f"{header.stem}*.evt")
            beside = [*events, header.parent / "digitalin.dat"]
            found += [header, *data, *(file for file in beside if file.is_file())]
    return sorted(set(found))


def _axona(path: Path) -> list[Path]:
    """Return each ``.set`` that has an ``.eeg`` or ``.egf`` of its name, and those files."""
    found = []
    for setup in _with_suffix(".set")(path):
        kinds = (".eeg", ".egf", ".inp")
        beside = [
            file
            for file in _walk(setup.parent, deep=False)
            if file.stem == setup.stem and file.suffix.casefold().rstrip("0123456789") in kinds
        ]
        if any(file.suffix.casefold().startswith((".eeg", ".egf")) for file in beside):
            found += [setup, *beside]
    return sorted(set(found))


def _tdt(path: Path) -> list[Path]:
    kinds = (".tsq", ".tbk", ".tev", ".tdx", ".sev", ".tnt", ".tin")
    if path.is_file():
        if path.suffix.casefold() not in kinds:
            return []
        path = path.parent
    files = [file for file in _walk(path) if file.suffix.casefold() in kinds]
    return files if any(file.suffix.casefold() == ".tsq" for file in files) else []


def sidecar(path: Path) -> Path | None:
    """Return the JSON file that says what a raw binary file holds; None when there is none."""
    candidates = (Path(f"{path}.json"), path.with_suffix(".json"))
    return next((file for file in candidates if file.is_file()), None)


def _binary(path: Path) -> list[Path]:
    if not path.is_file() or path.suffix.casefold() not in BINARY_SUFFIXES:
        return []
    found = sidecar(path)
    return [path, found] if found else [path]


LAYOUTS: dict[str, Layout] = {
    "openephys": Layout("a folder with a structure.oebin", _openephys),
    "spikeglx": Layout("*.ap, *.lf or *.nidq .bin and .meta files", _spikeglx),
    "intan": Layout("*.rhd or *.rhs", _intan),
    "blackrock": Layout("*.ns1 to *.ns6", _blackrock),
    "neuralynx": Layout("a folder with *.ncs", _neuralynx),
    "plexon": Layout("*.plx or *.pl2", _with_suffix(".plx", ".pl2")),
    "nwb": Layout("*.nwb", _with_suffix(".nwb")),
    "edf": Layout("*.edf", _with_suffix(".edf")),
    "bdf": Layout("*.bdf", _with_suffix(".bdf")),
    "brainvision": Layout("*.vhdr", _brainvision),
    "tdt": Layout("a folder with *.tsq, *.Tbk and *.tev", _tdt),
    "neuroscope": Layout("*.xml with a *.dat, *.lfp or *.eeg of its name", _neuroscope),
    "axona": Layout("*.set with *.eeg or *.egf of its name", _axona),
    "binary": Layout("a *.dat, *.bin or *.raw file beside a .json side-car", _binary),
}


def detect_format(path: str | Path) -> str:
    """Return the format of a recording, from names and layout alone.

    Parameters
    ----------
    path : path
        File or folder, as sessions.tsv names it.

    Returns
    -------
    str
        A key of ``LAYOUTS``.

    Raises
    ------
    InputError
        When the path does not exist, when no format fits (with all that was looked for), or when
        several do.
    """
    path = Path(path)
    if not path.exists():
        raise InputError(f"{path}: not found; check the 'recording' column of the sessions table")
    found = [name for name, layout in LAYOUTS.items() if layout.files(path)]
    # A SpikeGLX .bin and the .dat of Open Ephys or Intan are no raw binary files, unless a
    # side-car says so.
    if "binary" in found and (len(found) > 1 or sidecar(path) is None):
        found.remove("binary")
    if len(found) == 1:
        return found[0]
    if not found:
        looked = "; ".join(f"{name}: {layout.looks_for}" for name, layout in LAYOUTS.items())
        raise InputError(
            f"{path}: found no recording of a known format. Looked for {looked}. Set "
            "recording_format, or name the recording's own folder"
        )
    raise InputError(
        f"{path}: found files of several formats ({', '.join(found)}); set recording_format to one "
        "of them, or name the recording's own folder"
    )


def recording_files(path: str | Path, format: str = "auto") -> list[Path]:
    """Return all existing files that a recording is made of, in a fixed order; never a folder.

    Snakemake takes them as inputs: a folder would hide a changed file.

    Parameters
    ----------
    path : path
        File or folder, as sessions.tsv names it.
    format : str
        ``auto`` or a key of ``LAYOUTS``.

    Returns
    -------
    list of pathlib.Path
        Empty when the path does not exist. When nothing of the format is found, every file there:
        the step that opens the recording says what is wrong, and runs again once they change.
    """
    path = Path(path)
    if not path.exists():
        return []
    if format == "auto":
        try:
            format = detect_format(path)
        except InputError:
            return _everything(path)
    layout = LAYOUTS.get(format)
    return (layout.files(path) if layout else []) or _everything(path)


def sorting_files(path: str | Path, format: str = "auto") -> list[Path]:
    """Return the existing files that are read of a sorting, in a fixed order."""
    path = Path(path)
    return layout_files(path) or (_everything(path) if path.is_dir() else behaviour_files(path))


def behaviour_files(path: str | Path) -> list[Path]:
    """Return ``[path]`` if that file exists (a log, a movement track), else an empty list."""
    path = Path(path)
    return [path] if path.is_file() else []


def _everything(path: Path) -> list[Path]:
    return [path] if path.is_file() else list(_walk(path, deep=False))
