"""What ``measure`` leaves for the pages: spectra and the quality of the epochs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.files import replacing
from pipeline.intervals import contains, intersect, subtract, total_seconds
from pipeline.steps.guard import write_atomically
from pipeline.steps.typed import write_text

#: the design's minimum_epoch_s where the settings do not hold it
MINIMUM_EPOCH_S = 30.0
#: an epoch with less clean time is short: it is compared, with a warning
SHORT_EPOCH_S = 60.0
#: columns of epochs.tsv
EPOCH_COLUMNS = (
    "phase",
    "context",
    "interval",
    "anchor",
    "step",
    "start_s",
    "stop_s",
    "recorded_s",
    "clean_s",
    "kept_fraction",
    "amplitude_s",
    "flat_s",
    "saturated_s",
    "burst_s",
    "n_bursts",
    "n_windows",
    "judgement",
)


def write_spectra(spectra: Sequence[tuple[Any, Any]], short: Any, speed: Any, path: Path) -> None:
    """Write spectra.nc: one spectrum per context interval, and a coarse spectrogram.

    Parameters
    ----------
    spectra : sequence of (Span, Spectrum)
        Of all movement together.
    short : ShortSpectra or None
        For the spectrogram (:func:`pipeline.steps.time_courses.session_spectra`).
    speed : ndarray (time,) or None
        Mean speed in each column of the spectrogram, cm/s; None when movement is not known.
    path : Path
        Dataset with psd (epoch, channel, frequency) and spectrogram (time, channel,
        row_frequency), both uV^2/Hz; speed_cm_s (time); on epoch the coordinates phase, context,
        interval, anchor, n_windows, seconds. Empty when the session has no LFP.
    """
    import xarray as xr

    if short is None:
        write_atomically(path, b"")
        return
    spectrogram = short.spectrogram.rename(frequency="row_frequency")
    variables: dict[str, Any] = {"spectrogram": spectrogram}
    if speed is not None:
        variables["speed_cm_s"] = ("time", speed, {"units": "cm/s"})
    if spectra:
        spans = [span for span, _ in spectra]
        psd = xr.concat([spectrum.psd for _, spectrum in spectra], dim="epoch")
        variables["psd"] = psd.assign_coords(
            phase=("epoch", [span.phase for span in spans]),
            context=("epoch", [span.context for span in spans]),
            interval=("epoch", [span.interval for span in spans]),
            anchor=("epoch", [span.anchor for span in spans]),
            n_windows=("epoch", [spectrum.n_windows for _, spectrum in spectra]),
            seconds=("epoch", [spectrum.seconds for _, spectrum in spectra]),
        )
    with replacing(path) as temporary:
        xr.Dataset(variables).to_netcdf(temporary, engine="h5netcdf")


def write_epochs(
    spans: Sequence[Any],
    data: Any,
    quality: Any,
    spectra: Mapping[tuple[str, str, str, int], Any],
    path: Path,
) -> tuple[str, ...]:
    """Write epochs.tsv: one row per context interval and phase.

    Columns: phase, context, interval, anchor, step, start_s, stop_s, recorded_s (inside the
    recording), clean_s (without artefacts), kept_fraction, amplitude_s, flat_s, saturated_s,
    burst_s (artefact seconds of each kind, which may overlap; blank without LFP), n_bursts,
    n_windows, judgement (``enough``; ``short``: below a minute; ``too little``: below the design's
    minimum, left out of the comparison; ``not recorded``). The judgement is that of the cell: the
    clean seconds of all its intervals, with an LFP those in whole windows of its spectra.

    Returns
    -------
    tuple of str
        A warning for every cell that is short, or too little.
    """
    import pandas as pd

    minimum_s = data.options.get("design", {}).get("minimum_epoch_s", MINIMUM_EPOCH_S)
    in_windows = data.has("lfp")
    used_s: dict[tuple[str, str, str], float] = {}
    recorded_s: dict[tuple[str, str, str], float] = {}
    rows = []
    for span in spans:
        recorded = intersect(span.intervals, data.recorded)
        clean = total_seconds(subtract(recorded, quality.artefacts))
        spectrum = spectra.get((span.anchor, span.phase, span.context, span.interval))
        inside = total_seconds(recorded)
        cell = (span.anchor, span.phase, span.context)
        used = clean
        if in_windows:
            used = 0.0 if spectrum is None else spectrum.seconds
        used_s[cell] = used_s.get(cell, 0.0) + used
        recorded_s[cell] = recorded_s.get(cell, 0.0) + inside
        rows.append(
            {
                "phase": span.phase,
                "context": span.context,
                "interval": span.interval,
                "anchor": span.anchor,
                "step": span.step,
                "start_s": span.start_s,
                "stop_s": span.stop_s,
                "recorded_s": inside,
                "clean_s": clean,
                "kept_fraction": clean / inside if inside else np.nan,
                **_kinds(recorded, quality),
                "n_windows": spectrum.n_windows if spectrum is not None else 0,
            }
        )
    judged = {c: judgement(recorded_s[c], used_s[c], minimum_s=minimum_s) for c in used_s}
    for row in rows:
        row["judgement"] = judged[row["anchor"], row["phase"], row["context"]]
    table = pd.DataFrame(rows, columns=list(EPOCH_COLUMNS))
    table["n_bursts"] = table["n_bursts"].astype("Int64")
    write_text(table, path)
    return tuple(
        f"{phase}, {context}: {used_s[anchor, phase, context]:.0f} s of clean time"
        + (" in whole windows" if in_windows else "")
        + (
            f", fewer than minimum_epoch_s ({minimum_s:g} s): left out of the comparison"
            if words == "too little"
            else f": short, below {SHORT_EPOCH_S:g} s"
        )
        for (anchor, phase, context), words in judged.items()
        if words in ("too little", "short")
    )


def judgement(recorded_s: float, used_s: float, *, minimum_s: float) -> str:
    """Say whether the seconds of a cell that measures can use are enough.

    Parameters
    ----------
    recorded_s, used_s : float
        Of all intervals of the cell.
    minimum_s : float
        The design's minimum_epoch_s.
    """
    if recorded_s <= 0:
        return "not recorded"
    if used_s < minimum_s:
        return "too little"
    return "short" if used_s < SHORT_EPOCH_S else "enough"


def _kinds(recorded: Any, quality: Any) -> dict[str, float | int | None]:
    """Artefact seconds of each kind in an epoch, and bursts that begin in it."""
    found: dict[str, float | int | None] = {
        f"{kind}_s": total_seconds(intersect(recorded, intervals))
        for kind, intervals in quality.kinds.items()
    }
    if quality.bursts is not None:
        found["n_bursts"] = int(contains(recorded, quality.bursts[:, 0]).sum())
    return found
