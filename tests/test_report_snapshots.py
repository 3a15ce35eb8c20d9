"""One figure of every kind, as its specification was when somebody last looked at it.

A snapshot is the specification without its data: of each data set the columns and the number of
rows, of a grid of panels the first two. Numbers keep three digits. Look at the difference before
you renew them:

    python -m pytest tests/test_report_snapshots.py --renew-snapshots -p no:xdist
    git diff tests/snapshots
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import test_report_behaviour as of_behaviour
import test_report_cohort_maps as of_maps
import test_report_spectra as of_spectra
import test_report_spikes as of_spikes
import test_report_time_courses as of_time
from report_example import few

from pipeline.report.behaviour import behaviour_figures
from pipeline.report.cohort_maps_tables import map_figures
from pipeline.report.estimation import estimation_chart
from pipeline.report.figures import specification_json
from pipeline.report.lookup import Contrasts
from pipeline.report.names import Names
from pipeline.report.spectra_chart import spectra_chart
from pipeline.report.spikes import spike_figures
from pipeline.report.survival import survival_chart, survival_views
from pipeline.report.time_courses_chart import time_course_chart
from pipeline.report.views import figure_keys, outcome_view

FOLDER = Path(__file__).with_name("snapshots")
#: grids of panels, of which the first two are kept
GRIDS = ("concat", "hconcat", "vconcat")
HASHED = re.compile(r"^data-[0-9a-f]{32}$")


def outline(specification: dict) -> dict:
    """What a developer reviews of a specification: its form, not its data."""
    names = {}

    def name(text: str) -> str:
        return names.setdefault(text, f"data {len(names) + 1}") if HASHED.match(text) else text

    def walk(node, key=""):
        if isinstance(node, dict):
            return {k: walk(v, k) for k, v in node.items() if k not in ("datasets", "config")}
        if isinstance(node, list):
            kept = [walk(item) for item in (node[:2] if key in GRIDS else node)]
            return kept + ([f"and {len(node) - 2} more"] if len(node) > len(kept) else [])
        if isinstance(node, float):
            return float(f"{node:.3g}")
        if isinstance(node, str):
            return "a picture" if node.startswith("data:image") else name(node)
        return node

    outlined = walk(specification)
    outlined["datasets"] = {
        name(key): {"rows": len(rows), "columns": sorted({c for row in rows for c in row})}
        for key, rows in specification.get("datasets", {}).items()
    }
    return outlined


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """Kind of figure -> specification."""
    one = few()
    names, index = Names(plan=one.plan, metrics=one.metrics), Contrasts(one.contrasts)
    views = [outcome_view(k, one.outcomes, index, names)
             for k in figure_keys(one.outcomes, names, index)]  # fmt: skip
    found = {"estimation": estimation_chart(views[0], names)}
    found["kaplan-meier"] = survival_chart(next(survival_views(one.outcomes, names)), names)
    found["spectra"] = spectra_chart(of_spectra.view(), of_spectra.NAMES)
    found["time-course"] = time_course_chart(of_time.view(), of_time.NAMES)
    make = tmp_path_factory.mktemp
    maps, of_plan = of_maps.tables_of(make("maps"))
    further = [figure for chapter in map_figures(maps, of_plan).values() for figure in chapter[0]]
    out = of_behaviour.make(make("behaviour"))
    further += behaviour_figures(
        of_behaviour.tables_of(out), of_behaviour.NONE, of_behaviour.NAMES
    )[0]
    units = of_spikes.tables_in(make("spikes"))
    drawn_units, _ = spike_figures(units, of_spikes.NAMES_OF)
    further += [f for f in drawn_units if "mPFC" in f.name or f.name.startswith("preferred")]
    return found | {figure.name: figure.draw() for figure in further}


KINDS = [
    "estimation",
    "kaplan-meier",
    "spectra",
    "time-course",
    *of_behaviour.FIGURES,
]


def test_every_kind_has_a_snapshot(drawn, request):
    if not request.config.getoption("--renew-snapshots"):
        assert {path.stem for path in FOLDER.glob("*.json")} == set(drawn)
    assert set(KINDS) <= set(drawn)


def test_specifications_are_as_they_were_when_last_looked_at(drawn, request):
    renew = request.config.getoption("--renew-snapshots")
    if renew:
        for path in FOLDER.glob("*.json"):
            path.unlink()
    changed = []
    for kind, specification in drawn.items():
        read = json.loads(specification_json(specification))
        now = json.dumps(outline(read), indent=1, sort_keys=True, ensure_ascii=False) + "\n"
        path = FOLDER / f"{kind}.json"
        if renew:
            path.write_text(now, encoding="utf-8")
        elif not path.is_file() or path.read_text(encoding="utf-8") != now:
            changed.append(kind)
    assert changed == [], "renew the snapshots if the figures are meant to change (see the head)"


def test_an_outline_tells_of_form_and_not_of_data():
    specification = {
        "hconcat": [{"mark": "point", "data": {"name": f"data-{'0' * 32}"}}] * 3,
        "config": {"font": "x"},
        "datasets": {f"data-{'0' * 32}": [{"a": 1.23456}, {"b": 2}]},
        "width": 1.23456,
    }
    panel = {"mark": "point", "data": {"name": "data 1"}}
    assert outline(specification) == {
        "hconcat": [panel, panel, "and 1 more"],
        "width": 1.23,
        "datasets": {"data 1": {"rows": 2, "columns": ["a", "b"]}},
    }
