"""What ``measure`` leaves for the pages: spectra and the quality of the epochs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.files import replacing
from pipeline.intervals import intersect, subtract, total_seconds
from pipeline.steps.guard import write_atomically


def write_spectra(spectra: Sequence[tuple[Any, Any]], data: Any, quality: Any, path: Path) -> None:
    """Write spectra.nc: one spectrum per context interval, and a coarse spectrogram.

    Parameters
    ----------
    spectra : sequence of (Span, Spectrum)
        Of all movement together.
    data : SessionData
        For the spectrogram.
    quality : Quality
        Artefacts are left out of the spectrogram.
    path : Path
        Dataset with psd (epoch, channel, frequency) and spectrogram (time, channel,
        row_frequency), both uV^2/Hz; on epoch the coordinates phase, context, interval, anchor,
        n_windows, seconds. Empty when the session has no LFP.
    """
    import xarray as xr

    from pipeline.lfp import session_spectrogram

    if not data.has("lfp"):
        write_atomically(path, b"")
        return
    clean = subtract(data.recorded, quality.artefacts)
    spectrogram = session_spectrogram(
        data.lfp, window_s=data.options["lfp"]["segment_s"], clean=clean
    ).rename(frequency="row_frequency")
    variables: dict[str, Any] = {"spectrogram": spectrogram}
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
) -> None:
    """Write epochs.tsv: one row per context interval and phase.

    Columns: phase, context, interval, anchor, step, start_s, stop_s, recorded_s (inside the
    recording), clean_s (without artefacts), kept_fraction, n_windows.
    """
    import pandas as pd

    rows = []
    for span in spans:
        recorded = intersect(span.intervals, data.recorded)
        clean = subtract(recorded, quality.artefacts)
        spectrum = spectra.get((span.anchor, span.phase, span.context, span.interval))
        inside = total_seconds(recorded)
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
                "clean_s": total_seconds(clean),
                "kept_fraction": total_seconds(clean) / inside if inside else np.nan,
                "n_windows": spectrum.n_windows if spectrum is not None else 0,
            }
        )
    columns = ["phase", "context", "interval", "anchor", "step", "start_s", "stop_s"]
    columns += ["recorded_s", "clean_s", "kept_fraction", "n_windows"]
    table = pd.DataFrame(rows, columns=columns)
    write_atomically(path, table.to_csv(sep="\t", index=False, lineterminator="\n"))
