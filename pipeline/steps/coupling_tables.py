"""What ``measure`` leaves of coupling for the pages: spectra of pairs of regions, comodulograms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.files import replacing
from pipeline.steps.guard import write_atomically

#: variables of a Coupling that are written
SPECTRA = ("coherence", "imaginary_coherence", "debiased_wpli", "pairwise_phase_consistency")


def write_coupling(cells: Sequence[tuple[Any, Mapping[str, Any]]], path: Path) -> None:
    """Write coupling.nc: coupling between regions and of phase with amplitude, per cell.

    Parameters
    ----------
    cells : sequence of (Span, mapping)
        Every cell, of all movement together, and its sources; those that are absent or None are
        left out.
    path : Path
        Dataset with coherence, imaginary_coherence, debiased_wpli and pairwise_phase_consistency
        (cell, pair, frequency); comodulogram (cell, region, phase_frequency, amplitude_frequency),
        the modulation index; phase_power in uV^2 and phase_peak_db (cell, region, phase_band),
        whether the slow band holds a rhythm. On cell the coordinates phase, context, anchor, step,
        n_windows (0 without coupling between regions) and n_blocks (0 without phase-amplitude
        coupling). A cell that lacks one of the two is NaN there. Empty when no cell has either.
    """
    kept = [
        (span, sources.get("coupling"), sources.get("phase_amplitude")) for span, sources in cells
    ]
    kept = [cell for cell in kept if cell[1] is not None or cell[2] is not None]
    if not kept:
        write_atomically(path, b"")
        return
    import xarray as xr

    parts = [_cell(coupling, rhythms) for _, coupling, rhythms in kept]
    spans = [span for span, _, _ in kept]
    joined = xr.concat(parts, dim="cell", data_vars="all", coords="minimal", join="outer")
    columns: dict[str, list[Any]] = {
        "phase": [span.phase for span in spans],
        "context": [span.context for span in spans],
        "anchor": [span.anchor for span in spans],
        "step": [span.step for span in spans],
        "n_windows": [0 if coupling is None else coupling.n_windows for _, coupling, _ in kept],
        "n_blocks": [0 if rhythms is None else rhythms.n_blocks for _, _, rhythms in kept],
    }
    labels = {name: ("cell", values) for name, values in columns.items()}
    with replacing(path) as temporary:
        joined.assign_coords(labels).to_netcdf(temporary, engine="h5netcdf")


def _cell(coupling: Any, rhythms: Any) -> Any:
    """Variables of one cell."""
    import xarray as xr

    variables: dict[str, Any] = {}
    if coupling is not None:
        spectra = coupling.spectra[[name for name in SPECTRA if name in coupling.spectra]]
        variables |= dict(spectra.reset_coords(drop=True).data_vars)
    if rhythms is not None:
        variables["comodulogram"] = rhythms.comodulogram
        variables["phase_power"] = rhythms.rhythm["power"]
        variables["phase_peak_db"] = rhythms.rhythm["peak_db"]
    return xr.Dataset(variables)
