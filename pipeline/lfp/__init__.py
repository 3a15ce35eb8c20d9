"""LFP: from raw recordings to spectra per epoch.

The room's door. Names are looked up when they are first used (PEP 562), so that listing this room's
metrics, which every workflow job does, imports neither numpy nor xarray.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipeline.lfp.artefacts import (
        BaselineStatistics,
        artefact_intervals,
        baseline_statistics,
    )
    from pipeline.lfp.extract import extract_lfp, extract_lfp_to_netcdf
    from pipeline.lfp.signal import lfp_array, open_lfp
    from pipeline.lfp.spectrum import Spectrum, epoch_spectrum, session_spectrogram

_HOME = {
    "BaselineStatistics": "artefacts",
    "Spectrum": "spectrum",
    "artefact_intervals": "artefacts",
    "baseline_statistics": "artefacts",
    "epoch_spectrum": "spectrum",
    "extract_lfp": "extract",
    "extract_lfp_to_netcdf": "extract",
    "lfp_array": "signal",
    "open_lfp": "signal",
    "session_spectrogram": "spectrum",
}

__all__ = [
    "BaselineStatistics",
    "Spectrum",
    "artefact_intervals",
    "baseline_statistics",
    "epoch_spectrum",
    "extract_lfp",
    "extract_lfp_to_netcdf",
    "lfp_array",
    "open_lfp",
    "session_spectrogram",
]


def __getattr__(name: str) -> Any:
    """Import the module that holds a public name."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
