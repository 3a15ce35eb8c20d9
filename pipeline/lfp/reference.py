"""Reference of the LFP: as recorded, common median of a region, or bipolar.

Never across regions: subtracting what two regions share would make coherence between them. The
file is rewritten as a stream, sample by sample the same arithmetic, so that memory does not grow
with duration and bytes do not depend on how the stream was cut.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from pipeline.errors import InputError
from pipeline.lfp.signal import lfp_attributes, rate_of, read_samples, start_of, write_lfp

#: fewer good channels of a region have no median that any one of them does not decide
LEAST_MEDIAN = 3
#: values held at a time
_CHUNK_VALUES = 2**21


@dataclass(frozen=True, eq=False)
class Montage:
    """How the channels of the new file come from those of the old one.

    Attributes
    ----------
    channels : tuple of str
        Names in the new file.
    region : dict of str to str
        Region of each.
    bad : tuple of str
        Those that are bad.
    groups : tuple of ndarray of int
        Common median: good channels of each region, from all of which their median is taken off.
    pairs : ndarray of int, shape (n, 2)
        Bipolar: channel n of the new file is the difference of these two of the old one.
    notes : tuple of str
        What was left out.
    """

    channels: tuple[str, ...]
    region: dict[str, str]
    bad: tuple[str, ...]
    groups: tuple[NDArray[np.int64], ...] = ()
    pairs: NDArray[np.int64] | None = None
    notes: tuple[str, ...] = ()


def reference_lfp(
    source: str | Path,
    path: str | Path,
    *,
    reference: str,
    shank: Mapping[str, str] | None = None,
) -> tuple[str, ...]:
    """Write an LFP with another reference.

    Parameters
    ----------
    source : str or Path
        File that :func:`pipeline.lfp.signal.write_lfp` wrote, with its bad channels marked.
    path : str or Path
        The new file; may be `source`, which is replaced when the new one is whole.
    reference : {"common_median", "bipolar"}
        common_median: every good channel minus the median, sample by sample, of the good channels
        of its region; bad channels and channels without a region stay as recorded, and so do those
        of a region with fewer than three good ones, which are marked bad. bipolar:
        differences of channels that follow each other in the file, within region and shank, named
        "a-b"; a bad channel between two good ones parts them.
    shank : mapping of str to str, optional
        Shank of every channel; all on one, when not given.

    Returns
    -------
    tuple of str
        What was left out, for the warnings.

    Raises
    ------
    InputError
        If every region has too few good channels; one among others is left out, with a note.
    """
    with xr.open_dataset(source, engine="h5netcdf", cache=False) as file:
        lfp = file["lfp"]
        montage = plan_montage(lfp, reference=reference, shank=shank or {})
        kept = set(lfp_attributes(rate_hz=1.0, pass_band_hz=None)) | {"recorded_s", "reference"}
        recorded_s = lfp.attrs.get("recorded_s")
        write_lfp(
            path,
            _blocks(lfp, montage),
            n_samples=lfp.sizes["time"],
            rate_hz=rate_of(lfp),
            channels=montage.channels,
            start_s=start_of(lfp),
            region=montage.region,
            bad=montage.bad,
            pass_band_hz=float(lfp.attrs["pass_band_hz"]),
            recorded_s=None if recorded_s is None else np.reshape(recorded_s, (-1, 2)),
            attributes={k: v for k, v in lfp.attrs.items() if k not in kept}
            | {"reference": reference},
        )
    return montage.notes


def plan_montage(lfp: xr.DataArray, *, reference: str, shank: Mapping[str, str]) -> Montage:
    """Decide which channels are combined; no sample is read.

    Parameters
    ----------
    lfp : DataArray (time, channel)
        With its bad channels marked.
    reference, shank
        As in :func:`reference_lfp`.

    Raises
    ------
    InputError
        See :func:`reference_lfp`.
    """
    names = lfp["channel"].values.astype(str).tolist()
    regions = lfp["region"].values.astype(str).tolist()
    good = ~lfp["bad"].values.astype(bool)
    if reference == "common_median":
        return _common_median(names, regions, good)
    if reference == "bipolar":
        return _bipolar(names, regions, good, [shank.get(name, "") for name in names])
    raise ValueError(f"reference {reference!r}; expected common_median or bipolar")


def _common_median(names: list[str], regions: list[str], good: NDArray[np.bool_]) -> Montage:
    groups, few, lost = [], [], set()
    for region in sorted(set(regions) - {""}):
        own = np.flatnonzero([r == region and g for r, g in zip(regions, good, strict=True)])
        if 0 < len(own) < LEAST_MEDIAN:
            few.append(f"region {region}: {len(own)}")
            lost.update(own.tolist())
        elif len(own):
            groups.append(own)
    if few and not groups:
        raise InputError(
            f"lfp.reference: common_median: found too few good channels ({'; '.join(few)}); "
            f"expected at least {LEAST_MEDIAN} in a region (a median of fewer is one of them, "
            "or their mean: use recorded or bipolar)"
        )
    bad = tuple(name for i, name in enumerate(names) if not good[i] or i in lost)
    notes = tuple(
        f"common median: {words} good channel(s), fewer than {LEAST_MEDIAN}: the region is left "
        "out of the LFP"
        for words in few
    )
    region_of = dict(zip(names, regions, strict=True))
    return Montage(tuple(names), region_of, bad, tuple(groups), notes=notes)


def _bipolar(
    names: list[str], regions: list[str], good: NDArray[np.bool_], shanks: list[str]
) -> Montage:
    pairs, region = [], {}
    places = [p for p in dict.fromkeys(zip(regions, shanks, strict=True)) if p[0]]
    for place in places:
        own = [i for i, here in enumerate(zip(regions, shanks, strict=True)) if here == place]
        for first, second in pairwise(own):
            if good[first] and good[second]:
                pairs.append((first, second))
                region[f"{names[first]}-{names[second]}"] = place[0]
    alive = {r for r, fine in zip(regions, good, strict=True) if fine and r}
    without = sorted(alive - set(region.values()))
    if not pairs:
        raise InputError(
            f"lfp.reference: bipolar: found no two good channels that follow each other on one "
            f"shank in region {', '.join(without) or 'any'}; expected at least 2 in a region (bad "
            "channels between them? use recorded)"
        )
    used = {index for pair in pairs for index in pair}
    left = [names[i] for i in range(len(names)) if good[i] and i not in used]
    notes = [f"bipolar reference: no good neighbour for channel {', '.join(left)}: left out"]
    notes = notes if left else []
    notes += [
        f"bipolar reference: region {name} has no two good channels that follow each other on one "
        "shank: the region is left out of the LFP"
        for name in without
    ]
    return Montage(tuple(region), region, (), pairs=np.array(pairs), notes=tuple(notes))


def _blocks(lfp: xr.DataArray, montage: Montage) -> Iterator[NDArray[np.float32]]:
    """Samples of the new file, shape (n, n_channels), consecutive."""
    everything = np.arange(lfp.sizes["channel"])
    rows = max(1, _CHUNK_VALUES // len(everything))
    for first in range(0, lfp.sizes["time"], rows):
        past = min(first + rows, lfp.sizes["time"])
        samples = read_samples(lfp, first, past, everything)
        if montage.pairs is None:
            for group in montage.groups:
                samples[group] -= _median(samples[group])
        else:
            samples = samples[montage.pairs[:, 0]] - samples[montage.pairs[:, 1]]
        yield np.ascontiguousarray(samples.T)


def _median(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Median over channels, shape (n,); NaN where a channel was not recorded."""
    ordered = np.sort(samples, axis=0)
    middle = len(ordered) // 2
    median = ordered[middle].copy()
    if len(ordered) % 2 == 0:
        median += ordered[middle - 1]
        median *= np.float32(0.5)
    # Sorting puts NaN last.
    median[np.isnan(ordered[-1])] = np.nan
    return median
