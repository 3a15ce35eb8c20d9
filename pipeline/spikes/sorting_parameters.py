"""What a sorter is told: its own defaults, ours where they matter to results, then the lab's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.errors import InputError
from pipeline.experiment.sorting_options import how_to_install, lacking_packages
from pipeline.experiment.strict import did_you_mean

#: of every random choice
SEED = 42
#: set here, not in the config
_OURS_ALONE = ("job_kwargs",)
#: signals come filtered and referenced from a file: no sorter filters them again or copies them
#: into memory
_FILTERED: dict[str, Any] = {"apply_preprocessing": False, "seed": SEED}
_OURS: dict[str, dict[str, Any]] = {
    "spykingcircus2": {
        **_FILTERED,
        "cache_preprocessing": {"mode": "no-cache"},
        # Its matched filter estimates noise from pieces drawn without a seed, so two runs differ;
        # threshold crossings, all of them, do not.
        "deterministic_peaks_detection": True,
        "detection": {
            "method": "locally_exclusive",
            "method_kwargs": {
                "peak_sign": "neg",
                "detect_threshold": 5,
                "random_slices_kwargs": {"seed": SEED},
            },
        },
        # Its own steps go on to 0.45 and merged distinct units where few spikes were recorded.
        "merging": {"max_distance_um": 50, "template_diff_thresh": [0.05, 0.1, 0.15, 0.2, 0.25]},
    },
    "simple": _FILTERED,
    # These two whiten in their own preprocessing, which is therefore left on.
    "tridesclous2": {"cache_preprocessing_mode": "no-cache", "seed": SEED},
    "lupin": {"cache_preprocessing_mode": "no-cache", "seed": SEED},
}


def sorter_parameters(
    sorter: str, parameters: Mapping[str, Any], *, jobs: int = 1
) -> dict[str, Any]:
    """Return all parameters of a run that differ from the sorter's defaults.

    Parameters
    ----------
    sorter : str
        One of :data:`pipeline.experiment.sorting_options.SORTERS`.
    parameters : mapping
        The config's; a mapping inside replaces single keys of ours, not the whole.
    jobs : int
        Threads.

    Returns
    -------
    dict
        For ``spikeinterface.sorters.run_sorter``.

    Raises
    ------
    InputError
        If the sorter is not installed, or has no such parameter.
    """
    from spikeinterface.sorters import get_default_sorter_params

    lacking = lacking_packages(sorter)
    if lacking:
        raise InputError(
            f"spikes.sorting.run: found {sorter}; expected {how_to_install(sorter, lacking)}"
        )
    known = {
        name: value
        for name, value in get_default_sorter_params(sorter).items()
        if name not in _OURS_ALONE
    }
    for name, value in parameters.items():
        if name not in known:
            raise InputError(
                f"spikes.sorting.parameters.{name}: {sorter} has no such parameter"
                f"{did_you_mean(name, known)}; it has {', '.join(sorted(known))}"
            )
        if isinstance(known[name], dict) and not isinstance(value, Mapping):
            raise InputError(
                f"spikes.sorting.parameters.{name}: found {value!r}; expected a mapping with "
                f"keys such as {', '.join(map(str, known[name])) or 'those of its documentation'}"
            )
    chosen = _merged(_OURS[sorter], parameters)
    # Threads share the file of signals; processes would import this script again.
    workers = {"n_jobs": jobs, "pool_engine": "thread", "chunk_duration": "1s"}
    return {**chosen, "job_kwargs": {**workers, "progress_bar": False}}


def _merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Mappings inside are merged, anything else is replaced."""
    merged = dict(base)
    for name, value in over.items():
        below = merged.get(name)
        if isinstance(below, Mapping) and isinstance(value, Mapping):
            merged[name] = _merged(below, value)
        else:
            merged[name] = value
    return merged
