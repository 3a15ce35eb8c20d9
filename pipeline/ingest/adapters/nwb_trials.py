"""The trials table of an NWB file (``/intervals/trials``)."""

from __future__ import annotations

from pathlib import Path

from pipeline.errors import InputError
from pipeline.ingest.adapters.log_table import LogTable
from pipeline.ingest.hdf5 import LIKELY, open_nwb, plain_column, table_columns
from pipeline.ingest.reading import reading


def read_nwb_trials(path: str | Path, *, table: str = "") -> LogTable:
    """Read the trials of an NWB file, as they stand.

    Parameters
    ----------
    path : path
        NWB 2 file.
    table : str
        Another table of intervals than ``intervals/trials``.

    Returns
    -------
    LogTable
        Columns with one value per trial; ``start_time`` and ``stop_time`` are seconds on the clock
        of the file.

    Raises
    ------
    InputError
        Missing or damaged file, or one without trials.
    """
    path = Path(path)
    place = table.strip("/") or "intervals/trials"
    with open_nwb(path) as file, reading(path, "NWB trials", likely=LIKELY):
        if place not in file or "id" not in file[place]:
            others = ", ".join(sorted(file.get("intervals", {}))) or "none"
            raise InputError(
                f"{path}: found no table /{place} (interval tables: {others}); is this "
                "the file of the behaviour?"
            )
        trials = file[place]
        # pynwb lists only the columns beyond the two that every table of intervals has.
        listed = [name for name in ("start_time", "stop_time") if name in trials]
        listed += [name for name in table_columns(trials) if name not in listed]
        columns = {name: plain_column(trials, name) for name in listed}
        plain = {name: values for name, values in columns.items() if values is not None}
        number = len(trials["id"])
    uneven = [name for name, values in plain.items() if len(values) != number]
    if uneven:
        raise InputError(
            f"{path}: trials: found {len(plain[uneven[0]])} values in column {uneven[0]}; expected "
            f"{number}, one per trial"
        )
    cells = tuple(zip(*plain.values(), strict=True)) if plain else ()
    return LogTable(path.name, tuple(plain), tuple(range(1, number + 1)), cells)
