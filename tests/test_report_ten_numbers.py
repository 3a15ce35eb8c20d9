"""One source: ten numbers followed from the tables of the comparison to wherever they stand.

Each is looked up in contrasts.tsv's table and found again in the figure's data (TSV), in the
specification that the page draws, in the table of tests under the figure, and, where the sentence
states it, in the sentence and in the table of verdicts. Numbers are written here by this module's
own two lines, not by the report's.
"""

from __future__ import annotations

import html
import json
import re
from dataclasses import dataclass

import pandas as pd
import pytest
from report_example import few
from test_report_page import build

DIFFERENCE = "difference_of_differences"


@dataclass(frozen=True)
class Followed:
    """Where a number comes from; ``said``: the column of verdicts that holds it too."""

    outcome: str
    condition: str
    contrast: str
    level: str
    column: str
    said: str = ""


THETA, GAMMA, RATE, TRIALS = (
    "band_power/theta@mPFC",
    "band_power/low_gamma@CA1",
    "firing_rate@mPFC",
    "trials_to_criterion",
)
TEN = [
    Followed(THETA, "psilocybin", DIFFERENCE, "set_shifting", "estimate", "interaction_estimate"),
    Followed(THETA, "psilocybin", DIFFERENCE, "set_shifting", "ci_low", "interaction_ci_low"),
    Followed(THETA, "psilocybin", DIFFERENCE, "set_shifting", "ci_high", "interaction_ci_high"),
    Followed(THETA, "psilocybin", "simple", "home_cage", "estimate"),
    Followed(THETA, "ketamine", "simple", "open_field", "ci_low"),
    Followed(RATE, "psilocybin", DIFFERENCE, "set_shifting", "estimate", "interaction_estimate"),
    Followed(RATE, "MDMA", "simple", "set_shifting", "ci_high"),
    Followed(GAMMA, "MDMA", "simple", "home_cage", "estimate"),
    Followed(GAMMA, "ketamine", DIFFERENCE, "open_field", "ci_low"),
    Followed(TRIALS, "psilocybin", "simple", "set_shifting", "estimate", "drug_estimate"),
]


def written(number: float, digits: int) -> str:
    return f"{number:+.{digits}f}".replace("-", "\N{MINUS SIGN}")


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ten")
    return build(few(), folder)


def of_phase(table: pd.DataFrame, one: Followed) -> pd.DataFrame:
    return table[
        (table["outcome"] == one.outcome)
        & (table["condition"] == one.condition)
        & (table["phase"] == "acute")
        & (table["split"] == "")
    ]


def source(one: Followed) -> pd.Series:
    """The one row of contrasts that a number is from."""
    rows = of_phase(few().contrasts, one)
    rows = rows[(rows["contrast"] == one.contrast) & (rows["level"] == one.level)]
    assert len(rows) == 1
    return rows.iloc[0]


def figure(one: Followed) -> str:
    """File name and anchor of a figure, as the folder of figures shows them."""
    return one.outcome.replace("/", "-").replace("@", "-at-")


def article(report, one: Followed) -> str:
    """The part of the page that shows an outcome."""
    text = report.read_text()
    start = text.index(f'<article class="outcome" id="fig-{figure(one)}"')
    return text[start : text.index("</article>", start)]


def words(markup: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", markup)).split())


@pytest.fixture(params=TEN, ids=lambda one: f"{one.outcome} {one.condition} {one.column}")
def one(request) -> Followed:
    return request.param


def test_the_data_of_the_figure_hold_it(report, one):
    data = pd.read_csv(report.parent / "figures" / f"{figure(one)}.tsv", sep="\t")
    rows = data[
        (data["part"] == one.contrast)
        & (data["condition"] == one.condition)
        & (data["level"] == one.level)
    ]
    assert rows[one.column].tolist() == pytest.approx([source(one)[one.column]], rel=1e-8)


def test_the_specification_beside_the_drawing_holds_it(report, one):
    (text,) = re.findall(
        rf'<div class="chart" id="chart-fig-{re.escape(figure(one))}".*?'
        r'<script type="application/json">(.*?)</script>',
        report.read_text(),
        re.S,
    )
    key = {"estimate": "estimate", "ci_low": "low", "ci_high": "high"}[one.column]
    beginning = f"{one.condition}, {one.level.replace('_', ' ')}, against "
    values = [
        effect[key]
        for effect in json.loads(text)["datasets"]["effects"]
        if effect["contrast"] == one.contrast and effect["effect"].startswith(beginning)
    ]
    assert values == pytest.approx([source(one)[one.column]], rel=1e-5)  # six digits


def test_the_table_of_tests_holds_it(report, one):
    rows = re.findall(r"<tr>(.*?)</tr>", article(report, one), re.S)
    level = one.level.replace("_", " ")
    cells = [[words(cell) for cell in re.findall(r"<t[dh].*?</t[dh]>", row, re.S)] for row in rows]
    row, digits = source(one), 1 if one.outcome == TRIALS else 2
    place = {"estimate": 2, "ci_low": 3, "ci_high": 3}[one.column]
    found = [
        line[place]
        for line in cells
        if len(line) > 8
        and line[0] == one.condition
        and level in line[1]
        and written(row["estimate"], digits) in line[2]
        and f"{written(row['ci_low'], digits)} to {written(row['ci_high'], digits)}" in line[3]
    ]
    assert found, [line[:4] for line in cells]
    assert all(written(row[one.column], digits) in cell for cell in found)


@pytest.mark.parametrize("said", [one for one in TEN if one.said], ids=lambda one: one.column)
def test_the_sentence_and_the_verdict_hold_it(report, said):
    (verdict,) = of_phase(few().verdicts, said).to_dict("records")
    number = source(said)[said.column]
    assert verdict[said.said] == pytest.approx(number, rel=1e-12)
    digits = 1 if said.outcome == TRIALS else 2
    sentences = [
        words(line)
        for line in re.findall(r"<li><span class=\"verdict.*?(?=<li><span|</ul>\s*<div)",
                               article(report, said), re.S)
        if said.condition.casefold() in words(line)[:90].casefold()
    ]  # fmt: skip
    assert sentences and written(number, digits) in sentences[0]
