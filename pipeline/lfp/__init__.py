"""LFP: from raw recordings to spectra per epoch.

The room's door. Names are looked up when they are first used (PEP 562), so that listing this room's
metrics, which every workflow job does, imports neither numpy nor xarray.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipeline.lfp.aperiodic import SpectralShape, spectral_shape
    from pipeline.lfp.artefact_scan import BaselineStatistics
    from pipeline.lfp.artefacts import artefact_intervals, baseline_statistics
    from pipeline.lfp.bands import band_power, region_mean
    from pipeline.lfp.complexity import Complexity, cell_complexity
    from pipeline.lfp.coupling import Coupling, cell_coupling
    from pipeline.lfp.extract import extract_lfp, extract_lfp_to_netcdf
    from pipeline.lfp.hfo import EpochHfo, epoch_hfo
    from pipeline.lfp.phase_amplitude import PhaseAmplitude, cell_phase_amplitude
    from pipeline.lfp.quality import EpochQuality, epoch_quality
    from pipeline.lfp.signal import lfp_array, open_lfp
    from pipeline.lfp.spectrogram import session_spectrogram
    from pipeline.lfp.spectrum import Spectrum, epoch_spectrum

_HOME = {
    "BaselineStatistics": "artefact_scan",
    "Complexity": "complexity",
    "Coupling": "coupling",
    "EpochHfo": "hfo",
    "EpochQuality": "quality",
    "PhaseAmplitude": "phase_amplitude",
    "SpectralShape": "aperiodic",
    "Spectrum": "spectrum",
    "artefact_intervals": "artefacts",
    "band_power": "bands",
    "baseline_statistics": "artefacts",
    "cell_complexity": "complexity",
    "cell_coupling": "coupling",
    "cell_phase_amplitude": "phase_amplitude",
    "epoch_hfo": "hfo",
    "epoch_quality": "quality",
    "epoch_spectrum": "spectrum",
    "extract_lfp": "extract",
    "extract_lfp_to_netcdf": "extract",
    "lfp_array": "signal",
    "open_lfp": "signal",
    "region_mean": "bands",
    "session_spectrogram": "spectrogram",
    "spectral_shape": "aperiodic",
}

__all__ = [
    "BaselineStatistics",
    "Complexity",
    "Coupling",
    "EpochHfo",
    "EpochQuality",
    "PhaseAmplitude",
    "SpectralShape",
    "Spectrum",
    "artefact_intervals",
    "band_power",
    "baseline_statistics",
    "cell_complexity",
    "cell_coupling",
    "cell_phase_amplitude",
    "epoch_hfo",
    "epoch_quality",
    "epoch_spectrum",
    "extract_lfp",
    "extract_lfp_to_netcdf",
    "lfp_array",
    "open_lfp",
    "region_mean",
    "session_spectrogram",
    "spectral_shape",
]


def __getattr__(name: str) -> Any:
    """Import the module that holds a public name."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
