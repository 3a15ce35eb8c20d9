"""Types of the columns of the cohort's tables that are text, for all who read them."""

from __future__ import annotations

from collections.abc import Mapping

from pipeline.compare.curve_tables import CLUSTERS
from pipeline.compare.tables import CONTRASTS, VERDICTS
from pipeline.steps.behaviour import NUMBERS as BEHAVIOUR_NUMBERS
from pipeline.steps.spike_tables import MODULATION
from pipeline.steps.spikes import NUMBERS as SPIKE_NUMBERS
from pipeline.steps.trial_tables import SCORED_TYPES
from pipeline.steps.unit_tables import COLUMNS as UNIT_COLUMNS

#: columns that the design brings, in every table that has them
DESIGN = {
    "dose_mg_per_kg": "float64",
    "step": "Int64",
    "period": "Int64",
    "days_since_previous": "float64",
    "n_prior_doses": "Int64",
}
_CLUSTERS = CLUSTERS | {
    f"{name}_{unit}": "float64"
    for name in ("start", "stop", "from", "to")
    for unit in ("hz", "min")
}
_UNIT_TEXTS = ("session", "unit_id", "region", "probe", "channel", "label", "kept", "reason")
_UNIT_WORDS = ("contamination_at_least", "junk", "waveform_class", "drifting")
#: input of the rule -> types of its columns; others are text
TYPES: dict[str, Mapping[str, str]] = {
    "contrasts": CONTRASTS,
    "verdicts": VERDICTS,
    "missing": {"n_entities": "Int64", "seconds": "float64"},
    "completeness": {
        **dict.fromkeys(
            ("duration_s", "lfp_rate_hz", "recording_rate_hz", "kept_fraction"), "float64"
        ),
        **dict.fromkeys(
            (
                "movement_samples",
                "n_channels",
                "n_trials",
                "n_units_sorted",
                "n_bursts",
                "n_units_kept",
                "units_of_unknown_channel",
            ),
            "Int64",
        ),
    },
    "clusters": _CLUSTERS,
    "timecourse_clusters": _CLUSTERS,
    "trials": SCORED_TYPES,
    **dict.fromkeys(
        ("error_types", "schemes", "switches", "latencies"),
        dict.fromkeys(BEHAVIOUR_NUMBERS, "float64"),
    ),
    "units": {
        name: "Int64" if name.startswith("n_") else "float64"
        for name in UNIT_COLUMNS
        if name not in (*_UNIT_TEXTS, *_UNIT_WORDS)
    },
    "modulation": MODULATION,
    "fractions": dict.fromkeys(SPIKE_NUMBERS, "float64"),
    "locking_bands": dict.fromkeys(SPIKE_NUMBERS, "float64"),
    "calibration": {
        **dict.fromkeys(("rate", "low", "high"), "float64"),
        **dict.fromkeys(("n_shuffles", "n_tests"), "Int64"),
    },
}
