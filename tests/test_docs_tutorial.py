"""docs/tutorial.md: its commands run, and what it shows is what they print.

What needs the finished sample experiment is tested where that is run, in test_workflow_demo.py,
with functions from here.
"""

from __future__ import annotations

import html
import re
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from experiments import write_table
from rerun_matrix import READ_BY, changed, plan_of, settings_of
from workflow_runs import REPOSITORY, rows_of

from pipeline.__main__ import main
from pipeline.commands.terminal import tell_good_end

PAGE = (REPOSITORY / "docs" / "tutorial.md").read_text()
FENCED = re.compile(r"^```(\w+)\n(.*?)^```$", re.M | re.S)
#: every command of the page, and which test or function below answers for it
COMMANDS = {
    "git clone REPOSITORY set-and-setting": "a clone is what the tests run in",
    "cd set-and-setting": "a clone is what the tests run in",
    "make demo": "test_make_demo_ends_as_the_page_says; .ci/run makes the demo",
    "source .venv/bin/activate": "test_make_demo_ends_as_the_page_says",
    "python -m pipeline check config/config.yaml": "test_a_misspelt_context, test_an_exclusion",
    "cp -r results/cohort before": "diff_of_the_change",
    "snakemake -n 2>&1 | python -m pipeline why": "test_what_would_run_and_why",
    "snakemake --cores 4": "the fixture of test_workflow_demo.py",
    "python -m pipeline diff before results": "diff_of_the_change",
}


def section(number: int) -> dict[str, list[str]]:
    """Fenced blocks of a section, by language."""
    text = PAGE.split(f"\n## {number}. ")[1].split("\n## ")[0]
    found: dict[str, list[str]] = {}
    for language, block in FENCED.findall(text):
        found.setdefault(language, []).append(block)
    return found


def quotations() -> list[str]:
    """What the page quotes of the report, each in one line."""
    blocks = re.findall(r"(?:^> .*\n)+", PAGE, re.M)
    return [" ".join(line.removeprefix("> ") for line in block.splitlines()) for block in blocks]


@pytest.fixture
def lab(tmp_path, monkeypatch):
    """A copy of the sample's config and tables; its recordings are not there."""
    shutil.copytree(REPOSITORY / "config", tmp_path / "config")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "config"


def edited(config: Path) -> None:
    """Change the config as section 5 shows."""
    (difference,) = section(5)["diff"]
    old, new = difference.splitlines()
    assert old[0] == "-" and new[0] == "+"
    text = config.read_text()
    assert text.count(f"{old[1:]}\n") == 1
    config.write_text(text.replace(f"{old[1:]}\n", f"{new[1:]}\n"))


# --- on the finished sample (test_workflow_demo.py) ----------------------------------------------


def sentences_missing(results: Path) -> list[str]:
    """Return what the page quotes and the report of a run does not say."""
    page = (results / "report" / "index.html").read_text()
    page = re.sub(r"<(script|style)\b.*?</\1>", "", page, flags=re.S)
    said = " ".join(html.unescape(re.sub(r"<[^>]+>", "", page)).split())
    return [quoted for quoted in quotations() if quoted not in said]


def interval_of_section_3(results: Path) -> tuple[str, str]:
    """Return the 90 % interval of low gamma under MDMA that the page quotes, as it writes numbers.

    It is that of the context with the widest one, and the word of the page rests on it: the
    interval of the mean over the contexts lies within the smallest effect.
    """
    ours = {"outcome": "band_power/low_gamma@mPFC", "condition": "MDMA", "phase": "acute"}
    rows, (verdict,) = (
        [
            row
            for row in rows_of(results / "cohort" / name)
            if all(row[key] == value for key, value in ours.items()) and not row["split"]
        ]
        for name in ("contrasts.tsv", "verdicts.tsv")
    )
    assert verdict["verdict"] == "inconclusive" and float(verdict["smallest_drug"]) == 1
    (main_effect,) = [row for row in rows if row["contrast"] == "main"]
    assert max(abs(float(main_effect[f"ci90_{end}"])) for end in ("low", "high")) < 1
    (row,) = [row for row in rows if row["contrast"] == "simple" and row["level"] == "set_shifting"]
    low, high = (f"{float(row[f'ci90_{end}']):+.2f}" for end in ("low", "high"))
    return low.replace("-", "\N{MINUS SIGN}"), high


def diff_of_the_change(results: Path, folder: Path, capsys) -> list[str]:
    """Return what the page shows of ``diff`` and it does not print.

    The verdicts of the one outcome are made anew from the run's own outcomes: the whole step takes
    a minute.
    """
    import pandas as pd

    from pipeline.compare import compare, read_outcomes
    from pipeline.experiment import load_experiment
    from pipeline.registry import metrics

    shutil.copytree(REPOSITORY / "config", folder / "config")
    edited(folder / "config" / "config.yaml")
    plan = load_experiment(folder / "config" / "config.yaml").plan
    outcomes = read_outcomes(results)
    ours = outcomes[outcomes["outcome"] == "trials_to_criterion"]
    anew = compare(ours, plan, metrics(), permutations=False).verdicts
    before, after = folder / "before", folder / "results" / "cohort"
    for copy in (before, after):
        copy.mkdir(parents=True)
        for name in ("verdicts.tsv", "run.json"):
            shutil.copy(results / "cohort" / name, copy)
    rows = rows_of(after / "verdicts.tsv")
    keys = ("outcome", "condition", "phase", "split", "split_level")
    found = {tuple(str(row[key]) for key in keys): row for row in anew.to_dict("records")}
    for row in rows:
        new = found.get(tuple(row[key] for key in keys))
        if row["outcome"] == "trials_to_criterion" and new:
            names = ("verdict", "why", "smallest_drug", "smallest_interaction")
            row.update({name: "" if pd.isna(new[name]) else str(new[name]) for name in names})
    write_table(after / "verdicts.tsv", rows)
    capsys.readouterr()
    main(["diff", str(before), str(folder / "results"), "--all"])
    said = capsys.readouterr().out.splitlines()
    return [line for line in section(5)["text"][1].splitlines() if line not in said]


# --- without a run -------------------------------------------------------------------------------


def test_every_command_of_the_page_is_answered_for():
    shown = {
        line
        for language, block in FENCED.findall(PAGE)
        if language == "sh"
        for line in block.splitlines()
    }
    assert shown == set(COMMANDS)
    here = Path(__file__).read_text()
    demo = (REPOSITORY / "tests" / "test_workflow_demo.py").read_text()
    assert "diff_of_the_change(" in demo and "sentences_missing(" in demo
    for answers in COMMANDS.values():
        for name in re.findall(r"\btest_\w+\b(?!\.py)", answers):
            assert f"def {name}" in here


def test_make_demo_ends_as_the_page_says(tmp_path, capsys):
    (line,) = section(1)["text"][0].splitlines()
    makefile = (REPOSITORY / "Makefile").read_text()
    assert re.search(r"^demo: sample\n\t.*/snakemake --cores", makefile, re.M)
    ended = SimpleNamespace(failed=set(), ran=lambda rule: rule == "report")
    tell_good_end(tmp_path / "set-and-setting" / "results", ended)
    captured = capsys.readouterr()
    said = (captured.out + captured.err).strip()
    assert said.replace(str(tmp_path.resolve()), "...") == line
    assert "VENV   := .venv\n" in makefile  # what the page activates


def test_the_truth_is_quoted_as_it_stands():
    truth = (REPOSITORY / "sample_data" / "truth.yaml").read_text()
    (block,) = section(2)["yaml"]
    assert all(line in truth.splitlines() for line in block.splitlines())
    planted = {
        (row["outcome"], row["condition"]): row["verdict"]
        for row in yaml.safe_load(truth)["verdicts"]
        if row["phase"] == "acute" and not row["split"]
    }
    assert planted["band_power/theta@mPFC", "ketamine"] == "process"
    assert planted["band_power/low_gamma@mPFC", "ketamine"] == "pill"
    assert planted["band_power/low_gamma@mPFC", "MDMA"] == "inconclusive"


def test_a_misspelt_context(lab, capsys):
    path = lab / "contexts.tsv"
    lines = path.read_text().splitlines(keepends=True)
    assert "open_field" in lines[2]
    lines[2] = lines[2].replace("open_field", "open_feild")
    path.write_text("".join(lines))
    assert main(["check", "config/config.yaml"]) == 1
    said = capsys.readouterr().out.splitlines()
    (line,) = section(4)["text"][0].splitlines()
    assert line in said


def test_an_exclusion(lab, capsys):
    before = settings_of(lab / "config.yaml")
    rows = rows_of(lab / "sessions.tsv")
    cells = re.search(r"\| (rat\w+) \| (.+) \|", PAGE)
    (row,) = [row for row in rows if row["session"] == cells[1]]
    row["exclude"] = cells[2]
    write_table(lab / "sessions.tsv", rows)
    main(["check", "config/config.yaml"])
    said = capsys.readouterr().out.splitlines()
    assert [line for line in section(6)["text"][0].splitlines() if line not in said] == []
    again = plan_of(changed(before, settings_of(lab / "config.yaml")))
    assert "cohort" in again and not set(again) & {"extract", "measure"}


def test_what_would_run_and_why(lab):
    """Settings before and after, as tests/test_workflow_reruns.py holds them against Snakemake."""
    from pipeline.commands.why import differences

    before = settings_of(lab / "config.yaml")
    edited(lab / "config.yaml")
    after = settings_of(lab / "config.yaml")
    jobs = changed(before, after)
    assert ("cohort", "") in jobs
    assert not {rule for rule, _ in jobs} & {"extract", "measure"}  # "no recording is read again"
    plan = plan_of(jobs)
    first, *paragraphs = section(5)["text"][0].rstrip().split("\n\n")
    assert first == f"{sum(plan.values())} jobs would run."
    expected = set()
    for rule in plan:
        if rule == "cohort":
            own = differences(before[rule, ""], after[rule, ""])
            expected.add("\n".join(["cohort", *(f"    changed: {line}" for line in own)]))
        else:
            made = sorted(other for other in plan if rule in READ_BY[other])
            expected.add(f"{rule}\n    reads what is made anew by: {', '.join(made)}")
    assert set(paragraphs) == expected and len(paragraphs) == len(plan)


def test_links_lead_to_files():
    for target in re.findall(r"\]\(([^)#]+)\)", PAGE):
        assert (REPOSITORY / "docs" / target).is_file(), target
