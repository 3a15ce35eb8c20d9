"""Digital words and edges to pulses: what every rig's TTL lines come down to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

#: frames of a file that are read at once
CHUNK_FRAMES = 1 << 20
#: bytes of a file that are read at once, whatever its frames hold
CHUNK_BYTES = 1 << 24


@dataclass(frozen=True)
class Pulses:
    """Pulses of one line on one clock.

    Attributes
    ----------
    line : int or str
        Number or name of the line, as the rig counts or calls it.
    on, off : numpy.ndarray
        (pulse,) beginnings and ends; NaN for the one that was not recorded.
    clock : str
        Stream whose clock the times are on.
    aligned : bool
        Whether that clock is the clock of the analysed stream.
    """

    line: int | str
    on: np.ndarray
    off: np.ndarray
    clock: str = ""
    aligned: bool = True


@dataclass(frozen=True)
class WordChanges:
    """A digital word over time: its first value, and where it changed to what.

    Attributes
    ----------
    first : int
        Word at sample 0.
    samples : numpy.ndarray
        (change,) int64 numbers of the samples at which a new word stands for the first time.
    words : numpy.ndarray
        (change,) uint64 words from there on.
    """

    first: int
    samples: np.ndarray
    words: np.ndarray


def read_columns(
    file: Path, *, dtype: str, columns: int, wanted: slice, offset: int = 0
) -> Iterator[np.ndarray]:
    """Yield (frame, wanted column) pieces of a file of interleaved samples, in order.

    Parameters
    ----------
    file : pathlib.Path
        Flat binary file.
    dtype : str
        Type of one value.
    columns : int
        Values per frame.
    wanted : slice
        Columns to keep.
    offset : int
        Bytes before the first frame.
    """
    import numpy as np

    frames = max(1, min(CHUNK_FRAMES, CHUNK_BYTES // (columns * np.dtype(dtype).itemsize)))
    with file.open("rb") as stream:
        stream.seek(offset)
        while (values := np.fromfile(stream, dtype=dtype, count=frames * columns)).size >= columns:
            whole = values[: values.size // columns * columns]
            yield whole.reshape(-1, columns)[:, wanted]


def word_changes(pieces: Iterable[np.ndarray], *, mask: int) -> WordChanges:
    """Find where a word changes; only the changes are kept in memory.

    Parameters
    ----------
    pieces : iterable of numpy.ndarray
        (sample,) unsigned words, piece by piece.
    mask : int
        Bits that count.

    Returns
    -------
    WordChanges
        Independent of how the samples are cut into pieces.
    """
    import numpy as np

    first, previous, start = 0, None, 0
    samples: list[np.ndarray] = []
    words: list[np.ndarray] = []
    for piece in pieces:
        if not len(piece):
            continue
        masked = piece.astype(np.uint64) & np.uint64(mask)
        if previous is None:
            first = int(masked[0])
            previous = masked[0]
        before = np.concatenate([[previous], masked[:-1]])
        changed = np.flatnonzero(masked != before)
        samples.append(changed + start)
        words.append(masked[changed])
        previous = masked[-1]
        start += len(piece)
    none = np.zeros(0)
    return WordChanges(
        first,
        np.concatenate([none.astype(np.int64), *samples]),
        np.concatenate([none.astype(np.uint64), *words]),
    )


def split_lines(
    first: int, times: np.ndarray, words: np.ndarray, *, lines: Mapping[int | str, int]
) -> list[Pulses]:
    """Return the pulses of each line of a word.

    Parameters
    ----------
    first : int
        Word before the first change.
    times : numpy.ndarray
        (change,) times in seconds, or whatever the caller counts in.
    words : numpy.ndarray
        (change,) words from there on.
    lines : mapping of int or str to int
        Bit of each line.

    Returns
    -------
    list of Pulses
        One for each line with an edge; a line that never changed has no pulse.
    """
    import numpy as np

    found = []
    for line, bit in lines.items():
        levels = (np.asarray(words).astype(np.uint64) >> np.uint64(bit)) & np.uint64(1)
        steps = np.diff(levels.astype(np.int8), prepend=np.int8(first >> bit & 1))
        edges = np.flatnonzero(steps)
        on, off = pair_edges(np.asarray(times)[edges], steps[edges] > 0)
        if len(on):
            found.append(Pulses(line, on, off))
    return found


def pair_edges(times: np.ndarray, rising: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pair the edges of one line.

    Parameters
    ----------
    times : numpy.ndarray
        (edge,) in the order in which they happened.
    rising : numpy.ndarray
        (edge,) true where the line went high.

    Returns
    -------
    on, off : numpy.ndarray
        (pulse,) NaN where one edge is missing: the line was high before the recording or at its
        end, or an edge was lost. Nothing is dropped, and no edge is made up.
    """
    import numpy as np

    times, rising = np.asarray(times, dtype=np.float64), np.asarray(rising, dtype=bool)
    after_rise = np.concatenate([[False], rising[:-1]]) if len(rising) else rising
    begins = rising | ~after_rise
    on = np.where(rising, times, np.nan)[begins]
    next_falls = np.concatenate([~rising[1:], [False]]) if len(rising) else rising
    next_time = np.concatenate([times[1:], [np.nan]]) if len(times) else times
    off = np.where(rising, np.where(next_falls, next_time, np.nan), times)[begins]
    return on, off


def idle_word(word: int, *, bits: int) -> int:
    """Return the word before the first change where the file does not tell it.

    Rigs that note a word at each change do not note the first level. Inputs idle low, or, with
    pull-up resistors, high; the lines of one byte share a connector. A byte with most of its bits
    high just after the first change was idle high.

    Parameters
    ----------
    word : int
        First word of the file.
    bits : int
        Width of the word.
    """
    idle = 0
    for byte in range(0, bits, 8):
        if (word >> byte & 0xFF).bit_count() > 4:
            idle |= 0xFF << byte
    return idle


def numbered(bits: Sequence[int]) -> dict[int | str, int]:
    """Return lines that are numbered as their bits."""
    return {bit: bit for bit in bits}
