"""The folder of Kilosort and phy, before and after curation, read without running any of it.

``params.py`` is Python code, and SpikeInterface's reader runs it. A folder that somebody was sent
must not run code here, so the file is parsed and only literal values are taken; arrays are read
without pickles. That, and the tables with their custom labels, is why this reader exists.
"""

from __future__ import annotations

import ast
import csv
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.errors import InputError


@dataclass(frozen=True, eq=False)
class PhyFolder:
    """Spikes and clusters as the files have them.

    Attributes
    ----------
    rate_hz : float
        Samples per second.
    n_channels : int
        Channels of the sorted file, 0 where params.py does not say.
    samples, labels : ndarray of int64, shape (n_spikes,)
        Sample number and cluster of each spike.
    tables : dict of str to dict
        Labels by number of the cluster.
    """

    rate_hz: float
    n_channels: int
    samples: np.ndarray
    labels: np.ndarray
    tables: dict[str, dict[str, str]]


def phy_folder(folder: str | Path) -> PhyFolder:
    """Read the spikes, their clusters and the tables of labels.

    Parameters
    ----------
    folder : path
        Holds ``params.py``, ``spike_times.npy`` (sample numbers), ``spike_clusters.npy`` (else
        ``spike_templates.npy``: not curated), and tables ``cluster_<label>.tsv``.

    Returns
    -------
    PhyFolder

    Raises
    ------
    InputError
        Missing or truncated files, arrays of unequal length, times that are no sample numbers or
        not in order, a sampling rate that is no plain number.
    """
    folder = Path(folder)
    rate = sample_rate(folder / "params.py")
    samples = whole_numbers(folder / "spike_times.npy")
    curated = folder / "spike_clusters.npy"
    labels_file = curated if curated.is_file() else folder / "spike_templates.npy"
    labels = whole_numbers(labels_file)
    if len(samples) != len(labels):
        raise InputError(
            f"{labels_file}: found {len(labels)} spikes; expected {len(samples)} as in "
            "spike_times.npy: the two files are of different sortings"
        )
    backwards = np.flatnonzero(np.diff(samples) < 0)
    if len(backwards):
        row = int(backwards[0]) + 1
        raise InputError(
            f"{folder / 'spike_times.npy'}: spike {row + 1}: found sample {samples[row]} after "
            f"{samples[row - 1]}; expected sample numbers in order"
        )
    stated = _literal(folder / "params.py", "n_channels_dat")[0]
    n_channels = stated if isinstance(stated, int) and stated > 0 else 0
    return PhyFolder(rate, n_channels, samples, labels, _cluster_tables(folder))


def sample_rate(params: Path) -> float:
    """Return ``sample_rate`` of a ``params.py``, which is parsed and never run.

    Raises
    ------
    InputError
        No such file, no such line, or something else than a positive number.
    """
    value, statement = _literal(params, "sample_rate")
    if statement is None:
        raise InputError(f"{params}: found no line 'sample_rate = <number>'")
    try:
        rate = float(value)
    except (ValueError, TypeError):
        rate = float("nan")
    # True is 1 and '30000' is 30000 for Python: neither is a rate.
    if isinstance(value, (bool, str)) or not 0 < rate < float("inf"):
        raise InputError(
            f"{params}: line {statement.lineno}: found '{ast.unparse(statement)}'; expected a "
            "plain positive number (code in params.py is not run)"
        )
    return rate


def _literal(params: Path, name: str) -> tuple[Any, ast.Assign | None]:
    """Return the plain value that a line of params.py gives a name, and the line.

    None for a value that code would have to make.
    """
    if not params.is_file():
        raise InputError(f"{params}: not found; phy's params.py gives the sampling rate")
    try:
        statements = ast.parse(params.read_text(encoding="utf-8")).body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        # the last two: nested so deeply that no parser follows
        raise InputError(f"{params}: no readable params.py ({str(error) or 'too deep'})") from error
    for statement in statements:
        if not isinstance(statement, ast.Assign):
            continue
        if [target.id for target in statement.targets if isinstance(target, ast.Name)] == [name]:
            try:
                return ast.literal_eval(statement.value), statement
            except (ValueError, TypeError, SyntaxError):
                return None, statement
    return None, None


def load_array(path: Path, *, lazily: bool = False) -> np.ndarray:
    """Return the array of a .npy file, with `lazily` from the disk as it is asked for.

    Raises
    ------
    InputError
        No such file, a truncated one, or a pickle.
    """
    if not path.is_file():
        raise InputError(f"{path}: not found; copy the whole folder of the sorting")
    try:
        # Mapped first: a damaged header that claims terabytes is the file's fault, no lack of
        # memory.
        loaded = np.load(path, allow_pickle=False, mmap_mode="r")
        if not isinstance(loaded, np.ndarray):
            loaded.close()
            raise ValueError("an archive of arrays (.npz)")
        return loaded if lazily else np.array(loaded)
    except (ValueError, OSError, EOFError, OverflowError) as error:
        objects = "Python objects" in str(error) or "pickle" in str(error)
        likely = "pickles are never loaded" if objects else "truncated, or no .npy file"
        raise InputError(f"{path}: cannot be read ({error}): {likely}") from error


def whole_numbers(path: Path) -> np.ndarray:
    """Return a one-dimensional array of whole numbers (int64)."""
    array = load_array(path)
    if array.dtype.kind not in "iu" or array.size != max(array.shape, default=0):
        raise InputError(
            f"{path}: found {array.dtype} of shape {array.shape}; expected one whole number per "
            "spike (sample numbers, not seconds)"
        )
    return array.ravel().astype(np.int64)


def _cluster_tables(folder: Path) -> dict[str, dict[str, str]]:
    """Return the labels by cluster; cluster_info, which phy writes last, wins."""
    files = sorted(
        [*folder.glob("cluster_*.tsv"), *folder.glob("cluster_*.csv")],
        key=lambda file: (file.stem == "cluster_info", file.name),
    )
    labels: dict[str, dict[str, str]] = {}
    for file in files:
        try:
            content = file.read_text(encoding="utf-8-sig")
        except UnicodeDecodeError as error:
            raise InputError(
                f"{file}: cannot be read ({error}); expected UTF-8, as phy writes it (saved again "
                "by a spreadsheet?)"
            ) from error
        lines = io.StringIO(content, newline="")
        rows = csv.DictReader(lines, delimiter="\t" if file.suffix == ".tsv" else ",")
        key = "cluster_id" if "cluster_id" in (rows.fieldnames or ()) else "id"
        if key not in (rows.fieldnames or ()):
            raise InputError(f"{file}: found no column cluster_id; expected phy's own table")
        for row in rows:
            filled = {name: value.strip() for name, value in row.items() if name and value}
            labels.setdefault((row[key] or "").strip(), {}).update(
                {name: value for name, value in filled.items() if value and name != key}
            )
    return labels
