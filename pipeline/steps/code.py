"""Which code and which libraries every rule depends on: a change of them reruns it."""

from __future__ import annotations

from typing import Any

from pipeline.steps.provenance import code_hash, versions

#: what every room may import
_CORE = ("metric.py", "errors.py", "files.py", "intervals.py")
#: what opening a recording runs, and no reader of logs, tracks or sortings: a sort takes hours
_RECORDINGS = tuple(
    f"ingest/{name}.py"
    for name in (
        "axona",
        "damage",
        "edf_header",
        "events_files",
        "events_words",
        "files",
        "hdf5",
        "intan",
        "intan_flat",
        "joining",
        "lazy",
        "microvolts",
        "neuralynx",
        "neuroscope",
        "openers",
        "openers_rigs",
        "plexon",
        "probe",
        "reading",
        "recording",
        "streams",
        "tdt",
        "through_mne",
    )
)
#: rooms and modules that each rule runs
ROOMS = {
    "sort": (
        *_CORE,
        *_RECORDINGS,
        "spikes/sorting.py",
        "spikes/sorting_groups.py",
        "spikes/sorting_parameters.py",
        "spikes/sorting_quality.py",
        "spikes/sorting_signals.py",
        "spikes/units.py",
        "spikes/unit_form.py",
        "steps/extract_recordings.py",
        "steps/sort.py",
        "steps/guard.py",
    ),
    "extract": (
        *_CORE,
        "ingest",
        "lfp",
        "spikes/units.py",
        "spikes/unit_form.py",
        "experiment/behaviour_mapping.py",
        "experiment/behaviour_medpc.py",
        "experiment/behaviour_rules.py",
        "experiment/behaviour_scored.py",
        "experiment/movement_options.py",
        "steps/extract.py",
        "steps/extract_quality.py",
        "steps/extract_recordings.py",
        "steps/extract_scored.py",
        "steps/extract_sync.py",
        "steps/extract_trials.py",
        "steps/extract_units.py",
        "steps/sorted_spans.py",
        "steps/guard.py",
        "steps/outcomes_check.py",
    ),
    "measure": (
        *_CORE,
        "ingest",
        "lfp",
        "spikes",
        "flexibility",
        "experiment/task.py",
        "registry.py",
        "steps/measure.py",
        "steps/sources.py",
        "steps/spike_sources.py",
        "steps/session_data.py",
        "steps/lfp_quality.py",
        "steps/lacking.py",
        "steps/lacking_spikes.py",
        "steps/session_mains.py",
        "steps/epoch_tables.py",
        "steps/coupling_tables.py",
        "steps/spike_tables.py",
        "steps/time_courses.py",
        "steps/trial_tables.py",
        "steps/unit_tables.py",
        "steps/extract.py",
        "steps/guard.py",
    ),
    "cohort": (
        *_CORE,
        "registry.py",
        "compare",
        "experiment/plan.py",
        "steps/cohort.py",
        "steps/measure.py",
        "steps/record.py",
    ),
    "spectra": (
        *_CORE,
        "registry.py",
        "compare",
        "lfp/bands.py",
        "experiment/plan.py",
        "steps/spectra.py",
        "steps/cohort_time_courses.py",
        "steps/cohort.py",
        "steps/measure.py",
    ),
    "behaviour": (
        *_CORE,
        "compare",
        "flexibility",
        "experiment/plan.py",
        "experiment/task.py",
        "steps/behaviour.py",
        "steps/cell_means.py",
        "steps/cohort.py",
        "steps/measure.py",
        "steps/trial_tables.py",
    ),
    "spikes": (
        *_CORE,
        "compare",
        "experiment/plan.py",
        "steps/spikes.py",
        "steps/spike_tables.py",
        "steps/cell_means.py",
        "steps/cohort.py",
        "steps/measure.py",
    ),
    "shuffles": (
        *_CORE,
        "registry.py",
        "compare",
        "experiment/plan.py",
        "simulate/randomness.py",
        "steps/shuffles.py",
    ),
    "report": (
        *_CORE,
        "registry.py",
        "compare",
        "flexibility/schemes.py",
        "flexibility/specificity.py",
        "report",
        "experiment/plan.py",
        "steps/behaviour.py",
        "steps/report.py",
        "steps/spike_tables.py",
        "steps/spikes.py",
        "steps/trial_tables.py",
        "steps/typed.py",
    ),
    "pages": (*_CORE, "flexibility", "experiment/task.py", "report", "steps/pages.py"),
}
#: packages whose version each rule's results depend on
LIBRARIES = {
    "sort": (
        "h5netcdf",
        "hdbscan",
        "neo",
        "numba",
        "numpy",
        "pynwb",
        "scikit-learn",
        "scipy",
        "spikeinterface",
        "xarray",
    ),
    "extract": (
        "h5netcdf",
        "neo",
        "numpy",
        "pandas",
        "pyarrow",
        "pynwb",
        "scipy",
        "spikeinterface",
        "xarray",
    ),
    "measure": (
        "h5netcdf",
        "numpy",
        "pandas",
        "pyarrow",
        "scipy",
        "scikit-learn",
        "specparam",
        "xarray",
    ),
    "cohort": ("numpy", "pandas", "pyarrow", "scipy", "statsmodels"),
    "spectra": ("h5netcdf", "mne", "numpy", "pandas", "pyarrow", "scipy", "xarray"),
    "behaviour": ("numpy", "pandas", "scipy"),
    "spikes": ("numpy", "pandas", "pyarrow", "scipy"),
    "shuffles": ("numpy", "pandas", "pyarrow", "scipy"),
    "report": ("altair", "jinja2", "pandas", "scipy", "vl-convert-python"),
    "pages": ("altair", "pandas", "xarray", "jinja2"),
}


def code_of(step: str) -> dict[str, Any]:
    """Return the hash of a step's code and the versions of its libraries, for its settings."""
    return {"hash": code_hash(*ROOMS[step]), "versions": versions(*LIBRARIES[step])}


def code_of_steps() -> dict[str, dict[str, Any]]:
    """Return the hash of the code and the versions of the libraries of every step."""
    return {step: code_of(step) for step in ROOMS}
