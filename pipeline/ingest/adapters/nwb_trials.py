"""The trials table of an NWB file (``/intervals/trials``)."""

from __future__ import annotations

from pathlib import Path

from pipeline.errors import InputError
from pipeline.ingest.adapters.log_table import LogTable
from pipeline.ingest.hdf5 import LIKELY, open_nwb, plain_column, table_columns
from pipeline.ingest.reading import reading


def read_nwb_trials(path: str | Path) -> LogTable:
    """Read the trials of an NWB file, as they stand.

    Parameters
    ----------
    path : path
        NWB 2 file.

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
    with open_nwb(path) as file, reading(path, "NWB trials", likely=LIKELY):
        if "intervals/trials" not in file:
            others = ", ".join(sorted(file.get("intervals", {}))) or "none"
            raise InputError(
                f"{path}: found no table /intervals/trials (interval tables: {others}); is this "
                "the file of the behaviour?"
            )
        table = file["intervals/trials"]
        # pynwb lists only the columns beyond the two that every table of intervals has.
        listed = [name for name in ("start_time", "stop_time") if name in table]
        listed += [name for name in table_columns(table) if name not in listed]
        columns = {name: plain_column(table, name) for name in listed}
        plain = {name: values for name, values in columns.items() if values is not None}
        number = len(table["id"])
    uneven = [name for name, values in plain.items() if len(values) != number]
    if uneven:
        raise InputError(
            f"{path}: trials: found {len(plain[uneven[0]])} values in column {uneven[0]}; expected "
            f"{number}, one per trial"
        )
    cells = tuple(zip(*plain.values(), strict=True)) if plain else ()
    return LogTable(path.name, tuple(plain), tuple(range(1, number + 1)), cells)
