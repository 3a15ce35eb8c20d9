"""The cohort page: complete, escaped, self-contained, the same bytes each time."""

from __future__ import annotations

import html
import itertools
import json
import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from report_example import EXCLUDED, FAILED, FEW, REASON, few, plan
from test_report_figures import FORMULA, HOSTILE, contrast_ratio, hostile_cohort

from pipeline.errors import InputError
from pipeline.experiment.lfp_options import LfpOptions
from pipeline.experiment.plan import PlanQuestion
from pipeline.report import methods_text, verdict_sentence, write_figures, write_report
from pipeline.report.embed import inline_svg, policy, script_hash, template_text
from pipeline.report.methods_lfp import lfp_text
from pipeline.report.page import write_run_page


class Page(HTMLParser):
    """Elements of a page, and its visible text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.words: list[str] = []
        self.scripts: list[str] = []
        self._silent = ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag in ("script", "style"):
            self._silent = tag
            self.scripts += [""] if tag == "script" else []

    def handle_endtag(self, tag):
        if tag == self._silent:
            self._silent = ""

    def handle_data(self, data):
        if not self._silent:
            self.words.append(data)
        elif self._silent == "script":
            self.scripts[-1] += data

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.words))

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


def build(cohort_, folder, **changes):
    given = {**vars(cohort_), **changes}
    figures = folder / "figures"
    if not figures.exists():
        write_figures(given["outcomes"], given["contrasts"], given["verdicts"], given["plan"],
                      given["metrics"], figures)  # fmt: skip
    return write_report(
        given["outcomes"], given["contrasts"], given["verdicts"], given["completeness"],
        plan=given["plan"], metrics=given["metrics"], design=given["design"],
        methods=given["methods"], figures=figures, path=folder / "index.html",
    )  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("report")


@pytest.fixture(scope="module")
def source(folder):
    return build(few(), folder).read_text()


@pytest.fixture(scope="module")
def page(source):
    return Page(source)


def test_same_tables_give_the_same_bytes(folder, source):
    assert build(few(), folder).read_text() == source


def test_nothing_is_loaded_from_anywhere(page, source):
    assert not page.all("link") or all(a["href"] == "data:," for a in page.all("link"))
    for tag, name in (("script", "src"), ("img", "src"), ("iframe", "src"), ("use", "href")):
        assert all(a.get(name, "#").startswith("#") for a in page.all(tag)), tag
    assert all(not a["href"].startswith(("http", "//")) for a in page.all("a") if "href" in a)
    style = re.search(r"<style>(.*?)</style>", source, re.S).group(1)
    assert "url(" not in style and "@import" not in style
    # outside the chart library, addresses occur as names of namespaces and schemas only
    rest = source.replace(page.scripts[-2], "")
    found = set(re.findall(r"https?://[^\s\"'<>\\)]+", rest))
    assert found <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink",
                     "https://vega.github.io/schema/vega-lite/v6.4.1.json"} | {
        address for address in found if address.startswith("https://vega.github.io/schema/")
    }  # fmt: skip


def test_the_policy_allows_the_own_scripts_only(page):
    (stated,) = [a["content"] for a in page.all("meta") if "http-equiv" in a]
    assert "default-src 'none'" in stated
    rules = dict(part.strip().split(" ", 1) for part in stated.split(";"))
    run = [text for text in page.scripts if not text.lstrip().startswith("{")]
    assert rules["script-src"].split() == [script_hash(text) for text in run]
    assert "unsafe" not in rules["script-src"]


def test_specifications_are_data(page):
    specifications = [json.loads(text) for text in page.scripts if text.startswith("{")]
    assert len(specifications) == len(FEW) + 2  # and the Kaplan-Meier curves and the time line
    types = [a.get("type", "") for a in page.all("script")]
    assert types.count("application/json") == len(FEW) + 2


def test_the_answer_stands_first_after_what_went_wrong(source):
    order = [source.index(f'id="{name}"') for name in
             ("attention", "answer", "design", "oscillations", "spikes", "coupling", "flexibility",
              "other", "splits", "carry-over", "completeness", "methods", "downloads")]  # fmt: skip
    assert order == sorted(order)


def test_a_failed_session_is_named_with_its_reason_at_the_top(source, page):
    top = source[: source.index('id="answer"')]
    assert FAILED in top
    assert REASON in html.unescape(top)
    assert "1 of 32 sessions failed" in top
    assert EXCLUDED not in top


def test_without_trouble_there_is_no_attention(folder):
    fine = few().completeness.assign(extract="ok", measure="ok", reason="", warnings="",
                                     exclude_reason="", excluded="no")  # fmt: skip
    text = (build(few(), folder, completeness=fine)).read_text()
    build(few(), folder)
    assert 'id="attention"' not in text
    assert "32 sessions." in Page(text).text


def test_every_primary_verdict_is_said_in_words(page):
    text = page.text.replace("\xa0", " ")
    one = few()
    rows = one.verdicts[(one.verdicts["split"] == "") & (one.verdicts["priority"] == "primary")]
    assert len(rows) == 9
    for row in rows.to_dict("records"):
        said = verdict_sentence(row, one.contrasts, one.plan, one.metrics).replace("\xa0", " ")
        # once in the answer, once under the figure
        assert text.count(said) == 2, said


def test_matrix_words_and_numbers_are_those_of_the_tables(page):
    text = page.text.replace("\xa0", " ")
    one = few()
    rows = one.verdicts[one.verdicts["split"] == ""]
    for row in rows.to_dict("records"):
        digits = 1 if row["outcome"] == "trials_to_criterion" else 2
        for name in ("drug_estimate", "interaction_estimate"):
            if np.isfinite(row[name]):
                shown = f"{row[name]:+.{digits}f}".replace("-", "−")
                assert shown in text or float(shown.replace("−", "-")) == 0
        assert row["verdict"] in text


def test_an_effect_of_movement_alone_is_flagged_where_the_verdict_stands(source):
    answer = source[source.index('id="answer"') : source.index('id="design"')]
    words = "not seen within rest, walk or run"
    assert answer.count(f"{words}: in every stratum of movement it is clearly smaller") == 1
    splits = source[source.index('id="splits"') : source.index('id="carry-over"')]
    assert splits.count(words) == 1
    assert all(f">{level}</th>" in splits for level in ("unsplit", "rest", "walk", "run"))


def test_design_counts_sessions_and_marks_missing_cells(page, source):
    design = source[source.index('id="design"') : source.index('id="h-reading"')]
    table = design[design.index('class="design"') : design.index('class="orders"')]
    cells = re.findall(r'<td class="n( zero)?">(\d+)</td>', table)
    assert len(cells) == (8 + 1) * 4 * 3
    assert [n for _, n in cells].count("0") == 2 * 3
    assert all(bool(zero) == (n == "0") for zero, n in cells)
    assert cells[-3:] == [("", "7")] * 3  # MDMA lost one animal
    assert "10\xa0mg/kg i.p." in design


def test_completeness_lists_every_session_once(source):
    section = source[source.index('id="completeness"') : source.index('id="methods"')]
    for row in few().completeness.to_dict("records"):
        for name in ("glance", "complete"):
            table = section[section.index(f'class="{name}"') :].partition("</table>")[0]
            assert table.count(f">{row['session']}<") == 1
    assert f'href="../sessions/{FAILED}/session.html"' in section
    assert f"{EXCLUDED}/session.html" not in section
    assert "pump failed" in section


def test_empty_chapters_say_why(source):
    coupling = source[source.index('id="coupling"') : source.index('id="flexibility"')]
    assert "No outcome of coupling between signals was measured." in coupling


def test_figures_have_alternative_texts_captions_and_files(page, folder):
    charts = [a for a in page.all("div") if "data-chart" in a]
    assert len(charts) == len(FEW) + 2
    for chart in charts[1:]:
        assert chart["role"] == "img"
        kind = "Kaplan-Meier" if chart["id"].endswith("kaplan-meier") else "Estimation plot of"
        assert kind in chart["aria-label"] and "n = 8" in chart["aria-label"]
    files = [a["href"] for a in page.all("a") if a.get("href", "").startswith("figures/")]
    assert len(files) == 5 * (len(FEW) + 1) + 1
    assert all((folder / name).exists() for name in files)


def test_ids_are_unique_and_every_reference_has_its_target(page):
    ids = [a["id"] for _, a in page.elements if "id" in a]
    assert len(ids) == len(set(ids))
    wanted = [a["href"][1:] for a in page.all("a") if a.get("href", "").startswith("#")]
    wanted += [a["href"][1:] for a in page.all("use")]
    wanted += [a["aria-labelledby"] for _, a in page.elements if "aria-labelledby" in a]
    assert wanted and set(wanted) <= set(ids)


def test_headings_do_not_skip_levels(page):
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(b - a <= 1 for a, b in itertools.pairwise(levels))


def test_hostile_labels_are_text(tmp_path):
    hostile = hostile_cohort()
    design = json.loads(json.dumps(hostile.design).replace('"psilocybin"', json.dumps(HOSTILE)))
    design["warnings"] = [HOSTILE, "</script><script>alert(2)</script>"]
    completeness = hostile.completeness.assign(reason=HOSTILE, warnings=f"{HOSTILE}&")
    methods = {"config": {"lfp": {"bands": {HOSTILE: [1, 2]}}}, "versions": {HOSTILE: "1"}}
    text = build(hostile, tmp_path, design=design, completeness=completeness,
                 methods=methods).read_text()  # fmt: skip
    page = Page(text)
    assert "alert(1)" in page.text  # shown
    executed = [script for script in page.scripts if not script.startswith("{")]
    assert len(executed) == 2
    assert not [script for script in executed if "alert(" in script]
    assert "<script>alert" not in text
    assert FORMULA in page.text
    # inside data, no label can end the element
    for script in page.scripts:
        if script.startswith("{"):
            assert "<" not in script
            json.loads(script)


def test_a_picture_with_a_script_is_refused():
    svg = '<svg xmlns="http://www.w3.org/2000/svg" width="1"><script>alert(1)</script></svg>'
    with pytest.raises(InputError, match="script"):
        inline_svg(svg)
    with pytest.raises(InputError, match="whole"):
        inline_svg("<svg")


def test_several_phases_can_be_switched(tmp_path):
    questions = [PlanQuestion(modifier="context", reference="home_cage", levels=plan().contexts,
                              phases=["acute", "late"])]  # fmt: skip
    one = few()
    both = {
        name: pd.concat(
            [rows := getattr(one, name), rows[rows["phase"] == "acute"].assign(phase="late")]
        )
        for name in ("outcomes", "contrasts", "verdicts")
    }
    of = plan(phases=["acute", "late"], questions=questions)
    page = Page(build(one, tmp_path, plan=of, **both).read_text())
    inputs = [a for a in page.all("input") if a["name"] == "panel"]
    assert [a["value"] for a in inputs] == ["panel-in-acute", "panel-in-late"]
    assert [("checked" in a) for a in inputs] == [True, False]
    panels = [a["data-panel"] for _, a in page.elements if "data-panel" in a]
    assert set(panels) == {"panel-in-acute", "panel-in-late"}
    assert len([a for a in page.all("div") if "data-chart" in a]) == 2 * (len(FEW) + 1) + 1


def test_no_contrasts_at_all_still_gives_a_page(tmp_path):
    one = few()
    page = Page(
        build(one, tmp_path, contrasts=one.contrasts.iloc[:0], verdicts=one.verdicts.iloc[:0]
              ).read_text()
    )  # fmt: skip
    assert "there is no verdict" in page.text


def test_nothing_measured_still_gives_a_page(tmp_path):
    one = few()
    page = Page(build(one, tmp_path, outcomes=one.outcomes.iloc[:0],
                      contrasts=one.contrasts.iloc[:0], verdicts=one.verdicts.iloc[:0]
                      ).read_text())  # fmt: skip
    for words in (
        "No outcome of the local field",
        "No outcome of single units",
        "there is no verd",
    ):
        assert words in page.text


def test_methods_are_written_from_the_settings():
    one = few()
    n = {"animals": 8, "sessions": 32, "reasons": {"rat06_MDMA": "excluded: pump failed"}}
    text = methods_text(one.methods, one.plan, one.metrics, n).replace("\xa0", " ")
    for words in (
        "8 rats in 32 sessions", "Not analysed: rat06_MDMA (excluded: pump failed)",
        "acute (40 to 450 s)", "baseline (−400 to −10 s)", "resampled to 1000 Hz",
        "Mains interference (60 Hz", "theta 6–10 Hz", "at least 0.9", "fewer than 5 such units",
        "light side", "floresco block", "psilocybin (psilocybin, 1 mg/kg, compared with vehicle)",
        "band_power (1 for the drug effect, 1 for a difference", "numpy 2.4.6",
        "experimental unit of every test was the animal",
    ):  # fmt: skip
        assert words in text, words


def test_what_nobody_stated_is_marked():
    one = few()
    text = methods_text({}, one.plan, one.metrics, {"animals": 8, "sessions": 32})
    assert text.count("[not stated]") > 5
    changed = {"config": {"lfp": {"rate_hz": 500.0}}}
    assert "resampled to 500\xa0Hz" in methods_text(changed, one.plan, one.metrics,
                                                    {"animals": 1, "sessions": 1})  # fmt: skip


def test_what_changes_between_runs_stands_in_its_own_page(tmp_path, source):
    path = write_run_page(tmp_path / "run.html", {"Host": f"lab {HOSTILE}", "Times": {"cohort": 3}})
    page = Page(path.read_text())
    assert "lab <script>alert(1)</script>" in page.text and not page.all("script")
    assert "cohort" in page.text
    assert policy() in html.unescape(path.read_text())
    report = source.replace(Page(source).scripts[-2], "")
    assert not re.search(r"20\d\d-\d\d-\d\d", report)


def test_text_colours_are_legible():
    """WCAG 2.1 AA: 4.5 to 1 for text, in both schemes."""
    style = template_text("style.css")
    blocks = re.findall(r":root \{(.*?)\n\s*\}", style, re.S)
    light, dark = (dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", block)) for block in blocks[:2])
    assert light["paper"] != dark["paper"]
    for colours in (light, dark):
        for ground in ("paper", "raised", "mark", "bad-tint", "process-tint", "pill-tint",
                       "one-tint"):  # fmt: skip
            for ink in ("ink", "muted", "bad", "link"):
                ratio = contrast_ratio(colours[ink], colours[ground])
                assert ratio >= 4.5, (ink, ground, round(ratio, 2))
        for kind in ("process", "pill", "one", "none"):
            assert contrast_ratio(colours[f"{kind}-ink"], colours[kind]) >= 4.5, kind


def test_methods_of_the_field_potential_tell_what_was_used_and_no_more():
    lfp = LfpOptions(reference="bipolar", bad_channels="listed").model_dump(mode="json")
    everything = {"spectrum", "shape", "hfo", "coupling", "phase_amplitude", "complexity"}
    text = lfp_text(lfp, {"line_noise_hz": 50}, needs=everything).replace("\xa0", " ")
    for words in (
        "bipolar derivation", "Channels listed as bad", "50 Hz and harmonics", "theta 6–10 Hz",
        "mode fixed in every epoch, 2–100 Hz", "80–200 Hz", "more than 3 dB",
        "blocks of 40 windows", "blocks of 60 s", "against 200 time shifts", "1–100 Hz",
    ):  # fmt: skip
        assert words in text, words
    assert "[not stated]" not in text
    spectra = lfp_text(lfp, {}, needs={"spectrum", "units"})
    assert "No mains interference" in spectra
    assert "specparam" not in spectra and "Coupling" not in spectra
    assert lfp_text(lfp, {}, needs={"units", "trials"}) == ""
