"""Channels that came loose, or were switched off, for a part of a session."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike

from pipeline.intervals import contains
from pipeline.lfp.artefact_scan import Scan

#: a channel with artefacts in more than this part of an epoch, while others have none, is loose
LOOSE_FRACTION = 0.2


def loose_channels(
    found: Scan,
    stretches: Mapping[str, ArrayLike],
    *,
    limit: float = LOOSE_FRACTION,
    what: str = "artefacts of its own",
) -> dict[int, str]:
    """Channels whose own artefacts take much of a stretch in which the others are clean.

    Parameters
    ----------
    found : Scan
        Artefact windows of each channel.
    stretches : mapping of str to array_like, shape (n, 2)
        Name -> seconds on the session clock.
    limit : float
        Part of the windows of a stretch, 0 to 1. The others are clean where the median over the
        other channels of this part does not pass it: what most channels see is an artefact of the
        animal or the rig, and no channel's fault.
    what : str
        What the windows are flagged for, in words.

    Returns
    -------
    dict of int to str
        Index among the scan's channels -> the largest share, where, and the limit.
    """
    own = np.asarray(found.flagged.any(axis=0))
    n_channels, n_windows = own.shape
    middle = found.start_s + found.window_s * (np.arange(n_windows) + 0.5)
    worst: dict[int, tuple[float, str]] = {}
    for name, intervals in stretches.items():
        inside = found.held & contains(intervals, middle)
        if n_channels < 2 or not inside.any():
            continue
        share = own[:, inside].mean(axis=1)
        for index in np.flatnonzero(share > limit).tolist():
            others = float(np.median(np.delete(share, index)))
            if others <= limit and share[index] > worst.get(index, (0.0, ""))[0]:
                words = (
                    f"{what} in {100 * share[index]:.0f} % of {name} (the other "
                    f"channels: {100 * others:.0f} %; limit {100 * limit:.0f} %)"
                )
                worst[index] = (float(share[index]), words)
    return {index: words for index, (_, words) in sorted(worst.items())}
