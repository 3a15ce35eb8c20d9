"""``make demo-sorting``: make a raw recording whose spikes are known, sort it, score the sort.

Run as ``python -m pipeline.commands.sorting_demo``. It goes through the step of the workflow's rule
``sort`` with the config's defaults.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

from pipeline.experiment.sorting_options import SORTERS, SortingOptions
from pipeline.files import replacing

REPOSITORY = Path(__file__).resolve().parents[2]
SAMPLE = REPOSITORY / "sample_data" / "sorting"
RESULTS = REPOSITORY / "results" / "sorting_demo"


def make_sample(folder: Path) -> Path:
    """Make the sample's recording unless it is there; returns its file."""
    from pipeline.simulate.sorting_sample import SortingSample, write_sorting_sample

    raw = folder / "raw.dat"
    if raw.exists():
        return raw
    print("Making the raw recording: 60 s, 16 channels at 30 kHz, 10 units ...", flush=True)
    return write_sorting_sample(folder, SortingSample())


def demo_settings(raw: Path, options: SortingOptions) -> dict[str, Any]:
    """Return the settings of the rule ``sort`` for one recording without a channel table."""
    part = {"path": str(raw), "format": "binary", "starts_at_s": 0.0, "label": "", "stream": ""}
    return {
        "session": "sorting_demo",
        "recordings": [part],
        "channels": [],
        "stream": "",
        "sorting": options.model_dump(mode="json", exclude={"jobs"}),
    }


def sort_and_score(raw: Path, results: Path, options: SortingOptions) -> Any:
    """Sort a sample, score it, write ``sorted.nc``, ``accuracy.tsv`` and ``units.tsv``.

    Parameters
    ----------
    raw : Path
        From :func:`pipeline.simulate.sorting_sample.write_sorting_sample`.
    results : Path
        Folder.
    options : SortingOptions
        The sorter and how it is told.

    Returns
    -------
    DataFrame
        :func:`pipeline.spikes.sorting_score.score_units`.
    """
    from pipeline.simulate.sorting_sample import SortingSample, read_truth
    from pipeline.spikes.sorting_score import score_units
    from pipeline.spikes.units import load_units, unit_trains
    from pipeline.steps.sort import sort

    output = results / "sorted.nc"
    results.mkdir(parents=True, exist_ok=True)
    outcome = sort(
        settings=demo_settings(raw, options), outputs={"sorted": output}, jobs=options.jobs
    )
    for warning in outcome.warnings:
        print(f"warning: {warning}")
    units = load_units(output)
    names = [str(name) for name in units["unit_id"].values]
    scores = score_units(
        read_truth(raw.parent), unit_trains(units), names, rate_hz=SortingSample.rate_hz
    )
    columns = ["channel", *(name for name in units.data_vars if units[name].dims == ("unit",))]
    table = units[columns].to_dataframe().set_index("unit_id")[columns]
    for name, rows, index in (("accuracy", scores, False), ("units", table, True)):
        with replacing(results / f"{name}.tsv") as partial:
            text = rows.to_csv(sep="\t", index=index, float_format="%.4f", lineterminator="\n")
            partial.write_text(text, encoding="utf-8")
    return scores


def main(arguments: list[str] | None = None) -> int:
    """Entry point."""
    parser = argparse.ArgumentParser(prog="make demo-sorting", description=__doc__)
    parser.add_argument("--sorter", choices=list(SORTERS), default=SortingOptions().run)
    parser.add_argument("--jobs", type=int, default=1, help="threads")
    parser.add_argument("--seeds", type=int, default=1, help="score so many such recordings")
    chosen = parser.parse_args(arguments)
    raw = make_sample(SAMPLE)
    print(f"Sorting it with {chosen.sorter} ...", flush=True)
    before = time.process_time()
    options = SortingOptions(run=chosen.sorter, jobs=chosen.jobs)
    scores = sort_and_score(raw, RESULTS, options)
    seconds = time.process_time() - before
    print()
    print(scores.to_string(index=False, float_format=lambda value: f"{value:.3f}"))
    print(f"\nmean accuracy {scores['accuracy'].mean():.3f}, {seconds:.0f} CPU seconds")
    print(f"Written to {RESULTS}")
    for seed in range(1, chosen.seeds):
        more = _other_recording(seed, options)["accuracy"]
        good = int((more >= 0.8).sum())
        print(f"recording {seed}: mean accuracy {more.mean():.3f}, {good} of {len(more)} >= 0.8")
    return 0


def _other_recording(seed: int, options: SortingOptions) -> Any:
    """Score a recording of another seed, which is not kept."""
    from tempfile import TemporaryDirectory

    from pipeline.simulate.sorting_sample import SortingSample, write_sorting_sample

    with TemporaryDirectory(prefix=".partial-", dir=RESULTS) as folder:
        raw = write_sorting_sample(Path(folder) / "sample", SortingSample(seed=seed))
        return sort_and_score(raw, Path(folder) / "results", options)


if __name__ == "__main__":
    sys.exit(main())
