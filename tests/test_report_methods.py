"""The methods for a paper: page, Markdown and LaTeX say the same; citations; ARRIVE."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from dataclasses import replace
from functools import cache

import pytest
import yaml
from latex_reader import LatexError, words_of
from report_example import EXCLUDED, FAILED, completeness_rows, few, plan

from pipeline.commands.new_config import config_text
from pipeline.errors import InputError
from pipeline.experiment.config import Config
from pipeline.experiment.reporting_options import FOR_ARCHIVES
from pipeline.registry import metrics
from pipeline.report import arrive, latex, markdown
from pipeline.report.arrive import arrive_items
from pipeline.report.bibliography import (
    FILE,
    bibliography,
    cited,
    parts,
    plain,
    read_works,
    with_keys,
)
from pipeline.report.design_tables import completeness_view
from pipeline.report.embed import environment
from pipeline.report.methods import methods_text
from pipeline.report.methods_document import Document, Section, write_documents
from pipeline.report.methods_page import methods_view
from pipeline.report.names import Names
from pipeline.report.what_if import WhatIf

#: what labs write that Markdown, TeX or HTML could take for their own
NASTY = (
    r"50 % of A_b & C#d {e} $f ^g ~h \i <b>j</b> |k| `l` 'm' \"n\" [o](p) *q* -- --- << ,, ?` "
    "µ ≥ ≤ − – × ± ² ° Ω Średniawa Größe naïve 日本"
)
LABELS = {key: work.label for key, work in bibliography().items()}


@pytest.fixture(scope="module", autouse=True)
def cohort():
    """The made-up cohort takes seconds, once."""
    return few()


def squeezed(text):
    return re.sub(r"[\s\xa0\u200b]+", " ", text).strip()


def view(**changes):
    one = few()
    methods = one.methods | {
        "config": one.methods["config"] | {"reporting": changes.pop("reporting", {})},
        "made_of": {"project": "1.0", "code": {"cohort": "ab" * 8}, "seed": 1,
                    "lab": [{"name": "sessions.tsv", "bytes": 10, "sha256": "0123abcd" * 8}]},
    }  # fmt: skip
    done = completeness_view(completeness_rows())
    n = {**done.n, "reasons": {"rat06_MDMA": "excluded: 5 % lost & more_"}}
    names = Names(plan=changes.pop("plan", one.plan), metrics=one.metrics)
    text = methods_text(methods, names.plan, metrics(), n, contrasts=one.contrasts,
                        outcomes=one.outcomes)  # fmt: skip
    return methods_view(
        text.split("\n\n"), methods, one.design, n, names,
        outcomes=list(one.outcomes["outcome"].unique()), verdicts=one.verdicts,
        contrasts=one.contrasts,
    )  # fmt: skip


shown = cache(view)


def from_markdown(text):
    """The words of a document, without its references, as CommonMark reads them."""
    body = text.partition("\n\n## References")[0]
    lines = [re.sub(r"^(#+ |- )", "", line).replace("**", "") for line in body.splitlines()]
    return squeezed(re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", " ".join(lines)))


def expected(document):
    words = [document.title]
    for section in document.sections:
        words += [section.title, *map(plain, section.texts)]
    return squeezed(" ".join(words))


# -- three ways of writing -------------------------------------------------------------------------


def test_page_markdown_and_latex_say_the_same(tmp_path):
    found = shown()
    write_documents(tmp_path, found.document)
    told = expected(found.document)
    assert len(told) > 10_000 and "(Thomson 1982)" in told
    assert from_markdown((tmp_path / "methods.md").read_text()) == told
    words, keys = words_of((tmp_path / "methods.tex").read_text(), LABELS)
    assert words == told
    bib = (tmp_path / "references.bib").read_text()
    assert set(keys) == set(re.findall(r"^@\w+\{(\w+),", bib, re.MULTILINE)) and len(set(keys)) > 20

    page = environment().get_template("report_methods.html").render(
        methods=found, parts=parts, settings=[], versions=[]
    )  # fmt: skip
    prose = re.search(r'<div class="prose">(.*?)</div>', page, re.DOTALL).group(1)
    text = squeezed(html.unescape(re.sub(r"<[^>]+>", " ", prose.replace("<a", "\0<a"))))
    paragraphs = squeezed(" ".join(map(plain, found.paragraphs)))
    assert text.replace(" ", "").replace("\0", "") == paragraphs.replace(" ", "")
    whole = squeezed(html.unescape(re.sub(r"<[^>]+>", "", page)))
    for section in found.document.sections[1:]:
        for term, _ in section.facts:
            for word in re.split(r"[.:,]? ", term):
                assert word.strip(".:,") in whole, word
    for key in keys:
        assert f'href="#ref-{key}"' in page and f'id="ref-{key}"' in page


def test_what_labs_write_survives_in_all_three(tmp_path):
    document = Document(title=NASTY, sections=(
        Section(title=NASTY, paragraphs=(NASTY, f"See [@maris2007], [@nobody1900]. {NASTY}"),
                facts=((NASTY, NASTY), ("- a", "1. b"), ("+ c", "# d"))),
    ))  # fmt: skip
    write_documents(tmp_path, document)
    told = expected(document)
    assert "Maris and Oostenveld 2007, [@nobody1900]" in told
    assert from_markdown((tmp_path / "methods.md").read_text()) == told
    words, _ = words_of((tmp_path / "methods.tex").read_text(), LABELS)
    for sign in "Ω日本":  # no font of plain LaTeX has them: shown by their number
        told = told.replace(sign, f"U+{ord(sign):04X}")
    assert words == told


@pytest.mark.parametrize(
    "broken", ["50 % of", "a & b", "a_b", "{a", "a}", r"\begin{x} a", r"\foo a", "$a$", "#1", "a\\"]
)
def test_the_reader_of_latex_is_strict(broken):
    with pytest.raises((LatexError, ValueError)):
        words_of(broken, {})


@pytest.mark.parametrize("text", ["1. a", "10) b", "- c", "+ d", "# e", "> f", "= g", "* h"])
def test_no_text_begins_a_list_or_heading_in_markdown(text):
    assert not re.match(r"\s*(\d+[.)]|[-+#>=*])", markdown.escaped(text))


def test_tex_joins_no_signs_that_the_text_keeps_apart():
    for pair in ("--", "---", ",,", "?`", "!`", "''"):
        assert not re.search(r"--|,,|\?`|!`|''", latex.escaped(pair)), pair


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no TeX here")
def test_tex_takes_every_letter_that_is_left_as_it_is(tmp_path):
    letters = "".join(chr(code) for code in (*range(0xA1, 0x180), *range(0x20, 0x7F)))
    section = Section(title="T", paragraphs=(letters, NASTY, "[@wilson2010]"), facts=(("a", "b"),))
    write_documents(tmp_path, Document(title="T", sections=(section,)))
    run = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "-draftmode", "methods"],
        cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60, errors="replace",
    )  # fmt: skip
    assert run.returncode == 0, run.stdout[-1500:]


def test_the_same_inputs_give_the_same_bytes(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        write_documents(tmp_path / name, view().document)
    for name in ("methods.md", "methods.tex", "references.bib"):
        a, b = ((tmp_path / folder / name).read_bytes() for folder in ("a", "b"))
        assert a == b
        assert not re.search(rb"20\d\d-\d\d-\d\d", a), "a date changes from run to run"


# -- the bibliography ------------------------------------------------------------------------------


def test_every_work_that_a_metric_names_is_in_the_bibliography():
    for metric in metrics().values():
        rest = re.sub(r"\[@\w+\]", "", with_keys(metric.reference))
        assert not re.search(r"\b(18|19|20)\d\d\b", rest), (
            f"{metric.name}: {rest!r} names a work that {FILE.name} does not have under cited_as"
        )


def test_every_key_in_the_texts_is_in_the_bibliography():
    for source in FILE.parent.glob("*.py"):
        text = source.read_text()
        if source.name == "bibliography.py":
            continue
        for key in re.findall(r"\[@(\w+)\]", text):
            assert key in bibliography(), f"{source.name}: {key}"


def test_every_work_is_cited_somewhere():
    texts = [source.read_text() for source in FILE.parent.glob("*.py")]
    texts += [with_keys(metric.reference) for metric in metrics().values()]
    used = {work.key for work in cited(texts)}
    assert set(bibliography()) == used


def test_keys_tell_the_first_author_and_the_year():
    for key, work in bibliography().items():
        assert key.endswith(str(work.year)) or key[:-1].endswith(str(work.year)), key
        assert work.doi == "" or work.doi.startswith("10."), key


def test_labels_are_read_as_papers_write_them():
    assert LABELS["maris2007"] == "Maris and Oostenveld 2007"
    assert LABELS["hill2011"] == "Hill et al. 2011"
    assert LABELS["thomson1982"] == "Thomson 1982"
    assert LABELS["molder2021"] == "Mölder et al. 2021"  # a list that is not whole
    assert with_keys("After Royer et al. 2012, Nat Neurosci 15:769") == "After [@royer2012]"
    assert plain("Holm ([@holm1979]); [@other2000]") == "Holm (Holm 1979); [@other2000]"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"doi": "doi.org/10.1/x"}, "doi"),
        ({"autors": ["A, B."]}, "autors"),
        ({"checked": None}, "checked"),
        ({"journal": ""}, "needs a journal"),
    ],
)
def test_an_entry_that_is_wrong_is_refused(change, message):
    entry = {"authors": ["A, B."], "title": "T", "journal": "J", "year": 2000, "checked": True}
    assert read_works({"a2000": entry}, source="x")["a2000"].label == "A 2000"
    with pytest.raises(InputError, match=message):
        read_works({"a2000": entry | change}, source="x")


def test_two_works_with_one_label_are_refused():
    entry = {"authors": ["A, B."], "title": "T", "journal": "J", "year": 2000, "checked": True}
    with pytest.raises(InputError, match="same label"):
        read_works({"a2000": entry, "ab2000": entry}, source="x")


def test_what_was_not_looked_up_says_so():
    open_ = [work for work in bibliography().values() if not work.checked]
    assert open_, "if all are looked up now, this test can go"
    assert latex.bibtex_text(open_).count("Not looked up yet") == len(open_)


# -- ARRIVE ----------------------------------------------------------------------------------------


def items(reporting=None, of=None):
    one = few()
    methods = {"config": {"reporting": reporting or {}}, "blinding": {"state": "open"}}
    n = {"animals": 8, "sessions": 32, "reasons": {}}
    names = Names(plan=of or one.plan, metrics=one.metrics)
    found = arrive_items(methods, one.design, n, names, [*one.plan.primary, "speed"])
    return {item.number: item for item in found}


def test_the_essential_ten_are_there_with_what_the_tables_know():
    found = items()
    assert [n for n, item in found.items() if item.essential] == list(range(1, 11))
    said = {n: squeezed(" ".join(item.known)) for n, item in found.items()}
    assert "Every animal received the same 4 conditions, one after another" in said[1]
    assert "received and analysed: vehicle 8, psilocybin 8, ketamine 8 and MDMA 8." in said[2]
    assert "4 orders of conditions occurred; first of all came: vehicle 2, psilocybin 2" in said[4]
    assert "theta band power in mPFC, firing rate in mPFC and trials to criterion" in said[6]
    assert "Exploratory, whatever else the recordings give: 1." in said[6]
    assert "Species: rat." in said[8] and "4 F and 4 M" in said[8]
    assert "MDMA 5 mg/kg i.p. (8 doses)" in said[9] and "saline i.p. (8 doses)" in said[9]


def test_received_and_analysed_are_told_apart():
    """One session failed and one was excluded: 30 of 32, two conditions with 7 of 8 rats."""
    one = few()
    done = completeness_view(completeness_rows())
    n = {**done.n, "reasons": {FAILED: "failed: no clock", EXCLUDED: "excluded: pump"}}
    found = arrive_items({}, one.design, n, Names(plan=one.plan, metrics=one.metrics), [])
    said = squeezed(" ".join(found[1].known))
    assert said.startswith("8 animals in 32 sessions, of which 30 were analysed;")
    assert (
        "Animals per condition, received: vehicle 8, psilocybin 8, ketamine 8 and MDMA 8; "
        "analysed: vehicle 8, psilocybin 8, ketamine 7 and MDMA 7."
    ) in said
    text = squeezed(methods_text(one.methods, one.plan, {}, n))
    assert "Data came from 8 rats in 32 sessions, of which 30 were analysed." in text
    assert "probed by a second test by permutation" in " ".join(found[6].known)


def test_gaps_are_marked_with_the_key_that_fills_them():
    empty = items()
    assert empty[2].missing == ("How the number was decided (reporting.sample_size)",)
    assert "[not stated] Age (reporting.age)." in empty[8].said
    filled = items({"age": "12 weeks", "strain": "Long-Evans."})
    assert "12 weeks. " in filled[8].said + " " and "reporting.age" not in filled[8].said
    assert "Long-Evans. 12 weeks." in filled[8].said


def test_every_entry_of_the_config_has_its_place_in_the_table():
    fields = set(Config.model_fields["reporting"].annotation.model_fields)
    taken = [key for *_, keys in arrive._ITEMS for key, _ in keys]
    assert sorted([*taken, "statement", *FOR_ARCHIVES]) == sorted(fields)
    assert set(yaml.safe_load(config_text())["reporting"]) == fields


def test_parallel_groups_are_not_called_a_crossover():
    one = few()
    design = one.design | {"anchors": [
        {**row, "period": 1} for row in one.design["anchors"]
        if row["condition"] == ("vehicle" if row["animal"] < "rat05" else "MDMA")
    ]}  # fmt: skip
    found = arrive_items({}, design, {"animals": 8, "sessions": 8},
                         Names(plan=one.plan, metrics=one.metrics), [])  # fmt: skip
    said = " ".join(found[0].known)
    assert "one condition (parallel groups)" in said and "crossover" not in said


def test_while_blind_no_title_of_a_work_is_told(tmp_path):
    """Titles name drugs; author, year and place are enough to find a work."""
    section = Section(title="Methods", paragraphs=("After [@percie2020].",))
    for blind in (True, False):
        folder = tmp_path / str(blind)
        folder.mkdir()
        write_documents(folder, Document(title="T", sections=(section,), blind=blind))
        said = {path.name: path.read_text() for path in folder.iterdir()}
        for name in ("methods.md", "references.bib"):
            assert ("ARRIVE guidelines" in said[name]) is not blind
            assert ("title withheld while blind" in said[name]) is blind
            assert "Percie du Sert" in said[name]


def test_while_blind_nothing_of_the_lab_is_told():
    conditions = [
        entry.model_copy(update={"name": code, "drug": "", "reference": None})
        for code, entry in zip("ABCD", plan().conditions, strict=True)
    ]
    one = few()
    design = one.design | {"anchors": [
        row | {"condition": "A", "drug": "", "dose_mg_per_kg": None, "route": ""}
        for row in one.design["anchors"]
    ]}  # fmt: skip
    blind = plan(blind=True, conditions=conditions)
    found = arrive_items({"config": {}}, design, {"animals": 8, "sessions": 8},
                         Names(plan=blind, metrics=one.metrics), [])  # fmt: skip
    text = json.dumps([item.said for item in found])
    assert "withheld while blind" in text
    for name in ("psilocybin", "ketamine", "MDMA", "saline", "mg/kg"):
        assert name not in text


@pytest.mark.parametrize(
    ("state", "words"), [("open", "was not blind"), ("unblinded", "blind until the codes")]
)
def test_the_state_of_blinding_is_told(state, words):
    one = few()
    names = Names(plan=one.plan, metrics=one.metrics)
    n = {"animals": 8, "sessions": 32}
    found = arrive_items({"blinding": {"state": state}}, one.design, n, names, [])
    assert words in found[4].said


def test_the_statement_of_the_lab_stands_first():
    found = view(reporting={"statement": "All of it is <simulated>."})
    page = environment().get_template("report_methods.html").render(
        methods=found, parts=parts, settings=[], versions=[]
    )  # fmt: skip
    assert "All of it is &lt;simulated&gt;." in page
    assert found.document.sections[1].paragraphs[0] == "All of it is <simulated>."


def test_the_table_of_assumptions_shows_what_was_before_the_dose_and_what_cannot_tell():
    line = WhatIf(
        outcome="Trials", condition="psilocybin", where="", verdict="pill", decisive=(),
        tried=("by permutation",), barred=("cannot be adjusted for movement: <apart>",),
        before="psilocybin and vehicle differed before the dose already",
    )  # fmt: skip
    page = environment().get_template("report_methods.html").render(
        methods=replace(shown(), what_if=(line,)), parts=parts, settings=[], versions=[]
    )  # fmt: skip
    assert "<b>Before the dose:</b> psilocybin and vehicle differed" in page
    assert "nothing else that was tried" in page and "by permutation<p>" in page
    assert "<b>Not told:</b> cannot be adjusted for movement: &lt;apart&gt;" in page
