"""units.tsv: one row per unit, the same columns for all sessions."""

import csv
from pathlib import Path

import numpy as np
import pytest
from test_spikes_judgement import AFTER, BASELINE, neuron, options, spike_shape

from pipeline.ingest.units import READERS
from pipeline.spikes import units_dataset
from pipeline.spikes.judgement import judge_units
from pipeline.steps.unit_tables import COLUMNS, write_units_table


def table(path):
    with path.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines, delimiter="\t"))


def judged(units):
    return judge_units(units, BASELINE, options=options(), epochs=AFTER, recorded=[[0.0, 1300.0]])


def whole():
    trains = [neuron(5.0), [100.0]]
    return units_dataset(
        trains, ["A:1", "A:2"], ["CA1", "m\tPFC"], ["good", "mua"],
        channel=["A:CH1", ""], probe=["A", "A"],
        amplitude=[np.where(trains[0] < 600, 80.0, 100.0), [50.0]],
        waveform=np.stack([spike_shape(0.7), np.full(90, np.nan)]), waveform_rate_hz=30_000.0,
        metrics={"snr": [5.5, np.nan], "presence_ratio": [0.123456789, 1.0]},
    )  # fmt: skip


def test_a_row_says_what_was_judged(tmp_path):
    units = whole()
    rows = table(write_units_table(units, judged(units), tmp_path / "units.tsv"))
    assert list(rows[0]) == [*COLUMNS, "snr", "sorting_presence_ratio"]
    first, second = rows
    assert first["unit_id"] == "A:1" and first["probe"] == "A" and first["channel"] == "A:CH1"
    assert (first["kept"], first["reason"], first["label"]) == ("yes", "", "good")
    assert first["n_spikes"] == str(len(neuron(5.0))) and first["presence_ratio"] == "1"
    assert float(first["rate_hz"]) == pytest.approx(len(neuron(5.0)) / 1300, rel=1e-5)
    assert first["waveform_class"] == "wide" and float(first["trough_to_peak_ms"]) > 0.6
    assert first["amplitude_change"] == "0.25" and first["drifting"] == "yes"
    assert first["snr"] == "5.5" and first["sorting_presence_ratio"] == "0.123457"
    assert second["kept"] == "no" and second["reason"].startswith("labelled mua; present in 0.10")
    assert second["region"] == "m PFC"  # no cell breaks the table
    assert second["contamination"] == second["snr"] == second["amplitude_change"] == ""
    assert second["contamination_at_least"] == second["junk"] == "no"
    assert second["waveform_class"] == "unknown" and second["channel"] == ""


def test_units_without_more_have_the_same_columns(tmp_path):
    units = units_dataset([neuron(5.0)], ["1"])
    (row,) = table(write_units_table(units, judged(units), tmp_path / "units.tsv"))
    assert list(row) == list(COLUMNS) and row["probe"] == row["channel"] == row["region"] == ""


def test_same_units_same_bytes_and_no_trace_of_an_unfinished_file(tmp_path):
    units = whole()
    for name in ("a.tsv", "b.tsv"):
        write_units_table(units, judged(units), tmp_path / name)
    assert (tmp_path / "a.tsv").read_bytes() == (tmp_path / "b.tsv").read_bytes()
    assert b"\r" not in (tmp_path / "a.tsv").read_bytes()
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.tsv", "b.tsv"]


def test_session_without_units_has_an_empty_file(tmp_path):
    units = units_dataset([], [])
    path = write_units_table(units, judged(units), tmp_path / "units.tsv")
    assert path.read_bytes() == b""


def test_units_that_were_not_judged_are_refused(tmp_path):
    with pytest.raises(ValueError, match="not those that were judged"):
        write_units_table(whole(), judged(units_dataset([[1.0]], ["1"])), tmp_path / "units.tsv")


def test_the_page_on_formats_has_every_column_and_every_format():
    page = (Path(__file__).parents[1] / "docs" / "formats.md").read_text(encoding="utf-8")
    for name, meaning in COLUMNS.items():
        assert f"| `{name}` | {meaning} |" in page
    for name in READERS:
        assert f"`{name}`" in page.split("## Sortings")[1].split("## Events")[0]
