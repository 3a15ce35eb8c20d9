"""The page of every outcome of the spikes room says what it is, how it is made and from where."""

import re
from pathlib import Path

import pytest

from pipeline.registry import metrics

DOCS = Path(__file__).parents[1] / "docs"
PAGES = ("spikes_units.md", "spikes_groups.md", "spikes_task.md", "lfp.md")
MODULES = Path(__file__).parents[1] / "pipeline/spikes/metrics"
NAMES = sorted(path.stem for path in MODULES.glob("[!_]*.py"))


@pytest.mark.parametrize("name", NAMES)
def test_every_outcome_is_explained_on_one_page_and_listed(name):
    assert name in metrics()
    stem = name.removesuffix("_between")
    index = (DOCS / "spikes.md").read_text()
    assert f"`{stem}`" in index
    pages = [page for page in PAGES if f"`{stem}" in (DOCS / page).read_text()]
    assert pages
    if stem == "hfo_spike_leakage":  # the LFP's page explains it
        return
    explained = [
        entry
        for page in pages
        for entry in re.split(r"\n\n", (DOCS / page).read_text())
        if entry.startswith("**") and re.search(rf"`{stem}[`/]", entry[:400])
    ]
    assert explained, f"no paragraph explains {stem}"
    assert any(len(re.findall(r"[.:](?:\s|$)", entry)) >= 3 for entry in explained)
    assert any(re.search(r"\b(19|20)\d\d\b", entry) for entry in explained), "no source"
