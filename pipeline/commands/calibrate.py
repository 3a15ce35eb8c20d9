"""``python -m pipeline calibrate``: error rates of the analysis in simulated cohorts."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pandas as pd

from pipeline.commands.calibrate_run import Batch, batches, measure_batch
from pipeline.commands.calibrate_table import markdown, merged, rates, with_pooled
from pipeline.compare.calibrated import read_table
from pipeline.errors import InputError
from pipeline.experiment.strict import did_you_mean
from pipeline.files import replacing
from pipeline.simulate.cohort_designs import DESIGNS

N_COHORTS = 2000
SEED = 20240612
QUICK_COHORTS, QUICK_SIZES = 100, (6,)


def calibrate(
    *,
    out: Path,
    n_cohorts: int = N_COHORTS,
    designs: Sequence[str] = (),
    quick: bool = False,
    processes: int = 1,
    seed: int = SEED,
) -> int:
    """Simulate, compare, count, and write calibration.tsv and calibration.md.

    Parameters
    ----------
    out : Path
        Folder. Rows of other designs in a calibration.tsv that is there already are kept.
    n_cohorts : int
        Cohorts per design, number of animals and true effect.
    designs : sequence of str
        Names of designs; all by default.
    quick : bool
        100 cohorts of 6 animals, to see that it runs.
    processes : int
        Worker processes; the result does not depend on them.
    seed : int
        Another one gives other cohorts.

    Returns
    -------
    int
        0 (rates outside their range stand in the table, they are no failure of the command), or 1
        for a design that there is not, or fewer than one cohort or process.
    """
    try:
        _check(designs, n_cohorts, processes)
    except InputError as error:
        print(error, file=sys.stderr)
        return 1
    chosen = [DESIGNS[name] for name in designs or DESIGNS]
    work = list(
        batches(
            chosen,
            n_cohorts=min(n_cohorts, QUICK_COHORTS) if quick else n_cohorts,
            sizes=QUICK_SIZES if quick else None,
            seed=seed,
        )
    )
    table = rates(pd.concat(_counted(work, processes), ignore_index=True))
    target = out / "calibration.tsv"
    if target.is_file():
        table = merged(read_table(target), table)
    table = with_pooled(table)
    text = markdown(table)
    with replacing(target) as path:
        table.to_csv(path, sep="\t", index=False)
    with replacing(out / "calibration.md") as path:
        path.write_text(text, encoding="utf-8")
    print(text)
    flagged = table[table["flag"] != ""]
    print(f"{len(flagged)} of {len(table)} rates are outside their range; see {target}")
    return 0


def _check(designs: Iterable[str], n_cohorts: int, processes: int) -> None:
    for name in designs:
        if name not in DESIGNS:
            raise InputError(
                f"--design: found {name!r}; expected one of {', '.join(DESIGNS)}"
                f"{did_you_mean(name, DESIGNS)}"
            )
    if n_cohorts < 1 or processes < 1:
        raise InputError(
            f"--cohorts, --processes: found {n_cohorts}, {processes}; expected at least 1 of each"
        )


def _counted(work: Sequence[Batch], processes: int) -> Iterator[pd.DataFrame]:
    """Counts of every batch, in the order of the batches."""
    for done, (batch, counts) in enumerate(zip(work, _measured(work, processes), strict=True), 1):
        if done == len(work) or work[done].design != batch.design:
            print(f"{done} of {len(work)}: {batch.design}", file=sys.stderr, flush=True)
        yield counts.assign(design=batch.design, n=batch.n, truth=batch.truth)


def _measured(work: Sequence[Batch], processes: int) -> Iterable[pd.DataFrame]:
    if processes == 1:
        yield from map(measure_batch, work)
        return
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        yield from pool.map(measure_batch, work)
