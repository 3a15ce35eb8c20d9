"""Python beside Snakemake: loaders, the snippets of docs/python, and the scripts of the gallery.

What needs a finished run is executed on the demo's results: tests/test_workflow_demo.py.
"""

from __future__ import annotations

import ast
import re
import runpy
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from workflow_runs import REPOSITORY

from pipeline.compare import read_contrasts, read_outcomes, read_verdicts
from pipeline.compare.tables import CONTRASTS, OUTCOMES, VERDICTS, from_rows
from pipeline.errors import InputError
from pipeline.flexibility import read_trials

DOCS = REPOSITORY / "docs"
EXAMPLES = sorted((DOCS / "examples").glob("*.py"))
PAGES = sorted((DOCS / "python").glob("*.md"))
#: needs no results
ALONE = DOCS / "examples" / "metrics_on_an_array.py"
_BLOCK = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)


def run_example(path: Path) -> dict:
    """Run a script of the gallery in this process, without a screen; returns its names."""
    import matplotlib
    import matplotlib.pyplot as plt

    matplotlib.use("Agg")
    try:
        return runpy.run_path(str(path), run_name="__main__")
    finally:
        plt.close("all")


def run_page(path: Path) -> dict:
    """Run the Python blocks of a page one after the other, as a reader would; returns names."""
    names: dict = {}
    for number, block in enumerate(_BLOCK.findall(path.read_text()), 1):
        exec(compile(block, f"{path.name}, block {number}", "exec"), names)
    return names


def test_there_are_examples_and_snippets():
    assert len(EXAMPLES) == 5 and ALONE in EXAMPLES
    assert [path.name for path in PAGES] == ["index.md", "nwb.md"]
    assert len(_BLOCK.findall((DOCS / "python" / "index.md").read_text())) == 8


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_examples_are_what_the_gallery_takes(path):
    """A title in the docstring, cells, and results from the variable that the site sets."""
    text = path.read_text()
    title, line, *_ = (ast.get_docstring(ast.parse(text)) or "").splitlines()
    assert line == "=" * len(title), "the docstring begins with a title, underlined to its end"
    assert "\n# %%\n" in text
    if path != ALONE:
        assert 'os.environ.get("SET_AND_SETTING_RESULTS", "results")' in text


def test_the_example_without_results_says_what_it_should(capsys, monkeypatch):
    monkeypatch.setattr("matplotlib.pyplot.show", lambda: None)
    names = run_example(ALONE)
    said = capsys.readouterr().out
    assert "CA1 1250 µV², true 1250 µV²" in said
    assert names["plv"] == pytest.approx(np.exp(-0.125), abs=0.03)


def test_doors_name_only_what_they_have():
    import importlib

    for room in ("experiment", "ingest", "lfp", "spikes", "flexibility", "compare", "report"):
        door = importlib.import_module(f"pipeline.{room}")
        assert [name for name in door.__all__ if not hasattr(door, name)] == []


def test_tables_of_the_cohort_come_back_with_their_types(tmp_path):
    (tmp_path / "cohort").mkdir()
    row = {"str": "", "float64": np.nan, "int64": 8, "bool": False, "Int64": None}
    row = {name: row[kind] for name, kind in CONTRASTS.items()} | {"outcome": "NA", "estimate": 0.5}
    contrasts = from_rows([row], CONTRASTS)
    contrasts.to_csv(tmp_path / "cohort" / "contrasts.tsv", sep="\t", index=False)
    found = read_contrasts(tmp_path)
    pd.testing.assert_frame_equal(found, contrasts)
    from_rows([], VERDICTS).to_csv(tmp_path / "cohort" / "verdicts.tsv", sep="\t", index=False)
    assert read_verdicts(tmp_path).columns.tolist() == list(VERDICTS)
    from_rows([], OUTCOMES).to_parquet(tmp_path / "cohort" / "outcomes.parquet")
    assert read_outcomes(tmp_path).columns.tolist() == list(OUTCOMES)


def test_loaders_say_what_is_missing(tmp_path):
    with pytest.raises(InputError, match="expected the results of a finished run"):
        read_outcomes(tmp_path)
    with pytest.raises(InputError, match="expected the trials of a finished session"):
        read_trials(tmp_path / "trials.parquet")
    (tmp_path / "trials.parquet").touch()
    with pytest.raises(InputError, match="the session has no behaviour log with trials"):
        read_trials(tmp_path / "trials.parquet")
