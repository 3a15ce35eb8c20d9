"""The list of figures, and what Snakemake's own report makes of it."""

import csv
import re
from types import SimpleNamespace

import pytest
from report_example import FEW, few

from pipeline.errors import InputError
from pipeline.report import views, write_figures, write_report
from pipeline.report.figure_list import FILE, Listed, listed_figures, write_figure_list
from pipeline.report.names import Names, parse
from pipeline.report.slug import slug
from pipeline.steps.report_labels import FIGURE_LIST, figure_category, figure_labels


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A report and its figures."""
    folder = tmp_path_factory.mktemp("list") / "results" / "report"
    one = few()
    tables = (one.outcomes, one.contrasts, one.verdicts)
    write_figures(*tables, one.plan, one.metrics, folder / "figures")
    write_report(
        *tables, one.completeness, plan=one.plan, metrics=one.metrics, design=one.design,
        methods=one.methods, figures=folder / "figures", path=folder / "index.html",
    )  # fmt: skip
    return folder


@pytest.fixture(scope="module")
def rows(folder):
    with (folder / FILE).open(newline="") as stream:
        return list(csv.DictReader(stream, delimiter="\t", quoting=csv.QUOTE_NONE))


def test_every_figure_is_listed_once_and_nothing_else(folder, rows):
    drawn = {path.name.removesuffix(".svg") for path in (folder / "figures").glob("*.svg")}
    assert len(rows) == len(drawn) == len(FEW) + 1
    assert {row["name"] for row in rows} == drawn


def test_outcome_region_and_chapter_are_those_of_the_page(rows):
    of_outcomes = {row["outcome"]: row for row in rows if row["title"].count(":") == 0}
    assert set(of_outcomes) == set(FEW)
    for outcome, row in of_outcomes.items():
        assert row["name"].startswith(slug(outcome))
        assert row["region"] == parse(outcome).region
        assert row["caption"].startswith("Estimation plot of")
        assert "n = 8 rats" in " ".join(row["caption"].split())
    (curves,) = [row for row in rows if row["name"].endswith("kaplan-meier")]
    assert (curves["outcome"], curves["chapter"]) == ("trials_to_criterion", "Flexibility")


def test_captions_hold_what_the_page_says_beside_the_figure(folder, rows):
    from html import unescape

    page = (folder / "index.html").read_text()
    for row in rows:
        about = f"about-fig-{row['name']}"
        beside = rf'<figcaption id="{about}">(?:<b>.*?</b> )?(.*?)(?: <a href|</figcaption>)'
        assert unescape(re.search(beside, page)[1]) in row["caption"]
        (label,) = re.findall(rf'aria-label="([^"]*)" aria-describedby="[^"]*{about}"', page)
        assert len(unescape(label)) < min(400, len(row["caption"]))


def test_curves_are_drawn_only_beside_a_figure_that_the_page_shows(tmp_path, monkeypatch):
    """Else they lie in the folder of figures, and neither page nor list knows them."""
    monkeypatch.setattr(views, "MANY", 0)
    monkeypatch.setattr(views, "SUREST", 0)
    one = few()
    outcomes = one.outcomes[one.outcomes["outcome"] == "trials_to_criterion"]
    for priority, expected in (("exploratory", 0), ("primary", 2)):
        folder = tmp_path / priority
        given = outcomes.assign(priority=priority)
        write_figures(given, one.contrasts, one.verdicts, one.plan, one.metrics, folder)
        assert len(list(folder.glob("*.svg"))) == expected


def test_two_outcomes_that_bear_one_title_are_told_apart():
    one = few()
    names = Names(plan=one.plan, metrics=one.metrics)
    figure = SimpleNamespace(
        id="fig-b-c",
        title=names.title("b"),
        priority="primary",
        alt="short",
        words="said",
        pictures=(),
    )
    chapter = SimpleNamespace(title="Spikes", figures=(figure,), spectra=(), pictures=())
    (listed,) = listed_figures([chapter], ["a", "b", "bb"], names)
    assert (listed.outcome, listed.name, listed.priority) == ("b", "b-c", "primary")


@pytest.fixture
def listed(tmp_path, monkeypatch):
    """A list with hostile words, where Snakemake would look for it."""
    path = tmp_path / FIGURE_LIST
    write_figure_list(
        path,
        [
            Listed(
                name="x",
                chapter="Spikes",
                title="</script><script>alert(1)</script>",
                outcome="firing_rate@mPFC",
                region="mPFC",
                priority="primary",
                caption='"quoted\tand\nbroken" =1',
            ),
            Listed(name="y", chapter="Coupling", title="=SUM(A1)", caption=""),
        ],
    )
    monkeypatch.chdir(tmp_path)
    return path


def test_labels_and_category_come_from_the_list(listed):
    assert figure_category(SimpleNamespace(name="x", format="svg")) == "Spikes"
    labels = figure_labels(SimpleNamespace(name="y", format="tsv"))
    assert labels == {
        "figure": "'=SUM(A1)",
        "outcome": "–",
        "region": "–",
        "priority": "–",
        "format": "data (TSV)",
    }
    assert figure_labels(SimpleNamespace(name="x", format="png"))["format"] == "PNG"


def test_no_label_can_end_the_script_that_it_is_written_into(listed):
    labels = figure_labels(SimpleNamespace(name="x", format="svg"))
    assert not any(sign in text for text in labels.values() for sign in "<>")
    assert len(listed.read_text().splitlines()) == 3  # a caption with a line break is one line


def test_a_list_that_is_absent_or_of_another_run_is_refused(listed):
    with pytest.raises(InputError, match="names no figure 'z'"):
        figure_category(SimpleNamespace(name="z", format="svg"))
    listed.unlink()
    with pytest.raises(InputError, match="finished run"):
        figure_labels(SimpleNamespace(name="x", format="svg"))
