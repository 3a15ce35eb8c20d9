"""What is left out of a session's LFP: artefacts, and channels that came loose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.intervals import Intervals, intersect, merge, total_seconds

if TYPE_CHECKING:
    from pipeline.steps.session_data import SessionData, Span

#: seconds as loud as bursts, but no bursts, from which a warning says so
_LASTING_S = 5.0
#: seconds that only a raised threshold kept, from which a warning says so
_RAISED_S = 5.0

NOTHING_LEFT = (
    "all channels of the LFP are bad: the session has no outcome of the LFP; everything else is "
    "measured"
)


@dataclass(frozen=True, eq=False)
class LfpQuality:
    """As :class:`pipeline.steps.session_data.Quality` has it, for the LFP alone."""

    artefacts: Intervals = field(default_factory=lambda: np.empty((0, 2)))
    bursts: Intervals | None = None
    kinds: Mapping[str, Intervals] = field(default_factory=dict)
    loose: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)


def assess_lfp(
    data: SessionData, own: Intervals, epochs: Sequence[Span], options: Mapping[str, Any]
) -> LfpQuality:
    """Find artefacts and loose channels, with thresholds frozen on the baseline.

    Parameters
    ----------
    data : SessionData
        With an LFP that has a good channel.
    own : ndarray, shape (n, 2)
        Recorded seconds of its baseline; the whole recording is taken where it has none.
    epochs : sequence of Span
        In which no channel may be loose.
    options : mapping
        The config's sections.
    """
    from pipeline.lfp.artefacts import find_artefacts

    warnings = []
    if not len(own):
        own = data.recorded
        warnings.append(
            "no baseline in this session: artefact thresholds rest on the whole recording"
        )
    cells: dict[str, list[Intervals]] = {}
    for span in epochs:
        cells.setdefault(f"{span.phase}, {span.context}", []).append(span.intervals)
    found = find_artefacts(
        data.lfp,
        baseline=own,
        epochs={name: merge(np.vstack(parts)) for name, parts in cells.items()},
        threshold_sd=options["lfp"]["artefact_sd"],
    )
    lost, facts = _loose(data, found.loose)
    warnings += lost
    if not facts.get("regions", True):
        return LfpQuality(loose=found.loose, warnings=(*warnings, NOTHING_LEFT), facts=facts)
    warnings += [found.bursts.note] if found.bursts.note else []
    facts["kept_fraction"] = round(
        1 - total_seconds(found.intervals) / total_seconds(data.recorded), 4
    )
    facts["artefact_s"] = {
        kind: round(total_seconds(intervals), 1) for kind, intervals in found.kinds.items()
    }
    bursts = found.bursts.events if found.bursts.possible else None
    if bursts is not None:
        facts["n_bursts"] = len(bursts)
    if (lasting := total_seconds(found.bursts.sustained)) >= _LASTING_S:
        warnings.append(
            f"{lasting:.0f} s are as loud at 70-110 Hz and at high frequencies as bursts of "
            "muscles, but last longer than 2 s or are no louder than the time around them: "
            "they count as no burst and are not left out (long chewing, or a change of the "
            "whole spectrum)"
        )
    if (raised := total_seconds(found.raised)) >= _RAISED_S:
        where = {
            name: total_seconds(intersect(found.raised, merge(np.vstack(parts))))
            for name, parts in cells.items()
        }
        parts = ", ".join(f"{name} {seconds:.0f} s" for name, seconds in where.items() if seconds)
        warnings.append(
            f"{raised:.0f} s are kept only because the amplitude's threshold is raised where the "
            f"signal is larger than in the baseline{f' ({parts})' if parts else ''}: a true rise, "
            "or time full of artefacts"
        )
    return LfpQuality(found.intervals, bursts, found.kinds, found.loose, tuple(warnings), facts)


def _loose(data: SessionData, loose: Mapping[str, str]) -> tuple[list[str], dict[str, Any]]:
    """Say which channels and regions are lost: warnings, and facts where there is any."""
    if not loose:
        return [], {}
    names = data.lfp["channel"].values.astype(str)
    regions = data.lfp["region"].values.astype(str)
    before = ~data.lfp["bad"].values.astype(bool)
    after = before & ~np.isin(names, list(loose))
    region_of = dict(zip(names.tolist(), regions.tolist(), strict=True))
    warnings = [
        f"channel {name} ({region_of[name]}) counts as bad in this session: {why}"
        for name, why in loose.items()
    ]
    for region in sorted(set(regions[before]) - set(regions[after])):
        own = ", ".join(names[before & (regions == region)])
        warnings.append(
            f"region {region} has no good channel left ({own}): it has no outcome in this session"
        )
    facts = {
        "regions": sorted(set(regions[after].tolist())),
        "bad_channels": sorted(names[~after].tolist()),
        "loose_channels": dict(loose),
    }
    return warnings, facts
