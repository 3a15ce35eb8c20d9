"""What the metrics of an epoch are computed from, made when the first metric asks for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from pipeline.intervals import Intervals, intersect, subtract, total_seconds
from pipeline.steps.session_data import Quality, SessionData, Span
from pipeline.steps.spike_sources import SpikeSession

#: the split into phases of learning, and what of the LFP is measured in their short pieces
LEARNING, BRIEF = "learning", ("spectrum", "quality")


class Sources(Mapping[str, Any]):
    """Sources by name; each is computed once, when it is first asked for.

    Parameters
    ----------
    makers : mapping of str to callable
        What makes each source that the session can have; it may return None.
    """

    def __init__(self, makers: Mapping[str, Callable[[], Any]]) -> None:
        self._makers = dict(makers)
        self._made: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        """Return a source, or None where the epoch does not allow it."""
        if name not in self._made:
            self._made[name] = self._makers[name]()
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names of the sources that the session can have."""
        return iter(self._makers)

    def __len__(self) -> int:
        """Return the number of sources that the session can have."""
        return len(self._makers)


def interval_sources(
    within: Intervals,
    data: SessionData,
    quality: Quality,
    *,
    split: str = "",
    spikes: SpikeSession | None = None,
) -> Sources:
    """Return the sources of the metrics that are computed per context interval.

    Parameters
    ----------
    within : ndarray, shape (n, 2)
        Seconds of the interval, or of its part in one stratum of movement.
    data : SessionData
        The session.
    quality : Quality
        What is left out of it.
    split : str
        How the interval is split; the leakage of spikes is a check of whole intervals, and phases
        of learning are too short for anything but power.
    spikes : SpikeSession, optional
        The session's units, where it has any.
    """
    recorded = intersect(within, data.recorded)
    if not total_seconds(recorded):
        return Sources({})
    makers: dict[str, Callable[[], Any]] = {}
    if data.has("lfp"):
        spectral = _spectral(recorded, data, quality, spikes=None if split else spikes)
        makers |= {name: spectral[name] for name in spectral if split != LEARNING or name in BRIEF}
    if spikes is not None:
        makers["units"] = lambda: spikes.units(recorded)
    if data.has("movement"):
        makers["movement"] = lambda: _movement(recorded, data)
        makers["track"] = lambda: _track(recorded, data)
    if data.has("scored"):
        makers["scored"] = lambda: _scored(recorded, data)
    return Sources(makers)


def cell_sources(
    spans: Intervals,
    data: SessionData,
    quality: Quality,
    *,
    split: str,
    cell: Span | None = None,
    spikes: SpikeSession | None = None,
) -> Sources:
    """Return the sources, but for trials, of the metrics that are computed once per cell.

    Parameters
    ----------
    spans : ndarray, shape (n, 2)
        Seconds of all intervals of the cell, or of their parts in one stratum of movement.
    data, quality : SessionData, Quality
        The session, and what is left out of it.
    split : str
        How the cell is split; the way travelled is measured in whole cells only, and coupling and
        complexity not in the phases of learning.
    cell : Span, optional
        Context and phase of the cell.
    spikes : SpikeSession, optional
        The session's units, where it has any.
    """
    makers: dict[str, Callable[[], Any]] = {}
    recorded = intersect(spans, data.recorded)
    if not total_seconds(recorded):
        return Sources(makers)
    if data.has("lfp") and split != LEARNING:
        makers |= _pooled(recorded, data, quality)
    if data.has("movement") and not split:
        makers["movement"] = lambda: _movement(recorded, data)
    if spikes is not None and cell is not None:
        makers |= spikes.sources(recorded, context=cell.context, phase=cell.phase, split=split)
    return Sources(makers)


def trial_sources(
    spans: Intervals, data: SessionData, *, whole: bool, administrations_s: Sequence[float]
) -> Sources:
    """Return the trials of a cell, which may go on where no recording does.

    Parameters
    ----------
    spans : ndarray, shape (n, 2)
        Seconds of all intervals of the cell.
    data : SessionData
        The session.
    whole : bool
        Whether the cell is the session from start to end, with or without clock times.
    administrations_s : sequence of float
        When anything was given: a set that is under way then ends there.
    """
    if not data.has("trials") or not (whole or len(spans)):
        return Sources({})
    times = None if whole else spans
    return Sources({"trials": lambda: _trials(times, data, administrations_s)})


def _spectral(
    recorded: Intervals, data: SessionData, quality: Quality, *, spikes: SpikeSession | None
) -> dict[str, Callable[[], Any]]:
    """Sources from the LFP of one interval; the later ones rest on the earlier ones."""
    from pipeline import lfp

    options, line_hz = data.options["lfp"], data.options["recording"]["line_noise_hz"]
    clean = subtract(recorded, quality.artefacts)

    def spectrum() -> Any:
        return lfp.epoch_spectrum(
            data.lfp,
            clean,
            segment_s=options["segment_s"],
            half_bandwidth_hz=options["half_bandwidth_hz"],
        )

    def shape() -> Any:
        if made["spectrum"] is None:
            return None
        return lfp.spectral_shape(
            made["spectrum"], options=options["aperiodic"], line_hz=line_hz, mains=quality.mains
        )

    def hfo() -> Any:
        if made["shape"] is None:
            return None
        return lfp.epoch_hfo(data.lfp, clean, shape=made["shape"], options=options["hfo"])

    def leakage() -> Any:
        from pipeline.lfp.hfo import held_band
        from pipeline.spikes import spike_leakage

        # as far as the recording shows it, like the power that it is held against
        band = held_band(options["hfo"]["band_hz"], (0.0, data.lfp.attrs["pass_band_hz"]))
        if band is None or spikes is None:
            return None
        return spike_leakage(data.lfp, spikes.kept, clean, band_hz=band)

    makers = {"spectrum": spectrum, "shape": shape, "hfo": hfo}
    makers["quality"] = lambda: lfp.epoch_quality(
        recorded, artefacts=quality.artefacts, bursts=quality.bursts
    )
    if spikes is not None:
        makers["leakage"] = leakage
    made = Sources(makers)
    return {name: partial(made.__getitem__, name) for name in made}


def _pooled(
    recorded: Intervals, data: SessionData, quality: Quality
) -> dict[str, Callable[[], Any]]:
    """Sources whose bias depends on the length of what they rest on: one length for all cells."""
    from pipeline import lfp

    options, line_hz = data.options["lfp"], data.options["recording"]["line_noise_hz"]
    clean = subtract(recorded, quality.artefacts)
    return {
        "coupling": lambda: lfp.cell_coupling(
            data.lfp,
            clean,
            options=options["coupling"],
            line_hz=line_hz,
            highest_hz=highest_band(data),
        ),
        "phase_amplitude": lambda: lfp.cell_phase_amplitude(
            data.lfp,
            clean,
            bands=options["bands"],
            options=options["phase_amplitude"],
            line_hz=line_hz,
        ),
        "complexity": lambda: lfp.cell_complexity(
            data.lfp, clean, options=options["complexity"], line_hz=line_hz
        ),
    }


def highest_band(data: SessionData) -> float:
    """Where coupling ends: with the highest band that the recording shows, not below 200 Hz."""
    from pipeline.lfp.coupling import HIGHEST_HZ

    pass_band_hz = data.lfp.attrs["pass_band_hz"] + 1e-9
    ends = [high for _, high in data.options["lfp"]["bands"].values() if high <= pass_band_hz]
    return max([HIGHEST_HZ, *ends])


def _movement(recorded: Intervals, data: SessionData) -> Any:
    from pipeline.ingest import epoch_movement

    return epoch_movement(data.movement, recorded)


def _track(recorded: Intervals, data: SessionData) -> Any:
    from pipeline.ingest import epoch_track

    return epoch_track(data.movement, recorded)


def _scored(recorded: Intervals, data: SessionData) -> Any:
    from pipeline.ingest import epoch_scored

    return epoch_scored(data.scored, recorded)


def _trials(spans: Intervals | None, data: SessionData, administrations_s: Sequence[float]) -> Any:
    from pipeline.flexibility import epoch_trials

    scheme = data.options["flexibility"]["error_scheme"]
    return epoch_trials(data.scores, spans, scheme=scheme, administrations_s=administrations_s)
