"""docs/own_data: every page's example loads, its commands run, what it quotes is what is said."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
import yaml
from own_data_files import RAW
from own_data_mistakes import MISTAKES, linked
from workflow_runs import REPOSITORY, rows_of

from pipeline.__main__ import main

PAGES = REPOSITORY / "docs" / "own_data"
EXAMPLES = PAGES / "examples"
#: two rats cannot answer anything, and the check says so
TOO_FEW = "5 or more in every cell, else the verdict is inconclusive"
#: other systems in one experiment have other rates
RATES = "one rate, unless there are several rigs"
FENCED = re.compile(r"^( *)```(\w+)\n(.*?)^ *```$", re.M | re.S)
TABLE = re.compile(r"^`(\w+)\.tsv`\n\n((?:\|.*\n)+)", re.M)


def blocks(page: str, language: str) -> list[str]:
    """Fenced blocks of a page in one language, without their indent."""
    found = FENCED.findall((PAGES / f"{page}.md").read_text())
    return [re.sub(rf"^{indent}", "", text, flags=re.M) for indent, kind, text in found
            if kind == language]  # fmt: skip


def paths_of(tree: str) -> list[str]:
    """Paths of a tree of folders: two blanks a level, folders end with a stroke."""
    above: list[str] = []
    paths = []
    for line in tree.splitlines():
        level = (len(line) - len(line.lstrip())) // 2
        above[level:] = [line.strip()]
        paths.append("".join(above))
    return paths


def lines_quoted(page: str) -> tuple[list[str], list[str]]:
    """Paths that a page shows, and what it says that is printed."""
    texts = blocks(page, "text")
    trees = [text for text in texts if text.startswith("raw/\n")]
    printed = [line for text in texts if text not in trees for line in text.splitlines()]
    return [path for tree in trees for path in paths_of(tree)], printed


def within(part, whole) -> bool:
    """Whether a piece of config stands in another one as it is."""
    if isinstance(part, dict):
        return isinstance(whole, dict) and all(
            key in whole and within(value, whole[key]) for key, value in part.items()
        )
    return part == whole


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Give the folder of a page: raw, and my_experiment as the page has it."""
    top, made = tmp_path_factory.mktemp("own data"), {}

    def folder(page: str) -> Path:
        if page not in made:
            made[page] = top / page
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # SpikeInterface: provenance is not kept
                RAW[page](top / page / "raw")
            shutil.copytree(EXAMPLES / page, top / page / "my_experiment")
        return made[page]

    return folder


def commanded(page: str) -> list[list[str]]:
    return [
        line.split()[3:]
        for text in blocks(page, "sh")
        for line in text.splitlines()
        if line.startswith("python -m pipeline ")
    ]


def test_there_is_a_page_an_example_and_mistakes_for_each_system():
    pages = {path.stem for path in PAGES.glob("*.md")} - {"index"}
    assert pages == set(RAW) == set(MISTAKES) == {path.name for path in EXAMPLES.iterdir()}
    index = (PAGES / "index.md").read_text()
    toctree = index.partition("```{toctree}")[2].split()
    assert pages == set(toctree[1:-1])
    for page in pages:
        assert f"({page}.md)" in index
        shown = blocks(page, "sh")
        assert len(shown) == len(commanded(page)), "a command that no test runs"


@pytest.mark.parametrize("page", sorted(RAW))
def test_the_example_loads_and_prints_what_the_page_shows(page, folders, monkeypatch, capsys):
    folder = folders(page)
    monkeypatch.chdir(folder)
    paths, printed = lines_quoted(page)
    for path in paths:
        assert next(Path().glob(path), None), f"{path} is not among the files"
    said = []
    for command in commanded(page):
        verb, target, *rest = command
        if verb == "new":
            assert rest == ["--from", "raw"] and target == "my_experiment"
            shutil.rmtree("proposed", ignore_errors=True)
            assert main(["new", "proposed", *rest]) == 0
            said.append(capsys.readouterr().out)
            _finds_every_file_of_the_tables(page, Path("proposed"))
        else:
            assert command == ["check", "my_experiment/config.yaml"]
            status = main(command)
            said.append(capsys.readouterr().out)
            assert status == 0, said[-1]
            warned = [line for line in said[-1].splitlines() if line.startswith("warning: ")]
            others = [line for line in warned if TOO_FEW not in line]
            assert len(others) == (page == "other_recordings")
            assert all(RATES in line for line in others)
    assert any("check" in command for command in commanded(page))
    for mistakes in MISTAKES[page]:
        said.append(_said_after(folder, mistakes, monkeypatch, capsys))
    whole = {re.sub(r"^  \d+\. ", "", line).rstrip() for line in "\n".join(said).splitlines()}
    missing = [line for line in printed if line.rstrip() not in whole]
    assert missing == []
    wrong = (PAGES / f"{page}.md").read_text().partition("## What goes wrong")[2]
    quoted = [text for _, kind, text in FENCED.findall(wrong) if kind == "text"]
    assert len(quoted) >= 3
    assert all(re.match(r"\w+\.(tsv|yaml): |warning: ", text) for text in quoted)


def _finds_every_file_of_the_tables(page: str, proposed: Path) -> None:
    """What the page's tables name is what ``new`` proposes or lists."""
    columns = ("recording", "sorting", "behaviour", "movement")
    found = {row[name] for row in rows_of(proposed / "sessions.tsv") for name in columns}
    if (proposed / "files_found.tsv").exists():
        found |= {row["file"] for row in rows_of(proposed / "files_found.tsv")}
    rows = [
        row
        for table in ("sessions", "recordings", "behaviours")
        if (EXAMPLES / page / f"{table}.tsv").exists()
        for row in rows_of(EXAMPLES / page / f"{table}.tsv")
    ]
    named = {row[name] for row in rows for name in (*columns, "file") if row.get(name)}
    assert named <= found, named - found


def _said_after(folder: Path, mistakes, monkeypatch, capsys) -> str:
    """Make mistakes in a copy, and return what the check says of them."""
    broken = folder / "broken"
    shutil.rmtree(broken, ignore_errors=True)
    linked(folder, broken)
    monkeypatch.chdir(broken)
    for mistake in mistakes:
        mistake()
    main(["check", "my_experiment/config.yaml"])
    monkeypatch.chdir(folder)
    return capsys.readouterr().out


@pytest.mark.parametrize("page", sorted(RAW))
def test_tables_and_config_of_the_page_are_those_of_the_example(page):
    text = (PAGES / f"{page}.md").read_text()
    shown = TABLE.findall(text)
    assert "sessions" in {name for name, _ in shown}
    for name, table in shown:
        header, _, *rows = [[cell.strip() for cell in line.strip("|\n").split("|")]
                            for line in table.splitlines()]  # fmt: skip
        with (EXAMPLES / page / f"{name}.tsv").open(newline="") as stream:
            example = list(csv.DictReader(stream, delimiter="\t"))
        assert [[row[column] for column in header] for row in example[: len(rows)]] == rows
    config = yaml.safe_load((EXAMPLES / page / "config.yaml").read_text())
    pieces = blocks(page, "yaml")
    assert pieces
    for piece in pieces:
        assert within(yaml.safe_load(piece), config), piece
    linked_files = set(re.findall(rf"\(examples/{page}/([\w.]+)\)", text))
    assert linked_files == {path.name for path in (EXAMPLES / page).iterdir()}


def test_the_side_car_and_the_sheet_of_the_pages_are_those_that_were_read(folders):
    (car,) = blocks("other_recordings", "json")
    written = folders("other_recordings") / "raw/binary/session.dat.json"
    assert json.loads(car) == json.loads(written.read_text())
    (sheet,) = blocks("spreadsheets", "csv")
    assert (folders("spreadsheets") / "raw/rat01_d1.csv").read_text().startswith(sheet)


@pytest.mark.workflow
def test_the_run_of_the_index_is_planned(folders, monkeypatch):
    """The command as it stands there, with -n: from the folder above, the clone elsewhere."""
    (run,) = [text for text in blocks("index", "sh") if text.startswith("snakemake ")]
    command = run.replace("CLONE", str(REPOSITORY)).replace("\\\n", " ").split()
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        [*command, "-n"],
        cwd=folders("measurements"),
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert re.search(r"^report +1$", done.stdout + done.stderr, re.M)


def test_commands_and_warning_of_the_index_are_those_of_the_pages(folders, monkeypatch, capsys):
    steps = [["new", "my_experiment", "--from", "raw"], ["check", "my_experiment/config.yaml"]]
    assert commanded("index") == steps
    (warning,) = [line for text in blocks("index", "text") for line in text.splitlines()]
    monkeypatch.chdir(folders("measurements"))
    assert main(steps[1]) == 0
    assert warning in capsys.readouterr().out


@pytest.mark.parametrize("page", ["index", *sorted(RAW)])
def test_links_lead_to_files_and_headings(page):
    text = (PAGES / f"{page}.md").read_text()
    for target in re.findall(r"\]\(([^)]+)\)", text):
        path, _, heading = target.partition("#")
        file = PAGES / path
        assert file.is_file(), target
        if heading:
            titles = re.findall(r"^#+ (.+)$", file.read_text(), re.M)
            assert heading in {re.sub(r"[^\w-]", "", t.lower().replace(" ", "-")) for t in titles}


@pytest.mark.parametrize("page", sorted(RAW))
def test_streams_that_the_pages_name_are_those_of_the_files(page, folders):
    from pipeline.ingest import open_recording

    named = re.findall(r"`recording: \{stream: ([^}.]+)\}`", (PAGES / f"{page}.md").read_text())
    example = rows_of(EXAMPLES / page / "sessions.tsv")
    for stream in named:
        wanted = {"lfp": "neuroscope"}.get(stream, "")
        row = next(r for r in example if wanted in r["recording_format"])
        path = folders(page) / "my_experiment" / row["recording"]
        rate = {"2000 Hz": "1000 Hz"}.get(stream, stream)  # the example's rate is another one
        assert open_recording(path, format=row["recording_format"], stream=rate)
