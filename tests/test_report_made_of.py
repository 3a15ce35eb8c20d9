"""Hashes, versions and the picture of the workflow: what a report says it was made of."""

from __future__ import annotations

import hashlib
import json
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from types import SimpleNamespace

import pytest
from mini import write_mini

from pipeline.experiment.blinding import shown_config
from pipeline.experiment.load import load_experiment
from pipeline.report.reproducibility import reproducibility_view, size_words
from pipeline.report.workflow_graph import RULES, alternative, graph_svg
from pipeline.steps import paths
from pipeline.steps.made_of import hashed, made_of_results, made_of_settings, project_version
from pipeline.steps.record import recorded_config

RULES_FOLDER = Path(__file__).parents[1] / "workflow" / "rules"


# -- the workflow ----------------------------------------------------------------------------------


def written_rules():
    """Rule -> (its input block, its output block), from the files that Snakemake reads."""
    found = {}
    for path in sorted(RULES_FOLDER.glob("*.smk")):
        for block in re.split(r"^\s*rule ", path.read_text(), flags=re.MULTILINE)[1:]:
            name = block[: block.index(":")]
            parts = re.split(r"^\s*(\w+):$", block, flags=re.MULTILINE)
            sections = dict(zip(parts[1::2], parts[2::2], strict=True))
            found[name] = (sections.get("input", ""), sections.get("output", ""))
    found.pop("check")
    return found


def makers(rules):
    """File or group of files -> the rule that makes it."""
    made = {}
    for name, (_, output) in rules.items():
        for group in re.findall(r"\*\*(\w+)", output):
            made[group] = name
            made |= {f"{file}": name for file in getattr(paths, group).values()}
        for constant in re.findall(r"=(SHUFFLES)\b", output):
            made[getattr(paths, constant)] = name
        made |= dict.fromkeys(re.findall(r'"(results/[^"]+)"', output), name)
    return made


def sources(block, made):
    """Rules whose files an input block reads."""
    found = set()
    for group, key in re.findall(r'(\w+_TABLES)\["(\w+)"\]', block):
        found.add(made[getattr(paths, group)[key]])
    for group in re.findall(r"\*\*(\w+)", block):
        found |= {made[file] for file in getattr(paths, group).values()}
    found |= {made[paths.SHUFFLES] for _ in re.findall(r"\bSHUFFLES\b", block)}
    found |= {made[file] for file in re.findall(r'"(results/[^"]+)"', block)}
    for file in re.findall(r'"([\w.]+\.(?:nc|tsv|json|parquet))"', block):
        found.add(made[paths.session_file("{session}", file)])
    if "sorted_here(" in block:
        found.add("sort")
    if "MISSING_SAMPLE" in block:  # raw files, which the rule sample makes where they are missing
        found.add("sample")
    return found


def test_the_picture_holds_the_rules_of_the_workflow_and_what_flows():
    rules = written_rules()
    made = makers(rules)
    assert {rule.name for rule in RULES} == set(rules)
    for rule in RULES:
        found = sources(rules[rule.name][0], made)
        assert found == set(rule.after), f"{rule.name}: the rules of workflow/ say {found}"


def test_rules_come_after_what_they_read_and_boxes_stand_apart():
    seen: set[str] = set()
    for rule in sorted(RULES, key=lambda rule: (rule.column, rule.row)):
        assert set(rule.after) <= seen or rule.column == 4, rule.name
        seen.add(rule.name)
    places = [(rule.column, rule.row) for rule in RULES]
    for index, (column, row) in enumerate(places):
        for other_column, other_row in places[:index]:
            assert column != other_column or abs(row - other_row) > 0.8


def test_the_picture_is_sound_svg_with_words_for_who_cannot_see_it():
    root = ElementTree.fromstring(str(graph_svg()))
    texts = [element.text for element in root.iter("text")]
    for rule in RULES:
        assert rule.name in texts
        assert set(rule.makes) <= set(texts)
        if rule.after:
            assert f"{rule.name} reads {', '.join(rule.after)}" in alternative()
    flows = [e for e in root.iter("path") if e.get("d").startswith("M") and "z" not in e.get("d")]
    assert len(flows) == sum(len(rule.after) for rule in RULES)


# -- hashes ----------------------------------------------------------------------------------------


def test_a_hash_is_that_of_sha256sum(tmp_path):
    (tmp_path / "t.tsv").write_bytes(b"abc")
    row = hashed(tmp_path / "t.tsv", "t.tsv")
    assert row["sha256"] == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert row["bytes"] == 3


def test_results_are_hashed_by_name_and_the_record_is_counted(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("b.tsv").write_text("x")
    Path("figures").mkdir()
    record = {"files": {"s1": [{"file": "a", "bytes": 5}, {"file": "b", "bytes": 7}], "s2": []},
              "observations": {"s1": {"rows": 3}, "s2": {"rows": 4}}}  # fmt: skip
    Path("a.json").write_text(json.dumps(record))
    inputs = SimpleNamespace(z="b.tsv", record="a.json", figures="figures", same="b.tsv")
    found = made_of_results(inputs)
    assert [row["name"] for row in found["tables"]] == ["a.json", "b.tsv"]
    assert found["tables"][1]["sha256"] == hashlib.sha256(b"x").hexdigest()
    assert found["inputs"] == {"sessions": 2, "files": 2, "bytes": 12, "observations": 7}


@pytest.fixture
def experiment(tmp_path):
    return write_mini(tmp_path / "lab")


def test_what_a_report_is_made_of_changes_with_what_counts_only(experiment):
    config = Path(experiment)
    before = made_of_settings(load_experiment(config))
    text = config.read_text()
    config.write_text(text + "# a thought\n")
    assert made_of_settings(load_experiment(config)) == before
    config.write_text(text + "reporting: {age: 12 weeks}\n")
    after = made_of_settings(load_experiment(config))
    assert after["config"] != before["config"] and after["lab"] == before["lab"]
    table = config.parent / "sessions.tsv"
    table.write_text(table.read_text() + "\n")
    names = [row["name"] for row in before["lab"]]
    assert "sessions.tsv" in names and "requirements/lock.txt" in names
    changed = made_of_settings(load_experiment(config))["lab"]
    assert [a["name"] for a, b in zip(changed, before["lab"], strict=True) if a != b] == [
        "sessions.tsv"
    ]


def test_steps_that_made_nothing_of_it_are_not_named(experiment):
    steps = made_of_settings(load_experiment(Path(experiment)))["code"]
    assert {"extract", "measure", "cohort", "report"} <= set(steps)
    assert "sort" not in steps and "tables" not in steps


def test_what_the_lab_tells_is_no_part_of_the_record(experiment):
    """A word more of the housing must not rerun the cohort."""
    config = Path(experiment)
    config.write_text(config.read_text() + "reporting: {housing: pairs}\n")
    loaded = load_experiment(config)
    assert "reporting" not in recorded_config(loaded.config)
    assert shown_config(loaded)["reporting"]["housing"] == "pairs"


def test_the_version_is_that_of_the_project():
    assert re.fullmatch(r"\d+\.\d+\.\d+", project_version())


def test_what_is_not_known_is_marked():
    facts = dict(reproducibility_view({}).facts)
    assert "[not stated]" in facts["Project"]
    assert facts["Config as parsed, defaults filled in (SHA-256)"] == "[not stated]"
    assert [size_words(n).replace("\xa0", " ") for n in (12, 1500, 2.5e6, 3e9)] == [
        "12 bytes", "1.5 kB", "2.5 MB", "3.0 GB",
    ]  # fmt: skip
