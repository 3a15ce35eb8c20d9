"""Which channel of the LFP the phase of a unit's spikes is taken from.

A spike leaves its waveform in the LFP of its own electrode, and so locks to itself in fast bands
(Ray 2015, Curr Opin Neurobiol 31:111). The phase is therefore taken from another channel of the
unit's region.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
import xarray as xr

from pipeline.lfp.analytic import channels_by_region

#: channels of a region that phases are taken from, at most
_CANDIDATES = 4
#: from here on a channel is far enough not to see a unit's waveform
_FAR_UM = 200.0


def reference_channels(
    lfp: xr.DataArray,
    unit_id: Sequence[str],
    region: Sequence[str],
    *,
    unit_channel: Mapping[str, str],
    place_um: Mapping[str, Sequence[float]] | None = None,
    shank: Mapping[str, str] | None = None,
) -> list[int]:
    """Position of the channel that each unit's phase is taken from, -1 where there is none.

    Of four good channels of the region, evenly spread over it, the first from the middle outwards
    that is far from the unit's own channel: 200 um or more where places are known, else on another
    shank where shanks are known. Where none is, the first that is another channel than its own.
    One and the same channel in all epochs, and for all units that it is far enough from: preferred
    phases are only comparable on one channel.
    """
    candidates = {
        name: sorted(found.tolist(), key=partial(_away, found[len(found) // 2]))
        for name, found in channels_by_region(lfp, at_most=_CANDIDATES).items()
    }
    everywhere = channels_by_region(lfp)
    names = lfp["channel"].values.astype(str).tolist()
    bipolar = lfp.attrs.get("reference") == "bipolar"
    chosen = []
    for unit, here in zip(unit_id, region, strict=True):
        own = unit_channel.get(unit, "")
        # The region's other channels come last: a unit on the only spread one still has them.
        order = candidates.get(here, []) + everywhere.get(here, np.empty(0, int)).tolist()
        ranks = [_apart(own, names[c], place_um or {}, shank or {}, bipolar) for c in order]
        best = max(ranks, default=0)
        chosen.append(order[ranks.index(best)] if best else -1)
    return chosen


def _away(middle: int, channel: int) -> int:
    return abs(channel - middle)


def _apart(
    own: str,
    other: str,
    place_um: Mapping[str, Sequence[float]],
    shank: Mapping[str, str],
    bipolar: bool,
) -> int:
    """0: the unit's own channel; 1: another one; 2: far enough, or the unit's is not known."""
    if not own:
        return 2
    parts = other.split("-") if bipolar else [other]
    holds = bipolar and (other.startswith(f"{own}-") or other.endswith(f"-{own}"))
    if other == own or holds:
        return 0
    if own in place_um and all(part in place_um for part in parts):
        away = [math.dist(place_um[own], place_um[part]) for part in parts]
        return 2 if min(away) >= _FAR_UM else 1
    if own in shank and all(part in shank for part in parts):
        return 2 if all(shank[part] != shank[own] for part in parts) else 1
    return 1
