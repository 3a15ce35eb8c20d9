"""Which channels of a probe are sorted together, and where they lie."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from spikeinterface import BaseRecording

#: made-up places where a recording says none: a square for up to four channels (a tetrode), else a
#: column in the order of the channels
ASSUMED_TETRODE_UM, ASSUMED_PITCH_UM = 20.0, 25.0


@dataclass(frozen=True, eq=False)
class SortingGroup:
    """Channels that are sorted together.

    Attributes
    ----------
    name : str
        Shank or tetrode; "" where the probe is one group.
    channels : tuple of str
        Names in the session.
    places_um : ndarray, shape (n_channels, 2)
        Of each channel.
    known : bool
        Whether the places are the probe's, or assumed.
    """

    name: str
    channels: tuple[str, ...]
    places_um: NDArray[np.float64]
    known: bool


def sorting_groups(
    recording: BaseRecording,
    channels: Mapping[str, str],
    *,
    shanks: Mapping[str, str],
    group_by: str,
) -> list[SortingGroup]:
    """Divide the channels of a probe into groups.

    Parameters
    ----------
    recording : BaseRecording
        Any part of the probe; it may know shanks and places.
    channels : mapping of str to str
        Name in the session -> name in the recording, of the channels to be sorted.
    shanks : mapping of str to str
        Shank of a channel (name in the session) as the channel table says, "" for none.
    group_by : {"shank", "probe"}

    Returns
    -------
    list of SortingGroup
        In the order in which the channels name them.
    """
    names = list(channels)
    stated = [shanks.get(name, "") for name in names]
    if not any(stated):
        stated = _own_shanks(recording, list(channels.values()))
    if group_by == "probe":
        stated = [""] * len(names)
    places = _own_places(recording, list(channels.values()))
    groups = []
    for shank in dict.fromkeys(stated):
        index = [i for i, own in enumerate(stated) if own == shank]
        here = None if places is None else places[index]
        known = here is not None and _distinct(here)
        groups.append(
            SortingGroup(
                shank if len(set(stated)) > 1 else "",
                tuple(names[i] for i in index),
                here if here is not None and known else assumed_places(len(index)),
                known,
            )
        )
    return groups


def assumed_places(number: int) -> NDArray[np.float64]:
    """Return made-up places of channels, in micrometres, where nothing says where they are."""
    if number <= 4:
        corners = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
        return ASSUMED_TETRODE_UM * corners[:number]
    return np.column_stack([np.zeros(number), ASSUMED_PITCH_UM * np.arange(number)])


def _own_shanks(recording: BaseRecording, names: Sequence[str]) -> list[str]:
    """Shanks that a probe file, or the recording's own probe, states."""
    index = recording.ids_to_indices(names)
    for key in ("shank", "group") if recording.has_probe() else ("shank",):
        values = recording.get_property(key)
        if values is not None and any(str(value) for value in values):
            return [str(values[i]) for i in index]
    return [""] * len(names)


def _own_places(recording: BaseRecording, names: Sequence[str]) -> NDArray[np.float64] | None:
    index = recording.ids_to_indices(names)
    if recording.has_probe():
        return np.asarray(recording.get_channel_locations(), dtype=float)[index, :2]
    places = recording.get_property("location")
    return None if places is None else np.asarray(places, dtype=float)[index, :2]


def _distinct(places: NDArray[np.float64]) -> bool:
    """Whether every channel has a place, and each its own."""
    return bool(np.isfinite(places).all()) and len(np.unique(places, axis=0)) == len(places)
