"""Door of the position tracks: any format in, one point per frame on the session clock out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pipeline.errors import InputError
from pipeline.experiment.movement_options import TrackOptions

if TYPE_CHECKING:
    import pandas as pd

#: centimetres in the units that files name
CM_PER = {
    "m": 100.0,
    "meter": 100.0,
    "meters": 100.0,
    "metre": 100.0,
    "metres": 100.0,
    "cm": 1.0,
    "centimeter": 1.0,
    "centimeters": 1.0,
    "centimetres": 1.0,
    "mm": 0.1,
    "millimeters": 0.1,
    "millimetres": 0.1,
}
SECONDS_PER = {"s": 1.0, "ms": 1e-3, "us": 1e-6}


@dataclass(frozen=True, eq=False)
class Track:
    """Position of one point of the animal, as the file has it.

    Attributes
    ----------
    time_s : numpy.ndarray
        (frame,) seconds on the clock of the file, growing; or frame numbers, see ``clock``.
    x, y : numpy.ndarray
        (frame,) in the units of the track; NaN where the position is unknown.
    clock : {"seconds", "frames"}
        What ``time_s`` counts.
    cm_per_unit : float or None
        What the file itself says of its units.
    unit : str
        What the file calls its units, for messages.
    likelihood : numpy.ndarray or None
        (frame,) how sure the tracker is, 0 to 1.
    minimum_likelihood : float or None
        Usual limit of that format.
    """

    time_s: np.ndarray
    x: np.ndarray
    y: np.ndarray
    clock: str = "seconds"
    cm_per_unit: float | None = None
    unit: str = "pixels"
    likelihood: np.ndarray | None = None
    minimum_likelihood: float | None = None


def detect_track(path: str | Path, *, speed_column: str, options: TrackOptions) -> str:
    """Return the format of a movement file, from its name and its first lines.

    Parameters
    ----------
    path : path
        File.
    speed_column : str
        Column whose presence makes a table one of speeds.
    options : TrackOptions
        A table with neither a column of speeds nor one of the x that the config names is taken
        for one of speeds: that is what its error should speak of.

    Returns
    -------
    str
        speed, columns, deeplabcut, sleap, nwb, neuralynx, axona or trodes.

    Raises
    ------
    InputError
        When the suffix is none of a track, or the text cannot be read.
    """
    from pipeline.ingest.tracks_text import detect_text

    path = Path(path)
    by_suffix = {
        ".nwb": "nwb",
        ".nvt": "neuralynx",
        ".pos": "axona",
        ".videopositiontracking": "trodes",
        ".h5": "sleap",
        ".hdf5": "sleap",
    }
    suffix = path.suffix.casefold()
    if suffix in by_suffix:
        return by_suffix[suffix]
    if suffix not in (".csv", ".tsv", ".txt", ".dat"):
        raise InputError(
            f"{path}: movement: found a file '{suffix or path.name}'; expected .csv, .tsv or .txt "
            "(speeds, DeepLabCut, SLEAP, Bonsai), .h5 (SLEAP analysis), .nwb, .nvt, .pos or "
            ".videoPositionTracking"
        )
    return detect_text(path, speed_column=speed_column, options=options)


def read_track(path: str | Path, options: TrackOptions, *, format: str) -> Track | pd.DataFrame:
    """Read the track of one body part.

    Parameters
    ----------
    path : path
        File.
    options : TrackOptions
        What the config says of tracks.
    format : str
        As :func:`detect_track` gives, without "speed".

    Returns
    -------
    Track
        In seconds (frame numbers are divided by the declared rate), with points that the tracker
        is not sure of unknown, axes as declared. Of an NWB file that holds speeds instead of
        positions: a table ``time_s``, ``speed_cm_s``.

    Raises
    ------
    InputError
        Missing or damaged file; several body parts, animals or series and none chosen; frame
        numbers without a rate; times that do not grow; no known position at all.
    """
    path = Path(path)
    track = _reader(format)(path, options)
    if not isinstance(track, Track):
        return track
    time_s = _seconds(track, options, path)
    x, y = np.asarray(track.x, np.float64).copy(), np.asarray(track.y, np.float64).copy()
    lost = ~(np.isfinite(x) & np.isfinite(y))
    limit = options.minimum_likelihood
    limit = track.minimum_likelihood if limit is None else limit
    if limit is not None and track.likelihood is not None:
        # NaN likelihood is no certainty at all
        lost |= ~(track.likelihood >= limit)
    elif options.minimum_likelihood is not None:
        raise InputError(
            f"{path}: movement.minimum_likelihood: found a track without likelihoods; expected "
            "them, or movement: {likelihood_column: ...}, or no limit"
        )
    x[lost] = y[lost] = np.nan
    if lost.all():
        raise InputError(
            f"{path}: found no known position in {len(x)} frames; expected some (wrong body part, "
            "minimum_likelihood too high, tracking failed?)"
        )
    return Track(
        time_s=time_s,
        x=x,
        y=y,
        cm_per_unit=track.cm_per_unit,
        unit=track.unit,
        likelihood=track.likelihood,
    )


def _reader(format: str) -> Callable[[Path, TrackOptions], Track | pd.DataFrame]:
    from pipeline.ingest import tracks_binary, tracks_hdf5, tracks_text

    return {
        "columns": tracks_text.read_columns_track,
        "deeplabcut": tracks_text.read_deeplabcut,
        "sleap": _sleap,
        "nwb": tracks_hdf5.read_nwb_movement,
        "neuralynx": tracks_binary.read_nvt,
        "axona": tracks_binary.read_axona,
        "trodes": tracks_binary.read_trodes,
    }[format]


def _sleap(path: Path, options: TrackOptions) -> Track:
    from pipeline.ingest import tracks_hdf5, tracks_text

    if path.suffix.casefold() in (".h5", ".hdf5"):
        return tracks_hdf5.read_sleap_hdf5(path, options)
    return tracks_text.read_sleap_csv(path, options)


def _seconds(track: Track, options: TrackOptions, path: Path) -> np.ndarray:
    """Return the times in seconds; refuses what cannot be a clock."""
    times = np.asarray(track.time_s, dtype=np.float64)
    what = "frame number" if track.clock == "frames" else "time"
    if len(times) < 2:
        raise InputError(f"{path}: found {len(times)} frames; expected at least two")
    unknown = np.flatnonzero(~np.isfinite(times))
    if len(unknown):
        raise InputError(
            f"{path}: frame {unknown[0] + 1} of {len(times)}: found no {what}; expected one for "
            "every frame"
        )
    back = np.flatnonzero(np.diff(times) <= 0)
    if len(back):
        first, second = times[back[0]], times[back[0] + 1]
        raise InputError(
            f"{path}: frame {back[0] + 2} of {len(times)}: found {what} {second:g} after "
            f"{first:g}; expected growing ones (several animals or files in one table, or a clock "
            "restart?)"
        )
    if track.clock == "frames":
        if options.frame_rate_hz is None:
            raise InputError(
                f"{path}: found frame numbers and no times; expected movement: {{frame_rate_hz: "
                "...}, the camera's true rate (29.97 taken for 30 shifts an hour by 3.6 s), or "
                "a column of times"
            )
        return times / options.frame_rate_hz
    return times


def choose(
    names: list[str], wanted: str | None, *, key: str, what: str, path: Path, several: bool = True
) -> str:
    """Return the one name to use; refuses unknown and undecided ones.

    Parameters
    ----------
    names : list of str
        What the file has.
    wanted : str or None
        What the config says.
    key : str
        Key of the config's section movement.
    what : str
        In words, in the plural ("body parts").
    path : Path
        For the message.
    several : bool
        False: the first one where the config says nothing.
    """
    from pipeline.experiment.strict import did_you_mean

    listed = ", ".join(f"'{name}'" for name in names) or "none"
    if wanted is not None:
        if wanted in names:
            return wanted
        raise InputError(
            f"{path}: movement.{key}: found '{wanted}'; expected one of the file's {what}: "
            f"{listed}{did_you_mean(wanted, names)}"
        )
    if len(names) == 1 or (names and not several):
        return names[0]
    raise InputError(
        f"{path}: found {what} {listed}; expected movement: {{{key}: ...}} to name one of them"
    )
