"""Several recordings of one session: which probe each is of, in what order, under which names.

The files of a session stand in recordings.tsv, each with the session time of its first sample:
recording was stopped to inject or to move the animal (parts of one probe, one after another), or
two probes recorded in parallel. Nothing is derived from file names or file dates.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.errors import InputError
from pipeline.experiment.strict import did_you_mean

if TYPE_CHECKING:
    import numpy as np
    from spikeinterface import BaseRecording

#: longest time between two parts of one session; more is a slip of unit, or another visit
LONGEST_GAP_S = 86_400.0
#: between the name of a probe and that of its channel, unit ...
SEPARATOR = ":"


@dataclass(frozen=True, eq=False)
class RecordingPart:
    """One file of a session, opened.

    Attributes
    ----------
    path : str
        As the tables name it.
    name : str
        What messages and results call it: as much of the path as tells it from the others.
    probe : str
        "" where the table names none.
    starts_at_s : float
        Session time of its first sample.
    recording : BaseRecording
        One segment.
    """

    path: str
    name: str
    probe: str
    starts_at_s: float
    recording: BaseRecording

    @property
    def rate_hz(self) -> float:
        """Samples per second."""
        return float(self.recording.sampling_frequency)

    @property
    def seconds(self) -> float:
        """Length."""
        return self.recording.get_num_samples() / self.rate_hz

    @property
    def stops_at_s(self) -> float:
        """Session time of its end."""
        return self.starts_at_s + self.seconds

    @property
    def channels(self) -> tuple[str, ...]:
        """Names in the file."""
        return tuple(str(channel) for channel in self.recording.channel_ids)


@dataclass(frozen=True, eq=False)
class RecordedProbe:
    """The parts of one probe.

    Attributes
    ----------
    probe : str
        Its name, "" for none.
    parts : tuple of RecordingPart
        In the order of time, without overlaps.
    channels : mapping of str to str
        Name in the session -> name in the files, in the order of the first file.
    """

    probe: str
    parts: tuple[RecordingPart, ...]
    channels: Mapping[str, str]


def short_names(paths: Sequence[str]) -> list[str]:
    """Return as much of the end of each path as tells it from the other paths.

    Parameters
    ----------
    paths : sequence of str
        Paths; one that occurs twice keeps one name.

    Returns
    -------
    list of str
    """
    whole = [Path(path).parts for path in paths]
    depth = 1
    while depth < max(map(len, whole), default=1) and len(
        {parts[-depth:] for parts in whole}
    ) < len(set(whole)):
        depth += 1
    return ["/".join(parts[-depth:]) for parts in whole]


def join_recordings(parts: Sequence[RecordingPart]) -> tuple[RecordedProbe, ...]:
    """Sort the recordings of a session by probe and time, and refuse what cannot be one session.

    Parameters
    ----------
    parts : sequence of RecordingPart
        In the order of the table.

    Returns
    -------
    tuple of RecordedProbe
        In the order in which the table names them. Where a name of a channel is met on two
        probes, the channels of all named probes are called ``probe:channel``.

    Raises
    ------
    InputError
        Parts of one probe that overlap, other channels in a later part, a gap of more than a day,
        two probes whose channels cannot be told apart.
    """
    by_probe: dict[str, list[RecordingPart]] = {}
    for part in parts:
        by_probe.setdefault(part.probe, []).append(part)
    tracks = {
        probe: sorted(mine, key=lambda part: part.starts_at_s) for probe, mine in by_probe.items()
    }
    for probe, track in tracks.items():
        for before, after in pairwise(track):
            _refuse_overlap(before, after, probe)
            _refuse_other_channels(track[0], after)
    _refuse_long_gap(sorted(parts, key=lambda part: part.starts_at_s))
    named = [name for track in tracks.values() for name in track[0].channels]
    prefixed = len(set(named)) < len(named)
    return tuple(
        RecordedProbe(
            probe,
            tuple(track),
            {
                f"{probe}{SEPARATOR}{name}" if prefixed and probe else name: name
                for name in track[0].channels
            },
        )
        for probe, track in tracks.items()
    )


def _refuse_overlap(before: RecordingPart, after: RecordingPart, probe: str) -> None:
    # Half a sample: times are written with a few decimals.
    over = before.stops_at_s - after.starts_at_s
    if over <= 0.5 / min(before.rate_hz, after.rate_hz):
        return
    of = f"both of probe '{probe}'" if probe else "without a probe to tell them apart"
    raise InputError(
        f"recordings: {before.name} ({_times(before)}) and {after.name} ({_times(after)}) overlap "
        f"by {over:.3f} s on the session's clock, {of}; expected parts one after another: "
        "starts_at_s is wrong, or they are two probes that recorded in parallel (name them in the "
        "column 'probe')"
    )


def _times(part: RecordingPart) -> str:
    return f"{part.starts_at_s:.3f} to {part.stops_at_s:.3f} s"


def _refuse_other_channels(first: RecordingPart, part: RecordingPart) -> None:
    missing = [name for name in first.channels if name not in part.channels]
    more = [name for name in part.channels if name not in first.channels]
    if missing or more:
        said = [f"without {', '.join(missing[:8])}"] if missing else []
        said += [f"with {', '.join(more[:8])}"] if more else []
        raise InputError(
            f"recordings: {part.name}: found {len(part.channels)} channels, {' and '.join(said)}; "
            f"expected those of {first.name}, an earlier part of the same probe (another stream, "
            "channels renamed between the parts, or another probe: name it in the column 'probe')"
        )


def _refuse_long_gap(parts: Sequence[RecordingPart]) -> None:
    reached = parts[0]
    for part in parts[1:]:
        if part.starts_at_s - reached.stops_at_s > LONGEST_GAP_S:
            hours = (part.starts_at_s - reached.stops_at_s) / 3600
            raise InputError(
                f"recordings: {part.name}: starts_at_s: found {part.starts_at_s:g} s, {hours:.0f} "
                f"hours after the end of {reached.name}; expected parts of one visit, less than a "
                "day apart (milliseconds or sample numbers for seconds? another session?)"
            )
        if part.stops_at_s > reached.stops_at_s:
            reached = part


def pick_channels(
    probes: Sequence[RecordedProbe], listed: Sequence[str]
) -> tuple[RecordedProbe, ...]:
    """Return the probes with the channels that the channel table lists, in its order.

    Parameters
    ----------
    probes : sequence of RecordedProbe
        All that was recorded.
    listed : sequence of str
        Names in the session; all channels when empty.

    Returns
    -------
    tuple of RecordedProbe
        Without probes of which no channel is listed.

    Raises
    ------
    InputError
        If a listed channel was not recorded.
    """
    if not listed:
        return tuple(probes)
    known = [name for probe in probes for name in probe.channels]
    unknown = [name for name in listed if name not in known]
    if unknown:
        names = ", ".join(part.name for probe in probes for part in probe.parts)
        raise InputError(
            f"{names}: the channel table names {', '.join(unknown)}; the recording has "
            f"{', '.join(known[:12])}{' ...' if len(known) > 12 else ''}"
            f"{did_you_mean(unknown[0], known)}"
        )
    picked = [
        RecordedProbe(
            probe.probe,
            probe.parts,
            {name: probe.channels[name] for name in listed if name in probe.channels},
        )
        for probe in probes
    ]
    return tuple(probe for probe in picked if probe.channels)


def spread_times(
    times: np.ndarray, parts: Sequence[RecordingPart], *, what: str, chained: bool
) -> np.ndarray:
    """Bring times of a sorting to the session's clock.

    Parameters
    ----------
    times : ndarray
        Seconds from the first sample of the first of `parts`, ascending.
    parts : sequence of RecordingPart
        What was sorted, in the order of time.
    what : str
        The sorting and the unit, for messages.
    chained : bool
        Whether the parts were sorted as one recording, put one after another without their gaps.

    Returns
    -------
    ndarray
        Seconds on the session's clock.

    Raises
    ------
    InputError
        If a chained time lies beyond the end of the last part, or before the first.
    """
    import numpy as np

    times = np.asarray(times, dtype=np.float64)
    if not chained:
        return times + parts[0].starts_at_s
    borders = np.concatenate(([0.0], np.cumsum([part.seconds for part in parts])))
    # A spike belongs to the part of its sample; half a sample of slack for rounded seconds.
    slack = 0.5 / parts[0].rate_hz
    if len(times) and (times[0] < -slack or times[-1] > borders[-1] + slack):
        wrong = times[0] if times[0] < -slack else times[-1]
        names = ", ".join(part.name for part in parts)
        raise InputError(
            f"{what}: found a spike at {wrong:.3f} s; expected 0 to {borders[-1]:.3f} s, the "
            f"length of {names} one after another (other files were sorted, or with their gaps)"
        )
    index = np.searchsorted(borders[1:-1] - slack, times, side="right")
    starts = np.array([part.starts_at_s for part in parts])
    return starts[index] + times - borders[index]


def describe(part: RecordingPart) -> dict[str, Any]:
    """Return a part as sync.json states it."""
    return {
        "file": part.name,
        "probe": part.probe,
        "starts_at_s": part.starts_at_s,
        "seconds": part.seconds,
        "rate_hz": part.rate_hz,
    }
