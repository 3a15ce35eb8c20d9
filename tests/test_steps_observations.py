"""Observations held as columns: the same file as from one mapping per observation, in less room."""

import tracemalloc

import numpy as np
import pandas as pd
import pytest

from pipeline.metric import Value
from pipeline.steps.extract import write_parquet
from pipeline.steps.observations import COLUMNS, Observations

KEYS = ["metric", "phase", "context", "anchor", "interval", "split", "split_level"]
KEYS += ["region", "region_b", "unit_id", "band"]
NUMBERS = dict.fromkeys(
    ["start_s", "stop_s", "seconds", "since_dose_s", "value", "n_effective"], "float64"
)
TYPES = {"step": "int64", "interval": "int64", "censored": "bool"} | NUMBERS


def common(metric="firing_rate", **changes):
    shared = {
        "session": "s1",
        "animal": "räv",
        "anchor": "a1",
        "step": 1,
        "context": "home_cage",
        "phase": "acute",
        "interval": 0,
        "start_s": 300.0,
        "stop_s": 900.0,
        "seconds": 600.0,
        "since_dose_s": float("nan"),
        "split": "",
        "split_level": "",
        "entity": "unit",
        "metric": metric,
        "value_unit": "Hz",
    }
    return shared | changes


def batches():
    """Values in an order that sorting must change, with texts beyond ASCII and equal keys."""
    rng = np.random.default_rng(0)
    units = ["u10", "u2", "é", "Z", "z", "𝄞", "ﬀ"]
    for metric in ("lvr", "firing_rate", "band_power"):
        for phase in ("late", "acute"):
            for interval in (1, 0):
                values = [
                    Value(
                        value=rng.normal(),
                        region=str(rng.choice(["mPFC", "CA1", ""])),
                        unit_id=unit,
                        band=band,
                        censored=bool(rng.random() < 0.3),
                        n_effective=np.float64(rng.choice([np.nan, 7])),
                        n_effective_unit=str(rng.choice(["spikes", ""])),
                    )
                    for unit in units
                    for band in ("theta", "beta", "theta")
                ]
                yield common(metric, phase=phase, interval=interval), values
    yield common("empty"), []


def row_by_row(path):
    """One mapping per observation, sorted and typed by pandas."""
    rows = [shared | vars(value) for shared, values in batches() for value in values]
    table = pd.DataFrame(rows, columns=list(COLUMNS)).sort_values(
        KEYS, kind="stable", ignore_index=True
    )
    write_parquet(table.astype({name: TYPES.get(name, "str") for name in COLUMNS}), path)


def test_the_file_is_that_of_a_table_of_rows(tmp_path):
    found = Observations()
    for shared, values in batches():
        found.add(shared, values)
    found.write(tmp_path / "columns.parquet")
    row_by_row(tmp_path / "rows.parquet")
    table = pd.read_parquet(tmp_path / "columns.parquet")
    assert len(found) == len(table) == 3 * 2 * 2 * 21
    pd.testing.assert_frame_equal(table, pd.read_parquet(tmp_path / "rows.parquet"))
    columns, rows = ((tmp_path / f"{name}.parquet").read_bytes() for name in ("columns", "rows"))
    assert columns == rows


def test_a_session_without_observations_has_all_columns(tmp_path):
    Observations().write(tmp_path / "none.parquet")
    table = pd.read_parquet(tmp_path / "none.parquet")
    assert list(table) == list(COLUMNS) and not len(table)
    assert {name: str(kind) for name, kind in table.dtypes.items()} == {
        name: TYPES.get(name, "str") for name in COLUMNS
    }


def test_a_column_that_nobody_gives_is_an_error():
    lacking = common()
    del lacking["entity"]
    with pytest.raises(KeyError, match="entity"):
        Observations().add(lacking, [Value(value=1.0)])


def test_an_observation_takes_few_bytes():
    """10,000 of them: 37 bytes each, texts once."""
    found = Observations()
    tracemalloc.start()
    for batch in range(20):
        values = [Value(value=float(n), unit_id=f"u{n}") for n in range(500)]
        found.add(common(interval=batch), values)
        del values
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert len(found) == 10_000 and held < 60 * 10_000
