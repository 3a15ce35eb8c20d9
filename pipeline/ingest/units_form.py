"""The form in which every reader of sortings gives its units."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

#: names under which labs keep the region of a unit, the first that exists counts
REGION_COLUMNS = ("region", "location", "brain_area", "brain_region")
#: units of amplitudes and waveforms: microvolts, or a sorter's own
MICROVOLTS, ARBITRARY = "uV", "a.u."


@dataclass(frozen=True)
class SortedUnits:
    """Units of one sorting, in the order of the file.

    Attributes
    ----------
    unit_id : tuple of str
        Names of the units, each once.
    region : tuple of str
        Region per unit, "" where the file does not say.
    quality : tuple of str
        Label of the sorting per unit ("good", "mua"), "" where the file does not say.
    spike_times : tuple of numpy.ndarray
        One float64 array of seconds per unit, in the order of time; time 0 is the first sample.
    channel : tuple of str
        Channel with the largest waveform, "" where the file does not say: the channel table may
        know its region.
    position : tuple of int
        Place of that channel in the sorted file, counted from 0, -1 where the file does not say;
        empty where no unit has one.
    n_channels : int
        Channels of the sorted file that places count in; 0 where unknown.
    amplitude : tuple of numpy.ndarray
        Size of each spike, one float32 array per unit; empty where the file has none.
    amplitude_units, waveform_units : str
        "uV", or "a.u.": compares within a unit only.
    waveform : numpy.ndarray, shape (n_units, n_samples), or None
        Mean waveform on the channel where it is largest, float32, NaN where unknown.
    waveform_rate_hz : float
        Its samples per second.
    metrics : mapping of str to tuple of float
        Further numbers per unit.
    sample_rate_hz : float
        Samples per second by which sample numbers became times; 0 where the file has seconds.
    rig_clock : bool
        Whether times count from the zero of the rig's clock, as the rig's own files do, and not
        from the first sample.
    """

    unit_id: tuple[str, ...]
    region: tuple[str, ...]
    quality: tuple[str, ...]
    spike_times: tuple[np.ndarray, ...]
    channel: tuple[str, ...]
    position: tuple[int, ...] = ()
    n_channels: int = 0
    amplitude: tuple[np.ndarray, ...] = ()
    amplitude_units: str = ARBITRARY
    waveform: np.ndarray | None = None
    waveform_rate_hz: float = 0.0
    waveform_units: str = ARBITRARY
    metrics: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    sample_rate_hz: float = 0.0
    rig_clock: bool = False


def rows_by_label(labels: np.ndarray) -> tuple[list[int], list[np.ndarray]]:
    """Return the labels that occur, ascending, and the rows of each in their order."""
    import numpy as np

    order = np.argsort(labels, kind="stable")
    edges = np.flatnonzero(np.diff(labels[order])) + 1
    rows = np.split(order, edges) if len(order) else []
    return [int(labels[mine[0]]) for mine in rows], rows


def largest_channel(shape: np.ndarray) -> int:
    """Return the column of a (sample, channel) waveform with the largest swing."""
    import numpy as np

    return int(np.argmax(np.ptp(shape, axis=0)))


def stacked(shapes: list[np.ndarray]) -> np.ndarray:
    """Return waveforms of any length as rows, with NaN behind the end of the shorter ones."""
    import numpy as np

    longest = max((len(shape) for shape in shapes), default=0)
    rows = np.full((len(shapes), longest), np.nan, dtype=np.float32)
    for row, shape in zip(rows, shapes, strict=True):
        row[: len(shape)] = shape
    return rows


@dataclass(frozen=True)
class UnitShape:
    """Mean waveform of a unit and the size of each of its spikes.

    Attributes
    ----------
    wire : int
        Column of the waveforms that is largest.
    mean : numpy.ndarray, shape (n_samples,)
        Mean waveform on that wire.
    sizes : numpy.ndarray, shape (n_spikes,)
        Each spike's value where the mean is farthest from 0, positive in the mean's direction.
    """

    wire: int
    mean: np.ndarray
    sizes: np.ndarray


def shape_of(waveforms: np.ndarray, rows: np.ndarray, gains_uv: np.ndarray) -> UnitShape:
    """Return the shape of one unit from the waveforms that a rig stored.

    Parameters
    ----------
    waveforms : ndarray, shape (spike, sample, wire)
        All stored waveforms; may lie on the disk, is read piece by piece.
    rows : ndarray
        Which are the unit's.
    gains_uv : ndarray, shape (wire,)
        Microvolts per count.
    """
    import numpy as np

    pieces = [rows[start : start + 20_000] for start in range(0, len(rows), 20_000)]
    total = sum(waveforms[piece].sum(axis=0, dtype=np.float64) for piece in pieces)
    mean = total / len(rows) * gains_uv
    wire = largest_channel(mean)
    at = int(np.argmax(np.abs(mean[:, wire])))
    scale = float(gains_uv[wire]) * (1.0 if mean[at, wire] >= 0 else -1.0)
    sizes = [
        waveforms[piece][:, at, wire].astype(np.float32) * np.float32(scale) for piece in pieces
    ]
    return UnitShape(wire, mean[:, wire].astype(np.float32), np.concatenate(sizes))
