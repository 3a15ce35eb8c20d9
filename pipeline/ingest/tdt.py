"""TDT blocks: samples through neo, with a check of their times; epocs from the index (``.tsq``).

neo gives only the beginnings of epocs, and takes samples for gapless.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.errors import InputError
from pipeline.ingest.damage import TRUNCATED
from pipeline.ingest.events_words import Pulses, pair_edges
from pipeline.ingest.files import LAYOUTS
from pipeline.ingest.streams import pick_stream

if TYPE_CHECKING:
    import numpy as np
    from spikeinterface import BaseRecording

#: kinds of records in the index
_ON, _OFF, _STREAM, _MASK = 0x101, 0x102, 0x8101, 0xFF0F
#: format codes of stored samples: 0 and 4 are floats, in volts; integers are microvolts
_FLOATS = (0, 4)


def _index_dtype() -> np.dtype:
    import numpy as np

    return np.dtype(
        [
            ("size", "<i4"),
            ("kind", "<i4"),
            ("store", "S4"),
            ("channel", "<u2"),
            ("sort", "<u2"),
            ("time", "<f8"),
            ("offset", "<i8"),
            ("format", "<i4"),
            ("rate", "<f4"),
        ]
    )


def _block_file(path: Path, suffix: str) -> Path:
    """Return a file of the only block at or below a path."""
    files = [f for f in LAYOUTS["tdt"].files(path) if f.suffix.casefold() == suffix]
    if len(files) != 1:
        names = ", ".join(str(file.parent.name) for file in files) or "none"
        raise InputError(
            f"{path}: found {len(files)} blocks ({names}) with a {suffix} file; expected one: name "
            "the folder of the block"
        )
    return files[0]


def _read_index(path: Path) -> np.ndarray:
    import numpy as np

    file = _block_file(path, ".tsq")
    layout = _index_dtype()
    count, rest = divmod(file.stat().st_size, layout.itemsize)
    if rest or count < 2:
        raise InputError(
            f"{file}: found {count} records of {layout.itemsize} bytes and {rest} bytes; "
            f"{TRUNCATED}"
        )
    return np.memmap(file, dtype=layout, mode="r")


def open_tdt(path: Path, stream: str | None) -> BaseRecording:
    """Open one store of a TDT block.

    Raises
    ------
    InputError
        Several blocks, several stores in doubt, gaps between the chunks of a channel, or neo's
        refusal.
    """
    from spikeinterface.extractors.neoextractors import TdtRecordingExtractor

    index = _read_index(path)
    tank = _block_file(path, ".tbk")
    streams = index[(index["kind"] & _MASK) == _STREAM]
    names = sorted({store.decode("latin-1") for store in set(streams["store"].tolist())})
    name = pick_stream(names, wanted=stream, file=path)
    mine = streams[streams["store"] == name.encode("latin-1")]
    _refuse_gaps(mine, path, name)
    _refuse_cut(mine, path)
    with warnings.catch_warnings():
        # Stores without .sev files have their samples in the .tev file.
        warnings.filterwarnings("ignore", message="Could not identify sev files")
        recording = TdtRecordingExtractor(tank, stream_name=name)
    if int(mine["format"][0]) in _FLOATS:
        recording.set_channel_gains([1e6] * recording.get_num_channels())
    recording.annotate(stream=name, clock_start_s=float(mine["time"][0]))
    return recording


def _refuse_cut(chunks: np.ndarray, path: Path) -> None:
    """Refuse a .tev file that ends before the last chunk of a store without .sev files."""
    files = LAYOUTS["tdt"].files(path)
    if any(file.suffix.casefold() == ".sev" for file in files):
        return
    file = _block_file(path, ".tev")
    last = chunks[chunks["offset"].argmax()]
    expected = int(last["offset"]) + 4 * (int(last["size"]) - 10)
    if file.stat().st_size < expected:
        raise InputError(
            f"{file}: found {file.stat().st_size} bytes; expected {expected} as the index says; "
            f"{TRUNCATED}"
        )


def _refuse_gaps(chunks: np.ndarray, path: Path, name: str) -> None:
    """Refuse a store whose chunks do not follow each other; times are in the index."""
    import numpy as np

    one = chunks[chunks["channel"] == chunks["channel"][0]]
    width = {0: 4, 1: 4, 2: 2, 3: 1, 4: 8}.get(int(one["format"][0]), 4)
    # The size counts 4-byte words, and ten of them are the record itself.
    samples = (one["size"].astype(np.int64) - 10) * 4 // width
    rate = float(one["rate"][0])
    expected = (np.cumsum(samples) - samples) / rate
    found = one["time"] - one["time"][0]
    # Rates are stored with 24 bits, so times drift by up to a tenth of a millionth.
    wrong = np.flatnonzero(np.abs(found - expected) > 1.5 / rate + 1e-6 * expected)
    if len(wrong):
        place = int(wrong[0])
        raise InputError(
            f"{path}: store {name}: chunk {place}: found it {found[place]:.4f} s after the first; "
            f"expected {expected[place]:.4f} s at {rate:.2f} Hz: samples were lost, or recording "
            "was paused"
        )


def tdt_events(path: Path, stream: str, start_s: float) -> list[Pulses]:
    """Read the epocs of a TDT block; ends come from the store's partner ("PC0/" and "PC0\\\\").

    Parameters
    ----------
    path : pathlib.Path
        Folder of the block.
    stream : str
        The analysed store.
    start_s : float
        Time of its first sample, in the index's seconds.
    """
    import numpy as np

    index = _read_index(path)
    kinds = index["kind"] & _MASK
    found = []
    begins = index[kinds == _ON]
    ends = index[kinds == _OFF]
    for store in sorted(set(begins["store"].tolist())):
        on = begins["time"][begins["store"] == store]
        # An end is called as its beginning but for the last letter.
        partner = np.array([other[:3] == store[:3] for other in ends["store"].tolist()], bool)
        off = ends["time"][partner] if len(ends) else np.zeros(0)
        times = np.concatenate([on, off])
        rising = np.arange(len(times)) < len(on)
        order = np.lexsort((rising, times))
        name = store.decode("latin-1").rstrip("/\\")
        pulses = pair_edges(times[order] - start_s, rising[order])
        found.append(Pulses(name, *pulses, stream))
    return found
