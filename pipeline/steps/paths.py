"""Where results lie: one function, and the files of each rule by name."""

from __future__ import annotations


def session_file(session: str, name: str) -> str:
    """Return the path of one file of one session (``{session}`` stays a wildcard)."""
    return f"results/sessions/{session}/{name}"


_EXTRACTED = {
    "lfp": "lfp.nc",
    "units": "units.nc",
    "trials": "trials.parquet",
    "movement": "movement.parquet",
    "scored": "scored.parquet",
    "sync": "sync.json",
    "status": "extract.status.json",
}
_SORTED = {"sorted": "sorted.nc", "status": "sort.status.json"}
_MEASURED = {
    "observations": "observations.parquet",
    "spectra": "spectra.nc",
    "coupling": "coupling.nc",
    "timecourse": "timecourse.parquet",
    "scored_trials": "scored_trials.tsv",
    "sets": "sets.tsv",
    "modulation": "modulation.tsv",
    "locking": "locking.parquet",
    "responses": "responses.parquet",
    "autocorrelograms": "autocorrelograms.parquet",
    "unit_rates": "unit_rates.parquet",
    "units_table": "units.tsv",
    "epochs": "epochs.tsv",
    "status": "measure.status.json",
}

#: outputs of the rules ``sort``, ``extract`` and ``measure``
SORTED = {key: session_file("{session}", name) for key, name in _SORTED.items()}
EXTRACTED = {key: session_file("{session}", name) for key, name in _EXTRACTED.items()}
MEASURED = {key: session_file("{session}", name) for key, name in _MEASURED.items()}

#: outputs of the rule ``cohort``
COHORT_TABLES = {
    "observations": "results/cohort/observations.parquet",
    "outcomes": "results/cohort/outcomes.parquet",
    "contrasts": "results/cohort/contrasts.tsv",
    "verdicts": "results/cohort/verdicts.tsv",
    "missing": "results/cohort/missing_cells.tsv",
    "completeness": "results/cohort/completeness.tsv",
    "record": "results/cohort/run.json",
}

#: outputs of the rule ``spectra``
SPECTRA_TABLES = {
    "means": "results/cohort/spectra.parquet",
    "units": "results/cohort/spectra_units.parquet",
    "clusters": "results/cohort/clusters.tsv",
    "timecourses": "results/cohort/timecourses.parquet",
    "timecourses_units": "results/cohort/timecourses_units.parquet",
    "timecourse_clusters": "results/cohort/timecourse_clusters.tsv",
    "spectrograms": "results/cohort/spectrograms.parquet",
    "comodulograms": "results/cohort/comodulograms.parquet",
}

#: outputs of the rule ``behaviour``
BEHAVIOUR_TABLES = {
    "trials": "results/cohort/trials.tsv.gz",
    "error_types": "results/cohort/error_types.tsv",
    "schemes": "results/cohort/schemes.tsv",
    "switches": "results/cohort/switch_aligned.tsv",
    "latencies": "results/cohort/latencies.tsv",
}

#: outputs of the rule ``spikes``
SPIKE_TABLES = {
    "units": "results/cohort/units.tsv",
    "modulation": "results/cohort/unit_modulation.tsv",
    "fractions": "results/cohort/modulation_fractions.tsv",
    "locking": "results/cohort/unit_locking.parquet",
    "locking_bands": "results/cohort/locking_bands.tsv",
    "event_rates": "results/cohort/event_rates.parquet",
    "autocorrelograms": "results/cohort/autocorrelograms.parquet",
    "unit_rates": "results/cohort/unit_rates.parquet",
}

#: output of the rule ``shuffles``
SHUFFLES = "results/cohort/calibration.tsv"

#: inputs of the rules ``figures`` and ``report``: what is drawn, by the name of its parameter
DRAWN = {
    "outcomes": COHORT_TABLES["outcomes"],
    "contrasts": COHORT_TABLES["contrasts"],
    "verdicts": COHORT_TABLES["verdicts"],
    "spectra": SPECTRA_TABLES["units"],
    "clusters": SPECTRA_TABLES["clusters"],
    "time_courses": SPECTRA_TABLES["timecourses"],
    "time_clusters": SPECTRA_TABLES["timecourse_clusters"],
    "spectrograms": SPECTRA_TABLES["spectrograms"],
    "comodulograms": SPECTRA_TABLES["comodulograms"],
    "behaviour_trials": BEHAVIOUR_TABLES["trials"],
    "error_types": BEHAVIOUR_TABLES["error_types"],
    "schemes": BEHAVIOUR_TABLES["schemes"],
    "switches": BEHAVIOUR_TABLES["switches"],
    "latencies": BEHAVIOUR_TABLES["latencies"],
    "unit_quality": SPIKE_TABLES["units"],
    "unit_modulation": SPIKE_TABLES["modulation"],
    "modulation_fractions": SPIKE_TABLES["fractions"],
    "locking_bands": SPIKE_TABLES["locking_bands"],
    "event_rates": SPIKE_TABLES["event_rates"],
    "autocorrelograms": SPIKE_TABLES["autocorrelograms"],
    "unit_rates": SPIKE_TABLES["unit_rates"],
}

#: inputs of the rule ``tables``: what is copied for people, by the name of its parameter
COPIED = {
    "observations": COHORT_TABLES["observations"],
    "outcomes": COHORT_TABLES["outcomes"],
    **{
        key: path
        for tables in (
            COHORT_TABLES,
            SPECTRA_TABLES,
            BEHAVIOUR_TABLES,
            SPIKE_TABLES,
            {"calibration": SHUFFLES},
        )
        for key, path in tables.items()
        if ".tsv" in path
    },
}
#: outputs of the rule ``tables``: text where there is Parquet, Parquet where there is text, and all
#: of it in one spreadsheet
TABLE_COPIES = {
    **{
        key: path.replace(".tsv.gz", ".parquet").replace(".tsv", ".parquet")
        for key, path in COPIED.items()
        if ".tsv" in path
    },
    "observations": "results/cohort/observations.tsv.gz",
    "outcomes": "results/cohort/outcomes.tsv",
    "spreadsheet": "results/report/tables.xlsx",
}
